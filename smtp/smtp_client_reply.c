#include "smtp/smtp_client_reply.h"

void
smtp_client_reply_init(struct smtp_client_reply *r)
{
	*r = (struct smtp_client_reply){0};
	buf_init(&r->lines, SMTP_CLIENT_REPLY_LINES_MAX * (SMTP_CLIENT_REPLY_LINE_KEPT + 1));
}

void
smtp_client_reply_fini(struct smtp_client_reply *r)
{
	buf_fini(&r->lines);
}

static void
begin(struct smtp_client_reply *r)
{
	r->code = 0;
	r->enhanced[0] = '\0';
	buf_clear(&r->lines);
	r->kept = r->octets = r->n = 0;
	r->is_whole = r->has_cr = false;
}

static void
keep_octet(struct smtp_client_reply *r, uint8_t c)
{
	if (c == '\t')
		c = ' ';
	if (r->kept < sizeof r->line)
		r->line[r->kept++] = c >= ' ' && c < 127 ? c : '?';
}

/* A CR is kept once it turns out not to be the line's end. */
static void
keep(struct smtp_client_reply *r, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (r->has_cr)
			keep_octet(r, '\r');
		r->has_cr = s.p[i] == '\r';
		if (!r->has_cr)
			keep_octet(r, s.p[i]);
	}
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* One to three digits and, but for the last number, a dot. Gives the octets used, or 0. */
static size_t
number(struct slice s, bool is_last)
{
	size_t n = 0;

	while (n < s.n && n < 3 && is_digit(s.p[n]))
		n++;
	if (n == 0)
		return 0;
	if (is_last)
		return n == s.n || s.p[n] == ' ' ? n : 0;
	return n < s.n && s.p[n] == '.' ? n + 1 : 0;
}

/* RFC 3463 2: class "." subject "." detail. RFC 2034 4: the class is the code's first digit;
 * what isn't so is text like any other. */
static size_t
enhanced_code(struct slice s, unsigned code)
{
	size_t subject, detail;

	if (s.n < 5 || s.p[0] != '0' + code / 100 || s.p[1] != '.')
		return 0;
	subject = number(slice_from(s, 2), false);
	if (subject == 0)
		return 0;
	detail = number(slice_from(s, 2 + subject), true);
	return detail ? 2 + subject + detail : 0;
}

/* RFC 5321 4.2: three digits, and nothing, a blank (the last line) or a hyphen. */
static enum err
end_line(struct smtp_client_reply *r)
{
	struct slice line = slice_of(r->line, r->kept);
	uint64_t code;
	size_t n;

	if (!slice_u64(slice_cut(line, 0, 3), 599, &code) || line.n < 3 || code < 200)
		return ERR_SYNTAX;
	if (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-')
		return ERR_SYNTAX;
	if (r->n && code != r->code)
		return ERR_SYNTAX;
	r->code = (unsigned)code;
	r->is_whole = line.n == 3 || line.p[3] == ' ';
	line = slice_from(line, 4);
	if (r->n)
		buf_put_u8(&r->lines, '\n');
	buf_put_slice(&r->lines, line);
	if (r->n == 0) {
		n = enhanced_code(line, r->code);
		memcpy(r->enhanced, line.p, n);
		r->enhanced[n] = '\0';
	}
	if (++r->n == SMTP_CLIENT_REPLY_LINES_MAX && !r->is_whole)
		return ERR_TOO_BIG;
	r->kept = r->octets = 0;
	return r->is_whole ? ERR_OK : ERR_MORE;
}

/* Up to and with the next LF. ERR_OK: the line is whole. */
static enum err
take_line(struct smtp_client_reply *r, struct slice in, size_t *used)
{
	size_t lf = slice_find(in, '\n');
	bool has_end = lf < in.n;
	size_t room = SMTP_CLIENT_REPLY_LINE_MAX - r->octets;

	*used = has_end ? lf + 1 : in.n;
	keep(r, slice_cut(in, 0, lf));
	if (*used > room || (*used == room && !has_end))
		return ERR_TOO_BIG;
	r->octets += *used;
	if (!has_end)
		return ERR_MORE;
	r->has_cr = false;
	return ERR_OK;
}

enum err
smtp_client_reply_feed(struct smtp_client_reply *r, struct slice in, size_t *used)
{
	size_t n;
	enum err e = ERR_MORE;

	if (r->is_whole)
		begin(r);
	*used = 0;
	while (e == ERR_MORE && *used < in.n) {
		e = take_line(r, slice_from(in, *used), &n);
		*used += n;
		if (e == ERR_OK)
			e = end_line(r);
	}
	return e;
}

/* A line's words, without the enhanced code that the reply's first line had too. */
static struct slice
words(const struct smtp_client_reply *r, struct slice line)
{
	size_t n = enhanced_code(line, r->code);

	if (n && slice_eq(slice_cut(line, 0, n), slice_str(r->enhanced)))
		line = slice_from(line, n);
	return slice_trim(line);
}

static void
put_cut(struct buf *out, struct slice s, size_t end)
{
	buf_put_slice(out, slice_cut(s, 0, out->n < end ? end - out->n : 0));
}

void
smtp_client_reply_text(const struct smtp_client_reply *r, struct buf *out)
{
	size_t end = out->n + SMTP_CLIENT_REPLY_TEXT_MAX;
	struct slice rest = buf_slice(&r->lines);

	buf_put_dec(out, r->code);
	if (r->enhanced[0]) {
		buf_put_u8(out, ' ');
		buf_put_str(out, r->enhanced);
	}
	while (rest.n) {
		size_t lf = slice_find(rest, '\n');
		struct slice line = words(r, slice_cut(rest, 0, lf));

		rest = slice_from(rest, lf + 1);
		if (line.n)
			put_cut(out, SLICE_LIT(" "), end);
		put_cut(out, line, end);
	}
}

struct slice
smtp_client_reply_fault(const struct smtp_client_reply *r)
{
	return slice_of(r->line, r->kept);
}
