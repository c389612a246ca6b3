/* imap_batch: a command to many messages goes to the store in batches, each one command of the
 * log. */
#ifndef IMAP_BATCH_H
#define IMAP_BATCH_H

#include "imap/imap_session.h"

enum { IMAP_BATCH_MAX = 1000 }; /* messages: the store's limit on one command */

/* Begins the work (s->work) of each command that uses it. */
struct imap_batch {
	uint32_t *uids, n, at; /* all, rising, and how many went */
	Commands__Command command;
	Commands__Uids ranges; /* those of the batch at hand: for the command's own message */
	/* With each answer. */
	void (*then)(struct imap_session *s, enum err e, const Commands__Result *r);
};

void imap_batch_init(struct imap_batch *b,
	void (*then)(struct imap_session *s, enum err e, const Commands__Result *r));
/* Asks the store for the next batch of s->work, once the client has read what was said; with
 * none left the command is ended by OK. */
void imap_batch_next(struct imap_session *s);

#endif
