#include "imap/imap_search.h"

#include "core/must.h"
#include "imap/imap_utf7.h"

enum arg {
	ARG_NONE,
	ARG_TEXT,
	ARG_FIELD,
	ARG_FIELD_TEXT,
	ARG_KEYWORD,
	ARG_NUMBER,
	ARG_DATE,
	ARG_SENT,
	ARG_UID,
	ARG_MODSEQ
};

struct word {
	const char *name;
	enum imap_search_op op;
	enum arg arg;
	uint8_t flag;
	bool is_not;
};

/* Longer words before their beginnings don't matter: words are compared whole. */
static const struct word WORDS[] = {
	{"ALL", IMAP_SEARCH_TRUE, ARG_NONE, 0, false},
	{"OLD", IMAP_SEARCH_TRUE, ARG_NONE, 0, false},
	{"NEW", IMAP_SEARCH_FALSE, ARG_NONE, 0, false},
	{"RECENT", IMAP_SEARCH_FALSE, ARG_NONE, 0, false},
	{"SEEN", IMAP_SEARCH_FLAGS, ARG_NONE, IMAP_SEEN, false},
	{"UNSEEN", IMAP_SEARCH_FLAGS, ARG_NONE, IMAP_SEEN, true},
	{"ANSWERED", IMAP_SEARCH_FLAGS, ARG_NONE, IMAP_ANSWERED, false},
	{"UNANSWERED", IMAP_SEARCH_FLAGS, ARG_NONE, IMAP_ANSWERED, true},
	{"FLAGGED", IMAP_SEARCH_FLAGS, ARG_NONE, IMAP_FLAGGED, false},
	{"UNFLAGGED", IMAP_SEARCH_FLAGS, ARG_NONE, IMAP_FLAGGED, true},
	{"DELETED", IMAP_SEARCH_FLAGS, ARG_NONE, IMAP_DELETED, false},
	{"UNDELETED", IMAP_SEARCH_FLAGS, ARG_NONE, IMAP_DELETED, true},
	{"DRAFT", IMAP_SEARCH_FLAGS, ARG_NONE, IMAP_DRAFT, false},
	{"UNDRAFT", IMAP_SEARCH_FLAGS, ARG_NONE, IMAP_DRAFT, true},
	{"KEYWORD", IMAP_SEARCH_KEYWORD, ARG_KEYWORD, 0, false},
	{"UNKEYWORD", IMAP_SEARCH_KEYWORD, ARG_KEYWORD, 0, true},
	{"FROM", IMAP_SEARCH_FIELD, ARG_FIELD, 0, false},
	{"TO", IMAP_SEARCH_FIELD, ARG_FIELD, 0, false},
	{"CC", IMAP_SEARCH_FIELD, ARG_FIELD, 0, false},
	{"BCC", IMAP_SEARCH_FIELD, ARG_FIELD, 0, false},
	{"SUBJECT", IMAP_SEARCH_FIELD, ARG_FIELD, 0, false},
	{"HEADER", IMAP_SEARCH_FIELD, ARG_FIELD_TEXT, 0, false},
	{"BODY", IMAP_SEARCH_BODY, ARG_TEXT, 0, false},
	{"TEXT", IMAP_SEARCH_TEXT, ARG_TEXT, 0, false},
	{"LARGER", IMAP_SEARCH_LARGER, ARG_NUMBER, 0, false},
	{"SMALLER", IMAP_SEARCH_SMALLER, ARG_NUMBER, 0, false},
	{"BEFORE", IMAP_SEARCH_BEFORE, ARG_DATE, 0, false},
	{"ON", IMAP_SEARCH_ON, ARG_DATE, 0, false},
	{"SINCE", IMAP_SEARCH_SINCE, ARG_DATE, 0, false},
	{"SENTBEFORE", IMAP_SEARCH_SENTBEFORE, ARG_SENT, 0, false},
	{"SENTON", IMAP_SEARCH_SENTON, ARG_SENT, 0, false},
	{"SENTSINCE", IMAP_SEARCH_SENTSINCE, ARG_SENT, 0, false},
	{"UID", IMAP_SEARCH_UID, ARG_UID, 0, false},
	{"MODSEQ", IMAP_SEARCH_MODSEQ, ARG_MODSEQ, 0, false},
};

/* What is still open while keys are read: a group, NOT or OR. */
struct frame {
	enum imap_search_op op; /* AND: a group */
	uint32_t n;		/* operands so far */
};

struct builder {
	struct imap_parse *p;
	struct imap_search *s;
	struct frame frames[IMAP_SEARCH_DEPTH_MAX];
	uint32_t depth;
};

static bool
emit(struct builder *b, const struct imap_search_key *k)
{
	if (b->s->n == IMAP_SEARCH_KEYS_MAX)
		return imap_parse_fail(b->p, "Too many search keys");
	b->s->keys[b->s->n++] = *k;
	return true;
}

static bool
emit_op(struct builder *b, enum imap_search_op op)
{
	return emit(b, &(struct imap_search_key){.op = op});
}

static bool
open_frame(struct builder *b, enum imap_search_op op)
{
	if (b->depth == IMAP_SEARCH_DEPTH_MAX)
		return imap_parse_fail(b->p, "Search keys nested too deep");
	b->frames[b->depth++] = (struct frame){op, 0};
	return true;
}

/* An operand is complete: closes each NOT and OR that it completes. */
static bool
operand(struct builder *b)
{
	struct frame *f;

	for (;;) {
		f = &b->frames[b->depth - 1];
		f->n++;
		if (f->op == IMAP_SEARCH_AND)
			return f->n == 1 || emit_op(b, IMAP_SEARCH_AND);
		if (f->op == IMAP_SEARCH_OR && f->n < 2)
			return true;
		if (!emit_op(b, f->op))
			return false;
		b->depth--;
	}
}

static bool
slow_key(struct builder *b, struct imap_search_key *k)
{
	if (b->s->n_texts == IMAP_SEARCH_TEXTS_MAX)
		return imap_parse_fail(b->p, "Too many search keys for text");
	k->text_at = (uint16_t)b->s->n_texts++;
	return true;
}

static bool
text_arg(struct builder *b, struct imap_search_key *k)
{
	if (!imap_parse_space(b->p) || !imap_parse_astring(b->p, &k->text))
		return false;
	if (k->text.n > IMAP_SEARCH_TEXT_OCTETS_MAX)
		return imap_parse_fail(b->p, "Search text too long");
	if (!imap_utf7_is_utf8(k->text) && !b->s->has_bad_charset)
		return imap_parse_fail(b->p, "Search text isn't valid UTF-8");
	return slow_key(b, k);
}

static bool
modseq_arg(struct builder *b, struct imap_search_key *k)
{
	struct slice entry;
	uint64_t v;

	if (!imap_parse_space(b->p))
		return false;
	/* MODSEQ ["/flags/..." priv|shared|all] number: one counter serves all entries. */
	if (imap_parse_is(b->p, '"')) {
		if (!imap_parse_string(b->p, &entry) || !imap_parse_space(b->p))
			return false;
		if (!imap_parse_word(b->p, "priv") && !imap_parse_word(b->p, "shared") &&
			!imap_parse_word(b->p, "all"))
			return imap_parse_fail(b->p, "Invalid MODSEQ entry type");
		if (!imap_parse_space(b->p))
			return false;
	}
	if (!imap_parse_number64(b->p, &v))
		return false;
	k->number = (int64_t)v;
	b->s->has_modseq = true;
	return true;
}

static bool
date_arg(struct builder *b, struct imap_search_key *k)
{
	int32_t days;

	if (!imap_parse_space(b->p) || !imap_parse_date(b->p, &days))
		return false;
	k->number = days;
	return true;
}

static bool
argument(struct builder *b, const struct word *w, struct imap_search_key *k)
{
	struct imap_parse *p = b->p;
	uint64_t v = 0;

	switch (w->arg) {
	case ARG_NONE:
		k->number = w->flag;
		return true;
	case ARG_FIELD:
		k->field = slice_str(w->name);
		return text_arg(b, k);
	case ARG_FIELD_TEXT:
		return imap_parse_space(p) && imap_parse_astring(p, &k->field) &&
		       text_arg(b, k);
	case ARG_TEXT:
		return text_arg(b, k);
	case ARG_KEYWORD:
		return imap_parse_space(p) && imap_parse_atom(p, &k->text);
	case ARG_NUMBER:
		if (!imap_parse_space(p) || !imap_parse_number64(p, &v))
			return false;
		k->number = (int64_t)v;
		return true;
	case ARG_DATE:
		return date_arg(b, k);
	case ARG_SENT:
		return date_arg(b, k) && slow_key(b, k);
	case ARG_UID:
		return imap_parse_space(p) && imap_parse_set(p, &k->set);
	case ARG_MODSEQ:
		return modseq_arg(b, k);
	}
	return false;
}

static bool
leaf(struct builder *b)
{
	struct imap_search_key k = {.op = IMAP_SEARCH_SEQ};
	const struct word *w = NULL;

	if (b->p->text.n && memchr("0123456789*$", b->p->text.p[0], 12))
		return imap_parse_set(b->p, &k.set) && emit(b, &k) && operand(b);
	for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS && !w; i++)
		if (imap_parse_word(b->p, WORDS[i].name))
			w = &WORDS[i];
	if (!w)
		return imap_parse_fail(b->p, "Unknown search key");
	k.op = w->op;
	if (!argument(b, w, &k) || !emit(b, &k))
		return false;
	if (w->is_not && !emit_op(b, IMAP_SEARCH_NOT))
		return false;
	return operand(b);
}

/* Closing parentheses, as many as there are. */
static bool
close_groups(struct builder *b)
{
	while (imap_parse_is(b->p, ')')) {
		if (b->depth < 2 || b->frames[b->depth - 1].op != IMAP_SEARCH_AND ||
			b->frames[b->depth - 1].n == 0)
			return imap_parse_fail(b->p, "Unexpected closing parenthesis");
		imap_parse_skip(b->p, ')');
		b->depth--;
		if (!operand(b))
			return false;
	}
	return true;
}

static bool
keys(struct builder *b)
{
	/* NEW is "RECENT UNSEEN", and so false as well. */
	for (;;) {
		if (imap_parse_skip(b->p, '(')) {
			if (!open_frame(b, IMAP_SEARCH_AND))
				return false;
			continue;
		}
		if (imap_parse_word(b->p, "NOT")) {
			if (!open_frame(b, IMAP_SEARCH_NOT) || !imap_parse_space(b->p))
				return false;
			continue;
		}
		if (imap_parse_word(b->p, "OR")) {
			if (!open_frame(b, IMAP_SEARCH_OR) || !imap_parse_space(b->p))
				return false;
			continue;
		}
		if (!leaf(b) || !close_groups(b))
			return false;
		if (imap_parse_is_end(b->p))
			break;
		if (!imap_parse_space(b->p))
			return false;
	}
	return b->depth == 1 || imap_parse_fail(b->p, "Incomplete search key");
}

static bool
return_options(struct imap_parse *p, struct imap_search *s)
{
	static const struct {
		const char *name;
		uint8_t bit;
	} options[] = {{"MIN", IMAP_SEARCH_MIN}, {"MAX", IMAP_SEARCH_MAX},
		{"ALL", IMAP_SEARCH_ALL}, {"COUNT", IMAP_SEARCH_COUNT},
		{"SAVE", IMAP_SEARCH_SAVE}};
	size_t i, n = sizeof options / sizeof *options;

	s->has_return = true;
	if (!imap_parse_space(p) || !imap_parse_char(p, '('))
		return false;
	while (!imap_parse_is(p, ')')) {
		for (i = 0; i < n && !imap_parse_word(p, options[i].name); i++)
			;
		if (i == n)
			return imap_parse_fail(p, "Unknown search return option");
		s->returns |= options[i].bit;
		if (!imap_parse_skip(p, ' '))
			break;
	}
	return imap_parse_char(p, ')') && imap_parse_space(p);
}

static bool
charset(struct imap_parse *p, struct imap_search *s)
{
	struct slice name;

	if (!imap_parse_space(p) || !imap_parse_astring(p, &name) || !imap_parse_space(p))
		return false;
	s->has_bad_charset = !slice_eq_nocase(name, SLICE_LIT("UTF-8")) &&
			     !slice_eq_nocase(name, SLICE_LIT("US-ASCII"));
	return true;
}

bool
imap_search_parse(struct imap_parse *p, struct imap_search *out)
{
	struct imap_search s = {0};
	struct builder b = {.p = p, .s = &s, .depth = 1, .frames = {{IMAP_SEARCH_AND, 0}}};
	size_t room = p->text.n + 2;

	/* No key is shorter than one octet, and UNSEEN, the tightest, makes two of seven. */
	if (room > IMAP_SEARCH_KEYS_MAX)
		room = IMAP_SEARCH_KEYS_MAX;
	s.keys = arena_alloc(p->arena, room * sizeof *s.keys);
	if (imap_parse_word(p, "RETURN") && !return_options(p, &s))
		return false;
	if (imap_parse_word(p, "CHARSET") && !charset(p, &s))
		return false;
	if (!keys(&b))
		return false;
	*out = s;
	return true;
}

static int64_t
local_days(const struct imap_search_facts *f)
{
	int64_t sec = f->internal_sec + (int64_t)f->zone_min * 60;

	return sec >= 0 ? sec / 86400 : -((-sec + 86399) / 86400);
}

static bool
has_keyword(const struct imap_search_facts *f, struct slice name)
{
	for (uint32_t i = 0; i < f->n_keyword_names && i < 64; i++)
		if (slice_eq_nocase(f->keyword_names[i], name))
			return f->keywords >> i & 1;
	return false;
}

static bool
fast_key(const struct imap_search_key *k, const struct imap_search_facts *f)
{
	switch ((int)k->op) {
	case IMAP_SEARCH_TRUE:
		return true;
	case IMAP_SEARCH_FLAGS:
		return (f->flags & k->number) != 0;
	case IMAP_SEARCH_KEYWORD:
		return has_keyword(f, k->text);
	case IMAP_SEARCH_SEQ:
		return imap_seqset_has(&k->set, f->seq);
	case IMAP_SEARCH_UID:
		return imap_seqset_has(&k->set, f->uid);
	case IMAP_SEARCH_LARGER:
		return f->size > (uint64_t)k->number;
	case IMAP_SEARCH_SMALLER:
		return f->size < (uint64_t)k->number;
	case IMAP_SEARCH_BEFORE:
		return local_days(f) < k->number;
	case IMAP_SEARCH_ON:
		return local_days(f) == k->number;
	case IMAP_SEARCH_SINCE:
		return local_days(f) >= k->number;
	case IMAP_SEARCH_MODSEQ:
		return f->modseq >= (uint64_t)k->number;
	default:
		return false;
	}
}

bool
imap_search_sent(const struct imap_search_key *k, bool has_date, int32_t days)
{
	if (!has_date)
		return false;
	if (k->op == IMAP_SEARCH_SENTBEFORE)
		return days < k->number;
	return k->op == IMAP_SEARCH_SENTON ? days == k->number : days >= k->number;
}

static bool
is_slow(enum imap_search_op op)
{
	return op == IMAP_SEARCH_FIELD || op == IMAP_SEARCH_BODY || op == IMAP_SEARCH_TEXT ||
	       op == IMAP_SEARCH_SENTBEFORE || op == IMAP_SEARCH_SENTON ||
	       op == IMAP_SEARCH_SENTSINCE;
}

static uint8_t
both(enum imap_search_op op, uint8_t a, uint8_t b)
{
	uint8_t decides = op == IMAP_SEARCH_AND ? IMAP_SEARCH_NO : IMAP_SEARCH_YES;

	if (a == decides || b == decides)
		return decides;
	return a == IMAP_SEARCH_OPEN || b == IMAP_SEARCH_OPEN ? IMAP_SEARCH_OPEN : a;
}

enum imap_search_answer
imap_search_eval(
	const struct imap_search *s, const struct imap_search_facts *f, const uint8_t *texts)
{
	/* Each open frame holds at most one answer, and one more is in hand. */
	uint8_t stack[IMAP_SEARCH_DEPTH_MAX + 2];
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		const struct imap_search_key *k = &s->keys[i];

		if (k->op == IMAP_SEARCH_NOT) {
			if (stack[n - 1] != IMAP_SEARCH_OPEN)
				stack[n - 1] = stack[n - 1] == IMAP_SEARCH_NO;
		} else if (k->op == IMAP_SEARCH_AND || k->op == IMAP_SEARCH_OR) {
			n--;
			stack[n - 1] = both(k->op, stack[n - 1], stack[n]);
		} else {
			must(n < sizeof stack);
			stack[n++] = is_slow(k->op) ? texts[k->text_at] : fast_key(k, f);
		}
	}
	return (enum imap_search_answer)stack[0];
}
