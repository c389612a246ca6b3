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
#include "store/raft.h"

/* A NOOP is empty, a CONFIG is commands.Members; neither is sealed, so that an arbiter can
 * write the one and read the other. */
enum raft_log_type { RAFT_LOG_NOOP, RAFT_LOG_COMMAND, RAFT_LOG_CONFIG };

enum { RAFT_LOG_KEYS = 8 };
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
	uint8_t chain[SEAL_HASH]; /* of `last` */
	struct raft_config config, config_before;
	struct buf scratch;
	bool has_key;	    /* may it be appended to? The engine says so */
	uint32_t page_left; /* octets that the newest page of table body has left, as far as we
			       know */
};

/* Reads meta; a fresh database is node 1 of a new cluster. Writes nothing unless it is fresh
 * (then txn must be a write one). */
enum err raft_log_load(struct raft_log *log, struct db_txn *txn);
/* A new cluster, of this node alone, whose log is empty up to index: the log's rows are gone
 * already. Saves all of it. */
enum err raft_log_found(
	struct raft_log *log, struct db_txn *txn, uint32_t node, uint64_t index);
void raft_log_fini(struct raft_log *log);
/* Which term each row has, for raft_init. ERR_CORRUPT: a row is missing. */
enum err raft_log_trail(
	const struct raft_log *log, struct db_txn *txn, struct raft_trail *trail);
/* Appends entry last + 1. command: plain. body: sealed payload, may be empty, at most
 * SCHEMA_ENTRY_BODY_MAX octets. */
enum err raft_log_append(struct raft_log *log, struct db_txn *txn, enum raft_log_type type,
	struct slice command, struct slice body);
/* Opens entry index; command lives in log->scratch until the next call. ERR_CRYPTO: not what
 * was appended, or sealed by a key that isn't at hand. */
enum err raft_log_read(struct raft_log *log, struct db_txn *txn, uint64_t index, uint64_t *term,
	struct slice *command);
/* Writes hard, applied, tail, time and first. Once per transaction, last. */
enum err raft_log_save(struct raft_log *log, struct db_txn *txn);
/* The body's rows of an entry. *page_left: as in struct raft_log; 0 if unknown. ERR_TOO_BIG:
 * over SCHEMA_ENTRY_BODY_MAX. */
enum err raft_log_put_body(
	struct db_txn *txn, uint64_t index, struct slice body, uint32_t *page_left);
/* Deletes entries from `from` on (from > applied), with their payload: they were never
 * committed. */
enum err raft_log_truncate(struct raft_log *log, struct db_txn *txn, uint64_t from);
/* Deletes log rows below `keep_from`, at most max of them, and moves first. */
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
