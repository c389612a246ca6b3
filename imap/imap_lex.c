#include "imap/imap_lex.h"

#include "core/must.h"

/* Below this size the buffer of a command stays for the next one. */
enum { KEEP_ROOM = 512 };

void
imap_lex_init(struct imap_lex *l, size_t cap)
{
	*l = (struct imap_lex){.phase = IMAP_LEX_IN_LINE};
	buf_init(&l->text, cap);
}

void
imap_lex_fini(struct imap_lex *l)
{
	buf_fini_secret(&l->text);
}

void
imap_lex_cap(struct imap_lex *l, size_t cap)
{
	l->text.cap = cap;
}

void
imap_lex_next(struct imap_lex *l, bool is_raw_line)
{
	size_t cap = l->text.cap;

	/* A LOGIN line holds a password. */
	if (l->text.p)
		explicit_bzero(l->text.p, l->text.n);
	if (l->text.room > KEEP_ROOM)
		buf_fini(&l->text);
	else
		buf_clear(&l->text);
	l->text.cap = cap;
	l->line_at = 0;
	l->phase = IMAP_LEX_IN_LINE;
	l->is_refused = l->is_too_long = false;
	l->is_raw_line = is_raw_line;
	l->n_tail = 0;
}

static struct slice
take(struct slice *in, uint64_t n)
{
	struct slice got = n < in->n ? slice_cut(*in, 0, (size_t)n) : *in;

	*in = slice_from(*in, got.n);
	return got;
}

static void
tail_put(struct imap_lex *l, struct slice s)
{
	size_t keep;

	if (s.n > IMAP_LEX_TAIL)
		s = slice_from(s, s.n - IMAP_LEX_TAIL);
	keep = (size_t)IMAP_LEX_TAIL - s.n;
	if (keep > l->n_tail)
		keep = l->n_tail;
	memmove(l->tail, l->tail + (l->n_tail - keep), keep);
	if (s.n)
		memcpy(l->tail + keep, s.p, s.n);
	l->n_tail = (uint8_t)(keep + s.n);
}

/* Of text that passes the cap only its beginning (for the tag) and the end of
 * the line in hand (it may announce a literal) are still of use. */
static void
line_put(struct imap_lex *l, struct slice s)
{
	if (!l->is_too_long && s.n <= l->text.cap - l->text.n) {
		must(buf_put_slice(&l->text, s));
		return;
	}
	if (!l->is_too_long) {
		l->is_too_long = true;
		tail_put(l, slice_from(buf_slice(&l->text), l->line_at));
		if (l->text.n < IMAP_LEX_HEAD)
			buf_put_slice(&l->text, slice_cut(s, 0, IMAP_LEX_HEAD - l->text.n));
		else
			l->text.n = IMAP_LEX_HEAD;
	}
	tail_put(l, s);
}

static bool
is_quote_open(struct slice line)
{
	bool is_open = false;

	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] == '\\' && is_open)
			i++;
		else if (line.p[i] == '"')
			is_open = !is_open;
	}
	return is_open;
}

/* The announcement stands at the line's end: [~]{n[+]}. */
static bool
announces(struct imap_lex *l, struct slice line, bool *is_lost)
{
	size_t at;

	while (line.n && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
		line.n--;
	if (line.n < 3 || line.p[line.n - 1] != '}')
		return false;
	line.n--;
	l->literal_sync = line.p[line.n - 1] != '+';
	if (!l->literal_sync)
		line.n--;
	for (at = line.n; at && line.p[at - 1] >= '0' && line.p[at - 1] <= '9'; at--)
		;
	/* More digits than the tail of an overlong line keeps are a number too. */
	if (l->is_too_long && at == 0 && line.n > 20) {
		l->literal_size = UINT64_MAX / 2;
		*is_lost = !l->literal_sync;
		return true;
	}
	if (at == line.n || at == 0 || line.p[at - 1] != '{')
		return false;
	if (!l->is_too_long && is_quote_open(slice_cut(line, 0, at)))
		return false;
	l->literal_binary = at > 1 && line.p[at - 2] == '~';
	if (!slice_u64(slice_from(line, at), UINT64_MAX / 2, &l->literal_size)) {
		/* Nobody sends 2^63 octets: refused if the client waits, lost if not. */
		l->literal_size = UINT64_MAX / 2;
		*is_lost = !l->literal_sync;
	}
	return true;
}

static enum imap_lex_event
end_event(const struct imap_lex *l)
{
	if (l->is_too_long)
		return IMAP_LEX_TOO_LONG;
	return l->is_refused ? IMAP_LEX_REFUSED : IMAP_LEX_COMMAND;
}

static enum imap_lex_event
skip_literal(struct imap_lex *l)
{
	if (l->left > IMAP_LEX_SKIP_MAX) {
		l->phase = IMAP_LEX_IS_LOST;
		return IMAP_LEX_LOST;
	}
	l->phase = IMAP_LEX_IN_SKIP;
	return IMAP_LEX_MORE;
}

/* MORE: go on with the next octets. */
static enum imap_lex_event
line_end(struct imap_lex *l)
{
	struct slice line = slice_from(buf_slice(&l->text), l->line_at);
	bool is_lost = false;

	if (l->is_too_long)
		line = slice_of(l->tail, l->n_tail);
	if (l->is_raw_line || !announces(l, line, &is_lost)) {
		l->phase = IMAP_LEX_AT_END;
		return end_event(l);
	}
	l->left = l->literal_size;
	l->line_at = l->text.n;
	l->n_tail = 0;
	if (is_lost) {
		l->phase = IMAP_LEX_IS_LOST;
		return IMAP_LEX_LOST;
	}
	if (!l->is_too_long && !l->is_refused) {
		l->phase = IMAP_LEX_IN_CHOICE;
		return IMAP_LEX_LITERAL;
	}
	/* The command is refused already. A client that waits for our "+" gets the
	 * tagged answer instead, and sends no more of it. */
	if (l->literal_sync) {
		l->phase = IMAP_LEX_AT_END;
		return end_event(l);
	}
	return skip_literal(l);
}

static enum imap_lex_event
step_line(struct imap_lex *l, struct slice *in)
{
	size_t at = slice_find(*in, '\n');

	if (at == in->n) {
		line_put(l, take(in, in->n));
		return IMAP_LEX_MORE;
	}
	line_put(l, take(in, at + 1));
	return line_end(l);
}

static enum imap_lex_event
step_octets(struct imap_lex *l, struct slice *in, struct slice *data)
{
	enum imap_lex_phase phase = l->phase;
	struct slice got = take(in, l->left);

	l->left -= got.n;
	if (phase == IMAP_LEX_IN_KEEP)
		must(buf_put_slice(&l->text, got));
	if (phase == IMAP_LEX_IN_STREAM && got.n) {
		*data = got;
		return IMAP_LEX_DATA;
	}
	if (l->left)
		return IMAP_LEX_MORE;
	l->line_at = l->text.n;
	l->n_tail = 0;
	l->phase = IMAP_LEX_IN_LINE;
	return phase == IMAP_LEX_IN_STREAM ? IMAP_LEX_DATA_END : IMAP_LEX_MORE;
}

enum imap_lex_event
imap_lex_step(struct imap_lex *l, struct slice *in, struct slice *data)
{
	enum imap_lex_event event = IMAP_LEX_MORE;

	while (event == IMAP_LEX_MORE) {
		switch (l->phase) {
		case IMAP_LEX_IS_LOST:
			return IMAP_LEX_LOST;
		case IMAP_LEX_AT_END:
			return end_event(l);
		case IMAP_LEX_IN_CHOICE:
			return IMAP_LEX_LITERAL;
		case IMAP_LEX_IN_LINE:
			if (in->n == 0)
				return IMAP_LEX_MORE;
			event = step_line(l, in);
			break;
		case IMAP_LEX_IN_KEEP:
		case IMAP_LEX_IN_STREAM:
		case IMAP_LEX_IN_SKIP:
			if (in->n == 0 && l->left)
				return IMAP_LEX_MORE;
			event = step_octets(l, in, data);
			break;
		}
	}
	return event;
}

bool
imap_lex_keep(struct imap_lex *l)
{
	must(l->phase == IMAP_LEX_IN_CHOICE);
	/* Two octets for the line end that has to follow. */
	if (l->text.cap - l->text.n < 2 || l->left > l->text.cap - l->text.n - 2)
		return false;
	l->phase = IMAP_LEX_IN_KEEP;
	return true;
}

void
imap_lex_stream(struct imap_lex *l)
{
	must(l->phase == IMAP_LEX_IN_CHOICE);
	l->phase = IMAP_LEX_IN_STREAM;
}

void
imap_lex_drop(struct imap_lex *l)
{
	l->is_refused = true;
	if (l->phase == IMAP_LEX_IN_STREAM)
		skip_literal(l);
}

bool
imap_lex_refuse(struct imap_lex *l)
{
	must(l->phase == IMAP_LEX_IN_CHOICE);
	l->is_refused = true;
	if (l->literal_sync) {
		l->phase = IMAP_LEX_AT_END;
		return true;
	}
	skip_literal(l);
	return false;
}
