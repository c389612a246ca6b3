/* engine_members: changes of the membership, asked for here or by another node, one at a time;
 * and what a leader changes by itself: a learner that has caught up gets its vote, a voter that
 * stays away loses it before the tail that is kept for it grows out of bounds. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/log.h"
#include "core/must.h"
#include "store/engine_inner.h"
#include "store/peer.pb-c.h"

enum { TEND_MS = 100, AGAIN_MS = 1000, ASKED_MAX = 32, VOTES_WANTED = 3, MAKE_WAY_MS = 30000 };

struct engine_asked {
	struct engine_asked *next;
	struct engine_change change;
	engine_changed done; /* NULL: another node's */
	void *arg;
	uint32_t leader_then; /* TRANSFER: who led when it was asked for */
	bool is_begun;
	enum err why_later; /* of the leader's last try */
	uint64_t deadline_ms, sent_ms;
};

static struct members_node *
find(struct members *m, uint32_t id)
{
	return (struct members_node *)(uintptr_t)members_find(m, id);
}

/* --- is it possible, is it done --- */

static bool
is_described(const struct members_node *at, const struct members_node *as)
{
	return !strcmp(at->name, as->name) && !strcmp(at->address, as->address) &&
	       !memcmp(at->key, as->key, MEMBERS_KEY);
}

static void
describe(struct members_node *at, const struct members_node *as)
{
	memcpy(at->name, as->name, sizeof at->name);
	memcpy(at->address, as->address, sizeof at->address);
	memcpy(at->key, as->key, sizeof at->key);
}

static bool
is_taken(const struct members *m, const struct members_node *joins)
{
	return members_by_key(m, joins->key) || members_is_used(m, joins->token) ||
	       members_by_name(m, joins->name) || members_by_address(m, joins->address);
}

static enum err
check(const struct members *m, const struct engine_change *c)
{
	const struct members_node *node = members_find(m, c->node);

	if (c->kind == ENGINE_JOIN)
		return is_taken(m, &c->joins)	? ERR_EXISTS
		       : m->n == RAFT_NODES_MAX ? ERR_LIMIT
						: ERR_OK;
	if (c->kind == ENGINE_TRANSFER && c->node == 0)
		return ERR_OK;
	return node ? ERR_OK : ERR_NOT_FOUND;
}

/* By what is committed here. */
static bool
is_done(const struct engine *e, const struct engine_asked *a, uint32_t *node)
{
	const struct members *m = &e->log.members;
	const struct members_node *at = a->change.kind == ENGINE_JOIN
						? members_by_key(m, a->change.joins.key)
						: members_find(m, a->change.node);

	*node = at ? at->id : a->change.node;
	if (a->change.kind == ENGINE_TRANSFER)
		return e->raft.leader && e->raft.leader != a->leader_then;
	if (m->index > e->raft.commit)
		return false;
	switch (a->change.kind) {
	case ENGINE_JOIN:
		return at != NULL;
	case ENGINE_REMOVE:
		return at == NULL;
	case ENGINE_PROMOTE:
		return at && at->kind != RAFT_LEARNER;
	case ENGINE_DEMOTE:
		return at && at->kind == RAFT_LEARNER;
	case ENGINE_DESCRIBE:
		return at && is_described(at, &a->change.joins);
	case ENGINE_TRANSFER:
		break;
	}
	return false;
}

/* --- the leader --- */

static enum err
configure(struct engine_turn *t, const struct members *m)
{
	struct engine *e = t->e;
	struct raft_config config;
	struct raft_event ev = {.type = RAFT_CONFIGURE, .config = &config};
	struct raft_update u;
	enum err err;

	members_config(m, &config);
	err = raft_step(&e->raft, &ev, &u);
	if (err)
		return err;
	err = engine_turn_write(t);
	if (!err)
		err = raft_log_append_members(&e->log, t->txn, m);
	/* Fail-stop: the core counts on the entry. */
	must(!err || err == ERR_IO || err == ERR_FULL || err == ERR_CORRUPT);
	engine_inner_set_peers(e);
	e->is_changed = true;
	return err ? err : engine_peer_update(t, &u);
}

static void
add(struct members *m, const struct members_node *joins)
{
	struct members_node *node = &m->node[m->n++];

	*node = *joins;
	node->id = m->next_id++;
	node->goal = joins->kind == RAFT_LEARNER ? joins->goal : joins->kind;
	node->kind = RAFT_LEARNER;
}

static uint32_t
any_voter(const struct engine *e)
{
	uint32_t best = 0;
	uint64_t match = 0;

	for (uint32_t i = 0; i < e->raft.peers; i++)
		if (e->raft.peer[i].kind == RAFT_VOTER && e->raft.peer[i].match >= match) {
			best = e->raft.peer[i].id;
			match = e->raft.peer[i].match;
		}
	return best;
}

static enum err
transfer(struct engine_turn *t, uint32_t to)
{
	struct raft_event ev = {.type = RAFT_TRANSFER, .peer = to ? to : any_voter(t->e)};
	struct raft_update u;
	enum err err = raft_step(&t->e->raft, &ev, &u);

	return err ? err : engine_peer_update(t, &u);
}

/* ERR_BUSY, ERR_UNAVAILABLE: later. */
static enum err
begin(struct engine_turn *t, const struct engine_change *c)
{
	struct members m = t->e->log.members;
	enum err err = check(&m, c);

	if (err)
		return err;
	switch (c->kind) {
	case ENGINE_JOIN:
		add(&m, &c->joins);
		break;
	case ENGINE_REMOVE:
		members_remove(&m, c->node);
		break;
	case ENGINE_PROMOTE:
		if (find(&m, c->node)->goal == RAFT_LEARNER)
			find(&m, c->node)->goal = RAFT_VOTER;
		find(&m, c->node)->kind = find(&m, c->node)->goal;
		break;
	case ENGINE_DEMOTE:
		find(&m, c->node)->goal = find(&m, c->node)->kind;
		find(&m, c->node)->kind = RAFT_LEARNER;
		break;
	case ENGINE_DESCRIBE:
		describe(find(&m, c->node), &c->joins);
		break;
	case ENGINE_TRANSFER:
		return transfer(t, c->node);
	}
	return configure(t, &m);
}

static bool
is_later(enum err err)
{
	return err == ERR_BUSY || err == ERR_UNAVAILABLE;
}

/* What a leader wants by itself and can't have now it wants again; only the database's errs
 * stop it. */
static enum err
unless_refused(enum err err)
{
	return is_later(err) || err == ERR_LIMIT || err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* --- by itself --- */

/* Two votes are worse than one: a second waits for a third. */
static bool
would_help(const struct engine *e)
{
	uint32_t votes = 0, ready = 0;

	for (uint32_t i = 0; i < e->log.members.n; i++) {
		const struct members_node *n = &e->log.members.node[i];

		votes += n->kind != RAFT_LEARNER;
		for (uint32_t k = 0; k < e->raft.peers; k++)
			ready += e->raft.peer[k].id == n->id && n->kind == RAFT_LEARNER &&
				 n->goal != RAFT_LEARNER &&
				 e->raft.peer[k].match >= e->raft.commit;
	}
	return ready && votes + ready >= VOTES_WANTED;
}

static enum err
promote_ready(struct engine_turn *t)
{
	struct engine *e = t->e;
	enum err err = ERR_OK;

	if (!would_help(e))
		return ERR_OK;
	for (uint32_t i = 0; i < e->raft.peers && !err; i++) {
		const struct raft_peer *p = &e->raft.peer[i];
		const struct members_node *n = members_find(&e->log.members, p->id);
		struct engine_change c = {.kind = ENGINE_PROMOTE, .node = p->id};

		if (!n || n->kind != RAFT_LEARNER || n->goal == RAFT_LEARNER ||
			p->match < e->raft.commit)
			continue;
		err = begin(t, &c);
		if (!err)
			log_info("node %u (%s) has caught up: it votes now", p->id, n->name);
		return unless_refused(err);
	}
	return err;
}

/* What an arbiter must hold for a node that is away is bounded. */
static enum err
demote_absent(struct engine_turn *t)
{
	struct engine *e = t->e;
	uint64_t kept = e->raft.commit - engine_peer_applied_by_all(e);
	uint64_t most = e->opt.tail_rows;

	if (!most || kept < most / 2 || kept > e->raft.commit)
		return ERR_OK;
	for (uint32_t i = 0; i < e->raft.peers; i++) {
		const struct raft_peer *p = &e->raft.peer[i];
		struct engine_change c = {.kind = ENGINE_DEMOTE, .node = p->id};
		enum err err;

		if (p->kind != RAFT_VOTER ||
			e->raft.clock_ms - p->heard_ms < ENGINE_ELECTION_MS)
			continue;
		if (e->warned_tail != p->id)
			log_warn("node %u is away: %" PRIu64 " entries are kept for it; at "
				 "%" PRIu64 " it loses its vote until it is back",
				p->id, kept, most);
		e->warned_tail = p->id;
		if (kept < most)
			return ERR_OK;
		err = begin(t, &c);
		if (!err)
			log_error("node %u has been away for too long: it has no vote until it "
				  "is back; all that are left are needed now",
				p->id);
		return unless_refused(err);
	}
	return ERR_OK;
}

/* While the leader's disk is full mail is refused: another one, which may have room, leads. */
static enum err
make_way(struct engine_turn *t)
{
	struct engine *e = t->e;
	enum err err;

	if (!e->room.full || e->log.members.n == 1 ||
		(e->made_way_ms && t->started_ms - e->made_way_ms < MAKE_WAY_MS))
		return ERR_OK;
	err = transfer(t, 0);
	e->made_way_ms = err ? e->made_way_ms : t->started_ms;
	return unless_refused(err);
}

/* --- what is asked for --- */

static void
finish(struct engine *e, struct engine_asked **at, enum err err, uint32_t node)
{
	struct engine_asked *a = *at;

	*at = a->next;
	if (a->done)
		a->done(a->arg, err, node);
	free(a);
	e->is_changed = true;
}

static void
tell_leader(struct engine *e, struct engine_asked *a, uint64_t now_ms)
{
	Peer__Frame frame = PEER__FRAME__INIT;
	Peer__Change change = PEER__CHANGE__INIT;
	struct members one = {.n = 1, .next_id = 2, .node = {a->change.joins}};
	struct buf packed;

	if (!e->raft.leader || (a->sent_ms && now_ms - a->sent_ms < AGAIN_MS))
		return;
	a->sent_ms = now_ms;
	buf_init(&packed, RAFT_LOG_MEMBERS_MAX);
	one.node[0].id = 1;
	change.kind = (Peer__Change__Kind)a->change.kind;
	change.node = a->change.node;
	if (a->change.kind == ENGINE_JOIN || a->change.kind == ENGINE_DESCRIBE) {
		members_pack(&one, &packed);
		change.member = codec_bytes(buf_slice(&packed));
	}
	frame.body_case = PEER__FRAME__BODY_CHANGE;
	frame.change = &change;
	engine_peer_send(e, e->raft.leader, false, &frame);
	buf_fini(&packed);
}

/* *at is done, or goes on. */
static enum err
step(struct engine_turn *t, struct engine_asked **at, bool *is_over)
{
	struct engine *e = t->e;
	struct engine_asked *a = *at;
	uint32_t node;
	enum err err = ERR_OK;

	*is_over = true;
	if (is_done(e, a, &node)) {
		finish(e, at, ERR_OK, node);
		return ERR_OK;
	}
	if (t->started_ms >= a->deadline_ms) {
		finish(e, at,
			a->is_begun    ? ERR_TIMEOUT
			: a->why_later ? a->why_later
				       : ERR_UNAVAILABLE,
			0);
		return ERR_OK;
	}
	if (e->raft.role != RAFT_LEADER) {
		err = a->is_begun ? ERR_OK : check(&e->log.members, &a->change);
		if (!err)
			tell_leader(e, a, t->started_ms);
		a->is_begun = a->is_begun || a->sent_ms;
	} else if (!a->is_begun || a->change.kind == ENGINE_TRANSFER) {
		err = begin(t, &a->change);
		a->is_begun = a->is_begun || !err;
		a->why_later = is_later(err) ? err : ERR_OK;
		if (is_later(err))
			err = ERR_OK;
	}
	if (err == ERR_EXISTS || err == ERR_LIMIT || err == ERR_NOT_FOUND) {
		finish(e, at, err, 0);
		return ERR_OK;
	}
	*is_over = false;
	return err;
}

enum err
engine_members_tend(struct engine_turn *t)
{
	struct engine *e = t->e;
	struct engine_asked **at = &e->asked;
	bool is_over;
	enum err err = ERR_OK;

	while (*at && !err) {
		err = step(t, at, &is_over);
		if (!err && !is_over)
			at = &(*at)->next;
	}
	if (err || e->raft.role != RAFT_LEADER || t->started_ms - e->tended_ms < TEND_MS)
		return err;
	e->tended_ms = t->started_ms;
	err = promote_ready(t);
	if (!err)
		err = demote_absent(t);
	return err ? err : make_way(t);
}

static void
put(struct engine *e, const struct engine_asked *asked)
{
	struct engine_asked *a = must_alloc(sizeof *a), **at = &e->asked;

	*a = *asked;
	a->next = NULL;
	a->leader_then = e->raft.leader;
	while (*at)
		at = &(*at)->next;
	*at = a;
}

void
engine_change(
	struct engine *e, const struct engine_change *change, engine_changed done, void *arg)
{
	put(e, &(struct engine_asked){.change = *change,
		       .done = done,
		       .arg = arg,
		       .deadline_ms = clock_ms() + ENGINE_DEADLINE_MS});
}

static bool
is_same(const struct engine_change *a, const struct engine_change *b)
{
	return a->kind == b->kind && a->node == b->node &&
	       !memcmp(a->joins.key, b->joins.key, MEMBERS_KEY);
}

void
engine_members_asked(struct engine *e, uint32_t node, const void *change)
{
	const Peer__Change *from = change;
	struct engine_asked a = {.deadline_ms = clock_ms() + ENGINE_DEADLINE_MS};
	struct members one = {0};
	bool has_member = from->kind == PEER__CHANGE__KIND__JOIN ||
			  from->kind == PEER__CHANGE__KIND__DESCRIBE;
	uint32_t n = 0;

	a.change.kind = (enum engine_change_kind)from->kind;
	a.change.node = from->node;
	if (e->raft.role != RAFT_LEADER || from->kind > PEER__CHANGE__KIND__DESCRIBE ||
		(from->kind == PEER__CHANGE__KIND__DESCRIBE && from->node != node) ||
		(has_member && members_unpack(codec_slice(from->member), &one)))
		return;
	if (has_member)
		a.change.joins = one.node[0];
	for (const struct engine_asked *x = e->asked; x; x = x->next, n++)
		if (is_same(&x->change, &a.change))
			return;
	if (n < ASKED_MAX)
		put(e, &a);
}

void
engine_members_drop(struct engine *e)
{
	while (e->asked) {
		struct engine_asked *a = e->asked;

		e->asked = a->next;
		free(a);
	}
}
