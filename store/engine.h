/* engine: the store's turn of the loop. Proposals are collected; a turn appends
 * them to the log and applies them in one write transaction (with one voter,
 * what is durable is committed), and tells the proposers after the commit, in
 * order. The log is the only way in: `hairpin init` goes through it too. Works
 * without a loop or ipc: call engine_turn until it is idle. */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include "core/err.h"
#include "crypto/seal.h"
#include "store/apply.h"
#include "store/db.h"

enum {
	ENGINE_TURN_BYTES = 4 << 20, /* of commands and payload in one transaction */
	ENGINE_TURN_ENTRIES = 1024,
	ENGINE_TURN_APPLY_MS = 50,
	ENGINE_TURN_BULK = 512 << 10, /* payload octets read from spool files in one turn */
	ENGINE_COMMAND_MAX = 1 << 20,
	ENGINE_BODY_MAX = 1 << 30,     /* sealed octets of one body */
	ENGINE_QUEUE_BYTES = 64 << 20, /* of proposals that wait */
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
	/* After each commit that changed something. May be NULL. */
	void (*on_commit)(void *arg, uint64_t applied, const struct apply_touched *touched);
	/* Around the swap of the file by a compaction: first with NULL (end your transactions),
	 * then with the new handle. May be NULL. An err stops the node. */
	enum err (*on_swap)(void *arg, struct db *db);
	void *arg;
};

/* Opens database and vault; the log keys must be set before the first turn. ERR_VERSION: newer,
 * untouched. ERR_NOT_FOUND: no database, or (said in the log) no vault. */
enum err engine_open(const struct engine_options *opt, struct engine **engine);
/* Proposals that wait are dropped without a callback. */
void engine_close(struct engine *e);
/* Until the engine is ready it wants log keys, one after the other: this is the wrapped form of
 * the next one, or ERR_NOT_FOUND: then make one, and give both. */
enum err engine_wrapped_key(struct engine *e, struct buf *wrapped);
/* With the last one what a crash kept from the vault goes there. */
enum err engine_set_key(struct engine *e, const struct seal_key *key, struct slice new_wrapped);
bool engine_is_ready(const struct engine *e);

/* e other than ERR_OK: nothing happened. FULL: no space for new mail; SYNTAX: not a command, or
 * a body where none belongs; DENIED: may said no; IO: the spool file ended early. result lives
 * until the return. */
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
 * it again). */
enum err engine_turn(struct engine *e, bool *more);
/* Looks for what is to be swept or trimmed; the next turns do it. Call now and then (each
 * second). */
enum err engine_tend(struct engine *e);
/* Proposes and turns until the answer is there. For init and tests. */
enum err engine_propose_now(struct engine *e, const Commands__Command *c, struct slice body,
	struct arena *a, Commands__Result **result);

struct db *engine_db(struct engine *e);
const struct vault *engine_vault(const struct engine *e);
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
 * free pages, while work goes on, and swapped. ERR_FULL: no space for the copy, all is as
 * before. Any other err comes from the turn too. */
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
