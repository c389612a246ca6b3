#include <inttypes.h>

#include "core/codec.h"
#include "store/apply_queue.h"
#include "store/check_inner.h"
#include "store/schema.h"
#include "store/view_directory.h"
#include "store/view_queue.h"

/* Of an owner or of who runs its items: each node begins with a boot. */
static bool
has_booted(struct check *c, uint32_t node)
{
	uint8_t key[12] = {0};
	struct slice v;

	schema_set_u32(key, node);
	return db_get(c->txn, DB_PROPOSER, slice_of(key, sizeof key), &v) == ERR_OK &&
	       v.n == 16;
}

enum err
check_queue_owner(struct check *c, struct slice k, struct slice v)
{
	struct schema_owner o;

	if (k.n != 4 || !schema_owner_read(v, &o)) {
		check_say(c, "an owner row is damaged");
		return ERR_OK;
	}
	if (!has_booted(c, schema_get_u32(k.p)) || !has_booted(c, o.runs_node))
		check_say(c, "the items of node %u are run by %u: one of them never booted",
			schema_get_u32(k.p), o.runs_node);
	if (o.epoch == 0 || o.since > c->log.applied ||
		(o.wants && o.runs_node == schema_get_u32(k.p)))
		check_say(c, "the items of node %u are owned in a way that can't be",
			schema_get_u32(k.p));
	return ERR_OK;
}

enum err
check_queue_item(struct check *c, struct slice k, struct slice v)
{
	Commands__Item *r = codec_unpack(&commands__item__descriptor, v, &c->arena);
	struct check_item *item;
	struct schema_owner owner;
	struct schema_vault key;
	enum err e;

	if (!r || !r->envelope || k.n != 8 || r->id != schema_get_u64(k.p)) {
		check_say(c, "a queue item's row is damaged");
		return ERR_OK;
	}
	item = check_map_put(&c->items, r->id);
	*item = (struct check_item){.left = r->rcpt_left,
		.count = r->rcpt_count,
		.held = r->held ? 1 : 0,
		.owner = r->owner_node,
		.lane = schema_lane(codec_slice(r->envelope->sender))};
	check_payload_ref(c, r->payload);
	e = view_queue_owner(c->txn, r->owner_node, &owner);
	if (e == ERR_NOT_FOUND)
		check_say(c, "queue item %" PRIu64 " is run by nobody", r->id);
	else if (e)
		return e;
	e = view_directory_vault(c->txn, VAULT_QUEUE, r->envelope->queue_key, &key);
	if (e == ERR_NOT_FOUND)
		check_say(c, "queue item %" PRIu64 " is sealed to a key that is gone", r->id);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* The row in `due` stands exactly when the courier has something to do. */
static enum err
check_rcpt_due(struct check *c, const struct check_item *item, struct slice k,
	const Commands__RcptRow *r)
{
	struct schema_key key;
	struct slice v;
	bool waits = !r->done && apply_queue_is_due((int)r->rcpt->stage);
	const Commands__Item named = {.id = schema_get_u64(k.p), .owner_node = item->owner};
	enum err e = db_get(c->txn, DB_DUE,
		apply_queue_due_key(&key, &named, schema_get_u32(k.p + 8), r->rcpt), &v);

	if (e && e != ERR_NOT_FOUND)
		return e;
	/* A held item's recipients are taken out of `due`; a late step may put one back. */
	if (waits != !e && !(waits && item->held))
		check_say(c, "recipient %u of item %" PRIu64 " is %s", schema_get_u32(k.p + 8),
			schema_get_u64(k.p), waits ? "never due" : "due for nothing");
	return ERR_OK;
}

enum err
check_queue_rcpt(struct check *c, struct slice k, struct slice v)
{
	Commands__RcptRow *r = codec_unpack(&commands__rcpt_row__descriptor, v, &c->arena);
	struct check_item *item;
	enum err e;

	if (!r || !r->rcpt || k.n != 12) {
		check_say(c, "a recipient's row is damaged");
		return ERR_OK;
	}
	item = check_map_get(&c->items, schema_get_u64(k.p));
	if (!item || schema_get_u32(k.p + 8) >= item->count) {
		check_say(c, "recipient %u is of no item", schema_get_u32(k.p + 8));
		return ERR_OK;
	}
	item->rcpts++;
	item->open += !r->done;
	if (!r->done && r->rcpt->stage == COMMANDS__STAGE__STAGE_RELAY) {
		e = check_hop_rcpt(c, item, k, r->rcpt);
		if (e)
			return e;
	}
	return check_rcpt_due(c, item, k, r);
}

static struct slice
due_key(struct schema_key *key, const struct check_item *item, struct slice due,
	const Commands__Rcpt *r)
{
	const Commands__Item named = {
		.id = schema_get_u64(due.p + 12), .owner_node = item->owner};

	return apply_queue_due_key(key, &named, schema_get_u32(due.p + 20), r);
}

enum err
check_queue_due(struct check *c, struct slice k, struct slice v)
{
	const struct check_item *item = NULL;
	Commands__RcptRow *r = NULL;
	struct schema_key key;
	enum err e = ERR_NOT_FOUND;

	if (k.n == 24 && v.n == 0)
		item = check_map_get(&c->items, schema_get_u64(k.p + 12));
	if (item && item->owner == schema_get_u32(k.p))
		e = view_queue_rcpt(c->txn, schema_get_u64(k.p + 12), schema_get_u32(k.p + 20),
			&c->arena, &r);

	if (e && e != ERR_NOT_FOUND)
		return e;
	if (e || r->done || !slice_eq(k, due_key(&key, item, k, r->rcpt)))
		check_say(c, "a due row names no recipient that waits");
	return ERR_OK;
}

enum err
check_queue_repeat(struct check *c, struct slice k, struct slice v)
{
	uint8_t *key = arena_alloc(&c->arena, 8 + k.n);
	struct slice due;
	enum err e;

	if (v.n != 16) {
		check_say(c, "a repeat row is damaged");
		return ERR_OK;
	}
	memcpy(key, v.p + 8, 8);
	memcpy(key + 8, k.p, k.n);
	e = db_get(c->txn, DB_REPEAT_DUE, slice_of(key, 8 + k.n), &due);
	if (e == ERR_NOT_FOUND)
		check_say(c, "a repeat key never goes");
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
check_queue_repeat_due(struct check *c, struct slice k, struct slice v)
{
	struct slice row;
	enum err e = k.n > 8 && v.n == 0 ? db_get(c->txn, DB_REPEAT, slice_from(k, 8), &row)
					 : ERR_NOT_FOUND;

	if (e && e != ERR_NOT_FOUND)
		return e;
	if (e || row.n != 16 || schema_get_u64(row.p + 8) != schema_get_u64(k.p))
		check_say(c, "a repeat key is to go that isn't there");
	return ERR_OK;
}

void
check_queue_totals(struct check *c)
{
	const struct check_item *item;
	uint64_t id;

	for (size_t at = 0; (item = check_map_next(&c->items, &at, &id));)
		if (item->rcpts != item->count || item->open != item->left || !item->left)
			check_say(c,
				"item %" PRIu64
				" counts %u recipients, %u of them open; it has %u, "
				"%u",
				id, item->count, item->left, item->rcpts, item->open);
}
