/* pgp_secret_inner: what pgp_secret's files share. */
#ifndef CRYPTO_PGP_SECRET_INNER_H
#define CRYPTO_PGP_SECRET_INNER_H

#include <openssl/evp.h>

#include "crypto/ed25519.h"
#include "crypto/pgp_public_inner.h"
#include "crypto/pgp_secret.h"
#include "crypto/x25519.h"

enum { PGP_SECRET_NOTHING = 32 };

/* What signs and unwraps. */
struct pgp_secret_use {
	EVP_PKEY *pkey; /* NULL: an algorithm that we only keep, or one of these two */
	bool is_ed25519, is_x25519;
	uint8_t ed25519[ED25519_SECRET];
	uint8_t x25519[X25519_SIZE];
};
struct pgp_secret_key {
	struct pgp_secret_use use;
	uint8_t nothing[PGP_SECRET_NOTHING]; /* what session keys that are none come from */
	size_t n;
	uint8_t material[]; /* as it stands in a packet, in clear */
};

/* The numbers of the private part, as RFC 9580 section 5.5.5 has them. rest loses them; use is
 * all zeros. ERR_SYNTAX; ERR_CRYPTO: not the public part's. ERR_OK with nothing in use: an
 * algorithm whose private keys we only keep. */
enum err pgp_secret_usable(
	const struct pgp_public *k, struct slice *rest, struct pgp_secret_use *use);
void pgp_secret_use_fini(struct pgp_secret_use *use); /* wipes */
/* The other way, behind the public part's fields: a new key. */
enum err pgp_secret_put_new(
	const struct pgp_secret_kind *kind, struct buf *material, struct buf *secret);

/* The private part of a body, in clear, checked, without its checksum: appended to material.
 * rest: behind the public part. Errors as pgp_secret_parse has them. */
struct pgp_secret_lock {
	uint8_t tag;
	const struct pgp_public *public;
	struct slice password; /* empty: none */
};
enum err pgp_secret_unlock(
	const struct pgp_secret_lock *lock, struct slice rest, struct buf *material);
/* The other way: all that stands behind the public part. */
void pgp_secret_lock(
	const struct pgp_secret_lock *lock, struct slice material, struct buf *body);
/* As pgp_secret_check has it. */
enum err pgp_secret_is_locked(const struct pgp_public *public, struct slice rest);

#endif
