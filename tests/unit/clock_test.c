#include <time.h>

#include "tests/test.h"

#include "core/clock.h"

static void
a_faked_time_stands_still_until_it_is_set_again(void **state)
{
	uint64_t before_ms = clock_ms(), before_sec = clock_wall_sec();

	(void)state;
	clock_fake(true, 5000, 77);
	assert_int_equal(clock_ms(), 5000);
	assert_int_equal(clock_us(), 5000000);
	assert_int_equal(clock_wall_sec(), 77);
	clock_fake(true, 4000, 78);
	assert_int_equal(clock_ms(), 4000);
	assert_int_equal(clock_wall_sec(), 78);
	clock_fake(false, 0, 0);
	assert_true(clock_ms() >= before_ms && clock_ms() < before_ms + 60000);
	assert_true(clock_wall_sec() >= before_sec && clock_wall_sec() < before_sec + 60);
}

static void
a_second_begins_when_it_begins_for_others(void **state)
{
	struct timespec t;
	time_t before_sec;

	(void)state;
	clock_gettime(CLOCK_REALTIME, &t);
	if (t.tv_nsec < 990000000)
		nanosleep(&(struct timespec){0, 990000000 - t.tv_nsec}, NULL);
	clock_gettime(CLOCK_REALTIME, &t);
	before_sec = t.tv_sec;
	while (t.tv_sec == before_sec || t.tv_nsec < 1000000) {
		clock_gettime(CLOCK_REALTIME, &t);
		assert_true(clock_wall_sec() >= (uint64_t)t.tv_sec);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_faked_time_stands_still_until_it_is_set_again),
		cmocka_unit_test(a_second_begins_when_it_begins_for_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
