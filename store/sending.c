#include "store/sending.h"

#include "store/schema.h"

bool
sending_read(struct slice row, struct sending *s)
{
	if (row.n != SENDING_ROW)
		return false;
	s->hour = schema_get_u32(row.p);
	for (size_t i = 0; i < SENDING_HOURS; i++)
		s->n[i] = schema_get_u32(row.p + 4 + 4 * i);
	return true;
}

struct slice
sending_write(const struct sending *s, uint8_t row[SENDING_ROW])
{
	schema_set_u32(row, s->hour);
	for (size_t i = 0; i < SENDING_HOURS; i++)
		schema_set_u32(row + 4 + 4 * i, s->n[i]);
	return slice_of(row, SENDING_ROW);
}

void
sending_move(struct sending *s, uint64_t now_sec)
{
	uint32_t hour = (uint32_t)(now_sec / SENDING_HOUR_SEC);
	struct sending moved = {.hour = hour};

	if (hour <= s->hour)
		return;
	for (uint32_t i = hour - s->hour; i < SENDING_HOURS; i++)
		moved.n[i] = s->n[i - (hour - s->hour)];
	*s = moved;
}

void
sending_add(struct sending *s, uint32_t n)
{
	if (__builtin_add_overflow(s->n[0], n, &s->n[0]))
		s->n[0] = UINT32_MAX;
}

uint64_t
sending_day(const struct sending *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < SENDING_HOURS; i++)
		sum += s->n[i];
	return sum;
}

/* When n fit into the day: the oldest hours leave it one by one. */
static uint64_t
day_again_sec(const struct sending *s, uint32_t per_day, uint32_t n)
{
	uint64_t sum = sending_day(s);

	for (uint32_t i = SENDING_HOURS; i-- && n <= per_day;) {
		sum -= s->n[i];
		if (sum + n <= per_day)
			return ((uint64_t)s->hour + SENDING_HOURS - i) * SENDING_HOUR_SEC;
	}
	return 0;
}

enum sending_verdict
sending_check(const struct sending *s, const struct sending_limits *l, uint32_t n,
	uint64_t *again_sec)
{
	bool hour_full = l->per_hour && (uint64_t)s->n[0] + n > l->per_hour;
	bool day_full = l->per_day && sending_day(s) + n > l->per_day;

	*again_sec = 0;
	if (!hour_full && !day_full)
		return SENDING_FITS;
	if (hour_full && n > l->per_hour)
		return SENDING_HOUR_FULL;
	if (day_full) {
		*again_sec = day_again_sec(s, l->per_day, n);
		return SENDING_DAY_FULL;
	}
	*again_sec = ((uint64_t)s->hour + 1) * SENDING_HOUR_SEC;
	return SENDING_HOUR_FULL;
}
