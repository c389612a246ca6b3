/* apply_sweep: bounded work left over by deletions. */
#ifndef STORE_APPLY_SWEEP_H
#define STORE_APPLY_SWEEP_H

#include "store/apply.h"

enum { APPLY_SWEEP_MAX = 1000 };

/* At most min(limit, APPLY_SWEEP_MAX) rows of deleted mailboxes, and as many repeat keys and
 * MTA-STS policies that are over. */
enum err apply_sweep(struct apply *a, const Commands__Sweep *c);

#endif
