#include "store/view_opened.h"

#include "store/db.h"

enum err
view_opened_until(struct db_txn *txn, const uint8_t *hash, uint64_t *until_sec)
{
	struct slice row;
	enum err e = db_get(txn, DB_OPENED, slice_of(hash, SCHEMA_OPENED_HASH), &row);

	if (e)
		return e;
	if (row.n != 8)
		return ERR_CORRUPT;
	*until_sec = schema_get_u64(row.p);
	return ERR_OK;
}
