/* smtp_data: the octets of a message on their way in, as a streaming state
 * machine (RFC 5321 4.5.2 for DATA, RFC 3030 for BDAT). Pure, holds no octets.
 * The only end of DATA is CRLF "." CRLF (or "." CRLF at once); what other
 * servers might take for an end (bare LF, bare CR around the dot) never is, and
 * is flagged, so that the message gets refused after its true end: nothing can
 * be smuggled behind it. */
#ifndef SMTP_DATA_H
#define SMTP_DATA_H

#include "core/slice.h"

enum smtp_flaw { SMTP_FLAW_CR = 1, SMTP_FLAW_LF = 2, SMTP_FLAW_NUL = 4 };

struct smtp_data {
	uint8_t state;
	uint8_t flaws; /* enum smtp_flaw, seen so far */
};

void smtp_data_init(struct smtp_data *d);
/* DATA: takes octets from the front of in and returns how many. *span is what of
 * them belongs to the message (dots unstuffed), borrowed from in; may be empty.
 * *is_end: the true end was consumed. Call again while something is left.
 * Once a flaw is seen, spans may lack octets: the message is refused anyway. */
size_t smtp_data_feed(struct smtp_data *d, struct slice in, struct slice *span, bool *is_end);
/* BDAT: looks at octets that are taken as they are. */
void smtp_data_look(struct smtp_data *d, struct slice in);
/* BDAT, after the last chunk: a CR that ends the message is bare. Returns true
 * when the message lacks its last CRLF (which is then for the caller to add). */
bool smtp_data_finish(struct smtp_data *d);

#endif
