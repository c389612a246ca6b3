/* control_account: verbs of users and services. A new account takes two questions before its
 * command: auth seals the verifier, keyd makes the key pair; both are bound to the account's
 * id, which is drawn here. */
#include <stdio.h>
#include <sysexits.h>

#include "cmd/control_list.h"
#include "core/clock.h"
#include "core/codec.h"
#include "core/ip_network.h"
#include "core/ipc.pb-c.h"
#include "core/rand.h"
#include "store/apply_account.h"
#include "store/view_directory.h"
#include "store/view_sending.h"

enum { PASSWORD_MAX = 1024 };

static Commands__AccountPut *
new_put(struct control_request *r, uint64_t account)
{
	Commands__AccountPut *put = arena_alloc(&r->arena, sizeof *put);

	commands__account_put__init(put);
	put->record = arena_alloc(&r->arena, sizeof *put->record);
	commands__account__init(put->record);
	put->account = account;
	r->command.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_PUT;
	r->command.account_put = put;
	r->account = account;
	return put;
}

static ProtobufCBinaryData
keep(struct control_request *r, ProtobufCBinaryData d)
{
	return codec_bytes(arena_dup(&r->arena, codec_slice(d)));
}

static void
on_pair(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct control_request *r = arg;
	const Ipc__KeydPair *pair = (const Ipc__KeydPair *)answer;
	Commands__AccountPut *put = r->command.account_put;

	if (e) {
		control_fail(r, EX_TEMPFAIL, "keyd: %s", err_text(e));
		return;
	}
	put->record->public_key = keep(r, pair->public_key);
	put->record->wrap_kind = pair->wrap_kind;
	put->wrapped_secret = keep(r, pair->wrapped_secret);
	control_propose(r);
}

static void
on_hashed(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct control_request *r = arg;
	Commands__AccountPut *put = r->command.account_put;
	Ipc__KeydNewPair q = IPC__KEYD_NEW_PAIR__INIT;

	if (e) {
		control_fail(r, e == ERR_SYNTAX ? EX_USAGE : EX_TEMPFAIL, "password: %s",
			e == ERR_SYNTAX ? "it has characters that passwords can't have"
					: err_text(e));
		return;
	}
	put->record->verifier = keep(r, ((const Ipc__AuthHashed *)answer)->verifier);
	if (put->mask) {
		control_propose(r);
		return;
	}
	q.kind = 1;
	q.id = put->account;
	ipc_ask(r->courier->p->ipc, IPC_KEYD_NEW_PAIR, &q.base, -1,
		(struct ipc_wait){COURIER_ASK_MS, on_pair, r});
}

/* False: no usable password was given; failed. */
static bool
ask_hash(struct control_request *r, struct slice user)
{
	const char *password = control_text(r, "password");
	Ipc__AuthHash q = IPC__AUTH_HASH__INIT;

	if (!password || !*password || strlen(password) > PASSWORD_MAX) {
		control_fail(
			r, EX_USAGE, "a password of 1 to %d octets is needed", PASSWORD_MAX);
		return false;
	}
	q.account = r->account;
	q.password = codec_bytes(slice_str(password));
	q.user = codec_bytes(user);
	ipc_ask(r->courier->p->ipc, IPC_AUTH_HASH, &q.base, -1,
		(struct ipc_wait){COURIER_ASK_MS, on_hashed, r});
	return true;
}

static bool
is_count(const json_t *v)
{
	return json_is_integer(v) && json_integer_value(v) >= 0;
}

/* "default" gives the limit back to the configuration. Bits of what was given; -1: failed. */
static int
read_limit(struct control_request *r, const char *name, int bit, uint32_t *out)
{
	json_t *v = json_object_get(r->in, name);
	const char *word = json_string_value(v);

	if (!v)
		return 0;
	if (!(word && !strcmp(word, "default")) &&
		!(is_count(v) && json_integer_value(v) <= SENDING_LIMIT_MAX)) {
		control_fail(r, EX_USAGE, "%s: a number up to %d, 0 for none, or default", name,
			SENDING_LIMIT_MAX);
		return -1;
	}
	*out = word ? 0 : (uint32_t)json_integer_value(v) + 1;
	return bit;
}

static int
read_limits(struct control_request *r, Commands__Account *a)
{
	int hour = read_limit(
		r, "recipients_per_hour", APPLY_ACCOUNT_PER_HOUR, &a->recipients_per_hour);
	int day = hour < 0 ? -1
			   : read_limit(r, "recipients_per_day", APPLY_ACCOUNT_PER_DAY,
				     &a->recipients_per_day);

	return day < 0 ? -1 : hour | day;
}

/* "any" takes the restriction away. False: failed. */
static bool
read_networks(struct control_request *r, json_t *list, Commands__Account *a)
{
	struct ip_network net;
	json_t *one;
	size_t i;

	a->from_network = arena_alloc(&r->arena, (json_array_size(list) + 1) * sizeof(char *));
	json_array_foreach(list, i, one)
	{
		const char *text = json_string_value(one);
		const char *why = text ? ip_network_parse(slice_str(text), &net)
				       : "a text is needed";

		if (text && !strcmp(text, "any"))
			continue;
		if (why) {
			control_fail(r, EX_USAGE,
				"from_network: %s: %s; write it like 192.0.2.0/24",
				text ? text : "?", why);
			return false;
		}
		a->from_network[a->n_from_network++] = arena_str(&r->arena, slice_str(text));
	}
	return true;
}

/* Numbers and lists that both add and set take. Bits of what was given; -1: failed. */
static int
read_fields(struct control_request *r, Commands__Account *a)
{
	json_t *bytes = json_object_get(r->in, "quota_bytes");
	json_t *messages = json_object_get(r->in, "quota_messages");
	const char *full_name = control_text(r, "full_name");
	int mask = read_limits(r, a);

	if (mask < 0)
		return -1;
	if ((bytes && !is_count(bytes)) || (messages && !is_count(messages))) {
		control_fail(r, EX_USAGE, "a quota is a number, 0 for none");
		return -1;
	}
	if (bytes)
		a->quota_bytes = (uint64_t)json_integer_value(bytes);
	if (messages)
		a->quota_messages = (uint64_t)json_integer_value(messages);
	if (bytes || messages)
		mask |= APPLY_ACCOUNT_QUOTA;
	if (full_name) {
		a->full_name = arena_str(&r->arena, slice_str(full_name));
		mask |= APPLY_ACCOUNT_FULL_NAME;
	}
	if (json_object_get(r->in, "disabled")) {
		a->disabled = json_is_true(json_object_get(r->in, "disabled"));
		mask |= APPLY_ACCOUNT_DISABLED;
	}
	if (json_object_get(r->in, "send_as")) {
		if (!control_addresses(r, "send_as", &a->send_as, &a->n_send_as))
			return -1;
		mask |= APPLY_ACCOUNT_SEND_AS;
	}
	if (json_object_get(r->in, "from_network")) {
		if (!read_networks(r, json_object_get(r->in, "from_network"), a))
			return -1;
		a->may_relay = true;
		mask |= APPLY_ACCOUNT_RELAY;
	}
	return mask;
}

static void
add(struct control_request *r, uint32_t kind)
{
	struct slice name = control_address(r, "address", false);
	Commands__AccountPut *put;

	if (!name.n)
		return;
	put = new_put(r, rand_u64() >> 8 | 1);
	put->record->name = codec_bytes(name);
	put->record->kind = kind;
	put->record->may_relay = kind == 1;
	if (read_fields(r, put->record) >= 0)
		ask_hash(r, name);
}

static void
user_add(struct control_request *r)
{
	add(r, 0);
}

static void
service_add(struct control_request *r)
{
	add(r, 1);
}

/* The account of the named address; NULL: failed. */
static Commands__Account *
find(struct control_request *r, uint64_t *id)
{
	struct slice name = control_address(r, "address", false);
	Commands__Account *a;
	struct db_txn *txn;
	enum err e;

	if (!name.n || !(txn = control_read(r)))
		return NULL;
	e = view_directory_login(txn, name, &r->arena, id, &a);
	view_end(r->courier->view);
	if (!e)
		return a;
	control_fail(r, EX_NOUSER, "%.*s: no such user (`hairpin user list` shows them)",
		SLICE_FMT(name));
	return NULL;
}

static void
user_password(struct control_request *r)
{
	uint64_t id;
	Commands__Account *a = find(r, &id);
	Commands__AccountPut *put;

	if (!a)
		return;
	put = new_put(r, id);
	put->mask = APPLY_ACCOUNT_VERIFIER;
	put->end_sessions = true;
	ask_hash(r, codec_slice(a->name));
}

static void
user_set(struct control_request *r)
{
	uint64_t id;
	Commands__Account *a = find(r, &id);
	Commands__AccountPut *put;
	int mask;

	if (!a)
		return;
	put = new_put(r, id);
	/* The two quotas are set together: the one that isn't named stays. */
	put->record->quota_bytes = a->quota_bytes;
	put->record->quota_messages = a->quota_messages;
	mask = read_fields(r, put->record);
	if (mask < 0)
		return;
	put->mask = (uint32_t)mask;
	put->end_sessions = put->record->disabled || mask & APPLY_ACCOUNT_RELAY;
	if (mask == 0)
		control_fail(r, EX_USAGE, "nothing to change was named");
	else
		control_propose(r);
}

/* What a deletion leaves to be done, node by node. */
static json_t *
owed(const struct config *c)
{
	json_t *list = json_array();
	char text[400], when[64] = "";

	if (c->compact_hour < 24)
		snprintf(
			when, sizeof when, " (done by itself at %02u:00 UTC)", c->compact_hour);
	snprintf(text, sizeof text, "%s: hairpin store compact%s", c->hostname, when);
	json_array_append_new(list, json_string(text));
	return json_pack("{s:s, s:o}", "key", "destroyed", "still_owed", list);
}

static void
user_delete(struct control_request *r)
{
	Commands__AccountDel *del = arena_alloc(&r->arena, sizeof *del);

	commands__account_del__init(del);
	if (!find(r, &del->account))
		return;
	r->command.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_DEL;
	r->command.account_del = del;
	r->done = owed(&r->courier->p->config);
	control_propose(r);
}

/* The limits that hold, and what was sent by now. */
static void
put_sending(const struct config *c, const Commands__Account *a, const struct sending *use,
	json_t *o)
{
	struct sending_limits limits = view_sending_limits(a, &c->sending);

	json_object_set_new(o, "recipients_hour", json_integer(use->n[0]));
	json_object_set_new(o, "recipients_day", json_integer((json_int_t)sending_day(use)));
	json_object_set_new(o, "recipients_per_hour", json_integer(limits.per_hour));
	json_object_set_new(o, "recipients_per_day", json_integer(limits.per_day));
}

static json_t *
account_json(
	const struct control_request *r, const Commands__Account *a, const struct sending *use)
{
	json_t *o = json_object(), *send_as = json_array();

	json_object_set_new(o, "address", control_json(codec_slice(a->name)));
	json_object_set_new(o, "full_name", json_string(a->full_name));
	json_object_set_new(o, "kind", json_string(a->kind ? "service" : "user"));
	json_object_set_new(o, "disabled", json_boolean(a->disabled));
	json_object_set_new(o, "messages", json_integer((json_int_t)a->used_messages));
	json_object_set_new(o, "bytes", json_integer((json_int_t)a->used_bytes));
	json_object_set_new(o, "quota_messages", json_integer((json_int_t)a->quota_messages));
	json_object_set_new(o, "quota_bytes", json_integer((json_int_t)a->quota_bytes));
	put_sending(&r->courier->p->config, a, use, o);
	for (size_t i = 0; i < a->n_send_as; i++)
		json_array_append_new(send_as, control_json(codec_slice(a->send_as[i])));
	json_object_set_new(o, "send_as", send_as);
	if (a->kind) {
		json_t *networks = json_array();

		for (size_t i = 0; i < a->n_from_network; i++)
			json_array_append_new(networks, json_string(a->from_network[i]));
		json_object_set_new(o, "from_network", networks);
	}
	json_object_set_new(o, "created", json_integer((json_int_t)a->created_sec));
	return o;
}

static void
user_show(struct control_request *r)
{
	uint64_t id;
	Commands__Account *a = find(r, &id);
	struct db_txn *txn = a ? control_read(r) : NULL;
	struct sending use;
	enum err e;

	if (!txn)
		return;
	e = view_sending_get(txn, id, clock_wall_sec(), &use);
	view_end(r->courier->view);
	if (e)
		control_fail(r, EX_TEMPFAIL, "%s", err_text(e));
	else
		control_reply(r, account_json(r, a, &use));
}

/* In the order of their addresses, of which each account has one that is its own. */
static json_t *
account_row(struct control_request *r, struct db_txn *txn, struct slice v, uint32_t kind)
{
	Commands__Address *at = codec_unpack(&commands__address__descriptor, v, &r->arena);
	struct sending use;
	Commands__Account *a;

	if (!at || at->kind != COMMANDS__ADDRESS__KIND__ACCOUNT || !at->primary ||
		view_directory_account(txn, at->account, &r->arena, &a) || a->kind != kind ||
		view_sending_get(txn, at->account, clock_wall_sec(), &use))
		return NULL;
	return account_json(r, a, &use);
}

static json_t *
user_row(struct control_request *r, struct db_txn *txn, struct slice k, struct slice v)
{
	(void)k;
	return account_row(r, txn, v, 0);
}

static json_t *
service_row(struct control_request *r, struct db_txn *txn, struct slice k, struct slice v)
{
	(void)k;
	return account_row(r, txn, v, 1);
}

static void
user_list(struct control_request *r)
{
	control_list(r, DB_ADDRESS, user_row);
}

static void
service_list(struct control_request *r)
{
	control_list(r, DB_ADDRESS, service_row);
}

const struct control_verb control_account_verbs[] = {
	{"user add", user_add},
	{"user delete", user_delete},
	{"user list", user_list},
	{"user show", user_show},
	{"user password", user_password},
	{"user set", user_set},
	{"service add", service_add},
	{"service delete", user_delete},
	{"service list", service_list},
	{"service show", user_show},
	{"service password", user_password},
	{"service set", user_set},
	{NULL, NULL},
};
