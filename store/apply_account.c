#include "store/apply_account.h"

#include "store/apply_directory.h"
#include "store/apply_mailbox.h"
#include "store/apply_queue_key.h"
#include "store/apply_row.h"
#include "store/apply_sending.h"
#include "store/apply_vault.h"

enum { EPOCH_KEY_MAX = 512 };

static enum err
make_mailboxes(struct apply *a, uint64_t account, Commands__Account *r)
{
	static const struct {
		const char *name;
		uint32_t use;
	} usual[] = {{"INBOX", SCHEMA_USE_NONE}, {"Archive", SCHEMA_USE_ARCHIVE},
		{"Drafts", SCHEMA_USE_DRAFTS}, {"Junk", SCHEMA_USE_JUNK},
		{"Sent", SCHEMA_USE_SENT}, {"Trash", SCHEMA_USE_TRASH}};
	Commands__Mailbox *m;
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < sizeof usual / sizeof *usual && !e; i++) {
		e = apply_mailbox_make(a, account, r, slice_str(usual[i].name), &m);
		if (e)
			break;
		m->special_use = usual[i].use;
		m->subscribed = true;
		e = apply_row_put_mailbox(a, m);
		if (i == 0)
			r->inbox = m->id;
	}
	return e;
}

static enum err
create(struct apply *a, const Commands__AccountPut *c)
{
	Commands__Account r = *c->record;
	Commands__AddressPut address = COMMANDS__ADDRESS_PUT__INIT;
	Commands__Address leads = COMMANDS__ADDRESS__INIT;
	const struct apply_vault_new secret = {.kind = VAULT_ACCOUNT,
		.id = c->account,
		.wrap_kind = (uint8_t)r.wrap_kind,
		.secret = codec_slice(c->wrapped_secret)};
	enum err e;

	if (r.public_key.len != 32 || !apply_vault_fits(secret.secret) || c->account == 0 ||
		c->account >> 56)
		return apply_refuse(a, COMMAND_INVALID, "bad account");
	r.created_sec = a->time_sec;
	r.used_bytes = r.used_messages = 0;
	r.next_uidvalidity = (uint32_t)a->time_sec;
	r.inbox = 0;
	/* The account must be there before its address, and both are checked before the first
	 * write. */
	address.address = r.name;
	address.record = &leads;
	address.create_only = true;
	leads.kind = COMMANDS__ADDRESS__KIND__ACCOUNT;
	leads.account = c->account;
	leads.primary = true;
	e = apply_row_put_account(a, c->account, &r);
	if (!e)
		e = apply_directory_primary_put(a, &address);
	if (!e && a->result->code) {
		struct schema_key k;

		return apply_row_del(a, DB_ACCOUNT, schema_u64(&k, c->account));
	}
	if (!e)
		e = apply_vault_put(a, &secret);
	if (!e)
		e = make_mailboxes(a, c->account, &r);
	if (!e)
		e = apply_row_put_account(a, c->account, &r);
	a->result->id = c->account;
	return e;
}

static void
take_fields(Commands__Account *r, const Commands__Account *from, uint32_t mask)
{
	if (mask & APPLY_ACCOUNT_FULL_NAME)
		r->full_name = from->full_name;
	if (mask & APPLY_ACCOUNT_VERIFIER)
		r->verifier = from->verifier;
	if (mask & APPLY_ACCOUNT_QUOTA) {
		r->quota_bytes = from->quota_bytes;
		r->quota_messages = from->quota_messages;
	}
	if (mask & APPLY_ACCOUNT_DISABLED)
		r->disabled = from->disabled;
	if (mask & APPLY_ACCOUNT_SEND_AS) {
		r->n_send_as = from->n_send_as;
		r->send_as = from->send_as;
	}
	if (mask & APPLY_ACCOUNT_RELAY) {
		r->may_relay = from->may_relay;
		r->n_from_network = from->n_from_network;
		r->from_network = from->from_network;
	}
	if (mask & APPLY_ACCOUNT_PER_HOUR)
		r->recipients_per_hour = from->recipients_per_hour;
	if (mask & APPLY_ACCOUNT_PER_DAY)
		r->recipients_per_day = from->recipients_per_day;
}

enum err
apply_account_put(struct apply *a, const Commands__AccountPut *c)
{
	Commands__Account *r;
	enum err e;

	if (!c->record)
		return apply_refuse(a, COMMAND_INVALID, "no record");
	e = apply_row_account(a, c->account, &r);
	a->touched->directory = true;
	if (e == ERR_NOT_FOUND && c->wrapped_secret.len)
		return create(a, c);
	if (e == ERR_NOT_FOUND)
		return apply_refuse(a, COMMAND_NOT_FOUND, "no such account");
	if (e)
		return e;
	if (c->wrapped_secret.len)
		return apply_refuse(a, COMMAND_EXISTS, "the account exists already");
	take_fields(r, c->record, c->mask);
	if (c->end_sessions)
		apply_touch_account_gone(a, c->account);
	a->result->id = c->account;
	return apply_row_put_account(a, c->account, r);
}

/* Deletes each row of t whose key begins with the account's id. */
static enum err
delete_prefix(struct apply *a, enum db_table t, uint64_t account)
{
	struct schema_key from;
	struct slice k, v, prefix = schema_u64(&from, account);
	enum err e;

	while (!(e = db_first_from(a->txn, t, prefix, &k, &v)) && slice_starts(k, prefix)) {
		e = db_del(a->txn, t, arena_dup(a->arena, k));
		if (e)
			return e;
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err
delete_addresses(struct apply *a, uint64_t account)
{
	struct slice k, v, at = SLICE_EMPTY;
	Commands__Address *r;
	enum err e;

	while (!(e = db_first_from(a->txn, DB_ADDRESS, at, &k, &v))) {
		uint8_t *next = arena_zalloc(a->arena, k.n + 1);

		memcpy(next, k.p, k.n);
		at = slice_of(next, k.n + 1);
		r = codec_unpack(&commands__address__descriptor, v, a->arena);
		if (!r)
			return ERR_CORRUPT;
		if (r->kind != COMMANDS__ADDRESS__KIND__ACCOUNT || r->account != account)
			continue;
		e = db_del(a->txn, DB_ADDRESS, slice_cut(at, 0, at.n - 1));
		if (e)
			return e;
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
apply_account_del(struct apply *a, const Commands__AccountDel *c)
{
	struct schema_key k;
	Commands__Account *r;
	enum err e = apply_row_account(a, c->account, &r);

	if (e)
		return e == ERR_NOT_FOUND
			       ? apply_refuse(a, COMMAND_NOT_FOUND, "no such account")
			       : e;
	a->touched->directory = true;
	apply_touch_account_gone(a, c->account);
	e = apply_vault_del(a, VAULT_ACCOUNT, c->account);
	if (!e)
		e = apply_queue_key_retire(a);
	if (!e)
		e = delete_prefix(a, DB_EPOCH, c->account);
	if (!e)
		e = apply_sending_forget(a, c->account);
	if (!e)
		e = delete_addresses(a, c->account);
	if (!e)
		e = apply_mailbox_delete_all(a, c->account);
	return e ? e : apply_row_del(a, DB_ACCOUNT, schema_u64(&k, c->account));
}

enum err
apply_account_epoch(struct apply *a, const Commands__EpochNew *c)
{
	struct schema_key k;
	struct slice old, key = slice_of(c->sealed_key.data, c->sealed_key.len);
	Commands__Account *r;
	enum err e;

	if (key.n == 0 || key.n > EPOCH_KEY_MAX)
		return apply_refuse(a, COMMAND_INVALID, "bad epoch key");
	e = apply_row_account(a, c->account, &r);
	if (e)
		return e == ERR_NOT_FOUND
			       ? apply_refuse(a, COMMAND_NOT_FOUND, "no such account")
			       : e;
	e = db_get(a->txn, DB_EPOCH, schema_u64_u64(&k, c->account, c->epoch), &old);
	if (!e && !slice_eq(old, key))
		return apply_refuse(a, COMMAND_EXISTS, "the epoch exists already");
	if (!e || e != ERR_NOT_FOUND)
		return e;
	return db_put(a->txn, DB_EPOCH, schema_u64_u64(&k, c->account, c->epoch), key);
}
