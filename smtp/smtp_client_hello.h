/* smtp_client_hello: what a server says of itself in its reply to EHLO or LHLO
 * (RFC 5321 4.1.1.1). Pure. Keywords that aren't known, and parameters that
 * can't be, are read over: they cost an extension, never the connection. */
#ifndef SMTP_CLIENT_HELLO_H
#define SMTP_CLIENT_HELLO_H

#include "core/slice.h"

enum smtp_client_offer {
	SMTP_CLIENT_PIPELINING = 1,   /* RFC 2920 */
	SMTP_CLIENT_SIZE = 2,	      /* RFC 1870 */
	SMTP_CLIENT_8BITMIME = 4,     /* RFC 6152 */
	SMTP_CLIENT_SMTPUTF8 = 8,     /* RFC 6531 */
	SMTP_CLIENT_DSN = 16,	      /* RFC 3461 */
	SMTP_CLIENT_STARTTLS = 32,    /* RFC 3207 */
	SMTP_CLIENT_CHUNKING = 64,    /* RFC 3030 */
	SMTP_CLIENT_BINARYMIME = 128, /* RFC 3030 */
	SMTP_CLIENT_AUTH = 256,	      /* RFC 4954 */
	SMTP_CLIENT_XFORWARD = 512    /* Postfix's, for content filters */
};
/* Attributes of XFORWARD: a bit 1 << FORWARD_x each. */
enum smtp_client_forward {
	SMTP_CLIENT_FORWARD_NAME,
	SMTP_CLIENT_FORWARD_ADDR,
	SMTP_CLIENT_FORWARD_PORT,
	SMTP_CLIENT_FORWARD_PROTO,
	SMTP_CLIENT_FORWARD_HELO,
	SMTP_CLIENT_FORWARD_IDENT,
	SMTP_CLIENT_FORWARD_SOURCE,
	SMTP_CLIENT_FORWARD_LOGIN, /* as in Postfix's XCLIENT */
	SMTP_CLIENT_FORWARDS
};

struct smtp_client_hello {
	struct slice name; /* what it calls itself, borrowed from the lines; may be empty */
	unsigned offers;   /* bits of enum smtp_client_offer */
	uint64_t size_max_bytes;     /* 0: not said, or no limit */
	uint32_t rcpt_max, mail_max; /* LIMITS of RFC 9422; 0: not said */
	unsigned mechanisms;	     /* of AUTH: bits 1 << enum sasl_mechanism */
	unsigned forwards;	     /* of XFORWARD: bits 1 << enum smtp_client_forward */
};

/* lines: a reply's, without codes, with LFs between them. is_extended: of EHLO or LHLO; the
 * lines of HELO only name the server. */
void smtp_client_hello_parse(
	struct slice lines, bool is_extended, struct smtp_client_hello *out);
/* The bit of an EHLO keyword, in any case; 0: it has none. */
unsigned smtp_client_hello_offer(struct slice keyword);
/* "NAME" ...; static. */
const char *smtp_client_hello_forward(enum smtp_client_forward f);

#endif
