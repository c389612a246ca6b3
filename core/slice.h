/* slice: borrowed bytes. May hold NUL, is not terminated. Pure. */
#ifndef CORE_SLICE_H
#define CORE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *p;
	size_t n;
};

#define SLICE_EMPTY ((struct slice){NULL, 0})
/* For string literals only. */
#define SLICE_LIT(s) ((struct slice){(const uint8_t *)("" s), sizeof(s) - 1})
/* For printf's "%.*s". */
#define SLICE_FMT(s) (int)(s).n, (const char *)(s).p

static inline struct slice
slice_of(const void *p, size_t n)
{
	return (struct slice){p, n};
}

/* s is NUL-terminated or NULL (empty). */
static inline struct slice
slice_str(const char *s)
{
	return (struct slice){(const uint8_t *)s, s ? strlen(s) : 0};
}

static inline bool
slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Octets [from, to); both are cut to the slice's end. */
static inline struct slice
slice_cut(struct slice s, size_t from, size_t to)
{
	to = to > s.n ? s.n : to;
	from = from > to ? to : from;
	return (struct slice){s.p ? s.p + from : NULL, to - from};
}

static inline struct slice
slice_from(struct slice s, size_t from)
{
	return slice_cut(s, from, s.n);
}

/* ASCII case is ignored. */
bool slice_eq_nocase(struct slice a, struct slice b);
/* Like memcmp, then the shorter first. */
int slice_cmp(struct slice a, struct slice b);
bool slice_starts(struct slice s, struct slice prefix);
bool slice_starts_nocase(struct slice s, struct slice prefix);
bool slice_ends(struct slice s, struct slice suffix);
/* Index of the first c, or s.n. */
size_t slice_find(struct slice s, uint8_t c);
/* Index of the first needle, or s.n. */
size_t slice_find_slice(struct slice s, struct slice needle);
bool slice_has(struct slice s, uint8_t c);
/* Without SP, HTAB, CR and LF at both ends. */
struct slice slice_trim(struct slice s);
/* Decimal digits only, whole slice, no sign; false when empty, odd, or over max. */
bool slice_u64(struct slice s, uint64_t max, uint64_t *out);
uint8_t slice_lower(uint8_t c);

#endif
