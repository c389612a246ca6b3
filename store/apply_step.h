/* apply_step: one step of recipients of a queue item: all of its effects in one
 * command, refused when the courier saw an older state. */
#ifndef STORE_APPLY_STEP_H
#define STORE_APPLY_STEP_H

#include "store/apply.h"

enum { APPLY_STEP_MAX = 1024 };

enum err apply_step(struct apply *a, const Commands__Step *c);

#endif
