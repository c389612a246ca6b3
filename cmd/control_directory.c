/* control_directory: verbs of domains, aliases, groups, forwards, catch-alls, and the store. */
#include <sysexits.h>

#include "cmd/control_dkim.h"
#include "cmd/control_list.h"
#include "core/codec.h"
#include "core/ipc.pb-c.h"
#include "store/db.h"
#include "store/view_directory.h"

/* --- domains --- */

/* Its mail is signed from the beginning. */
static void
on_added(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct control_request *r = arg;

	if (control_is_done(r, e, answer))
		control_dkim_begin(r, codec_slice(r->command.domain_put->name));
}

static void
domain_add(struct control_request *r)
{
	struct slice name = control_domain(r, "domain");
	Commands__DomainPut *put = arena_alloc(&r->arena, sizeof *put);
	Commands__Domain record = COMMANDS__DOMAIN__INIT;

	if (!name.n)
		return;
	commands__domain_put__init(put);
	put->name = codec_bytes(name);
	put->record = codec_bytes(codec_pack(&record, &r->arena));
	put->create_only = true;
	r->command.body_case = COMMANDS__COMMAND__BODY_DOMAIN_PUT;
	r->command.domain_put = put;
	courier_propose(r->courier, &r->command, SLICE_EMPTY, on_added, r);
}

static void
domain_delete(struct control_request *r)
{
	struct slice name = control_domain(r, "domain");
	Commands__DomainDel *del = arena_alloc(&r->arena, sizeof *del);

	if (!name.n)
		return;
	commands__domain_del__init(del);
	del->name = codec_bytes(name);
	r->command.body_case = COMMANDS__COMMAND__BODY_DOMAIN_DEL;
	r->command.domain_del = del;
	control_dkim_end(r, name);
}

static json_t *
domain_row(struct control_request *r, struct db_txn *txn, struct slice k, struct slice v)
{
	json_t *row = json_object();

	(void)r;
	(void)txn;
	(void)v;
	json_object_set_new(row, "domain", control_json(k));
	return row;
}

static void
domain_list(struct control_request *r)
{
	control_list(r, DB_DOMAIN, domain_row);
}

/* --- aliases, groups, catch-alls: an address that leads to others --- */

static void
propose_address(struct control_request *r, struct slice address, Commands__Address *record,
	bool create_only)
{
	Commands__AddressPut *put = arena_alloc(&r->arena, sizeof *put);

	commands__address_put__init(put);
	put->address = codec_bytes(address);
	put->record = record;
	put->create_only = create_only;
	r->command.body_case = COMMANDS__COMMAND__BODY_ADDRESS_PUT;
	r->command.address_put = put;
	control_propose(r);
}

static void
put_targets(struct control_request *r, Commands__Address__Kind kind)
{
	bool catch_all = kind == COMMANDS__ADDRESS__KIND__CATCH_ALL;
	struct slice address = control_address(r, "address", catch_all);
	Commands__Address *record = arena_alloc(&r->arena, sizeof *record);

	if (!address.n)
		return;
	commands__address__init(record);
	record->kind = kind;
	if (!control_targets(r, "targets", &record->target, &record->n_target))
		return;
	if (!record->n_target)
		control_fail(r, EX_USAGE, "at least one target address is needed");
	else
		propose_address(r, address, record, kind == COMMANDS__ADDRESS__KIND__ALIAS);
}

static void
alias_add(struct control_request *r)
{
	put_targets(r, COMMANDS__ADDRESS__KIND__ALIAS);
}

static void
catch_all_set(struct control_request *r)
{
	put_targets(r, COMMANDS__ADDRESS__KIND__CATCH_ALL);
}

static void
address_delete(struct control_request *r, Commands__Address__Kind kind)
{
	struct slice address = control_address(
		r, "address", kind == COMMANDS__ADDRESS__KIND__CATCH_ALL);
	Commands__AddressDel *del = arena_alloc(&r->arena, sizeof *del);

	if (!address.n)
		return;
	commands__address_del__init(del);
	del->address = codec_bytes(address);
	del->kind = kind;
	r->command.body_case = COMMANDS__COMMAND__BODY_ADDRESS_DEL;
	r->command.address_del = del;
	control_propose(r);
}

static void
alias_delete(struct control_request *r)
{
	address_delete(r, COMMANDS__ADDRESS__KIND__ALIAS);
}

static void
group_delete(struct control_request *r)
{
	address_delete(r, COMMANDS__ADDRESS__KIND__GROUP);
}

static void
catch_all_delete(struct control_request *r)
{
	address_delete(r, COMMANDS__ADDRESS__KIND__CATCH_ALL);
}

static json_t *
target_row(
	struct control_request *r, struct slice k, struct slice v, Commands__Address__Kind kind)
{
	Commands__Address *at = codec_unpack(&commands__address__descriptor, v, &r->arena);
	json_t *row;

	if (!at || at->kind != kind)
		return NULL;
	row = json_object();
	json_object_set_new(row, "address", control_json(k));
	json_object_set_new(row, "targets", control_list_texts(at->n_target, at->target));
	return row;
}

static json_t *
alias_row(struct control_request *r, struct db_txn *txn, struct slice k, struct slice v)
{
	(void)txn;
	return target_row(r, k, v, COMMANDS__ADDRESS__KIND__ALIAS);
}

static json_t *
group_row(struct control_request *r, struct db_txn *txn, struct slice k, struct slice v)
{
	(void)txn;
	return target_row(r, k, v, COMMANDS__ADDRESS__KIND__GROUP);
}

static json_t *
catch_all_row(struct control_request *r, struct db_txn *txn, struct slice k, struct slice v)
{
	(void)txn;
	return target_row(r, k, v, COMMANDS__ADDRESS__KIND__CATCH_ALL);
}

static void
alias_list(struct control_request *r)
{
	control_list(r, DB_ADDRESS, alias_row);
}

static void
group_list(struct control_request *r)
{
	control_list(r, DB_ADDRESS, group_row);
}

static void
catch_all_list(struct control_request *r)
{
	control_list(r, DB_ADDRESS, catch_all_row);
}

/* --- forwards: beside an account's own address --- */

static void
forward_put(struct control_request *r, bool clear)
{
	struct slice address = control_address(r, "address", false);
	Commands__Address *record = NULL;
	struct db_txn *txn;
	enum err e;

	if (!address.n || !(txn = control_read(r)))
		return;
	e = view_directory_address(txn, address, &r->arena, &record);
	view_end(r->courier->view);
	if (e || record->kind != COMMANDS__ADDRESS__KIND__ACCOUNT) {
		control_fail(r, EX_NOUSER,
			"%.*s: no such user (`hairpin user list` shows them)",
			SLICE_FMT(address));
		return;
	}
	record->n_forward = 0;
	record->forward_only = false;
	if (!clear) {
		if (!control_targets(r, "targets", &record->forward, &record->n_forward))
			return;
		record->forward_only = !json_is_true(json_object_get(r->in, "keep"));
	}
	if (!clear && !record->n_forward)
		control_fail(r, EX_USAGE, "at least one target address is needed");
	else
		propose_address(r, address, record, false);
}

static void
forward_set(struct control_request *r)
{
	forward_put(r, false);
}

static void
forward_clear(struct control_request *r)
{
	forward_put(r, true);
}

static json_t *
forward_row(struct control_request *r, struct db_txn *txn, struct slice k, struct slice v)
{
	Commands__Address *at = codec_unpack(&commands__address__descriptor, v, &r->arena);
	json_t *row;

	(void)txn;
	if (!at || at->kind != COMMANDS__ADDRESS__KIND__ACCOUNT || !at->n_forward)
		return NULL;
	row = json_object();
	json_object_set_new(row, "address", control_json(k));
	json_object_set_new(row, "targets", control_list_texts(at->n_forward, at->forward));
	json_object_set_new(row, "keep", json_boolean(!at->forward_only));
	return row;
}

static void
forward_list(struct control_request *r)
{
	control_list(r, DB_ADDRESS, forward_row);
}

/* --- the store's own affairs --- */

static void
on_store(void *arg, enum err e, const ProtobufCMessage *answer)
{
	struct control_request *r = arg;
	const Ipc__Json *json = (const Ipc__Json *)answer;
	json_t *out = e ? NULL : json_loads(json->text, 0, NULL);

	if (out && json_is_object(out))
		control_reply(r, out);
	else
		control_fail(r, EX_TEMPFAIL, "the store: %s", err_text(e ? e : ERR_CORRUPT));
}

static void
store_verb(struct control_request *r)
{
	enum { ASK_MS = 600000 };
	Ipc__StoreAdmin q = IPC__STORE_ADMIN__INIT;
	const char *space = strchr(r->verb->name, ' ');

	q.verb = (char *)(uintptr_t)(space + 1);
	ipc_ask(r->courier->p->ipc, IPC_STORE_ADMIN, &q.base, -1,
		(struct ipc_wait){ASK_MS, on_store, r});
}

/* What was deleted is gone for good when the log and the free pages have gone, and the queue
 * keys of before: those first. */
static void
store_compact(void *arg)
{
	enum { LOOK_MS = 100, TRIES_MAX = 600 };
	struct control_request *r = arg;

	if (!courier_key_owes(r->courier)) {
		store_verb(r);
	} else if (r->tries++ < TRIES_MAX) {
		courier_key_tend(r->courier->key);
		loop_after(r->courier->p->loop, LOOK_MS, store_compact, r);
	} else {
		control_fail(r, EX_TEMPFAIL,
			"mail in the queue is still sealed to keys of before an account was "
			"deleted; see the log");
	}
}

static void
compact(struct control_request *r)
{
	store_compact(r);
}

const struct control_verb control_directory_verbs[] = {
	{"domain add", domain_add},
	{"domain delete", domain_delete},
	{"domain list", domain_list},
	{"alias add", alias_add},
	{"alias delete", alias_delete},
	{"alias list", alias_list},
	{"group delete", group_delete},
	{"group list", group_list},
	{"catch-all set", catch_all_set},
	{"catch-all delete", catch_all_delete},
	{"catch-all list", catch_all_list},
	{"forward set", forward_set},
	{"forward clear", forward_clear},
	{"forward list", forward_list},
	{"store compact", compact},
	{"store check", store_verb},
	{"cluster verify", store_verb},
	{"store stats", store_verb},
	{NULL, NULL},
};
