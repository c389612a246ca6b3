/* courier_job: the due recipients of one queue item, taken one step further: look up, wrap the
 * key for those who get it here, propose one STEP with all outcomes (and the bounce that they
 * cause). What fails on the way is forgotten: the rows are still due. */
#include <stdlib.h>

#include "cmd/courier_filter.h"
#include "cmd/courier_hairpin.h"
#include "cmd/courier_late.h"
#include "cmd/courier_relay.h"
#include "cmd/courier_step.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "core/log.h"
#include "core/must.h"
#include "core/zone.h"
#include "crypto/loop_guard.h"
#include "crypto/permit.h"
#include "crypto/queue_seal.h"
#include "smtp/smtp_hop.h"
#include "smtp/smtp_route.h"
#include "store/command.h"
#include "store/view_directory.h"
#include "store/view_hop.h"
#include "store/view_queue.h"

struct courier_job {
	struct courier_job *next;
	struct courier *c;
	struct arena arena;
	struct courier_step s;
	size_t into; /* recipients that its steps make */
	struct courier_leaving *leaving;
	struct courier_filter filter; /* its way is 0: none of them passes the engine */
	bool is_begun, answered_quota, fresh;
	Ipc__KeydWrap wrap;
};

bool
courier_job_is_busy(const struct courier *c, uint64_t item)
{
	for (const struct courier_job *j = c->jobs; j; j = j->next)
		if (j->s.id == item)
			return true;
	return false;
}

uint32_t
courier_job_count_of(const struct courier *c, uint32_t owner_node)
{
	uint32_t n = 0;

	for (const struct courier_job *j = c->jobs; j; j = j->next)
		n += j->s.item->owner_node == owner_node;
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
	courier_filter_fini(&j->filter);
	courier_step_fini(&j->s);
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

	view_queue_id_format(j->s.id, id);
	log_warn("%s: %s: %s; tried again soon", id, what, err_text(e));
	end(j);
	/* Not at once: whoever we asked may be starting. */
	courier_pump_later(c);
}

/* --- deciding --- */

/* Later; first its sender is told, if it is time: it is due still, and is put off then. */
static void
put_off_one(struct courier_job *j, const Commands__Rcpt *r, Commands__RcptStep *s,
	const char *status)
{
	if (!courier_step_warn(&j->s, r, s, status))
		courier_step_defer(&j->s, r, s, status);
}

static const char full[] = "4.2.2 the mailbox is full; its owner has to make room";

static enum err
decide_deliver(struct courier_job *j, struct db_txn *txn, const Commands__Rcpt *r,
	Commands__RcptStep *s)
{
	Commands__Delivery *d = arena_alloc(&j->arena, sizeof *d);
	Ipc__WrapTarget *target = arena_alloc(&j->arena, sizeof *target);
	Commands__Account *account;
	enum err e = view_directory_account(txn, r->account, &j->arena, &account);

	if (e == ERR_NOT_FOUND) {
		courier_step_fail(s, "5.1.1 the mailbox was removed");
		return ERR_OK;
	}
	if (e)
		return e;
	if (view_directory_over_quota(account, j->s.item->envelope->body->size)) {
		/* r may be the one that the row's recipient leads to. */
		put_off_one(j, j->s.row[j->s.n - 1]->rcpt, s, full);
		return ERR_OK;
	}
	commands__delivery__init(d);
	d->account = r->account;
	d->zone_min = zone_offset_min((int64_t)j->s.item->queued_sec);
	d->delivered_to = r->via.len ? r->via : r->address;
	s->outcome = COMMANDS__OUTCOME__OUTCOME_DELIVER;
	s->delivery = d;
	ipc__wrap_target__init(target);
	target->account = r->account;
	target->public_key = account->public_key;
	j->wrap.target[j->wrap.n_target++] = target;
	return ERR_OK;
}

/* Those who leave for one hop, together. */
struct courier_leaving {
	struct courier_leaving *next;
	struct slice hop;
	uint32_t number[COURIER_RCPT_MAX];
	size_t n;
};

static struct courier_leaving *
find_leaving(struct courier_job *j, struct slice hop)
{
	for (struct courier_leaving *l = j->leaving; l; l = l->next)
		if (l->n < COURIER_RCPT_MAX && slice_eq(l->hop, hop))
			return l;
	return NULL;
}

/* It leaves at once if its hop takes it now; else it waits there. */
static void
leave(struct courier_job *j, struct db_txn *txn, uint32_t number, Commands__RcptStep *s)
{
	struct courier_leaving *l = find_leaving(j, codec_slice(s->hop));

	if (!l && courier_relay_is_open(
			  j->c->relay, txn, j->s.item->owner_node, codec_slice(s->hop))) {
		l = arena_zalloc(&j->arena, sizeof *l);
		l->hop = codec_slice(s->hop);
		l->next = j->leaving;
		j->leaving = l;
	}
	if (!l)
		return;
	l->number[l->n++] = number;
	j->s.n--;
}

static void
go_to_hop(struct courier_job *j, struct db_txn *txn, const Commands__RcptRow *row,
	Commands__RcptStep *s)
{
	s->outcome = COMMANDS__OUTCOME__OUTCOME_RELAY;
	s->deadline_sec = courier_step_deadline_sec(&j->s, row->rcpt);
	leave(j, txn, s->rcpt, s);
}

static void
decide_relay(struct courier_job *j, struct db_txn *txn, const Commands__RcptRow *row,
	Commands__RcptStep *s)
{
	struct buf hop;

	buf_init(&hop, SMTP_HOP_MAX);
	if (courier_relay_hop(j->c->relay, codec_slice(row->rcpt->address), &hop)) {
		s->hop = codec_bytes(arena_dup(&j->arena, buf_slice(&hop)));
		go_to_hop(j, txn, row, s);
	} else {
		courier_step_fail(
			s, "5.1.3 the address has no domain that mail can be sent to");
	}
	buf_fini(&hop);
}

/* As it is, to whoever has it in hand before it is routed: nobody is expanded. */
static void
decide_filter(struct courier_job *j, struct db_txn *txn, const Commands__RcptRow *row,
	Commands__RcptStep *s)
{
	s->hop = codec_bytes(view_queue_filter(j->s.item, row->rcpt));
	go_to_hop(j, txn, row, s);
}

/* The only recipient, and one mailbox: nobody could be reached twice, so no step in between. */
static bool
is_for_one(const struct courier_job *j, const struct smtp_route *route)
{
	return j->s.item->rcpt_count == 1 && route->kind == SMTP_ROUTE_EXPAND &&
	       route->n_into == 1 && route->into[0]->account;
}

static enum err
decide_route(struct courier_job *j, struct db_txn *txn, const Commands__RcptRow *row,
	Commands__RcptStep *s)
{
	struct smtp_route route;
	enum err e = smtp_route(txn, row->rcpt, j->c->p->config.delimiter, &j->arena, &route);

	if (e)
		return e;
	j->into += route.n_into;
	if (route.kind == SMTP_ROUTE_FAIL) {
		courier_step_fail(s, route.status);
	} else if (route.kind == SMTP_ROUTE_RELAY &&
		   courier_filter_again(j->s.item, row->rcpt)) {
		s->outcome = COMMANDS__OUTCOME__OUTCOME_MOVE;
		s->stage = COMMANDS__STAGE__STAGE_FILTER;
		s->filter = courier_filter_again(j->s.item, row->rcpt);
	} else if (route.kind == SMTP_ROUTE_RELAY) {
		decide_relay(j, txn, row, s);
	} else if (is_for_one(j, &route)) {
		return decide_deliver(j, txn, route.into[0], s);
	} else {
		s->outcome = COMMANDS__OUTCOME__OUTCOME_EXPAND;
		s->n_into = route.n_into;
		s->into = route.into;
		s->expanded = route.expanded;
		s->expanded_of = route.expanded_of;
		s->expanded_by = route.expanded_by;
	}
	return ERR_OK;
}

/* What is known of why it didn't go; and of when that was its row knows then. A hop that was
 * tried for others before this mail came wasn't tried for it. */
static const char *
last_try(struct courier_job *j, struct db_txn *txn, Commands__Rcpt *r)
{
	Commands__Hop *hop;
	enum err e = view_hop_get(
		txn, j->s.item->owner_node, codec_slice(r->hop), &j->arena, &hop);

	if (e || !hop->tries)
		return r->last_status;
	if (hop->last_try_sec > r->last_try_sec && hop->last_try_sec >= j->s.item->queued_sec)
		r->last_try_sec = hop->last_try_sec;
	return hop->last_status[0] ? hop->last_status : r->last_status;
}

/* Its hop didn't let it go, and its deadline has come; or it waited for a certificate. */
static void
decide_late(struct courier_job *j, struct db_txn *txn, Commands__Rcpt *r, Commands__RcptStep *s)
{
	const char *why;

	if (courier_late_is_hop(codec_slice(r->hop))) {
		courier_late_decide(&j->s, r, s);
		return;
	}
	why = last_try(j, txn, r);
	if (courier_now_sec(j->c) >= courier_step_end_sec(&j->s)) {
		courier_step_expire(&j->s, s, why);
	} else if (!courier_step_warn(&j->s, r, s,
			   *why ? why : "4.4.0 it waits for its turn at the next server")) {
		/* The configuration gives it more time than it did. */
		s->outcome = COMMANDS__OUTCOME__OUTCOME_RELAY;
		s->hop = r->hop;
		s->deadline_sec = courier_step_deadline_sec(&j->s, r);
	}
}

static enum err
decide_stage(struct courier_job *j, struct db_txn *txn, const Commands__RcptRow *row,
	Commands__RcptStep *one)
{
	if (row->rcpt->stage == COMMANDS__STAGE__STAGE_DELIVER)
		return decide_deliver(j, txn, row->rcpt, one);
	if (row->rcpt->stage == COMMANDS__STAGE__STAGE_RELAY)
		decide_late(j, txn, row->rcpt, one);
	else if (row->rcpt->stage == COMMANDS__STAGE__STAGE_FILTER &&
		 view_queue_filter(j->s.item, row->rcpt).n)
		decide_filter(j, txn, row, one);
	else
		return decide_route(j, txn, row, one);
	return ERR_OK;
}

/* Those who pass the engine the same way are a job of their own. */
static enum err
decide_pass(struct courier_job *j, struct db_txn *txn, const Commands__RcptRow *row)
{
	unsigned way = 0;
	enum err e = courier_hairpin_way(j->c, txn, codec_slice(row->rcpt->address), &way);

	if ((j->is_begun && way != j->filter.way) || j->s.n > courier_filter_max(j->s.item))
		j->s.n--;
	else
		j->filter.way = way;
	return e;
}

static enum err
decide(struct courier_job *j, struct db_txn *txn, uint32_t number)
{
	Commands__RcptStep *one;
	const Commands__RcptRow *row;
	enum err e = courier_step_add(&j->s, txn, number, &one);
	bool passes;

	if (e || !one)
		return e;
	row = j->s.row[j->s.n - 1];
	passes = row->rcpt->stage == COMMANDS__STAGE__STAGE_FILTER &&
		 courier_filter_is_for(j->s.item, row->rcpt);
	if (passes)
		e = decide_pass(j, txn, row);
	else if (j->filter.way)
		j->s.n--;
	else
		e = decide_stage(j, txn, row, one);
	j->is_begun = true;
	return e;
}

/* --- acting --- */

static void
say_passed(const struct courier_job *j, size_t i, const Commands__Result *r)
{
	struct slice to = codec_slice(j->s.row[i]->rcpt->address);
	char id[VIEW_QUEUE_ID_MAX], as[VIEW_QUEUE_ID_MAX];

	view_queue_id_format(j->s.id, id);
	view_queue_id_format(r->id, as);
	log_info("%s: to=<%.*s>, filter=local, status=filtered (%s%s%s)", id, SLICE_FMT(to),
		j->filter.way == LOOP_GUARD_IN ? "in" : "out",
		r->id == j->s.id ? "" : ", queued as ", r->id == j->s.id ? "" : as);
}

static void
say(const struct courier_job *j, size_t i, const Commands__Result *r)
{
	static const char *const word[] = {"delivered", "expanded", "deferred", "bounced",
		"waiting", "moved", "sent", "warned"};
	uint32_t code = r->step_code[i], uid = r->uid[i];
	const Commands__RcptStep *s = j->s.step[i];
	struct slice to = codec_slice(j->s.row[i]->rcpt->address);
	char id[VIEW_QUEUE_ID_MAX];

	view_queue_id_format(j->s.id, id);
	if (code == COMMAND_STALE || code == COMMAND_NO_EPOCH)
		return;
	if (!code && j->s.passed)
		say_passed(j, i, r);
	else if (s->outcome == COMMANDS__OUTCOME__OUTCOME_WAIT && !code)
		log_info("%s: to=<%.*s>, hop=%.*s, status=waiting (%s)", id, SLICE_FMT(to),
			SLICE_FMT(codec_slice(s->hop)), s->status);
	if (code)
		log_info("%s: to=<%.*s>, status=deferred (%s)", id, SLICE_FMT(to),
			command_code_text((enum command_code)code));
	else if (s->outcome == COMMANDS__OUTCOME__OUTCOME_DELIVER)
		log_info("%s: to=<%.*s>, mailbox=INBOX, delay=%llu, status=delivered (uid %u)",
			id, SLICE_FMT(to),
			(unsigned long long)(courier_now_sec(j->c) - j->s.item->queued_sec),
			uid);
	else if (s->outcome < COMMANDS__OUTCOME__OUTCOME_PASS)
		log_info("%s: to=<%.*s>, status=%s%s%s%s", id, SLICE_FMT(to), word[s->outcome],
			s->status[0] ? " (" : "", s->status, s->status[0] ? ")" : "");
}

static void propose_steps(struct courier_job *j);
static void act_on_group(struct courier_job *j);
static void ask_wrap(struct courier_job *j);

/* Deliveries that apply refused: the mailbox is full now, or its account has gone. */
static bool
turn_refused(struct courier_job *j, const Commands__Result *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < j->s.n && i < r->n_step_code; i++) {
		uint32_t code = r->step_code[i];

		if (code != COMMAND_QUOTA && code != COMMAND_NOT_FOUND && code != COMMAND_LIMIT)
			continue;
		j->s.step[kept] = j->s.step[i];
		j->s.row[kept] = j->s.row[i];
		j->s.step[kept]->delivery = NULL;
		j->s.step[kept]->n_into = 0;
		if (code == COMMAND_QUOTA)
			put_off_one(j, j->s.row[kept]->rcpt, j->s.step[kept], full);
		else
			courier_step_fail(j->s.step[kept],
				code == COMMAND_LIMIT
					? "5.3.4 the groups of this mail have too "
					  "many members; send it to fewer at once"
					: "5.1.1 the mailbox was removed");
		kept++;
	}
	j->s.n = kept;
	j->s.passed = NULL;
	j->s.body = NULL;
	j->s.n_fact = 0;
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
	if (j->filter.answer && !r->code)
		courier_filter_say(&j->filter);
	for (size_t i = 0; i < j->s.n && i < r->n_step_code && i < r->n_uid; i++)
		say(j, i, r);
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
	if (j->filter.answer && !r->code && courier_filter_next(&j->filter))
		act_on_group(j);
	else
		end(j);
}

static void
propose_steps(struct courier_job *j)
{
	/* Those who are left out are still due, and come next. */
	enum err e = courier_step_propose(&j->s, on_stepped, j);

	if (e)
		give_up(j, "step", e);
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
	for (size_t i = 0; i < j->s.n; i++) {
		Commands__Delivery *d = j->s.step[i]->delivery;
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

/* The data key of what is delivered: the item's, or that of a new text. */
static enum err
find_sealed_key(struct courier_job *j)
{
	const Commands__Enqueue *env = j->s.item->envelope;
	uint8_t *sealed = arena_alloc(&j->arena, QUEUE_SEAL_SIZE);
	struct queue_seal sealer = {0};
	enum err e;

	j->wrap.sealed_key = env->sealed_key;
	j->wrap.queue_key = env->queue_key;
	if (!j->s.body)
		return ERR_OK;
	if (!j->s.has_queue_key)
		return ERR_UNAVAILABLE;
	e = queue_seal(&sealer, j->s.queue_public, &j->s.body->key, sealed);
	queue_seal_wipe(&sealer);
	j->wrap.sealed_key = (ProtobufCBinaryData){QUEUE_SEAL_SIZE, sealed};
	j->wrap.queue_key = j->s.queue_key;
	return e;
}

static enum err
prepare_wrap(struct courier_job *j)
{
	struct vault_row *secret = arena_alloc(&j->arena, sizeof *secret);
	uint8_t *permit = arena_alloc(&j->arena, PERMIT_SIZE);
	enum err e = find_sealed_key(j);

	if (!e)
		e = view_vault_get(j->c->vault, VAULT_QUEUE, j->wrap.queue_key, secret);
	if (e)
		return e;
	courier_permit(j->c, j->s.id, permit);
	j->wrap.permit = (ProtobufCBinaryData){PERMIT_SIZE, permit};
	j->wrap.item = j->s.id;
	j->wrap.queue_wrapped_secret = (ProtobufCBinaryData){secret->n, secret->secret};
	return ERR_OK;
}

/* An older database or vault was restored: nothing opens this mail, unless the right vault
 * comes back before its time is over. */
static const char no_key[] = "4.3.0 the key of this mail isn't in the vault";

static void
put_off(struct courier_job *j)
{
	for (size_t i = 0; i < j->s.n; i++) {
		if (j->s.step[i]->outcome != COMMANDS__OUTCOME__OUTCOME_DELIVER)
			continue;
		j->s.step[i]->delivery = NULL;
		put_off_one(j, j->s.row[i]->rcpt, j->s.step[i], no_key);
	}
	j->wrap.n_target = 0;
}

/* --- the engine --- */

static void
put_off_all(struct courier_job *j, const char *status)
{
	for (size_t i = 0; i < j->s.n; i++)
		put_off_one(j, j->s.row[i]->rcpt, j->s.step[i], status);
	propose_steps(j);
}

/* Is it for one mailbox? Then it goes there in the same step. */
static bool
goes_on(struct courier_job *j)
{
	Commands__RcptStep *s = j->s.step[0], passes = *s;
	struct smtp_route route;
	struct db_txn *txn;
	bool ok;

	if (!j->s.passed || j->s.passed->filter || j->s.n != 1 || j->s.left_out)
		return false;
	if (view_begin(j->c->view, &txn))
		return false;
	ok = !smtp_route(
		     txn, j->s.row[0]->rcpt, j->c->p->config.delimiter, &j->arena, &route) &&
	     is_for_one(j, &route) && !decide_deliver(j, txn, route.into[0], s) &&
	     s->outcome == COMMANDS__OUTCOME__OUTCOME_DELIVER && view_is_valid(j->c->view);
	view_end(j->c->view);
	if (ok && !prepare_wrap(j))
		return true;
	/* What became of it, the next look decides. */
	*s = passes;
	j->wrap.n_target = 0;
	return false;
}

static void
act_on_group(struct courier_job *j)
{
	if (goes_on(j))
		ask_wrap(j);
	else
		propose_steps(j);
}

/* What it needs isn't there now, but will be: keyd, or the database as it is. */
static bool
is_passing(enum err e)
{
	return e == ERR_UNAVAILABLE || e == ERR_BUSY;
}

static void
on_filtered(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct courier_job *j = arg;

	(void)answer;
	if (!e)
		act_on_group(j);
	else if (!j->s.has_key)
		give_up(j, "keyd", e);
	else if (is_passing(e))
		give_up(j, "the content filter in this node", e);
	else
		put_off_all(j, "4.3.0 the content filter in this node failed");
}

static void
start_filter(struct courier_job *j)
{
	enum err e;

	j->filter.s = &j->s;
	j->filter.cb = on_filtered;
	j->filter.arg = j;
	e = courier_filter_start(&j->filter);
	if (e == ERR_NOT_FOUND)
		put_off_all(j, no_key);
	else if (e)
		give_up(j, "vault", e);
}

static enum err
read_item(struct courier_job *j, struct db_txn *txn, const uint32_t *number, size_t n)
{
	enum err e = courier_step_read(&j->s, txn, n);

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

static void
start_leaving(struct courier_job *j, struct db_txn *txn)
{
	for (struct courier_leaving *l = j->leaving; l; l = l->next) {
		struct courier_relay_work w = {
			.hop = l->hop, .item = j->s.id, .number = l->number, .n = l->n};

		courier_relay_start(j->c->relay, txn, &w);
	}
}

void
courier_job_start(
	struct courier *c, struct db_txn *txn, uint64_t item, const uint32_t *number, size_t n)
{
	struct courier_job *j = must_zalloc(sizeof *j);
	enum err e;

	j->c = c;
	arena_init(&j->arena, 4096);
	courier_step_init(&j->s, c, &j->arena, item);
	ipc__keyd_wrap__init(&j->wrap);
	j->wrap.target = arena_alloc(&j->arena, n * sizeof(Ipc__WrapTarget *));
	j->next = c->jobs;
	c->jobs = j;
	c->job_count++;
	e = read_item(j, txn, number, n);
	if (!e && view_is_valid(c->view))
		start_leaving(j, txn);
	if (e || j->s.n == 0 || !view_is_valid(c->view)) {
		if (e && view_is_valid(c->view) && e != ERR_NOT_FOUND)
			log_error("queue item %llu: %s", (unsigned long long)item, err_text(e));
		/* Not through end(): that would pump at once, and again. */
		c->jobs = j->next;
		c->job_count--;
		courier_step_fini(&j->s);
		arena_reset(&j->arena);
		free(j);
		return;
	}
	if (j->filter.way)
		start_filter(j);
	else if (j->wrap.n_target)
		ask_wrap(j);
	else
		propose_steps(j);
}
