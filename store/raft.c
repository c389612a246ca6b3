#include "store/raft.h"

#include <stddef.h>

#include "core/must.h"
#include "store/raft_inner.h"

void
raft_init(struct raft *r, const struct raft_options *opt, const struct raft_stored *found)
{
	*r = (struct raft){
		.opt = *opt,
		.term = found->hard.term,
		.vote = found->hard.vote,
		.trail = *found->trail,
		.durable = found->trail->last,
		.commit = found->commit,
		.verified = found->commit,
		.config = found->config,
		.before = found->before,
		.random = opt->seed ^ (uint64_t)opt->self << 32 ^ UINT64_C(0x9e3779b97f4a7c15),
	};
	raft_elect_rest(r);
}

struct raft_message *
raft_inner_send(struct raft *r, struct raft_update *u, enum raft_message_type type, uint32_t to)
{
	struct raft_message *m;

	/* At most a heartbeat and entries to each other node, an answer, and a TIMEOUT_NOW. */
	must(u->messages < RAFT_MESSAGES_MAX);
	m = &u->message[u->messages++];
	*m = (struct raft_message){
		.type = type, .from = r->opt.self, .to = to, .term = r->term};
	return m;
}

const enum raft_kind *
raft_inner_kind(const struct raft_config *c, uint32_t id)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (c->node[i].id == id)
			return &c->node[i].kind;
	return NULL;
}

bool
raft_inner_votes(const struct raft *r, uint32_t id)
{
	const enum raft_kind *kind = raft_inner_kind(&r->config, id);

	return kind && *kind != RAFT_LEARNER;
}

bool
raft_inner_is_arbiter(const struct raft *r)
{
	const enum raft_kind *kind = raft_inner_kind(&r->config, r->opt.self);

	return kind && *kind == RAFT_ARBITER;
}

uint32_t
raft_inner_quorum(const struct raft *r)
{
	uint32_t voters = 0;

	for (uint32_t i = 0; i < r->config.n; i++)
		voters += r->config.node[i].kind != RAFT_LEARNER;
	return voters / 2 + 1;
}

void
raft_inner_set_role(struct raft *r, struct raft_update *u, enum raft_role role, uint32_t leader)
{
	u->role_changed |= r->role != role || r->leader != leader;
	r->role = role;
	r->leader = leader;
}

void
raft_inner_set_term(struct raft *r, struct raft_update *u, uint64_t term)
{
	r->term = term;
	r->vote = 0;
	/* What is committed every leader has. */
	r->verified = r->commit;
	u->hard_changed = true;
	raft_inner_set_role(r, u, RAFT_FOLLOWER, 0);
}

void
raft_inner_append(struct raft *r, struct raft_update *u, uint64_t n, uint64_t term)
{
	u->append_first = r->trail.last + 1;
	u->append_n = n;
	u->append_term = term;
	raft_trail_push(&r->trail, n, term);
}

void
raft_inner_commit(struct raft *r, struct raft_update *u, uint64_t index)
{
	if (index <= r->commit)
		return;
	r->commit = index;
	u->commit_changed = true;
	u->commit = index;
}

/* 4.1: the newest in the log counts, committed or not. */
void
raft_inner_configure(struct raft *r, const struct raft_config *config, uint64_t index)
{
	r->before = r->config;
	r->config = *config;
	r->config.index = index;
}

static enum err
on_message(struct raft *r, const struct raft_message *m, struct raft_update *u)
{
	switch (m->type) {
	case RAFT_PRE_VOTE:
	case RAFT_VOTE:
		raft_elect_asked(r, m, u);
		return ERR_OK;
	case RAFT_PRE_VOTED:
	case RAFT_VOTED:
		raft_elect_answered(r, m, u);
		return ERR_OK;
	case RAFT_APPEND:
		return raft_follow_append(r, m, u);
	case RAFT_APPENDED:
		if (m->term > r->term)
			raft_inner_set_term(r, u, m->term);
		else if (r->role == RAFT_LEADER && m->term == r->term)
			raft_lead_answered(r, m, u);
		return ERR_OK;
	case RAFT_TIMEOUT_NOW:
		if (m->term == r->term && m->from == r->leader)
			raft_elect_now(r, u);
		return ERR_OK;
	}
	return ERR_OK;
}

static void
on_tick(struct raft *r, uint64_t now_ms, struct raft_update *u)
{
	uint64_t passed = r->ticked_ms && now_ms > r->ticked_ms ? now_ms - r->ticked_ms : 0;

	r->ticked_ms = now_ms;
	r->clock_ms += passed < r->opt.heartbeat_ms ? passed : r->opt.heartbeat_ms;
	if (r->role == RAFT_LEADER)
		raft_lead_tick(r, u);
	else
		raft_elect_tick(r, u);
}

static enum err
on_proposed(struct raft *r, const struct raft_event *ev, struct raft_update *u)
{
	struct raft_peer *asker = raft_lead_peer(r, ev->peer);

	/* An arbiter leads in order to hand over. */
	if (r->role != RAFT_LEADER || r->transfer_to || raft_inner_is_arbiter(r))
		return ERR_UNAVAILABLE;
	raft_inner_append(r, u, ev->n, r->term);
	if (asker)
		asker->wants_commit = true;
	raft_lead_advance(r, u);
	return ERR_OK;
}

static enum err
on_persisted(struct raft *r, const struct raft_event *ev, struct raft_update *u)
{
	uint64_t term = raft_trail_term(&r->trail, ev->index);

	if (ev->term > r->term)
		return ERR_CORRUPT;
	/* Cut off since, or so old that it doesn't matter. */
	if (term != ev->term || ev->index <= r->durable)
		return ERR_OK;
	r->durable = ev->index;
	if (r->role == RAFT_LEADER)
		raft_lead_advance(r, u);
	else
		raft_follow_persisted(r, u);
	return ERR_OK;
}

/* Only from a leader that has committed it all. */
static enum err
on_installed(struct raft *r, const struct raft_event *ev)
{
	/* What this node has beyond it may have been acknowledged. When its entry there is
	 * another one, what follows it is of no leader any more. */
	if (r->role == RAFT_LEADER || ev->index <= r->commit ||
		raft_trail_term(&r->trail, ev->index) == ev->term)
		return ERR_STALE;
	raft_trail_init(&r->trail, ev->index, ev->term);
	r->durable = r->commit = r->verified = ev->index;
	r->config = r->before = *ev->config;
	return ERR_OK;
}

static enum err
dispatch(struct raft *r, const struct raft_event *ev, struct raft_update *u)
{
	switch (ev->type) {
	case RAFT_TICK:
		on_tick(r, ev->now_ms, u);
		return ERR_OK;
	case RAFT_MESSAGE:
		return on_message(r, ev->message, u);
	case RAFT_PROPOSED:
		return on_proposed(r, ev, u);
	case RAFT_PERSISTED:
		return on_persisted(r, ev, u);
	case RAFT_SENT:
		raft_lead_sent(r, ev, u);
		return ERR_OK;
	case RAFT_TRIMMED:
		raft_trail_drop(&r->trail, ev->index);
		return ERR_OK;
	case RAFT_INSTALLED:
		return on_installed(r, ev);
	case RAFT_SNAPSHOT_ENDED:
		raft_lead_snapshot_ended(r, ev->peer, u);
		return ERR_OK;
	case RAFT_CONFIGURE:
		return raft_lead_configure(r, ev->config, u);
	case RAFT_TRANSFER:
		return raft_lead_transfer(r, ev->peer, u);
	case RAFT_READ:
		if (r->role != RAFT_LEADER)
			return ERR_UNAVAILABLE;
		raft_lead_read(r, u);
		return ERR_OK;
	}
	return ERR_OK;
}

enum err
raft_step(struct raft *r, const struct raft_event *ev, struct raft_update *u)
{
	enum err e;

	*u = (struct raft_update){0};
	e = dispatch(r, ev, u);
	u->hard = (struct raft_hard){r->term, r->vote};
	u->role = r->role;
	u->leader = r->leader;
	return r->commit <= r->trail.last && r->durable <= r->trail.last ? e : ERR_CORRUPT;
}
