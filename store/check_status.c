#include "core/codec.h"
#include "store/check_inner.h"
#include "store/schema.h"
#include "store/view_status.h"

enum err
check_status_row(struct check *c, struct slice k, struct slice v)
{
	Commands__Status *row = codec_unpack(&commands__status__descriptor, v, &c->arena);
	struct schema_status_due key;
	struct slice due;
	enum err e;

	if (!row || k.n != SCHEMA_SHA256 || !row->until_sec) {
		check_say(c, "a row of which certificates are revoked is damaged");
		return ERR_OK;
	}
	e = db_get(c->txn, DB_STATUS_DUE, schema_status_due(&key, row->until_sec, k), &due);
	if (e == ERR_NOT_FOUND)
		check_say(c, "what is known of a certificate's revocation never goes");
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
check_status_due(struct check *c, struct slice k, struct slice v)
{
	Commands__Status *row = NULL;
	enum err e = ERR_NOT_FOUND;

	if (k.n == 8 + SCHEMA_SHA256 && v.n == 0)
		e = view_status_get(c->txn, slice_from(k, 8), &c->arena, &row);
	if (e == ERR_CORRUPT)
		return ERR_OK; /* its own row said so */
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (e || row->until_sec != schema_get_u64(k.p))
		check_say(c, "what is known of a certificate's revocation is to go, and isn't "
			     "there");
	return ERR_OK;
}

enum err
check_status_authority(struct check *c, struct slice k, struct slice v)
{
	Commands__Authority *row = codec_unpack(&commands__authority__descriptor, v, &c->arena);

	if (!row || k.n != SCHEMA_SHA256 || !row->der.len)
		check_say(c, "an authority's row is damaged");
	return ERR_OK;
}
