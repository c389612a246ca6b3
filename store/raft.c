#include "store/raft.h"

void
raft_init(struct raft *r, uint32_t self, const struct raft_stored *found)
{
	*r = (struct raft){
		.self = self,
		.term = found->hard.term,
		.vote = found->hard.vote,
		.last = found->last,
		.last_term = found->last_term,
		.durable = found->last,
		.commit = found->commit,
	};
}

/* A voter that restarts takes a new term even when it is alone: two lives of a node never share
 * one. */
static void
stand(struct raft *r, struct raft_update *u)
{
	r->term++;
	r->vote = r->self;
	r->role = RAFT_LEADER; /* its own vote is the majority */
	u->hard_changed = true;
	u->hard = (struct raft_hard){r->term, r->vote};
	u->role_changed = true;
	u->role = r->role;
	/* 3.6.2, 6.4: a new leader appends a no-op of its term at once, so that older entries
	 * commit with it. */
	r->term_first = ++r->last;
	r->last_term = r->term;
	u->append_first = r->last;
	u->append_n = 1;
	u->noop = true;
}

/* 3.6.2: only entries of the leader's own term are committed by counting (figure 3.7); with
 * them all before. */
static void
advance(struct raft *r, struct raft_update *u)
{
	if (r->role != RAFT_LEADER || r->durable < r->term_first || r->durable <= r->commit)
		return;
	r->commit = r->durable;
	u->commit_changed = true;
	u->commit = r->commit;
}

static enum err
proposed(struct raft *r, uint64_t n, struct raft_update *u)
{
	if (r->role != RAFT_LEADER)
		return ERR_UNAVAILABLE;
	u->append_first = r->last + 1;
	u->append_n = n;
	r->last += n;
	r->last_term = r->term;
	return ERR_OK;
}

enum err
raft_step(struct raft *r, const struct raft_event *ev, struct raft_update *u)
{
	enum err e = ERR_OK;

	*u = (struct raft_update){0};
	switch (ev->type) {
	case RAFT_TICK:
		r->now_ms = ev->now_ms;
		if (r->role != RAFT_LEADER)
			stand(r, u);
		break;
	case RAFT_PROPOSED:
		e = proposed(r, ev->n, u);
		break;
	case RAFT_PERSISTED:
		/* What is said to be durable was appended, in this term or before. */
		if (ev->index > r->last || ev->term > r->term)
			return ERR_CORRUPT;
		if (ev->index > r->durable)
			r->durable = ev->index;
		advance(r, u);
		break;
	}
	return r->commit <= r->durable && r->durable <= r->last ? e : ERR_CORRUPT;
}
