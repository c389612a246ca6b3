#include "core/spelling.h"

#include <stddef.h>
#include <string.h>

/* Levenshtein's distance, a row at a time. */
unsigned
spelling_distance(const char *a, const char *b)
{
	unsigned row[SPELLING_MAX + 1], left, up;
	size_t n = strlen(b);

	if (n > SPELLING_MAX)
		return SPELLING_FAR;
	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (unsigned i = 1; *a; a++, i++) {
		left = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			up = row[j];
			row[j] = *a == b[j - 1] ? left : 1 + (left < up ? left : up);
			if (row[j - 1] + 1 < row[j])
				row[j] = row[j - 1] + 1;
			left = up;
		}
	}
	return row[n];
}
