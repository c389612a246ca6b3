/* pgp_sign: signatures of one text by several keys, in a stream: detached ones, or those of a
 * message, which announces them (RFC 9580 sections 5.4, 10.3, 10.4). Pure but for random
 * numbers and what the private keys do. */
#ifndef CRYPTO_PGP_SIGN_H
#define CRYPTO_PGP_SIGN_H

#include "crypto/pgp_sig_make.h"

enum { PGP_SIGN_MAX = 16 }; /* signers of one text */

struct pgp_signer {
	const struct pgp_public *key; /* one that may sign; borrowed */
	const struct pgp_private *private;
	uint8_t hash; /* 0: pgp_sig_make_hash's */
};
struct pgp_sign_setup {
	const struct pgp_signer *signer;
	size_t n;     /* at most PGP_SIGN_MAX */
	bool is_text; /* of lines, whatever ends them */
	uint32_t created_sec;
};
struct pgp_sign {
	struct pgp_sign_setup setup;
	struct pgp_sig_make one[PGP_SIGN_MAX];
};
/* ERR_LIMIT: too many; ERR_UNSUPPORTED: a hash. To be ended by fini in any case. */
enum err pgp_sign_begin(struct pgp_sign *s, const struct pgp_sign_setup *setup);
/* Appends the one-pass packets that stand before the text. */
void pgp_sign_announce(const struct pgp_sign *s, struct buf *out);
void pgp_sign_feed(struct pgp_sign *s, struct slice text);
/* Appends the packets: of a message in the order that the announcement wants. What the private
 * keys say. */
enum err pgp_sign_finish(struct pgp_sign *s, struct buf *out);
void pgp_sign_fini(struct pgp_sign *s);
/* The hash of the n-th. */
uint8_t pgp_sign_hash(const struct pgp_sign *s, size_t n);

#endif
