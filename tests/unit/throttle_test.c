#include "tests/test.h"

#include "crypto/seal.h"
#include "crypto/throttle.h"

#define A SLICE_LIT("\x7f\0\0\1")
#define B SLICE_LIT("\x7f\0\0\2")
#define ANN SLICE_LIT("ann@example.org")
#define BOB SLICE_LIT("bob@example.org")

static const struct throttle_settings on = {true, 3, 600};

static void
an_address_that_failed_too_often_waits_for_the_window(void **state)
{
	struct throttle *t = throttle_new(&on);

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(throttle_may(t, A, ANN, 1000));
		throttle_failed(t, A, i % 2 ? ANN : BOB, 1000);
	}
	assert_false(throttle_may(t, A, ANN, 1001));
	assert_false(throttle_may(t, A, SLICE_LIT("somebody else"), 1001));
	assert_true(throttle_may(t, B, ANN, 1001));
	assert_false(throttle_may(t, A, ANN, 1599));
	assert_true(throttle_may(t, A, ANN, 1600));
	throttle_free(t);
}

static void
a_success_does_not_forgive_an_address(void **state)
{
	struct throttle *t = throttle_new(&on);

	(void)state;
	throttle_failed(t, A, ANN, 1000);
	throttle_failed(t, A, ANN, 1000);
	throttle_succeeded(t, A, BOB, 1000);
	throttle_failed(t, A, ANN, 1000);
	assert_false(throttle_may(t, A, ANN, 1000));
	throttle_free(t);
}

static void
an_account_under_attack_stays_open_to_its_owner(void **state)
{
	struct throttle *t = throttle_new(&on);
	uint8_t stranger[4] = {10, 0, 0, 0};

	(void)state;
	throttle_succeeded(t, A, ANN, 500);
	for (int i = 0; i < 3 * THROTTLE_ACCOUNT_FACTOR; i++) {
		stranger[3] = (uint8_t)i;
		assert_true(throttle_may(t, slice_of(stranger, 4), ANN, 1000));
		throttle_failed(t, slice_of(stranger, 4), ANN, 1000);
	}
	assert_false(throttle_may(t, B, ANN, 1000));
	assert_true(throttle_may(t, B, BOB, 1000));
	assert_true(throttle_may(t, A, ANN, 1000));
	throttle_free(t);
}

static void
a_network_of_ipv6_counts_as_one(void **state)
{
	struct throttle *t = throttle_new(&on);
	uint8_t a[16] = {0x20, 1, 0xd, 0xb8};

	(void)state;
	for (uint8_t i = 0; i < 3; i++) {
		a[15] = i;
		throttle_failed(t, slice_of(a, 16), ANN, 1000);
	}
	a[15] = 99;
	assert_false(throttle_may(t, slice_of(a, 16), ANN, 1000));
	a[7] = 1;
	assert_true(throttle_may(t, slice_of(a, 16), ANN, 1000));
	throttle_free(t);
}

static void
the_delay_grows_to_its_bound(void **state)
{
	struct throttle *t = throttle_new(&on);
	uint32_t last = 0;

	(void)state;
	for (int i = 0; i < 10; i++) {
		uint32_t delay = throttle_failed(t, A, ANN, 1000);

		assert_true(delay >= last && delay > 0 && delay <= THROTTLE_DELAY_MAX_MS);
		last = delay;
	}
	assert_int_equal(last, THROTTLE_DELAY_MAX_MS);
	assert_int_equal(throttle_failed(t, B, BOB, 1000), 250);
	throttle_free(t);
}

static void
switched_off_it_lets_everybody_through_at_once(void **state)
{
	struct throttle *t = throttle_new(&(struct throttle_settings){false, 1, 600});

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(throttle_failed(t, A, ANN, 1000), 0);
	assert_true(throttle_may(t, A, ANN, 1000));
	throttle_free(t);
}

static void
a_flood_of_addresses_takes_no_more_memory_and_forgets_no_heavy_one(void **state)
{
	struct throttle *t = throttle_new(&on);
	uint8_t address[4];

	(void)state;
	for (int i = 0; i < 10; i++)
		throttle_failed(t, A, ANN, 1000);
	for (uint32_t i = 0; i < 200000; i++) {
		memcpy(address, &i, 4);
		throttle_failed(t, slice_of(address, 4), slice_of(address, 4), 1000);
	}
	assert_false(throttle_may(t, A, ANN, 1000));
	throttle_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_that_failed_too_often_waits_for_the_window),
		cmocka_unit_test(a_success_does_not_forgive_an_address),
		cmocka_unit_test(an_account_under_attack_stays_open_to_its_owner),
		cmocka_unit_test(a_network_of_ipv6_counts_as_one),
		cmocka_unit_test(the_delay_grows_to_its_bound),
		cmocka_unit_test(switched_off_it_lets_everybody_through_at_once),
		cmocka_unit_test(
			a_flood_of_addresses_takes_no_more_memory_and_forgets_no_heavy_one),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
