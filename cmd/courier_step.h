/* courier_step: what became of recipients of one item, proposed as one STEP together with
 * the report that its sender gets: what local work (courier_job) and relaying
 * (courier_mail) have in common. */
#ifndef CMD_COURIER_STEP_H
#define CMD_COURIER_STEP_H

#include "cmd/courier.h"
#include "store/schema.h"

struct courier_step {
	struct courier *c;
	struct arena *arena; /* of the work; all below lives in it */
	uint64_t id;
	struct schema_owner owner; /* of the item, as it was when the work began */
	Commands__Item *item;
	Commands__RcptRow **row; /* beside step */
	Commands__RcptStep **step;
	size_t n, left_out;
	Commands__HopStep *hop; /* what was seen of the next hop, or NULL */
	uint64_t queue_key;	/* today's, for a report */
	uint8_t queue_public[32];
	bool has_queue_key;
};

/* Reads the item; room for `room` steps. c and arena are set. */
enum err courier_step_read(
	struct courier_step *s, struct db_txn *txn, uint64_t item, size_t room);
/* Adds a step for an open recipient, whose outcome the caller sets. NULL with ERR_OK: it is
 * done already, or gone. */
enum err courier_step_add(
	struct courier_step *s, struct db_txn *txn, uint32_t number, Commands__RcptStep **out);

/* status is borrowed. */
void courier_step_fail(Commands__RcptStep *one, const char *status);
/* Its time here is over; last: why it didn't go, or "". */
void courier_step_expire(struct courier_step *s, Commands__RcptStep *one, const char *last);
/* Later, unless the item's time is over. */
void courier_step_defer(struct courier_step *s, const Commands__Rcpt *r,
	Commands__RcptStep *one, const char *status);
/* When the courier is to look at a recipient that waits for a hop. */
uint64_t courier_step_deadline_sec(const struct courier_step *s, const Commands__Rcpt *r);

/* As many of the steps as one command holds: s->n of them then. cb as in ipc_ask; *asked is the
 * question. An error: nothing was proposed, and cb never comes. */
enum err courier_step_propose(
	struct courier_step *s, ipc_answer_cb cb, void *arg, struct ipc_question **asked);
/* They were refused as stale. True: only because the store has started again, which begins a
 * new epoch; those that are open as before are to be proposed again. */
bool courier_step_renew(struct courier_step *s, struct db_txn *txn);
/* Goes on to those that were left out, which are to be proposed now. False: there are none. */
bool courier_step_next(struct courier_step *s);

#endif
