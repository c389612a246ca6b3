#include "tests/test.h"

#include <stdlib.h>

#include "core/mail_date.h"

static void
check(const char *text, int64_t sec, int zone)
{
	struct mail_date d = {0};

	if (!mail_date_parse(slice_str(text), &d))
		fail_msg("not parsed: %s", text);
	if (d.utc_sec != sec || d.zone_min != zone)
		fail_msg("%s: %lld %d", text, (long long)d.utc_sec, d.zone_min);
}

static void
dates_of_every_shape_are_read(void **state)
{
	(void)state;
	check("Mon, 2 Jan 2006 15:04:05 -0700", 1136239445, -420);
	check("2 Jan 2006 15:04:05 -0700", 1136239445, -420);
	check("Mon,\r\n 2 Jan 2006 (x (y)\\)) 15:04:05\r\n -0700 (MST)", 1136239445, -420);
	check("Mon, 02 Jan 06 22:04:05 GMT", 1136239445, 0);
	check("Mon, 02 Jan 106 22:04:05 UT", 1136239445, 0);
	check("Mon, 2 Jan 2006 15:04:05 MST", 1136239445, -420);
	check("Mon, 2 Jan 2006 22:04 Z", 1136239440, 0);
	check("Mon Jan  2 22:04:05 2006", 1136239445, 0);
	check("Mon Jan  2 15:04:05 2006 -0700", 1136239445, -420);
	check("Mon Jan  2 15:04:05 MST 2006", 1136239445, -420);
	check("Monday, 02-Jan-06 22:04:05 GMT", 1136239445, 0);
	check("1 Jan 1970 00:00:00 +0000", 0, 0);
	check("31 Dec 1969 23:59:59 +0000", -1, 0);
	check("29 Feb 2000 12:00:00 +0000", 951825600, 0);
	check("Fri, 31 Dec 1999 23:59:60 +0000", 946684800, 0);
	check("1 January 1970 00:00:00 +0530", -19800, 330);
	check("1 Jan 1970", 0, 0);
}

static void
what_is_no_date_is_refused(void **state)
{
	static const char *const bad[] = {"", "Mon", "Mon,", "2 Foo 2006 15:04:05 +0000",
		"30 Feb 2006 15:04:05 +0000", "29 Feb 1900 00:00:00 +0000",
		"2 Jan 2006 24:04:05 +0000", "2 Jan 2006 23:60:05 +0000", "2 Jan 20066",
		"2 Jan 0 1:1:1", "32 Jan 2006", "2 Jan 2006 15", "2 Jan 2006 15:", "(((",
		"1 Jan 0000"};
	struct mail_date d;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (mail_date_parse(slice_str(bad[i]), &d))
			fail_msg("parsed: %s", bad[i]);
}

static void
every_truncation_is_survived(void **state)
{
	const char text[] = "Mon, 2 Jan (a(b)) 2006 15:04:05 -0700 (MST)";
	struct mail_date d;

	(void)state;
	for (size_t n = 0; n < sizeof text; n++) {
		uint8_t *exact = malloc(n ? n : 1);

		memcpy(exact, text, n);
		if (mail_date_parse(slice_of(exact, n), &d))
			assert_true(n >= 20);
		free(exact);
	}
}

static void
formatting_and_reading_are_inverse(void **state)
{
	struct buf b;
	struct mail_date d, got;

	(void)state;
	buf_init(&b, 100);
	for (int64_t sec = -62000000000; sec < 253000000000; sec += 98765432123) {
		for (int zone = -1439; zone <= 1439; zone += 137) {
			d = (struct mail_date){sec, (int16_t)zone};
			buf_clear(&b);
			assert_true(mail_date_format(d, &b));
			assert_true(b.n <= MAIL_DATE_TEXT_MAX);
			assert_true(mail_date_parse(buf_slice(&b), &got));
			assert_int_equal(got.utc_sec, sec);
			assert_int_equal(got.zone_min, zone);
			buf_clear(&b);
			assert_true(mail_date_format_imap(d, &b));
			assert_true(mail_date_parse_imap(
				slice_cut(buf_slice(&b), 1, b.n - 1), &got));
			assert_int_equal(got.utc_sec, sec);
			assert_int_equal(got.zone_min, zone);
		}
	}
	buf_clear(&b);
	d = (struct mail_date){1136239445, -420};
	mail_date_format(d, &b);
	assert_slice(buf_slice(&b), "Mon, 2 Jan 2006 15:04:05 -0700");
	buf_clear(&b);
	mail_date_format_imap(d, &b);
	assert_slice(buf_slice(&b), "\" 2-Jan-2006 15:04:05 -0700\"");
	buf_clear(&b);
	assert_true(mail_date_format((struct mail_date){INT64_MAX, 32767}, &b));
	assert_true(mail_date_format((struct mail_date){INT64_MIN, -32768}, &b));
	buf_fini(&b);
}

static void
imap_dates_are_read_strictly(void **state)
{
	static const char *const bad[] = {"2-Jan-2006 15:04:05 -0700", "02-Jan-2006 15:04:05",
		"02-Jan-2006 15:04:05 -07", "02-Jan-06 15:04:05 -0700",
		"02-Jan-2006 15:04:05 MST", "32-Jan-2006 15:04:05 -0700",
		"02-January-2006 15:04:05 -0700", "02-Jan-2006 15:04:05 -0760",
		"02-Jan-2006 15:04:05 +2400", ""};
	struct mail_date d;
	int64_t day;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(mail_date_parse_imap(slice_str(bad[i]), &d));
	assert_true(mail_date_parse_imap(SLICE_LIT("17-Jul-1996 02:44:25 -0700"), &d));
	assert_int_equal(d.utc_sec, 837596665);
	assert_true(mail_date_parse_day(SLICE_LIT("2-Jan-2006"), &day));
	assert_int_equal(day, 1136160000);
	assert_true(mail_date_parse_day(SLICE_LIT("02-jan-2006"), &day));
	assert_false(mail_date_parse_day(SLICE_LIT("002-Jan-2006"), &day));
	assert_false(mail_date_parse_day(SLICE_LIT("2-Jan-06"), &day));
	assert_false(mail_date_parse_day(SLICE_LIT("2-Jan-2006 "), &day));
	assert_int_equal(mail_date_day((struct mail_date){1136239445, -420}), 1136160000);
	assert_int_equal(mail_date_day((struct mail_date){-1, 0}), -86400);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_of_every_shape_are_read),
		cmocka_unit_test(what_is_no_date_is_refused),
		cmocka_unit_test(every_truncation_is_survived),
		cmocka_unit_test(formatting_and_reading_are_inverse),
		cmocka_unit_test(imap_dates_are_read_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
