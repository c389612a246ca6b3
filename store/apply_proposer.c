#include "store/apply_proposer.h"

#include "store/apply_row.h"

enum { KEY = 12, MARK = 16 };

static struct slice
key_of(uint8_t key[KEY], uint32_t node, uint64_t seq)
{
	schema_set_u32(key, node);
	schema_set_u64(key + 4, seq);
	return slice_of(key, KEY);
}

/* Row seq 0: the node's boot, and the mark below which all is answered. */
static enum err
get_mark(struct apply *a, uint32_t node, uint64_t *boot, uint64_t *below)
{
	uint8_t key[KEY];
	struct slice row;
	enum err e = db_get(a->txn, DB_PROPOSER, key_of(key, node, 0), &row);

	if (e)
		return e;
	if (row.n != MARK)
		return ERR_CORRUPT;
	*boot = schema_get_u64(row.p);
	*below = schema_get_u64(row.p + 8);
	return ERR_OK;
}

/* Sets the mark and forgets the results below it. */
static enum err
put_mark(struct apply *a, uint64_t below)
{
	uint8_t key[KEY], mark[MARK];
	struct slice k, v;
	enum err e;

	schema_set_u64(mark, a->boot);
	schema_set_u64(mark + 8, below);
	e = db_put(a->txn, DB_PROPOSER, key_of(key, a->node, 0), slice_of(mark, MARK));
	while (!e) {
		e = db_first_from(a->txn, DB_PROPOSER, key_of(key, a->node, 1), &k, &v);
		if (!e && k.n != KEY)
			return ERR_CORRUPT;
		if (e || schema_get_u32(k.p) != a->node || schema_get_u64(k.p + 4) >= below)
			break;
		e = db_del(a->txn, DB_PROPOSER, key_of(key, a->node, schema_get_u64(k.p + 4)));
	}
	return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err
recall(struct apply *a, struct slice row)
{
	Commands__Result *r;

	if (row.n < 8)
		return ERR_CORRUPT;
	r = codec_unpack(&commands__result__descriptor, arena_dup(a->arena, slice_from(row, 8)),
		a->arena);
	if (!r)
		return ERR_CORRUPT;
	*a->result = *r;
	return ERR_OK;
}

enum err
apply_proposer_check(struct apply *a, const Commands__Command *c, bool *known)
{
	uint8_t key[KEY];
	uint64_t boot, below;
	struct slice row;
	enum err e;

	*known = c->seq != 0;
	if (!*known)
		return ERR_OK;
	e = get_mark(a, a->node, &boot, &below);
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (e || boot != c->boot || c->seq < below)
		return apply_refuse(a, COMMAND_STALE, "the proposal is of another life");
	e = db_get(a->txn, DB_PROPOSER, key_of(key, a->node, c->seq), &row);
	if (!e)
		return recall(a, row);
	if (e != ERR_NOT_FOUND)
		return e;
	*known = false;
	return c->answered_below > below && c->answered_below <= c->seq
		       ? put_mark(a, c->answered_below)
		       : ERR_OK;
}

enum err
apply_proposer_record(struct apply *a, const Commands__Command *c)
{
	uint8_t key[KEY], *row;
	struct slice result;

	if (c->seq == 0)
		return ERR_OK;
	result = codec_pack(a->result, a->arena);
	row = arena_alloc(a->arena, 8 + result.n);
	schema_set_u64(row, c->boot);
	if (result.n)
		memcpy(row + 8, result.p, result.n);
	return db_put(
		a->txn, DB_PROPOSER, key_of(key, a->node, c->seq), slice_of(row, 8 + result.n));
}

enum err
apply_proposer_boot_of(struct apply *a, uint32_t node, uint64_t *boot)
{
	uint64_t below;

	return get_mark(a, node, boot, &below);
}

enum err
apply_proposer_boot(struct apply *a)
{
	uint64_t boot, below;
	enum err e = get_mark(a, a->node, &boot, &below);

	if (e && e != ERR_NOT_FOUND)
		return e;
	/* A boot that is logged twice changes nothing. */
	if (!e && boot == a->boot)
		return ERR_OK;
	e = put_mark(a, UINT64_MAX);
	return e ? e : put_mark(a, 1);
}
