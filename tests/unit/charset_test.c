#include "tests/test.h"

#include <dlfcn.h>
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>

#include "core/charset.h"
#include "core/charset_iconv.h"
#include "core/utf8.h"

static iconv_t (*host_open)(const char *, const char *);
static size_t (*host_iconv)(iconv_t, char **, size_t *, char **, size_t *);
static int (*host_close)(iconv_t);

static int
find_host(void **state)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY);

	(void)state;
	*(void **)&host_open = dlsym(libc, "iconv_open");
	*(void **)&host_iconv = dlsym(libc, "iconv");
	*(void **)&host_close = dlsym(libc, "iconv_close");
	return host_open && host_iconv && host_close ? 0 : -1;
}

/* What the host makes of it in UTF-8; 0: it is no text. */
static size_t
host_decode(iconv_t cd, const uint8_t *octets, size_t n, uint8_t out[32])
{
	char *in = (char *)octets, *to = (char *)out;
	size_t room = 32;

	host_iconv(cd, NULL, NULL, NULL, NULL);
	if (host_iconv(cd, &in, &n, &to, &room) == (size_t)-1 || n)
		return 0;
	host_iconv(cd, NULL, NULL, &to, &room);
	return 32 - room;
}

/* What we make of it; 0: something in it is no text. */
static size_t
our_decode(enum charset charset, const uint8_t *octets, size_t n, uint8_t out[32])
{
	struct charset_decoder d;
	uint32_t code_points[2];
	unsigned count;
	size_t at = 0, size = 0;
	int step;

	charset_decode_init(&d, charset);
	while (at < n) {
		step = charset_decode_step(
			&d, slice_of(octets + at, n - at), code_points, &count);
		if (step <= 0)
			return 0;
		at += (size_t)step;
		for (unsigned i = 0; i < count; i++)
			size += utf8_put(code_points[i], out + size);
	}
	return size;
}

/* Ours has all that the host has, and the same. */
static void
compare(iconv_t cd, enum charset charset, const uint8_t *octets, size_t n)
{
	uint8_t theirs[32], ours[32];
	size_t want = host_decode(cd, octets, n, theirs);
	size_t got = our_decode(charset, octets, n, ours);

	/* Where a lead octet stands before what isn't its trail, some host modules
	 * pass over; and an octet may be a whole control character for them. */
	if (want == 0)
		return;
	if (got != want || memcmp(ours, theirs, want))
		fail_msg("%s %02x %02x %02x %02x: %zu %zu %.*s %.*s", charset_name(charset),
			octets[0], n > 1 ? octets[1] : 0, n > 2 ? octets[2] : 0,
			n > 3 ? octets[3] : 0, want, got, (int)want, theirs, (int)got, ours);
}

/* What we have and the host hasn't. */
static bool
is_ours_alone(iconv_t cd, enum charset charset, const uint8_t *octets, size_t n)
{
	uint8_t text[32];

	return our_decode(charset, octets, n, text) && !host_decode(cd, octets, n, text);
}

static void
single_octet_tables_equal_the_hosts(void **state)
{
	static const struct {
		enum charset charset;
		const char *host;
	} all[] = {
#define X(constant, name, host) {CHARSET_##constant, host},
		CHARSET_SINGLE(X)
#undef X
			{CHARSET_US_ASCII, "US-ASCII"}};
	uint8_t octet;

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		iconv_t cd = host_open("UTF-8", all[i].host);

		assert_true(cd != (iconv_t)-1);
		for (unsigned c = 1; c < 256; c++) {
			octet = (uint8_t)c;
			compare(cd, all[i].charset, &octet, 1);
			assert_false(is_ours_alone(cd, all[i].charset, &octet, 1));
		}
		assert_int_equal(charset_find(slice_str(all[i].host)), all[i].charset);
		host_close(cd);
	}
}

static void
two_octet_tables_equal_the_hosts(void **state)
{
	static const struct {
		enum charset charset;
		const char *host;
		bool is_extended;
	} all[] = {{CHARSET_GB18030, "GB18030", false}, {CHARSET_BIG5, "BIG5", false},
		{CHARSET_BIG5_HKSCS, "BIG5-HKSCS", false}, {CHARSET_EUC_KR, "CP949", false},
		{CHARSET_SHIFT_JIS, "CP932", false}, {CHARSET_EUC_JP, "EUC-JP", true}};
	uint8_t octets[2];

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		iconv_t cd = host_open("UTF-8", all[i].host);

		assert_true(cd != (iconv_t)-1);
		for (unsigned c = 0; c < 65536; c++) {
			octets[0] = (uint8_t)(c >> 8);
			octets[1] = (uint8_t)c;
			/* Two characters in two octets are checked one by one elsewhere. */
			if (octets[0] < 0x80 || octets[0] == 0x80 || octets[0] == 0xff)
				continue;
			if (all[i].charset == CHARSET_SHIFT_JIS &&
				(octets[0] == 0xa0 || octets[0] >= 0xfd))
				continue;
			if (all[i].charset == CHARSET_EUC_JP && octets[0] < 0xa1 &&
				octets[0] != 0x8e)
				continue;
			compare(cd, all[i].charset, octets, 2);
			if (!all[i].is_extended && is_ours_alone(cd, all[i].charset, octets, 2))
				fail_msg("%s %02x%02x: ours alone", all[i].host, octets[0],
					octets[1]);
		}
		host_close(cd);
	}
}

static void
longer_forms_equal_the_hosts(void **state)
{
	iconv_t gb = host_open("UTF-8", "GB18030"), jp = host_open("UTF-8", "EUC-JP");
	uint8_t octets[4];

	(void)state;
	for (uint32_t linear = 0; linear < 126 * 12600; linear++) {
		octets[0] = (uint8_t)(0x81 + linear / 12600);
		octets[1] = (uint8_t)(0x30 + linear / 1260 % 10);
		octets[2] = (uint8_t)(0x81 + linear / 10 % 126);
		octets[3] = (uint8_t)(0x30 + linear % 10);
		compare(gb, CHARSET_GB18030, octets, 4);
		assert_false(linear % 7 == 0 && is_ours_alone(gb, CHARSET_GB18030, octets, 4));
	}
	for (unsigned c = 0; c < 65536; c++) {
		octets[0] = 0x8f;
		octets[1] = (uint8_t)(c >> 8);
		octets[2] = (uint8_t)c;
		compare(jp, CHARSET_EUC_JP, octets, 3);
		assert_false(is_ours_alone(jp, CHARSET_EUC_JP, octets, 3));
	}
	host_close(gb);
	host_close(jp);
}

/* Decoded in pieces of every size, it must be the same. */
static void
expect(enum charset charset, struct slice in, const char *want)
{
	struct charset_decoder d;
	struct buf out;

	buf_init(&out, 10000);
	for (size_t step = 1; step <= in.n + 1; step++) {
		buf_clear(&out);
		charset_decode_init(&d, charset);
		for (size_t i = 0; i < in.n; i += step) {
			struct slice piece = slice_cut(in, i, i + step);
			uint8_t *exact = malloc(piece.n);

			memcpy(exact, piece.p, piece.n);
			assert_true(charset_decode(&d, slice_of(exact, piece.n), &out));
			free(exact);
		}
		assert_true(charset_decode_end(&d, &out));
		if (!slice_eq(buf_slice(&out), slice_str(want)))
			fail_msg("%s by %zu: %.*s, not %s", charset_name(charset), step,
				(int)out.n, (char *)out.p, want);
	}
	buf_fini(&out);
}

static void
texts_decode_the_same_in_pieces(void **state)
{
	(void)state;
	expect(CHARSET_UTF_8, SLICE_LIT("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"), "aé€😀z");
	expect(CHARSET_UTF_8, SLICE_LIT("a\xc3z\xff\xe2\x82"),
		"a\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd");
	expect(CHARSET_ISO_8859_15, SLICE_LIT("\xa4 caf\xe9"), "€ café");
	expect(CHARSET_WINDOWS_1251, SLICE_LIT("\xcf\xf0\xe8\xe2\xe5\xf2"), "Привет");
	expect(CHARSET_KOI8_R, SLICE_LIT("\xf0\xd2\xc9\xd7\xc5\xd4"), "Привет");
	expect(CHARSET_GB18030, SLICE_LIT("\xd6\xd0\xce\xc4x\x81\x30\x84\x36"), "中文x¥");
	expect(CHARSET_BIG5, SLICE_LIT("\xa4\xa4\xa4\xe5x"), "中文x");
	expect(CHARSET_BIG5_HKSCS, SLICE_LIT("\x88\x62-\x88\xa5"), "Ê̄-ê̌");
	expect(CHARSET_EUC_KR, SLICE_LIT("\xc7\xd1\xb1\xdbx"), "한글x");
	expect(CHARSET_ISO_2022_KR,
		SLICE_LIT("\x1b$)Ca\x0eGQ1[\x0f"
			  "b"),
		"a한글b");
	expect(CHARSET_SHIFT_JIS, SLICE_LIT("\x93\xfa\x96\x7b\xb1\\~"), "日本ｱ\\~");
	expect(CHARSET_EUC_JP, SLICE_LIT("\xc6\xfc\xcb\xdc\x8e\xb1\x8f\xb0\xa1"), "日本ｱ丂");
	expect(CHARSET_ISO_2022_JP, SLICE_LIT("a\x1b$BF|K\\\x1b(Bb\x1b(I1\x1b(J\\\x1b(B"),
		"a日本bｱ¥");
	expect(CHARSET_ISO_2022_JP, SLICE_LIT("\x1b$BF|\nx"), "日\nx");
	expect(CHARSET_ISO_2022_JP, SLICE_LIT("\x1b$B-!"), "①");
	expect(CHARSET_HZ, SLICE_LIT("a~{VPND~}b~~~\nc"), "a中文b~c");
	expect(CHARSET_UTF_7, SLICE_LIT("Hi +AOk-t+AOk +- +2D3eAA-."), "Hi été + 😀.");
	expect(CHARSET_UTF_16,
		SLICE_LIT("\xff\xfe"
			  "a\0\xac\x20\x3d\xd8\x00\xde"),
		"a€😀");
	expect(CHARSET_UTF_16, SLICE_LIT("\0a\x20\xac"), "a€");
	expect(CHARSET_UTF_16BE, SLICE_LIT("\xdc\x00\0a"),
		"\xef\xbf\xbd"
		"a");
	expect(CHARSET_UTF_32LE, SLICE_LIT("a\0\0\0\xac\x20\0\0"), "a€");
	expect(CHARSET_US_ASCII, SLICE_LIT("a\xe9z"), "a\xef\xbf\xbdz");
	expect(CHARSET_UNKNOWN, SLICE_LIT("a\xe9z"), "a\xef\xbf\xbdz");
}

/* Any octets, or (is_odd) those that begin, end and break sequences. */
static void
fill(uint8_t *to, size_t n, bool is_odd, uint32_t *seed)
{
	static const char odd[] = "\x1b$(B)CD~{}+-\x0e!\x81";

	for (size_t i = 0; i < n; i++) {
		*seed = *seed * 1664525 + 1013904223;
		to[i] = (uint8_t)(*seed >> 24);
		if (is_odd)
			to[i] = (uint8_t)odd[to[i] % (sizeof odd - 1)];
	}
}

static void
decode_by_octets(enum charset charset, struct slice in, struct buf *out)
{
	struct charset_decoder d;

	charset_decode_init(&d, charset);
	for (size_t i = 0; i < in.n; i++)
		assert_true(charset_decode(&d, slice_cut(in, i, i + 1), out));
	assert_true(charset_decode_end(&d, out));
}

static void
any_octets_decode_within_the_bound(void **state)
{
	struct buf out, pieces;
	uint8_t octets[64];
	struct slice in = slice_of(octets, sizeof octets);
	uint32_t seed = 1;

	(void)state;
	buf_init(&out, sizeof octets * 3 + 12);
	buf_init(&pieces, sizeof octets * 3 + 12);
	for (unsigned charset = 0; charset < CHARSET_COUNT; charset++) {
		for (unsigned round = 0; round < 300; round++) {
			fill(octets, sizeof octets, round % 3 == 0, &seed);
			buf_clear(&out);
			buf_clear(&pieces);
			assert_true(charset_to_utf8((enum charset)charset, in, &out));
			assert_true(utf8_is_valid(buf_slice(&out)));
			decode_by_octets((enum charset)charset, in, &pieces);
			if (!slice_eq(buf_slice(&out), buf_slice(&pieces)))
				fail_msg("%s differs in pieces",
					charset_name((enum charset)charset));
		}
	}
	buf_fini(&out);
	buf_fini(&pieces);
}

static void
what_can_be_encoded_decodes_to_itself(void **state)
{
	struct charset_encoder e;
	uint8_t octets[2 * CHARSET_ENCODED_MAX], text[32], want[UTF8_MAX];
	size_t had;
	int n;

	(void)state;
	for (unsigned charset = 0; charset < CHARSET_COUNT; charset++) {
		if (!charset_encode_init(&e, (enum charset)charset))
			continue;
		had = 0;
		for (uint32_t c = 1; c < 0x110000; c += c < 0x30000 ? 1 : 97) {
			charset_encode_init(&e, (enum charset)charset);
			n = charset_encode(&e, c, octets);
			if (n < 0)
				continue;
			n += charset_encode_end(&e, octets + n);
			had++;
			if (our_decode((enum charset)charset, octets, (size_t)n, text) !=
					utf8_put(c, want) ||
				memcmp(text, want, utf8_put(c, want)))
				fail_msg("%s U+%X", charset_name((enum charset)charset), c);
		}
		assert_true(had >= 127);
		if (charset == CHARSET_GB18030 || charset == CHARSET_UTF_8)
			assert_true(had > 0x30000 - 2100);
	}
}

static void
names_are_known_in_their_usual_spellings(void **state)
{
	static const struct {
		const char *label;
		enum charset charset;
	} all[] = {{"utf8", CHARSET_UTF_8}, {" UTF-8\r\n", CHARSET_UTF_8},
		{"", CHARSET_US_ASCII}, {"latin1", CHARSET_ISO_8859_1},
		{"ISO_8859-1:1987", CHARSET_ISO_8859_1}, {"iso-8859-11", CHARSET_ISO_8859_11},
		{"cp1252", CHARSET_WINDOWS_1252}, {"x-cp1251", CHARSET_WINDOWS_1251},
		{"win-1251", CHARSET_WINDOWS_1251}, {"cp850", CHARSET_IBM850},
		{"850", CHARSET_IBM850}, {"gb2312", CHARSET_GB18030}, {"GBK", CHARSET_GB18030},
		{"x-gbk", CHARSET_GB18030}, {"x-sjis", CHARSET_SHIFT_JIS},
		{"ks_c_5601-1987", CHARSET_EUC_KR}, {"koi8-ru", CHARSET_KOI8_U},
		{"x-euc-jp", CHARSET_EUC_JP}, {"csISO2022JP", CHARSET_ISO_2022_JP},
		{"unicode-1-1-utf-7", CHARSET_UTF_7}, {"iso-8859-8-i", CHARSET_ISO_8859_8},
		{"nonsense", CHARSET_UNKNOWN}, {"---", CHARSET_UNKNOWN},
		{"x-", CHARSET_UNKNOWN},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			CHARSET_UNKNOWN}};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (charset_find(slice_str(all[i].label)) != all[i].charset)
			fail_msg("%s is %s", all[i].label,
				charset_name(charset_find(slice_str(all[i].label))));
	for (unsigned c = 0; c < CHARSET_COUNT; c++)
		assert_int_equal(charset_find(slice_str(charset_name((enum charset)c))), c);
}

static void
iconv_reports_as_its_manual_says(void **state)
{
	struct charset_iconv *c;
	char text[] = "\xc3\xa9\xe2\x82\xacz\xc3", room[8];
	char *in = text, *out = room;
	size_t in_left = 7, out_left = 8;

	(void)state;
	assert_null(charset_iconv_open("UTF-8", "nonsense"));
	assert_int_equal(errno, EINVAL);
	assert_null(charset_iconv_open("UTF-7", "UTF-8"));
	c = charset_iconv_open("ISO-8859-1", "UTF-8");
	assert_true(charset_iconv_run(c, &in, &in_left, &out, &out_left) == (size_t)-1);
	assert_int_equal(errno, EILSEQ);
	assert_true(in == text + 2 && out == room + 1 && room[0] == '\xe9');
	charset_iconv_close(c);
	c = charset_iconv_open("ISO-8859-1//TRANSLIT", "UTF-8");
	assert_true(charset_iconv_run(c, &in, &in_left, &out, &out_left) == (size_t)-1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(in_left, 1);
	assert_memory_equal(room, "\xe9?z", 3);
	charset_iconv_close(c);
	c = charset_iconv_open("ISO-2022-JP", "UTF-8//IGNORE");
	in = (char *)"\xe6\x97\xa5";
	in_left = 3;
	out = room;
	out_left = 4;
	assert_true(charset_iconv_run(c, &in, &in_left, &out, &out_left) == (size_t)-1);
	assert_int_equal(errno, E2BIG);
	assert_int_equal(in_left, 3);
	out_left = 8;
	assert_int_equal(charset_iconv_run(c, &in, &in_left, &out, &out_left), 0);
	assert_int_equal(charset_iconv_run(c, NULL, NULL, &out, &out_left), 0);
	assert_memory_equal(room, "\x1b$BF|\x1b(B", 8);
	charset_iconv_close(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_octet_tables_equal_the_hosts),
		cmocka_unit_test(two_octet_tables_equal_the_hosts),
		cmocka_unit_test(longer_forms_equal_the_hosts),
		cmocka_unit_test(texts_decode_the_same_in_pieces),
		cmocka_unit_test(any_octets_decode_within_the_bound),
		cmocka_unit_test(what_can_be_encoded_decodes_to_itself),
		cmocka_unit_test(names_are_known_in_their_usual_spellings),
		cmocka_unit_test(iconv_reports_as_its_manual_says),
	};

	return cmocka_run_group_tests(tests, find_host, NULL);
}
