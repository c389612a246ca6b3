#include "store/apply_trace.h"

#include "core/buf.h"
#include "core/codec.h"
#include "store/schema.h"
#include "store/trace_pack.h"
#include "store/view_queue.h"

/* The bits of Rcpt.notify. */
enum { NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 };

/* --- cutting --- */

/* Not within a character. */
static size_t
cut(const uint8_t *p, size_t n)
{
	if (n <= SCHEMA_TRACE_TEXT_MAX)
		return n;
	n = SCHEMA_TRACE_TEXT_MAX;
	while (n && (p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static ProtobufCBinaryData
cut_bytes(ProtobufCBinaryData d)
{
	d.len = cut(d.data, d.len);
	return d;
}

static char *
cut_text(struct apply *a, char *text)
{
	struct slice s = slice_str(text);
	size_t n = cut(s.p, s.n);

	return n == s.n ? text : arena_str(a->arena, slice_cut(s, 0, n));
}

static void
cut_all(struct apply *a, Commands__Trace *t)
{
	t->address = cut_bytes(t->address);
	t->hop = cut_bytes(t->hop);
	t->mailbox = cut_bytes(t->mailbox);
	t->account = cut_bytes(t->account);
	t->client_address = cut_bytes(t->client_address);
	t->relay = cut_text(a, t->relay);
	t->tls = cut_text(a, t->tls);
	t->text = cut_text(a, t->text);
	t->helo = cut_text(a, t->helo);
	t->login = cut_text(a, t->login);
	t->ident = cut_text(a, t->ident);
}

/* --- rows --- */

enum err
apply_trace_trim(struct apply *a, uint64_t rows_max, uint32_t limit)
{
	struct schema_trace row;
	struct slice k, v;
	uint64_t rows;
	enum err e = db_count(a->txn, DB_TRACE, &rows);

	for (; limit && !e; limit--, rows--) {
		e = db_first_from(a->txn, DB_TRACE, SLICE_EMPTY, &k, &v);
		if (e)
			return e == ERR_NOT_FOUND ? ERR_OK : e;
		if (!schema_trace_read(k, v, &row))
			return ERR_CORRUPT;
		if (rows <= rows_max && row.time_ms / 1000 + row.life_sec > a->time_sec)
			return ERR_OK;
		e = db_del(a->txn, DB_TRACE, arena_dup(a->arena, k));
	}
	return e;
}

static enum err
put_with(struct apply *a, struct schema_trace *row, Commands__Trace *t, struct slice intake)
{
	struct schema_key k;
	uint64_t rows = 0;
	uint8_t *p;
	size_t n;
	enum err e;

	cut_all(a, t);
	if (row->life_sec > APPLY_TRACE_LIFE_MAX_SEC)
		row->life_sec = APPLY_TRACE_LIFE_MAX_SEC;
	row->time_ms = a->time_sec * 1000 + a->msec % 1000;
	row->rest = trace_pack(
		t, trace_pack_is_intake(intake) ? intake : SLICE_EMPTY, a->arena);
	n = schema_trace_write(row, NULL, 0);
	p = arena_alloc(a->arena, n);
	schema_trace_write(row, p, n);
	e = db_put(a->txn, DB_TRACE, schema_u64_u32(&k, a->index, a->traces++), slice_of(p, n));
	if (!e)
		e = db_count(a->txn, DB_TRACE, &rows);
	return e || rows % APPLY_TRACE_TRIM_EVERY
		       ? e
		       : apply_trace_trim(a, APPLY_TRACE_ROWS_MAX, APPLY_TRACE_TRIM_MAX);
}

static enum err
put(struct apply *a, struct schema_trace *row, Commands__Trace *t)
{
	return put_with(a, row, t, SLICE_EMPTY);
}

/* --- coming in --- */

static void
fill_taken(const Commands__Enqueue *c, Commands__Trace *t)
{
	t->address = c->sender;
	if (c->n_filter)
		t->hop = c->filter[0];
	t->count = (uint32_t)c->n_rcpt;
	t->helo = c->helo;
	t->login = c->login;
	t->size = c->body->size + c->head_size;
	t->ident = c->ident;
	if (c->ident[0])
		t->client_address = c->client_address;
}

enum err
apply_trace_taken(struct apply *a, const Commands__Enqueue *c, uint64_t report_on)
{
	struct schema_trace row = {.kind = SCHEMA_TRACE_TAKEN,
		.node = a->node,
		.item = a->index,
		.rcpt = SCHEMA_TRACE_NOBODY,
		.life_sec = c->trace_life_sec};
	Commands__Trace t = COMMANDS__TRACE__INIT;
	uint8_t hash[SCHEMA_TRACE_HASH];

	if (!c->trace_life_sec)
		return ERR_OK;
	fill_taken(c, &t);
	t.report = report_on;
	schema_trace_hash(
		codec_slice(c->message_id.len ? c->message_id : c->added_message_id), hash);
	row.message_id = hash;
	if (report_on)
		row.from = report_on;
	else if (!view_queue_id_parse(slice_str(c->ident), &row.from))
		row.from = 0;
	return put_with(a, &row, &t, codec_slice(c->intake));
}

enum err
apply_trace_repeated(struct apply *a, const Commands__Enqueue *c, uint64_t first)
{
	struct schema_trace row = {.kind = SCHEMA_TRACE_REPEATED,
		.node = a->node,
		.item = first,
		.rcpt = SCHEMA_TRACE_NOBODY,
		.life_sec = c->trace_life_sec};
	Commands__Trace t = COMMANDS__TRACE__INIT;

	if (!c->trace_life_sec)
		return ERR_OK;
	fill_taken(c, &t);
	return put_with(a, &row, &t, codec_slice(c->intake));
}

/* --- steps --- */

/* To a content filter, or from a gateway back to where the mail came from. */
static bool
is_before_routing(const struct apply_trace_step *s)
{
	struct slice filter = view_queue_filter(s->item, s->before);

	return s->before->stage == COMMANDS__STAGE__STAGE_FILTER ||
	       (filter.n && s->before->stage == COMMANDS__STAGE__STAGE_RELAY &&
		       slice_eq(filter, codec_slice(s->before->hop)));
}

/* Does the report that the command brings tell of this one? */
static bool
is_told(const struct apply_trace_step *s)
{
	uint32_t notify = s->after->notify;

	switch ((int)s->step->outcome) {
	case COMMANDS__OUTCOME__OUTCOME_FAIL:
		return !notify || notify & NOTIFY_FAILURE;
	case COMMANDS__OUTCOME__OUTCOME_WARN:
		return !notify || notify & NOTIFY_DELAY;
	case COMMANDS__OUTCOME__OUTCOME_WAIT:
		return !s->before->warned && (!notify || notify & NOTIFY_DELAY);
	case COMMANDS__OUTCOME__OUTCOME_DELIVER:
	case COMMANDS__OUTCOME__OUTCOME_EXPAND:
	case COMMANDS__OUTCOME__OUTCOME_SENT:
		return notify & NOTIFY_SUCCESS;
	default:
		return false;
	}
}

/* As many addresses as there is room for, whole ones. */
static void
fill_expanded(struct apply *a, const struct apply_trace_step *s, Commands__Trace *t)
{
	struct buf text;

	buf_init(&text, SCHEMA_TRACE_TEXT_MAX);
	for (size_t i = 0; i < s->step->n_into; i++) {
		struct slice address = codec_slice(s->step->into[i]->address);

		if (text.n + address.n + 2 > SCHEMA_TRACE_TEXT_MAX)
			break;
		buf_put_str(&text, text.n ? ", " : "");
		buf_put_slice(&text, address);
	}
	t->text = arena_str(a->arena, buf_slice(&text));
	t->count = s->made;
	t->expanded_by = s->step->expanded_by;
	buf_fini(&text);
}

static void
fill_delivered(const struct apply_trace_step *s, Commands__Trace *t)
{
	const Commands__Delivery *d = s->step->delivery;

	t->uid = s->uid;
	if (!slice_eq(codec_slice(d->mailbox), SLICE_LIT("INBOX")))
		t->mailbox = d->mailbox;
	if (!slice_eq(s->account, codec_slice(s->after->address)))
		t->account = codec_bytes(s->account);
}

static void
fill_relayed(const struct apply_trace_step *s, Commands__Trace *t)
{
	t->relay = s->command->relay;
	t->tls = s->command->tls;
	t->text = s->step->status;
	if (is_before_routing(s))
		t->hop = codec_bytes(view_queue_filter(s->item, s->before));
	else if (s->after->stage == COMMANDS__STAGE__STAGE_RELAY)
		t->hop = s->after->hop;
	t->stage = is_before_routing(s)	  ? COMMANDS__STAGE__STAGE_FILTER
		   : s->command->relay[0] ? COMMANDS__STAGE__STAGE_RELAY
					  : s->after->stage;
}

/* False: nothing to tell of. */
static bool
fill_step(struct apply *a, const struct apply_trace_step *s, Commands__Trace *t,
	enum schema_trace_kind *kind)
{
	switch ((int)s->step->outcome) {
	case COMMANDS__OUTCOME__OUTCOME_DELIVER:
		*kind = SCHEMA_TRACE_DELIVERED;
		fill_delivered(s, t);
		return true;
	case COMMANDS__OUTCOME__OUTCOME_EXPAND:
		*kind = SCHEMA_TRACE_EXPANDED;
		fill_expanded(a, s, t);
		/* A mailbox, and nothing else: that it is delivered says as much. */
		return s->item->rcpt_left == 0 || s->step->n_into != 1 || s->made != 1 ||
		       s->step->expanded_by != COMMANDS__ADDRESS__KIND__ACCOUNT ||
		       !s->step->into[0]->account;
	case COMMANDS__OUTCOME__OUTCOME_SENT:
		*kind = is_before_routing(s) ? SCHEMA_TRACE_HANDED_ON : SCHEMA_TRACE_SENT;
		break;
	case COMMANDS__OUTCOME__OUTCOME_DEFER:
		*kind = SCHEMA_TRACE_DEFERRED;
		t->next_try_sec = s->after->next_try_sec;
		break;
	case COMMANDS__OUTCOME__OUTCOME_FAIL:
		*kind = SCHEMA_TRACE_BOUNCED;
		break;
	case COMMANDS__OUTCOME__OUTCOME_RELAY:
	case COMMANDS__OUTCOME__OUTCOME_WAIT:
		*kind = SCHEMA_TRACE_WAITS;
		break;
	case COMMANDS__OUTCOME__OUTCOME_WARN:
		*kind = SCHEMA_TRACE_WARNED;
		break;
	default:
		return false;
	}
	fill_relayed(s, t);
	return true;
}

enum err
apply_trace_passed(struct apply *a, const struct apply_trace_pass *p, uint32_t rcpt,
	const Commands__Rcpt *before)
{
	struct schema_trace row = {.kind = SCHEMA_TRACE_FILTERED,
		.node = a->node,
		.item = p->item->id,
		.rcpt = rcpt,
		.life_sec = p->item->envelope->trace_life_sec};
	Commands__Trace t = COMMANDS__TRACE__INIT;
	char id[VIEW_QUEUE_ID_MAX];
	struct buf text;

	if (!row.life_sec)
		return ERR_OK;
	buf_init(&text, SCHEMA_TRACE_TEXT_MAX);
	buf_printf(&text, "%.100s", p->passed->words);
	if (p->into != p->item->id) {
		view_queue_id_format(p->into, id);
		buf_printf(&text, "; queued as %s", id);
	}
	t.address = before->address;
	t.hop = codec_bytes(view_queue_filter(p->item, before));
	t.text = arena_str(a->arena, buf_slice(&text));
	buf_fini(&text);
	return put(a, &row, &t);
}

/* rcpt: SCHEMA_TRACE_NOBODY, or whose address it has. */
static enum err
put_fact(struct apply *a, const Commands__Item *item, uint32_t rcpt, char *text)
{
	struct schema_trace row = {.kind = SCHEMA_TRACE_FILTERED,
		.node = a->node,
		.item = item->id,
		.rcpt = rcpt,
		.life_sec = item->envelope->trace_life_sec};
	Commands__Trace t = COMMANDS__TRACE__INIT;
	Commands__RcptRow *of;
	enum err e = ERR_OK;

	if (rcpt != SCHEMA_TRACE_NOBODY) {
		e = view_queue_rcpt(a->txn, item->id, rcpt, a->arena, &of);
		if (e)
			return e == ERR_NOT_FOUND ? ERR_OK : e;
		t.address = of->rcpt->address;
	}
	t.text = text;
	return put(a, &row, &t);
}

enum err
apply_trace_facts(struct apply *a, const Commands__Item *item, const Commands__Step *c)
{
	size_t left = item->envelope->trace_life_sec ? APPLY_TRACE_FACTS_MAX : 0;
	enum err e = ERR_OK;

	for (size_t i = 0; i < c->n_fact && left && !e; i++) {
		const Commands__StepFact *f = c->fact[i];

		if (f->n_rcpt == 0) {
			e = put_fact(a, item, SCHEMA_TRACE_NOBODY, f->text);
			left--;
		}
		for (size_t k = 0; k < f->n_rcpt && left && !e; k++, left--)
			e = put_fact(a, item, f->rcpt[k], f->text);
	}
	return e;
}

enum err
apply_trace_split(struct apply *a, const Commands__Item *made, uint64_t from)
{
	struct schema_trace row = {.kind = SCHEMA_TRACE_TAKEN,
		.node = a->node,
		.item = made->id,
		.rcpt = SCHEMA_TRACE_NOBODY,
		.life_sec = made->envelope->trace_life_sec,
		.from = from};
	Commands__Trace t = COMMANDS__TRACE__INIT;
	Commands__Intake intake = COMMANDS__INTAKE__INIT;
	uint8_t hash[SCHEMA_TRACE_HASH];
	char id[VIEW_QUEUE_ID_MAX];

	if (!row.life_sec)
		return ERR_OK;
	view_queue_id_format(from, id);
	intake.kind = (char *)(uintptr_t)SCHEMA_TRACE_SPLIT_KIND;
	intake.at = (char *)(uintptr_t)SCHEMA_TRACE_SPLIT_AT;
	fill_taken(made->envelope, &t);
	t.hop.len = 0;
	t.count = made->rcpt_count;
	t.ident = id;
	t.client_address = made->envelope->client_address;
	schema_trace_hash(codec_slice(made->envelope->message_id), hash);
	row.message_id = hash;
	return put_with(a, &row, &t, trace_pack_intake(&intake, a->arena));
}

enum err
apply_trace_step(struct apply *a, const struct apply_trace_step *s)
{
	const struct apply_trace_pass pass = {s->item, s->command->passed, s->item->id};
	struct schema_trace row = {.node = a->node,
		.item = s->item->id,
		.rcpt = s->step->rcpt,
		.is_last = s->item->rcpt_left == 0,
		.life_sec = s->item->envelope->trace_life_sec};
	Commands__Trace t = COMMANDS__TRACE__INIT;
	enum err e;

	if (s->command->passed && (e = apply_trace_passed(a, &pass, row.rcpt, s->before)))
		return e;
	if (!row.life_sec || !fill_step(a, s, &t, &row.kind))
		return ERR_OK;
	t.address = s->after->address;
	if (s->command->bounce && is_told(s))
		t.report = a->index;
	return put(a, &row, &t);
}

/* --- by hand, and all at once --- */

enum err
apply_trace_control(struct apply *a, const Commands__Item *item,
	const Commands__QueueControl *c, const Commands__Rcpt *first)
{
	static const enum schema_trace_kind kinds[] = {
		[COMMANDS__QUEUE_CONTROL__VERB__RETRY] = SCHEMA_TRACE_RETRIED,
		[COMMANDS__QUEUE_CONTROL__VERB__HOLD] = SCHEMA_TRACE_HELD,
		[COMMANDS__QUEUE_CONTROL__VERB__RELEASE] = SCHEMA_TRACE_RELEASED,
		[COMMANDS__QUEUE_CONTROL__VERB__DELETE] = SCHEMA_TRACE_DELETED,
		[COMMANDS__QUEUE_CONTROL__VERB__REROUTE] = SCHEMA_TRACE_REROUTED};
	struct schema_trace row = {.node = a->node,
		.item = item->id,
		.rcpt = c->n_rcpt == 1 ? c->rcpt[0] : SCHEMA_TRACE_NOBODY,
		.is_last = item->rcpt_left == 0,
		.life_sec = item->envelope->trace_life_sec};
	Commands__Trace t = COMMANDS__TRACE__INIT;

	if (!row.life_sec || (size_t)c->verb >= sizeof kinds / sizeof *kinds)
		return ERR_OK;
	row.kind = kinds[c->verb];
	t.count = (uint32_t)c->n_rcpt;
	t.hop = c->hop;
	if (first)
		t.address = first->address;
	return put(a, &row, &t);
}

/* 0: there is no row. */
static enum err
life_of_last(struct apply *a, uint32_t *life_sec)
{
	struct schema_trace row = {.life_sec = 0};
	struct db_cursor *c;
	struct slice k, v;
	enum err e = db_cursor_open(a->txn, DB_TRACE, &c);

	*life_sec = 0;
	if (e)
		return e;
	e = db_last(c, &k, &v);
	if (!e && !schema_trace_read(k, v, &row))
		e = ERR_CORRUPT;
	*life_sec = row.life_sec;
	db_cursor_close(c);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err
put_for_many(struct apply *a, struct schema_trace *row, Commands__Trace *t)
{
	enum err e = life_of_last(a, &row->life_sec);

	return e || !row->life_sec ? e : put(a, row, t);
}

enum err
apply_trace_hop(struct apply *a, enum schema_trace_kind kind, uint32_t node, struct slice name,
	const Commands__Hop *hop)
{
	struct schema_trace row = {.kind = kind, .node = a->node, .rcpt = SCHEMA_TRACE_NOBODY};
	Commands__Trace t = COMMANDS__TRACE__INIT;

	t.owner_node = node;
	t.hop = codec_bytes(name);
	if (hop) {
		t.next_try_sec = hop->next_try_sec;
		t.text = hop->last_status;
	}
	return put_for_many(a, &row, &t);
}

enum err
apply_trace_owner(
	struct apply *a, enum schema_trace_kind kind, uint32_t node, uint32_t runs_node)
{
	struct schema_trace row = {
		.kind = kind, .node = runs_node, .rcpt = SCHEMA_TRACE_NOBODY};
	Commands__Trace t = COMMANDS__TRACE__INIT;

	t.owner_node = node;
	return put_for_many(a, &row, &t);
}
