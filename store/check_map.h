/* check_map: u64 -> a value of fixed size, zeroed when made. Open addressing. Pure. */
#ifndef STORE_CHECK_MAP_H
#define STORE_CHECK_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct check_map {
	size_t value_size, n, room;
	uint64_t *key;
	uint8_t *value, *used;
};

/* value_size: a multiple of 8. */
void check_map_init(struct check_map *m, size_t value_size);
void check_map_fini(struct check_map *m);
/* NULL: not there. Valid until the next put. */
void *check_map_get(const struct check_map *m, uint64_t key);
/* Found or made. */
void *check_map_put(struct check_map *m, uint64_t key);
/* Walks: *at begins with 0; NULL at the end. */
void *check_map_next(const struct check_map *m, size_t *at, uint64_t *key);

#endif
