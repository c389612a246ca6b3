/* sim_disk: what the engine calls to write, to sync, and for random numbers. The folders are in
 * memory, and a sync costs virtual time alone. A write that comes once the node is dead fails:
 * the file is as the last one left it, and the engine is closed right after. When its power
 * is cut, any part of what wasn't synced is as before. A disk may have a size; a file takes as
 * much of it as it is long. A sync of a stage may fail: what it was to bring to disk is there
 * until the power is cut. */
#include "tests/sim/sim.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/must.h"

#define REAL(name)                                                                             \
	static __typeof__(&name) real_##name;                                                  \
	if (!real_##name)                                                                      \
	real_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

enum { PAGE = 4096 };

static uint64_t random_state;

/* What a page held before a write that isn't synced. */
struct before {
	struct before *next;
	ino_t file;
	off_t at;
	size_t n;
	bool is_lost; /* a sync failed: no later one brings it to disk */
	uint8_t octets[];
};
static struct before *before[SIM_NODES + 1]; /* newest first */
/* The name of what a rename put away, until its folder is synced. */
static struct {
	char from[512], to[512], old[512];
} renamed[SIM_NODES + 1];

static void walk(const char *dir, void (*each)(const char *path, const char *name, void *arg),
	void *arg);

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

/* --- a disk's size --- */

static void
add_size(const char *path, const char *name, void *arg)
{
	struct stat st;

	(void)name;
	if (stat(path, &st) == 0)
		*(uint64_t *)arg += (uint64_t)st.st_size;
}

uint64_t
sim_disk_used(const struct sim_node *n)
{
	uint64_t used = 0;

	walk(n->dir, add_size, &used);
	return used;
}

/* How long the file may become; no bound: as long as it likes. */
static uint64_t
limit_of(int fd)
{
	const struct sim_node *n = sim.turning;
	uint64_t used;
	struct stat st;

	if (!n || !n->disk_bytes || fstat(fd, &st))
		return INT64_MAX;
	used = sim_disk_used(n);
	return (uint64_t)st.st_size + (used < n->disk_bytes ? n->disk_bytes - used : 0);
}

/* How many of them fit: what is within the file always does. */
static size_t
that_fit(int fd, size_t n, off_t at)
{
	uint64_t limit;
	struct stat st;

	if (!sim.turning || !sim.turning->disk_bytes || fstat(fd, &st) ||
		(uint64_t)at + n <= (uint64_t)st.st_size)
		return n;
	limit = limit_of(fd);
	if ((uint64_t)at + n <= limit)
		return n;
	errno = ENOSPC;
	return (uint64_t)at < limit ? (size_t)(limit - (uint64_t)at) : 0;
}

int
fallocate(int fd, int mode, off_t at, off_t n)
{
	struct stat st;

	(void)mode;
	if (dies() || fstat(fd, &st))
		return -1;
	if (at + n <= st.st_size)
		return 0;
	if ((uint64_t)(at + n) > limit_of(fd)) {
		errno = ENOSPC;
		return -1;
	}
	return ftruncate(fd, at + n);
}

int
fstatvfs(int fd, struct statvfs *fs)
{
	struct stat st;
	REAL(fstatvfs);

	if (real_fstatvfs(fd, fs) || fstat(fd, &st))
		return -1;
	if (sim.turning && sim.turning->disk_bytes)
		fs->f_bavail = (limit_of(fd) - (uint64_t)st.st_size) / fs->f_frsize;
	return 0;
}

/* --- what isn't synced --- */

/* A page that is written to is written whole: what a failed sync left behind comes with it. */
static void
touch_page(struct before **list, ino_t file, off_t at, bool syncs)
{
	struct before *b;

	while ((b = *list)) {
		bool is_here = b->file == file && b->at / PAGE == at / PAGE;

		if (is_here && syncs) {
			*list = b->next;
			free(b);
			continue;
		}
		b->is_lost = b->is_lost && !is_here;
		list = &b->next;
	}
}

static void
note_page(int fd, ino_t file, off_t at, size_t n)
{
	struct before *b = must_alloc(sizeof *b + n);
	ssize_t had = pread(fd, b->octets, n, at);

	if (had < 0)
		had = 0;
	memset(b->octets + had, 0, n - (size_t)had);
	b->next = before[sim.turning->id];
	b->file = file;
	b->at = at;
	b->n = n;
	b->is_lost = false;
	before[sim.turning->id] = b;
}

/* Before a write. One with O_DSYNC is on disk when it returns. */
static void
note(int fd, size_t n, off_t at)
{
	struct stat st;
	bool syncs;

	if (!sim.turning || !sim.weather.power || fstat(fd, &st))
		return;
	syncs = fcntl(fd, F_GETFL) & O_DSYNC;
	while (n) {
		size_t part = PAGE - (size_t)at % PAGE;

		part = part < n ? part : n;
		touch_page(&before[sim.turning->id], st.st_ino, at, syncs);
		if (!syncs)
			note_page(fd, st.st_ino, at, part);
		at += (off_t)part;
		n -= part;
	}
}

static void
forget_rename(uint32_t id)
{
	if (renamed[id].old[0])
		unlink(renamed[id].old);
	memset(&renamed[id], 0, sizeof renamed[id]);
}

static void
note_synced(int fd, bool fails)
{
	struct before **at = &before[sim.turning->id], *b;
	struct stat st;

	if (fstat(fd, &st))
		return;
	if (S_ISDIR(st.st_mode))
		forget_rename(sim.turning->id);
	while ((b = *at)) {
		b->is_lost = b->is_lost || (fails && b->file == st.st_ino);
		if (b->file == st.st_ino && !b->is_lost) {
			*at = b->next;
			free(b);
		} else {
			at = &b->next;
		}
	}
}

void
sim_disk_forget(uint32_t id)
{
	struct before *b;

	while ((b = before[id])) {
		before[id] = b->next;
		free(b);
	}
	forget_rename(id);
}

static void
undo_in(const char *path, const char *name, void *arg)
{
	uint32_t id = *(uint32_t *)arg;
	struct stat st;
	int fd = open(path, O_RDWR);
	REAL(pwrite);

	(void)name;
	must(fd >= 0 && fstat(fd, &st) == 0);
	for (struct before *b = before[id]; b; b = b->next)
		if (b->file == st.st_ino && (b->is_lost || sim_chance(500)))
			must(real_pwrite(fd, b->octets, b->n, b->at) == (ssize_t)b->n);
	close(fd);
}

void
sim_disk_cut(uint32_t id)
{
	REAL(rename);

	if (renamed[id].to[0] && sim_chance(500)) {
		sim_say("the new name of %s is lost", strrchr(renamed[id].from, '/') + 1);
		must(real_rename(renamed[id].to, renamed[id].from) == 0);
		must(!renamed[id].old[0] || real_rename(renamed[id].old, renamed[id].to) == 0);
		renamed[id].old[0] = '\0';
	}
	walk(sim.node[id].dir, undo_in, &id);
	sim_disk_forget(id);
}

/* --- calls --- */

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	size_t fit;
	REAL(pwrite);

	if (dies())
		return -1;
	fit = that_fit(fd, n, at);
	if (fit)
		note(fd, fit, at);
	return fit || !n ? real_pwrite(fd, p, fit, at) : -1;
}

ssize_t
writev(int fd, const struct iovec *v, int n)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	size_t all = 0;
	REAL(writev);

	if (dies())
		return -1;
	for (int i = 0; i < n; i++)
		all += v[i].iov_len;
	if (that_fit(fd, all, at) < all)
		return -1;
	note(fd, all, at);
	return real_writev(fd, v, n);
}

int
rename(const char *from, const char *to)
{
	uint32_t id = sim.turning ? sim.turning->id : 0;
	REAL(rename);

	if (dies())
		return -1;
	if (id && sim.weather.power) {
		forget_rename(id);
		snprintf(renamed[id].from, sizeof renamed[id].from, "%s", from);
		snprintf(renamed[id].to, sizeof renamed[id].to, "%s", to);
		snprintf(renamed[id].old, sizeof renamed[id].old, "%s/put-away",
			sim.turning->dir);
		if (link(to, renamed[id].old))
			renamed[id].old[0] = '\0';
	}
	return real_rename(from, to);
}

int
unlink(const char *path)
{
	REAL(unlink);

	return dies() ? -1 : real_unlink(path);
}

static bool
is_stage(int fd, const struct sim_node *n)
{
	struct stat ours, stage;
	char path[128];

	snprintf(path, sizeof path, "%s/stage.mdb", n->dir);
	return fstat(fd, &ours) == 0 && stat(path, &stage) == 0 && ours.st_ino == stage.st_ino;
}

/* What leaves after this one leaves later. */
int
fdatasync(int fd)
{
	struct sim_node *n = sim.turning;
	bool fails;

	if (dies())
		return -1;
	if (!n)
		return 0;
	n->lag_ms += sim_random(3);
	if (sim_chance(sim.weather.slow_sync))
		n->lag_ms += sim_random(sim_chance(100) ? 3000 : 200);
	sim_node_set_clock(n);
	fails = sim.weather.bad_sync && sim_chance(sim.weather.bad_sync) && is_stage(fd, n);
	note_synced(fd, fails);
	if (!fails)
		return 0;
	sim_say("n%u: a sync of its stage fails", n->id);
	n->failed_sync = true;
	errno = EIO;
	return -1;
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
	off_t at = 0;

	snprintf(to, sizeof to, "%s/%s", (const char *)arg, name);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	must(in >= 0 && out >= 0 && fstat(in, &st) == 0);
	must(ftruncate(out, st.st_size) == 0);
	while ((at = lseek(in, at, SEEK_DATA)) >= 0) {
		off_t there = at, end = lseek(in, at, SEEK_HOLE);

		while (at < end &&
			copy_file_range(in, &at, out, &there, (size_t)(end - at), 0) > 0)
			continue;
	}
	close(in);
	close(out);
}

void
sim_disk_copy(const char *from, const char *to)
{
	must(mkdir(to, 0700) == 0);
	walk(from, copy_one, (void *)(uintptr_t)to);
}
