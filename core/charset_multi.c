#include "core/charset_multi.h"

#include "core/charset_tables.h"

enum { ESC = 0x1b, SO = 0x0e, SI = 0x0f, HALF_KANA = 0xff61 };

/* The one character of a step. 0: there is none. */
static int
give(uint32_t c, int taken, uint32_t code_points[2], unsigned *count)
{
	if (c == 0)
		return -1;
	code_points[0] = c;
	*count = 1;
	return taken;
}

static bool
is_in_plane2(const struct charset_tables_plane2 *list, uint16_t index)
{
	size_t low = 0, high = list->count, mid;

	while (low < high) {
		mid = (low + high) / 2;
		if (list->index[mid] < index)
			low = mid + 1;
		else
			high = mid;
	}
	return low < list->count && list->index[low] == index;
}

static uint32_t
with_plane2(const uint16_t *table, const struct charset_tables_plane2 *list, size_t index)
{
	uint32_t c = table[index];

	/* Few are asked: most entries are of the basic plane. */
	return is_in_plane2(list, (uint16_t)index) ? 0x20000 + c : c;
}

/* --- two octets -------------------------------------------------------------------- */

static uint32_t
gbk(uint8_t lead, uint8_t trail)
{
	size_t cell;

	if (lead < 0x81 || lead == 0xff || trail < 0x40 || trail == 0x7f || trail == 0xff)
		return 0;
	cell = trail < 0x7f ? trail - 0x40u : trail - 0x41u;
	return with_plane2(
		charset_tables_gbk, &charset_tables_gbk_plane2, (lead - 0x81u) * 190 + cell);
}

/* SIZE_MAX: no trail. */
static size_t
big5_index(uint8_t lead, uint8_t trail)
{
	if (lead < 0x81 || lead == 0xff || trail < 0x40 || trail == 0xff ||
		(trail > 0x7e && trail < 0xa1))
		return SIZE_MAX;
	return (lead - 0x81u) * 157u + (trail < 0x7f ? trail - 0x40u : trail - 0x62u);
}

static uint32_t
uhc(uint8_t lead, uint8_t trail)
{
	size_t cell;

	if (lead < 0x81 || lead == 0xff)
		return 0;
	if (trail >= 0x41 && trail <= 0x5a)
		cell = trail - 0x41u;
	else if (trail >= 0x61 && trail <= 0x7a)
		cell = trail - 0x47u;
	else if (trail >= 0x81 && trail <= 0xfe)
		cell = trail - 0x4du;
	else
		return 0;
	return charset_tables_uhc[(lead - 0x81u) * 178 + cell];
}

/* row and cell count from 0; windows-31J's extensions fill the standard's gaps. */
static uint32_t
jis0208(unsigned row, unsigned cell)
{
	uint32_t c = 0;

	if (cell >= 94)
		return 0;
	if (row < 94)
		c = charset_tables_jis0208[row * 94 + cell];
	return c || row >= 120 ? c : charset_tables_cp932[row * 94 + cell];
}

static uint32_t
cp932(uint8_t lead, uint8_t trail)
{
	unsigned row = (lead < 0xa0 ? lead - 0x81u : lead - 0xc1u) * 2, cell;

	if (trail < 0x40 || trail == 0x7f || trail > 0xfc)
		return 0;
	cell = trail < 0x7f ? trail - 0x40u : trail - 0x41u;
	return charset_tables_cp932[row * 94 + cell];
}

/* --- GB18030 -------------------------------------------------------------------------- */

static uint32_t
gb4(uint32_t linear)
{
	size_t low = 0, high = charset_tables_gb4_count, mid;
	const struct charset_tables_range *r;

	if (linear >= 189000)
		return linear - 189000 <= 0xfffff ? linear - 189000 + 0x10000 : 0;
	if (linear >= 39420)
		return 0;
	while (high - low > 1) {
		mid = (low + high) / 2;
		if (charset_tables_gb4[mid].from <= linear)
			low = mid;
		else
			high = mid;
	}
	r = &charset_tables_gb4[low];
	return r->to ? r->to + (linear - r->from) : 0;
}

static bool
is_between(uint8_t c, uint8_t low, uint8_t high)
{
	return c >= low && c <= high;
}

static int
gb18030(struct slice in, uint32_t code_points[2], unsigned *count)
{
	const uint8_t *p = in.p;
	uint32_t linear;

	if (in.n < 2)
		return 0;
	if (!is_between(p[1], 0x30, 0x39))
		return give(gbk(p[0], p[1]), 2, code_points, count);
	if (in.n > 2 && !is_between(p[2], 0x81, 0xfe))
		return -1;
	if (in.n < 4)
		return 0;
	if (!is_between(p[3], 0x30, 0x39))
		return -1;
	linear = (((p[0] - 0x81u) * 10 + (p[1] - 0x30u)) * 126 + (p[2] - 0x81u)) * 10 +
		 (p[3] - 0x30u);
	return give(gb4(linear), 4, code_points, count);
}

/* --- without escapes --------------------------------------------------------------------- */

static int
hkscs(struct slice in, uint32_t code_points[2], unsigned *count)
{
	static const struct {
		uint8_t trail;
		uint16_t base, mark;
	} pairs[] = {{0x62, 0xca, 0x304}, {0x64, 0xca, 0x30c}, {0xa3, 0xea, 0x304},
		{0xa5, 0xea, 0x30c}};
	size_t index = big5_index(in.p[0], in.p[1]);

	if (index == SIZE_MAX)
		return -1;
	for (size_t i = 0; in.p[0] == 0x88 && i < 4; i++) {
		if (in.p[1] != pairs[i].trail)
			continue;
		code_points[0] = pairs[i].base;
		code_points[1] = pairs[i].mark;
		*count = 2;
		return 2;
	}
	return give(with_plane2(charset_tables_hkscs, &charset_tables_hkscs_plane2, index), 2,
		code_points, count);
}

static int
big5(struct slice in, uint32_t code_points[2], unsigned *count)
{
	size_t index = big5_index(in.p[0], in.p[1]);

	return index == SIZE_MAX ? -1 : give(charset_tables_big5[index], 2, code_points, count);
}

static int
shift_jis(struct slice in, uint32_t code_points[2], unsigned *count)
{
	uint8_t lead = in.p[0];

	if (is_between(lead, 0xa1, 0xdf))
		return give(HALF_KANA + (lead - 0xa1u), 1, code_points, count);
	if (lead == 0x80 || lead == 0xa0 || lead > 0xfc)
		return -1;
	if (in.n < 2)
		return 0;
	return give(cp932(lead, in.p[1]), 2, code_points, count);
}

static int
euc_jp(struct slice in, uint32_t code_points[2], unsigned *count)
{
	uint8_t lead = in.p[0];

	if (lead != 0x8e && lead != 0x8f && !is_between(lead, 0xa1, 0xfe))
		return -1;
	if (in.n < 2)
		return 0;
	if (lead == 0x8e)
		return is_between(in.p[1], 0xa1, 0xdf)
			       ? give(HALF_KANA + (in.p[1] - 0xa1u), 2, code_points, count)
			       : -1;
	if (!is_between(in.p[1], 0xa1, 0xfe))
		return -1;
	if (lead != 0x8f)
		return give(jis0208(lead - 0xa1u, in.p[1] - 0xa1u), 2, code_points, count);
	if (in.n < 3)
		return 0;
	if (!is_between(in.p[2], 0xa1, 0xfe))
		return -1;
	return give(charset_tables_jis0212[(in.p[1] - 0xa1u) * 94 + (in.p[2] - 0xa1u)], 3,
		code_points, count);
}

/* --- with escapes ------------------------------------------------------------------- */

struct escape {
	const char *text;
	uint8_t set;
};

/* >0: octets of the sequence at the start of `in`; 0: cut off; -1: it is none. */
static int
find_escape(const struct escape *list, size_t n, struct slice in, uint8_t *set)
{
	bool is_cut = false;
	struct slice text;

	for (size_t i = 0; i < n; i++) {
		text = slice_str(list[i].text);
		if (slice_starts(in, text)) {
			*set = list[i].set;
			return (int)text.n;
		}
		is_cut |= slice_starts(text, in);
	}
	return is_cut ? 0 : -1;
}

static uint32_t
iso_2022_pair(uint8_t set, uint8_t a, uint8_t b)
{
	switch (set) {
	case CHARSET_MULTI_0208:
		return jis0208(a - 0x21u, b - 0x21u);
	case CHARSET_MULTI_0212:
		return charset_tables_jis0212[(a - 0x21u) * 94 + (b - 0x21u)];
	case CHARSET_MULTI_GB2312:
		return gbk(a | 0x80, b | 0x80);
	default:
		return uhc(a | 0x80, b | 0x80);
	}
}

static uint32_t
iso_2022_octet(uint8_t set, uint8_t c)
{
	if (set == CHARSET_MULTI_KANA && c > 0x20)
		return c < 0x60 ? HALF_KANA + (c - 0x21u) : 0;
	if (set == CHARSET_MULTI_ROMAN && c == 0x5c)
		return 0xa5;
	return set == CHARSET_MULTI_ROMAN && c == 0x7e ? 0x203e : c;
}

static int
iso_2022_jp(
	struct charset_decoder *d, struct slice in, uint32_t code_points[2], unsigned *count)
{
	static const struct escape escapes[] = {{"\x1b(B", CHARSET_MULTI_ASCII},
		{"\x1b(J", CHARSET_MULTI_ROMAN}, {"\x1b(I", CHARSET_MULTI_KANA},
		{"\x1b$@", CHARSET_MULTI_0208}, {"\x1b$B", CHARSET_MULTI_0208},
		{"\x1b$(@", CHARSET_MULTI_0208}, {"\x1b$(B", CHARSET_MULTI_0208},
		{"\x1b$(D", CHARSET_MULTI_0212}, {"\x1b$A", CHARSET_MULTI_GB2312},
		{"\x1b$(A", CHARSET_MULTI_GB2312}, {"\x1b$(C", CHARSET_MULTI_KSC5601}};
	uint8_t c = in.p[0];

	if (c == ESC)
		return find_escape(escapes, sizeof escapes / sizeof escapes[0], in, &d->set);
	if (c >= 0x80)
		return -1;
	/* RFC 1468: a line ends in ASCII, whether it says so or not. */
	if (c == '\n')
		d->set = CHARSET_MULTI_ASCII;
	if (d->set < CHARSET_MULTI_0208 || c <= 0x20 || c == 0x7f) {
		code_points[0] = iso_2022_octet(d->set, c);
		*count = 1;
		return c && code_points[0] == 0 ? -1 : 1;
	}
	if (in.n < 2)
		return 0;
	if (!is_between(in.p[1], 0x21, 0x7e))
		return -1;
	return give(iso_2022_pair(d->set, c, in.p[1]), 2, code_points, count);
}

static int
iso_2022_kr(
	struct charset_decoder *d, struct slice in, uint32_t code_points[2], unsigned *count)
{
	static const struct escape announcer = {"\x1b$)C", 0};
	uint8_t c = in.p[0], unused;

	if (c == ESC)
		return find_escape(&announcer, 1, in, &unused);
	if (c == SO || c == SI) {
		d->set = c == SO;
		return 1;
	}
	if (c == '\n')
		d->set = 0;
	if (c >= 0x80)
		return -1;
	if (!d->set || c <= 0x20 || c == 0x7f) {
		code_points[0] = c;
		*count = 1;
		return 1;
	}
	if (in.n < 2)
		return 0;
	if (!is_between(in.p[1], 0x21, 0x7e))
		return -1;
	return give(uhc(c | 0x80, in.p[1] | 0x80), 2, code_points, count);
}

/* RFC 1843. d->set: in GB mode. */
static int
hz(struct charset_decoder *d, struct slice in, uint32_t code_points[2], unsigned *count)
{
	uint8_t c = in.p[0];

	if (c >= 0x80)
		return -1;
	if (c == '\n')
		d->set = 0;
	if (c != '~' && (!d->set || c <= 0x20 || c == 0x7f)) {
		code_points[0] = c;
		*count = 1;
		return 1;
	}
	if (in.n < 2)
		return 0;
	if (c == '~') {
		if (in.p[1] == '{' || in.p[1] == '}')
			d->set = in.p[1] == '{';
		else if (in.p[1] == '~')
			return give('~', 2, code_points, count);
		else if (in.p[1] != '\n')
			return -1;
		return 2;
	}
	if (!is_between(in.p[1], 0x21, 0x7e))
		return -1;
	return give(gbk(c | 0x80, in.p[1] | 0x80), 2, code_points, count);
}

static int
two_octets(struct charset_decoder *d, struct slice in, uint32_t code_points[2], unsigned *count)
{
	if (!is_between(in.p[0], 0x81, 0xfe))
		return -1;
	if (d->charset == CHARSET_GB18030)
		return gb18030(in, code_points, count);
	if (in.n < 2)
		return 0;
	if (d->charset == CHARSET_BIG5)
		return big5(in, code_points, count);
	if (d->charset == CHARSET_BIG5_HKSCS)
		return hkscs(in, code_points, count);
	return give(uhc(in.p[0], in.p[1]), 2, code_points, count);
}

int
charset_multi_step(
	struct charset_decoder *d, struct slice in, uint32_t code_points[2], unsigned *count)
{
	*count = 0;
	if (d->charset == CHARSET_ISO_2022_JP)
		return iso_2022_jp(d, in, code_points, count);
	if (d->charset == CHARSET_ISO_2022_KR)
		return iso_2022_kr(d, in, code_points, count);
	if (d->charset == CHARSET_HZ)
		return hz(d, in, code_points, count);
	if (in.p[0] < 0x80) {
		code_points[0] = in.p[0];
		*count = 1;
		return 1;
	}
	if (d->charset == CHARSET_SHIFT_JIS)
		return shift_jis(in, code_points, count);
	if (d->charset == CHARSET_EUC_JP)
		return euc_jp(in, code_points, count);
	return two_octets(d, in, code_points, count);
}

/* --- UTF-7 -------------------------------------------------------------------------- */

static int
base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* 16 bits of base64 are complete. */
static void
utf7_unit(struct charset_decoder *d, uint32_t code_points[2], unsigned *count)
{
	uint16_t unit = (uint16_t)(d->bits >> d->bit_count);

	if (d->high && unit >= 0xdc00 && unit <= 0xdfff) {
		code_points[(*count)++] = 0x10000 + ((uint32_t)(d->high - 0xd800) << 10) +
					  (unit - 0xdc00u);
		d->high = 0;
		return;
	}
	if (d->high)
		code_points[(*count)++] = 0xfffd;
	d->high = 0;
	if (unit >= 0xd800 && unit <= 0xdbff)
		d->high = unit;
	else
		code_points[(*count)++] = unit >= 0xdc00 && unit <= 0xdfff ? 0xfffd : unit;
}

int
charset_multi_utf7(
	struct charset_decoder *d, struct slice in, uint32_t code_points[2], unsigned *count)
{
	uint8_t c = in.p[0];
	int value = base64_value(c);

	*count = 0;
	if (d->set && value >= 0) {
		d->bits = (d->bits << 6 | (uint32_t)value) & 0x3fffff;
		d->bit_count = (uint8_t)(d->bit_count + 6);
		if (d->bit_count >= 16) {
			d->bit_count = (uint8_t)(d->bit_count - 16);
			utf7_unit(d, code_points, count);
		}
		return 1;
	}
	if (c >= 0x80)
		return -1;
	if (d->set) {
		if (d->high)
			code_points[(*count)++] = 0xfffd;
		d->set = d->bit_count = 0;
		d->high = 0;
		if (c == '-')
			return 1;
	} else if (c == '+') {
		if (in.n < 2)
			return 0;
		if (in.p[1] != '-') {
			d->set = 1;
			d->bits = d->bit_count = 0;
			return 1;
		}
	}
	code_points[(*count)++] = c;
	return c == '+' ? 2 : 1;
}
