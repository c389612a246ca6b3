#include "crypto/octet_mask.h"

/* Keeps the compiler from knowing that a mask is one of two values. */
static uint32_t
hide(uint32_t x)
{
	__asm__("" : "+r"(x));
	return x;
}

uint32_t
octet_mask_zero(uint32_t x)
{
	return hide(0 - ((~x & (x - 1)) >> 31));
}

uint32_t
octet_mask_choose(uint32_t mask, uint32_t yes, uint32_t no)
{
	return (mask & yes) | (~mask & no);
}

void
octet_mask_take(uint32_t mask, struct slice block, size_t n, uint8_t *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)octet_mask_choose(mask, block.p[block.n - n + i], out[i]);
}

uint32_t
octet_mask_pkcs1(struct slice em, size_t n)
{
	size_t separator;
	uint32_t bad = 0;

	if (em.n < n + 11)
		return 0;
	separator = em.n - n - 1;
	bad |= em.p[0] | (em.p[1] ^ 2U) | em.p[separator];
	for (size_t i = 2; i < separator; i++)
		bad |= octet_mask_zero(em.p[i]);
	return octet_mask_zero(bad);
}
