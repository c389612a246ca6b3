/* view_mailbox: reading mailboxes and messages over any transaction. Slices
 * are borrowed from the transaction. */
#ifndef STORE_VIEW_MAILBOX_H
#define STORE_VIEW_MAILBOX_H

#include "core/arena.h"
#include "core/err.h"
#include "store/commands.pb-c.h"
#include "store/schema.h"

struct db_txn;

enum err view_mailbox(
	struct db_txn *txn, uint64_t mailbox, struct arena *a, Commands__Mailbox **out);
/* name: UTF-8, canonical (INBOX in upper case). */
enum err view_mailbox_by_name(struct db_txn *txn, uint64_t account, struct slice name,
	struct arena *a, Commands__Mailbox **out);
/* Every mailbox of the account in name order, stages first (schema_is_stage); each returns
 * false to stop. */
enum err view_mailbox_each(struct db_txn *txn, uint64_t account, struct arena *a,
	bool (*each)(void *arg, const Commands__Mailbox *m), void *arg);
/* Messages with uid >= from in order; false stops. Damaged rows end with ERR_CORRUPT. */
enum err view_mailbox_messages(struct db_txn *txn, uint64_t mailbox, uint32_t from,
	bool (*each)(void *arg, uint32_t uid, const struct schema_message *m), void *arg);
enum err view_mailbox_message(
	struct db_txn *txn, uint64_t mailbox, uint32_t uid, struct schema_message *m);
/* What changed after modseq, in modseq order: each message's newest change; gone: expunged.
 * ERR_STALE: older than what the table still knows: compare everything instead. */
enum err view_mailbox_changes(struct db_txn *txn, uint64_t mailbox, uint64_t after,
	bool (*each)(void *arg, uint32_t uid, uint64_t modseq, bool gone), void *arg);

struct view_mailbox_part {
	struct slice sealed; /* at most SCHEMA_PART_SEALED octets */
	bool is_last;	     /* of the payload's parts */
};
/* Part n of a payload, assembled in the arena when it lies in small rows; otherwise borrowed
 * from the map. ERR_NOT_FOUND: no such part, or no such payload. */
enum err view_mailbox_part(struct db_txn *txn, uint64_t payload, uint32_t n, struct arena *a,
	struct view_mailbox_part *out);
enum err view_mailbox_payload(
	struct db_txn *txn, uint64_t payload, struct arena *a, Commands__PayloadRow **out);

#endif
