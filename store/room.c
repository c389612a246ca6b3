#include "store/room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"

static int
open_ballast(const struct room *r)
{
	int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
	int fd = open(r->ballast, flags, 0600);

	/* One that isn't ours can still be put away. */
	if (fd < 0 && errno == EACCES && unlink(r->ballast) == 0)
		fd = open(r->ballast, flags, 0600);
	return fd;
}

static void
make_ballast(struct room *r)
{
	struct stat st;
	int fd = open_ballast(r);

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
room_init(struct room *r, const char *dir, bool wants_ballast)
{
	*r = (struct room){.never = !wants_ballast};
	snprintf(r->ballast, sizeof r->ballast, "%s/reserve", dir);
	if (wants_ballast)
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

static void
try_ballast(struct room *r, uint64_t now_ms)
{
	if (r->has_ballast || r->never || now_ms - r->tried_ms < ROOM_LOOK_MS)
		return;
	r->tried_ms = now_ms;
	make_ballast(r);
}

/* Counting the free pages costs too much for every turn; ROOM_BALLAST of them last a while. */
static enum err
no_space(struct room *r, struct db *db, uint64_t now_ms)
{
	if (!r->full && now_ms - r->looked_ms < ROOM_LOOK_MS / 4)
		return ERR_OK;
	r->looked_ms = now_ms;
	return becomes_full(r, db);
}

enum err
room_look(struct room *r, struct db *db, uint64_t now_ms)
{
	bool was_full = r->full;
	enum err e;

	if (r->full && now_ms - r->looked_ms < ROOM_LOOK_MS)
		return ERR_OK;
	e = db_reserve(db, ROOM_AHEAD);
	if (e == ERR_FULL) {
		e = no_space(r, db, now_ms);
	} else if (!e) {
		try_ballast(r, now_ms);
		/* First the ballast again, then mail. */
		r->full = was_full && !r->has_ballast && !r->never;
	}
	if (!e && r->full != was_full)
		log_warn(r->full ? "disk full: new mail is refused until there is space"
				 : "there is space again: new mail is taken");
	return e;
}
