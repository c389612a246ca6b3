#include "smtp/smtp_data.h"

enum { AT_LINE, IN_LINE, AFTER_CR, AFTER_DOT, AFTER_DOT_CR };

void
smtp_data_init(struct smtp_data *d)
{
	d->state = AT_LINE;
	d->flaws = 0;
}

/* The octets before the next LF, none of which is an LF. */
static void
look_in_line(struct smtp_data *d, struct slice s)
{
	size_t cr = slice_find(s, '\r');

	if (slice_has(s, '\0'))
		d->flaws |= SMTP_FLAW_NUL;
	if (cr + 1 < s.n)
		d->flaws |= SMTP_FLAW_CR;
	d->state = s.p[s.n - 1] == '\r' ? AFTER_CR : IN_LINE;
}

/* Takes up to and with the next LF in a line's middle; state IN_LINE or AFTER_CR. */
static size_t
take_line(struct smtp_data *d, struct slice in)
{
	size_t lf = slice_find(in, '\n');

	if (lf > 0) {
		if (d->state == AFTER_CR)
			d->flaws |= SMTP_FLAW_CR;
		look_in_line(d, slice_cut(in, 0, lf));
	}
	if (lf == in.n)
		return lf;
	if (d->state != AFTER_CR) {
		/* the line goes on: a bare LF starts no line */
		d->flaws |= SMTP_FLAW_LF;
		d->state = IN_LINE;
	} else {
		d->state = AT_LINE;
	}
	return lf + 1;
}

size_t
smtp_data_feed(struct smtp_data *d, struct slice in, struct slice *span, bool *is_end)
{
	size_t i = 0, from = 0;

	*is_end = false;
	*span = SLICE_EMPTY;
	while (i < in.n) {
		if (d->state == AT_LINE && in.p[i] == '.') {
			/* RFC 5321 4.5.2: the first dot of a line is never the message's */
			d->state = AFTER_DOT;
			*span = slice_cut(in, from, i);
			return i + 1;
		}
		if (d->state == AFTER_DOT && in.p[i] == '\r') {
			d->state = AFTER_DOT_CR;
			from = ++i;
			continue;
		}
		if (d->state == AFTER_DOT_CR && in.p[i] == '\n') {
			d->state = AT_LINE;
			*is_end = true;
			return i + 1;
		}
		if (d->state == AFTER_DOT_CR)
			d->state = AFTER_CR;
		else if (d->state == AT_LINE || d->state == AFTER_DOT)
			d->state = IN_LINE;
		i += take_line(d, slice_from(in, i));
	}
	*span = slice_from(in, from);
	return in.n;
}

void
smtp_data_look(struct smtp_data *d, struct slice in)
{
	while (in.n) {
		if (d->state == AT_LINE)
			d->state = IN_LINE;
		in = slice_from(in, take_line(d, in));
	}
}

bool
smtp_data_finish(struct smtp_data *d)
{
	if (d->state == AFTER_CR)
		d->flaws |= SMTP_FLAW_CR;
	return d->state != AT_LINE;
}
