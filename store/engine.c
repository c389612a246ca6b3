#include "store/engine.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/log.h"
#include "core/must.h"
#include "core/rand.h"
#include "store/engine_inner.h"
#include "store/raft_meta.h"
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

void
engine_inner_put_frame(
	struct engine_frames *l, uint32_t node, struct slice command, struct slice body)
{
	struct engine_frame *f = must_alloc(sizeof *f + command.n + body.n);
	uint8_t *copy = (uint8_t *)(f + 1);

	if (command.n)
		memcpy(copy, command.p, command.n);
	if (body.n)
		memcpy(copy + command.n, body.p, body.n);
	*f = (struct engine_frame){.node = node,
		.command = slice_of(copy, command.n),
		.body = slice_of(copy + command.n, body.n)};
	if (!l->first)
		l->end = &l->first;
	*l->end = f;
	l->end = &f->next;
	l->bytes += command.n + body.n;
}

struct engine_frame *
engine_inner_take_frame(struct engine_frames *l)
{
	struct engine_frame *f = l->first;

	if (f) {
		l->first = f->next;
		l->bytes -= f->command.n + f->body.n;
	}
	return f;
}

void
engine_inner_drop_frames(struct engine_frames *l)
{
	struct engine_frame *f;

	while ((f = engine_inner_take_frame(l)))
		free(f);
}

/* --- members --- */

bool
engine_inner_is_lone(const struct engine *e)
{
	uint32_t votes = 0;
	bool ours = false;

	for (uint32_t i = 0; i < e->raft.config.n; i++) {
		bool is_voter = e->raft.config.node[i].kind != RAFT_LEARNER;

		votes += is_voter;
		ours = ours || (is_voter && e->raft.config.node[i].id == e->log.node);
	}
	return ours && votes == 1 && e->raft.role == RAFT_LEADER;
}

bool
engine_inner_is_arbiter(const struct engine *e)
{
	const struct members_node *self = members_find(&e->log.members, e->log.node);

	return self && !members_is_data(self);
}

struct engine_peer *
engine_inner_peer(struct engine *e, uint32_t id)
{
	for (uint32_t i = 0; i < e->peers; i++)
		if (e->peer[i].id == id)
			return &e->peer[i];
	return NULL;
}

void
engine_inner_set_peers(struct engine *e)
{
	struct engine_peer old[RAFT_NODES_MAX];
	uint32_t olds = e->peers;

	memcpy(old, e->peer, sizeof old);
	e->peers = 0;
	for (uint32_t i = 0; i < e->log.members.n; i++) {
		struct engine_peer *p = &e->peer[e->peers];

		if (e->log.members.node[i].id == e->log.node)
			continue;
		*p = (struct engine_peer){.id = e->log.members.node[i].id};
		for (uint32_t k = 0; k < olds; k++)
			if (old[k].id == p->id)
				*p = old[k];
		e->peers++;
	}
	e->log.holds_tail_only = engine_inner_is_arbiter(e);
	e->is_changed = true;
}

/* --- opening --- */

static void
init_raft(struct engine *e, const struct raft_trail *trail)
{
	struct raft_options opt = {.self = e->log.node,
		.seed = e->opt.boot,
		.election_ms = ENGINE_ELECTION_MS,
		.heartbeat_ms = ENGINE_HEARTBEAT_MS};
	struct raft_stored found = {
		.hard = e->log.hard, .trail = trail, .commit = e->log.applied};

	members_config(&e->log.members, &found.config);
	members_config(&e->log.members_before, &found.before);
	raft_init(&e->raft, &opt, &found);
}

static enum err
load(struct engine *e, const struct raft_meta_fresh *fresh)
{
	struct raft_trail trail;
	struct db_txn *txn;
	enum err err = db_begin(e->db, true, &txn);

	if (err)
		return err;
	err = raft_meta_load(&e->log, txn, fresh);
	if (!err)
		err = raft_log_trail(&e->log, txn, &trail);
	if (!err)
		err = raft_log_find_rekey(&e->log, txn);
	if (!err)
		err = engine_version_load(e, txn);
	if (err) {
		db_abort(txn);
		return err;
	}
	e->durable_applied = e->log.applied;
	init_raft(e, &trail);
	engine_inner_set_peers(e);
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

static enum err
open_as(const struct engine_options *opt, const struct raft_meta_fresh *fresh,
	struct engine **out)
{
	struct db_options how = {.map_bytes = opt->map_bytes, .create = opt->create};
	struct engine *e = must_zalloc(sizeof *e);
	struct stat st;
	enum err err;

	e->opt = *opt;
	if (!opt->boot)
		e->opt.boot = rand_u64();
	engine_inner_init(&e->queue);
	engine_inner_init(&e->placed);
	arena_init(&e->arena, 65536);
	e->has_spool = opt->spool && stat(opt->spool, &st) == 0;
	e->spool_dev = e->has_spool ? st.st_dev : 0;
	err = db_open(&e->db, opt->dir, &how);
	if (!err)
		err = load(e, fresh);
	if (!err)
		err = open_vault(e);
	if (err) {
		engine_close(e);
		return err;
	}
	room_init(&e->room, opt->dir, opt->ballast);
	if (!engine_inner_is_arbiter(e))
		engine_place_boot(e);
	*out = e;
	return ERR_OK;
}

enum err
engine_open(const struct engine_options *opt, struct engine **engine)
{
	return open_as(opt, NULL, engine);
}

enum err
engine_create_joined(const struct engine_options *opt, const struct engine_join *join)
{
	struct raft_meta_fresh fresh = {join->cluster, join->node, join->members};
	struct engine_options create = *opt;
	struct engine *e;
	enum err err = engine_open(opt, &e);

	if (!err) {
		engine_close(e);
		return ERR_EXISTS;
	}
	if (err != ERR_NOT_FOUND)
		return err;
	create.create = true;
	err = open_as(&create, &fresh, &e);
	if (err)
		return err;
	err = engine_vault_join(e, join->log_key);
	engine_close(e);
	return err;
}

void
engine_close(struct engine *e)
{
	struct engine_waiting *w;

	if (!e)
		return;
	while ((w = engine_inner_take(&e->queue)) || (w = engine_inner_take(&e->placed)))
		engine_inner_free(e, w);
	engine_inner_drop_frames(&e->inbox);
	engine_inner_drop_frames(&e->remote);
	engine_members_drop(e);
	engine_catchup_close(e);
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

/* --- the cluster --- */

enum err
engine_receive(struct engine *e, uint32_t node, struct slice frame)
{
	struct engine_peer *p = engine_inner_peer(e, node);
	bool is_bad = p && p->is_bad;

	if (p)
		p->is_bad = false;
	if (is_bad || frame.n == 0 || frame.n > ENGINE_FRAME_MAX)
		return ERR_SYNTAX;
	if (e->inbox.bytes > ENGINE_INBOX_BYTES)
		return ERR_BUSY;
	engine_inner_put_frame(&e->inbox, node, frame, SLICE_EMPTY);
	return ERR_OK;
}

void
engine_link(struct engine *e, uint32_t node, bool up)
{
	struct engine_peer *p = engine_inner_peer(e, node);

	if (!p || p->is_up == up)
		return;
	p->is_up = up;
	engine_catchup_link(e, node, up);
	e->is_changed = true;
	/* What was on its way may be lost. */
	if (node == e->raft.leader)
		engine_place_anew(e);
}

const struct members *
engine_members(const struct engine *e)
{
	return &e->log.members;
}

static void
peer_status(const struct engine *e, uint32_t id, struct engine_peer_status *s)
{
	for (uint32_t i = 0; i < e->peers; i++)
		if (e->peer[i].id == id) {
			s->is_up = e->peer[i].is_up;
			s->applied = e->peer[i].applied;
		}
	for (uint32_t i = 0; i < e->raft.peers && e->raft.role == RAFT_LEADER; i++)
		if (e->raft.peer[i].id == id) {
			s->match = e->raft.peer[i].match;
			s->is_answering = e->raft.clock_ms - e->raft.peer[i].heard_ms <
					  ENGINE_ELECTION_MS;
		}
}

void
engine_status(const struct engine *e, struct engine_status *s)
{
	*s = (struct engine_status){.node = e->log.node,
		.leader = e->raft.leader,
		.role = e->raft.role,
		.term = e->raft.term,
		.last = e->log.last,
		.commit = e->raft.commit,
		.applied = e->log.applied};
	for (uint32_t i = 0; i < e->log.members.n; i++) {
		uint32_t id = e->log.members.node[i].id;

		if (id == e->log.node)
			s->peer[i] = (struct engine_peer_status){
				true, true, e->raft.durable, e->durable_applied};
		else
			peer_status(e, id, &s->peer[i]);
	}
}

/* --- proposing --- */

/* What nobody can change any more is good wherever it lies. */
static bool
is_sealed(int fd)
{
	const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & all) == all;
}

/* A body's file comes from a less privileged process: a regular file of the spool's file
 * system, or a sealed memfd, as long as announced. */
static enum err
check_spool(const struct engine *e, const struct engine_proposal *p)
{
	struct stat st;

	if (p->fd < 0)
		return ERR_OK;
	if (fstat(p->fd, &st) || !S_ISREG(st.st_mode) || p->fd_size == 0 ||
		(uint64_t)st.st_size < p->fd_size ||
		(e->has_spool && st.st_dev != e->spool_dev && !is_sealed(p->fd)))
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
	/* Octets that are copied over aren't zeroed first. */
	w = must_alloc(sizeof *w + p->command.n + p->body.n);
	*w = (struct engine_waiting){.fd = p->fd,
		.fd_size = p->fd >= 0 ? p->fd_size : 0,
		.deadline_ms = clock_ms() + ENGINE_DEADLINE_MS,
		.may = p->may,
		.done = p->done,
		.arg = p->arg};
	copy = (uint8_t *)(w + 1);
	if (p->command.n)
		memcpy(copy, p->command.p, p->command.n);
	if (p->body.n)
		memcpy(copy + p->command.n, p->body.p, p->body.n);
	w->command = slice_of(copy, p->command.n);
	w->body = slice_of(copy + p->command.n, p->body.n);
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
