#include "core/zone.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/zone_table.h"

static const struct zone_table_row *current;

static int
by_name(const void *name, const void *row)
{
	return strcmp(name, ((const struct zone_table_row *)row)->name);
}

static const struct zone_table_row *
find(const char *name)
{
	return bsearch(
		name, zone_table_rows, zone_table_count, sizeof *zone_table_rows, by_name);
}

bool
zone_is_known(const char *name)
{
	return find(name) != NULL;
}

/* libc knows how to follow a rule; what it lacks without files is which rule a name means. */
void
zone_set(const char *name)
{
	const struct zone_table_row *row = find(name);

	if (!row)
		return;
	setenv("TZ", row->rule, 1);
	tzset();
	current = row;
}

int16_t
zone_offset_min(int64_t utc_sec)
{
	time_t t = (time_t)utc_sec;
	struct tm tm = {0};
	size_t i;

	if (!current)
		return 0;
	i = current->changes;
	if (i && utc_sec < current->change[i - 1].utc_sec) {
		while (i > 1 && utc_sec < current->change[i - 1].utc_sec)
			i--;
		return current->change[i - 1].offset_min;
	}
	localtime_r(&t, &tm);
	return (int16_t)(tm.tm_gmtoff / 60);
}
