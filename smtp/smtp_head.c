#include "smtp/smtp_head.h"

#include "core/utf8.h"

enum { AT_LINE, IN_NAME, IN_VALUE, MAYBE_END };
enum { FIELD_OTHER, FIELD_RECEIVED, FIELD_MESSAGE_ID, FIELD_DATE };

void
smtp_head_init(struct smtp_head *h)
{
	memset(h, 0, sizeof *h);
}

static bool
name_is(const struct smtp_head *h, struct slice name)
{
	struct slice got = slice_trim(slice_of(h->name, h->name_n));

	return slice_eq(got, name);
}

static void
begin_value(struct smtp_head *h)
{
	h->state = IN_VALUE;
	h->field = FIELD_OTHER;
	if (name_is(h, SLICE_LIT("received"))) {
		h->field = FIELD_RECEIVED;
		h->received++;
	} else if (name_is(h, SLICE_LIT("message-id"))) {
		h->field = FIELD_MESSAGE_ID;
		h->message_ids++;
	} else if (name_is(h, SLICE_LIT("date"))) {
		h->field = FIELD_DATE;
		h->dates++;
	}
}

static void
name_octet(struct smtp_head *h, uint8_t c)
{
	if (c == ':') {
		begin_value(h);
	} else if (c == '\n') {
		h->is_over = true; /* no field: what follows is text */
	} else if (h->name_n < SMTP_HEAD_NAME_MAX) {
		h->name[h->name_n++] = slice_lower(c);
	} else {
		h->name[0] = '\0'; /* longer than all that we know */
	}
}

static void
value_octet(struct smtp_head *h, uint8_t c)
{
	if (c == '\n') {
		h->state = AT_LINE;
		return;
	}
	if (h->field != FIELD_MESSAGE_ID || h->message_ids > 1 || c == '\r')
		return;
	if (c == '\t')
		c = ' ';
	if (h->id_n == 0 && c == ' ')
		return;
	if (h->id_n < SMTP_HEAD_ID_MAX)
		h->id[h->id_n++] = c;
	else if (c != ' ')
		h->id_overflow = true;
}

static void
line_start(struct smtp_head *h, uint8_t c)
{
	if (c == ' ' || c == '\t') {
		h->state = IN_VALUE; /* folded: the same field goes on */
		value_octet(h, c);
	} else if (c == '\r') {
		h->state = MAYBE_END;
	} else {
		h->state = IN_NAME;
		h->name_n = 0;
		name_octet(h, c);
	}
}

void
smtp_head_feed(struct smtp_head *h, struct slice in)
{
	size_t i = 0;

	for (; i < in.n && !h->is_over; i++) {
		if (h->state == IN_VALUE && h->field != FIELD_MESSAGE_ID)
			i += slice_find(slice_from(in, i), '\n');
		if (i == in.n)
			break;
		if (h->state == IN_VALUE)
			value_octet(h, in.p[i]);
		else if (h->state == IN_NAME)
			name_octet(h, in.p[i]);
		else if (h->state == AT_LINE)
			line_start(h, in.p[i]);
		else
			h->is_over = true;
	}
	if (!h->is_8bit)
		h->is_8bit = !utf8_is_ascii(slice_cut(in, 0, i));
}

struct slice
smtp_head_message_id(const struct smtp_head *h)
{
	if (h->message_ids != 1 || h->id_overflow)
		return SLICE_EMPTY;
	return slice_trim(slice_of(h->id, h->id_n));
}
