/* pem_der: certificates and private keys out of PEM, as the DER that the engine takes (X.509,
 * PKCS#8). For what the command line is given in files; nothing asks for a password. Pure. */
#ifndef CRYPTO_PEM_DER_H
#define CRYPTO_PEM_DER_H

#include "core/arena.h"
#include "core/buf.h"

enum { PEM_DER_MAX = 64 /* of each, in one file */ };

struct pem_der {
	struct slice certificate[PEM_DER_MAX]; /* in their order; in the arena */
	struct slice key[PEM_DER_MAX];	       /* in the arena, which wipes them */
	size_t certificates, keys;
};
/* Adds what a file has, other things in it passed over. False: there is more than *out has
 * room for, or what says PRIVATE KEY can't be read (it is encrypted, or malformed). */
bool pem_der_read(struct slice pem, struct arena *a, struct pem_der *out);
/* Does the private key (PKCS#8) belong to the certificate? */
bool pem_der_is_pair(struct slice certificate, struct slice key);

#endif
