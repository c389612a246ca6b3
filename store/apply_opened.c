#include "store/apply_opened.h"

#include "store/apply_row.h"
#include "store/view_opened.h"

enum err
apply_opened_put(struct apply *a, const uint8_t *hash, uint64_t until_sec)
{
	static const uint8_t none[SCHEMA_OPENED_HASH];
	struct slice key = slice_of(hash, SCHEMA_OPENED_HASH);
	struct schema_key until, due;
	uint64_t known, last = a->time_sec + APPLY_OPENED_LIFE_MAX_SEC;
	enum err e = view_opened_until(a->txn, hash, &known);

	until_sec = until_sec < last ? until_sec : last;
	if (until_sec <= a->time_sec || memcmp(hash, none, sizeof none) == 0 ||
		(!e && known >= until_sec))
		return ERR_OK;
	if (!e)
		e = apply_row_del(a, DB_OPENED_DUE, schema_opened_due(&due, known, hash));
	if (e && e != ERR_NOT_FOUND)
		return e;
	e = db_put(a->txn, DB_OPENED, key, schema_u64(&until, until_sec));
	return e ? e
		 : db_put(a->txn, DB_OPENED_DUE, schema_opened_due(&due, until_sec, hash),
			   SLICE_EMPTY);
}

enum err
apply_opened_expire(struct apply *a, uint32_t limit)
{
	struct slice k, v, key;
	enum err e = ERR_OK;

	for (; limit && !e; limit--) {
		e = db_first_from(a->txn, DB_OPENED_DUE, SLICE_EMPTY, &k, &v);
		if (e)
			return e == ERR_NOT_FOUND ? ERR_OK : e;
		if (k.n != 8 + SCHEMA_OPENED_HASH)
			return ERR_CORRUPT;
		if (schema_get_u64(k.p) > a->time_sec)
			return ERR_OK;
		key = arena_dup(a->arena, k);
		e = apply_row_del(a, DB_OPENED, slice_from(key, 8));
		if (!e)
			e = db_del(a->txn, DB_OPENED_DUE, key);
	}
	return e;
}
