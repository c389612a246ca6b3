/* engine: the store's turn of the loop. Proposals and other nodes' frames are
 * collected; a turn appends what is new to the log and applies what is
 * committed, in one write transaction, and tells the proposers after that, in
 * order. With one voter what is durable is committed; else the leader feeds the
 * others, and a node that doesn't lead sends its proposals to the leader, again
 * and again under the same id, until it has applied them itself. The log is the
 * only way in: `hairpin init` goes through it too. Works without a loop or ipc:
 * call engine_turn until it is idle. */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include "core/err.h"
#include "crypto/seal.h"
#include "store/apply.h"
#include "store/db.h"
#include "store/members.h"

enum {
	ENGINE_TURN_BYTES = 4 << 20, /* of commands and payload in one transaction */
	ENGINE_TURN_ENTRIES = 1024,
	ENGINE_TURN_APPLY_MS = 50,
	ENGINE_TURN_BULK = 512 << 10, /* payload octets read from spool files in one turn */
	ENGINE_COMMAND_MAX = 1 << 20,
	ENGINE_BODY_MAX = 1 << 30,	 /* sealed octets of one body */
	ENGINE_QUEUE_BYTES = 64 << 20,	 /* of proposals that wait */
	ENGINE_FRAME_MAX = 2 << 20,	 /* octets of a frame between nodes */
	ENGINE_INBOX_BYTES = 64 << 20,	 /* of other nodes' frames that wait */
	ENGINE_REMOTE_BYTES = 128 << 20, /* and of their proposals, at the leader */
	ENGINE_DEADLINE_MS = 15000,	 /* of a proposal, after its newest chunk */
	ENGINE_ELECTION_MS = 1000,
	ENGINE_HEARTBEAT_MS = 100
};

struct engine;

struct engine_options {
	const char *dir;   /* of data.mdb */
	const char *vault; /* the folder of the vault (vault.h); NULL: dir */
	const char *spool; /* the folder whose file system spool files must be on; NULL: any */
	bool create;
	bool ballast; /* keep a reserve file for a full disk (room.h) */
	uint64_t map_bytes;
	uint64_t boot;		/* random, new in each life; 0: made here */
	uint64_t log_keep_rows; /* applied entries that stay in the log */
	uint64_t tail_rows;	/* so many are kept for a voter that is away, then it loses its
			       vote; 0: no bound */
	/* After each commit that changed something. May be NULL. */
	void (*on_commit)(void *arg, uint64_t applied, const struct apply_touched *touched);
	/* Around the swap of the file by a compaction: first with NULL (end your transactions),
	 * then with the new handle. May be NULL. An err stops the node. */
	enum err (*on_swap)(void *arg, struct db *db);
	/* A frame for another node (store/peer.proto), borrowed. bulk: it may be overtaken.
	 * NULL: there are no others. */
	void (*on_send)(void *arg, uint32_t node, bool bulk, struct slice frame);
	/* A mark (DigestMark) was applied and committed: the state's digest as of that entry.
	 * May be NULL. */
	void (*on_mark)(void *arg, uint64_t index, const uint8_t digest[32]);
	/* Leader, role or members changed. May be NULL. */
	void (*on_cluster)(void *arg);
	void *arg;
};

/* What a node that joins begins with (create_joined). */
struct engine_join {
	uint8_t cluster[16];
	uint32_t node;
	const struct members *members; /* with the index of their entry */
	struct slice log_key; /* wrapped, of engine_first_key; empty: it comes with the state */
};
/* An empty database and vault for it, in opt's folders. ERR_EXISTS: there is one. */
enum err engine_create_joined(const struct engine_options *opt, const struct engine_join *join);

/* Opens database and vault; the log keys must be set before the first turn. ERR_VERSION: newer,
 * untouched. ERR_NOT_FOUND: no database, or (said in the log) no vault. */
enum err engine_open(const struct engine_options *opt, struct engine **engine);
/* Proposals that wait are dropped without a callback. */
void engine_close(struct engine *e);
/* Until the engine is ready it wants log keys, one after the other: this is the wrapped form of
 * the next one, or ERR_NOT_FOUND: then make one, and give both. */
/* ERR_UNAVAILABLE: it comes with the database that this node waits for. */
enum err engine_wrapped_key(struct engine *e, struct buf *wrapped);
/* With the last one what a crash kept from the vault goes there. */
/* The wrapped key with which the log begins, for a data node that joins. ERR_NOT_FOUND: the log
 * doesn't reach back so far, and the node gets the state. */
enum err engine_first_key(struct engine *e, struct buf *wrapped);
enum err engine_set_key(struct engine *e, const struct seal_key *key, struct slice new_wrapped);
bool engine_is_ready(const struct engine *e);

/* e other than ERR_OK and ERR_TIMEOUT: nothing happened. FULL: no space for new mail; SYNTAX:
 * not a command, or a body where none belongs; DENIED: may said no; UNSUPPORTED: not before
 * the whole cluster knows it (version.h); IO: the spool file ended
 * early; UNAVAILABLE: no leader took it until its deadline. TIMEOUT: a leader has it, and what
 * became of it isn't known: to be called neither done nor failed. result lives until the
 * return. */
typedef void (*engine_done)(
	void *arg, enum err e, uint64_t index, const Commands__Result *result);
/* command: packed commands.Command, copied; who and when in it are set by the engine. body:
 * sealed payload, copied, when fd is -1; else fd_size octets are read from fd (which is taken
 * and closed) and go in as chunks before the command. done comes from a later engine_turn,
 * after the commit, in order; may be NULL. */
struct engine_proposal {
	struct slice command, body;
	int fd;
	uint64_t fd_size;
	/* May its asker propose a command of this body_case? NULL: all. */
	bool (*may)(int body_case);
	engine_done done;
	void *arg;
};
/* An err: done never comes, and fd is closed. ERR_SYNTAX: the fd isn't a spool file with so
 * many octets. ERR_TOO_BIG. ERR_BUSY: too much waits already. */
enum err engine_propose(struct engine *e, const struct engine_proposal *p);
/* One transaction at most. *more: something is left to do. An err: stop the node (FULL: start
 * it again). END: another node's database has taken this one's place: start all that has it
 * open again. */
enum err engine_turn(struct engine *e, bool *more);
/* Looks for what is to be swept or trimmed; the next turns do it. Call now and then (each
 * second). */
enum err engine_tend(struct engine *e);
/* Proposes and turns until the answer is there. For init and tests. */
enum err engine_propose_now(struct engine *e, const Commands__Command *c, struct slice body,
	struct arena *a, Commands__Result **result);

/* --- the cluster --- */

/* A whole frame from another node, as link names it; copied, served by the next turn.
 * ERR_SYNTAX: no frame, or the one before was none that a node sends; ERR_BUSY: too many
 * wait. Both: cut that connection. */
enum err engine_receive(struct engine *e, uint32_t node, struct slice frame);
/* The connection to a node came up or was lost. */
void engine_link(struct engine *e, uint32_t node, bool up);
/* In how many ms a turn is due though nothing arrives; UINT32_MAX: none is. */
uint32_t engine_next_ms(const struct engine *e);

const struct members *engine_members(const struct engine *e);
struct engine_peer_status {
	bool is_up;		 /* its connection */
	bool is_answering;	 /* the leader heard it within an election's time */
	uint64_t match, applied; /* known to the leader alone */
};
struct engine_status {
	uint32_t node, leader; /* leader 0: none known */
	enum raft_role role;
	uint64_t term, last, commit, applied;
	struct engine_peer_status peer[RAFT_NODES_MAX]; /* beside engine_members()->node */
};
void engine_status(const struct engine *e, struct engine_status *s);

enum engine_change_kind {
	ENGINE_JOIN, /* joins: without id; it begins as a learner with its goal */
	ENGINE_REMOVE,
	ENGINE_PROMOTE, /* to its goal */
	ENGINE_DEMOTE,
	ENGINE_TRANSFER, /* leadership; node 0: to any */
	ENGINE_DESCRIBE	 /* joins: name, address and key of a member, by itself alone */
};
struct engine_change {
	enum engine_change_kind kind;
	uint32_t node;
	struct members_node joins;
};
/* ERR_OK once this node has seen it committed (TRANSFER: once another leads); node: its id.
 * ERR_TIMEOUT, ERR_UNAVAILABLE as for proposals. ERR_EXISTS: JOIN with a token or key that was
 * used, or with a name or address that a member has. ERR_LIMIT, ERR_BUSY, ERR_NOT_FOUND:
 * raft.h. */
typedef void (*engine_changed)(void *arg, enum err e, uint32_t node);
/* done comes from a later turn. From any node: the leader does it. */
void engine_change(
	struct engine *e, const struct engine_change *change, engine_changed done, void *arg);

/* --- the rest --- */

struct db *engine_db(struct engine *e);
const struct vault *engine_vault(const struct engine *e);
/* Of this life: the items of owner rows with it are this node's to run ... */
uint64_t engine_boot(const struct engine *e);
/* ... until then (clock_ms), unless a later call says more: lease.h. 0: it never was. */
uint64_t engine_lease_until_ms(const struct engine *e);
uint64_t engine_applied(const struct engine *e);
struct raft_log;
const struct raft_log *engine_log(const struct engine *e);
/* A new log key, and its wrapped form. */
struct engine_log_key {
	struct seal_key key;
	struct slice wrapped;
};
/* The log moves on to the next key (NULL: it doesn't), what was deleted is swept, the log's
 * prefix goes, and with it the old key from the vault; then the database is copied without its
 * free pages, while work goes on, and swapped. ERR_FULL: no space for the copy, ERR_BUSY:
 * somebody reads the file from outside (db_hold.h): all is as before. Any other err comes from
 * the turn too. */
typedef void (*engine_compacted)(void *arg, enum err e);
/* ERR_BUSY: one is running. done comes from a later turn. */
enum err engine_tend_compact(
	struct engine *e, const struct engine_log_key *next, engine_compacted done, void *arg);
/* The same, turning until it is done. */
enum err engine_compact(struct engine *e, const struct engine_log_key *next);
/* Counts since start, for stats. */
struct engine_stats {
	uint64_t commits, entries, payload_bytes, applied, log_first, used_bytes, waiting_bytes;
	bool full;
};
void engine_stats(struct engine *e, struct engine_stats *s);

#endif
