/* fault: the next calls of a kind fail by countdown: those of the test's own program, and of
 * the libraries that it is linked with (liblmdb calls these). */
#ifndef TESTS_FAULT_H
#define TESTS_FAULT_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
	int write_in, write_errno; /* pwrite, writev */
	int short_in;		   /* pwrite: half is written */
	int sync_in;		   /* fdatasync, fsync: EIO */
	int rename_in;		   /* EIO */
	bool no_space;		   /* fallocate, as long as it is set */
} fault;

#define FAULT_REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static bool
fault_hits(int *countdown, int error)
{
	if (*countdown == 0 || --*countdown > 0)
		return false;
	errno = error;
	return true;
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (fault_hits(&fault.write_in, fault.write_errno))
		return -1;
	return FAULT_REAL(pwrite)(fd, p, fault_hits(&fault.short_in, 0) ? n / 2 : n, at);
}

ssize_t
writev(int fd, const struct iovec *v, int n)
{
	return fault_hits(&fault.write_in, fault.write_errno) ? -1
							      : FAULT_REAL(writev)(fd, v, n);
}

int
fdatasync(int fd)
{
	return fault_hits(&fault.sync_in, EIO) ? -1 : FAULT_REAL(fdatasync)(fd);
}

int
fsync(int fd)
{
	return fault_hits(&fault.sync_in, EIO) ? -1 : FAULT_REAL(fsync)(fd);
}

int
rename(const char *from, const char *to)
{
	return fault_hits(&fault.rename_in, EIO) ? -1 : FAULT_REAL(rename)(from, to);
}

int
fallocate(int fd, int mode, off_t at, off_t n)
{
	if (fault.no_space) {
		errno = ENOSPC;
		return -1;
	}
	return FAULT_REAL(fallocate)(fd, mode, at, n);
}

#endif
