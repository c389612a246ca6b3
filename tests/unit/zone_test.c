#include "core/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/zone_table.h"
#include "tests/test.h"

enum { STEP_SEC = 5 * 86400 + 3600, STEPS_MAX = 1500 };
static const int64_t from_sec = 1704067200, to_sec = 2145916800; /* 2024 to 2038 */

static void
every_zone_of_the_host_has_the_host_s_offsets(void **state)
{
	static int16_t ours[STEPS_MAX];
	char of_host[80];

	(void)state;
	assert_true(zone_table_count > 400);
	for (size_t z = 0; z < zone_table_count; z++) {
		const char *name = zone_table_rows[z].name;
		size_t n = 0;

		zone_set(name);
		for (int64_t t = from_sec; t < to_sec; t += STEP_SEC)
			ours[n++] = zone_offset_min(t);
		snprintf(of_host, sizeof of_host, ":%s", name);
		setenv("TZ", of_host, 1);
		tzset();
		n = 0;
		for (int64_t t = from_sec; t < to_sec; t += STEP_SEC, n++) {
			time_t now = (time_t)t;
			struct tm tm;

			localtime_r(&now, &tm);
			if (ours[n] != tm.tm_gmtoff / 60)
				fail_msg("%s at %lld: %d, the host says %ld", name,
					(long long)t, ours[n], tm.tm_gmtoff / 60);
		}
	}
}

static void
summer_time_begins_and_ends_to_the_second(void **state)
{
	(void)state;
	zone_set("Europe/Berlin");
	assert_int_equal(zone_offset_min(1774745999), 60); /* 2026-03-29 00:59:59 UTC */
	assert_int_equal(zone_offset_min(1774746000), 120);
	assert_int_equal(zone_offset_min(1792889999), 120); /* 2026-10-25 00:59:59 UTC */
	assert_int_equal(zone_offset_min(1792890000), 60);
}

static void
a_zone_without_a_rule_follows_its_list(void **state)
{
	(void)state;
	/* Morocco leaves its +01 for the month of Ramadan: 2027-02-07 to 2027-03-14, 02:00 UTC
	 * both times. */
	zone_set("Africa/Casablanca");
	assert_int_equal(zone_offset_min(1801965599), 60);
	assert_int_equal(zone_offset_min(1801965600), 0);
	assert_int_equal(zone_offset_min(1804989599), 0);
	assert_int_equal(zone_offset_min(1804989600), 60);
}

static void
an_unknown_name_changes_nothing(void **state)
{
	(void)state;
	zone_set("Asia/Kolkata");
	assert_false(zone_is_known("Europe/Atlantis"));
	assert_false(zone_is_known(""));
	zone_set("Europe/Atlantis");
	assert_int_equal(zone_offset_min(from_sec), 330);
	assert_true(zone_is_known("UTC"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_zone_of_the_host_has_the_host_s_offsets),
		cmocka_unit_test(summer_time_begins_and_ends_to_the_second),
		cmocka_unit_test(a_zone_without_a_rule_follows_its_list),
		cmocka_unit_test(an_unknown_name_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
