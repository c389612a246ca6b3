#include "store/raft_meta.h"

#include "core/rand.h"
#include "store/schema.h"

enum { COMMAND_MAX = 8 << 20, MEMBERS_ROW_MAX = 8192 };

static enum err
get(struct db_txn *txn, const char *name, size_t n, uint8_t *out)
{
	struct slice v;
	enum err e = db_get(txn, DB_META, slice_str(name), &v);

	if (e)
		return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
	if (v.n != n)
		return ERR_CORRUPT;
	memcpy(out, v.p, n);
	return ERR_OK;
}

static enum err
put(struct db_txn *txn, const char *name, size_t n, const uint8_t *p)
{
	return db_put(txn, DB_META, slice_str(name), slice_of(p, n));
}

static enum err
get_u64(struct db_txn *txn, const char *name, uint64_t *out)
{
	uint8_t raw[8];
	enum err e = get(txn, name, sizeof raw, raw);

	if (!e)
		*out = schema_get_u64(raw);
	return e;
}

static enum err
put_u64(struct db_txn *txn, const char *name, uint64_t v)
{
	uint8_t raw[8];

	schema_set_u64(raw, v);
	return put(txn, name, sizeof raw, raw);
}

/* --- members --- */

static enum err
put_members(struct db_txn *txn, const char *name, const struct members *m)
{
	struct buf row;
	enum err e;

	buf_init(&row, MEMBERS_ROW_MAX);
	buf_put_u64(&row, m->index);
	members_pack(m, &row);
	e = db_put(txn, DB_META, slice_str(name), buf_slice(&row));
	buf_fini(&row);
	return e;
}

static enum err
get_members(struct db_txn *txn, const char *name, struct members *m)
{
	struct slice v;
	enum err e = db_get(txn, DB_META, slice_str(name), &v);

	if (e || v.n < 8)
		return !e || e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
	e = members_unpack(slice_from(v, 8), m);
	if (!e)
		m->index = schema_get_u64(v.p);
	return e;
}

enum err
raft_meta_put_members(struct raft_log *log, struct db_txn *txn)
{
	enum err e = put_members(txn, "config", &log->members);

	return e ? e : put_members(txn, "config_before", &log->members_before);
}

/* --- the whole --- */

static enum err
put_identity(struct raft_log *log, struct db_txn *txn)
{
	uint8_t node[4];
	enum err e;

	schema_set_u32(node, log->node);
	e = put(txn, "cluster", sizeof log->cluster, log->cluster);
	if (!e)
		e = put(txn, "node", sizeof node, node);
	if (!e)
		e = raft_meta_put_members(log, txn);
	return e ? e : raft_meta_save(log, txn);
}

static void
be_alone(struct raft_log *log, uint32_t node)
{
	rand_bytes(log->cluster, sizeof log->cluster);
	log->node = node;
	log->members = (struct members){
		.n = 1, .next_id = node + 1, .node = {{.id = node, .kind = RAFT_VOTER}}};
	log->members_before = log->members;
}

enum err
raft_meta_found(struct raft_log *log, struct db_txn *txn, uint32_t node, uint64_t index)
{
	be_alone(log, node);
	log->last = log->applied = index;
	log->hard = (struct raft_hard){.term = log->hard.term + 1};
	log->first = index + 1;
	log->last_term = log->base_term = log->hard.term;
	memcpy(log->base_chain, log->chain, SEAL_HASH);
	return put_identity(log, txn);
}

static enum err
make_fresh(struct raft_log *log, struct db_txn *txn, const struct raft_meta_fresh *fresh)
{
	log->first = 1;
	if (fresh) {
		memcpy(log->cluster, fresh->cluster, sizeof log->cluster);
		log->node = fresh->node;
		log->members = log->members_before = *fresh->members;
	} else {
		be_alone(log, 1);
	}
	return put_identity(log, txn);
}

static enum err
load_log(struct raft_log *log, struct db_txn *txn)
{
	uint8_t tail[48], base[40];
	enum err e;

	if ((e = get(txn, "tail", sizeof tail, tail)) ||
		(e = get(txn, "base", sizeof base, base)) ||
		(e = get_u64(txn, "applied", &log->applied)) ||
		(e = get_u64(txn, "first", &log->first)) ||
		(e = get_u64(txn, "time", &log->time_sec)))
		return e;
	log->last = schema_get_u64(tail);
	log->last_term = schema_get_u64(tail + 8);
	memcpy(log->chain, tail + 16, SEAL_HASH);
	log->base_term = schema_get_u64(base);
	memcpy(log->base_chain, base + 8, SEAL_HASH);
	return ERR_OK;
}

enum err
raft_meta_load(struct raft_log *log, struct db_txn *txn, const struct raft_meta_fresh *fresh)
{
	uint8_t node[4], hard[12];
	struct slice v;
	enum err e;

	buf_init(&log->scratch, COMMAND_MAX);
	e = db_get(txn, DB_META, slice_str("cluster"), &v);
	if (e == ERR_NOT_FOUND)
		return make_fresh(log, txn, fresh);
	if (e || (e = get(txn, "cluster", sizeof log->cluster, log->cluster)) ||
		(e = get(txn, "node", sizeof node, node)) ||
		(e = get(txn, "hard", sizeof hard, hard)) ||
		(e = get_members(txn, "config", &log->members)) ||
		(e = get_members(txn, "config_before", &log->members_before)) ||
		(e = load_log(log, txn)))
		return e;
	log->node = schema_get_u32(node);
	log->hard = (struct raft_hard){schema_get_u64(hard), schema_get_u32(hard + 8)};
	return ERR_OK;
}

enum err
raft_meta_save(struct raft_log *log, struct db_txn *txn)
{
	uint8_t hard[12], tail[48], base[40];
	enum err e;

	schema_set_u64(hard, log->hard.term);
	schema_set_u32(hard + 8, log->hard.vote);
	schema_set_u64(tail, log->last);
	schema_set_u64(tail + 8, log->last_term);
	memcpy(tail + 16, log->chain, SEAL_HASH);
	schema_set_u64(base, log->base_term);
	memcpy(base + 8, log->base_chain, SEAL_HASH);
	if ((e = put(txn, "hard", sizeof hard, hard)) ||
		(e = put(txn, "tail", sizeof tail, tail)) ||
		(e = put(txn, "base", sizeof base, base)) ||
		(e = put_u64(txn, "applied", log->applied)) ||
		(e = put_u64(txn, "first", log->first)))
		return e;
	return put_u64(txn, "time", log->time_sec);
}
