/* apply_proposer: a proposal takes effect once, however often it is proposed.
 * (node, boot, seq) names it; its result is kept until the node has said, by a
 * later command's answered_below, that it needs it no more. Ids of another
 * boot of the node are refused. seq 0: no protection (chunks, boots). */
#ifndef STORE_APPLY_PROPOSER_H
#define STORE_APPLY_PROPOSER_H

#include "store/apply.h"

/* *known: the command must not take effect: the result is filled in (the recorded one, or
 * STALE). */
enum err apply_proposer_check(struct apply *a, const Commands__Command *c, bool *known);
/* Keeps a->result. */
enum err apply_proposer_record(struct apply *a, const Commands__Command *c);
/* The boot of a node that counts. ERR_NOT_FOUND: it never had one. */
enum err apply_proposer_boot_of(struct apply *a, uint32_t node, uint64_t *boot);
/* From now on only a->boot of a->node counts. */
enum err apply_proposer_boot(struct apply *a);

#endif
