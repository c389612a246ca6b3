#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/seal.h"
#include "store/db.h"
#include "store/schema.h"
#include "store/view_trace.h"

static char dir[64];
static struct db *db;
static struct db_txn *txn;
static struct arena a;

static int
setup(void **state)
{
	struct db_options how = {.create = true};

	(void)state;
	snprintf(dir, sizeof dir, "/tmp/view_trace_test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	arena_init(&a, 0);
	assert_int_equal(db_open(&db, dir, &how), ERR_OK);
	assert_int_equal(db_begin(db, true, &txn), ERR_OK);
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	db_abort(txn);
	db_close(db);
	arena_reset(&a);
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command);
}

static void
put(uint64_t index, uint32_t n, enum schema_trace_kind kind, uint64_t item)
{
	static const uint8_t hash[SCHEMA_TRACE_HASH];
	struct schema_trace t = {.kind = kind, .item = item, .life_sec = 1, .message_id = hash};
	struct schema_key k;
	uint8_t row[100];
	size_t size = schema_trace_write(&t, row, sizeof row);

	assert_int_equal(
		db_put(txn, DB_TRACE, schema_u64_u32(&k, index, n), slice_of(row, size)),
		ERR_OK);
}

/* Entries 10 to 13, with two rows each. */
static void
fill(void)
{
	for (uint64_t i = 10; i < 14; i++)
		for (uint32_t n = 0; n < 2; n++)
			put(i, n, n ? SCHEMA_TRACE_TAKEN : SCHEMA_TRACE_BOUNCED, n ? i : 9);
}

typedef enum err (*reader)(struct db_txn *t, struct view_trace_at at, size_t max,
	struct arena *a, struct view_trace_page *out);

/* What the pages say, "10.0 10.1 |11.0 ...", a bar at the end of each. */
static void
read_all(reader read, struct view_trace_at at, size_t max, char text[256])
{
	struct view_trace_page page;

	*text = '\0';
	do {
		assert_int_equal(read(txn, at, max, &a, &page), ERR_OK);
		assert_true(page.n <= max);
		for (size_t i = 0; i < page.n; i++)
			text += sprintf(text, "%u.%u ", (unsigned)page.row[i].index,
				(unsigned)page.row[i].n);
		text += sprintf(text, "|");
		at = page.next;
	} while (!page.is_end);
}

static void
pages_follow_one_another_forward(void **state)
{
	char text[256];

	(void)state;
	fill();
	read_all(view_trace_forward, (struct view_trace_at){0, 0}, 3, text);
	assert_string_equal(text, "10.0 10.1 11.0 |11.1 12.0 12.1 |13.0 13.1 |");
	read_all(view_trace_forward, (struct view_trace_at){11, 1}, 8, text);
	assert_string_equal(text, "11.1 12.0 12.1 13.0 13.1 |");
	/* As many as there are: that it was the end is seen with the next one. */
	read_all(view_trace_forward, (struct view_trace_at){12, 0}, 4, text);
	assert_string_equal(text, "12.0 12.1 13.0 13.1 |");
	read_all(view_trace_forward, (struct view_trace_at){14, 0}, 4, text);
	assert_string_equal(text, "|");
}

static void
pages_follow_one_another_back(void **state)
{
	char text[256];

	(void)state;
	fill();
	read_all(view_trace_back, VIEW_TRACE_NEWEST, 3, text);
	assert_string_equal(text, "13.1 13.0 12.1 |12.0 11.1 11.0 |10.1 10.0 |");
	/* Without the row itself, which may be gone as well. */
	read_all(view_trace_back, (struct view_trace_at){11, 1}, 8, text);
	assert_string_equal(text, "11.0 10.1 10.0 |");
	read_all(view_trace_back, (struct view_trace_at){11, 7}, 8, text);
	assert_string_equal(text, "11.1 11.0 10.1 10.0 |");
	read_all(view_trace_back, (struct view_trace_at){10, 0}, 8, text);
	assert_string_equal(text, "|");
}

static void
an_empty_table_is_one_page_either_way(void **state)
{
	char text[256];

	(void)state;
	read_all(view_trace_forward, (struct view_trace_at){0, 0}, 3, text);
	assert_string_equal(text, "|");
	read_all(view_trace_back, VIEW_TRACE_NEWEST, 3, text);
	assert_string_equal(text, "|");
}

static void
rows_that_went_in_between_are_passed_over(void **state)
{
	struct view_trace_page page;
	struct schema_key k;
	char text[256];

	(void)state;
	fill();
	assert_int_equal(
		view_trace_forward(txn, (struct view_trace_at){0, 0}, 2, &a, &page), ERR_OK);
	assert_int_equal(db_del(txn, DB_TRACE, schema_u64_u32(&k, 11, 0)), ERR_OK);
	assert_int_equal(db_del(txn, DB_TRACE, schema_u64_u32(&k, 11, 1)), ERR_OK);
	read_all(view_trace_forward, page.next, 9, text);
	assert_string_equal(text, "12.0 12.1 13.0 13.1 |");
}

static void
how_an_item_began_is_found_behind_what_its_entry_did_first(void **state)
{
	struct schema_trace t;

	(void)state;
	fill();
	assert_int_equal(view_trace_taken(txn, 12, &a, &t), ERR_OK);
	assert_int_equal(t.item, 12);
	assert_int_equal(t.n, 1);
	assert_int_equal(view_trace_taken(txn, 9, &a, &t), ERR_NOT_FOUND);
	assert_int_equal(view_trace_taken(txn, 14, &a, &t), ERR_NOT_FOUND);
}

static void
a_damaged_row_is_said(void **state)
{
	struct view_trace_page page;
	struct schema_key k;

	(void)state;
	fill();
	assert_int_equal(
		db_put(txn, DB_TRACE, schema_u64_u32(&k, 12, 0), SLICE_LIT("?")), ERR_OK);
	assert_int_equal(view_trace_forward(txn, (struct view_trace_at){0, 0}, 9, &a, &page),
		ERR_CORRUPT);
	assert_int_equal(view_trace_back(txn, VIEW_TRACE_NEWEST, 9, &a, &page), ERR_CORRUPT);
}

static void
the_members_are_those_of_the_newest_list(void **state)
{
	struct members m = {
		.n = 1, .next_id = 3, .node = {{.id = 2, .name = "dc2.example.org"}}};
	struct members *out = arena_zalloc(&a, sizeof *out);
	struct buf row;

	(void)state;
	assert_int_equal(view_trace_members(txn, out), ERR_NOT_FOUND);
	buf_init(&row, 4096);
	buf_put_u64(&row, 7);
	members_pack(&m, &row);
	assert_int_equal(db_put(txn, DB_META, SLICE_LIT("config"), buf_slice(&row)), ERR_OK);
	buf_fini(&row);
	assert_int_equal(view_trace_members(txn, out), ERR_OK);
	assert_string_equal(members_find(out, 2)->name, "dc2.example.org");
	assert_int_equal(
		db_put(txn, DB_META, SLICE_LIT("config"), SLICE_LIT("01234567\xff")), ERR_OK);
	assert_int_equal(view_trace_members(txn, out), ERR_CORRUPT);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(pages_follow_one_another_forward),
		T(pages_follow_one_another_back),
		T(an_empty_table_is_one_page_either_way),
		T(rows_that_went_in_between_are_passed_over),
		T(how_an_item_began_is_found_behind_what_its_entry_did_first),
		T(a_damaged_row_is_said),
		T(the_members_are_those_of_the_newest_list),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
