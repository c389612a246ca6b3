#include "store/catchup_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/codec.h"
#include "core/log.h"
#include "core/must.h"
#include "store/catchup.h"
#include "store/commands.pb-c.h"
#include "store/raft_body.h"
#include "store/raft_meta.h"
#include "store/schema.h"

enum { MARK = 8 + SEAL_HASH, KEY_MAX = 511 };

static const char file[] = "stage.mdb";
static const struct slice mark_key = {(const uint8_t *)"stage", 5};

struct catchup_stage {
	struct catchup_target to;
	struct db *db;
	struct db_txn *txn; /* NULL: nothing was put since the last commit */
	uint64_t bytes;	    /* put since then */
	uint8_t mark[MARK]; /* zeros: the state isn't whole */
	bool is_fresh;	    /* no row is in the way */
	bool is_cleared;    /* the mark is gone from the file */
	enum db_table table;
	uint8_t last[KEY_MAX]; /* the newest key of that table */
	size_t last_n;
	struct db_sum sum;
	uint64_t rows;
	uint32_t page_left;
	struct arena arena;
};

static void
path_of(const char *dir, const char *suffix, char path[1040])
{
	snprintf(path, 1040, "%s/%s%s", dir, file, suffix);
}

void
catchup_stage_drop(const char *dir)
{
	char path[1040];

	path_of(dir, "", path);
	unlink(path);
	path_of(dir, "-lock", path);
	unlink(path);
}

static enum err
begin(struct catchup_stage *s)
{
	return s->txn ? ERR_OK : db_begin(s->db, true, &s->txn);
}

enum err
catchup_stage_commit(struct catchup_stage *s)
{
	struct db_txn *txn = s->txn;

	s->txn = NULL;
	s->bytes = 0;
	return txn ? db_commit(txn) : ERR_OK;
}

/* Memory stays bounded, and a crash costs little. */
static enum err
count(struct catchup_stage *s, size_t bytes)
{
	s->bytes += bytes;
	return s->bytes < CATCHUP_WINDOW ? ERR_OK : catchup_stage_commit(s);
}

/* --- opening --- */

/* ERR_DENIED: it is of another cluster. */
static enum err
load(struct catchup_stage *s)
{
	const struct raft_log *ours = s->to.log;
	const struct raft_meta_fresh fresh = {ours->cluster, ours->node, &ours->members};
	struct raft_log log = {0};
	struct slice v;
	enum err e = begin(s);

	if (e)
		return e;
	e = db_get(s->txn, DB_META, SLICE_LIT("cluster"), &v);
	s->is_fresh = e == ERR_NOT_FOUND;
	e = raft_meta_load(&log, s->txn, &fresh);
	if (!e && memcmp(log.cluster, ours->cluster, sizeof log.cluster) != 0)
		e = ERR_DENIED;
	raft_log_fini(&log);
	if (e)
		return e;
	e = db_get(s->txn, DB_META, mark_key, &v);
	if (!e && v.n == MARK)
		memcpy(s->mark, v.p, MARK);
	return e && e != ERR_NOT_FOUND ? e : catchup_stage_commit(s);
}

static void
close_file(struct catchup_stage *s)
{
	char lock[1040];

	db_abort(s->txn);
	s->txn = NULL;
	db_close(s->db);
	s->db = NULL;
	path_of(s->to.dir, "-lock", lock);
	unlink(lock);
}

static enum err
try_open(struct catchup_stage *s)
{
	struct db_options how = {.map_bytes = s->to.map_bytes,
		.create = true,
		.file = file,
		.bulk = true,
		.synced = true};
	enum err e = db_open(&s->db, s->to.dir, &how);

	return e ? e : load(s);
}

enum err
catchup_stage_open(const struct catchup_target *to, struct catchup_stage **out)
{
	struct catchup_stage *s = must_zalloc(sizeof *s);
	enum err e;

	s->to = *to;
	arena_init(&s->arena, 0);
	e = try_open(s);
	if (e == ERR_DENIED || e == ERR_CORRUPT || e == ERR_VERSION) {
		log_warn("what was staged can't be used (%s): begun anew", err_text(e));
		close_file(s);
		catchup_stage_drop(to->dir);
		memset(s->mark, 0, sizeof s->mark);
		e = try_open(s);
	}
	if (e) {
		catchup_stage_close(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

void
catchup_stage_close(struct catchup_stage *s)
{
	if (!s)
		return;
	/* What can't be committed comes again. */
	(void)catchup_stage_commit(s);
	close_file(s);
	arena_reset(&s->arena);
	free(s);
}

static void
make_mark(const struct catchup_offer *offer, uint8_t mark[MARK])
{
	schema_set_u64(mark, offer->index);
	memcpy(mark + 8, offer->chain, SEAL_HASH);
}

bool
catchup_stage_has_state(const struct catchup_stage *s, const struct catchup_offer *offer)
{
	uint8_t mark[MARK];

	make_mark(offer, mark);
	return memcmp(mark, s->mark, MARK) == 0;
}

/* --- the state --- */

/* The log entries that a row of upload or payload names. */
static enum err
read_named(
	struct catchup_stage *s, enum db_table t, struct slice row, struct catchup_named *out)
{
	const Commands__PayloadRow *p;
	const Commands__UploadRow *u;

	if (t == DB_PAYLOAD) {
		p = codec_unpack(&commands__payload_row__descriptor, row, &s->arena);
		if (p)
			*out = (struct catchup_named){0, p->sealed_size, p->index, p->n_index};
		return p ? ERR_OK : ERR_SYNTAX;
	}
	u = codec_unpack(&commands__upload_row__descriptor, row, &s->arena);
	if (u)
		*out = (struct catchup_named){0, u->sealed_size, u->index, u->n_index};
	return u ? ERR_OK : ERR_SYNTAX;
}

static bool
names_payload(enum db_table t)
{
	return t == DB_UPLOAD || t == DB_PAYLOAD;
}

static enum err
free_bodies(struct catchup_stage *s, const struct catchup_named *named)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < named->n && !e; i++) {
		uint32_t all = UINT32_MAX;

		e = raft_body_free(s->txn, named->entry[i], &all);
	}
	return e;
}

/* A row that isn't in the new state. */
static enum err
drop_row(struct catchup_stage *s, enum db_table t, struct slice key, struct slice value)
{
	struct catchup_named named;
	uint8_t copy[KEY_MAX];
	size_t n = key.n;
	enum err e = ERR_OK;

	memcpy(copy, key.p, n);
	if (names_payload(t)) {
		e = read_named(s, t, value, &named);
		if (!e)
			e = free_bodies(s, &named);
		arena_reset(&s->arena);
	}
	return e ? e : db_del(s->txn, t, slice_of(copy, n));
}

/* The row of s->table behind the newest one. */
static enum err
row_behind(struct catchup_stage *s, struct slice *k, struct slice *v)
{
	struct slice last = slice_of(s->last, s->last_n);
	struct db_cursor *c;
	enum err e = db_cursor_open(s->txn, s->table, &c);

	if (e)
		return e;
	e = db_seek(c, last, k, v);
	if (!e && slice_eq(*k, last))
		e = db_next(c, k, v);
	db_cursor_close(c);
	return e;
}

/* The rows between the newest one and `until` (NULL: the table's end) go. */
static enum err
drop_between(struct catchup_stage *s, const struct slice *until)
{
	struct slice k, v;
	enum err e;

	if (s->is_fresh)
		return ERR_OK;
	while (!(e = row_behind(s, &k, &v)) && (!until || slice_cmp(k, *until) < 0)) {
		e = drop_row(s, s->table, k, v);
		if (e)
			return e;
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* Up to a later table. */
static enum err
go_on_to(struct catchup_stage *s, enum db_table t)
{
	enum err e = ERR_OK;

	while (s->table < t && !e) {
		if (db_is_state(s->table))
			e = drop_between(s, NULL);
		s->table++;
		s->last_n = 0;
	}
	return e;
}

/* Payload whose row now names other entries has to come again; an upload only grows. */
static enum err
check_named(struct catchup_stage *s, enum db_table t, struct slice old, struct slice new)
{
	struct catchup_named was, is;
	enum err e = read_named(s, t, new, &is);

	if (!e && old.p)
		e = read_named(s, t, old, &was);
	if (!e && old.p &&
		(was.n > is.n ||
			(was.n && memcmp(was.entry, is.entry, was.n * sizeof *was.entry))))
		e = free_bodies(s, &was);
	arena_reset(&s->arena);
	return e;
}

static enum err
put_row(struct catchup_stage *s, enum db_table t, struct slice key, struct slice value)
{
	struct slice old = SLICE_EMPTY;
	enum err e = s->is_fresh ? ERR_NOT_FOUND : db_get(s->txn, t, key, &old);

	if (!e && slice_eq(old, value))
		return ERR_OK;
	if (e && e != ERR_NOT_FOUND)
		return e;
	e = names_payload(t) ? check_named(s, t, old, value) : ERR_OK;
	if (!e)
		e = db_put(s->txn, t, key, value);
	return e ? e : count(s, key.n + value.n);
}

/* From here on the rows are a mix. */
static enum err
clear_mark(struct catchup_stage *s)
{
	enum err e;

	if (s->is_cleared)
		return ERR_OK;
	e = db_del(s->txn, DB_META, mark_key);
	memset(s->mark, 0, sizeof s->mark);
	s->is_cleared = true;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
catchup_stage_row(
	struct catchup_stage *s, enum db_table t, struct slice key, struct slice value)
{
	enum err e = begin(s);

	if (t >= DB_TABLE_COUNT || !db_is_state(t) || t < s->table || key.n == 0 ||
		key.n > KEY_MAX)
		return ERR_SYNTAX;
	if (!e)
		e = clear_mark(s);
	if (!e)
		e = go_on_to(s, t);
	if (e)
		return e;
	if (s->last_n && slice_cmp(key, slice_of(s->last, s->last_n)) <= 0)
		return ERR_SYNTAX;
	e = drop_between(s, &key);
	if (e)
		return e;
	memcpy(s->last, key.p, key.n);
	s->last_n = key.n;
	db_sum_add(&s->sum, t, key, value);
	s->rows++;
	return put_row(s, t, key, value);
}

enum err
catchup_stage_end_state(struct catchup_stage *s, const struct catchup_offer *offer,
	const Peer__SnapshotState *end)
{
	enum err e = begin(s);

	if (!e)
		e = clear_mark(s);
	if (!e)
		e = go_on_to(s, DB_TABLE_COUNT);
	if (e)
		return e;
	if (end->rows != s->rows || end->digest.len != sizeof s->sum.word ||
		memcmp(end->digest.data, s->sum.word, sizeof s->sum.word) != 0)
		return ERR_CORRUPT;
	make_mark(offer, s->mark);
	e = db_put(s->txn, DB_META, mark_key, slice_of(s->mark, MARK));
	if (!e)
		e = db_put_digest(s->txn, end->digest.data);
	return e ? e : catchup_stage_commit(s);
}

/* --- the payload --- */

enum err
catchup_stage_named(
	struct catchup_stage *s, enum db_table t, uint64_t id, struct catchup_named *named)
{
	struct schema_key from;
	struct slice k, v;
	enum err e = begin(s);

	arena_reset(&s->arena);
	if (!e)
		e = db_first_from(s->txn, t, schema_u64(&from, id), &k, &v);
	if (e)
		return e;
	if (k.n != 8)
		return ERR_SYNTAX;
	e = read_named(s, t, v, named);
	named->id = schema_get_u64(k.p);
	return e;
}

enum err
catchup_stage_has_body(struct catchup_stage *s, uint64_t entry, bool *has)
{
	struct schema_key key;
	struct slice k, v;
	enum err e = begin(s);

	*has = false;
	if (!e)
		e = db_first_from(s->txn, DB_BODY, schema_u64_u32(&key, entry, 0), &k, &v);
	if (!e)
		*has = k.n == 12 && schema_get_u64(k.p) == entry;
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
catchup_stage_put_body(struct catchup_stage *s, uint64_t entry, struct slice octets)
{
	enum err e = begin(s);

	if (!e)
		e = raft_body_put(s->txn, entry, octets, &s->page_left);
	return e ? e : count(s, octets.n);
}

/* --- the end --- */

enum err
catchup_stage_finish(struct catchup_stage *s, const struct catchup_offer *offer)
{
	struct raft_log log = {0};
	enum err e = begin(s);

	if (!e)
		e = raft_meta_load(&log, s->txn, NULL);
	if (!e)
		e = db_del(s->txn, DB_META, mark_key);
	if (!e) {
		log.hard = s->to.log->hard;
		catchup_take_begin_log(&log, offer);
		e = raft_meta_put_members(&log, s->txn);
	}
	if (!e)
		e = raft_meta_save(&log, s->txn);
	raft_log_fini(&log);
	return e ? e : catchup_stage_commit(s);
}

enum err
catchup_stage_swap(const char *dir)
{
	return db_replace(dir, file);
}
