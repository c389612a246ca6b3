/* x25519: X25519 (RFC 7748) by libsodium, without OpenSSL's objects round each key: a key of
 * its kind works out the public part whenever it is made, which takes as long as to agree. */
#ifndef CRYPTO_X25519_H
#define CRYPTO_X25519_H

#include <stdbool.h>
#include <stdint.h>

enum { X25519_SIZE = 32 }; /* of a secret, of a public part, of what is agreed on */

void x25519_public(const uint8_t secret[X25519_SIZE], uint8_t public[X25519_SIZE]);
/* False: on zeros (section 6.1), for the peer's point has a small order. */
bool x25519_agree(const uint8_t secret[X25519_SIZE], const uint8_t peer[X25519_SIZE],
	uint8_t shared[X25519_SIZE]);

#endif
