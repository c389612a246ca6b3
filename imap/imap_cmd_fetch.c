/* imap_cmd_fetch: FETCH. Resumable: output is made in chunks, each in a transaction of its own,
 * and stops while the client doesn't read. A large section is read part by part; a 50 MB mail
 * is never whole in memory. */
#include "core/codec.h"
#include "core/mail_date.h"
#include "imap/imap_message.h"
#include "imap/imap_private.h"
#include "imap/imap_section.h"
#include "store/view_mailbox.h"

enum { CHUNK = 131072, STRUCTURE_MAX = 4 << 20, SEEN_BATCH = 1000 };

struct fetch {
	struct imap_fetch what;
	uint32_t *uids, n, at;
	struct imap_message m;
	Commands__Mailbox *box; /* while a chunk is made */
	uint32_t att; /* next attribute of the message at hand; 0 and !open: its beginning */
	bool open;    /* "* n FETCH (" was written, at mark in the output */
	bool is_sent; /* and has left */
	size_t mark;
	bool blank; /* something stands in the parentheses */
	/* A section on its way out: */
	struct imap_section section;
	bool in_section;
	/* BODY[] without PEEK sets \Seen, before it is told. */
	bool seen_done;
	struct imap_seqset set;
	Commands__Command command;
	Commands__FlagsStore flags;
	Commands__Uids ranges;
	uint32_t seen_at;
};

static void go_on(struct imap_session *s);

static void
drop(void *arg)
{
	struct fetch *f = arg;

	imap_message_fini(&f->m);
}

/* --- one attribute --- */

static void
put_blank(struct imap_session *s, struct fetch *f)
{
	if (f->blank)
		imap_put(s, " ");
	f->blank = true;
}

/* What was too large for the index is made on the spot. */
static enum err
put_from_parts(struct imap_session *s, struct fetch *f, enum imap_att_kind kind)
{
	enum err e = imap_message_parts(&f->m);
	struct buf out;
	bool fits = true;

	if (e)
		return e;
	buf_init(&out, STRUCTURE_MAX);
	buf_put_str(&out, kind == IMAP_ATT_ENVELOPE ? "ENVELOPE "
			  : kind == IMAP_ATT_BODY   ? "BODY "
						    : "BODYSTRUCTURE ");
	if (kind == IMAP_ATT_ENVELOPE)
		fits = imap_body_envelope(&f->m.body, 0, &out);
	else
		fits = imap_body_structure(
			&f->m.body, kind == IMAP_ATT_BODYSTRUCTURE, &out, NULL);
	if (fits)
		buf_put_slice(&s->out, buf_slice(&out));
	buf_fini(&out);
	return fits ? ERR_OK : ERR_TOO_BIG;
}

/* ERR_OK, or why the message's text can't be had. */
static enum err
put_from_index(struct imap_session *s, struct fetch *f, enum imap_att_kind kind)
{
	enum err e = imap_message_index(&f->m);
	const struct imap_index *x = &f->m.index;

	if (e)
		return e;
	if (kind == IMAP_ATT_ENVELOPE && x->has_envelope) {
		imap_put(s, "ENVELOPE ");
		buf_put_slice(&s->out, x->envelope);
	} else if (kind == IMAP_ATT_BODYSTRUCTURE && x->has_structure) {
		imap_put(s, "BODYSTRUCTURE ");
		buf_put_slice(&s->out, x->structure);
	} else if (kind == IMAP_ATT_BODY && x->has_structure) {
		imap_put(s, "BODY ");
		imap_index_body(x, &s->out);
	} else {
		e = put_from_parts(s, f, kind);
	}
	return e;
}

static enum err
put_section(struct imap_session *s, struct fetch *f, const struct imap_att *att)
{
	bool is_found;
	enum err e = imap_section_open(&f->section, &f->m, att, &is_found);

	if (e)
		return e;
	imap_att_write(att, &s->out);
	if (!is_found)
		imap_put(s, " NIL");
	else if (att->kind == IMAP_ATT_BINARY_SIZE)
		imap_printf(s, " %llu", (unsigned long long)f->section.size);
	else
		imap_printf(s, att->kind == IMAP_ATT_BINARY ? " ~{%llu}\r\n" : " {%llu}\r\n",
			(unsigned long long)f->section.size);
	f->in_section = is_found && att->kind != IMAP_ATT_BINARY_SIZE;
	return ERR_OK;
}

static enum err
put_att(struct imap_session *s, struct fetch *f, const struct imap_att *a)
{
	const struct schema_message *row = &f->m.row;
	struct mail_date date = {row->internal_date_sec, row->zone_min};

	put_blank(s, f);
	switch (a->kind) {
	case IMAP_ATT_UID:
		imap_put(s, "UID ");
		buf_put_dec(&s->out, f->m.uid);
		return ERR_OK;
	case IMAP_ATT_FLAGS:
		imap_view_put_flags(s, f->box, row);
		return ERR_OK;
	case IMAP_ATT_INTERNALDATE:
		imap_put(s, "INTERNALDATE ");
		mail_date_format_imap(date, &s->out);
		return ERR_OK;
	case IMAP_ATT_SIZE:
		imap_put(s, "RFC822.SIZE ");
		buf_put_dec(&s->out, schema_message_size(row));
		return ERR_OK;
	case IMAP_ATT_MODSEQ:
		imap_printf(s, "MODSEQ (%llu)", (unsigned long long)row->modseq);
		return ERR_OK;
	case IMAP_ATT_ENVELOPE:
	case IMAP_ATT_BODY:
	case IMAP_ATT_BODYSTRUCTURE:
		return put_from_index(s, f, a->kind);
	case IMAP_ATT_BINARY:
	case IMAP_ATT_BINARY_SIZE:
	case IMAP_ATT_SECTION:
	case IMAP_ATT_RFC822:
	case IMAP_ATT_RFC822_HEADER:
	case IMAP_ATT_RFC822_TEXT:
		return put_section(s, f, a);
	}
	return ERR_UNSUPPORTED;
}

/* --- the walk --- */

/* Octets of the section at hand, until it ends or the chunk is full. */
static enum err
put_left(struct imap_session *s, struct fetch *f)
{
	return imap_section_read(&f->section, &f->m, CHUNK, &s->out, &f->in_section);
}

/* One message, or as much of it as fits. Done with it when f->open is false again. */
static enum err
put_message(struct imap_session *s, struct fetch *f)
{
	enum err e = ERR_OK;

	if (!f->open) {
		f->mark = s->out.n;
		imap_put(s, "* ");
		buf_put_dec(&s->out, imap_view_seq(s, f->m.uid));
		imap_put(s, " FETCH (");
		f->open = true;
		f->is_sent = f->blank = false;
		f->att = 0;
	}
	if (f->in_section)
		e = put_left(s, f);
	while (!e && !f->in_section && f->att < f->what.n) {
		e = put_att(s, f, &f->what.atts[f->att++]);
		if (!e && f->in_section)
			e = put_left(s, f);
	}
	if (!e && !f->in_section) {
		imap_put(s, ")\r\n");
		f->open = false;
	}
	return e;
}

struct walk {
	struct imap_session *s;
	struct fetch *f;
	struct db_txn *txn;
	enum err e;
};

/* Rows come in UID order, as do f->uids: those between are passed over. */
static bool
on_row(void *arg, uint32_t uid, const struct schema_message *row)
{
	struct walk *w = arg;
	struct fetch *f = w->f;

	/* Expunged by somebody else meanwhile: RFC 2180 4.1.2, nothing is said of it. */
	while (f->at < f->n && f->uids[f->at] < uid && !f->open)
		f->at++;
	if (f->at == f->n || f->uids[f->at] < uid)
		return false;
	if (f->uids[f->at] > uid)
		return f->uids[f->at] - uid < 50;
	if (f->what.has_changed_since && row->modseq <= f->what.changed_since) {
		f->at++;
		return f->at < f->n;
	}
	imap_message_set(&f->m, w->txn, uid, row);
	w->e = put_message(w->s, f);
	if (w->e || f->open)
		return false;
	f->at++;
	return f->at < f->n && w->s->out.n < CHUNK;
}

/* A chunk of output in one transaction. */
static enum err
put_chunk(struct imap_session *s, struct fetch *f)
{
	struct walk w = {.s = s, .f = f};
	struct fetch before = *f;
	struct arena a; /* not the command's: there may be a million chunks */
	enum err e;

	w.txn = s->ops->begin(s->host);
	if (!w.txn)
		return ERR_BUSY;
	arena_init(&a, 0);
	e = view_mailbox(w.txn, s->box.id, &a, &f->box);
	if (!e)
		e = view_mailbox_messages(w.txn, s->box.id, f->uids[f->at], on_row, &w);
	if (!e)
		e = w.e;
	if (!s->ops->is_valid(s->host)) {
		/* Torn: take the chunk back and make it again. The message's buffers stay with
		 * f->m. */
		before.m = f->m;
		*f = before;
		s->out.n = 0;
		f->m.uid = 0;
		e = ERR_STALE;
	} else if (!e && f->at < f->n && !f->open && s->out.n < CHUNK && f->at == before.at) {
		f->at++; /* it went while we looked */
	} else if (!e && f->open && f->at == before.at && s->out.n == 0) {
		e = ERR_NOT_FOUND; /* gone in the middle of its own response */
	}
	s->ops->end(s->host);
	arena_reset(&a);
	return e;
}

/* A response that has begun to leave can't be taken back: only an end of the connection is
 * unmistakable then. */
static void
fail(struct imap_session *s, struct fetch *f, enum err e)
{
	if (f->open && f->is_sent) {
		imap_session_bye(s, "[SERVERBUG] A message can't be read");
		return;
	}
	if (f->open)
		s->out.n = f->mark;
	if (e == ERR_UNSUPPORTED)
		imap_no(s, "[UNKNOWN-CTE] That part has an unknown transfer encoding");
	else
		imap_no(s, "[UNAVAILABLE] A message can't be read");
}

static void
go_on(struct imap_session *s)
{
	struct fetch *f = s->work;
	enum err e;
	int torn = 0;

	while (f->at < f->n) {
		if (s->ops->is_full(s->host)) {
			s->more = go_on;
			return;
		}
		e = put_chunk(s, f);
		if (e == ERR_STALE && ++torn < 5)
			continue;
		if (e) {
			fail(s, f, e);
			return;
		}
		torn = 0;
		f->is_sent = f->open;
		imap_flush(s);
	}
	imap_ok(s, "Fetched");
}

/* --- \Seen, then the walk --- */

static void set_seen(struct imap_session *s);

static void
on_seen(struct imap_session *s, enum err e, const Commands__Result *r)
{
	struct fetch *f = s->work;

	if (imap_refused(s, e, r))
		return;
	if (r->modseq && s->box.own_n < IMAP_OWN_MAX && imap_att_has(&f->what, IMAP_ATT_FLAGS))
		s->box.own[s->box.own_n++] = r->modseq;
	if (f->seen_at < f->n)
		set_seen(s);
	else
		go_on(s);
}

static void
set_seen(struct imap_session *s)
{
	struct fetch *f = s->work;

	f->ranges.n_first = 0;
	for (; f->seen_at < f->n && f->ranges.n_first < SEEN_BATCH; f->seen_at++) {
		f->ranges.first[f->ranges.n_first] = f->uids[f->seen_at];
		f->ranges.last[f->ranges.n_first++] = f->uids[f->seen_at];
	}
	f->ranges.n_last = f->ranges.n_first;
	imap_propose(s, &f->command, on_seen);
}

struct unseen {
	struct fetch *f;
	bool any;
};

static bool
on_flags(void *arg, uint32_t uid, const struct schema_message *row)
{
	struct unseen *u = arg;

	u->any = !(row->flags & SCHEMA_SEEN);
	return !u->any && uid < u->f->uids[u->f->n - 1];
}

/* Most messages that are read were seen before: no command then. */
static bool
is_any_unseen(struct imap_session *s, struct fetch *f)
{
	struct unseen u = {.f = f};
	struct db_txn *txn = s->ops->begin(s->host);

	if (!txn)
		return true;
	if (view_mailbox_messages(txn, s->box.id, f->uids[0], on_flags, &u))
		u.any = true;
	s->ops->end(s->host);
	return u.any;
}

static void
begin(struct imap_session *s, struct fetch *f)
{
	if (f->n == 0 || !f->what.sets_seen || s->box.read_only || !is_any_unseen(s, f)) {
		go_on(s);
		return;
	}
	commands__command__init(&f->command);
	commands__flags_store__init(&f->flags);
	commands__uids__init(&f->ranges);
	f->ranges.first = arena_alloc(&s->arena, SEEN_BATCH * sizeof(uint32_t));
	f->ranges.last = arena_alloc(&s->arena, SEEN_BATCH * sizeof(uint32_t));
	f->flags.mailbox = s->box.id;
	f->flags.mode = 1;
	f->flags.flags = SCHEMA_SEEN;
	f->flags.uids = &f->ranges;
	f->command.body_case = COMMANDS__COMMAND__BODY_FLAGS_STORE;
	f->command.flags_store = &f->flags;
	set_seen(s);
}

static void
fetch(struct imap_session *s)
{
	struct fetch *f = arena_zalloc(&s->arena, sizeof *f);

	imap_message_init(&f->m, s);
	arena_hook(&s->arena, drop, f);
	s->work = f;
	if (!imap_parse_space(&s->parse) || !imap_parse_set(&s->parse, &f->set) ||
		!imap_parse_space(&s->parse) || !imap_att_parse(&s->parse, &f->what) ||
		!imap_parse_end(&s->parse)) {
		imap_bad_syntax(s);
		return;
	}
	if (s->uid_form)
		imap_att_add(&f->what, IMAP_ATT_UID);
	if (imap_att_has(&f->what, IMAP_ATT_MODSEQ))
		s->condstore = true;
	if (imap_view_uids(s, &f->set, s->uid_form, &f->uids, &f->n))
		begin(s, f);
}

const struct imap_command imap_cmd_fetch[] = {
	{"FETCH", IMAP_SELECTED, IMAP_UID_FORM | IMAP_NO_EXPUNGE, fetch},
	{NULL, 0, 0, NULL},
};
