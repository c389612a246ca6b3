/* imap_match: does a message fulfil a SEARCH? Its text is opened only when what is known at
 * once leaves the answer open, and then read part by part; slow keys are looked at one after
 * another until the answer is known. */
#ifndef IMAP_MATCH_H
#define IMAP_MATCH_H

#include "core/mail_search.h"
#include "imap/imap_message.h"
#include "imap/imap_search.h"

struct imap_match {
	struct imap_message m; /* imap_message_set it before each judge, unless n_texts is 0 */
	const struct imap_search *what;
	/* Of the slow keys: folded texts, and what came of them in the message at hand. */
	struct slice *needles;
	uint8_t *answers;
	struct mail_search text; /* while BODY and TEXT keys are looked at */
};

/* what is borrowed; the session's arena holds the rest until fini. */
void imap_match_init(
	struct imap_match *x, struct imap_session *s, const struct imap_search *what);
void imap_match_fini(struct imap_match *x);
/* An err: the message can't be read. Sets in the keys must be resolved. */
enum err imap_match_judge(struct imap_match *x, const struct imap_search_facts *f, bool *yes);

#endif
