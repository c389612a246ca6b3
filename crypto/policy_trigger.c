#include "crypto/policy_trigger.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/charset.h"
#include "core/mail_encode.h"
#include "core/mail_header.h"
#include "core/mail_word.h"
#include "core/utf8.h"

/* MATCHES: calls of the matcher to itself, each of which may run over the whole text;
 * HEAP_KIB: what it may remember to come back to. Both are reached within a fifth of a second.
 * NEST: parentheses. */
enum { MATCHES = 20000, DEPTH = 20000, HEAP_KIB = 8192, NEST = 50 };

/* --- patterns --- */

static pcre2_code *
compile(struct slice pattern, int *error, size_t *at)
{
	const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_CASELESS |
				 PCRE2_NEVER_BACKSLASH_C;
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	pcre2_code *code;

	if (!context)
		return NULL;
	pcre2_set_parens_nest_limit(context, NEST);
	code = pcre2_compile(pattern.p, pattern.n, options, error, at, context);
	pcre2_compile_context_free(context);
	return code;
}

/* A pattern that is ready for use. */
struct matcher {
	pcre2_code *code;
	pcre2_match_context *context;
	pcre2_match_data *data;
};

static void
matcher_fini(struct matcher *m)
{
	pcre2_match_data_free(m->data);
	pcre2_match_context_free(m->context);
	pcre2_code_free(m->code);
}

static bool
matcher_init(struct matcher *m, struct slice pattern)
{
	size_t at;
	int error;

	*m = (struct matcher){.code = compile(pattern, &error, &at)};
	m->context = m->code ? pcre2_match_context_create(NULL) : NULL;
	m->data = m->code ? pcre2_match_data_create(1, NULL) : NULL;
	if (!m->context || !m->data) {
		matcher_fini(m);
		return false;
	}
	pcre2_set_match_limit(m->context, MATCHES);
	pcre2_set_depth_limit(m->context, DEPTH);
	pcre2_set_heap_limit(m->context, HEAP_KIB);
	return true;
}

/* Octets [from, to) of the text. */
struct cut {
	size_t from, to;
};

/* text: valid UTF-8; from: where a character begins. */
static enum policy_trigger_found
find_at(const struct matcher *m, struct slice text, size_t from, struct cut *where)
{
	const size_t *vector = pcre2_get_ovector_pointer(m->data);
	int n = pcre2_match(m->code, text.p ? text.p : (const uint8_t *)"", text.n, from,
		PCRE2_NO_UTF_CHECK, m->data, m->context);

	if (n == PCRE2_ERROR_NOMATCH)
		return POLICY_TRIGGER_NO;
	if (n < 0)
		return POLICY_TRIGGER_UNDECIDED;
	*where = (struct cut){vector[0], vector[1] > vector[0] ? vector[1] : vector[0]};
	return POLICY_TRIGGER_YES;
}

/* What is longer than may be searched is undecided, unless it fits in front. */
static enum policy_trigger_found
find(const struct matcher *m, struct slice text, struct cut *where)
{
	struct slice front = slice_cut(text, 0, POLICY_TRIGGER_TEXT_MAX);
	enum policy_trigger_found found;

	while (front.n < text.n && (text.p[front.n] & 0xc0) == 0x80)
		front.n--;
	found = find_at(m, front, 0, where);
	return found == POLICY_TRIGGER_NO && front.n < text.n ? POLICY_TRIGGER_UNDECIDED
							      : found;
}

bool
policy_trigger_check(struct slice pattern, struct buf *why)
{
	uint8_t words[256] = "it can't be compiled";
	struct matcher m;
	struct cut where;
	size_t at = 0;
	int error = 0;
	bool ok;

	if (!pattern.n || pattern.n > POLICY_TRIGGER_PATTERN_MAX || !utf8_is_valid(pattern) ||
		slice_has(pattern, '\n')) {
		buf_printf(why, "a pattern is 1 to %d octets of UTF-8 in one line",
			POLICY_TRIGGER_PATTERN_MAX);
		return false;
	}
	m.code = compile(pattern, &error, &at);
	if (!m.code) {
		pcre2_get_error_message(error, words, sizeof words);
		buf_printf(why, "at its octet %zu: %s; see pcre2pattern(3)", at + 1,
			(const char *)words);
		return false;
	}
	pcre2_code_free(m.code);
	if (!matcher_init(&m, pattern)) {
		buf_put_str(why, "no memory is left");
		return false;
	}
	ok = find_at(&m, SLICE_EMPTY, 0, &where) == POLICY_TRIGGER_NO;
	matcher_fini(&m);
	if (!ok)
		buf_put_str(why, "it fits an empty text, and so every mail; name what has to "
				 "be there, or say mode=must");
	return ok;
}

/* --- the subject, and where it comes from --- */

/* A piece of the field's line, and of the text that it stands for. */
struct piece {
	enum { PLAIN, BAD, WORDS } kind; /* BAD: octets that are no UTF-8, one character */
	struct slice raw;
	size_t at, n; /* in the text */
};
struct subject {
	struct buf line, text, pieces, words;
	struct cut cut[POLICY_TRIGGER_CUTS_MAX];
	size_t cuts;
};

static void
put_piece(struct subject *s, int kind, struct slice raw, struct slice text)
{
	struct piece p = {.raw = raw, .at = s->text.n, .n = text.n};

	p.kind = kind;
	buf_put(&s->pieces, &p, sizeof p);
	buf_put_slice(&s->text, text);
}

/* As mail_word_decode decodes it: U+FFFD for each octet that is no character, and one for a
 * character that is cut off. */
static void
put_plain(struct subject *s, struct slice raw)
{
	size_t good, n;
	uint32_t c;

	while (raw.n) {
		for (good = 0; (n = utf8_get(slice_from(raw, good), &c)) > 0; good += n)
			;
		if (good)
			put_piece(s, PLAIN, slice_cut(raw, 0, good), slice_cut(raw, 0, good));
		raw = slice_from(raw, good);
		if (!raw.n)
			return;
		n = utf8_is_cut(raw) ? raw.n : 1;
		put_piece(s, BAD, slice_cut(raw, 0, n), SLICE_LIT("\xef\xbf\xbd"));
		raw = slice_from(raw, n);
	}
}

static void
read_subject(struct subject *s, struct slice body)
{
	struct mail_word_piece piece;

	*s = (struct subject){.cuts = 0};
	buf_init(&s->line, body.n + 1);
	mail_header_unfold(body, &s->line);
	buf_init(&s->text, 3 * s->line.n + 1);
	buf_init(&s->words, 3 * s->line.n + 1);
	buf_init(&s->pieces, (s->line.n + 1) * sizeof(struct piece));
	for (size_t at = 0; mail_word_next(buf_slice(&s->line), &at, &piece);) {
		if (!piece.is_encoded) {
			put_plain(s, piece.raw);
			continue;
		}
		buf_clear(&s->words);
		mail_word_decode(piece.raw, &s->words);
		put_piece(s, WORDS, piece.raw, buf_slice(&s->words));
	}
}

static void
subject_fini(struct subject *s)
{
	buf_fini(&s->line);
	buf_fini(&s->text);
	buf_fini(&s->pieces);
	buf_fini(&s->words);
}

/* --- what is cut out of it --- */

static bool
is_blank_at(struct slice text, size_t i)
{
	return text.p[i] == ' ' || text.p[i] == '\t';
}

/* One blank less where there would be two, or one at an end. */
static struct cut
tidy(struct slice text, struct cut c)
{
	if (c.from == 0 || is_blank_at(text, c.from - 1))
		while (c.to < text.n && is_blank_at(text, c.to))
			c.to++;
	if (c.to == text.n)
		while (c.from && is_blank_at(text, c.from - 1))
			c.from--;
	return c;
}

static void
add_cut(struct subject *s, struct cut c)
{
	struct cut *last = s->cuts ? &s->cut[s->cuts - 1] : NULL;

	if (last && c.from <= last->to) {
		last->to = c.to > last->to ? c.to : last->to;
	} else {
		last = &s->cut[s->cuts++];
		*last = c;
	}
	*last = tidy(buf_slice(&s->text), *last);
}

/* first: where it was found. What is found behind goes too, as far as that is cheap. */
static void
cut_all(struct subject *s, const struct matcher *m, struct cut first)
{
	struct slice text = slice_cut(buf_slice(&s->text), 0, POLICY_TRIGGER_TEXT_MAX);
	struct cut c = first;

	while (text.n < s->text.n && (s->text.p[text.n] & 0xc0) == 0x80)
		text.n--;
	for (int i = 0; i < POLICY_TRIGGER_CUTS_MAX && c.to > c.from; i++) {
		add_cut(s, c);
		if (find_at(m, text, c.to, &c) != POLICY_TRIGGER_YES)
			break;
	}
}

/* Appends what is left of a piece; from: its octets. */
static void
put_left(const struct subject *s, const struct piece *p, struct slice from, struct buf *out)
{
	size_t at = p->at, end = p->at + p->n;

	for (size_t i = 0; i < s->cuts && at < end; i++) {
		const struct cut *c = &s->cut[i];

		if (c->to <= at || c->from >= end)
			continue;
		if (c->from > at)
			buf_put_slice(out, slice_cut(from, at - p->at, c->from - p->at));
		at = c->to;
	}
	if (at < end)
		buf_put_slice(out, slice_cut(from, at - p->at, end - p->at));
}

static bool
is_touched(const struct subject *s, const struct piece *p)
{
	for (size_t i = 0; i < s->cuts; i++)
		if (s->cut[i].from < p->at + p->n && s->cut[i].to > p->at)
			return true;
	return false;
}

/* --- written anew --- */

/* WORD_TEXT: octets of one encoded word: 60 octets with the 12 around them, which fits behind
 * the field's name. LINE: RFC 2047 section 2: of a line with one. */
enum { WORD_TEXT = 36, LINE = 76, NAME = 8 /* "Subject:" */ };

static size_t
word_size(struct slice utf8)
{
	size_t n = 0, more;
	uint32_t c;

	while ((more = utf8_get(slice_from(utf8, n), &c)) > 0 && n + more <= WORD_TEXT)
		n += more;
	return n;
}

static void
put_words(struct slice utf8, struct buf *out)
{
	struct mail_encode e;
	size_t n;

	for (bool is_first = true; (n = word_size(utf8)) > 0; is_first = false) {
		buf_put_str(out, is_first ? "=?utf-8?B?" : " =?utf-8?B?");
		mail_encode_init(&e, MAIL_ENCODING_BASE64);
		mail_encode_feed(&e, slice_cut(utf8, 0, n), out);
		mail_encode_end(&e, out);
		buf_put_str(out, "?=");
		utf8 = slice_from(utf8, n);
	}
}

struct rewriting {
	const struct subject *s;
	struct buf line, part;
	bool after_words; /* the line ends with encoded words, and blanks behind them */
	bool is_new_last; /* those were written anew */
	size_t words_end; /* where they end */
	bool is_odd;	  /* it would be no good header: all is written anew */
};

static void
rewrite_plain(struct rewriting *w, const struct piece *p)
{
	size_t before = w->line.n;

	if (p->kind == PLAIN)
		put_left(w->s, p, p->raw, &w->line);
	else if (!is_touched(w->s, p))
		buf_put_slice(&w->line, p->raw);
	if (before == w->words_end && w->is_new_last && before < w->line.n)
		w->is_odd |= !is_blank_at(buf_slice(&w->line), before);
	for (size_t i = before; i < w->line.n; i++)
		if (!is_blank_at(buf_slice(&w->line), i))
			w->after_words = false;
}

/* Between two encoded words blanks don't count (RFC 2047 section 6.2): where the plain text
 * between them has gone they go into the second one. */
static void
rewrite_words(struct rewriting *w, const struct piece *p)
{
	struct slice text = slice_cut(buf_slice(&w->s->text), p->at, p->at + p->n);
	bool is_new = is_touched(w->s, p) || w->after_words;

	buf_clear(&w->part);
	if (w->after_words) {
		buf_put_slice(&w->part, slice_from(buf_slice(&w->line), w->words_end));
		w->line.n = w->words_end;
	}
	put_left(w->s, p, text, &w->part);
	if (!w->part.n)
		return;
	if (w->after_words)
		buf_put_u8(&w->line, ' ');
	w->is_odd |= is_new && w->line.n && !is_blank_at(buf_slice(&w->line), w->line.n - 1);
	if (is_new)
		put_words(buf_slice(&w->part), &w->line);
	else
		buf_put_slice(&w->line, p->raw);
	w->after_words = true;
	w->is_new_last = is_new;
	w->words_end = w->line.n;
}

static bool
is_plain(struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < ' ' || text.p[i] > '~')
			return false;
	return slice_find_slice(text, SLICE_LIT("=?")) == text.n;
}

/* Does the line say what it should, and nothing else? What was cut out can have made an encoded
 * word of what was none. */
static bool
says(struct rewriting *w, struct slice wanted)
{
	if (w->is_odd)
		return false;
	buf_clear(&w->part);
	mail_word_decode(buf_slice(&w->line), &w->part);
	return slice_eq(buf_slice(&w->part), wanted);
}

/* Lines break before a blank. */
static void
put_folded(struct slice line, const char *line_end, struct buf *out)
{
	size_t column = NAME, n;

	line = slice_trim(line);
	buf_put_u8(out, ' ');
	for (column++; line.n; line = slice_from(line, n)) {
		for (n = 0; n < line.n && is_blank_at(line, n);)
			n++;
		while (n < line.n && !is_blank_at(line, n))
			n++;
		if (column + n > LINE && is_blank_at(line, 0)) {
			buf_put_str(out, line_end);
			column = 0;
		}
		buf_put_slice(out, slice_cut(line, 0, n));
		column += n;
	}
}

static void
rewrite(const struct subject *s, const char *line_end, struct buf *out)
{
	const struct piece *p = (const struct piece *)(const void *)s->pieces.p;
	struct piece all = {.at = 0, .n = s->text.n};
	struct rewriting w = {.s = s};
	struct buf wanted;
	struct slice left;

	buf_init(&w.line, 4 * (s->text.n + s->line.n) + 64);
	buf_init(&w.part, 4 * (s->text.n + s->line.n) + 64);
	buf_init(&wanted, s->text.n + 1);
	for (size_t i = 0; i < s->pieces.n / sizeof *p; i++)
		if (p[i].kind == WORDS)
			rewrite_words(&w, &p[i]);
		else
			rewrite_plain(&w, &p[i]);
	put_left(s, &all, buf_slice(&s->text), &wanted);
	left = slice_trim(buf_slice(&wanted));
	if (!says(&w, left)) {
		buf_clear(&w.line);
		if (is_plain(left))
			buf_put_slice(&w.line, left);
		else
			put_words(left, &w.line);
	}
	put_folded(buf_slice(&w.line), line_end, out);
	buf_fini(&w.line);
	buf_fini(&w.part);
	buf_fini(&wanted);
}

/* As the body's first one, else as mail has it. */
static const char *
line_end_of(struct slice body)
{
	size_t at = slice_find(body, '\n');

	return at < body.n && (at == 0 || body.p[at - 1] != '\r') ? "\n" : "\r\n";
}

enum policy_trigger_found
policy_trigger_subject(struct slice pattern, struct slice body, struct buf *without)
{
	enum policy_trigger_found found;
	struct subject s;
	struct matcher m;
	struct cut where;

	if (!pattern.n)
		return POLICY_TRIGGER_NO;
	if (!matcher_init(&m, pattern))
		return POLICY_TRIGGER_UNDECIDED;
	read_subject(&s, body);
	found = find(&m, buf_slice(&s.text), &where);
	if (found == POLICY_TRIGGER_YES && without) {
		cut_all(&s, &m, where);
		rewrite(&s, line_end_of(body), without);
	}
	subject_fini(&s);
	matcher_fini(&m);
	return found;
}

/* --- other fields --- */

static bool
split_setting(struct slice setting, struct slice *name, struct slice *pattern)
{
	size_t colon = slice_find(setting, ':');

	*name = slice_trim(slice_cut(setting, 0, colon));
	*pattern = slice_trim(slice_from(setting, colon + 1));
	if (!name->n || name->n > POLICY_TRIGGER_NAME_MAX || !pattern->n)
		return false;
	for (size_t i = 0; i < name->n; i++)
		if (name->p[i] <= ' ' || name->p[i] > '~')
			return false;
	return true;
}

bool
policy_trigger_check_field(struct slice setting, struct buf *why)
{
	struct slice name, pattern;

	if (split_setting(setting, &name, &pattern))
		return policy_trigger_check(pattern, why);
	buf_put_str(why, "expected a field's name, a colon and a pattern, like Sensitivity: "
			 "confidential");
	return false;
}

static enum policy_trigger_found
find_in_field(const struct matcher *m, const struct mail_field *f)
{
	enum policy_trigger_found found;
	struct cut where;
	struct buf text;

	buf_init(&text, 3 * f->body.n + 1);
	mail_word_decode(f->body, &text);
	found = find(m, buf_slice(&text), &where);
	buf_fini(&text);
	return found;
}

enum policy_trigger_found
policy_trigger_header(struct slice setting, struct slice header)
{
	enum policy_trigger_found found = POLICY_TRIGGER_NO;
	struct slice name, pattern;
	struct mail_header h;
	struct mail_field f;
	struct matcher m;
	size_t n = 0;

	if (!setting.n)
		return POLICY_TRIGGER_NO;
	if (!split_setting(setting, &name, &pattern) || !matcher_init(&m, pattern))
		return POLICY_TRIGGER_UNDECIDED;
	mail_header_begin(&h, header);
	while (found == POLICY_TRIGGER_NO && mail_header_next(&h, &f)) {
		if (!slice_eq_nocase(f.name, name))
			continue;
		found = n++ < POLICY_TRIGGER_FIELDS_MAX ? find_in_field(&m, &f)
							: POLICY_TRIGGER_UNDECIDED;
	}
	matcher_fini(&m);
	return found;
}
