/* engine_inner: what engine, engine_turn and engine_tend share. Only they include it. */
#ifndef STORE_ENGINE_INNER_H
#define STORE_ENGINE_INNER_H

#include "core/arena.h"
#include "store/compact.h"
#include "store/engine.h"
#include "store/raft_log.h"
#include "store/room.h"
#include "store/vault.h"

/* A proposal that waits, or one whose result waits for the commit. */
struct engine_waiting {
	struct engine_waiting *next;
	struct slice command, body; /* owned, in one allocation behind */
	int fd;
	uint64_t fd_size, fd_at, upload;
	uint32_t chunks;
	bool (*may)(int body_case);
	engine_done done;
	void *arg;
	enum err e;
	uint64_t index;
	Commands__Result *result;
};

struct engine_list {
	struct engine_waiting *first, **end;
};

enum engine_compacting { ENGINE_NOT_COMPACTING, ENGINE_REKEYS, ENGINE_TRIMS, ENGINE_COPIES };

struct engine {
	struct engine_options opt;
	struct db *db;
	struct vault *vault;
	struct raft raft;
	struct raft_log log;
	struct room room;
	struct arena arena; /* of a turn */
	struct apply_touched touched;
	struct apply_secrets secrets; /* of the turn: for the vault, after the commit */
	struct engine_list queue;
	uint64_t queue_bytes;
	uint64_t seq, answered_below; /* of this boot's proposals */
	enum err broken; /* a turn failed: memory and disk may differ, nothing goes on */
	bool has_spool;
	uint64_t spool_dev;
	bool untidy;	    /* log rows or garbage are left to delete */
	bool sweep_pending; /* a sweep is in the queue */
	bool sweep_again;   /* it took effect: there may be more */
	enum engine_compacting compacting;
	struct compact *compact;
	struct seal_key next_key; /* while compacting is ENGINE_REKEYS */
	engine_compacted compacted;
	void *compacted_arg;
	struct engine_stats stats;
};

void engine_inner_init(struct engine_list *l);
void engine_inner_put(struct engine_list *l, struct engine_waiting *w);
/* NULL: empty. */
struct engine_waiting *engine_inner_take(struct engine_list *l);
void engine_inner_free(struct engine *e, struct engine_waiting *w);
/* The log rows below this one aren't wanted. */
uint64_t engine_tend_keep_from(const struct engine *e);
/* What the commit decided, and wipes the log keys that no entry needs any more. */
enum err engine_vault_commit(struct engine *e);
/* After a commit: the next sweep, the next step of a compaction. */
enum err engine_tend_after(struct engine *e);

#endif
