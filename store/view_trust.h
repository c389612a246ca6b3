/* view_trust: reading, over any transaction, what is thought of single certificates (table
 * trust). Records live in the arena. */
#ifndef STORE_VIEW_TRUST_H
#define STORE_VIEW_TRUST_H

#include "core/arena.h"
#include "core/err.h"
#include "store/commands.pb-c.h"
#include "store/schema.h"

struct db_txn;

/* ERR_NOT_FOUND: nothing. */
enum err view_trust_get(
	struct db_txn *txn, struct slice sha256, struct arena *a, Commands__Trust **out);
enum err view_trust_is_blocked(
	struct db_txn *txn, struct slice sha256, struct arena *a, bool *is_blocked);
/* All, by hash, which is borrowed until return. False ends it. */
enum err view_trust_each(struct db_txn *txn, struct arena *a,
	bool (*each)(void *arg, struct slice sha256, Commands__Trust *row), void *arg);

#endif
