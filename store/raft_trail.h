/* raft_trail: which term each entry of a log has, as the boundaries between terms: all that the
 * core knows of its log. Pure. Fixed size: of a log with more than RAFT_TRAIL_MAX terms the
 * oldest are forgotten, and with them the entries that could be sent. */
#ifndef STORE_RAFT_TRAIL_H
#define STORE_RAFT_TRAIL_H

#include <stdint.h>

enum { RAFT_TRAIL_MAX = 512 };

struct raft_trail {
	uint64_t first, last; /* known: first..last; none when first > last */
	uint32_t n;
	struct {
		uint64_t index, term; /* the first entry of a term */
	} mark[RAFT_TRAIL_MAX];
};

/* Only `last` is known, with its term; 0: an empty log. */
void raft_trail_init(struct raft_trail *t, uint64_t last, uint64_t last_term);
/* n entries of one term behind last; the term isn't below that of last. */
void raft_trail_push(struct raft_trail *t, uint64_t n, uint64_t term);
/* Entries from `from` on are gone. */
void raft_trail_cut(struct raft_trail *t, uint64_t from);
/* Entries below `first` are gone; the last one's term stays known. */
void raft_trail_drop(struct raft_trail *t, uint64_t first);
/* 0: not known, or the place before the first entry. */
uint64_t raft_trail_term(const struct raft_trail *t, uint64_t index);
/* The last entry with the term of index, and the first; index must be known. */
uint64_t raft_trail_run_last(const struct raft_trail *t, uint64_t index);
uint64_t raft_trail_run_first(const struct raft_trail *t, uint64_t index);

#endif
