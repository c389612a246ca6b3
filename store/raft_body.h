/* raft_body: the payload rows of an entry (table body). How a body is cut into rows is up to
 * each node: one below SCHEMA_INLINE_MAX so that its rows fill LMDB's pages. */
#ifndef STORE_RAFT_BODY_H
#define STORE_RAFT_BODY_H

#include "core/buf.h"
#include "crypto/seal.h"
#include "store/db.h"

/* *page_left: octets that the newest page of the table has left, as far as we know; 0 if
 * unknown. ERR_TOO_BIG: more than SCHEMA_ENTRY_BODY_MAX octets. */
enum err raft_body_put(
	struct db_txn *txn, uint64_t index, struct slice body, uint32_t *page_left);
/* All of it, behind what out has. ERR_TOO_BIG: out has no room. */
enum err raft_body_get(struct db_txn *txn, uint64_t index, struct buf *out);
/* Deletes at most *max rows; *max sinks. ERR_MORE: some are left. */
enum err raft_body_free(struct db_txn *txn, uint64_t index, uint32_t *max);
/* Of the rows that are there. */
enum err raft_body_hash(
	struct db_txn *txn, uint64_t index, uint64_t *n, uint8_t hash[SEAL_HASH]);

#endif
