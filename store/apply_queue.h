/* apply_queue: queue items come in, are held and released, and go. */
#ifndef STORE_APPLY_QUEUE_H
#define STORE_APPLY_QUEUE_H

#include "store/apply.h"

/* RCPT_MAX: of an ENQUEUE. ROWS_MAX: recipients that an item may come to have by expansion. */
enum {
	APPLY_QUEUE_RCPT_MAX = 10000,
	APPLY_QUEUE_ROWS_MAX = 50000,
	APPLY_QUEUE_LIFE_SEC = 5 * 86400
};

enum err apply_queue_enqueue(struct apply *a, const Commands__Enqueue *c);
enum err apply_queue_lift(struct apply *a, const Commands__Lift *c);
enum err apply_queue_control(struct apply *a, const Commands__QueueControl *c);

/* For apply_step. Is the item well formed, with its body? Sets why. */
enum err apply_queue_check(struct apply *a, const Commands__Enqueue *c, const char **why);
/* Makes the item with this entry's body as payload; id = index. */
enum err apply_queue_make(struct apply *a, const Commands__Enqueue *c);
/* The recipients that an item has or had, read once for one command, with room for more new
 * ones; lives in the command's arena. */
struct apply_queue_known;
enum err apply_queue_know(struct apply *a, const Commands__Item *item, size_t more,
	struct apply_queue_known **out);
/* Adds recipients, but none that equals a known one (same account, else same address): nobody
 * is reached twice, and circles of aliases end. Numbers and counts go into item. */
enum err apply_queue_add(struct apply *a, Commands__Item *item, struct apply_queue_known *known,
	Commands__Rcpt *const *rcpt, size_t n);
/* Writes the row, and its due row unless done or waiting elsewhere. The old due row is the
 * caller's to drop. */
enum err apply_queue_put_rcpt(struct apply *a, const Commands__Item *item, uint32_t number,
	const Commands__RcptRow *row);
enum err apply_queue_drop_due(struct apply *a, const Commands__Item *item, uint32_t number,
	const Commands__RcptRow *row);
/* Writes the item back, or ends it (all rows, payload) when no recipient is left. */
enum err apply_queue_put_item(struct apply *a, Commands__Item *item);
/* Does the stage wait for the courier (and so stand in `due`)? */
bool apply_queue_is_due(int stage);
/* Forgets repeat keys whose time is over, at most limit. */
enum err apply_queue_expire_repeats(struct apply *a, uint32_t limit);

#endif
