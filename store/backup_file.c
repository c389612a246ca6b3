#include "store/backup_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 1200 };

enum err
backup_file_err(void)
{
	switch (errno) {
	case ENOENT:
		return ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_DENIED;
	case ENOSPC:
	case EDQUOT:
		return ERR_FULL;
	case EEXIST:
		return ERR_EXISTS;
	default:
		return ERR_IO;
	}
}

enum err
backup_file_make_folder(const char *path)
{
	return mkdir(path, 0700) && errno != EEXIST ? backup_file_err() : ERR_OK;
}

enum err
backup_file_lock_folder(const char *path, int *fd)
{
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return backup_file_err();
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return ERR_OK;
	close(*fd);
	return errno == EWOULDBLOCK ? ERR_BUSY : ERR_IO;
}

enum err
backup_file_sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? -1 : fsync(fd);
	enum err e = rc ? backup_file_err() : ERR_OK;

	if (fd >= 0)
		close(fd);
	return e;
}

enum err
backup_file_finish(FILE *f, const char *folder, const char *from, const char *to)
{
	char old_path[PATH_ROOM], new_path[PATH_ROOM];
	enum err e = ERR_OK;

	snprintf(old_path, sizeof old_path, "%s/%s", folder, from);
	snprintf(new_path, sizeof new_path, "%s/%s", folder, to);
	if (f && (fflush(f) || fsync(fileno(f))))
		e = backup_file_err();
	if (f && fclose(f) && !e)
		e = backup_file_err();
	if (!e && rename(old_path, new_path))
		e = backup_file_err();
	return e ? e : backup_file_sync_folder(folder);
}

static enum err
read_open(FILE *f, size_t max, uint8_t **p, size_t *n)
{
	struct stat st;

	if (fstat(fileno(f), &st))
		return backup_file_err();
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > max)
		return ERR_TOO_BIG;
	*n = (size_t)st.st_size;
	*p = malloc(*n + 1);
	if (!*p)
		return ERR_FULL;
	if (fread(*p, 1, *n, f) == *n)
		return ERR_OK;
	free(*p);
	return ERR_IO;
}

enum err
backup_file_read(const char *path, size_t max, uint8_t **p, size_t *n)
{
	FILE *f = fopen(path, "rbe");
	enum err e = f ? read_open(f, max, p, n) : backup_file_err();

	if (f)
		fclose(f);
	return e;
}
