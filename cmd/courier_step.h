/* courier_step: what became of recipients of one item, proposed as one STEP together with
 * the report that its sender gets: what local work (courier_job) and relaying
 * (courier_mail) have in common. */
#ifndef CMD_COURIER_STEP_H
#define CMD_COURIER_STEP_H

#include "cmd/courier.h"
#include "core/buf.h"
#include "store/schema.h"

/* What stands before the words of the last try, once a mail's time is over. */
#define COURIER_STEP_LAST_TRY "; the last try: "

/* A sealed text, and its data key. */
struct courier_step_body {
	struct seal_key key;
	uint64_t size, sealed_size; /* size: in the clear */
	struct slice octets;	    /* if fd is -1 */
	int fd;			    /* sealed memfd, or -1 */
};

struct courier_step {
	struct courier *c;
	struct arena *arena; /* of the work; all below lives in it */
	uint64_t id;
	struct schema_owner owner; /* of the item, as it was when the work began */
	Commands__Item *item;
	Commands__RcptRow **row; /* beside step */
	Commands__RcptStep **step;
	size_t n, left_out;
	Commands__HopStep *hop;		/* what was seen of the next hop, or NULL */
	Commands__Passed *passed;	/* what the engine made of it, or NULL */
	struct courier_step_body *body; /* if that is a new text, or NULL */
	Commands__StepFact **fact;	/* what it found */
	size_t n_fact;
	/* SENT: the server that took it; does it tell the sender itself, as it offers DSN; is
	 * the mailbox there, as with LMTP? */
	struct slice remote;
	bool passes_on, is_last_hop;
	const char *relay,
		*tls;	    /* the server that answered, and how TLS with it went; or NULL */
	bool is_try;	    /* what came of it came now, not of a deadline in relay */
	uint64_t queue_key; /* today's, for a report */
	uint8_t queue_public[32];
	bool has_queue_key, is_again;
	/* For what a report returns. */
	struct seal_key key; /* of the mail */
	bool has_key, has_text, has_all;
	struct buf head, text; /* plain; text: the front of the mail */
	struct ipc_question *question;
	ipc_answer_cb key_cb, cb;
	void *key_cb_arg, *cb_arg;
};

/* For an item; work's memory is that arena. Nothing else is to be done before. */
void courier_step_init(
	struct courier_step *s, struct courier *c, struct arena *a, uint64_t item);
/* Cancels what was asked, wipes what is secret. Before the arena's end. */
void courier_step_fini(struct courier_step *s);
/* Reads the item; room for `room` steps. */
enum err courier_step_read(struct courier_step *s, struct db_txn *txn, size_t room);
/* Adds a step for an open recipient, whose outcome the caller sets. NULL with ERR_OK: it is
 * done already, or gone. */
enum err courier_step_add(
	struct courier_step *s, struct db_txn *txn, uint32_t number, Commands__RcptStep **out);

/* --- the mail's text --- */
/* Asks keyd for the key: cb(arg, e, NULL) then; s->key and s->head are there if e is ERR_OK.
 * ERR_NOT_FOUND: its queue key isn't in the vault; cb never comes. */
enum err courier_step_open(struct courier_step *s, ipc_answer_cb cb, void *arg);
/* Appends part n of the body. Not within another transaction of the view. */
enum err courier_step_part(struct courier_step *s, uint32_t n, struct buf *out, bool *is_last);
/* The same as it lies there, sealed. */
enum err courier_step_sealed_part(
	struct courier_step *s, uint32_t n, struct buf *out, bool *is_last);

/* --- outcomes --- */
/* status is borrowed. */
void courier_step_fail(Commands__RcptStep *one, const char *status);
/* Its time here is over; last: why it didn't go, or "". */
void courier_step_expire(struct courier_step *s, Commands__RcptStep *one, const char *last);
/* Later, unless the item's time is over. */
void courier_step_defer(struct courier_step *s, const Commands__Rcpt *r,
	Commands__RcptStep *one, const char *status);
/* When the courier is to look at a recipient that waits for a hop: its sender is to be warned,
 * or its time is over. */
uint64_t courier_step_deadline_sec(const struct courier_step *s, const Commands__Rcpt *r);
/* The end of the item's time. */
uint64_t courier_step_end_sec(const struct courier_step *s);
/* Its sender is to be told now that it waits: that is its outcome then. status: why. False: it
 * isn't. */
bool courier_step_warn(struct courier_step *s, const Commands__Rcpt *r, Commands__RcptStep *one,
	const char *status);

/* --- proposing --- */
/* As many of the steps as one command holds: s->n of them then, with the report that they
 * cause. cb as in ipc_ask. An error: nothing was proposed, and cb never comes. */
enum err courier_step_propose(struct courier_step *s, ipc_answer_cb cb, void *arg);
/* They were refused as stale. True: only because the store has started again, which begins a
 * new epoch; those that are open as before are to be proposed again. */
bool courier_step_renew(struct courier_step *s, struct db_txn *txn);
/* Goes on to those that were left out, which are to be proposed now. False: there are none. */
bool courier_step_next(struct courier_step *s);

#endif
