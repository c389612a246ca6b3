#include "store/raft_body.h"

#include "store/schema.h"

/* LMDB's arithmetic: a page of 4,096 octets less its header; a row costs its node header, key
 * and slot, all even; a row that is no larger than half a page stays in the page. Rows are
 * appended, so each page is filled and never split. */
enum { PAGE_ROOM = 4080, ROW_EXTRA = 8 + 12 + 2, ROW_LEAST = 64, ROW_FAR = ROW_EXTRA + 8 };

static size_t
small_row(uint32_t *page_left, size_t n)
{
	size_t room;

	if (*page_left < ROW_EXTRA + ROW_LEAST)
		*page_left = PAGE_ROOM;
	room = *page_left - ROW_EXTRA;
	if (n > room)
		n = room;
	if (n > SCHEMA_SMALL_ROW)
		n = SCHEMA_SMALL_ROW;
	*page_left -= (uint32_t)(ROW_EXTRA + (n + 1) / 2 * 2);
	return n;
}

static size_t
large_row(uint32_t *page_left, size_t n)
{
	*page_left = *page_left < ROW_FAR ? PAGE_ROOM - ROW_FAR : *page_left - ROW_FAR;
	return n < SCHEMA_PART_SEALED ? n : SCHEMA_PART_SEALED;
}

enum err
raft_body_put(struct db_txn *txn, uint64_t index, struct slice body, uint32_t *page_left)
{
	bool small = body.n < SCHEMA_INLINE_MAX;
	struct schema_key k;
	enum err e = ERR_OK;
	size_t n;

	if (body.n > SCHEMA_ENTRY_BODY_MAX)
		return ERR_TOO_BIG;
	for (uint32_t row = 0; body.n && !e; row++, body = slice_from(body, n)) {
		n = small ? small_row(page_left, body.n) : large_row(page_left, body.n);
		e = db_put(txn, DB_BODY, schema_u64_u32(&k, index, row), slice_cut(body, 0, n));
	}
	return e;
}

enum err
raft_body_free(struct db_txn *txn, uint64_t index, uint32_t *max)
{
	struct schema_key k;
	enum err e = ERR_OK;
	struct slice key, v;

	for (; *max; --*max) {
		e = db_first_from(txn, DB_BODY, schema_u64_u32(&k, index, 0), &key, &v);
		if (e == ERR_NOT_FOUND || (!e && schema_get_u64(key.p) != index))
			return ERR_OK;
		if (e)
			return e;
		e = db_del(txn, DB_BODY, schema_u64_u32(&k, index, schema_get_u32(key.p + 8)));
		if (e)
			return e;
	}
	return ERR_MORE;
}

enum err
raft_body_hash(struct db_txn *txn, uint64_t index, uint64_t *n, uint8_t hash[SEAL_HASH])
{
	struct seal_hasher h;
	struct db_cursor *c;
	struct schema_key from;
	struct slice k, v;
	enum err e = db_cursor_open(txn, DB_BODY, &c);

	*n = 0;
	if (e)
		return e;
	seal_hasher_init(&h, NULL);
	for (e = db_seek(c, schema_u64_u32(&from, index, 0), &k, &v);
		!e && k.n == 12 && schema_get_u64(k.p) == index; e = db_next(c, &k, &v)) {
		seal_hasher_add(&h, v);
		*n += v.n;
	}
	db_cursor_close(c);
	seal_hasher_done(&h, hash);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
raft_body_get(struct db_txn *txn, uint64_t index, struct buf *out)
{
	struct db_cursor *c;
	struct schema_key from;
	struct slice k, v;
	enum err e = db_cursor_open(txn, DB_BODY, &c);

	if (e)
		return e;
	for (e = db_seek(c, schema_u64_u32(&from, index, 0), &k, &v);
		!e && k.n == 12 && schema_get_u64(k.p) == index; e = db_next(c, &k, &v))
		if (!buf_put_slice(out, v)) {
			e = ERR_TOO_BIG;
			break;
		}
	db_cursor_close(c);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}
