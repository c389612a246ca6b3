#include "store/view_sts.h"

#include "core/codec.h"
#include "store/db.h"

enum err
view_sts_get(struct db_txn *txn, struct slice domain, struct arena *a, Commands__Sts **out)
{
	struct slice raw;
	Commands__Sts *row;
	enum err e = db_get(txn, DB_STS, domain, &raw);

	if (e)
		return e;
	row = codec_unpack(&commands__sts__descriptor, raw, a);
	if (!row)
		return ERR_CORRUPT;
	*out = row;
	return ERR_OK;
}
