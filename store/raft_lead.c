/* raft_lead: what a leader does: feed, count, hand over. */
#include <string.h>

#include "store/raft_inner.h"

struct raft_peer *
raft_lead_peer(struct raft *r, uint32_t id)
{
	for (uint32_t i = 0; i < r->peers; i++)
		if (r->peer[i].id == id)
			return &r->peer[i];
	return NULL;
}

/* --- feeding --- */

/* From behind what it is known to have: one message shows where it stands. */
static void
probe(struct raft *r, struct raft_peer *p, uint64_t next)
{
	p->state = RAFT_PROBES;
	p->next = next > p->match ? next : p->match + 1;
	p->flight_first = p->flight_n = 0;
	p->flight_bytes = 0;
	p->is_offered = false;
	p->sent_ms = r->clock_ms;
}

static struct raft_message *
find_beat(struct raft_update *u, uint32_t to)
{
	for (uint32_t i = 0; i < u->messages; i++)
		if (u->message[i].to == to && u->message[i].type == RAFT_APPEND &&
			u->message[i].n == 0)
			return &u->message[i];
	return NULL;
}

/* A heartbeat names what is known to be shared, so that it may overtake entries. */
static void
beat(struct raft *r, struct raft_peer *p, struct raft_update *u)
{
	struct raft_message *m = find_beat(u, p->id);

	if (!m)
		m = raft_inner_send(r, u, RAFT_APPEND, p->id);
	m->index_term = raft_trail_term(&r->trail, p->match);
	m->index = m->index_term ? p->match : 0;
	m->commit = r->commit;
	m->round = r->round;
}

static void
beat_all(struct raft *r, struct raft_update *u)
{
	r->beat_ms = r->clock_ms;
	for (uint32_t i = 0; i < r->peers; i++)
		beat(r, &r->peer[i], u);
}

static bool
may_feed(const struct raft *r, const struct raft_peer *p)
{
	if (p->is_offered || p->next > r->trail.last || p->state == RAFT_TAKES_SNAPSHOT)
		return false;
	if (p->state == RAFT_PROBES)
		return p->flight_n == 0;
	return p->flight_n < RAFT_WINDOW && p->flight_bytes < RAFT_WINDOW_BYTES;
}

static bool
has_from(const struct raft *r, uint64_t next)
{
	return next == 1 ? r->trail.first <= 1 : raft_trail_term(&r->trail, next - 1) != 0;
}

static void
feed(struct raft *r, struct raft_peer *p, struct raft_update *u)
{
	struct raft_message *m;

	if (!may_feed(r, p))
		return;
	if (!has_from(r, p->next)) {
		/* An arbiter has no state to give. */
		if (u->snapshot_to || raft_inner_is_arbiter(r))
			return;
		p->state = RAFT_TAKES_SNAPSHOT;
		u->snapshot_to = p->id;
		return;
	}
	p->is_offered = true;
	m = raft_inner_send(r, u, RAFT_APPEND, p->id);
	m->index = p->next - 1;
	m->index_term = raft_trail_term(&r->trail, m->index);
	m->entry_term = raft_trail_term(&r->trail, p->next);
	m->n = raft_trail_run_last(&r->trail, p->next) - m->index;
	if (m->n > RAFT_APPEND_MAX)
		m->n = RAFT_APPEND_MAX;
	m->commit = r->commit;
}

void
raft_lead_sent(struct raft *r, const struct raft_event *ev, struct raft_update *u)
{
	struct raft_peer *p = raft_lead_peer(r, ev->peer);
	uint32_t at;

	/* A message from before the peer was probed anew doesn't count. */
	if (r->role != RAFT_LEADER || !p || !p->is_offered || ev->index != p->next - 1)
		return;
	p->is_offered = false;
	/* Nothing: its connection isn't there. */
	if (ev->n == 0 || ev->n > r->trail.last - ev->index)
		return;
	p->next += ev->n;
	if (p->flight_n == 0)
		p->sent_ms = r->clock_ms;
	at = (p->flight_first + p->flight_n++) % RAFT_WINDOW;
	p->flight[at].last = p->next - 1;
	p->flight[at].bytes = ev->bytes;
	p->flight_bytes += ev->bytes;
	feed(r, p, u);
}

void
raft_lead_snapshot_ended(struct raft *r, uint32_t peer, struct raft_update *u)
{
	struct raft_peer *p = raft_lead_peer(r, peer);

	if (r->role != RAFT_LEADER || !p || p->state != RAFT_TAKES_SNAPSHOT)
		return;
	probe(r, p, r->trail.last);
	feed(r, p, u);
}

/* --- counting --- */

/* The newest entry that a majority has on disk: the leader's own disk is a vote like any other
 * (10.2.1). */
static uint64_t
shared_by_majority(const struct raft *r)
{
	uint64_t match[RAFT_NODES_MAX];
	uint32_t n = 0;

	if (raft_inner_votes(r, r->opt.self))
		match[n++] = r->durable;
	for (uint32_t i = 0; i < r->peers; i++)
		if (r->peer[i].kind != RAFT_LEARNER)
			match[n++] = r->peer[i].match;
	for (uint32_t i = 1; i < n; i++)
		for (uint32_t j = i; j && match[j] > match[j - 1]; j--) {
			uint64_t t = match[j];

			match[j] = match[j - 1];
			match[j - 1] = t;
		}
	return match[raft_inner_quorum(r) - 1];
}

static void
tell_askers(struct raft *r, struct raft_update *u)
{
	for (uint32_t i = 0; i < r->peers; i++)
		if (r->peer[i].wants_commit) {
			r->peer[i].wants_commit = r->commit < r->trail.last;
			beat(r, &r->peer[i], u);
		}
}

/* It is ready to lead: it has all, and answers. */
static bool
is_ready(const struct raft *r, const struct raft_peer *p)
{
	return p && p->kind == RAFT_VOTER && p->match == r->trail.last &&
	       r->clock_ms - p->heard_ms < r->opt.election_ms;
}

/* 3.10; an arbiter hands over to whoever is ready first. */
static void
hand_over(struct raft *r, struct raft_update *u)
{
	if (!r->transfer_to && raft_inner_is_arbiter(r) && r->commit >= r->term_first)
		for (uint32_t i = 0; i < r->peers && !r->transfer_to; i++)
			if (is_ready(r, &r->peer[i])) {
				r->transfer_to = r->peer[i].id;
				r->transfer_ms = r->clock_ms;
			}
	if (r->transfer_to && is_ready(r, raft_lead_peer(r, r->transfer_to)))
		raft_inner_send(r, u, RAFT_TIMEOUT_NOW, r->transfer_to);
}

static void begin_round(struct raft *r, struct raft_update *u);

static void
on_commit(struct raft *r, struct raft_update *u)
{
	tell_askers(r, u);
	if (r->commit >= r->config.index)
		r->before = r->config;
	/* 4.2.2: it led until the configuration without it was committed. */
	if (r->commit >= r->config.index && !raft_inner_votes(r, r->opt.self)) {
		raft_inner_set_role(r, u, RAFT_FOLLOWER, 0);
		raft_elect_rest(r);
		return;
	}
	if (r->round_again && r->round == r->round_done)
		begin_round(r, u);
}

void
raft_lead_advance(struct raft *r, struct raft_update *u)
{
	uint64_t shared = shared_by_majority(r);

	/* 3.6.2: only entries of its own term are committed by counting (figure 3.7); with them
	 * all before. */
	if (shared >= r->term_first && shared > r->commit) {
		raft_inner_commit(r, u, shared);
		on_commit(r, u);
	}
	for (uint32_t i = 0; i < r->peers && r->role == RAFT_LEADER; i++)
		feed(r, &r->peer[i], u);
}

/* --- reads (6.4) --- */

static void
end_round(struct raft *r, struct raft_update *u)
{
	uint32_t n = raft_inner_votes(r, r->opt.self);

	for (uint32_t i = 0; i < r->peers; i++)
		n += r->peer[i].kind != RAFT_LEARNER && r->peer[i].round >= r->round;
	if (r->round == r->round_done || n < raft_inner_quorum(r))
		return;
	r->round_done = r->round;
	u->read_done = r->round;
	u->read_index = r->round_index;
	if (r->round_again)
		begin_round(r, u);
}

/* One round of heartbeats serves all reads that came before it. */
static void
begin_round(struct raft *r, struct raft_update *u)
{
	/* Until its no-op is committed a leader doesn't know what is. */
	r->round_again = r->commit < r->term_first;
	if (r->round_again)
		return;
	r->round++;
	r->round_index = r->commit;
	beat_all(r, u);
	end_round(r, u);
}

void
raft_lead_read(struct raft *r, struct raft_update *u)
{
	u->read_round = r->round + 1;
	r->round_again = true;
	if (r->round == r->round_done)
		begin_round(r, u);
}

/* --- answers --- */

static void
take_match(struct raft *r, struct raft_peer *p, uint64_t match)
{
	if (match <= p->match || match > r->trail.last)
		return;
	p->match = match;
	p->sent_ms = r->clock_ms;
	while (p->flight_n && p->flight[p->flight_first].last <= match) {
		p->flight_bytes -= p->flight[p->flight_first].bytes;
		p->flight_first = (p->flight_first + 1) % RAFT_WINDOW;
		p->flight_n--;
	}
	/* It has the snapshot, or found the entries elsewhere. */
	if (p->state == RAFT_TAKES_SNAPSHOT && has_from(r, match + 1))
		probe(r, p, match + 1);
	if (p->next <= match + 1) {
		/* What waits for RAFT_SENT begins at what it has by now: it is offered anew. */
		p->is_offered = p->is_offered && p->next == match + 1;
		p->next = match + 1;
		if (p->state == RAFT_PROBES)
			p->state = RAFT_STREAMS;
	}
}

void
raft_lead_answered(struct raft *r, const struct raft_message *m, struct raft_update *u)
{
	struct raft_peer *p = raft_lead_peer(r, m->from);

	if (!p)
		return;
	p->heard_ms = r->clock_ms;
	if (m->round > p->round && m->round <= r->round)
		p->round = m->round;
	if (m->granted)
		take_match(r, p, m->match);
	else if (m->index > p->match && p->state != RAFT_TAKES_SNAPSHOT)
		probe(r, p, m->match < m->index ? m->match + 1 : m->index);
	end_round(r, u);
	raft_lead_advance(r, u);
	if (r->role == RAFT_LEADER)
		hand_over(r, u);
}

/* --- time --- */

/* 6.2: a leader that a majority doesn't hear makes way. */
static bool
has_quorum(const struct raft *r)
{
	uint32_t n = raft_inner_votes(r, r->opt.self);

	for (uint32_t i = 0; i < r->peers; i++)
		n += r->peer[i].kind != RAFT_LEARNER &&
		     r->clock_ms - r->peer[i].heard_ms < r->opt.election_ms;
	return n >= raft_inner_quorum(r);
}

void
raft_lead_tick(struct raft *r, struct raft_update *u)
{
	if (!has_quorum(r)) {
		raft_inner_set_role(r, u, RAFT_FOLLOWER, 0);
		raft_elect_rest(r);
		return;
	}
	if (r->transfer_to && r->clock_ms - r->transfer_ms >= r->opt.election_ms)
		r->transfer_to = 0;
	for (uint32_t i = 0; i < r->peers; i++) {
		struct raft_peer *p = &r->peer[i];

		/* Lost on the way. */
		if (p->flight_n && r->clock_ms - p->sent_ms >= r->opt.election_ms)
			probe(r, p, p->match + 1);
		feed(r, p, u);
	}
	if (r->clock_ms - r->beat_ms >= r->opt.heartbeat_ms) {
		beat_all(r, u);
		hand_over(r, u);
	}
}

/* --- its beginning, and the configuration --- */

/* Those of the configuration; what is known of one stays. */
/* next: the first that a new one is offered. */
static void
set_peers(struct raft *r, uint64_t next)
{
	struct raft_peer old[RAFT_NODES_MAX];
	uint32_t olds = r->peers;

	memcpy(old, r->peer, sizeof old);
	r->peers = 0;
	for (uint32_t i = 0; i < r->config.n; i++) {
		struct raft_peer *p = &r->peer[r->peers];

		if (r->config.node[i].id == r->opt.self)
			continue;
		*p = (struct raft_peer){.id = r->config.node[i].id, .heard_ms = r->clock_ms};
		probe(r, p, next);
		for (uint32_t k = 0; k < olds; k++)
			if (old[k].id == p->id)
				*p = old[k];
		p->kind = r->config.node[i].kind;
		r->peers++;
	}
}

void
raft_lead_begin(struct raft *r, struct raft_update *u)
{
	raft_inner_set_role(r, u, RAFT_LEADER, r->opt.self);
	r->transfer_to = 0;
	r->round_done = r->round;
	r->round_again = false;
	r->peers = 0;
	set_peers(r, r->trail.last + 1);
	/* 6.4: with the no-op the older entries commit. */
	r->term_first = r->trail.last + 1;
	raft_inner_append(r, u, 1, r->term);
	u->noop = true;
	beat_all(r, u);
	raft_lead_advance(r, u);
}

/* 4.1, 4.2.1: one node at a time, a new one without a vote. */
static enum err
check_step(struct raft *r, const struct raft_config *to)
{
	uint32_t changes = 0, leads = 0;

	if (to->n == 0 || to->n > RAFT_NODES_MAX)
		return ERR_LIMIT;
	for (uint32_t i = 0; i < to->n; i++) {
		const enum raft_kind *was = raft_inner_kind(&r->config, to->node[i].id);
		struct raft_peer *p = raft_lead_peer(r, to->node[i].id);

		leads += to->node[i].kind == RAFT_VOTER;
		if (raft_inner_kind(to, to->node[i].id) != &to->node[i].kind ||
			to->node[i].id == 0 || (!was && to->node[i].kind != RAFT_LEARNER))
			return ERR_LIMIT;
		changes += !was || *was != to->node[i].kind;
		if (was && *was == RAFT_LEARNER && to->node[i].kind != RAFT_LEARNER && p &&
			p->match < r->commit)
			return ERR_BUSY;
	}
	for (uint32_t i = 0; i < r->config.n; i++)
		changes += !raft_inner_kind(to, r->config.node[i].id);
	return changes <= 1 && leads > 0 ? ERR_OK : ERR_LIMIT;
}

enum err
raft_lead_configure(struct raft *r, const struct raft_config *config, struct raft_update *u)
{
	enum err e;

	if (r->role != RAFT_LEADER || r->transfer_to)
		return ERR_UNAVAILABLE;
	if (r->commit < r->config.index || r->commit < r->term_first)
		return ERR_BUSY;
	e = check_step(r, config);
	if (e)
		return e;
	raft_inner_append(r, u, 1, r->term);
	raft_inner_configure(r, config, r->trail.last);
	/* The change itself shows where a new one stands, though nothing else may happen. */
	set_peers(r, r->trail.last);
	raft_lead_advance(r, u);
	return ERR_OK;
}

enum err
raft_lead_transfer(struct raft *r, uint32_t to, struct raft_update *u)
{
	struct raft_peer *p = raft_lead_peer(r, to);

	if (r->role != RAFT_LEADER || r->transfer_to)
		return ERR_UNAVAILABLE;
	if (!p || p->kind != RAFT_VOTER)
		return ERR_NOT_FOUND;
	if (p->match + RAFT_APPEND_MAX < r->trail.last ||
		r->clock_ms - p->heard_ms >= r->opt.election_ms)
		return ERR_BUSY;
	r->transfer_to = to;
	r->transfer_ms = r->clock_ms;
	hand_over(r, u);
	return ERR_OK;
}
