#include "store/compact.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/must.h"
#include "store/raft_body.h"
#include "store/raft_log.h"
#include "store/schema.h"

enum {
	STEP_BYTES = 2 << 20,
	COMMIT_BYTES = 1 << 20,
	ROOM_MIN = 1 << 20, /* octets that are free before a copy is begun */
	LOOK_ROWS = 65536,
	BODY_KEY = 12,
	BODY_INDEX = 8
};

static const char name[] = COMPACT_FILE;

struct compact {
	struct db *from, *to;
	char path[1024], lock[1040];
	uint64_t next;	    /* bodies below it are copied */
	uint32_t page_left; /* of the new file's table body */
	bool is_outside;
	struct buf body;
};

static void
remove_files(const struct compact *c)
{
	unlink(c->path);
	unlink(c->lock);
}

/* LMDB writes its lock file, and the copy's first pages, through a map: on a full disk that is
 * no error, but SIGBUS. */
static bool
has_room(const char *dir)
{
	struct statvfs fs;

	return !statvfs(dir, &fs) && (uint64_t)fs.f_bavail * fs.f_frsize >= ROOM_MIN;
}

enum err
compact_begin(struct db *from, const char *dir, uint64_t map_bytes, struct compact **out)
{
	struct db_options how = {
		.map_bytes = map_bytes, .create = true, .file = name, .bulk = true};
	struct compact *c = must_zalloc(sizeof *c);
	enum err e;

	if (!has_room(dir)) {
		free(c);
		return ERR_FULL;
	}
	c->from = from;
	snprintf(c->path, sizeof c->path, "%s/%s", dir, name);
	snprintf(c->lock, sizeof c->lock, "%s-lock", c->path);
	buf_init(&c->body, SCHEMA_ENTRY_BODY_MAX);
	remove_files(c);
	e = db_open(&c->to, dir, &how);
	if (e) {
		compact_abort(c);
		return e;
	}
	*out = c;
	return ERR_OK;
}

enum err
compact_begin_outside(struct db *from, const char *dir, struct compact **out)
{
	enum err e = compact_begin(from, dir, 0, out);

	if (!e)
		(*out)->is_outside = true;
	return e;
}

void
compact_abort(struct compact *c)
{
	if (!c)
		return;
	db_close(c->to);
	remove_files(c);
	buf_fini(&c->body);
	free(c);
}

/* The body of the next entry, whole; the cursor then stands past it. Sets *index;
 * ERR_NOT_FOUND: none is left up to that one. */
static enum err
gather(struct compact *c, struct db_cursor *rows, uint64_t up_to, uint64_t *index)
{
	struct schema_key from;
	struct slice k, v;
	enum err e = db_seek(rows, schema_u64_u32(&from, c->next, 0), &k, &v);

	buf_clear(&c->body);
	if (e)
		return e;
	if (k.n != 12)
		return ERR_CORRUPT;
	*index = schema_get_u64(k.p);
	if (*index > up_to)
		return ERR_NOT_FOUND;
	for (; !e && k.n == 12 && schema_get_u64(k.p) == *index; e = db_next(rows, &k, &v))
		if (!buf_put_slice(&c->body, v))
			return ERR_CORRUPT;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* At most STEP_BYTES or so. */
static enum err
copy_bodies(struct compact *c, struct db_txn *from, struct db_txn *to, uint64_t up_to)
{
	struct db_cursor *rows;
	uint64_t index, copied = 0;
	enum err e = db_cursor_open(from, DB_BODY, &rows);

	if (e)
		return e;
	while (!e && copied < STEP_BYTES) {
		e = gather(c, rows, up_to, &index);
		if (!e)
			e = raft_body_put(to, index, buf_slice(&c->body), &c->page_left);
		if (!e)
			c->next = index + 1;
		copied += c->body.n;
	}
	db_cursor_close(rows);
	return e;
}

static enum err
step(struct compact *c, struct db_txn *from, uint64_t up_to, bool *done)
{
	struct db_txn *to;
	enum err e = db_begin(c->to, true, &to);

	if (e)
		return e;
	e = copy_bodies(c, from, to, up_to);
	*done = e == ERR_NOT_FOUND;
	if (!e || *done)
		return db_commit(to);
	db_abort(to);
	return e;
}

/* What isn't applied may still be truncated, and other entries come in its place. */
enum err
compact_step(struct compact *c, bool *done)
{
	struct db_txn *from;
	struct slice applied;
	enum err e = db_begin(c->from, false, &from);

	*done = false;
	if (e)
		return e;
	e = db_get(from, DB_META, SLICE_LIT("applied"), &applied);
	if (!e)
		e = step(c, from, applied.n == 8 ? schema_get_u64(applied.p) : 0, done);
	db_abort(from);
	return e;
}

/* One table; a transaction each COMMIT_BYTES, so that memory stays bounded. */
static enum err
copy_table(struct compact *c, struct db_txn *from, enum db_table t)
{
	struct db_cursor *rows;
	struct db_txn *to;
	struct slice k, v;
	uint64_t bytes = 0;
	enum err e = db_cursor_open(from, t, &rows);

	if (e)
		return e;
	e = db_begin(c->to, true, &to);
	if (e) {
		db_cursor_close(rows);
		return e;
	}
	for (e = db_seek(rows, SLICE_EMPTY, &k, &v); !e; e = db_next(rows, &k, &v)) {
		e = db_put(to, t, k, v);
		bytes += k.n + v.n;
		if (e)
			break;
		if (bytes < COMMIT_BYTES)
			continue;
		bytes = 0;
		e = db_commit(to);
		to = NULL;
		if (!e)
			e = db_begin(c->to, true, &to);
		if (e)
			break;
	}
	db_cursor_close(rows);
	if (e == ERR_NOT_FOUND)
		return db_commit(to);
	db_abort(to);
	return e;
}

/* Keys of bodies that were copied, and freed since: some more, from *at on, which moves. The
 * two databases may have cut the same body into other rows. */
static enum err
look_freed(struct compact *c, struct db_txn *from, struct schema_key *at, struct buf *freed)
{
	struct db_cursor *there = NULL, *here = NULL;
	struct slice k, v, k2, v2;
	struct db_txn *to;
	enum err e = db_begin(c->to, false, &to), e2;

	if (e)
		return e;
	e = db_cursor_open(to, DB_BODY, &here);
	if (!e)
		e = db_cursor_open(from, DB_BODY, &there);
	if (!e)
		e = db_seek(here, slice_of(at->b, BODY_KEY), &k, &v);
	e2 = there ? db_seek(there, slice_of(at->b, BODY_INDEX), &k2, &v2) : ERR_OK;
	for (uint32_t n = 0; !e && n < LOOK_ROWS; n++) {
		while (!e2 && memcmp(k2.p, k.p, BODY_INDEX) < 0)
			e2 = db_next(there, &k2, &v2);
		if (e2 && e2 != ERR_NOT_FOUND)
			break;
		if (e2 || memcmp(k2.p, k.p, BODY_INDEX))
			buf_put_slice(freed, k);
		memcpy(at->b, k.p, BODY_KEY);
		e = db_next(here, &k, &v);
		if (!e)
			memcpy(at->b, k.p, BODY_KEY);
	}
	if (here)
		db_cursor_close(here);
	if (there)
		db_cursor_close(there);
	db_abort(to);
	return e2 && e2 != ERR_NOT_FOUND ? e2 : e;
}

static enum err
drop_freed(struct compact *c, struct slice keys)
{
	struct db_txn *to;
	enum err e = db_begin(c->to, true, &to);

	if (e)
		return e;
	for (; keys.n && !e; keys = slice_from(keys, BODY_KEY))
		e = db_del(to, DB_BODY, slice_cut(keys, 0, BODY_KEY));
	if (!e)
		return db_commit(to);
	db_abort(to);
	return e;
}

/* A copy from outside may have bodies of before, which nothing names any more. */
static enum err
drop_all_freed(struct compact *c, struct db_txn *from)
{
	struct schema_key at = {{0}};
	struct buf freed;
	enum err e = ERR_OK, dropped = ERR_OK;

	buf_init(&freed, (size_t)LOOK_ROWS * BODY_KEY);
	while (!e && !dropped) {
		buf_clear(&freed);
		e = look_freed(c, from, &at, &freed);
		if (freed.n && (!e || e == ERR_NOT_FOUND))
			dropped = drop_freed(c, buf_slice(&freed));
	}
	buf_fini(&freed);
	return dropped ? dropped : e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err
copy_rest(struct compact *c)
{
	struct db_txn *from;
	bool done = false;
	enum err e = db_begin(c->from, false, &from);

	if (e)
		return e;
	while (!e && !done)
		e = step(c, from, UINT64_MAX, &done);
	if (!e && c->is_outside)
		e = drop_all_freed(c, from);
	for (int t = 0; t < DB_TABLE_COUNT && !e; t++)
		if (t != DB_BODY)
			e = copy_table(c, from, (enum db_table)t);
	db_abort(from);
	return e ? e : db_sync(c->to);
}

enum err
compact_finish(struct compact *c)
{
	enum err e = copy_rest(c);

	if (e) {
		compact_abort(c);
		return e;
	}
	db_close(c->to);
	unlink(c->lock);
	buf_fini(&c->body);
	free(c);
	return ERR_OK;
}

void
compact_drop(const char *dir)
{
	char path[1024];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	unlink(path);
}

enum err
compact_swap(const char *dir)
{
	return db_replace(dir, name);
}
