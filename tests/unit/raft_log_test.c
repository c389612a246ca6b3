#include "store/raft_body.h"
#include "store/raft_log.h"
#include "store/raft_meta.h"
#include "tests/store_world.h"

static struct db *db;
static struct raft_log log_of;
static char dir[64];

static struct db_txn *
begin(void)
{
	struct db_txn *txn;

	assert_int_equal(db_begin(db, true, &txn), ERR_OK);
	return txn;
}

static void
load(void)
{
	struct db_txn *txn = begin();
	struct raft_log_keys keys = log_of.keys;

	memset(&log_of, 0, sizeof log_of);
	assert_int_equal(raft_meta_load(&log_of, txn, NULL), ERR_OK);
	log_of.keys = keys;
	log_of.has_key = true;
	assert_int_equal(db_commit(txn), ERR_OK);
}

static int
setup(void **state)
{
	struct db_options how = {.create = true};

	(void)state;
	snprintf(dir, sizeof dir, "/tmp/raft_log_test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(db_open(&db, dir, &how), ERR_OK);
	memset(&log_of, 0, sizeof log_of);
	log_of.keys.n = 1;
	seal_key_new(&log_of.keys.key[0].key);
	load();
	log_of.hard = (struct raft_hard){3, 1};
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	raft_log_fini(&log_of);
	db_close(db);
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command);
}

static void
append(struct db_txn *txn, const char *command, struct slice body)
{
	assert_int_equal(
		raft_log_append(&log_of, txn, RAFT_LOG_COMMAND, slice_str(command), body),
		ERR_OK);
}

static void
commit(struct db_txn *txn)
{
	assert_int_equal(raft_meta_save(&log_of, txn), ERR_OK);
	assert_int_equal(db_commit(txn), ERR_OK);
}

static void
append_three(void)
{
	struct db_txn *txn = begin();

	append(txn, "first", SLICE_EMPTY);
	append(txn, "second", SLICE_LIT("with a body"));
	append(txn, "third", SLICE_EMPTY);
	commit(txn);
}

static uint64_t
rows(enum db_table t)
{
	struct db_txn *txn = begin();
	struct db_cursor *c;
	struct slice k, v;
	uint64_t n = 0;

	assert_int_equal(db_cursor_open(txn, t, &c), ERR_OK);
	for (enum err e = db_seek(c, SLICE_EMPTY, &k, &v); !e; e = db_next(c, &k, &v))
		n++;
	db_cursor_close(c);
	db_abort(txn);
	return n;
}

static enum err
check_all(void)
{
	struct db_txn *txn = begin();
	uint8_t chain[SEAL_HASH];
	enum err e = ERR_OK;

	for (uint64_t i = log_of.first; i <= log_of.last && !e; i++)
		e = raft_log_check(&log_of, txn, i, i == log_of.first ? NULL : chain, chain);
	if (!e && log_of.last >= log_of.first)
		assert_memory_equal(chain, log_of.chain, SEAL_HASH);
	db_abort(txn);
	return e;
}

static void
what_was_appended_is_read_again_after_reopening(void **state)
{
	struct db_txn *txn;
	struct slice command;
	uint64_t term;

	(void)state;
	append_three();
	raft_log_fini(&log_of);
	log_of.keys.n = 1;
	seal_key_new(&log_of.keys.key[0].key);
	log_of.has_key = false;
	db_close(db);
	assert_int_equal(db_open(&db, dir, &(struct db_options){0}), ERR_OK);
	load();
	assert_int_equal(log_of.last, 3);
	assert_int_equal(log_of.last_term, 3);
	assert_int_equal(log_of.hard.term, 3);
	txn = begin();
	/* Not with another key. */
	assert_int_equal(raft_log_read(&log_of, txn, 2, &term, &command), ERR_CRYPTO);
	assert_int_equal(raft_log_read(&log_of, txn, 4, &term, &command), ERR_NOT_FOUND);
	db_abort(txn);
}

static void
an_entry_is_bound_to_its_place_and_its_body(void **state)
{
	struct schema_key a, b;
	struct db_txn *txn;
	struct slice command, one, two;
	uint64_t term;

	(void)state;
	append_three();
	assert_int_equal(check_all(), ERR_OK);
	txn = begin();
	assert_int_equal(raft_log_read(&log_of, txn, 2, &term, &command), ERR_OK);
	assert_int_equal(term, 3);
	assert_slice(command, "second");
	assert_int_equal(db_get(txn, DB_LOG, schema_u64(&a, 1), &one), ERR_OK);
	assert_int_equal(db_get(txn, DB_LOG, schema_u64(&b, 3), &two), ERR_OK);
	assert_int_equal(
		db_put(txn, DB_LOG, schema_u64(&b, 3), arena_dup(&world.a, one)), ERR_OK);
	assert_int_equal(raft_log_read(&log_of, txn, 3, &term, &command), ERR_CRYPTO);
	db_abort(txn);
	txn = begin();
	assert_int_equal(
		db_put(txn, DB_BODY, schema_u64_u32(&a, 2, 0), SLICE_LIT("With a body")),
		ERR_OK);
	assert_int_equal(db_commit(txn), ERR_OK);
	assert_int_equal(check_all(), ERR_CORRUPT);
}

static void
a_changed_octet_anywhere_breaks_the_check(void **state)
{
	struct schema_key k;
	struct db_txn *txn;
	struct slice row;
	uint8_t copy[256];
	size_t n;

	(void)state;
	append_three();
	txn = begin();
	assert_int_equal(db_get(txn, DB_LOG, schema_u64(&k, 2), &row), ERR_OK);
	assert_true(row.n <= sizeof copy);
	n = row.n;
	memcpy(copy, row.p, n);
	db_abort(txn);
	for (size_t i = 0; i < n; i++) {
		copy[i] ^= 0x10;
		txn = begin();
		assert_int_equal(
			db_put(txn, DB_LOG, schema_u64(&k, 2), slice_of(copy, n)), ERR_OK);
		assert_int_equal(db_commit(txn), ERR_OK);
		copy[i] ^= 0x10;
		assert_int_not_equal(check_all(), ERR_OK);
	}
}

/* The chain binds an entry to all before it, and a truncated tail can be written anew. */
static void
truncation_takes_the_tail_with_its_bodies_and_the_log_goes_on(void **state)
{
	uint8_t chain[SEAL_HASH];
	struct db_txn *txn = begin();

	(void)state;
	append(txn, "kept", SLICE_EMPTY);
	commit(txn);
	log_of.applied = 1;
	memcpy(chain, log_of.chain, SEAL_HASH);
	txn = begin();
	append(txn, "gone", SLICE_LIT("body"));
	append(txn, "gone too", SLICE_LIT("body"));
	commit(txn);
	txn = begin();
	assert_int_equal(raft_log_truncate(&log_of, txn, 1), ERR_CORRUPT);
	assert_int_equal(raft_log_truncate(&log_of, txn, 2), ERR_OK);
	commit(txn);
	assert_int_equal(log_of.last, 1);
	assert_memory_equal(log_of.chain, chain, SEAL_HASH);
	assert_int_equal(rows(DB_LOG), 1);
	assert_int_equal(rows(DB_BODY), 0);
	txn = begin();
	log_of.hard.term = 4;
	append(txn, "instead", SLICE_EMPTY);
	commit(txn);
	assert_int_equal(log_of.last, 2);
	assert_int_equal(log_of.last_term, 4);
	assert_int_equal(check_all(), ERR_OK);
}

static void
members_that_are_cut_off_are_those_of_before(void **state)
{
	struct members before, other;
	struct db_txn *txn;

	(void)state;
	append_three();
	before = other = log_of.members;
	other.n = 2;
	other.node[1] = (struct members_node){
		.id = 2, .kind = RAFT_LEARNER, .goal = RAFT_VOTER};
	txn = begin();
	assert_int_equal(raft_log_append_members(&log_of, txn, &other), ERR_OK);
	commit(txn);
	assert_int_equal(log_of.members.n, 2);
	assert_int_equal(log_of.members.index, 4);
	txn = begin();
	assert_int_equal(raft_log_truncate(&log_of, txn, 4), ERR_OK);
	commit(txn);
	assert_memory_equal(&log_of.members, &before, sizeof before);
	/* On disk as well. */
	raft_log_fini(&log_of);
	load();
	assert_memory_equal(&log_of.members, &before, sizeof before);
}

static void
another_nodes_entry_is_verified_by_its_seal(void **state)
{
	struct raft_log_entry entry;
	struct db_txn *txn;
	uint8_t sealed[200];

	(void)state;
	append_three();
	txn = begin();
	assert_int_equal(raft_log_get(txn, 2, &entry), ERR_OK);
	assert_true(entry.sealed.n <= sizeof sealed);
	memcpy(sealed, entry.sealed.p, entry.sealed.n);
	entry.sealed.p = sealed;
	db_abort(txn);
	entry.body = SLICE_LIT("with a body");
	assert_int_equal(raft_log_verify(&log_of, 2, 3, &entry), ERR_OK);
	assert_int_equal(raft_log_verify(&log_of, 3, 3, &entry), ERR_CRYPTO);
	assert_int_equal(raft_log_verify(&log_of, 2, 4, &entry), ERR_CRYPTO);
	entry.body = SLICE_LIT("With a body");
	assert_int_equal(raft_log_verify(&log_of, 2, 3, &entry), ERR_CRYPTO);
	entry.body = SLICE_LIT("with a body");
	sealed[entry.sealed.n - 1] ^= 1;
	assert_int_equal(raft_log_verify(&log_of, 2, 3, &entry), ERR_CRYPTO);
	/* Who has no key can only store it. */
	raft_log_drop_keys(&log_of, 0);
	assert_int_equal(raft_log_verify(&log_of, 2, 3, &entry), ERR_OK);
}

static void
trimming_is_bounded_and_never_passes_what_is_applied(void **state)
{
	struct db_txn *txn = begin();

	(void)state;
	for (int i = 0; i < 10; i++)
		append(txn, "x", SLICE_EMPTY);
	log_of.applied = 8;
	assert_int_equal(raft_log_trim(&log_of, txn, 100, 3), ERR_OK);
	assert_int_equal(log_of.first, 4);
	assert_int_equal(raft_log_trim(&log_of, txn, 100, 100), ERR_OK);
	assert_int_equal(log_of.first, 9);
	commit(txn);
	assert_int_equal(rows(DB_LOG), 2);
	assert_int_equal(check_all(), ERR_OK);
}

static void
garbage_is_freed_below_the_first_row_only_and_bounded(void **state)
{
	static uint8_t body[10000];
	struct schema_key k;
	struct db_txn *txn = begin();
	bool more;

	(void)state;
	for (int i = 0; i < 4; i++)
		append(txn, "x", slice_of(body, sizeof body));
	log_of.applied = 4;
	for (uint64_t i = 1; i <= 4; i++)
		assert_int_equal(
			db_put(txn, DB_GARBAGE, schema_u64(&k, i), SLICE_EMPTY), ERR_OK);
	assert_int_equal(raft_log_free(&log_of, txn, 100, &more), ERR_OK);
	assert_false(more);
	commit(txn);
	assert_int_equal(rows(DB_GARBAGE), 4);
	txn = begin();
	assert_int_equal(raft_log_trim(&log_of, txn, 3, 100), ERR_OK);
	assert_int_equal(raft_log_free(&log_of, txn, 2, &more), ERR_OK);
	assert_true(more);
	for (int i = 0; i < 20 && more; i++)
		assert_int_equal(raft_log_free(&log_of, txn, 2, &more), ERR_OK);
	assert_false(more);
	commit(txn);
	assert_int_equal(rows(DB_GARBAGE), 2);
	txn = begin();
	for (uint64_t i = 1; i <= 4; i++) {
		struct slice v;
		enum err e = db_get(txn, DB_BODY, schema_u64_u32(&k, i, 0), &v);

		assert_int_equal(e, i < 3 ? ERR_NOT_FOUND : ERR_OK);
	}
	db_abort(txn);
}

/* 4 KiB mails: their rows fill the pages, whatever their order. */
static void
small_bodies_fill_their_pages(void **state)
{
	enum { N = 400, SIZE = 4112 };
	static uint8_t body[SIZE];
	uint64_t before, after;
	struct db_txn *txn = begin();

	(void)state;
	commit(txn);
	before = db_used_bytes(db);
	txn = begin();
	for (uint64_t i = 1; i <= N; i++)
		assert_int_equal(
			raft_body_put(txn, i, slice_of(body, SIZE), &log_of.page_left), ERR_OK);
	commit(txn);
	after = db_used_bytes(db);
	assert_true(after - before < N * SIZE * 108 / 100);
	txn = begin();
	assert_int_equal(raft_body_put(txn, 9, (struct slice){body, SCHEMA_ENTRY_BODY_MAX + 1},
				 &log_of.page_left),
		ERR_TOO_BIG);
	db_abort(txn);
}

static void
the_trail_has_the_term_of_each_row(void **state)
{
	static const uint64_t term[] = {3, 3, 4, 4, 4, 4, 9};
	struct db_txn *txn = begin();
	struct raft_trail trail;

	(void)state;
	assert_int_equal(raft_log_trail(&log_of, txn, &trail), ERR_OK);
	assert_int_equal(trail.last, 0);
	for (size_t i = 0; i < sizeof term / sizeof *term; i++) {
		log_of.hard.term = term[i];
		append(txn, "command", SLICE_EMPTY);
	}
	for (uint64_t first = 1; first <= 8; first++) {
		log_of.applied = log_of.last;
		assert_int_equal(raft_log_trim(&log_of, txn, first, 100), ERR_OK);
		assert_int_equal(raft_log_trail(&log_of, txn, &trail), ERR_OK);
		assert_int_equal(trail.last, 7);
		for (uint64_t i = 1; i <= 7; i++)
			assert_int_equal(raft_trail_term(&trail, i),
				i + 1 >= first || i == 7 ? term[i - 1] : 0);
	}
	db_abort(txn);
}

static void
a_new_database_is_a_cluster_of_one_voter(void **state)
{
	(void)state;
	load();
	assert_int_equal(log_of.members.n, 1);
	assert_int_equal(log_of.members.node[0].id, log_of.node);
	assert_int_equal(log_of.members.node[0].kind, RAFT_VOTER);
	assert_memory_equal(&log_of.members, &log_of.members_before, sizeof log_of.members);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_was_appended_is_read_again_after_reopening),
		T(an_entry_is_bound_to_its_place_and_its_body),
		T(a_changed_octet_anywhere_breaks_the_check),
		T(truncation_takes_the_tail_with_its_bodies_and_the_log_goes_on),
		T(members_that_are_cut_off_are_those_of_before),
		T(another_nodes_entry_is_verified_by_its_seal),
		T(trimming_is_bounded_and_never_passes_what_is_applied),
		T(garbage_is_freed_below_the_first_row_only_and_bounded),
		T(small_bodies_fill_their_pages),
		T(the_trail_has_the_term_of_each_row),
		T(a_new_database_is_a_cluster_of_one_voter),
	};
	int failed;

	seal_init();
	arena_init(&world.a, 0);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_reset(&world.a);
	return failed;
}
