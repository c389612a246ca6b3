#include "cmd/cli_scratch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/cli_verbs.h"
#include "core/must.h"

enum { CHUNK = 65536 };

int
cli_scratch_new(void)
{
	int fd = memfd_create("scratch", MFD_CLOEXEC);

	must(fd >= 0);
	return fd;
}

static enum err
write_all(int fd, struct slice octets)
{
	while (octets.n) {
		ssize_t n = write(fd, octets.p, octets.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return errno == ENOSPC ? ERR_FULL : ERR_IO;
		octets = slice_from(octets, (size_t)n);
	}
	return ERR_OK;
}

enum err
cli_scratch_put(int fd, struct slice octets)
{
	off_t end = lseek(fd, 0, SEEK_END);

	if (end < 0)
		return ERR_IO;
	if (end > CLI_SCRATCH_MAX || octets.n > (size_t)(CLI_SCRATCH_MAX - end))
		return ERR_TOO_BIG;
	return write_all(fd, octets);
}

int
cli_scratch_show(int fd)
{
	uint8_t *chunk = must_alloc(CHUNK);
	ssize_t n;
	enum err e = ERR_OK;

	if (lseek(fd, 0, SEEK_SET) != 0)
		e = ERR_IO;
	while (!e && (n = read(fd, chunk, CHUNK)) != 0)
		e = n < 0 ? ERR_IO : write_all(STDOUT_FILENO, slice_of(chunk, (size_t)n));
	explicit_bzero(chunk, CHUNK);
	free(chunk);
	return e ? cli_fail(EX_IOERR, "standard output: %s", strerror(errno)) : EX_OK;
}
