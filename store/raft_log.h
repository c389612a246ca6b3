/* raft_log: the log on disk: rows of entries with their sealed commands, the
 * payload rows, the chain hash, term and vote, the applied index.
 *
 * A row of table log:
 *
 *    0  u64  term
 *    8  u8   type
 *    9  u64  octets of payload
 *   17  32   payload hash (zeros without payload)
 *   49  32   chain hash
 *   81       sealed command
 *
 * The command is sealed under the log key (crypto/seal, box_key) with the AAD
 * cluster id 16, index u64, term u64, type u8, payload hash 32. Log keys move
 * on: each seals the entries above an index, up to that of the next key; they
 * are kept in the vault (vault.h), not here. The chain is
 * h(i) = H(h(i-1), term, type, sealed command, payload hash). A body below
 * SCHEMA_INLINE_MAX is cut so that its rows fill LMDB's pages; how is up to
 * each node. Of table meta these are the log's:
 *
 *   applied  u64
 *   base     of the entry before the first row: term u64, chain hash 32
 *   cluster  16 octets
 *   config   index u64, commands.Members
 *   config_before  the same, of the configuration before
 *   first    u64 (first log row)
 *   hard     term u64, vote u32
 *   node     u32
 *   tail     last u64, its term u64, its chain hash 32
 *   time     u64
 */
#ifndef STORE_RAFT_LOG_H
#define STORE_RAFT_LOG_H

#include "core/buf.h"
#include "crypto/seal.h"
#include "store/db.h"
#include "store/members.h"

/* A NOOP is empty, a CONFIG is commands.Members; neither is sealed, so that an arbiter can
 * write the one and read the other. */
/* REKEY: a command after which the next log key seals. */
enum raft_log_type { RAFT_LOG_NOOP, RAFT_LOG_COMMAND, RAFT_LOG_CONFIG, RAFT_LOG_REKEY };

enum { RAFT_LOG_KEYS = 8, RAFT_LOG_MEMBERS_MAX = 4096 };
struct raft_log_keys {
	unsigned n;
	struct raft_log_key {
		uint64_t after; /* it seals the entries above this index */
		struct seal_key key;
	} key[RAFT_LOG_KEYS]; /* ascending */
};

struct raft_log {
	struct raft_log_keys keys;
	uint8_t cluster[16];
	uint32_t node;
	struct raft_hard hard;
	uint64_t first, last, last_term, applied, time_sec;
	uint64_t base_term;	  /* of first - 1 */
	uint64_t rekey;		  /* the newest REKEY that isn't applied, or 0 */
	uint8_t chain[SEAL_HASH]; /* of `last` */
	uint8_t base_chain[SEAL_HASH];
	/* The newest in the log, committed or not, and the one before it. */
	struct members members, members_before;
	struct buf scratch;
	bool has_key;	      /* may it be appended to? The engine says so */
	bool holds_tail_only; /* an arbiter: payload goes with its row */
	uint32_t page_left; /* octets that the newest page of table body has left, as far as we
			       know */
};

void raft_log_fini(struct raft_log *log);
/* Which term each row has, for raft_init. ERR_CORRUPT: a row is missing. */
enum err raft_log_trail(
	const struct raft_log *log, struct db_txn *txn, struct raft_trail *trail);
/* Appends entry last + 1. command: plain. body: sealed payload, may be empty, at most
 * SCHEMA_ENTRY_BODY_MAX octets. */
enum err raft_log_append(struct raft_log *log, struct db_txn *txn, enum raft_log_type type,
	struct slice command, struct slice body);
/* As CONFIG; they count from now on. */
enum err raft_log_append_members(
	struct raft_log *log, struct db_txn *txn, const struct members *m);

/* An entry as it goes over the wire. */
struct raft_log_entry {
	enum raft_log_type type;
	uint64_t term;	     /* raft_log_get alone */
	uint64_t body_size;  /* the same */
	struct slice sealed; /* borrowed; of raft_log_get: until the next write */
	struct slice body;   /* raft_log_get leaves it empty (raft_body.h) */
};
enum err raft_log_get(struct db_txn *txn, uint64_t index, struct raft_log_entry *entry);
/* The chain hash of entry index. ERR_NOT_FOUND: no longer known. */
enum err raft_log_chain(const struct raft_log *log, struct db_txn *txn, uint64_t index,
	uint8_t chain[SEAL_HASH]);
/* Is another node's entry one that a data node of this cluster sealed for that place? Without
 * the key at hand only its form is looked at. ERR_CRYPTO, ERR_SYNTAX: no. */
enum err raft_log_verify(struct raft_log *log, uint64_t index, uint64_t term,
	const struct raft_log_entry *entry);
/* Its form alone: for entries whose key may be another one than those at hand. ERR_SYNTAX. */
enum err raft_log_verify_form(const struct raft_log_entry *entry);
/* A REKEY that isn't applied: the first whose key is at hand, or the newest; UINT64_MAX: there
 * is none. It may be cut off, so which key seals what comes behind it isn't sure. */
uint64_t raft_log_unsure_from(const struct raft_log *log);
/* Appends it, verified, as entry last + 1. */
enum err raft_log_take(struct raft_log *log, struct db_txn *txn, uint64_t term,
	const struct raft_log_entry *entry);
/* Opens entry index; command lives in log->scratch until the next call. ERR_CRYPTO: not what
 * was appended, or sealed by a key that isn't at hand. */
enum err raft_log_read(struct raft_log *log, struct db_txn *txn, uint64_t index, uint64_t *term,
	struct slice *command);
/* Sets log->rekey from the rows. At the start. */
enum err raft_log_find_rekey(struct raft_log *log, struct db_txn *txn);
/* Deletes entries from `from` on (from > applied), with their payload: they were never
 * committed. */
enum err raft_log_truncate(struct raft_log *log, struct db_txn *txn, uint64_t from);
/* Deletes log rows below `keep_from`, at most max of them, and moves first and base. */
enum err raft_log_trim(
	struct raft_log *log, struct db_txn *txn, uint64_t keep_from, uint32_t max);
/* Frees garbage payload of entries below first, at most max rows. *more: some is left. */
enum err raft_log_free(struct raft_log *log, struct db_txn *txn, uint32_t max, bool *more);
/* One entry: its chain hash (before: its predecessor's; NULL: not known), its seal (if
 * there are keys), the hash of its payload if that is there. Gives its chain hash. ERR_CORRUPT,
 * ERR_CRYPTO, ERR_NOT_FOUND (no such row). */
enum err raft_log_check(struct raft_log *log, struct db_txn *txn, uint64_t index,
	const uint8_t *before, uint8_t chain[SEAL_HASH]);
/* Entries above `after` are sealed by it from now on; after is above that of every other key.
 * When there are too many the oldest is forgotten. */
void raft_log_add_key(struct raft_log *log, uint64_t after, const struct seal_key *key);
/* Wipes the keys but the newest `keep`. */
void raft_log_drop_keys(struct raft_log *log, unsigned keep);

#endif
