#include "tests/test.h"

#include "store/pace.h"

enum { CHUNK = 262080, BEGAN = 5000000, ROUND_US = 8000 };

/* Company came at BEGAN; a round is handed over then, and durable ROUND_US later. */
static struct pace
after_a_round(uint64_t round_us)
{
	struct pace p = {0};

	pace_company(&p, BEGAN);
	for (int i = 0; i < PACE_ROUND; i++) {
		assert_true(pace_may(&p, BEGAN, BEGAN));
		pace_sent(&p, CHUNK, BEGAN);
	}
	assert_false(pace_may(&p, BEGAN, BEGAN));
	for (int i = 0; i < PACE_ROUND; i++) {
		pace_committed(&p, BEGAN + round_us);
		assert_false(pace_may(&p, BEGAN, BEGAN + round_us));
		pace_applied(&p, CHUNK);
	}
	pace_committed(&p, BEGAN + round_us);
	return p;
}

static void
alone_a_body_goes_on_until_so_much_is_not_applied(void **state)
{
	struct pace p = {0};
	uint64_t n = 0;

	(void)state;
	for (; pace_may(&p, 0, n); n++)
		pace_sent(&p, CHUNK, n);
	assert_int_equal(n, PACE_FLIGHT / CHUNK + 1);
	pace_applied(&p, CHUNK);
	assert_true(pace_may(&p, 0, n));
	/* A whole flight has come through: no rest. */
	for (; n; n--)
		pace_applied(&p, CHUNK);
	pace_committed(&p, 1000);
	assert_true(pace_may(&p, 0, 1001));
}

static void
with_company_a_rest_that_is_longer_follows_each_round(void **state)
{
	struct pace p = after_a_round(ROUND_US);
	uint64_t end = BEGAN + ROUND_US + ROUND_US * PACE_REST_PERCENT / 100;

	(void)state;
	assert_true(PACE_REST_PERCENT > 100);
	assert_false(pace_may(&p, BEGAN, BEGAN + ROUND_US));
	assert_int_equal(pace_rest_ms(&p, BEGAN + ROUND_US), 16);
	assert_int_equal(pace_rest_ms(&p, end - 1), 1);
	assert_false(pace_may(&p, BEGAN, end - 1));
	assert_true(pace_may(&p, BEGAN, end));
	assert_int_equal(pace_rest_ms(&p, end), 0);
}

static void
a_rest_is_bounded_however_long_a_round_took(void **state)
{
	struct pace p = after_a_round(900000);

	(void)state;
	assert_int_equal(pace_rest_ms(&p, BEGAN + 900000), PACE_REST_MAX_MS);
	pace_company(&p, BEGAN + 900000);
	assert_false(pace_may(&p, BEGAN, BEGAN + 900000 + PACE_REST_MAX_MS * 1000 - 1));
	assert_true(pace_may(&p, BEGAN, BEGAN + 900000 + PACE_REST_MAX_MS * 1000));
}

static void
company_that_has_gone_holds_nothing_back(void **state)
{
	struct pace p = after_a_round(ROUND_US);
	uint64_t gone = BEGAN + PACE_COMPANY_MS * 1000;

	(void)state;
	p.rest_until_us = gone + 1;
	assert_false(pace_may(&p, BEGAN, gone - 1));
	assert_true(pace_may(&p, BEGAN, gone));
}

static void
who_waited_long_does_not_wait_for_company(void **state)
{
	struct pace p = after_a_round(ROUND_US);
	uint64_t now = BEGAN + ROUND_US;

	(void)state;
	assert_false(pace_may(&p, now - PACE_POLITE_MS * 1000 + 1, now));
	assert_true(pace_may(&p, now - PACE_POLITE_MS * 1000, now));
}

static void
what_was_lost_is_not_waited_for(void **state)
{
	struct pace p = {0};

	(void)state;
	pace_company(&p, BEGAN);
	pace_sent(&p, CHUNK, BEGAN);
	pace_sent(&p, CHUNK, BEGAN);
	pace_anew(&p);
	assert_true(pace_may(&p, BEGAN, BEGAN));
	/* And may come through all the same. */
	pace_applied(&p, CHUNK);
	assert_int_equal(p.flight, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone_a_body_goes_on_until_so_much_is_not_applied),
		cmocka_unit_test(with_company_a_rest_that_is_longer_follows_each_round),
		cmocka_unit_test(a_rest_is_bounded_however_long_a_round_took),
		cmocka_unit_test(company_that_has_gone_holds_nothing_back),
		cmocka_unit_test(who_waited_long_does_not_wait_for_company),
		cmocka_unit_test(what_was_lost_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
