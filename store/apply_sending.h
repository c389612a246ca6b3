/* apply_sending: an account's sending limits: its recipients are counted when a mail of it is
 * taken in, in the whole cluster. */
#ifndef STORE_APPLY_SENDING_H
#define STORE_APPLY_SENDING_H

#include "store/apply.h"

/* Counts the mail's recipients, if it is an account's. False: they are more than its limits, as
 * the command brings them, leave room for; nothing is counted then. */
enum err apply_sending_take(struct apply *a, const Commands__Enqueue *c, bool *may);
/* Of an account that goes. */
enum err apply_sending_forget(struct apply *a, uint64_t account);

#endif
