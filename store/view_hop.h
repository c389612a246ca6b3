/* view_hop: reading, over any transaction, who waits for which next hop. */
#ifndef STORE_VIEW_HOP_H
#define STORE_VIEW_HOP_H

#include "core/arena.h"
#include "core/err.h"
#include "store/commands.pb-c.h"
#include "store/schema.h"

struct db_txn;

/* ERR_NOT_FOUND: nobody waits for it. */
enum err view_hop_get(struct db_txn *txn, uint32_t node, struct slice hop, struct arena *a,
	Commands__Hop **out);
/* When the first of those who wait for it is to be tried. ERR_NOT_FOUND: nobody waits. */
enum err view_hop_earliest(
	struct db_txn *txn, uint32_t node, struct slice hop, uint64_t *next_try_sec);
/* The hops of node's items that are to be tried by now_sec, the longest due first. hop is
 * borrowed until return. False ends it. */
enum err view_hop_due(struct db_txn *txn, uint32_t node, uint64_t now_sec,
	bool (*each)(void *arg, struct slice hop), void *arg);
/* Who waits in one lane for a hop and is to be tried by now_sec, the longest due first. */
enum err view_hop_lane(struct db_txn *txn, const struct schema_relay *from, uint64_t now_sec,
	bool (*each)(void *arg, const struct schema_relay *row), void *arg);

#endif
