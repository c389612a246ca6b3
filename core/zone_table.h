/* zone_table: what tools/zone_gen.c makes of the build machine's tzdata. */
#ifndef CORE_ZONE_TABLE_H
#define CORE_ZONE_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* From this moment on the offset is another one. */
struct zone_table_change {
	int64_t utc_sec;
	int16_t offset_min;
};
struct zone_table_row {
	const char *name;
	/* The rule in POSIX's notation: for now and for ever, but for what `change` says. */
	const char *rule;
	/* Few zones move their clocks as no rule can say (Morocco: by the moon): these go
	 * before the rule, until the last of them, which only says that the rule begins. */
	const struct zone_table_change *change;
	size_t changes;
};

/* Sorted by name (strcmp). */
extern const struct zone_table_row zone_table_rows[];
extern const size_t zone_table_count;

#endif
