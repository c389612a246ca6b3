/* raft: the consensus core. Pure: no clock, socket, disk, payload or malloc; it knows terms and
 * indexes only (raft_trail). step(event) -> update. Ongaro's dissertation; its sections stand
 * beside the rules in the .c files: raft_elect (who leads), raft_lead (what a leader does),
 * raft_follow (what everybody else does).
 *
 * The caller does what an update says in this order: truncate; append; persist term and vote;
 * send the messages, those of an update with hard_changed only when term and vote are on disk;
 * then later, when the batch is on disk, RAFT_PERSISTED. Nobody is told of a commit before the
 * update that says so. A node with one voter leads from its first tick on.
 *
 * Messages name ranges of entries. The caller puts as many of them into a frame as its limit of
 * octets allows and says with RAFT_SENT how many that were; a frame ends behind a configuration
 * entry. The receiver's caller hands over the message with the configuration that is in it. */
#ifndef STORE_RAFT_H
#define STORE_RAFT_H

#include <stdbool.h>

#include "core/err.h"
#include "store/raft_trail.h"

enum {
	RAFT_NODES_MAX = 9,
	RAFT_WINDOW = 32,	     /* messages with entries on their way to one node */
	RAFT_WINDOW_BYTES = 4 << 20, /* and octets */
	RAFT_APPEND_MAX = 4096,	     /* entries of one message */
	RAFT_MESSAGES_MAX = 2 * RAFT_NODES_MAX
};

/* An arbiter votes and holds the tail for the others. It leads only to feed a data node that
 * fell behind, and never sends a snapshot. A learner is fed and has no vote. */
enum raft_kind { RAFT_VOTER, RAFT_ARBITER, RAFT_LEARNER };
struct raft_config {
	uint64_t index; /* of its entry; 0: the one that a cluster begins with */
	uint32_t n;
	struct {
		uint32_t id; /* never 0, never used again */
		enum raft_kind kind;
	} node[RAFT_NODES_MAX];
};

enum raft_message_type {
	RAFT_PRE_VOTE, /* term: the one that the sender would take */
	RAFT_PRE_VOTED,
	RAFT_VOTE,
	RAFT_VOTED,
	RAFT_APPEND, /* n = 0: a heartbeat */
	RAFT_APPENDED,
	RAFT_TIMEOUT_NOW
};
struct raft_message {
	enum raft_message_type type;
	uint32_t from, to;
	uint64_t term;
	/* PRE_VOTE, VOTE: the sender's last entry. APPEND, APPENDED: that before the first. */
	uint64_t index, index_term;
	uint64_t n, entry_term; /* APPEND: how many follow, all of this term */
	uint64_t commit;	/* APPEND */
	uint64_t round;		/* APPEND, and its APPENDED: of reads */
	/* APPENDED: up to here the sender has on its disk what we have; not granted: try behind
	 * it. */
	uint64_t match;
	bool granted;  /* VOTED, PRE_VOTED, APPENDED */
	bool transfer; /* VOTE: the leader wants it */
	/* APPEND, received: of the entry that is the last of these n. NULL: none is. */
	const struct raft_config *config;
};

struct raft_hard {
	uint64_t term;
	uint32_t vote; /* 0: none */
};

struct raft_options {
	uint32_t self;
	uint64_t seed; /* another one on each node and in each life */
	uint32_t heartbeat_ms;
	uint32_t election_ms; /* a timeout lies between once and twice that */
};

/* What a node finds on its disk when it starts. */
struct raft_stored {
	struct raft_hard hard;
	const struct raft_trail *trail;
	/* The newest in the log, and the one that counts again if that is cut off. */
	struct raft_config config, before;
	uint64_t commit; /* up to which it is known to be committed */
};

/* TICK       now_ms, of a clock that doesn't jump back. A long gap counts as a heartbeat's
 *            time: what came meanwhile waits to be read.
 * MESSAGE    message.
 * PROPOSED   n entries; peer: the node that they came from, 0: this one.
 * PERSISTED  all up to index, which was appended in term, is on our disk.
 * SENT       the APPEND to peer behind index took n of its entries, bytes octets; 0: it can't
 *            be reached.
 * TRIMMED    the rows below index are gone.
 * INSTALLED  a snapshot takes the place of all, durably, before the next event: up to index, of
 *            term; config. Not if ERR_STALE comes back.
 * SNAPSHOT_ENDED  peer has it, or it failed.
 * CONFIGURE  config, as one entry; its index isn't read.
 * TRANSFER   leadership, to peer.
 * READ */
enum raft_event_type {
	RAFT_TICK,
	RAFT_MESSAGE,
	RAFT_PROPOSED,
	RAFT_PERSISTED,
	RAFT_SENT,
	RAFT_TRIMMED,
	RAFT_INSTALLED,
	RAFT_SNAPSHOT_ENDED,
	RAFT_CONFIGURE,
	RAFT_TRANSFER,
	RAFT_READ
};
struct raft_event {
	enum raft_event_type type;
	uint32_t peer;
	uint64_t now_ms, n, bytes, index, term;
	const struct raft_message *message;
	const struct raft_config *config;
};

enum raft_role { RAFT_FOLLOWER, RAFT_PRE_CANDIDATE, RAFT_CANDIDATE, RAFT_LEADER };

struct raft_update {
	bool hard_changed;
	struct raft_hard hard;
	uint64_t truncate_from; /* 0: nothing */
	/* PROPOSED, CONFIGURE: those; MESSAGE: the last append_n of its entries; noop: a new
	 * leader's own. */
	uint64_t append_first, append_n, append_term;
	bool noop;
	bool commit_changed;
	uint64_t commit;
	bool role_changed; /* or leader */
	enum raft_role role;
	uint32_t leader; /* 0: nobody known */
	uint32_t messages;
	struct raft_message message[RAFT_MESSAGES_MAX];
	uint32_t snapshot_to; /* this node lacks what our log no longer has; 0: none */
	/* READ: this read is safe when a read_done of at least read_round has come, on a state
	 * applied up to that read_index. Lost with leadership. */
	uint64_t read_round, read_done, read_index;
};

/* Of one other node, while leading. */
struct raft_peer {
	uint32_t id;
	enum raft_kind kind;
	enum { RAFT_PROBES, RAFT_STREAMS, RAFT_TAKES_SNAPSHOT } state;
	bool is_offered;   /* a message with entries waits for RAFT_SENT */
	bool wants_commit; /* something that came from it isn't committed yet */
	uint64_t next, match;
	uint64_t round;
	uint64_t heard_ms, sent_ms; /* sent: since when an answer is due */
	uint32_t flight_first, flight_n;
	uint64_t flight_bytes;
	struct {
		uint64_t last, bytes;
	} flight[RAFT_WINDOW];
};

/* For the caller to keep; it reads role, term, leader, commit, term_first and round_done, the
 * rest is ours. */
struct raft {
	struct raft_options opt;
	enum raft_role role;
	uint64_t term;
	uint32_t vote, leader;
	uint64_t commit, durable; /* durable: the newest entry known to be on our disk */
	uint64_t verified; /* follower: the newest that this term's leader is known to share */
	uint64_t term_first; /* leader: its no-op */
	struct raft_trail trail;
	struct raft_config config, before; /* before: until that of config is committed */
	uint64_t ticked_ms, clock_ms;	   /* the caller's, and ours, which rests in gaps */
	uint64_t heard_ms, timeout_ms;	   /* follower and candidate; leader: of its quorum */
	uint64_t beat_ms;
	uint64_t random;
	uint32_t votes_n, votes[RAFT_NODES_MAX]; /* who granted */
	uint32_t transfer_to;
	uint64_t transfer_ms;
	uint64_t round, round_done, round_index; /* of reads */
	bool round_again;
	struct raft_peer peer[RAFT_NODES_MAX];
	uint32_t peers;
};

void raft_init(struct raft *r, const struct raft_options *opt, const struct raft_stored *found);
/* Fills update whole.
 * ERR_UNAVAILABLE  PROPOSED, CONFIGURE, TRANSFER, READ: this node doesn't lead, or hands over.
 * ERR_BUSY         CONFIGURE before the last one is committed, or of a learner that hasn't
 *                  caught up; TRANSFER to a node that hasn't, or is silent.
 * ERR_LIMIT        CONFIGURE of more than one step (none is fine: names changed).
 * ERR_NOT_FOUND    TRANSFER to a node that can't lead.
 * ERR_STALE        INSTALLED: what is here may be more.
 * ERR_CORRUPT      an invariant broke, ours or a peer's: stop the node. */
enum err raft_step(struct raft *r, const struct raft_event *ev, struct raft_update *update);

#endif
