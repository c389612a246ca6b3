#include "core/mail_encode.h"

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char hex_digits[] = "0123456789ABCDEF";

enum { LINE_MAX_OCTETS = 76 };

void
mail_encode_init(struct mail_encode *e)
{
	*e = (struct mail_encode){0};
}

static void
quantum(const uint8_t in[3], size_t n, uint8_t out[4])
{
	uint32_t v = (uint32_t)in[0] << 16 | (n > 1 ? (uint32_t)in[1] << 8 : 0) |
		     (n > 2 ? in[2] : 0u);

	out[0] = (uint8_t)alphabet[v >> 18];
	out[1] = (uint8_t)alphabet[v >> 12 & 63];
	out[2] = n > 1 ? (uint8_t)alphabet[v >> 6 & 63] : '=';
	out[3] = n > 2 ? (uint8_t)alphabet[v & 63] : '=';
}

static bool
put_quantum(struct mail_encode *e, struct buf *out)
{
	uint8_t text[4];

	quantum(e->held, e->held_count, text);
	e->held_count = 0;
	e->column += 4;
	buf_put(out, text, 4);
	if (e->column == LINE_MAX_OCTETS) {
		buf_put(out, "\r\n", 2);
		e->column = 0;
	}
	return !out->overflow;
}

bool
mail_encode_base64(struct mail_encode *e, struct slice in, struct buf *out)
{
	for (size_t i = 0; i < in.n; i++) {
		e->held[e->held_count++] = in.p[i];
		if (e->held_count == 3 && !put_quantum(e, out))
			return false;
	}
	return !out->overflow;
}

bool
mail_encode_base64_end(struct mail_encode *e, struct buf *out)
{
	if (e->held_count)
		put_quantum(e, out);
	if (e->column)
		buf_put(out, "\r\n", 2);
	mail_encode_init(e);
	return !out->overflow;
}

bool
mail_encode_base64_line(struct slice in, struct buf *out)
{
	uint8_t text[4];

	for (size_t i = 0; i < in.n; i += 3) {
		quantum(in.p + i, in.n - i < 3 ? in.n - i : 3, text);
		buf_put(out, text, 4);
	}
	return !out->overflow;
}

static void
qp_put(struct mail_encode *e, const uint8_t *p, size_t n, struct buf *out)
{
	/* The last place of a line is kept for the soft break. */
	if (e->column + n > LINE_MAX_OCTETS - 1) {
		buf_put(out, "=\r\n", 3);
		e->column = 0;
	}
	buf_put(out, p, n);
	e->column += n;
}

static void
qp_put_hex(struct mail_encode *e, uint8_t c, struct buf *out)
{
	const uint8_t text[3] = {'=', (uint8_t)hex_digits[c >> 4], (uint8_t)hex_digits[c & 15]};

	qp_put(e, text, 3, out);
}

/* Held: white space (safe unless at a line's end) or CR (safe before LF only). */
static void
qp_flush(struct mail_encode *e, bool is_at_line_end, struct buf *out)
{
	for (size_t i = 0; i < e->held_count; i++) {
		if (is_at_line_end || e->held[i] == '\r')
			qp_put_hex(e, e->held[i], out);
		else
			qp_put(e, e->held + i, 1, out);
	}
	e->held_count = 0;
}

static void
qp_line_end(struct mail_encode *e, struct buf *out)
{
	if (e->held_count && e->held[e->held_count - 1] == '\r')
		e->held_count--;
	qp_flush(e, true, out);
	buf_put(out, "\r\n", 2);
	e->column = 0;
}

bool
mail_encode_qp(struct mail_encode *e, struct slice in, struct buf *out)
{
	uint8_t c;

	for (size_t i = 0; i < in.n && !out->overflow; i++) {
		c = in.p[i];
		if (c == '\n') {
			qp_line_end(e, out);
		} else if (c == ' ' || c == '\t' || c == '\r') {
			if (e->held_count && (c != '\r' || e->held[e->held_count - 1] == '\r'))
				qp_flush(e, false, out);
			e->held[e->held_count++] = c;
		} else {
			qp_flush(e, false, out);
			if (c == '=' || c < 32 || c > 126)
				qp_put_hex(e, c, out);
			else
				qp_put(e, &c, 1, out);
		}
	}
	return !out->overflow;
}

bool
mail_encode_qp_end(struct mail_encode *e, struct buf *out)
{
	qp_flush(e, true, out);
	mail_encode_init(e);
	return !out->overflow;
}
