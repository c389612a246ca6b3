/* rc2_cbc: RC2 for reading old PKCS#12 files. OpenSSL's legacy provider isn't in a static
 * library, so its PBE functions don't know RC2, though libcrypto still has the cipher. It
 * decrypts only, and nothing else may use it. Pure. */
#ifndef CRYPTO_RC2_CBC_H
#define CRYPTO_RC2_CBC_H

#include "core/slice.h"

enum { RC2_CBC_BLOCK = 8 };

/* All of the key's octets are its strength: 5 (40 bits) to 16. out has room for in.n octets;
 * *n of them are text. False: not whole blocks, or the padding (PKCS#7) is none. */
bool rc2_cbc_decrypt(struct slice key, const uint8_t iv[RC2_CBC_BLOCK], struct slice in,
	uint8_t *out, size_t *n);

#endif
