#include "store/view_directory.h"

#include "core/codec.h"
#include "store/db.h"
#include "store/schema.h"

enum { ADDRESS_MAX = 400 };

/* A table whose rows are messages. */
struct records {
	enum db_table table;
	const ProtobufCMessageDescriptor *type;
};
static const struct records domains = {DB_DOMAIN, &commands__domain__descriptor};
static const struct records addresses = {DB_ADDRESS, &commands__address__descriptor};
static const struct records accounts = {DB_ACCOUNT, &commands__account__descriptor};

static enum err
get_record(struct db_txn *txn, const struct records *of, struct slice key, struct arena *a,
	void **out)
{
	struct slice raw;
	enum err e = db_get(txn, of->table, key, &raw);
	void *record;

	if (e)
		return e;
	record = codec_unpack(of->type, raw, a);
	if (!record)
		return ERR_CORRUPT;
	*out = record;
	return ERR_OK;
}

enum err
view_directory_domain(
	struct db_txn *txn, struct slice domain, struct arena *a, Commands__Domain **out)
{
	void *r;
	enum err e;

	if (domain.n == 0 || domain.n > ADDRESS_MAX)
		return ERR_NOT_FOUND;
	e = get_record(txn, &domains, domain, a, &r);
	if (!e)
		*out = r;
	return e;
}

enum err
view_directory_address(
	struct db_txn *txn, struct slice address, struct arena *a, Commands__Address **out)
{
	void *r;
	enum err e;

	if (address.n == 0 || address.n > ADDRESS_MAX)
		return ERR_NOT_FOUND;
	e = get_record(txn, &addresses, address, a, &r);
	if (!e)
		*out = r;
	return e;
}

enum err
view_directory_account(
	struct db_txn *txn, uint64_t account, struct arena *a, Commands__Account **out)
{
	struct schema_key k;
	void *r;
	enum err e = get_record(txn, &accounts, schema_u64(&k, account), a, &r);

	if (!e)
		*out = r;
	return e;
}

enum err
view_directory_login(struct db_txn *txn, struct slice address, struct arena *a,
	uint64_t *account, Commands__Account **out)
{
	Commands__Address *at;
	enum err e = view_directory_address(txn, address, a, &at);

	if (e)
		return e;
	if (at->kind != COMMANDS__ADDRESS__KIND__ACCOUNT)
		return ERR_NOT_FOUND;
	e = view_directory_account(txn, at->account, a, out);
	if (!e)
		*account = at->account;
	return e;
}

/* Without the subaddress: local+detail@domain -> local@domain. */
static bool
without_detail(struct slice address, char delimiter, struct arena *a, struct slice *base)
{
	size_t at = address.n, cut;
	uint8_t *p;

	while (at && address.p[at - 1] != '@')
		at--;
	if (!delimiter || at == 0)
		return false;
	cut = slice_find(slice_cut(address, 0, at - 1), (uint8_t)delimiter);
	if (cut == 0 || cut == at - 1)
		return false;
	p = arena_alloc(a, address.n);
	memcpy(p, address.p, cut);
	memcpy(p + cut, address.p + at - 1, address.n - at + 1);
	*base = slice_of(p, cut + address.n - at + 1);
	return true;
}

static struct slice
domain_of(struct slice address)
{
	size_t at = address.n;

	while (at && address.p[at - 1] != '@')
		at--;
	return at ? slice_from(address, at) : SLICE_EMPTY;
}

/* The address's record: whole, without detail, catch-all. */
static enum err
find_address(struct db_txn *txn, struct slice address, char delimiter, struct arena *a,
	Commands__Address **out)
{
	struct slice base, domain = domain_of(address);
	enum err e = view_directory_address(txn, address, a, out);

	if (e == ERR_NOT_FOUND && without_detail(address, delimiter, a, &base))
		e = view_directory_address(txn, base, a, out);
	if (e == ERR_NOT_FOUND)
		e = view_directory_address(
			txn, slice_from(address, address.n - domain.n - 1), a, out);
	return e;
}

enum err
view_directory_rcpt(struct db_txn *txn, struct slice address, char delimiter, struct arena *a,
	struct view_directory_rcpt *out)
{
	struct view_directory_rcpt r = {.kind = VIEW_NOT_OURS};
	Commands__Domain *domain;
	enum err e = view_directory_domain(txn, domain_of(address), a, &domain);

	if (e == ERR_NOT_FOUND)
		goto done;
	if (e)
		return e;
	if (domain->delimiter.len)
		delimiter = (char)domain->delimiter.data[0];
	r.kind = VIEW_NO_USER;
	e = find_address(txn, address, delimiter, a, &r.address);
	if (e == ERR_NOT_FOUND)
		goto done;
	if (e)
		return e;
	r.kind = VIEW_EXPAND;
	if (r.address->kind != COMMANDS__ADDRESS__KIND__ACCOUNT)
		goto done;
	e = view_directory_account(txn, r.address->account, a, &r.record);
	if (e)
		return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
	r.account = r.address->account;
	if (r.address->n_forward == 0)
		r.kind = VIEW_ACCOUNT;
	if (r.record->disabled)
		r.kind = VIEW_NO_USER;
done:
	*out = r;
	return ERR_OK;
}

enum err
view_directory_may_send_as(
	struct db_txn *txn, uint64_t account, struct slice address, char delimiter, bool *may)
{
	struct arena a;
	Commands__Account *record;
	Commands__Address *own;
	Commands__Domain *ours;
	struct slice base, domain = domain_of(address);
	enum err e;

	*may = false;
	arena_init(&a, 0);
	e = view_directory_account(txn, account, &a, &record);
	if (e || domain.n == 0)
		goto done;
	for (size_t i = 0; i < record->n_send_as && !*may; i++) {
		struct slice entry = codec_slice(record->send_as[i]);

		*may = slice_eq(entry, address) ||
		       (entry.n && entry.p[0] == '@' && slice_eq(slice_from(entry, 1), domain));
	}
	if (*may)
		goto done;
	e = view_directory_domain(txn, domain, &a, &ours);
	if (!e && ours->delimiter.len)
		delimiter = (char)ours->delimiter.data[0];
	if (!e)
		e = view_directory_address(txn, address, &a, &own);
	if (e == ERR_NOT_FOUND && without_detail(address, delimiter, &a, &base))
		e = view_directory_address(txn, base, &a, &own);
	if (!e)
		*may = own->kind == COMMANDS__ADDRESS__KIND__ACCOUNT && own->account == account;
done:
	arena_reset(&a);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

bool
view_directory_over_quota(const Commands__Account *r, uint64_t size)
{
	uint64_t sum;

	if (r->quota_messages && r->used_messages >= r->quota_messages)
		return true;
	return r->quota_bytes &&
	       (__builtin_add_overflow(r->used_bytes, size, &sum) || sum > r->quota_bytes);
}

enum err
view_directory_vault(
	struct db_txn *txn, enum vault_kind kind, uint64_t id, struct schema_vault *out)
{
	struct schema_key k;
	struct slice row;
	enum err e = db_get(txn, DB_VAULT, schema_u8_u64(&k, (uint8_t)kind, id), &row);

	if (e)
		return e;
	return schema_vault_read(row, out) ? ERR_OK : ERR_CORRUPT;
}

enum err
view_directory_queue_key(struct db_txn *txn, uint64_t *id, uint8_t public_key[32])
{
	struct schema_vault found = {0};
	struct schema_key from;
	struct db_cursor *c;
	struct slice k, v;
	enum err e = db_cursor_open(txn, DB_VAULT, &c);

	if (e)
		return e;
	/* The last row of kind 'q' is the one before kind 'q' + 1. */
	e = db_seek(c, schema_u8_u64(&from, VAULT_QUEUE + 1, 0), &k, &v);
	e = e == ERR_NOT_FOUND ? db_last(c, &k, &v) : e ? e : db_prev(c, &k, &v);
	if (!e && (k.n != 9 || k.p[0] != VAULT_QUEUE))
		e = ERR_NOT_FOUND;
	if (!e && (!schema_vault_read(v, &found) || !found.public_key.n))
		e = ERR_CORRUPT;
	if (!e) {
		*id = schema_get_u64(k.p + 1);
		memcpy(public_key, found.public_key.p, 32);
	}
	db_cursor_close(c);
	return e;
}

enum err
view_directory_epoch(struct db_txn *txn, uint64_t account, uint64_t epoch, struct slice *sealed)
{
	struct schema_key k;

	return db_get(txn, DB_EPOCH, schema_u64_u64(&k, account, epoch), sealed);
}

enum err
view_directory_setting(struct db_txn *txn, struct slice name, struct slice *value)
{
	if (name.n == 0 || name.n > ADDRESS_MAX)
		return ERR_NOT_FOUND;
	return db_get(txn, DB_SETTING, name, value);
}
