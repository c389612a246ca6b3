#include "smtp/smtp_trace.h"

#include "core/mail_date.h"
#include "core/zone.h"

void
smtp_trace_put_date(struct buf *out, int64_t now_sec)
{
	mail_date_format((struct mail_date){now_sec, zone_offset_min(now_sec)}, out);
}

const char *
smtp_trace_with(const struct smtp_trace *t)
{
	/* [utf8][lmtp][tls][auth] */
	static const char *const names[2][2][2][2] = {
		{{{"ESMTP", "ESMTPA"}, {"ESMTPS", "ESMTPSA"}},
			{{"LMTP", "LMTPA"}, {"LMTPS", "LMTPSA"}}},
		{{{"UTF8SMTP", "UTF8SMTPA"}, {"UTF8SMTPS", "UTF8SMTPSA"}},
			{{"UTF8LMTP", "UTF8LMTPA"}, {"UTF8LMTPS", "UTF8LMTPSA"}}},
	};

	if (!t->is_lmtp && !t->is_esmtp)
		return "SMTP";
	return names[t->is_utf8][t->is_lmtp][t->tls_cipher.n > 0][t->is_authenticated];
}

static void
put_client(struct buf *out, const struct smtp_trace *t)
{
	buf_put_slice(out, t->helo.n ? t->helo : SLICE_LIT("unknown"));
	if (t->client_ip.n == 0) {
		buf_put_str(out, " (local)");
		return;
	}
	buf_put_str(out, " (");
	buf_put_slice(out, t->client_name.n ? t->client_name : SLICE_LIT("unknown"));
	buf_put_str(out, slice_has(t->client_ip, ':') ? " [IPv6:" : " [");
	buf_put_slice(out, t->client_ip);
	buf_put_str(out, "])");
}

void
smtp_trace_received(struct buf *out, const struct smtp_trace *t)
{
	buf_put_str(out, "Received: from ");
	put_client(out, t);
	buf_put_str(out, "\r\n\tby ");
	buf_put_slice(out, t->by);
	buf_printf(out, " (hairpin) with %s id ", smtp_trace_with(t));
	buf_put_slice(out, t->id);
	if (t->only_rcpt.n) {
		buf_put_str(out, "\r\n\tfor <");
		buf_put_slice(out, t->only_rcpt);
		buf_put_u8(out, '>');
	}
	if (t->tls_cipher.n) {
		buf_put_str(out, "\r\n\ttls ");
		buf_put_slice(out, t->tls_cipher);
	}
	buf_put_str(out, ";\r\n\t");
	smtp_trace_put_date(out, t->now_sec);
	buf_put_str(out, "\r\n");
}

void
smtp_trace_return_path(struct buf *out, struct slice path)
{
	buf_put_str(out, "Return-Path: <");
	buf_put_slice(out, path);
	buf_put_str(out, ">\r\n");
}

void
smtp_trace_delivered_to(struct buf *out, struct slice address)
{
	buf_put_str(out, "Delivered-To: ");
	buf_put_slice(out, address);
	buf_put_str(out, "\r\n");
}

void
smtp_trace_date(struct buf *out, int64_t now_sec)
{
	buf_put_str(out, "Date: ");
	smtp_trace_put_date(out, now_sec);
	buf_put_str(out, "\r\n");
}

void
smtp_trace_message_id(struct buf *out, const struct smtp_trace *t)
{
	buf_printf(out, "Message-ID: <%lld.", (long long)t->now_sec);
	buf_put_slice(out, t->id);
	buf_put_u8(out, '@');
	buf_put_slice(out, t->by);
	buf_put_str(out, ">\r\n");
}
