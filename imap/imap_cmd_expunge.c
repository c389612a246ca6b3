/* imap_cmd_expunge: EXPUNGE and CLOSE (RFC 9051 6.4.3 and 6.4.1, RFC 4315). */
#include "imap/imap_batch.h"
#include "imap/imap_private.h"
#include "store/view_mailbox.h"

struct expunge {
	struct imap_batch batch;
	Commands__Expunge expunge;
	bool is_close;
};

static void
end_expunge(struct imap_session *s, const char *text)
{
	struct expunge *x = s->work;

	/* RFC 9051 6.4.1: CLOSE says nothing of what it removes. */
	if (x->is_close) {
		s->state = IMAP_AUTHENTICATED;
		imap_view_close(s);
	}
	imap_ok(s, "%s", text);
}

static void
on_expunged(struct imap_session *s, enum err e, const Commands__Result *r)
{
	struct expunge *x = s->work;

	if (imap_refused(s, e, r))
		return;
	if (x->batch.at < x->batch.n)
		imap_batch_next(s);
	else
		end_expunge(s, x->is_close ? "Closed" : "Expunged");
}

static struct expunge *
new_expunge(struct imap_session *s)
{
	struct expunge *x = arena_zalloc(&s->arena, sizeof *x);

	imap_batch_init(&x->batch, on_expunged);
	s->work = x;
	return x;
}

struct deleted {
	struct imap_batch *b;
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
keep_deleted(struct imap_session *s, struct imap_batch *b)
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
expunge_uids(struct imap_session *s, struct expunge *x)
{
	if (!keep_deleted(s, &x->batch))
		return;
	commands__expunge__init(&x->expunge);
	x->expunge.mailbox = s->box.id;
	x->expunge.uids = &x->batch.ranges;
	x->batch.command.body_case = COMMANDS__COMMAND__BODY_EXPUNGE;
	x->batch.command.expunge = &x->expunge;
	if (x->batch.n)
		imap_batch_next(s);
	else
		end_expunge(s, x->is_close ? "Closed" : "Nothing to expunge");
}

/* All that the client knows of: what it hasn't seen isn't removed. */
static void
choose_all(struct imap_session *s, struct imap_batch *b)
{
	b->n = s->box.count;
	b->uids = arena_alloc(&s->arena, (b->n + 1) * sizeof *b->uids);
	if (b->n)
		memcpy(b->uids, s->box.uid, b->n * sizeof *b->uids);
}

static void
expunge(struct imap_session *s)
{
	struct expunge *x = new_expunge(s);
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
		choose_all(s, &x->batch);
	else if (!imap_view_uids(s, &set, true, &x->batch.uids, &x->batch.n))
		return;
	expunge_uids(s, x);
}

static void
close_box(struct imap_session *s)
{
	struct expunge *x = new_expunge(s);

	if (!imap_end(s))
		return;
	x->is_close = true;
	if (!s->box.read_only)
		choose_all(s, &x->batch);
	expunge_uids(s, x);
}

const struct imap_command imap_cmd_expunge[] = {
	{"EXPUNGE", IMAP_SELECTED, IMAP_UID_FORM, expunge},
	{"CLOSE", IMAP_SELECTED, 0, close_box},
	{NULL, 0, 0, NULL},
};
