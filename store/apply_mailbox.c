#include "store/apply_mailbox.h"

#include "store/apply_row.h"
#include "store/view_mailbox.h"

/* Between slashes. A client that keeps mailboxes as folders would leave its own by "..". */
static bool
is_level(struct slice s)
{
	return s.n && !slice_eq(s, SLICE_LIT(".")) && !slice_eq(s, SLICE_LIT(".."));
}

static bool
is_name(struct slice s)
{
	size_t depth = 0, at = 0, end;

	if (s.n > APPLY_MAILBOX_NAME_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] == 127)
			return false;
	do {
		end = at + slice_find(slice_from(s, at), '/');
		if (!is_level(slice_cut(s, at, end)) || ++depth > APPLY_MAILBOX_DEPTH_MAX)
			return false;
		at = end + 1;
	} while (end < s.n);
	return true;
}

static bool
is_inbox(struct slice s)
{
	return slice_eq(s, SLICE_LIT("INBOX"));
}

static struct slice
name_key(struct apply *a, uint64_t account, struct slice name)
{
	uint8_t *key = arena_alloc(a->arena, 8 + name.n);

	schema_set_u64(key, account);
	memcpy(key + 8, name.p, name.n);
	return slice_of(key, 8 + name.n);
}

static enum err
put_name(struct apply *a, uint64_t account, struct slice name, uint64_t mailbox)
{
	uint8_t raw[8];

	schema_set_u64(raw, mailbox);
	return db_put(a->txn, DB_MAILBOX_NAME, name_key(a, account, name), slice_of(raw, 8));
}

/* One command may make several mailboxes (an account's first ones, parents), so ids are spread:
 * index * 32 + n. */
static enum err
next_id(struct apply *a, uint64_t *id)
{
	struct schema_key k;
	struct slice v;
	enum err e = ERR_OK;

	for (*id = a->index << 5; !e; ++*id) {
		e = db_get(a->txn, DB_MAILBOX, schema_u64(&k, *id), &v);
		if (e == ERR_NOT_FOUND)
			return ERR_OK;
	}
	return e;
}

enum err
apply_mailbox_make(struct apply *a, uint64_t account, Commands__Account *r, struct slice name,
	Commands__Mailbox **out)
{
	Commands__Mailbox *m = arena_alloc(a->arena, sizeof *m);
	enum err e;

	commands__mailbox__init(m);
	e = next_id(a, &m->id);
	if (e)
		return e;
	m->account = account;
	m->name = codec_bytes(arena_dup(a->arena, name));
	m->uidvalidity = r->next_uidvalidity++;
	m->uidnext = 1;
	m->modseq = m->changes_from = a->index;
	e = put_name(a, account, name, m->id);
	if (!e)
		e = apply_row_put_mailbox(a, m);
	apply_touch_mailbox(a, m->id);
	*out = m;
	return e;
}

/* Parents of name that are missing. */
static enum err
make_parents(struct apply *a, uint64_t account, Commands__Account *r, struct slice name)
{
	Commands__Mailbox *m;
	enum err e;

	for (size_t i = 1; i < name.n; i++) {
		if (name.p[i] != '/')
			continue;
		e = view_mailbox_by_name(a->txn, account, slice_cut(name, 0, i), a->arena, &m);
		if (e == ERR_NOT_FOUND)
			e = apply_mailbox_make(a, account, r, slice_cut(name, 0, i), &m);
		if (e)
			return e;
	}
	return ERR_OK;
}

struct count {
	uint32_t n;
};

static bool
count_one(void *arg, const Commands__Mailbox *m)
{
	struct count *c = arg;

	(void)m;
	c->n++;
	return true;
}

enum err
apply_mailbox_create(struct apply *a, const Commands__MailboxCreate *c)
{
	struct slice name = codec_slice(c->name);
	struct count count = {0};
	Commands__Account *r;
	Commands__Mailbox *m;
	enum err e = apply_row_account(a, c->account, &r);

	if (e)
		return e == ERR_NOT_FOUND
			       ? apply_refuse(a, COMMAND_NOT_FOUND, "no such account")
			       : e;
	if (!is_name(name))
		return apply_refuse(a, COMMAND_INVALID, "not a mailbox name");
	e = view_mailbox_by_name(a->txn, c->account, name, a->arena, &m);
	if (!e)
		return apply_refuse(a, COMMAND_EXISTS, "the mailbox exists already");
	if (e == ERR_NOT_FOUND)
		e = view_mailbox_each(a->txn, c->account, a->arena, count_one, &count);
	if (!e && count.n + APPLY_MAILBOX_DEPTH_MAX > APPLY_MAILBOX_COUNT_MAX)
		return apply_refuse(a, COMMAND_LIMIT, "too many mailboxes");
	if (!e)
		e = make_parents(a, c->account, r, name);
	if (!e)
		e = apply_mailbox_make(a, c->account, r, name, &m);
	if (e)
		return e;
	m->special_use = c->special_use;
	m->subscribed = c->subscribe;
	a->result->id = m->id;
	a->result->uidvalidity = m->uidvalidity;
	e = apply_row_put_mailbox(a, m);
	return e ? e : apply_row_put_account(a, c->account, r);
}

enum err
apply_mailbox_for_delivery(
	struct apply *a, uint64_t account, struct slice name, Commands__Mailbox **out)
{
	Commands__Account *r;
	enum err e;

	if (!is_name(name))
		name = SLICE_LIT("INBOX");
	e = view_mailbox_by_name(a->txn, account, name, a->arena, out);
	if (e != ERR_NOT_FOUND)
		return e;
	e = apply_row_account(a, account, &r);
	if (!e)
		e = make_parents(a, account, r, name);
	if (!e)
		e = apply_mailbox_make(a, account, r, name, out);
	return e ? e : apply_row_put_account(a, account, r);
}

enum err
apply_mailbox_drop(struct apply *a, Commands__Account *r, const Commands__Mailbox *m)
{
	struct schema_key k;
	enum err e = db_del(
		a->txn, DB_MAILBOX_NAME, name_key(a, m->account, codec_slice(m->name)));

	if (!e)
		e = db_del(a->txn, DB_MAILBOX, schema_u64(&k, m->id));
	if (!e && schema_is_stage(codec_slice(m->name)))
		e = db_del(a->txn, DB_SWEEP, schema_u8_u64(&k, 's', m->id));
	if (!e)
		e = db_put(a->txn, DB_SWEEP, schema_u8_u64(&k, 'm', m->id), SLICE_EMPTY);
	r->used_bytes -= m->bytes_used < r->used_bytes ? m->bytes_used : r->used_bytes;
	r->used_messages -= m->exists < r->used_messages ? m->exists : r->used_messages;
	apply_touch_mailbox(a, m->id);
	return e;
}

enum err
apply_mailbox_delete(struct apply *a, const Commands__MailboxDelete *c)
{
	struct slice name = codec_slice(c->name);
	Commands__Account *r;
	Commands__Mailbox *m;
	enum err e;

	if (is_inbox(name))
		return apply_refuse(a, COMMAND_INVALID, "INBOX can't be deleted");
	e = view_mailbox_by_name(a->txn, c->account, name, a->arena, &m);
	if (!e)
		e = apply_row_account(a, c->account, &r);
	if (e)
		return e == ERR_NOT_FOUND
			       ? apply_refuse(a, COMMAND_NOT_FOUND, "no such mailbox")
			       : e;
	e = apply_mailbox_drop(a, r, m);
	return e ? e : apply_row_put_account(a, c->account, r);
}

struct list {
	struct apply *a;
	const Commands__Mailbox **m;
	size_t n, room;
	struct slice prefix; /* empty: all */
};

static bool
collect(void *arg, const Commands__Mailbox *m)
{
	struct list *l = arg;
	const Commands__Mailbox **more;

	if (!slice_starts(codec_slice(m->name), l->prefix))
		return true;
	if (l->n == l->room) {
		l->room = l->room ? l->room * 2 : 16;
		more = arena_alloc(l->a->arena, l->room * sizeof *more);
		if (l->n)
			memcpy(more, l->m, l->n * sizeof *more);
		l->m = more;
	}
	l->m[l->n++] = m;
	return true;
}

enum err
apply_mailbox_delete_all(struct apply *a, uint64_t account)
{
	struct list l = {.a = a};
	Commands__Account *r;
	enum err e = apply_row_account(a, account, &r);

	if (!e)
		e = view_mailbox_each(a->txn, account, a->arena, collect, &l);
	for (size_t i = 0; i < l.n && !e; i++)
		e = apply_mailbox_drop(a, r, l.m[i]);
	return e;
}

static enum err
rename_one(struct apply *a, Commands__Mailbox *m, struct slice to)
{
	enum err e = db_del(
		a->txn, DB_MAILBOX_NAME, name_key(a, m->account, codec_slice(m->name)));

	if (e)
		return e;
	m->name = codec_bytes(to);
	apply_touch_mailbox(a, m->id);
	e = put_name(a, m->account, to, m->id);
	return e ? e : apply_row_put_mailbox(a, m);
}

/* from/x -> to/x for every child x. */
static enum err
rename_children(struct apply *a, struct list *l, struct slice from, struct slice to)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < l->n && !e; i++) {
		Commands__Mailbox *m = arena_alloc(a->arena, sizeof *m);
		struct slice rest = slice_from(codec_slice(l->m[i]->name), from.n);
		uint8_t *name = arena_alloc(a->arena, to.n + rest.n);

		*m = *l->m[i];
		memcpy(name, to.p, to.n);
		memcpy(name + to.n, rest.p, rest.n);
		e = rename_one(a, m, slice_of(name, to.n + rest.n));
	}
	return e;
}

/* May every child go to its new name? ERR_NOT_FOUND: yes; ERR_OK: one may not. */
static enum err
find_misfit(struct apply *a, const struct list *l, struct slice from, struct slice to)
{
	uint8_t name[APPLY_MAILBOX_NAME_MAX];
	Commands__Mailbox *taken;
	struct slice rest;
	enum err e = ERR_NOT_FOUND;

	for (size_t i = 0; i < l->n && e == ERR_NOT_FOUND; i++) {
		rest = slice_from(codec_slice(l->m[i]->name), from.n);
		if (to.n + rest.n > sizeof name)
			return ERR_OK;
		memcpy(name, to.p, to.n);
		memcpy(name + to.n, rest.p, rest.n);
		rest = slice_of(name, to.n + rest.n);
		if (!is_name(rest))
			return ERR_OK;
		/* Left there when its parent was deleted. */
		e = view_mailbox_by_name(a->txn, l->m[i]->account, rest, a->arena, &taken);
	}
	return e;
}

enum err
apply_mailbox_rename(struct apply *a, const Commands__MailboxRename *c)
{
	struct slice from = codec_slice(c->from), to = codec_slice(c->to);
	struct list l = {.a = a};
	uint8_t *prefix;
	Commands__Account *r;
	Commands__Mailbox *m, *other;
	enum err e = view_mailbox_by_name(a->txn, c->account, from, a->arena, &m);

	if (!e)
		e = apply_row_account(a, c->account, &r);
	if (e)
		return e == ERR_NOT_FOUND
			       ? apply_refuse(a, COMMAND_NOT_FOUND, "no such mailbox")
			       : e;
	if (!is_name(to) || is_inbox(to))
		return apply_refuse(a, COMMAND_INVALID, "not a mailbox name");
	if (!view_mailbox_by_name(a->txn, c->account, to, a->arena, &other))
		return apply_refuse(a, COMMAND_EXISTS, "the new mailbox exists already");
	prefix = arena_alloc(a->arena, from.n + 1);
	memcpy(prefix, from.p, from.n);
	prefix[from.n] = '/';
	l.prefix = slice_of(prefix, from.n + 1);
	/* RFC 9051 6.3.6: renaming INBOX leaves its children where they are. */
	e = is_inbox(from) ? ERR_OK
			   : view_mailbox_each(a->txn, c->account, a->arena, collect, &l);
	if (e)
		return e;
	if (slice_starts(to, l.prefix) && !is_inbox(from))
		return apply_refuse(a, COMMAND_INVALID, "a mailbox can't lie in itself");
	e = find_misfit(a, &l, from, to);
	if (!e)
		return apply_refuse(
			a, COMMAND_INVALID, "a child of it can't have its new name");
	if (e == ERR_NOT_FOUND)
		e = make_parents(a, c->account, r, to);
	if (!e)
		e = rename_one(a, m, to);
	if (!e)
		e = rename_children(a, &l, from, to);
	if (!e && is_inbox(from)) {
		e = apply_mailbox_make(a, c->account, r, from, &other);
		if (!e)
			other->subscribed = true, r->inbox = other->id;
		if (!e)
			e = apply_row_put_mailbox(a, other);
	}
	return e ? e : apply_row_put_account(a, c->account, r);
}

enum err
apply_mailbox_subscribe(struct apply *a, const Commands__Subscribe *c)
{
	Commands__Mailbox *m;
	enum err e = view_mailbox_by_name(
		a->txn, c->account, codec_slice(c->name), a->arena, &m);

	if (e)
		return e == ERR_NOT_FOUND
			       ? apply_refuse(a, COMMAND_NOT_FOUND, "no such mailbox")
			       : e;
	m->subscribed = c->on;
	return apply_row_put_mailbox(a, m);
}
