#include "core/mail_decode.h"

static const char *const names[] = {"7BIT", "8BIT", "BINARY", "QUOTED-PRINTABLE", "BASE64"};
static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { NOT_BASE64 = 64, PADDING = 65 };

static const uint8_t *
base64_values(void)
{
	static uint8_t values[256];

	if (values[0])
		return values;
	memset(values + 1, NOT_BASE64, sizeof values - 1);
	for (uint8_t i = 0; i < 64; i++)
		values[(uint8_t)alphabet[i]] = i;
	values['='] = PADDING;
	values[0] = NOT_BASE64;
	return values;
}

enum mail_encoding
mail_decode_encoding(struct slice value)
{
	value = slice_trim(value);
	if (value.n == 0)
		return MAIL_ENCODING_7BIT;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (slice_eq_nocase(value, slice_str(names[i])))
			return (enum mail_encoding)i;
	return MAIL_ENCODING_UNKNOWN;
}

const char *
mail_decode_name(enum mail_encoding encoding)
{
	return encoding < MAIL_ENCODING_UNKNOWN ? names[encoding] : names[0];
}

void
mail_decode_init(struct mail_decode *d, enum mail_encoding encoding)
{
	*d = (struct mail_decode){.encoding = encoding};
}

/* --- base64 -------------------------------------------------------------------- */

static size_t
base64_octet(struct mail_decode *d, uint8_t value, uint8_t *out)
{
	if (value == PADDING) {
		/* A padded quantum may be followed by another encoded text. */
		d->bit_count = 0;
		d->bits = 0;
		return 0;
	}
	d->bits = (d->bits << 6 | value) & 0xffffff;
	d->bit_count = (uint8_t)(d->bit_count + 6);
	if (d->bit_count < 8)
		return 0;
	d->bit_count = (uint8_t)(d->bit_count - 8);
	*out = (uint8_t)(d->bits >> d->bit_count);
	return 1;
}

static size_t
base64_feed(struct mail_decode *d, struct slice in, uint8_t *out)
{
	const uint8_t *values = base64_values();
	uint8_t a, b, c, e;
	size_t i = 0, n = 0;

	while (i < in.n) {
		/* Whole quanta without anything odd between. */
		while (d->bit_count == 0 && in.n - i >= 4) {
			a = values[in.p[i]];
			b = values[in.p[i + 1]];
			c = values[in.p[i + 2]];
			e = values[in.p[i + 3]];
			if ((a | b | c | e) >= NOT_BASE64)
				break;
			out[n++] = (uint8_t)(a << 2 | b >> 4);
			out[n++] = (uint8_t)(b << 4 | c >> 2);
			out[n++] = (uint8_t)(c << 6 | e);
			i += 4;
		}
		if (i < in.n && values[in.p[i]] != NOT_BASE64)
			n += base64_octet(d, values[in.p[i]], out + n);
		i++;
	}
	return n;
}

bool
mail_decode_base64(struct slice in, struct buf *out)
{
	const uint8_t *values = base64_values();
	struct mail_decode d;
	size_t pad = 0;
	uint8_t *to;

	if (in.n % 4)
		return false;
	while (pad < 2 && pad < in.n && in.p[in.n - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i + pad < in.n; i++)
		if (values[in.p[i]] >= NOT_BASE64)
			return false;
	to = buf_room(out, in.n + 1);
	if (!to)
		return false;
	mail_decode_init(&d, MAIL_ENCODING_BASE64);
	buf_grow(out, base64_feed(&d, slice_cut(in, 0, in.n - pad), to));
	return true;
}

/* --- quoted-printable ------------------------------------------------------------ */

static int
hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = slice_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t
flush_held(struct mail_decode *d, uint8_t *out)
{
	size_t n = d->held_count;

	memcpy(out, d->held, n);
	d->held_count = 0;
	return n;
}

/* Held is "=" and then white space or one hex digit. */
static size_t
qp_escape(struct mail_decode *d, uint8_t c, uint8_t *out, bool *is_used)
{
	int high, low = hex_value(c);

	*is_used = true;
	if (d->held_count == 2 && (high = hex_value(d->held[1])) >= 0 && low >= 0) {
		d->held_count = 0;
		*out = (uint8_t)(high << 4 | low);
		return 1;
	}
	if (c == '\n') {
		d->held_count = 0;
		return 0;
	}
	if (d->held_count < MAIL_DECODE_SLACK - 1 &&
		((d->held_count == 1 && low >= 0) || (c == ' ' || c == '\t' || c == '\r'))) {
		d->held[d->held_count++] = c;
		return 0;
	}
	*is_used = false;
	return flush_held(d, out);
}

/* Held is white space, which counts only if more comes in its line
 * (RFC 2045 section 6.7 rule 3). */
static size_t
qp_blank(struct mail_decode *d, uint8_t c, uint8_t *out, bool *is_used)
{
	size_t n = 0;

	*is_used = true;
	if (c == '\n') {
		if (d->held_count && d->held[d->held_count - 1] == '\r')
			out[n++] = '\r';
		out[n++] = '\n';
		d->held_count = 0;
		return n;
	}
	if ((c == ' ' || c == '\t' || c == '\r') && d->held_count < MAIL_DECODE_SLACK - 1) {
		d->held[d->held_count++] = c;
		return 0;
	}
	*is_used = false;
	return flush_held(d, out);
}

static bool
is_qp_special(uint8_t c)
{
	return c == '=' || c == ' ' || c == '\t' || c == '\r';
}

static size_t
qp_feed(struct mail_decode *d, struct slice in, uint8_t *out)
{
	size_t i = 0, n = 0;
	bool is_used;

	while (i < in.n) {
		if (d->held_count) {
			n += d->held[0] == '=' ? qp_escape(d, in.p[i], out + n, &is_used)
					       : qp_blank(d, in.p[i], out + n, &is_used);
			i += is_used;
			continue;
		}
		if (is_qp_special(in.p[i])) {
			/* A blank between words is by far the commonest. */
			if (in.p[i] == ' ' && i + 1 < in.n && in.p[i + 1] > '=') {
				out[n++] = ' ';
				i++;
				continue;
			}
			d->held[d->held_count++] = in.p[i++];
			continue;
		}
		out[n++] = in.p[i++];
	}
	return n;
}

size_t
mail_decode_feed(struct mail_decode *d, struct slice in, uint8_t *out)
{
	if (in.n == 0)
		return 0;
	if (d->encoding == MAIL_ENCODING_QP)
		return qp_feed(d, in, out);
	if (d->encoding == MAIL_ENCODING_BASE64)
		return base64_feed(d, in, out);
	memmove(out, in.p, in.n);
	return in.n;
}

size_t
mail_decode_end(struct mail_decode *d, uint8_t *out)
{
	/* White space at the very end is padding; a lone "=" is a soft break. */
	if (d->encoding == MAIL_ENCODING_QP && d->held_count > 1 && d->held[0] == '=' &&
		hex_value(d->held[1]) >= 0)
		return flush_held(d, out);
	d->held_count = 0;
	return 0;
}
