#include "store/apply_message.h"

#include "store/apply_payload.h"
#include "store/apply_row.h"
#include "store/view_directory.h"
#include "store/view_mailbox.h"

uint64_t
apply_message_weight(const struct schema_message *m)
{
	return schema_message_size(m);
}

/* The oldest changes go: whoever knows the mailbox from before them compares all of it. */
static enum err
prune_changes(struct apply *a, Commands__Mailbox *box)
{
	struct schema_key from;
	struct slice k, v;
	enum err e = ERR_OK;

	for (int i = 0; i < APPLY_MESSAGE_CHANGES_PRUNED && !e; i++) {
		e = db_first_from(a->txn, DB_CHANGE, schema_u64(&from, box->id), &k, &v);
		if (e || k.n != 20 || schema_get_u64(k.p) != box->id)
			return e ? e : ERR_CORRUPT;
		box->changes_from = schema_get_u64(k.p + 8);
		box->changes--;
		e = db_del(a->txn, DB_CHANGE, arena_dup(a->arena, k));
	}
	return e;
}

/* Rows are only added: one that is no longer the message's newest is passed over by the reader.
 * Deleting it here would touch another page for each change. */
static enum err
put_change(struct apply *a, Commands__Mailbox *box, uint32_t uid, bool gone)
{
	struct schema_key k;
	uint8_t kind = gone;
	enum err e = db_put(a->txn, DB_CHANGE, schema_u64_u64_u32(&k, box->id, a->index, uid),
		slice_of(&kind, 1));

	box->changes++;
	if (!e && box->changes > APPLY_MESSAGE_CHANGES_MAX)
		e = prune_changes(a, box);
	return e;
}

static enum err
put_row(struct apply *a, uint64_t mailbox, uint32_t uid, const struct schema_message *m)
{
	struct schema_key k;
	size_t n = schema_message_write(m, NULL, 0);
	uint8_t *row = arena_alloc(a->arena, n);

	schema_message_write(m, row, n);
	return db_put(a->txn, DB_MESSAGE, schema_u64_u32(&k, mailbox, uid), slice_of(row, n));
}

static void
count(Commands__Mailbox *box, const struct schema_message *m, bool in)
{
	uint32_t one = in ? 1 : (uint32_t)-1;

	box->exists += one;
	if (!(m->flags & SCHEMA_SEEN))
		box->unseen += one;
	if (m->flags & SCHEMA_DELETED)
		box->deleted += one;
	if (in)
		box->bytes_used += apply_message_weight(m);
	else
		box->bytes_used -= apply_message_weight(m);
}

enum err
apply_message_insert(struct apply *a, Commands__Mailbox *box, Commands__Account *r,
	struct schema_message *m, uint32_t *uid)
{
	enum err e;

	m->modseq = a->index;
	m->save_date_sec = a->time_sec;
	*uid = box->uidnext++;
	box->modseq = a->index;
	count(box, m, true);
	r->used_bytes += apply_message_weight(m);
	r->used_messages++;
	apply_touch_mailbox(a, box->id);
	e = put_row(a, box->id, *uid, m);
	return e ? e : put_change(a, box, *uid, false);
}

static size_t
find_keyword(const Commands__Mailbox *box, struct slice word)
{
	size_t at;

	for (at = 0; at < box->n_keyword; at++)
		if (slice_eq_nocase(codec_slice(box->keyword[at]), word))
			break;
	return at;
}

/* Bits of the named keywords that box has. */
static uint64_t
known_bits(const Commands__Mailbox *box, size_t n, const ProtobufCBinaryData *name)
{
	uint64_t bits = 0;
	size_t at;

	for (size_t i = 0; i < n; i++) {
		at = find_keyword(box, codec_slice(name[i]));
		bits |= at < box->n_keyword ? UINT64_C(1) << at : 0;
	}
	return bits;
}

/* Bits of the named keywords in box; new ones are added. False: no room, or a bad name. */
static bool
keyword_bits(struct apply *a, Commands__Mailbox *box, size_t n, const ProtobufCBinaryData *name,
	uint64_t *bits)
{
	ProtobufCBinaryData *more;
	size_t at;

	*bits = 0;
	for (size_t i = 0; i < n; i++) {
		struct slice word = codec_slice(name[i]);

		if (word.n == 0 || word.n > APPLY_MESSAGE_KEYWORD_MAX)
			return false;
		at = find_keyword(box, word);
		if (at == SCHEMA_KEYWORDS_MAX)
			return false;
		if (at == box->n_keyword) {
			more = arena_alloc(a->arena, (at + 1) * sizeof *more);
			if (at)
				memcpy(more, box->keyword, at * sizeof *more);
			more[at] = name[i];
			box->keyword = more;
			box->n_keyword++;
		}
		*bits |= UINT64_C(1) << at;
	}
	return true;
}

/* Drops the body that came with a refused command, then refuses. */
static enum err
refuse_body(
	struct apply *a, const Commands__Body *body, enum command_code code, const char *text)
{
	enum err e = apply_payload_refuse(a, body);

	return e ? e : apply_refuse(a, code, text);
}

static struct schema_message
appended(const struct apply *a, const Commands__Append *c)
{
	return (struct schema_message){
		.flags = (uint8_t)(c->flags & 31),
		.internal_date_sec = c->internal_date_sec ? c->internal_date_sec
							  : (int64_t)a->time_sec,
		.zone_min = (int16_t)c->zone_min,
		.head_size = c->head_size,
		.size = c->body->size,
		.payload = a->index,
		.epoch = c->epoch,
		.wrapped_key = codec_slice(c->wrapped_key),
		.sealed_head = codec_slice(c->sealed_head),
		.sealed_index = codec_slice(c->sealed_index),
	};
}

enum err
apply_message_append(struct apply *a, const Commands__Append *c)
{
	Commands__Mailbox *box;
	Commands__Account *r;
	struct schema_message m;
	struct slice sealed;
	uint32_t *uid = arena_alloc(a->arena, sizeof *uid);
	bool fits;
	enum err e = apply_payload_check(a, c->body, &fits);

	if (e)
		return e;
	if (!fits || c->wrapped_key.len != SCHEMA_WRAPPED_KEY ||
		c->sealed_head.len > APPLY_MESSAGE_BLOB_MAX ||
		c->sealed_index.len > APPLY_MESSAGE_BLOB_MAX)
		return refuse_body(a, c->body, COMMAND_INVALID, "bad message");
	e = apply_row_mailbox(a, c->mailbox, &box);
	if (!e && box->account != c->account)
		e = ERR_NOT_FOUND;
	if (!e)
		e = apply_row_account(a, c->account, &r);
	if (e == ERR_NOT_FOUND)
		return refuse_body(a, c->body, COMMAND_NOT_FOUND, "no such mailbox");
	if (e)
		return e;
	e = view_directory_epoch(a->txn, c->account, c->epoch, &sealed);
	if (e == ERR_NOT_FOUND)
		return refuse_body(a, c->body, COMMAND_NO_EPOCH, "unknown epoch");
	if (e)
		return e;
	m = appended(a, c);
	if (view_directory_over_quota(r, apply_message_weight(&m)))
		return refuse_body(a, c->body, COMMAND_QUOTA, "over quota");
	if (!keyword_bits(a, box, c->n_keyword, c->keyword, &m.keywords))
		return refuse_body(a, c->body, COMMAND_LIMIT, "too many keywords");
	e = apply_payload_make(a, c->body);
	if (!e)
		e = apply_message_insert(a, box, r, &m, uid);
	if (!e)
		e = apply_row_put_mailbox(a, box);
	a->result->id = a->index;
	a->result->modseq = a->index;
	a->result->uidvalidity = box->uidvalidity;
	a->result->n_uid = 1;
	a->result->uid = uid;
	return e ? e : apply_row_put_account(a, c->account, r);
}

/* The UIDs of a set that are there. At most APPLY_MESSAGE_MAX, else too_many. */
struct chosen {
	uint32_t *uid;
	size_t n;
	bool too_many;
	uint32_t last;
};

static bool
choose(void *arg, uint32_t uid, const struct schema_message *m)
{
	struct chosen *c = arg;

	(void)m;
	if (uid > c->last)
		return false;
	c->too_many = c->n == APPLY_MESSAGE_MAX;
	if (!c->too_many)
		c->uid[c->n++] = uid;
	return !c->too_many;
}

static enum err
choose_all(struct apply *a, uint64_t mailbox, const Commands__Uids *uids, struct chosen *c)
{
	enum err e = ERR_OK;

	*c = (struct chosen){.uid = arena_alloc(a->arena, APPLY_MESSAGE_MAX * sizeof *c->uid)};
	if (!uids || uids->n_first != uids->n_last)
		return ERR_OK;
	for (size_t i = 0; i < uids->n_first && !e && !c->too_many; i++) {
		/* Ranges come in rising order without overlap: nothing is chosen twice. */
		if (uids->last[i] < uids->first[i] ||
			(i && uids->first[i] <= uids->last[i - 1]))
			continue;
		c->last = uids->last[i];
		e = view_mailbox_messages(a->txn, mailbox, uids->first[i], choose, c);
	}
	return e;
}

static uint8_t
new_flags(const Commands__FlagsStore *c, uint8_t old)
{
	uint8_t f = (uint8_t)(c->flags & 31);

	return c->mode == 0 ? f : c->mode == 1 ? (uint8_t)(old | f) : (uint8_t)(old & ~f);
}

/* One message's flags: counters, row, change. Nothing when they are so already. */
static enum err
store_one(struct apply *a, const Commands__FlagsStore *c, Commands__Mailbox *box, uint32_t uid,
	uint64_t bits)
{
	struct schema_message m;
	uint64_t keywords;
	uint8_t flags;
	enum err e = view_mailbox_message(a->txn, box->id, uid, &m);

	if (e)
		return e;
	if (c->unchanged_since && m.modseq > c->unchanged_since - 1) {
		a->result->refused_uid[a->result->n_refused_uid++] = uid;
		return ERR_OK;
	}
	a->result->uid[a->result->n_uid++] = uid;
	a->result->overtaken |= c->known_modseq && m.modseq > c->known_modseq;
	flags = new_flags(c, m.flags);
	keywords = c->mode == 0 ? bits : c->mode == 1 ? m.keywords | bits : m.keywords & ~bits;
	if (flags == m.flags && keywords == m.keywords)
		return ERR_OK;
	count(box, &m, false);
	m.flags = flags;
	m.keywords = keywords;
	m.modseq = box->modseq = a->index;
	count(box, &m, true);
	a->result->modseq = a->index;
	e = put_row(a, box->id, uid, &m);
	return e ? e : put_change(a, box, uid, false);
}

enum err
apply_message_flags(struct apply *a, const Commands__FlagsStore *c)
{
	Commands__Mailbox *box;
	struct chosen chosen;
	uint64_t bits;
	enum err e = apply_row_mailbox(a, c->mailbox, &box);

	if (e)
		return e == ERR_NOT_FOUND
			       ? apply_refuse(a, COMMAND_NOT_FOUND, "no such mailbox")
			       : e;
	e = choose_all(a, c->mailbox, c->uids, &chosen);
	if (e)
		return e;
	if (chosen.too_many)
		return apply_refuse(a, COMMAND_LIMIT, "too many messages in one command");
	/* What is taken away needn't be there, and comes into being by no means. */
	bits = known_bits(box, c->n_keyword, c->keyword);
	if (c->mode > 2 || (c->mode != 2 && chosen.n &&
				   !keyword_bits(a, box, c->n_keyword, c->keyword, &bits)))
		return apply_refuse(a, COMMAND_LIMIT, "too many keywords");
	a->result->uid = arena_alloc(a->arena, (chosen.n + 1) * sizeof(uint32_t));
	a->result->refused_uid = arena_alloc(a->arena, (chosen.n + 1) * sizeof(uint32_t));
	for (size_t i = 0; i < chosen.n && !e; i++)
		e = store_one(a, c, box, chosen.uid[i], bits);
	apply_touch_mailbox(a, box->id);
	return e ? e : apply_row_put_mailbox(a, box);
}

enum err
apply_message_drop(
	struct apply *a, uint64_t mailbox, uint32_t uid, const struct schema_message *m)
{
	struct schema_key k;
	uint64_t payload = m->payload;
	enum err e = db_del(a->txn, DB_MESSAGE, schema_u64_u32(&k, mailbox, uid));

	return e ? e : apply_payload_unref(a, payload);
}

static enum err
expunge_one(struct apply *a, Commands__Mailbox *box, Commands__Account *r, uint32_t uid)
{
	struct schema_message m;
	uint64_t weight;
	enum err e = view_mailbox_message(a->txn, box->id, uid, &m);

	if (e)
		return e;
	weight = apply_message_weight(&m);
	count(box, &m, false);
	r->used_bytes -= weight < r->used_bytes ? weight : r->used_bytes;
	r->used_messages -= r->used_messages > 0;
	box->modseq = a->index;
	e = apply_message_drop(a, box->id, uid, &m);
	return e ? e : put_change(a, box, uid, true);
}

/* Keyword bits of one mailbox in the numbering of another. Those that find no room are left
 * behind rather than failing the copy. */
static uint64_t
translate(struct apply *a, const Commands__Mailbox *from, Commands__Mailbox *to, uint64_t bits)
{
	uint64_t out = 0, one;

	for (size_t i = 0; i < from->n_keyword; i++)
		if ((bits >> i & 1) && keyword_bits(a, to, 1, &from->keyword[i], &one))
			out |= one;
	return out;
}

static enum err
copy_one(struct apply *a, Commands__Mailbox *from, Commands__Mailbox *to, Commands__Account *r,
	uint32_t uid)
{
	Commands__Result *out = a->result;
	struct schema_message m;
	enum err e = view_mailbox_message(a->txn, from->id, uid, &m);

	if (e)
		return e;
	/* The row is rewritten below: its variable parts must not point into the map then. */
	m.wrapped_key = arena_dup(a->arena, m.wrapped_key);
	m.delivered_to = arena_dup(a->arena, m.delivered_to);
	m.sealed_head = arena_dup(a->arena, m.sealed_head);
	m.sealed_index = arena_dup(a->arena, m.sealed_index);
	m.keywords = translate(a, from, to, m.keywords);
	e = apply_payload_ref(a, m.payload);
	if (!e)
		e = apply_message_insert(a, to, r, &m, &out->uid[out->n_uid]);
	out->source_uid[out->n_source_uid++] = uid;
	out->n_uid++;
	return e;
}

static enum err
weigh_all(struct apply *a, uint64_t mailbox, const struct chosen *chosen, uint64_t *bytes)
{
	struct schema_message m;
	enum err e = ERR_OK;

	*bytes = 0;
	for (size_t i = 0; i < chosen->n && !e; i++) {
		e = view_mailbox_message(a->txn, mailbox, chosen->uid[i], &m);
		*bytes += e ? 0 : apply_message_weight(&m);
	}
	return e;
}

enum err
apply_message_copy(struct apply *a, const Commands__Copy *c)
{
	Commands__Mailbox *from, *to;
	Commands__Account *r;
	struct chosen chosen;
	uint64_t bytes;
	enum err e = apply_row_mailbox(a, c->mailbox, &from);

	if (!e)
		e = apply_row_mailbox(a, c->to, &to);
	/* Wrapped keys are bound to the account: a copy stays within it. */
	if (!e && from->account != to->account)
		e = ERR_NOT_FOUND;
	if (!e)
		e = apply_row_account(a, from->account, &r);
	if (e)
		return e == ERR_NOT_FOUND
			       ? apply_refuse(a, COMMAND_NOT_FOUND, "no such mailbox")
			       : e;
	if (from->id == to->id)
		to = from;
	e = choose_all(a, c->mailbox, c->uids, &chosen);
	if (!e)
		e = weigh_all(a, from->id, &chosen, &bytes);
	if (e)
		return e;
	if (chosen.too_many)
		return apply_refuse(a, COMMAND_LIMIT, "too many messages in one command");
	if (!c->move && chosen.n && view_directory_over_quota(r, bytes))
		return apply_refuse(a, COMMAND_QUOTA, "over quota");
	a->result->uid = arena_alloc(a->arena, (chosen.n + 1) * sizeof(uint32_t));
	a->result->source_uid = arena_alloc(a->arena, (chosen.n + 1) * sizeof(uint32_t));
	a->result->uidvalidity = to->uidvalidity;
	a->result->modseq = a->index;
	for (size_t i = 0; i < chosen.n && !e; i++) {
		e = copy_one(a, from, to, r, chosen.uid[i]);
		if (!e && c->move)
			e = expunge_one(a, from, r, chosen.uid[i]);
	}
	apply_touch_mailbox(a, from->id);
	if (!e)
		e = apply_row_put_mailbox(a, to);
	if (!e && from != to)
		e = apply_row_put_mailbox(a, from);
	return e ? e : apply_row_put_account(a, from->account, r);
}

enum err
apply_message_expunge(struct apply *a, const Commands__Expunge *c)
{
	Commands__Mailbox *box;
	Commands__Account *r;
	struct chosen chosen;
	struct schema_message m;
	enum err e = apply_row_mailbox(a, c->mailbox, &box);

	if (!e)
		e = apply_row_account(a, box->account, &r);
	if (e)
		return e == ERR_NOT_FOUND
			       ? apply_refuse(a, COMMAND_NOT_FOUND, "no such mailbox")
			       : e;
	e = choose_all(a, c->mailbox, c->uids, &chosen);
	if (e)
		return e;
	if (chosen.too_many)
		return apply_refuse(a, COMMAND_LIMIT, "too many messages in one command");
	a->result->uid = arena_alloc(a->arena, (chosen.n + 1) * sizeof(uint32_t));
	a->result->modseq = a->index;
	for (size_t i = 0; i < chosen.n && !e; i++) {
		e = view_mailbox_message(a->txn, box->id, chosen.uid[i], &m);
		if (e || !(m.flags & SCHEMA_DELETED))
			continue;
		a->result->uid[a->result->n_uid++] = chosen.uid[i];
		e = expunge_one(a, box, r, chosen.uid[i]);
	}
	apply_touch_mailbox(a, box->id);
	if (!e)
		e = apply_row_put_mailbox(a, box);
	return e ? e : apply_row_put_account(a, box->account, r);
}
