/* zone_gen: writes core/zone_table.c from this machine's /usr/share/zoneinfo. Runs at
 * build time only. Of each zone it keeps the rule that ends its file (RFC 8536 section
 * 3.3), and its listed changes since 2020 only where the rule would get one of them
 * wrong. usage: zone_gen >zone_table.c */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/big_endian.h"
#include "core/zone_table.h"

#define FOLDER "/usr/share/zoneinfo/"
enum { ZONES_MAX = 2000, FILE_MAX = 65536, RULE_MAX = 64, HEADER = 44, CHANGES_MAX = 1000 };
static const int64_t since_sec = 1577836800; /* 2020-01-01 */

struct zone {
	char name[64], rule[RULE_MAX];
	struct zone_table_change change[CHANGES_MAX];
	size_t changes;
};

static struct zone *zones[ZONES_MAX];
static size_t zone_count;

/* Octets of a data block whose header is at h, with times of so many octets. */
static size_t
block_size(const uint8_t *h, size_t time_size)
{
	size_t isut = big_endian_get_u32(h + 20), isstd = big_endian_get_u32(h + 24),
	       leap = big_endian_get_u32(h + 28);
	size_t times = big_endian_get_u32(h + 32), types = big_endian_get_u32(h + 36),
	       chars = big_endian_get_u32(h + 40);

	return times * (time_size + 1) + types * 6 + chars + leap * (time_size + 4) + isstd +
	       isut;
}

static int16_t
offset_of(const uint8_t *types, unsigned type)
{
	return (int16_t)((int32_t)big_endian_get_u32(types + 6 * type) / 60);
}

/* The second block, behind the header at h: its changes since 2020, the first with the time of
 * that day. */
static void
read_changes(struct zone *z, const uint8_t *h)
{
	size_t times = big_endian_get_u32(h + 32);
	const uint8_t *time = h + HEADER, *type = time + 8 * times, *types = type + times;

	z->change[0] = (struct zone_table_change){since_sec, offset_of(types, 0)};
	z->changes = 1;
	for (size_t i = 0; i < times; i++) {
		struct zone_table_change now = {
			(int64_t)big_endian_get_u64(time + 8 * i), offset_of(types, type[i])};

		if (now.utc_sec <= since_sec)
			z->change[0].offset_min = now.offset_min;
		else if (z->changes < CHANGES_MAX)
			z->change[z->changes++] = now;
	}
}

static int16_t
by_rule(int64_t utc_sec)
{
	time_t t = (time_t)utc_sec;
	struct tm tm;

	return (int16_t)(localtime_r(&t, &tm)->tm_gmtoff / 60);
}

/* Leaves the changes up to one past the last that the rule gets wrong. */
static void
drop_what_the_rule_says(struct zone *z)
{
	size_t needed = 0;

	setenv("TZ", z->rule, 1);
	tzset();
	for (size_t i = 0; i < z->changes; i++)
		if (by_rule(z->change[i].utc_sec) != z->change[i].offset_min)
			needed = i + 2;
	z->changes = needed < z->changes ? needed : z->changes;
}

/* False: not a zone's file with a rule. */
static int
read_zone(struct zone *z, const uint8_t *file, size_t n)
{
	const uint8_t *second, *rule, *end;

	if (n < 2 * HEADER || memcmp(file, "TZif", 4) || file[4] < '2')
		return 0;
	second = file + HEADER + block_size(file, 4);
	rule = second + HEADER + block_size(second, 8) + 1;
	end = rule < file + n ? memchr(rule, '\n', (size_t)(file + n - rule)) : NULL;
	if (!end || end == rule || end - rule >= RULE_MAX)
		return 0;
	memcpy(z->rule, rule, (size_t)(end - rule));
	read_changes(z, second);
	drop_what_the_rule_says(z);
	return 1;
}

/* Not the copies with other rules for leap seconds, not the machine's own setting. */
static int
is_wanted(const char *name)
{
	return strncmp(name, "posix/", 6) && strncmp(name, "right/", 6) &&
	       strcmp(name, "posixrules") && strcmp(name, "localtime") &&
	       strlen(name) < sizeof zones[0]->name;
}

static int
on_file(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	static uint8_t file[FILE_MAX];
	const char *name = path + strlen(FOLDER);
	struct zone *z;
	FILE *f;
	size_t n;

	(void)st;
	(void)where;
	if ((kind != FTW_F && kind != FTW_SL) || !is_wanted(name) || zone_count == ZONES_MAX)
		return 0;
	f = fopen(path, "rb");
	z = calloc(1, sizeof *z);
	if (!f || !z)
		return 1;
	n = fread(file, 1, sizeof file, f);
	fclose(f);
	strcpy(z->name, name);
	if (read_zone(z, file, n))
		zones[zone_count++] = z;
	else
		free(z);
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	const struct zone *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void
put_changes(size_t index)
{
	const struct zone *z = zones[index];

	printf("static const struct zone_table_change change%zu[] = {\n", index);
	for (size_t i = 0; i < z->changes; i++)
		printf("{%lld,%d},", (long long)z->change[i].utc_sec, z->change[i].offset_min);
	printf("};\n");
}

int
main(void)
{
	if (nftw(FOLDER, on_file, 32, FTW_PHYS) || zone_count == 0) {
		fprintf(stderr, "zone_gen: no time zones in " FOLDER "\n");
		return 1;
	}
	qsort(zones, zone_count, sizeof *zones, by_name);
	printf("#include \"core/zone_table.h\"\n");
	for (size_t i = 0; i < zone_count; i++)
		if (zones[i]->changes)
			put_changes(i);
	printf("const struct zone_table_row zone_table_rows[] = {\n");
	for (size_t i = 0; i < zone_count; i++) {
		printf("{\"%s\",\"%s\",", zones[i]->name, zones[i]->rule);
		if (zones[i]->changes)
			printf("change%zu,%zu},\n", i, zones[i]->changes);
		else
			printf("NULL,0},\n");
	}
	printf("};\nconst size_t zone_table_count = %zu;\n", zone_count);
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
