/* queue_look: an item of the queue as the command line sees it: those of its recipients that
 * still wait, with what is known of their next hops, through a filter. Reads through a
 * transaction. */
#ifndef CMD_QUEUE_LOOK_H
#define CMD_QUEUE_LOOK_H

#include "cmd/queue_filter.h"
#include "core/err.h"
#include "store/commands.pb-c.h"

struct db_txn;

struct queue_look_rcpt {
	uint32_t number;
	const Commands__Rcpt *rcpt;
	uint64_t next_try_sec; /* its hop's, if that one is rested; else its own */
	const char *status;    /* its own last one; else its hop's, if that one failed; or "" */
};
struct queue_look {
	const struct queue_filter *filter; /* NULL: all */
	/* False ends it. What r points to lives as long as the arena. */
	bool (*each)(void *arg, const struct queue_look_rcpt *r);
	void *arg;
};

/* The item in a row of table item; NULL: it can't be read. */
Commands__Item *queue_look_item(struct slice row, struct arena *a);
/* Whose work the item is now; 0: nobody's. */
uint32_t queue_look_node(struct db_txn *txn, const Commands__Item *item);
bool queue_look_fits(struct db_txn *txn, const struct queue_filter *f,
	const Commands__Item *item, uint64_t now_sec);
enum err queue_look_rcpts(struct db_txn *txn, const Commands__Item *item, struct arena *a,
	const struct queue_look *look);

#endif
