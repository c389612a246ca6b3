#include <inttypes.h>

#include "core/codec.h"
#include "store/check_inner.h"
#include "store/schema.h"
#include "store/view_directory.h"
#include "store/view_mailbox.h"

/* Its key in the vault, and the address that is its name. */
static enum err
check_account_refs(struct check *c, uint64_t id, const Commands__Account *r)
{
	Commands__Address *address;
	struct schema_vault secret;
	enum err e = view_directory_vault(c->txn, VAULT_ACCOUNT, id, &secret);

	if (e == ERR_NOT_FOUND)
		check_say(c, "account %" PRIu64 " has no key", id);
	if (e && e != ERR_NOT_FOUND)
		return e;
	e = view_directory_address(c->txn, codec_slice(r->name), &c->arena, &address);
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (e || address->kind != COMMANDS__ADDRESS__KIND__ACCOUNT || address->account != id)
		check_say(c, "account %" PRIu64 " isn't reached by its name", id);
	return ERR_OK;
}

enum err
check_mail_account(struct check *c, struct slice k, struct slice v)
{
	Commands__Account *r = codec_unpack(&commands__account__descriptor, v, &c->arena);
	struct check_account *a;
	uint64_t id;

	if (!r || k.n != 8) {
		check_say(c, "an account row is damaged");
		return ERR_OK;
	}
	id = schema_get_u64(k.p);
	a = check_map_put(&c->accounts, id);
	a->used_bytes = r->used_bytes;
	a->used_messages = r->used_messages;
	return check_account_refs(c, id, r);
}

enum err
check_mail_sweep(struct check *c, struct slice k, struct slice v)
{
	Commands__Mailbox *r = NULL;
	enum err e;

	if (k.n == 9 && v.n == 0 && k.p[0] == 'm') {
		((struct check_mailbox *)check_map_put(&c->mailboxes, schema_get_u64(k.p + 1)))
			->swept = 1;
		return ERR_OK;
	}
	if (k.n != 9 || v.n != 8 || k.p[0] != 's') {
		check_say(c, "a sweep row is damaged");
		return ERR_OK;
	}
	e = view_mailbox(c->txn, schema_get_u64(k.p + 1), &c->arena, &r);
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (e || !schema_is_stage(codec_slice(r->name)))
		check_say(c, "a stage is waited for that isn't there");
	return ERR_OK;
}

/* A stage has a time when it is dropped. */
static enum err
check_stage(struct check *c, const Commands__Mailbox *r)
{
	struct schema_key k;
	struct slice until;
	enum err e;

	if (!schema_is_stage(codec_slice(r->name)))
		return ERR_OK;
	e = db_get(c->txn, DB_SWEEP, schema_u8_u64(&k, 's', r->id), &until);
	if (e == ERR_NOT_FOUND)
		check_say(c, "stage %" PRIu64 " would stay for ever", r->id);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
check_mail_mailbox(struct check *c, struct slice k, struct slice v)
{
	Commands__Mailbox *r = codec_unpack(&commands__mailbox__descriptor, v, &c->arena);
	Commands__Mailbox *named;
	struct check_mailbox *m;
	enum err e;

	if (!r || k.n != 8 || r->id != schema_get_u64(k.p)) {
		check_say(c, "a mailbox row is damaged");
		return ERR_OK;
	}
	m = check_map_put(&c->mailboxes, r->id);
	if (m->swept)
		check_say(c, "mailbox %" PRIu64 " is there and being swept", r->id);
	*m = (struct check_mailbox){.account = r->account,
		.modseq = r->modseq,
		.bytes_used = r->bytes_used,
		.uidnext = r->uidnext,
		.exists = r->exists,
		.unseen = r->unseen,
		.deleted = r->deleted,
		.changes_from = r->changes_from,
		.changes = r->changes,
		.keywords = (uint32_t)r->n_keyword};
	if (!check_map_get(&c->accounts, r->account))
		check_say(c, "mailbox %" PRIu64 " is of an account that is gone", r->id);
	e = view_mailbox_by_name(c->txn, r->account, codec_slice(r->name), &c->arena, &named);
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (e || named->id != r->id)
		check_say(c, "mailbox %" PRIu64 " isn't reached by its name", r->id);
	return check_stage(c, r);
}

enum err
check_mail_name(struct check *c, struct slice k, struct slice v)
{
	Commands__Mailbox *r = NULL;
	enum err e = k.n > 8 && v.n == 8
			     ? view_mailbox(c->txn, schema_get_u64(v.p), &c->arena, &r)
			     : ERR_NOT_FOUND;

	if (e && e != ERR_NOT_FOUND)
		return e;
	if (e || r->account != schema_get_u64(k.p) ||
		!slice_eq(codec_slice(r->name), slice_from(k, 8)))
		check_say(c, "a mailbox name leads to no mailbox of that name");
	return ERR_OK;
}

/* Its newest change, under its modseq; and the epoch that its key is wrapped by. */
static enum err
check_message_refs(struct check *c, const struct check_mailbox *box, struct slice k,
	const struct schema_message *m)
{
	struct schema_key key;
	uint64_t mailbox = schema_get_u64(k.p);
	uint32_t uid = schema_get_u32(k.p + 8);
	struct slice v;
	enum err e = db_get(
		c->txn, DB_CHANGE, schema_u64_u64_u32(&key, mailbox, m->modseq, uid), &v);

	if (e && e != ERR_NOT_FOUND)
		return e;
	if (m->modseq > box->changes_from && (e || v.n != 1 || v.p[0] != 0))
		check_say(c, "message %" PRIu64 "/%u lacks its change", mailbox, uid);
	e = view_directory_epoch(c->txn, box->account, m->epoch, &v);
	if (e == ERR_NOT_FOUND)
		check_say(c, "message %" PRIu64 "/%u is wrapped by an epoch that isn't there",
			mailbox, uid);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static void
count_message(struct check *c, struct check_mailbox *box, const struct schema_message *m)
{
	struct check_account *a = check_map_get(&c->accounts, box->account);
	uint64_t size = schema_message_size(m);

	box->messages++;
	box->messages_unseen += !(m->flags & SCHEMA_SEEN);
	box->messages_deleted += (m->flags & SCHEMA_DELETED) != 0;
	box->bytes += size;
	if (a) {
		a->messages++;
		a->bytes += size;
	}
}

enum err
check_mail_message(struct check *c, struct slice k, struct slice v)
{
	struct schema_message m;
	struct check_mailbox *box;
	uint32_t uid;

	if (k.n != 12 || !schema_message_read(v, &m)) {
		check_say(c, "a message row is damaged");
		return ERR_OK;
	}
	uid = schema_get_u32(k.p + 8);
	check_payload_ref(c, m.payload);
	box = check_map_get(&c->mailboxes, schema_get_u64(k.p));
	if (!box) {
		check_say(
			c, "message %" PRIu64 "/%u is in no mailbox", schema_get_u64(k.p), uid);
		return ERR_OK;
	}
	if (box->swept)
		return ERR_OK;
	if (uid == 0 || uid >= box->uidnext || m.modseq > box->modseq ||
		(box->keywords < 64 && m.keywords >> box->keywords))
		check_say(c, "message %" PRIu64 "/%u is past its mailbox's counters",
			schema_get_u64(k.p), uid);
	count_message(c, box, &m);
	return check_message_refs(c, box, k, &m);
}

enum err
check_mail_change(struct check *c, struct slice k, struct slice v)
{
	struct schema_message m;
	struct check_mailbox *box;
	uint64_t mailbox, modseq;
	uint32_t uid;
	enum err e;

	if (k.n != 20 || v.n != 1 || v.p[0] > 1) {
		check_say(c, "a change row is damaged");
		return ERR_OK;
	}
	mailbox = schema_get_u64(k.p);
	uid = schema_get_u32(k.p + 16);
	box = check_map_get(&c->mailboxes, mailbox);
	if (!box)
		check_say(c, "change of %" PRIu64 "/%u is in no mailbox", mailbox, uid);
	if (!box || box->swept)
		return ERR_OK;
	modseq = schema_get_u64(k.p + 8);
	box->changes_seen++;
	if (uid == 0 || uid >= box->uidnext || modseq > box->modseq ||
		modseq < box->changes_from)
		check_say(c,
			"change %" PRIu64 " of %" PRIu64 "/%u is past its mailbox's counters",
			modseq, mailbox, uid);
	e = view_mailbox_message(c->txn, mailbox, uid, &m);
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (!e && (v.p[0] == 1 || m.modseq < modseq))
		check_say(c, "message %" PRIu64 "/%u is older than its change", mailbox, uid);
	return ERR_OK;
}

void
check_mail_totals(struct check *c)
{
	const struct check_mailbox *m;
	const struct check_account *a;
	uint64_t id;

	for (size_t at = 0; (m = check_map_next(&c->mailboxes, &at, &id));)
		if (!m->swept &&
			(m->exists != m->messages || m->unseen != m->messages_unseen ||
				m->deleted != m->messages_deleted || m->bytes_used != m->bytes))
			check_say(c,
				"mailbox %" PRIu64 " counts %u messages, %u unseen, "
				"%u deleted, %" PRIu64 " octets; it has %u, %u, %u, %" PRIu64,
				id, m->exists, m->unseen, m->deleted, m->bytes_used,
				m->messages, m->messages_unseen, m->messages_deleted, m->bytes);
	for (size_t at = 0; (m = check_map_next(&c->mailboxes, &at, &id));)
		if (!m->swept && m->changes != m->changes_seen)
			check_say(c, "mailbox %" PRIu64 " counts %u changes; it has %u", id,
				m->changes, m->changes_seen);
	for (size_t at = 0; (a = check_map_next(&c->accounts, &at, &id));)
		if (a->used_bytes != a->bytes || a->used_messages != a->messages)
			check_say(c,
				"account %" PRIu64 " counts %" PRIu64 " messages, "
				"%" PRIu64 " octets; it has %" PRIu64 ", %" PRIu64,
				id, a->used_messages, a->used_bytes, a->messages, a->bytes);
}
