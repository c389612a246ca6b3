#include "store/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "core/must.h"

enum { FIRST_SLOTS = 64, PATH_ROOM = 1024 };

struct vault {
	char dir[PATH_ROOM], path[PATH_ROOM + 16], fresh[PATH_ROOM + 16];
	uint8_t cluster[VAULT_IMAGE_CLUSTER];
	int fd;
	struct slice file; /* mapped for reading */
	uint64_t used;	   /* slots that aren't free */
	bool dirty;
};

static enum err
err_of(const char *what, const char *path)
{
	if (errno == ENOSPC || errno == EDQUOT)
		return ERR_FULL;
	if (errno == ENOENT)
		return ERR_NOT_FOUND;
	log_error("%s %s: %s", what, path, strerror(errno));
	return ERR_IO;
}

struct slice
vault_file(const struct vault *v)
{
	return v->file;
}

static void
unmap(struct vault *v)
{
	if (v->file.p)
		munmap((void *)(uintptr_t)v->file.p, v->file.n);
	v->file = SLICE_EMPTY;
	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
}

static enum err
map(struct vault *v)
{
	struct vault_row row;
	struct stat st;
	enum err e;
	void *p;

	v->fd = open(v->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (v->fd < 0 || fstat(v->fd, &st))
		return err_of("can't open", v->path);
	if (st.st_size < VAULT_IMAGE_SLOT)
		return ERR_CORRUPT;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, v->fd, 0);
	if (p == MAP_FAILED)
		return err_of("can't map", v->path);
	v->file = slice_of(p, (size_t)st.st_size);
	v->used = 0;
	v->dirty = false;
	e = vault_image_check(v->file, v->cluster);
	if (e)
		return e;
	for (uint64_t n = 0; n < vault_image_slots(v->file); n++)
		v->used += vault_image_read(v->file, n, &row) != VAULT_IMAGE_FREE;
	return ERR_OK;
}

static enum err
write_all(int fd, const uint8_t *p, size_t n, off_t at)
{
	ssize_t done = pwrite(fd, p, n, at);

	if (done == (ssize_t)n)
		return ERR_OK;
	/* A disk that fills up shows first as a short write. */
	if (done >= 0)
		errno = ENOSPC;
	return err_of("can't write", "the vault");
}

/* A file with so many slots and the rows of this one, on disk under its own name. Rows that are
 * gone leave no trace in it. */
static enum err
write_fresh(struct vault *v, uint64_t slots)
{
	size_t n = (slots + 1) * VAULT_IMAGE_SLOT;
	uint8_t *p = must_zalloc(n);
	struct slice image = slice_of(p, n);
	struct vault_row row, at_place;
	uint64_t at = 0, place;
	int fd = open(v->fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	enum err e = fd < 0 ? err_of("can't make", v->fresh) : ERR_OK;

	vault_image_write_head(p, v->cluster, slots);
	while (!e && v->file.p && vault_image_next(v->file, &at, &row)) {
		e = vault_image_find(image, row.kind, row.id, &place, &at_place);
		if (e == ERR_NOT_FOUND) {
			vault_image_write_row(p + (place + 1) * VAULT_IMAGE_SLOT, &row);
			e = ERR_OK;
		}
	}
	if (!e)
		e = write_all(fd, p, n, 0);
	if (!e && fsync(fd))
		e = err_of("can't sync", v->fresh);
	if (fd >= 0)
		close(fd);
	free(p);
	if (e)
		unlink(v->fresh);
	return e;
}

/* The fresh file takes the old one's place, on disk too. */
static enum err
swap(struct vault *v)
{
	int dir = open(v->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e = ERR_OK;

	if (dir < 0 || rename(v->fresh, v->path) || fsync(dir))
		e = err_of("can't put in its place", v->fresh);
	if (dir >= 0)
		close(dir);
	if (e)
		return e;
	unmap(v);
	return map(v);
}

enum err
vault_open(const char *dir, const uint8_t cluster[16], bool create, struct vault **out)
{
	struct vault *v = must_zalloc(sizeof *v);
	enum err e;

	v->fd = -1;
	memcpy(v->cluster, cluster, sizeof v->cluster);
	snprintf(v->dir, sizeof v->dir, "%s", dir);
	snprintf(v->path, sizeof v->path, "%s/secrets", dir);
	snprintf(v->fresh, sizeof v->fresh, "%s/secrets.new", dir);
	unlink(v->fresh);
	e = map(v);
	if (e == ERR_NOT_FOUND && create) {
		e = write_fresh(v, FIRST_SLOTS);
		if (!e)
			e = swap(v);
	}
	if (e) {
		vault_close(v);
		return e;
	}
	*out = v;
	return ERR_OK;
}

void
vault_close(struct vault *v)
{
	if (!v)
		return;
	unmap(v);
	free(v);
}

/* At most three in four slots aren't free, so that a search is short. */
static bool
has_room(uint64_t used, uint64_t rows, uint64_t slots)
{
	return (used + rows) * 4 <= slots * 3;
}

enum err
vault_reserve(struct vault *v, uint64_t rows)
{
	struct vault_row row;
	uint64_t slots = vault_image_slots(v->file), live = 0, at = 0;
	enum err e;

	if (has_room(v->used, rows, slots))
		return ERR_OK;
	while (vault_image_next(v->file, &at, &row))
		live++;
	for (slots = FIRST_SLOTS; slots < 2 * (live + rows);)
		slots *= 2;
	if (slots > VAULT_IMAGE_SLOTS_MAX)
		return ERR_FULL;
	e = vault_sync(v);
	if (!e)
		e = write_fresh(v, slots);
	return e ? e : swap(v);
}

static enum err
write_slot(struct vault *v, uint64_t n, const uint8_t slot[VAULT_IMAGE_SLOT])
{
	v->dirty = true;
	return write_all(v->fd, slot, VAULT_IMAGE_SLOT, (off_t)((n + 1) * VAULT_IMAGE_SLOT));
}

enum err
vault_put(struct vault *v, const struct vault_row *row)
{
	uint8_t slot[VAULT_IMAGE_SLOT];
	struct vault_row old;
	uint64_t n;
	enum err e = vault_image_find(v->file, row->kind, row->id, &n, &old);

	if (e && e != ERR_NOT_FOUND)
		return e;
	if (e && vault_image_read(v->file, n, &old) == VAULT_IMAGE_FREE)
		v->used++;
	vault_image_write_row(slot, row);
	return write_slot(v, n, slot);
}

enum err
vault_del(struct vault *v, uint8_t kind, uint64_t id)
{
	uint8_t slot[VAULT_IMAGE_SLOT];
	struct vault_row old;
	uint64_t n;
	enum err e = vault_image_find(v->file, kind, id, &n, &old);

	if (e)
		return e == ERR_NOT_FOUND || e == ERR_FULL ? ERR_OK : e;
	vault_image_write_gone(slot);
	return write_slot(v, n, slot);
}

enum err
vault_clear_damaged(struct vault *v, uint64_t *count)
{
	uint8_t slot[VAULT_IMAGE_SLOT];
	struct vault_row row;
	enum err e = ERR_OK;

	*count = 0;
	vault_image_write_gone(slot);
	for (uint64_t n = 0; n < vault_image_slots(v->file) && !e; n++) {
		if (vault_image_read(v->file, n, &row) != VAULT_IMAGE_DAMAGED)
			continue;
		++*count;
		e = write_slot(v, n, slot);
	}
	return e;
}

enum err
vault_sync(struct vault *v)
{
	if (!v->dirty)
		return ERR_OK;
	if (fdatasync(v->fd))
		return err_of("can't sync", v->path);
	v->dirty = false;
	return ERR_OK;
}
