/* restore_log: the entries of a backup's files, into a copied database: each must follow the
 * one before it (chain hash), be sealed by the cluster's log key, and go through apply. */
#ifndef STORE_RESTORE_LOG_H
#define STORE_RESTORE_LOG_H

#include "store/db.h"
#include "store/raft_log.h"
#include "store/restore.h"
#include "store/vault.h"

struct restore_log {
	struct db *db;
	struct vault *vault;
	struct raft_log log; /* loaded, with its keys */
	const struct restore_options *opt;
	struct restore_report *report;
};
/* ERR_SYNTAX, ERR_CORRUPT: not a file that continues the log; ERR_CRYPTO: its key isn't
 * there. */
enum err restore_log_file(struct restore_log *r, const char *path);

#endif
