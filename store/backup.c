#include "store/backup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/buf.h"
#include "store/backup_file.h"
#include "store/compact.h"
#include "store/raft_meta.h"
#include "store/schema.h"
#include "store/vault_image.h"

enum { PIECE_BYTES = 2 << 20, CHAIN_AT = 49, ROW_FIXED = 81 };

static const char temporary[] = "log.tmp";
static const uint8_t magic[16] = "hairpin-log";

struct backup {
	struct db *db;
	const char *to;
	/* Of the database at the beginning: its id, and the newest entry that is applied. */
	uint8_t cluster[16];
	uint64_t first, applied;
	uint8_t chain[SEAL_HASH];
	struct backup_list list;
	struct backup_report *report;
	FILE *file;
};

static void
hex(const uint8_t *p, char text[17])
{
	for (int i = 0; i < 8; i++)
		snprintf(text + 2 * i, 3, "%02x", p[i]);
}

static void
name_file(struct backup *b, bool is_full)
{
	char cluster[17], chain[17];

	hex(b->cluster, cluster);
	hex(b->chain, chain);
	snprintf(b->report->name, BACKUP_NAME, "%s-%s-%020" PRIu64 "-%s%s",
		is_full ? "full" : "log", cluster, b->applied, chain, is_full ? ".mdb" : "");
}

/* A row of the log. Borrowed until the transaction ends. */
static enum err
get_row(struct db_txn *txn, uint64_t index, struct slice *row)
{
	struct schema_key k;
	enum err e = db_get(txn, DB_LOG, schema_u64(&k, index), row);

	return !e && row->n < ROW_FIXED ? ERR_CORRUPT : e;
}

static enum err
look(struct backup *b, struct db *db)
{
	struct raft_log log = {0};
	struct db_txn *txn;
	struct slice row;
	enum err e = db_begin(db, false, &txn);

	if (e)
		return e;
	e = raft_meta_load(&log, txn, NULL);
	memcpy(b->cluster, log.cluster, sizeof b->cluster);
	memcpy(b->chain, log.chain, sizeof b->chain);
	b->first = log.first;
	b->applied = log.applied;
	/* What isn't applied may not be committed either. */
	if (!e && log.applied < log.last) {
		e = get_row(txn, log.applied, &row);
		if (!e)
			memcpy(b->chain, row.p + CHAIN_AT, SEAL_HASH);
	}
	raft_log_fini(&log);
	db_abort(txn);
	return e;
}

/* --- the whole --- */

/* Its name says as of which entry it is. */
static enum err
name_copy(struct backup *b)
{
	struct db_options how = {.file = COMPACT_FILE, .bulk = true};
	char lock[BACKUP_PATH];
	struct db *copy;
	enum err e = db_open(&copy, b->to, &how);

	if (e)
		return e;
	e = look(b, copy);
	db_close(copy);
	snprintf(lock, sizeof lock, "%s/" COMPACT_FILE "-lock", b->to);
	unlink(lock);
	name_file(b, true);
	return e ? e : backup_file_finish(NULL, b->to, COMPACT_FILE, b->report->name);
}

static enum err
copy_whole(struct backup *b)
{
	struct compact *c;
	bool done = false;
	enum err e = compact_begin_outside(b->db, b->to, &c);

	if (e)
		return e;
	while (!e && !done)
		e = compact_step(c, &done);
	if (e) {
		compact_abort(c);
		return e;
	}
	e = compact_finish(c);
	if (!e)
		e = name_copy(b);
	b->report->index = b->applied;
	if (!e)
		backup_list_drop_others(b->to, b->report->name);
	return e;
}

/* --- what came since --- */

/* How the newest file that is there continues. ERR_EXISTS: it doesn't. */
static enum err
judge(const struct backup *b, struct db_txn *txn, enum backup_kind *kind)
{
	const struct backup_file *newest;
	char cluster[17], chain[17];
	struct slice row;

	*kind = BACKUP_FULL;
	if (b->list.n == 0)
		return ERR_OK;
	newest = &b->list.file[b->list.n - 1];
	hex(b->cluster, cluster);
	if (strcmp(newest->cluster, cluster) || newest->index > b->applied)
		return ERR_EXISTS;
	*kind = BACKUP_SAME;
	if (newest->index == b->applied) {
		hex(b->chain, chain);
		return strcmp(chain, newest->chain) ? ERR_EXISTS : ERR_OK;
	}
	/* Its own row must be there, so that we see that it is the same history. */
	*kind = BACKUP_ANEW;
	if (newest->index < b->first || get_row(txn, newest->index, &row))
		return ERR_OK;
	*kind = BACKUP_MORE;
	hex(row.p + CHAIN_AT, chain);
	return strcmp(chain, newest->chain) ? ERR_EXISTS : ERR_OK;
}

static bool
put(struct backup *b, const void *p, size_t n)
{
	b->report->bytes += n;
	return n == 0 || fwrite(p, 1, n, b->file) == n;
}

/* The payload of the entry, as one. */
static enum err
gather(struct db_txn *txn, uint64_t index, struct buf *body)
{
	struct db_cursor *rows;
	struct schema_key from;
	struct slice k, v;
	enum err e = db_cursor_open(txn, DB_BODY, &rows);

	buf_clear(body);
	if (e)
		return e;
	for (e = db_seek(rows, schema_u64_u32(&from, index, 0), &k, &v);
		!e && k.n == 12 && schema_get_u64(k.p) == index; e = db_next(rows, &k, &v))
		if (!buf_put_slice(body, v))
			e = ERR_CORRUPT;
	db_cursor_close(rows);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err
put_entry(struct backup *b, struct db_txn *txn, uint64_t index, struct buf *body)
{
	uint8_t sizes[8];
	struct slice row;
	enum err e = get_row(txn, index, &row);

	if (!e)
		e = gather(txn, index, body);
	if (e)
		return e;
	/* A body is there as long as its row. */
	if (body->n != schema_get_u64(row.p + 9) || row.n > BACKUP_ROW_MAX)
		return ERR_CORRUPT;
	schema_set_u32(sizes, (uint32_t)row.n);
	schema_set_u32(sizes + 4, (uint32_t)body->n);
	return put(b, sizes, sizeof sizes) && put(b, row.p, row.n) && put(b, body->p, body->n)
		       ? ERR_OK
		       : backup_file_err();
}

/* Some entries from *index on, which moves, in a transaction of their own: a long one would
 * keep the store from using free pages. ERR_NOT_FOUND: the log was trimmed meanwhile. */
static enum err
put_piece(struct backup *b, uint64_t *index, struct buf *body)
{
	uint64_t end = b->report->bytes + PIECE_BYTES;
	struct db_txn *txn;
	enum err e = db_begin(b->db, false, &txn);

	if (e)
		return e;
	for (; !e && *index <= b->applied && b->report->bytes < end; ++*index)
		e = put_entry(b, txn, *index, body);
	db_abort(txn);
	return e;
}

static enum err
put_head(struct backup *b, uint64_t first)
{
	uint8_t head[BACKUP_HEAD];
	struct db_txn *txn;
	struct slice row;
	enum err e = db_begin(b->db, false, &txn);

	if (e)
		return e;
	e = get_row(txn, first - 1, &row);
	if (!e) {
		memcpy(head, magic, sizeof magic);
		memcpy(head + 16, b->cluster, sizeof b->cluster);
		schema_set_u64(head + 32, first);
		memcpy(head + 40, row.p + CHAIN_AT, SEAL_HASH);
		e = put(b, head, sizeof head) ? ERR_OK : backup_file_err();
	}
	db_abort(txn);
	return e;
}

static enum err
copy_more(struct backup *b)
{
	static const uint8_t end[4];
	uint64_t index = b->list.file[b->list.n - 1].index + 1;
	char path[BACKUP_PATH];
	struct buf body;
	enum err e;

	snprintf(path, sizeof path, "%s/%s", b->to, temporary);
	b->file = fopen(path, "wbe");
	if (!b->file)
		return backup_file_err();
	buf_init(&body, SCHEMA_ENTRY_BODY_MAX);
	b->report->from = index;
	e = put_head(b, index);
	while (!e && index <= b->applied)
		e = put_piece(b, &index, &body);
	if (!e && !put(b, end, sizeof end))
		e = backup_file_err();
	buf_fini(&body);
	if (e) {
		fclose(b->file);
		unlink(path);
		return e;
	}
	b->report->index = b->applied;
	name_file(b, false);
	return backup_file_finish(b->file, b->to, temporary, b->report->name);
}

static enum err
decide(struct backup *b)
{
	struct db_txn *txn;
	enum err e = look(b, b->db);

	if (!e)
		e = db_begin(b->db, false, &txn);
	if (e)
		return e;
	e = judge(b, txn, &b->report->kind);
	db_abort(txn);
	return e;
}

/* Of a copy by LMDB nobody counted what was written. */
static enum err
measure(struct backup *b)
{
	char path[BACKUP_PATH];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", b->to, b->report->name);
	if (stat(path, &st))
		return ERR_IO;
	b->report->bytes = (uint64_t)st.st_size;
	return ERR_OK;
}

static enum err
run(struct backup *b)
{
	enum err e = backup_list(b->to, &b->list);

	if (!e || e == ERR_NOT_FOUND)
		e = decide(b);
	if (!e && b->report->kind == BACKUP_SAME) {
		b->report->index = b->applied;
		snprintf(b->report->name, BACKUP_NAME, "%s", b->list.file[b->list.n - 1].name);
		return ERR_OK;
	}
	if (!e && b->report->kind == BACKUP_MORE) {
		e = copy_more(b);
		if (e != ERR_NOT_FOUND)
			return e;
		b->report->kind = BACKUP_ANEW;
		e = ERR_OK;
	}
	if (!e)
		e = copy_whole(b);
	return e ? e : measure(b);
}

enum err
backup_run(const char *dir, const char *to, struct backup_report *report)
{
	struct db_options how = {.read_only = true};
	struct backup b = {.to = to, .report = report};
	enum err e = db_open(&b.db, dir, &how);
	int lock = -1;

	*report = (struct backup_report){0};
	if (!e)
		e = backup_file_make_folder(to);
	if (!e)
		e = backup_file_lock_folder(to, &lock);
	if (!e)
		e = run(&b);
	backup_list_free(&b.list);
	if (lock >= 0)
		close(lock);
	db_close(b.db);
	return e;
}

/* --- the vault --- */

enum { VAULT_TRIES = 20, VAULT_NAP_NS = 100000000 };

/* How many slots aren't whole: the store may be writing one. */
static uint64_t
count_damaged(struct slice file, uint64_t *rows)
{
	uint64_t damaged = 0;
	struct vault_row row;

	*rows = 0;
	for (uint64_t n = 0; n < vault_image_slots(file); n++) {
		enum vault_image_state state = vault_image_read(file, n, &row);

		damaged += state == VAULT_IMAGE_DAMAGED;
		*rows += state == VAULT_IMAGE_ROW;
	}
	return damaged;
}

static enum err
read_vault(const char *dir, uint8_t **p, size_t *n, uint64_t *rows)
{
	static const struct timespec nap = {.tv_nsec = VAULT_NAP_NS};
	char path[BACKUP_PATH];
	enum err e = ERR_CORRUPT;

	snprintf(path, sizeof path, "%s/secrets", dir);
	for (int i = 0; i < VAULT_TRIES && e == ERR_CORRUPT; i++) {
		if (i)
			nanosleep(&nap, NULL);
		e = backup_file_read(
			path, ((size_t)VAULT_IMAGE_SLOTS_MAX + 1) * VAULT_IMAGE_SLOT, p, n);
		if (e)
			return e;
		e = vault_image_check(slice_of(*p, *n), NULL);
		if (!e && count_damaged(slice_of(*p, *n), rows))
			e = ERR_CORRUPT;
		if (e)
			free(*p);
	}
	return e;
}

enum err
backup_vault(const char *dir, const char *to, uint64_t *rows)
{
	char path[BACKUP_PATH];
	uint8_t *p;
	size_t n;
	FILE *f;
	enum err e = read_vault(dir, &p, &n, rows);

	if (e)
		return e;
	e = backup_file_make_folder(to);
	snprintf(path, sizeof path, "%s/secrets.tmp", to);
	f = e ? NULL : fopen(path, "wbe");
	if (!e && !f)
		e = backup_file_err();
	if (f && fwrite(p, 1, n, f) != n) {
		e = backup_file_err();
		fclose(f);
		unlink(path);
	}
	free(p);
	return e ? e : backup_file_finish(f, to, "secrets.tmp", "secrets");
}
