/* catchup_take: the receiver's end of a stream (catchup.h). What comes is distrusted: whatever
 * isn't in its place ends the stream. It is staged in the file stage.mdb beside the database;
 * each commit to that is synced, so that a crash costs the last CATCHUP_WINDOW octets only.
 * Secrets go to the vault at once: what is newer than the database may lie there. */
#ifndef STORE_CATCHUP_TAKE_H
#define STORE_CATCHUP_TAKE_H

#include "core/arena.h"
#include "store/db.h"
#include "store/members.h"
#include "store/peer.pb-c.h"
#include "store/raft_log.h"
#include "store/vault.h"

struct catchup_take;

/* Borrowed until catchup_take_end. */
struct catchup_target {
	const char *dir; /* of data.mdb */
	uint64_t map_bytes;
	struct db *const *db; /* the old one; payload that it has isn't asked for. A compaction
				 may put another in its place */
	const struct raft_log *log; /* the old one's */
	struct vault *vault;
};
/* What an offer says, checked. */
struct catchup_offer {
	uint64_t index, term, time_sec;
	uint8_t chain[SEAL_HASH];
	struct members members;
	bool is_descriptor;
};
/* ERR_VERSION: of another format. ERR_DENIED: of another cluster. ERR_SYNTAX. */
enum err catchup_take_offer(const Peer__SnapshotOffer *raw, const struct raft_log *log,
	struct catchup_offer *offer);
/* A log that begins behind the offer's entry, with nothing in it. */
void catchup_take_begin_log(struct raft_log *log, const struct catchup_offer *offer);
/* Opens the stage, or goes on with the one that is there. offer isn't a descriptor.
 * ERR_STALE: the node has as much itself. */
enum err catchup_take_begin(const struct catchup_target *to, const struct catchup_offer *offer,
	struct catchup_take **take);
/* One of the sender's frames. ERR_SYNTAX, ERR_TOO_BIG, ERR_LIMIT: not what may come now, or not
 * what was asked. ERR_CORRUPT: the digest differs. ERR_FULL, ERR_IO: of the disk. After an err
 * nothing but catchup_take_end. */
enum err catchup_take_hear(struct catchup_take *t, const Peer__Frame *frame);
/* Goes on a bit (some 2 MiB at most), and gives the next frame for the sender, which lives in
 * a and may be empty. ERR_MORE: a frame of the sender's is awaited. ERR_END: all is there.
 * Errs as above. */
enum err catchup_take_next(struct catchup_take *t, struct arena *a, struct slice *frame);
/* After ERR_END: makes of the stage this node's database: its id, term and vote as log has them
 * now, a log that begins behind the snapshot. On disk when it returns; the stage is closed. */
enum err catchup_take_finish(struct catchup_take *t);
/* Then the stage takes the place of the database, which must be closed: a power cut leaves one
 * or the other. */
enum err catchup_take_swap(const char *dir);
/* What was staged stays for the next offer. NULL is fine. */
void catchup_take_end(struct catchup_take *t);
/* Removes what is staged. */
void catchup_take_drop(const char *dir);

#endif
