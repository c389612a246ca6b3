#include "crypto/saslprep.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "core/must.h"

struct range {
	int32_t from, to;
};

static bool
is_in(const struct range *r, size_t n, int32_t c)
{
	for (size_t i = 0; i < n; i++)
		if (c >= r[i].from && c <= r[i].to)
			return true;
	return false;
}
#define IS_IN(ranges, c) is_in(ranges, sizeof(ranges) / sizeof *(ranges), c)

/* RFC 3454 table B.1: mapped to nothing. */
static const struct range nothing[] = {{0xad, 0xad}, {0x34f, 0x34f}, {0x1806, 0x1806},
	{0x180b, 0x180d}, {0x200b, 0x200d}, {0x2060, 0x2060}, {0xfe00, 0xfe0f},
	{0xfeff, 0xfeff}};
/* C.1.2: non-ASCII spaces, mapped to SP. */
static const struct range space[] = {{0xa0, 0xa0}, {0x1680, 0x1680}, {0x2000, 0x200b},
	{0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}};
/* C.2.1 to C.9 but for the non-characters at each plane's end. */
static const struct range prohibited[] = {{0, 0x1f}, {0x7f, 0x9f}, {0x340, 0x341},
	{0x6dd, 0x6dd}, {0x70f, 0x70f}, {0x180e, 0x180e}, {0x200c, 0x200f}, {0x2028, 0x202e},
	{0x2060, 0x2063}, {0x206a, 0x206f}, {0x2ff0, 0x2ffb}, {0xd800, 0xdfff},
	{0xe000, 0xf8ff}, {0xfdd0, 0xfdef}, {0xfeff, 0xfeff}, {0xfff9, 0xfffd},
	{0x1d173, 0x1d17a}, {0xe0001, 0xe0001}, {0xe0020, 0xe007f}, {0xf0000, 0x10ffff}};

static bool
may_stand(int32_t c, enum saslprep_use use)
{
	if (IS_IN(prohibited, c) || (c & 0xfffe) == 0xfffe)
		return false;
	return use == SASLPREP_QUERY || utf8proc_category(c) != UTF8PROC_CATEGORY_CN;
}

/* Appends a mapped copy of raw. */
static enum err
map(struct slice raw, struct buf *out)
{
	int32_t c;
	uint8_t utf8[4];

	while (raw.n) {
		utf8proc_ssize_t n = utf8proc_iterate(raw.p, (utf8proc_ssize_t)raw.n, &c);

		if (n <= 0)
			return ERR_SYNTAX;
		raw = slice_from(raw, (size_t)n);
		if (c < 0x80) {
			buf_put_u8(out, (uint8_t)c);
			continue;
		}
		/* U+200B is in both tables; B.1 wins where a mapping to SP would keep it
		 * visible. */
		if (IS_IN(nothing, c))
			continue;
		if (IS_IN(space, c))
			c = ' ';
		buf_put(out, utf8, (size_t)utf8proc_encode_char(c, utf8));
	}
	return out->overflow ? ERR_TOO_BIG : ERR_OK;
}

/* RFC 3454 section 6: text with a right-to-left letter has no left-to-right letter, and begins
 * and ends with right-to-left letters. */
struct bidi {
	bool has_rtl, has_ltr, first_rtl, last_rtl, begun;
};

static void
bidi_add(struct bidi *b, int32_t c)
{
	utf8proc_bidi_class_t class =
		(utf8proc_bidi_class_t)utf8proc_get_property(c)->bidi_class;
	bool rtl = class == UTF8PROC_BIDI_CLASS_R || class == UTF8PROC_BIDI_CLASS_AL;

	b->has_rtl |= rtl;
	b->has_ltr |= class == UTF8PROC_BIDI_CLASS_L;
	if (!b->begun)
		b->first_rtl = rtl;
	b->last_rtl = rtl;
	b->begun = true;
}

static enum err
check(struct slice s, enum saslprep_use use)
{
	struct bidi bidi = {0};
	int32_t c;

	while (s.n) {
		utf8proc_ssize_t n = utf8proc_iterate(s.p, (utf8proc_ssize_t)s.n, &c);

		if (n <= 0 || !may_stand(c, use))
			return ERR_SYNTAX;
		bidi_add(&bidi, c);
		s = slice_from(s, (size_t)n);
	}
	if (bidi.has_rtl && (bidi.has_ltr || !bidi.first_rtl || !bidi.last_rtl))
		return ERR_SYNTAX;
	return ERR_OK;
}

enum err
saslprep(struct slice raw, enum saslprep_use use, struct buf *out)
{
	struct buf mapped;
	uint8_t *nfkc = NULL;
	utf8proc_ssize_t n = 0;
	enum err e;

	if (raw.n > SASLPREP_MAX)
		return ERR_TOO_BIG;
	buf_init(&mapped, SASLPREP_MAX);
	e = map(raw, &mapped);
	if (!e && mapped.n) {
		n = utf8proc_map(mapped.p, (utf8proc_ssize_t)mapped.n, &nfkc,
			UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
		must(n != UTF8PROC_ERROR_NOMEM);
		e = n < 0 ? ERR_SYNTAX : n > SASLPREP_MAX ? ERR_TOO_BIG : ERR_OK;
	}
	if (!e)
		e = check(slice_of(nfkc, (size_t)n), use);
	if (!e && !buf_put(out, nfkc, (size_t)n))
		e = ERR_LIMIT;
	if (nfkc && n > 0)
		explicit_bzero(nfkc, (size_t)n);
	free(nfkc);
	buf_fini_secret(&mapped);
	return e;
}
