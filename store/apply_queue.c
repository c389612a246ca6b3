#include "store/apply_queue.h"

#include "store/apply_hop.h"
#include "store/apply_payload.h"
#include "store/apply_queue_key.h"
#include "store/apply_row.h"
#include "store/apply_sending.h"
#include "store/apply_trace.h"
#include "store/view_queue.h"

enum { REPEAT_KEY_MAX = 64, BLOB_MAX = 262144, EXPIRE_PER_ITEM = 2 };

bool
apply_queue_is_due(int stage)
{
	return stage == COMMANDS__STAGE__STAGE_FILTER ||
	       stage == COMMANDS__STAGE__STAGE_ROUTE ||
	       stage == COMMANDS__STAGE__STAGE_DELIVER || stage == COMMANDS__STAGE__STAGE_RELAY;
}

struct slice
apply_queue_due_key(struct schema_key *k, const Commands__Item *item, uint32_t number,
	const Commands__Rcpt *r)
{
	bool is_relay = r->stage == COMMANDS__STAGE__STAGE_RELAY;

	return schema_due(k, item->owner_node, is_relay ? r->deadline_sec : r->next_try_sec,
		item->id, number);
}

/* False: the recipient waits for no hop. */
bool
apply_queue_relay(const Commands__Item *item, uint32_t number, const Commands__RcptRow *row,
	struct schema_relay *out)
{
	const Commands__Rcpt *r = row ? row->rcpt : NULL;

	if (!r || row->done || r->stage != COMMANDS__STAGE__STAGE_RELAY)
		return false;
	*out = (struct schema_relay){.node = item->owner_node,
		.hop = codec_slice(r->hop),
		.lane = schema_lane(codec_slice(item->envelope->sender)),
		.next_try_sec = r->next_try_sec,
		.item = item->id,
		.number = number};
	return true;
}

/* What is known of a hop goes with the last who waits for it: one that stays isn't dropped in
 * between. */
static enum err
move_relay(struct apply *a, const Commands__Item *item, uint32_t number,
	const Commands__RcptRow *before, const Commands__RcptRow *after)
{
	struct schema_relay from, to;
	bool has_from = apply_queue_relay(item, number, before, &from);
	bool has_to = apply_queue_relay(item, number, after, &to);
	enum err e = has_to ? apply_hop_add(a, &to) : ERR_OK;

	if (e || !has_from ||
		(has_to && from.next_try_sec == to.next_try_sec && slice_eq(from.hop, to.hop)))
		return e;
	return apply_hop_drop(a, &from);
}

enum err
apply_queue_wait(struct apply *a, const Commands__Item *item, uint32_t number,
	const Commands__RcptRow *before, const Commands__RcptRow *after)
{
	struct schema_key k;
	enum err e = ERR_OK;

	if (before && !before->done)
		e = apply_row_del(
			a, DB_DUE, apply_queue_due_key(&k, item, number, before->rcpt));
	if (!e && after && !after->done && apply_queue_is_due((int)after->rcpt->stage))
		e = db_put(a->txn, DB_DUE, apply_queue_due_key(&k, item, number, after->rcpt),
			SLICE_EMPTY);
	return e ? e : move_relay(a, item, number, before, after);
}

enum err
apply_queue_put_rcpt(struct apply *a, const Commands__Item *item, uint32_t number,
	const Commands__RcptRow *row)
{
	struct schema_key k;

	return apply_row_put(a, DB_RCPT, schema_u64_u32(&k, item->id, number), row);
}

/* Open addressing; made large enough for all that will come. */
struct apply_queue_known {
	const Commands__Rcpt **slot;
	size_t mask;
};

static uint64_t
rcpt_hash(const Commands__Rcpt *r)
{
	uint64_t h = UINT64_C(14695981039346656037) ^ r->account;

	for (size_t i = 0; i < r->address.len && !r->account; i++)
		h = (h ^ r->address.data[i]) * UINT64_C(1099511628211);
	return h ^ h >> 29;
}

static bool
same_rcpt(const Commands__Rcpt *a, const Commands__Rcpt *b)
{
	if (a->account || b->account)
		return a->account == b->account;
	return slice_eq(codec_slice(a->address), codec_slice(b->address));
}

/* False: it was known already. */
static bool
know(struct apply_queue_known *known, const Commands__Rcpt *r)
{
	size_t i = rcpt_hash(r) & known->mask;

	for (; known->slot[i]; i = (i + 1) & known->mask)
		if (same_rcpt(known->slot[i], r))
			return false;
	known->slot[i] = r;
	return true;
}

static bool
know_row(void *arg, uint32_t number, const Commands__RcptRow *row)
{
	(void)number;
	know(arg, row->rcpt);
	return true;
}

enum err
apply_queue_know(struct apply *a, const Commands__Item *item, size_t more,
	struct apply_queue_known **out)
{
	struct apply_queue_known *known = arena_alloc(a->arena, sizeof *known);

	known->mask = 15;
	while (known->mask < 2 * (item->rcpt_count + more))
		known->mask = known->mask * 2 + 1;
	known->slot = arena_zalloc(a->arena, (known->mask + 1) * sizeof *known->slot);
	*out = known;
	return item->rcpt_count ? view_queue_rcpts(a->txn, item->id, a->arena, know_row, known)
				: ERR_OK;
}

enum err
apply_queue_add(struct apply *a, Commands__Item *item, struct apply_queue_known *known,
	Commands__Rcpt *const *rcpt, size_t n)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < n && !e; i++) {
		Commands__RcptRow row = COMMANDS__RCPT_ROW__INIT;
		Commands__Rcpt r = *rcpt[i];

		if (!know(known, rcpt[i]))
			continue;
		if (r.next_try_sec < a->time_sec)
			r.next_try_sec = a->time_sec;
		row.rcpt = &r;
		item->rcpt_left++;
		e = apply_queue_wait(a, item, item->rcpt_count, NULL, &row);
		if (!e)
			e = apply_queue_put_rcpt(a, item, item->rcpt_count++, &row);
	}
	return e;
}

static bool
has_lost_rcpt(const Commands__Enqueue *c)
{
	for (size_t i = 0; i < c->n_rcpt; i++)
		if (c->rcpt[i]->stage == COMMANDS__STAGE__STAGE_RELAY &&
			!schema_is_hop(codec_slice(c->rcpt[i]->hop)))
			return true;
	return false;
}

static bool
has_bad_filter(const Commands__Enqueue *c)
{
	for (size_t i = 0; i < c->n_filter; i++)
		if (!schema_is_hop(codec_slice(c->filter[i])))
			return true;
	for (size_t i = 0; i < c->n_rcpt; i++)
		if (c->rcpt[i]->filter > c->n_filter)
			return true;
	return c->n_filter > APPLY_QUEUE_FILTERS_MAX;
}

enum err
apply_queue_check(struct apply *a, const Commands__Enqueue *c, const char **why)
{
	bool fits, open = false;
	enum err e = apply_payload_check(a, c->body, &fits);

	*why = NULL;
	if (!e)
		e = apply_queue_key_is_open(a, c->queue_key, &open);
	if (e)
		return e;
	if (!open)
		*why = "its queue key is closed";
	else if (!fits)
		*why = "the body isn't as announced";
	else if (c->n_rcpt == 0 || c->n_rcpt > APPLY_QUEUE_RCPT_MAX)
		*why = "no or too many recipients";
	else if (has_lost_rcpt(c))
		*why = "a recipient waits for no next hop";
	else if (has_bad_filter(c))
		*why = "no content filter, or too many";
	else if (c->sealed_key.len == 0 || c->sealed_key.len > BLOB_MAX ||
		 c->sealed_head.len > BLOB_MAX || c->sealed_index.len > BLOB_MAX ||
		 c->repeat_key.len > REPEAT_KEY_MAX)
		*why = "bad envelope";
	return ERR_OK;
}

enum err
apply_queue_make(struct apply *a, const Commands__Enqueue *c, uint64_t report_on)
{
	Commands__Item item = COMMANDS__ITEM__INIT;
	Commands__Enqueue envelope = *c;
	struct apply_queue_known *known;
	enum err e = apply_payload_make(a, c->body);

	envelope.n_rcpt = 0;
	envelope.intake.len = envelope.added_message_id.len = 0;
	envelope.recipients_per_hour = envelope.recipients_per_day = 0;
	item.id = item.payload = a->index;
	item.envelope = &envelope;
	item.queued_sec = a->time_sec;
	item.expires_sec = a->time_sec + APPLY_QUEUE_LIFE_SEC;
	item.owner_node = a->node;
	if (!e)
		e = apply_queue_know(a, &item, c->n_rcpt, &known);
	if (!e)
		e = apply_queue_add(a, &item, known, c->rcpt, c->n_rcpt);
	if (!e)
		e = apply_queue_put_item(a, &item);
	return e ? e : apply_trace_taken(a, c, report_on);
}

enum err
apply_queue_expire_repeats(struct apply *a, uint32_t limit)
{
	struct slice k, v, key;
	enum err e = ERR_OK;

	for (; limit && !e; limit--) {
		e = db_first_from(a->txn, DB_REPEAT_DUE, SLICE_EMPTY, &k, &v);
		if (e)
			return e == ERR_NOT_FOUND ? ERR_OK : e;
		if (k.n <= 8)
			return ERR_CORRUPT;
		if (schema_get_u64(k.p) > a->time_sec)
			return ERR_OK;
		key = arena_dup(a->arena, k);
		e = apply_row_del(a, DB_REPEAT, slice_from(key, 8));
		if (!e)
			e = db_del(a->txn, DB_REPEAT_DUE, key);
	}
	return e;
}

static struct slice
due_key(struct apply *a, uint64_t until_sec, struct slice key)
{
	uint8_t *p = arena_alloc(a->arena, 8 + key.n);

	schema_set_u64(p, until_sec);
	memcpy(p + 8, key.p, key.n);
	return slice_of(p, 8 + key.n);
}

/* Takes a repeat key away. ERR_NOT_FOUND when it wasn't there. */
static enum err
forget(struct apply *a, struct slice key)
{
	struct slice row;
	enum err e;

	if (key.n == 0 || key.n > REPEAT_KEY_MAX)
		return ERR_NOT_FOUND;
	e = db_get(a->txn, DB_REPEAT, key, &row);
	if (e)
		return e;
	if (row.n != 16)
		return ERR_CORRUPT;
	e = apply_row_del(a, DB_REPEAT_DUE, due_key(a, schema_get_u64(row.p + 8), key));
	return e ? e : db_del(a->txn, DB_REPEAT, key);
}

static enum err
remember(struct apply *a, struct slice key, uint64_t until_sec)
{
	struct schema_key row;
	enum err e = db_put(a->txn, DB_REPEAT, key, schema_u64_u64(&row, a->index, until_sec));

	return e ? e : db_put(a->txn, DB_REPEAT_DUE, due_key(a, until_sec, key), SLICE_EMPTY);
}

static enum err
refuse_mail(
	struct apply *a, const Commands__Enqueue *c, enum command_code code, const char *why)
{
	enum err e = apply_payload_refuse(a, c->body);

	return e ? e : apply_refuse(a, code, why);
}

enum err
apply_queue_enqueue(struct apply *a, const Commands__Enqueue *c)
{
	struct slice key = codec_slice(c->repeat_key), seen = SLICE_EMPTY;
	bool may = true;
	const char *why;
	enum err e = apply_queue_check(a, c, &why);

	if (!e && !why)
		e = apply_queue_expire_repeats(a, EXPIRE_PER_ITEM);
	if (!e && !why && key.n) {
		e = db_get(a->txn, DB_REPEAT, key, &seen);
		if (!e && seen.n != 16)
			return ERR_CORRUPT;
		e = e == ERR_NOT_FOUND ? ERR_OK : e;
	}
	/* A mail that comes again was counted when it came first. */
	if (!e && !why && !seen.n)
		e = apply_sending_take(a, c, &may);
	if (e)
		return e;
	if (why)
		return refuse_mail(a, c, COMMAND_INVALID, why);
	if (seen.n) {
		a->result->id = schema_get_u64(seen.p);
		e = apply_trace_repeated(a, c, a->result->id);
		return e ? e
			 : refuse_mail(a, c, COMMAND_REPEAT, "an equal mail was taken already");
	}
	if (!may)
		return refuse_mail(a, c, COMMAND_SENDING_LIMIT,
			"its account has reached its sending limit");
	a->result->id = a->index;
	e = apply_queue_make(a, c, 0);
	return e || !key.n ? e : remember(a, key, c->repeat_until_sec);
}

enum err
apply_queue_lift(struct apply *a, const Commands__Lift *c)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < c->n_repeat_key && !e; i++) {
		e = forget(a, codec_slice(c->repeat_key[i]));
		e = e == ERR_NOT_FOUND ? ERR_OK : e;
	}
	return e;
}

struct ending {
	struct apply *a;
	const Commands__Item *item;
	enum err e;
};

static bool
end_rcpt(void *arg, uint32_t number, const Commands__RcptRow *row)
{
	struct ending *x = arg;

	x->e = apply_queue_wait(x->a, x->item, number, row, NULL);
	return !x->e;
}

enum err
apply_queue_end_item(struct apply *a, const Commands__Item *item)
{
	struct ending ending = {.a = a, .item = item};
	struct schema_key k;
	enum err e = view_queue_rcpts(a->txn, item->id, a->arena, end_rcpt, &ending);

	a->touched->queue = true;
	if (!e)
		e = ending.e;
	for (uint32_t i = 0; i < item->rcpt_count && !e; i++)
		e = apply_row_del(a, DB_RCPT, schema_u64_u32(&k, item->id, i));
	return e ? e : apply_row_del(a, DB_ITEM, schema_u64(&k, item->id));
}

enum err
apply_queue_put_item(struct apply *a, Commands__Item *item)
{
	struct schema_key k;
	enum err e;

	a->touched->queue = true;
	if (item->rcpt_left)
		return apply_row_put(a, DB_ITEM, schema_u64(&k, item->id), item);
	e = apply_queue_end_item(a, item);
	return e ? e : apply_payload_unref(a, item->payload);
}

struct controlling {
	struct apply *a;
	const Commands__QueueControl *c;
	Commands__Item *item;
	Commands__Rcpt *first; /* of the recipients that it names */
	enum err e;
};

/* What a verb makes of a recipient that waits. False: nothing. */
static bool
change_rcpt(const struct controlling *x, Commands__Rcpt *r)
{
	if (!apply_queue_is_due((int)r->stage))
		return false;
	r->next_try_sec = x->a->time_sec;
	if (x->c->verb != COMMANDS__QUEUE_CONTROL__VERB__REROUTE)
		return true;
	if (r->stage != COMMANDS__STAGE__STAGE_RELAY)
		return false;
	r->hop = x->c->hop;
	/* Anew is not round the content filter. */
	if (!r->hop.len)
		r->stage = r->filter ? COMMANDS__STAGE__STAGE_FILTER
				     : COMMANDS__STAGE__STAGE_ROUTE;
	return true;
}

/* Without a bounce: its sender isn't told. */
static void
delete_rcpt(struct controlling *x, uint32_t number, const Commands__RcptRow *row)
{
	Commands__RcptRow changed = *row;

	changed.done = true;
	x->item->rcpt_left--;
	x->e = apply_queue_wait(x->a, x->item, number, row, &changed);
	if (!x->e)
		x->e = apply_queue_put_rcpt(x->a, x->item, number, &changed);
}

/* Hold takes a recipient out of the tables of who waits; all others but delete put it back with
 * the time now. */
static void
change_wait(struct controlling *x, uint32_t number, const Commands__RcptRow *row)
{
	bool hold = x->c->verb == COMMANDS__QUEUE_CONTROL__VERB__HOLD;
	Commands__Rcpt r = *row->rcpt;
	Commands__RcptRow changed = *row;

	changed.rcpt = &r;
	if (!change_rcpt(x, &r))
		return;
	x->e = apply_queue_wait(x->a, x->item, number, row, hold ? NULL : &changed);
	if (x->e || hold)
		return;
	x->e = apply_queue_put_rcpt(x->a, x->item, number, &changed);
	if (!x->e && r.stage == COMMANDS__STAGE__STAGE_RELAY)
		x->e = apply_hop_hurry(x->a, x->item->owner_node, codec_slice(r.hop));
}

static enum err
control_rcpt(struct controlling *x, uint32_t number, struct arena *a)
{
	Commands__RcptRow *row;
	enum err e = view_queue_rcpt(x->a->txn, x->item->id, number, a, &row);

	if (e || row->done)
		return e;
	if (x->c->n_rcpt && !x->first) {
		x->first = arena_alloc(x->a->arena, sizeof *x->first);
		commands__rcpt__init(x->first);
		x->first->address = codec_bytes(
			arena_dup(x->a->arena, codec_slice(row->rcpt->address)));
	}
	if (x->c->verb == COMMANDS__QUEUE_CONTROL__VERB__DELETE)
		delete_rcpt(x, number, row);
	else
		change_wait(x, number, row);
	return x->e;
}

static enum err
control_rcpts(struct controlling *x)
{
	uint32_t n = x->c->n_rcpt ? (uint32_t)x->c->n_rcpt : x->item->rcpt_count, number;
	struct arena rows;
	enum err e = ERR_OK;

	arena_init(&rows, 0);
	for (uint32_t i = 0; i < n && !e; i++) {
		number = x->c->n_rcpt ? x->c->rcpt[i] : i;
		if (number < x->item->rcpt_count)
			e = control_rcpt(x, number, &rows);
	}
	arena_reset(&rows);
	return e;
}

static bool
hurry_of_owner(void *arg, uint32_t node, const struct schema_owner *owner)
{
	struct controlling *x = arg;

	(void)owner;
	x->e = apply_hop_hurry(x->a, node, codec_slice(x->c->hop));
	return !x->e;
}

/* Nothing is known against a verb, or why it won't do. */
static const char *
check_control(const Commands__QueueControl *c)
{
	bool is_whole = c->verb == COMMANDS__QUEUE_CONTROL__VERB__HOLD ||
			c->verb == COMMANDS__QUEUE_CONTROL__VERB__RELEASE;

	if (c->hop.len && !schema_is_hop(codec_slice(c->hop)))
		return "not a next hop";
	if (c->n_rcpt && (is_whole || c->n_rcpt > APPLY_QUEUE_ROWS_MAX))
		return "these recipients can't be named";
	return NULL;
}

static enum err
control_item(struct controlling *x)
{
	Commands__Item *item = x->item;
	bool is_delete = x->c->verb == COMMANDS__QUEUE_CONTROL__VERB__DELETE;
	enum err e = ERR_OK;

	/* A held item rests until it is released. */
	if (item->held && (x->c->verb == COMMANDS__QUEUE_CONTROL__VERB__REROUTE ||
				  x->c->verb == COMMANDS__QUEUE_CONTROL__VERB__RETRY))
		return apply_refuse(x->a, COMMAND_STALE, "it is held");
	if (is_delete && !x->c->n_rcpt)
		item->rcpt_left = 0;
	else
		e = control_rcpts(x);
	if (!is_delete)
		item->held = x->c->verb == COMMANDS__QUEUE_CONTROL__VERB__HOLD;
	if (!e)
		e = apply_trace_control(x->a, item, x->c, x->first);
	return e ? e : apply_queue_put_item(x->a, item);
}

enum err
apply_queue_control(struct apply *a, const Commands__QueueControl *c)
{
	struct controlling x = {.a = a, .c = c};
	const char *why = check_control(c);
	enum err e;

	if (why)
		return apply_refuse(a, COMMAND_INVALID, why);
	if (!c->item && c->hop.len && c->verb == COMMANDS__QUEUE_CONTROL__VERB__RETRY) {
		e = view_queue_owners(a->txn, hurry_of_owner, &x);
		e = e ? e : x.e;
		return e ? e
			 : apply_trace_hop(
				   a, SCHEMA_TRACE_HOP_RETRIED, 0, codec_slice(c->hop), NULL);
	}
	e = view_queue_item(a->txn, c->item, a->arena, &x.item);
	if (e)
		return e == ERR_NOT_FOUND
			       ? apply_refuse(a, COMMAND_NOT_FOUND, "no such queue id")
			       : e;
	a->result->id = x.item->id;
	return control_item(&x);
}
