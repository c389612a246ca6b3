/* restore: a cluster of one voter out of a backup (backup.h) and a copy of the vault: the
 * newest full copy, then the entries of the files behind it, through apply.
 *
 * It is a new cluster with a new id, and its node has one that the old cluster never gave
 * (RESTORE_NODE_GAP above: nodes may have joined after the backup). So nobody of the old one
 * can take it for the old node, whatever survives: the peers' TLS lets in keys of members only,
 * the log's entries are sealed with the cluster's id, and none are left in the log. Ids, UIDs
 * and MODSEQs of what happened after the backup, which clients may have seen, aren't given
 * again: the log goes on RESTORE_INDEX_GAP above, UIDs RESTORE_UID_GAP. */
#ifndef STORE_RESTORE_H
#define STORE_RESTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/slice.h"
#include "crypto/seal.h"

enum { RESTORE_UID_GAP = 1 << 20, RESTORE_NODE_GAP = 100, RESTORE_TEXT = 300 };
static const uint64_t RESTORE_INDEX_GAP = UINT64_C(1) << 32;

struct restore_options {
	const char *backup; /* folder */
	const char *vault;  /* folder of its copy */
	/* Empty folders, on one file system: what is made is whole when restore_run has
	 * returned ERR_OK, and of no use before. */
	const char *to_db, *to_vault;
	/* Opens a wrapped log key. ERR_CRYPTO: by another master key. */
	enum err (*open_key)(void *arg, struct slice wrapped, struct seal_key *key);
	void *arg;
};
struct restore_report {
	uint64_t full, index;	/* the entries up to which the full copy and all of it go */
	uint64_t entries;	/* that were replayed */
	uint64_t violations;	/* that a check of the result found */
	uint32_t node;		/* the new one */
	char why[RESTORE_TEXT]; /* of an err: a sentence; of ERR_OK: the first violation */
};
enum err restore_run(const struct restore_options *o, struct restore_report *report);

#endif
