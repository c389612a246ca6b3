#include "store/view_queue.h"

#include "core/codec.h"
#include "store/db.h"
#include "store/vault_image.h"

enum err
view_queue_item(struct db_txn *txn, uint64_t item, struct arena *a, Commands__Item **out)
{
	struct schema_key k;
	struct slice raw;
	enum err e = db_get(txn, DB_ITEM, schema_u64(&k, item), &raw);

	if (e)
		return e;
	*out = codec_unpack(&commands__item__descriptor, raw, a);
	return *out && (*out)->envelope ? ERR_OK : ERR_CORRUPT;
}

enum err
view_queue_rcpt(struct db_txn *txn, uint64_t item, uint32_t number, struct arena *a,
	Commands__RcptRow **out)
{
	struct schema_key k;
	struct slice raw;
	enum err e = db_get(txn, DB_RCPT, schema_u64_u32(&k, item, number), &raw);

	if (e)
		return e;
	*out = codec_unpack(&commands__rcpt_row__descriptor, raw, a);
	return *out && (*out)->rcpt ? ERR_OK : ERR_CORRUPT;
}

struct slice
view_queue_filter(const Commands__Item *item, const Commands__Rcpt *rcpt)
{
	const Commands__Enqueue *env = item->envelope;

	return rcpt->filter && rcpt->filter <= env->n_filter
		       ? codec_slice(env->filter[rcpt->filter - 1])
		       : SLICE_EMPTY;
}

enum err
view_queue_rcpts(struct db_txn *txn, uint64_t item, struct arena *a,
	bool (*each)(void *arg, uint32_t number, const Commands__RcptRow *row), void *arg)
{
	struct schema_key from;
	struct db_cursor *c;
	struct slice k, v;
	Commands__RcptRow *row;
	enum err e = db_cursor_open(txn, DB_RCPT, &c);

	if (e)
		return e;
	for (e = db_seek(c, schema_u64(&from, item), &k, &v);
		!e && k.n == 12 && schema_get_u64(k.p) == item; e = db_next(c, &k, &v)) {
		row = codec_unpack(&commands__rcpt_row__descriptor, v, a);
		if (!row || !row->rcpt) {
			e = ERR_CORRUPT;
			break;
		}
		if (!each(arg, schema_get_u32(k.p + 8), row))
			break;
	}
	db_cursor_close(c);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
view_queue_items(struct db_txn *txn, uint64_t from_id, struct arena *a,
	bool (*each)(void *arg, const Commands__Item *item), void *arg)
{
	struct schema_key from;
	struct db_cursor *c;
	struct slice k, v;
	Commands__Item *item;
	enum err e = db_cursor_open(txn, DB_ITEM, &c);

	if (e)
		return e;
	for (e = db_seek(c, schema_u64(&from, from_id), &k, &v); !e; e = db_next(c, &k, &v)) {
		item = codec_unpack(&commands__item__descriptor, v, a);
		if (!item || !item->envelope) {
			e = ERR_CORRUPT;
			break;
		}
		if (!each(arg, item))
			break;
	}
	db_cursor_close(c);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err
read_key(struct slice k, struct slice v, struct view_queue_key *key)
{
	struct schema_vault known;

	if (!schema_vault_read(v, &known))
		return ERR_CORRUPT;
	*key = (struct view_queue_key){schema_get_u64(k.p + 1), known.flags};
	return ERR_OK;
}

enum err
view_queue_keys(struct db_txn *txn, struct arena *a, struct view_queue_key **list, size_t *n)
{
	struct view_queue_key *more;
	struct schema_key from;
	struct db_cursor *c;
	struct slice k, v;
	size_t room = 0;
	enum err e = db_cursor_open(txn, DB_VAULT, &c);

	*n = 0;
	if (e)
		return e;
	for (e = db_seek(c, schema_u8_u64(&from, VAULT_QUEUE, 0), &k, &v);
		!e && k.n == 9 && k.p[0] == VAULT_QUEUE; e = db_next(c, &k, &v)) {
		if (*n == room) {
			room = room ? 2 * room : 8;
			more = arena_alloc(a, room * sizeof *more);
			if (*n)
				memcpy(more, *list, *n * sizeof *more);
			*list = more;
		}
		e = read_key(k, v, *list + (*n)++);
		if (e)
			break;
	}
	db_cursor_close(c);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
view_queue_owner(struct db_txn *txn, uint32_t node, struct schema_owner *out)
{
	struct schema_key k;
	struct slice row;
	enum err e = db_get(txn, DB_OWNER, schema_u32(&k, node), &row);

	if (e)
		return e;
	return schema_owner_read(row, out) ? ERR_OK : ERR_CORRUPT;
}

enum err
view_queue_owners(struct db_txn *txn,
	bool (*each)(void *arg, uint32_t node, const struct schema_owner *owner), void *arg)
{
	struct schema_owner owner;
	struct db_cursor *c;
	struct slice k, v;
	enum err e = db_cursor_open(txn, DB_OWNER, &c);

	if (e)
		return e;
	for (e = db_seek(c, SLICE_EMPTY, &k, &v); !e; e = db_next(c, &k, &v)) {
		if (k.n != 4 || !schema_owner_read(v, &owner)) {
			e = ERR_CORRUPT;
			break;
		}
		if (!each(arg, schema_get_u32(k.p), &owner))
			break;
	}
	db_cursor_close(c);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
view_queue_due(struct db_txn *txn, uint32_t node, uint64_t now_sec,
	bool (*each)(void *arg, uint64_t due_sec, uint64_t item, uint32_t number), void *arg)
{
	struct schema_key from;
	struct db_cursor *c;
	struct slice k, v;
	enum err e = db_cursor_open(txn, DB_DUE, &c);

	if (e)
		return e;
	for (e = db_seek(c, schema_u32(&from, node), &k, &v); !e; e = db_next(c, &k, &v)) {
		uint64_t due_sec;

		if (k.n != 24) {
			e = ERR_CORRUPT;
			break;
		}
		if (schema_get_u32(k.p) != node)
			break;
		due_sec = schema_get_u64(k.p + 4);
		if (due_sec > now_sec)
			break;
		if (!each(arg, due_sec, schema_get_u64(k.p + 12), schema_get_u32(k.p + 20)))
			break;
	}
	db_cursor_close(c);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* Crockford's alphabet: no I, L, O, U. */
static const char digits[33] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void
view_queue_id_format(uint64_t item, char text[VIEW_QUEUE_ID_MAX])
{
	int shift = 60;

	/* At least six characters, so that an id looks like one. */
	while (shift > 25 && (item >> shift) == 0)
		shift -= 5;
	for (; shift >= 0; shift -= 5)
		*text++ = digits[(item >> shift) & 31];
	*text = '\0';
}

bool
view_queue_id_parse(struct slice text, uint64_t *item)
{
	uint64_t v = 0;

	if (text.n == 0 || text.n >= VIEW_QUEUE_ID_MAX)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i] >= 'a' && text.p[i] <= 'z' ? (uint8_t)(text.p[i] - 32)
								 : text.p[i];
		const char *at = c ? memchr(digits, c, 32) : NULL;

		if (!at || v >> 59)
			return false;
		v = v << 5 | (uint64_t)(at - digits);
	}
	*item = v;
	return true;
}
