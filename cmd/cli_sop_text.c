#include "cmd/cli_sop_text.h"

#include <string.h>

static bool
feed(struct cli_sop_text *t, struct slice octets)
{
	while (octets.n && t->n_rest) {
		t->rest[t->n_rest++] = octets.p[0];
		octets = slice_from(octets, 1);
		if (utf8_is_valid(slice_of(t->rest, t->n_rest)))
			t->n_rest = 0;
		else if (t->n_rest == UTF8_MAX || !utf8_is_cut(slice_of(t->rest, t->n_rest)))
			return false;
	}
	for (size_t n = 0; n < UTF8_MAX && n <= octets.n; n++)
		if (utf8_is_valid(slice_cut(octets, 0, octets.n - n))) {
			if (n)
				memcpy(t->rest, octets.p + octets.n - n, n);
			/* Without octets the character that is cut stays. */
			t->n_rest = octets.n ? n : t->n_rest;
			return n == 0 || utf8_is_cut(slice_of(t->rest, n));
		}
	return false;
}

bool
cli_sop_text_feed(struct cli_sop_text *t, struct slice octets)
{
	t->is_wrong = t->is_wrong || !feed(t, octets);
	return !t->is_wrong;
}

bool
cli_sop_text_is_good(const struct cli_sop_text *t)
{
	return !t->is_wrong && t->n_rest == 0;
}
