#include "core/utf8.h"

bool
utf8_is_ascii(struct slice s)
{
	uint64_t eight, any = 0;
	size_t i = 0;

	for (; i + 8 <= s.n; i += 8) {
		memcpy(&eight, s.p + i, 8);
		any |= eight;
	}
	for (; i < s.n; i++)
		any |= s.p[i];
	return (any & 0x8080808080808080u) == 0;
}

static size_t
length_of(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if ((first & 0xf0) == 0xe0)
		return 3;
	return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

/* RFC 3629 section 4: the second octet rules out long forms and surrogates. */
static bool
is_second(uint8_t first, uint8_t second)
{
	uint8_t low = 0x80, high = 0xbf;

	if (first == 0xe0)
		low = 0xa0;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f;
	return second >= low && second <= high;
}

size_t
utf8_get(struct slice s, uint32_t *code_point)
{
	size_t n = s.n ? length_of(s.p[0]) : 0;
	uint32_t v;

	if (n == 0 || s.n < n)
		return 0;
	if (n == 1) {
		*code_point = s.p[0];
		return 1;
	}
	if (!is_second(s.p[0], s.p[1]))
		return 0;
	v = s.p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s.p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (s.p[i] & 0x3fu);
	}
	*code_point = v;
	return n;
}

bool
utf8_is_cut(struct slice s)
{
	size_t n = s.n ? length_of(s.p[0]) : 0;

	if (n == 0 || s.n >= n)
		return false;
	if (s.n > 1 && !is_second(s.p[0], s.p[1]))
		return false;
	return s.n < 3 || (s.p[2] & 0xc0) == 0x80;
}

size_t
utf8_put(uint32_t c, uint8_t out[UTF8_MAX])
{
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		c = UTF8_REPLACEMENT;
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (uint8_t)(0xe0 | c >> 12);
		out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | c >> 18);
	out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

bool
utf8_is_valid(struct slice s)
{
	uint32_t c;
	size_t n;

	if (utf8_is_ascii(s))
		return true;
	while (s.n) {
		n = utf8_get(s, &c);
		if (n == 0)
			return false;
		s = slice_from(s, n);
	}
	return true;
}
