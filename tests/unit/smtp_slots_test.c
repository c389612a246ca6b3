#include "smtp/smtp_slots.h"
#include "tests/test.h"

static void
a_hop_starts_with_five_and_grows_to_its_most(void **state)
{
	struct smtp_slots s;

	(void)state;
	smtp_slots_init(&s, 7);
	for (int i = 0; i < SMTP_SLOTS_FIRST; i++) {
		assert_true(smtp_slots_is_free(&s));
		smtp_slots_take(&s);
	}
	assert_false(smtp_slots_is_free(&s));
	for (int i = 0; i < 10; i++)
		smtp_slots_note(&s, false);
	smtp_slots_take(&s);
	assert_true(smtp_slots_is_free(&s));
	smtp_slots_take(&s);
	assert_false(smtp_slots_is_free(&s));
	smtp_slots_give(&s);
	assert_true(smtp_slots_is_free(&s));
	smtp_slots_init(&s, 1);
	smtp_slots_take(&s);
	assert_false(smtp_slots_is_free(&s));
}

static void
failures_halve_it_down_to_one(void **state)
{
	struct smtp_slots s;

	(void)state;
	smtp_slots_init(&s, 20);
	for (int i = 0; i < 15; i++)
		smtp_slots_note(&s, false);
	assert_int_equal(s.window, 20);
	smtp_slots_note(&s, true);
	assert_int_equal(s.window, 10);
	for (int i = 0; i < 10; i++)
		smtp_slots_note(&s, true);
	assert_int_equal(s.window, 1);
	assert_true(smtp_slots_is_free(&s));
}

static void
the_rest_doubles_up_to_its_most(void **state)
{
	(void)state;
	assert_int_equal(smtp_slots_rest_sec(0, 300, 4000), 300);
	assert_int_equal(smtp_slots_rest_sec(1, 300, 4000), 300);
	assert_int_equal(smtp_slots_rest_sec(2, 300, 4000), 600);
	assert_int_equal(smtp_slots_rest_sec(4, 300, 4000), 2400);
	assert_int_equal(smtp_slots_rest_sec(5, 300, 4000), 4000);
	assert_int_equal(smtp_slots_rest_sec(UINT32_MAX, 300, 4000), 4000);
	assert_int_equal(smtp_slots_rest_sec(1, 300, 60), 60);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hop_starts_with_five_and_grows_to_its_most),
		cmocka_unit_test(failures_halve_it_down_to_one),
		cmocka_unit_test(the_rest_doubles_up_to_its_most),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
