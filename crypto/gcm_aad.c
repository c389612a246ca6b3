#include "crypto/gcm_aad.h"

/* An element of GF(2^128), its first bit the highest of `high`. */
struct element {
	uint64_t high, low;
};

static struct element
load(const uint8_t *p, size_t n)
{
	struct element e = {0, 0};

	for (size_t i = 0; i < n && i < 8; i++)
		e.high |= (uint64_t)p[i] << (56 - 8 * i);
	for (size_t i = 8; i < n; i++)
		e.low |= (uint64_t)p[i] << (120 - 8 * i);
	return e;
}

static struct element
add(struct element a, struct element b)
{
	return (struct element){a.high ^ b.high, a.low ^ b.low};
}

/* SP 800-38D section 6.3, without a branch on the key. */
static struct element
multiply(struct element x, struct element y)
{
	struct element z = {0, 0};

	for (int i = 0; i < 128; i++) {
		uint64_t bit = i < 64 ? x.high >> (63 - i) : x.low >> (127 - i);
		uint64_t mask = 0 - (bit & 1), odd = 0 - (y.low & 1);

		z.high ^= y.high & mask;
		z.low ^= y.low & mask;
		y.low = y.low >> 1 | y.high << 63;
		y.high = y.high >> 1 ^ (odd & 0xe100000000000000);
	}
	return z;
}

static struct element
power(struct element x, uint64_t n)
{
	struct element z = {0x8000000000000000, 0}; /* one */

	for (; n; n >>= 1) {
		if (n & 1)
			z = multiply(z, x);
		x = multiply(x, x);
	}
	return z;
}

void
gcm_aad_delta(const uint8_t hash_key[GCM_AAD_BLOCK], struct slice aad, uint64_t n,
	uint8_t delta[GCM_AAD_BLOCK])
{
	struct element h = load(hash_key, GCM_AAD_BLOCK), y = {0, 0};
	struct element bits = {(uint64_t)aad.n * 8, 0};
	uint64_t blocks = n / GCM_AAD_BLOCK + (n % GCM_AAD_BLOCK != 0);

	for (; aad.n; aad = slice_from(aad, GCM_AAD_BLOCK)) {
		size_t here = aad.n < GCM_AAD_BLOCK ? aad.n : GCM_AAD_BLOCK;

		y = multiply(add(y, load(aad.p, here)), h);
	}
	/* Behind them stand the ciphertext's blocks and the one of the lengths. */
	y = multiply(y, power(h, blocks + 1));
	y = add(y, multiply(bits, h));
	for (size_t i = 0; i < 8; i++) {
		delta[i] = (uint8_t)(y.high >> (56 - 8 * i));
		delta[8 + i] = (uint8_t)(y.low >> (56 - 8 * i));
	}
}
