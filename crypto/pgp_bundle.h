/* pgp_bundle: the private keys of one certificate of OpenPGP as they are kept: its secret key
 * packets one behind the other, without passwords, as keyd seals them. Pure but for random
 * numbers. */
#ifndef CRYPTO_PGP_BUNDLE_H
#define CRYPTO_PGP_BUNDLE_H

#include "crypto/pgp_make.h"

struct pgp_bundle {
	struct pgp_secret secret[PGP_SUBKEYS_MAX + 1];
	size_t n;
};
/* On the heap. ERR_SYNTAX: not such packets, or none; ERR_LIMIT: too many; what
 * pgp_secret_parse says of one. */
enum err pgp_bundle_parse(struct slice packets, struct pgp_bundle **out);
void pgp_bundle_free(struct pgp_bundle *b); /* NULL is fine; wipes */
/* NULL: it has none of that fingerprint. */
const struct pgp_secret *pgp_bundle_find(const struct pgp_bundle *b, struct slice fingerprint);

/* Appends a certificate's private keys, opened with one of the passwords; those whose private
 * part isn't in it (GnuPG's dummies, cards) are left out. ERR_NOT_FOUND: it has none at all;
 * ERR_AUTH: a password is missing; what pgp_secret_parse says. */
enum err pgp_bundle_take(
	const struct pgp_cert *cert, const struct pgp_make_passwords *p, struct buf *out);
/* The way back: appends the certificate with its private keys, under the password unless that
 * is empty. ERR_TOO_BIG. */
enum err pgp_bundle_join(const struct pgp_cert *cert, const struct pgp_bundle *b,
	struct slice password, struct buf *out);

#endif
