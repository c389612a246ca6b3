/* store_verify: `hairpin cluster verify`: a mark goes into the log; each data node takes the
 * digest of its state there, sums its rows anew, and logs what it found; whoever asked
 * compares. The store works meanwhile. */
#ifndef CMD_STORE_VERIFY_H
#define CMD_STORE_VERIFY_H

#include "cmd/proc.h"
#include "store/engine.h"

struct store_verify;

/* Borrows both. Never NULL. */
struct store_verify *store_verify_new(struct proc *p, struct engine *e);
/* on_mark of the engine. */
void store_verify_mark(struct store_verify *v, uint64_t index, const uint8_t digest[32]);
/* A piece of what there is to sum; false: nothing (more). may_begin: the database's file isn't
 * about to be swapped. An err: it can't be read. */
enum err store_verify_step(struct store_verify *v, bool may_begin, bool *more);
/* A snapshot is held: the file mustn't be swapped. */
bool store_verify_is_running(const struct store_verify *v);
/* Answers the ticket with JSON, later. */
void store_verify_ask(struct store_verify *v, struct ipc_ticket ticket);

#endif
