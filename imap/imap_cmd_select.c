/* imap_cmd_select: SELECT, EXAMINE, UNSELECT, IDLE. */
#include "core/codec.h"
#include "imap/imap_private.h"
#include "store/view_mailbox.h"

/* --- SELECT and EXAMINE --- */

struct first_unseen {
	uint32_t uid;
};

static bool
on_message(void *arg, uint32_t uid, const struct schema_message *m)
{
	struct first_unseen *f = arg;

	if (m->flags & SCHEMA_SEEN)
		return true;
	f->uid = uid;
	return false;
}

static void
put_state(struct imap_session *s, struct db_txn *txn, const Commands__Mailbox *m)
{
	struct first_unseen unseen = {0};

	imap_view_put_keywords(s, m);
	imap_printf(s, "* %u EXISTS\r\n", s->box.count);
	if (!s->rev2) {
		imap_put(s, "* 0 RECENT\r\n");
		if (m->unseen)
			view_mailbox_messages(txn, m->id, 1, on_message, &unseen);
		if (unseen.uid)
			imap_printf(s, "* OK [UNSEEN %u] The first one not seen\r\n",
				imap_view_seq(s, unseen.uid));
	} else {
		imap_put(s, "* LIST () \"/\" ");
		imap_put_mailbox(s, codec_slice(m->name));
		imap_put(s, "\r\n");
	}
	imap_printf(s, "* OK [UIDVALIDITY %u] UIDs are good\r\n", m->uidvalidity);
	imap_printf(s, "* OK [UIDNEXT %u] The next UID\r\n", m->uidnext);
	imap_printf(s, "* OK [HIGHESTMODSEQ %llu] The newest change\r\n",
		(unsigned long long)m->modseq);
}

/* "(CONDSTORE)", and nothing else that we know. */
static bool
read_parameters(struct imap_session *s)
{
	struct imap_parse *p = &s->parse;
	struct slice word;

	if (!imap_parse_skip(p, ' '))
		return true;
	if (!imap_parse_char(p, '('))
		return false;
	do {
		if (!imap_parse_atom(p, &word))
			return false;
		if (!slice_eq_nocase(word, SLICE_LIT("CONDSTORE")))
			return imap_parse_fail(p, "Unknown parameter");
		s->condstore = true;
	} while (imap_parse_skip(p, ' '));
	return imap_parse_char(p, ')');
}

static enum err
open_box(struct imap_session *s, struct db_txn *txn, struct slice name, bool read_only)
{
	Commands__Mailbox *m;
	enum err e = view_mailbox_by_name(txn, s->account, name, &s->arena, &m);
	size_t mark;

	if (!e)
		e = imap_view_open(s, txn, m->id);
	if (e)
		return s->ops->is_valid(s->host) ? e : ERR_BUSY;
	s->box.read_only = read_only;
	mark = s->out.n;
	put_state(s, txn, m);
	if (s->ops->is_valid(s->host))
		return ERR_OK;
	s->out.n = mark;
	return ERR_BUSY;
}

static void
open_command(struct imap_session *s, bool read_only)
{
	struct slice name;
	struct db_txn *txn;
	enum err e;

	if (!imap_parse_space(&s->parse) || !imap_parse_mailbox(&s->parse, &name) ||
		!read_parameters(s) || !imap_parse_end(&s->parse)) {
		imap_bad_syntax(s);
		return;
	}
	/* RFC 9051 6.3.2: whatever comes of it, the old mailbox is closed. */
	if (s->state == IMAP_SELECTED)
		imap_put(s, "* OK [CLOSED] The other mailbox is closed\r\n");
	s->state = IMAP_AUTHENTICATED;
	imap_view_close(s);
	txn = imap_begin(s);
	if (!txn)
		return;
	e = open_box(s, txn, name, read_only);
	s->ops->end(s->host);
	if (e == ERR_NOT_FOUND) {
		imap_no(s, "[NONEXISTENT] There is no such mailbox");
	} else if (e) {
		imap_no(s, "[UNAVAILABLE] The mailbox can't be read now, try again");
	} else {
		s->state = IMAP_SELECTED;
		imap_ok(s, read_only ? "[READ-ONLY] Selected" : "[READ-WRITE] Selected");
	}
}

static void
select_box(struct imap_session *s)
{
	open_command(s, false);
}

static void
examine(struct imap_session *s)
{
	open_command(s, true);
}

/* --- leaving --- */

static void
unselect(struct imap_session *s)
{
	if (!imap_end(s))
		return;
	s->state = IMAP_AUTHENTICATED;
	imap_view_close(s);
	imap_ok(s, "Closed");
}

/* --- IDLE --- */

static void
idle(struct imap_session *s)
{
	if (!imap_end(s))
		return;
	s->idling = true;
	imap_put(s, "+ idling\r\n");
	imap_flush(s);
	imap_lex_next(&s->lex, true);
	if (s->state == IMAP_SELECTED)
		imap_session_touched(s);
}

const struct imap_command imap_cmd_select[] = {
	{"SELECT", IMAP_IN, 0, select_box},
	{"EXAMINE", IMAP_IN, 0, examine},
	{"UNSELECT", IMAP_SELECTED, 0, unselect},
	{"IDLE", IMAP_IN, 0, idle},
	{NULL, 0, 0, NULL},
};
