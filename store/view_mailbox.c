#include "store/view_mailbox.h"

#include "core/codec.h"
#include "store/db.h"

enum { NAME_MAX_OCTETS = 480 };

enum err
view_mailbox(struct db_txn *txn, uint64_t mailbox, struct arena *a, Commands__Mailbox **out)
{
	struct schema_key k;
	struct slice raw;
	enum err e = db_get(txn, DB_MAILBOX, schema_u64(&k, mailbox), &raw);

	if (e)
		return e;
	*out = codec_unpack(&commands__mailbox__descriptor, raw, a);
	return *out ? ERR_OK : ERR_CORRUPT;
}

enum err
view_mailbox_by_name(struct db_txn *txn, uint64_t account, struct slice name, struct arena *a,
	Commands__Mailbox **out)
{
	uint8_t key[8 + NAME_MAX_OCTETS];
	struct slice raw;
	enum err e;

	if (name.n == 0 || name.n > NAME_MAX_OCTETS)
		return ERR_NOT_FOUND;
	schema_set_u64(key, account);
	memcpy(key + 8, name.p, name.n);
	e = db_get(txn, DB_MAILBOX_NAME, slice_of(key, 8 + name.n), &raw);
	if (e)
		return e;
	return raw.n == 8 ? view_mailbox(txn, schema_get_u64(raw.p), a, out) : ERR_CORRUPT;
}

enum err
view_mailbox_each(struct db_txn *txn, uint64_t account, struct arena *a,
	bool (*each)(void *arg, const Commands__Mailbox *m), void *arg)
{
	struct schema_key from;
	struct db_cursor *c;
	struct slice k, v, prefix = schema_u64(&from, account);
	Commands__Mailbox *m;
	enum err e = db_cursor_open(txn, DB_MAILBOX_NAME, &c);

	if (e)
		return e;
	for (e = db_seek(c, prefix, &k, &v); !e && slice_starts(k, prefix);
		e = db_next(c, &k, &v)) {
		if (v.n != 8 || view_mailbox(txn, schema_get_u64(v.p), a, &m)) {
			e = ERR_CORRUPT;
			break;
		}
		if (!each(arg, m))
			break;
	}
	db_cursor_close(c);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
view_mailbox_messages(struct db_txn *txn, uint64_t mailbox, uint32_t uid,
	bool (*each)(void *arg, uint32_t uid, const struct schema_message *m), void *arg)
{
	struct schema_key from;
	struct schema_message m;
	struct db_cursor *c;
	struct slice k, v;
	enum err e = db_cursor_open(txn, DB_MESSAGE, &c);

	if (e)
		return e;
	for (e = db_seek(c, schema_u64_u32(&from, mailbox, uid), &k, &v);
		!e && k.n == 12 && schema_get_u64(k.p) == mailbox; e = db_next(c, &k, &v)) {
		if (!schema_message_read(v, &m)) {
			e = ERR_CORRUPT;
			break;
		}
		if (!each(arg, schema_get_u32(k.p + 8), &m))
			break;
	}
	db_cursor_close(c);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
view_mailbox_message(
	struct db_txn *txn, uint64_t mailbox, uint32_t uid, struct schema_message *m)
{
	struct schema_key k;
	struct slice row;
	enum err e = db_get(txn, DB_MESSAGE, schema_u64_u32(&k, mailbox, uid), &row);

	if (e)
		return e;
	return schema_message_read(row, m) ? ERR_OK : ERR_CORRUPT;
}

struct change {
	uint32_t uid;
	uint64_t modseq;
	bool gone;
};

/* An expunge is always the last; another change only if the message is still as it left it. */
static enum err
is_newest(struct db_txn *txn, uint64_t mailbox, const struct change *x, bool *newest)
{
	struct schema_message m;
	enum err e = x->gone ? ERR_OK : view_mailbox_message(txn, mailbox, x->uid, &m);

	*newest = !e && (x->gone || m.modseq == x->modseq);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
view_mailbox_changes(struct db_txn *txn, uint64_t mailbox, uint64_t after,
	bool (*each)(void *arg, uint32_t uid, uint64_t modseq, bool gone), void *arg)
{
	struct arena a;
	struct schema_key from;
	struct db_cursor *c;
	struct slice k, v;
	Commands__Mailbox *m;
	bool newest;
	enum err e;

	arena_init(&a, 0);
	e = view_mailbox(txn, mailbox, &a, &m);
	if (!e && after < m->changes_from)
		e = ERR_STALE;
	arena_reset(&a);
	if (e)
		return e;
	e = db_cursor_open(txn, DB_CHANGE, &c);
	if (e)
		return e;
	for (e = db_seek(c, schema_u64_u64_u32(&from, mailbox, after + 1, 0), &k, &v);
		!e && k.n == 20 && schema_get_u64(k.p) == mailbox; e = db_next(c, &k, &v)) {
		struct change x = {
			schema_get_u32(k.p + 16), schema_get_u64(k.p + 8), v.n && v.p[0] == 1};

		e = is_newest(txn, mailbox, &x, &newest);
		if (e || (newest && !each(arg, x.uid, x.modseq, x.gone)))
			break;
	}
	db_cursor_close(c);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
view_mailbox_payload(
	struct db_txn *txn, uint64_t payload, struct arena *a, Commands__PayloadRow **out)
{
	struct schema_key k;
	struct slice raw;
	enum err e = db_get(txn, DB_PAYLOAD, schema_u64(&k, payload), &raw);

	if (e)
		return e;
	*out = codec_unpack(&commands__payload_row__descriptor, raw, a);
	return *out ? ERR_OK : ERR_CORRUPT;
}

/* An entry's octets below SCHEMA_INLINE_MAX: one part over several small rows. */
static enum err
inline_part(
	struct db_txn *txn, uint64_t index, uint64_t size, struct arena *a, struct slice *part)
{
	struct schema_key k;
	struct slice row;
	uint8_t *p = arena_alloc(a, size);
	size_t n = 0;
	enum err e;

	for (uint32_t i = 0; n < size; i++, n += row.n) {
		e = db_get(txn, DB_BODY, schema_u64_u32(&k, index, i), &row);
		if (e || row.n == 0 || row.n > size - n)
			return e == ERR_NOT_FOUND || !e ? ERR_CORRUPT : e;
		memcpy(p + n, row.p, row.n);
	}
	*part = slice_of(p, n);
	return ERR_OK;
}

enum err
view_mailbox_part(struct db_txn *txn, uint64_t payload, uint32_t n, struct arena *a,
	struct view_mailbox_part *out)
{
	enum { ENTRY_PARTS = SCHEMA_ENTRY_BODY_MAX / SCHEMA_PART_SEALED };
	uint32_t entry = n / ENTRY_PARTS;
	Commands__PayloadRow *row;
	struct schema_key k;
	struct slice sealed;
	uint64_t parts, left;
	enum err e = view_mailbox_payload(txn, payload, a, &row);

	if (e)
		return e;
	parts = (row->sealed_size + SCHEMA_PART_SEALED - 1) / SCHEMA_PART_SEALED;
	if (n >= parts || entry >= row->n_index)
		return ERR_NOT_FOUND;
	/* The last entry of a large body may be a small one. */
	left = row->sealed_size - (uint64_t)entry * SCHEMA_ENTRY_BODY_MAX;
	if (left < SCHEMA_INLINE_MAX)
		e = inline_part(txn, row->index[entry], left, a, &sealed);
	else
		e = db_get(txn, DB_BODY, schema_u64_u32(&k, row->index[entry], n % ENTRY_PARTS),
			&sealed);
	if (e)
		return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
	*out = (struct view_mailbox_part){sealed, n + 1 == parts};
	return ERR_OK;
}
