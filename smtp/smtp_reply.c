#include "smtp/smtp_reply.h"

enum { ARG_MAX_OCTETS = 400 };

static const struct {
	unsigned code;
	const char *enhanced, *text;
} rows[SMTP_REPLY_COUNT] = {{0, "", ""},
#define X(name, number, status, words) {number, status, words},
	SMTP_REPLY_LIST(X)
#undef X
};

unsigned
smtp_reply_code(enum smtp_reply r)
{
	return r < SMTP_REPLY_COUNT ? rows[r].code : 0;
}

const char *
smtp_reply_enhanced(enum smtp_reply r)
{
	return r < SMTP_REPLY_COUNT ? rows[r].enhanced : "";
}

static void
put_clean(struct buf *out, struct slice s)
{
	s = slice_cut(s, 0, ARG_MAX_OCTETS);
	for (size_t i = 0; i < s.n; i++)
		buf_put_u8(out, s.p[i] >= ' ' && s.p[i] < 127 ? s.p[i] : '?');
}

/* A challenge is base64 of any length that auth chose; everything else is cut. */
static void
put_text(struct buf *out, enum smtp_reply r, struct slice arg)
{
	struct slice text = slice_str(rows[r].text);
	size_t at = slice_find(text, '%');

	buf_put_slice(out, slice_cut(text, 0, at));
	if (at == text.n)
		return;
	if (r == SMTP_REPLY_AUTH_CHALLENGE)
		buf_put_slice(out, arg);
	else
		put_clean(out, arg);
	buf_put_slice(out, slice_from(text, at + 1));
}

void
smtp_reply_put(struct buf *out, enum smtp_reply r, struct slice arg)
{
	if (r == SMTP_REPLY_NONE || r >= SMTP_REPLY_COUNT)
		return;
	buf_put_dec(out, rows[r].code);
	buf_put_u8(out, ' ');
	if (rows[r].enhanced[0]) {
		buf_put_str(out, rows[r].enhanced);
		buf_put_u8(out, ' ');
	}
	put_text(out, r, arg);
	buf_put_str(out, "\r\n");
}

void
smtp_reply_line(struct buf *out, unsigned code, bool is_last, struct slice text)
{
	buf_put_dec(out, code);
	buf_put_u8(out, is_last ? ' ' : '-');
	put_clean(out, text);
	buf_put_str(out, "\r\n");
}

unsigned
smtp_reply_foreign(struct buf *out, struct slice text)
{
	uint64_t code;

	if (!slice_u64(slice_cut(text, 0, 3), 599, &code) || code < 400 || text.n < 5 ||
		text.p[3] != ' ') {
		smtp_reply_put(out, SMTP_REPLY_LOCAL_ERROR, SLICE_EMPTY);
		return smtp_reply_code(SMTP_REPLY_LOCAL_ERROR);
	}
	put_clean(out, text);
	buf_put_str(out, "\r\n");
	return (unsigned)code;
}
