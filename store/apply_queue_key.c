#include "store/apply_queue_key.h"

#include "store/apply_queue.h"
#include "store/apply_row.h"
#include "store/apply_vault.h"
#include "store/view_directory.h"
#include "store/view_queue.h"

static enum err
set_flag(struct apply *a, uint64_t id, struct slice row, uint8_t flag)
{
	uint8_t *changed = arena_alloc(a->arena, row.n);
	struct schema_key k;

	memcpy(changed, row.p, row.n);
	changed[1] |= flag;
	return db_put(
		a->txn, DB_VAULT, schema_u8_u64(&k, VAULT_QUEUE, id), slice_of(changed, row.n));
}

static enum err
make(struct apply *a, const Commands__QueueKey *c)
{
	const struct apply_vault_new secret = {.kind = VAULT_QUEUE,
		.id = c->id,
		.secret = codec_slice(c->wrapped_secret),
		.public_key = codec_slice(c->public_key)};
	uint8_t public_key[SCHEMA_PUBLIC_KEY];
	uint64_t newest = 0;
	enum err e;

	/* A newer one must always be possible. */
	if (secret.public_key.n != SCHEMA_PUBLIC_KEY || !apply_vault_fits(secret.secret) ||
		c->id >> 56)
		return apply_refuse(a, COMMAND_INVALID, "bad queue key");
	e = view_directory_queue_key(a->txn, &newest, public_key);
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (!e && c->id <= newest)
		return apply_refuse(a, COMMAND_EXISTS, "there is a newer queue key");
	return apply_vault_put(a, &secret);
}

enum err
apply_queue_key(struct apply *a, const Commands__QueueKey *c)
{
	struct schema_vault known;
	struct schema_key k;
	struct slice row;
	enum err e;

	a->touched->directory = true;
	if (c->verb == COMMANDS__QUEUE_KEY__VERB__MAKE)
		return make(a, c);
	e = db_get(a->txn, DB_VAULT, schema_u8_u64(&k, VAULT_QUEUE, c->id), &row);
	if (e)
		return e == ERR_NOT_FOUND
			       ? apply_refuse(a, COMMAND_NOT_FOUND, "no such queue key")
			       : e;
	if (!schema_vault_read(row, &known))
		return ERR_CORRUPT;
	if (c->verb == COMMANDS__QUEUE_KEY__VERB__CLOSE)
		return set_flag(a, c->id, row, SCHEMA_CLOSED);
	/* An item might come to need it after the last look. */
	if (!(known.flags & SCHEMA_CLOSED))
		return apply_refuse(a, COMMAND_INVALID, "the queue key isn't closed");
	return apply_vault_del(a, VAULT_QUEUE, c->id);
}

enum err
apply_queue_key_is_open(struct apply *a, uint64_t id, bool *open)
{
	struct schema_vault known;
	enum err e = view_directory_vault(a->txn, VAULT_QUEUE, id, &known);

	*open = !e && !(known.flags & SCHEMA_CLOSED);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
apply_queue_key_reseal(struct apply *a, const Commands__QueueReseal *c)
{
	Commands__Item *item;
	bool open;
	enum err e = view_queue_item(a->txn, c->item, a->arena, &item);

	if (e && e != ERR_NOT_FOUND)
		return e;
	if (e || item->envelope->queue_key != c->from)
		return apply_refuse(a, COMMAND_STALE, "the item has moved on");
	e = apply_queue_key_is_open(a, c->to, &open);
	if (e)
		return e;
	if (!open || c->sealed_key.len != item->envelope->sealed_key.len)
		return apply_refuse(a, COMMAND_NO_QUEUE_KEY, "bad queue key");
	item->envelope->queue_key = c->to;
	item->envelope->sealed_key = c->sealed_key;
	return apply_queue_put_item(a, item);
}

enum err
apply_queue_key_retire(struct apply *a)
{
	struct schema_key from;
	struct slice k, v;
	uint64_t id = 0;
	enum err e;

	while (!(e = db_first_from(
			 a->txn, DB_VAULT, schema_u8_u64(&from, VAULT_QUEUE, id), &k, &v)) &&
		k.n == 9 && k.p[0] == VAULT_QUEUE) {
		id = schema_get_u64(k.p + 1);
		e = set_flag(a, id, v, SCHEMA_RETIRED);
		if (e)
			return e;
		id++;
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}
