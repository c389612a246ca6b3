/* pgp_digests: the hashes of one text that its signatures want, each kind once, however many
 * signatures there are. Small pieces are put together first, so that a text in pieces of one
 * octet costs no more than another. Pure. */
#ifndef CRYPTO_PGP_DIGESTS_H
#define CRYPTO_PGP_DIGESTS_H

#include "crypto/pgp_sig_hash.h"

enum {
	/* Kinds: by the hash, by text or not, by the salt of version 6. So much a text may
	 * cost; it has as many that is signed by PGP_SIGN_MAX keys of version 6. */
	PGP_DIGESTS_MAX = 16,
	PGP_DIGESTS_HELD = 4096
};
struct pgp_digests_kind {
	uint8_t hash;
	bool is_text;
	struct slice salt; /* borrowed; version 6's, else empty */
};
struct pgp_digests_one {
	struct pgp_digests_kind kind;
	struct pgp_sig_hash state;
};
/* All zeros: none yet. */
struct pgp_digests {
	struct pgp_digests_one one[PGP_DIGESTS_MAX];
	size_t n, n_held;
	uint8_t held[PGP_DIGESTS_HELD];
};
/* Before the text comes; *which: to ask for it. ERR_UNSUPPORTED: a hash that we don't have;
 * ERR_LIMIT: more than PGP_DIGESTS_MAX kinds. */
enum err pgp_digests_add(
	struct pgp_digests *d, const struct pgp_digests_kind *kind, size_t *which);
void pgp_digests_feed(struct pgp_digests *d, struct slice text);
/* The text is at its end. to: a state that goes on by itself, to be ended. */
void pgp_digests_take(struct pgp_digests *d, size_t which, struct pgp_sig_hash *to);
void pgp_digests_fini(struct pgp_digests *d); /* fine for one that is all zeros */

#endif
