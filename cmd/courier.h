/* courier: what the courier's parts share: its process (proc_courier), the work on
 * queue items (courier_job, courier_step), what leaves (courier_relay), the queue's keys
 * (courier_key), and the command line's socket (control*). */
#ifndef CMD_COURIER_H
#define CMD_COURIER_H

#include "cmd/courier_own.h"
#include "cmd/proc.h"
#include "cmd/rest.h"
#include "cmd/server_tls.h"
#include "core/arena.h"
#include "core/buf.h"
#include "crypto/seal.h"
#include "store/commands.pb-c.h"
#include "store/view.h"
#include "store/view_vault.h"

/* LEASE_MS: with less of the lease left nothing is begun. */
enum {
	COURIER_ASK_MS = 20000,
	COURIER_JOBS_MAX = 64,
	COURIER_DUE_MAX = 500,
	COURIER_RCPT_MAX = 50, /* of one mail to one hop */
	COURIER_LEASE_MS = 1000
};

struct courier_job;
struct courier_filter;
struct courier_key;
struct courier_relay;
struct courier_login;
struct courier_status;
struct control;

struct courier {
	struct proc *p;
	struct view *view; /* NULL until the database could be opened */
	struct view_vault *vault;
	struct rest rest;
	struct seal_key permit_key, srs_key, guard_key; /* the loop guard's: a gateway has it */
	bool has_guard_key;
	struct courier_job *jobs; /* list */
	uint32_t job_count;
	struct courier_filter *filters; /* list: mails that are with the engine */
	uint64_t filter_bytes;		/* of these, and of what may come of them */
	struct loop_timer *pump_timer;
	bool pump_soon, pump_now, is_yielding, is_putting_off;
	bool has_srs_key; /* nothing is begun before */
	struct courier_key *key;
	struct courier_relay *relay;
	struct buf roots;	    /* PEM that [relay] tls_ca names, or empty */
	struct server_tls identity; /* shown to servers that ask */
	struct courier_login *login;
	struct courier_own own;
	struct courier_status *status;
	struct control *control;
};

/* Looks at what is due, soon (many calls make one look). */
void courier_pump(struct courier *c);
/* In the next turn: who has nothing to do waits for it. */
void courier_pump_now(struct courier *c);
/* Not before a second has gone. */
void courier_pump_later(struct courier *c);
/* A permit for keyd to open this item's key. out: PERMIT_SIZE octets. */
void courier_permit(const struct courier *c, uint64_t item, uint8_t *out);
/* One for keyd to use a private key, while this item is in hand. */
void courier_permit_key(const struct courier *c, uint64_t key, uint64_t item, uint8_t *out);

/* Begins work on the due recipients of an item, unless it is being worked on. txn: for reading,
 * until return. */
void courier_job_start(
	struct courier *c, struct db_txn *txn, uint64_t item, const uint32_t *number, size_t n);
bool courier_job_is_busy(const struct courier *c, uint64_t item);
/* How many items that this node took in are being worked on? */
uint32_t courier_job_count_of(const struct courier *c, uint32_t owner_node);
/* Does this node's lease hold (store/lease.h), and for ms from now? */
bool courier_leases(const struct courier *c, uint32_t ms);
/* What the queue goes by: the later of the clock and the log's newest time. */
uint64_t courier_now_sec(const struct courier *c);

/* Makes queue keys before they are needed, and destroys those that aren't any more. */
struct courier_key *courier_key_new(struct courier *c);
/* Looks again at once: an account was deleted. */
void courier_key_tend(struct courier_key *k);
/* Is there still a queue key of before an account was deleted? */
bool courier_key_owes(struct courier *c);
/* c->view is open then. */
bool courier_open_view(struct courier *c);

/* What a command brings along: octets, or those of a file. */
struct courier_body {
	struct slice octets;
	int fd; /* -1: none */
	uint64_t fd_size;
};
struct ipc_question *courier_propose_body(struct courier *c, const Commands__Command *cmd,
	const struct courier_body *body, ipc_answer_cb cb, void *arg);
/* Proposes; body may be empty. cb as in ipc_ask: answer is Ipc__Proposed. Returns the
 * question. */
struct ipc_question *courier_propose(struct courier *c, const Commands__Command *cmd,
	struct slice body, ipc_answer_cb cb, void *arg);
/* The result in a Proposed, or NULL; memory from a. */
const Commands__Result *courier_result(const ProtobufCMessage *answer, struct arena *a);

#endif
