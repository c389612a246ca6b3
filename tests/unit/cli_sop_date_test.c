#include "cmd/cli_sop_date.h"

#include "tests/test.h"

static void
every_form_is_the_same_time(void **state)
{
	const char *const forms[] = {"2020-01-31T22:59:59Z", "2020-01-31T22:59:59+00:00",
		"20200131T225959Z", "2020-02-01T00:59:59+02:00", "2020-01-31T20:29:59-0230",
		"20200201T005959+02", "2020-01-31T22:59:59.75Z", "2020-01-31t22:59:59,1z"};
	uint64_t sec;

	(void)state;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		assert_true(cli_sop_date_parse(forms[i], &sec));
		assert_int_equal(sec, 1580511599);
	}
	assert_true(cli_sop_date_parse("2020-01-31T22:59Z", &sec));
	assert_int_equal(sec, 1580511540);
	assert_true(cli_sop_date_parse("2016-12-31T23:59:60Z", &sec));
	assert_int_equal(sec, 1483228799);
}

/* And not far in the future. */
static void
before_1970_is_its_begin(void **state)
{
	uint64_t sec;

	(void)state;
	assert_true(cli_sop_date_parse("1960-01-01T00:00:00Z", &sec));
	assert_int_equal(sec, 0);
	assert_true(cli_sop_date_parse("1970-01-01T00:00:00+01:00", &sec));
	assert_int_equal(sec, 0);
	assert_true(cli_sop_date_parse("1969-12-31T23:00:00-01:00", &sec));
	assert_int_equal(sec, 0);
	assert_true(cli_sop_date_parse("9999-12-31T23:59:59Z", &sec));
	assert_int_equal(sec, 253402300799);
}

static void
what_is_no_time_is_refused(void **state)
{
	const char *const wrong[] = {"", "-", "now", "yesterday", "1577836800", "2020-01-31",
		"2020-01-31T22:59:59", "2020-1-31T22:59:59Z", "2020-0131T22:59:59Z",
		"2020-02-30T00:00:00Z", "2019-02-29T00:00:00Z", "2020-00-10T00:00:00Z",
		"2020-13-10T00:00:00Z", "2020-01-00T00:00:00Z", "2020-01-32T00:00:00Z",
		"2020-01-31T24:00:00Z", "2020-01-31T00:60:00Z", "2020-01-31T00:00:61Z",
		"2020-01-31T00:00:00.Z", "2020-01-31T00:00:00+", "2020-01-31T00:00:00+1",
		"2020-01-31T00:00:00+01:", "2020-01-31T00:00:00+01:60",
		"2020-01-31T00:00:00+24:00", "2020-01-31T00:00:00Zx", "2020-01-31T0000:00Z",
		"2020-01-31T00:0000Z", " 2020-01-31T00:00:00Z", "2020-01-31T00:00:00Z "};
	uint64_t sec = 7;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(cli_sop_date_parse(wrong[i], &sec));
	assert_int_equal(sec, 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_is_the_same_time),
		cmocka_unit_test(before_1970_is_its_begin),
		cmocka_unit_test(what_is_no_time_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
