#include "tests/test.h"

#include "store/raft_trail.h"

/* Terms 1 1 1 3 3 7, at 1..6. */
static struct raft_trail
some(void)
{
	struct raft_trail t;

	raft_trail_init(&t, 0, 0);
	raft_trail_push(&t, 3, 1);
	raft_trail_push(&t, 1, 3);
	raft_trail_push(&t, 1, 3);
	raft_trail_push(&t, 1, 7);
	return t;
}

static void
each_entry_has_its_term(void **state)
{
	static const uint64_t term[] = {0, 1, 1, 1, 3, 3, 7, 0};
	struct raft_trail t = some();

	(void)state;
	for (uint64_t i = 0; i < sizeof term / sizeof *term; i++)
		assert_int_equal(raft_trail_term(&t, i), term[i]);
	assert_int_equal(t.n, 3);
	assert_int_equal(raft_trail_run_first(&t, 5), 4);
	assert_int_equal(raft_trail_run_last(&t, 4), 5);
	assert_int_equal(raft_trail_run_last(&t, 6), 6);
}

static void
what_is_cut_off_is_not_known(void **state)
{
	(void)state;
	for (uint64_t from = 1; from <= 7; from++) {
		struct raft_trail t = some();

		raft_trail_cut(&t, from);
		assert_int_equal(t.last, from - 1);
		assert_int_equal(raft_trail_term(&t, from), 0);
		raft_trail_push(&t, 1, 9);
		assert_int_equal(raft_trail_term(&t, from), 9);
		if (from > 1)
			assert_int_equal(raft_trail_term(&t, 1), 1);
	}
}

static void
what_is_dropped_is_not_known_but_the_last_entry_is(void **state)
{
	(void)state;
	for (uint64_t first = 1; first <= 8; first++) {
		struct raft_trail t = some();
		uint64_t kept = first < 6 ? first : 6;

		raft_trail_drop(&t, first);
		assert_int_equal(t.first, kept);
		assert_int_equal(raft_trail_term(&t, kept - 1), 0);
		assert_int_not_equal(raft_trail_term(&t, kept), 0);
		assert_int_equal(raft_trail_term(&t, 6), 7);
		assert_int_equal(raft_trail_run_first(&t, kept) >= kept, 1);
	}
}

static void
too_many_terms_forget_the_oldest(void **state)
{
	struct raft_trail t;

	(void)state;
	raft_trail_init(&t, 0, 0);
	for (uint64_t i = 1; i <= RAFT_TRAIL_MAX; i++)
		raft_trail_push(&t, 2, i);
	assert_int_equal(raft_trail_term(&t, 1), 1);
	raft_trail_push(&t, 2, RAFT_TRAIL_MAX + 1);
	assert_int_equal(raft_trail_term(&t, 2), 0);
	assert_int_equal(raft_trail_term(&t, 3), 2);
	assert_int_equal(raft_trail_term(&t, t.last), RAFT_TRAIL_MAX + 1);
}

static void
a_log_of_which_only_the_end_is_known_goes_on(void **state)
{
	struct raft_trail t;

	(void)state;
	raft_trail_init(&t, 40, 5);
	assert_int_equal(raft_trail_term(&t, 40), 5);
	assert_int_equal(raft_trail_term(&t, 39), 0);
	raft_trail_push(&t, 1, 6);
	assert_int_equal(raft_trail_term(&t, 41), 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_entry_has_its_term),
		cmocka_unit_test(what_is_cut_off_is_not_known),
		cmocka_unit_test(what_is_dropped_is_not_known_but_the_last_entry_is),
		cmocka_unit_test(too_many_terms_forget_the_oldest),
		cmocka_unit_test(a_log_of_which_only_the_end_is_known_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
