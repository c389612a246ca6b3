/* backup: a copy of the database in a folder of its own, made from outside of the store, which
 * may be at work: first whole, as of one log index, then what the log has had since. Each run
 * adds one file, which is synced and gets its name last: a run that ends early changes nothing.
 *
 *   full-CLUSTER-INDEX-CHAIN.mdb   the database as of INDEX
 *   log-CLUSTER-INDEX-CHAIN        the entries behind the file before, up to INDEX
 *
 * CLUSTER: its id; INDEX: 20 digits; CHAIN: the chain hash of that entry; ids and hashes are
 * the first 16 hexadecimal digits. A file log-*, integers big-endian:
 *
 *     0  16   "hairpin-log", zeros
 *    16  16   the cluster's id
 *    32  u64  index of the first entry
 *    40  32   chain hash of the entry before it
 *    72       of each entry: octets of its row u32, of its payload u32, then both
 *             (table log of raft_log.h; table body)
 *             u32 zero: the end
 *
 * What is in them is sealed as in the database; the vault, whose log keys open it, isn't there.
 * The vault is copied apart: backup_vault. */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

enum {
	BACKUP_NAME = 100,
	BACKUP_PATH = 1200,
	BACKUP_HEAD = 72,
	BACKUP_FILES_MAX = 10000,
	BACKUP_ROW_MAX = 2 << 20 /* octets of a log row */
};

enum backup_kind {
	BACKUP_FULL, /* there was none */
	BACKUP_ANEW, /* full, because the log no longer has what came behind the last one */
	BACKUP_MORE, /* what came since */
	BACKUP_SAME  /* nothing came: no file was made */
};
struct backup_report {
	enum backup_kind kind;
	uint64_t from, index;	/* from: the first entry of BACKUP_MORE */
	uint64_t bytes;		/* of the file that was made */
	char name[BACKUP_NAME]; /* of the newest file */
};
/* dir: of data.mdb. to: is made if it isn't there. ERR_EXISTS: what is there is of another
 * database, or of a history that isn't this one's, and stays. ERR_BUSY: a backup to that folder
 * runs, or the database is being swapped. ERR_FULL: no space there. ERR_NOT_FOUND: no
 * database. */
enum err backup_run(const char *dir, const char *to, struct backup_report *report);

/* Copies dir/secrets to to/secrets, whole, while the store may write to it. *rows: how many
 * secrets. ERR_CORRUPT: it is damaged, and stays so. */
enum err backup_vault(const char *dir, const char *to, uint64_t *rows);

/* What is in a folder: the newest full file, and the log files behind it in their order. */
struct backup_file {
	char name[BACKUP_NAME];
	bool is_full;
	char cluster[17], chain[17];
	uint64_t index;
};
struct backup_list {
	size_t n;
	struct backup_file *file; /* the first is the full one */
};
/* ERR_NOT_FOUND: no full file (n is 0). ERR_LIMIT: BACKUP_FILES_MAX. */
enum err backup_list(const char *folder, struct backup_list *list);
void backup_list_free(struct backup_list *list);
/* Every file of a backup but that one goes. */
void backup_list_drop_others(const char *folder, const char *keep);

#endif
