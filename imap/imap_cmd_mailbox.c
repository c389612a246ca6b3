/* imap_cmd_mailbox: CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, GETQUOTA, GETQUOTAROOT. */
#include "core/codec.h"
#include "imap/imap_private.h"
#include "store/view_directory.h"
#include "store/view_mailbox.h"

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

/* Its id, in the arena; NULL: there is none, NO was said. */
static uint64_t *
find_box(struct imap_session *s, struct slice name)
{
	uint64_t *id = arena_alloc(&s->arena, sizeof *id);
	struct db_txn *txn = imap_begin(s);
	Commands__Mailbox *m;
	enum err e;

	if (!txn)
		return NULL;
	e = view_mailbox_by_name(txn, s->account, name, &s->arena, &m);
	if (!imap_end_txn(s))
		return NULL;
	if (e) {
		imap_no(s, "[NONEXISTENT] There is no such mailbox");
		return NULL;
	}
	*id = m->id;
	return id;
}

/* "(USE (\Sent))" of RFC 6154; UINT32_MAX: one that we don't
 * have. */
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
	*use = imap_list_use(word);
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
	if (m.special_use == UINT32_MAX) {
		imap_no(s, "[USEATTR] There is no such special use");
		return;
	}
	m.account = s->account;
	m.name = codec_bytes(without_slash(name));
	c.body_case = COMMANDS__COMMAND__BODY_MAILBOX_CREATE;
	c.mailbox_create = &m;
	imap_propose(s, &c, on_changed);
}

/* The client's own selected mailbox: it is closed, without ado. */
static void
on_deleted(struct imap_session *s, enum err e, const Commands__Result *result)
{
	uint64_t *deleted = s->work;

	if (imap_refused(s, e, result))
		return;
	if (s->state == IMAP_SELECTED && s->box.id == *deleted) {
		s->state = IMAP_AUTHENTICATED;
		imap_view_close(s);
	}
	imap_ok(s, "Done");
}

static void delete (struct imap_session *s)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__MailboxDelete m = COMMANDS__MAILBOX_DELETE__INIT;
	struct slice name;
	uint64_t *id;

	if (!read_name(s, &name) || !imap_end(s))
		return;
	id = find_box(s, name);
	if (!id)
		return;
	m.account = s->account;
	m.name = codec_bytes(name);
	c.body_case = COMMANDS__COMMAND__BODY_MAILBOX_DELETE;
	c.mailbox_delete = &m;
	s->work = id;
	imap_propose(s, &c, on_deleted);
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

/* --- quota --- */

/* NULL: NO was said. */
static const Commands__Account *
read_account(struct imap_session *s)
{
	struct db_txn *txn = imap_begin(s);
	Commands__Account *a;
	enum err e;

	if (!txn)
		return NULL;
	e = view_directory_account(txn, s->account, &s->arena, &a);
	if (!imap_end_txn(s))
		return NULL;
	if (!e)
		return a;
	imap_no(s, "[UNAVAILABLE] The quota can't be read now, try again");
	return NULL;
}

/* RFC 9208 section 7 knows no quota without a limit: then there is no root. */
static bool
has_quota(const Commands__Account *a)
{
	return a->quota_bytes || a->quota_messages;
}

static void
put_quota(struct imap_session *s, const Commands__Account *a)
{
	imap_put(s, "* QUOTA \"\" (");
	/* RFC 9208 5.1: STORAGE counts units of 1,024 octets. */
	if (a->quota_bytes)
		imap_printf(s, "STORAGE %llu %llu", (unsigned long long)(a->used_bytes / 1024),
			(unsigned long long)(a->quota_bytes / 1024));
	if (a->quota_messages)
		imap_printf(s, "%sMESSAGE %llu %llu", a->quota_bytes ? " " : "",
			(unsigned long long)a->used_messages,
			(unsigned long long)a->quota_messages);
	imap_put(s, ")\r\n");
	imap_ok(s, "That is all");
}

static void
get_quota(struct imap_session *s)
{
	const Commands__Account *a;
	struct slice root;

	if (!imap_parse_space(&s->parse) || !imap_parse_astring(&s->parse, &root) ||
		!imap_parse_end(&s->parse)) {
		imap_bad_syntax(s);
		return;
	}
	a = read_account(s);
	if (a && (root.n || !has_quota(a)))
		imap_no(s, "[NONEXISTENT] There is no such quota root");
	else if (a)
		put_quota(s, a);
}

static void
get_quota_root(struct imap_session *s)
{
	const Commands__Account *a;
	struct slice name;

	if (!read_name(s, &name) || !imap_end(s) || !find_box(s, name))
		return;
	a = read_account(s);
	if (!a)
		return;
	imap_put(s, "* QUOTAROOT ");
	imap_put_mailbox(s, name);
	if (has_quota(a)) {
		imap_put(s, " \"\"\r\n");
		put_quota(s, a);
	} else {
		imap_put(s, "\r\n");
		imap_ok(s, "No quota is set");
	}
}

const struct imap_command imap_cmd_mailbox[] = {
	{"CREATE", IMAP_IN, 0, create},
	{"DELETE", IMAP_IN, 0, delete},
	{"RENAME", IMAP_IN, 0, rename_box},
	{"SUBSCRIBE", IMAP_IN, 0, subscribe},
	{"UNSUBSCRIBE", IMAP_IN, 0, unsubscribe},
	{"GETQUOTA", IMAP_IN, 0, get_quota},
	{"GETQUOTAROOT", IMAP_IN, 0, get_quota_root},
	{NULL, 0, 0, NULL},
};
