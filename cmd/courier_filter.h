/* courier_filter: a mail passes the engine of this node, which is filterd's: its text is parsed
 * there, and nowhere else. What comes of it is one step of all recipients that it was asked
 * for. */
#ifndef CMD_COURIER_FILTER_H
#define CMD_COURIER_FILTER_H

#include "cmd/courier_step.h"

struct courier_filter {
	struct courier_step *s;
	unsigned way; /* a LOOP_GUARD_x: that of all recipients in s */
	bool is_again;
	ipc_answer_cb cb;
	void *arg;
};

/* Does the engine of this node have the recipient in hand before it is routed? */
bool courier_filter_is_for(const Commands__Item *item, const Commands__Rcpt *rcpt);
/* f is filled, but for is_again, and lives until cb(arg, e, NULL): with ERR_OK the steps of
 * f->s may be proposed; else keyd failed (no f->s->has_key), or the engine did. Cancelled by
 * courier_step_fini. ERR_NOT_FOUND: as courier_step_open; cb never comes. */
enum err courier_filter_start(struct courier_filter *f);

#endif
