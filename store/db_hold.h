/* db_hold: keeps a database's file in its place while another process than the store reads it.
 * LMDB's lock file goes by the name of the database: if the file were swapped under such a
 * reader, the new one would be opened with what the lock file says of the old one. So who reads
 * from outside holds the file, and who swaps it wants it alone. */
#ifndef STORE_DB_HOLD_H
#define STORE_DB_HOLD_H

#include <stdbool.h>

#include "core/err.h"

/* Of dir/file (NULL: data.mdb). Until db_hold_end, or the process' end. ERR_BUSY: somebody
 * holds it (alone), or has it alone; ERR_NOT_FOUND, ERR_DENIED, ERR_IO. */
enum err db_hold(const char *dir, const char *file, bool alone, int *hold);
/* -1 is fine. */
void db_hold_end(int hold);
/* Does anybody hold it? */
bool db_hold_is_held(const char *dir);

#endif
