#include "store/room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"

static void
make_ballast(struct room *r)
{
	struct stat st;
	int fd = open(r->ballast, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return;
	r->has_ballast = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
			 fallocate(fd, 0, 0, ROOM_BALLAST) == 0;
	r->never = !r->has_ballast && errno != ENOSPC && errno != EDQUOT;
	close(fd);
	if (!r->has_ballast)
		unlink(r->ballast);
}

void
room_init(struct room *r, const char *dir)
{
	*r = (struct room){0};
	snprintf(r->ballast, sizeof r->ballast, "%s/reserve", dir);
	make_ballast(r);
}

/* Space within the file counts too: what was expunged is written over. */
static enum err
becomes_full(struct room *r, struct db *db)
{
	uint64_t free_bytes;
	enum err e = db_free_bytes(db, &free_bytes);

	if (e)
		return e;
	r->full = free_bytes < ROOM_BALLAST;
	if (!r->full || !r->has_ballast)
		return ERR_OK;
	unlink(r->ballast);
	r->has_ballast = false;
	e = db_reserve(db, ROOM_AHEAD + ROOM_BALLAST / 2);
	return e == ERR_FULL ? ERR_OK : e;
}

enum err
room_look(struct room *r, struct db *db, uint64_t now_ms)
{
	bool was_full = r->full, soon = now_ms - r->looked_ms < ROOM_LOOK_MS;
	enum err e;

	if (r->full && soon)
		return ERR_OK;
	e = db_reserve(db, ROOM_AHEAD);
	if (e && e != ERR_FULL)
		return e;
	if (soon)
		/* Walking the free pages and making the ballast cost too much for every turn.
		 */
		return ERR_OK;
	if (!e && !r->has_ballast && !r->never)
		make_ballast(r);
	r->looked_ms = e || !r->has_ballast ? now_ms : r->looked_ms;
	r->full = false;
	if (e || (was_full && !r->has_ballast && !r->never))
		e = becomes_full(r, db);
	if (!e && r->full != was_full)
		log_warn(r->full ? "disk full: new mail is refused until there is space"
				 : "there is space again: new mail is taken");
	return e;
}
