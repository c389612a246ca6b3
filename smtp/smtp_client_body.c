#include "smtp/smtp_client_body.h"

enum { AT_LINE, IN_LINE, AFTER_CR };

void
smtp_client_body_init(struct smtp_client_body *b, bool is_stuffed)
{
	*b = (struct smtp_client_body){.is_stuffed = is_stuffed, .state = AT_LINE};
}

/* Octets of a line, without CR and LF. */
static void
put_text(struct smtp_client_body *b, struct slice text, struct buf *out)
{
	if (text.n == 0)
		return;
	/* RFC 5321 4.5.2 */
	if (b->state == AT_LINE && text.p[0] == '.' && b->is_stuffed)
		buf_put_u8(out, '.');
	buf_put_slice(out, text);
	b->column += text.n;
	b->state = IN_LINE;
}

static void
end_line(struct smtp_client_body *b, struct buf *out)
{
	buf_put(out, "\r\n", 2);
	if (b->column > SMTP_CLIENT_BODY_LINE_MAX)
		b->long_lines++;
	b->column = 0;
	b->state = AT_LINE;
}

static void
end_in_bare_cr(struct smtp_client_body *b, struct buf *out)
{
	b->bare_crs++;
	end_line(b, out);
}

/* A CR or an LF that isn't behind a CR. */
static void
take_stop(struct smtp_client_body *b, uint8_t c, struct buf *out)
{
	if (c == '\r') {
		b->state = AFTER_CR;
		return;
	}
	b->bare_lfs++;
	end_line(b, out);
}

void
smtp_client_body_feed(struct smtp_client_body *b, struct slice in, struct buf *out)
{
	size_t at = 0, cr = 0, lf = 0;

	if (slice_has(in, '\0'))
		b->has_nul = true;
	while (at < in.n) {
		if (b->state == AFTER_CR && in.p[at] == '\n') {
			end_line(b, out);
			at++;
			continue;
		}
		if (b->state == AFTER_CR)
			end_in_bare_cr(b, out);
		/* Each is looked for again only once it was passed: a piece full of one of them
		 * is still read once. */
		if (cr <= at)
			cr = at + slice_find(slice_from(in, at), '\r');
		if (lf <= at)
			lf = at + slice_find(slice_from(in, at), '\n');
		put_text(b, slice_cut(in, at, cr < lf ? cr : lf), out);
		at = cr < lf ? cr : lf;
		if (at < in.n)
			take_stop(b, in.p[at++], out);
	}
}

void
smtp_client_body_finish(struct smtp_client_body *b, struct buf *out)
{
	if (b->state == AFTER_CR)
		end_in_bare_cr(b, out);
	else if (b->state == IN_LINE)
		end_line(b, out);
}
