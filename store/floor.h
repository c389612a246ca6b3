/* floor: the page that the store shares with the readers, and its half of their
 * protocol. Holds read transactions of its own, one each FLOOR_TICK_MS, and
 * publishes the oldest one's id. What a reader sees stays put for FLOOR_HELD
 * ticks less one: 3 s, its own limit being 2 s. Longer would be paid in disk:
 * pages that are freed meanwhile wait. */
#ifndef STORE_FLOOR_H
#define STORE_FLOOR_H

#include "store/db.h"

enum { FLOOR_HELD = 7, FLOOR_TICK_MS = 500 };

/* The shared page. */
struct floor_page {
	_Atomic uint64_t oldest_txn; /* snapshots from this one on stay put */
	_Atomic uint64_t
		generation; /* changes when the database file was swapped; odd: being swapped */
	/* The courier's: which node this is, in which boot, and until when (clock_ms) it may
	 * run items (lease.h). */
	_Atomic uint64_t node, boot, lease_until_ms;
	/* The log's newest time, which never goes back: what is due by it is due, though this
	 * machine's clock be behind. */
	_Atomic uint64_t time_sec;
	_Atomic bool leads; /* is this node its cluster's leader, as far as it knows? */
};
/* page: a reader's. May items be run for ms from now? */
static inline bool
floor_leases(const void *page, uint64_t now_ms, uint32_t ms)
{
	const struct floor_page *p = page;

	return p->lease_until_ms > now_ms + ms;
}
struct floor;

/* Before the database is opened at start: from now until floor_open what readers hold is void,
 * because a writer that doesn't know of them may write over it. No lease holds. */
void floor_void(struct floor_page *page);
/* page is writable here. Takes a first transaction at once. */
enum err floor_open(struct db *db, struct floor_page *page, struct floor **floor);
/* Each FLOOR_TICK_MS: drops the oldest of more than FLOOR_HELD, takes a new one. */
enum err floor_tick(struct floor *floor);
/* Before the file is swapped (drops all; readers wait), and after, with the new environment. */
void floor_pause(struct floor *floor);
enum err floor_resume(struct floor *floor, struct db *db);
void floor_close(struct floor *floor);

#endif
