#include <stdlib.h>

#include "smtp/smtp_repeat.h"

static int
by_octets(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static void
put(struct buf *out, struct slice s)
{
	buf_put_u32(out, (uint32_t)s.n);
	buf_put_slice(out, s);
}

bool
smtp_repeat_material(
	const struct smtp_envelope *e, struct slice body_hash, struct arena *a, struct buf *out)
{
	struct slice ident = e->forward.fact[SMTP_CLIENT_FORWARD_IDENT], *sorted;

	if ((e->message_id.n == 0 && ident.n == 0) || e->rcpt_n == 0)
		return false;
	sorted = arena_alloc(a, e->rcpt_n * sizeof *sorted);
	for (size_t i = 0; i < e->rcpt_n; i++)
		sorted[i] = e->rcpt[i].address;
	qsort(sorted, e->rcpt_n, sizeof *sorted, by_octets);
	put(out, e->sender);
	for (size_t i = 0; i < e->rcpt_n; i++)
		if (i == 0 || slice_cmp(sorted[i - 1], sorted[i]) != 0)
			put(out, sorted[i]);
	/* no recipient is empty: this ends the list */
	put(out, SLICE_EMPTY);
	put(out, e->message_id);
	put(out, ident.n ? ident : body_hash);
	return !out->overflow;
}
