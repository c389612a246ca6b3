/* verify: is the state of this node made of the rows that its digest says? Sums all state rows
 * of one snapshot anew, in steps, while the store works: what a disk changed silently is found,
 * which the digest that each write keeps can't see. */
#ifndef STORE_VERIFY_H
#define STORE_VERIFY_H

#include "store/db.h"

struct verify;

/* Takes a snapshot of db, which stays until verify_end. */
enum err verify_begin(struct db *db, struct verify **v);
/* Some `rows` more. *done: verify_is_equal can be asked. An err: it can't be read. */
enum err verify_step(struct verify *v, uint32_t rows, bool *done);
bool verify_is_equal(const struct verify *v);
/* NULL is fine. */
void verify_end(struct verify *v);

#endif
