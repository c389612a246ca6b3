/* sim_disk: what the engine calls to write, to sync, and for random numbers. The folders are in
 * memory, and a sync costs virtual time alone. A write that comes once the node is dead fails:
 * the file is as the last one left it, and the engine is closed right after. */
#include "tests/sim/sim.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/must.h"

#define REAL(name)                                                                             \
	static __typeof__(&name) real_##name;                                                  \
	if (!real_##name)                                                                      \
	real_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static uint64_t random_state;

bool
sim_disk_lives(void)
{
	struct sim_node *n = sim.turning;

	if (!n)
		return true;
	if (n->dies_in && --n->dies_in == 0) {
		n->is_dead = true;
		sim_say("n%u dies here", n->id);
	}
	return !n->is_dead;
}

static bool
dies(void)
{
	if (sim_disk_lives())
		return false;
	errno = EIO;
	return true;
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	REAL(pwrite);
	return dies() ? -1 : real_pwrite(fd, p, n, at);
}

ssize_t
writev(int fd, const struct iovec *v, int n)
{
	REAL(writev);
	return dies() ? -1 : real_writev(fd, v, n);
}

/* What leaves after this one leaves later. */
int
fdatasync(int fd)
{
	struct sim_node *n = sim.turning;

	(void)fd;
	if (dies())
		return -1;
	if (!n)
		return 0;
	n->lag_ms += sim_random(3);
	if (sim_chance(sim.weather.slow_sync))
		n->lag_ms += sim_random(sim_chance(100) ? 3000 : 200);
	sim_node_set_clock(n);
	return 0;
}

int
fsync(int fd)
{
	return fdatasync(fd);
}

/* --- random numbers --- */

void
sim_disk_seed(uint64_t seed)
{
	random_state = seed;
}

static uint64_t
next_random(void)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

void randombytes_buf(void *p, size_t n);
uint32_t randombytes_uniform(uint32_t below);

void
randombytes_buf(void *p, size_t n)
{
	uint8_t *to = p;

	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)next_random();
}

uint32_t
randombytes_uniform(uint32_t below)
{
	return below < 2 ? 0 : (uint32_t)(next_random() % below);
}

/* --- folders --- */

static void
walk(const char *dir, void (*each)(const char *path, const char *name, void *arg), void *arg)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	char path[512];

	while (d && (entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
		each(path, entry->d_name, arg);
	}
	if (d)
		closedir(d);
}

static void
remove_one(const char *path, const char *name, void *arg)
{
	(void)name;
	(void)arg;
	unlink(path);
}

void
sim_disk_remove(const char *dir)
{
	walk(dir, remove_one, NULL);
	rmdir(dir);
}

static void
copy_one(const char *path, const char *name, void *arg)
{
	char to[512];
	struct stat st;
	int in = open(path, O_RDONLY), out;

	snprintf(to, sizeof to, "%s/%s", (const char *)arg, name);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	must(in >= 0 && out >= 0 && fstat(in, &st) == 0);
	while (copy_file_range(in, NULL, out, NULL, (size_t)st.st_size, 0) > 0)
		continue;
	close(in);
	close(out);
}

void
sim_disk_copy(const char *from, const char *to)
{
	must(mkdir(to, 0700) == 0);
	walk(from, copy_one, (void *)(uintptr_t)to);
}
