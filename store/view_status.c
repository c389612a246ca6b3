#include "store/view_status.h"

#include "core/codec.h"
#include "store/db.h"

enum { CHAIN_MAX = 10 };

enum err
view_status_get(
	struct db_txn *txn, struct slice sha256, struct arena *a, Commands__Status **out)
{
	struct slice raw;
	Commands__Status *row;
	enum err e = sha256.n == SCHEMA_SHA256 ? db_get(txn, DB_STATUS, sha256, &raw)
					       : ERR_NOT_FOUND;

	if (e)
		return e;
	row = codec_unpack(&commands__status__descriptor, raw, a);
	if (!row)
		return ERR_CORRUPT;
	*out = row;
	return ERR_OK;
}

enum err
view_status_judge(struct db_txn *txn, struct slice sha256, uint64_t now_sec, struct arena *a,
	struct view_status *out)
{
	struct view_status s = {.kind = VIEW_STATUS_UNKNOWN};
	Commands__Status *row = NULL;
	enum err e = view_status_get(txn, sha256, a, &row);

	s.row = row;
	if (!e && row->state == COMMANDS__STATUS__STATE__GOOD && row->next_sec > now_sec)
		s.kind = VIEW_STATUS_GOOD;
	for (unsigned n = 0; !e && n < CHAIN_MAX; n++) {
		if (row->state == COMMANDS__STATUS__STATE__REVOKED) {
			s = (struct view_status){VIEW_STATUS_REVOKED, n > 0, row};
			break;
		}
		e = view_status_get(txn, codec_slice(row->issuer), a, &row);
	}
	if (e && e != ERR_NOT_FOUND)
		return e;
	*out = s;
	return ERR_OK;
}

enum err
view_status_is_revoked(
	struct db_txn *txn, struct slice sha256, struct arena *a, bool *is_revoked)
{
	struct view_status s = {.kind = VIEW_STATUS_UNKNOWN};
	enum err e = view_status_judge(txn, sha256, 0, a, &s);

	*is_revoked = s.kind == VIEW_STATUS_REVOKED;
	return e;
}

enum err
view_status_authorities(struct db_txn *txn, struct arena *a,
	bool (*each)(void *arg, struct slice sha256, Commands__Authority *row), void *arg)
{
	struct db_cursor *c;
	struct slice k, v;
	Commands__Authority *row;
	enum err e = db_cursor_open(txn, DB_AUTHORITY, &c);

	if (e)
		return e;
	for (e = db_seek(c, SLICE_EMPTY, &k, &v); !e; e = db_next(c, &k, &v)) {
		row = k.n == SCHEMA_SHA256
			      ? codec_unpack(&commands__authority__descriptor, v, a)
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
