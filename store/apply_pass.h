/* apply_pass: recipients whose mail this node's engine has made what it is to be for them, in
 * one command: they are past stage FILTER, or before the next filter, with the head and maybe
 * the body that it made. */
#ifndef STORE_APPLY_PASS_H
#define STORE_APPLY_PASS_H

#include "store/apply.h"

/* Is the command well formed? True for one without `passed`. */
bool apply_pass_is_sound(const Commands__Step *c);
/* c is sound: do its recipients go on to be routed? Else, if it has `passed`, they are
 * delivered with that head by the same steps. */
bool apply_pass_moves(const Commands__Step *c);
/* Is what it brings good: its body as announced, its queue key open? p may be NULL. */
enum err apply_pass_check(struct apply *a, const Commands__Passed *p, bool *ok);
/* May the recipient have it next who is named? p may be NULL. */
bool apply_pass_may(
	const Commands__Passed *p, const Commands__Item *item, const Commands__Rcpt *rcpt);
/* What the mail is from now on, where the engine didn't leave it as it was. p may be NULL.
 * Borrows. */
void apply_pass_put(const Commands__Passed *p, Commands__Enqueue *envelope);
/* What is to be remembered of it. p may be NULL. */
enum err apply_pass_learn(struct apply *a, const Commands__Passed *p);
/* c moves, and its steps are fresh. Fills the result; result->id is the item in which the
 * recipients are now. The caller writes the item back. */
enum err apply_pass(struct apply *a, const Commands__Step *c, Commands__Item *item);

#endif
