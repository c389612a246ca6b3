/* courier_job: the due recipients of one queue item, taken one step further: look up, wrap the
 * key for those who get it here, propose one STEP with all outcomes (and the bounce that they
 * cause). What fails on the way is forgotten: the rows are still due. */
#include "cmd/courier.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "core/zone.h"
#include "crypto/permit.h"
#include "crypto/queue_seal.h"
#include "smtp/smtp_dsn.h"
#include "smtp/smtp_hop.h"
#include "smtp/smtp_route.h"
#include "store/command.h"
#include "store/view_directory.h"
#include "store/view_queue.h"

/* STEP_MAX: octets of a STEP with its bounce; a frame to the store holds a little more. */
enum { BOUNCE_MAX = 60000, STEP_MAX = IPC_FRAME_MAX - 4096 };

struct courier_job {
	struct courier_job *next;
	struct courier *c;
	struct arena arena;
	uint64_t id;
	struct schema_owner owner; /* of the item, as it was when the work began */
	Commands__Item *item;
	Commands__RcptRow **row; /* beside step */
	Commands__RcptStep **step;
	size_t n, into;	    /* steps; recipients that they make */
	uint64_t queue_key; /* today's, for a bounce */
	uint8_t queue_public[32];
	bool has_queue_key, answered_quota, fresh;
	Ipc__KeydWrap wrap;
};

bool
courier_job_is_busy(const struct courier *c, uint64_t item)
{
	for (const struct courier_job *j = c->jobs; j; j = j->next)
		if (j->id == item)
			return true;
	return false;
}

uint32_t
courier_job_count_of(const struct courier *c, uint32_t owner_node)
{
	uint32_t n = 0;

	for (const struct courier_job *j = c->jobs; j; j = j->next)
		n += j->item->owner_node == owner_node;
	return n;
}

static void
end(struct courier_job *j)
{
	struct courier *c = j->c;
	struct courier_job **at = &c->jobs;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	c->job_count--;
	arena_reset(&j->arena);
	free(j);
	courier_pump(c);
}

/* What can't be done now is looked at again with the next pump: a second later. */
static void
give_up(struct courier_job *j, const char *what, enum err e)
{
	char id[VIEW_QUEUE_ID_MAX];
	struct courier *c = j->c;

	view_queue_id_format(j->id, id);
	log_warn("%s: %s: %s; tried again soon", id, what, err_text(e));
	end(j);
	/* Not at once: whoever we asked may be starting. */
	courier_pump_later(c);
}

/* --- deciding --- */

static void
fail(Commands__RcptStep *s, const char *status)
{
	s->outcome = COMMANDS__OUTCOME__OUTCOME_FAIL;
	s->status = (char *)(uintptr_t)status;
}

static void
expire(Commands__RcptStep *s)
{
	fail(s, "5.4.7 not delivered in the time that mail is kept here");
}

/* Later, unless the item's time is over. */
static void
defer(const struct courier_job *j, const Commands__Rcpt *r, Commands__RcptStep *s,
	const char *status)
{
	const struct config *config = &j->c->p->config;
	uint64_t wait_sec = config->retry_min_sec;

	for (uint32_t i = 0; i < r->tries && wait_sec < config->retry_max_sec; i++)
		wait_sec *= 2;
	s->outcome = COMMANDS__OUTCOME__OUTCOME_DEFER;
	s->status = (char *)(uintptr_t)status;
	s->next_try_sec = courier_now_sec(j->c) +
			  (wait_sec < config->retry_max_sec ? wait_sec : config->retry_max_sec);
	if (courier_now_sec(j->c) >= j->item->queued_sec + config->queue_life_sec)
		expire(s);
}

static enum err
decide_deliver(struct courier_job *j, struct db_txn *txn, const Commands__Rcpt *r,
	Commands__RcptStep *s)
{
	Commands__Delivery *d = arena_alloc(&j->arena, sizeof *d);
	Ipc__WrapTarget *target = arena_alloc(&j->arena, sizeof *target);
	Commands__Account *account;
	enum err e = view_directory_account(txn, r->account, &j->arena, &account);

	if (e == ERR_NOT_FOUND) {
		fail(s, "5.1.1 the mailbox was removed");
		return ERR_OK;
	}
	if (e)
		return e;
	if (view_directory_over_quota(account, j->item->envelope->body->size)) {
		defer(j, r, s, "4.2.2 the mailbox is full; its owner has to make room");
		return ERR_OK;
	}
	commands__delivery__init(d);
	d->account = r->account;
	d->zone_min = zone_offset_min((int64_t)j->item->queued_sec);
	d->delivered_to = r->via.len ? r->via : r->address;
	s->outcome = COMMANDS__OUTCOME__OUTCOME_DELIVER;
	s->delivery = d;
	ipc__wrap_target__init(target);
	target->account = r->account;
	target->public_key = account->public_key;
	j->wrap.target[j->wrap.n_target++] = target;
	return ERR_OK;
}

/* By MX of its domain. */
static void
decide_relay(struct courier_job *j, const Commands__Rcpt *r, Commands__RcptStep *s)
{
	struct buf hop;

	buf_init(&hop, SMTP_HOP_MAX);
	if (smtp_hop_of_address(codec_slice(r->address), &hop)) {
		s->outcome = COMMANDS__OUTCOME__OUTCOME_RELAY;
		s->hop = codec_bytes(arena_dup(&j->arena, buf_slice(&hop)));
		s->deadline_sec = j->item->queued_sec + j->c->p->config.queue_life_sec;
	} else {
		fail(s, "5.1.3 the address has no domain that mail can be sent to");
	}
	buf_fini(&hop);
}

static enum err
decide_route(struct courier_job *j, struct db_txn *txn, const Commands__Rcpt *r,
	Commands__RcptStep *s)
{
	struct smtp_route route;
	enum err e = smtp_route(txn, r, j->c->p->config.delimiter, &j->arena, &route);

	if (e)
		return e;
	j->into += route.n_into;
	if (route.kind == SMTP_ROUTE_FAIL) {
		fail(s, route.status);
	} else if (route.kind == SMTP_ROUTE_RELAY) {
		decide_relay(j, r, s);
	} else if (j->item->rcpt_count == 1 && route.n_into == 1 && route.into[0]->account) {
		/* The only recipient, and one mailbox: nobody could be reached twice, so no
		 * step in between. */
		return decide_deliver(j, txn, route.into[0], s);
	} else {
		s->outcome = COMMANDS__OUTCOME__OUTCOME_EXPAND;
		s->n_into = route.n_into;
		s->into = route.into;
		s->expanded = route.expanded;
		s->expanded_of = route.expanded_of;
	}
	return ERR_OK;
}

static enum err
decide(struct courier_job *j, struct db_txn *txn, uint32_t number)
{
	Commands__RcptRow *row;
	Commands__RcptStep *s = arena_alloc(&j->arena, sizeof *s);
	enum err e = view_queue_rcpt(txn, j->id, number, &j->arena, &row);

	if (e || row->done)
		return e == ERR_NOT_FOUND ? ERR_OK : e;
	commands__rcpt_step__init(s);
	s->rcpt = number;
	s->step = row->step;
	if (row->rcpt->stage == COMMANDS__STAGE__STAGE_DELIVER)
		e = decide_deliver(j, txn, row->rcpt, s);
	else if (row->rcpt->stage == COMMANDS__STAGE__STAGE_RELAY)
		/* Its hop never let it go, and its deadline has come. */
		expire(s);
	else
		e = decide_route(j, txn, row->rcpt, s);
	j->row[j->n] = row;
	j->step[j->n] = s;
	j->n += e == ERR_OK;
	return e;
}

/* --- the bounce --- */

static bool
is_told(const Commands__Rcpt *r)
{
	enum { NEVER = 1, FAILURE = 4 };

	/* RFC 3461 4.1: without NOTIFY failures are told; with it only if it names them. */
	return !r->notify || (!(r->notify & NEVER) && r->notify & FAILURE);
}

/* The text; empty: nobody is to be told. ERR_TOO_BIG: so many failures don't fit into one. */
static enum err
bounce_text(struct courier_job *j, struct slice *text)
{
	const Commands__Enqueue *env = j->item->envelope;
	struct smtp_dsn_rcpt *rcpt = arena_alloc(&j->arena, (j->n + 1) * sizeof *rcpt);
	char *id = arena_alloc(&j->arena, VIEW_QUEUE_ID_MAX);
	struct smtp_dsn d = {.rcpt = rcpt};
	struct buf out;
	bool fits;

	*text = SLICE_EMPTY;

	for (size_t i = 0; i < j->n; i++) {
		const Commands__Rcpt *r = j->row[i]->rcpt;

		if (j->step[i]->outcome != COMMANDS__OUTCOME__OUTCOME_FAIL || !is_told(r))
			continue;
		rcpt[d.rcpts++] = (struct smtp_dsn_rcpt){.address = codec_slice(r->address),
			.orcpt = codec_slice(r->orcpt),
			.via = codec_slice(r->via),
			.status = slice_str(j->step[i]->status)};
	}
	if (!d.rcpts)
		return ERR_OK;
	view_queue_id_format(j->id, id);
	d.hostname = slice_str(j->c->p->config.hostname);
	d.queue_id = slice_str(id);
	d.envid = codec_slice(env->envid);
	d.message_id = codec_slice(env->message_id);
	d.sender = codec_slice(env->sender);
	d.smtputf8 = env->smtputf8;
	d.arrived_sec = (int64_t)j->item->queued_sec;
	d.now_sec = (int64_t)clock_wall_sec();
	buf_init(&out, BOUNCE_MAX);
	fits = smtp_dsn_format(&d, &out);
	if (fits)
		*text = arena_dup(&j->arena, buf_slice(&out));
	buf_fini(&out);
	return fits ? ERR_OK : ERR_TOO_BIG;
}

/* A child item for the sender, sealed with a data key of its own. NULL: none is due. */
static enum err
make_bounce(struct courier_job *j, Commands__Enqueue **out, struct slice *sealed)
{
	struct {
		Commands__Enqueue q;
		Commands__Body body;
		Commands__Rcpt rcpt, *list[1];
		uint8_t key[QUEUE_SEAL_SIZE];
	} * b;
	struct slice sender = codec_slice(j->item->envelope->sender), text;
	struct queue_seal sealer = {0};
	struct seal_key key;
	uint8_t *p;
	enum err e;

	*sealed = SLICE_EMPTY;
	*out = NULL;
	/* RFC 5321 4.5.5: nobody is told about a failed notice. */
	if (sender.n == 0)
		return ERR_OK;
	e = bounce_text(j, &text);
	if (e || text.n == 0)
		return e;
	if (!j->has_queue_key)
		return ERR_UNAVAILABLE;
	b = arena_zalloc(&j->arena, sizeof *b);
	p = arena_alloc(&j->arena, text.n + SEAL_TAG);
	seal_key_new(&key);
	seal_part(&key, 0, true, text, p);
	*sealed = slice_of(p, text.n + SEAL_TAG);
	commands__enqueue__init(&b->q);
	commands__body__init(&b->body);
	commands__rcpt__init(&b->rcpt);
	e = queue_seal(&sealer, j->queue_public, &key, b->key);
	queue_seal_wipe(&sealer);
	seal_wipe(&key, sizeof key);
	if (e)
		return e;
	b->body.size = text.n;
	b->body.sealed_size = sealed->n;
	b->rcpt.address = j->item->envelope->sender;
	b->rcpt.stage = COMMANDS__STAGE__STAGE_ROUTE;
	b->list[0] = &b->rcpt;
	b->q.n_rcpt = 1;
	b->q.rcpt = b->list;
	b->q.body = &b->body;
	b->q.sealed_key = (ProtobufCBinaryData){sizeof b->key, b->key};
	b->q.queue_key = j->queue_key;
	b->q.is_bounce = true;
	b->q.smtputf8 = j->item->envelope->smtputf8;
	*out = &b->q;
	return ERR_OK;
}

/* --- acting --- */

static void
say(const struct courier_job *j, size_t i, uint32_t code, uint32_t uid)
{
	static const char *const word[] = {
		"delivered", "expanded", "deferred", "bounced", "waiting", "moved"};
	const Commands__RcptStep *s = j->step[i];
	struct slice to = codec_slice(j->row[i]->rcpt->address);
	char id[VIEW_QUEUE_ID_MAX];

	view_queue_id_format(j->id, id);
	if (code == COMMAND_STALE || code == COMMAND_NO_EPOCH)
		return;
	if (code)
		log_info("%s: to=<%.*s>, status=deferred (%s)", id, SLICE_FMT(to),
			command_code_text((enum command_code)code));
	else if (s->outcome == COMMANDS__OUTCOME__OUTCOME_DELIVER)
		log_info("%s: to=<%.*s>, mailbox=INBOX, delay=%llu, status=delivered (uid %u)",
			id, SLICE_FMT(to),
			(unsigned long long)(courier_now_sec(j->c) - j->item->queued_sec), uid);
	else
		log_info("%s: to=<%.*s>, status=%s%s%s%s", id, SLICE_FMT(to), word[s->outcome],
			s->status[0] ? " (" : "", s->status, s->status[0] ? ")" : "");
}

static void propose_steps(struct courier_job *j);
static void ask_wrap(struct courier_job *j);

/* Deliveries that apply refused: the mailbox is full now, or its account has gone. */
static bool
turn_refused(struct courier_job *j, const Commands__Result *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < j->n && i < r->n_step_code; i++) {
		uint32_t code = r->step_code[i];

		if (code != COMMAND_QUOTA && code != COMMAND_NOT_FOUND && code != COMMAND_LIMIT)
			continue;
		j->step[kept] = j->step[i];
		j->row[kept] = j->row[i];
		j->step[kept]->delivery = NULL;
		j->step[kept]->n_into = 0;
		if (code == COMMAND_QUOTA)
			defer(j, j->row[kept]->rcpt, j->step[kept],
				"4.2.2 the mailbox is full; its owner has to make room");
		else
			fail(j->step[kept], code == COMMAND_LIMIT
						    ? "5.3.4 the groups of this mail have too "
						      "many members; send it to fewer at once"
						    : "5.1.1 the mailbox was removed");
		kept++;
	}
	j->n = kept;
	return kept > 0;
}

/* A keyd's epoch never reached the log (we died in between): what was done is stale now, the
 * rest goes again. */
static bool
lacks_epoch(const Commands__Result *r)
{
	for (size_t i = 0; i < r->n_step_code; i++)
		if (r->step_code[i] == COMMAND_NO_EPOCH)
			return true;
	return false;
}

static void
on_stepped(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier_job *j = arg;
	const Commands__Result *r = e ? NULL : courier_result(answer, &j->arena);

	if (!r) {
		give_up(j, "step", e ? e : ERR_CORRUPT);
		return;
	}
	for (size_t i = 0; i < j->n && i < r->n_step_code && i < r->n_uid; i++)
		say(j, i, r->step_code[i], r->uid[i]);
	if (!j->fresh && lacks_epoch(r)) {
		j->fresh = true;
		j->wrap.fresh_epoch = 1;
		ask_wrap(j);
		return;
	}
	if (!j->answered_quota && turn_refused(j, r)) {
		j->answered_quota = true;
		propose_steps(j);
		return;
	}
	end(j);
}

/* All steps and their bounce; ERR_TOO_BIG: more than a command may hold. */
static enum err
fill_step(struct courier_job *j, Commands__Step *step, struct slice *sealed)
{
	enum err e;

	step->item = j->id;
	step->epoch = j->owner.epoch;
	step->n_step = j->n;
	step->step = j->step;
	e = make_bounce(j, &step->bounce, sealed);
	if (!e && commands__step__get_packed_size(step) + sealed->n > STEP_MAX)
		e = ERR_TOO_BIG;
	return e;
}

static void
propose_steps(struct courier_job *j)
{
	Commands__Command cmd = COMMANDS__COMMAND__INIT;
	Commands__Step step = COMMANDS__STEP__INIT;
	struct slice sealed;
	enum err e;

	/* Those who are left out are still due, and come next. */
	while ((e = fill_step(j, &step, &sealed)) == ERR_TOO_BIG && j->n > 1)
		j->n /= 2;
	/* Who may have been adopted stops here; apply would refuse it. */
	if (!e && !courier_leases(j->c, 0))
		e = ERR_UNAVAILABLE;
	if (e) {
		give_up(j, "step", e);
		return;
	}
	cmd.body_case = COMMANDS__COMMAND__BODY_STEP;
	cmd.step = &step;
	courier_propose(j->c, &cmd, sealed, on_stepped, j);
}

static void
on_epoch(void *arg, enum err e, const ProtobufCMessage *answer)
{
	(void)arg;
	(void)answer;
	if (e)
		log_warn("epoch key not logged: %s", err_text(e));
}

static const Ipc__Wrapped *
find_wrapped(const Ipc__KeydWrapped *w, uint64_t account)
{
	for (size_t i = 0; i < w->n_wrapped; i++)
		if (w->wrapped[i]->account == account)
			return w->wrapped[i];
	return NULL;
}

static void
on_wrapped(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier_job *j = arg;
	const Ipc__KeydWrapped *w = (const Ipc__KeydWrapped *)answer;
	Commands__Command cmd = COMMANDS__COMMAND__INIT;

	if (e) {
		give_up(j, "keyd", e);
		return;
	}
	/* One proposer's proposals are taken in their order: the epochs are logged before the
	 * step that uses them. */
	for (size_t i = 0; i < w->n_epoch; i++) {
		Commands__EpochNew epoch = COMMANDS__EPOCH_NEW__INIT;

		epoch.account = w->epoch[i]->account;
		epoch.epoch = w->epoch[i]->epoch;
		epoch.sealed_key = w->epoch[i]->sealed_key;
		cmd.body_case = COMMANDS__COMMAND__BODY_EPOCH_NEW;
		cmd.epoch_new = &epoch;
		courier_propose(j->c, &cmd, SLICE_EMPTY, on_epoch, NULL);
	}
	for (size_t i = 0; i < j->n; i++) {
		Commands__Delivery *d = j->step[i]->delivery;
		const Ipc__Wrapped *mine = d ? find_wrapped(w, d->account) : NULL;

		if (!mine)
			continue;
		d->epoch = mine->epoch;
		d->wrapped_key = codec_bytes(
			arena_dup(&j->arena, codec_slice(mine->wrapped_key)));
	}
	propose_steps(j);
}

static void
ask_wrap(struct courier_job *j)
{
	ipc_ask(j->c->p->ipc, IPC_KEYD_WRAP, &j->wrap.base, -1,
		(struct ipc_wait){COURIER_ASK_MS, on_wrapped, j});
}

static enum err
prepare_wrap(struct courier_job *j)
{
	const Commands__Enqueue *env = j->item->envelope;
	struct vault_row *secret = arena_alloc(&j->arena, sizeof *secret);
	uint8_t *permit = arena_alloc(&j->arena, PERMIT_SIZE);
	enum err e = view_vault_get(j->c->vault, VAULT_QUEUE, env->queue_key, secret);

	if (e)
		return e;
	courier_permit(j->c, j->id, permit);
	j->wrap.permit = (ProtobufCBinaryData){PERMIT_SIZE, permit};
	j->wrap.item = j->id;
	j->wrap.sealed_key = env->sealed_key;
	j->wrap.queue_key = env->queue_key;
	j->wrap.queue_wrapped_secret = (ProtobufCBinaryData){secret->n, secret->secret};
	return ERR_OK;
}

/* An older database or vault was restored: nothing opens this mail, unless the right vault
 * comes back before its time is over. */
static void
put_off(struct courier_job *j)
{
	for (size_t i = 0; i < j->n; i++) {
		if (j->step[i]->outcome != COMMANDS__OUTCOME__OUTCOME_DELIVER)
			continue;
		j->step[i]->delivery = NULL;
		defer(j, j->row[i]->rcpt, j->step[i],
			"4.3.0 the key of this mail isn't in the vault");
	}
	j->wrap.n_target = 0;
}

static enum err
read_item(struct courier_job *j, struct db_txn *txn, const uint32_t *number, size_t n)
{
	enum err e = view_queue_item(txn, j->id, &j->arena, &j->item);

	if (!e)
		e = view_queue_owner(txn, j->item->owner_node, &j->owner);
	if (!e)
		j->has_queue_key = view_directory_queue_key(
					   txn, &j->queue_key, j->queue_public) == ERR_OK;
	for (size_t i = 0; i < n && !e && j->into < SMTP_ROUTE_PART_MAX; i++)
		e = decide(j, txn, number[i]);
	if (e || !j->wrap.n_target)
		return e;
	e = prepare_wrap(j);
	if (e != ERR_NOT_FOUND)
		return e;
	put_off(j);
	return ERR_OK;
}

void
courier_job_start(
	struct courier *c, struct db_txn *txn, uint64_t item, const uint32_t *number, size_t n)
{
	struct courier_job *j = must_zalloc(sizeof *j);
	enum err e;

	j->c = c;
	j->id = item;
	arena_init(&j->arena, 4096);
	ipc__keyd_wrap__init(&j->wrap);
	j->row = arena_alloc(&j->arena, n * sizeof(Commands__RcptRow *));
	j->step = arena_alloc(&j->arena, n * sizeof(Commands__RcptStep *));
	j->wrap.target = arena_alloc(&j->arena, n * sizeof(Ipc__WrapTarget *));
	j->next = c->jobs;
	c->jobs = j;
	c->job_count++;
	e = read_item(j, txn, number, n);
	if (e || j->n == 0 || !view_is_valid(c->view)) {
		if (e && view_is_valid(c->view) && e != ERR_NOT_FOUND)
			log_error("queue item %llu: %s", (unsigned long long)item, err_text(e));
		/* Not through end(): that would pump at once, and again. */
		c->jobs = j->next;
		c->job_count--;
		arena_reset(&j->arena);
		free(j);
		return;
	}
	if (j->wrap.n_target)
		ask_wrap(j);
	else
		propose_steps(j);
}
