#include <inttypes.h>

#include "core/codec.h"
#include "store/apply_queue.h"
#include "store/check_inner.h"
#include "store/schema.h"
#include "store/view_hop.h"
#include "store/view_queue.h"

enum err
check_hop_rcpt(
	struct check *c, const struct check_item *item, struct slice k, const Commands__Rcpt *r)
{
	struct schema_relay row = {.node = item->owner,
		.hop = codec_slice(r->hop),
		.lane = (uint8_t)item->lane,
		.next_try_sec = r->next_try_sec,
		.item = schema_get_u64(k.p),
		.number = schema_get_u32(k.p + 8)};
	struct schema_hop_key key;
	struct slice v;
	enum err e = ERR_NOT_FOUND;

	if (schema_is_hop(row.hop))
		e = db_get(c->txn, DB_RELAY, schema_relay_key(&key, &row), &v);
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (e && !item->held)
		check_say(c,
			"recipient %u of item %" PRIu64 " waits for a hop that doesn't know it",
			row.number, row.item);
	return ERR_OK;
}

enum err
check_hop_relay(struct check *c, struct slice k, struct slice v)
{
	struct schema_relay row, should;
	Commands__RcptRow *r = NULL;
	Commands__Item *item = NULL;
	Commands__Hop *hop;
	enum err e = ERR_NOT_FOUND;

	if (!schema_relay_read(k, &row) || v.n) {
		check_say(c, "a relay row is damaged");
		return ERR_OK;
	}
	e = view_queue_item(c->txn, row.item, &c->arena, &item);
	if (!e)
		e = view_queue_rcpt(c->txn, row.item, row.number, &c->arena, &r);
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (e || !apply_queue_relay(item, row.number, r, &should) || should.node != row.node ||
		should.next_try_sec != row.next_try_sec || should.lane != row.lane ||
		!slice_eq(should.hop, row.hop))
		check_say(c, "a relay row names no recipient that waits");
	e = view_hop_get(c->txn, row.node, row.hop, &c->arena, &hop);
	if (e == ERR_NOT_FOUND)
		check_say(c, "recipients wait for a hop that has no row");
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static bool
count(void *arg, const struct schema_relay *row)
{
	(void)row;
	++*(uint64_t *)arg;
	return true;
}

static enum err
check_waiting(struct check *c, uint32_t node, struct slice name, const Commands__Hop *hop)
{
	uint64_t waiting = 0, first = 0;
	enum err e = ERR_OK;

	for (uint8_t lane = 0; lane < SCHEMA_LANES && !e; lane++) {
		struct schema_relay from = {.node = node, .hop = name, .lane = lane};

		e = view_hop_lane(c->txn, &from, UINT64_MAX, count, &waiting);
	}
	if (!e && waiting)
		e = view_hop_earliest(c->txn, node, name, &first);
	if (e)
		return e;
	if (!waiting || waiting != hop->waiting)
		check_say(c, "hop %.*s counts %" PRIu64 " who wait, there are %" PRIu64,
			SLICE_FMT(name), hop->waiting, waiting);
	else if (!hop->tries && hop->next_try_sec != first)
		check_say(c, "hop %.*s isn't tried when its first recipient is due",
			SLICE_FMT(name));
	return ERR_OK;
}

enum err
check_hop_row(struct check *c, struct slice k, struct slice v)
{
	Commands__Hop *hop = codec_unpack(&commands__hop__descriptor, v, &c->arena);
	struct slice name = k.n > 4 ? slice_from(k, 4) : SLICE_EMPTY, due;
	struct schema_hop_key key;
	enum err e;

	if (!hop || !schema_is_hop(name)) {
		check_say(c, "a hop's row is damaged");
		return ERR_OK;
	}
	e = db_get(c->txn, DB_HOP_DUE,
		schema_hop_due(&key, schema_get_u32(k.p), hop->next_try_sec, name), &due);
	if (e == ERR_NOT_FOUND)
		check_say(c, "hop %.*s is never tried", SLICE_FMT(name));
	else if (e)
		return e;
	return check_waiting(c, schema_get_u32(k.p), name, hop);
}

enum err
check_hop_due(struct check *c, struct slice k, struct slice v)
{
	struct slice name = k.n > 12 ? slice_from(k, 12) : SLICE_EMPTY;
	Commands__Hop *hop = NULL;
	enum err e = ERR_NOT_FOUND;

	if (v.n == 0 && schema_is_hop(name))
		e = view_hop_get(c->txn, schema_get_u32(k.p), name, &c->arena, &hop);
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (e || hop->next_try_sec != schema_get_u64(k.p + 4))
		check_say(c, "a hop is to be tried that nobody waits for");
	return ERR_OK;
}
