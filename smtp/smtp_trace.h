/* smtp_trace: the fields that a server writes on top of a message: Return-Path
 * and Received (RFC 5321 4.4; keywords of RFC 3848 and RFC 6531; the tls clause
 * of RFC 8314 4.3), Delivered-To, and for submission the Date and Message-ID
 * that a client left out (RFC 6409 8). Pure: time and ids come in; the zone is
 * the process's. All slices were checked by smtp_parse (no controls); fields end
 * in CRLF. */
#ifndef SMTP_TRACE_H
#define SMTP_TRACE_H

#include "core/buf.h"

struct smtp_trace {
	struct slice helo;	  /* as the client said it; empty: it said none */
	struct slice client_name; /* its verified name; empty: unknown */
	struct slice client_ip;	  /* text; empty: a local socket */
	struct slice by;	  /* our host name */
	struct slice id;	  /* the message's id in our logs */
	struct slice tls_cipher;  /* empty: no TLS */
	struct slice
		only_rcpt; /* the recipient if there is exactly one, else empty (privacy) */
	bool is_lmtp, is_esmtp, is_authenticated, is_utf8;
	int64_t now_sec; /* UTC */
};

/* "Received: from ... by ... with ... id ...; date". */
void smtp_trace_received(struct buf *out, const struct smtp_trace *t);
/* path: without brackets; empty: the null path. */
void smtp_trace_return_path(struct buf *out, struct slice path);
void smtp_trace_delivered_to(struct buf *out, struct slice address);
void smtp_trace_date(struct buf *out, int64_t now_sec);
/* <seconds.id@by> */
void smtp_trace_message_id(struct buf *out, const struct smtp_trace *t);
/* SMTP, ESMTP, ESMTPSA, LMTPS, UTF8SMTPA and so on: static. */
const char *smtp_trace_with(const struct smtp_trace *t);
/* "Tue, 24 Nov 2026 14:52:33 +0000" */
void smtp_trace_put_date(struct buf *out, int64_t now_sec);

#endif
