#include "core/rand.h"

#include <sodium.h>

void
rand_bytes(void *p, size_t n)
{
	randombytes_buf(p, n);
}

uint64_t
rand_u64(void)
{
	uint64_t v;

	rand_bytes(&v, sizeof v);
	return v;
}

uint32_t
rand_below(uint32_t bound)
{
	return randombytes_uniform(bound);
}

void
rand_text(char *text, size_t n)
{
	static const char letter[] = "0123456789abcdefghjkmnpqrstvwxyz";

	rand_bytes(text, n);
	for (size_t i = 0; i < n; i++)
		text[i] = letter[(uint8_t)text[i] & 31];
	text[n] = 0;
}
