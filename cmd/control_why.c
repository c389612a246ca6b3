/* control_why: the verb that tells the story of one mail: table trace is looked through, from
 * the newest row back, for the items that are meant; then forward from the oldest of them for
 * what happened to them (why_story). Both page by page, with a turn of the loop in between. */
#include <sysexits.h>

#include "cmd/control.h"
#include "cmd/queue_look.h"
#include "cmd/why_row.h"
#include "cmd/why_story.h"
#include "core/clock.h"
#include "core/codec.h"
#include "store/floor.h"
#include "store/view_queue.h"
#include "store/view_trace.h"

/* ROWS_MAX: of an answer. NOW_MAX: recipients of an item that are shown as they wait. TRIES: of
 * a page that the store took away. WORD_MAX: octets of a name. */
enum { ROWS_MAX = 5000, NOW_MAX = 100, TRIES = 5, WORD_MAX = 1000 };

struct why {
	struct control_request *r;
	struct why_story story;
	struct members members;
	struct why_row_nodes nodes;
	struct arena page;
	const char *name;
	bool has_id, is_forward;
	uint64_t id, oldest;
	uint64_t last;			    /* the entry of the newest row that belongs to it */
	uint8_t hash[2][SCHEMA_TRACE_HASH]; /* of the name, and of it in angle brackets */
	struct view_trace_at at;
	unsigned tries;
	json_t *rows;
};

/* --- ends --- */

static void
fini(void *arg)
{
	struct why *w = arg;

	arena_reset(&w->page);
	json_decref(w->rows);
}

static void
reply(struct why *w)
{
	json_t *out = json_object();

	json_object_set(out, "rows", w->rows);
	control_reply(w->r, out);
}

static void
not_found(struct why *w)
{
	control_fail(w->r, EX_NOUSER,
		"%.200s: not known here. The story of a mail is kept for [mail] trace_life of "
		"the node that took it in; what was refused is in the log alone (NOQUEUE), "
		"what "
		"a client stored by IMAP has none, and a gateway knows its own half",
		w->name);
}

/* --- what is so now --- */

struct now {
	struct why *w;
	const Commands__Item *item;
	uint32_t node, n;
};

static bool
on_waiting(void *arg, const struct queue_look_rcpt *r)
{
	struct now *n = arg;
	bool is_relay = r->rcpt->stage == COMMANDS__STAGE__STAGE_RELAY;
	struct why_row_now now = {.time_ms = clock_wall_ms(),
		.item = n->item->id,
		.node = n->node,
		.stage = queue_filter_stage_name((int)r->rcpt->stage),
		.event = n->item->held ? "is held" : "is in the queue",
		.status = r->status,
		.hop = is_relay ? codec_slice(r->rcpt->hop) : SLICE_EMPTY,
		.recipient = codec_slice(r->rcpt->address),
		.tries = r->rcpt->tries,
		.next_try_sec = n->item->held ? 0 : r->next_try_sec};

	json_array_append_new(n->w->rows, why_row_of_now(&n->w->nodes, &now));
	return ++n->n < NOW_MAX;
}

static enum err
add_now(struct why *w, struct db_txn *txn, uint64_t id)
{
	struct queue_look look = {NULL, on_waiting, NULL};
	struct now now = {.w = w};
	Commands__Item *item;
	enum err e = view_queue_item(txn, id, &w->page, &item);

	if (e)
		return e == ERR_NOT_FOUND ? ERR_OK : e;
	now.item = item;
	now.node = queue_look_node(txn, item);
	look.arg = &now;
	return queue_look_rcpts(txn, item, &w->page, &look);
}

/* --- pages --- */

static void turn(void *arg);

/* One row on the way back: is it of a mail that is meant? */
static void
look_back(struct why *w, const struct schema_trace *row)
{
	bool is_meant = row->kind == SCHEMA_TRACE_TAKEN &&
			((w->has_id && (row->item == w->id || row->from == w->id)) ||
				!memcmp(row->message_id, w->hash[0], SCHEMA_TRACE_HASH) ||
				!memcmp(row->message_id, w->hash[1], SCHEMA_TRACE_HASH));

	if (is_meant && why_story_add(&w->story, row->item))
		w->oldest = row->item;
}

static bool
is_full(const struct why *w)
{
	return json_array_size(w->rows) >= ROWS_MAX;
}

static void
look_forward(struct why *w, const struct schema_trace *row)
{
	Commands__Trace *t;

	if (is_full(w) || !why_story_take(&w->story, row, &w->page, &t))
		return;
	w->last = row->index;
	json_array_append_new(w->rows, why_row_of(&w->nodes, row, t));
}

/* The entry that ends an item makes the report about it behind that. */
static bool
is_told(const struct why *w, const struct view_trace_page *page)
{
	return is_full(w) || (why_story_is_over(&w->story) && page->n &&
				     page->row[page->n - 1].index > w->last);
}

static enum err
read_page(struct why *w, struct db_txn *txn, struct view_trace_page *page)
{
	enum err e = w->is_forward
			     ? view_trace_forward(txn, w->at, VIEW_TRACE_PAGE, &w->page, page)
			     : view_trace_back(txn, w->at, VIEW_TRACE_PAGE, &w->page, page);

	if (!view_is_valid(w->r->courier->view))
		e = ERR_BUSY;
	view_end(w->r->courier->view);
	return e;
}

/* Those that have a story end with how they wait; all in one transaction, the last one. */
static void
finish(struct why *w)
{
	size_t before = json_array_size(w->rows);
	struct db_txn *txn;
	enum err e = ERR_BUSY;

	/* One that came while nothing was kept waits all the same. */
	if (w->has_id && !w->story.items)
		why_story_add(&w->story, w->id);
	for (unsigned i = 0; i < TRIES && e; i++) {
		while (json_array_size(w->rows) > before)
			json_array_remove(w->rows, json_array_size(w->rows) - 1);
		txn = control_read(w->r);
		if (!txn)
			return;
		e = ERR_OK;
		for (size_t j = 0; j < w->story.items && !e; j++)
			e = add_now(w, txn, w->story.item[j].id);
		if (!view_is_valid(w->r->courier->view))
			e = ERR_BUSY;
		view_end(w->r->courier->view);
	}
	if (e)
		control_fail(w->r, EX_TEMPFAIL, "the database is busy; try again");
	else if (json_array_size(w->rows))
		reply(w);
	else
		not_found(w);
}

static void
later(struct why *w)
{
	arena_reset(&w->page);
	if (w->r->conn)
		loop_after(w->r->courier->p->loop, 0, turn, w);
	else
		reply(w); /* nobody waits for it any more */
}

static void
go_forward(struct why *w)
{
	w->is_forward = true;
	w->at = (struct view_trace_at){w->oldest, 0};
	later(w);
}

static void
use_page(struct why *w, const struct view_trace_page *page)
{
	w->tries = 0;
	w->at = page->next;
	for (size_t i = 0; i < page->n; i++)
		if (w->is_forward)
			look_forward(w, &page->row[i]);
		else
			look_back(w, &page->row[i]);
	if (!page->is_end && !(w->is_forward && is_told(w, page)))
		later(w);
	else if (!w->is_forward && w->story.items)
		go_forward(w);
	else
		finish(w);
}

static void
turn(void *arg)
{
	struct why *w = arg;
	struct view_trace_page page;
	struct db_txn *txn = control_read(w->r);
	enum err e;

	if (!txn)
		return;
	e = read_page(w, txn, &page);
	if (!e)
		use_page(w, &page);
	else if (++w->tries < TRIES)
		later(w);
	else
		control_fail(w->r, EX_TEMPFAIL, "the database is busy; try again");
}

/* --- the beginning --- */

/* The item itself, or what it was before it came back from a content filter. */
static enum err
find_item(struct why *w, struct db_txn *txn, uint64_t *first)
{
	struct schema_trace row, before;
	Commands__Trace *t;
	enum err e = view_trace_taken(txn, w->id, &w->page, &row);

	*first = w->id;
	if (e || !row.from)
		return e;
	t = codec_unpack(&commands__trace__descriptor, row.rest, &w->page);
	if (t && t->intake && (!strcmp(t->intake->kind, "reinject") || why_story_is_split(t)) &&
		!view_trace_taken(txn, row.from, &w->page, &before))
		*first = row.from;
	return ERR_OK;
}

static enum err
begin(struct why *w, struct db_txn *txn)
{
	bool is_gateway = w->r->courier->p->config.gateway_hop[0] != '\0';
	uint64_t first = 0;
	enum err e = view_trace_members(txn, &w->members);

	if (e)
		return e;
	e = ERR_NOT_FOUND;
	/* At a gateway the id may as well be that of another server. */
	if (w->has_id && !is_gateway)
		e = find_item(w, txn, &first);
	w->at = VIEW_TRACE_NEWEST;
	if (e)
		return e == ERR_NOT_FOUND ? ERR_OK : e;
	why_story_add(&w->story, first);
	why_story_add(&w->story, w->id);
	w->is_forward = true;
	w->at = (struct view_trace_at){first, 0};
	return ERR_OK;
}

/* False: it can't be one. */
static bool
read_name(struct why *w)
{
	struct slice name = slice_trim(slice_str(w->name));
	struct buf b;

	if (name.n == 0 || name.n > WORD_MAX)
		return false;
	w->has_id = view_queue_id_parse(name, &w->id) && w->id;
	schema_trace_hash(name, w->hash[0]);
	buf_init(&b, WORD_MAX + 2);
	buf_put_u8(&b, '<');
	buf_put_slice(&b, name);
	buf_put_u8(&b, '>');
	schema_trace_hash(buf_slice(&b), w->hash[1]);
	buf_fini(&b);
	return true;
}

static void
why(struct control_request *r)
{
	struct why *w = arena_zalloc(&r->arena, sizeof *w);
	const struct floor_page *floor = r->courier->p->floor_page;
	struct db_txn *txn;
	enum err e;

	w->r = r;
	w->name = control_text(r, "id");
	if (!read_name(w)) {
		control_fail(r, EX_USAGE, "a Message-ID or a queue id is needed");
		return;
	}
	w->rows = json_array();
	arena_init(&w->page, 0);
	arena_hook(&r->arena, fini, w);
	why_story_init(&w->story, &r->arena);
	w->nodes = (struct why_row_nodes){
		&w->members, (uint32_t)floor->node, r->courier->p->config.hostname};
	txn = control_read(r);
	if (!txn)
		return;
	e = begin(w, txn);
	if (!view_is_valid(r->courier->view))
		e = ERR_BUSY;
	view_end(r->courier->view);
	if (e)
		control_fail(r, EX_TEMPFAIL, "the database is busy; try again");
	else
		later(w);
}

const struct control_verb control_why_verbs[] = {
	{"why", why},
	{NULL, NULL},
};
