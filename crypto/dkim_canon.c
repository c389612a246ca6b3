#include "crypto/dkim_canon.h"

/* LINE: at the beginning of a line of the header, behind a field; FIRST: with none before.
 * SKIP: a field that isn't wanted, or no field. VALUE: one that is kept. */
enum { FIRST, LINE, NAME, NAME_SPACE, SKIP, SKIPPED, VALUE };

void
dkim_canon_init(struct dkim_canon *c, const char *const *names, size_t n, struct text_sink body)
{
	memset(c, 0, sizeof *c);
	buf_init(&c->kept, DKIM_CANON_KEPT_MAX);
	c->names = names;
	c->n_names = n;
	c->body = body;
	c->state = FIRST;
}

void
dkim_canon_fini(struct dkim_canon *c)
{
	buf_fini(&c->kept);
}

static void
fail(struct dkim_canon *c, enum err e)
{
	if (!c->e)
		c->e = e;
}

/* --- the body --- */

static void
drain(struct dkim_canon *c)
{
	enum err e = c->body.put(c->body.arg, slice_of(c->room, c->room_n));

	if (e)
		fail(c, e);
	c->room_n = 0;
}

static void
put(struct dkim_canon *c, struct slice s)
{
	while (s.n) {
		size_t room = sizeof c->room - c->room_n, n = s.n < room ? s.n : room;

		memcpy(c->room + c->room_n, s.p, n);
		c->room_n += n;
		s = slice_from(s, n);
		if (c->room_n == sizeof c->room)
			drain(c);
	}
}

/* Octets of a line that are neither white space nor its end. */
static void
put_body(struct dkim_canon *c, struct slice run)
{
	/* "Ignore all empty lines at the end": so they wait for what follows them. */
	for (; c->line_ends; c->line_ends--)
		put(c, SLICE_LIT("\r\n"));
	if (c->has_space)
		put(c, SLICE_LIT(" "));
	c->has_space = false;
	c->has_octets = true;
	put(c, run);
}

/* --- the header --- */

static void
end_name(struct dkim_canon *c)
{
	struct slice name = slice_of(c->name, c->name_n);

	c->state = SKIP;
	for (uint32_t i = 0; i < c->n_names; i++) {
		if (!slice_eq_nocase(name, slice_str(c->names[i])))
			continue;
		if (c->fields == DKIM_CANON_FIELDS_MAX) {
			fail(c, ERR_LIMIT);
			return;
		}
		c->field[c->fields++] = (struct dkim_canon_field){i, c->kept.n, 0};
		c->state = VALUE;
		c->has_space = false;
		return;
	}
}

static void
put_value(struct dkim_canon *c, struct slice run)
{
	struct dkim_canon_field *f = &c->field[c->fields - 1];

	if (c->has_space && f->n)
		buf_put_u8(&c->kept, ' ');
	c->has_space = false;
	if (!buf_put_slice(&c->kept, run))
		fail(c, ERR_LIMIT);
	f->n = c->kept.n - f->at;
}

/* Of a run the first octet that isn't a name's ends it, or makes it no field. */
static size_t
take_name(struct dkim_canon *c, struct slice run)
{
	size_t i = 0;

	for (; i < run.n; i++) {
		if (run.p[i] == ':') {
			end_name(c);
			return i + 1;
		}
		/* RFC 5322 section 4.5 lets white space stand before the colon only. */
		if (c->state == NAME_SPACE || c->name_n == sizeof c->name) {
			c->state = SKIP;
			break;
		}
		c->name[c->name_n++] = run.p[i];
	}
	return i;
}

static void
put_header(struct dkim_canon *c, struct slice run)
{
	if (c->state == FIRST || c->state == LINE || c->state == SKIPPED) {
		c->state = NAME;
		c->name_n = 0;
	}
	if (c->state == NAME || c->state == NAME_SPACE)
		run = slice_from(run, take_name(c, run));
	if (c->state == VALUE && run.n)
		put_value(c, run);
}

static void
take_space(struct dkim_canon *c)
{
	if (c->in_body || c->state == VALUE) {
		c->has_space = true;
		return;
	}
	/* RFC 5322 section 2.2.3: the field goes on. */
	if (c->state == LINE) {
		c->state = VALUE;
		c->has_space = true;
	} else if (c->state == FIRST || c->state == SKIPPED) {
		c->state = SKIP;
	} else if (c->state == NAME) {
		c->state = NAME_SPACE;
	}
}

static void
end_line(struct dkim_canon *c)
{
	if (c->in_body) {
		c->has_space = false;
		c->line_ends++;
		return;
	}
	if (c->state == FIRST || c->state == LINE || c->state == SKIPPED) {
		c->in_body = true;
		c->has_space = false;
		return;
	}
	c->state = c->state == VALUE ? LINE : SKIPPED;
}

/* --- both --- */

static bool
is_plain(uint8_t c)
{
	return c != '\r' && c != '\n' && c != ' ' && c != '\t';
}

static void
take_stop(struct dkim_canon *c, uint8_t octet)
{
	if (octet == '\r') {
		end_line(c);
		c->after_cr = true;
		return;
	}
	if (octet == '\n' && !c->after_cr)
		end_line(c);
	else if (octet != '\n')
		take_space(c);
	c->after_cr = false;
}

void
dkim_canon_feed(struct dkim_canon *c, struct slice piece)
{
	for (size_t at = 0, to; at < piece.n; at = to) {
		for (to = at; to < piece.n && is_plain(piece.p[to]); to++)
			;
		if (to == at) {
			take_stop(c, piece.p[to++]);
			continue;
		}
		c->after_cr = false;
		if (c->in_body)
			put_body(c, slice_cut(piece, at, to));
		else
			put_header(c, slice_cut(piece, at, to));
	}
}

enum err
dkim_canon_finish(struct dkim_canon *c)
{
	/* "If the body is non-empty but does not end with a CRLF, a CRLF is added." */
	if (c->has_octets)
		put(c, SLICE_LIT("\r\n"));
	if (c->room_n)
		drain(c);
	c->in_body = true;
	return c->e;
}
