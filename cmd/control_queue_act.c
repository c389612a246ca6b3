#include "cmd/control_queue_act.h"

#include <sysexits.h>

#include "cmd/control_list.h"
#include "cmd/queue_look.h"
#include "core/codec.h"
#include "store/command.h"
#include "store/view_queue.h"

/* NUMBERS_MAX: recipients that the commands of one page name; one item more may be beyond. */
enum { NUMBERS_MAX = 50000 };

struct acting {
	Commands__QueueControl__Verb verb;
	struct slice via; /* REROUTE */
	struct queue_filter filter;
	bool is_by_hop; /* RETRY with nothing but a hop: it is hurried for all */
	uint64_t until; /* the last item that counts; 0: not known yet */
	bool is_over;	/* it was passed */
	size_t numbers;
	struct control_list_page page;
	uint32_t left; /* commands without an answer */
	json_int_t count;
	enum err e;
};

/* --- what to do --- */

bool
control_queue_act_id(struct control_request *r, uint64_t *id)
{
	const char *text = control_text(r, "id");

	if (text && view_queue_id_parse(slice_str(text), id))
		return true;
	control_fail(r, EX_USAGE, "%s: not a queue id (`hairpin queue list` shows them)",
		text ? text : "(none)");
	return false;
}

static Commands__QueueControl__Verb
verb_of(const struct control_request *r)
{
	static const char *const verbs[] = {"retry", "hold", "release", "delete", "reroute"};
	int i = 0;

	while (strcmp(r->verb->name + sizeof "queue", verbs[i]) != 0)
		i++;
	return (Commands__QueueControl__Verb)i;
}

/* NULL, or what is wrong. */
static const char *
read_request(struct control_request *r, struct acting *x)
{
	const char *via = control_text(r, "via"), *why;
	const struct queue_filter *f = &x->filter;

	why = queue_filter_parse(r->in, &r->arena, &x->filter);
	if (why)
		return why;
	x->verb = verb_of(r);
	x->until = (uint64_t)json_integer_value(json_object_get(r->in, "until"));
	x->via = via ? queue_filter_hop(via, &r->arena) : SLICE_EMPTY;
	if (via && !x->via.n)
		return "--via: not a next hop; expected one like smtp:example.org, "
		       "smtp:[192.0.2.1]:25 or lmtp:[::1]:24";
	if (control_text(r, "id"))
		return f->has_any ? "name either an ID or filters" : NULL;
	if (!f->has_any && !json_is_true(json_object_get(r->in, "all")))
		return "this would be all mail of the queue: name an ID, or filters like "
		       "--to or --hop, or say --all";
	x->is_by_hop = x->verb == COMMANDS__QUEUE_CONTROL__VERB__RETRY && f->hop.n &&
		       !f->to.n && !f->status.n && !f->has_sender && !f->has_node &&
		       !f->is_held && !f->older_than_sec;
	return NULL;
}

/* --- which mails --- */

/* A held mail rests until it is released, or goes. */
static bool
may_change(const struct acting *x, const Commands__Item *item)
{
	switch ((int)x->verb) {
	case COMMANDS__QUEUE_CONTROL__VERB__DELETE:
		return true;
	case COMMANDS__QUEUE_CONTROL__VERB__RELEASE:
		return item->held;
	default:
		return !item->held;
	}
}

static bool
names_recipients(const struct acting *x)
{
	return x->filter.has_rcpt && x->verb != COMMANDS__QUEUE_CONTROL__VERB__HOLD &&
	       x->verb != COMMANDS__QUEUE_CONTROL__VERB__RELEASE;
}

struct gathering {
	const struct acting *x;
	uint64_t now_sec;
	json_t *numbers;
	bool has_any;
};

static bool
on_rcpt(void *arg, const struct queue_look_rcpt *r)
{
	struct gathering *g = arg;

	if (g->x->verb == COMMANDS__QUEUE_CONTROL__VERB__REROUTE &&
		r->rcpt->stage != COMMANDS__STAGE__STAGE_RELAY)
		return true;
	g->has_any = true;
	/* The hop was hurried for those whose own time has come. */
	if (names_recipients(g->x) && !(g->x->is_by_hop && r->rcpt->next_try_sec <= g->now_sec))
		json_array_append_new(g->numbers, json_integer(r->number));
	return names_recipients(g->x);
}

/* {"item": id, "numbers": [...]}: the mail is meant, with these recipients. NULL: it isn't. */
static json_t *
target_json(struct control_request *r, struct db_txn *txn, struct slice row, struct arena *a)
{
	struct acting *x = r->state;
	Commands__Item *item = queue_look_item(row, a);
	struct gathering g = {.x = x, .now_sec = courier_now_sec(r->courier)};
	struct queue_look look = {&x->filter, on_rcpt, &g};
	json_t *o;

	if (!item || !may_change(x, item) || !queue_look_fits(txn, &x->filter, item, g.now_sec))
		return NULL;
	g.numbers = json_array();
	queue_look_rcpts(txn, item, a, &look);
	if (!g.has_any) {
		json_decref(g.numbers);
		return NULL;
	}
	x->numbers += json_array_size(g.numbers);
	x->page.is_full |= x->numbers >= NUMBERS_MAX;
	o = json_object();
	json_object_set_new(o, "item", json_integer((json_int_t)item->id));
	json_object_set_new(o, "numbers", g.numbers);
	return o;
}

static uint64_t
last_item(struct db_txn *txn)
{
	struct db_cursor *c;
	struct slice k, v;
	uint64_t id = UINT64_MAX;

	if (db_cursor_open(txn, DB_ITEM, &c))
		return id;
	if (!db_last(c, &k, &v) && k.n == 8)
		id = schema_get_u64(k.p);
	db_cursor_close(c);
	return id;
}

static json_t *
target_row(struct control_request *r, struct db_txn *txn, struct slice k, struct slice v)
{
	struct acting *x = r->state;
	struct arena a;
	json_t *o = NULL;

	if (!x->until)
		x->until = last_item(txn);
	x->is_over = k.n == 8 && schema_get_u64(k.p) > x->until;
	x->page.is_full |= x->is_over;
	if (x->is_over)
		return NULL;
	arena_init(&a, 4096);
	o = target_json(r, txn, v, &a);
	arena_reset(&a);
	return o;
}

/* --- the commands --- */

static void
finish(struct control_request *r)
{
	struct acting *x = r->state;
	json_t *out;

	if (x->e) {
		json_decref(x->page.next);
		control_fail(r, EX_TEMPFAIL,
			"the store did not take all of it: %s; say it once more for the rest",
			err_text(x->e));
		return;
	}
	out = json_object();
	json_object_set_new(out, "count", json_integer(x->count));
	if (x->page.next && !x->is_over) {
		json_object_set(out, "next", x->page.next);
		json_object_set_new(out, "until", json_integer((json_int_t)x->until));
	}
	json_decref(x->page.next);
	control_reply(r, out);
}

/* A mail that went in between isn't counted. */
static void
on_answer(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct control_request *r = arg;
	struct acting *x = r->state;
	const Commands__Result *result = e ? NULL : courier_result(answer, &r->arena);

	if (!result)
		x->e = e ? e : ERR_CORRUPT;
	else
		x->count += result->code == COMMAND_DONE;
	if (!--x->left)
		finish(r);
}

static void
propose(struct control_request *r, Commands__QueueControl *q)
{
	struct acting *x = r->state;
	Commands__Command cmd = COMMANDS__COMMAND__INIT;

	q->verb = x->verb;
	cmd.body_case = COMMANDS__COMMAND__BODY_QUEUE_CONTROL;
	cmd.queue_control = q;
	x->left++;
	courier_propose(r->courier, &cmd, SLICE_EMPTY, on_answer, r);
}

static void
propose_target(struct control_request *r, const json_t *target)
{
	struct acting *x = r->state;
	const json_t *numbers = json_object_get(target, "numbers");
	Commands__QueueControl q = COMMANDS__QUEUE_CONTROL__INIT;
	size_t n = json_array_size(numbers);

	if (!n && x->is_by_hop) {
		x->count++;
		return;
	}
	q.item = (uint64_t)json_integer_value(json_object_get(target, "item"));
	q.hop = codec_bytes(x->via);
	q.n_rcpt = n;
	q.rcpt = arena_alloc(&r->arena, (n + 1) * sizeof *q.rcpt);
	for (size_t i = 0; i < n; i++)
		q.rcpt[i] = (uint32_t)json_integer_value(json_array_get(numbers, i));
	propose(r, &q);
}

/* The hop first: those who wait for it alone need no command of their own. */
static void
hurry_hop(struct control_request *r)
{
	struct acting *x = r->state;
	Commands__QueueControl q = COMMANDS__QUEUE_CONTROL__INIT;

	q.hop = codec_bytes(x->filter.hop);
	x->count--; /* its own answer is no mail */
	propose(r, &q);
}

static void
act_on_many(struct control_request *r)
{
	struct acting *x = r->state;
	json_t *one;
	size_t i;

	if (!control_list_read(r, DB_ITEM, target_row, &x->page))
		return;
	x->left = 1; /* until all are proposed */
	if (x->is_by_hop && !control_text(r, "after"))
		hurry_hop(r);
	json_array_foreach(x->page.rows, i, one) propose_target(r, one);
	json_decref(x->page.rows);
	if (!--x->left)
		finish(r);
}

static void
act_on_one(struct control_request *r)
{
	struct acting *x = r->state;
	Commands__QueueControl *q = arena_alloc(&r->arena, sizeof *q);

	commands__queue_control__init(q);
	if (!control_queue_act_id(r, &q->item))
		return;
	q->verb = x->verb;
	q->hop = codec_bytes(x->via);
	r->command.body_case = COMMANDS__COMMAND__BODY_QUEUE_CONTROL;
	r->command.queue_control = q;
	control_propose(r);
}

void
control_queue_act(struct control_request *r)
{
	struct acting *x = arena_zalloc(&r->arena, sizeof *x);
	const char *why = read_request(r, x);

	r->state = x;
	if (why)
		control_fail(r, EX_USAGE, "%s", why);
	else if (control_text(r, "id"))
		act_on_one(r);
	else
		act_on_many(r);
}
