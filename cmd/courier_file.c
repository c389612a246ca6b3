#include "cmd/courier_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

static enum err
err_of_errno(void)
{
	return errno == ENOSPC || errno == ENOMEM || errno == EMFILE || errno == ENFILE
		       ? ERR_FULL
		       : ERR_IO;
}

enum err
courier_file_new(int *fd)
{
	*fd = memfd_create("hairpin-mail", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return *fd < 0 ? err_of_errno() : ERR_OK;
}

enum err
courier_file_put(int fd, uint64_t at, struct slice octets)
{
	ssize_t put;

	for (size_t done = 0; done < octets.n; done += (size_t)put) {
		put = pwrite(fd, octets.p + done, octets.n - done, (off_t)(at + done));
		if (put < 0 && errno != EINTR)
			return err_of_errno();
		put = put < 0 ? 0 : put;
	}
	return ERR_OK;
}

enum err
courier_file_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, SEALS) ? ERR_IO : ERR_OK;
}

enum err
courier_file_make(struct slice octets, int *fd)
{
	int made;
	enum err e = courier_file_new(&made);

	if (e)
		return e;
	e = courier_file_put(made, 0, octets);
	if (!e)
		e = courier_file_seal(made);
	if (e)
		close(made);
	else
		*fd = made;
	return e;
}

bool
courier_file_is_sealed(int fd, uint64_t size)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & SEALS) == SEALS && fstat(fd, &st) == 0 &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size >= size;
}
