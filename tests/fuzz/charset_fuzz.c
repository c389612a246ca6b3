#include "core/charset.h"
#include "core/charset_iconv.h"
#include "core/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* First octet: the charset; second: the piece size. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct charset_decoder d;
	struct buf whole, pieces;
	enum charset charset;
	size_t step;

	if (n < 2)
		return 0;
	charset = (enum charset)(p[0] % CHARSET_COUNT);
	step = p[1] + 1u;
	buf_init(&whole, n * 3 + 12);
	buf_init(&pieces, n * 3 + 12);
	if (!charset_to_utf8(charset, slice_of(p + 2, n - 2), &whole) ||
		!utf8_is_valid(buf_slice(&whole)))
		__builtin_trap();
	charset_decode_init(&d, charset);
	for (size_t i = 2; i < n; i += step)
		charset_decode(&d, slice_cut(slice_of(p, n), i, i + step), &pieces);
	if (!charset_decode_end(&d, &pieces) ||
		!slice_eq(buf_slice(&whole), buf_slice(&pieces)))
		__builtin_trap();
	charset_find(slice_of(p, n));
	buf_fini(&whole);
	buf_fini(&pieces);
	return 0;
}
