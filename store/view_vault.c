#include "store/view_vault.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/must.h"

struct view_vault {
	char path[1040];
	struct slice file;
	dev_t dev;
	ino_t ino;
};

struct view_vault *
view_vault_open(const char *dir)
{
	struct view_vault *v = must_zalloc(sizeof *v);

	snprintf(v->path, sizeof v->path, "%s/secrets", dir);
	return v;
}

static void
unmap(struct view_vault *v)
{
	if (v->file.p)
		munmap((void *)(uintptr_t)v->file.p, v->file.n);
	v->file = SLICE_EMPTY;
}

void
view_vault_close(struct view_vault *v)
{
	if (!v)
		return;
	unmap(v);
	free(v);
}

static enum err
map(struct view_vault *v)
{
	int fd = open(v->path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p = MAP_FAILED;
	enum err e;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (p == MAP_FAILED)
		return ERR_IO;
	v->file = slice_of(p, (size_t)st.st_size);
	v->dev = st.st_dev;
	v->ino = st.st_ino;
	e = vault_image_check(v->file, NULL);
	if (e)
		unmap(v);
	return e;
}

enum err
view_vault_file(struct view_vault *v, struct slice *file)
{
	struct stat st;
	enum err e = ERR_OK;

	/* It grew: another file has its name now. */
	if (v->file.p && (stat(v->path, &st) || st.st_ino != v->ino || st.st_dev != v->dev))
		unmap(v);
	if (!v->file.p)
		e = map(v);
	*file = v->file;
	return e;
}

enum err
view_vault_get(struct view_vault *v, enum vault_kind kind, uint64_t id, struct vault_row *row)
{
	struct slice file;
	uint64_t n;
	enum err e = view_vault_file(v, &file);

	if (!e)
		e = vault_image_find(file, (uint8_t)kind, id, &n, row);
	return e == ERR_FULL ? ERR_NOT_FOUND : e;
}
