#include "store/raft_log.h"

#include "core/rand.h"
#include "store/schema.h"

enum { ROW_FIXED = 8 + 1 + 8 + 32 + 32, AAD_SIZE = 16 + 8 + 8 + 1 + 32, COMMAND_MAX = 8 << 20 };

static enum err
meta_get(struct db_txn *txn, const char *name, size_t n, uint8_t *out)
{
	struct slice v;
	enum err e = db_get(txn, DB_META, slice_str(name), &v);

	if (e)
		return e;
	if (v.n != n)
		return ERR_CORRUPT;
	memcpy(out, v.p, n);
	return ERR_OK;
}

static enum err
meta_put(struct db_txn *txn, const char *name, size_t n, const uint8_t *p)
{
	return db_put(txn, DB_META, slice_str(name), slice_of(p, n));
}

/* A row of meta: index u64; id u32, kind u8 of each node. */
enum { CONFIG_FIXED = 8, CONFIG_NODE = 5 };

static enum err
put_config(struct db_txn *txn, const char *name, const struct raft_config *config)
{
	uint8_t row[CONFIG_FIXED + CONFIG_NODE * RAFT_NODES_MAX];

	schema_set_u64(row, config->index);
	for (uint32_t i = 0; i < config->n; i++) {
		schema_set_u32(row + CONFIG_FIXED + CONFIG_NODE * i, config->node[i].id);
		row[CONFIG_FIXED + CONFIG_NODE * i + 4] = (uint8_t)config->node[i].kind;
	}
	return meta_put(txn, name, CONFIG_FIXED + CONFIG_NODE * config->n, row);
}

static enum err
get_config(struct db_txn *txn, const char *name, struct raft_config *config)
{
	struct slice v;
	enum err e = db_get(txn, DB_META, slice_str(name), &v);

	if (e)
		return e;
	if (v.n < CONFIG_FIXED || (v.n - CONFIG_FIXED) % CONFIG_NODE != 0 ||
		(v.n - CONFIG_FIXED) / CONFIG_NODE > RAFT_NODES_MAX)
		return ERR_CORRUPT;
	config->index = schema_get_u64(v.p);
	config->n = (uint32_t)((v.n - CONFIG_FIXED) / CONFIG_NODE);
	for (uint32_t i = 0; i < config->n; i++) {
		const uint8_t *node = v.p + CONFIG_FIXED + CONFIG_NODE * i;

		if (node[4] > RAFT_LEARNER)
			return ERR_CORRUPT;
		config->node[i].id = schema_get_u32(node);
		config->node[i].kind = (enum raft_kind)node[4];
	}
	return ERR_OK;
}

static enum err
found(struct raft_log *log, struct db_txn *txn, uint32_t id)
{
	uint8_t node[4];
	enum err e;

	rand_bytes(log->cluster, sizeof log->cluster);
	log->node = id;
	log->config = (struct raft_config){.n = 1, .node = {{log->node, RAFT_VOTER}}};
	log->config_before = log->config;
	log->first = log->last + 1;
	schema_set_u32(node, log->node);
	e = meta_put(txn, "cluster", sizeof log->cluster, log->cluster);
	if (!e)
		e = meta_put(txn, "node", sizeof node, node);
	if (!e)
		e = put_config(txn, "config", &log->config);
	if (!e)
		e = put_config(txn, "config_before", &log->config_before);
	return e ? e : raft_log_save(log, txn);
}

enum err
raft_log_found(struct raft_log *log, struct db_txn *txn, uint32_t node, uint64_t index)
{
	log->last = log->applied = index;
	log->hard = (struct raft_hard){.term = log->hard.term + 1};
	log->last_term = log->hard.term;
	return found(log, txn, node);
}

enum err
raft_log_load(struct raft_log *log, struct db_txn *txn)
{
	uint8_t node[4], hard[12], tail[48], one[8];
	enum err e;

	buf_init(&log->scratch, COMMAND_MAX);
	e = meta_get(txn, "cluster", sizeof log->cluster, log->cluster);
	if (e == ERR_NOT_FOUND)
		return found(log, txn, 1);
	if (e || (e = meta_get(txn, "node", sizeof node, node)) ||
		(e = meta_get(txn, "hard", sizeof hard, hard)) ||
		(e = meta_get(txn, "tail", sizeof tail, tail)) ||
		(e = meta_get(txn, "applied", sizeof one, one)) ||
		(e = get_config(txn, "config", &log->config)) ||
		(e = get_config(txn, "config_before", &log->config_before)))
		return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
	log->node = schema_get_u32(node);
	log->hard = (struct raft_hard){schema_get_u64(hard), schema_get_u32(hard + 8)};
	log->last = schema_get_u64(tail);
	log->last_term = schema_get_u64(tail + 8);
	memcpy(log->chain, tail + 16, SEAL_HASH);
	log->applied = schema_get_u64(one);
	if ((e = meta_get(txn, "first", sizeof one, one)))
		return e;
	log->first = schema_get_u64(one);
	if ((e = meta_get(txn, "time", sizeof one, one)))
		return e;
	log->time_sec = schema_get_u64(one);
	return ERR_OK;
}

void
raft_log_fini(struct raft_log *log)
{
	buf_fini_secret(&log->scratch);
	seal_wipe(&log->keys, sizeof log->keys);
}

enum err
raft_log_save(struct raft_log *log, struct db_txn *txn)
{
	uint8_t hard[12], tail[48], one[8];
	enum err e;

	schema_set_u64(hard, log->hard.term);
	schema_set_u32(hard + 8, log->hard.vote);
	schema_set_u64(tail, log->last);
	schema_set_u64(tail + 8, log->last_term);
	memcpy(tail + 16, log->chain, SEAL_HASH);
	if ((e = meta_put(txn, "hard", sizeof hard, hard)) ||
		(e = meta_put(txn, "tail", sizeof tail, tail)))
		return e;
	schema_set_u64(one, log->applied);
	if ((e = meta_put(txn, "applied", sizeof one, one)))
		return e;
	schema_set_u64(one, log->first);
	if ((e = meta_put(txn, "first", sizeof one, one)))
		return e;
	schema_set_u64(one, log->time_sec);
	return meta_put(txn, "time", sizeof one, one);
}

/* LMDB's arithmetic: a page of 4,096 octets less its header; a row costs its node header, key
 * and slot, all even; a row that is no larger than half a page stays in the page. Rows are
 * appended, so each page is filled and never split. */
enum { PAGE_ROOM = 4080, ROW_EXTRA = 8 + 12 + 2, ROW_LEAST = 64, ROW_FAR = ROW_EXTRA + 8 };

static size_t
small_row(uint32_t *page_left, size_t n)
{
	size_t room;

	if (*page_left < ROW_EXTRA + ROW_LEAST)
		*page_left = PAGE_ROOM;
	room = *page_left - ROW_EXTRA;
	if (n > room)
		n = room;
	if (n > SCHEMA_SMALL_ROW)
		n = SCHEMA_SMALL_ROW;
	*page_left -= (uint32_t)(ROW_EXTRA + (n + 1) / 2 * 2);
	return n;
}

static size_t
large_row(uint32_t *page_left, size_t n)
{
	*page_left = *page_left < ROW_FAR ? PAGE_ROOM - ROW_FAR : *page_left - ROW_FAR;
	return n < SCHEMA_PART_SEALED ? n : SCHEMA_PART_SEALED;
}

enum err
raft_log_put_body(struct db_txn *txn, uint64_t index, struct slice body, uint32_t *page_left)
{
	bool small = body.n < SCHEMA_INLINE_MAX;
	struct schema_key k;
	enum err e = ERR_OK;
	size_t n;

	if (body.n > SCHEMA_ENTRY_BODY_MAX)
		return ERR_TOO_BIG;
	for (uint32_t row = 0; body.n && !e; row++, body = slice_from(body, n)) {
		n = small ? small_row(page_left, body.n) : large_row(page_left, body.n);
		e = db_put(txn, DB_BODY, schema_u64_u32(&k, index, row), slice_cut(body, 0, n));
	}
	return e;
}

/* What the seal of an entry is bound to. */
static struct slice
entry_aad(const struct raft_log *log, uint64_t index, const uint8_t *row, uint8_t aad[AAD_SIZE])
{
	memcpy(aad, log->cluster, 16);
	schema_set_u64(aad + 16, index);
	memcpy(aad + 24, row, 8);
	aad[32] = row[8];
	memcpy(aad + 33, row + 17, 32);
	return slice_of(aad, AAD_SIZE);
}

/* NULL: it isn't at hand. */
static const struct seal_key *
key_of(const struct raft_log *log, uint64_t index)
{
	for (unsigned i = log->keys.n; i > 0; i--)
		if (log->keys.key[i - 1].after < index)
			return &log->keys.key[i - 1].key;
	return NULL;
}

/* row holds term, type, payload octets, payload hash; sealed follows at ROW_FIXED. */
static void
chain_hash(const uint8_t before[SEAL_HASH], const uint8_t *row, struct slice sealed,
	uint8_t hash[SEAL_HASH])
{
	const struct slice parts[] = {
		slice_of(before, SEAL_HASH), slice_of(row, 9), sealed, slice_of(row + 17, 32)};

	seal_hash(NULL, parts, 4, hash);
}

enum err
raft_log_append(struct raft_log *log, struct db_txn *txn, enum raft_log_type type,
	struct slice command, struct slice body)
{
	uint64_t index = log->last + 1;
	uint8_t aad[AAD_SIZE], row[ROW_FIXED] = {0}, chain[SEAL_HASH];
	struct schema_key k;
	const struct seal_key *key = key_of(log, index);
	struct buf *b = &log->scratch;
	enum err e;

	if (!key)
		return ERR_CRYPTO;
	schema_set_u64(row, log->hard.term);
	row[8] = (uint8_t)type;
	schema_set_u64(row + 9, body.n);
	if (body.n)
		seal_hash(NULL, &body, 1, row + 17);
	buf_clear(b);
	buf_put(b, row, sizeof row);
	e = seal_box_key(key, entry_aad(log, index, row, aad), command, b);
	if (e)
		return e;
	chain_hash(log->chain, row, slice_from(buf_slice(b), ROW_FIXED), chain);
	memcpy(b->p + 49, chain, SEAL_HASH);
	e = db_put(txn, DB_LOG, schema_u64(&k, index), buf_slice(b));
	if (!e)
		e = raft_log_put_body(txn, index, body, &log->page_left);
	if (e)
		return e;
	memcpy(log->chain, chain, SEAL_HASH);
	log->last = index;
	log->last_term = log->hard.term;
	return ERR_OK;
}

enum err
raft_log_read(struct raft_log *log, struct db_txn *txn, uint64_t index, uint64_t *term,
	struct slice *command)
{
	uint8_t aad[AAD_SIZE];
	const struct seal_key *key = key_of(log, index);
	struct schema_key k;
	struct slice row;
	enum err e = db_get(txn, DB_LOG, schema_u64(&k, index), &row);

	if (e)
		return e;
	if (row.n < ROW_FIXED)
		return ERR_CORRUPT;
	if (!key)
		return ERR_CRYPTO;
	buf_clear(&log->scratch);
	e = seal_box_key_open(key, entry_aad(log, index, row.p, aad),
		slice_from(row, ROW_FIXED), &log->scratch);
	if (e)
		return e;
	*term = schema_get_u64(row.p);
	*command = buf_slice(&log->scratch);
	return ERR_OK;
}

static enum err
term_of(struct db_txn *txn, uint64_t index, uint64_t *term)
{
	struct schema_key k;
	struct slice row;
	enum err e = db_get(txn, DB_LOG, schema_u64(&k, index), &row);

	if (e || row.n < ROW_FIXED)
		return !e || e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
	*term = schema_get_u64(row.p);
	return ERR_OK;
}

/* Terms never fall: the end of a run is found by halving. */
static enum err
run_end(const struct raft_log *log, struct db_txn *txn, uint64_t first, uint64_t *end,
	uint64_t *term)
{
	uint64_t low = first, high = log->last + 1, middle, there;
	enum err e = term_of(txn, first, term);

	while (!e && high - low > 1) {
		middle = low + (high - low) / 2;
		e = term_of(txn, middle, &there);
		if (there == *term)
			low = middle;
		else
			high = middle;
	}
	*end = low;
	return e;
}

enum err
raft_log_trail(const struct raft_log *log, struct db_txn *txn, struct raft_trail *trail)
{
	uint64_t at = log->first, end, term;
	enum err e = ERR_OK;

	raft_trail_init(trail, log->last, log->last_term);
	if (at > log->last)
		return ERR_OK;
	raft_trail_init(trail, at - 1, 0);
	for (; at <= log->last && !e; at = end + 1) {
		e = run_end(log, txn, at, &end, &term);
		if (!e)
			raft_trail_push(trail, end - at + 1, term);
	}
	raft_trail_drop(trail, log->first);
	return e;
}

/* Payload rows of one entry; at most *max, which sinks. ERR_MORE: some are left. */
static enum err
free_body(struct db_txn *txn, uint64_t index, uint32_t *max)
{
	struct schema_key k;
	enum err e = ERR_OK;
	struct slice key, v;

	for (; *max; --*max) {
		e = db_first_from(txn, DB_BODY, schema_u64_u32(&k, index, 0), &key, &v);
		if (e == ERR_NOT_FOUND || (!e && schema_get_u64(key.p) != index))
			return ERR_OK;
		if (e)
			return e;
		e = db_del(txn, DB_BODY, schema_u64_u32(&k, index, schema_get_u32(key.p + 8)));
		if (e)
			return e;
	}
	return ERR_MORE;
}

enum err
raft_log_free(struct raft_log *log, struct db_txn *txn, uint32_t max, bool *more)
{
	struct schema_key k;
	struct slice key, v;
	uint64_t index;
	enum err e;

	for (*more = true; max; max--) {
		e = db_first_from(txn, DB_GARBAGE, SLICE_EMPTY, &key, &v);
		if (!e && key.n != 8)
			return ERR_CORRUPT;
		index = e ? 0 : schema_get_u64(key.p);
		*more = !e && index < log->first;
		if (!*more)
			return e == ERR_NOT_FOUND ? ERR_OK : e;
		e = free_body(txn, index, &max);
		if (e == ERR_MORE)
			return ERR_OK;
		if (!e)
			e = db_del(txn, DB_GARBAGE, schema_u64(&k, index));
		if (e)
			return e;
	}
	return ERR_OK;
}

enum err
raft_log_trim(struct raft_log *log, struct db_txn *txn, uint64_t keep_from, uint32_t max)
{
	struct schema_key k;
	enum err e = ERR_OK;

	if (keep_from > log->applied + 1)
		keep_from = log->applied + 1;
	for (uint32_t n = 0; n < max && log->first < keep_from && !e; n++, log->first++)
		e = db_del(txn, DB_LOG, schema_u64(&k, log->first));
	return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
}

enum err
raft_log_truncate(struct raft_log *log, struct db_txn *txn, uint64_t from)
{
	struct schema_key k;
	struct slice row;
	enum err e = ERR_OK;

	if (from <= log->applied || from <= log->first)
		return ERR_CORRUPT;
	for (; log->last >= from && !e; log->last--) {
		uint32_t all = UINT32_MAX;

		e = db_del(txn, DB_LOG, schema_u64(&k, log->last));
		if (!e)
			e = free_body(txn, log->last, &all);
	}
	if (!e)
		e = db_get(txn, DB_LOG, schema_u64(&k, log->last), &row);
	if (e || row.n < ROW_FIXED)
		return !e || e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
	log->last_term = schema_get_u64(row.p);
	memcpy(log->chain, row.p + 49, SEAL_HASH);
	log->page_left = 0;
	return ERR_OK;
}

/* The hash and size of the payload rows that are there. */
static enum err
hash_body(struct db_txn *txn, uint64_t index, uint64_t *n, uint8_t hash[SEAL_HASH])
{
	struct seal_hasher h;
	struct db_cursor *c;
	struct schema_key from;
	struct slice k, v;
	enum err e = db_cursor_open(txn, DB_BODY, &c);

	*n = 0;
	if (e)
		return e;
	seal_hasher_init(&h, NULL);
	for (e = db_seek(c, schema_u64_u32(&from, index, 0), &k, &v);
		!e && k.n == 12 && schema_get_u64(k.p) == index; e = db_next(c, &k, &v)) {
		seal_hasher_add(&h, v);
		*n += v.n;
	}
	db_cursor_close(c);
	seal_hasher_done(&h, hash);
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err
raft_log_check(struct raft_log *log, struct db_txn *txn, uint64_t index, const uint8_t *before,
	uint8_t chain[SEAL_HASH])
{
	uint8_t hash[SEAL_HASH];
	struct schema_key k;
	struct slice row, command;
	uint64_t n, term;
	enum err e = db_get(txn, DB_LOG, schema_u64(&k, index), &row);

	if (e)
		return e;
	if (row.n < ROW_FIXED)
		return ERR_CORRUPT;
	/* before may be chain itself. */
	if (before) {
		chain_hash(before, row.p, slice_from(row, ROW_FIXED), hash);
		if (memcmp(row.p + 49, hash, SEAL_HASH) != 0)
			e = ERR_CORRUPT;
	}
	memcpy(chain, row.p + 49, SEAL_HASH);
	if (e)
		return e;
	e = hash_body(txn, index, &n, hash);
	/* None: it was freed already, or there was none. */
	if (!e && n &&
		(n != schema_get_u64(row.p + 9) || memcmp(hash, row.p + 17, SEAL_HASH) != 0))
		return ERR_CORRUPT;
	return e || !log->keys.n ? e : raft_log_read(log, txn, index, &term, &command);
}

void
raft_log_add_key(struct raft_log *log, uint64_t after, const struct seal_key *key)
{
	raft_log_drop_keys(log, RAFT_LOG_KEYS - 1);
	log->keys.key[log->keys.n++] = (struct raft_log_key){after, *key};
}

void
raft_log_drop_keys(struct raft_log *log, unsigned keep)
{
	struct raft_log_keys old = log->keys;
	unsigned drop = keep < old.n ? old.n - keep : 0;

	seal_wipe(&log->keys, sizeof log->keys);
	log->keys.n = old.n - drop;
	memcpy(log->keys.key, old.key + drop, log->keys.n * sizeof *old.key);
	seal_wipe(&old, sizeof old);
}
