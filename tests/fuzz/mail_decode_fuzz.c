#include <stdlib.h>

#include "core/mail_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* First octet: encoding and piece size. Pieces must give what the whole gives. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mail_decode d;
	struct buf whole, pieces;
	enum mail_encoding encoding;
	size_t step, got;
	uint8_t *to;

	if (n < 1)
		return 0;
	encoding = (enum mail_encoding)(p[0] % 6);
	step = (size_t)(p[0] / 6) + 1;
	buf_init(&whole, n + 2 * MAIL_DECODE_SLACK);
	buf_init(&pieces, n + 2 * MAIL_DECODE_SLACK);
	to = malloc(n + MAIL_DECODE_SLACK);
	mail_decode_init(&d, encoding);
	got = mail_decode_feed(&d, slice_of(p + 1, n - 1), to);
	buf_put(&whole, to, got);
	buf_put(&whole, to, mail_decode_end(&d, to));
	mail_decode_init(&d, encoding);
	for (size_t i = 1; i < n; i += step) {
		got = mail_decode_feed(&d, slice_cut(slice_of(p, n), i, i + step), to);
		buf_put(&pieces, to, got);
	}
	buf_put(&pieces, to, mail_decode_end(&d, to));
	if (!slice_eq(buf_slice(&whole), buf_slice(&pieces)))
		__builtin_trap();
	free(to);
	buf_fini(&whole);
	buf_fini(&pieces);
	return 0;
}
