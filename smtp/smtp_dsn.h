/* smtp_dsn: delivery status notifications (RFC 3464 in a multipart/report of RFC 6522; RFC
 * 6533 where addresses need UTF-8; RFC 3834). Plain words first, then what programs read, then
 * what came of the mail itself (RET of RFC 3461). Pure: times and random numbers come in.
 * Writes CRLF lines only, whatever the mail has, and octets above 127 only where the report is
 * global (RFC 6533), or where the mail that it returns has them. */
#ifndef SMTP_DSN_H
#define SMTP_DSN_H

#include "core/buf.h"

/* RETURN_MAX: octets of a mail, or of its header, that a report gives back; Postfix's
 * bounce_size_limit. */
enum { SMTP_DSN_RETURN_MAX = 50000 };

enum smtp_dsn_action {
	SMTP_DSN_FAILED,
	SMTP_DSN_DELAYED,
	SMTP_DSN_DELIVERED,
	SMTP_DSN_RELAYED, /* to a server that sends no reports */
	SMTP_DSN_EXPANDED /* to several others */
};
enum { SMTP_DSN_ACTIONS = SMTP_DSN_EXPANDED + 1 };

struct smtp_dsn_rcpt {
	enum smtp_dsn_action action;
	struct slice address, orcpt; /* orcpt: "type;address", may be empty */
	struct slice via;	     /* the address that led there; may be empty */
	struct slice status;	     /* "5.1.1 words" */
	/* The server whose words they are, and the words: "550 5.1.1 no such user". Empty: our
	 * own. */
	struct slice remote, reply;
	int64_t last_try_sec; /* 0: it wasn't tried */
	int64_t until_sec;    /* DELAYED: how long it is tried; 0: not known */
};
enum smtp_dsn_returns { SMTP_DSN_NOTHING, SMTP_DSN_HEADER, SMTP_DSN_MESSAGE };
struct smtp_dsn {
	struct slice hostname, queue_id, envid, message_id, sender; /* sender: who is told */
	bool smtputf8;	/* the mail needed it: so its sender may be told with it */
	uint64_t nonce; /* random: nobody writes a mail with the boundary of its report in it */
	int64_t arrived_sec, now_sec;
	const struct smtp_dsn_rcpt *rcpt;
	size_t rcpts;
	/* The front of the mail's text, its header at least, or RETURN_MAX octets. has_all: all
	 * of it. MESSAGE gives the header alone if the mail is larger than RETURN_MAX; a larger
	 * header ends with the last line that fits. */
	struct slice text;
	bool has_all;
	enum smtp_dsn_returns returns;
	bool hides_subject; /* it may have been encrypted: HEADER is without it */
};

/* Needs the report SMTPUTF8 on its way? */
bool smtp_dsn_is_global(const struct smtp_dsn *d);
/* Appends the whole message. False: out is full. */
bool smtp_dsn_format(const struct smtp_dsn *d, struct buf *out);

#endif
