/* room: space on the disk, looked after before each turn. The data file is
 * always allocated ROOM_AHEAD past its end, so that a commit doesn't meet a
 * full disk; a ballast file (reserve in the data folder) is given up when that
 * fails, so that expunge, compaction and delivery of what is queued can go on
 * while new mail is refused. When there is space again the ballast comes first,
 * then mail. */
#ifndef STORE_ROOM_H
#define STORE_ROOM_H

#include "store/db.h"

enum { ROOM_AHEAD = 8 << 20, ROOM_BALLAST = 56 << 20, ROOM_LOOK_MS = 1000 };

struct room {
	char ballast[1024]; /* its path */
	bool full, has_ballast,
		never;	    /* never: none is wanted, or this file system can't reserve */
	uint64_t looked_ms; /* when the disk was full, and the free pages were counted */
	uint64_t tried_ms;  /* when the ballast was tried last */
};

/* wants_ballast: the store itself; a tool that opens the database for a moment leaves none
 * behind. */
void room_init(struct room *r, const char *dir, bool wants_ballast);
/* room->full says whether new mail is to be refused; it may change at most every ROOM_LOOK_MS,
 * at once when it becomes true. Logs the changes. An err isn't about space, and stops the
 * node. */
enum err room_look(struct room *r, struct db *db, uint64_t now_ms);

#endif
