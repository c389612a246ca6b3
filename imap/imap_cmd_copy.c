/* imap_cmd_copy: COPY and MOVE (RFC 9051 6.4.7 and 6.4.8, RFC 4315, RFC 6851). */
#include "imap/imap_batch.h"
#include "imap/imap_private.h"
#include "imap/imap_seqset.h"
#include "store/view_directory.h"
#include "store/view_mailbox.h"

enum { CODE_MAX = 262144 }; /* octets of each set of COPYUID; longer: there is none */

struct copy {
	struct imap_batch batch;
	Commands__Copy copy;
	/* What came of it. */
	uint32_t uidvalidity;
	struct buf from, to;
	struct imap_seqset_writer from_w, to_w;
};

static void
drop(void *arg)
{
	struct copy *x = arg;

	buf_fini(&x->from);
	buf_fini(&x->to);
}

/* COPYUID, unless its sets are too long to be of use. */
static void
put_copyuid(struct imap_session *s, struct copy *x)
{
	struct buf code;

	buf_init(&code, 2 * CODE_MAX + 64);
	buf_printf(&code, "COPYUID %u %.*s %.*s", x->uidvalidity,
		SLICE_FMT(buf_slice(&x->from)), SLICE_FMT(buf_slice(&x->to)));
	if (x->from.overflow || x->to.overflow || !x->from.n)
		buf_clear(&code);
	if (x->copy.move && code.n) {
		/* RFC 6851 4.3: COPYUID goes ahead of the EXPUNGEs. */
		imap_put(s, "* OK [");
		buf_put_slice(&s->out, buf_slice(&code));
		imap_put(s, "] Moved\r\n");
		buf_clear(&code);
	}
	imap_ok_code(s, buf_slice(&code), x->copy.move ? "Moved" : "Copied");
	buf_fini(&code);
}

static void
on_copied(struct imap_session *s, enum err e, const Commands__Result *r)
{
	struct copy *x = s->work;

	if (imap_refused(s, e, r))
		return;
	x->uidvalidity = r->uidvalidity;
	for (size_t i = 0; i < r->n_uid && i < r->n_source_uid; i++) {
		imap_seqset_write(&x->from_w, r->source_uid[i]);
		imap_seqset_write(&x->to_w, r->uid[i]);
	}
	if (x->batch.at < x->batch.n) {
		imap_batch_next(s);
		return;
	}
	imap_seqset_write_end(&x->from_w);
	imap_seqset_write_end(&x->to_w);
	put_copyuid(s, x);
}

static struct copy *
new_copy(struct imap_session *s)
{
	struct copy *x = arena_zalloc(&s->arena, sizeof *x);

	imap_batch_init(&x->batch, on_copied);
	buf_init(&x->from, CODE_MAX);
	buf_init(&x->to, CODE_MAX);
	x->from_w.out = &x->from;
	x->to_w.out = &x->to;
	arena_hook(&s->arena, drop, x);
	s->work = x;
	return x;
}

struct weight {
	const struct imap_batch *b;
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
is_over_quota(struct imap_session *s, struct db_txn *txn, const struct imap_batch *b)
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
	struct copy *x = new_copy(s);
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
	if (!imap_view_uids(s, &set, s->uid_form, &x->batch.uids, &x->batch.n))
		return;
	txn = imap_begin(s);
	if (!txn)
		return;
	e = view_mailbox_by_name(txn, s->account, name, &s->arena, &m);
	is_full = !e && !move && x->batch.n > IMAP_BATCH_MAX &&
		  is_over_quota(s, txn, &x->batch);
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
	commands__copy__init(&x->copy);
	x->copy.mailbox = s->box.id;
	x->copy.to = m->id;
	x->copy.move = move;
	x->copy.uids = &x->batch.ranges;
	x->batch.command.body_case = COMMANDS__COMMAND__BODY_COPY;
	x->batch.command.copy = &x->copy;
	imap_batch_next(s);
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

const struct imap_command imap_cmd_copy[] = {
	{"COPY", IMAP_SELECTED, IMAP_UID_FORM, copy},
	{"MOVE", IMAP_SELECTED, IMAP_UID_FORM, move},
	{NULL, 0, 0, NULL},
};
