#include "store/compact.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/must.h"
#include "store/raft_log.h"
#include "store/schema.h"

enum { STEP_BYTES = 2 << 20, COMMIT_BYTES = 1 << 20 };

static const char name[] = "compact.mdb";

struct compact {
	struct db *from, *to;
	char path[1024], lock[1040];
	uint64_t next;	    /* bodies below it are copied */
	uint32_t page_left; /* of the new file's table body */
	struct buf body;
};

static void
remove_files(const struct compact *c)
{
	unlink(c->path);
	unlink(c->lock);
}

enum err
compact_begin(struct db *from, const char *dir, uint64_t map_bytes, struct compact **out)
{
	struct db_options how = {
		.map_bytes = map_bytes, .create = true, .file = name, .bulk = true};
	struct compact *c = must_zalloc(sizeof *c);
	enum err e;

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

/* The body of the entry at the cursor, whole; the cursor then stands past it. Sets *index;
 * ERR_NOT_FOUND: none is left. */
static enum err
gather(struct compact *c, struct db_cursor *rows, uint64_t *index)
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
	for (; !e && k.n == 12 && schema_get_u64(k.p) == *index; e = db_next(rows, &k, &v))
		if (!buf_put_slice(&c->body, v))
			return ERR_CORRUPT;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* At most `bytes` of bodies. */
static enum err
copy_bodies(struct compact *c, struct db_txn *from, struct db_txn *to, uint64_t bytes)
{
	struct db_cursor *rows;
	uint64_t index, copied = 0;
	enum err e = db_cursor_open(from, DB_BODY, &rows);

	if (e)
		return e;
	while (!e && copied < bytes) {
		e = gather(c, rows, &index);
		if (!e)
			e = raft_log_put_body(to, index, buf_slice(&c->body), &c->page_left);
		if (!e)
			c->next = index + 1;
		copied += c->body.n;
	}
	db_cursor_close(rows);
	return e;
}

enum err
compact_step(struct compact *c, bool *done)
{
	struct db_txn *from, *to;
	enum err e = db_begin(c->from, false, &from);

	*done = false;
	if (e)
		return e;
	e = db_begin(c->to, true, &to);
	if (!e) {
		e = copy_bodies(c, from, to, STEP_BYTES);
		*done = e == ERR_NOT_FOUND;
		if (e && !*done)
			db_abort(to);
		else
			e = db_commit(to);
	}
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

static enum err
copy_rest(struct compact *c)
{
	struct db_txn *from;
	bool done = false;
	enum err e = ERR_OK;

	while (!e && !done)
		e = compact_step(c, &done);
	if (e)
		return e;
	e = db_begin(c->from, false, &from);
	if (e)
		return e;
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

enum err
compact_swap(const char *dir)
{
	char from[1024], to[1024];
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return ERR_IO;
	snprintf(from, sizeof from, "%s/%s", dir, name);
	snprintf(to, sizeof to, "%s/data.mdb", dir);
	rc = rename(from, to);
	if (!rc)
		rc = fsync(fd);
	close(fd);
	return rc ? ERR_IO : ERR_OK;
}
