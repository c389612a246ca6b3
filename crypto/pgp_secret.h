/* pgp_secret: a private key of OpenPGP in memory (RFC 9580 section 5.5.3): read and written,
 * with or without a password, made, and used. For keyd, the command line and tests; filterd
 * has none. Pure but for random numbers. */
#ifndef CRYPTO_PGP_SECRET_H
#define CRYPTO_PGP_SECRET_H

#include "crypto/pgp_private.h"
#include "crypto/pgp_public.h"

enum { PGP_SECRET_BODY_MAX = 16384, PGP_SECRET_RSA_MIN = 2048 };

struct pgp_secret {
	struct pgp_public public;
	struct pgp_secret_key *key; /* pgp_secret's own */
	bool was_locked;	    /* it had a password */
};

/* The body of a secret key or secret subkey packet; tag says which, since a password may be
 * bound to it. password: SLICE_EMPTY if there is none. Reads usage 0, 253 (AEAD), 254 (SHA-1),
 * 255 and a cipher's number (checksum).
 * ERR_SYNTAX; ERR_AUTH: it has a password, and it isn't this one; ERR_NOT_FOUND: the private
 * part isn't in it (GnuPG's dummies and cards); ERR_LIMIT: a password that would take too much
 * memory or time (pgp_s2k); ERR_CRYPTO: the private part isn't the public part's;
 * ERR_UNSUPPORTED. */
enum err pgp_secret_parse(
	uint8_t tag, struct slice body, struct slice password, struct pgp_secret *s);
/* Wipes. Fine for one that is all zeros. */
void pgp_secret_fini(struct pgp_secret *s);
/* ERR_OK: it can be parsed without a password; ERR_AUTH: not without one; ERR_NOT_FOUND,
 * ERR_SYNTAX, ERR_UNSUPPORTED as above. */
enum err pgp_secret_check(struct slice body);
/* Appends the body of such a packet. With a password, version 4 is written as GnuPG reads it
 * (SHA-1 and AES-256-CFB, iterated SHA-256), version 6 with AES-256-OCB and Argon2. */
void pgp_secret_put(
	const struct pgp_secret *s, uint8_t tag, struct slice password, struct buf *body);

struct pgp_secret_kind {
	uint8_t version;   /* 4 or 6 */
	uint8_t algorithm; /* not DSA and ElGamal */
	uint32_t created_sec;
	size_t bits;	   /* RSA: 2,048 to 8,192 */
	const char *curve; /* ECDSA, ECDH: as in pgp_public; EdDSA legacy needs none */
};
/* ERR_UNSUPPORTED: no such kind; ERR_CRYPTO. */
enum err pgp_secret_generate(const struct pgp_secret_kind *kind, struct pgp_secret *s);

/* As pgp_private's sign and unwrap have it, but those of keyd. */
enum err pgp_secret_sign(
	const struct pgp_secret *s, uint8_t hash, struct slice digest, struct buf *fields);
enum err pgp_secret_unwrap(const struct pgp_secret *s, uint8_t version, struct slice fields,
	struct pgp_session *session);

/* Some keys in memory, found by their fingerprint; borrowed. */
struct pgp_secret_ring {
	const struct pgp_secret *const *secret;
	size_t n;
};
struct pgp_private pgp_secret_private(struct pgp_secret_ring *ring);

#endif
