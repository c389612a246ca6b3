#include "smtp/smtp_slots.h"

void
smtp_slots_init(struct smtp_slots *s, uint32_t max)
{
	*s = (struct smtp_slots){
		.max = max, .window = max < SMTP_SLOTS_FIRST ? max : SMTP_SLOTS_FIRST};
}

bool
smtp_slots_is_free(const struct smtp_slots *s)
{
	return s->busy < s->window;
}

void
smtp_slots_take(struct smtp_slots *s)
{
	s->busy++;
}

void
smtp_slots_give(struct smtp_slots *s)
{
	s->busy--;
}

void
smtp_slots_note(struct smtp_slots *s, bool is_failure)
{
	if (is_failure)
		s->window = s->window > 1 ? s->window / 2 : 1;
	else if (s->window < s->max)
		s->window++;
}

uint64_t
smtp_slots_rest_sec(uint32_t tries, uint64_t least_sec, uint64_t most_sec)
{
	uint64_t sec = least_sec;

	for (uint32_t i = 1; i < tries && sec < most_sec; i++)
		sec *= 2;
	return sec < most_sec ? sec : most_sec;
}
