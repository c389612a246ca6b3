/* raft_follow: what a node does with a leader's entries (3.5). It acknowledges what it shares
 * with this leader and has on its disk, never its tail. */
#include "store/raft_inner.h"

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void
answer(struct raft *r, const struct raft_message *m, bool granted, uint64_t match,
	struct raft_update *u)
{
	struct raft_message *a = raft_inner_send(r, u, RAFT_APPENDED, m->from);

	a->index = m->index;
	a->round = m->round;
	a->granted = granted;
	a->match = match;
}

/* What is committed is the same everywhere. */
static bool
shares(const struct raft *r, const struct raft_message *m)
{
	return m->index <= r->commit || raft_trail_term(&r->trail, m->index) == m->index_term;
}

/* Where the leader may try next: before the whole term that doesn't fit. */
static uint64_t
hint(const struct raft *r, const struct raft_message *m)
{
	uint64_t at = r->trail.last;

	if (m->index <= r->trail.last && raft_trail_term(&r->trail, m->index))
		at = raft_trail_run_first(&r->trail, m->index) - 1;
	return at > r->commit ? at : r->commit;
}

/* The first of the entries that isn't here already. */
static uint64_t
first_new(const struct raft *r, const struct raft_message *m)
{
	uint64_t end = m->index + m->n, at = m->index + 1;

	if (at <= r->commit)
		at = r->commit + 1;
	while (at <= end && raft_trail_term(&r->trail, at) == m->entry_term)
		at = raft_trail_run_last(&r->trail, at) + 1;
	return least(at, end + 1);
}

static void
truncate(struct raft *r, uint64_t from, struct raft_update *u)
{
	u->truncate_from = from;
	raft_trail_cut(&r->trail, from);
	r->durable = least(r->durable, from - 1);
	if (r->config.index >= from)
		r->config = r->before;
}

static bool
is_config(const struct raft_config *c)
{
	return c->n > 0 && c->n <= RAFT_NODES_MAX;
}

static enum err
take(struct raft *r, const struct raft_message *m, struct raft_update *u)
{
	uint64_t end, at;

	if (__builtin_add_overflow(m->index, m->n, &end) ||
		(m->n && (m->entry_term == 0 || m->entry_term > m->term)) ||
		(m->config && !is_config(m->config)))
		return ERR_CORRUPT;
	at = first_new(r, m);
	if (at <= end && at <= r->trail.last) {
		if (at <= r->verified)
			return ERR_CORRUPT;
		truncate(r, at, u);
	}
	if (at <= end) {
		/* Terms in a log never fall. */
		if (at != r->trail.last + 1 ||
			m->entry_term < raft_trail_term(&r->trail, r->trail.last))
			return ERR_CORRUPT;
		raft_inner_append(r, u, end - at + 1, m->entry_term);
		/* A node that joined knows a younger one than those that it is told first. */
		if (m->config && end > r->config.index)
			raft_inner_configure(r, m->config, end);
	}
	if (end > r->verified)
		r->verified = end;
	raft_inner_commit(r, u, least(m->commit, r->verified));
	if (r->commit >= r->config.index)
		r->before = r->config;
	if (!u->append_n)
		answer(r, m, true, least(r->verified, r->durable), u);
	return ERR_OK;
}

enum err
raft_follow_append(struct raft *r, const struct raft_message *m, struct raft_update *u)
{
	if (m->term < r->term) {
		answer(r, m, false, 0, u);
		return ERR_OK;
	}
	if (m->term > r->term)
		raft_inner_set_term(r, u, m->term);
	if (r->role == RAFT_LEADER || (r->leader && r->leader != m->from))
		return ERR_CORRUPT; /* two leaders in one term */
	raft_inner_set_role(r, u, RAFT_FOLLOWER, m->from);
	raft_elect_rest(r);
	if (!shares(r, m)) {
		answer(r, m, false, hint(r, m), u);
		return ERR_OK;
	}
	return take(r, m, u);
}

void
raft_follow_persisted(struct raft *r, struct raft_update *u)
{
	struct raft_message *a;

	if (r->role != RAFT_FOLLOWER || !r->leader)
		return;
	a = raft_inner_send(r, u, RAFT_APPENDED, r->leader);
	a->granted = true;
	a->match = least(r->verified, r->durable);
}
