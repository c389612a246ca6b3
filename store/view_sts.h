/* view_sts: reading, over any transaction, the MTA-STS policies of other domains. */
#ifndef STORE_VIEW_STS_H
#define STORE_VIEW_STS_H

#include "core/arena.h"
#include "core/err.h"
#include "store/commands.pb-c.h"
#include "store/schema.h"

struct db_txn;

/* domain: A-labels, lower case. ERR_NOT_FOUND: none was fetched, or it is forgotten. One whose
 * time (until_sec) is over may still be there. */
enum err view_sts_get(
	struct db_txn *txn, struct slice domain, struct arena *a, Commands__Sts **out);

#endif
