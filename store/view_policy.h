/* view_policy: reading, over any transaction, the levels of the encryption engine's policy
 * (table policy). Records live in the arena. */
#ifndef STORE_VIEW_POLICY_H
#define STORE_VIEW_POLICY_H

#include "core/arena.h"
#include "core/err.h"
#include "store/commands.pb-c.h"
#include "store/schema.h"

struct db_txn;

/* level: empty: the cluster's. ERR_NOT_FOUND: it sets nothing. */
enum err view_policy_get(
	struct db_txn *txn, struct slice level, struct arena *a, Commands__Policy **out);
/* All, by name, the cluster's first. level is borrowed until return. False ends it. */
enum err view_policy_each(struct db_txn *txn, struct arena *a,
	bool (*each)(void *arg, struct slice level, Commands__Policy *row), void *arg);

#endif
