#include "store/view_sending.h"

#include "store/db.h"
#include "store/schema.h"

struct sending_limits
view_sending_limits(const Commands__Account *a, const struct sending_limits *usual)
{
	static const struct sending_limits none = {0};
	bool is_service = a->kind == 1;

	usual = is_service ? &none : usual;
	return (struct sending_limits){sending_limit(a->recipients_per_hour, usual->per_hour),
		sending_limit(a->recipients_per_day, usual->per_day)};
}

enum err
view_sending_get(struct db_txn *txn, uint64_t account, uint64_t now_sec, struct sending *out)
{
	struct sending s = {0};
	struct schema_key k;
	struct slice row;
	enum err e = db_get(txn, DB_SENT, schema_u64(&k, account), &row);

	if (e && e != ERR_NOT_FOUND)
		return e;
	if (!e && !sending_read(row, &s))
		return ERR_CORRUPT;
	sending_move(&s, now_sec);
	*out = s;
	return ERR_OK;
}
