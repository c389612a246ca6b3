#include "core/mail_encode.h"

enum { SOFT_BREAK_AT = MAIL_ENCODE_LINE_MAX - 1 };

void
mail_encode_init(struct mail_encode *e, enum mail_encoding encoding)
{
	*e = (struct mail_encode){.encoding = encoding};
}

/* --- quoted-printable ------------------------------------------------------------ */

bool
mail_encode_is_quoted(uint8_t c)
{
	return c == '=' || c > 126 || (c < ' ' && c != '\t' && c != '\r' && c != '\n');
}

static void
put_token(struct mail_encode *e, const char *token, uint8_t n, struct buf *out)
{
	if (e->column + n > SOFT_BREAK_AT) {
		buf_put(out, "=\r\n", 3);
		e->column = 0;
	}
	buf_put(out, token, n);
	e->column = (uint8_t)(e->column + n);
}

static void
put_quoted(struct mail_encode *e, uint8_t c, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";
	const char token[] = {'=', digits[c >> 4], digits[c & 15]};

	put_token(e, token, sizeof token, out);
}

static void
put_plain(struct mail_encode *e, uint8_t c, struct buf *out)
{
	const char token[] = {(char)c};

	if (c == '-' && (e->column == SOFT_BREAK_AT || e->column == 0))
		put_quoted(e, c, out);
	else
		put_token(e, token, sizeof token, out);
}

static void
end_line(struct mail_encode *e, struct buf *out)
{
	/* Rule 3: no blank ends a line. */
	if (e->blank)
		put_quoted(e, e->blank, out);
	buf_put(out, "\r\n", 2);
	e->column = 0;
	e->has_cr = false;
	e->blank = 0;
}

/* What was held back isn't at a line's end. */
static void
release(struct mail_encode *e, struct buf *out)
{
	if (e->blank)
		put_plain(e, e->blank, out);
	if (e->has_cr)
		put_quoted(e, '\r', out);
	e->blank = 0;
	e->has_cr = false;
}

static void
qp_octet(struct mail_encode *e, uint8_t c, struct buf *out)
{
	if (c == '\n') {
		end_line(e, out);
		return;
	}
	if (c == '\r' && !e->has_cr) {
		e->has_cr = true;
		return;
	}
	release(e, out);
	if (c == ' ' || c == '\t')
		e->blank = c;
	else if (c == '\r')
		e->has_cr = true;
	else if (mail_encode_is_quoted(c))
		put_quoted(e, c, out);
	else
		put_plain(e, c, out);
}

static void
qp_end(struct mail_encode *e, struct buf *out)
{
	if (e->blank)
		put_quoted(e, e->blank, out);
	e->blank = 0;
	release(e, out);
}

/* --- base64 ---------------------------------------------------------------------- */

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void
put_group(struct mail_encode *e, struct buf *out)
{
	uint32_t bits = (uint32_t)e->held[0] << 16 | (uint32_t)e->held[1] << 8 | e->held[2];
	char group[4];

	if (e->column == MAIL_ENCODE_LINE_MAX) {
		buf_put(out, "\r\n", 2);
		e->column = 0;
	}
	for (unsigned i = 0; i < sizeof group; i++)
		group[i] = i <= e->held_n ? alphabet[bits >> (18 - 6 * i) & 63] : '=';
	buf_put(out, group, sizeof group);
	e->column = (uint8_t)(e->column + sizeof group);
	memset(e->held, 0, sizeof e->held);
	e->held_n = 0;
}

/* Whole groups of one line at a time, of which nothing waits. Octets taken. */
static size_t
put_groups(struct mail_encode *e, struct slice in, struct buf *out)
{
	size_t groups = in.n / 3, left;
	const uint8_t *p = in.p;
	uint8_t *to;

	if (e->column == MAIL_ENCODE_LINE_MAX && groups) {
		buf_put(out, "\r\n", 2);
		e->column = 0;
	}
	left = (size_t)(MAIL_ENCODE_LINE_MAX - e->column) / 4;
	groups = groups < left ? groups : left;
	to = groups ? buf_room(out, 4 * groups) : NULL;
	for (size_t i = 0; to && i < groups; i++, p += 3) {
		uint32_t bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];

		*to++ = (uint8_t)alphabet[bits >> 18];
		*to++ = (uint8_t)alphabet[bits >> 12 & 63];
		*to++ = (uint8_t)alphabet[bits >> 6 & 63];
		*to++ = (uint8_t)alphabet[bits & 63];
	}
	if (to)
		buf_grow(out, 4 * groups);
	e->column = (uint8_t)(e->column + 4 * groups);
	return 3 * groups;
}

/* --- both ------------------------------------------------------------------------ */

static void
base64_feed(struct mail_encode *e, struct slice in, struct buf *out)
{
	size_t n;

	while (in.n) {
		n = e->held_n ? 0 : put_groups(e, in, out);
		if (n == 0) {
			e->held[e->held_n++] = in.p[0];
			if (e->held_n == sizeof e->held)
				put_group(e, out);
			n = 1;
		}
		in = slice_from(in, n);
	}
}

void
mail_encode_feed(struct mail_encode *e, struct slice in, struct buf *out)
{
	if (e->encoding != MAIL_ENCODING_QP) {
		base64_feed(e, in, out);
		return;
	}
	for (size_t i = 0; i < in.n; i++)
		qp_octet(e, in.p[i], out);
}

void
mail_encode_end(struct mail_encode *e, struct buf *out)
{
	if (e->encoding == MAIL_ENCODING_QP)
		qp_end(e, out);
	else if (e->held_n)
		put_group(e, out);
}
