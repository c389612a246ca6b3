#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/must.h"

enum { BUF_FIRST = 256 };

void
buf_init(struct buf *b, size_t cap)
{
	*b = (struct buf){.cap = cap};
}

void
buf_init_secret(struct buf *b, size_t cap)
{
	*b = (struct buf){.cap = cap, .is_secret = true};
}

void
buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){.cap = b->cap, .is_secret = b->is_secret};
}

void
buf_fini_secret(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->filled);
	buf_fini(b);
}

void
buf_clear(struct buf *b)
{
	b->n = 0;
	b->overflow = false;
}

/* realloc would leave a copy where it was. */
static void
move(struct buf *b, size_t room)
{
	uint8_t *p = must_alloc(room);

	if (b->p) {
		memcpy(p, b->p, b->filled);
		explicit_bzero(b->p, b->filled);
	}
	free(b->p);
	b->p = p;
}

uint8_t *
buf_room(struct buf *b, size_t n)
{
	size_t want, room;

	if (b->overflow || __builtin_add_overflow(b->n, n, &want) || want > b->cap) {
		b->overflow = true;
		return NULL;
	}
	if (want > b->room || !b->p) {
		room = b->room ? b->room : BUF_FIRST;
		while (room < want)
			room *= 2;
		if (room > b->cap)
			room = b->cap;
		if (b->is_secret)
			move(b, room);
		else
			b->p = must_realloc(b->p, room);
		b->room = room;
	}
	return b->p + b->n;
}

void
buf_grow(struct buf *b, size_t n)
{
	must(n <= b->room - b->n);
	b->n += n;
	if (b->filled < b->n)
		b->filled = b->n;
}

bool
buf_put(struct buf *b, const void *p, size_t n)
{
	uint8_t *to;

	if (n == 0)
		return !b->overflow;
	to = buf_room(b, n);
	if (!to)
		return false;
	memcpy(to, p, n);
	buf_grow(b, n);
	return true;
}

bool
buf_put_slice(struct buf *b, struct slice s)
{
	return buf_put(b, s.p, s.n);
}

bool
buf_put_str(struct buf *b, const char *s)
{
	return buf_put(b, s, strlen(s));
}

bool
buf_put_u8(struct buf *b, uint8_t v)
{
	return buf_put(b, &v, 1);
}

bool
buf_put_u32(struct buf *b, uint32_t v)
{
	uint8_t raw[4] = {
		(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

	return buf_put(b, raw, sizeof raw);
}

bool
buf_put_u64(struct buf *b, uint64_t v)
{
	uint8_t raw[8];

	for (int i = 0; i < 8; i++)
		raw[i] = (uint8_t)(v >> (56 - 8 * i));
	return buf_put(b, raw, sizeof raw);
}

bool
buf_put_dec(struct buf *b, uint64_t v)
{
	uint8_t digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (uint8_t)('0' + v % 10);
		v /= 10;
	} while (v);
	return buf_put(b, digits + at, sizeof digits - at);
}

bool
buf_printf(struct buf *b, const char *format, ...)
{
	va_list ap, again;
	uint8_t *to;
	int n;

	va_start(ap, format);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	must(n >= 0);
	to = buf_room(b, (size_t)n + 1);
	if (to) {
		vsnprintf((char *)to, (size_t)n + 1, format, again);
		buf_grow(b, (size_t)n);
	}
	va_end(again);
	return to != NULL;
}

void
buf_drop(struct buf *b, size_t n)
{
	must(n <= b->n);
	b->n -= n;
	if (b->n && n)
		memmove(b->p, b->p + n, b->n);
}
