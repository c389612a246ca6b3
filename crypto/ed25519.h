/* ed25519: Ed25519 (RFC 8032) by libsodium, which takes half the time of OpenSSL 3.0's. Keys
 * and signatures whose point has a small order are refused, as are those that aren't encoded in
 * the one way. Pure. */
#ifndef CRYPTO_ED25519_H
#define CRYPTO_ED25519_H

#include "core/slice.h"

enum { ED25519_PUBLIC = 32, ED25519_SEED = 32, ED25519_SECRET = 64, ED25519_SIGNATURE = 64 };

/* secret: the seed, then the public key. */
void ed25519_secret(const uint8_t seed[ED25519_SEED], uint8_t secret[ED25519_SECRET]);
void ed25519_sign(const uint8_t secret[ED25519_SECRET], struct slice message,
	uint8_t signature[ED25519_SIGNATURE]);
bool ed25519_verify(const uint8_t public[ED25519_PUBLIC], struct slice message,
	const uint8_t signature[ED25519_SIGNATURE]);

#endif
