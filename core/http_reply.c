#include "core/http_reply.h"

#include "core/slice.h"

enum { CHUNK_DIGITS_MAX = 8, STATUS_OK = 200 };

void
http_reply_init(struct http_reply *r, size_t body_max)
{
	*r = (struct http_reply){0};
	buf_init(&r->type, HTTP_REPLY_TYPE_MAX);
	buf_init(&r->body, body_max);
	buf_init(&r->line, HTTP_REPLY_HEAD_MAX);
}

void
http_reply_fini(struct http_reply *r)
{
	buf_fini(&r->type);
	buf_fini(&r->body);
	buf_fini(&r->line);
}

/* --- status line and fields --- */

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* HTTP-version SP 3DIGIT [SP reason]; many leave out the second SP with the reason. */
static enum err
take_status(struct http_reply *r, struct slice line)
{
	uint64_t status;

	if (!slice_starts(line, SLICE_LIT("HTTP/1.")) || line.n < 12 || !is_digit(line.p[7]) ||
		line.p[8] != ' ' || (line.n > 12 && line.p[12] != ' ') ||
		!slice_u64(slice_cut(line, 9, 12), 599, &status) || status < 100)
		return ERR_SYNTAX;
	r->status = (unsigned)status;
	r->is_old = line.p[7] == '0';
	r->state = HTTP_REPLY_FIELDS;
	return ERR_OK;
}

/* tchar of RFC 9110 section 5.6.2. */
static bool
is_token(struct slice s)
{
	static const struct slice more = SLICE_LIT("!#$%&'*+-.^_`|~");

	for (size_t i = 0; i < s.n; i++) {
		uint8_t low = slice_lower(s.p[i]);

		if (!is_digit(low) && (low < 'a' || low > 'z') && !slice_has(more, low))
			return false;
	}
	return s.n > 0;
}

static enum err
take_length(struct http_reply *r, struct slice value)
{
	uint64_t length;

	if (!slice_u64(value, UINT64_MAX, &length) || (r->has_length && r->left != length))
		return ERR_SYNTAX;
	r->has_length = true;
	r->left = length;
	return ERR_OK;
}

static void
take_type(struct http_reply *r, struct slice value)
{
	struct slice type = slice_trim(slice_cut(value, 0, slice_find(value, ';')));
	size_t slash = slice_find(type, '/');

	buf_clear(&r->type);
	if (type.n > HTTP_REPLY_TYPE_MAX || !is_token(slice_cut(type, 0, slash)) ||
		!is_token(slice_from(type, slash + 1)))
		return;
	for (size_t i = 0; i < type.n; i++)
		buf_put_u8(&r->type, slice_lower(type.p[i]));
}

static enum err
take_field(struct http_reply *r, struct slice line)
{
	size_t colon = slice_find(line, ':');
	struct slice name = slice_cut(line, 0, colon);
	struct slice value = slice_trim(slice_from(line, colon + 1));

	/* A folded line has no name; the RFC lets a server send none of those either. */
	if (colon == line.n || !is_token(name))
		return ERR_SYNTAX;
	if (slice_eq_nocase(name, SLICE_LIT("content-length")))
		return take_length(r, value);
	if (slice_eq_nocase(name, SLICE_LIT("content-type")))
		take_type(r, value);
	if (slice_eq_nocase(name, SLICE_LIT("content-encoding")))
		r->has_coding |= !slice_eq_nocase(value, SLICE_LIT("identity"));
	if (slice_eq_nocase(name, SLICE_LIT("transfer-encoding"))) {
		r->has_coding |= r->is_chunked || !slice_eq_nocase(value, SLICE_LIT("chunked"));
		r->is_chunked = true;
	}
	return ERR_OK;
}

/* The empty line behind the fields. */
static enum err
end_fields(struct http_reply *r)
{
	/* RFC 9110 section 15.2: any number of 1xx may come first, without a body; 101 answers
	 * what we don't ask. */
	if (r->status == 101)
		return ERR_SYNTAX;
	if (r->status < STATUS_OK) {
		r->has_length = r->is_chunked = r->has_coding = false;
		r->state = HTTP_REPLY_STATUS;
		buf_clear(&r->type);
		return ERR_OK;
	}
	r->state = HTTP_REPLY_DONE;
	if (r->status != STATUS_OK)
		return ERR_OK;
	/* RFC 9112 section 6.1: either is a sign of somebody who means ill, or is broken. */
	if (r->is_chunked && (r->has_length || r->is_old))
		return ERR_SYNTAX;
	if (r->has_coding || (!r->is_chunked && !r->has_length))
		return ERR_UNSUPPORTED;
	if (r->is_chunked)
		r->state = HTTP_REPLY_CHUNK_SIZE;
	else if (r->left > r->body.cap)
		return ERR_TOO_BIG;
	else if (r->left)
		r->state = HTTP_REPLY_BODY;
	return ERR_OK;
}

/* --- chunks --- */

static int
hex_digit(uint8_t c)
{
	c = slice_lower(c);
	return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 1*HEXDIG [";" extensions], of which none is known. */
static enum err
take_chunk_size(struct http_reply *r, struct slice line)
{
	struct slice size = slice_trim(slice_cut(line, 0, slice_find(line, ';')));
	uint64_t left = 0;

	if (size.n == 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < size.n; i++) {
		if (hex_digit(size.p[i]) < 0)
			return ERR_SYNTAX;
		left = left << 4 | (unsigned)hex_digit(size.p[i]);
	}
	if (size.n > CHUNK_DIGITS_MAX || left > r->body.cap - r->body.n)
		return ERR_TOO_BIG;
	r->left = left;
	r->state = left ? HTTP_REPLY_CHUNK : HTTP_REPLY_TRAILERS;
	return ERR_OK;
}

/* --- octets --- */

static enum err
take_line(struct http_reply *r, struct slice line)
{
	switch (r->state) {
	case HTTP_REPLY_STATUS:
		return take_status(r, line);
	case HTTP_REPLY_FIELDS:
		return line.n ? take_field(r, line) : end_fields(r);
	case HTTP_REPLY_CHUNK_SIZE:
		return take_chunk_size(r, line);
	case HTTP_REPLY_CHUNK_END:
		r->state = HTTP_REPLY_CHUNK_SIZE;
		return line.n ? ERR_SYNTAX : ERR_OK;
	case HTTP_REPLY_TRAILERS:
		if (!line.n)
			r->state = HTTP_REPLY_DONE;
		return ERR_OK;
	case HTTP_REPLY_BODY:
	case HTTP_REPLY_CHUNK:
	case HTTP_REPLY_DONE:
	default:
		return ERR_SYNTAX;
	}
}

/* "a recipient MAY recognize a single LF as a line terminator" (RFC 9112, 2.2). */
static enum err
feed_line(struct http_reply *r, struct slice *in)
{
	size_t lf = slice_find(*in, '\n'), n = lf < in->n ? lf + 1 : in->n;
	struct slice line;
	enum err e;

	r->head += n;
	if (r->head > HTTP_REPLY_HEAD_MAX)
		return ERR_LIMIT;
	buf_put_slice(&r->line, slice_cut(*in, 0, lf));
	*in = slice_from(*in, n);
	if (lf >= n)
		return ERR_OK;
	line = buf_slice(&r->line);
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	if (slice_has(line, '\r') || slice_has(line, '\0'))
		return ERR_SYNTAX;
	e = take_line(r, line);
	buf_clear(&r->line);
	return e;
}

static void
feed_body(struct http_reply *r, struct slice *in)
{
	size_t n = in->n < r->left ? in->n : (size_t)r->left;

	buf_put_slice(&r->body, slice_cut(*in, 0, n));
	*in = slice_from(*in, n);
	r->left -= n;
	if (!r->left)
		r->state = r->is_chunked ? HTTP_REPLY_CHUNK_END : HTTP_REPLY_DONE;
}

enum err
http_reply_feed(struct http_reply *r, struct slice in)
{
	enum err e = ERR_OK;

	while (in.n && !e && r->state != HTTP_REPLY_DONE) {
		if (r->state == HTTP_REPLY_BODY || r->state == HTTP_REPLY_CHUNK)
			feed_body(r, &in);
		else
			e = feed_line(r, &in);
	}
	return e || r->state == HTTP_REPLY_DONE ? e : ERR_MORE;
}
