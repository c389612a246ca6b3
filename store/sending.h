/* sending: how many recipients an account sent to, hour by hour, and whether more may follow:
 * the value of table sent. An hour is one of the clock (UTC), a day is that hour and the 23
 * before it. Pure. */
#ifndef STORE_SENDING_H
#define STORE_SENDING_H

#include "core/slice.h"

/* LIMIT_MAX: what an administrator may say; 0 is no limit. */
enum {
	SENDING_HOURS = 24,
	SENDING_HOUR_SEC = 3600,
	SENDING_ROW = 4 + 4 * SENDING_HOURS,
	SENDING_LIMIT_MAX = 1000000000
};

struct sending {
	uint32_t hour;		   /* since 1970 */
	uint32_t n[SENDING_HOURS]; /* recipients: in that hour, in the one before, ... */
};
/* 0: none. */
struct sending_limits {
	uint32_t per_hour, per_day;
};
/* An account's own limit, as its record has it (0: nothing, else limit + 1), or the usual. */
static inline uint32_t
sending_limit(uint32_t own, uint32_t usual)
{
	return own ? own - 1 : usual;
}
enum sending_verdict { SENDING_FITS, SENDING_HOUR_FULL, SENDING_DAY_FULL };

/* False: damaged. */
bool sending_read(struct slice row, struct sending *s);
struct slice sending_write(const struct sending *s, uint8_t row[SENDING_ROW]);
/* To the hour of now_sec; what is older than its day is forgotten. An hour that is over
 * already doesn't come back: then nothing changes. */
void sending_move(struct sending *s, uint64_t now_sec);
void sending_add(struct sending *s, uint32_t n);
uint64_t sending_day(const struct sending *s);
/* May n more follow? Else the limit that stays in the way the longest, and *again_sec is when
 * they may, if nothing else is sent; 0: never, as they are more than the limit. */
enum sending_verdict sending_check(const struct sending *s, const struct sending_limits *l,
	uint32_t n, uint64_t *again_sec);

#endif
