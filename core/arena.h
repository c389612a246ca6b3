/* arena: memory that is given back all at once. Pure.
 * An arena per session, one per transaction or command within it. Allocation
 * is not checked by the caller: limits belong into the buffer that faces the
 * wire. Cleanup hooks run at reset in reverse order of their adding: they
 * close fds and wipe secrets. */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include "core/slice.h"

struct arena {
	struct arena_block *block;
	struct arena_hook *hooks;
	size_t block_size, used_bytes;
};

/* block_size: octets taken at a time (0 = 1,024); larger requests get a block of
 * their own. Takes no memory until the first allocation. */
void arena_init(struct arena *a, size_t block_size);
/* Runs the hooks, frees everything; the arena can be used again. */
void arena_reset(struct arena *a);
/* Aligned for any type; never NULL; not zeroed. */
void *arena_alloc(struct arena *a, size_t n);
void *arena_zalloc(struct arena *a, size_t n);
struct slice arena_dup(struct arena *a, struct slice s);
/* NUL-terminated copy. */
char *arena_str(struct arena *a, struct slice s);
void arena_hook(struct arena *a, void (*hook)(void *), void *arg);

#endif
