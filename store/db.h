/* db: the LMDB environment: tables, transactions, cursors. The home of lmdb.
 * One writer (the store). Readers use view.h, which opens the same file RDONLY
 * and NOLOCK. Every value that a state table holds is counted into the state
 * digest (a sum of row hashes) by db_put and db_del. Returned slices point into
 * the map: valid until the transaction's next write or its end. Over a view
 * (view.h) each read may end with ERR_BUSY: the store took the snapshot away,
 * begin again. Any LMDB error but MDB_NOTFOUND, MDB_MAP_FULL and ENOSPC is
 * ERR_IO or ERR_CORRUPT, and the store stops on it. */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "core/err.h"
#include "core/slice.h"

/* name, is it replicated state (in the digest)? Keys: schema.h. */
#define DB_TABLES(X)                                                                           \
	X(META, "meta", 0)                                                                     \
	X(LOG, "log", 0)                                                                       \
	X(BODY, "body", 0)                                                                     \
	X(SETTING, "setting", 1)                                                               \
	X(DOMAIN, "domain", 1)                                                                 \
	X(ADDRESS, "address", 1)                                                               \
	X(ACCOUNT, "account", 1)                                                               \
	X(VAULT, "vault", 1)                                                                   \
	X(EPOCH, "epoch", 1)                                                                   \
	X(SENT, "sent", 1)                                                                     \
	X(MAILBOX, "mailbox", 1)                                                               \
	X(MAILBOX_NAME, "mailbox_name", 1)                                                     \
	X(MESSAGE, "message", 1)                                                               \
	X(CHANGE, "change", 1)                                                                 \
	X(ITEM, "item", 1)                                                                     \
	X(RCPT, "rcpt", 1)                                                                     \
	X(DUE, "due", 1)                                                                       \
	X(RELAY, "relay", 1)                                                                   \
	X(HOP, "hop", 1)                                                                       \
	X(HOP_DUE, "hop_due", 1)                                                               \
	X(OWNER, "owner", 1)                                                                   \
	X(REPEAT, "repeat", 1)                                                                 \
	X(REPEAT_DUE, "repeat_due", 1)                                                         \
	X(STS, "sts", 1)                                                                       \
	X(STS_DUE, "sts_due", 1)                                                               \
	X(CERT, "cert", 1)                                                                     \
	X(KEY, "key", 1)                                                                       \
	X(KEY_OF, "key_of", 1)                                                                 \
	X(TRUST, "trust", 1)                                                                   \
	X(POLICY, "policy", 1)                                                                 \
	X(STATUS, "status", 1)                                                                 \
	X(STATUS_DUE, "status_due", 1)                                                         \
	X(AUTHORITY, "authority", 1)                                                           \
	X(OPENED, "opened", 1)                                                                 \
	X(OPENED_DUE, "opened_due", 1)                                                         \
	X(TRACE, "trace", 1)                                                                   \
	X(UPLOAD, "upload", 1)                                                                 \
	X(PAYLOAD, "payload", 1)                                                               \
	X(GARBAGE, "garbage", 0)                                                               \
	X(SWEEP, "sweep", 1)                                                                   \
	X(PROPOSER, "proposer", 1)

enum db_table {
#define X(id, name, state) DB_##id,
	DB_TABLES(X)
#undef X
		DB_TABLE_COUNT
};

struct db;
struct db_txn;
struct db_cursor;

struct db_options {
	uint64_t map_bytes; /* 0: 1 TiB */
	bool create;
	bool read_only;	  /* from outside of the store, which may be at work; holds the file */
	const char *file; /* NULL: data.mdb */
	/* Filling a new file: commits aren't synced (db_sync at the end), and the digest isn't
	 * kept: it is copied like any other row. */
	bool bulk;
	bool synced; /* bulk: commits are synced all the same */
};

/* dir/data.mdb. ERR_VERSION: newer format, untouched; ERR_NOT_FOUND: no database and
 * !create; ERR_BUSY: read_only, and it is being swapped. */
enum err db_open(struct db **db, const char *dir, const struct db_options *opt);
void db_close(struct db *db);
enum err db_begin(struct db *db, bool write, struct db_txn **txn);
/* ERR_FULL: no space (the transaction is gone). */
enum err db_commit(struct db_txn *txn);
void db_abort(struct db_txn *txn);
uint64_t db_txn_id(const struct db_txn *txn);

enum err db_get(struct db_txn *txn, enum db_table t, struct slice key, struct slice *value);
/* ERR_LIMIT: the key is empty or over 511 octets. */
enum err db_put(struct db_txn *txn, enum db_table t, struct slice key, struct slice value);
/* ERR_NOT_FOUND when there was none. */
enum err db_del(struct db_txn *txn, enum db_table t, struct slice key);

/* How many rows a table has, at once. Not over a view. */
enum err db_count(struct db_txn *txn, enum db_table t, uint64_t *rows);

/* Cursors: first row with key >= key. They survive writes through db_put/db_del only by a new
 * seek. */
enum err db_cursor_open(struct db_txn *txn, enum db_table t, struct db_cursor **c);
void db_cursor_close(struct db_cursor *c);
/* ERR_NOT_FOUND at the end. */
enum err db_seek(struct db_cursor *c, struct slice key, struct slice *k, struct slice *v);
enum err db_next(struct db_cursor *c, struct slice *k, struct slice *v);
enum err db_prev(struct db_cursor *c, struct slice *k, struct slice *v);
/* Last row of the table. */
enum err db_last(struct db_cursor *c, struct slice *k, struct slice *v);
/* Cursorless: the first row at or after key (the row may be key itself). Opens and closes a
 * cursor. */
enum err db_first_from(struct db_txn *txn, enum db_table t, struct slice key, struct slice *k,
	struct slice *v);

/* Makes sure that at least half of `bytes` lies allocated behind what is used; allocates to the
 * whole when not. ERR_FULL: the disk or the map hasn't so much. */
enum err db_reserve(struct db *db, uint64_t bytes);
/* Octets of the file in use (up to the last page). */
uint64_t db_used_bytes(struct db *db);
/* Octets of pages within it that are free to be used again. Walks the list of free pages. */
enum err db_free_bytes(struct db *db, uint64_t *bytes);
/* Readers from outside that ended without a word keep no pages from now on. Call now and
 * then. */
void db_forget_dead(struct db *db);
/* All that was committed is on disk now. Needed after bulk alone: other commits are synced by
 * themselves. */
enum err db_sync(struct db *db);

/* Digest of the state tables: 32 octets, kept in META and brought up to date by db_commit. */
enum err db_digest(struct db_txn *txn, uint8_t digest[32]);
/* Of a database that was filled in bulk. */
enum err db_put_digest(struct db_txn *txn, const uint8_t digest[32]);
/* To compute it anew: adds a row (nothing if t isn't a state table) to a sum that began as
 * zeros. */
struct db_sum {
	uint64_t word[4];
};
void db_sum_add(struct db_sum *sum, enum db_table t, struct slice key, struct slice value);
const char *db_table_name(enum db_table t);
bool db_is_state(enum db_table t);
/* The number of what db_open makes. */
uint32_t db_format(void);
/* dir/file takes the place of dir/data.mdb, on disk too: a power cut leaves one or the other.
 * Both are closed. */
enum err db_replace(const char *dir, const char *file);

#endif
