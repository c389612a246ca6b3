#include "smtp/smtp_dsn.h"

#include "core/mail_encode.h"
#include "core/mail_header.h"
#include "core/utf8.h"
#include "smtp/smtp_dsn_text.h"
#include "smtp/smtp_trace.h"

static const char *const action_name[SMTP_DSN_ACTIONS] = {
	"failed", "delayed", "delivered", "relayed", "expanded"};

static const char *
subject_of(const struct smtp_dsn *d)
{
	bool has[SMTP_DSN_ACTIONS] = {false};

	for (size_t i = 0; i < d->rcpts; i++)
		has[d->rcpt[i].action] = true;
	return has[SMTP_DSN_FAILED]    ? "Undelivered mail returned to sender"
	       : has[SMTP_DSN_DELAYED] ? "Delayed mail (still being tried)"
				       : "Successful mail delivery report";
}

/* --- what is returned --- */

/* What fits, in whole lines. */
static struct slice
cut_header(struct slice header)
{
	size_t n = header.n;

	if (n <= SMTP_DSN_RETURN_MAX)
		return header;
	n = SMTP_DSN_RETURN_MAX;
	while (n && header.p[n - 1] != '\n')
		n--;
	return slice_cut(header, 0, n);
}

static bool
is_whole(const struct smtp_dsn *d)
{
	return d->returns == SMTP_DSN_MESSAGE && d->has_all && d->text.n <= SMTP_DSN_RETURN_MAX;
}

bool
smtp_dsn_is_global(const struct smtp_dsn *d)
{
	if (!d->smtputf8)
		return false;
	for (size_t i = 0; i < d->rcpts; i++)
		if (!utf8_is_ascii(d->rcpt[i].address) || !utf8_is_ascii(d->rcpt[i].via))
			return true;
	return !utf8_is_ascii(d->sender) ||
	       (d->returns && !utf8_is_ascii(smtp_dsn_text_header(d->text)));
}

/* --- the parts --- */

static void
date_line(struct buf *out, const char *name, int64_t sec)
{
	buf_put_str(out, name);
	smtp_trace_put_date(out, sec);
	buf_put_str(out, "\r\n");
}

/* "<left@right>", and no more: what a client wrote there may be anything. */
static bool
is_message_id(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 127)
			return false;
	return s.n > 2 && s.p[0] == '<' && slice_find(s, '>') == s.n - 1;
}

static void
put_head(const struct smtp_dsn *d, struct buf *out)
{
	buf_printf(out, "From: Mail Delivery System <MAILER-DAEMON@%.*s>\r\n",
		SLICE_FMT(d->hostname));
	buf_printf(out, "To: <%.*s>\r\n", SLICE_FMT(d->sender));
	buf_printf(out, "Subject: %s\r\n", subject_of(d));
	date_line(out, "Date: ", d->now_sec);
	buf_printf(out, "Message-ID: <%lld.%.*s.%016llx@%.*s>\r\n", (long long)d->now_sec,
		SLICE_FMT(d->queue_id), (unsigned long long)d->nonce, SLICE_FMT(d->hostname));
	if (is_message_id(d->message_id))
		buf_printf(out, "References: %.*s\r\n", SLICE_FMT(d->message_id));
	/* RFC 3834: no automatic answer to an automatic answer. */
	buf_put_str(out, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n");
	buf_printf(out,
		"Content-Type: multipart/report; report-type=%sdelivery-status;\r\n"
		"\tboundary=\"=_%.*s_%016llx\"\r\n",
		smtp_dsn_is_global(d) ? "global-" : "", SLICE_FMT(d->queue_id),
		(unsigned long long)d->nonce);
}

static void
boundary(const struct smtp_dsn *d, struct buf *out, const char *end)
{
	buf_printf(out, "\r\n--=_%.*s_%016llx%s\r\n", SLICE_FMT(d->queue_id),
		(unsigned long long)d->nonce, end);
}

/* A part whose type may be encoded. */
static void
put_encoded(struct buf *out, const char *type, struct slice lines)
{
	bool is_plain = utf8_is_ascii(lines);
	struct mail_encode e;

	buf_printf(out, "Content-Type: %s\r\n%s\r\n", type,
		is_plain ? "" : "Content-Transfer-Encoding: quoted-printable\r\n");
	if (is_plain) {
		buf_put_slice(out, lines);
		return;
	}
	mail_encode_init(&e, MAIL_ENCODING_QP);
	mail_encode_feed(&e, lines, out);
	mail_encode_end(&e, out);
}

/* A part whose type may not be. */
static void
put_as_it_is(struct buf *out, const char *type, struct slice lines)
{
	buf_printf(out, "Content-Type: %s\r\n%s\r\n", type,
		utf8_is_ascii(lines) ? "" : "Content-Transfer-Encoding: 8bit\r\n");
	buf_put_slice(out, lines);
}

static void
put_address(const struct smtp_dsn *d, struct slice address, struct buf *out)
{
	struct buf value;

	buf_init(&value, out->cap);
	if (utf8_is_ascii(address)) {
		buf_put_str(&value, "rfc822;");
		buf_put_slice(&value, address);
	} else {
		buf_put_str(&value, "utf-8;");
		if (smtp_dsn_is_global(d))
			buf_put_slice(&value, address);
		else
			smtp_dsn_text_xtext(&value, address);
	}
	smtp_dsn_text_field(out, "Final-Recipient", buf_slice(&value), true);
	out->overflow |= value.overflow;
	buf_fini(&value);
}

/* "5.1.1 words" -> "5.1.1" */
static struct slice
code_of(struct slice status)
{
	struct slice code = slice_cut(status, 0, slice_find(status, ' '));

	return code.n ? code : SLICE_LIT("5.0.0");
}

static void
put_diagnostic(const struct smtp_dsn_rcpt *r, struct buf *out)
{
	struct slice words = r->reply.n ? r->reply : r->status;
	struct buf value;

	buf_init(&value, out->cap);
	buf_put_str(&value, r->reply.n ? "smtp; " : "x-hairpin; ");
	buf_put_slice(&value, words);
	smtp_dsn_text_field(out, "Diagnostic-Code", buf_slice(&value), false);
	out->overflow |= value.overflow;
	buf_fini(&value);
}

static void
put_rcpt(const struct smtp_dsn *d, const struct smtp_dsn_rcpt *r, struct buf *out)
{
	buf_put_str(out, "\r\n");
	smtp_dsn_text_field(out, "Original-Recipient", r->orcpt, smtp_dsn_is_global(d));
	put_address(d, r->address, out);
	buf_printf(out, "Action: %s\r\n", action_name[r->action]);
	smtp_dsn_text_field(out, "Status", code_of(r->status), false);
	if (r->remote.n)
		buf_printf(out, "Remote-MTA: dns;%.*s\r\n", SLICE_FMT(r->remote));
	put_diagnostic(r, out);
	if (r->last_try_sec)
		date_line(out, "Last-Attempt-Date: ", r->last_try_sec);
	/* RFC 3464 2.3.8: the last server's name of it. */
	if (!r->remote.n)
		buf_printf(out, "Final-Log-ID: %.*s\r\n", SLICE_FMT(d->queue_id));
	if (r->until_sec)
		date_line(out, "Will-Retry-Until: ", r->until_sec);
}

static void
put_fields(const struct smtp_dsn *d, struct buf *out)
{
	smtp_dsn_text_field(out, "Original-Envelope-Id", d->envid, false);
	buf_printf(out, "Reporting-MTA: dns;%.*s\r\n", SLICE_FMT(d->hostname));
	buf_printf(out, "X-Queue-ID: %.*s\r\n", SLICE_FMT(d->queue_id));
	date_line(out, "Arrival-Date: ", d->arrived_sec);
	for (size_t i = 0; i < d->rcpts; i++)
		put_rcpt(d, &d->rcpt[i], out);
}

static void
header_lines(const struct smtp_dsn *d, struct buf *out)
{
	struct slice header = cut_header(smtp_dsn_text_header(d->text));
	struct mail_header walk;
	struct mail_field f;

	mail_header_begin(&walk, header);
	while (mail_header_next(&walk, &f))
		if (!d->hides_subject || !slice_eq_nocase(f.name, SLICE_LIT("Subject")))
			smtp_dsn_text_lines(out, f.raw);
}

static void
put_returned(const struct smtp_dsn *d, struct buf *out)
{
	bool is_utf8 = smtp_dsn_is_global(d) && !utf8_is_ascii(smtp_dsn_text_header(d->text));
	struct buf lines;

	buf_init(&lines, out->cap);
	if (is_whole(d))
		smtp_dsn_text_lines(&lines, d->text);
	else
		header_lines(d, &lines);
	if (is_whole(d))
		put_as_it_is(
			out, is_utf8 ? "message/global" : "message/rfc822", buf_slice(&lines));
	else if (is_utf8)
		put_as_it_is(out, "message/global-headers", buf_slice(&lines));
	else
		put_encoded(out, "text/rfc822-headers", buf_slice(&lines));
	out->overflow |= lines.overflow;
	buf_fini_secret(&lines);
}

bool
smtp_dsn_format(const struct smtp_dsn *d, struct buf *out)
{
	struct buf part;

	buf_init(&part, out->cap);
	put_head(d, out);
	boundary(d, out, "");
	smtp_dsn_text_words(d, &part);
	put_encoded(out, "text/plain; charset=utf-8", buf_slice(&part));
	boundary(d, out, "");
	out->overflow |= part.overflow;
	buf_clear(&part);
	put_fields(d, &part);
	put_as_it_is(out,
		smtp_dsn_is_global(d) ? "message/global-delivery-status"
				      : "message/delivery-status",
		buf_slice(&part));
	if (d->returns && d->text.n) {
		boundary(d, out, "");
		put_returned(d, out);
	}
	boundary(d, out, "--");
	out->overflow |= part.overflow;
	buf_fini(&part);
	return !out->overflow;
}
