/* smtp_dsn: delivery status notifications (RFC 3464 in a multipart/report of
 * RFC 6522; RFC 6533 where addresses need UTF-8). Plain words first, then
 * what programs read. The returned header part needs the mail's key and is
 * added where that is at hand. Pure: times and ids come in. */
#ifndef SMTP_DSN_H
#define SMTP_DSN_H

#include "core/buf.h"

struct smtp_dsn_rcpt {
	struct slice address, orcpt; /* orcpt: "type;address", may be empty */
	struct slice via;	     /* the address that led there; may be empty */
	struct slice status;	     /* "5.1.1 words" */
	bool is_delay;		     /* still trying */
};
struct smtp_dsn {
	struct slice hostname, queue_id, envid, message_id, sender; /* sender: who is told */
	struct slice returned_header;				    /* empty: left out */
	bool smtputf8;
	int64_t arrived_sec, now_sec;
	const struct smtp_dsn_rcpt *rcpt;
	size_t rcpts;
};
/* The whole message, CRLF lines. False: out is full. */
bool smtp_dsn_format(const struct smtp_dsn *d, struct buf *out);

#endif
