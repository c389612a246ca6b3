/* apply_queue: queue items come in, are held and released, and go. */
#ifndef STORE_APPLY_QUEUE_H
#define STORE_APPLY_QUEUE_H

#include "store/apply.h"

enum { APPLY_QUEUE_RCPT_MAX = 10000, APPLY_QUEUE_LIFE_SEC = 5 * 86400 };

enum err apply_queue_enqueue(struct apply *a, const Commands__Enqueue *c);
enum err apply_queue_lift(struct apply *a, const Commands__Lift *c);
enum err apply_queue_control(struct apply *a, const Commands__QueueControl *c);

/* For apply_step. Is the item well formed, with its body? Sets why. */
enum err apply_queue_check(struct apply *a, const Commands__Enqueue *c, const char **why);
/* Makes the item with this entry's body as payload; id = index. */
enum err apply_queue_make(struct apply *a, const Commands__Enqueue *c);
/* Adds recipients, but none that equals one which the item has or had (same account, else same
 * address): nobody is reached twice, and circles of aliases end. Numbers and counts go into
 * item. */
enum err apply_queue_add(
	struct apply *a, Commands__Item *item, Commands__Rcpt *const *rcpt, size_t n);
/* Writes the row, and its due row unless done or waiting elsewhere. The old due row is the
 * caller's to drop. */
enum err apply_queue_put_rcpt(
	struct apply *a, uint64_t item, uint32_t number, const Commands__RcptRow *row);
enum err apply_queue_drop_due(
	struct apply *a, uint64_t item, uint32_t number, const Commands__RcptRow *row);
/* Writes the item back, or ends it (all rows, payload) when no recipient is left. */
enum err apply_queue_put_item(struct apply *a, Commands__Item *item);
/* Does the stage wait for the courier (and so stand in `due`)? */
bool apply_queue_is_due(int stage);
/* Forgets repeat keys whose time is over, at most limit. */
enum err apply_queue_expire_repeats(struct apply *a, uint32_t limit);

#endif
