/* apply_hop: the recipients that wait for a next hop (table relay), and the hop itself
 * (hop, hop_due), which is tried for all of them together. A hop has a row exactly
 * while somebody waits for it. While nothing is known against it, its next try is that
 * of the first who waits. */
#ifndef STORE_APPLY_HOP_H
#define STORE_APPLY_HOP_H

#include "store/apply.h"
#include "store/schema.h"

/* r->hop: schema_is_hop. A row that is there already is fine. */
enum err apply_hop_add(struct apply *a, const struct schema_relay *r);
/* A row that isn't there is fine. What is known of the hop goes with the last one. */
enum err apply_hop_drop(struct apply *a, const struct schema_relay *r);
/* What was seen of a hop by who runs that node's items. A hop without a row is fine. */
enum err apply_hop_note(struct apply *a, uint32_t node, const Commands__HopStep *c);
/* The same as a command of its own: STALE unless the proposer runs them. */
enum err apply_hop_step(struct apply *a, const Commands__HopStep *c);
/* It is to be tried now, whatever is known against it, for those whose own time has come. */
enum err apply_hop_hurry(struct apply *a, uint32_t node, struct slice hop);

#endif
