#include "crypto/cms_der.h"

enum { LENGTH_OCTETS_MAX = 4, HEADER_MAX = 2 + LENGTH_OCTETS_MAX, PIECES_DEPTH = 8 };

bool
cms_der_next(struct slice *rest, struct cms_der *e)
{
	size_t header = 2, n, octets;

	if (rest->n < 2 || (rest->p[0] & 0x1f) == 0x1f || rest->p[1] == 0x80)
		return false;
	octets = rest->p[1] & 0x80 ? rest->p[1] & 0x7f : 0;
	n = octets ? 0 : rest->p[1];
	if (octets > LENGTH_OCTETS_MAX || rest->n < header + octets)
		return false;
	for (; octets; octets--)
		n = n << 8 | rest->p[header++];
	if (rest->n - header < n)
		return false;
	e->tag = rest->p[0];
	e->body = slice_cut(*rest, header, header + n);
	e->whole = slice_cut(*rest, 0, header + n);
	*rest = slice_from(*rest, header + n);
	return true;
}

bool
cms_der_take(struct slice *rest, uint8_t tag, struct slice *body)
{
	struct slice after = *rest;
	struct cms_der e;

	if (!cms_der_next(&after, &e) || e.tag != tag)
		return false;
	*rest = after;
	*body = e.body;
	return true;
}

static bool
pieces(struct slice body, unsigned depth, struct buf *out)
{
	struct cms_der e;

	while (body.n && cms_der_next(&body, &e)) {
		bool is_whole = e.tag == CMS_DER_OCTET_STRING;

		if (is_whole && !buf_put_slice(out, e.body))
			return false;
		if (!is_whole && e.tag != (CMS_DER_OCTET_STRING | 0x20))
			return false;
		if (!is_whole && (depth == PIECES_DEPTH || !pieces(e.body, depth + 1, out)))
			return false;
	}
	return body.n == 0;
}

bool
cms_der_octets(const struct cms_der *e, struct buf *out)
{
	return e->tag & 0x20 ? pieces(e->body, 0, out) : buf_put_slice(out, e->body);
}

static size_t
format(uint8_t h[HEADER_MAX], uint8_t tag, size_t n)
{
	size_t octets = 0;

	h[0] = tag;
	if (n < 0x80) {
		h[1] = (uint8_t)n;
		return 2;
	}
	while (octets < LENGTH_OCTETS_MAX && n >> (8 * octets))
		octets++;
	h[1] = (uint8_t)(0x80 | octets);
	for (size_t i = 0; i < octets; i++)
		h[2 + i] = (uint8_t)(n >> (8 * (octets - 1 - i)));
	return 2 + octets;
}

void
cms_der_put(struct buf *b, uint8_t tag, struct slice body)
{
	cms_der_put_header(b, tag, body.n);
	buf_put_slice(b, body);
}

void
cms_der_put_header(struct buf *b, uint8_t tag, size_t n)
{
	uint8_t h[HEADER_MAX];

	buf_put(b, h, format(h, tag, n));
}

void
cms_der_wrap(struct buf *b, size_t at, uint8_t tag)
{
	uint8_t h[HEADER_MAX];
	size_t body = b->n - at, n = format(h, tag, body);

	if (!buf_put(b, h, n))
		return;
	memmove(b->p + at + n, b->p + at, body);
	memcpy(b->p + at, h, n);
}
