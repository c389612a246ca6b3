/* apply_queue: queue items come in, are held and released, and go. */
#ifndef STORE_APPLY_QUEUE_H
#define STORE_APPLY_QUEUE_H

#include "store/apply.h"
#include "store/schema.h"

/* RCPT_MAX: of an ENQUEUE. ROWS_MAX: recipients that an item may come to have by expansion.
 * FILTERS_MAX: content filters that its recipients have. */
enum {
	APPLY_QUEUE_RCPT_MAX = 10000,
	APPLY_QUEUE_FILTERS_MAX = 64,
	APPLY_QUEUE_ROWS_MAX = 50000,
	APPLY_QUEUE_LIFE_SEC = 5 * 86400
};

enum err apply_queue_enqueue(struct apply *a, const Commands__Enqueue *c);
enum err apply_queue_lift(struct apply *a, const Commands__Lift *c);
enum err apply_queue_control(struct apply *a, const Commands__QueueControl *c);

/* For apply_step. Is the item well formed, with its body? Sets why. */
enum err apply_queue_check(struct apply *a, const Commands__Enqueue *c, const char **why);
/* Makes the item with this entry's body as payload; id = index. report_on: the item of which it
 * tells its sender, or 0. */
enum err apply_queue_make(struct apply *a, const Commands__Enqueue *c, uint64_t report_on);
/* The recipients that an item has or had, read once for one command, with room for more new
 * ones; lives in the command's arena. */
struct apply_queue_known;
enum err apply_queue_know(struct apply *a, const Commands__Item *item, size_t more,
	struct apply_queue_known **out);
/* Adds recipients, but none that equals a known one (same account, else same address): nobody
 * is reached twice, and circles of aliases end. Numbers and counts go into item. */
enum err apply_queue_add(struct apply *a, Commands__Item *item, struct apply_queue_known *known,
	Commands__Rcpt *const *rcpt, size_t n);
enum err apply_queue_put_rcpt(struct apply *a, const Commands__Item *item, uint32_t number,
	const Commands__RcptRow *row);
/* A recipient's rows in `due` and `relay`, from what it was to what it is; NULL or done: none.
 */
enum err apply_queue_wait(struct apply *a, const Commands__Item *item, uint32_t number,
	const Commands__RcptRow *before, const Commands__RcptRow *after);
/* The key of a waiting recipient's row in `due`. */
struct slice apply_queue_due_key(struct schema_key *k, const Commands__Item *item,
	uint32_t number, const Commands__Rcpt *r);
/* Its row in `relay`. False: it has none. row may be NULL. */
bool apply_queue_relay(const Commands__Item *item, uint32_t number,
	const Commands__RcptRow *row, struct schema_relay *out);
/* Writes the item back, or ends it (all rows, payload) when no recipient is left. */
enum err apply_queue_put_item(struct apply *a, Commands__Item *item);
/* Ends it, but for its reference to the payload, which somebody else has now. */
enum err apply_queue_end_item(struct apply *a, const Commands__Item *item);
/* Does who is in that stage stand in `due`? */
bool apply_queue_is_due(int stage);
/* Forgets repeat keys whose time is over, at most limit. */
enum err apply_queue_expire_repeats(struct apply *a, uint32_t limit);

#endif
