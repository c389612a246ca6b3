/* engine_trust: what a member says of the log that no program of ours says. The core takes it
 * for a broken rule and stops the node: here it costs the member its connection instead. */
#include "store/engine_inner.h"
#include "store/peer.pb-c.h"

/* More elections than can have been held while a node was away. A term far beyond would leave
 * none for later. */
static const uint64_t terms_max = UINT32_MAX;

/* What we know to be the leader's, or committed, is of these terms. */
static bool
fits_known(const struct raft *r, const Peer__Raft *m)
{
	uint64_t known = m->term == r->term ? r->verified : r->commit;
	uint64_t first = m->index + 1, end = m->index + m->n_entry;

	if (first < r->trail.first)
		first = r->trail.first;
	if (end > known)
		end = known;
	return first > end || (raft_trail_term(&r->trail, first) == m->entry_term &&
				      raft_trail_run_last(&r->trail, first) >= end);
}

static bool
is_sound_append(const struct raft *r, uint32_t from, const Peer__Raft *m)
{
	/* One leader in a term. */
	if (m->term == r->term && (r->role == RAFT_LEADER || (r->leader && r->leader != from)))
		return false;
	if (m->index > INT64_MAX || (m->index && !m->index_term))
		return false;
	return !m->n_entry || (m->entry_term && m->entry_term <= m->term &&
				      m->entry_term >= m->index_term && fits_known(r, m));
}

bool
engine_trust_raft(const struct engine *e, uint32_t from, const void *frame)
{
	const struct raft *r = &e->raft;
	const Peer__Raft *m = frame;

	if (m->term < r->term)
		return true;
	if (m->term - r->term > terms_max)
		return false;
	return m->type != RAFT_APPEND || is_sound_append(r, from, m);
}
