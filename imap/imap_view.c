/* imap_view: the selected mailbox as this client knows it: UIDs in order, and up to which
 * MODSEQ the picture was brought. Sequence numbers are places in the array. Memory: 4 octets a
 * message. */
#include <stdlib.h>

#include "core/codec.h"
#include "core/must.h"
#include "imap/imap_private.h"
#include "store/view_mailbox.h"

/* Octets of responses in one look at the changes. */
enum { LOOK_MAX = 65536 };

void
imap_view_close(struct imap_session *s)
{
	free(s->box.uid);
	s->box = (struct imap_box){0};
	free(s->saved);
	s->saved = NULL;
	s->saved_n = 0;
}

static void
add_uid(struct imap_box *b, uint32_t uid)
{
	if (b->count == b->room) {
		b->room = b->room ? b->room * 2 : 16;
		b->uid = must_realloc(b->uid, b->room * sizeof *b->uid);
	}
	b->uid[b->count++] = uid;
}

static bool
on_message(void *arg, uint32_t uid, const struct schema_message *m)
{
	(void)m;
	add_uid(arg, uid);
	return true;
}

enum err
imap_view_open(struct imap_session *s, struct db_txn *txn, uint64_t mailbox)
{
	struct imap_box b = {.id = mailbox};
	Commands__Mailbox *m;
	enum err e = view_mailbox(txn, mailbox, &s->arena, &m);

	if (e)
		return e;
	b.modseq = m->modseq;
	b.uidvalidity = m->uidvalidity;
	b.uidnext = m->uidnext;
	if (m->exists) {
		b.room = m->exists;
		b.uid = must_alloc(b.room * sizeof *b.uid);
		e = view_mailbox_messages(txn, mailbox, 1, on_message, &b);
	}
	if (e) {
		free(b.uid);
		return e;
	}
	imap_view_close(s);
	s->box = b;
	return ERR_OK;
}

uint32_t
imap_view_from(const struct imap_session *s, uint32_t uid)
{
	uint32_t low = 0, high = s->box.count, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (s->box.uid[mid] < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

uint32_t
imap_view_seq(const struct imap_session *s, uint32_t uid)
{
	uint32_t i = imap_view_from(s, uid);

	return i < s->box.count && s->box.uid[i] == uid ? i + 1 : 0;
}

void
imap_view_put_flags(
	struct imap_session *s, const Commands__Mailbox *m, const struct schema_message *row)
{
	static const struct {
		uint8_t bit;
		const char *name;
	} system[] = {{SCHEMA_SEEN, "\\Seen"}, {SCHEMA_ANSWERED, "\\Answered"},
		{SCHEMA_FLAGGED, "\\Flagged"}, {SCHEMA_DELETED, "\\Deleted"},
		{SCHEMA_DRAFT, "\\Draft"}};
	bool any = false;

	imap_put(s, "FLAGS (");
	for (size_t i = 0; i < sizeof system / sizeof *system; i++) {
		if (!(row->flags & system[i].bit))
			continue;
		imap_put(s, any ? " " : "");
		imap_put(s, system[i].name);
		any = true;
	}
	for (size_t i = 0; i < m->n_keyword && row->keywords; i++) {
		if (!(row->keywords >> i & 1))
			continue;
		imap_put(s, any ? " " : "");
		buf_put_slice(&s->out, codec_slice(m->keyword[i]));
		any = true;
	}
	imap_put(s, ")");
}

static uint32_t
last_uid(const struct imap_box *b)
{
	return b->count ? b->uid[b->count - 1] : 0;
}

/* --- keywords --- */

static void
put_known_flags(struct imap_session *s, const Commands__Mailbox *m)
{
	imap_put(s, "(\\Answered \\Flagged \\Deleted \\Seen \\Draft");
	for (size_t i = 0; i < m->n_keyword; i++) {
		imap_put(s, " ");
		buf_put_slice(&s->out, codec_slice(m->keyword[i]));
	}
}

void
imap_view_put_keywords(struct imap_session *s, const Commands__Mailbox *m)
{
	s->box.keywords = (uint32_t)m->n_keyword;
	imap_put(s, "* FLAGS ");
	put_known_flags(s, m);
	if (s->box.read_only) {
		imap_put(s, ")\r\n* OK [PERMANENTFLAGS ()] Nothing can be changed\r\n");
		return;
	}
	imap_put(s, ")\r\n* OK [PERMANENTFLAGS ");
	put_known_flags(s, m);
	imap_put(s, m->n_keyword < SCHEMA_KEYWORDS_MAX ? " \\*" : "");
	imap_put(s, ")] These stay\r\n");
}

/* --- what changed --- */

struct changes {
	struct imap_session *s;
	struct db_txn *txn;
	Commands__Mailbox *m;
	bool may_expunge;
	size_t mark;	/* of s->out: where this look begins */
	uint64_t upto;	/* all changes up to this MODSEQ are in it */
	bool is_cut;	/* there are more */
	uint32_t *gone; /* UIDs, as the table has them */
	uint32_t gone_n, gone_room;
	uint32_t last;	    /* UID that was known before */
	uint32_t fresh;	    /* new messages */
	uint32_t at;	    /* compared: place in the picture */
	struct arena arena; /* not the command's: IDLE may last for days */
};

/* As much as one look may say; the rest is for the next one. */
static bool
is_enough(const struct changes *c)
{
	return c->s->out.n - c->mark + c->gone_n * sizeof "* 100000 EXPUNGE\r" > LOOK_MAX;
}

static void
put_fetch_flags(struct changes *c, uint32_t seq, uint32_t uid, const struct schema_message *row)
{
	struct imap_session *s = c->s;

	imap_printf(s, "* %u FETCH (", seq);
	imap_view_put_flags(s, c->m, row);
	imap_printf(s, " UID %u", uid);
	if (s->condstore)
		imap_printf(s, " MODSEQ (%llu)", (unsigned long long)row->modseq);
	imap_put(s, ")\r\n");
}

static bool
is_own(const struct imap_box *b, uint64_t modseq)
{
	for (uint32_t i = 0; i < b->own_n; i++)
		if (b->own[i] == modseq)
			return true;
	return false;
}

static void
note_gone(struct changes *c, uint32_t uid)
{
	uint32_t *more;

	if (c->gone_n == c->gone_room) {
		c->gone_room = c->gone_room ? c->gone_room * 2 : 64;
		more = arena_alloc(&c->arena, c->gone_room * sizeof *more);
		if (c->gone_n)
			memcpy(more, c->gone, c->gone_n * sizeof *more);
		c->gone = more;
	}
	c->gone[c->gone_n++] = uid;
}

static bool
on_change(void *arg, uint32_t uid, uint64_t modseq, bool gone)
{
	struct changes *c = arg;
	struct imap_box *b = &c->s->box;
	uint32_t seq = imap_view_seq(c->s, uid);
	struct schema_message row;

	/* A MODSEQ is told whole: the next look begins behind it. */
	if (modseq > c->upto && is_enough(c)) {
		c->is_cut = true;
		return false;
	}
	c->upto = modseq;
	if (gone && seq)
		note_gone(c, uid);
	else if (!gone && seq && !is_own(b, modseq) &&
		 !view_mailbox_message(c->txn, b->id, uid, &row))
		put_fetch_flags(c, seq, uid, &row);
	return true;
}

static bool
on_compared(void *arg, uint32_t uid, const struct schema_message *row)
{
	struct changes *c = arg;
	struct imap_box *b = &c->s->box;

	(void)row;
	while (c->at < b->count && b->uid[c->at] < uid)
		note_gone(c, b->uid[c->at++]);
	c->at += c->at < b->count && b->uid[c->at] == uid;
	return c->at < b->count;
}

/* The picture is older than the changes that are kept: all of the mailbox is looked at for what
 * went, and later for new flags (tell_late). */
static enum err
compare(struct changes *c)
{
	struct imap_box *b = &c->s->box;
	enum err e;

	c->upto = c->m->modseq;
	e = view_mailbox_messages(c->txn, b->id, 1, on_compared, c);
	while (!e && c->at < b->count)
		note_gone(c, b->uid[c->at++]);
	return e;
}

static int
by_falling_uid(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* From the last one back, so that each number is right when it is said; the picture is closed
 * up once, at the end. */
static void
put_expunges(struct changes *c)
{
	struct imap_box *b = &c->s->box;
	uint32_t i, kept;

	if (c->gone_n == 0)
		return;
	qsort(c->gone, c->gone_n, sizeof *c->gone, by_falling_uid);
	for (i = 0; i < c->gone_n; i++)
		imap_printf(c->s, "* %u EXPUNGE\r\n", imap_view_seq(c->s, c->gone[i]));
	kept = imap_view_from(c->s, c->gone[c->gone_n - 1]);
	for (i = kept; i < b->count; i++) {
		if (c->gone_n && b->uid[i] == c->gone[c->gone_n - 1])
			c->gone_n--;
		else
			b->uid[kept++] = b->uid[i];
	}
	b->count = kept;
}

static bool
on_late(void *arg, uint32_t uid, const struct schema_message *row)
{
	struct changes *c = arg;
	struct imap_box *b = &c->s->box;
	uint32_t seq = imap_view_seq(c->s, uid);

	if (is_enough(c)) {
		c->is_cut = true;
		return false;
	}
	b->late_uid = uid + 1;
	if (seq && uid <= c->last && row->modseq > b->late_modseq)
		put_fetch_flags(c, seq, uid, row);
	return uid < c->last;
}

/* Flags that changed before the picture was compared. */
static enum err
tell_late(struct changes *c)
{
	struct imap_box *b = &c->s->box;
	uint32_t from = b->late_uid;
	enum err e;

	if (!from || c->is_cut)
		return ERR_OK;
	e = view_mailbox_messages(c->txn, b->id, from, on_late, c);
	if (!c->is_cut)
		b->late_uid = 0;
	return e;
}

static bool
on_fresh(void *arg, uint32_t uid, const struct schema_message *row)
{
	struct changes *c = arg;

	(void)row;
	add_uid(&c->s->box, uid);
	c->fresh++;
	return true;
}

/* From the table of messages, not from the changes: there a message whose flags changed stands
 * behind younger ones. */
static enum err
take_fresh(struct changes *c)
{
	return c->last == UINT32_MAX
		       ? ERR_OK
		       : view_mailbox_messages(c->txn, c->s->box.id, c->last + 1, on_fresh, c);
}

/* Collects into c and s->out. ERR_OK: the picture may be brought to c->upto. */
static enum err
look(struct changes *c)
{
	struct imap_session *s = c->s;
	struct imap_box *b = &s->box;
	enum err e = view_mailbox(c->txn, b->id, &c->arena, &c->m);

	if (e)
		return e;
	if (c->m->n_keyword > b->keywords)
		imap_view_put_keywords(s, c->m);
	if (c->m->modseq == b->modseq)
		return ERR_OK;
	e = view_mailbox_changes(c->txn, b->id, b->modseq, on_change, c);
	if (e == ERR_STALE) {
		e = compare(c);
		b->late_modseq = b->late_uid ? b->late_modseq : b->modseq;
		b->late_uid = 1;
	}
	return e ? e : take_fresh(c);
}

/* One transaction's look. False: the mailbox is gone. */
static bool
tell(struct changes *c)
{
	struct imap_session *s = c->s;
	struct imap_box before = s->box;
	enum err e;

	c->mark = s->out.n;
	c->upto = s->box.modseq;
	c->last = last_uid(&s->box);
	e = look(c);
	if (!e && c->gone_n && !c->may_expunge)
		e = ERR_BUSY; /* numbers stay while the command runs */
	if (!e)
		e = tell_late(c);
	if (!s->ops->is_valid(s->host))
		e = ERR_BUSY;
	if (e) {
		/* Told at a later command's end. */
		c->is_cut = false;
		s->out.n = c->mark;
		before.uid = s->box.uid;
		before.room = s->box.room;
		s->box = before;
		return e != ERR_NOT_FOUND;
	}
	put_expunges(c);
	if (c->fresh)
		imap_printf(s, "* %u EXISTS\r\n", s->box.count);
	s->box.modseq = c->is_cut ? c->upto : c->m->modseq;
	if (!c->is_cut)
		s->box.own_n = 0;
	return true;
}

/* True: there is more to tell. */
static bool
sync_some(struct imap_session *s, bool may_expunge)
{
	struct changes c = {.s = s, .may_expunge = may_expunge};
	bool is_there;

	c.txn = s->ops->begin(s->host);
	if (!c.txn)
		return false;
	arena_init(&c.arena, 0);
	is_there = tell(&c);
	s->ops->end(s->host);
	arena_reset(&c.arena);
	if (!is_there)
		imap_session_bye(s, "The mailbox was deleted");
	return c.is_cut;
}

bool
imap_view_sync(struct imap_session *s, bool may_expunge)
{
	while (sync_some(s, may_expunge) && !s->closing) {
		imap_flush(s);
		if (s->ops->is_full(s->host))
			return false;
	}
	return true;
}

/* --- sets --- */

/* "$": what the last SEARCH saved. */
static void
use_saved(struct imap_session *s, uint32_t **uids, uint32_t *n)
{
	*uids = arena_alloc(&s->arena, (s->saved_n + 1) * sizeof **uids);
	*n = 0;
	for (uint32_t i = 0; i < s->saved_n; i++)
		if (imap_view_seq(s, s->saved[i]))
			(*uids)[(*n)++] = s->saved[i];
}

bool
imap_view_uids(struct imap_session *s, struct imap_seqset *set, bool is_uid, uint32_t **uids,
	uint32_t *n)
{
	const struct imap_box *b = &s->box;
	const struct imap_range *r;
	uint64_t room;
	bool is_beyond;

	if (set->is_saved) {
		use_saved(s, uids, n);
		return true;
	}
	is_beyond = !is_uid && !b->count && !set->has_star;
	imap_seqset_resolve(set, is_uid ? last_uid(b) : b->count);
	if (is_beyond || (!is_uid && imap_seqset_last(set) > b->count)) {
		imap_bad(s, "There is no message with that number");
		return false;
	}
	room = imap_seqset_count(set);
	if (room > b->count)
		room = b->count;
	*uids = arena_alloc(&s->arena, (room + 1) * sizeof **uids);
	*n = 0;
	for (r = set->ranges; r < set->ranges + set->n; r++) {
		uint32_t i = is_uid ? imap_view_from(s, r->from) : r->from - 1;

		for (; i < b->count && (is_uid ? b->uid[i] : i + 1) <= r->to; i++)
			(*uids)[(*n)++] = b->uid[i];
	}
	return true;
}
