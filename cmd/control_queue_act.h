/* control_queue_act: what the command line does to mails of the queue: to one, by its id, or to
 * those that filters (queue_filter) name, page by page: one request, one page. Its answer has
 * `count`, the mails that were changed, and when more may come `next` and `until`, which the
 * next request gives as `after` and `until`: what comes in later is left alone. */
#ifndef CMD_CONTROL_QUEUE_ACT_H
#define CMD_CONTROL_QUEUE_ACT_H

#include "cmd/control.h"

/* queue retry, hold, release, delete, reroute. */
void control_queue_act(struct control_request *r);
/* The request's `id`. False: failed. */
bool control_queue_act_id(struct control_request *r, uint64_t *id);

#endif
