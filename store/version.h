/* version: which commands the whole cluster understands. A released (type, version) is frozen:
 * what it does to the state never changes, because a node that replays the log must come to
 * what the others came to. A new command, or a new effect, is a new type with the next version:
 * it is proposed only once the log says (ClusterVersion) that every data node knows it, and a
 * program that doesn't know the cluster's version doesn't start. Pure. */
#ifndef STORE_VERSION_H
#define STORE_VERSION_H

#include "store/db.h"

/* HAIRPIN_NEXT is for builds of the tests: the next version, with one more command. */
enum {
	VERSION_FIRST = 1,
#ifdef HAIRPIN_NEXT
	VERSION_COMMANDS = 2, /* the newest that this program knows */
#else
	VERSION_COMMANDS = 1,
#endif
};

/* Since which version there is that command (its body_case). */
uint32_t version_of(int body_case);
/* The cluster's, as the log has come to; VERSION_FIRST if it was never raised. ERR_CORRUPT. */
enum err version_cluster(struct db_txn *txn, uint32_t *version);
enum err version_put(struct db_txn *txn, uint32_t version);
/* What a node's program knows, as its newest boot said; VERSION_FIRST if it never booted. */
enum err version_node(struct db_txn *txn, uint32_t node, uint32_t *version);
enum err version_put_node(struct db_txn *txn, uint32_t node, uint32_t version);

#endif
