#include "store/raft_log.h"

#include "store/raft_body.h"
#include "store/raft_meta.h"
#include "store/schema.h"

enum { ROW_FIXED = 8 + 1 + 8 + 32 + 32, AAD_SIZE = 16 + 8 + 8 + 1 + 32 };

void
raft_log_fini(struct raft_log *log)
{
	buf_fini_secret(&log->scratch);
	seal_wipe(&log->keys, sizeof log->keys);
}

static bool
is_sealed(enum raft_log_type type)
{
	return type == RAFT_LOG_COMMAND || type == RAFT_LOG_REKEY;
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
	const struct raft_log_keys *keys = &log->keys;

	/* A REKEY lies between whose key isn't here yet. */
	if (index > log->rekey && (!keys->n || keys->key[keys->n - 1].after < log->rekey))
		return NULL;
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

/* All of a row but its chain hash and what follows. */
static void
put_fixed(uint8_t row[ROW_FIXED], uint64_t term, enum raft_log_type type, struct slice body)
{
	schema_set_u64(row, term);
	row[8] = (uint8_t)type;
	schema_set_u64(row + 9, body.n);
	if (body.n)
		seal_hash(NULL, &body, 1, row + 17);
}

/* log->scratch holds the row of last + 1, but for its chain hash. */
static enum err
put_row(struct raft_log *log, struct db_txn *txn, struct slice body)
{
	struct buf *b = &log->scratch;
	uint64_t index = log->last + 1, term = schema_get_u64(b->p);
	uint8_t chain[SEAL_HASH];
	struct schema_key k;
	enum err e;

	chain_hash(log->chain, b->p, slice_from(buf_slice(b), ROW_FIXED), chain);
	memcpy(b->p + 49, chain, SEAL_HASH);
	e = db_put(txn, DB_LOG, schema_u64(&k, index), buf_slice(b));
	if (!e)
		e = raft_body_put(txn, index, body, &log->page_left);
	if (e)
		return e;
	if (b->p[8] == RAFT_LOG_REKEY)
		log->rekey = index;
	memcpy(log->chain, chain, SEAL_HASH);
	log->last = index;
	log->last_term = term;
	return ERR_OK;
}

enum err
raft_log_append(struct raft_log *log, struct db_txn *txn, enum raft_log_type type,
	struct slice command, struct slice body)
{
	uint64_t index = log->last + 1;
	uint8_t aad[AAD_SIZE], row[ROW_FIXED] = {0};
	const struct seal_key *key = key_of(log, index);
	struct buf *b = &log->scratch;
	enum err e = ERR_OK;

	if (is_sealed(type) && !key)
		return ERR_CRYPTO;
	put_fixed(row, log->hard.term, type, body);
	buf_clear(b);
	buf_put(b, row, sizeof row);
	if (is_sealed(type))
		e = seal_box_key(key, entry_aad(log, index, row, aad), command, b);
	else if (!buf_put_slice(b, command))
		e = ERR_TOO_BIG;
	return e ? e : put_row(log, txn, body);
}

/* --- members --- */

static enum err
set_members(struct raft_log *log, struct db_txn *txn, const struct members *m)
{
	/* A node that joined knows younger ones than those that it is told first. */
	if (log->last <= log->members.index)
		return ERR_OK;
	log->members_before = log->members;
	log->members = *m;
	log->members.index = log->last;
	return raft_meta_put_members(log, txn);
}

enum err
raft_log_append_members(struct raft_log *log, struct db_txn *txn, const struct members *m)
{
	struct buf text;
	enum err e;

	buf_init(&text, RAFT_LOG_MEMBERS_MAX);
	members_pack(m, &text);
	e = raft_log_append(log, txn, RAFT_LOG_CONFIG, buf_slice(&text), SLICE_EMPTY);
	buf_fini(&text);
	return e ? e : set_members(log, txn, m);
}

/* --- another node's entries --- */

enum err
raft_log_verify_form(const struct raft_log_entry *entry)
{
	struct members members;

	if (entry->body.n > SCHEMA_ENTRY_BODY_MAX)
		return ERR_SYNTAX;
	if (entry->type == RAFT_LOG_CONFIG)
		return members_unpack(entry->sealed, &members) ? ERR_SYNTAX : ERR_OK;
	if (entry->type == RAFT_LOG_NOOP)
		return entry->sealed.n || entry->body.n ? ERR_SYNTAX : ERR_OK;
	return is_sealed(entry->type) && entry->sealed.n ? ERR_OK : ERR_SYNTAX;
}

uint64_t
raft_log_unsure_from(const struct raft_log *log)
{
	uint64_t at = log->rekey > log->applied ? log->rekey : UINT64_MAX;

	for (unsigned i = 0; i < log->keys.n; i++)
		if (log->keys.key[i].after > log->applied && log->keys.key[i].after < at)
			at = log->keys.key[i].after;
	return at;
}

enum err
raft_log_verify(
	struct raft_log *log, uint64_t index, uint64_t term, const struct raft_log_entry *entry)
{
	uint8_t aad[AAD_SIZE], row[ROW_FIXED] = {0};
	const struct seal_key *key = key_of(log, index);
	enum err e = raft_log_verify_form(entry);

	if (e || !is_sealed(entry->type) || !key)
		return e;
	put_fixed(row, term, entry->type, entry->body);
	buf_clear(&log->scratch);
	return seal_box_key_open(
		key, entry_aad(log, index, row, aad), entry->sealed, &log->scratch);
}

enum err
raft_log_take(struct raft_log *log, struct db_txn *txn, uint64_t term,
	const struct raft_log_entry *entry)
{
	uint8_t row[ROW_FIXED] = {0};
	struct members members;
	enum err e;

	put_fixed(row, term, entry->type, entry->body);
	buf_clear(&log->scratch);
	buf_put(&log->scratch, row, sizeof row);
	if (!buf_put_slice(&log->scratch, entry->sealed))
		return ERR_TOO_BIG;
	e = put_row(log, txn, entry->body);
	if (e || entry->type != RAFT_LOG_CONFIG)
		return e;
	e = members_unpack(entry->sealed, &members);
	return e ? e : set_members(log, txn, &members);
}

static enum err
get_row(struct db_txn *txn, uint64_t index, struct slice *row)
{
	struct schema_key k;
	enum err e = db_get(txn, DB_LOG, schema_u64(&k, index), row);

	return !e && row->n < ROW_FIXED ? ERR_CORRUPT : e;
}

enum err
raft_log_get(struct db_txn *txn, uint64_t index, struct raft_log_entry *out)
{
	struct slice row;
	enum err e = get_row(txn, index, &row);

	if (e)
		return e;
	out->term = schema_get_u64(row.p);
	out->type = (enum raft_log_type)row.p[8];
	out->body_size = schema_get_u64(row.p + 9);
	out->sealed = slice_from(row, ROW_FIXED);
	out->body = SLICE_EMPTY;
	return ERR_OK;
}

enum err
raft_log_chain(const struct raft_log *log, struct db_txn *txn, uint64_t index,
	uint8_t chain[SEAL_HASH])
{
	const uint8_t *at = index == log->last	      ? log->chain
			    : index + 1 == log->first ? log->base_chain
						      : NULL;
	struct slice row;
	enum err e = at ? ERR_OK : get_row(txn, index, &row);

	if (!e)
		memcpy(chain, at ? at : row.p + 49, SEAL_HASH);
	return e;
}

enum err
raft_log_read(struct raft_log *log, struct db_txn *txn, uint64_t index, uint64_t *term,
	struct slice *command)
{
	uint8_t aad[AAD_SIZE];
	const struct seal_key *key = key_of(log, index);
	struct slice row, sealed;
	enum err e = get_row(txn, index, &row);

	if (e)
		return e;
	sealed = slice_from(row, ROW_FIXED);
	buf_clear(&log->scratch);
	if (!is_sealed((enum raft_log_type)row.p[8]))
		e = buf_put_slice(&log->scratch, sealed) ? ERR_OK : ERR_TOO_BIG;
	else if (!key)
		e = ERR_CRYPTO;
	else
		e = seal_box_key_open(
			key, entry_aad(log, index, row.p, aad), sealed, &log->scratch);
	if (e)
		return e;
	*term = schema_get_u64(row.p);
	*command = buf_slice(&log->scratch);
	return ERR_OK;
}

enum err
raft_log_find_rekey(struct raft_log *log, struct db_txn *txn)
{
	struct slice row;
	enum err e = ERR_OK;

	log->rekey = 0;
	for (uint64_t i = log->last; i > log->applied && i >= log->first && !log->rekey; i--) {
		e = get_row(txn, i, &row);
		if (e)
			return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
		if (row.p[8] == RAFT_LOG_REKEY)
			log->rekey = i;
	}
	return e;
}

static enum err
term_of(struct db_txn *txn, uint64_t index, uint64_t *term)
{
	struct slice row;
	enum err e = get_row(txn, index, &row);

	if (!e)
		*term = schema_get_u64(row.p);
	return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
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
	/* What comes before the first row is still known, so that the row can be sent. */
	raft_trail_init(trail, at - 1, log->base_term);
	for (; at <= log->last && !e; at = end + 1) {
		e = run_end(log, txn, at, &end, &term);
		if (!e)
			raft_trail_push(trail, end - at + 1, term);
	}
	return e;
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
		e = raft_body_free(txn, index, &max);
		if (e == ERR_MORE)
			return ERR_OK;
		if (!e)
			e = db_del(txn, DB_GARBAGE, schema_u64(&k, index));
		if (e)
			return e;
	}
	return ERR_OK;
}

/* The newest of those that go: its place in the chain stays known. */
static enum err
keep_base(struct raft_log *log, struct db_txn *txn, uint64_t index)
{
	struct slice row;
	enum err e = get_row(txn, index, &row);

	if (e)
		return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
	log->base_term = schema_get_u64(row.p);
	memcpy(log->base_chain, row.p + 49, SEAL_HASH);
	return ERR_OK;
}

enum err
raft_log_trim(struct raft_log *log, struct db_txn *txn, uint64_t keep_from, uint32_t max)
{
	struct schema_key k;
	enum err e;

	if (keep_from > log->applied + 1)
		keep_from = log->applied + 1;
	if (keep_from <= log->first)
		return ERR_OK;
	if (keep_from - log->first > max)
		keep_from = log->first + max;
	e = keep_base(log, txn, keep_from - 1);
	for (; log->first < keep_from && !e; log->first++) {
		uint32_t all = UINT32_MAX;

		e = db_del(txn, DB_LOG, schema_u64(&k, log->first));
		if (!e && log->holds_tail_only)
			e = raft_body_free(txn, log->first, &all);
	}
	return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
}

/* Keys of what is cut off, and the configuration. */
static enum err
forget_cut(struct raft_log *log, struct db_txn *txn, uint64_t from)
{
	struct raft_log_keys *keys = &log->keys;
	enum err e = ERR_OK;

	while (keys->n && keys->key[keys->n - 1].after >= from)
		seal_wipe(&keys->key[--keys->n], sizeof *keys->key);
	if (log->rekey >= from)
		e = raft_log_find_rekey(log, txn);
	if (e || log->members.index < from)
		return e;
	log->members = log->members_before;
	return raft_meta_put_members(log, txn);
}

enum err
raft_log_truncate(struct raft_log *log, struct db_txn *txn, uint64_t from)
{
	struct schema_key k;
	uint8_t chain[SEAL_HASH];
	enum err e = ERR_OK;

	if (from <= log->applied || from < log->first)
		return ERR_CORRUPT;
	for (; log->last >= from && !e; log->last--) {
		uint32_t all = UINT32_MAX;

		e = db_del(txn, DB_LOG, schema_u64(&k, log->last));
		if (!e)
			e = raft_body_free(txn, log->last, &all);
	}
	if (e)
		return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
	log->last_term = log->base_term;
	memcpy(chain, log->base_chain, SEAL_HASH);
	if (from > log->first) {
		struct slice row;

		e = get_row(txn, log->last, &row);
		if (e)
			return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
		log->last_term = schema_get_u64(row.p);
		memcpy(chain, row.p + 49, SEAL_HASH);
	}
	memcpy(log->chain, chain, SEAL_HASH);
	log->page_left = 0;
	return forget_cut(log, txn, from);
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
	e = raft_body_hash(txn, index, &n, hash);
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
