#include "store/engine.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/must.h"
#include "core/rand.h"
#include "store/apply_vault.h"
#include "store/engine_inner.h"
#include "store/schema.h"

enum { TRIM_A_TURN = 2048, FREE_A_TURN = 1024, ENTRY_EXTRA = 512 };

/* The body that a command brings, or NULL. */
static Commands__Body **
body_of(Commands__Command *c)
{
	switch ((int)c->body_case) {
	case COMMANDS__COMMAND__BODY_ENQUEUE:
		return &c->enqueue->body;
	case COMMANDS__COMMAND__BODY_APPEND:
		return &c->append->body;
	case COMMANDS__COMMAND__BODY_STEP:
		return c->step->bounce ? &c->step->bounce->body : NULL;
	default:
		return NULL;
	}
}

/* What makes the database grow is refused while the disk is full; the rest goes on. */
static bool
grows(const Commands__Command *c)
{
	switch ((int)c->body_case) {
	case COMMANDS__COMMAND__BODY_ENQUEUE:
	case COMMANDS__COMMAND__BODY_APPEND:
	case COMMANDS__COMMAND__BODY_CHUNK:
	case COMMANDS__COMMAND__BODY_COPY:
		return true;
	default:
		return false;
	}
}

/* --- the turn --- */

struct turn {
	struct engine *e;
	struct db_txn *txn;
	struct engine_list done;
	uint64_t bytes, bulk, started_ms;
	uint64_t secret_at; /* the first entry that brought a secret; 0: none */
	uint32_t entries;
};

/* Appends one entry and applies it in the same transaction: alone we are the majority. */
static enum err
enter(struct turn *t, Commands__Command *c, struct slice body, Commands__Result *result)
{
	struct engine *e = t->e;
	struct raft_event ev = {.type = RAFT_PROPOSED, .n = 1};
	struct raft_update update;
	struct apply a = {.txn = t->txn,
		.arena = &e->arena,
		.touched = &e->touched,
		.secrets = &e->secrets};
	size_t secrets = e->secrets.n;
	uint64_t now_sec = clock_wall_sec();
	enum err err = raft_step(&e->raft, &ev, &update);

	if (err)
		return err;
	/* Times never run backwards, whatever the clock does. */
	e->log.time_sec = now_sec > e->log.time_sec ? now_sec : e->log.time_sec;
	c->time_sec = e->log.time_sec;
	c->node = e->log.node;
	c->boot = e->opt.boot;
	err = raft_log_append(
		&e->log, t->txn, RAFT_LOG_COMMAND, codec_pack(c, &e->arena), body);
	if (err)
		return err;
	a.index = update.append_first;
	a.term = e->log.hard.term;
	a.body_sealed_size = body.n;
	a.time_sec = c->time_sec;
	a.node = c->node;
	a.boot = c->boot;
	a.result = result;
	err = apply_command(&a, c);
	if (!err && c->body_case == COMMANDS__COMMAND__BODY_REKEY && !result->code)
		raft_log_add_key(&e->log, a.index, &e->next_key);
	e->log.applied = a.index;
	if (e->secrets.n > secrets && !t->secret_at)
		t->secret_at = a.index;
	t->entries++;
	t->bytes += body.n + ENTRY_EXTRA;
	e->stats.entries++;
	e->stats.payload_bytes += body.n;
	return err;
}

static enum err
read_whole(int fd, uint64_t at, uint8_t *p, size_t n)
{
	ssize_t got;

	for (size_t done = 0; done < n; done += (size_t)got) {
		got = pread(fd, p + done, n - done, (off_t)(at + done));
		if (got <= 0)
			return ERR_IO;
	}
	return ERR_OK;
}

static enum err
enter_chunk(struct turn *t, struct engine_waiting *w, struct slice octets)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Chunk chunk = COMMANDS__CHUNK__INIT;
	Commands__Result result;

	c.body_case = COMMANDS__COMMAND__BODY_CHUNK;
	c.chunk = &chunk;
	chunk.upload = w->upload;
	chunk.n = w->chunks++;
	return enter(t, &c, octets, &result);
}

/* The next chunks of a large body. ERR_MORE: not all is in yet. A file that is cut short sets
 * w->e. */
static enum err
enter_chunks(struct turn *t, struct engine_waiting *w)
{
	uint8_t *p = must_alloc(SCHEMA_ENTRY_BODY_MAX);
	enum err err = ERR_OK;

	if (!w->upload)
		w->upload = rand_u64() >> 8 | 1;
	while (!err && !w->e && w->fd_at < w->fd_size &&
		t->bulk + SCHEMA_ENTRY_BODY_MAX <= ENGINE_TURN_BULK) {
		uint64_t left = w->fd_size - w->fd_at;
		size_t n = left < SCHEMA_ENTRY_BODY_MAX ? (size_t)left : SCHEMA_ENTRY_BODY_MAX;

		w->e = read_whole(w->fd, w->fd_at, p, n);
		if (!w->e)
			err = enter_chunk(t, w, slice_of(p, n));
		w->fd_at += n;
		t->bulk += n;
	}
	free(p);
	if (err || w->e)
		return err;
	return w->fd_at < w->fd_size ? ERR_MORE : ERR_OK;
}

/* A large body that can't go on: its command goes in with a size that can't be, so that it is
 * refused and the chunks become garbage now, not at the next boot. */
static enum err
abandon(struct turn *t, struct engine_waiting *w, Commands__Command *c, Commands__Body *body)
{
	Commands__Result result;

	if (w->chunks == 0)
		return ERR_OK;
	c->seq = 0;
	body->upload = w->upload;
	body->sealed_size = UINT64_MAX;
	return enter(t, c, SLICE_EMPTY, &result);
}

static enum err
check(const struct engine *e, const struct engine_waiting *w, const Commands__Command *c,
	Commands__Body **body)
{
	enum err err = ERR_OK;

	if (!c || ((w->fd >= 0 || w->body.n) && (!body || !*body)))
		return ERR_SYNTAX;
	if (w->may && !w->may((int)c->body_case))
		return ERR_DENIED;
	if (e->room.full && grows(c))
		return ERR_FULL;
	if (c->body_case == COMMANDS__COMMAND__BODY_REKEY && e->compacting != ENGINE_REKEYS)
		return ERR_DENIED;
	if (apply_vault_secret(c).n)
		err = vault_reserve(e->vault, e->secrets.n + 1);
	return err;
}

/* One proposal into the transaction. ERR_MORE: it goes on next turn. Other errs are the
 * database's; what is wrong with the proposal is w->e. */
static enum err
enter_waiting(struct turn *t, struct engine_waiting *w)
{
	struct engine *e = t->e;
	Commands__Command *c = codec_unpack(
		&commands__command__descriptor, w->command, &e->arena);
	Commands__Body **body = c ? body_of(c) : NULL;
	enum err err = ERR_OK;

	w->e = check(e, w, c, body);
	if (!w->e && w->fd >= 0)
		err = enter_chunks(t, w);
	if (!err && w->e)
		return body && *body ? abandon(t, w, c, *body) : ERR_OK;
	if (err)
		return err;
	if (body && *body)
		(*body)->upload = w->upload;
	c->seq = ++e->seq;
	c->answered_below = e->answered_below;
	w->result = arena_alloc(&e->arena, sizeof *w->result);
	err = enter(t, c, w->body, w->result);
	t->bytes += w->command.n;
	w->index = e->log.applied;
	return err;
}

static bool
has_room(const struct turn *t)
{
	return t->bytes < ENGINE_TURN_BYTES && t->entries < ENGINE_TURN_ENTRIES &&
	       clock_ms() - t->started_ms < ENGINE_TURN_APPLY_MS;
}

/* The first turn of a life: a new term with its no-op, and BOOT, which ends what the last life
 * left open. */
static enum err
begin_term(struct turn *t)
{
	struct engine *e = t->e;
	struct raft_event tick = {.type = RAFT_TICK, .now_ms = t->started_ms};
	struct raft_update update;
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Boot boot = COMMANDS__BOOT__INIT;
	Commands__Result result;
	enum err err = raft_step(&e->raft, &tick, &update);

	if (err || !update.append_n)
		return err;
	e->log.hard = update.hard;
	err = raft_log_append(&e->log, t->txn, RAFT_LOG_NOOP, SLICE_EMPTY, SLICE_EMPTY);
	e->log.applied = e->log.last;
	c.body_case = COMMANDS__COMMAND__BODY_BOOT_NODE;
	c.boot_node = &boot;
	return err ? err : enter(t, &c, SLICE_EMPTY, &result);
}

static bool
waits_for_bulk(const struct turn *t, const struct engine_waiting *w)
{
	return w->fd_at < w->fd_size && t->bulk + SCHEMA_ENTRY_BODY_MAX > ENGINE_TURN_BULK;
}

static enum err
fill(struct turn *t)
{
	struct engine *e = t->e;
	struct engine_list later;
	struct engine_waiting *w;
	enum err err = begin_term(t);

	engine_inner_init(&later);
	while (!err && has_room(t) && (w = engine_inner_take(&e->queue))) {
		/* A large body waits; small mails pass it. */
		err = waits_for_bulk(t, w) ? ERR_MORE : enter_waiting(t, w);
		engine_inner_put(err == ERR_MORE ? &later : &t->done, w);
		err = err == ERR_MORE ? ERR_OK : err;
	}
	while ((w = engine_inner_take(&e->queue)))
		engine_inner_put(&later, w);
	while ((w = engine_inner_take(&later)))
		engine_inner_put(&e->queue, w);
	return err;
}

/* Bounded deletions: log rows that aren't wanted any more, then payload that nothing names. */
static enum err
tidy(struct turn *t)
{
	struct engine *e = t->e;
	uint64_t keep_from = engine_tend_keep_from(e), now = keep_from;
	bool garbage = false;
	enum err err;

	/* The vault comes after the commit: until then the log must have what it lacks. */
	if (t->secret_at && t->secret_at < now)
		now = t->secret_at;
	err = raft_log_trim(&e->log, t->txn, now, TRIM_A_TURN);

	/* A copy that runs must find every body in place. */
	if (!err && e->compacting != ENGINE_COPIES)
		err = raft_log_free(&e->log, t->txn, FREE_A_TURN, &garbage);
	e->untidy = garbage || e->log.first < keep_from;
	return err;
}

static enum err
commit(struct turn *t)
{
	struct engine *e = t->e;
	struct raft_event durable = {.type = RAFT_PERSISTED};
	struct raft_update update;
	enum err err = tidy(t);

	if (!err)
		err = raft_log_save(&e->log, t->txn);
	if (err) {
		db_abort(t->txn);
		return err;
	}
	err = db_commit(t->txn);
	if (err)
		return err;
	e->stats.commits++;
	err = engine_vault_commit(e);
	if (err)
		return err;
	durable.index = e->log.last;
	durable.term = e->log.hard.term;
	return raft_step(&e->raft, &durable, &update);
}

static void
answer(struct turn *t)
{
	struct engine_waiting *w;

	t->e->answered_below = t->e->seq + 1;
	while ((w = engine_inner_take(&t->done))) {
		if (w->done)
			w->done(w->arg, w->e, w->index, w->e ? NULL : w->result);
		engine_inner_free(t->e, w);
	}
}

static enum err
transact(struct turn *t)
{
	struct engine *e = t->e;
	struct engine_waiting *w;
	enum err err = room_look(&e->room, e->db, t->started_ms);

	if (!err)
		err = db_begin(e->db, true, &t->txn);
	if (err)
		return err;
	e->touched = (struct apply_touched){0};
	e->secrets = (struct apply_secrets){0};
	err = fill(t);
	if (err)
		db_abort(t->txn);
	else
		err = commit(t);
	if (!err) {
		if (e->opt.on_commit)
			e->opt.on_commit(e->opt.arg, e->log.applied, &e->touched);
		answer(t);
	}
	/* Nobody is told anything: what became of it is for the next life to say. */
	while ((w = engine_inner_take(&t->done)))
		engine_inner_free(e, w);
	arena_reset(&e->arena);
	return err;
}

enum err
engine_turn(struct engine *e, bool *more)
{
	struct turn t = {.e = e, .started_ms = clock_ms()};
	enum err err = e->broken;

	*more = false;
	engine_inner_init(&t.done);
	if (err || !e->log.has_key)
		return err;
	if (e->queue.first || e->untidy || e->raft.role != RAFT_LEADER)
		err = transact(&t);
	if (!err)
		err = engine_tend_after(e);
	*more = !err && (e->queue.first || e->untidy || e->compacting);
	e->broken = err;
	return err;
}
