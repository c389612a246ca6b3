/* catchup_stage: the file in which catchup_take gathers what comes: a database that becomes
 * this node's. In it lies payload of committed entries alone, each named by a row of table
 * payload or upload. Meta row "stage" (index u64, chain hash 32) says that the state is whole,
 * that of one log index; without it the rows are a mix, and are brought into order by the next
 * stream. */
#ifndef STORE_CATCHUP_STAGE_H
#define STORE_CATCHUP_STAGE_H

#include "core/arena.h"
#include "store/catchup_take.h"

struct catchup_stage;

/* Goes on with the file that is there, if it is whole and of this cluster. */
enum err catchup_stage_open(const struct catchup_target *to, struct catchup_stage **stage);
/* What was put since the last commit is committed if it can be. NULL is fine. */
void catchup_stage_close(struct catchup_stage *s);
/* Is the state whole, that of this offer? */
bool catchup_stage_has_state(const struct catchup_stage *s, const struct catchup_offer *offer);

/* The state anew: each row in its order; rows that are there and don't come go, and with them
 * the payload that they name. ERR_SYNTAX: out of order, or no state table. */
enum err catchup_stage_row(
	struct catchup_stage *s, enum db_table t, struct slice key, struct slice value);
/* That was the last one. ERR_CORRUPT: not what the sender has. */
enum err catchup_stage_end_state(struct catchup_stage *s, const struct catchup_offer *offer,
	const Peer__SnapshotState *end);

/* A row of table upload or payload. */
struct catchup_named {
	uint64_t id, sealed_size;
	const uint64_t *entry; /* borrowed until the next call */
	size_t n;
};
/* The first one from id on. ERR_NOT_FOUND: there is none. */
enum err catchup_stage_named(
	struct catchup_stage *s, enum db_table t, uint64_t id, struct catchup_named *named);
enum err catchup_stage_has_body(struct catchup_stage *s, uint64_t entry, bool *has);
enum err catchup_stage_put_body(struct catchup_stage *s, uint64_t entry, struct slice octets);
enum err catchup_stage_commit(struct catchup_stage *s);

/* Puts what a node knows of itself, and commits. */
enum err catchup_stage_finish(struct catchup_stage *s, const struct catchup_offer *offer);
enum err catchup_stage_swap(const char *dir);
void catchup_stage_drop(const char *dir);

#endif
