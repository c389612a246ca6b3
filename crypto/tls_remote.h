/* tls_remote: an EVP_PKEY whose private half is elsewhere. A small built-in
 * OpenSSL provider: everything about the public key is answered by OpenSSL's
 * own, signing is asked of a callback, exporting the private half fails.
 * For crypto/tls only. */
#ifndef CRYPTO_TLS_REMOTE_H
#define CRYPTO_TLS_REMOTE_H

#include <openssl/evp.h>

#include "crypto/tls.h"

/* Registers the provider beside the default one, which stays preferred. must() on failure. */
void tls_remote_init(void);
/* public_key: of a certificate; a reference is taken. NULL: neither RSA nor EC. Free with
 * EVP_PKEY_free. */
EVP_PKEY *tls_remote_key(EVP_PKEY *public_key, uint32_t key, tls_sign sign, void *sign_arg);

#endif
