#include "store/engine.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/codec.h"
#include "core/log.h"
#include "core/must.h"
#include "core/rand.h"
#include "store/engine_inner.h"
#include "store/schema.h"

void
engine_inner_init(struct engine_list *l)
{
	l->first = NULL;
	l->end = &l->first;
}

void
engine_inner_put(struct engine_list *l, struct engine_waiting *w)
{
	w->next = NULL;
	*l->end = w;
	l->end = &w->next;
}

struct engine_waiting *
engine_inner_take(struct engine_list *l)
{
	struct engine_waiting *w = l->first;

	if (w && !(l->first = w->next))
		l->end = &l->first;
	return w;
}

static uint64_t
weight(const struct engine_waiting *w)
{
	return sizeof *w + w->command.n + w->body.n;
}

void
engine_inner_free(struct engine *e, struct engine_waiting *w)
{
	e->queue_bytes -= weight(w);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

/* --- opening --- */

static enum err
load(struct engine *e)
{
	struct raft_options opt = {.seed = e->opt.boot,
		.election_ms = ENGINE_ELECTION_MS,
		.heartbeat_ms = ENGINE_HEARTBEAT_MS};
	struct raft_trail trail;
	struct db_txn *txn;
	enum err err = db_begin(e->db, true, &txn);

	if (err)
		return err;
	err = raft_log_load(&e->log, txn);
	/* One transaction appends and applies: anything else isn't our doing. */
	if (!err && e->log.applied != e->log.last)
		err = ERR_CORRUPT;
	if (!err)
		err = raft_log_trail(&e->log, txn, &trail);
	if (err) {
		db_abort(txn);
		return err;
	}
	opt.self = e->log.node;
	raft_init(&e->raft, &opt,
		&(struct raft_stored){.hard = e->log.hard,
			.trail = &trail,
			.config = e->log.config,
			.before = e->log.config_before,
			.commit = e->log.applied});
	return db_commit(txn);
}

static enum err
open_vault(struct engine *e)
{
	const char *dir = e->opt.vault ? e->opt.vault : e->opt.dir;
	enum err err = vault_open(dir, e->log.cluster, e->opt.create, &e->vault);

	if (err == ERR_DENIED)
		log_error("the vault in %s belongs to another database", dir);
	else if (err)
		log_error("the vault in %s can't be opened: %s", dir, err_text(err));
	return err;
}

enum err
engine_open(const struct engine_options *opt, struct engine **out)
{
	struct db_options how = {.map_bytes = opt->map_bytes, .create = opt->create};
	struct engine *e = must_zalloc(sizeof *e);
	struct stat st;
	enum err err;

	e->opt = *opt;
	if (!opt->boot)
		e->opt.boot = rand_u64();
	e->answered_below = 1;
	engine_inner_init(&e->queue);
	arena_init(&e->arena, 65536);
	e->has_spool = opt->spool && stat(opt->spool, &st) == 0;
	e->spool_dev = e->has_spool ? st.st_dev : 0;
	err = db_open(&e->db, opt->dir, &how);
	if (!err)
		err = load(e);
	if (!err)
		err = open_vault(e);
	if (err) {
		engine_close(e);
		return err;
	}
	room_init(&e->room, opt->dir, opt->ballast);
	*out = e;
	return ERR_OK;
}

void
engine_close(struct engine *e)
{
	struct engine_waiting *w;

	if (!e)
		return;
	while ((w = engine_inner_take(&e->queue)))
		engine_inner_free(e, w);
	compact_abort(e->compact);
	arena_reset(&e->arena);
	raft_log_fini(&e->log);
	seal_wipe(&e->next_key, sizeof e->next_key);
	vault_close(e->vault);
	db_close(e->db);
	free(e);
}

struct db *
engine_db(struct engine *e)
{
	return e->db;
}

const struct vault *
engine_vault(const struct engine *e)
{
	return e->vault;
}

uint64_t
engine_applied(const struct engine *e)
{
	return e->log.applied;
}

const struct raft_log *
engine_log(const struct engine *e)
{
	return &e->log;
}

void
engine_stats(struct engine *e, struct engine_stats *s)
{
	*s = e->stats;
	s->applied = e->log.applied;
	s->log_first = e->log.first;
	s->used_bytes = db_used_bytes(e->db);
	s->waiting_bytes = e->queue_bytes;
	s->full = e->room.full;
}

/* --- proposing --- */

/* A spool file comes from a less privileged process: a regular file of that file system, as
 * long as announced. */
static enum err
check_spool(const struct engine *e, const struct engine_proposal *p)
{
	struct stat st;

	if (p->fd < 0)
		return ERR_OK;
	if (fstat(p->fd, &st) || !S_ISREG(st.st_mode) || p->fd_size == 0 ||
		(uint64_t)st.st_size < p->fd_size ||
		(e->has_spool && st.st_dev != e->spool_dev))
		return ERR_SYNTAX;
	return p->fd_size > ENGINE_BODY_MAX ? ERR_TOO_BIG : ERR_OK;
}

enum err
engine_propose(struct engine *e, const struct engine_proposal *p)
{
	struct engine_waiting *w;
	uint8_t *copy;
	enum err err = check_spool(e, p);

	if (!err && (p->command.n > ENGINE_COMMAND_MAX || p->body.n > SCHEMA_ENTRY_BODY_MAX))
		err = ERR_TOO_BIG;
	if (!err && e->queue_bytes > ENGINE_QUEUE_BYTES)
		err = ERR_BUSY;
	if (err) {
		if (p->fd >= 0)
			close(p->fd);
		return err;
	}
	w = must_zalloc(sizeof *w + p->command.n + p->body.n);
	copy = (uint8_t *)(w + 1);
	if (p->command.n)
		memcpy(copy, p->command.p, p->command.n);
	if (p->body.n)
		memcpy(copy + p->command.n, p->body.p, p->body.n);
	w->command = slice_of(copy, p->command.n);
	w->body = slice_of(copy + p->command.n, p->body.n);
	w->fd = p->fd;
	w->fd_size = p->fd >= 0 ? p->fd_size : 0;
	w->may = p->may;
	w->done = p->done;
	w->arg = p->arg;
	e->queue_bytes += weight(w);
	engine_inner_put(&e->queue, w);
	return ERR_OK;
}

struct now {
	struct arena *a;
	enum err e;
	bool done;
	Commands__Result *result;
};

static void
on_now(void *arg, enum err e, uint64_t index, const Commands__Result *result)
{
	struct now *now = arg;

	(void)index;
	now->done = true;
	now->e = e;
	if (!e)
		now->result = codec_unpack(
			&commands__result__descriptor, codec_pack(result, now->a), now->a);
}

enum err
engine_propose_now(struct engine *e, const Commands__Command *c, struct slice body,
	struct arena *a, Commands__Result **result)
{
	struct now now = {.a = a};
	struct engine_proposal p = {.command = codec_pack(c, a),
		.body = body,
		.fd = -1,
		.done = on_now,
		.arg = &now};
	bool more;
	enum err err = engine_propose(e, &p);

	while (!err && !now.done)
		err = e->log.has_key ? engine_turn(e, &more) : ERR_UNAVAILABLE;
	if (!err)
		err = now.e;
	if (!err)
		*result = now.result;
	return err;
}

static void
on_compacted(void *arg, enum err e)
{
	*(enum err *)arg = e;
}

enum err
engine_compact(struct engine *e, const struct engine_log_key *next)
{
	enum err result = ERR_MORE;
	enum err err = e->log.has_key ? engine_tend_compact(e, next, on_compacted, &result)
				      : ERR_UNAVAILABLE;
	bool more;

	while (!err && result == ERR_MORE)
		err = engine_turn(e, &more);
	return err ? err : result;
}
