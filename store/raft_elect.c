/* raft_elect: who leads. A candidate asks first whether it could win (9.6, pre-vote), so that a
 * node that was away disturbs nobody; and who hears a leader doesn't help another (4.2.3). */
#include "store/raft_inner.h"

static uint64_t
next_random(struct raft *r)
{
	r->random ^= r->random << 13;
	r->random ^= r->random >> 7;
	r->random ^= r->random << 17;
	return r->random;
}

void
raft_elect_rest(struct raft *r)
{
	r->heard_ms = r->clock_ms;
	r->timeout_ms = r->opt.election_ms + next_random(r) % r->opt.election_ms;
}

static bool
hears_leader(const struct raft *r)
{
	/* The least election timeout, not our own: else the nodes agree that the leader is gone
	 * only when the most patient of them thinks so. */
	return r->role == RAFT_LEADER ||
	       (r->leader && r->clock_ms - r->heard_ms < r->opt.election_ms);
}

/* 3.6.1 */
static bool
is_up_to_date(const struct raft *r, const struct raft_message *m)
{
	uint64_t last_term = raft_trail_term(&r->trail, r->trail.last);

	return m->index_term > last_term ||
	       (m->index_term == last_term && m->index >= r->trail.last);
}

/* --- standing --- */

/* 4.2.2: also who has lost its vote, until that is committed: its log may be the one that all
 * need. */
static bool
may_stand(const struct raft *r)
{
	const enum raft_kind *was = raft_inner_kind(&r->before, r->opt.self);

	return raft_inner_votes(r, r->opt.self) ||
	       (r->commit < r->config.index && was && *was != RAFT_LEARNER);
}

static void
ask(struct raft *r, struct raft_update *u, enum raft_message_type type, bool transfer)
{
	r->votes_n = raft_inner_votes(r, r->opt.self);
	r->votes[0] = r->opt.self;
	for (uint32_t i = 0; i < r->config.n; i++) {
		uint32_t to = r->config.node[i].id;
		struct raft_message *m;

		if (to == r->opt.self || r->config.node[i].kind == RAFT_LEARNER)
			continue;
		m = raft_inner_send(r, u, type, to);
		m->term = r->term + (type == RAFT_PRE_VOTE);
		m->index = r->trail.last;
		m->index_term = raft_trail_term(&r->trail, r->trail.last);
		m->transfer = transfer;
	}
}

static void
stand(struct raft *r, struct raft_update *u, bool transfer)
{
	/* Also when it is alone: two lives of a node never share a term. */
	raft_inner_set_term(r, u, r->term + 1);
	r->vote = r->opt.self;
	raft_inner_set_role(r, u, RAFT_CANDIDATE, 0);
	raft_elect_rest(r);
	ask(r, u, RAFT_VOTE, transfer);
	if (r->votes_n >= raft_inner_quorum(r))
		raft_lead_begin(r, u);
}

static void
stand_if_wanted(struct raft *r, struct raft_update *u)
{
	raft_inner_set_role(r, u, RAFT_PRE_CANDIDATE, 0);
	raft_elect_rest(r);
	ask(r, u, RAFT_PRE_VOTE, false);
	if (r->votes_n >= raft_inner_quorum(r))
		stand(r, u, false);
}

void
raft_elect_now(struct raft *r, struct raft_update *u)
{
	if (may_stand(r))
		stand(r, u, true);
}

void
raft_elect_tick(struct raft *r, struct raft_update *u)
{
	uint64_t silent_ms = r->clock_ms - r->heard_ms;

	if (r->leader && silent_ms >= r->opt.election_ms)
		raft_inner_set_role(r, u, RAFT_FOLLOWER, 0);
	/* Nobody else could lead. */
	if (!r->leader && raft_inner_votes(r, r->opt.self) && raft_inner_quorum(r) == 1)
		stand(r, u, false);
	if (r->role == RAFT_LEADER || silent_ms < r->timeout_ms)
		return;
	/* An arbiter stands for those alone that lack what it has (raft_elect_asked). */
	if (may_stand(r) && !raft_inner_is_arbiter(r)) {
		stand_if_wanted(r, u);
	} else {
		raft_inner_set_role(r, u, RAFT_FOLLOWER, 0);
		raft_elect_rest(r);
	}
}

/* --- being asked --- */

static void
refuse(struct raft *r, const struct raft_message *m, bool lacks, struct raft_update *u)
{
	raft_inner_send(r, u, m->type == RAFT_VOTE ? RAFT_VOTED : RAFT_PRE_VOTED, m->from);
	/* The tail is ours alone, and its leader silent: lead, feed the other, hand over. */
	if (lacks && raft_inner_is_arbiter(r) && r->role == RAFT_FOLLOWER)
		stand_if_wanted(r, u);
}

/* In the term that was asked for, which isn't ours yet. */
static void
would_vote(struct raft *r, const struct raft_message *m, struct raft_update *u)
{
	struct raft_message *a = raft_inner_send(r, u, RAFT_PRE_VOTED, m->from);

	a->term = m->term;
	a->granted = true;
}

void
raft_elect_asked(struct raft *r, const struct raft_message *m, struct raft_update *u)
{
	bool fits = is_up_to_date(r, m);

	if (m->term < r->term || (m->type == RAFT_PRE_VOTE && m->term == r->term)) {
		refuse(r, m, false, u);
		return;
	}
	if (hears_leader(r) && !m->transfer) {
		/* Its term isn't taken over either. */
		if (m->type == RAFT_PRE_VOTE)
			refuse(r, m, false, u);
		return;
	}
	if (m->type == RAFT_PRE_VOTE) {
		if (fits)
			would_vote(r, m, u);
		else
			refuse(r, m, true, u);
		return;
	}
	if (m->term > r->term)
		raft_inner_set_term(r, u, m->term);
	if (!fits || (r->vote && r->vote != m->from)) {
		refuse(r, m, !fits, u);
		return;
	}
	r->vote = m->from;
	u->hard_changed = true;
	raft_elect_rest(r);
	raft_inner_send(r, u, RAFT_VOTED, m->from)->granted = true;
}

/* --- the answers --- */

static bool
is_new_vote(const struct raft *r, uint32_t from)
{
	for (uint32_t i = 0; i < r->votes_n; i++)
		if (r->votes[i] == from)
			return false;
	return raft_inner_votes(r, from);
}

void
raft_elect_answered(struct raft *r, const struct raft_message *m, struct raft_update *u)
{
	bool pre = m->type == RAFT_PRE_VOTED;

	if (!m->granted) {
		if (m->term > r->term)
			raft_inner_set_term(r, u, m->term);
		return;
	}
	if (r->role != (pre ? RAFT_PRE_CANDIDATE : RAFT_CANDIDATE) ||
		m->term != r->term + pre || !is_new_vote(r, m->from))
		return;
	r->votes[r->votes_n++] = m->from;
	if (r->votes_n < raft_inner_quorum(r))
		return;
	if (pre)
		stand(r, u, false);
	else
		raft_lead_begin(r, u);
}
