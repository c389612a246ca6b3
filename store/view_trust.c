#include "store/view_trust.h"

#include "core/codec.h"
#include "store/db.h"

enum err
view_trust_get(struct db_txn *txn, struct slice sha256, struct arena *a, Commands__Trust **out)
{
	struct slice raw;
	Commands__Trust *row;
	enum err e = sha256.n == SCHEMA_SHA256 ? db_get(txn, DB_TRUST, sha256, &raw)
					       : ERR_NOT_FOUND;

	if (e)
		return e;
	row = codec_unpack(&commands__trust__descriptor, raw, a);
	if (!row)
		return ERR_CORRUPT;
	*out = row;
	return ERR_OK;
}

enum err
view_trust_is_blocked(
	struct db_txn *txn, struct slice sha256, struct arena *a, bool *is_blocked)
{
	Commands__Trust *row;
	enum err e = view_trust_get(txn, sha256, a, &row);

	*is_blocked = !e && row->blocked;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
view_trust_each(struct db_txn *txn, struct arena *a,
	bool (*each)(void *arg, struct slice sha256, Commands__Trust *row), void *arg)
{
	struct db_cursor *c;
	struct slice k, v;
	Commands__Trust *row;
	enum err e = db_cursor_open(txn, DB_TRUST, &c);

	if (e)
		return e;
	for (e = db_seek(c, SLICE_EMPTY, &k, &v); !e; e = db_next(c, &k, &v)) {
		row = k.n == SCHEMA_SHA256 ? codec_unpack(&commands__trust__descriptor, v, a)
					   : NULL;
		if (!row) {
			e = ERR_CORRUPT;
			break;
		}
		if (!each(arg, k, row))
			break;
	}
	db_cursor_close(c);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}
