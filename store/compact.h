/* compact: a copy of the database without free pages, row by row in key order,
 * so that every page of it is full and nothing that was deleted is left in it.
 * Bodies, which never change, are copied in steps while the store works; then
 * the rest in one go, while it doesn't. The caller frees no garbage between
 * begin and finish, unless it is a copy from outside. */
#ifndef STORE_COMPACT_H
#define STORE_COMPACT_H

#include "store/db.h"

#define COMPACT_FILE "compact.mdb"
struct compact;

/* Into dir/compact.mdb, anew. map_bytes: the new file's (0: 1 TiB). */
enum err compact_begin(
	struct db *from, const char *dir, uint64_t map_bytes, struct compact **c);
/* The same into any folder, while another process writes to `from` and frees what it likes. */
enum err compact_begin_outside(struct db *from, const char *dir, struct compact **c);
/* Copies some bodies. *done: all that there were. ERR_FULL: no space; abort then. */
enum err compact_step(struct compact *c, bool *done);
/* The rest, and to disk. c is gone, whatever comes; on ERR_OK dir/compact.mdb holds what `from`
 * holds. */
enum err compact_finish(struct compact *c);
/* Removes what was made. NULL is fine. */
void compact_abort(struct compact *c);
/* Removes a copy that is finished. */
void compact_drop(const char *dir);
/* Puts dir/compact.mdb in the place of dir/data.mdb, on disk too. Nobody may have either
 * open. */
enum err compact_swap(const char *dir);

#endif
