/* backup_file: folders and files of a backup: what writing and reading one needs. */
#ifndef STORE_BACKUP_FILE_H
#define STORE_BACKUP_FILE_H

#include <stdio.h>

#include "core/err.h"
#include "core/slice.h"

/* Makes it (0700) if it isn't there. ERR_FULL, ERR_DENIED, ERR_IO. */
enum err backup_file_make_folder(const char *path);
/* ERR_BUSY: somebody else has it. Until close(*fd). */
enum err backup_file_lock_folder(const char *path, int *fd);
enum err backup_file_sync_folder(const char *path);
/* Of errno. */
enum err backup_file_err(void);
/* Gives folder/from, which is open as f (NULL: it isn't) and written, the name folder/to, all
 * of it on disk; closes f, whatever comes. */
enum err backup_file_finish(FILE *f, const char *folder, const char *from, const char *to);
/* A whole file; free(p) it. */
enum err backup_file_read(const char *path, size_t max, uint8_t **p, size_t *n);

#endif
