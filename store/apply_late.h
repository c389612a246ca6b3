/* apply_late: the mails that wait behind a hop `key:ADDRESS` until they can be encrypted to
 * that address (cmd/courier_late). */
#ifndef STORE_APPLY_LATE_H
#define STORE_APPLY_LATE_H

#include "store/apply.h"

/* What waits for that address is to be tried now, at every node: whatever is known against it,
 * for those whose own time has come. @example.com: what waits for anybody there; .example.com:
 * for anybody below it; empty: for anybody. */
enum err apply_late_hurry(struct apply *a, struct slice whom);

#endif
