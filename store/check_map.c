#include "store/check_map.h"

#include <stdlib.h>

#include "core/must.h"

enum { FIRST_ROOM = 64 };

void
check_map_init(struct check_map *m, size_t value_size)
{
	*m = (struct check_map){.value_size = value_size};
}

void
check_map_fini(struct check_map *m)
{
	free(m->key);
	free(m->value);
	free(m->used);
	check_map_init(m, m->value_size);
}

/* The slot of key, or the free one where it belongs. */
static size_t
slot_of(const struct check_map *m, uint64_t key)
{
	uint64_t h = key * UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(h ^ h >> 32) & (m->room - 1);

	while (m->used[i] && m->key[i] != key)
		i = (i + 1) & (m->room - 1);
	return i;
}

void *
check_map_get(const struct check_map *m, uint64_t key)
{
	size_t i = m->room ? slot_of(m, key) : 0;

	return m->room && m->used[i] ? m->value + i * m->value_size : NULL;
}

static void
grow(struct check_map *m)
{
	struct check_map old = *m;

	m->room = old.room ? old.room * 2 : FIRST_ROOM;
	m->key = must_alloc(m->room * sizeof *m->key);
	m->value = must_zalloc(m->room * m->value_size);
	m->used = must_zalloc(m->room);
	for (size_t i = 0; i < old.room; i++) {
		size_t to;

		if (!old.used[i])
			continue;
		to = slot_of(m, old.key[i]);
		m->used[to] = 1;
		m->key[to] = old.key[i];
		__builtin_memcpy(m->value + to * m->value_size, old.value + i * m->value_size,
			m->value_size);
	}
	check_map_fini(&old);
}

void *
check_map_put(struct check_map *m, uint64_t key)
{
	size_t i;

	if (m->n * 4 >= m->room * 3)
		grow(m);
	i = slot_of(m, key);
	if (!m->used[i]) {
		m->used[i] = 1;
		m->key[i] = key;
		m->n++;
	}
	return m->value + i * m->value_size;
}

void *
check_map_next(const struct check_map *m, size_t *at, uint64_t *key)
{
	while (*at < m->room && !m->used[*at])
		++*at;
	if (*at == m->room)
		return NULL;
	*key = m->key[*at];
	return m->value + (*at)++ * m->value_size;
}
