#include "smtp/smtp_dsn.h"

#include "smtp/smtp_trace.h"

static void
line(struct buf *out, const char *name, struct slice value)
{
	if (value.n)
		buf_printf(out, "%s%.*s\r\n", name, SLICE_FMT(value));
}

static void
date_line(struct buf *out, const char *name, int64_t sec)
{
	buf_put_str(out, name);
	smtp_trace_put_date(out, sec);
	buf_put_str(out, "\r\n");
}

/* "5.1.1 words" -> "5.1.1" */
static struct slice
code_of(struct slice status)
{
	struct slice code = slice_cut(status, 0, slice_find(status, ' '));

	return code.n ? code : SLICE_LIT("5.0.0");
}

static void
put_head(const struct smtp_dsn *d, struct buf *out, bool delay)
{
	buf_printf(out, "From: Mail Delivery System <MAILER-DAEMON@%.*s>\r\n",
		SLICE_FMT(d->hostname));
	buf_printf(out, "To: <%.*s>\r\n", SLICE_FMT(d->sender));
	buf_printf(out, "Subject: %s\r\n",
		delay ? "Delayed mail (still being tried)"
		      : "Undelivered mail returned to sender");
	date_line(out, "Date: ", d->now_sec);
	buf_printf(out, "Message-ID: <%lld.%.*s.dsn@%.*s>\r\n", (long long)d->now_sec,
		SLICE_FMT(d->queue_id), SLICE_FMT(d->hostname));
	line(out, "References: ", d->message_id);
	/* RFC 3834: no automatic answer to an automatic answer. */
	buf_put_str(out, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n");
	buf_printf(out,
		"Content-Type: multipart/report; report-type=%sdelivery-status;\r\n"
		"\tboundary=\"=_%.*s_dsn\"\r\n",
		d->smtputf8 ? "global-" : "", SLICE_FMT(d->queue_id));
}

static void
boundary(const struct smtp_dsn *d, struct buf *out, const char *end)
{
	buf_printf(out, "\r\n--=_%.*s_dsn%s\r\n", SLICE_FMT(d->queue_id), end);
}

static void
put_words(const struct smtp_dsn *d, struct buf *out, bool delay)
{
	boundary(d, out, "");
	buf_put_str(out, "Content-Type: text/plain; charset=utf-8\r\n"
			 "Content-Transfer-Encoding: 8bit\r\n\r\n");
	buf_printf(out, "This is the mail system at %.*s.\r\n\r\n", SLICE_FMT(d->hostname));
	buf_put_str(out,
		delay ? "Your message could not be delivered yet. It is still being tried;\r\n"
			"you need not send it again.\r\n\r\n"
		      : "Your message could not be delivered to the recipients below. The "
			"words\r\n"
			"behind each say why. Nothing more will be tried: send it again once "
			"the\r\n"
			"cause is gone.\r\n\r\n");
	for (size_t i = 0; i < d->rcpts; i++) {
		const struct smtp_dsn_rcpt *r = &d->rcpt[i];

		buf_printf(out, "<%.*s>", SLICE_FMT(r->address));
		if (r->via.n)
			buf_printf(out, " (expanded from <%.*s>)", SLICE_FMT(r->via));
		buf_printf(out, ": %.*s\r\n", SLICE_FMT(r->status));
	}
}

static void
put_rcpt(const struct smtp_dsn *d, const struct smtp_dsn_rcpt *r, struct buf *out)
{
	const char *type = d->smtputf8 ? "utf-8" : "rfc822";

	buf_put_str(out, "\r\n");
	line(out, "Original-Recipient: ", r->orcpt);
	buf_printf(out, "Final-Recipient: %s;%.*s\r\n", type, SLICE_FMT(r->address));
	buf_printf(out, "Action: %s\r\n", r->is_delay ? "delayed" : "failed");
	line(out, "Status: ", code_of(r->status));
	buf_printf(out, "Diagnostic-Code: x-hairpin; %.*s\r\n", SLICE_FMT(r->status));
}

bool
smtp_dsn_format(const struct smtp_dsn *d, struct buf *out)
{
	bool delay = d->rcpts && d->rcpt[0].is_delay;

	put_head(d, out, delay);
	put_words(d, out, delay);
	boundary(d, out, "");
	buf_printf(out, "Content-Type: message/%sdelivery-status\r\n\r\n",
		d->smtputf8 ? "global-" : "");
	line(out, "Original-Envelope-Id: ", d->envid);
	buf_printf(out, "Reporting-MTA: dns;%.*s\r\n", SLICE_FMT(d->hostname));
	buf_printf(out, "X-Queue-ID: %.*s\r\n", SLICE_FMT(d->queue_id));
	date_line(out, "Arrival-Date: ", d->arrived_sec);
	for (size_t i = 0; i < d->rcpts; i++)
		put_rcpt(d, &d->rcpt[i], out);
	if (d->returned_header.n) {
		boundary(d, out, "");
		buf_put_str(out, "Content-Type: text/rfc822-headers\r\n\r\n");
		buf_put_slice(out, d->returned_header);
	}
	boundary(d, out, "--");
	return !out->overflow;
}
