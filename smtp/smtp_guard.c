#include "smtp/smtp_guard.h"

enum { AT_LINE, IN_NAME, IN_TEXT, IN_STRIPPED, AFTER_STRIPPED, MAYBE_END };

void
smtp_guard_put_mark(bool is_inward, struct buf *out)
{
	buf_printf(out, SMTP_GUARD_MARK ": %s\r\n", is_inward ? "in" : "out");
}

void
smtp_guard_init(struct smtp_guard *g, unsigned strips)
{
	*g = (struct smtp_guard){.strips = strips, .state = AT_LINE};
	seal_hasher_init(&g->hasher, NULL);
}

static bool
name_is(const struct smtp_guard *g, const char *name)
{
	/* RFC 5322 4.5: of old there may be blanks before the colon. */
	return slice_eq_nocase(slice_trim(slice_of(g->held, g->held_n)), slice_str(name));
}

static void
release(struct smtp_guard *g, struct buf *out)
{
	buf_put(out, g->held, g->held_n);
	g->held_n = 0;
}

/* The name is whole. */
static void
decide(struct smtp_guard *g, struct buf *out)
{
	bool is_field = name_is(g, SMTP_GUARD_FIELD);
	unsigned strip = is_field		       ? SMTP_GUARD_STRIP_FIELD
			 : name_is(g, SMTP_GUARD_MARK) ? SMTP_GUARD_STRIP_MARK
						       : 0;

	g->is_guard = is_field && g->fields == 0;
	g->fields += is_field;
	if (strip & g->strips) {
		g->held_n = 0;
		g->state = IN_STRIPPED;
		return;
	}
	release(g, out);
	buf_put_u8(out, ':');
	g->state = IN_TEXT;
}

static void
name_octet(struct smtp_guard *g, uint8_t c, struct buf *out)
{
	if (c == ':') {
		decide(g, out);
	} else if (c == '\n' || g->held_n == SMTP_GUARD_NAME_MAX) {
		/* no name that is of interest here, or none at all */
		release(g, out);
		buf_put_u8(out, c);
		g->state = c == '\n' ? AT_LINE : IN_TEXT;
		g->is_guard = false;
	} else {
		g->held[g->held_n++] = c;
	}
}

static void
line_start(struct smtp_guard *g, uint8_t c, struct buf *out)
{
	if (c == ' ' || c == '\t') {
		buf_put_u8(out, c);
		g->state = IN_TEXT;
	} else if (c == '\r') {
		buf_put_u8(out, c);
		g->state = MAYBE_END;
	} else {
		g->state = IN_NAME;
		name_octet(g, c, out);
	}
}

static void
keep(struct smtp_guard *g, uint8_t c)
{
	if (!g->is_guard || c == '\r' || c == '\n' || g->value_n > SMTP_GUARD_VALUE_MAX)
		return;
	if (g->value_n == 0 && (c == ' ' || c == '\t'))
		return;
	if (g->value_n < SMTP_GUARD_VALUE_MAX)
		g->value[g->value_n] = c;
	g->value_n++;
}

static void
octet(struct smtp_guard *g, uint8_t c, struct buf *out)
{
	if (g->state == AFTER_STRIPPED) {
		g->state = c == ' ' || c == '\t' ? IN_STRIPPED : AT_LINE;
		g->is_guard &= g->state == IN_STRIPPED;
	}
	switch (g->state) {
	case AT_LINE:
		line_start(g, c, out);
		break;
	case IN_NAME:
		name_octet(g, c, out);
		break;
	case IN_STRIPPED:
		keep(g, c);
		g->state = c == '\n' ? AFTER_STRIPPED : IN_STRIPPED;
		break;
	case MAYBE_END:
		buf_put_u8(out, c);
		g->is_over = c == '\n';
		g->state = IN_TEXT;
		break;
	default:
		buf_put_u8(out, c);
		g->state = c == '\n' ? AT_LINE : IN_TEXT;
		break;
	}
}

size_t
smtp_guard_feed(struct smtp_guard *g, struct slice in, struct buf *out)
{
	size_t used = 0;

	while (used < in.n && !g->is_over) {
		/* Text that stays is copied line by line. */
		if (g->state == IN_TEXT) {
			struct slice rest = slice_from(in, used);
			size_t n = slice_find(rest, '\n');

			buf_put_slice(out, slice_cut(rest, 0, n));
			used += n;
			if (n == rest.n)
				break;
		}
		octet(g, in.p[used++], out);
	}
	seal_hasher_add(&g->hasher, slice_from(in, used));
	return used;
}

struct slice
smtp_guard_value(const struct smtp_guard *g)
{
	return g->value_n > SMTP_GUARD_VALUE_MAX ? SLICE_EMPTY
						 : slice_trim(slice_of(g->value, g->value_n));
}

void
smtp_guard_body_hash(struct smtp_guard *g, uint8_t hash[SEAL_HASH])
{
	seal_hasher_done(&g->hasher, hash);
}
