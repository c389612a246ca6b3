/* key_make: private keys, certificates for S/MIME, requests for one, and files of them; of
 * OpenPGP the files alone (key_pgp makes its keys). For the command line alone. Pure but for
 * random numbers. */
#ifndef CRYPTO_KEY_MAKE_H
#define CRYPTO_KEY_MAKE_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"

/* kind: "rsa2048", "rsa3072", "rsa4096", "p256", "p384". *pkcs8 is the arena's, which wipes it.
 * ERR_UNSUPPORTED: no such kind. */
enum err key_make_new(const char *kind, struct arena *a, struct slice *pkcs8);

struct key_make {
	struct slice pkcs8;
	const struct slice *address; /* the first one is its common name too */
	size_t addresses;	     /* at least one */
	int64_t now_sec;
	unsigned days;
};
/* A certificate that it signed itself, DER, appended. ERR_CRYPTO: not a key that can sign;
 * ERR_LIMIT. */
enum err key_make_certificate(const struct key_make *q, struct buf *der);
/* A request for one (PKCS#10), PEM, appended. */
enum err key_make_request(const struct key_make *q, struct buf *pem);

struct key_make_file {
	struct slice pkcs8;
	const char *password;
	const struct slice *cert; /* DER; the first, if any, is the key's */
	size_t certs;
	bool is_old; /* of PKCS#12: for programs that don't read today's ciphers */
};
/* Appended: the key, encrypted if there is a password, then the certificates; OpenPGP's as
 * armor. ERR_CRYPTO, ERR_SYNTAX; ERR_LIMIT: out is full. */
enum err key_make_pem(const struct key_make_file *q, struct buf *out);
/* PKCS#12 with AES-256 and SHA-256, appended; is_old: with 3DES and SHA-1. */
enum err key_make_p12(const struct key_make_file *q, struct buf *out);
/* Appended, PEM. ERR_SYNTAX: not a certificate. */
enum err key_make_cert_pem(struct slice der, struct buf *out);

#endif
