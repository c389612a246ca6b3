#include "store/apply_sending.h"

#include "store/apply_row.h"
#include "store/view_sending.h"

enum err
apply_sending_take(struct apply *a, const Commands__Enqueue *c, bool *may)
{
	const struct sending_limits limits = {c->recipients_per_hour, c->recipients_per_day};
	uint32_t n = (uint32_t)c->n_rcpt;
	uint8_t row[SENDING_ROW];
	struct schema_key k;
	struct sending s;
	struct slice account;
	uint64_t again_sec;
	enum err e;

	*may = true;
	if (!c->auth_account)
		return ERR_OK;
	/* Deleted while its mail was on the way: then there is nothing to count for. */
	e = db_get(a->txn, DB_ACCOUNT, schema_u64(&k, c->auth_account), &account);
	if (!e)
		e = view_sending_get(a->txn, c->auth_account, a->time_sec, &s);
	if (e)
		return e == ERR_NOT_FOUND ? ERR_OK : e;
	*may = sending_check(&s, &limits, n, &again_sec) == SENDING_FITS;
	if (!*may)
		return ERR_OK;
	sending_add(&s, n);
	return db_put(a->txn, DB_SENT, schema_u64(&k, c->auth_account), sending_write(&s, row));
}

enum err
apply_sending_forget(struct apply *a, uint64_t account)
{
	struct schema_key k;

	return apply_row_del(a, DB_SENT, schema_u64(&k, account));
}
