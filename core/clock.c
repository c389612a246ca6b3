#include "core/clock.h"

#include <stdlib.h>
#include <time.h>

static int64_t offset_sec;

void
clock_init(void)
{
#ifdef HAIRPIN_DEBUG
	const char *s = getenv("HAIRPIN_CLOCK_OFFSET");

	offset_sec = s ? atoll(s) : 0;
#endif
}

#ifdef HAIRPIN_DEBUG
static struct {
	bool on;
	uint64_t ms, wall_sec;
} fake;

void
clock_fake(bool on, uint64_t ms, uint64_t wall_sec)
{
	fake.on = on;
	fake.ms = ms;
	fake.wall_sec = wall_sec;
}
#endif

uint64_t
clock_us(void)
{
	struct timespec t;

#ifdef HAIRPIN_DEBUG
	if (fake.on)
		return fake.ms * 1000;
#endif
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t
clock_ms(void)
{
	return clock_us() / 1000;
}

/* Not time(): its second begins some milliseconds late, so what another program has just signed
 * would be from the future. */
static struct timespec
wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += offset_sec;
	return t;
}

uint64_t
clock_wall_sec(void)
{
#ifdef HAIRPIN_DEBUG
	if (fake.on)
		return fake.wall_sec;
#endif
	return (uint64_t)wall().tv_sec;
}

uint64_t
clock_wall_ms(void)
{
	struct timespec t;

#ifdef HAIRPIN_DEBUG
	if (fake.on)
		return fake.wall_sec * 1000;
#endif
	t = wall();
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}
