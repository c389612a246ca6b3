#include "tests/test.h"

#include "store/sending.h"

enum { HOUR = 500000, NOW = HOUR * SENDING_HOUR_SEC };

static enum sending_verdict
check(const struct sending *s, uint32_t per_hour, uint32_t per_day, uint32_t n, uint64_t *again)
{
	struct sending_limits l = {per_hour, per_day};

	return sending_check(s, &l, n, again);
}

static void
an_hour_is_one_of_the_clock(void **state)
{
	struct sending s = {0};

	(void)state;
	sending_move(&s, NOW);
	sending_add(&s, 3);
	sending_move(&s, NOW + 3599);
	assert_int_equal(s.n[0], 3);
	sending_move(&s, NOW + 3600);
	assert_int_equal(s.n[0], 0);
	assert_int_equal(s.n[1], 3);
	/* Who comes late is counted where we are. */
	sending_move(&s, NOW);
	assert_int_equal(s.hour, HOUR + 1);
	assert_int_equal(s.n[1], 3);
}

static void
a_day_is_an_hour_and_the_23_before(void **state)
{
	struct sending s = {0};

	(void)state;
	sending_move(&s, NOW);
	sending_add(&s, 3);
	sending_move(&s, NOW + 5 * 3600);
	sending_add(&s, 4);
	sending_move(&s, NOW + 24 * 3600 - 1);
	assert_int_equal(sending_day(&s), 7);
	sending_move(&s, NOW + 24 * 3600);
	assert_int_equal(sending_day(&s), 4);
	sending_move(&s, NOW + 29 * 3600);
	assert_int_equal(sending_day(&s), 0);
	sending_add(&s, 5);
	sending_move(&s, NOW + 1000000 * UINT64_C(3600));
	assert_int_equal(sending_day(&s), 0);
}

static void
both_limits_hold_to_the_last_recipient(void **state)
{
	struct sending s = {.hour = HOUR, .n = {7, 10}};
	uint64_t again;

	(void)state;
	assert_int_equal(check(&s, 10, 0, 3, &again), SENDING_FITS);
	assert_int_equal(check(&s, 10, 0, 4, &again), SENDING_HOUR_FULL);
	assert_int_equal(again, NOW + 3600);
	assert_int_equal(check(&s, 0, 20, 3, &again), SENDING_FITS);
	assert_int_equal(check(&s, 0, 20, 4, &again), SENDING_DAY_FULL);
	assert_int_equal(again, NOW + 23 * 3600);
	assert_int_equal(check(&s, 0, 0, UINT32_MAX, &again), SENDING_FITS);
	/* The one that lasts longer is told. */
	assert_int_equal(check(&s, 10, 20, 4, &again), SENDING_DAY_FULL);
}

static void
it_is_told_when_as_many_will_fit(void **state)
{
	struct sending s = {.hour = HOUR};
	uint64_t again;

	(void)state;
	s.n[23] = 2;
	s.n[10] = 5;
	s.n[0] = 3;
	assert_int_equal(check(&s, 0, 10, 1, &again), SENDING_DAY_FULL);
	assert_int_equal(again, NOW + 3600);
	assert_int_equal(check(&s, 0, 10, 2, &again), SENDING_DAY_FULL);
	assert_int_equal(again, NOW + 3600);
	assert_int_equal(check(&s, 0, 10, 3, &again), SENDING_DAY_FULL);
	assert_int_equal(again, NOW + 14 * 3600);
	assert_int_equal(check(&s, 0, 10, 10, &again), SENDING_DAY_FULL);
	assert_int_equal(again, NOW + 24 * 3600);
	sending_move(&s, again);
	assert_int_equal(check(&s, 0, 10, 10, &again), SENDING_FITS);
}

static void
more_than_a_limit_never_fit(void **state)
{
	struct sending s = {.hour = HOUR};
	uint64_t again;

	(void)state;
	assert_int_equal(check(&s, 10, 20, 10, &again), SENDING_FITS);
	assert_int_equal(check(&s, 10, 20, 11, &again), SENDING_HOUR_FULL);
	assert_int_equal(again, 0);
	assert_int_equal(check(&s, 0, 20, 21, &again), SENDING_DAY_FULL);
	assert_int_equal(again, 0);
	s.n[0] = 20;
	assert_int_equal(check(&s, 10, 20, 11, &again), SENDING_HOUR_FULL);
	assert_int_equal(again, 0);
}

static void
a_count_that_is_full_stays_full(void **state)
{
	struct sending s = {.hour = HOUR};
	uint64_t again;

	(void)state;
	sending_add(&s, UINT32_MAX);
	sending_add(&s, 5);
	assert_int_equal(s.n[0], UINT32_MAX);
	assert_int_equal(check(&s, UINT32_MAX, 0, 1, &again), SENDING_HOUR_FULL);
}

static void
a_row_comes_back_as_it_was_written_and_no_other_is_read(void **state)
{
	struct sending s = {.hour = HOUR}, back;
	uint8_t row[SENDING_ROW + 1] = {0};
	struct slice raw;

	(void)state;
	for (uint32_t i = 0; i < SENDING_HOURS; i++)
		s.n[i] = i * 16777259;
	raw = sending_write(&s, row);
	assert_int_equal(raw.n, SENDING_ROW);
	assert_true(sending_read(raw, &back));
	assert_memory_equal(&s, &back, sizeof s);
	assert_false(sending_read(slice_of(row, SENDING_ROW - 1), &back));
	assert_false(sending_read(slice_of(row, SENDING_ROW + 1), &back));
	assert_false(sending_read(SLICE_EMPTY, &back));
}

static void
an_account_s_own_limit_takes_the_place_of_the_usual(void **state)
{
	(void)state;
	assert_int_equal(sending_limit(0, 500), 500);
	assert_int_equal(sending_limit(1, 500), 0);
	assert_int_equal(sending_limit(8, 500), 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_hour_is_one_of_the_clock),
		cmocka_unit_test(a_day_is_an_hour_and_the_23_before),
		cmocka_unit_test(both_limits_hold_to_the_last_recipient),
		cmocka_unit_test(it_is_told_when_as_many_will_fit),
		cmocka_unit_test(more_than_a_limit_never_fit),
		cmocka_unit_test(a_count_that_is_full_stays_full),
		cmocka_unit_test(a_row_comes_back_as_it_was_written_and_no_other_is_read),
		cmocka_unit_test(an_account_s_own_limit_takes_the_place_of_the_usual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
