/* raft: the consensus core. Pure: no clock, socket, disk or payload; it knows
 * terms and indexes only. step(event) -> update. Its caller does what the
 * update says, in this order: persist term and vote; append; then later, once
 * the batch is on disk, say so with RAFT_PERSISTED and take the new commit
 * index. Today one voter: messages and membership come with the cluster; the
 * events and the update leave room for them. Ongaro's dissertation, sections
 * named beside the rules in raft.c. */
#ifndef STORE_RAFT_H
#define STORE_RAFT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

enum raft_role { RAFT_FOLLOWER, RAFT_CANDIDATE, RAFT_LEADER };

struct raft {
	uint32_t self;
	enum raft_role role;
	uint64_t term;
	uint32_t vote;		  /* 0: none */
	uint64_t last, last_term; /* newest entry appended */
	uint64_t term_first;	  /* first entry of this term (the no-op) */
	uint64_t durable;	  /* newest entry known to be on our disk */
	uint64_t commit;
	uint64_t now_ms;
};

struct raft_hard {
	uint64_t term;
	uint32_t vote;
};

/* What a node finds on its disk when it starts. */
struct raft_stored {
	struct raft_hard hard;
	uint64_t last, last_term; /* newest entry */
	uint64_t commit;	  /* up to which it is known to be committed */
};

enum raft_event_type { RAFT_TICK, RAFT_PROPOSED, RAFT_PERSISTED };
struct raft_event {
	enum raft_event_type type;
	uint64_t now_ms;      /* TICK */
	uint64_t n;	      /* PROPOSED: how many entries */
	uint64_t index, term; /* PERSISTED: up to, and that entry's term */
};

struct raft_update {
	bool hard_changed; /* persist `hard` before anything else of this update leaves */
	struct raft_hard hard;
	uint64_t append_first, append_n; /* append these with raft->term */
	bool noop;			 /* the first of them is the new leader's no-op */
	bool commit_changed;
	uint64_t commit;
	bool role_changed;
	enum raft_role role;
};

/* A single voter stands at its first tick. */
void raft_init(struct raft *r, uint32_t self, const struct raft_stored *found);
/* Fills update whole. ERR_UNAVAILABLE: PROPOSED while not leading. ERR_CORRUPT: an invariant
 * broke: stop the node. */
enum err raft_step(struct raft *r, const struct raft_event *ev, struct raft_update *update);

#endif
