#include "tests/test.h"

#include "store/apply_sts.h"
#include "store/view_sts.h"
#include "tests/golden.h"

enum { NOW = 1800000000 };

static struct golden g;
static char dir[40];

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/apply_sts_test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	golden_open(&g, dir);
	g.node = 1;
	g.time_sec = NOW;
	return 0;
}

static int
teardown(void **state)
{
	char command[64];

	(void)state;
	golden_close(&g);
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command);
}

/* Octets of each, and how long it counts. */
static uint32_t
put(size_t domain, size_t id, size_t policy, uint32_t max_age_sec)
{
	static uint8_t text[APPLY_STS_POLICY_MAX + 1];
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__StsPut q = COMMANDS__STS_PUT__INIT;

	memset(text, 'x', sizeof text);
	q.domain = (ProtobufCBinaryData){domain, text};
	q.id = (ProtobufCBinaryData){id, text};
	q.policy = (ProtobufCBinaryData){policy, text};
	q.max_age_sec = max_age_sec;
	c.body_case = COMMANDS__COMMAND__BODY_STS_PUT;
	c.sts_put = &q;
	g.index++;
	golden_apply(&g, &c);
	return g.result.code;
}

static void
sweep(uint32_t limit)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Sweep q = COMMANDS__SWEEP__INIT;

	q.limit = limit;
	c.body_case = COMMANDS__COMMAND__BODY_SWEEP;
	c.sweep = &q;
	g.index++;
	golden_apply(&g, &c);
}

/* NULL: there is none. */
static const Commands__Sts *
row(size_t domain)
{
	Commands__Sts *out = NULL;
	struct db_txn *txn;
	char text[300];
	enum err e;

	memset(text, 'x', sizeof text);
	assert_int_equal(db_begin(g.db, false, &txn), ERR_OK);
	e = view_sts_get(txn, slice_of(text, domain), &g.a, &out);
	assert_true(!e || e == ERR_NOT_FOUND);
	db_abort(txn);
	return out;
}

static size_t
due_rows(void)
{
	struct db_cursor *cursor;
	struct db_txn *txn;
	struct slice k, v;
	size_t n = 0;

	assert_int_equal(db_begin(g.db, false, &txn), ERR_OK);
	assert_int_equal(db_cursor_open(txn, DB_STS_DUE, &cursor), ERR_OK);
	for (enum err e = db_seek(cursor, SLICE_EMPTY, &k, &v); !e; e = db_next(cursor, &k, &v))
		n++;
	db_cursor_close(cursor);
	db_abort(txn);
	return n;
}

static void
a_policy_stays_until_its_time_is_over(void **state)
{
	(void)state;
	assert_int_equal(put(10, 5, 100, 60), COMMAND_DONE);
	assert_int_equal(row(10)->fetched_sec, NOW);
	assert_int_equal(row(10)->until_sec, NOW + 60);
	assert_int_equal(row(10)->policy.len, 100);
	g.time_sec = NOW + 59;
	sweep(10);
	assert_non_null(row(10));
	g.time_sec = NOW + 60;
	sweep(10);
	assert_null(row(10));
	assert_int_equal(due_rows(), 0);
}

static void
a_newer_policy_takes_the_place_of_the_older(void **state)
{
	(void)state;
	assert_int_equal(put(10, 5, 100, 60), COMMAND_DONE);
	g.time_sec = NOW + 50;
	assert_int_equal(put(10, 6, 200, 60), COMMAND_DONE);
	assert_int_equal(row(10)->id.len, 6);
	assert_int_equal(row(10)->policy.len, 200);
	assert_int_equal(due_rows(), 1);
	g.time_sec = NOW + 60;
	sweep(10);
	assert_int_equal(row(10)->until_sec, NOW + 110);
}

static void
a_policy_without_an_age_is_not_kept(void **state)
{
	(void)state;
	assert_int_equal(put(10, 5, 100, 60), COMMAND_DONE);
	assert_int_equal(put(10, 5, 100, 0), COMMAND_DONE);
	assert_null(row(10));
	assert_int_equal(due_rows(), 0);
}

static void
what_is_out_of_limits_is_refused_and_changes_nothing(void **state)
{
	static const struct {
		size_t domain, id, policy;
		uint32_t age;
	} bad[] = {
		{0, 1, 1, 1},
		{APPLY_STS_DOMAIN_MAX + 1, 1, 1, 1},
		{1, 0, 1, 1},
		{1, APPLY_STS_ID_MAX + 1, 1, 1},
		{1, 1, 0, 1},
		{1, 1, APPLY_STS_POLICY_MAX + 1, 1},
		{1, 1, 1, APPLY_STS_AGE_MAX_SEC + 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(put(bad[i].domain, bad[i].id, bad[i].policy, bad[i].age),
			COMMAND_INVALID);
	assert_int_equal(due_rows(), 0);
	assert_int_equal(put(APPLY_STS_DOMAIN_MAX, APPLY_STS_ID_MAX, APPLY_STS_POLICY_MAX,
				 APPLY_STS_AGE_MAX_SEC),
		COMMAND_DONE);
	assert_int_equal(row(APPLY_STS_DOMAIN_MAX)->until_sec, NOW + APPLY_STS_AGE_MAX_SEC);
}

static void
a_sweep_takes_at_most_its_limit(void **state)
{
	(void)state;
	for (size_t n = 1; n <= 5; n++)
		assert_int_equal(put(n, 1, 1, 1), COMMAND_DONE);
	g.time_sec = NOW + 100;
	sweep(3);
	assert_int_equal(due_rows(), 2);
	sweep(3);
	assert_int_equal(due_rows(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_policy_stays_until_its_time_is_over, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_newer_policy_takes_the_place_of_the_older, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_policy_without_an_age_is_not_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_out_of_limits_is_refused_and_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_sweep_takes_at_most_its_limit, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
