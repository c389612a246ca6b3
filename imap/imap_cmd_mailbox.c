/* imap_cmd_mailbox: CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, LIST, LSUB, STATUS,
 * GETQUOTA, GETQUOTAROOT. */
#include "core/codec.h"
#include "imap/imap_private.h"
#include "store/view_directory.h"
#include "store/view_mailbox.h"

static const char *const special_names[] = {
	NULL, "\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash", "\\Flagged", "\\All"};
enum { SPECIALS = sizeof special_names / sizeof *special_names };

static void
on_changed(struct imap_session *s, enum err e, const Commands__Result *result)
{
	if (!imap_refused(s, e, result))
		imap_ok(s, "Done");
}

/* " name" up to the end. */
static bool
read_name(struct imap_session *s, struct slice *name)
{
	if (imap_parse_space(&s->parse) && imap_parse_mailbox(&s->parse, name))
		return true;
	imap_bad_syntax(s);
	return false;
}

/* RFC 3501 6.3.3: a trailing separator says that children will come. */
static struct slice
without_slash(struct slice name)
{
	return name.n > 1 && name.p[name.n - 1] == '/' ? slice_cut(name, 0, name.n - 1) : name;
}

/* "(USE (\Sent))" of RFC 6154. */
static bool
read_use(struct imap_session *s, uint32_t *use)
{
	struct imap_parse *p = &s->parse;
	struct slice word;

	*use = SCHEMA_USE_NONE;
	if (!imap_parse_skip(p, ' '))
		return true;
	if (!imap_parse_char(p, '(') || !imap_parse_word(p, "USE") || !imap_parse_space(p) ||
		!imap_parse_char(p, '(') || !imap_parse_char(p, '\\') ||
		!imap_parse_atom(p, &word))
		return imap_parse_fail(p, "USE (\\Name) was expected");
	for (uint32_t i = 1; i < SPECIALS; i++)
		if (slice_eq_nocase(word, slice_str(special_names[i] + 1)))
			*use = i;
	return imap_parse_char(p, ')') && imap_parse_char(p, ')');
}

static void
create(struct imap_session *s)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__MailboxCreate m = COMMANDS__MAILBOX_CREATE__INIT;
	struct slice name;

	if (!read_name(s, &name))
		return;
	if (!read_use(s, &m.special_use)) {
		imap_bad_syntax(s);
		return;
	}
	if (!imap_end(s))
		return;
	m.account = s->account;
	m.name = codec_bytes(without_slash(name));
	c.body_case = COMMANDS__COMMAND__BODY_MAILBOX_CREATE;
	c.mailbox_create = &m;
	imap_propose(s, &c, on_changed);
}

static void delete (struct imap_session *s)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__MailboxDelete m = COMMANDS__MAILBOX_DELETE__INIT;
	struct slice name;

	if (!read_name(s, &name) || !imap_end(s))
		return;
	m.account = s->account;
	m.name = codec_bytes(name);
	c.body_case = COMMANDS__COMMAND__BODY_MAILBOX_DELETE;
	c.mailbox_delete = &m;
	imap_propose(s, &c, on_changed);
}

static void
rename_box(struct imap_session *s)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__MailboxRename m = COMMANDS__MAILBOX_RENAME__INIT;
	struct slice from, to;

	if (!read_name(s, &from) || !read_name(s, &to) || !imap_end(s))
		return;
	m.account = s->account;
	m.from = codec_bytes(from);
	m.to = codec_bytes(without_slash(to));
	c.body_case = COMMANDS__COMMAND__BODY_MAILBOX_RENAME;
	c.mailbox_rename = &m;
	imap_propose(s, &c, on_changed);
}

static void
subscribe_to(struct imap_session *s, bool on)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Subscribe m = COMMANDS__SUBSCRIBE__INIT;
	struct slice name;

	if (!read_name(s, &name) || !imap_end(s))
		return;
	m.account = s->account;
	m.name = codec_bytes(name);
	m.on = on;
	c.body_case = COMMANDS__COMMAND__BODY_SUBSCRIBE;
	c.subscribe = &m;
	imap_propose(s, &c, on_changed);
}

static void
subscribe(struct imap_session *s)
{
	subscribe_to(s, true);
}

static void
unsubscribe(struct imap_session *s)
{
	subscribe_to(s, false);
}

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

	if (!read_name(s, &name))
		return;
	if (!imap_parse_space(&s->parse) || !imap_list_parse_status(&s->parse, &items) ||
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
	imap_end_txn(s);
	if (e)
		imap_no(s, "[NONEXISTENT] There is no such mailbox");
	else
		imap_ok(s, "That is all");
}

/* --- LIST --- */

struct boxes {
	struct imap_session *s;
	const Commands__Mailbox **m;
	size_t n, room;
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

/* Names come in octet order, in which "a", "a-b", "a/b" may lie apart: look at all that begin
 * so. */
static bool
has_children(const struct boxes *b, struct slice name, bool subscribed)
{
	for (size_t i = 0; i < b->n; i++)
		if (is_child(codec_slice(b->m[i]->name), name) &&
			(!subscribed || b->m[i]->subscribed))
			return true;
	return false;
}

struct entry {
	struct slice name;
	const Commands__Mailbox *m; /* NULL: only a parent of others */
	bool child_info;
};

static void
put_attribute(struct imap_session *s, const char **blank, const char *name)
{
	imap_printf(s, "%s%s", *blank, name);
	*blank = " ";
}

static void
put_entry(struct boxes *b, const struct imap_list *l, const struct entry *x, const char *word)
{
	struct imap_session *s = b->s;
	const char *blank = "";

	imap_printf(s, "* %s (", word);
	if (!x->m)
		put_attribute(
			s, &blank, s->rev2 || l->is_extended ? "\\NonExistent" : "\\Noselect");
	put_attribute(s, &blank,
		has_children(b, x->name, false) ? "\\HasChildren" : "\\HasNoChildren");
	if (x->m && x->m->subscribed &&
		(l->select & IMAP_LIST_SUBSCRIBED || l->returns & IMAP_LIST_RETURN_SUBSCRIBED))
		put_attribute(s, &blank, "\\Subscribed");
	if (x->m && x->m->special_use && x->m->special_use < SPECIALS)
		put_attribute(s, &blank, special_names[x->m->special_use]);
	imap_put(s, ") \"/\" ");
	imap_put_mailbox(s, x->name);
	if (x->child_info)
		imap_put(s, " (\"CHILDINFO\" (\"SUBSCRIBED\"))");
	imap_put(s, "\r\n");
	if (x->m && l->returns & IMAP_LIST_RETURN_STATUS)
		put_status(s, x->m, l->status);
}

static bool
is_wanted(const struct imap_list *l, const struct boxes *b, struct entry *x)
{
	if (!imap_list_has(l, x->name))
		return false;
	if (l->select & IMAP_LIST_SPECIAL && !(x->m && x->m->special_use))
		return false;
	if (!(l->select & IMAP_LIST_SUBSCRIBED))
		return true;
	x->child_info = l->select & IMAP_LIST_RECURSIVE && has_children(b, x->name, true);
	return (x->m && x->m->subscribed) || x->child_info;
}

/* Parents that aren't mailboxes (any more) are shown once, before their first child. */
static void
put_parents(struct boxes *b, const struct imap_list *l, size_t at, const char *word)
{
	struct slice name = codec_slice(b->m[at]->name), parent;
	struct slice before = at ? codec_slice(b->m[at - 1]->name) : SLICE_EMPTY;
	Commands__Mailbox const *m;

	for (size_t i = 1; i < name.n; i++) {
		struct entry x = {.name = slice_cut(name, 0, i)};
		bool there = false;

		parent = x.name;
		if (name.p[i] != '/' || is_child(before, parent))
			continue;
		for (size_t j = 0; j < b->n && !there; j++) {
			m = b->m[j];
			there = slice_eq(codec_slice(m->name), parent);
		}
		if (!there && is_wanted(l, b, &x))
			put_entry(b, l, &x, word);
	}
}

static void
list_boxes(struct imap_session *s, const struct imap_list *l, const char *word)
{
	struct boxes b = {.s = s};
	struct db_txn *txn = imap_begin(s);
	enum err e;

	if (!txn)
		return;
	e = view_mailbox_each(txn, s->account, &s->arena, collect, &b);
	for (size_t i = 0; i < b.n && !e; i++) {
		struct entry x = {.name = codec_slice(b.m[i]->name), .m = b.m[i]};

		put_parents(&b, l, i, word);
		if (is_wanted(l, &b, &x))
			put_entry(&b, l, &x, word);
	}
	imap_end_txn(s);
	if (e)
		imap_no(s, "[UNAVAILABLE] The mailboxes can't be read now, try again");
	else
		imap_ok(s, "That is all");
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
		list_boxes(s, l, "LIST");
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
	l->select |= IMAP_LIST_SUBSCRIBED;
	list_boxes(s, l, "LSUB");
}

/* --- quota --- */

static void
put_quota(struct imap_session *s)
{
	struct db_txn *txn = imap_begin(s);
	Commands__Account *a;
	const char *blank = "";
	enum err e;

	if (!txn)
		return;
	e = view_directory_account(txn, s->account, &s->arena, &a);
	imap_end_txn(s);
	if (e) {
		imap_no(s, "[UNAVAILABLE] The quota can't be read now, try again");
		return;
	}
	imap_put(s, "* QUOTA \"\" (");
	/* RFC 9208 5.1: STORAGE counts units of 1,024 octets. */
	if (a->quota_bytes) {
		imap_printf(s, "STORAGE %llu %llu", (unsigned long long)(a->used_bytes / 1024),
			(unsigned long long)(a->quota_bytes / 1024));
		blank = " ";
	}
	if (a->quota_messages)
		imap_printf(s, "%sMESSAGE %llu %llu", blank,
			(unsigned long long)a->used_messages,
			(unsigned long long)a->quota_messages);
	imap_put(s, ")\r\n");
	imap_ok(s, "That is all");
}

static void
get_quota(struct imap_session *s)
{
	struct slice root;

	if (!imap_parse_space(&s->parse) || !imap_parse_astring(&s->parse, &root) ||
		!imap_parse_end(&s->parse))
		imap_bad_syntax(s);
	else if (root.n)
		imap_no(s, "[NONEXISTENT] There is one quota root, \"\"");
	else
		put_quota(s);
}

static void
get_quota_root(struct imap_session *s)
{
	struct slice name;

	if (!read_name(s, &name) || !imap_end(s))
		return;
	imap_put(s, "* QUOTAROOT ");
	imap_put_mailbox(s, name);
	imap_put(s, " \"\"\r\n");
	put_quota(s);
}

const struct imap_command imap_cmd_mailbox[] = {
	{"CREATE", IMAP_IN, 0, create},
	{"DELETE", IMAP_IN, 0, delete},
	{"RENAME", IMAP_IN, 0, rename_box},
	{"SUBSCRIBE", IMAP_IN, 0, subscribe},
	{"UNSUBSCRIBE", IMAP_IN, 0, unsubscribe},
	{"LIST", IMAP_IN, 0, list},
	{"LSUB", IMAP_IN, 0, lsub},
	{"STATUS", IMAP_IN, 0, status},
	{"GETQUOTA", IMAP_IN, 0, get_quota},
	{"GETQUOTAROOT", IMAP_IN, 0, get_quota_root},
	{NULL, 0, 0, NULL},
};
