/* imap_cmd_list: LIST, LSUB, STATUS. */
#include "core/codec.h"
#include "imap/imap_private.h"
#include "store/view_mailbox.h"

/* --- STATUS --- */

static void
put_status(struct imap_session *s, const Commands__Mailbox *m, uint16_t items)
{
	const struct {
		uint16_t item;
		const char *name;
		unsigned long long value;
	} rows[] = {
		{IMAP_STATUS_MESSAGES, "MESSAGES", m->exists},
		{IMAP_STATUS_RECENT, "RECENT", 0},
		{IMAP_STATUS_UIDNEXT, "UIDNEXT", m->uidnext},
		{IMAP_STATUS_UIDVALIDITY, "UIDVALIDITY", m->uidvalidity},
		{IMAP_STATUS_UNSEEN, "UNSEEN", m->unseen},
		{IMAP_STATUS_DELETED, "DELETED", m->deleted},
		{IMAP_STATUS_SIZE, "SIZE", m->bytes_used},
		{IMAP_STATUS_HIGHESTMODSEQ, "HIGHESTMODSEQ", m->modseq},
		{IMAP_STATUS_APPENDLIMIT, "APPENDLIMIT", s->set.append_max},
	};
	const char *blank = "";

	imap_put(s, "* STATUS ");
	imap_put_mailbox(s, codec_slice(m->name));
	imap_put(s, " (");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!(items & rows[i].item))
			continue;
		imap_printf(s, "%s%s %llu", blank, rows[i].name, rows[i].value);
		blank = " ";
	}
	imap_put(s, ")\r\n");
}

static void
status(struct imap_session *s)
{
	struct db_txn *txn;
	struct slice name;
	Commands__Mailbox *m;
	uint16_t items;
	enum err e;

	if (!imap_parse_space(&s->parse) || !imap_parse_mailbox(&s->parse, &name) ||
		!imap_parse_space(&s->parse) || !imap_list_parse_status(&s->parse, &items) ||
		!imap_parse_end(&s->parse)) {
		imap_bad_syntax(s);
		return;
	}
	txn = imap_begin(s);
	if (!txn)
		return;
	if (items & IMAP_STATUS_HIGHESTMODSEQ)
		s->condstore = true;
	e = view_mailbox_by_name(txn, s->account, name, &s->arena, &m);
	if (!e)
		put_status(s, m, items);
	if (!imap_end_txn(s))
		return;
	if (e)
		imap_no(s, "[NONEXISTENT] There is no such mailbox");
	else
		imap_ok(s, "That is all");
}

/* --- LIST --- */

enum { SLICE_BOXES = 200, SLICE_OCTETS = 65536 };

/* The account's mailboxes in octet order of their names, read at once; told in slices, so that
 * neither many of them nor costly patterns keep others waiting. */
struct boxes {
	struct imap_session *s;
	const struct imap_list *l;
	const Commands__Mailbox **m;
	size_t n, room, at;
};

static bool
collect(void *arg, const Commands__Mailbox *m)
{
	struct boxes *b = arg;
	const Commands__Mailbox **more;

	if (schema_is_stage(codec_slice(m->name)))
		return true;
	if (b->n == b->room) {
		b->room = b->room ? b->room * 2 : 16;
		more = arena_alloc(&b->s->arena, b->room * sizeof *more);
		if (b->n)
			memcpy(more, b->m, b->n * sizeof *more);
		b->m = more;
	}
	b->m[b->n++] = m;
	return true;
}

static bool
is_child(struct slice name, struct slice of)
{
	return name.n > of.n && slice_starts(name, of) && name.p[of.n] == '/';
}

/* The first whose name isn't below this one. */
static size_t
find(const struct boxes *b, struct slice name, uint8_t then)
{
	size_t low = 0, high = b->n, mid;
	struct slice other;
	int order;

	while (low < high) {
		mid = low + (high - low) / 2;
		other = codec_slice(b->m[mid]->name);
		order = memcmp(other.p, name.p, other.n < name.n ? other.n : name.n);
		if (order == 0 && other.n > name.n)
			order = other.p[name.n] < then ? -1 : 1;
		else if (order == 0)
			order = other.n < name.n || then ? -1 : 1;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Children stand together, from "name/" on. */
static bool
has_children(const struct boxes *b, struct slice name, bool subscribed)
{
	for (size_t i = find(b, name, '/'); i < b->n; i++) {
		if (!is_child(codec_slice(b->m[i]->name), name))
			return false;
		if (!subscribed || b->m[i]->subscribed)
			return true;
	}
	return false;
}

static bool
is_there(const struct boxes *b, struct slice name)
{
	size_t i = find(b, name, 0);

	return i < b->n && slice_eq(codec_slice(b->m[i]->name), name);
}

struct entry {
	struct slice name;
	const Commands__Mailbox *m; /* NULL: only a parent of others */
	bool child_info;
	bool is_parent_only; /* LSUB shows it for the sake of its children */
};

static void
put_attribute(struct imap_session *s, const char **blank, const char *name)
{
	imap_printf(s, "%s%s", *blank, name);
	*blank = " ";
}

static void
put_entry(struct boxes *b, const struct entry *x)
{
	struct imap_session *s = b->s;
	const struct imap_list *l = b->l;
	const char *blank = "";

	imap_printf(s, "* %s (", l->is_lsub ? "LSUB" : "LIST");
	if (x->is_parent_only)
		put_attribute(s, &blank, "\\Noselect");
	else if (!x->m)
		put_attribute(
			s, &blank, s->rev2 || l->is_extended ? "\\NonExistent" : "\\Noselect");
	put_attribute(s, &blank,
		has_children(b, x->name, false) ? "\\HasChildren" : "\\HasNoChildren");
	if (x->m && x->m->subscribed &&
		(l->select & IMAP_LIST_SUBSCRIBED || l->returns & IMAP_LIST_RETURN_SUBSCRIBED))
		put_attribute(s, &blank, "\\Subscribed");
	if (x->m && x->m->special_use && imap_list_use_name(x->m->special_use))
		put_attribute(s, &blank, imap_list_use_name(x->m->special_use));
	imap_put(s, ") \"/\" ");
	imap_put_mailbox(s, x->name);
	if (x->child_info)
		imap_put(s, " (\"CHILDINFO\" (\"SUBSCRIBED\"))");
	imap_put(s, "\r\n");
	if (x->m && l->returns & IMAP_LIST_RETURN_STATUS)
		put_status(s, x->m, l->status);
}

static bool
is_wanted(const struct boxes *b, struct entry *x)
{
	const struct imap_list *l = b->l;

	if (!imap_list_has(l, x->name))
		return false;
	if (l->select & IMAP_LIST_SPECIAL && !(x->m && x->m->special_use))
		return false;
	if (!(l->select & IMAP_LIST_SUBSCRIBED))
		return true;
	if (x->m && x->m->subscribed && !(l->select & IMAP_LIST_RECURSIVE))
		return true;
	/* RFC 3501 6.3.9: "%" hides the subscribed child, so its parent is named. */
	x->is_parent_only = l->is_lsub && slice_has(l->patterns[0], '%') &&
			    has_children(b, x->name, true);
	x->child_info = l->select & IMAP_LIST_RECURSIVE && has_children(b, x->name, true);
	return (x->m && x->m->subscribed) || x->child_info || x->is_parent_only;
}

/* Parents that aren't mailboxes (any more) are shown once, before their first child. */
static void
put_parents(struct boxes *b)
{
	struct slice name = codec_slice(b->m[b->at]->name);
	struct slice before = b->at ? codec_slice(b->m[b->at - 1]->name) : SLICE_EMPTY;

	for (size_t i = 1; i < name.n; i++) {
		struct entry x = {.name = slice_cut(name, 0, i)};

		if (name.p[i] == '/' && !is_child(before, x.name) && !is_there(b, x.name) &&
			is_wanted(b, &x))
			put_entry(b, &x);
	}
}

static void
list_some(struct imap_session *s)
{
	struct boxes *b = s->work;

	for (int i = 0; i < SLICE_BOXES && b->at < b->n && s->out.n < SLICE_OCTETS; i++) {
		struct entry x = {.name = codec_slice(b->m[b->at]->name), .m = b->m[b->at]};

		put_parents(b);
		if (is_wanted(b, &x))
			put_entry(b, &x);
		b->at++;
	}
	imap_flush(s);
	if (b->at == b->n) {
		imap_ok(s, "That is all");
		return;
	}
	s->more = list_some;
	if (!s->ops->is_full(s->host))
		s->ops->later(s->host);
}

static void
list_boxes(struct imap_session *s, const struct imap_list *l)
{
	struct boxes *b = arena_zalloc(&s->arena, sizeof *b);
	struct db_txn *txn = imap_begin(s);
	enum err e;

	if (!txn)
		return;
	b->s = s;
	b->l = l;
	s->work = b;
	e = view_mailbox_each(txn, s->account, &s->arena, collect, b);
	if (!imap_end_txn(s))
		return;
	if (e)
		imap_no(s, "[UNAVAILABLE] The mailboxes can't be read now, try again");
	else
		list_some(s);
}

static void
list(struct imap_session *s)
{
	struct imap_list *l = arena_alloc(&s->arena, sizeof *l);

	if (!imap_parse_space(&s->parse) || !imap_list_parse(&s->parse, l) ||
		!imap_parse_end(&s->parse)) {
		imap_bad_syntax(s);
	} else if (!l->is_extended && l->n_patterns == 1 && l->patterns[0].n == 0) {
		/* RFC 9051 6.3.9: an empty name asks for the separator alone. */
		imap_put(s, "* LIST (\\Noselect) \"/\" \"\"\r\n");
		imap_ok(s, "That is all");
	} else {
		list_boxes(s, l);
	}
}

static void
lsub(struct imap_session *s)
{
	struct imap_list *l = arena_alloc(&s->arena, sizeof *l);

	if (!imap_parse_space(&s->parse) || !imap_list_parse_lsub(&s->parse, l) ||
		!imap_parse_end(&s->parse)) {
		imap_bad_syntax(s);
		return;
	}
	list_boxes(s, l);
}

const struct imap_command imap_cmd_list[] = {
	{"LIST", IMAP_IN, 0, list},
	{"LSUB", IMAP_IN, 0, lsub},
	{"STATUS", IMAP_IN, 0, status},
	{NULL, 0, 0, NULL},
};
