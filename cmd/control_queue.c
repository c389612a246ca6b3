/* control_queue: verbs of the queue. */
#include <sysexits.h>

#include "cmd/control_list.h"
#include "core/codec.h"
#include "store/view_queue.h"

static const char *
stage_name(int stage)
{
	static const char *const names[] = {"filter", "route", "deliver", "relay", "hold"};

	return stage >= 0 && stage < 5 ? names[stage] : "unknown";
}

/* As many recipients as one answer shows of an item. */
enum { LIST_RCPTS = 20, SHOW_RCPTS = 10000 };

struct rcpts {
	json_t *list;
	size_t max;
};

static bool
on_rcpt(void *arg, uint32_t number, const Commands__RcptRow *row)
{
	struct rcpts *rcpts = arg;
	json_t *o;

	(void)number;
	if (row->done)
		return true;
	o = json_object();
	json_object_set_new(o, "address", control_json(codec_slice(row->rcpt->address)));
	json_object_set_new(o, "stage", json_string(stage_name((int)row->rcpt->stage)));
	json_object_set_new(o, "tries", json_integer(row->rcpt->tries));
	json_object_set_new(o, "next_try", json_integer((json_int_t)row->rcpt->next_try_sec));
	json_object_set_new(o, "status", json_string(row->rcpt->last_status));
	json_array_append_new(rcpts->list, o);
	return json_array_size(rcpts->list) < rcpts->max;
}

static json_t *
item_json(struct control_request *r, struct db_txn *txn, const Commands__Item *item, size_t max)
{
	struct rcpts rcpts = {json_array(), max};
	json_t *o = json_object();
	struct schema_owner owner = {0};
	char id[VIEW_QUEUE_ID_MAX];

	view_queue_id_format(item->id, id);
	json_object_set_new(o, "id", json_string(id));
	json_object_set_new(o, "sender", control_json(codec_slice(item->envelope->sender)));
	json_object_set_new(o, "size", json_integer((json_int_t)item->envelope->body->size));
	json_object_set_new(o, "queued", json_integer((json_int_t)item->queued_sec));
	if (!view_queue_owner(txn, item->owner_node, &owner))
		json_object_set_new(o, "node", json_integer(owner.runs_node));
	json_object_set_new(o, "held", json_boolean(item->held));
	json_object_set_new(
		o, "message_id", control_json(codec_slice(item->envelope->message_id)));
	json_object_set_new(o, "waiting", json_integer((json_int_t)item->rcpt_left));
	view_queue_rcpts(txn, item->id, &r->arena, on_rcpt, &rcpts);
	json_object_set_new(o, "recipients", rcpts.list);
	return o;
}

static json_t *
item_row(struct control_request *r, struct db_txn *txn, struct slice k, struct slice v)
{
	Commands__Item *item = codec_unpack(&commands__item__descriptor, v, &r->arena);

	(void)k;
	return item && item->envelope && item->envelope->body
		       ? item_json(r, txn, item, LIST_RCPTS)
		       : NULL;
}

static void
queue_list(struct control_request *r)
{
	control_list(r, DB_ITEM, item_row);
}

/* False: failed. */
static bool
read_id(struct control_request *r, uint64_t *id)
{
	const char *text = control_text(r, "id");

	if (text && view_queue_id_parse(slice_str(text), id))
		return true;
	control_fail(r, EX_USAGE, "%s: not a queue id (`hairpin queue list` shows them)",
		text ? text : "(none)");
	return false;
}

static void
queue_show(struct control_request *r)
{
	struct db_txn *txn;
	Commands__Item *item;
	json_t *out = NULL;
	uint64_t id;

	if (!read_id(r, &id) || !(txn = control_read(r)))
		return;
	if (!view_queue_item(txn, id, &r->arena, &item))
		out = item_json(r, txn, item, SHOW_RCPTS);
	view_end(r->courier->view);
	if (out)
		control_reply(r, out);
	else
		control_fail(r, EX_DATAERR,
			"%s: not in the queue (any more); the log says what became of it",
			control_text(r, "id"));
}

static void
queue_verb(struct control_request *r)
{
	static const char *const verbs[] = {"retry", "hold", "release", "delete"};
	Commands__QueueControl *q = arena_alloc(&r->arena, sizeof *q);

	commands__queue_control__init(q);
	if (!read_id(r, &q->item))
		return;
	for (int i = 0; i < 4; i++)
		if (!strcmp(r->verb->name + sizeof "queue", verbs[i]))
			q->verb = (Commands__QueueControl__Verb)i;
	r->command.body_case = COMMANDS__COMMAND__BODY_QUEUE_CONTROL;
	r->command.queue_control = q;
	control_propose(r);
}

const struct control_verb control_queue_verbs[] = {
	{"queue list", queue_list},
	{"queue show", queue_show},
	{"queue retry", queue_verb},
	{"queue hold", queue_verb},
	{"queue release", queue_verb},
	{"queue delete", queue_verb},
	{NULL, NULL},
};
