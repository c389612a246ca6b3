#include "store/view_key.h"

#include <stdlib.h>

#include "core/codec.h"
#include "store/db.h"

enum err
view_key_get(struct db_txn *txn, uint64_t id, struct arena *a, Commands__Key **out)
{
	struct schema_key k;
	struct slice raw;
	Commands__Key *row;
	enum err e = db_get(txn, DB_KEY, schema_u64(&k, id), &raw);

	if (e)
		return e;
	row = codec_unpack(&commands__key__descriptor, raw, a);
	if (!row)
		return ERR_CORRUPT;
	*out = row;
	return ERR_OK;
}

bool
view_key_is_of(const Commands__Key *key, struct slice address)
{
	if (slice_eq(codec_slice(key->address), address))
		return true;
	for (size_t i = 0; i < key->n_also; i++)
		if (slice_eq(codec_slice(key->also[i]), address))
			return true;
	return false;
}

static int
newer_first(const void *left, const void *right)
{
	const struct view_key *a = left, *b = right;

	if (a->key->old != b->key->old)
		return a->key->old ? 1 : -1;
	if (a->key->created_sec != b->key->created_sec)
		return a->key->created_sec > b->key->created_sec ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

enum err
view_key_of(struct db_txn *txn, struct slice address, Commands__Key__Kind kind, struct arena *a,
	struct view_keys *out)
{
	struct view_key *found = arena_alloc(a, VIEW_KEY_MAX * sizeof *found);
	struct schema_name_key key;
	struct slice k, v, from;
	struct db_cursor *c;
	size_t count = 0;
	enum err e;

	*out = (struct view_keys){found, 0};
	if (!schema_is_name(address))
		return ERR_OK;
	e = db_cursor_open(txn, DB_KEY_OF, &c);
	if (e)
		return e;
	from = schema_key_of(&key, address, (uint8_t)kind, 0);
	for (e = db_seek(c, from, &k, &v); !e; e = db_next(c, &k, &v)) {
		if (k.n != from.n || memcmp(k.p, from.p, from.n - 8) != 0 ||
			count == VIEW_KEY_MAX)
			break;
		found[count].id = schema_get_u64(k.p + k.n - 8);
		e = view_key_get(txn, found[count].id, a, &found[count].key);
		if (e) {
			e = e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
			break;
		}
		count++;
	}
	db_cursor_close(c);
	if (e && e != ERR_NOT_FOUND)
		return e;
	qsort(found, count, sizeof *found, newer_first);
	out->n = count;
	return ERR_OK;
}

enum err
view_key_each(struct db_txn *txn, struct arena *a,
	bool (*each)(void *arg, uint64_t id, Commands__Key *key), void *arg)
{
	struct db_cursor *c;
	struct slice k, v;
	Commands__Key *row;
	enum err e = db_cursor_open(txn, DB_KEY, &c);

	if (e)
		return e;
	for (e = db_seek(c, SLICE_EMPTY, &k, &v); !e; e = db_next(c, &k, &v)) {
		row = k.n == 8 ? codec_unpack(&commands__key__descriptor, v, a) : NULL;
		if (!row) {
			e = ERR_CORRUPT;
			break;
		}
		if (!each(arg, schema_get_u64(k.p), row))
			break;
	}
	db_cursor_close(c);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}
