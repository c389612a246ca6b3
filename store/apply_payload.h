/* apply_payload: what keeps a body alive. A payload row names the log entries
 * that carry the sealed body and counts its references (queue item, message
 * rows). At 0 the entries become garbage, which each node frees. */
#ifndef STORE_APPLY_PAYLOAD_H
#define STORE_APPLY_PAYLOAD_H

#include "store/apply.h"

/* Does the entry (or the upload) bring exactly the body that the command announces? */
enum err apply_payload_check(struct apply *a, const Commands__Body *body, bool *fits);
/* Makes the payload of this entry (id = its index) with one reference; the upload, if any, is
 * used up. */
enum err apply_payload_make(struct apply *a, const Commands__Body *body);
enum err apply_payload_ref(struct apply *a, uint64_t payload);
enum err apply_payload_unref(struct apply *a, uint64_t payload);
/* A refused command's body: garbage, with its upload. body may be NULL. */
enum err apply_payload_refuse(struct apply *a, const Commands__Body *body);

enum err apply_payload_chunk(struct apply *a, const Commands__Chunk *c);
/* A new boot of a node: the uploads of its old boots die. */
enum err apply_payload_boot(struct apply *a);
/* Another node took over what this one ran: all of its uploads die. */
enum err apply_payload_orphan(struct apply *a, uint32_t node);

#endif
