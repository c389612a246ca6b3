#include "tests/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/seal.h"
#include "store/compact.h"
#include "store/floor.h"
#include "store/schema.h"
#include "store/view.h"

enum { ROWS = 400, ROW = 900 };

static char dir[64];
static struct db *db;
static struct floor *held;
static struct floor_page *page;

/* Every row of the state holds the same word; each change rewrites them all. */
static void
write_all(uint64_t word)
{
	struct schema_key k;
	struct db_txn *txn;
	uint8_t row[ROW];

	for (size_t i = 0; i + 8 <= sizeof row; i += 8)
		schema_set_u64(row + i, word);
	assert_int_equal(db_begin(db, true, &txn), ERR_OK);
	for (uint64_t i = 0; i < ROWS; i++)
		assert_int_equal(db_put(txn, DB_SETTING, schema_u64(&k, i),
					 slice_of(row, i % ROW / 8 * 8 + 8)),
			ERR_OK);
	assert_int_equal(db_commit(txn), ERR_OK);
}

static int
setup(void **state)
{
	struct db_options how = {.create = true};

	(void)state;
	snprintf(dir, sizeof dir, "/tmp/view_test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(page != MAP_FAILED);
	floor_void(page);
	assert_int_equal(db_open(&db, dir, &how), ERR_OK);
	write_all(1);
	assert_int_equal(floor_open(db, page, &held), ERR_OK);
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	floor_close(held);
	db_close(db);
	munmap(page, 4096);
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command);
}

/* Walks all rows. What the first holds, or 0 if they differ. stop_at: stops itself before that
 * row. */
static uint64_t
read_all(struct db_txn *txn, unsigned stop_at)
{
	struct db_cursor *c;
	struct slice k, v;
	uint64_t word = 0;
	unsigned n = 0;
	bool torn = db_cursor_open(txn, DB_SETTING, &c) != ERR_OK;

	for (enum err e = torn ? ERR_END : db_seek(c, SLICE_EMPTY, &k, &v); !e;
		e = db_next(c, &k, &v)) {
		if (n == stop_at)
			raise(SIGSTOP);
		if (v.n < 8 || v.n > ROW || k.n != 8) {
			torn = true;
			break;
		}
		if (n++ == 0)
			word = schema_get_u64(v.p);
		for (size_t i = 0; i + 8 <= v.n; i += 8)
			torn = torn || schema_get_u64(v.p + i) != word;
	}
	if (n)
		db_cursor_close(c);
	return torn || n != ROWS ? 0 : word;
}

/* --- a reader in a process of its own --- */

enum { SAID_VALID = 1, SAID_WHOLE = 2, SAID_AGAIN = 4, SAID_ERROR = 64 };

/* Reads, stopped in the middle, then once more if that wasn't valid. */
static _Noreturn void
be_reader(uint64_t newest)
{
	struct view *view;
	struct db_txn *txn;
	int said = 0;

	if (view_open(dir, page, &view) || view_begin(view, &txn))
		_exit(SAID_ERROR);
	if (read_all(txn, ROWS / 2))
		said |= SAID_WHOLE;
	if (view_is_valid(view))
		said |= SAID_VALID;
	view_end(view);
	if (view_begin(view, &txn))
		_exit(SAID_ERROR);
	if (read_all(txn, UINT32_MAX) == newest && view_is_valid(view))
		said |= SAID_AGAIN;
	view_end(view);
	view_close(view);
	_exit(said);
}

static pid_t
stopped_reader(uint64_t newest)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		be_reader(newest);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	return pid;
}

static int
what_it_said(pid_t pid)
{
	int status;

	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
a_reader_stopped_while_the_store_churns_knows_it_and_begins_again(void **state)
{
	enum { TURNS = 60 };
	pid_t pid = stopped_reader(TURNS + 1);
	int said;

	(void)state;
	/* Three seconds and more, as far as the floor can tell. */
	for (uint64_t i = 2; i <= TURNS + 1; i++) {
		write_all(i);
		assert_int_equal(floor_tick(held), ERR_OK);
	}
	said = what_it_said(pid);
	assert_int_equal(said & SAID_VALID, 0);
	assert_int_equal(
		said & SAID_WHOLE, 0); /* it did see torn rows: the floor is what saves it */
	assert_int_equal(said & SAID_AGAIN, SAID_AGAIN);
}

static void
a_reader_stopped_for_less_than_the_floor_holds_reads_on_undisturbed(void **state)
{
	pid_t pid = stopped_reader(41);

	(void)state;
	for (uint64_t i = 2; i <= 41; i++) {
		write_all(i);
		if (i % 10 == 0)
			assert_int_equal(floor_tick(held), ERR_OK);
	}
	assert_int_equal(what_it_said(pid), SAID_VALID | SAID_WHOLE | SAID_AGAIN);
}

static void
a_reader_stopped_over_a_compaction_finds_the_new_file(void **state)
{
	struct db_options how = {0};
	struct compact *c;
	pid_t pid = stopped_reader(3);
	int said;

	(void)state;
	write_all(2);
	assert_int_equal(compact_begin(db, dir, 0, &c), ERR_OK);
	assert_int_equal(compact_finish(c), ERR_OK);
	floor_pause(held);
	db_close(db);
	assert_int_equal(compact_swap(dir), ERR_OK);
	assert_int_equal(db_open(&db, dir, &how), ERR_OK);
	assert_int_equal(floor_resume(held, db), ERR_OK);
	write_all(3);
	said = what_it_said(pid);
	assert_int_equal(said & SAID_VALID, 0);
	assert_int_equal(said & SAID_AGAIN, SAID_AGAIN);
}

static void
a_view_waits_while_the_store_starts_and_then_says_busy(void **state)
{
	struct view *view;
	struct db_txn *txn;

	(void)state;
	assert_int_equal(view_open(dir, page, &view), ERR_OK);
	floor_void(page);
	assert_int_equal(view_begin(view, &txn), ERR_BUSY);
	floor_close(held);
	assert_int_equal(floor_open(db, page, &held), ERR_OK);
	assert_int_equal(view_begin(view, &txn), ERR_OK);
	assert_int_equal(read_all(txn, UINT32_MAX), 1);
	assert_true(view_is_valid(view));
	/* A store that starts over voids what was read from the last one. */
	floor_void(page);
	assert_false(view_is_valid(view));
	view_end(view);
	view_close(view);
}

/* Readers that begin all the time, across commits, never see two states at once. */
static void
readers_that_begin_while_the_store_commits_see_one_state_each(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		struct view *view;
		struct db_txn *txn;
		uint64_t last = 0, word;

		if (view_open(dir, page, &view))
			_exit(1);
		for (int i = 0; i < 300 && last < 200; i++) {
			if (view_begin(view, &txn))
				_exit(2);
			word = read_all(txn, UINT32_MAX);
			if (view_is_valid(view) && (word == 0 || word < last))
				_exit(3);
			last = word;
			view_end(view);
		}
		view_close(view);
		_exit(0);
	}
	for (uint64_t i = 2; i <= 200; i++)
		write_all(i);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The worst moment to be stopped is within a lookup, after the floor was asked. A floor that
 * never moves makes every moment such a one. */
static void
a_lookup_over_pages_that_were_written_over_fails_and_the_process_lives(void **state)
{
	enum { TURNS = 60, READERS = 12 };
	struct floor_page *real = page;
	static struct floor_page frozen;
	pid_t pid[READERS];
	int failed = 0;

	(void)state;
	frozen = *real;
	page = &frozen;
	for (unsigned i = 0; i < READERS; i++)
		pid[i] = stopped_reader(TURNS + 1);
	page = real;
	for (uint64_t i = 2; i <= TURNS + 1; i++) {
		write_all(i);
		assert_int_equal(floor_tick(held), ERR_OK);
	}
	for (unsigned i = 0; i < READERS; i++)
		failed += (what_it_said(pid[i]) & SAID_WHOLE) == 0;
	assert_true(failed > 0);
}

static void
a_reader_cannot_write(void **state)
{
	struct view *view;
	struct db_txn *txn;

	(void)state;
	assert_int_equal(view_open(dir, page, &view), ERR_OK);
	assert_int_equal(view_begin(view, &txn), ERR_OK);
	assert_int_not_equal(db_put(txn, DB_LOG, SLICE_LIT("a"), SLICE_LIT("b")), ERR_OK);
	view_end(view);
	view_close(view);
}

static bool
has_mapped_the_file(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[1024], path[128];
	bool found = false;

	assert_non_null(f);
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	while (fgets(line, sizeof line, f))
		found = found || strstr(line, path);
	fclose(f);
	return found;
}

static void
a_resting_view_maps_nothing_and_reads_the_newest_when_it_begins_again(void **state)
{
	struct db_options how = {.create = true};
	struct view *view;
	struct db_txn *txn;

	(void)state;
	/* The store's mapping has the same name: out of the way while we look. */
	floor_close(held);
	db_close(db);
	assert_int_equal(view_open(dir, page, &view), ERR_OK);
	assert_true(has_mapped_the_file());
	view_rest(view);
	assert_false(has_mapped_the_file());
	assert_int_equal(db_open(&db, dir, &how), ERR_OK);
	write_all(2);
	assert_int_equal(floor_open(db, page, &held), ERR_OK);
	assert_int_equal(view_begin(view, &txn), ERR_OK);
	view_rest(view);
	assert_int_equal(read_all(txn, UINT32_MAX), 2);
	assert_true(view_is_valid(view));
	view_end(view);
	view_close(view);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_reader_stopped_while_the_store_churns_knows_it_and_begins_again),
		T(a_reader_stopped_for_less_than_the_floor_holds_reads_on_undisturbed),
		T(a_reader_stopped_over_a_compaction_finds_the_new_file),
		T(a_view_waits_while_the_store_starts_and_then_says_busy),
		T(readers_that_begin_while_the_store_commits_see_one_state_each),
		T(a_lookup_over_pages_that_were_written_over_fails_and_the_process_lives),
		T(a_reader_cannot_write),
		T(a_resting_view_maps_nothing_and_reads_the_newest_when_it_begins_again),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
