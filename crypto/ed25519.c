#include "crypto/ed25519.h"

#include <sodium.h>

#include "core/must.h"

void
ed25519_secret(const uint8_t seed[ED25519_SEED], uint8_t secret[ED25519_SECRET])
{
	uint8_t public[ED25519_PUBLIC];

	must(sodium_init() >= 0 && crypto_sign_seed_keypair(public, secret, seed) == 0);
}

void
ed25519_sign(const uint8_t secret[ED25519_SECRET], struct slice message,
	uint8_t signature[ED25519_SIGNATURE])
{
	must(crypto_sign_detached(signature, NULL, message.p, message.n, secret) == 0);
}

bool
ed25519_verify(const uint8_t public[ED25519_PUBLIC], struct slice message,
	const uint8_t signature[ED25519_SIGNATURE])
{
	must(sodium_init() >= 0);
	return crypto_sign_verify_detached(signature, message.p, message.n, public) == 0;
}
