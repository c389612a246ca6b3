/* view: read-only views of the database in the reader processes (smtpd, imapd,
 * courier): RDONLY and NOLOCK, so that a broken-in reader can't touch the lock
 * file. The store publishes in a shared page the oldest transaction whose pages
 * stay put (floor, floor.h). A transaction lives for one command or one chunk
 * of output, VIEW_LIFE_MS at most; before what was read is used, view_is_valid
 * says whether it was whole. If not: begin again. Reads over a snapshot that
 * the floor has passed fail with ERR_BUSY by themselves; what they gave before
 * stays mapped, but may have been written over. */
#ifndef STORE_VIEW_H
#define STORE_VIEW_H

#include <stdbool.h>

#include "core/err.h"

enum { VIEW_LIFE_MS = 2000, VIEW_WAIT_MS = 1000 };
struct view;
struct db_txn;

/* dir: the folder of data.mdb. page: the shared page. Opened again by itself after a compaction
 * swapped the file. */
enum err view_open(const char *dir, const void *page, struct view **view);
void view_close(struct view *view);
/* txn is read-only and works with every view_* read function. One at a time per view. While the
 * store is being started or swaps its file (milliseconds) this waits, VIEW_WAIT_MS at most,
 * then ERR_BUSY. ERR_CORRUPT from a read function counts only if view_is_valid still holds. */
enum err view_begin(struct view *view, struct db_txn **txn);
/* False: pages may have been overwritten under us; drop all results. */
bool view_is_valid(const struct view *view);
void view_end(struct view *view);
/* Outside a transaction: unmaps the file, so that no page of it counts as this process's
 * memory; the next view_begin opens it again (some 50 us). Inside one: does nothing. */
void view_rest(struct view *view);

#endif
