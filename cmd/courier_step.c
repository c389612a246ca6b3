#include "cmd/courier_step.h"

#include "cmd/courier_file.h"
#include "cmd/courier_report.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "crypto/permit.h"
#include "crypto/queue_seal.h"
#include "smtp/smtp_slots.h"
#include "store/floor.h"
#include "store/view.h"
#include "store/view_directory.h"
#include "store/view_mailbox.h"
#include "store/view_queue.h"

/* STEP_MAX: octets of a STEP with its report; a frame to the store holds a little more. */
enum { STEP_MAX = IPC_FRAME_MAX - 4096, STATUS_MAX = 900, HEAD_MAX = 65536 };

void
courier_step_init(struct courier_step *s, struct courier *c, struct arena *a, uint64_t item)
{
	*s = (struct courier_step){.c = c, .arena = a, .id = item};
	buf_init(&s->head, HEAD_MAX);
	buf_init(&s->text, HEAD_MAX + SEAL_PART_PLAIN);
}

void
courier_step_fini(struct courier_step *s)
{
	if (s->question)
		ipc_cancel(s->question);
	s->question = NULL;
	seal_wipe(&s->key, sizeof s->key);
	buf_fini_secret(&s->head);
	buf_fini_secret(&s->text);
}

enum err
courier_step_read(struct courier_step *s, struct db_txn *txn, size_t room)
{
	enum err e = view_queue_item(txn, s->id, s->arena, &s->item);

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
		*last ? COURIER_STEP_LAST_TRY : "", STATUS_MAX, last);
	courier_step_fail(one, arena_str(s->arena, buf_slice(&text)));
	buf_fini(&text);
}

uint64_t
courier_step_end_sec(const struct courier_step *s)
{
	return s->item->queued_sec + s->c->p->config.queue_life_sec;
}

/* UINT64_MAX: never. */
static uint64_t
warning_sec(const struct courier_step *s, const Commands__Rcpt *r)
{
	uint32_t after_sec = s->c->p->config.delay_warning_sec;

	return after_sec && courier_report_warns(s, r) ? s->item->queued_sec + after_sec
						       : UINT64_MAX;
}

uint64_t
courier_step_deadline_sec(const struct courier_step *s, const Commands__Rcpt *r)
{
	uint64_t warning = warning_sec(s, r), end = courier_step_end_sec(s);

	return warning < end ? warning : end;
}

bool
courier_step_warn(struct courier_step *s, const Commands__Rcpt *r, Commands__RcptStep *one,
	const char *status)
{
	uint64_t now_sec = courier_now_sec(s->c);

	if (now_sec < warning_sec(s, r) || now_sec >= courier_step_end_sec(s))
		return false;
	one->outcome = COMMANDS__OUTCOME__OUTCOME_WARN;
	one->status = (char *)(uintptr_t)status;
	one->deadline_sec = courier_step_end_sec(s);
	return true;
}

void
courier_step_defer(struct courier_step *s, const Commands__Rcpt *r, Commands__RcptStep *one,
	const char *status)
{
	const struct config *config = &s->c->p->config;

	if (courier_now_sec(s->c) >= courier_step_end_sec(s)) {
		courier_step_expire(s, one, status);
		return;
	}
	one->outcome = COMMANDS__OUTCOME__OUTCOME_DEFER;
	one->status = (char *)(uintptr_t)status;
	one->next_try_sec = courier_now_sec(s->c) + smtp_slots_rest_sec(r->tries + 1,
							    config->retry_min_sec,
							    config->retry_max_sec);
}

/* --- the mail's text --- */

static void
on_key(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier_step *s = arg;
	const Ipc__KeydSecret *a = (const Ipc__KeydSecret *)answer;
	struct slice head = codec_slice(s->item->envelope->sealed_head);

	s->question = NULL;
	if (!e && a->secret.len != sizeof s->key.b)
		e = ERR_CRYPTO;
	if (!e) {
		memcpy(s->key.b, a->secret.data, sizeof s->key.b);
		e = head.n ? seal_blob_open(&s->key, "head", head, &s->head) : ERR_OK;
	}
	s->has_key = !e;
	s->key_cb(s->key_cb_arg, e, NULL);
}

enum err
courier_step_open(struct courier_step *s, ipc_answer_cb cb, void *arg)
{
	const Commands__Enqueue *env = s->item->envelope;
	Ipc__KeydOpen q = IPC__KEYD_OPEN__INIT;
	uint8_t permit[PERMIT_SIZE];
	struct vault_row secret;
	enum err e = view_vault_get(s->c->vault, VAULT_QUEUE, env->queue_key, &secret);

	if (e)
		return e;
	courier_permit(s->c, s->id, permit);
	q.permit = (ProtobufCBinaryData){sizeof permit, permit};
	q.item = s->id;
	q.sealed_key = env->sealed_key;
	q.queue_key = env->queue_key;
	q.queue_wrapped_secret = (ProtobufCBinaryData){secret.n, secret.secret};
	s->key_cb = cb;
	s->key_cb_arg = arg;
	s->question = ipc_ask(s->c->p->ipc, IPC_KEYD_OPEN, &q.base, -1,
		(struct ipc_wait){COURIER_ASK_MS, on_key, s});
	return ERR_OK;
}

/* plain: opened, else as it lies there. */
static enum err
get_part(struct courier_step *s, uint32_t n, const struct view_mailbox_part *part,
	struct buf *plain)
{
	uint8_t *room;
	enum err e;

	if (part->sealed.n < SEAL_TAG)
		return ERR_CORRUPT;
	room = buf_room(plain, part->sealed.n - SEAL_TAG);
	e = room ? seal_part_open(&s->key, n, part->is_last, part->sealed, room) : ERR_TOO_BIG;
	if (!e)
		buf_grow(plain, part->sealed.n - SEAL_TAG);
	return e;
}

/* One of plain and sealed is NULL. */
static enum err
read_part(struct courier_step *s, uint32_t n, struct buf *plain, struct buf *sealed,
	bool *is_last)
{
	struct buf *out = plain ? plain : sealed;
	size_t before = out->n;
	struct view *view = s->c->view;
	struct view_mailbox_part part;
	struct db_txn *txn;
	struct arena a;
	enum err e = view_begin(view, &txn);

	if (e)
		return e;
	arena_init(&a, 0);
	e = view_mailbox_part(txn, s->item->payload, n, &a, &part);
	if (!e && plain)
		e = get_part(s, n, &part, plain);
	else if (!e && !buf_put_slice(sealed, part.sealed))
		e = ERR_TOO_BIG;
	if (!view_is_valid(view))
		e = ERR_BUSY;
	if (!e)
		*is_last = part.is_last;
	else
		out->n = before;
	arena_reset(&a);
	view_end(view);
	return e;
}

enum err
courier_step_part(struct courier_step *s, uint32_t n, struct buf *out, bool *is_last)
{
	return read_part(s, n, out, NULL, is_last);
}

enum err
courier_step_sealed_part(struct courier_step *s, uint32_t n, struct buf *out, bool *is_last)
{
	return read_part(s, n, NULL, out, is_last);
}

/* The first part is longer than what a report may return. */
static enum err
read_front(struct courier_step *s)
{
	enum err e;

	buf_clear(&s->text);
	buf_put_slice(&s->text, buf_slice(&s->head));
	e = courier_step_part(s, 0, &s->text, &s->has_all);
	s->has_text = !e;
	return e;
}

/* --- proposing --- */

/* All steps and their report; ERR_TOO_BIG: more than a command may hold. */
/* The new text's data key, sealed to the newest queue key. */
static enum err
fill_passed(struct courier_step *s)
{
	uint8_t *sealed = arena_alloc(s->arena, QUEUE_SEAL_SIZE);
	struct queue_seal sealer = {0};
	enum err e;

	if (!s->body)
		return ERR_OK;
	if (!s->has_queue_key)
		return ERR_UNAVAILABLE;
	e = queue_seal(&sealer, s->queue_public, &s->body->key, sealed);
	queue_seal_wipe(&sealer);
	s->passed->sealed_key = (ProtobufCBinaryData){QUEUE_SEAL_SIZE, sealed};
	s->passed->queue_key = s->queue_key;
	return e;
}

static enum err
fill(struct courier_step *s, enum smtp_dsn_returns returns, Commands__Step *step,
	struct slice *sealed)
{
	enum err e = fill_passed(s);

	*sealed = SLICE_EMPTY;
	step->item = s->id;
	step->epoch = s->owner.epoch;
	step->n_step = s->n;
	step->step = s->step;
	step->hop = s->hop;
	step->relay = (char *)(uintptr_t)(s->relay ? s->relay : "");
	step->tls = (char *)(uintptr_t)(s->tls ? s->tls : "");
	step->passed = s->passed;
	step->n_fact = s->n_fact;
	step->fact = s->fact;
	step->bounce = NULL;
	if (!e && courier_report_is_due(s))
		e = courier_report_make(s, returns, &step->bounce, sealed);
	if (!e && commands__step__get_packed_size(step) + sealed->n > STEP_MAX)
		e = ERR_TOO_BIG;
	return e;
}

/* Less of the mail goes before recipients are left out: one report is better than several. */
static enum err
fill_what_fits(struct courier_step *s, Commands__Step *step, struct slice *sealed)
{
	enum smtp_dsn_returns returns = s->has_text ? SMTP_DSN_MESSAGE : SMTP_DSN_NOTHING;
	enum err e;

	while ((e = fill(s, returns, step, sealed)) == ERR_TOO_BIG) {
		if (returns == SMTP_DSN_MESSAGE) {
			returns = SMTP_DSN_HEADER;
		} else if (s->n > 1) {
			s->left_out += s->n - s->n / 2;
			s->n /= 2;
		} else if (returns == SMTP_DSN_HEADER) {
			returns = SMTP_DSN_NOTHING;
		} else {
			return e;
		}
	}
	return e;
}

static enum err propose(struct courier_step *s);

/* The queue key may have been closed while the report was on its way: that refuses all of it,
 * also what must not be forgotten. */
static bool
propose_again(struct courier_step *s)
{
	struct db_txn *txn;

	if (s->is_again || (!s->body && !courier_report_is_due(s)) ||
		view_begin(s->c->view, &txn))
		return false;
	s->is_again = true;
	s->has_queue_key = view_directory_queue_key(txn, &s->queue_key, s->queue_public) ==
				   ERR_OK &&
			   view_is_valid(s->c->view);
	view_end(s->c->view);
	return propose(s) == ERR_OK;
}

static void
on_stepped(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier_step *s = arg;
	const Commands__Result *r = e ? NULL : courier_result(answer, s->arena);

	s->question = NULL;
	if (r && r->code && propose_again(s))
		return;
	if (r && !r->code)
		courier_report_say(s, r, ((const Ipc__Proposed *)answer)->index);
	s->cb(s->cb_arg, e, answer);
}

/* A new text goes with its command if both fit a frame, else in a file. */
static enum err
put_body(struct courier_step *s, const Commands__Step *step, struct courier_body *body)
{
	struct courier_step_body *b = s->body;
	enum err e;

	if (!b)
		return ERR_OK;
	if (b->fd < 0 && commands__step__get_packed_size(step) + b->octets.n > STEP_MAX) {
		e = courier_file_make(b->octets, &b->fd);
		if (e)
			return e;
	}
	if (b->fd < 0)
		body->octets = b->octets;
	body->fd = b->fd;
	body->fd_size = b->fd < 0 ? 0 : b->sealed_size;
	return ERR_OK;
}

static enum err
propose(struct courier_step *s)
{
	struct courier_body body = {.fd = -1};
	Commands__Command cmd = COMMANDS__COMMAND__INIT;
	Commands__Step step = COMMANDS__STEP__INIT;
	enum err e = fill_what_fits(s, &step, &body.octets);

	if (!e)
		e = put_body(s, &step, &body);
	/* Who may have been adopted stops here; apply would refuse it. */
	if (!e && !courier_leases(s->c, 0))
		e = ERR_UNAVAILABLE;
	if (e)
		return e;
	cmd.body_case = COMMANDS__COMMAND__BODY_STEP;
	cmd.step = &step;
	s->question = courier_propose_body(s->c, &cmd, &body, on_stepped, s);
	return ERR_OK;
}

/* What has passed soon. Anything else (the mail's key or text is lost) leaves a report without
 * its text, which is better than none. */
static bool
is_passing(enum err e)
{
	return e == ERR_BUSY || e == ERR_TIMEOUT || e == ERR_PEER;
}

static enum err
propose_with_text(struct courier_step *s)
{
	enum err e = s->has_key && !s->has_text ? read_front(s) : ERR_OK;

	return is_passing(e) ? e : propose(s);
}

static void
on_opened(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier_step *s = arg;

	(void)answer;
	if (!is_passing(e))
		e = propose_with_text(s);
	if (e)
		s->cb(s->cb_arg, e, NULL);
}

enum err
courier_step_propose(struct courier_step *s, ipc_answer_cb cb, void *arg)
{
	s->cb = cb;
	s->cb_arg = arg;
	s->is_again = false;
	if (!courier_report_is_due(s))
		return propose(s);
	if (!s->has_key && !courier_step_open(s, on_opened, s))
		return ERR_OK;
	return propose_with_text(s);
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
	s->passed = NULL;
	s->body = NULL;
	s->n_fact = 0;
	return s->n > 0;
}
