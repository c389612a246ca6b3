#include "core/arena.h"

#include <stdlib.h>

#include "core/must.h"

enum { ARENA_BLOCK = 1024, ARENA_ALIGN = 16 };

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	_Alignas(ARENA_ALIGN) uint8_t bytes[];
};

struct arena_hook {
	struct arena_hook *next;
	void (*hook)(void *);
	void *arg;
};

void
arena_init(struct arena *a, size_t block_size)
{
	*a = (struct arena){.block_size = block_size ? block_size : ARENA_BLOCK};
}

void
arena_reset(struct arena *a)
{
	struct arena_block *next;

	for (struct arena_hook *h = a->hooks; h; h = h->next)
		h->hook(h->arg);
	for (struct arena_block *b = a->block; b; b = next) {
		next = b->next;
		free(b);
	}
	arena_init(a, a->block_size);
}

void *
arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *b = a->block;
	size_t size;
	void *p;

	must(!__builtin_add_overflow(n, (size_t)ARENA_ALIGN - 1, &n));
	n &= ~(size_t)(ARENA_ALIGN - 1);
	if (!b || n > b->size - b->used) {
		size = n > a->block_size ? n : a->block_size;
		b = must_alloc(sizeof *b + size);
		b->used = 0;
		b->size = size;
		b->next = a->block;
		a->block = b;
	}
	p = b->bytes + b->used;
	b->used += n;
	a->used_bytes += n;
	return p;
}

void *
arena_zalloc(struct arena *a, size_t n)
{
	return memset(arena_alloc(a, n), 0, n);
}

struct slice
arena_dup(struct arena *a, struct slice s)
{
	uint8_t *p = arena_alloc(a, s.n);

	if (s.n)
		memcpy(p, s.p, s.n);
	return slice_of(p, s.n);
}

char *
arena_str(struct arena *a, struct slice s)
{
	char *p = arena_alloc(a, s.n + 1);

	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

void
arena_hook(struct arena *a, void (*hook)(void *), void *arg)
{
	struct arena_hook *h = arena_alloc(a, sizeof *h);

	*h = (struct arena_hook){a->hooks, hook, arg};
	a->hooks = h;
}
