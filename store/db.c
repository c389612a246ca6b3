#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/log.h"
#include "core/must.h"
#include "crypto/seal.h"
#include "store/db_hold.h"
#include "store/db_lmdb.h"

enum { NO_SPACE_BYTES = 1 << 20 };

static const uint64_t MAP_BYTES = UINT64_C(1) << 40;

static const struct {
	const char *name;
	bool state;
} tables[DB_TABLE_COUNT] = {
#define X(id, name, state) {name, state},
	DB_TABLES(X)
#undef X
};

static const struct slice format_key = {(const uint8_t *)"format", 6};
static const struct slice digest_key = {(const uint8_t *)"digest", 6};

enum err
db_lmdb_err(int rc)
{
	switch (rc) {
	case 0:
		return ERR_OK;
	case MDB_NOTFOUND:
		return ERR_NOT_FOUND;
	case MDB_MAP_FULL:
	case ENOSPC:
	case EDQUOT:
		return ERR_FULL;
	case MDB_VERSION_MISMATCH:
	case MDB_INVALID:
		return ERR_VERSION;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_PANIC:
		return ERR_CORRUPT;
	default:
		log_error("database: %s", mdb_strerror(rc));
		return ERR_IO;
	}
}

static MDB_val
val(struct slice s)
{
	return (MDB_val){s.n, (void *)(uintptr_t)s.p};
}

static struct slice
slice_val(MDB_val v)
{
	return slice_of(v.mv_data, v.mv_size);
}

enum err
db_lmdb_tables(struct db *db, MDB_txn *txn, bool create)
{
	int rc = 0;

	for (int t = 0; t < DB_TABLE_COUNT && !rc; t++)
		rc = mdb_dbi_open(txn, tables[t].name, create ? MDB_CREATE : 0, &db->table[t]);
	return db_lmdb_err(rc);
}

/* A newer format is left untouched; a fresh database gets ours. */
static enum err
check_format(struct db *db, MDB_txn *txn, bool create)
{
	MDB_val k = val(format_key), v;
	uint8_t ours[4] = {0, 0, 0, DB_LMDB_FORMAT};
	int rc = mdb_get(txn, db->table[DB_META], &k, &v);

	if (rc == MDB_NOTFOUND && create) {
		v = (MDB_val){sizeof ours, ours};
		return db_lmdb_err(mdb_put(txn, db->table[DB_META], &k, &v, 0));
	}
	if (rc)
		return db_lmdb_err(rc);
	return v.mv_size == sizeof ours && memcmp(v.mv_data, ours, sizeof ours) == 0
		       ? ERR_OK
		       : ERR_VERSION;
}

/* Format first: the tables of another version may not be there. */
static enum err
open_tables(struct db *db, const struct db_options *opt)
{
	bool create = opt->create && !opt->read_only;
	MDB_txn *txn;
	enum err e = db_lmdb_err(
		mdb_txn_begin(db->env, NULL, opt->read_only ? MDB_RDONLY : 0, &txn));

	if (e)
		return e;
	e = db_lmdb_err(mdb_dbi_open(
		txn, tables[DB_META].name, create ? MDB_CREATE : 0, &db->table[DB_META]));
	if (!e)
		e = check_format(db, txn, create);
	if (!e)
		e = db_lmdb_tables(db, txn, create);
	if (e) {
		mdb_txn_abort(txn);
		return e;
	}
	return db_lmdb_err(mdb_txn_commit(txn));
}

/* Root looks at a database that isn't root's: the lock file must stay usable for its owner. */
static void
give_lock_file(const char *path)
{
	char lock[1040];
	struct stat st, ours;

	snprintf(lock, sizeof lock, "%s-lock", path);
	if (geteuid() == 0 && stat(path, &st) == 0 && lstat(lock, &ours) == 0 &&
		S_ISREG(ours.st_mode) && ours.st_uid != st.st_uid &&
		lchown(lock, st.st_uid, st.st_gid))
		log_warn("can't give %s to its owner", lock);
}

enum err
db_open(struct db **out, const char *dir, const struct db_options *opt)
{
	struct db *db = must_zalloc(sizeof *db);
	unsigned flags = MDB_NOTLS | MDB_NOSUBDIR | (opt->read_only ? MDB_RDONLY : 0) |
			 (opt->bulk && !opt->synced ? MDB_NOSYNC : 0);
	char path[1024];
	int rc;
	enum err e;

	db->read_only = opt->read_only;
	db->bulk = opt->bulk;
	db->hold = -1;
	snprintf(path, sizeof path, "%s/%s", dir, opt->file ? opt->file : "data.mdb");
	rc = mdb_env_create(&db->env);
	must(rc == 0);
	mdb_env_set_maxdbs(db->env, DB_TABLE_COUNT + 8);
	mdb_env_set_mapsize(db->env, opt->map_bytes ? opt->map_bytes : MAP_BYTES);
	if (!opt->create)
		rc = access(path, R_OK) ? ENOENT : 0;
	e = rc == 0 && opt->read_only ? db_hold(dir, opt->file, false, &db->hold) : ERR_OK;
	if (rc == 0 && !e)
		rc = mdb_env_open(db->env, path, flags, 0640);
	if (!e)
		e = rc == ENOENT ? ERR_NOT_FOUND : db_lmdb_err(rc);
	if (!e)
		give_lock_file(path);
	if (!e)
		e = open_tables(db, opt);
	if (e) {
		db_close(db);
		return e;
	}
	*out = db;
	return ERR_OK;
}

void
db_close(struct db *db)
{
	if (!db)
		return;
	mdb_env_close(db->env);
	db_hold_end(db->hold);
	free(db);
}

enum err
db_begin(struct db *db, bool write, struct db_txn **out)
{
	struct db_txn *txn;
	MDB_txn *raw;
	enum err e = db_lmdb_err(mdb_txn_begin(db->env, NULL, write ? 0 : MDB_RDONLY, &raw));

	if (e)
		return e;
	txn = must_zalloc(sizeof *txn);
	txn->db = db;
	txn->txn = raw;
	txn->write = write;
	*out = txn;
	return ERR_OK;
}

uint64_t
db_txn_id(const struct db_txn *txn)
{
	return mdb_txn_id(txn->txn);
}

/* --- reading --- */

bool
db_lmdb_stands(const struct db_txn *txn)
{
	const struct floor_page *page = txn->floor;

	return !page || (page->generation == txn->generation &&
				mdb_txn_id(txn->txn) >= page->oldest_txn);
}

/* A reader that was stopped for long in the midst of a lookup goes on over pages that have been
 * written over. LMDB bounds what it follows, and asserts the rest: that ends the lookup
 * here. */
static jmp_buf *trap;

static void
on_assert(MDB_env *env, const char *what)
{
	(void)env;
	(void)what;
	if (trap)
		longjmp(*trap, 1);
}

void
db_lmdb_trap(MDB_env *env)
{
	mdb_env_set_assert(env, on_assert);
}

/* One lookup; a cursor's, or a plain one, or the opening of a cursor. */
struct lookup {
	struct db_txn *txn;
	MDB_dbi dbi;
	MDB_cursor *cursor, **open;
	MDB_cursor_op op;
	MDB_val k, v;
};

static int
look_up_plain(struct lookup *l)
{
	if (l->open)
		return mdb_cursor_open(l->txn->txn, l->dbi, l->open);
	return l->cursor ? mdb_cursor_get(l->cursor, &l->k, &l->v, l->op)
			 : mdb_get(l->txn->txn, l->dbi, &l->k, &l->v);
}

static int
look_up_trapped(struct lookup *l)
{
	jmp_buf here;
	int rc;

	if (_setjmp(here)) {
		trap = NULL;
		return MDB_CORRUPTED;
	}
	trap = &here;
	rc = look_up_plain(l);
	trap = NULL;
	return rc;
}

/* What comes out was checked after it was found: its place and length are right, and stay
 * within the map whatever is written there later. */
static enum err
look_up(struct lookup *l)
{
	int rc;

	if (!l->txn->floor)
		rc = look_up_plain(l);
	else if (!db_lmdb_stands(l->txn))
		return ERR_BUSY;
	else
		rc = look_up_trapped(l);
	if (!db_lmdb_stands(l->txn))
		return ERR_BUSY;
	/* No row has a key that can't be. */
	return rc == MDB_BAD_VALSIZE ? ERR_NOT_FOUND : db_lmdb_err(rc);
}

enum err
db_get(struct db_txn *txn, enum db_table t, struct slice key, struct slice *value)
{
	struct lookup l = {.txn = txn, .dbi = txn->db->table[t], .k = val(key)};
	enum err e = look_up(&l);

	if (!e)
		*value = slice_val(l.v);
	return e;
}

/* --- the digest: a sum over all rows of state tables: order and history don't matter --- */

static enum err
load_digest(struct db_txn *txn)
{
	struct slice v = SLICE_EMPTY;
	enum err e;

	if (txn->digest_known)
		return ERR_OK;
	e = db_get(txn, DB_META, digest_key, &v);
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (!e && v.n != sizeof txn->digest.word)
		return ERR_CORRUPT;
	if (!e)
		memcpy(txn->digest.word, v.p, sizeof txn->digest.word);
	txn->digest_known = true;
	return ERR_OK;
}

enum { SUM_WORDS = sizeof((struct db_sum *)0)->word / sizeof(uint64_t) };

static void
sum_row(struct db_sum *sum, enum db_table t, struct slice key, struct slice value, bool in)
{
	uint8_t frame[3] = {(uint8_t)t, (uint8_t)(key.n >> 8), (uint8_t)key.n};
	const struct slice parts[] = {slice_of(frame, sizeof frame), key, value};
	uint64_t h[SUM_WORDS];

	seal_hash(NULL, parts, 3, (uint8_t *)h);
	for (size_t i = 0; i < SUM_WORDS; i++)
		sum->word[i] = in ? sum->word[i] + h[i] : sum->word[i] - h[i];
}

void
db_sum_add(struct db_sum *sum, enum db_table t, struct slice key, struct slice value)
{
	if (tables[t].state)
		sum_row(sum, t, key, value, true);
}

const char *
db_table_name(enum db_table t)
{
	return tables[t].name;
}

bool
db_is_state(enum db_table t)
{
	return tables[t].state;
}

uint32_t
db_format(void)
{
	return DB_LMDB_FORMAT;
}

static enum err
count_row(struct db_txn *txn, enum db_table t, struct slice key, struct slice value, bool in)
{
	enum err e = load_digest(txn);

	if (!e)
		sum_row(&txn->digest, t, key, value, in);
	return e;
}

enum err
db_digest(struct db_txn *txn, uint8_t digest[32])
{
	enum err e = load_digest(txn);

	if (!e)
		memcpy(digest, txn->digest.word, sizeof txn->digest.word);
	return e;
}

enum err
db_put_digest(struct db_txn *txn, const uint8_t digest[32])
{
	return db_put(txn, DB_META, digest_key, slice_of(digest, sizeof txn->digest.word));
}

/* What the digest loses and gains by the put. */
static enum err
count_put(struct db_txn *txn, enum db_table t, struct slice key, struct slice value)
{
	struct slice old = SLICE_EMPTY;
	enum err e = db_get(txn, t, key, &old);

	if (!e)
		e = count_row(txn, t, key, old, false);
	else if (e == ERR_NOT_FOUND)
		e = ERR_OK;
	return e ? e : count_row(txn, t, key, value, true);
}

enum err
db_put(struct db_txn *txn, enum db_table t, struct slice key, struct slice value)
{
	MDB_val k = val(key), v = val(value);
	MDB_dbi dbi = txn->db->table[t];
	bool bulk = txn->db->bulk;
	int rc = MDB_KEYEXIST;
	bool is_counted = tables[t].state && !bulk;
	enum err e = ERR_OK;

	/* Rows that come in key order fill their pages whole; no row goes for one of them. */
	if (bulk || t == DB_LOG || t == DB_BODY || t == DB_TRACE)
		rc = mdb_put(txn->txn, dbi, &k, &v, MDB_APPEND);
	if (is_counted && rc == MDB_KEYEXIST)
		e = count_put(txn, t, key, value);
	else if (is_counted && !rc)
		e = count_row(txn, t, key, value, true);
	if (e)
		return e;
	if (rc == MDB_KEYEXIST)
		rc = mdb_put(txn->txn, dbi, &k, &v, 0);
	return rc == MDB_BAD_VALSIZE ? ERR_LIMIT : db_lmdb_err(rc);
}

enum err
db_del(struct db_txn *txn, enum db_table t, struct slice key)
{
	MDB_val k = val(key);
	struct slice old = SLICE_EMPTY;
	enum err e = db_get(txn, t, key, &old);

	if (!e && tables[t].state && !txn->db->bulk)
		e = count_row(txn, t, key, old, false);
	return e ? e : db_lmdb_err(mdb_del(txn->txn, txn->db->table[t], &k, NULL));
}

enum err
db_count(struct db_txn *txn, enum db_table t, uint64_t *rows)
{
	MDB_stat stat;
	enum err e = db_lmdb_err(mdb_stat(txn->txn, txn->db->table[t], &stat));

	if (!e)
		*rows = stat.ms_entries;
	return e;
}

static bool
is_out_of_space(struct db *db)
{
	struct statvfs fs;
	int fd;

	return !mdb_env_get_fd(db->env, &fd) && !fstatvfs(fd, &fs) &&
	       (uint64_t)fs.f_bavail * fs.f_frsize < NO_SPACE_BYTES;
}

enum err
db_commit(struct db_txn *txn)
{
	enum err e = ERR_OK;
	int rc;

	if (txn->write && txn->digest_known)
		e = db_put(txn, DB_META, digest_key,
			slice_of(txn->digest.word, sizeof txn->digest.word));
	if (e) {
		db_abort(txn);
		return e;
	}
	rc = mdb_txn_commit(txn->txn);
	/* LMDB says EIO of a write that was cut short, which is how a disk says that it is
	 * full. */
	if (rc == EIO && is_out_of_space(txn->db))
		rc = ENOSPC;
	free(txn);
	return db_lmdb_err(rc);
}

void
db_abort(struct db_txn *txn)
{
	if (!txn)
		return;
	mdb_txn_abort(txn->txn);
	free(txn);
}

/* --- the file --- */

uint64_t
db_used_bytes(struct db *db)
{
	MDB_envinfo info;
	MDB_stat stat;

	mdb_env_info(db->env, &info);
	mdb_env_stat(db->env, &stat);
	return (info.me_last_pgno + 1) * stat.ms_psize;
}

/* A file system without fallocate: free blocks have to do. */
static enum err
has_blocks(int fd, uint64_t bytes)
{
	struct statvfs fs;

	if (fstatvfs(fd, &fs))
		return ERR_IO;
	return (uint64_t)fs.f_bavail * fs.f_frsize >= bytes ? ERR_OK : ERR_FULL;
}

enum err
db_reserve(struct db *db, uint64_t bytes)
{
	uint64_t want;
	MDB_envinfo info;
	struct stat st;
	int fd;

	mdb_env_info(db->env, &info);
	if (mdb_env_get_fd(db->env, &fd) || fstat(fd, &st) ||
		__builtin_add_overflow(db_used_bytes(db), bytes, &want) || want > INT64_MAX)
		return ERR_IO;
	if (want > info.me_mapsize)
		return ERR_FULL;
	if ((uint64_t)st.st_size >= want - bytes / 2 &&
		(uint64_t)st.st_blocks * 512 >= want - bytes / 2)
		return ERR_OK;
	if (fallocate(fd, 0, 0, (off_t)want) == 0)
		return ERR_OK;
	return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? ERR_FULL
	       : errno == EOPNOTSUPP || errno == ENOSYS		    ? has_blocks(fd, bytes)
								    : ERR_IO;
}

/* LMDB's own table of free pages: each record begins with its number of pages. */
enum err
db_free_bytes(struct db *db, uint64_t *bytes)
{
	MDB_txn *txn;
	MDB_cursor *c;
	MDB_stat stat;
	MDB_val k, v;
	size_t pages = 0, n;
	int rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn);

	if (rc)
		return db_lmdb_err(rc);
	rc = mdb_cursor_open(txn, 0, &c);
	if (rc) {
		mdb_txn_abort(txn);
		return db_lmdb_err(rc);
	}
	while (!(rc = mdb_cursor_get(c, &k, &v, MDB_NEXT))) {
		memcpy(&n, v.mv_data, sizeof n);
		pages += n;
	}
	mdb_cursor_close(c);
	mdb_txn_abort(txn);
	mdb_env_stat(db->env, &stat);
	*bytes = (uint64_t)pages * stat.ms_psize;
	return rc == MDB_NOTFOUND ? ERR_OK : db_lmdb_err(rc);
}

void
db_forget_dead(struct db *db)
{
	mdb_reader_check(db->env, NULL);
}

enum err
db_sync(struct db *db)
{
	return db_lmdb_err(mdb_env_sync(db->env, 1));
}

enum err
db_replace(const char *dir, const char *file)
{
	char from[1024], to[1024];
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return ERR_IO;
	snprintf(from, sizeof from, "%s/%s", dir, file);
	snprintf(to, sizeof to, "%s/data.mdb", dir);
	rc = rename(from, to);
	if (!rc)
		rc = fsync(fd);
	close(fd);
	return rc ? ERR_IO : ERR_OK;
}

/* --- cursors --- */

struct db_cursor {
	struct db_txn *txn;
	MDB_cursor *c;
};

enum err
db_cursor_open(struct db_txn *txn, enum db_table t, struct db_cursor **out)
{
	MDB_cursor *raw = NULL;
	struct lookup l = {.txn = txn, .dbi = txn->db->table[t], .open = &raw};
	enum err e = look_up(&l);

	if (e) {
		if (raw)
			mdb_cursor_close(raw);
		return e;
	}
	*out = must_alloc(sizeof **out);
	**out = (struct db_cursor){txn, raw};
	return ERR_OK;
}

void
db_cursor_close(struct db_cursor *c)
{
	mdb_cursor_close(c->c);
	free(c);
}

static enum err
move(struct db_cursor *c, struct slice key, MDB_cursor_op op, struct slice *k, struct slice *v)
{
	struct lookup l = {.txn = c->txn, .cursor = c->c, .op = op, .k = val(key)};
	enum err e = look_up(&l);

	if (e)
		return e;
	*k = slice_val(l.k);
	*v = slice_val(l.v);
	return ERR_OK;
}

enum err
db_seek(struct db_cursor *c, struct slice key, struct slice *k, struct slice *v)
{
	return move(c, key, key.n ? MDB_SET_RANGE : MDB_FIRST, k, v);
}

enum err
db_next(struct db_cursor *c, struct slice *k, struct slice *v)
{
	return move(c, SLICE_EMPTY, MDB_NEXT, k, v);
}

enum err
db_prev(struct db_cursor *c, struct slice *k, struct slice *v)
{
	return move(c, SLICE_EMPTY, MDB_PREV, k, v);
}

enum err
db_last(struct db_cursor *c, struct slice *k, struct slice *v)
{
	return move(c, SLICE_EMPTY, MDB_LAST, k, v);
}

enum err
db_first_from(
	struct db_txn *txn, enum db_table t, struct slice key, struct slice *k, struct slice *v)
{
	struct db_cursor *c = NULL;
	enum err e = db_cursor_open(txn, t, &c);

	if (e)
		return e;
	e = db_seek(c, key, k, v);
	db_cursor_close(c);
	return e;
}
