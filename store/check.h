/* check: proves the invariants of a database over one snapshot: counts equal
 * their references, no payload row lies outside log, upload, payload and
 * garbage, mailbox and account counters equal their rows, the table of changes
 * fits the messages, what is due fits the recipients, names are unique, the
 * log's chain holds, the vault holds the secrets that the database knows of and no
 * others, and the digest is that of the rows. In steps, so that the
 * store can do it while it works. Memory: some 50 octets for each message,
 * payload and log entry with a body. */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include "store/db.h"
#include "store/raft_log.h"

enum { CHECK_TEXTS = 100, CHECK_TEXT = 200 };

struct check;
struct check_report {
	uint64_t violations, rows;
	size_t texts;			    /* the first CHECK_TEXTS violations */
	char text[CHECK_TEXTS][CHECK_TEXT]; /* each a sentence */
};

/* What lies beside the database. */
struct check_with {
	/* n = 0 when not at hand: then the log's seals aren't opened; its chain and hashes are
	 * checked all the same. */
	const struct raft_log_keys *keys;
	struct slice vault; /* the file (vault_image.h); empty: it isn't looked at */
};
/* Takes a snapshot of db, which stays until check_end, and compares it with the vault at
 * once. */
enum err check_begin(struct db *db, const struct check_with *with, struct check **check);
/* Looks at some `rows` more rows. *done: the report is whole. An err: the database can't be
 * read. */
enum err check_step(struct check *c, uint32_t rows, bool *done);
/* Borrowed until check_end. */
const struct check_report *check_report(const struct check *c);
/* NULL is fine. */
void check_end(struct check *c);
/* All at once, over the database in dir and the vault in vault_dir, which may be in use. */
enum err check_folder(const char *dir, const char *vault_dir, struct check_report *report);

#endif
