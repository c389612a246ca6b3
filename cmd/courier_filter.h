/* courier_filter: a mail passes the engine of this node, which is filterd's: its text is parsed
 * there, and nowhere else. The engine answers for groups of recipients; what comes of each
 * group is one step, and those follow each other. New texts come sealed, in memory or in
 * files, and go to the log with the step that needs them. */
#ifndef CMD_COURIER_FILTER_H
#define CMD_COURIER_FILTER_H

#include "cmd/courier_step.h"
#include "core/ipc.pb-c.h"
#include "crypto/gateway.h"

/* BYTES_MAX: of sealed mails that are with the engine at once, each counted for itself and for
 * each recipient, who may get a text of his own; and of one question. MS: the engine works on
 * one at a time. */
enum {
	COURIER_FILTER_BYTES_MAX = 256 << 20,
	COURIER_FILTER_MS = 100000,
	COURIER_FILTER_OPENED_SEC = 400 * 86400
};

struct courier_filter {
	struct courier_step *s;
	unsigned way; /* a LOOP_GUARD_x: that of all recipients in s */
	ipc_answer_cb cb;
	void *arg;
	/* Its own: */
	struct courier_filter *next;
	bool is_again, is_in_list, has_passed_one, has_told_all;
	uint64_t token;
	Gateway__Question *question;
	struct slice packed;
	struct buf part;
	int fd; /* that holds what doesn't fit the question, or -1 */
	uint64_t at, weight;
	uint32_t parts;
	struct loop_timer *timer;
	struct courier_filter_made *made; /* list, newest first */
	size_t n_made;
	const Ipc__FilterPassed *passed;
	const Gateway__Answer *answer;
	Commands__RcptRow **row; /* as they were asked for */
	Commands__RcptStep **step;
	size_t n;
	uint32_t *group; /* of each step that is in s, in their order then */
	Commands__RcptStep **first;
};

/* Hears of what the engine makes. */
void courier_filter_init(struct courier *c);
/* Does the engine of this node have the recipient in hand before it is routed? */
bool courier_filter_is_for(const Commands__Item *item, const Commands__Rcpt *rcpt);
/* The mail was decrypted here, and leaves again for this recipient: the engine has it in hand
 * once more, as it mustn't leave in the clear. The place of that filter; 0: it needn't. */
uint32_t courier_filter_again(const Commands__Item *item, const Commands__Rcpt *rcpt);
/* So many recipients of it may be in one question. */
size_t courier_filter_max(const Commands__Item *item);
/* f is filled down to arg, the rest is zero, and lives until courier_filter_fini. cb(arg, e,
 * NULL): with ERR_OK the steps of the first group may be proposed; else keyd failed (no
 * f->s->has_key), or the engine did (ERR_UNAVAILABLE: it couldn't ask keyd). ERR_NOT_FOUND: as
 * courier_step_open; cb never comes. */
enum err courier_filter_start(struct courier_filter *f);
/* The steps in f->s are in the log; those of the next group are in it now. False: there is
 * none. */
bool courier_filter_next(struct courier_filter *f);
/* What was found, for the log. Of the steps in f->s. */
void courier_filter_say(const struct courier_filter *f);
/* Before courier_step_fini. One that wasn't begun is fine. */
void courier_filter_fini(struct courier_filter *f);

#endif
