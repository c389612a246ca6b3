/* smtp_client_body: the octets of a message on their way out, as a streaming
 * state machine (RFC 5321 2.3.8 and 4.5.2; RFC 3030 for BDAT). Pure, holds no
 * octets. What leaves has no bare CR and no bare LF, whatever comes: of each a
 * CRLF is made (as Postfix does), and counted. Nothing else is changed: lines
 * of any length pass whole, because a cut would break signatures and MIME, and
 * are counted too. */
#ifndef SMTP_CLIENT_BODY_H
#define SMTP_CLIENT_BODY_H

#include "core/buf.h"

enum { SMTP_CLIENT_BODY_LINE_MAX = 998 }; /* RFC 5321 4.5.3.1.6, without CRLF */

struct smtp_client_body {
	uint64_t bare_crs, bare_lfs, long_lines;
	bool has_nul; /* it was passed on all the same */
	/* its own */
	bool is_stuffed;
	uint8_t state;
	uint64_t column;
};

/* is_stuffed: for DATA, a dot goes before each dot that begins a line; false: for BDAT. */
void smtp_client_body_init(struct smtp_client_body *b, bool is_stuffed);
/* Appends at most 2 * in.n + 2 octets. A CR that ends `in` waits for what follows. */
void smtp_client_body_feed(struct smtp_client_body *b, struct slice in, struct buf *out);
/* The message is over: appends the CRLF that its last line may lack; never the final dot. */
void smtp_client_body_finish(struct smtp_client_body *b, struct buf *out);

#endif
