#include "store/vault_image.h"

#include <stdlib.h>

#include "crypto/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The vault's file, whatever is in it: it is refused, or each row that is seen is found again.
 * The first octet asks for hashes that fit (the fuzzer makes none). */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct vault_row row, again;
	struct slice file;
	uint64_t at = 0, found;
	uint8_t *copy;
	bool mend = n && p[0] & 1;

	seal_init();
	if (n == 0)
		return 0;
	n--;
	copy = malloc(n + 1);
	memcpy(copy, p + 1, n);
	for (size_t i = 0; mend && i + VAULT_IMAGE_SLOT <= n; i += VAULT_IMAGE_SLOT)
		if (i == 0 || copy[i] == 1)
			seal_hash(NULL, &(struct slice){copy + i, VAULT_IMAGE_SLOT - SEAL_HASH},
				1, copy + i + VAULT_IMAGE_SLOT - SEAL_HASH);
	if (mend && n >= VAULT_IMAGE_SLOT)
		vault_image_write_head(copy, copy + 24, n / VAULT_IMAGE_SLOT - 1);
	file = slice_of(copy, n);
	if (vault_image_check(file, NULL) == ERR_OK) {
		while (vault_image_next(file, &at, &row))
			if (row.n > VAULT_IMAGE_SECRET)
				__builtin_trap();
		for (int kind = 0; kind < 256; kind++)
			if (!vault_image_find(file, (uint8_t)kind, n, &found, &again) &&
				(again.kind != kind || again.id != n))
				__builtin_trap();
	}
	free(copy);
	return 0;
}
