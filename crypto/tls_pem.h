/* tls_pem: reading PEM from memory with OpenSSL, never asking for a password. For crypto/ only.
 * Pure. */
#ifndef CRYPTO_TLS_PEM_H
#define CRYPTO_TLS_PEM_H

#include <openssl/pem.h>

#include "core/buf.h"

/* NULL when pem is empty or above 16 MiB; borrows pem. Free with BIO_free. */
BIO *tls_pem_open(struct slice pem);
/* The next object; NULL at the end or at something else. Clears OpenSSL's errors. */
X509 *tls_pem_cert(BIO *bio);
EVP_PKEY *tls_pem_key(BIO *bio);
/* What the public half is called between processes: the first octets of its hash. */
uint32_t tls_pem_key_id(EVP_PKEY *key);
/* The first certificate, or NULL. */
X509 *tls_pem_first(struct slice pem);
/* What was written to a memory BIO, behind what out has. Frees the BIO and wipes its memory: it
 * may hold a key. False: nothing, or no room. */
bool tls_pem_take(BIO *bio, struct buf *out);

#endif
