/* engine_inner: what engine and the engine_* files share. Only they include it. engine:
 * opening, proposing; engine_turn: one transaction; engine_place: proposals on their way into
 * the log; engine_apply: what is committed, into the state; engine_peer: frames of other
 * nodes; engine_trust: which of them no program of ours sends;
 * engine_members: changes of the membership; engine_catchup: whole databases, to and
 * from others; engine_tend: sweeping and compaction; engine_vault: the vault's file. */
#ifndef STORE_ENGINE_INNER_H
#define STORE_ENGINE_INNER_H

#include "core/arena.h"
#include "store/compact.h"
#include "store/engine.h"
#include "store/lease.h"
#include "store/pace.h"
#include "store/peer.pb-c.h"
#include "store/raft_log.h"
#include "store/room.h"
#include "store/vault.h"

/* A proposal: in `queue` until it is handed to the leader (or the log, when we lead), in
 * `placed` until we have applied it, then in the turn's `done`. */
struct engine_waiting {
	struct engine_waiting *next;
	struct slice command, body; /* owned, in one allocation behind */
	int fd;
	uint64_t fd_size, fd_at, upload;
	uint64_t begun_us; /* when its first chunk was handed over; 0: never */
	uint32_t chunks;
	bool is_boot, is_abandon;
	bool is_handed; /* some leader has, or had, the command */
	bool is_unsure; /* and that was another one, or long ago: it may be in the log */
	uint64_t seq;	/* its name, once it was handed over; BOOT has none */
	uint64_t deadline_ms;
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

/* A frame of another node, or a proposal from one (then split). */
struct engine_frame {
	struct engine_frame *next;
	uint32_t node;
	struct slice command, body; /* of a frame: body is empty */
};
struct engine_frames {
	struct engine_frame *first, **end;
	uint64_t bytes;
};

/* Of another node, by its id. */
struct engine_peer {
	uint32_t id;
	bool is_up;
	bool is_bad;	  /* its connection is to be cut with its next frame */
	uint64_t applied; /* durably */
};

struct engine_mark {
	uint64_t index;
	uint8_t digest[32];
};

struct engine_asked;   /* engine_members */
struct engine_catchup; /* engine_catchup */

/* An ADOPT that was proposed. e NULL: a free place. */
struct engine_adopting {
	struct engine *e;
	uint32_t silent, node, by;
	uint64_t by_boot, epoch, term;
};
struct engine_lease {
	struct lease own;
	struct lease_lead lead;
	uint64_t lead_term;	      /* of `lead`; 0: we don't */
	uint64_t read_round, read_ms; /* the confirmation that runs; 0: none */
	uint64_t beat_ms, look_ms;
	uint32_t beat_to;
	bool recalls;	/* RECALL was proposed */
	uint32_t beats; /* that wait for an answer */
	struct {
		uint64_t sent_ms;
		struct lease_beat beat;
	} beat[RAFT_NODES_MAX];
	struct engine_adopting adopting[RAFT_NODES_MAX];
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
	struct engine_list queue, placed;
	uint64_t queue_bytes, placed_bytes;
	uint64_t appended_us;		    /* when a proposal went into our log last */
	struct pace pace;		    /* of large bodies */
	uint32_t placed_n, requeued;	    /* requeued: of queue, those with a seq */
	uint64_t seq;			    /* the newest of this boot's proposals */
	struct engine_frames inbox, remote; /* remote: proposals, when we lead */
	struct engine_peer peer[RAFT_NODES_MAX];
	uint32_t peers;
	uint64_t applied_by_all;  /* by each voting data node, as far as we know */
	uint64_t durable_applied; /* log.applied of the last commit */
	uint64_t ticked_ms, tended_ms, expired_ms;
	uint64_t refused_log_ms; /* when a bad entry was complained about last */
	struct engine_asked *asked;
	struct engine_catchup *catchup; /* NULL: no stream yet */
	struct engine_lease lease;
	uint64_t made_way_ms;	 /* when leadership was given away because the disk is full */
	uint32_t warned_tail;	 /* the node that was warned of last */
	bool is_changed;	 /* leader, role or members: on_cluster is due */
	uint32_t version;	 /* the cluster's, as far as we have applied */
	bool version_pending;	 /* a ClusterVersion is in the queue */
	struct engine_mark mark; /* the newest; index 0: none, or told */
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

/* --- engine --- */
void engine_inner_init(struct engine_list *l);
void engine_inner_put(struct engine_list *l, struct engine_waiting *w);
/* NULL: empty. */
struct engine_waiting *engine_inner_take(struct engine_list *l);
void engine_inner_free(struct engine *e, struct engine_waiting *w);
void engine_inner_put_frame(
	struct engine_frames *l, uint32_t node, struct slice command, struct slice body);
struct engine_frame *engine_inner_take_frame(struct engine_frames *l);
void engine_inner_drop_frames(struct engine_frames *l);
/* Alone we are the majority: what is in the transaction is committed with it. */
bool engine_inner_is_lone(const struct engine *e);
bool engine_inner_is_arbiter(const struct engine *e);
/* NULL: none such. */
struct engine_peer *engine_inner_peer(struct engine *e, uint32_t id);
/* Follows e->log.members. */
void engine_inner_set_peers(struct engine *e);

/* --- engine_trust --- */
/* Could a program of ours have sent it? frame: Peer__Raft. One of an old term isn't looked
 * at. */
bool engine_trust_raft(const struct engine *e, uint32_t from, const void *frame);

/* --- engine_turn --- */
struct engine_held {
	struct engine_held *next;
	struct raft_message message;
};
struct engine_turn {
	struct engine *e;
	struct db_txn *txn; /* NULL: nothing had to be written yet */
	bool is_dirty;
	bool holds; /* term or vote changed: no message may leave before the commit */
	bool more;  /* something was left for the next turn */
	struct engine_held *held;
	struct raft_message offer[RAFT_NODES_MAX]; /* APPENDs whose entries are to be read */
	uint32_t offers;
	struct engine_list done;
	uint64_t bytes, bulk, started_ms;
	uint64_t answered_below; /* every proposal of this boot is answered below it */
	uint64_t secret_at;	 /* the first entry that brought a secret; 0: none */
	uint32_t entries;
};
/* Begins the transaction, if it isn't yet; something is about to be written. */
enum err engine_turn_write(struct engine_turn *t);
bool engine_turn_has_room(const struct engine_turn *t);

/* --- engine_place --- */
/* Do proposals wait until what was appended before is committed? */
bool engine_place_is_held(const struct engine *e);
/* Hands over what waits. */
enum err engine_place(struct engine_turn *t);
/* Leader, role or the way to the leader changed: what isn't applied is to be handed over
 * again. */
void engine_place_anew(struct engine *e);
/* An entry of this boot was applied: who waits for it is done. */
void engine_place_applied(struct engine_turn *t, const Commands__Command *c, uint64_t index,
	Commands__Result *result);
/* A chunk, when its octets were applied. */
void engine_place_applied_chunk(struct engine *e, const Commands__Command *c, uint64_t size);
void engine_place_refused(struct engine_turn *t, const Peer__Refused *refused);
/* The first proposal of a life. */
void engine_place_boot(struct engine *e);

/* --- engine_apply --- */
/* Entry log.applied + 1, of that term, whose command this is. */
enum err engine_apply_entry(
	struct engine_turn *t, Commands__Command *c, uint64_t term, uint64_t body_size);
/* All that is committed, as far as the turn has room. */
enum err engine_apply(struct engine_turn *t);

/* --- engine_peer --- */
/* Frames that came. */
enum err engine_peer_serve(struct engine_turn *t);
/* What the core wants done. */
enum err engine_peer_update(struct engine_turn *t, const struct raft_update *u);
/* What was held back may leave now. */
void engine_peer_release(struct engine_turn *t);
/* Reads the entries that were offered, and sends them. */
enum err engine_peer_feed(struct engine_turn *t);
void engine_peer_send(struct engine *e, uint32_t node, bool bulk, const void *frame);
/* The newest entry that each voting data node has applied. */
uint64_t engine_peer_applied_by_all(struct engine *e);

/* --- engine_members --- */
enum err engine_members_tend(struct engine_turn *t);
/* A Change frame. */
void engine_members_asked(struct engine *e, uint32_t node, const void *change);
void engine_members_drop(struct engine *e);

/* --- engine_lease --- */
/* Frames. */
void engine_lease_beat(struct engine *e, uint32_t node, const void *beat);
void engine_lease_answer(struct engine *e, uint32_t node, const void *answer);
/* Behind the commit. */
enum err engine_lease_turn(struct engine_turn *t);
/* When there may be no turn: alone. */
enum err engine_lease_tend(struct engine *e);

/* --- engine_catchup --- */
/* To this node, as soon as it can be. */
void engine_catchup_start(struct engine *e, uint32_t node);
/* A Snapshot* frame. */
enum err engine_catchup_hear(struct engine_turn *t, uint32_t node, const void *frame);
void engine_catchup_link(struct engine *e, uint32_t node, bool up);
/* Goes on with all streams. */
enum err engine_catchup_step(struct engine_turn *t);
bool engine_catchup_is_due(const struct engine *e);
/* After a commit: what is whole takes its place. ERR_END: as engine_turn says. */
enum err engine_catchup_install(struct engine *e);
/* While a stream runs no payload may be freed, and no log row from this one on. */
bool engine_catchup_is_sending(const struct engine *e);
uint64_t engine_catchup_keep_from(const struct engine *e);
/* Has this node no log key until it is given a database? */
bool engine_catchup_awaits(const struct engine *e);
void engine_catchup_close(struct engine *e);

/* --- engine_tend --- */
/* The log rows below this one aren't wanted. */
uint64_t engine_tend_keep_from(struct engine *e);
/* After a commit: the next sweep, the next step of a compaction. */
enum err engine_tend_after(struct engine *e);

/* --- engine_version --- */
/* The cluster's, from the state. ERR_VERSION: this program doesn't know it (that was said). */
enum err engine_version_load(struct engine *e, struct db_txn *txn);
/* The leader's: proposes the next one when every data node knows it. */
enum err engine_version_tend(struct engine *e);

/* --- engine_mark --- */
/* The state's digest as of a mark that was applied just now, in the open transaction. */
enum err engine_mark_note(struct engine *e, struct db_txn *txn, uint64_t index);
/* After the commit: on_mark. */
void engine_mark_tell(struct engine *e);

/* --- engine_vault --- */
/* What the commit decided, and wipes the log keys that no entry needs any more. */
enum err engine_vault_commit(struct engine *e);
/* The first log key of a node that joins; empty: none. */
enum err engine_vault_join(struct engine *e, struct slice wrapped);

#endif
