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

uint64_t
clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t
clock_ms(void)
{
	return clock_us() / 1000;
}

uint64_t
clock_wall_sec(void)
{
	return (uint64_t)(time(NULL) + offset_sec);
}
