/* engine_turn: one transaction, in this order: frames of others, ticks, what is committed into
 * the state, proposals into the log, APPENDs leave, commit, the rest leaves, answers. */
#include "core/clock.h"
#include "store/engine_inner.h"
#include "store/raft_meta.h"

enum { TRIM_A_TURN = 2048, FREE_A_TURN = 1024, TICK_MS = ENGINE_HEARTBEAT_MS / 4 };

enum err
engine_turn_write(struct engine_turn *t)
{
	enum err err = t->txn ? ERR_OK : db_begin(t->e->db, true, &t->txn);

	t->is_dirty = t->is_dirty || !err;
	return err;
}

bool
engine_turn_has_room(const struct engine_turn *t)
{
	return t->bytes < ENGINE_TURN_BYTES && t->entries < ENGINE_TURN_ENTRIES &&
	       clock_ms() - t->started_ms < ENGINE_TURN_APPLY_MS;
}

static enum err
tick(struct engine_turn *t)
{
	struct engine *e = t->e;
	struct raft_event ev = {.type = RAFT_TICK, .now_ms = t->started_ms};
	struct raft_update u;
	enum err err;

	if (e->raft.role == RAFT_LEADER &&
		(e->log.members.n == 1 || t->started_ms - e->ticked_ms < TICK_MS))
		return ERR_OK;
	e->ticked_ms = t->started_ms;
	err = raft_step(&e->raft, &ev, &u);
	return err ? err : engine_peer_update(t, &u);
}

/* Bounded deletions: log rows that aren't wanted any more, then payload that nothing names. */
static enum err
tidy(struct engine_turn *t)
{
	struct engine *e = t->e;
	uint64_t keep_from = engine_tend_keep_from(e), now = keep_from;
	bool garbage = false;
	enum err err;

	if (!t->is_dirty && !e->untidy && e->log.first >= keep_from)
		return ERR_OK;
	err = engine_turn_write(t);
	/* The vault comes after the commit: until then the log must have what it lacks. */
	if (t->secret_at && t->secret_at < now)
		now = t->secret_at;
	if (!err)
		err = raft_log_trim(&e->log, t->txn, now, TRIM_A_TURN);
	/* A copy or a stream that runs must find every body in place. */
	if (!err && e->compacting != ENGINE_COPIES && !engine_catchup_is_sending(e))
		err = raft_log_free(&e->log, t->txn, FREE_A_TURN, &garbage);
	e->untidy = garbage || e->log.first < keep_from;
	return err;
}

/* Durable now: the core hears it, and what waited for it leaves. */
static enum err
after_commit(struct engine_turn *t)
{
	struct engine *e = t->e;
	struct raft_event durable = {
		.type = RAFT_PERSISTED, .index = e->log.last, .term = e->log.last_term};
	struct raft_event trimmed = {.type = RAFT_TRIMMED, .index = e->log.first - 1};
	struct raft_update u;
	enum err err;

	e->stats.commits++;
	e->durable_applied = e->log.applied;
	pace_committed(&e->pace, clock_us());
	err = engine_vault_commit(e);
	t->holds = false;
	engine_peer_release(t);
	if (!err)
		err = raft_step(&e->raft, &trimmed, &u);
	if (!err)
		err = raft_step(&e->raft, &durable, &u);
	return err ? err : engine_peer_update(t, &u);
}

static enum err
commit(struct engine_turn *t)
{
	struct db_txn *txn = t->txn;
	enum err err = ERR_OK;

	if (!txn)
		return ERR_OK;
	t->txn = NULL;
	if (!t->is_dirty) {
		db_abort(txn);
		return ERR_OK;
	}
	err = raft_meta_save(&t->e->log, txn);
	if (err) {
		db_abort(txn);
		return err;
	}
	err = db_commit(txn);
	return err ? err : after_commit(t);
}

static enum err
fill(struct engine_turn *t)
{
	enum err err = engine_peer_serve(t);

	if (!err)
		err = tick(t);
	if (!err)
		err = engine_apply(t);
	if (!err)
		err = engine_catchup_step(t);
	if (!err)
		err = engine_members_tend(t);
	if (!err)
		err = engine_place(t);
	/* 10.2.1: entries may leave before they are on our own disk. */
	if (!err && !t->holds)
		err = engine_peer_feed(t);
	return err ? err : tidy(t);
}

static void
answer(struct engine_turn *t)
{
	struct engine_waiting *w;

	while ((w = engine_inner_take(&t->done))) {
		if (w->done)
			w->done(w->arg, w->e, w->index, w->e ? NULL : w->result);
		engine_inner_free(t->e, w);
	}
}

static enum err
transact(struct engine_turn *t)
{
	struct engine *e = t->e;
	struct engine_waiting *w;
	bool wrote;
	enum err err;

	e->touched = (struct apply_touched){0};
	e->secrets = (struct apply_secrets){0};
	err = room_look(&e->room, e->db, t->started_ms);
	if (!err)
		err = fill(t);
	if (err && t->txn)
		db_abort(t->txn);
	wrote = t->is_dirty;
	if (!err)
		err = commit(t);
	if (!err)
		err = engine_lease_turn(t);
	if (!err)
		err = engine_peer_feed(t);
	if (!err) {
		if (wrote && e->opt.on_commit)
			e->opt.on_commit(e->opt.arg, e->log.applied, &e->touched);
		engine_mark_tell(e);
		answer(t);
	}
	/* Nobody is told anything: what became of it is for the next life to say. */
	while ((w = engine_inner_take(&t->done)))
		engine_inner_free(e, w);
	arena_reset(&e->arena);
	return err;
}

/* Is there anything to do? */
static bool
is_due(const struct engine *e, uint64_t now_ms)
{
	if (!e->log.has_key && e->log.members.n == 1)
		return false;
	return e->inbox.first || e->remote.first || e->queue.first || e->untidy || e->asked ||
	       engine_catchup_is_due(e) || e->raft.role != RAFT_LEADER ||
	       e->raft.commit > e->log.applied ||
	       (e->log.members.n > 1 && now_ms - e->ticked_ms >= TICK_MS);
}

enum err
engine_turn(struct engine *e, bool *more)
{
	struct engine_turn t = {.e = e, .started_ms = clock_ms()};
	enum err err = e->broken;

	*more = false;
	engine_inner_init(&t.done);
	if (err)
		return err;
	if (is_due(e, t.started_ms))
		err = transact(&t);
	if (!err)
		err = engine_catchup_install(e);
	if (!err)
		err = engine_tend_after(e);
	e->broken = err;
	if (err)
		return err;
	*more = t.more || e->untidy || e->inbox.first ||
		(e->compacting && (e->compacting != ENGINE_TRIMS || e->log.members.n == 1));
	if (e->is_changed) {
		e->is_changed = false;
		if (e->opt.on_cluster)
			e->opt.on_cluster(e->opt.arg);
	}
	return ERR_OK;
}

uint32_t
engine_next_ms(const struct engine *e)
{
	uint32_t rest = e->queue.first ? pace_rest_ms(&e->pace, clock_us()) : 0;

	if ((e->queue.first || e->remote.first) && engine_place_is_held(e))
		return 1;

	if (e->log.members.n == 1 && !e->asked)
		return UINT32_MAX;
	return rest && rest < TICK_MS ? rest : TICK_MS;
}
