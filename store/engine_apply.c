/* engine_apply: what is committed, into the state; on an arbiter, which has none, only how far
 * the others are. */
#include "core/codec.h"
#include "store/engine_inner.h"

enum { ENTRY_EXTRA = 512 };

/* Somebody who hasn't sent a large body: their own commands are no company to them. */
static bool
somebody_waits(const Commands__Command *c)
{
	switch ((int)c->body_case) {
	case COMMANDS__COMMAND__BODY_ENQUEUE:
		return !c->enqueue->body || !c->enqueue->body->upload;
	case COMMANDS__COMMAND__BODY_APPEND:
		return !c->append->body || !c->append->body->upload;
	case COMMANDS__COMMAND__BODY_STEP:
		return false;
	default:
		return c->seq != 0;
	}
}

enum err
engine_apply_entry(
	struct engine_turn *t, Commands__Command *c, uint64_t term, uint64_t body_size)
{
	struct engine *e = t->e;
	Commands__Result *result = arena_alloc(&e->arena, sizeof *result);
	struct apply a = {.txn = t->txn,
		.arena = &e->arena,
		.index = e->log.applied + 1,
		.term = term,
		.body_sealed_size = body_size,
		.time_sec = c->time_sec,
		.msec = c->msec,
		.node = c->node,
		.boot = c->boot,
		.touched = &e->touched,
		.secrets = &e->secrets,
		.result = result};
	size_t secrets = e->secrets.n;
	enum err err = apply_command(&a, c);

	if (!err && c->body_case == COMMANDS__COMMAND__BODY_CLUSTER_VERSION)
		err = engine_version_load(e, t->txn);
	if (!err && c->body_case == COMMANDS__COMMAND__BODY_DIGEST_MARK)
		err = engine_mark_note(e, t->txn, a.index);
	/* Before the commit: what is committed must find its slot. Who proposed it made room on
	 * its own node alone, and counts nothing of what others have on the way. */
	if (!err && e->secrets.n > secrets)
		err = vault_reserve(e->vault, e->secrets.n);
	if (err)
		return err;
	e->log.applied = a.index;
	if (c->time_sec > e->log.time_sec)
		e->log.time_sec = c->time_sec;
	if (e->secrets.n > secrets && !t->secret_at)
		t->secret_at = a.index;
	t->entries++;
	t->bytes += ENTRY_EXTRA;
	e->stats.entries++;
	e->stats.payload_bytes += body_size;
	if (c->body_case == COMMANDS__COMMAND__BODY_CHUNK)
		engine_place_applied_chunk(e, c, body_size);
	else if (somebody_waits(c))
		pace_company(&e->pace, t->started_ms * 1000);
	engine_place_applied(t, c, a.index, result);
	return ERR_OK;
}

/* A REKEY's key comes from keyd: until then nothing behind it can be read or written. */
static void
await_key(struct engine *e, const struct raft_log_entry *entry)
{
	const struct raft_log_keys *keys = &e->log.keys;

	if (entry->type == RAFT_LOG_REKEY &&
		(!keys->n || keys->key[keys->n - 1].after < e->log.applied))
		e->log.has_key = false;
}

static enum err
apply_next(struct engine_turn *t)
{
	struct engine *e = t->e;
	struct raft_log_entry entry;
	Commands__Command *c;
	struct slice command;
	uint64_t index = e->log.applied + 1, term;
	enum err err = engine_turn_write(t);

	if (!err)
		err = raft_log_get(t->txn, index, &entry);
	if (err)
		return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
	if (entry.type == RAFT_LOG_NOOP || entry.type == RAFT_LOG_CONFIG) {
		e->log.applied = index;
		return ERR_OK;
	}
	err = raft_log_read(&e->log, t->txn, index, &term, &command);
	c = err ? NULL : codec_unpack(&commands__command__descriptor, command, &e->arena);
	if (err || !c)
		return err ? err : ERR_CORRUPT;
	err = engine_apply_entry(t, c, entry.term, entry.body_size);
	if (!err)
		await_key(e, &entry);
	return err;
}

/* All that others may still need from an arbiter is what one of them lacks. */
static enum err
follow_others(struct engine_turn *t)
{
	struct engine *e = t->e;
	uint64_t to = engine_peer_applied_by_all(e);
	enum err err;

	if (to > e->raft.commit)
		to = e->raft.commit;
	if (to <= e->log.applied)
		return ERR_OK;
	err = engine_turn_write(t);
	if (!err)
		e->log.applied = to;
	return err;
}

enum err
engine_apply(struct engine_turn *t)
{
	struct engine *e = t->e;
	enum err err = ERR_OK;

	if (engine_inner_is_arbiter(e))
		return follow_others(t);
	while (!err && e->log.has_key && engine_turn_has_room(t) &&
		e->log.applied < (engine_inner_is_lone(e) ? e->log.last : e->raft.commit))
		err = apply_next(t);
	t->more = t->more || (e->log.has_key && e->log.applied < e->raft.commit);
	return err;
}
