/* imap_cmd_store: STORE, COPY, MOVE, EXPUNGE, CLOSE: many messages go in batches, each one
 * command of the log. */
#include "core/codec.h"
#include "imap/imap_private.h"
#include "imap/imap_seqset.h"
#include "store/view_directory.h"
#include "store/view_mailbox.h"

enum {
	BATCH = 1000,	  /* the store's limit on one command */
	CODE_MAX = 262144 /* octets of each set of COPYUID; longer: there is none */
};

struct batch {
	uint32_t *uids, n, at; /* all, and how many are done */
	Commands__Command command;
	Commands__FlagsStore flags;
	Commands__Copy copy;
	Commands__Expunge expunge;
	Commands__Uids ranges;
	bool silent, is_close;
	/* COPY, MOVE: what came of it. */
	uint32_t uidvalidity;
	struct buf from, to;
	struct imap_seqset_writer from_w, to_w;
	/* STORE UNCHANGEDSINCE: refused ones. */
	struct buf modified;
	struct imap_seqset_writer modified_w;
	bool any_modified;
	uint32_t *told, told_n; /* whose flags are to be told */
};

static void next(struct imap_session *s);

static void
drop(void *arg)
{
	struct batch *b = arg;

	buf_fini(&b->from);
	buf_fini(&b->to);
	buf_fini(&b->modified);
}

static struct batch *
new_batch(struct imap_session *s)
{
	struct batch *b = arena_zalloc(&s->arena, sizeof *b);

	commands__command__init(&b->command);
	commands__uids__init(&b->ranges);
	buf_init(&b->from, CODE_MAX);
	buf_init(&b->to, CODE_MAX);
	buf_init(&b->modified, 16 * CODE_MAX);
	b->from_w.out = &b->from;
	b->to_w.out = &b->to;
	b->modified_w.out = &b->modified;
	arena_hook(&s->arena, drop, b);
	s->work = b;
	return b;
}

/* The next BATCH UIDs as rising ranges. UIDs that lie beside each other in the picture may join
 * over a hole: what isn't there can't be touched, but what came since could; so only true
 * neighbours are joined. */
static void
fill_ranges(struct imap_session *s, struct batch *b)
{
	uint32_t n = b->n - b->at < BATCH ? b->n - b->at : BATCH;

	if (!b->ranges.first) {
		b->ranges.first = arena_alloc(&s->arena, BATCH * sizeof(uint32_t));
		b->ranges.last = arena_alloc(&s->arena, BATCH * sizeof(uint32_t));
	}
	b->ranges.n_first = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t uid = b->uids[b->at + i];

		if (b->ranges.n_first && b->ranges.last[b->ranges.n_first - 1] + 1 == uid) {
			b->ranges.last[b->ranges.n_first - 1] = uid;
			continue;
		}
		b->ranges.first[b->ranges.n_first] = uid;
		b->ranges.last[b->ranges.n_first++] = uid;
	}
	b->ranges.n_last = b->ranges.n_first;
	b->at += n;
}

/* --- STORE --- */

/* False: nothing was told. */
static bool
tell_flags(struct imap_session *s, struct batch *b)
{
	struct db_txn *txn = s->ops->begin(s->host);
	size_t mark = s->out.n;
	Commands__Mailbox *m;
	struct schema_message row;
	bool is_valid;

	if (!txn)
		return false;
	if (view_mailbox(txn, s->box.id, &s->arena, &m))
		b->told_n = 0;
	else if (m->n_keyword > s->box.keywords)
		imap_view_put_keywords(s, m);
	for (uint32_t i = 0; i < b->told_n; i++) {
		uint32_t seq = imap_view_seq(s, b->told[i]);

		if (!seq || view_mailbox_message(txn, s->box.id, b->told[i], &row))
			continue;
		imap_printf(s, "* %u FETCH (", seq);
		if (!b->silent)
			imap_view_put_flags(s, m, &row);
		imap_printf(s, "%sUID %u", b->silent ? "" : " ", b->told[i]);
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
keep_stored(struct imap_session *s, struct batch *b, const Commands__Result *r)
{
	bool is_told;

	b->told = arena_alloc(&s->arena, (r->n_uid + 1) * sizeof *b->told);
	if (r->n_uid)
		memcpy(b->told, r->uid, r->n_uid * sizeof *b->told);
	b->told_n = (uint32_t)r->n_uid;
	for (size_t i = 0; i < r->n_refused_uid; i++) {
		uint32_t uid = r->refused_uid[i];

		imap_seqset_write(&b->modified_w, s->uid_form ? uid : imap_view_seq(s, uid));
		b->any_modified = true;
	}
	/* Silent ones are told only where the client needs the new MODSEQ. What isn't told here
	 * is told as any other change. */
	is_told = (b->silent && !s->condstore) || tell_flags(s, b);
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
	struct batch *b = s->work;

	if (imap_refused(s, e, r))
		return;
	keep_stored(s, b, r);
	if (b->at < b->n) {
		next(s);
		return;
	}
	imap_seqset_write_end(&b->modified_w);
	if (b->modified.overflow)
		imap_no(s, "[LIMIT] Many had changed: store to fewer at once");
	else if (b->any_modified)
		imap_ok_code(s, in_code(s, "MODIFIED ", &b->modified), "Some had changed");
	else
		imap_ok(s, "Stored");
}

/* "(UNCHANGEDSINCE n) FLAGS.SILENT (...)" */
static bool
read_store(struct imap_session *s, struct batch *b, struct imap_flags *flags)
{
	struct imap_parse *p = &s->parse;
	struct slice word;
	uint64_t since;

	if (imap_parse_skip(p, '(')) {
		if (!imap_parse_word(p, "UNCHANGEDSINCE") || !imap_parse_space(p) ||
			!imap_parse_number64(p, &since) || !imap_parse_char(p, ')') ||
			!imap_parse_space(p))
			return imap_parse_fail(p, "UNCHANGEDSINCE and a number were expected");
		b->flags.unchanged_since = since + 1;
		s->condstore = true;
	}
	b->flags.mode = imap_parse_skip(p, '+') ? 1 : imap_parse_skip(p, '-') ? 2 : 0;
	if (!imap_parse_atom(p, &word))
		return false;
	b->silent = slice_eq_nocase(word, SLICE_LIT("FLAGS.SILENT"));
	if (!b->silent && !slice_eq_nocase(word, SLICE_LIT("FLAGS")))
		return imap_parse_fail(p, "FLAGS was expected");
	return imap_parse_space(p) && imap_parse_flags(p, true, flags) && imap_parse_end(p);
}

static void
store(struct imap_session *s)
{
	struct batch *b = new_batch(s);
	struct imap_seqset set;
	struct imap_flags flags;

	commands__flags_store__init(&b->flags);
	if (!imap_parse_space(&s->parse) || !imap_parse_set(&s->parse, &set) ||
		!imap_parse_space(&s->parse) || !read_store(s, b, &flags)) {
		imap_bad_syntax(s);
		return;
	}
	if (s->box.read_only) {
		imap_no(s, "[READ-ONLY] The mailbox was opened with EXAMINE");
		return;
	}
	if (!imap_view_uids(s, &set, s->uid_form, &b->uids, &b->n))
		return;
	b->flags.mailbox = s->box.id;
	b->flags.uids = &b->ranges;
	b->flags.flags = flags.system;
	b->flags.keyword = arena_alloc(
		&s->arena, (flags.n_keywords + 1u) * sizeof *b->flags.keyword);
	for (uint32_t i = 0; i < flags.n_keywords; i++)
		b->flags.keyword[b->flags.n_keyword++] = codec_bytes(flags.keywords[i]);
	b->command.body_case = COMMANDS__COMMAND__BODY_FLAGS_STORE;
	b->command.flags_store = &b->flags;
	next(s);
}

/* --- COPY and MOVE --- */

/* COPYUID, unless its sets are too long to be of use. */
static void
put_copyuid(struct imap_session *s, struct batch *b)
{
	struct buf code;

	buf_init(&code, 2 * CODE_MAX + 64);
	buf_printf(&code, "COPYUID %u %.*s %.*s", b->uidvalidity,
		SLICE_FMT(buf_slice(&b->from)), SLICE_FMT(buf_slice(&b->to)));
	if (b->from.overflow || b->to.overflow || !b->from.n)
		buf_clear(&code);
	if (b->copy.move && code.n) {
		/* RFC 6851 4.3: COPYUID goes ahead of the EXPUNGEs. */
		imap_put(s, "* OK [");
		buf_put_slice(&s->out, buf_slice(&code));
		imap_put(s, "] Moved\r\n");
		buf_clear(&code);
	}
	imap_ok_code(s, buf_slice(&code), b->copy.move ? "Moved" : "Copied");
	buf_fini(&code);
}

static void
on_copied(struct imap_session *s, enum err e, const Commands__Result *r)
{
	struct batch *b = s->work;

	if (imap_refused(s, e, r))
		return;
	b->uidvalidity = r->uidvalidity;
	for (size_t i = 0; i < r->n_uid && i < r->n_source_uid; i++) {
		imap_seqset_write(&b->from_w, r->source_uid[i]);
		imap_seqset_write(&b->to_w, r->uid[i]);
	}
	if (b->at < b->n) {
		next(s);
		return;
	}
	imap_seqset_write_end(&b->from_w);
	imap_seqset_write_end(&b->to_w);
	put_copyuid(s, b);
}

struct weight {
	const struct batch *b;
	uint32_t at;
	uint64_t bytes;
};

static bool
weigh(void *arg, uint32_t uid, const struct schema_message *row)
{
	struct weight *w = arg;

	while (w->at < w->b->n && w->b->uids[w->at] < uid)
		w->at++;
	if (w->at < w->b->n && w->b->uids[w->at] == uid)
		w->bytes += schema_message_size(row);
	return w->at < w->b->n;
}

/* One batch is refused by the store as a whole. Several are weighed first, so that a COPY
 * doesn't fail halfway (RFC 9051 6.4.7). */
static bool
is_over_quota(struct imap_session *s, struct db_txn *txn, const struct batch *b)
{
	struct weight w = {.b = b};
	Commands__Account *r;

	return !view_directory_account(txn, s->account, &s->arena, &r) &&
	       !view_mailbox_messages(txn, s->box.id, b->uids[0], weigh, &w) &&
	       view_directory_over_quota(r, w.bytes);
}

static void
copy_or_move(struct imap_session *s, bool move)
{
	struct batch *b = new_batch(s);
	struct imap_seqset set;
	struct slice name;
	struct db_txn *txn;
	Commands__Mailbox *m;
	bool is_full;
	enum err e;

	if (!imap_parse_space(&s->parse) || !imap_parse_set(&s->parse, &set) ||
		!imap_parse_space(&s->parse) || !imap_parse_mailbox(&s->parse, &name) ||
		!imap_parse_end(&s->parse)) {
		imap_bad_syntax(s);
		return;
	}
	if (move && s->box.read_only) {
		imap_no(s, "[READ-ONLY] The mailbox was opened with EXAMINE");
		return;
	}
	if (!imap_view_uids(s, &set, s->uid_form, &b->uids, &b->n))
		return;
	txn = imap_begin(s);
	if (!txn)
		return;
	e = view_mailbox_by_name(txn, s->account, name, &s->arena, &m);
	is_full = !e && !move && b->n > BATCH && is_over_quota(s, txn, b);
	if (!imap_end_txn(s))
		return;
	if (e) {
		imap_no(s, "[TRYCREATE] There is no such mailbox");
		return;
	}
	if (is_full) {
		imap_no(s, "[OVERQUOTA] The mailbox is full");
		return;
	}
	commands__copy__init(&b->copy);
	b->copy.mailbox = s->box.id;
	b->copy.to = m->id;
	b->copy.move = move;
	b->copy.uids = &b->ranges;
	b->command.body_case = COMMANDS__COMMAND__BODY_COPY;
	b->command.copy = &b->copy;
	next(s);
}

static void
copy(struct imap_session *s)
{
	copy_or_move(s, false);
}

static void
move(struct imap_session *s)
{
	copy_or_move(s, true);
}

/* --- EXPUNGE and CLOSE --- */

static void
end_expunge(struct imap_session *s, const char *text)
{
	/* RFC 9051 6.4.2: CLOSE says nothing of what it removes. */
	if (s->work && ((struct batch *)s->work)->is_close) {
		s->state = IMAP_AUTHENTICATED;
		imap_view_close(s);
	}
	imap_ok(s, "%s", text);
}

static void
on_expunged(struct imap_session *s, enum err e, const Commands__Result *r)
{
	struct batch *b = s->work;

	if (imap_refused(s, e, r))
		return;
	if (b->at < b->n)
		next(s);
	else
		end_expunge(s, b->is_close ? "Closed" : "Expunged");
}

struct deleted {
	struct batch *b;
	uint32_t at, n; /* of b->uids: looked at, and kept */
};

static bool
on_deleted(void *arg, uint32_t uid, const struct schema_message *row)
{
	struct deleted *d = arg;

	while (d->at < d->b->n && d->b->uids[d->at] < uid)
		d->at++;
	if (d->at < d->b->n && d->b->uids[d->at] == uid && row->flags & SCHEMA_DELETED)
		d->b->uids[d->n++] = uid;
	return d->at < d->b->n;
}

/* Of the chosen messages the deleted ones; mostly there are none, and nothing is logged. False:
 * NO was said. */
static bool
keep_deleted(struct imap_session *s, struct batch *b)
{
	struct deleted d = {.b = b};
	struct db_txn *txn = b->n ? imap_begin(s) : NULL;
	enum err e;

	if (b->n == 0)
		return true;
	if (!txn)
		return false;
	e = view_mailbox_messages(txn, s->box.id, b->uids[0], on_deleted, &d);
	if (!imap_end_txn(s))
		return false;
	b->n = d.n;
	if (e)
		imap_no(s, "[UNAVAILABLE] The mailbox can't be read now, try again");
	return !e;
}

static void
expunge_uids(struct imap_session *s, struct batch *b)
{
	if (!keep_deleted(s, b))
		return;
	commands__expunge__init(&b->expunge);
	b->expunge.mailbox = s->box.id;
	b->expunge.uids = &b->ranges;
	b->command.body_case = COMMANDS__COMMAND__BODY_EXPUNGE;
	b->command.expunge = &b->expunge;
	if (b->n)
		next(s);
	else
		end_expunge(s, b->is_close ? "Closed" : "Nothing to expunge");
}

/* All that the client knows of: what it hasn't seen isn't removed. */
static void
choose_all(struct imap_session *s, struct batch *b)
{
	b->n = s->box.count;
	b->uids = arena_alloc(&s->arena, (b->n + 1) * sizeof *b->uids);
	if (b->n)
		memcpy(b->uids, s->box.uid, b->n * sizeof *b->uids);
}

static void
expunge(struct imap_session *s)
{
	struct batch *b = new_batch(s);
	struct imap_seqset set;

	if (s->uid_form && (!imap_parse_space(&s->parse) || !imap_parse_set(&s->parse, &set))) {
		imap_bad_syntax(s);
		return;
	}
	if (!imap_end(s))
		return;
	if (s->box.read_only) {
		imap_no(s, "[READ-ONLY] The mailbox was opened with EXAMINE");
		return;
	}
	if (!s->uid_form)
		choose_all(s, b);
	else if (!imap_view_uids(s, &set, true, &b->uids, &b->n))
		return;
	expunge_uids(s, b);
}

static void
close_box(struct imap_session *s)
{
	struct batch *b = new_batch(s);

	if (!imap_end(s))
		return;
	b->is_close = true;
	if (!s->box.read_only)
		choose_all(s, b);
	expunge_uids(s, b);
}

/* --- batches --- */

static void
next(struct imap_session *s)
{
	struct batch *b = s->work;

	if (b->at == b->n) {
		imap_ok(s, "Nothing to do");
		return;
	}
	if (s->ops->is_full(s->host)) {
		s->more = next;
		return;
	}
	fill_ranges(s, b);
	switch ((int)b->command.body_case) {
	case COMMANDS__COMMAND__BODY_FLAGS_STORE:
		imap_propose(s, &b->command, on_stored);
		break;
	case COMMANDS__COMMAND__BODY_COPY:
		imap_propose(s, &b->command, on_copied);
		break;
	default:
		imap_propose(s, &b->command, on_expunged);
	}
}

const struct imap_command imap_cmd_store[] = {
	{"STORE", IMAP_SELECTED, IMAP_UID_FORM | IMAP_NO_EXPUNGE, store},
	{"COPY", IMAP_SELECTED, IMAP_UID_FORM, copy},
	{"MOVE", IMAP_SELECTED, IMAP_UID_FORM, move},
	{"EXPUNGE", IMAP_SELECTED, IMAP_UID_FORM, expunge},
	{"CLOSE", IMAP_SELECTED, 0, close_box},
	{NULL, 0, 0, NULL},
};
