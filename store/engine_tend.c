#include "core/clock.h"
#include "core/codec.h"
#include "store/db_hold.h"
#include "store/engine_inner.h"
#include "store/schema.h"
#include "store/schema_trace.h"

/* TRACE_SLACK: rows of table trace go with those that come; only where none come for so long is
 * there a command for them. */
enum { SWEEP_LIMIT = 200, TRACE_SLACK_SEC = 3600 };

/* How many applied rows: what the others may still ask for is cheaper than a whole database. */
static uint64_t
wanted(struct engine *e)
{
	uint64_t all = engine_peer_applied_by_all(e), behind;

	if (engine_inner_is_lone(e) || all >= e->log.applied)
		return e->opt.log_keep_rows;
	behind = e->log.applied - all;
	if (e->opt.tail_rows && behind > e->opt.tail_rows)
		behind = e->opt.tail_rows;
	return behind > e->opt.log_keep_rows ? behind : e->opt.log_keep_rows;
}

static uint64_t
keep_from(struct engine *e)
{
	uint64_t all = engine_inner_is_lone(e) ? e->log.applied : engine_peer_applied_by_all(e);
	uint64_t keep = wanted(e);

	if (engine_inner_is_arbiter(e) || e->room.full)
		return e->log.applied + 1;
	if (e->compacting)
		return (all < e->log.applied ? all : e->log.applied) + 1;
	return e->log.applied > keep ? e->log.applied - keep + 1 : 0;
}

uint64_t
engine_tend_keep_from(struct engine *e)
{
	uint64_t ours = keep_from(e), theirs = engine_catchup_keep_from(e);

	return ours < theirs ? ours : theirs;
}

/* --- sweeping --- */

/* Is the first row of that table, which has a second in front of its key, past its time? */
static bool
is_over(struct db_txn *txn, enum db_table t)
{
	struct slice k, v;

	return !db_first_from(txn, t, SLICE_EMPTY, &k, &v) && k.n > 8 &&
	       schema_get_u64(k.p) < clock_wall_sec();
}

static bool
is_trace_over(struct db_txn *txn)
{
	struct schema_trace row;
	struct slice k, v;

	return !db_first_from(txn, DB_TRACE, SLICE_EMPTY, &k, &v) &&
	       schema_trace_read(k, v, &row) &&
	       row.time_ms / 1000 + row.life_sec + TRACE_SLACK_SEC < clock_wall_sec();
}

/* Is something left of what was deleted, or a repeat key or a policy past its time? Garbage to
 * free? */
static enum err
look(struct engine *e, bool *sweep)
{
	struct slice k, v;
	struct db_txn *txn;
	enum err err = db_begin(e->db, false, &txn);

	*sweep = false;
	if (err)
		return err;
	err = db_first_from(txn, DB_SWEEP, SLICE_EMPTY, &k, &v);
	/* A mailbox that is gone; or the oldest stage, past its time. */
	*sweep = !err && k.n == 9 &&
		 (k.p[0] == 'm' || (v.n == 8 && schema_get_u64(v.p) < clock_wall_sec()));
	if (!*sweep)
		*sweep = is_over(txn, DB_REPEAT_DUE) || is_over(txn, DB_STS_DUE) ||
			 is_over(txn, DB_OPENED_DUE) || is_over(txn, DB_STATUS_DUE) ||
			 is_trace_over(txn);
	if (!err || err == ERR_NOT_FOUND) {
		err = db_first_from(txn, DB_GARBAGE, SLICE_EMPTY, &k, &v);
		if (!err && k.n == 8 && schema_get_u64(k.p) < e->log.first)
			e->untidy = e->compacting != ENGINE_COPIES &&
				    !engine_catchup_is_sending(e);
	}
	db_abort(txn);
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static void
on_swept(void *arg, enum err err, uint64_t index, const Commands__Result *result)
{
	struct engine *e = arg;

	(void)index;
	(void)result;
	e->sweep_pending = false;
	e->sweep_again = !err;
}

static enum err
propose_sweep(struct engine *e)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Sweep sweep = COMMANDS__SWEEP__INIT;
	struct engine_proposal p = {.fd = -1, .done = on_swept, .arg = e};
	struct arena a;
	enum err err;

	arena_init(&a, 0);
	sweep.limit = SWEEP_LIMIT;
	c.body_case = COMMANDS__COMMAND__BODY_SWEEP;
	c.sweep = &sweep;
	p.command = codec_pack(&c, &a);
	err = engine_propose(e, &p);
	arena_reset(&a);
	e->sweep_pending = !err;
	return err == ERR_BUSY ? ERR_OK : err;
}

enum err
engine_tend(struct engine *e)
{
	bool sweep;
	enum err err = e->broken;

	if (err || engine_inner_is_arbiter(e))
		return err;
	if (engine_inner_is_lone(e))
		err = engine_lease_tend(e);
	if (!err)
		err = look(e, &sweep);
	if (!err && sweep && e->log.has_key && e->raft.role == RAFT_LEADER && !e->sweep_pending)
		err = propose_sweep(e);
	if (!err && e->log.has_key && e->raft.role == RAFT_LEADER)
		err = engine_version_tend(e);
	e->untidy = e->untidy || e->log.first < engine_tend_keep_from(e);
	return err;
}

/* --- compaction --- */

static void
end_compaction(struct engine *e, enum err err)
{
	e->compacting = ENGINE_NOT_COMPACTING;
	e->compact = NULL;
	seal_wipe(&e->next_key, sizeof e->next_key);
	if (e->compacted)
		e->compacted(e->compacted_arg, err);
}

/* From here on the new file is the database; both hold the same committed state. ERR_BUSY:
 * somebody reads the old one, nothing happened. */
static enum err
swap(struct engine *e)
{
	struct db_options how = {.map_bytes = e->opt.map_bytes};
	int hold;
	enum err err = db_hold(e->opt.dir, NULL, true, &hold);

	if (err)
		return err;
	err = e->opt.on_swap ? e->opt.on_swap(e->opt.arg, NULL) : ERR_OK;

	db_close(e->db);
	e->db = NULL;
	if (!err)
		err = compact_swap(e->opt.dir);
	if (!err)
		err = db_open(&e->db, e->opt.dir, &how);
	if (!err && e->opt.on_swap)
		err = e->opt.on_swap(e->opt.arg, e->db);
	e->log.page_left = 0;
	db_hold_end(hold);
	return err == ERR_BUSY ? ERR_IO : err;
}

static enum err
copy(struct engine *e)
{
	bool done;
	enum err err = compact_step(e->compact, &done);

	if (!err && !done)
		return ERR_OK;
	if (err) {
		compact_abort(e->compact);
	} else {
		err = compact_finish(e->compact);
		e->compact = NULL;
		if (!err) {
			err = swap(e);
			if (err && err != ERR_BUSY)
				return err;
			if (err)
				compact_drop(e->opt.dir);
		}
	}
	end_compaction(e, err);
	/* Without space for a copy, or while somebody reads it, the old file does. */
	return err == ERR_FULL || err == ERR_BUSY ? ERR_OK : err;
}

static void
on_rekeyed(void *arg, enum err err, uint64_t index, const Commands__Result *result)
{
	struct engine *e = arg;

	(void)index;
	if (!err && result->code)
		err = ERR_SYNTAX;
	e->compacting = ENGINE_TRIMS;
	e->untidy = true;
	if (err)
		end_compaction(e, err);
}

static enum err
propose_rekey(struct engine *e, const struct engine_log_key *next)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Rekey rekey = COMMANDS__REKEY__INIT;
	struct engine_proposal p = {.fd = -1, .done = on_rekeyed, .arg = e};
	struct arena a;
	enum err err;

	arena_init(&a, 0);
	rekey.wrapped_key = codec_bytes(next->wrapped);
	c.body_case = COMMANDS__COMMAND__BODY_REKEY;
	c.rekey = &rekey;
	p.command = codec_pack(&c, &a);
	err = engine_propose(e, &p);
	arena_reset(&a);
	return err;
}

enum err
engine_tend_compact(
	struct engine *e, const struct engine_log_key *next, engine_compacted done, void *arg)
{
	enum err err = e->compacting ? ERR_BUSY : engine_tend(e);

	/* The leader alone moves the log to another key. */
	if (e->raft.role != RAFT_LEADER)
		next = NULL;
	if (!err && next)
		err = propose_rekey(e, next);
	if (err)
		return err;
	if (next)
		e->next_key = next->key;
	e->compacting = next ? ENGINE_REKEYS : ENGINE_TRIMS;
	e->untidy = true;
	e->compacted = done;
	e->compacted_arg = arg;
	return ERR_OK;
}

/* Everybody has a say in when a log row may go; who is away is not waited for. */
static bool
is_waiting_for_others(const struct engine *e)
{
	if (e->log.keys.n < 2 || e->raft.role != RAFT_LEADER)
		return false;
	for (uint32_t i = 0; i < e->raft.peers; i++)
		if (e->raft.peer[i].kind == RAFT_VOTER &&
			e->raft.clock_ms - e->raft.peer[i].heard_ms >= ENGINE_ELECTION_MS)
			return false;
	return !engine_inner_is_lone(e);
}

static bool
is_trimmed(struct engine *e)
{
	e->untidy = e->untidy || e->log.first < engine_tend_keep_from(e);
	return !e->untidy && !e->sweep_pending && !e->sweep_again && !is_waiting_for_others(e);
}

static enum err
begin_copy(struct engine *e)
{
	enum err err = compact_begin(e->db, e->opt.dir, e->opt.map_bytes, &e->compact);

	if (!err) {
		e->compacting = ENGINE_COPIES;
		return ERR_OK;
	}
	end_compaction(e, err);
	return err == ERR_FULL ? ERR_OK : err;
}

enum err
engine_tend_after(struct engine *e)
{
	enum err err = ERR_OK;

	if (e->sweep_again) {
		e->sweep_again = false;
		err = engine_tend(e);
	}
	if (!err && e->compacting == ENGINE_COPIES)
		return copy(e);
	if (!err && e->compacting == ENGINE_TRIMS && is_trimmed(e) &&
		!engine_catchup_is_sending(e))
		return begin_copy(e);
	return err;
}
