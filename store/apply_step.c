#include "store/apply_step.h"

#include "store/apply_hop.h"
#include "store/apply_mailbox.h"
#include "store/apply_message.h"
#include "store/apply_owner.h"
#include "store/apply_pass.h"
#include "store/apply_payload.h"
#include "store/apply_queue.h"
#include "store/apply_row.h"
#include "store/apply_trace.h"
#include "store/view_directory.h"
#include "store/view_queue.h"

struct stepping {
	struct apply *a;
	Commands__Item *item;
	Commands__RcptRow *row;
	const Commands__RcptStep *step;
	struct apply_queue_known *known; /* where a step of the command expands */
	const Commands__Passed *passed;	 /* DELIVER: by the engine of this node; or NULL */
	uint32_t uid;			 /* DELIVER: the message's */
	struct slice account;		 /* its name */
	bool has_payload;		 /* DELIVER: the message has what the item had */
	enum command_code code;
};

static bool
has_body(const Commands__Passed *p)
{
	return p && p->body;
}

/* What comes with the entry, or NULL. */
static const Commands__Body *
body_of(const Commands__Step *c)
{
	return c->bounce ? c->bounce->body : has_body(c->passed) ? c->passed->body : NULL;
}

static struct schema_message
delivered(const struct stepping *s)
{
	Commands__Enqueue envelope = *s->item->envelope;
	const Commands__Delivery *d = s->step->delivery;

	apply_pass_put(s->passed, &envelope);
	return (struct schema_message){
		.flags = (uint8_t)(d->flags & 31),
		.internal_date_sec = (int64_t)s->item->queued_sec,
		.zone_min = (int16_t)(d->zone_min % 1440),
		.head_size = envelope.head_size,
		.size = envelope.body->size,
		.payload = has_body(s->passed) ? s->a->index : s->item->payload,
		.epoch = d->epoch,
		.wrapped_key = codec_slice(d->wrapped_key),
		.delivered_to = codec_slice(d->delivered_to),
		.sealed_head = codec_slice(envelope.sealed_head),
		.sealed_index = codec_slice(envelope.sealed_index),
	};
}

/* Could it be delivered? Sets the code if not; else *account and *m are what is needed for it.
 */
static enum err
check_delivery(struct stepping *s, Commands__Account **account, struct schema_message *m)
{
	const Commands__Delivery *d = s->step->delivery;
	struct slice sealed;
	enum err e;

	if (!d || d->wrapped_key.len != SCHEMA_WRAPPED_KEY || d->delivered_to.len > 1000) {
		s->code = COMMAND_INVALID;
		return ERR_OK;
	}
	e = apply_row_account(s->a, d->account, account);
	if (e == ERR_NOT_FOUND) {
		s->code = COMMAND_NOT_FOUND;
		return ERR_OK;
	}
	if (!e)
		e = view_directory_epoch(s->a->txn, d->account, d->epoch, &sealed);
	if (e == ERR_NOT_FOUND) {
		s->code = COMMAND_NO_EPOCH;
		return ERR_OK;
	}
	*m = delivered(s);
	if (!e && view_directory_over_quota(*account, apply_message_weight(m)))
		s->code = COMMAND_QUOTA;
	return e;
}

static enum err
deliver(struct stepping *s)
{
	const Commands__Delivery *d = s->step->delivery;
	struct apply *a = s->a;
	Commands__Mailbox *box;
	Commands__Account *r;
	struct schema_message m;
	enum err e = check_delivery(s, &r, &m);

	if (e || s->code)
		return e;
	e = apply_mailbox_for_delivery(a, d->account, codec_slice(d->mailbox), &box);
	/* The mailbox may have been made just now, which moved the account's counters. */
	if (!e)
		e = apply_row_account(a, d->account, &r);
	if (!e)
		e = apply_message_insert(a, box, r, &m, &s->uid);
	/* With the last one the item ends, and has no use for its own reference. */
	s->has_payload = s->item->rcpt_left == 1 && !has_body(s->passed);
	if (!e && has_body(s->passed))
		e = apply_payload_make(a, s->passed->body);
	else if (!e && !s->has_payload)
		e = apply_payload_ref(a, s->item->payload);
	if (!e)
		e = apply_row_put_mailbox(a, box);
	s->row->done = true;
	s->account = codec_slice(r->name);
	return e ? e : apply_row_put_account(a, d->account, r);
}

/* before: recipients that come before these. */
static bool
has_room(const struct stepping *s, size_t before)
{
	return s->item->rcpt_count + before + s->step->n_into <= APPLY_QUEUE_ROWS_MAX;
}

/* Whole, or a part: then the recipient stays, and is due again at once. */
static enum err
expand(struct stepping *s)
{
	Commands__Rcpt *r = s->row->rcpt;

	if (!has_room(s, 0)) {
		s->code = COMMAND_LIMIT;
		return ERR_OK;
	}
	s->row->done = s->step->expanded == 0;
	r->expanded = s->step->expanded;
	r->expanded_of = s->step->expanded_of;
	r->next_try_sec = s->a->time_sec;
	return apply_queue_add(s->a, s->item, s->known, s->step->into, s->step->n_into);
}

/* It waits for its hop from now on. */
static void
file_under_hop(struct stepping *s)
{
	Commands__Rcpt *r = s->row->rcpt;

	if (!schema_is_hop(codec_slice(s->step->hop))) {
		s->code = COMMAND_INVALID;
		return;
	}
	r->stage = COMMANDS__STAGE__STAGE_RELAY;
	r->hop = s->step->hop;
	r->deadline_sec = s->step->deadline_sec;
}

static void
defer(struct stepping *s)
{
	Commands__Rcpt *r = s->row->rcpt;
	uint64_t now_sec = s->a->time_sec, next_sec = s->step->next_try_sec;

	if (s->step->hop.len)
		file_under_hop(s);
	r->tries++;
	r->last_try_sec = now_sec;
	r->next_try_sec = next_sec > now_sec ? next_sec : now_sec + 1;
}

static enum err
outcome(struct stepping *s)
{
	Commands__Rcpt *r = s->row->rcpt;

	if (s->step->status && s->step->status[0])
		r->last_status = s->step->status;
	switch ((int)s->step->outcome) {
	case COMMANDS__OUTCOME__OUTCOME_DELIVER:
		return deliver(s);
	case COMMANDS__OUTCOME__OUTCOME_EXPAND:
		return expand(s);
	case COMMANDS__OUTCOME__OUTCOME_DEFER:
		defer(s);
		return ERR_OK;
	case COMMANDS__OUTCOME__OUTCOME_FAIL:
	case COMMANDS__OUTCOME__OUTCOME_SENT:
		s->row->done = true;
		return ERR_OK;
	case COMMANDS__OUTCOME__OUTCOME_RELAY:
		file_under_hop(s);
		r->next_try_sec = s->a->time_sec;
		return ERR_OK;
	case COMMANDS__OUTCOME__OUTCOME_WAIT:
		file_under_hop(s);
		r->warned = true;
		r->next_try_sec = s->a->time_sec;
		return ERR_OK;
	case COMMANDS__OUTCOME__OUTCOME_WARN:
		r->warned = true;
		r->deadline_sec = s->step->deadline_sec;
		return ERR_OK;
	case COMMANDS__OUTCOME__OUTCOME_MOVE:
		/* In stage relay only who waits for a hop. */
		if (s->step->stage == COMMANDS__STAGE__STAGE_RELAY) {
			s->code = COMMAND_INVALID;
			return ERR_OK;
		}
		if (s->step->filter > s->item->envelope->n_filter) {
			s->code = COMMAND_INVALID;
			return ERR_OK;
		}
		if (s->step->filter)
			r->filter = s->step->filter;
		r->stage = s->step->stage;
		r->next_try_sec = s->a->time_sec;
		return ERR_OK;
	default:
		s->code = COMMAND_UNSUPPORTED;
		return ERR_OK;
	}
}

static enum err
trace(const struct stepping *s, const Commands__Step *c, const Commands__Rcpt *before,
	uint32_t count_before)
{
	const struct apply_trace_step step = {.item = s->item,
		.command = c,
		.step = s->step,
		.before = before,
		.after = s->row->rcpt,
		.uid = s->uid,
		.account = s->account,
		.made = s->item->rcpt_count - count_before};

	return apply_trace_step(s->a, &step);
}

static enum err
step_one(struct stepping *s, const Commands__Step *c)
{
	struct apply *a = s->a;
	uint32_t count = s->item->rcpt_count;
	Commands__RcptRow before;
	Commands__Rcpt rcpt;
	enum err e = view_queue_rcpt(a->txn, s->item->id, s->step->rcpt, a->arena, &s->row);

	if (e == ERR_NOT_FOUND || (!e && (s->row->done || s->row->step != s->step->step))) {
		s->code = COMMAND_STALE;
		return ERR_OK;
	}
	if (e)
		return e;
	before = *s->row;
	rcpt = *s->row->rcpt;
	before.rcpt = &rcpt;
	e = outcome(s);
	if (e || s->code)
		return e;
	s->row->step++;
	s->item->rcpt_left -= s->row->done ? 1 : 0;
	e = apply_queue_wait(a, s->item, s->step->rcpt, &before, s->row);
	/* The row goes with the item. */
	if (!e && s->item->rcpt_left)
		e = apply_queue_put_rcpt(a, s->item, s->step->rcpt, s->row);
	return e ? e : trace(s, c, &rcpt, count);
}

/* What the command brings must be good, and all steps fresh, before anything is done: all or
 * nothing. */
static enum err
check_whole(struct apply *a, const Commands__Step *c, const Commands__Item *item, bool *ok)
{
	Commands__RcptRow *row;
	const char *why = NULL;
	enum err e;

	*ok = true;
	if (!c->bounce && !c->passed && !c->n_fact)
		return ERR_OK;
	e = c->bounce ? apply_queue_check(a, c->bounce, &why) : ERR_OK;
	if (!e)
		e = apply_pass_check(a, c->passed, ok);
	*ok = *ok && !why && apply_pass_is_sound(c);
	for (size_t i = 0; i < c->n_step && !e && *ok; i++) {
		e = view_queue_rcpt(a->txn, c->item, c->step[i]->rcpt, a->arena, &row);
		*ok = !e && !row->done && row->step == c->step[i]->step &&
		      apply_pass_may(c->passed, item, row->rcpt);
		e = e == ERR_NOT_FOUND ? ERR_OK : e;
	}
	return e;
}

/* One look at the recipients that there are serves all steps. */
static enum err
know(struct apply *a, const Commands__Step *c, const Commands__Item *item,
	struct apply_queue_known **out)
{
	size_t more = 0;
	bool expands = false;

	for (size_t i = 0; i < c->n_step; i++) {
		expands |= c->step[i]->outcome == COMMANDS__OUTCOME__OUTCOME_EXPAND;
		more += c->step[i]->n_into;
	}
	return expands ? apply_queue_know(a, item, more, out) : ERR_OK;
}

/* A report says what became of all of them: so all are done, or none is. False: this or that
 * can't be, as its code says; those that could be are STALE, and due as before. */
static enum err
check_all(struct apply *a, const Commands__Step *c, Commands__Item *item, bool *ok)
{
	Commands__Result *out = a->result;
	Commands__Account *account;
	struct schema_message m;
	size_t into = 0;
	enum err e = ERR_OK;

	*ok = true;
	for (size_t i = 0; i < c->n_step && body_of(c) && !e; i++) {
		struct stepping s = {
			.a = a, .item = item, .step = c->step[i], .passed = c->passed};

		if (s.step->outcome == COMMANDS__OUTCOME__OUTCOME_DELIVER)
			e = check_delivery(&s, &account, &m);
		else if (s.step->outcome == COMMANDS__OUTCOME__OUTCOME_EXPAND &&
			 !has_room(&s, into))
			s.code = COMMAND_LIMIT;
		into += s.step->n_into;
		*ok &= !s.code;
		out->step_code[i] = s.code ? s.code : COMMAND_STALE;
		out->uid[i] = 0;
	}
	return e;
}

/* *has_payload: a message has the item's reference. */
static enum err
step_all(struct apply *a, const Commands__Step *c, Commands__Item *item, bool *has_payload)
{
	Commands__Result *out = a->result;
	struct apply_queue_known *known = NULL;
	enum err e = know(a, c, item, &known);

	for (size_t i = 0; i < c->n_step && !e; i++) {
		struct stepping s = {.a = a,
			.item = item,
			.step = c->step[i],
			.known = known,
			.passed = c->passed};

		e = step_one(&s, c);
		*has_payload |= s.has_payload;
		out->step_code[out->n_step_code++] = s.code;
		out->uid[out->n_uid++] = s.uid;
	}
	return e;
}

enum err
apply_step(struct apply *a, const Commands__Step *c)
{
	Commands__Item *item;
	bool runs = false, ok = false, has_payload = false;
	enum err e = view_queue_item(a->txn, c->item, a->arena, &item);

	if (!e)
		e = apply_owner_runs(a, item->owner_node, c->epoch, &runs);
	if (e && e != ERR_NOT_FOUND)
		return e;
	/* A held item rests, what was on its way when the hold came included. */
	if (!e && !item->held && runs && c->n_step <= APPLY_STEP_MAX)
		e = check_whole(a, c, item, &ok);
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (!ok) {
		e = apply_payload_refuse(a, body_of(c));
		return e ? e : apply_refuse(a, COMMAND_STALE, "the item has moved on");
	}
	a->result->id = item->id;
	a->result->step_code = arena_alloc(a->arena, (c->n_step + 1) * sizeof(uint32_t));
	a->result->uid = arena_alloc(a->arena, (c->n_step + 1) * sizeof(uint32_t));
	e = check_all(a, c, item, &ok);
	if (!e && !ok) {
		a->result->n_step_code = a->result->n_uid = c->n_step;
		return apply_payload_refuse(a, body_of(c));
	}
	if (!e)
		e = apply_trace_facts(a, item, c);
	if (!e && apply_pass_moves(c))
		e = apply_pass(a, c, item);
	else if (!e)
		e = step_all(a, c, item, &has_payload);
	if (!e)
		e = apply_pass_learn(a, c->passed);
	if (!e && c->bounce)
		e = apply_queue_make(a, c->bounce, c->item);
	if (!e && c->hop)
		e = apply_hop_note(a, item->owner_node, c->hop);
	if (e)
		return e;
	return has_payload ? apply_queue_end_item(a, item) : apply_queue_put_item(a, item);
}
