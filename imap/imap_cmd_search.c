/* imap_cmd_search: SEARCH (RFC 9051 6.4.4, ESEARCH, SEARCHRES, CONDSTORE). Others are served
 * between slices of the work. */
#include <stdlib.h>

#include "core/codec.h"
#include "core/must.h"
#include "imap/imap_match.h"
#include "imap/imap_private.h"
#include "imap/imap_seqset.h"
#include "store/view_mailbox.h"

enum {
	SLICE_MESSAGES = 500,
	/* Of a message whose text is looked at: 1, and 1 for each COST_OCTETS. */
	SLICE_COST = 100,
	COST_OCTETS = 262144,
	CHUNK = 65536 /* of the answer */
};

struct search {
	struct imap_search what;
	struct imap_match match;
	uint32_t at;		  /* place in the picture */
	uint32_t *found, found_n; /* UIDs */
	/* Of all that were found, of the first and of the last one. */
	uint64_t modseq, modseq_min, modseq_max;
	/* The answer on its way out: */
	uint32_t told;
	struct imap_seqset_writer set;
};

static void
drop(void *arg)
{
	struct search *x = arg;

	imap_match_fini(&x->match);
	free(x->found);
}

/* "$" (RFC 9051 6.4.4.1): the UIDs that were saved, whichever set it stands for. */
static void
use_saved(struct imap_session *s, struct imap_search_key *k)
{
	k->op = IMAP_SEARCH_UID;
	k->set = (struct imap_seqset){.n = s->saved_n};
	k->set.ranges = arena_alloc(&s->arena, (s->saved_n + 1) * sizeof *k->set.ranges);
	for (uint32_t i = 0; i < s->saved_n; i++)
		k->set.ranges[i] = (struct imap_range){s->saved[i], s->saved[i]};
}

/* What the keys' sets mean in this mailbox. */
static void
resolve(struct imap_session *s, struct search *x)
{
	uint32_t last = s->box.count ? s->box.uid[s->box.count - 1] : 0;

	for (uint32_t i = 0; i < x->what.n; i++) {
		struct imap_search_key *k = &x->what.keys[i];

		if ((k->op == IMAP_SEARCH_SEQ || k->op == IMAP_SEARCH_UID) && k->set.is_saved)
			use_saved(s, k);
		else if (k->op == IMAP_SEARCH_SEQ)
			imap_seqset_resolve(&k->set, s->box.count);
		else if (k->op == IMAP_SEARCH_UID)
			imap_seqset_resolve(&k->set, last);
	}
}

/* --- the walk --- */

struct walk {
	struct imap_session *s;
	struct search *x;
	struct db_txn *txn;
	Commands__Mailbox *box;
	struct slice *names;
	uint32_t messages;
	uint64_t cost;
	enum err e;
};

static void
keep(struct search *x, uint32_t uid, uint64_t modseq)
{
	if (x->found_n == 0)
		x->modseq_min = modseq;
	x->modseq_max = modseq;
	x->modseq = modseq > x->modseq ? modseq : x->modseq;
	x->found[x->found_n++] = uid;
}

static bool
on_row(void *arg, uint32_t uid, const struct schema_message *row)
{
	struct walk *w = arg;
	struct search *x = w->x;
	struct imap_box *b = &w->s->box;
	struct imap_search_facts f = {.uid = uid,
		.flags = row->flags,
		.keywords = row->keywords,
		.modseq = row->modseq,
		.size = schema_message_size(row),
		.internal_sec = row->internal_date_sec,
		.zone_min = row->zone_min,
		.keyword_names = w->names,
		.n_keyword_names = (uint32_t)w->box->n_keyword};
	bool yes;

	while (x->at < b->count && b->uid[x->at] < uid)
		x->at++;
	if (x->at == b->count)
		return false;
	if (b->uid[x->at] > uid)
		return true; /* came since: not in the picture yet */
	f.seq = ++x->at;
	if (x->what.n_texts) {
		imap_message_set(&x->match.m, w->txn, uid, row);
		w->cost += 1 + schema_message_size(row) / COST_OCTETS;
	}
	w->e = imap_match_judge(&x->match, &f, &yes);
	if (w->e)
		return false;
	if (yes)
		keep(x, uid, row->modseq);
	return ++w->messages < SLICE_MESSAGES && w->cost < SLICE_COST;
}

static enum err
slice_of_work(struct imap_session *s, struct search *x, bool *more)
{
	struct walk w = {.s = s, .x = x};
	uint32_t at = x->at, found_n = x->found_n;
	enum err e;

	*more = false;
	if (x->at >= s->box.count)
		return ERR_OK;
	w.txn = s->ops->begin(s->host);
	if (!w.txn)
		return ERR_BUSY;
	e = view_mailbox(w.txn, s->box.id, &s->arena, &w.box);
	if (!e) {
		w.names = arena_alloc(&s->arena, (w.box->n_keyword + 1) * sizeof *w.names);
		for (size_t i = 0; i < w.box->n_keyword; i++)
			w.names[i] = codec_slice(w.box->keyword[i]);
		e = view_mailbox_messages(w.txn, s->box.id, s->box.uid[x->at], on_row, &w);
	}
	if (!e)
		e = w.e;
	*more = w.messages == SLICE_MESSAGES || w.cost >= SLICE_COST;
	if (!s->ops->is_valid(s->host)) {
		x->at = at;
		x->found_n = found_n;
		x->match.m.uid = 0;
		e = ERR_OK;
		*more = true;
	}
	s->ops->end(s->host);
	return e;
}

/* --- the answer --- */

static void
put_number(struct imap_session *s, uint32_t uid)
{
	buf_put_dec(&s->out, s->uid_form ? uid : imap_view_seq(s, uid));
}

/* RFC 7162 3.1.5: of the messages that the answer tells of. */
static uint64_t
modseq_of(const struct search *x)
{
	uint8_t want = x->what.returns;
	uint64_t modseq = 0;

	if (!want || want & (IMAP_SEARCH_ALL | IMAP_SEARCH_COUNT))
		return x->modseq;
	if (want & IMAP_SEARCH_MIN)
		modseq = x->modseq_min;
	if (want & IMAP_SEARCH_MAX && x->modseq_max > modseq)
		modseq = x->modseq_max;
	return modseq ? modseq : x->modseq;
}

static bool
is_extended(const struct imap_session *s, const struct search *x)
{
	/* RFC 9051 7.3.4: rev2 knows ESEARCH only. */
	return x->what.has_return || s->rev2;
}

static bool
tells_all(const struct search *x)
{
	return !(x->what.returns & ~IMAP_SEARCH_SAVE) || x->what.returns & IMAP_SEARCH_ALL;
}

static void
put_extended_head(struct imap_session *s, const struct search *x)
{
	imap_put(s, "* ESEARCH (TAG ");
	imap_put_string(s, s->tag);
	imap_put(s, s->uid_form ? ") UID" : ")");
	if (x->found_n && x->what.returns & IMAP_SEARCH_MIN) {
		imap_put(s, " MIN ");
		put_number(s, x->found[0]);
	}
	if (x->found_n && x->what.returns & IMAP_SEARCH_MAX) {
		imap_put(s, " MAX ");
		put_number(s, x->found[x->found_n - 1]);
	}
	if (x->what.returns & IMAP_SEARCH_COUNT)
		imap_printf(s, " COUNT %u", x->found_n);
	if (x->found_n && tells_all(x))
		imap_put(s, " ALL ");
}

/* The next of the numbers. False: there are more, and the connection is full. */
static bool
put_numbers(struct imap_session *s, struct search *x)
{
	bool is_set = is_extended(s, x);
	uint32_t uid;

	x->set.out = &s->out;
	for (; x->told < x->found_n; x->told++) {
		if (s->out.n >= CHUNK) {
			imap_flush(s);
			if (s->ops->is_full(s->host))
				return false;
		}
		uid = x->found[x->told];
		if (is_set) {
			imap_seqset_write(&x->set, s->uid_form ? uid : imap_view_seq(s, uid));
		} else {
			imap_put(s, " ");
			put_number(s, uid);
		}
	}
	imap_seqset_write_end(&x->set);
	return true;
}

static void
tell(struct imap_session *s)
{
	struct search *x = s->work;

	if ((!is_extended(s, x) || tells_all(x)) && !put_numbers(s, x)) {
		s->more = tell;
		return;
	}
	if (x->what.has_modseq && x->found_n)
		imap_printf(s, is_extended(s, x) ? " MODSEQ %llu" : " (MODSEQ %llu)",
			(unsigned long long)modseq_of(x));
	imap_put(s, "\r\n");
	imap_ok(s, "Searched");
}

/* RFC 9051 6.4.4.1: MIN and MAX alone save what they tell, anything else all. */
static void
save(struct imap_session *s, const struct search *x)
{
	unsigned want = x->what.returns & ~(unsigned)IMAP_SEARCH_SAVE;
	bool is_min = want & IMAP_SEARCH_MIN, is_max = want & IMAP_SEARCH_MAX;
	uint32_t n = x->found_n;

	free(s->saved);
	s->saved = must_alloc((n + 1) * sizeof *s->saved);
	s->saved_n = n;
	if (n == 0)
		return;
	memcpy(s->saved, x->found, n * sizeof *s->saved);
	if (!want || want & (IMAP_SEARCH_ALL | IMAP_SEARCH_COUNT) || n == 1)
		return;
	s->saved_n = is_min + is_max;
	s->saved[is_min] = is_max ? x->found[n - 1] : s->saved[is_min];
}

static void
finish(struct imap_session *s, struct search *x)
{
	if (x->what.returns & IMAP_SEARCH_SAVE)
		save(s, x);
	if (x->what.returns == IMAP_SEARCH_SAVE) {
		imap_ok(s, "Saved");
		return;
	}
	if (is_extended(s, x))
		put_extended_head(s, x);
	else
		imap_put(s, "* SEARCH");
	tell(s);
}

/* RFC 9051 6.4.4.1: a SEARCH that fails leaves nothing in "$". */
static void
fail(struct imap_session *s, const struct search *x, const char *why)
{
	if (x->what.returns & IMAP_SEARCH_SAVE)
		s->saved_n = 0;
	imap_no(s, "%s", why);
}

static void
go_on(struct imap_session *s)
{
	struct search *x = s->work;
	bool more;
	enum err e = slice_of_work(s, x, &more);

	if (e) {
		fail(s, x, "[UNAVAILABLE] A message can't be read");
	} else if (more) {
		s->more = go_on;
		s->ops->later(s->host);
	} else {
		finish(s, x);
	}
}

static void
search(struct imap_session *s)
{
	struct search *x = arena_zalloc(&s->arena, sizeof *x);

	x->found = must_alloc((s->box.count + 1) * sizeof *x->found);
	/* Until then it is nothing to be freed. */
	imap_message_init(&x->match.m, s);
	arena_hook(&s->arena, drop, x);
	s->work = x;
	if (!imap_parse_space(&s->parse) || !imap_search_parse(&s->parse, &x->what) ||
		!imap_parse_end(&s->parse)) {
		imap_bad_syntax(s);
		return;
	}
	if (x->what.has_bad_charset) {
		fail(s, x, "[BADCHARSET (US-ASCII UTF-8)] Use UTF-8");
		return;
	}
	if (x->what.has_modseq)
		s->condstore = true;
	resolve(s, x);
	imap_match_init(&x->match, s, &x->what);
	go_on(s);
}

const struct imap_command imap_cmd_search[] = {
	{"SEARCH", IMAP_SELECTED, IMAP_UID_FORM | IMAP_NO_EXPUNGE, search},
	{NULL, 0, 0, NULL},
};
