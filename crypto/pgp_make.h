/* pgp_make: makes keys of OpenPGP, and others of them: with another password, without their
 * private parts, revoked. Octets are packets, never armored. Pure but for random numbers. */
#ifndef CRYPTO_PGP_MAKE_H
#define CRYPTO_PGP_MAKE_H

#include "crypto/pgp_secret.h"
#include "crypto/pgp_valid.h"

enum {
	PGP_MAKE_MAX = 2 * PGP_CERT_MAX, /* of what is made; a buf's cap */
	PGP_MAKE_USER_IDS_MAX = 64
};

enum pgp_make_kind {
	PGP_MAKE_CURVE25519, /* version 4, Ed25519 as GnuPG has it: everybody reads it */
	PGP_MAKE_RSA3072,    /* version 4 */
	PGP_MAKE_P256,	     /* version 4 */
	PGP_MAKE_P384,	     /* version 4 */
	PGP_MAKE_V6,	     /* version 6, Ed25519 and X25519: RFC 9580, SEIPD version 2 */
	PGP_MAKE_KINDS
};
struct pgp_make_setup {
	enum pgp_make_kind kind;
	uint32_t created_sec;
	uint32_t expires_sec;	     /* after created_sec; 0: never */
	const struct slice *user_id; /* UTF-8; the first is the primary one */
	size_t n_user_ids;
	bool is_for_signing;   /* nothing can be encrypted to it */
	struct slice password; /* empty: none */
};
/* Appends the key with its certificate. ERR_SYNTAX: a user id that isn't UTF-8, or is empty or
 * over PGP_USER_ID_MAX; ERR_LIMIT; ERR_CRYPTO. */
enum err pgp_make_key(const struct pgp_make_setup *setup, struct buf *out);

/* Without private parts. Appends. */
enum err pgp_make_public(const struct pgp_cert *cert, struct buf *out);
/* Passwords: each of `old` is tried for each key; with `new` empty the key has none any more.
 * Of a private part that is kept elsewhere (GnuPG's stubs) nothing changes. ERR_AUTH: none of
 * them fits; ERR_NOT_FOUND: all are elsewhere. */
struct pgp_make_passwords {
	const struct slice *old;
	size_t n_old;
	struct slice new;
};
enum err pgp_make_locked(
	const struct pgp_cert *cert, const struct pgp_make_passwords *p, struct buf *out);

/* The private key of one of a certificate's keys. ERR_NOT_FOUND: it hasn't it; ERR_AUTH. */
enum err pgp_make_open(const struct pgp_cert *cert, size_t key,
	const struct pgp_make_passwords *p, struct pgp_secret *secret);

struct pgp_make_revocation {
	uint8_t reason; /* enum pgp_sig_reason */
	struct slice words;
	uint32_t created_sec;
};
/* Appends the certificate, revoked by itself. ERR_AUTH, ERR_NOT_FOUND as above. */
enum err pgp_make_revoked(const struct pgp_cert *cert, const struct pgp_make_passwords *p,
	const struct pgp_make_revocation *revocation, struct buf *out);

#endif
