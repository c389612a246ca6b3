/* courier: runs the queue of this node, and of those that fell silent, as long as its lease
 * holds, and answers the command line.
 *
 * Owns:     the logins for smart hosts, the work in hand on queue items (nothing of it lasts:
 *           the queue is in the database), connections to other mail servers, the control
 *           socket.
 * Hears:    the command line (root and its own user only); other mail servers; WATCH from the
 *           store; the certificate from the parent; answers of store, keyd, auth, filterd and
 *           resolver.
 * Touches:  database and vault read-only, outbound sockets, the control socket. */
#include <stdlib.h>
#include <string.h>

#include "cmd/control.h"
#include "cmd/courier.h"
#include "cmd/courier_filter.h"
#include "cmd/courier_login.h"
#include "cmd/courier_relay.h"
#include "cmd/courier_sender.h"
#include "cmd/courier_status.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "crypto/permit.h"
#include "store/floor.h"
#include "store/view_queue.h"

/* LINGER_MS: what comes close together is done together: fewer commits compete with those that
 * clients wait for. */
enum { LOOK_MS = 1000, LINGER_MS = 5, PERMIT_SEC = 120, ROOTS_MAX = 1 << 20 };

void
courier_permit(const struct courier *c, uint64_t item, uint8_t *out)
{
	struct permit p = {
		.kind = PERMIT_ITEM, .id = item, .expiry_sec = clock_wall_sec() + PERMIT_SEC};

	permit_issue(&c->permit_key, &p, out);
}

void
courier_permit_key(const struct courier *c, uint64_t key, uint64_t item, uint8_t *out)
{
	struct permit p = {.kind = PERMIT_KEY,
		.id = key,
		.detail = item,
		.expiry_sec = clock_wall_sec() + PERMIT_SEC};

	permit_issue(&c->permit_key, &p, out);
}

bool
courier_leases(const struct courier *c, uint32_t ms)
{
	return floor_leases(c->p->floor_page, clock_ms(), ms);
}

uint64_t
courier_now_sec(const struct courier *c)
{
	const struct floor_page *page = c->p->floor_page;
	uint64_t now_sec = clock_wall_sec(), log_sec = page->time_sec;

	return now_sec > log_sec ? now_sec : log_sec;
}

struct ipc_question *
courier_propose(struct courier *c, const Commands__Command *cmd, struct slice body,
	ipc_answer_cb cb, void *arg)
{
	struct courier_body b = {.octets = body, .fd = -1};

	return courier_propose_body(c, cmd, &b, cb, arg);
}

struct ipc_question *
courier_propose_body(struct courier *c, const Commands__Command *cmd,
	const struct courier_body *body, ipc_answer_cb cb, void *arg)
{
	Ipc__Propose q = IPC__PROPOSE__INIT;
	struct ipc_question *asked;
	struct arena a;

	arena_init(&a, 4096);
	q.command = codec_bytes(codec_pack(cmd, &a));
	q.body = codec_bytes(body->octets);
	q.fd_size = body->fd_size;
	asked = ipc_ask(c->p->ipc, IPC_PROPOSE, &q.base, body->fd,
		(struct ipc_wait){COURIER_ASK_MS, cb, arg});
	arena_reset(&a);
	return asked;
}

const Commands__Result *
courier_result(const ProtobufCMessage *answer, struct arena *a)
{
	const Ipc__Proposed *p = (const Ipc__Proposed *)answer;

	return codec_unpack(&commands__result__descriptor, codec_slice(p->result), a);
}

/* --- looking for work --- */

struct due {
	struct courier *c;
	uint64_t now_sec;
	uint32_t owners, room; /* whose items we run; how many more of one may be begun */
	uint64_t item;
	uint32_t number[COURIER_DUE_MAX];
	size_t n;
	struct db_txn *txn;
	enum err e;
};

static void
start_item(struct due *d)
{
	if (d->n) {
		courier_job_start(d->c, d->txn, d->item, d->number, d->n);
		d->room--;
	}
	d->n = 0;
}

static bool
on_due(void *arg, uint64_t due_sec, uint64_t item, uint32_t number)
{
	struct due *d = arg;

	(void)due_sec;
	if (item != d->item)
		start_item(d);
	if (d->room == 0)
		return false;
	d->item = item;
	if (d->n < COURIER_DUE_MAX && !courier_job_is_busy(d->c, item) &&
		!courier_relay_has(d->c->relay, item, number))
		d->number[d->n++] = number;
	return true;
}

/* --- whose work --- */

static void
on_yielded(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier *c = arg;

	(void)answer;
	c->is_yielding = false;
	/* Unless it is known that nothing came of it, only the log's next word on these items
	 * lets us go on with them: the next look sees it, or yields them again. */
	if (e)
		log_warn("the queue of another node isn't given back yet: %s", err_text(e));
}

/* The node that took these items in is back. What is in hand is brought to its end first. */
static void
yield(struct courier *c, uint32_t node, uint64_t epoch)
{
	Commands__Command cmd = COMMANDS__COMMAND__INIT;
	Commands__Yield q = COMMANDS__YIELD__INIT;

	if (c->is_yielding || courier_job_count_of(c, node) ||
		courier_relay_count_of(c->relay, node))
		return;
	c->is_yielding = true;
	q.node = node;
	q.epoch = epoch;
	cmd.body_case = COMMANDS__COMMAND__BODY_YIELD;
	cmd.yield = &q;
	courier_propose(c, &cmd, SLICE_EMPTY, on_yielded, c);
}

static bool
is_ours(const struct courier *c, const struct schema_owner *owner)
{
	const struct floor_page *page = c->p->floor_page;

	return owner->runs_node == page->node && owner->boot == page->boot;
}

static bool
count_owner(void *arg, uint32_t node, const struct schema_owner *owner)
{
	struct due *d = arg;

	(void)node;
	d->owners += is_ours(d->c, owner);
	return true;
}

/* Those of one owner. Each of ours gets its share, however much another one left behind. */
static bool
run_owner(void *arg, uint32_t node, const struct schema_owner *owner)
{
	struct due *d = arg;
	uint32_t share = COURIER_JOBS_MAX / (d->owners ? d->owners : 1), busy;

	if (!is_ours(d->c, owner))
		return true;
	if (owner->wants) {
		yield(d->c, node, owner->epoch);
		return true;
	}
	busy = courier_job_count_of(d->c, node);
	d->room = busy < share ? share - busy : 0;
	d->e = view_queue_due(d->txn, node, d->now_sec, on_due, d);
	start_item(d);
	if (!d->e)
		d->e = courier_relay_look(d->c->relay, d->txn, node, d->now_sec);
	return !d->e;
}

bool
courier_open_view(struct courier *c)
{
	char dir[512];

	rest_later(&c->rest);
	if (c->view)
		return true;
	proc_path(c->p, "db", dir);
	return view_open(dir, c->p->floor_page, &c->view) == ERR_OK;
}

static void look(void *arg);

static void
look_after(struct courier *c, uint32_t ms)
{
	loop_cancel(c->pump_timer);
	c->pump_timer = loop_after(c->p->loop, ms, look, c);
}

static void
look(void *arg)
{
	struct courier *c = arg;
	struct due d = {.c = c, .now_sec = courier_now_sec(c)};
	enum err e;

	c->pump_timer = NULL;
	c->pump_now = c->pump_soon = false;
	if (!c->has_srs_key || !courier_leases(c, COURIER_LEASE_MS) || !courier_open_view(c) ||
		view_begin(c->view, &d.txn)) {
		look_after(c, LOOK_MS);
		return;
	}
	e = view_queue_owners(d.txn, count_owner, &d);
	if (!e)
		e = view_queue_owners(d.txn, run_owner, &d);
	e = e ? e : d.e;
	/* Jobs hold copies and name step numbers: a torn read makes a stale step, which apply
	 * refuses. */
	if (e && view_is_valid(c->view))
		log_error("queue: %s", err_text(e));
	view_end(c->view);
	look_after(c, LOOK_MS);
}

void
courier_pump(struct courier *c)
{
	if (c->pump_soon)
		return;
	c->pump_soon = true;
	look_after(c, LINGER_MS);
}

void
courier_pump_now(struct courier *c)
{
	if (!c->pump_now)
		look_after(c, 0);
	c->pump_now = c->pump_soon = true;
}

void
courier_pump_later(struct courier *c)
{
	c->pump_now = c->pump_soon = false;
	look_after(c, LOOK_MS);
}

static void
on_watch(void *arg, struct ipc_frame *f)
{
	struct courier *c = arg;
	const Ipc__Watch *w = (const Ipc__Watch *)f->msg;

	if (w->queue)
		courier_pump(c);
	if (w->n_account_gone && c->key)
		courier_key_tend(c->key);
}

/* Still privileged: what is root's to read. */
static void
prepare(struct proc *p)
{
	struct courier *c = must_zalloc(sizeof *c);

	c->p = p;
	p->state = c;
	c->login = courier_login_new(&p->config.relay);
	courier_own_init(&c->own, &p->config);
	if (!p->config.arbiter)
		server_tls_read(&c->identity, p, SLICE_EMPTY);
	buf_init(&c->roots, ROOTS_MAX);
	if (strcmp(p->config.relay_tls_ca, CONFIG_RELAY_CA) != 0)
		proc_read_file(p->config.relay_tls_ca, 0, ROOTS_MAX, &c->roots);
}

static void
start(struct proc *p)
{
	struct courier *c = p->state;
	char vault[512];

	proc_path(p, "vault", vault);
	c->vault = view_vault_open(vault);
	rest_init(&c->rest, p->loop, &c->view);
	memcpy(c->permit_key.b, p->permit_item_key, sizeof c->permit_key.b);
	ipc_on(p->ipc, IPC_WATCH, on_watch, c);
	courier_filter_init(c);
	c->control = control_new(c);
	c->relay = courier_relay_new(c);
	/* An arbiter answers the command line alone. */
	if (p->config.arbiter)
		return;
	c->key = courier_key_new(c);
	c->status = courier_status_new(c);
	courier_sender_start(c);
}

static void
listener(struct proc *p, uint32_t index, int fd)
{
	struct courier *c = p->state;

	(void)index;
	control_listen(c->control, fd);
}

static void
on_stopped(void *arg)
{
	loop_stop(arg);
}

/* What may have been delivered already is waited for, so that it isn't sent again. */
static void
stop(struct proc *p)
{
	struct courier *c = p->state;

	courier_relay_stop(c->relay, on_stopped, p->loop);
}

const struct proc_role proc_courier_role = {
	.role = ROLE_COURIER,
	.needs = PROC_NEED_DB_READ | PROC_NEED_VAULT | PROC_NEED_ACCEPT | PROC_NEED_CONNECT |
		 PROC_NEED_MEMFD,
	.prepare = prepare,
	.start = start,
	.listener = listener,
	.stop = stop,
};
