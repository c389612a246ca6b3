/* apply_pass: recipients whose mail this node's engine has made what it is to be for them, in
 * one command: they are past stage FILTER, with the head that it made. */
#ifndef STORE_APPLY_PASS_H
#define STORE_APPLY_PASS_H

#include "store/apply.h"

/* Is the command well formed? True for one without `passed`. */
bool apply_pass_is_sound(const Commands__Step *c);
/* c is sound: do its recipients go on to be routed? Else, if it has `passed`, they are
 * delivered with that head by the same steps. */
bool apply_pass_moves(const Commands__Step *c);
/* The head that is meant, unless the engine left the mail as it was. p may be NULL. Borrows. */
void apply_pass_put_head(const Commands__Passed *p, Commands__Enqueue *envelope);
/* c moves, and its steps are fresh. Fills the result; result->id is the item in which the
 * recipients are now. The caller writes the item back. */
enum err apply_pass(struct apply *a, const Commands__Step *c, Commands__Item *item);

#endif
