/* key_p12: what is in a PKCS#12 file (RFC 7292), bag by bag. OpenSSL's PKCS12_parse knows one
 * key and no RC2. For key_file alone. */
#ifndef CRYPTO_KEY_P12_H
#define CRYPTO_KEY_P12_H

#include <openssl/pkcs12.h>

#include "core/err.h"
#include "core/slice.h"

struct key_p12 {
	const char *password; /* NULL: none is known */
	/* Borrowed until return. An err ends it. */
	enum err (*on_key)(void *arg, const PKCS8_PRIV_KEY_INFO *key);
	enum err (*on_cert)(void *arg, X509 *cert);
	void *arg;
};
/* As key_file_read. */
enum err key_p12_read(PKCS12 *p12, const struct key_p12 *to);

#endif
