/* catchup: the database of one node streamed to another, which is new or was away for longer
 * than the log reaches back. catchup_send and catchup_take are its two ends, without sockets
 * or clocks. The frames are peer.proto's Snapshot*:
 *
 *   sender                                  receiver
 *   OFFER index, term, chain, members  ->
 *                                      <-   BEGIN
 *   SECRETS ...                        ->
 *   ROWS ...                           ->
 *                                      <-   ACK octets
 *   STATE rows, digest                 ->
 *                                      <-   WANT entries ...
 *   BODIES ...                         ->
 *                                      <-   END
 *
 * First the state: all of it from one read transaction, so that it is that of one log index.
 * At most CATCHUP_WINDOW octets are on their way. Then the payload: the receiver sees in the
 * state which it needs, takes from its own old database what that has (payload never changes:
 * the log index of an entry that is committed names the same octets everywhere), and asks for
 * the rest, at most CATCHUP_WINDOW octets at a time. So the sender holds nothing in memory but
 * what was asked.
 *
 * It is resumable: what was staged stays. If the same state is offered again, only the payload
 * that is missing goes over; if a newer one, its rows too. While a stream lasts the sender
 * frees no payload and keeps the log rows above index (engine_catchup). */
#ifndef STORE_CATCHUP_H
#define STORE_CATCHUP_H

#include "core/arena.h"
#include "store/peer.pb-c.h"

enum {
	CATCHUP_FRAME = 256 << 10, /* octets of rows from which a frame is full */
	CATCHUP_WINDOW = 4 << 20,
	CATCHUP_WANTS_MAX = 4096, /* entries that are asked for at a time */
	CATCHUP_SECRETS_MAX = 256 /* in one frame */
};

/* A frame that holds that message (a Peer__Snapshot*, initialised). */
struct slice catchup_pack(Peer__Frame__BodyCase which, void *message, struct arena *a);

#endif
