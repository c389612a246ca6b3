#include "cmd/courier_step.h"

#include "core/clock.h"
#include "core/codec.h"
#include "crypto/queue_seal.h"
#include "smtp/smtp_dsn.h"
#include "smtp/smtp_parse.h"
#include "smtp/smtp_slots.h"
#include "store/floor.h"
#include "store/view_directory.h"
#include "store/view_queue.h"

/* STEP_MAX: octets of a STEP with its report; a frame to the store holds a little more. */
enum { REPORT_MAX = 60000, STEP_MAX = IPC_FRAME_MAX - 4096, STATUS_MAX = 900 };

enum err
courier_step_read(struct courier_step *s, struct db_txn *txn, uint64_t item, size_t room)
{
	enum err e = view_queue_item(txn, item, s->arena, &s->item);

	s->id = item;
	if (!e)
		e = view_queue_owner(txn, s->item->owner_node, &s->owner);
	if (e)
		return e;
	s->has_queue_key = view_directory_queue_key(txn, &s->queue_key, s->queue_public) ==
			   ERR_OK;
	s->row = arena_alloc(s->arena, room * sizeof(Commands__RcptRow *));
	s->step = arena_alloc(s->arena, room * sizeof(Commands__RcptStep *));
	return ERR_OK;
}

enum err
courier_step_add(
	struct courier_step *s, struct db_txn *txn, uint32_t number, Commands__RcptStep **out)
{
	Commands__RcptRow *row;
	Commands__RcptStep *one;
	enum err e = view_queue_rcpt(txn, s->id, number, s->arena, &row);

	*out = NULL;
	if (e || row->done)
		return e == ERR_NOT_FOUND ? ERR_OK : e;
	one = arena_alloc(s->arena, sizeof *one);
	commands__rcpt_step__init(one);
	one->rcpt = number;
	one->step = row->step;
	s->row[s->n] = row;
	s->step[s->n++] = one;
	*out = one;
	return ERR_OK;
}

/* --- outcomes --- */

void
courier_step_fail(Commands__RcptStep *one, const char *status)
{
	one->outcome = COMMANDS__OUTCOME__OUTCOME_FAIL;
	one->status = (char *)(uintptr_t)status;
}

void
courier_step_expire(struct courier_step *s, Commands__RcptStep *one, const char *last)
{
	struct buf text;

	buf_init(&text, STATUS_MAX + 100);
	buf_printf(&text, "5.4.7 not delivered in the time that mail is kept here%s%.*s",
		*last ? "; the last try: " : "", STATUS_MAX, last);
	courier_step_fail(one, arena_str(s->arena, buf_slice(&text)));
	buf_fini(&text);
}

static uint64_t
end_sec(const struct courier_step *s)
{
	return s->item->queued_sec + s->c->p->config.queue_life_sec;
}

uint64_t
courier_step_deadline_sec(const struct courier_step *s, const Commands__Rcpt *r)
{
	(void)r;
	return end_sec(s);
}

void
courier_step_defer(struct courier_step *s, const Commands__Rcpt *r, Commands__RcptStep *one,
	const char *status)
{
	const struct config *config = &s->c->p->config;

	if (courier_now_sec(s->c) >= end_sec(s)) {
		courier_step_expire(s, one, status);
		return;
	}
	one->outcome = COMMANDS__OUTCOME__OUTCOME_DEFER;
	one->status = (char *)(uintptr_t)status;
	one->next_try_sec = courier_now_sec(s->c) + smtp_slots_rest_sec(r->tries + 1,
							    config->retry_min_sec,
							    config->retry_max_sec);
}

/* --- the report --- */

static bool
is_told(const Commands__Rcpt *r)
{
	/* RFC 3461 4.1: without NOTIFY failures are told; with it only if it names them. */
	return !r->notify ||
	       (!(r->notify & SMTP_NOTIFY_NEVER) && r->notify & SMTP_NOTIFY_FAILURE);
}

static struct smtp_dsn_rcpt
report_rcpt(const Commands__Rcpt *r, const Commands__RcptStep *one)
{
	return (struct smtp_dsn_rcpt){.address = codec_slice(r->address),
		.orcpt = codec_slice(r->orcpt),
		.via = codec_slice(r->via),
		.status = slice_str(one->status)};
}

/* The text; empty: nobody is to be told. ERR_TOO_BIG: so many failures don't fit into one. */
static enum err
report_text(struct courier_step *s, struct slice *text)
{
	const Commands__Enqueue *env = s->item->envelope;
	struct smtp_dsn_rcpt *rcpt = arena_alloc(s->arena, (s->n + 1) * sizeof *rcpt);
	char *id = arena_alloc(s->arena, VIEW_QUEUE_ID_MAX);
	struct smtp_dsn d = {.rcpt = rcpt};
	struct buf out;
	bool fits;

	*text = SLICE_EMPTY;
	for (size_t i = 0; i < s->n; i++)
		if (s->step[i]->outcome == COMMANDS__OUTCOME__OUTCOME_FAIL &&
			is_told(s->row[i]->rcpt))
			rcpt[d.rcpts++] = report_rcpt(s->row[i]->rcpt, s->step[i]);
	if (!d.rcpts)
		return ERR_OK;
	view_queue_id_format(s->id, id);
	d.hostname = slice_str(s->c->p->config.hostname);
	d.queue_id = slice_str(id);
	d.envid = codec_slice(env->envid);
	d.message_id = codec_slice(env->message_id);
	d.sender = codec_slice(env->sender);
	d.smtputf8 = env->smtputf8;
	d.arrived_sec = (int64_t)s->item->queued_sec;
	d.now_sec = (int64_t)clock_wall_sec();
	buf_init(&out, REPORT_MAX);
	fits = smtp_dsn_format(&d, &out);
	if (fits)
		*text = arena_dup(s->arena, buf_slice(&out));
	buf_fini(&out);
	return fits ? ERR_OK : ERR_TOO_BIG;
}

struct report {
	Commands__Enqueue q;
	Commands__Body body;
	Commands__Rcpt rcpt, *list[1];
	uint8_t key[QUEUE_SEAL_SIZE];
};

/* Sealed with a data key of its own. */
static enum err
seal_report(struct courier_step *s, struct report *r, struct slice text, struct slice *sealed)
{
	struct queue_seal sealer = {0};
	struct seal_key key;
	uint8_t *p = arena_alloc(s->arena, text.n + SEAL_TAG);
	enum err e;

	seal_key_new(&key);
	seal_part(&key, 0, true, text, p);
	e = queue_seal(&sealer, s->queue_public, &key, r->key);
	queue_seal_wipe(&sealer);
	seal_wipe(&key, sizeof key);
	*sealed = slice_of(p, text.n + SEAL_TAG);
	return e;
}

/* A child item for the sender. *out NULL: none is due. */
static enum err
make_report(struct courier_step *s, Commands__Enqueue **out, struct slice *sealed)
{
	struct slice sender = codec_slice(s->item->envelope->sender), text;
	struct report *r;
	enum err e;

	*sealed = SLICE_EMPTY;
	*out = NULL;
	/* RFC 5321 4.5.5: nobody is told about a failed notice. */
	if (sender.n == 0)
		return ERR_OK;
	e = report_text(s, &text);
	if (e || text.n == 0)
		return e;
	if (!s->has_queue_key)
		return ERR_UNAVAILABLE;
	r = arena_zalloc(s->arena, sizeof *r);
	commands__enqueue__init(&r->q);
	commands__body__init(&r->body);
	commands__rcpt__init(&r->rcpt);
	e = seal_report(s, r, text, sealed);
	r->body.size = text.n;
	r->body.sealed_size = sealed->n;
	r->rcpt.address = s->item->envelope->sender;
	r->rcpt.stage = COMMANDS__STAGE__STAGE_ROUTE;
	r->list[0] = &r->rcpt;
	r->q.n_rcpt = 1;
	r->q.rcpt = r->list;
	r->q.body = &r->body;
	r->q.sealed_key = (ProtobufCBinaryData){sizeof r->key, r->key};
	r->q.queue_key = s->queue_key;
	r->q.is_bounce = true;
	r->q.smtputf8 = s->item->envelope->smtputf8;
	*out = &r->q;
	return e;
}

/* --- proposing --- */

/* All steps and their report; ERR_TOO_BIG: more than a command may hold. */
static enum err
fill(struct courier_step *s, Commands__Step *step, struct slice *sealed)
{
	enum err e;

	step->item = s->id;
	step->epoch = s->owner.epoch;
	step->n_step = s->n;
	step->step = s->step;
	step->hop = s->hop;
	e = make_report(s, &step->bounce, sealed);
	if (!e && commands__step__get_packed_size(step) + sealed->n > STEP_MAX)
		e = ERR_TOO_BIG;
	return e;
}

enum err
courier_step_propose(
	struct courier_step *s, ipc_answer_cb cb, void *arg, struct ipc_question **asked)
{
	Commands__Command cmd = COMMANDS__COMMAND__INIT;
	Commands__Step step = COMMANDS__STEP__INIT;
	struct slice sealed;
	enum err e;

	while ((e = fill(s, &step, &sealed)) == ERR_TOO_BIG && s->n > 1) {
		s->left_out += s->n - s->n / 2;
		s->n /= 2;
	}
	/* Who may have been adopted stops here; apply would refuse it. */
	if (!e && !courier_leases(s->c, 0))
		e = ERR_UNAVAILABLE;
	if (e)
		return e;
	cmd.body_case = COMMANDS__COMMAND__BODY_STEP;
	cmd.step = &step;
	*asked = courier_propose(s->c, &cmd, sealed, cb, arg);
	return ERR_OK;
}

bool
courier_step_renew(struct courier_step *s, struct db_txn *txn)
{
	const struct floor_page *page = s->c->p->floor_page;
	uint64_t epoch = s->owner.epoch;
	size_t kept = 0;

	if (view_queue_owner(txn, s->item->owner_node, &s->owner) || s->owner.epoch == epoch ||
		s->owner.runs_node != page->node || s->owner.boot != page->boot)
		return false;
	for (size_t i = 0; i < s->n; i++) {
		Commands__RcptRow *row;

		if (view_queue_rcpt(txn, s->id, s->step[i]->rcpt, s->arena, &row) ||
			row->done || row->step != s->step[i]->step)
			continue;
		s->row[kept] = row;
		s->step[kept++] = s->step[i];
	}
	/* Those that were left out stay behind them. */
	for (size_t i = 0; i < s->left_out; i++) {
		s->row[kept + i] = s->row[s->n + i];
		s->step[kept + i] = s->step[s->n + i];
	}
	s->n = kept;
	if (s->hop)
		s->hop->epoch = s->owner.epoch;
	return kept > 0;
}

bool
courier_step_next(struct courier_step *s)
{
	s->row += s->n;
	s->step += s->n;
	s->n = s->left_out;
	s->left_out = 0;
	s->hop = NULL;
	return s->n > 0;
}
