/* db_lmdb: what db, view and floor share about the LMDB environment. Only they include it. */
#ifndef STORE_DB_LMDB_H
#define STORE_DB_LMDB_H

#include <lmdb.h>

#include "store/db.h"

enum { DB_LMDB_FORMAT = 1 };

struct db {
	MDB_env *env;
	MDB_dbi table[DB_TABLE_COUNT];
	bool read_only, bulk;
};

struct db_txn {
	struct db *db;
	MDB_txn *txn;
	bool write, digest_known;
	struct db_sum digest;
};

/* Opens every table; they must be there unless create. */
enum err db_lmdb_tables(struct db *db, MDB_txn *txn, bool create);
enum err db_lmdb_err(int rc);

#endif
