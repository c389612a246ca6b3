/* apply_message: message rows: append, flags, copy, move, expunge. Each
 * command touches at most APPLY_MESSAGE_MAX messages: callers split. Ranges of
 * UIDs come in rising order without overlap; others are passed over. */
#ifndef STORE_APPLY_MESSAGE_H
#define STORE_APPLY_MESSAGE_H

#include "store/apply.h"
#include "store/schema.h"

enum {
	APPLY_MESSAGE_MAX = 1000,
	APPLY_MESSAGE_BLOB_MAX = 262144,
	APPLY_MESSAGE_KEYWORD_MAX = 128,
	/* Rows of table change for one mailbox; past it the oldest go, so many at once. */
	APPLY_MESSAGE_CHANGES_MAX = 10000,
	APPLY_MESSAGE_CHANGES_PRUNED = 1000
};

enum err apply_message_append(struct apply *a, const Commands__Append *c);
/* result: uid (changed, or already so), refused_uid, modseq. */
enum err apply_message_flags(struct apply *a, const Commands__FlagsStore *c);
/* result: source_uid and uid pairwise, uidvalidity of the target. */
enum err apply_message_copy(struct apply *a, const Commands__Copy *c);
enum err apply_message_expunge(struct apply *a, const Commands__Expunge *c);

/* Puts a new row at the mailbox's next UID and counts it; mailbox and account rows are the
 * caller's to write back. m->modseq and m->save_date_sec are set here. The payload is not
 * referenced here. */
enum err apply_message_insert(struct apply *a, Commands__Mailbox *box, Commands__Account *r,
	struct schema_message *m, uint32_t *uid);
/* Takes a row away without leaving a tombstone (for sweeps) and gives up its payload. */
enum err apply_message_drop(
	struct apply *a, uint64_t mailbox, uint32_t uid, const struct schema_message *m);
/* The row's quota weight. */
uint64_t apply_message_weight(const struct schema_message *m);

#endif
