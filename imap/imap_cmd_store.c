/* imap_cmd_store: STORE (RFC 9051 6.4.6, RFC 7162 3.1.3). */
#include "core/codec.h"
#include "imap/imap_batch.h"
#include "imap/imap_private.h"
#include "imap/imap_seqset.h"
#include "store/view_mailbox.h"

enum { MODIFIED_MAX = 4 << 20 }; /* octets of the set in MODIFIED */

struct store {
	struct imap_batch batch;
	Commands__FlagsStore flags;
	bool silent;
	uint32_t *told, told_n; /* whose flags are to be told */
	/* UNCHANGEDSINCE: refused ones. */
	struct buf modified;
	struct imap_seqset_writer modified_w;
	bool any_modified;
};

static void
drop(void *arg)
{
	struct store *x = arg;

	buf_fini(&x->modified);
}

/* False: nothing was told. */
static bool
tell_flags(struct imap_session *s, struct store *x)
{
	struct db_txn *txn = s->ops->begin(s->host);
	size_t mark = s->out.n;
	Commands__Mailbox *m;
	struct schema_message row;
	bool is_valid;

	if (!txn)
		return false;
	if (view_mailbox(txn, s->box.id, &s->arena, &m))
		x->told_n = 0;
	else if (m->n_keyword > s->box.keywords)
		imap_view_put_keywords(s, m);
	for (uint32_t i = 0; i < x->told_n; i++) {
		uint32_t seq = imap_view_seq(s, x->told[i]);

		if (!seq || view_mailbox_message(txn, s->box.id, x->told[i], &row))
			continue;
		imap_printf(s, "* %u FETCH (", seq);
		if (!x->silent)
			imap_view_put_flags(s, m, &row);
		imap_printf(s, "%sUID %u", x->silent ? "" : " ", x->told[i]);
		if (s->condstore)
			imap_printf(s, " MODSEQ (%llu)", (unsigned long long)row.modseq);
		imap_put(s, ")\r\n");
	}
	is_valid = s->ops->is_valid(s->host);
	s->out.n = is_valid ? s->out.n : mark;
	s->ops->end(s->host);
	return is_valid;
}

static void
keep_stored(struct imap_session *s, struct store *x, const Commands__Result *r)
{
	bool is_told;

	x->told = arena_alloc(&s->arena, (r->n_uid + 1) * sizeof *x->told);
	if (r->n_uid)
		memcpy(x->told, r->uid, r->n_uid * sizeof *x->told);
	x->told_n = (uint32_t)r->n_uid;
	for (size_t i = 0; i < r->n_refused_uid; i++) {
		uint32_t uid = r->refused_uid[i];

		imap_seqset_write(&x->modified_w, s->uid_form ? uid : imap_view_seq(s, uid));
		x->any_modified = true;
	}
	/* Silent ones are told only where the client needs the new MODSEQ. What isn't told here
	 * is told as any other change: so are silent ones where another's change came before,
	 * or nobody would tell of that (RFC 9051 6.4.6: a determinate state). */
	is_told = (x->silent && !s->condstore) || tell_flags(s, x);
	is_told = is_told && !(x->silent && r->overtaken);
	if (is_told && r->modseq && s->box.own_n < IMAP_OWN_MAX)
		s->box.own[s->box.own_n++] = r->modseq;
	imap_flush(s);
}

/* "NAME set", in the arena. */
static struct slice
in_code(struct imap_session *s, const char *name, const struct buf *set)
{
	size_t n = strlen(name);
	uint8_t *p = arena_alloc(&s->arena, n + set->n);

	memcpy(p, name, n);
	memcpy(p + n, set->p, set->n);
	return slice_of(p, n + set->n);
}

static void
on_stored(struct imap_session *s, enum err e, const Commands__Result *r)
{
	struct store *x = s->work;

	if (imap_refused(s, e, r))
		return;
	keep_stored(s, x, r);
	if (x->batch.at < x->batch.n) {
		imap_batch_next(s);
		return;
	}
	imap_seqset_write_end(&x->modified_w);
	if (x->modified.overflow)
		imap_no(s, "[LIMIT] Many had changed: store to fewer at once");
	else if (x->any_modified)
		imap_ok_code(s, in_code(s, "MODIFIED ", &x->modified), "Some had changed");
	else
		imap_ok(s, "Stored");
}

/* "(UNCHANGEDSINCE n) FLAGS.SILENT (...)" */
static bool
read_store(struct imap_session *s, struct store *x, struct imap_flags *flags)
{
	struct imap_parse *p = &s->parse;
	struct slice word;
	uint64_t since;

	if (imap_parse_skip(p, '(')) {
		if (!imap_parse_word(p, "UNCHANGEDSINCE") || !imap_parse_space(p) ||
			!imap_parse_number64(p, &since) || !imap_parse_char(p, ')') ||
			!imap_parse_space(p))
			return imap_parse_fail(p, "UNCHANGEDSINCE and a number were expected");
		x->flags.unchanged_since = since + 1;
		s->condstore = true;
	}
	x->flags.mode = imap_parse_skip(p, '+') ? 1 : imap_parse_skip(p, '-') ? 2 : 0;
	if (!imap_parse_atom(p, &word))
		return false;
	x->silent = slice_eq_nocase(word, SLICE_LIT("FLAGS.SILENT"));
	if (!x->silent && !slice_eq_nocase(word, SLICE_LIT("FLAGS")))
		return imap_parse_fail(p, "FLAGS was expected");
	return imap_parse_space(p) && imap_parse_flags(p, true, flags) && imap_parse_end(p);
}

static void
store(struct imap_session *s)
{
	struct store *x = arena_zalloc(&s->arena, sizeof *x);
	struct imap_seqset set;
	struct imap_flags flags;

	imap_batch_init(&x->batch, on_stored);
	commands__flags_store__init(&x->flags);
	buf_init(&x->modified, MODIFIED_MAX);
	x->modified_w.out = &x->modified;
	arena_hook(&s->arena, drop, x);
	s->work = x;
	if (!imap_parse_space(&s->parse) || !imap_parse_set(&s->parse, &set) ||
		!imap_parse_space(&s->parse) || !read_store(s, x, &flags)) {
		imap_bad_syntax(s);
		return;
	}
	if (s->box.read_only) {
		imap_no(s, "[READ-ONLY] The mailbox was opened with EXAMINE");
		return;
	}
	if (!imap_view_uids(s, &set, s->uid_form, &x->batch.uids, &x->batch.n))
		return;
	x->flags.mailbox = s->box.id;
	x->flags.uids = &x->batch.ranges;
	x->flags.known_modseq = s->box.modseq;
	x->flags.flags = flags.system;
	x->flags.keyword = arena_alloc(
		&s->arena, (flags.n_keywords + 1u) * sizeof *x->flags.keyword);
	for (uint32_t i = 0; i < flags.n_keywords; i++)
		x->flags.keyword[x->flags.n_keyword++] = codec_bytes(flags.keywords[i]);
	x->batch.command.body_case = COMMANDS__COMMAND__BODY_FLAGS_STORE;
	x->batch.command.flags_store = &x->flags;
	imap_batch_next(s);
}

const struct imap_command imap_cmd_store[] = {
	{"STORE", IMAP_SELECTED, IMAP_UID_FORM | IMAP_NO_EXPUNGE, store},
	{NULL, 0, 0, NULL},
};
