#include "core/mail_fold.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "core/utf8.h"

enum { DECOMPOSED_MAX = 32 };

static bool
put_lower(struct slice ascii, struct buf *out)
{
	uint8_t *to = buf_room(out, ascii.n);

	if (!to)
		return false;
	for (size_t i = 0; i < ascii.n; i++)
		to[i] = slice_lower(ascii.p[i]);
	buf_grow(out, ascii.n);
	return true;
}

bool
mail_fold_name(struct slice utf8, struct buf *out)
{
	utf8proc_uint8_t *folded = NULL;
	utf8proc_ssize_t n;
	bool ok;

	if (utf8.n == 0 || utf8_is_ascii(utf8))
		return put_lower(utf8, out);
	if (!utf8_is_valid(utf8))
		return false;
	n = utf8proc_map(utf8.p, (utf8proc_ssize_t)utf8.n, &folded,
		UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
	if (n < 0)
		return false;
	ok = buf_put(out, folded, (size_t)n);
	free(folded);
	return ok;
}

/* Most Han and kana are their own folded form; asking would cost time. */
static bool
is_plain(uint32_t c)
{
	return (c >= 0x4e00 && c < 0xa000) || (c >= 0x3400 && c < 0x4dc0) ||
	       c == UTF8_REPLACEMENT;
}

static bool
put_folded(uint32_t c, struct buf *out)
{
	utf8proc_int32_t parts[DECOMPOSED_MAX];
	utf8proc_ssize_t count = 1;
	uint8_t text[UTF8_MAX];
	int last_class = 0;

	if (is_plain(c)) {
		parts[0] = (utf8proc_int32_t)c;
	} else {
		count = utf8proc_decompose_char((utf8proc_int32_t)c, parts, DECOMPOSED_MAX,
			UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD, &last_class);
		if (count < 0 || count > DECOMPOSED_MAX) {
			count = 1;
			parts[0] = (utf8proc_int32_t)c;
		}
	}
	for (utf8proc_ssize_t i = 0; i < count; i++)
		buf_put(out, text, utf8_put((uint32_t)parts[i], text));
	return !out->overflow;
}

static size_t
ascii_run(struct slice s)
{
	size_t n = 0;
	uint64_t eight;

	for (; n + 8 <= s.n; n += 8) {
		memcpy(&eight, s.p + n, 8);
		if (eight & 0x8080808080808080u)
			break;
	}
	while (n < s.n && s.p[n] < 0x80)
		n++;
	return n;
}

bool
mail_fold_search(struct slice utf8, struct buf *out)
{
	uint32_t c;
	size_t n;

	while (utf8.n) {
		n = ascii_run(utf8);
		if (n && !put_lower(slice_cut(utf8, 0, n), out))
			return false;
		utf8 = slice_from(utf8, n);
		if (utf8.n == 0)
			break;
		n = utf8_get(utf8, &c);
		if (n == 0) {
			c = UTF8_REPLACEMENT;
			n = 1;
		}
		if (!put_folded(c, out))
			return false;
		utf8 = slice_from(utf8, n);
	}
	return true;
}
