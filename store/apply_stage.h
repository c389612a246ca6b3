/* apply_stage: the messages of one APPEND (RFC 3502 MULTIAPPEND) come into their mailbox
 * together or not at all. They gather in a stage: a mailbox whose name begins with NUL, so that
 * no client can name it. It is taken in by APPEND like any other mailbox; quota counts. */
#ifndef STORE_APPLY_STAGE_H
#define STORE_APPLY_STAGE_H

#include "store/apply.h"

enum { APPLY_STAGE_SEC = 3600 /* a stage that isn't closed by then is dropped */ };

/* result: id, the stage. */
enum err apply_stage_open(struct apply *a, const Commands__StageOpen *c);
/* result as of COPY. Refused (too many, another account's mailbox): the stage stays. */
enum err apply_stage_close(struct apply *a, const Commands__StageClose *c);
/* For the sweep: drops the stage if its time is over. */
enum err apply_stage_expire(struct apply *a, uint64_t stage, struct slice until, bool *is_over);

#endif
