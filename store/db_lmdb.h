/* db_lmdb: what db, view and floor share about the LMDB environment. Only they include it. */
#ifndef STORE_DB_LMDB_H
#define STORE_DB_LMDB_H

#include <lmdb.h>

#include "store/db.h"
#include "store/floor.h"

enum { DB_LMDB_FORMAT = 4 };

struct db {
	MDB_env *env;
	MDB_dbi table[DB_TABLE_COUNT];
	bool read_only, bulk;
	int hold; /* db_hold.h; -1: none */
};

struct db_txn {
	struct db *db;
	MDB_txn *txn;
	bool write, digest_known;
	struct db_sum digest;
	/* Of a view: reads fail with ERR_BUSY as soon as the floor has passed it. NULL: the
	 * lock file protects it. */
	const struct floor_page *floor;
	uint64_t generation;
};

/* Opens every table; they must be there unless create. */
enum err db_lmdb_tables(struct db *db, MDB_txn *txn, bool create);
enum err db_lmdb_err(int rc);
/* For the environment of a view: what LMDB asserts of pages that were written over fails the
 * read instead. */
void db_lmdb_trap(MDB_env *env);
/* Is what was read through it whole up to now? */
bool db_lmdb_stands(const struct db_txn *txn);

#endif
