/* gateway_show: what recipients are shown of a mail whose layers were taken off: the mark in
 * its head, tags in the subject, and the text, which is the old one where nothing of it
 * changed. Of an opened part Content-* becomes the mail's, and a protected Subject. Pure. */
#ifndef CRYPTO_GATEWAY_SHOW_H
#define CRYPTO_GATEWAY_SHOW_H

#include "crypto/gateway_answer.h"
#include "crypto/gateway_mark.h"

/* Some recipients, for whom the mail became the same. */
struct gateway_show {
	struct gateway_some some;
	const struct text *text;  /* the mail, or what was inside */
	struct gateway_head head; /* its header */
	bool is_rebuilt;	  /* it isn't the mail as it came */
	bool was_opened, is_open_to_change;
	const char *closed;    /* what wasn't opened: a comment for the mark; or NULL */
	const char *algorithm; /* that it was opened with */
	struct slice subject;  /* what the encrypted part says it is, UTF-8; may be empty */
	struct gateway_mark mark;
};
/* outer: the mail's header, without forged marks. Errors of the text and the room. */
enum err gateway_show_answer(
	struct gateway_work *w, const struct gateway_show *s, const struct gateway_head *outer);

#endif
