/* apply_owner: who runs the items that a node took in: table owner. Each
 * change raises the row's epoch, and a step that names an older one is refused
 * (apply_step). That alone makes sure that nothing happens twice in the state;
 * that no two nodes work on one item at the same time (and reach a remote
 * server twice) is up to the leases (lease.h) and to this: only who is silent
 * loses what it runs, by ADOPT; a living one yields it. */
#ifndef STORE_APPLY_OWNER_H
#define STORE_APPLY_OWNER_H

#include "store/apply.h"

/* A new boot of a->node takes over what its last one ran. Are its own items with another node,
 * it wants them back. A boot that is logged twice changes nothing. */
enum err apply_owner_boot(struct apply *a);
/* STALE: the row has changed meanwhile, or the term, or there was another boot of `by`. */
enum err apply_owner_adopt(struct apply *a, const Commands__Adopt *c);
enum err apply_owner_recall(struct apply *a);
/* STALE: the proposer doesn't run them (any more), or nobody wants them. */
enum err apply_owner_yield(struct apply *a, const Commands__Yield *c);
/* Every item is run by a->node from now on, and what other nodes were taking in isn't waited
 * for: in a cluster that was made from a backup the others don't exist. */
enum err apply_owner_take_all(struct apply *a);
/* Does a->node, in this boot and since epoch, run the items that node took in? */
enum err apply_owner_runs(struct apply *a, uint32_t node, uint64_t epoch, bool *runs);

#endif
