#include "imap/imap_utf7.h"

static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static int
digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == ',' ? 63 : -1;
}

static bool
is_plain(uint32_t c)
{
	return c >= 0x20 && c <= 0x7e;
}

static bool
put_utf8(struct buf *out, uint32_t c)
{
	uint8_t raw[4];
	size_t n = 0;

	if (c < 0x80) {
		raw[n++] = (uint8_t)c;
	} else if (c < 0x800) {
		raw[n++] = (uint8_t)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		raw[n++] = (uint8_t)(0xe0 | c >> 12);
		raw[n++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	} else {
		raw[n++] = (uint8_t)(0xf0 | c >> 18);
		raw[n++] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
		raw[n++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	}
	if (c >= 0x80)
		raw[n++] = (uint8_t)(0x80 | (c & 0x3f));
	return buf_put(out, raw, n);
}

static size_t
utf8_length(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Length of one character; 0 = malformed (or U+0000). */
static size_t
next_utf8(struct slice s, uint32_t *c)
{
	static const uint32_t least[5] = {0, 1, 0x80, 0x800, 0x10000};
	size_t n = utf8_length(s.p[0]);
	uint32_t v;

	if (n == 0 || n > s.n)
		return 0;
	v = n == 1 ? s.p[0] : s.p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s.p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (s.p[i] & 0x3f);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	*c = v;
	return n;
}

bool
imap_utf7_is_utf8(struct slice s)
{
	uint32_t c;
	size_t n;

	for (size_t at = 0; at < s.n; at += n) {
		n = next_utf8(slice_from(s, at), &c);
		if (n == 0)
			return false;
	}
	return true;
}

struct utf16 {
	uint32_t bits, high;
	int n_bits;
	bool has_unit;
};

/* Six more bits of a shift. */
static enum err
utf16_put(struct utf16 *u, int value, struct buf *out)
{
	uint32_t unit;

	u->bits = u->bits << 6 | (uint32_t)value;
	u->n_bits += 6;
	if (u->n_bits < 16)
		return ERR_OK;
	u->n_bits -= 16;
	unit = u->bits >> u->n_bits & 0xffff;
	u->bits &= (1u << u->n_bits) - 1;
	u->has_unit = true;
	if (u->high) {
		if (unit < 0xdc00 || unit > 0xdfff)
			return ERR_SYNTAX;
		unit = 0x10000 + ((u->high - 0xd800) << 10) + (unit - 0xdc00);
		u->high = 0;
		return put_utf8(out, unit) ? ERR_OK : ERR_TOO_BIG;
	}
	if (unit >= 0xd800 && unit <= 0xdbff) {
		u->high = unit;
		return ERR_OK;
	}
	/* "Modified BASE64 MUST NOT be used to represent any printing US-ASCII character
	 * which can represent itself." */
	if (unit == 0 || is_plain(unit) || (unit >= 0xdc00 && unit <= 0xdfff))
		return ERR_SYNTAX;
	return put_utf8(out, unit) ? ERR_OK : ERR_TOO_BIG;
}

/* *at stands behind '&'; is left behind '-'. */
static enum err
decode_shift(struct slice raw, size_t *at, struct buf *out)
{
	struct utf16 u = {0};
	enum err e;
	int value;

	if (*at < raw.n && raw.p[*at] == '-') {
		++*at;
		return buf_put_u8(out, '&') ? ERR_OK : ERR_TOO_BIG;
	}
	for (; *at < raw.n && raw.p[*at] != '-'; ++*at) {
		value = digit(raw.p[*at]);
		if (value < 0)
			return ERR_SYNTAX;
		e = utf16_put(&u, value, out);
		if (e)
			return e;
	}
	if (*at == raw.n || !u.has_unit || u.high || u.n_bits >= 6 || u.bits)
		return ERR_SYNTAX;
	++*at;
	/* Two shifts in a row would be a second spelling of one. "&-" is none. */
	if (*at + 1 < raw.n && raw.p[*at] == '&' && raw.p[*at + 1] != '-')
		return ERR_SYNTAX;
	return ERR_OK;
}

enum err
imap_utf7_decode(struct slice raw, struct buf *out)
{
	enum err e;

	for (size_t at = 0; at < raw.n;) {
		if (!is_plain(raw.p[at]))
			return ERR_SYNTAX;
		if (raw.p[at++] == '&') {
			e = decode_shift(raw, &at, out);
			if (e)
				return e;
		} else if (!buf_put_u8(out, raw.p[at - 1])) {
			return ERR_TOO_BIG;
		}
	}
	return ERR_OK;
}

struct shift {
	struct buf *out;
	uint32_t bits;
	int n_bits;
	bool is_open;
};

static void
shift_put(struct shift *s, uint32_t unit)
{
	if (!s->is_open)
		buf_put_u8(s->out, '&');
	s->is_open = true;
	s->bits = s->bits << 16 | unit;
	s->n_bits += 16;
	while (s->n_bits >= 6) {
		s->n_bits -= 6;
		buf_put_u8(s->out, (uint8_t)DIGITS[s->bits >> s->n_bits & 0x3f]);
		s->bits &= (1u << s->n_bits) - 1;
	}
}

static void
shift_end(struct shift *s)
{
	if (!s->is_open)
		return;
	if (s->n_bits)
		buf_put_u8(s->out, (uint8_t)DIGITS[s->bits << (6 - s->n_bits) & 0x3f]);
	buf_put_u8(s->out, '-');
	*s = (struct shift){.out = s->out};
}

bool
imap_utf7_encode(struct slice utf8, struct buf *out)
{
	struct shift s = {.out = out};
	uint32_t c;
	size_t n;

	for (size_t at = 0; at < utf8.n; at += n) {
		n = next_utf8(slice_from(utf8, at), &c);
		if (n == 0)
			return false;
		if (is_plain(c)) {
			shift_end(&s);
			buf_put(out, c == '&' ? "&-" : (const char *)utf8.p + at,
				c == '&' ? 2 : 1);
		} else if (c > 0xffff) {
			shift_put(&s, 0xd800 + ((c - 0x10000) >> 10));
			shift_put(&s, 0xdc00 + ((c - 0x10000) & 0x3ff));
		} else {
			shift_put(&s, c);
		}
	}
	shift_end(&s);
	return !out->overflow;
}
