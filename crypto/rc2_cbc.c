/* Deprecated, and there is nothing else in a static library. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/rc2_cbc.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/rc2.h>

bool
rc2_cbc_decrypt(struct slice key, const uint8_t iv[RC2_CBC_BLOCK], struct slice in,
	uint8_t *out, size_t *n)
{
	uint8_t chain[RC2_CBC_BLOCK];
	RC2_KEY schedule;
	uint8_t pad;

	if (!in.n || in.n % RC2_CBC_BLOCK || in.n > INT_MAX || key.n < 5 || key.n > 16)
		return false;
	memcpy(chain, iv, sizeof chain);
	RC2_set_key(&schedule, (int)key.n, key.p, (int)key.n * 8);
	RC2_cbc_encrypt(in.p, out, (long)in.n, &schedule, chain, RC2_DECRYPT);
	OPENSSL_cleanse(&schedule, sizeof schedule);
	pad = out[in.n - 1];
	if (pad == 0 || pad > RC2_CBC_BLOCK)
		return false;
	for (size_t i = 1; i <= pad; i++)
		if (out[in.n - i] != pad)
			return false;
	*n = in.n - pad;
	return true;
}
