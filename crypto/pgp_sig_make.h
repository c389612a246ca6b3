/* pgp_sig_make: makes a signature packet: of a text, of keys, of user ids. Pure but for random
 * numbers and what the private key does. */
#ifndef CRYPTO_PGP_SIG_MAKE_H
#define CRYPTO_PGP_SIG_MAKE_H

#include "crypto/pgp_private.h"
#include "crypto/pgp_sig_hash.h"

enum { PGP_SIG_MAKE_SUBPACKETS_MAX = 8192 };

struct pgp_sig_make_setup {
	const struct pgp_public
		*key; /* borrowed until the end; its version is the signature's */
	uint8_t type;
	uint8_t hash;
	uint32_t created_sec;
	struct slice subpackets; /* hashed ones beside the time and the issuer, as they stand */
};
struct pgp_sig_make {
	const struct pgp_public *key;
	struct pgp_sig_hash hash; /* to be fed what is signed */
	struct buf hashed;
	struct buf salt;
};
/* Appends one to such subpackets. */
void pgp_sig_make_subpacket(struct buf *out, uint8_t type, bool is_critical, struct slice body);
void pgp_sig_make_number(struct buf *out, uint8_t type, uint32_t value);

/* ERR_UNSUPPORTED: a hash that isn't ours to write (SHA-256, 384, 512, SHA3-256, 512). */
enum err pgp_sig_make_begin(struct pgp_sig_make *m, const struct pgp_sig_make_setup *setup);
/* Appends the body. What private->sign says. Ends it, too. */
enum err pgp_sig_make_finish(
	struct pgp_sig_make *m, const struct pgp_private *private, struct buf *body);
void pgp_sig_make_fini(struct pgp_sig_make *m);
/* The hash that we sign with: SHA-256 with RSA, what the curve's size wants with ECDSA, SHA-512
 * with Edwards curves. */
uint8_t pgp_sig_make_hash(const struct pgp_public *key);

#endif
