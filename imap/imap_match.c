#include "imap/imap_match.h"

#include <stdlib.h>

#include "core/mail_fold.h"
#include "core/must.h"
#include "imap/imap_private.h"

enum { HEADER_MAX = 1 << 20, DAY_SEC = 86400 };

static struct slice
fold(struct imap_session *s, struct slice text)
{
	struct buf out;
	struct slice folded;

	buf_init(&out, IMAP_SEARCH_TEXT_OCTETS_MAX * MAIL_FOLD_GROWTH + 64);
	mail_fold_search(text, &out);
	folded = arena_dup(&s->arena, buf_slice(&out));
	buf_fini(&out);
	return folded;
}

static bool
is_text(enum imap_search_op op)
{
	return op == IMAP_SEARCH_FIELD || op == IMAP_SEARCH_BODY || op == IMAP_SEARCH_TEXT;
}

void
imap_match_init(struct imap_match *x, struct imap_session *s, const struct imap_search *what)
{
	*x = (struct imap_match){.what = what};
	imap_message_init(&x->m, s);
	x->answers = arena_alloc(&s->arena, what->n_texts + 1);
	x->needles = arena_zalloc(&s->arena, (what->n_texts + 1) * sizeof *x->needles);
	for (uint32_t i = 0; i < what->n; i++)
		if (is_text(what->keys[i].op))
			x->needles[what->keys[i].text_at] = fold(s, what->keys[i].text);
}

void
imap_match_fini(struct imap_match *x)
{
	imap_message_fini(&x->m);
}

/* The header of the whole message into out: top and the payload's own. */
static enum err
read_header(struct imap_match *x, struct buf *out)
{
	enum err e = imap_message_index(&x->m);
	struct slice text;
	uint64_t at = 0, end;

	if (!e)
		e = imap_message_top(&x->m);
	end = x->m.top.n + x->m.index.header_size;
	if (end > HEADER_MAX)
		end = HEADER_MAX;
	while (!e && at < end) {
		e = imap_message_read(&x->m, at, end, &text);
		if (!e)
			buf_put_slice(out, text);
		at += e ? 0 : text.n;
	}
	return e;
}

/* The index's field of that name, or -1. */
static int
index_field(struct slice name)
{
	static const char *const names[IMAP_INDEX_FIELDS] = {
		"From", "To", "Cc", "Bcc", "Subject"};

	for (int i = 0; i < IMAP_INDEX_FIELDS; i++)
		if (slice_eq_nocase(name, slice_str(names[i])))
			return i;
	return -1;
}

static bool
holds(struct slice text, struct slice needle)
{
	return needle.n == 0 || slice_find_slice(text, needle) < text.n;
}

static enum err
field_key(struct imap_match *x, const struct imap_search_key *k, uint8_t *answer)
{
	int field = index_field(k->field), there = -1;
	struct slice needle = x->needles[k->text_at], text = SLICE_EMPTY;
	struct buf header, folded;
	enum err e = imap_message_index(&x->m);

	if (e)
		return e;
	if (field >= 0)
		there = imap_index_text(&x->m.index, (enum imap_index_field)field, &text);
	buf_init(&header, HEADER_MAX);
	buf_init(&folded, HEADER_MAX * 4);
	if (there < 0) {
		e = read_header(x, &header);
		there = imap_index_fold(buf_slice(&header), k->field, &folded);
		text = buf_slice(&folded);
	}
	*answer = there > 0 && holds(text, needle) ? IMAP_SEARCH_YES : IMAP_SEARCH_NO;
	buf_fini_secret(&header);
	buf_fini_secret(&folded);
	return e;
}

static enum err
sent_key(struct imap_match *x, const struct imap_search_key *k, uint8_t *answer)
{
	enum err e = imap_message_index(&x->m);
	int32_t days;

	if (e)
		return e;
	days = x->m.index.has_date ? (int32_t)(mail_date_day(x->m.index.date) / DAY_SEC) : 0;
	*answer = imap_search_sent(k, x->m.index.has_date, days);
	return ERR_OK;
}

/* Feeds a part's body. True: everything that is looked for was found. */
static bool
feed_part(struct imap_match *x, const struct mail_part *part, enum err *e)
{
	uint64_t at = part->body_at + x->m.top.n, end = part->end_at + x->m.top.n;
	struct slice text;

	mail_search_begin(
		&x->text, (enum mail_encoding)part->encoding, (enum charset)part->charset);
	while (at < end) {
		*e = imap_message_read(&x->m, at, end, &text);
		if (*e)
			return true;
		if (mail_search_feed(&x->text, text))
			return true;
		at += text.n;
	}
	return mail_search_end(&x->text);
}

/* Headers of parts and of messages within. */
static bool
feed_header(struct imap_match *x, const struct mail_part *part, enum err *e)
{
	uint64_t at = part->header_at + x->m.top.n, end = part->body_at + x->m.top.n;
	struct slice text;
	struct buf header;
	bool all;

	buf_init(&header, HEADER_MAX);
	for (; at < end && !*e; at += text.n) {
		*e = imap_message_read(&x->m, at, end, &text);
		if (*e || !buf_put_slice(&header, text))
			break;
	}
	all = mail_search_header(&x->text, buf_slice(&header));
	buf_fini_secret(&header);
	return all;
}

/* BODY and TEXT keys of this message, together. */
static enum err
text_keys(struct imap_match *x, enum imap_search_op op)
{
	struct mail_search_key *keys = must_zalloc((x->what->n_texts + 1) * sizeof *keys);
	const struct imap_search_key *of[IMAP_SEARCH_TEXTS_MAX];
	size_t n = 0;
	struct buf header;
	enum err e = imap_message_parts(&x->m);
	bool all = false;

	for (uint32_t i = 0; i < x->what->n && n < IMAP_SEARCH_TEXTS_MAX; i++)
		if (x->what->keys[i].op == op) {
			of[n] = &x->what->keys[i];
			keys[n].needle = x->needles[of[n]->text_at];
			n++;
		}
	mail_search_init(&x->text, keys, n);
	mail_search_reset(&x->text);
	buf_init(&header, HEADER_MAX);
	if (!e && op == IMAP_SEARCH_TEXT) {
		e = read_header(x, &header);
		all = mail_search_header(&x->text, buf_slice(&header));
	}
	for (uint32_t p = 0; p < x->m.body.count && !e && !all; p++) {
		const struct mail_part *part = &x->m.body.parts[p];

		if (p && op == IMAP_SEARCH_TEXT)
			all = feed_header(x, part, &e);
		if (!all && part->kind == MAIL_PART_LEAF && part->is_text)
			all = feed_part(x, part, &e);
	}
	for (size_t i = 0; i < n; i++)
		x->answers[of[i]->text_at] = keys[i].is_found ? IMAP_SEARCH_YES
							      : IMAP_SEARCH_NO;
	buf_fini_secret(&header);
	mail_search_fini(&x->text);
	free(keys);
	return e;
}

enum err
imap_match_judge(struct imap_match *x, const struct imap_search_facts *f, bool *yes)
{
	enum imap_search_answer a;
	enum err e = ERR_OK;

	memset(x->answers, IMAP_SEARCH_OPEN, x->what->n_texts);
	a = imap_search_eval(x->what, f, x->answers);
	for (uint32_t i = 0; i < x->what->n && a == IMAP_SEARCH_OPEN && !e; i++) {
		const struct imap_search_key *k = &x->what->keys[i];
		bool slow = is_text(k->op) || k->op == IMAP_SEARCH_SENTBEFORE ||
			    k->op == IMAP_SEARCH_SENTON || k->op == IMAP_SEARCH_SENTSINCE;

		if (!slow || x->answers[k->text_at] != IMAP_SEARCH_OPEN)
			continue;
		if (k->op == IMAP_SEARCH_FIELD)
			e = field_key(x, k, &x->answers[k->text_at]);
		else if (k->op == IMAP_SEARCH_BODY || k->op == IMAP_SEARCH_TEXT)
			e = text_keys(x, k->op);
		else
			e = sent_key(x, k, &x->answers[k->text_at]);
		if (!e)
			a = imap_search_eval(x->what, f, x->answers);
	}
	*yes = a == IMAP_SEARCH_YES;
	return e;
}
