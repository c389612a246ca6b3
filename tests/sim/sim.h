/* sim: whole clusters of the engine in one process: real consensus, real log and state over
 * LMDB in memory, real vault; time is virtual, and chance, which a seed decides, delays, cuts,
 * kills and turns clocks. After each turn of a node the promises must hold (sim_truth). The
 * same seed plays the same story, octet for octet: each line of it is in the trace.
 *
 * sim_disk    what the engine calls to write; a node may die at each of these calls, its power
 *             be cut, its disk be full
 * sim_net     links: two ordered streams each way that break and lose what was on its way
 * sim_node    a node's lives
 * sim_client  what clients want, and what they were told
 * sim_truth   the one history that all must share, played again on a state of its own
 * sim_owner   who runs the queue of which node
 * sim_end     what must be true when all is healed
 * sim_play    a story: the cluster's beginning, chance's part, the end */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <stdio.h>

#include "store/engine.h"
#include "store/raft_log.h"
#include "tests/test.h"

enum {
	SIM_NODES = 5, /* ids 1 to 5 */
	SIM_LOG = 16384,
	SIM_OPS = 8192,
	SIM_TERMS = 4096,
	SIM_ACCOUNT = 77,
	SIM_BODY_MAX = 1 << 20
};

/* --- the story's conditions: chances of 1,000, each millisecond or as said --- */
struct sim_weather {
	uint32_t propose;
	uint32_t crash;				/* of 10,000 turns */
	uint32_t boot;				/* that a dead node comes back */
	uint32_t cut;				/* of 10,000: a link breaks */
	uint32_t silence;			/* of 10,000: one way goes silent */
	uint32_t outage;			/* of 1,000: that it is for long */
	uint32_t pause;				/* of 10,000: a process stands still */
	uint32_t slow_sync;			/* of a commit */
	uint32_t turn_clock, transfer, compact; /* of 10,000 */
	uint32_t fill;				/* of 10,000: a disk becomes full for a while */
	uint32_t power;				/* that a node dies by a power cut */
	uint32_t bad_sync;			/* that a sync of a stage fails */
	uint32_t latency_ms, octets_a_ms;
	bool reconfigures;
};

struct sim_node {
	uint32_t id;
	bool exists, is_up, is_arbiter, was_removed;
	struct engine *e;
	char dir[96];
	/* Of its life. */
	bool wants_turn;
	uint64_t due_ms, busy_ms, paused_ms, tended_ms, keys_ms, born_ms;
	uint64_t chunk_ms; /* when it handed over its newest piece of a large body */
	uint64_t anew_ms;  /* its parent starts it again then; 0: it doesn't */
	uint32_t dies_in;  /* so many things that others could see; 0: not now */
	bool is_dead;	   /* all that it does from here on is lost */
	uint64_t lag_ms;   /* how long the commits of this turn took */
	/* Its disk: what the folder may hold (0: no bound), until then. */
	uint64_t disk_bytes, full_until_ms;
	bool failed_sync;
	/* Its clocks. */
	uint64_t clock_ms, wall_sec;
	int32_t rate_ppm;
	/* What its disk holds, as last seen: terms, and the chain hashes, first octets. */
	uint64_t last, commit, applied, term;
	enum raft_role role;
	struct members members;
	uint64_t term_of[SIM_LOG + 1], chain[SIM_LOG + 1];
};

enum sim_kind {
	SIM_APPEND,
	SIM_APPEND_LARGE, /* from a spool file */
	SIM_ENQUEUE,
	SIM_ENQUEUE_LARGE,
	SIM_STEP,
	SIM_MAILBOX,
	SIM_ACCOUNT_PUT,
	SIM_FLAGS,
	SIM_EXPUNGE,
	SIM_KINDS
};

/* What a client wanted, and what it was told. */
struct sim_op {
	enum sim_kind kind;
	uint32_t node;
	uint64_t target; /* STEP: item; EXPUNGE, FLAGS: uid */
	uint64_t size;
	uint64_t asked_ms, told_ms, asked_at; /* asked_at: what was committed then */
	bool is_told, is_lost;		      /* lost: its node died */
	enum err e;
	uint32_t code, uid;
	uint64_t id, index, result; /* result: hash of all of it */
	/* By the truth. */
	uint64_t at; /* its first entry; 0: none */
	uint64_t true_result;
	uint32_t true_code, true_uid;
	uint64_t true_id;
	bool was_adopted; /* its node, meanwhile: what lay there of a large body is gone */
};

struct sim {
	const char *story;
	uint64_t seed, random, now_ms;
	struct sim_weather weather;
	uint64_t keep_rows, tail_rows; /* as in engine_options */
	bool has_ballast;
	struct sim_node node[SIM_NODES + 1];
	struct sim_node *turning; /* whose code runs */
	uint32_t nodes;		  /* that exist */
	uint64_t inbox;
	uint32_t ops;
	struct sim_op op[SIM_OPS + 1];
	uint32_t leader_of[SIM_TERMS];
	/* The truth: what any node ever said is committed, and what follows from it. */
	uint64_t committed, applied, time_sec;
	uint64_t adopted_at[SIM_NODES + 1]; /* the newest ADOPT of a node */
	uint64_t term_of[SIM_LOG + 1], chain[SIM_LOG + 1], digest[SIM_LOG + 1];
	/* Totals, for the last line. */
	uint64_t told_done, crashes, leaders, streamed, compacted, refused;
};
extern struct sim sim;

/* --- sim_play --- */
uint64_t sim_random(uint64_t below);
bool sim_chance(uint32_t of_1000);
bool sim_rarely(uint32_t of_10000);
/* A line of the story. */
void sim_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A promise is broken: prints seed and the last lines; ends the program. */
_Noreturn void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
struct slice sim_trace(void);
enum sim_topology { SIM_ALONE, SIM_TWO_AND_ARBITER, SIM_THREE, SIM_LEARNER };
struct sim_story {
	const char *name;
	enum sim_topology topology;
	uint64_t ms;   /* that chance has */
	bool joins;    /* the nodes join under way, not before */
	bool trims;    /* the log is short: who lags is streamed the database, by slow links */
	bool compacts; /* any node, at any time; the leader moves on to another log key */
	bool fills;    /* a node's disk is full for a while */
	bool cuts_power; /* what wasn't synced is lost; syncs of a stage fail */
	bool reconfigures;
	bool is_deadly; /* nodes die all the time, and are back soon */
	bool is_long;	/* they stay away, and ways silent, past a proposal's deadline */
};
void sim_play(const struct sim_story *story, uint64_t seed);
/* Without chance: a millisecond passes. */
void sim_pass(void);

/* --- sim_disk --- */
void sim_disk_seed(uint64_t seed); /* of the engines' random numbers */
/* Something that others could see is about to happen: false: the node is dead by now. */
bool sim_disk_lives(void);
/* Of what isn't synced, chance decides what was lost. The engine must be closed. */
void sim_disk_cut(uint32_t id);
/* All that was written is on disk. */
void sim_disk_forget(uint32_t id);
/* Octets in the node's folder. */
uint64_t sim_disk_used(const struct sim_node *n);
void sim_disk_remove(const char *dir);
void sim_disk_copy(const char *from, const char *to);

/* --- sim_net --- */
void sim_net_begin(void);
void sim_net_post(uint32_t from, uint32_t to, bool bulk, struct slice frame);
/* Tells the engines of their links, and hands over what has arrived. */
void sim_net_pass(void);
void sim_net_break(uint32_t a, uint32_t b, uint64_t noticed_within_ms);
void sim_net_silence(uint32_t from, uint32_t to, uint64_t ms);
/* The node died or was removed. */
void sim_net_forget(uint32_t id);
void sim_net_heal(void);

/* --- sim_node --- */
/* The first of a cluster. */
void sim_node_create(uint32_t id);
/* Asks the cluster to let it in, and begins it, empty. */
void sim_node_join(uint32_t id, enum raft_kind goal);
void sim_node_boot(uint32_t id);
/* What isn't on its disk is lost. */
void sim_node_crash(uint32_t id);
void sim_node_pass(struct sim_node *n);
void sim_node_set_clock(const struct sim_node *n);
/* Of those that lead by what they know, that of the highest term; NULL: none. */
struct sim_node *sim_node_leader(void);
bool sim_node_is_member(const struct sim_node *n, enum raft_kind *kind);

/* --- sim_client --- */
/* Domain, account, keys, on the first node while it is alone. */
void sim_client_set_up(void);
uint32_t sim_client_propose(struct sim_node *n, enum sim_kind kind);
/* After a node's turn: whoever asked it is told by the deadline. */
void sim_client_look(const struct sim_node *n);
void sim_client_lost(uint32_t node);
/* 0: none of ours. */
uint32_t sim_client_op_of(const Commands__Command *c);
#define SIM_SECRET "PLANTED-SECRET-"
uint64_t sim_client_hash(struct slice s);
uint8_t sim_client_octet(uint32_t op, uint64_t at);

/* --- sim_truth --- */
/* Its folder lies beside the nodes'. */
void sim_truth_begin(bool is_new);
void sim_truth_end(bool removes);
/* All that must be true of a node after its turn, and beside the others. */
void sim_truth_look(struct sim_node *n);
/* What the disk of a node that is off holds. */
void sim_truth_autopsy(struct sim_node *n);

/* --- sim_owner --- */
/* After a node's turn; where its clock stands it stays. */
void sim_owner_look(struct sim_node *n);
/* Its courier's part, now and then. */
void sim_owner_tend(struct sim_node *n);
/* When all is healed, everybody gets back what it took in. */
void sim_owner_end(void);

/* --- sim_end --- */
/* Whoever is a member has all; every database is sound; what clients were told is so. */
void sim_end_check(void);

#endif
