/* key_pgp: OpenPGP's keys and certificates for key_file and key_make: as files have them,
 * armored or not, and as they are kept: a private key is a pgp_bundle, a certificate its
 * packets. For the command line alone. Pure but for random numbers. */
#ifndef CRYPTO_KEY_PGP_H
#define CRYPTO_KEY_PGP_H

#include "crypto/key_file.h"
#include "crypto/key_make.h"

/* Does a file look like OpenPGP's? */
bool key_pgp_is(struct slice file);
/* As key_file_read; with each private key its certificate. One of more than PGP_MERGE_MAX
 * octets is trimmed (pgp_merge). */
enum err key_pgp_read(
	struct slice file, const char *password, struct arena *a, struct key_file *out);
/* Is one of the bundle's keys one of the certificate's? */
bool key_pgp_fits(struct slice bundle, struct slice cert);
/* The primary key's packet of a certificate; memory from a. Empty: it can't be read. */
struct slice key_pgp_public(struct slice cert, struct arena *a);
/* A new one: its user ids are q's addresses; *bundle and *cert are the arena's, which wipes the
 * bundle. ERR_UNSUPPORTED: no such kind: "openpgp" is version 4 with Curve25519, which all
 * programs read, "openpgp6" RFC 9580's; ERR_CRYPTO, ERR_TOO_BIG. */
enum err key_pgp_make(const char *kind, const struct key_make *q, struct arena *a,
	struct slice *bundle, struct slice *cert);
/* Armor, appended: of the private key with its certificate, under the password unless it is
 * NULL; of a certificate. ERR_SYNTAX, ERR_TOO_BIG. */
enum err key_pgp_put(const struct key_make_file *q, struct buf *out);
enum err key_pgp_put_cert(struct slice cert, struct buf *out);

#endif
