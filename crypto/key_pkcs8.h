/* key_pkcs8: private keys as OpenSSL has them, and as octets. For key_file and key_make. */
#ifndef CRYPTO_KEY_PKCS8_H
#define CRYPTO_KEY_PKCS8_H

#include <openssl/evp.h>

#include "core/arena.h"
#include "core/err.h"

/* PKCS#8, DER, not encrypted, in the arena, which wipes it. ERR_CRYPTO; ERR_TOO_BIG: more than
 * KEY_FILE_PKCS8_MAX octets. */
enum err key_pkcs8_of(const EVP_PKEY *key, struct arena *a, struct slice *out);
/* NULL: it can't be read. */
EVP_PKEY *key_pkcs8_parse(struct slice pkcs8);

#endif
