/* catchup_send: the sender's end of a stream (catchup.h). */
#ifndef STORE_CATCHUP_SEND_H
#define STORE_CATCHUP_SEND_H

#include "core/arena.h"
#include "store/db.h"
#include "store/peer.pb-c.h"
#include "store/vault.h"

struct catchup_send;

/* Both borrowed until catchup_send_end. */
struct catchup_source {
	struct db *db;
	const struct vault *vault;
};
/* Of the state as it is applied now; call it between two turns, when vault and database say the
 * same. A read transaction stays open until the state has gone over. */
enum err catchup_send_begin(const struct catchup_source *from, struct catchup_send **send);
/* What an arbiter is given: where its log is to begin. The frame lives in a. It begins as early
 * as it can: the rows that we have are still to come. The newest members must be applied. */
enum err catchup_send_descriptor(struct db *db, struct arena *a, struct slice *frame);
/* The next frame; lives in a. ERR_MORE: something has to be heard first. ERR_END: the receiver
 * has all. ERR_PEER: it gave up. Other errs: the stream is broken. */
enum err catchup_send_next(struct catchup_send *s, struct arena *a, struct slice *frame);
/* A frame of the receiver's: one of Snapshot*. One that answers another offer is dropped.
 * ERR_SYNTAX: not what may come now. ERR_STALE: the state is wanted, and its transaction has
 * ended: begin another stream. */
enum err catchup_send_hear(struct catchup_send *s, const Peer__Frame *frame);
/* The connection was lost, and is there again: the offer is made again, for the payload. False:
 * the state hadn't gone over; begin another stream. */
bool catchup_send_again(struct catchup_send *s);
/* Was it offered, and not answered yet? */
bool catchup_send_is_offered(const struct catchup_send *s);
/* Is the payload's turn? Until then the read transaction pins pages. */
bool catchup_send_is_past_state(const struct catchup_send *s);
/* The log rows above it are needed afterwards. */
uint64_t catchup_send_index(const struct catchup_send *s);
/* NULL is fine. */
void catchup_send_end(struct catchup_send *s);

#endif
