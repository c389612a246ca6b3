#include <stdlib.h>

#include "core/charset.h"
#include "core/charset_multi.h"
#include "core/charset_tables.h"
#include "core/must.h"
#include "core/utf8.h"

/* From a code point of the basic plane to its index in a table, plus one. */
enum reverse {
	REVERSE_GBK,
	REVERSE_BIG5,
	REVERSE_HKSCS,
	REVERSE_UHC,
	REVERSE_CP932,
	REVERSE_0208,
	REVERSE_0212,
	REVERSE_COUNT
};

static const struct {
	const uint16_t *table;
	const struct charset_tables_plane2 *plane2;
	size_t size;
} tables[REVERSE_COUNT] = {
	[REVERSE_GBK] = {charset_tables_gbk, &charset_tables_gbk_plane2,
		CHARSET_TABLES_GBK_SIZE},
	[REVERSE_BIG5] = {charset_tables_big5, NULL, CHARSET_TABLES_BIG5_SIZE},
	[REVERSE_HKSCS] = {charset_tables_hkscs, &charset_tables_hkscs_plane2,
		CHARSET_TABLES_BIG5_SIZE},
	[REVERSE_UHC] = {charset_tables_uhc, NULL, CHARSET_TABLES_UHC_SIZE},
	[REVERSE_CP932] = {charset_tables_cp932, NULL, CHARSET_TABLES_CP932_SIZE},
	[REVERSE_0208] = {charset_tables_jis0208, NULL, CHARSET_TABLES_JIS_SIZE},
	[REVERSE_0212] = {charset_tables_jis0212, NULL, CHARSET_TABLES_JIS_SIZE},
};

/* Made when first asked for: few processes ever write these charsets. */
static uint16_t *
reverse_of(enum reverse r)
{
	static uint16_t *made[REVERSE_COUNT];
	const struct charset_tables_plane2 *plane2 = tables[r].plane2;
	size_t next = 0;

	if (made[r])
		return made[r];
	made[r] = must_zalloc(0x10000 * sizeof *made[r]);
	for (size_t i = 0; i < tables[r].size; i++) {
		if (plane2 && next < plane2->count && plane2->index[next] == i) {
			next++;
			continue;
		}
		if (!made[r][tables[r].table[i]])
			made[r][tables[r].table[i]] = (uint16_t)(i + 1);
	}
	made[r][0] = 0;
	return made[r];
}

/* False: the table has no such character. */
static bool
find(enum reverse r, uint32_t c, uint32_t *index)
{
	const struct charset_tables_plane2 *plane2 = tables[r].plane2;
	uint16_t at;

	if (c < 0x10000) {
		at = reverse_of(r)[c];
		*index = at - 1u;
		return at != 0;
	}
	for (size_t i = 0; plane2 && i < plane2->count; i++) {
		if (tables[r].table[plane2->index[i]] + 0x20000u == c) {
			*index = plane2->index[i];
			return true;
		}
	}
	return false;
}

static int
put2(uint32_t lead, uint32_t trail, uint8_t *out)
{
	out[0] = (uint8_t)lead;
	out[1] = (uint8_t)trail;
	return 2;
}

static int
put_single(enum charset charset, uint32_t c, uint8_t *out)
{
	const uint16_t *table;

	if (charset < CHARSET_SINGLE_FIRST)
		return -1;
	table = charset_tables_single[charset - CHARSET_SINGLE_FIRST];
	for (unsigned i = 0; i < 128; i++) {
		if (table[i] == c) {
			out[0] = (uint8_t)(i + 128);
			return 1;
		}
	}
	return -1;
}

static int
put_gb4(uint32_t c, uint8_t *out)
{
	const struct charset_tables_range *r = charset_tables_gb4;
	uint32_t linear = 0;

	if (c > 0xffff)
		linear = c - 0x10000 + 189000;
	for (; !linear && r->from < 39420; r++)
		if (r->to && c >= r->to && c - r->to < (uint32_t)r[1].from - r->from)
			linear = r->from + (c - r->to);
	if (!linear && c != charset_tables_gb4[0].to)
		return -1;
	out[0] = (uint8_t)(0x81 + linear / 12600);
	out[1] = (uint8_t)(0x30 + linear / 1260 % 10);
	out[2] = (uint8_t)(0x81 + linear / 10 % 126);
	out[3] = (uint8_t)(0x30 + linear % 10);
	return 4;
}

static int
put_gb18030(uint32_t c, uint8_t *out)
{
	uint32_t i, cell;

	if (!find(REVERSE_GBK, c, &i))
		return put_gb4(c, out);
	cell = i % 190;
	return put2(0x81 + i / 190, cell < 63 ? cell + 0x40 : cell + 0x41, out);
}

static int
put_big5(enum reverse r, uint32_t c, uint8_t *out)
{
	uint32_t i, cell;

	if (!find(r, c, &i))
		return -1;
	cell = i % 157;
	return put2(0x81 + i / 157, cell < 63 ? cell + 0x40 : cell + 0x62, out);
}

static int
put_uhc(uint32_t c, uint8_t *out)
{
	uint32_t i, cell;

	if (!find(REVERSE_UHC, c, &i))
		return -1;
	cell = i % 178;
	return put2(0x81 + i / 178, cell + (cell < 26 ? 0x41 : cell < 52 ? 0x47 : 0x4d), out);
}

static int
put_shift_jis(uint32_t c, uint8_t *out)
{
	uint32_t i, cell;

	if (c >= 0xff61 && c <= 0xff9f) {
		out[0] = (uint8_t)(c - 0xff61 + 0xa1);
		return 1;
	}
	if (!find(REVERSE_CP932, c, &i))
		return -1;
	cell = i % 188;
	i /= 188;
	return put2(i < 31 ? i + 0x81 : i + 0xc1, cell < 63 ? cell + 0x40 : cell + 0x41, out);
}

static int
put_euc_jp(uint32_t c, uint8_t *out)
{
	uint32_t i;

	if (c >= 0xff61 && c <= 0xff9f)
		return put2(0x8e, c - 0xff61 + 0xa1, out);
	if (find(REVERSE_0208, c, &i))
		return put2(0xa1 + i / 94, 0xa1 + i % 94, out);
	if (!find(REVERSE_0212, c, &i))
		return -1;
	out[0] = 0x8f;
	return 1 + put2(0xa1 + i / 94, 0xa1 + i % 94, out + 1);
}

static int
put_escape(struct charset_encoder *e, uint8_t set, uint8_t *out)
{
	static const char *const texts[] = {[CHARSET_MULTI_ASCII] = "\x1b(B",
		[CHARSET_MULTI_0208] = "\x1b$B",
		[CHARSET_MULTI_0212] = "\x1b$(D"};
	size_t n;

	if (e->set == set)
		return 0;
	e->set = set;
	n = strlen(texts[set]);
	memcpy(out, texts[set], n);
	return (int)n;
}

static int
put_iso_2022_jp(struct charset_encoder *e, uint32_t c, uint8_t *out)
{
	uint8_t set = CHARSET_MULTI_0208;
	uint32_t i;
	int n;

	/* An escape of the text's own would change what follows. */
	if (c == 0x1b)
		return -1;
	if (c < 0x80) {
		n = put_escape(e, CHARSET_MULTI_ASCII, out);
		out[n] = (uint8_t)c;
		return n + 1;
	}
	if (!find(REVERSE_0208, c, &i)) {
		if (!find(REVERSE_0212, c, &i))
			return -1;
		set = CHARSET_MULTI_0212;
	}
	n = put_escape(e, set, out);
	return n + put2(0x21 + i / 94, 0x21 + i % 94, out + n);
}

static int
put16(uint32_t unit, bool is_little, uint8_t *out)
{
	return is_little ? put2(unit & 0xff, unit >> 8, out)
			 : put2(unit >> 8, unit & 0xff, out);
}

static int
put_utf16(struct charset_encoder *e, uint32_t c, uint8_t *out)
{
	bool is_little = e->charset == CHARSET_UTF_16LE;
	int n = 0;

	if (e->charset == CHARSET_UTF_16 && !e->is_begun)
		n = put16(0xfeff, false, out);
	e->is_begun = true;
	if (c < 0x10000)
		return n + put16(c, is_little, out + n);
	c -= 0x10000;
	n += put16(0xd800 + (c >> 10), is_little, out + n);
	return n + put16(0xdc00 + (c & 0x3ff), is_little, out + n);
}

static int
put_utf32(struct charset_encoder *e, uint32_t c, uint8_t *out)
{
	bool is_little = e->charset == CHARSET_UTF_32LE;
	int n = 0;

	if (e->charset == CHARSET_UTF_32 && !e->is_begun)
		n = put16(0, false, out) + put16(0xfeff, false, out + 2);
	e->is_begun = true;
	n += put16(is_little ? c & 0xffff : c >> 16, is_little, out + n);
	return n + put16(is_little ? c >> 16 : c & 0xffff, is_little, out + n);
}

bool
charset_encode_init(struct charset_encoder *e, enum charset charset)
{
	*e = (struct charset_encoder){.charset = charset};
	return charset < CHARSET_COUNT && charset != CHARSET_UTF_7 && charset != CHARSET_HZ &&
	       charset != CHARSET_ISO_2022_KR;
}

static int
put_multi(enum charset charset, uint32_t c, uint8_t *out)
{
	if (charset == CHARSET_GB18030)
		return put_gb18030(c, out);
	if (charset == CHARSET_BIG5 || charset == CHARSET_BIG5_HKSCS)
		return put_big5(charset == CHARSET_BIG5 ? REVERSE_BIG5 : REVERSE_HKSCS, c, out);
	if (charset == CHARSET_EUC_KR)
		return put_uhc(c, out);
	if (charset == CHARSET_SHIFT_JIS)
		return put_shift_jis(c, out);
	if (charset == CHARSET_EUC_JP)
		return put_euc_jp(c, out);
	return put_single(charset, c, out);
}

int
charset_encode(struct charset_encoder *e, uint32_t c, uint8_t out[CHARSET_ENCODED_MAX])
{
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return -1;
	if (e->charset >= CHARSET_UTF_16 && e->charset <= CHARSET_UTF_16LE)
		return put_utf16(e, c, out);
	if (e->charset >= CHARSET_UTF_32 && e->charset <= CHARSET_UTF_32LE)
		return put_utf32(e, c, out);
	if (e->charset == CHARSET_UTF_8)
		return (int)utf8_put(c, out);
	if (e->charset == CHARSET_ISO_2022_JP)
		return put_iso_2022_jp(e, c, out);
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	return put_multi(e->charset, c, out);
}

int
charset_encode_end(struct charset_encoder *e, uint8_t out[CHARSET_ENCODED_MAX])
{
	return e->charset == CHARSET_ISO_2022_JP ? put_escape(e, CHARSET_MULTI_ASCII, out) : 0;
}
