/* lease: until when a node may run queue items, and when those of a silent one
 * may be adopted. Pure: time comes in, and each node's is its own monotonic
 * clock; nothing depends on what another's says.
 *
 * A node runs items while a beat that it sent less than LEASE_MS ago was
 * answered, and a leader lets adopt what somebody runs LEASE_SILENT_MS after
 * its last answer to him. Why no two nodes ever may run one node's items, if
 * clocks go wrong by 5 % at most (so that 4 s of one take 4.21 s at most, 6 s
 * 5.71 s at least, 1 s 1.06 s at most):
 * 1. A leader is confirmed at c when a majority of the voters answered in its
 *    term what it sent after c (raft.h, READ). Whoever is elected in a later
 *    term needs a vote of one of them, given after that. So a later leader
 *    counts from a beginning after c.
 * 2. A leader's own lease is that of a beat sent at c: over at c + 4.21 s. A
 *    later leader lets adopt from c + 5.71 s on.
 * 3. A beat sent at s is answered at a >= s, by a leader confirmed at c >= a -
 *    1.06 s. The lease is over at a + 4.21 s; that leader lets adopt from a +
 *    5.71 s on, a later one from c + 5.71 s >= a + 4.65 s on.
 * 4. What an earlier leader decided counts only if it was in the log of a later
 *    one when that began (ADOPT names its term, apply_owner.h). A leader begins
 *    when it has applied all that it found: so it knows every change of table
 *    `owner`, and it answers nobody who hasn't applied the newest one. Who was
 *    adopted, or yielded, has seen that before a lease of his holds again.
 * 5. Answers may be lost one way: beats say which was the last that arrived. If
 *    it stays the same for LEASE_STUCK_MS nobody is helped by more of them:
 *    they stop, and the count begins.
 * A machine that is suspended stops its clock too; what it does when it wakes
 * up is refused by apply, as everything of an old epoch is.
 *
 * A dead node's items are adopted 6.3 s after its last answer at the latest; if
 * it led, after the election, which as a rule takes 1 to 3 s. */
#ifndef STORE_LEASE_H
#define STORE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	LEASE_MS = 4000,
	LEASE_BEAT_MS = 500, /* between two beats, and two confirmations */
	LEASE_LOOK_MS = 100, /* between two looks of the leader */
	LEASE_SILENT_MS = 6000,
	LEASE_CONFIRMED_MS = 1000, /* an older confirmation lets nobody be answered */
	LEASE_STUCK_MS = 2000,
	LEASE_ALIVE_MS = 2000,
	LEASE_PEERS = 24, /* nodes that a leader remembers */
	LEASE_ROWS = 64	  /* and rows of table `owner` */
};

/* --- a node's own --- */

struct lease {
	uint64_t sent_ms; /* of the newest beat that was answered, or confirmation; 0: none */
};
/* One of the future is ignored. */
void lease_answered(struct lease *l, uint64_t sent_ms, uint64_t now_ms);
/* 0: it never held. */
uint64_t lease_until_ms(const struct lease *l);

/* --- a leader's --- */

struct lease_peer {
	uint32_t node;	 /* 0: a free place */
	bool is_adopted; /* ADOPT was proposed */
	uint64_t boot;
	uint64_t beat_ms; /* when the last one came, and the last answer went */
	uint64_t answer_ms;
	uint64_t arrived;	    /* its answered_ms */
	uint64_t stuck_ms, shun_ms; /* unseen answers go since then; none goes until then */
};
struct lease_lead {
	uint64_t began_ms, confirmed_ms;
	uint64_t forgot_ms; /* the last answer to anybody who isn't in peer */
	struct lease_peer peer[LEASE_PEERS];
	uint32_t rows;
	struct {
		uint32_t node;
		uint64_t epoch, seen_ms;
	} row[LEASE_ROWS];
};
/* It has applied all that it found in the log, its no-op included. */
void lease_lead_begin(struct lease_lead *l, uint64_t now_ms);
void lease_lead_confirmed(struct lease_lead *l, uint64_t at_ms);

struct lease_owner {
	uint32_t runs_node;
	uint64_t epoch;
};
struct lease_beat {
	uint32_t node;
	uint64_t boot, answered_ms, applied;
};
/* newest_change: the newest entry that changed table `owner`, of those that the leader applied.
 * False: it must not be answered. */
bool lease_lead_beat(struct lease_lead *l, const struct lease_beat *b, uint64_t newest_change,
	uint64_t now_ms);
/* May be adopted what this node runs? */
bool lease_lead_is_silent(const struct lease_lead *l, uint32_t node, uint64_t now_ms);
/* May this row of table `owner` be? To be asked of each, each LEASE_LOOK_MS: who got it just
 * now has his time from then on. */
bool lease_lead_may_adopt(
	struct lease_lead *l, uint32_t node, const struct lease_owner *owner, uint64_t now_ms);
/* Is it heard and answered, so that it may adopt? */
bool lease_lead_is_alive(
	const struct lease_lead *l, uint32_t node, uint64_t now_ms, uint64_t *boot);
/* ADOPT of something that it runs was proposed: until it is known what became of that, it isn't
 * answered, and nothing else is adopted. */
void lease_lead_adopt(struct lease_lead *l, uint32_t node);
void lease_lead_adopted(struct lease_lead *l, uint32_t node);

#endif
