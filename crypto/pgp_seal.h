/* pgp_seal: writes a message of OpenPGP in a stream: a text, signed, encrypted, or both
 * (RFC 9580 section 10.3). Not compressed: what that tells of a text isn't worth its octets.
 * Writes packets, not armor. Pure but for random numbers and what the private keys do. */
#ifndef CRYPTO_PGP_SEAL_H
#define CRYPTO_PGP_SEAL_H

#include "core/text.h"
#include "crypto/pgp_sign.h"
#include "crypto/pgp_valid.h"

/* How a message is encrypted. */
struct pgp_seal_plan {
	uint8_t seipd; /* 0: not at all; 1; 2 */
	uint8_t cipher, aead;
	const struct pgp_public *key[PGP_RECIPIENTS_MAX];
	size_t n;
};
/* The keys of these certificates, and what all of them announced: SEIPD version 2 only then,
 * and AES-256 before AES-128, which all can. may_seipd2: else never. ERR_NOT_FOUND: one of them
 * has no key that can be encrypted to; ERR_LIMIT. */
enum err pgp_seal_choose(struct pgp_cert *const *cert, size_t n, uint64_t at_sec,
	bool may_seipd2, struct pgp_seal_plan *plan);

struct pgp_seal_setup {
	struct pgp_sign_setup sign;	  /* n 0: not signed */
	const struct pgp_seal_plan *plan; /* borrowed until finish */
	const struct slice *password;	  /* each opens it, too */
	size_t n_passwords;
	uint8_t format; /* of the literal: 'b', 'u' */
	struct text_sink to;
};
struct pgp_seal;
/* NULL: it can't be encrypted to one of the keys, or signed with a hash. */
struct pgp_seal *pgp_seal_new(const struct pgp_seal_setup *setup);
void pgp_seal_free(struct pgp_seal *s); /* NULL is fine; wipes */
/* The sink's errors; what the private keys say. */
enum err pgp_seal_feed(struct pgp_seal *s, struct slice text);
enum err pgp_seal_finish(struct pgp_seal *s);
/* For whoever wants to keep it. */
const struct pgp_session *pgp_seal_session(const struct pgp_seal *s);

#endif
