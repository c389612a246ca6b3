#include "store/apply_sts.h"

#include "store/apply_row.h"
#include "store/view_sts.h"

/* Takes a domain's policy away. One that isn't there is fine. */
static enum err
drop(struct apply *a, struct slice domain)
{
	struct schema_sts_due k;
	Commands__Sts *row;
	enum err e = view_sts_get(a->txn, domain, a->arena, &row);

	if (e)
		return e == ERR_NOT_FOUND ? ERR_OK : e;
	e = apply_row_del(a, DB_STS_DUE, schema_sts_due(&k, row->until_sec, domain));
	return e ? e : db_del(a->txn, DB_STS, domain);
}

enum err
apply_sts_put(struct apply *a, const Commands__StsPut *c)
{
	Commands__Sts row = COMMANDS__STS__INIT;
	struct slice domain = codec_slice(c->domain);
	struct schema_sts_due k;
	enum err e;

	if (!domain.n || domain.n > APPLY_STS_DOMAIN_MAX || !c->id.len ||
		c->id.len > APPLY_STS_ID_MAX || !c->policy.len ||
		c->policy.len > APPLY_STS_POLICY_MAX || c->max_age_sec > APPLY_STS_AGE_MAX_SEC)
		return apply_refuse(a, COMMAND_INVALID, "not a policy of MTA-STS");
	e = drop(a, domain);
	/* It says itself that it counts no longer than now. */
	if (e || !c->max_age_sec)
		return e;
	row.id = c->id;
	row.policy = c->policy;
	row.fetched_sec = a->time_sec;
	row.until_sec = a->time_sec + c->max_age_sec;
	e = apply_row_put(a, DB_STS, domain, &row);
	return e ? e
		 : db_put(a->txn, DB_STS_DUE, schema_sts_due(&k, row.until_sec, domain),
			   SLICE_EMPTY);
}

enum err
apply_sts_expire(struct apply *a, uint32_t limit)
{
	struct slice k, v, key;
	enum err e = ERR_OK;

	for (; limit && !e; limit--) {
		e = db_first_from(a->txn, DB_STS_DUE, SLICE_EMPTY, &k, &v);
		if (e)
			return e == ERR_NOT_FOUND ? ERR_OK : e;
		if (k.n <= 8)
			return ERR_CORRUPT;
		if (schema_get_u64(k.p) > a->time_sec)
			return ERR_OK;
		key = arena_dup(a->arena, k);
		e = apply_row_del(a, DB_STS, slice_from(key, 8));
		if (!e)
			e = db_del(a->txn, DB_STS_DUE, key);
	}
	return e;
}
