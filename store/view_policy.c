#include "store/view_policy.h"

#include "core/codec.h"
#include "store/db.h"

enum err
view_policy_get(struct db_txn *txn, struct slice level, struct arena *a, Commands__Policy **out)
{
	struct schema_name_key k;
	struct slice raw;
	Commands__Policy *row;
	enum err e = ERR_NOT_FOUND;

	if (!level.n || schema_is_name(level))
		e = db_get(txn, DB_POLICY, schema_policy(&k, level), &raw);
	if (e)
		return e;
	row = codec_unpack(&commands__policy__descriptor, raw, a);
	if (!row)
		return ERR_CORRUPT;
	*out = row;
	return ERR_OK;
}

enum err
view_policy_each(struct db_txn *txn, struct arena *a,
	bool (*each)(void *arg, struct slice level, Commands__Policy *row), void *arg)
{
	struct db_cursor *c;
	struct slice k, v;
	Commands__Policy *row;
	enum err e = db_cursor_open(txn, DB_POLICY, &c);

	if (e)
		return e;
	for (e = db_seek(c, SLICE_EMPTY, &k, &v); !e; e = db_next(c, &k, &v)) {
		row = k.n && k.p[0] == '\0' ? codec_unpack(&commands__policy__descriptor, v, a)
					    : NULL;
		if (!row) {
			e = ERR_CORRUPT;
			break;
		}
		if (!each(arg, slice_from(k, 1), row))
			break;
	}
	db_cursor_close(c);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}
