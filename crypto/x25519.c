#include "crypto/x25519.h"

#include <sodium.h>

#include "core/must.h"

void
x25519_public(const uint8_t secret[X25519_SIZE], uint8_t public[X25519_SIZE])
{
	must(sodium_init() >= 0 && crypto_scalarmult_base(public, secret) == 0);
}

bool
x25519_agree(const uint8_t secret[X25519_SIZE], const uint8_t peer[X25519_SIZE],
	uint8_t shared[X25519_SIZE])
{
	must(sodium_init() >= 0);
	return crypto_scalarmult(shared, secret, peer) == 0;
}
