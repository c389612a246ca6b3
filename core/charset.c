#include "core/charset.h"

#include "core/charset_multi.h"
#include "core/charset_tables.h"
#include "core/utf8.h"

enum { LABEL_MAX = 40 };

static const char *const names[CHARSET_COUNT] = {[CHARSET_US_ASCII] = "US-ASCII",
	[CHARSET_UTF_8] = "UTF-8",
	[CHARSET_UTF_7] = "UTF-7",
	[CHARSET_UTF_16] = "UTF-16",
	[CHARSET_UTF_16BE] = "UTF-16BE",
	[CHARSET_UTF_16LE] = "UTF-16LE",
	[CHARSET_UTF_32] = "UTF-32",
	[CHARSET_UTF_32BE] = "UTF-32BE",
	[CHARSET_UTF_32LE] = "UTF-32LE",
	[CHARSET_GB18030] = "GB18030",
	[CHARSET_HZ] = "HZ-GB-2312",
	[CHARSET_BIG5] = "Big5",
	[CHARSET_BIG5_HKSCS] = "Big5-HKSCS",
	[CHARSET_EUC_KR] = "EUC-KR",
	[CHARSET_ISO_2022_KR] = "ISO-2022-KR",
	[CHARSET_SHIFT_JIS] = "Shift_JIS",
	[CHARSET_EUC_JP] = "EUC-JP",
	[CHARSET_ISO_2022_JP] = "ISO-2022-JP",
#define X(constant, name, host) [CHARSET_##constant] = name,
	CHARSET_SINGLE(X)
#undef X
};

/* Labels without anything but letters and digits, and without a leading "x". */
static const struct {
	const char *label;
	uint8_t charset;
} aliases[] = {
	{"ascii", CHARSET_US_ASCII},
	{"ansix341968", CHARSET_US_ASCII},
	{"ansix341986", CHARSET_US_ASCII},
	{"iso646us", CHARSET_US_ASCII},
	{"646", CHARSET_US_ASCII},
	{"us", CHARSET_US_ASCII},
	{"csascii", CHARSET_US_ASCII},
	{"unicode11utf8", CHARSET_UTF_8},
	{"unicode20utf8", CHARSET_UTF_8},
	{"cp65001", CHARSET_UTF_8},
	{"utf8mb4", CHARSET_UTF_8},
	{"csutf8", CHARSET_UTF_8},
	{"unicode11utf7", CHARSET_UTF_7},
	{"ucs2", CHARSET_UTF_16},
	{"iso10646ucs2", CHARSET_UTF_16},
	{"unicode", CHARSET_UTF_16LE},
	{"ucs2be", CHARSET_UTF_16BE},
	{"ucs2le", CHARSET_UTF_16LE},
	{"ucs4", CHARSET_UTF_32},
	{"iso10646ucs4", CHARSET_UTF_32},
	{"ucs4be", CHARSET_UTF_32BE},
	{"ucs4le", CHARSET_UTF_32LE},
	{"gb2312", CHARSET_GB18030},
	{"gb231280", CHARSET_GB18030},
	{"gbk", CHARSET_GB18030},
	{"cp936", CHARSET_GB18030},
	{"ms936", CHARSET_GB18030},
	{"windows936", CHARSET_GB18030},
	{"euccn", CHARSET_GB18030},
	{"csgb2312", CHARSET_GB18030},
	{"cngb", CHARSET_GB18030},
	{"chinese", CHARSET_GB18030},
	{"isoir58", CHARSET_GB18030},
	{"hz", CHARSET_HZ},
	{"cnbig5", CHARSET_BIG5},
	{"csbig5", CHARSET_BIG5},
	{"cp950", CHARSET_BIG5},
	{"windows950", CHARSET_BIG5},
	{"big5eten", CHARSET_BIG5},
	{"xbig5", CHARSET_BIG5},
	{"big5hk", CHARSET_BIG5_HKSCS},
	{"hkscs", CHARSET_BIG5_HKSCS},
	{"ksc5601", CHARSET_EUC_KR},
	{"ksc56011987", CHARSET_EUC_KR},
	{"ksc56011989", CHARSET_EUC_KR},
	{"korean", CHARSET_EUC_KR},
	{"cp949", CHARSET_EUC_KR},
	{"uhc", CHARSET_EUC_KR},
	{"windows949", CHARSET_EUC_KR},
	{"cseuckr", CHARSET_EUC_KR},
	{"csksc56011987", CHARSET_EUC_KR},
	{"isoir149", CHARSET_EUC_KR},
	{"csiso2022kr", CHARSET_ISO_2022_KR},
	{"sjis", CHARSET_SHIFT_JIS},
	{"mskanji", CHARSET_SHIFT_JIS},
	{"csshiftjis", CHARSET_SHIFT_JIS},
	{"windows31j", CHARSET_SHIFT_JIS},
	{"cp932", CHARSET_SHIFT_JIS},
	{"ms932", CHARSET_SHIFT_JIS},
	{"cswindows31j", CHARSET_SHIFT_JIS},
	{"ujis", CHARSET_EUC_JP},
	{"cseucpkdfmtjapanese", CHARSET_EUC_JP},
	{"eucjpms", CHARSET_EUC_JP},
	{"jis", CHARSET_ISO_2022_JP},
	{"csiso2022jp", CHARSET_ISO_2022_JP},
	{"iso2022jp1", CHARSET_ISO_2022_JP},
	{"iso2022jp2", CHARSET_ISO_2022_JP},
	{"iso2022jpms", CHARSET_ISO_2022_JP},
	{"cp50220", CHARSET_ISO_2022_JP},
	{"cp50221", CHARSET_ISO_2022_JP},
	{"csiso2022jp2", CHARSET_ISO_2022_JP},
	{"latin1", CHARSET_ISO_8859_1},
	{"l1", CHARSET_ISO_8859_1},
	{"cp819", CHARSET_ISO_8859_1},
	{"ibm819", CHARSET_ISO_8859_1},
	{"iso885911987", CHARSET_ISO_8859_1},
	{"csisolatin1", CHARSET_ISO_8859_1},
	{"isoir100", CHARSET_ISO_8859_1},
	{"latin2", CHARSET_ISO_8859_2},
	{"l2", CHARSET_ISO_8859_2},
	{"csisolatin2", CHARSET_ISO_8859_2},
	{"iso885921987", CHARSET_ISO_8859_2},
	{"latin3", CHARSET_ISO_8859_3},
	{"iso885931988", CHARSET_ISO_8859_3},
	{"latin4", CHARSET_ISO_8859_4},
	{"iso885941988", CHARSET_ISO_8859_4},
	{"cyrillic", CHARSET_ISO_8859_5},
	{"iso885951988", CHARSET_ISO_8859_5},
	{"arabic", CHARSET_ISO_8859_6},
	{"iso885961987", CHARSET_ISO_8859_6},
	{"iso88596e", CHARSET_ISO_8859_6},
	{"iso88596i", CHARSET_ISO_8859_6},
	{"greek", CHARSET_ISO_8859_7},
	{"iso885971987", CHARSET_ISO_8859_7},
	{"hebrew", CHARSET_ISO_8859_8},
	{"iso885981988", CHARSET_ISO_8859_8},
	{"iso88598i", CHARSET_ISO_8859_8},
	{"iso88598e", CHARSET_ISO_8859_8},
	{"latin5", CHARSET_ISO_8859_9},
	{"iso885991989", CHARSET_ISO_8859_9},
	{"latin6", CHARSET_ISO_8859_10},
	{"latin7", CHARSET_ISO_8859_13},
	{"latin8", CHARSET_ISO_8859_14},
	{"latin9", CHARSET_ISO_8859_15},
	{"latin0", CHARSET_ISO_8859_15},
	{"latin10", CHARSET_ISO_8859_16},
	{"cp874", CHARSET_WINDOWS_874},
	{"koi8", CHARSET_KOI8_R},
	{"koi", CHARSET_KOI8_R},
	{"cskoi8r", CHARSET_KOI8_R},
	{"koi8ru", CHARSET_KOI8_U},
	{"mac", CHARSET_MACINTOSH},
	{"macroman", CHARSET_MACINTOSH},
	{"roman8", CHARSET_HP_ROMAN8},
	{"pt154", CHARSET_PTCP154},
	{"maccyrillic", CHARSET_MAC_CYRILLIC},
	{"macukraine", CHARSET_MAC_CYRILLIC},
	{"macce", CHARSET_MAC_CENTRALEUROPE},
	{"maccentraleurope", CHARSET_MAC_CENTRALEUROPE},
};

/* Letters and digits, lower case. 0: more than a label has, or none. */
static size_t
squeeze(struct slice label, char out[LABEL_MAX])
{
	size_t n = 0;
	uint8_t c;

	for (size_t i = 0; i < label.n; i++) {
		c = slice_lower(label.p[i]);
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
			continue;
		if (n == LABEL_MAX)
			return 0;
		out[n++] = (char)c;
	}
	return n;
}

static bool
is_named(struct slice squeezed, const char *name)
{
	char text[LABEL_MAX];

	return slice_eq(squeezed, slice_of(text, squeeze(slice_str(name), text)));
}

/* "cp1252", "ibm850", "win-1251" and "iso1" for what has a longer name. */
static enum charset
find_numbered(struct slice s)
{
	static const struct {
		const char *prefix, *instead;
	} forms[] = {{"cp", "windows"}, {"win", "windows"}, {"ms", "windows"}, {"cp", "ibm"},
		{"", "ibm"}, {"", "iso"}, {"", "windows"}};
	char text[LABEL_MAX + 8];
	struct slice prefix, instead;

	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		prefix = slice_str(forms[i].prefix);
		instead = slice_str(forms[i].instead);
		if (!slice_starts(s, prefix) || s.n == prefix.n)
			continue;
		memcpy(text, instead.p, instead.n);
		memcpy(text + instead.n, s.p + prefix.n, s.n - prefix.n);
		for (unsigned c = CHARSET_SINGLE_FIRST; c < CHARSET_COUNT; c++)
			if (is_named(slice_of(text, instead.n + s.n - prefix.n), names[c]))
				return (enum charset)c;
	}
	return CHARSET_UNKNOWN;
}

enum charset
charset_find(struct slice label)
{
	char text[LABEL_MAX];
	struct slice s;

	label = slice_trim(label);
	if (label.n == 0)
		return CHARSET_US_ASCII;
	s = slice_of(text, squeeze(label, text));
	if (s.n == 0)
		return CHARSET_UNKNOWN;
	for (unsigned c = 0; c < CHARSET_COUNT; c++)
		if (is_named(s, names[c]))
			return (enum charset)c;
	if (label.n > 2 && slice_starts_nocase(label, SLICE_LIT("x-")))
		s = slice_from(s, 1);
	for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
		if (slice_eq(s, slice_str(aliases[i].label)))
			return (enum charset)aliases[i].charset;
	for (unsigned c = 0; c < CHARSET_COUNT; c++)
		if (is_named(s, names[c]))
			return (enum charset)c;
	return find_numbered(s);
}

const char *
charset_name(enum charset c)
{
	return c < CHARSET_COUNT ? names[c] : "UNKNOWN-8BIT";
}

/* --- decoding ------------------------------------------------------------------------ */

void
charset_decode_init(struct charset_decoder *d, enum charset charset)
{
	*d = (struct charset_decoder){
		.charset = charset < CHARSET_COUNT ? charset : CHARSET_US_ASCII};
}

static uint32_t
get16(const uint8_t *p, bool is_little)
{
	return is_little ? (uint32_t)p[1] << 8 | p[0] : (uint32_t)p[0] << 8 | p[1];
}

static uint32_t
get32(const uint8_t *p, bool is_little)
{
	return is_little ? get16(p + 2, true) << 16 | get16(p, true)
			 : get16(p, false) << 16 | get16(p + 2, false);
}

enum { ORDER_UNKNOWN, ORDER_BIG, ORDER_LITTLE };

static int
utf16(struct charset_decoder *d, struct slice in, uint32_t *code_point, unsigned *count)
{
	uint32_t unit, low;
	bool is_little = d->charset == CHARSET_UTF_16LE || d->set == ORDER_LITTLE;

	if (in.n < 2)
		return 0;
	unit = get16(in.p, is_little);
	if (d->charset == CHARSET_UTF_16 && d->set == ORDER_UNKNOWN) {
		d->set = unit == 0xfffe ? ORDER_LITTLE : ORDER_BIG;
		if (unit == 0xfffe || unit == 0xfeff)
			return 2;
	}
	*code_point = unit;
	*count = 1;
	if (unit < 0xd800 || unit > 0xdfff)
		return 2;
	*count = 0;
	if (unit > 0xdbff)
		return -1;
	if (in.n < 4)
		return 0;
	low = get16(in.p + 2, is_little);
	if (low < 0xdc00 || low > 0xdfff)
		return -1;
	*code_point = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
	*count = 1;
	return 4;
}

static int
utf32(struct charset_decoder *d, struct slice in, uint32_t *code_point, unsigned *count)
{
	bool is_little = d->charset == CHARSET_UTF_32LE || d->set == ORDER_LITTLE;
	uint32_t c;

	if (in.n < 4)
		return 0;
	c = get32(in.p, is_little);
	if (d->charset == CHARSET_UTF_32 && d->set == ORDER_UNKNOWN) {
		d->set = c == 0xfffe0000 ? ORDER_LITTLE : ORDER_BIG;
		if (c == 0xfffe0000 || c == 0xfeff)
			return 4;
	}
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return -1;
	*code_point = c;
	*count = 1;
	return 4;
}

static int
single(enum charset charset, uint8_t octet, uint32_t *code_point, unsigned *count)
{
	uint32_t c = octet;

	if (octet >= 0x80) {
		if (charset < CHARSET_SINGLE_FIRST)
			return -1;
		c = charset_tables_single[charset - CHARSET_SINGLE_FIRST][octet - 0x80];
		if (c == 0)
			return -1;
	}
	*code_point = c;
	*count = 1;
	return 1;
}

static int
utf8(struct slice in, uint32_t *code_point, unsigned *count)
{
	size_t n = utf8_get(in, code_point);

	if (n == 0)
		return utf8_is_cut(in) ? 0 : -1;
	*count = 1;
	return (int)n;
}

int
charset_decode_step(
	struct charset_decoder *d, struct slice in, uint32_t code_points[2], unsigned *count)
{
	*count = 0;
	if (in.n == 0)
		return 0;
	if (d->charset >= CHARSET_SINGLE_FIRST || d->charset == CHARSET_US_ASCII)
		return single(d->charset, in.p[0], code_points, count);
	if (d->charset == CHARSET_UTF_8)
		return utf8(in, code_points, count);
	if (d->charset == CHARSET_UTF_7)
		return charset_multi_utf7(d, in, code_points, count);
	if (d->charset >= CHARSET_GB18030)
		return charset_multi_step(d, in, code_points, count);
	if (d->charset >= CHARSET_UTF_32)
		return utf32(d, in, code_points, count);
	return utf16(d, in, code_points, count);
}

/* Octets to pass over where nothing can be decoded. */
static size_t
unit_of(enum charset charset)
{
	if (charset >= CHARSET_UTF_16 && charset <= CHARSET_UTF_16LE)
		return 2;
	return charset >= CHARSET_UTF_32 && charset <= CHARSET_UTF_32LE ? 4 : 1;
}

/* Decodes what it can; gives the octets taken. */
static size_t
decode_some(struct charset_decoder *d, struct slice in, struct buf *out)
{
	uint32_t code_points[2] = {0, 0};
	uint8_t text[UTF8_MAX];
	unsigned count;
	size_t at = 0;
	int n;

	while (at < in.n) {
		n = charset_decode_step(d, slice_from(in, at), code_points, &count);
		if (n == 0)
			break;
		if (n < 0) {
			n = (int)unit_of(d->charset);
			n = (size_t)n > in.n - at ? (int)(in.n - at) : n;
			code_points[0] = UTF8_REPLACEMENT;
			count = 1;
		}
		for (unsigned i = 0; i < count; i++)
			buf_put(out, text, utf8_put(code_points[i], text));
		at += (size_t)n;
	}
	return at;
}

static bool
is_ascii_as_it_is(const struct charset_decoder *d)
{
	return d->charset == CHARSET_US_ASCII || d->charset == CHARSET_UTF_8 ||
	       d->charset == CHARSET_GB18030 ||
	       (d->charset >= CHARSET_BIG5 && d->charset != CHARSET_ISO_2022_KR &&
		       d->charset != CHARSET_ISO_2022_JP);
}

/* Runs of ASCII go through whole. */
static size_t
decode_fast(struct charset_decoder *d, struct slice in, struct buf *out)
{
	size_t at = 0, n, taken;

	while (at < in.n) {
		for (n = at; n < in.n && in.p[n] < 0x80; n++)
			;
		buf_put(out, in.p + at, n - at);
		at = n;
		while (n < in.n && in.p[n] >= 0x80)
			n++;
		/* One more octet, as a trail may look like ASCII. */
		taken = decode_some(d, slice_cut(in, at, n + 4), out);
		at += taken;
		if (taken == 0)
			break;
	}
	return at;
}

bool
charset_decode(struct charset_decoder *d, struct slice in, struct buf *out)
{
	size_t taken, room;

	while (d->held_count && in.n) {
		room = CHARSET_HELD_MAX - d->held_count;
		room = room < in.n ? room : in.n;
		memcpy(d->held + d->held_count, in.p, room);
		taken = decode_some(d, slice_of(d->held, d->held_count + room), out);
		if (taken < d->held_count) {
			/* Still cut off: all of `in` is in held now, or held's first octets
			 * went. */
			size_t left = d->held_count + room - taken;

			memmove(d->held, d->held + taken, left);
			d->held_count = left;
			in = slice_from(in, room);
			if (taken == 0)
				break;
			continue;
		}
		in = slice_from(in, taken - d->held_count);
		d->held_count = 0;
	}
	if (in.n) {
		taken = is_ascii_as_it_is(d) ? decode_fast(d, in, out)
					     : decode_some(d, in, out);
		in = slice_from(in, taken);
		/* No character is longer than what held can take. */
		memcpy(d->held, in.p, in.n < CHARSET_HELD_MAX ? in.n : CHARSET_HELD_MAX);
		d->held_count = in.n < CHARSET_HELD_MAX ? in.n : CHARSET_HELD_MAX;
	}
	return !out->overflow;
}

bool
charset_decode_end(struct charset_decoder *d, struct buf *out)
{
	if (d->held_count || d->high)
		buf_put(out, "\xef\xbf\xbd", 3);
	d->held_count = 0;
	d->high = 0;
	return !out->overflow;
}

bool
charset_to_utf8(enum charset charset, struct slice in, struct buf *out)
{
	struct charset_decoder d;

	charset_decode_init(&d, charset);
	charset_decode(&d, in, out);
	return charset_decode_end(&d, out);
}
