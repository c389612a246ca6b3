#include "core/codec.h"
#include "store/apply_sts.h"
#include "store/check_inner.h"
#include "store/schema.h"
#include "store/view_sts.h"

enum err
check_sts_row(struct check *c, struct slice k, struct slice v)
{
	Commands__Sts *row = codec_unpack(&commands__sts__descriptor, v, &c->arena);
	struct schema_sts_due key;
	struct slice due;
	enum err e;

	if (!row || k.n > APPLY_STS_DOMAIN_MAX || !row->policy.len) {
		check_say(c, "an MTA-STS policy's row is damaged");
		return ERR_OK;
	}
	e = db_get(c->txn, DB_STS_DUE, schema_sts_due(&key, row->until_sec, k), &due);
	if (e == ERR_NOT_FOUND)
		check_say(c, "the MTA-STS policy of %.*s never goes", SLICE_FMT(k));
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
check_sts_due(struct check *c, struct slice k, struct slice v)
{
	Commands__Sts *row = NULL;
	enum err e = ERR_NOT_FOUND;

	if (k.n > 8 && v.n == 0)
		e = view_sts_get(c->txn, slice_from(k, 8), &c->arena, &row);
	if (e == ERR_CORRUPT)
		return ERR_OK; /* its own row said so */
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (e || row->until_sec != schema_get_u64(k.p))
		check_say(c, "an MTA-STS policy is to go that isn't there");
	return ERR_OK;
}
