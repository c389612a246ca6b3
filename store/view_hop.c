#include "store/view_hop.h"

#include "core/codec.h"
#include "store/db.h"

enum err
view_hop_get(struct db_txn *txn, uint32_t node, struct slice hop, struct arena *a,
	Commands__Hop **out)
{
	struct schema_hop_key k;
	struct slice raw;
	Commands__Hop *row;
	enum err e = db_get(txn, DB_HOP, schema_hop(&k, node, hop), &raw);

	if (e)
		return e;
	row = codec_unpack(&commands__hop__descriptor, raw, a);
	if (!row)
		return ERR_CORRUPT;
	*out = row;
	return ERR_OK;
}

/* The first row of a lane. ERR_NOT_FOUND: it is empty. */
static enum err
first_of_lane(struct db_txn *txn, struct schema_relay *at)
{
	const struct schema_relay lane = {.node = at->node, .hop = at->hop, .lane = at->lane};
	struct schema_relay found;
	struct schema_hop_key key;
	struct slice k, v;
	enum err e = db_first_from(txn, DB_RELAY, schema_relay_key(&key, &lane), &k, &v);

	if (e)
		return e;
	if (!schema_relay_read(k, &found))
		return ERR_CORRUPT;
	if (found.node != lane.node || !slice_eq(found.hop, lane.hop) ||
		found.lane != lane.lane)
		return ERR_NOT_FOUND;
	at->next_try_sec = found.next_try_sec;
	return ERR_OK;
}

enum err
view_hop_earliest(struct db_txn *txn, uint32_t node, struct slice hop, uint64_t *next_try_sec)
{
	uint64_t first = UINT64_MAX;

	for (uint8_t lane = 0; lane < SCHEMA_LANES; lane++) {
		struct schema_relay at = {.node = node, .hop = hop, .lane = lane};
		enum err e = first_of_lane(txn, &at);

		if (e && e != ERR_NOT_FOUND)
			return e;
		if (!e && at.next_try_sec < first)
			first = at.next_try_sec;
	}
	if (first == UINT64_MAX)
		return ERR_NOT_FOUND;
	*next_try_sec = first;
	return ERR_OK;
}

enum err
view_hop_due(struct db_txn *txn, uint32_t node, uint64_t now_sec,
	bool (*each)(void *arg, struct slice hop), void *arg)
{
	struct schema_key from;
	struct db_cursor *c;
	struct slice k, v;
	enum err e = db_cursor_open(txn, DB_HOP_DUE, &c);

	if (e)
		return e;
	for (e = db_seek(c, schema_u32(&from, node), &k, &v); !e; e = db_next(c, &k, &v)) {
		if (k.n <= 12) {
			e = ERR_CORRUPT;
			break;
		}
		if (schema_get_u32(k.p) != node || schema_get_u64(k.p + 4) > now_sec)
			break;
		if (!each(arg, slice_from(k, 12)))
			break;
	}
	db_cursor_close(c);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
view_hop_lane(struct db_txn *txn, const struct schema_relay *from, uint64_t now_sec,
	bool (*each)(void *arg, const struct schema_relay *row), void *arg)
{
	struct schema_relay row;
	struct schema_hop_key key;
	struct db_cursor *c;
	struct slice k, v;
	enum err e = db_cursor_open(txn, DB_RELAY, &c);

	if (e)
		return e;
	for (e = db_seek(c, schema_relay_key(&key, from), &k, &v); !e; e = db_next(c, &k, &v)) {
		if (!schema_relay_read(k, &row)) {
			e = ERR_CORRUPT;
			break;
		}
		if (row.node != from->node || row.lane != from->lane ||
			!slice_eq(row.hop, from->hop) || row.next_try_sec > now_sec)
			break;
		if (!each(arg, &row))
			break;
	}
	db_cursor_close(c);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}
