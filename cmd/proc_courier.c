/* courier: runs the queue of this node, and answers the command line.
 *
 * Owns:     the work in hand on queue items (nothing of it lasts: the queue is in the
 *           database), the control socket.
 * Hears:    the command line (root and its own user only); WATCH from the store; answers of
 *           store, keyd and auth.
 * Touches:  database and vault read-only, the control socket. The SMTP client comes with
 *           relaying. */
#include <stdlib.h>

#include "cmd/control.h"
#include "cmd/courier.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "crypto/permit.h"
#include "store/view_queue.h"

/* LINGER_MS: what comes close together is done together: fewer commits compete with those that
 * clients wait for. */
enum { LOOK_MS = 1000, LINGER_MS = 5, PERMIT_SEC = 120 };

void
courier_permit(const struct courier *c, uint64_t item, uint8_t *out)
{
	struct permit p = {
		.kind = PERMIT_ITEM, .id = item, .expiry_sec = clock_wall_sec() + PERMIT_SEC};

	permit_issue(&c->permit_key, &p, out);
}

struct ipc_question *
courier_propose(struct courier *c, const Commands__Command *cmd, struct slice body,
	ipc_answer_cb cb, void *arg)
{
	Ipc__Propose q = IPC__PROPOSE__INIT;
	struct ipc_question *asked;
	struct arena a;

	arena_init(&a, 4096);
	q.command = codec_bytes(codec_pack(cmd, &a));
	q.body = codec_bytes(body);
	asked = ipc_ask(c->p->ipc, IPC_PROPOSE, &q.base, -1,
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
	uint64_t item;
	uint32_t number[COURIER_DUE_MAX];
	size_t n;
	struct db_txn *txn;
};

static void
start_item(struct due *d)
{
	if (d->n)
		courier_job_start(d->c, d->txn, d->item, d->number, d->n);
	d->n = 0;
}

static bool
on_due(void *arg, uint64_t due_sec, uint64_t item, uint32_t number)
{
	struct due *d = arg;

	(void)due_sec;
	if (item != d->item)
		start_item(d);
	if (d->c->job_count >= COURIER_JOBS_MAX)
		return false;
	d->item = item;
	if (d->n < COURIER_DUE_MAX && !courier_job_is_busy(d->c, item))
		d->number[d->n++] = number;
	return true;
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
	struct due d = {.c = c};
	uint64_t next_sec, now_sec = clock_wall_sec();
	enum err e;

	c->pump_timer = NULL;
	c->pump_soon = false;
	if (!courier_open_view(c) || view_begin(c->view, &d.txn)) {
		look_after(c, LOOK_MS);
		return;
	}
	e = view_queue_due(d.txn, now_sec, on_due, &d, &next_sec);
	start_item(&d);
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
courier_pump_later(struct courier *c)
{
	c->pump_soon = false;
	look_after(c, LOOK_MS);
}

static void
on_watch(void *arg, struct ipc_frame *f)
{
	struct courier *c = arg;
	const Ipc__Watch *w = (const Ipc__Watch *)f->msg;

	if (w->queue)
		courier_pump(c);
	if (w->n_account_gone)
		courier_key_tend(c->key);
}

static void
start(struct proc *p)
{
	struct courier *c = must_zalloc(sizeof *c);
	char vault[512];

	c->p = p;
	p->state = c;
	proc_path(p, "vault", vault);
	c->vault = view_vault_open(vault);
	rest_init(&c->rest, p->loop, &c->view);
	memcpy(c->permit_key.b, p->permit_item_key, sizeof c->permit_key.b);
	ipc_on(p->ipc, IPC_WATCH, on_watch, c);
	c->control = control_new(c);
	c->key = courier_key_new(c);
	courier_pump(c);
}

static void
listener(struct proc *p, uint32_t index, int fd)
{
	struct courier *c = p->state;

	(void)index;
	control_listen(c->control, fd);
}

const struct proc_role proc_courier_role = {
	.role = ROLE_COURIER,
	.needs = PROC_NEED_DB_READ | PROC_NEED_VAULT | PROC_NEED_ACCEPT,
	.start = start,
	.listener = listener,
};
