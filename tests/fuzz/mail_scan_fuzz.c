#include "core/mail_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
check(const struct mail_part *parts, uint32_t count, uint64_t size)
{
	if (count < 1 || count > MAIL_SCAN_PARTS_MAX || parts[0].end_at != size)
		__builtin_trap();
	for (uint32_t i = 0; i < count; i++) {
		const struct mail_part *q = &parts[i];

		if (q->header_at > q->body_at || q->body_at > q->end_at ||
			q->lines > q->end_at - q->body_at)
			__builtin_trap();
		if (i && (q->parent >= i || q->header_at < parts[q->parent].body_at ||
				 q->end_at > parts[q->parent].end_at))
			__builtin_trap();
		if (q->kind == MAIL_PART_MESSAGE && q->child != i + 1)
			__builtin_trap();
	}
}

/* First octet: the piece size. In pieces the result must be that of the whole. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mail_scan *whole, *pieces;
	const struct mail_part *a, *b;
	uint32_t a_count, b_count;
	struct mail_type t;
	struct arena arena;
	size_t step;

	if (n < 1)
		return 0;
	step = p[0] + 1u;
	whole = mail_scan_new();
	pieces = mail_scan_new();
	mail_scan_feed(whole, slice_of(p + 1, n - 1));
	mail_scan_finish(whole);
	for (size_t i = 1; i < n; i += step)
		mail_scan_feed(pieces, slice_cut(slice_of(p, n), i, i + step));
	mail_scan_finish(pieces);
	a = mail_scan_parts(whole, &a_count);
	b = mail_scan_parts(pieces, &b_count);
	check(a, a_count, n - 1);
	if (a_count != b_count)
		__builtin_trap();
	arena_init(&arena, 0);
	for (uint32_t i = 0; i < a_count; i++) {
		if (a[i].header_at != b[i].header_at || a[i].end_at != b[i].end_at ||
			a[i].lines != b[i].lines || !slice_eq(a[i].fields, b[i].fields))
			__builtin_trap();
		mail_scan_type(&a[i], &arena, &t);
	}
	arena_reset(&arena);
	mail_scan_free(whole);
	mail_scan_free(pieces);
	return 0;
}
