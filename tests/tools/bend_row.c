/* bend_row: a silent change on a disk: flips a bit of one row of a database that nobody has
 * open, without a word to its digest.
 *
 *   bend_row DIR TABLE OFFSET
 *
 * OFFSET: of the octet in the value of the table's last row. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/must.h"
#include "store/db.h"

static enum db_table
table_of(const char *name)
{
	for (int t = 0; t < DB_TABLE_COUNT; t++)
		if (!strcmp(db_table_name((enum db_table)t), name))
			return (enum db_table)t;
	must_fatal("no table %s", name);
}

int
main(int argc, char **argv)
{
	/* Bulk: what is put isn't counted. */
	struct db_options how = {.bulk = true};
	struct db_cursor *c;
	struct db_txn *txn;
	struct arena a;
	struct slice k, v;
	struct db *db;
	enum db_table t;
	size_t at;
	uint8_t *row;

	if (argc != 4)
		must_fatal("usage: bend_row DIR TABLE OFFSET");
	t = table_of(argv[2]);
	at = (size_t)atol(argv[3]);
	arena_init(&a, 0);
	must(!db_open(&db, argv[1], &how) && !db_begin(db, true, &txn));
	must(!db_cursor_open(txn, t, &c) && !db_last(c, &k, &v));
	k = arena_dup(&a, k);
	v = arena_dup(&a, v);
	db_cursor_close(c);
	must(at < v.n);
	row = (uint8_t *)(uintptr_t)v.p;
	row[at] ^= 4;
	must(!db_put(txn, t, k, v) && !db_commit(txn) && !db_sync(db));
	db_close(db);
	printf("%s: bent\n", argv[2]);
	return 0;
}
