/* clock: the time. Monotonic for waits, wall for stamps. A debug build moves the wall clock by
 * the seconds in the environment's HAIRPIN_CLOCK_OFFSET (tests only). */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Monotonic, from an unknown start. */
uint64_t clock_ms(void);
uint64_t clock_us(void);
/* Seconds of Unix time, UTC. */
uint64_t clock_wall_sec(void);
/* The same in milliseconds. A file's time may be a few of them behind. */
uint64_t clock_wall_ms(void);
/* Reads the offset; called once at start. */
void clock_init(void);
#ifdef HAIRPIN_DEBUG
/* From now on the time is what is said here: for tests that play whole clusters. !on: it is the
 * kernel's again. */
void clock_fake(bool on, uint64_t ms, uint64_t wall_sec);
#endif

#endif
