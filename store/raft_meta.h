/* raft_meta: what a node knows of itself beside its log, in table meta (raft_log.h lists the
 * rows). */
#ifndef STORE_RAFT_META_H
#define STORE_RAFT_META_H

#include "store/raft_log.h"

/* Fills log. A fresh database is node 1 of a new cluster, or what `fresh` says. Writes nothing
 * unless it is fresh (then txn must be a write one). */
struct raft_meta_fresh {
	const uint8_t *cluster; /* 16 octets */
	uint32_t node;
	const struct members *members;
};
enum err raft_meta_load(
	struct raft_log *log, struct db_txn *txn, const struct raft_meta_fresh *fresh);
/* A new cluster, of this node alone, whose log is empty up to index: the log's rows are gone
 * already. Saves all of it. */
enum err raft_meta_found(
	struct raft_log *log, struct db_txn *txn, uint32_t node, uint64_t index);
/* Writes hard, applied, tail, base, time and first. Once per transaction, last. */
enum err raft_meta_save(struct raft_log *log, struct db_txn *txn);
/* Both lists of members, as log has them. */
enum err raft_meta_put_members(struct raft_log *log, struct db_txn *txn);

#endif
