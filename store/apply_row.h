/* apply_row: reading and writing the records that commands change. All memory
 * from the apply's arena. ERR_NOT_FOUND is an answer. */
#ifndef STORE_APPLY_ROW_H
#define STORE_APPLY_ROW_H

#include "core/codec.h"
#include "store/apply.h"
#include "store/schema.h"

enum err apply_row_put(struct apply *a, enum db_table t, struct slice key, const void *message);
/* Deletes; a row that isn't there is fine. */
enum err apply_row_del(struct apply *a, enum db_table t, struct slice key);
enum err apply_row_account(struct apply *a, uint64_t id, Commands__Account **out);
enum err apply_row_put_account(struct apply *a, uint64_t id, const Commands__Account *r);
enum err apply_row_mailbox(struct apply *a, uint64_t id, Commands__Mailbox **out);
enum err apply_row_put_mailbox(struct apply *a, const Commands__Mailbox *m);

#endif
