#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/seal.h"
#include "store/db.h"
#include "tests/fault.h"

/* --- the world --- */

static char dir[64];
static struct db *db;

static void
open_it(bool create)
{
	struct db_options how = {.create = create};

	assert_int_equal(db_open(&db, dir, &how), ERR_OK);
}

static int
setup(void **state)
{
	(void)state;
	fault.write_in = fault.sync_in = 0;
	snprintf(dir, sizeof dir, "/tmp/db_test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	open_it(true);
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	db_close(db);
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command);
}

static struct db_txn *
begin(bool write)
{
	struct db_txn *txn;

	assert_int_equal(db_begin(db, write, &txn), ERR_OK);
	return txn;
}

static void
put(struct db_txn *txn, enum db_table t, const char *key, const char *value)
{
	assert_int_equal(db_put(txn, t, slice_str(key), slice_str(value)), ERR_OK);
}

static void
get_digest(uint8_t digest[32])
{
	struct db_txn *txn = begin(false);

	assert_int_equal(db_digest(txn, digest), ERR_OK);
	db_abort(txn);
}

static void
a_committed_row_is_there_after_reopening_and_an_aborted_one_is_not(void **state)
{
	struct db_txn *txn = begin(true);
	struct slice v;

	(void)state;
	put(txn, DB_SETTING, "kept", "one");
	assert_int_equal(db_commit(txn), ERR_OK);
	txn = begin(true);
	put(txn, DB_SETTING, "dropped", "two");
	db_abort(txn);
	db_close(db);
	open_it(false);
	txn = begin(false);
	assert_int_equal(db_get(txn, DB_SETTING, SLICE_LIT("kept"), &v), ERR_OK);
	assert_slice(v, "one");
	assert_int_equal(db_get(txn, DB_SETTING, SLICE_LIT("dropped"), &v), ERR_NOT_FOUND);
	db_abort(txn);
}

static void
the_digest_depends_on_the_rows_alone(void **state)
{
	uint8_t first[32], second[32], none[32];
	struct db_txn *txn;

	(void)state;
	get_digest(none);
	txn = begin(true);
	put(txn, DB_SETTING, "a", "1");
	put(txn, DB_DOMAIN, "b", "2");
	assert_int_equal(db_commit(txn), ERR_OK);
	get_digest(first);
	txn = begin(true);
	assert_int_equal(db_del(txn, DB_SETTING, SLICE_LIT("a")), ERR_OK);
	assert_int_equal(db_del(txn, DB_DOMAIN, SLICE_LIT("b")), ERR_OK);
	assert_int_equal(db_commit(txn), ERR_OK);
	get_digest(second);
	assert_memory_equal(second, none, 32);
	txn = begin(true);
	put(txn, DB_DOMAIN, "b", "other");
	put(txn, DB_DOMAIN, "b", "2");
	put(txn, DB_SETTING, "a", "1");
	assert_int_equal(db_commit(txn), ERR_OK);
	get_digest(second);
	assert_memory_equal(second, first, 32);
	assert_memory_not_equal(second, none, 32);
}

static void
the_same_row_in_another_table_has_another_digest(void **state)
{
	struct db_sum setting = {{0}}, domain = {{0}}, log = {{0}}, none = {{0}};

	(void)state;
	db_sum_add(&setting, DB_SETTING, SLICE_LIT("k"), SLICE_LIT("v"));
	db_sum_add(&domain, DB_DOMAIN, SLICE_LIT("k"), SLICE_LIT("v"));
	db_sum_add(&log, DB_LOG, SLICE_LIT("k"), SLICE_LIT("v"));
	assert_memory_not_equal(&setting, &domain, sizeof setting);
	assert_memory_equal(&log, &none, sizeof log);
}

static void
a_cursor_walks_in_key_order_both_ways(void **state)
{
	struct db_txn *txn = begin(true);
	struct db_cursor *c;
	struct slice k, v;

	(void)state;
	put(txn, DB_SETTING, "c", "3");
	put(txn, DB_SETTING, "a", "1");
	put(txn, DB_SETTING, "b", "2");
	assert_int_equal(db_cursor_open(txn, DB_SETTING, &c), ERR_OK);
	assert_int_equal(db_seek(c, SLICE_LIT("aa"), &k, &v), ERR_OK);
	assert_slice(k, "b");
	assert_int_equal(db_next(c, &k, &v), ERR_OK);
	assert_slice(v, "3");
	assert_int_equal(db_next(c, &k, &v), ERR_NOT_FOUND);
	assert_int_equal(db_last(c, &k, &v), ERR_OK);
	assert_slice(k, "c");
	assert_int_equal(db_prev(c, &k, &v), ERR_OK);
	assert_slice(k, "b");
	assert_int_equal(db_seek(c, SLICE_LIT("d"), &k, &v), ERR_NOT_FOUND);
	db_cursor_close(c);
	assert_int_equal(db_first_from(txn, DB_SETTING, SLICE_EMPTY, &k, &v), ERR_OK);
	assert_slice(k, "a");
	db_abort(txn);
}

static void
a_key_that_cannot_be_is_refused_and_never_found(void **state)
{
	static uint8_t longest[600];
	struct slice v, key = slice_of(longest, sizeof longest);
	struct db_txn *txn = begin(true);

	(void)state;
	assert_int_equal(db_put(txn, DB_SETTING, key, SLICE_LIT("x")), ERR_LIMIT);
	assert_int_equal(db_put(txn, DB_SETTING, SLICE_EMPTY, SLICE_LIT("x")), ERR_LIMIT);
	assert_int_equal(db_get(txn, DB_SETTING, key, &v), ERR_NOT_FOUND);
	assert_int_equal(db_del(txn, DB_SETTING, key), ERR_NOT_FOUND);
	db_abort(txn);
}

static void
a_database_of_a_newer_format_is_refused_and_left_untouched(void **state)
{
	static const uint8_t newer[4] = {0, 0, 0, 200};
	struct db_txn *txn = begin(true);
	struct db_options how = {.create = true};
	struct stat before, after;
	char path[100];

	(void)state;
	assert_int_equal(
		db_put(txn, DB_META, SLICE_LIT("format"), slice_of(newer, sizeof newer)),
		ERR_OK);
	assert_int_equal(db_commit(txn), ERR_OK);
	db_close(db);
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(db_open(&db, dir, &how), ERR_VERSION);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	db = NULL;
}

static void
a_file_that_is_no_database_is_refused(void **state)
{
	struct db_options how = {0};
	char path[100];
	FILE *f;

	(void)state;
	db_close(db);
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	for (int i = 0; i < 4096; i++)
		fputs("nonsense", f);
	fclose(f);
	assert_int_equal(db_open(&db, dir, &how), ERR_VERSION);
	unlink(path);
	assert_int_equal(db_open(&db, dir, &how), ERR_NOT_FOUND);
	db = NULL;
}

static void
a_full_map_is_ERR_FULL_and_what_was_committed_stays(void **state)
{
	struct db_options how = {.map_bytes = 1 << 20};
	static uint8_t big[100000];
	struct db_txn *txn;
	enum err e = ERR_OK;
	struct slice v;

	(void)state;
	db_close(db);
	assert_int_equal(db_open(&db, dir, &how), ERR_OK);
	txn = begin(true);
	put(txn, DB_SETTING, "first", "1");
	assert_int_equal(db_commit(txn), ERR_OK);
	assert_int_equal(db_reserve(db, 64 << 20), ERR_FULL);
	txn = begin(true);
	for (char key = 'a'; key <= 'z' && !e; key++)
		e = db_put(txn, DB_SETTING, slice_of(&key, 1), slice_of(big, sizeof big));
	assert_int_equal(e, ERR_FULL);
	db_abort(txn);
	txn = begin(false);
	assert_int_equal(db_get(txn, DB_SETTING, SLICE_LIT("first"), &v), ERR_OK);
	db_abort(txn);
}

static void
room_is_allocated_ahead_of_what_is_used(void **state)
{
	char path[100];
	struct stat st;
	uint64_t used = db_used_bytes(db), free_bytes;
	struct db_txn *txn;

	(void)state;
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	assert_int_equal(db_reserve(db, 4 << 20), ERR_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_true((uint64_t)st.st_size >= used + (4 << 20));
	txn = begin(true);
	put(txn, DB_SETTING, "a", "1");
	assert_int_equal(db_commit(txn), ERR_OK);
	assert_int_equal(db_free_bytes(db, &free_bytes), ERR_OK);
	assert_true(free_bytes > 0 && free_bytes <= db_used_bytes(db));
}

/* Whatever write or sync fails, commit says so, and the file still holds the last state. */
static void
a_failed_write_or_sync_fails_the_commit_and_loses_nothing(void **state)
{
	struct slice v;
	int failures = 0;

	(void)state;
	for (int at = 1; at < 12; at++) {
		struct db_txn *txn = begin(true);
		enum err e;

		put(txn, DB_SETTING, "kept", "old");
		assert_int_equal(db_commit(txn), ERR_OK);
		txn = begin(true);
		put(txn, DB_SETTING, "kept", "new");
		fault.write_errno = at % 2 ? ENOSPC : EIO;
		fault.write_in = at < 8 ? at : 0;
		fault.sync_in = at >= 8 ? at - 7 : 0;
		e = db_commit(txn);
		if (e == ERR_FULL)
			assert_int_equal(fault.write_errno, ENOSPC);
		assert_int_equal(e != ERR_OK, fault.write_in == 0 && fault.sync_in == 0);
		failures += e != ERR_OK;
		fault.write_in = fault.sync_in = 0;
		db_close(db);
		open_it(false);
		txn = begin(false);
		assert_int_equal(db_get(txn, DB_SETTING, SLICE_LIT("kept"), &v), ERR_OK);
		assert_true(slice_eq(v, e ? SLICE_LIT("old") : SLICE_LIT("new")));
		db_abort(txn);
	}
	assert_true(failures >= 3); /* data, sync, and meta page at least */
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_committed_row_is_there_after_reopening_and_an_aborted_one_is_not),
		T(the_digest_depends_on_the_rows_alone),
		T(the_same_row_in_another_table_has_another_digest),
		T(a_cursor_walks_in_key_order_both_ways),
		T(a_key_that_cannot_be_is_refused_and_never_found),
		T(a_database_of_a_newer_format_is_refused_and_left_untouched),
		T(a_file_that_is_no_database_is_refused),
		T(a_full_map_is_ERR_FULL_and_what_was_committed_stays),
		T(room_is_allocated_ahead_of_what_is_used),
		T(a_failed_write_or_sync_fails_the_commit_and_loses_nothing),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
