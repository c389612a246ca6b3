/* text: the octets of a mail or of a part of it, wherever they are (memory, sealed parts in a
 * file), behind one small interface: read at any place, or written once from end to end. So
 * what transforms mail neither knows nor holds them. Pure.
 *
 * A text may be read as often as wanted; nothing else may change it. A sink takes octets in
 * order; what went in isn't a text before text_room_close said ERR_OK. */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include "core/buf.h"
#include "core/err.h"

enum { TEXT_CHUNK = 65504 }; /* octets that text_copy and its like ask for at once */

struct text {
	uint64_t size;
	/* Exactly n octets from at on; at + n <= size. ERR_IO, ERR_CORRUPT. */
	enum err (*read)(void *arg, uint64_t at, uint8_t *p, size_t n);
	void *arg;
};
struct text_sink {
	/* All of it. ERR_FULL, ERR_IO, ERR_TOO_BIG. */
	enum err (*put)(void *arg, struct slice octets);
	void *arg;
};
/* Where new texts are made. They live as long as the room. */
struct text_room {
	enum err (*open)(void *arg, struct text_sink *sink);
	/* The last opened sink's: *text is what went into it. */
	enum err (*close)(void *arg, struct text *text);
	void *arg;
};

/* Of octets that are borrowed until the text's end. */
struct text text_of(const struct slice *octets);
/* [at, at + n) of another text, both borrowed. */
struct text_span {
	const struct text *of;
	uint64_t at;
};
struct text text_part(struct text_span *span, uint64_t n);
/* Appends to a buf, whose cap is the limit: ERR_TOO_BIG. */
struct text_sink text_into(struct buf *out);
/* Appends [at, at + n) to out. */
enum err text_get(const struct text *t, uint64_t at, size_t n, struct buf *out);
/* Calls put with [at, at + n) in pieces of at most TEXT_CHUNK. The first error ends it. */
enum err text_copy(const struct text *t, uint64_t at, uint64_t n, const struct text_sink *to);

/* A room in memory, of at most cap octets in all. For the command line and tests. */
struct text_memory;
struct text_memory *text_memory_new(size_t cap);
void text_memory_free(struct text_memory *m); /* NULL is fine; wipes */
struct text_room text_memory_room(struct text_memory *m);

#endif
