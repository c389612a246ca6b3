/* buf: bytes that we own and append to, with a hard cap. Pure.
 * An append that would pass the cap changes nothing, sets `overflow` and
 * returns false; overflow stays set until buf_clear. So a writer may append
 * without looking and ask once at the end. */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include "core/slice.h"

struct buf {
	uint8_t *p;
	size_t n, room, cap;
	size_t filled; /* the most that n ever was: what has to be wiped */
	bool overflow, is_secret;
};

/* cap in octets. Takes no memory until the first append. */
void buf_init(struct buf *b, size_t cap);
/* The same; what it leaves when it grows is wiped. */
void buf_init_secret(struct buf *b, size_t cap);
/* Frees the memory; the buf is then as after its init with the same cap. */
void buf_fini(struct buf *b);
/* Wipes the contents before freeing. What one left that grew meanwhile is wiped only with
 * buf_init_secret. */
void buf_fini_secret(struct buf *b);
/* Empties, keeps the memory. */
void buf_clear(struct buf *b);
bool buf_put(struct buf *b, const void *p, size_t n);
bool buf_put_slice(struct buf *b, struct slice s);
/* s is NUL-terminated. */
bool buf_put_str(struct buf *b, const char *s);
bool buf_put_u8(struct buf *b, uint8_t v);
bool buf_put_u32(struct buf *b, uint32_t big_endian);
bool buf_put_u64(struct buf *b, uint64_t big_endian);
/* Decimal. */
bool buf_put_dec(struct buf *b, uint64_t v);
bool buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more octets at the end, or NULL when that passes the cap; buf_grow
 * then says how many of them were filled. */
uint8_t *buf_room(struct buf *b, size_t n);
void buf_grow(struct buf *b, size_t n);
/* Drops n octets at the front (n <= b->n). */
void buf_drop(struct buf *b, size_t n);
/* Borrowed until the next change. */
static inline struct slice
buf_slice(const struct buf *b)
{
	return (struct slice){b->p, b->n};
}

#endif
