#include "smtp/smtp_dsn_text.h"

#include "core/utf8.h"
#include "smtp/smtp_trace.h"

enum { WIDTH = 76 };

/* --- lines --- */

static void
put_clean(struct buf *out, struct slice s, bool is_8bit)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		buf_put_u8(out, c < ' ' || c == 127 || (c > 127 && !is_8bit) ? '?' : c);
	}
}

static void
wrap(struct buf *out, size_t column, const char *indent, struct slice words, bool is_8bit)
{
	size_t margin = strlen(indent);
	bool is_first = true;

	while ((words = slice_trim(words)).n) {
		struct slice word = slice_cut(words, 0, slice_find(words, ' '));

		words = slice_from(words, word.n);
		if (!is_first && column + 1 + word.n > WIDTH) {
			buf_printf(out, "\r\n%s", indent);
			column = margin;
		} else if (!is_first) {
			buf_put_u8(out, ' ');
			column++;
		}
		put_clean(out, word, is_8bit);
		column += word.n;
		is_first = false;
	}
}

void
smtp_dsn_text_wrap(struct buf *out, size_t column, const char *indent, struct slice words)
{
	wrap(out, column, indent, words, true);
}

void
smtp_dsn_text_field(struct buf *out, const char *name, struct slice value, bool is_8bit)
{
	if (!value.n)
		return;
	buf_printf(out, "%s: ", name);
	wrap(out, strlen(name) + 2, " ", value, is_8bit);
	buf_put_str(out, "\r\n");
}

void
smtp_dsn_text_xtext(struct buf *out, struct slice s)
{
	while (s.n) {
		uint32_t c = s.p[0];
		size_t n = utf8_get(s, &c);

		/* RFC 6533 3: QCHAR stands for itself. */
		if (c > ' ' && c < 127 && c != '\\' && c != '+' && c != '=')
			buf_put_u8(out, (uint8_t)c);
		else
			buf_printf(out, "\\x{%02X}", n ? c : UTF8_REPLACEMENT);
		s = slice_from(s, n ? n : 1);
	}
}

void
smtp_dsn_text_lines(struct buf *out, struct slice text)
{
	while (text.n) {
		size_t n = slice_find(text, '\n');
		struct slice line = slice_cut(text, 0, n);

		if (n < text.n && line.n && line.p[line.n - 1] == '\r')
			line.n--;
		for (size_t cr; (cr = slice_find(line, '\r')) < line.n;
			line = slice_from(line, cr + 1)) {
			buf_put_slice(out, slice_cut(line, 0, cr));
			buf_put_u8(out, '?');
		}
		buf_put_slice(out, line);
		buf_put_str(out, "\r\n");
		text = slice_from(text, n + 1);
	}
}

struct slice
smtp_dsn_text_header(struct slice text)
{
	for (size_t at = 0; at < text.n;) {
		struct slice line = slice_from(text, at);

		line = slice_cut(line, 0, slice_find(line, '\n') + 1);
		if (slice_trim(line).n == 0 && line.p[line.n - 1] == '\n')
			return slice_cut(text, 0, at);
		at += line.n;
	}
	return text;
}

/* --- words --- */

/* What a status says to people: the first row counts that the code begins with, behind its
 * class. */
static const struct {
	const char *code, *words;
} failures[] = {
	{"1.1", "There is no such mailbox. Check the address for typing mistakes, or ask the "
		"recipient for another one."},
	{"1.2", "There is no such place for mail. Check what stands behind the @ for typing "
		"mistakes."},
	{"1.3", "The address isn't a valid one. Check it for typing mistakes."},
	{"1.6", "The mailbox has moved. Ask the recipient for the new address."},
	{"1.7", "Your own address wasn't accepted. Check the sender's address that your "
		"program sends with."},
	{"1.8", "Your own address wasn't accepted. Check the sender's address that your "
		"program sends with."},
	{"1.10", "The domain of the address takes no mail at all. Ask the recipient for "
		 "another address."},
	{"1.", "The address wasn't accepted. Check it for typing mistakes, or ask the "
	       "recipient for another one."},
	{"2.1", "The mailbox is disabled. Ask the recipient for another address."},
	{"2.2", "The mailbox is full. Tell the recipient by other means, and send the mail "
		"again once there is room."},
	{"2.3", "The mail is too large for this mailbox. Send less at once, or a link to it."},
	{"2.", "The mailbox couldn't take the mail. Send it again later, or ask the "
	       "recipient."},
	{"3.4", "The mail is too large for that server. Send less at once, or a link to it."},
	{"3.", "The server of the recipient couldn't take the mail. Send it again later."},
	{"4.6", "The mail went round in a circle. The postmaster of that address has to mend "
		"where it leads to."},
	{"4.7", "The mail could not be delivered in the time that it is kept for. Send it "
		"again later, or reach the recipient by other means."},
	{"4.", "No way to the server of the recipient was found. Check what stands behind the "
	       "@ for typing mistakes, or send it again later."},
	{"5.", "The servers didn't understand one another. Show this report to your "
	       "postmaster."},
	{"6.7", "That server doesn't know all letters of the addresses. Write to, or from, an "
		"address of plain letters."},
	{"6.9", "That server doesn't know all letters in the header of the mail, such as its "
		"subject. Write them in plain letters."},
	{"6.", "The server of the recipient can't take a mail of this form. Send it as plain "
	       "text, or without what is attached."},
	{"7.5", "It may leave only encrypted or signed, and that wasn't possible. Send it "
		"again once the cause is gone."},
	{"7.", "The rules of the recipient's server forbid this mail. If you believe that this "
	       "is wrong, show this report to the recipient, or to their postmaster."},
	{"", "Send it again once the cause is gone."},
};
static const struct {
	const char *code, *words;
} delays[] = {
	{"2.2", "The mailbox is full; it is tried whether there is room."},
	{"7.5", "It may leave only encrypted or signed, and that isn't possible yet."},
	{"7.", "The recipient's server doesn't want the mail yet."},
	{"4.", "The recipient's server can't be reached now."},
	{"", "The recipient's server can't take the mail now."},
};

static bool
code_begins(struct slice status, const char *code)
{
	struct slice rest = slice_cut(status, 2, slice_find(status, ' ')),
		     want = slice_str(code);

	return !want.n ||
	       (want.p[want.n - 1] == '.' ? slice_starts(rest, want) : slice_eq(rest, want));
}

static const char *
advice(const struct smtp_dsn_rcpt *r)
{
	size_t i = 0;

	switch (r->action) {
	case SMTP_DSN_FAILED:
		while (!code_begins(r->status, failures[i].code))
			i++;
		return failures[i].words;
	case SMTP_DSN_DELAYED:
		while (!code_begins(r->status, delays[i].code))
			i++;
		return delays[i].words;
	case SMTP_DSN_DELIVERED:
		return "It lies in the mailbox.";
	case SMTP_DSN_RELAYED:
		return "The next server has it. That one sends no reports: you may hear no "
		       "more of it.";
	case SMTP_DSN_EXPANDED:
		return "It was sent on to all who are behind this address.";
	}
	return "";
}

static const char *const intro[SMTP_DSN_ACTIONS] = {
	[SMTP_DSN_FAILED] = "Your message could not be delivered to the recipients below. "
			    "Nothing more will be tried.",
	[SMTP_DSN_DELAYED] = "Your message could not be delivered yet to the recipients below. "
			     "It is still being tried: you need not send it again.",
	[SMTP_DSN_DELIVERED] = "Your message was delivered to the recipients below.",
	[SMTP_DSN_RELAYED] = "Your message was handed on for the recipients below.",
	[SMTP_DSN_EXPANDED] = "Your message reached the addresses of several people below.",
};

static void
put_paragraph(struct buf *out, const char *indent, struct slice words)
{
	buf_put_str(out, indent);
	smtp_dsn_text_wrap(out, strlen(indent), indent, words);
	buf_put_str(out, "\r\n");
}

static void
put_rcpt(struct buf *out, const struct smtp_dsn_rcpt *r)
{
	struct slice host = r->remote;

	buf_put_str(out, "\r\n<");
	put_clean(out, r->address, true);
	buf_put_str(out, ">");
	if (r->via.n) {
		buf_put_str(out, " (expanded from <");
		put_clean(out, r->via, true);
		buf_put_str(out, ">)");
	}
	buf_put_str(out, "\r\n");
	put_paragraph(out, "    ", slice_str(advice(r)));
	if (r->reply.n) {
		buf_printf(out, "    %.*s said:\r\n", SLICE_FMT(host));
		put_paragraph(out, "        ", r->reply);
	} else if (r->action <= SMTP_DSN_DELAYED) {
		buf_put_str(out, "    The reason:\r\n");
		put_paragraph(out, "        ", r->status);
	}
	if (r->until_sec) {
		buf_put_str(out, "    It is tried until ");
		smtp_trace_put_date(out, r->until_sec);
		buf_put_str(out, ".\r\n");
	}
}

void
smtp_dsn_text_words(const struct smtp_dsn *d, struct buf *out)
{
	buf_printf(out, "This is the mail system at %.*s.\r\n", SLICE_FMT(d->hostname));
	for (int action = 0; action < SMTP_DSN_ACTIONS; action++) {
		bool has_intro = false;

		for (size_t i = 0; i < d->rcpts; i++) {
			if ((int)d->rcpt[i].action != action)
				continue;
			if (!has_intro) {
				buf_put_str(out, "\r\n");
				put_paragraph(out, "", slice_str(intro[action]));
			}
			has_intro = true;
			put_rcpt(out, &d->rcpt[i]);
		}
	}
}
