#include "tests/test.h"

#include "core/buf.h"

static void
an_append_past_the_cap_changes_nothing_and_is_remembered(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	assert_true(buf_put_str(&b, "abcd"));
	assert_false(buf_put_str(&b, "e"));
	assert_slice(buf_slice(&b), "abcd");
	assert_true(b.overflow);
	assert_false(buf_put(&b, NULL, 0));
	buf_clear(&b);
	assert_true(buf_put_dec(&b, 1234));
	assert_slice(buf_slice(&b), "1234");
	buf_fini(&b);
}

static void
dropping_at_the_front_keeps_the_rest(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_true(buf_printf(&b, "%s-%d", "abc", 7));
	buf_drop(&b, 2);
	assert_slice(buf_slice(&b), "c-7");
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_append_past_the_cap_changes_nothing_and_is_remembered),
		cmocka_unit_test(dropping_at_the_front_keeps_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
