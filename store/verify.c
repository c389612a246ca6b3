#include "store/verify.h"

#include <stdlib.h>
#include <string.h>

#include "core/must.h"

struct verify {
	struct db_txn *txn;
	struct db_cursor *cursor; /* of table */
	int table;
	struct db_sum sum;
	uint8_t digest[32];
};

enum err
verify_begin(struct db *db, struct verify **out)
{
	struct verify *v = must_zalloc(sizeof *v);
	enum err e = db_begin(db, false, &v->txn);

	if (!e)
		e = db_digest(v->txn, v->digest);
	if (e) {
		verify_end(v);
		return e;
	}
	*out = v;
	return ERR_OK;
}

static enum err
step_row(struct verify *v)
{
	enum db_table t = (enum db_table)v->table;
	struct slice key, value;
	enum err e;

	if (v->cursor) {
		e = db_next(v->cursor, &key, &value);
	} else {
		e = db_cursor_open(v->txn, t, &v->cursor);
		if (!e)
			e = db_seek(v->cursor, SLICE_EMPTY, &key, &value);
	}
	if (!e)
		db_sum_add(&v->sum, t, key, value);
	return e;
}

enum err
verify_step(struct verify *v, uint32_t rows, bool *done)
{
	enum err e;

	for (; rows && v->table < DB_TABLE_COUNT; rows--) {
		e = db_is_state((enum db_table)v->table) ? step_row(v) : ERR_NOT_FOUND;
		if (e && e != ERR_NOT_FOUND)
			return e;
		if (!e)
			continue;
		if (v->cursor)
			db_cursor_close(v->cursor);
		v->cursor = NULL;
		v->table++;
	}
	*done = v->table == DB_TABLE_COUNT;
	return ERR_OK;
}

bool
verify_is_equal(const struct verify *v)
{
	return v->table == DB_TABLE_COUNT &&
	       memcmp(v->sum.word, v->digest, sizeof v->digest) == 0;
}

void
verify_end(struct verify *v)
{
	if (!v)
		return;
	if (v->cursor)
		db_cursor_close(v->cursor);
	db_abort(v->txn);
	free(v);
}
