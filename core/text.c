#include "core/text.h"

#include <stdlib.h>

#include "core/must.h"

static enum err
read_slice(void *arg, uint64_t at, uint8_t *p, size_t n)
{
	const struct slice *octets = arg;

	memcpy(p, octets->p + at, n);
	return ERR_OK;
}

struct text
text_of(const struct slice *octets)
{
	return (struct text){octets->n, read_slice, (void *)(uintptr_t)octets};
}

static enum err
read_span(void *arg, uint64_t at, uint8_t *p, size_t n)
{
	const struct text_span *span = arg;

	return span->of->read(span->of->arg, span->at + at, p, n);
}

struct text
text_part(struct text_span *span, uint64_t n)
{
	return (struct text){n, read_span, span};
}

static enum err
put_buf(void *arg, struct slice octets)
{
	return buf_put_slice(arg, octets) ? ERR_OK : ERR_TOO_BIG;
}

struct text_sink
text_into(struct buf *out)
{
	return (struct text_sink){put_buf, out};
}

enum err
text_get(const struct text *t, uint64_t at, size_t n, struct buf *out)
{
	uint8_t *p = buf_room(out, n);
	enum err e;

	if (n == 0)
		return ERR_OK;
	if (!p)
		return ERR_TOO_BIG;
	e = t->read(t->arg, at, p, n);
	if (!e)
		buf_grow(out, n);
	return e;
}

enum err
text_copy(const struct text *t, uint64_t at, uint64_t n, const struct text_sink *to)
{
	uint8_t *chunk = must_alloc(TEXT_CHUNK);
	enum err e = ERR_OK;

	for (uint64_t done = 0; done < n && !e;) {
		size_t want = n - done < TEXT_CHUNK ? (size_t)(n - done) : TEXT_CHUNK;

		e = t->read(t->arg, at + done, chunk, want);
		if (!e)
			e = to->put(to->arg, slice_of(chunk, want));
		done += want;
	}
	explicit_bzero(chunk, TEXT_CHUNK);
	free(chunk);
	return e;
}

/* --- in memory --- */

struct made {
	struct made *next;
	struct buf octets;
	struct slice slice;
};

struct text_memory {
	struct made *newest;
	size_t cap;
};

struct text_memory *
text_memory_new(size_t cap)
{
	struct text_memory *m = must_zalloc(sizeof *m);

	m->cap = cap;
	return m;
}

void
text_memory_free(struct text_memory *m)
{
	struct made *next;

	for (struct made *one = m ? m->newest : NULL; one; one = next) {
		next = one->next;
		buf_fini_secret(&one->octets);
		free(one);
	}
	free(m);
}

static enum err
memory_open(void *arg, struct text_sink *sink)
{
	struct text_memory *m = arg;
	struct made *one = must_zalloc(sizeof *one);

	buf_init(&one->octets, m->cap);
	one->next = m->newest;
	m->newest = one;
	*sink = text_into(&one->octets);
	return ERR_OK;
}

static enum err
memory_close(void *arg, struct text *text)
{
	struct text_memory *m = arg;
	struct made *one = m->newest;

	if (one->octets.overflow)
		return ERR_TOO_BIG;
	m->cap -= one->octets.n;
	one->slice = buf_slice(&one->octets);
	*text = text_of(&one->slice);
	return ERR_OK;
}

struct text_room
text_memory_room(struct text_memory *m)
{
	return (struct text_room){memory_open, memory_close, m};
}
