#include "store/apply_pass.h"

#include "core/codec.h"
#include "store/apply_cert.h"
#include "store/apply_opened.h"
#include "store/apply_payload.h"
#include "store/apply_queue.h"
#include "store/apply_queue_key.h"
#include "store/apply_trace.h"
#include "store/view_queue.h"

enum { BLOB_MAX = 262144, HASH_MAX = 64, HARVEST_MAX = 64 };

bool
apply_pass_moves(const Commands__Step *c)
{
	return c->passed && c->step[0]->outcome == COMMANDS__OUTCOME__OUTCOME_PASS;
}

bool
apply_pass_is_sound(const Commands__Step *c)
{
	Commands__Outcome all = COMMANDS__OUTCOME__OUTCOME_DELIVER;

	if (!c->passed)
		return true;
	if (c->n_step && !c->bounce && apply_pass_moves(c))
		all = COMMANDS__OUTCOME__OUTCOME_PASS;
	for (size_t i = 0; i < c->n_step; i++)
		if (c->step[i]->outcome != all)
			return false;
	if (c->passed->body && all == COMMANDS__OUTCOME__OUTCOME_DELIVER && c->n_step != 1)
		return false;
	return c->n_step && c->passed->sealed_head.len <= BLOB_MAX &&
	       (!c->passed->opened.len || c->passed->opened.len == SCHEMA_TRACE_HASH) &&
	       c->passed->n_harvest <= HARVEST_MAX;
}

enum err
apply_pass_check(struct apply *a, const Commands__Passed *p, bool *ok)
{
	enum err e = ERR_OK;

	*ok = true;
	if (!p || !p->body)
		return ERR_OK;
	*ok = p->sealed_key.len && p->sealed_key.len <= BLOB_MAX && p->sealed_head.len &&
	      p->sealed_index.len <= BLOB_MAX && p->body_hash.len <= HASH_MAX;
	if (*ok)
		e = apply_queue_key_is_open(a, p->queue_key, ok);
	if (!e && *ok)
		e = apply_payload_check(a, p->body, ok);
	return e;
}

/* Always further on: nobody goes in a circle. */
bool
apply_pass_may(
	const Commands__Passed *p, const Commands__Item *item, const Commands__Rcpt *rcpt)
{
	return !p || !p->filter ||
	       (p->filter > rcpt->filter && p->filter <= item->envelope->n_filter);
}

/* What a recipient is behind the filter: as it came, and nothing was tried yet. */
static Commands__Rcpt
behind_filter(const struct apply *a, const struct apply_trace_pass *p, const Commands__Rcpt *r)
{
	Commands__Rcpt out = *r;

	out.filter = p->passed->filter;
	out.is_out = r->is_out || p->item->envelope->was_decrypted;
	out.stage = out.filter ? COMMANDS__STAGE__STAGE_FILTER : COMMANDS__STAGE__STAGE_ROUTE;
	out.tries = 0;
	out.last_try_sec = 0;
	out.last_status = (char *)(uintptr_t)protobuf_c_empty_string;
	out.next_try_sec = a->time_sec;
	return out;
}

void
apply_pass_put(const Commands__Passed *p, Commands__Enqueue *envelope)
{
	if (!p)
		return;
	if (p->sealed_head.len) {
		envelope->sealed_head = p->sealed_head;
		envelope->head_size = p->head_size;
	}
	envelope->was_decrypted |= p->opened.len > 0;
	if (!p->body)
		return;
	envelope->body = p->body;
	envelope->sealed_key = p->sealed_key;
	envelope->queue_key = p->queue_key;
	envelope->sealed_index = p->sealed_index;
	envelope->body_8bit = p->body_8bit;
	envelope->header_8bit = p->header_8bit;
	envelope->body_hash = p->body_hash;
}

enum err
apply_pass_learn(struct apply *a, const Commands__Passed *p)
{
	Commands__Result before = *a->result;
	enum err e = ERR_OK;

	if (!p)
		return ERR_OK;
	if (p->opened.len)
		e = apply_opened_put(a, p->opened.data, p->opened_until_sec);
	/* One that can't be kept is none of the mail's business. */
	for (size_t i = 0; i < p->n_harvest && !e; i++) {
		e = apply_cert_put(a, p->harvest[i]);
		*a->result = before;
	}
	return e;
}

/* A recipient's row as it is, and its change; is_done: it leaves the item. Named twice in one
 * command it is another step by then: *before is NULL. */
static enum err
pass_one(struct apply *a, Commands__Item *item, const struct apply_trace_pass *p,
	const Commands__RcptStep *step, Commands__RcptRow **before)
{
	bool is_done = p->into != item->id;
	Commands__RcptRow after;
	Commands__Rcpt rcpt;
	enum err e = view_queue_rcpt(a->txn, item->id, step->rcpt, a->arena, before);

	if (e)
		return e;
	if ((*before)->done || (*before)->step != step->step) {
		*before = NULL;
		return ERR_OK;
	}
	after = **before;
	rcpt = behind_filter(a, p, after.rcpt);
	after.rcpt = is_done ? after.rcpt : &rcpt;
	after.done = is_done;
	after.step++;
	item->rcpt_left -= is_done;
	e = apply_queue_wait(a, item, step->rcpt, *before, &after);
	return e ? e : apply_queue_put_rcpt(a, item, step->rcpt, &after);
}

/* Those who pass, as recipients of an item of their own. */
struct leaving {
	Commands__Rcpt *rcpt, **list;
	size_t n;
};

static enum err
make_item(struct apply *a, const Commands__Item *from, const Commands__Passed *p,
	const struct leaving *l)
{
	Commands__Item item = *from;
	Commands__Enqueue envelope = *from->envelope;
	struct apply_queue_known *known;
	enum err e = p->body ? apply_payload_make(a, p->body)
			     : apply_payload_ref(a, from->payload);

	item.id = a->index;
	if (p->body)
		item.payload = a->index;
	item.rcpt_count = item.rcpt_left = 0;
	item.envelope = &envelope;
	apply_pass_put(p, &envelope);
	if (!e)
		e = apply_queue_know(a, &item, l->n, &known);
	if (!e)
		e = apply_queue_add(a, &item, known, l->list, l->n);
	if (!e)
		e = apply_trace_split(a, &item, from->id);
	return e ? e : apply_queue_put_item(a, &item);
}

/* All who were left have it: it is what the engine made of it. */
static enum err
turn_into(struct apply *a, const Commands__Passed *p, Commands__Item *item)
{
	enum err e = ERR_OK;

	apply_pass_put(p, item->envelope);
	if (!p->body)
		return ERR_OK;
	e = apply_payload_unref(a, item->payload);
	item->payload = a->index;
	return e ? e : apply_payload_make(a, p->body);
}

enum err
apply_pass(struct apply *a, const Commands__Step *c, Commands__Item *item)
{
	bool is_all = c->n_step == item->rcpt_left;
	struct leaving l = {.rcpt = arena_alloc(a->arena, c->n_step * sizeof *l.rcpt),
		.list = arena_alloc(a->arena, c->n_step * sizeof *l.list)};
	const struct apply_trace_pass pass = {item, c->passed, is_all ? item->id : a->index};
	Commands__RcptRow *before;
	enum err e = ERR_OK;

	for (size_t i = 0; i < c->n_step && !e; i++) {
		e = pass_one(a, item, &pass, c->step[i], &before);
		a->result->step_code[i] = before || e ? COMMAND_DONE : COMMAND_STALE;
		a->result->uid[i] = 0;
		if (e || !before)
			continue;
		e = apply_trace_passed(a, &pass, c->step[i]->rcpt, before->rcpt);
		l.rcpt[l.n] = behind_filter(a, &pass, before->rcpt);
		l.list[l.n] = &l.rcpt[l.n];
		l.n++;
	}
	a->result->n_step_code = a->result->n_uid = c->n_step;
	if (e)
		return e;
	a->result->id = pass.into;
	return is_all ? turn_into(a, c->passed, item) : make_item(a, item, c->passed, &l);
}
