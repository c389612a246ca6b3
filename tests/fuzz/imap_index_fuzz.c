#include "imap/imap_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The input as a blob, and as a message of which a blob is made. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mail_scan *s = mail_scan_new();
	struct imap_body_filter f;
	const struct slice name = SLICE_LIT("a");
	struct imap_index x;
	struct imap_body b = {0};
	struct arena arena;
	struct buf out, body, short_body;

	arena_init(&arena, 0);
	buf_init(&out, IMAP_INDEX_MAX);
	buf_init(&body, 1000000);
	buf_init(&short_body, 1000000);
	if (imap_index_read(slice_of(p, n), &x)) {
		imap_index_body(&x, &body);
		if (x.has_parts && !imap_index_parts(&x, &arena))
			__builtin_trap();
	}
	mail_scan_feed(s, slice_of(p, n));
	mail_scan_finish(s);
	b.parts = mail_scan_parts(s, &b.count);
	if (!imap_index_build(s, &out) || !imap_index_read(buf_slice(&out), &x) || x.size != n)
		__builtin_trap();
	buf_clear(&body);
	if (x.has_structure && (!imap_index_body(&x, &body) ||
				       !imap_body_structure(&b, false, &short_body, NULL) ||
				       !slice_eq(buf_slice(&body), buf_slice(&short_body))))
		__builtin_trap();
	buf_clear(&body);
	imap_body_filter_init(&f, &name, 1, n & 1);
	for (size_t i = 0; i < n; i += 7)
		imap_body_filter_feed(&f, slice_cut(slice_of(p, n), i, i + 7), &body);
	imap_body_filter_end(&f, &body);
	if (body.n > n)
		__builtin_trap();
	buf_fini(&out);
	buf_fini(&body);
	buf_fini(&short_body);
	arena_reset(&arena);
	mail_scan_free(s);
	return 0;
}
