/* What is in a folder of backups. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/must.h"
#include "store/backup.h"
#include "store/backup_file.h"

enum { HEX_DIGITS = 16, INDEX_DIGITS = 20 };

/* n of these characters, then `end`. */
static bool
take(const char **at, size_t n, const char *of, char end)
{
	if (strspn(*at, of) != n || (*at)[n] != end)
		return false;
	*at += n + 1;
	return true;
}

static bool
read_name(const char *name, struct backup_file *f)
{
	static const char hex[] = "0123456789abcdef", digits[] = "0123456789";
	const char *at = name, *cluster, *index, *chain;

	f->is_full = !strncmp(at, "full-", 5);
	if (!f->is_full && strncmp(at, "log-", 4))
		return false;
	at += f->is_full ? 5 : 4;
	cluster = at;
	if (!take(&at, HEX_DIGITS, hex, '-'))
		return false;
	index = at;
	if (!take(&at, INDEX_DIGITS, digits, '-'))
		return false;
	chain = at;
	if (!take(&at, HEX_DIGITS, hex, f->is_full ? '.' : '\0') ||
		(f->is_full && strcmp(at, "mdb") != 0))
		return false;
	snprintf(f->name, sizeof f->name, "%.*s", BACKUP_NAME - 1, name);
	snprintf(f->cluster, sizeof f->cluster, "%.*s", HEX_DIGITS, cluster);
	snprintf(f->chain, sizeof f->chain, "%.*s", HEX_DIGITS, chain);
	f->index = strtoull(index, NULL, 10);
	return true;
}

static int
by_index(const void *a, const void *b)
{
	const struct backup_file *x = a, *y = b;

	if (x->index != y->index)
		return x->index < y->index ? -1 : 1;
	return (int)y->is_full - (int)x->is_full;
}

static enum err
read_folder(DIR *dir, struct backup_list *list)
{
	size_t room = 0;
	const struct dirent *entry;
	struct backup_file one;

	while ((entry = readdir(dir))) {
		if (!read_name(entry->d_name, &one))
			continue;
		if (list->n == BACKUP_FILES_MAX)
			return ERR_LIMIT;
		if (list->n == room) {
			room = room ? 2 * room : 64;
			list->file = realloc(list->file, room * sizeof *list->file);
			must(list->file);
		}
		list->file[list->n++] = one;
	}
	return ERR_OK;
}

/* The newest full one comes first; of the others those stay that are its continuation. */
static void
keep_newest(struct backup_list *list)
{
	size_t full = list->n, kept = 0;

	for (size_t i = 0; i < list->n; i++)
		if (list->file[i].is_full)
			full = i;
	for (size_t i = full; i < list->n; i++)
		if (i == full || !strcmp(list->file[i].cluster, list->file[0].cluster))
			list->file[kept++] = list->file[i];
	list->n = kept;
}

enum err
backup_list(const char *folder, struct backup_list *list)
{
	DIR *dir = opendir(folder);
	enum err e;

	*list = (struct backup_list){0};
	if (!dir)
		return backup_file_err();
	e = read_folder(dir, list);
	closedir(dir);
	if (list->n)
		qsort(list->file, list->n, sizeof *list->file, by_index);
	if (!e)
		keep_newest(list);
	if (!e && list->n == 0)
		e = ERR_NOT_FOUND;
	if (e)
		backup_list_free(list);
	return e;
}

void
backup_list_drop_others(const char *folder, const char *keep)
{
	struct backup_list list = {0};
	DIR *dir = opendir(folder);
	char path[BACKUP_PATH];

	if (!dir)
		return;
	read_folder(dir, &list);
	closedir(dir);
	for (size_t i = 0; i < list.n; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, list.file[i].name);
		if (strcmp(list.file[i].name, keep) != 0)
			unlink(path);
	}
	backup_list_free(&list);
}

void
backup_list_free(struct backup_list *list)
{
	free(list->file);
	*list = (struct backup_list){0};
}
