/* control_queue: what the queue holds, and for what it waits. */
#include <arpa/inet.h>
#include <sysexits.h>

#include "cmd/control_list.h"
#include "cmd/control_queue_act.h"
#include "cmd/queue_look.h"
#include "core/codec.h"
#include "smtp/smtp_parse.h"
#include "store/view_directory.h"
#include "store/view_queue.h"

/* As many recipients as one answer shows of an item. */
enum { LIST_RCPTS = 20, SHOW_RCPTS = 10000 };

/* --- recipients --- */

struct rcpts {
	json_t *list;
	size_t max;
	bool is_whole; /* with all that is known */
};

static json_t *
notify_json(uint32_t notify)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} bits[] = {{SMTP_NOTIFY_NEVER, "never"}, {SMTP_NOTIFY_SUCCESS, "success"},
		{SMTP_NOTIFY_FAILURE, "failure"}, {SMTP_NOTIFY_DELAY, "delay"}};
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
		if (notify & bits[i].bit)
			json_array_append_new(list, json_string(bits[i].name));
	return list;
}

static bool
on_rcpt(void *arg, const struct queue_look_rcpt *r)
{
	struct rcpts *rcpts = arg;
	json_t *o = json_object();

	json_object_set_new(o, "address", control_json(codec_slice(r->rcpt->address)));
	json_object_set_new(
		o, "stage", json_string(queue_filter_stage_name((int)r->rcpt->stage)));
	json_object_set_new(o, "hop", control_json(codec_slice(r->rcpt->hop)));
	json_object_set_new(o, "tries", json_integer(r->rcpt->tries));
	json_object_set_new(o, "next_try", json_integer((json_int_t)r->next_try_sec));
	if (rcpts->is_whole) {
		json_object_set_new(o, "via", control_json(codec_slice(r->rcpt->via)));
		json_object_set_new(o, "notify", notify_json(r->rcpt->notify));
		json_object_set_new(o, "orcpt", control_json(codec_slice(r->rcpt->orcpt)));
	}
	json_object_set_new(o, "status", control_json(slice_str(r->status)));
	json_array_append_new(rcpts->list, o);
	return json_array_size(rcpts->list) < rcpts->max;
}

/* --- items --- */

static json_t *
item_json(struct db_txn *txn, const Commands__Item *item)
{
	json_t *o = json_object();
	char id[VIEW_QUEUE_ID_MAX];

	view_queue_id_format(item->id, id);
	json_object_set_new(o, "id", json_string(id));
	json_object_set_new(o, "sender", control_json(codec_slice(item->envelope->sender)));
	json_object_set_new(o, "size", json_integer((json_int_t)item->envelope->body->size));
	json_object_set_new(o, "queued", json_integer((json_int_t)item->queued_sec));
	json_object_set_new(o, "node", json_integer(queue_look_node(txn, item)));
	json_object_set_new(o, "held", json_boolean(item->held));
	json_object_set_new(
		o, "message_id", control_json(codec_slice(item->envelope->message_id)));
	json_object_set_new(o, "waiting", json_integer((json_int_t)item->rcpt_left));
	return o;
}

static json_t *
address_json(struct slice octets)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (octets.n == 4 || octets.n == 16)
		inet_ntop(octets.n == 4 ? AF_INET : AF_INET6, octets.p, text, sizeof text);
	return json_string(text);
}

/* How it came, and what its sender asked for. */
static void
add_envelope(
	struct control_request *r, struct db_txn *txn, const Commands__Item *item, json_t *o)
{
	static const char *const ret[] = {"", "full", "hdrs"};
	const Commands__Enqueue *env = item->envelope;
	Commands__Account *account;
	bool has_user = env->auth_account &&
			!view_directory_account(txn, env->auth_account, &r->arena, &account);

	json_object_set_new(o, "client", control_json(slice_str(env->client_name)));
	json_object_set_new(
		o, "client_address", address_json(codec_slice(env->client_address)));
	json_object_set_new(o, "helo", control_json(slice_str(env->helo)));
	json_object_set_new(o, "user",
		has_user ? control_json(codec_slice(account->name)) : json_string(""));
	json_object_set_new(o, "bounce", json_boolean(env->is_bounce));
	json_object_set_new(o, "envid", control_json(codec_slice(env->envid)));
	json_object_set_new(o, "ret", json_string(env->ret < 3 ? ret[env->ret] : "unknown"));
	json_object_set_new(o, "ends",
		json_integer(
			(json_int_t)(item->queued_sec + r->courier->p->config.queue_life_sec)));
}

/* NULL: the filter leaves it out. */
static json_t *
filtered_json(struct control_request *r, struct db_txn *txn, struct slice row, struct arena *a)
{
	const struct queue_filter *f = r->state;
	Commands__Item *item = queue_look_item(row, a);
	struct rcpts rcpts = {.max = LIST_RCPTS};
	struct queue_look look = {f, on_rcpt, &rcpts};
	json_t *o;

	if (!item || !queue_look_fits(txn, f, item, courier_now_sec(r->courier)))
		return NULL;
	rcpts.list = json_array();
	queue_look_rcpts(txn, item, a, &look);
	if (f->has_rcpt && json_array_size(rcpts.list) == 0) {
		json_decref(rcpts.list);
		return NULL;
	}
	o = item_json(txn, item);
	json_object_set_new(o, "recipients", rcpts.list);
	return o;
}

/* An item's sealed index may be large: none stays in memory longer than its row takes. */
static json_t *
item_row(struct control_request *r, struct db_txn *txn, struct slice k, struct slice v)
{
	struct arena a;
	json_t *o;

	(void)k;
	arena_init(&a, 4096);
	o = filtered_json(r, txn, v, &a);
	arena_reset(&a);
	return o;
}

static void
queue_list(struct control_request *r)
{
	struct queue_filter *f = arena_zalloc(&r->arena, sizeof *f);
	const char *why = queue_filter_parse(r->in, &r->arena, f);

	r->state = f;
	if (why)
		control_fail(r, EX_USAGE, "%s", why);
	else
		control_list(r, DB_ITEM, item_row);
}

static json_t *
whole_json(struct control_request *r, struct db_txn *txn, uint64_t id)
{
	struct rcpts rcpts = {.max = SHOW_RCPTS, .is_whole = true};
	struct queue_look look = {NULL, on_rcpt, &rcpts};
	Commands__Item *item;
	json_t *o;

	if (view_queue_item(txn, id, &r->arena, &item) || !item->envelope->body)
		return NULL;
	o = item_json(txn, item);
	add_envelope(r, txn, item, o);
	rcpts.list = json_array();
	queue_look_rcpts(txn, item, &r->arena, &look);
	json_object_set_new(o, "recipients", rcpts.list);
	return o;
}

static void
queue_show(struct control_request *r)
{
	struct db_txn *txn;
	json_t *out = NULL;
	uint64_t id;

	if (!control_queue_act_id(r, &id) || !(txn = control_read(r)))
		return;
	out = whole_json(r, txn, id);
	view_end(r->courier->view);
	if (out)
		control_reply(r, out);
	else
		control_fail(r, EX_DATAERR,
			"%s: not in the queue (any more); `hairpin why %s` says what became of "
			"it",
			control_text(r, "id"), control_text(r, "id"));
}

/* --- hops --- */

static json_t *
hop_row(struct control_request *r, struct db_txn *txn, struct slice k, struct slice v)
{
	Commands__Hop *hop = codec_unpack(&commands__hop__descriptor, v, &r->arena);
	struct schema_owner owner;
	json_t *o;

	if (!hop || k.n <= 4 || view_queue_owner(txn, schema_get_u32(k.p), &owner))
		return NULL;
	o = json_object();
	json_object_set_new(o, "hop", control_json(slice_from(k, 4)));
	json_object_set_new(o, "node", json_integer(owner.runs_node));
	json_object_set_new(o, "waiting", json_integer((json_int_t)hop->waiting));
	json_object_set_new(
		o, "failing_since", json_integer((json_int_t)hop->failed_since_sec));
	json_object_set_new(o, "tries", json_integer(hop->tries));
	json_object_set_new(o, "next_try", json_integer((json_int_t)hop->next_try_sec));
	json_object_set_new(o, "status", control_json(slice_str(hop->last_status)));
	return o;
}

static void
queue_hops(struct control_request *r)
{
	control_list(r, DB_HOP, hop_row);
}

const struct control_verb control_queue_verbs[] = {
	{"queue list", queue_list},
	{"queue show", queue_show},
	{"queue hops", queue_hops},
	{"queue retry", control_queue_act},
	{"queue hold", control_queue_act},
	{"queue release", control_queue_act},
	{"queue delete", control_queue_act},
	{"queue reroute", control_queue_act},
	{NULL, NULL},
};
