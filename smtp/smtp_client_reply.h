/* smtp_client_reply: replies of an SMTP or LMTP server, as a streaming parser
 * (RFC 5321 4.2, RFC 2034 enhanced codes in the form of RFC 3463). Pure. The
 * server is hostile: what is kept is bounded, and printable ASCII; each other
 * octet becomes "?", a tab a blank. A line may end in a bare LF. */
#ifndef SMTP_CLIENT_REPLY_H
#define SMTP_CLIENT_REPLY_H

#include "core/buf.h"
#include "core/err.h"

enum {
	SMTP_CLIENT_REPLY_LINE_MAX = 2048, /* octets of a line, its end included */
	SMTP_CLIENT_REPLY_LINE_KEPT = 512, /* RFC 5321 4.5.3.1.5; what follows is read over */
	SMTP_CLIENT_REPLY_LINES_MAX = 500, /* so a reply has at most 1,024,000 octets */
	SMTP_CLIENT_REPLY_TEXT_MAX = 1024, /* of smtp_client_reply_text */
	SMTP_CLIENT_REPLY_ENHANCED = 12
};

struct smtp_client_reply {
	unsigned code; /* 200 to 599, the same in each line; 0: nothing has come */
	/* "5.1.1", NUL-terminated; "": none, or of another class than the code */
	char enhanced[SMTP_CLIENT_REPLY_ENHANCED];
	struct buf lines; /* without codes, with an LF between them; a line may be empty */
	/* the parser's own */
	uint8_t line[SMTP_CLIENT_REPLY_LINE_KEPT];
	size_t kept, octets, n;
	bool is_whole, has_cr;
};

void smtp_client_reply_init(struct smtp_client_reply *r);
void smtp_client_reply_fini(struct smtp_client_reply *r);
/* Takes octets from the front of in; *used says how many.
 * ERR_OK: a reply is whole; it stays until the next call, which begins a new one.
 * ERR_MORE: all were taken. ERR_SYNTAX: not a reply, or the codes of its lines
 * differ. ERR_TOO_BIG: a limit. After these two nothing can be read any more. */
enum err smtp_client_reply_feed(struct smtp_client_reply *r, struct slice in, size_t *used);
/* Appends a whole reply as one line for people, at most TEXT_MAX octets: the code, the
 * enhanced code, the lines with a blank between them. */
void smtp_client_reply_text(const struct smtp_client_reply *r, struct buf *out);
/* After ERR_SYNTAX and ERR_TOO_BIG: the front of the line that was at fault. Lives as long as
 * r. */
struct slice smtp_client_reply_fault(const struct smtp_client_reply *r);

#endif
