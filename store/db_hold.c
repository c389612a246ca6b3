#include "store/db_hold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 50, NAP_NS = 20000000 };

/* Is the open file still the one of that name? */
static bool
is_there(int fd, const char *path)
{
	struct stat open_one, named;

	return fstat(fd, &open_one) == 0 && stat(path, &named) == 0 &&
	       open_one.st_ino == named.st_ino && open_one.st_dev == named.st_dev;
}

static enum err
hold_once(const char *path, bool alone, int *hold)
{
	/* Of the open file, not of the process: LMDB's own locks are of another kind. */
	struct flock lock = {.l_type = alone ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
	int fd = open(path, (alone ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	enum err e = ERR_OK;

	if (fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : errno == EACCES ? ERR_DENIED : ERR_IO;
	if (fcntl(fd, F_OFD_SETLK, &lock))
		e = errno == EAGAIN || errno == EACCES ? ERR_BUSY : ERR_IO;
	else if (!is_there(fd, path))
		e = ERR_BUSY;
	if (e)
		close(fd);
	else
		*hold = fd;
	return e;
}

enum err
db_hold(const char *dir, const char *file, bool alone, int *hold)
{
	static const struct timespec nap = {.tv_nsec = NAP_NS};
	char path[1024];
	enum err e;

	snprintf(path, sizeof path, "%s/%s", dir, file ? file : "data.mdb");
	e = hold_once(path, alone, hold);
	/* A swap takes milliseconds; a reader may take hours. */
	for (int i = 1; e == ERR_BUSY && !alone && i < TRIES; i++) {
		nanosleep(&nap, NULL);
		e = hold_once(path, alone, hold);
	}
	return e;
}

void
db_hold_end(int hold)
{
	if (hold >= 0)
		close(hold);
}

bool
db_hold_is_held(const char *dir)
{
	int hold = -1;
	enum err e = db_hold(dir, NULL, true, &hold);

	db_hold_end(hold);
	return e == ERR_BUSY;
}
