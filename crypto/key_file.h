/* key_file: private keys and certificates as they come in files: PKCS#12 (old ones with RC2 or
 * 3DES too), PEM, DER, certificates in PKCS#7; OpenPGP's (key_pgp), which their first octet
 * tells from the others wherever they are. For the command line alone: no process of the server
 * parses these. crypto/key_make makes them. Pure. */
#ifndef CRYPTO_KEY_FILE_H
#define CRYPTO_KEY_FILE_H

#include "core/arena.h"
#include "core/err.h"

enum {
	KEY_FILE_MAX = 1 << 20, /* octets */
	KEY_FILE_KEYS_MAX = 16,
	KEY_FILE_CERTS_MAX = 64,
	KEY_FILE_PKCS8_MAX = 8192,
	KEY_FILE_CHAIN_MAX = 10
};

/* In the order of the file; all memory is the arena's, which wipes the keys. */
struct key_file {
	struct slice key[KEY_FILE_KEYS_MAX]; /* PKCS#8, DER, not encrypted; pgp_bundle */
	size_t keys;
	struct slice cert[KEY_FILE_CERTS_MAX]; /* DER; packets */
	size_t certs;
};
/* password: NULL: none is known. ERR_SYNTAX: neither a key nor a certificate is in it, or it is
 * damaged; ERR_DENIED: it wants a password; ERR_AUTH: not this one; ERR_UNSUPPORTED: encrypted
 * in a way, or a key of a kind, that we don't have; ERR_TOO_BIG; ERR_LIMIT: too many. */
enum err key_file_read(
	struct slice file, const char *password, struct arena *a, struct key_file *out);

/* Is it that certificate's private key? */
bool key_file_fits(struct slice pkcs8, struct slice cert);
/* Of the key; memory from a. Empty: it can't be read, or is OpenPGP's: ask its certificate.
 * SubjectPublicKeyInfo, DER. */
struct slice key_file_public(struct slice pkcs8, struct arena *a);
/* The same of a certificate's; of OpenPGP the primary key's packet. */
struct slice key_file_of_certificate(struct slice cert, struct arena *a);
/* The certificate, then who signed it, and so on, as far as the file has them. Returns how many
 * of chain were filled. */
size_t key_file_chain(
	const struct key_file *f, struct slice cert, struct slice chain[KEY_FILE_CHAIN_MAX]);

#endif
