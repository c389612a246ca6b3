/* smtp_slots: how many connections a next hop gets at a time: few at first, one more with each
 * success, half as many after a failure of the hop; and how long it rests after failures, in a
 * row, twice as long each time. Pure. */
#ifndef SMTP_SLOTS_H
#define SMTP_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

enum { SMTP_SLOTS_FIRST = 5 };

struct smtp_slots {
	uint32_t max, window, busy;
};
/* max: at least 1. */
void smtp_slots_init(struct smtp_slots *s, uint32_t max);
bool smtp_slots_is_free(const struct smtp_slots *s);
/* One is taken; whether it is free is the caller's to ask, who may go beyond. */
void smtp_slots_take(struct smtp_slots *s);
void smtp_slots_give(struct smtp_slots *s);
/* What the hop did with a connection or a mail. */
void smtp_slots_note(struct smtp_slots *s, bool is_failure);

/* How long to wait after so many tries that failed (1: the first one): least_sec, doubled with
 * each further one, at most most_sec. */
uint64_t smtp_slots_rest_sec(uint32_t tries, uint64_t least_sec, uint64_t most_sec);

#endif
