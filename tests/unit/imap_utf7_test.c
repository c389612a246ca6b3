#include "tests/test.h"

#include "imap/imap_utf7.h"

static void
pair(const char *raw, const char *utf8)
{
	struct buf out;

	buf_init(&out, 1024);
	assert_int_equal(imap_utf7_decode(slice_str(raw), &out), ERR_OK);
	assert_true(slice_eq(buf_slice(&out), slice_str(utf8)));
	buf_clear(&out);
	assert_true(imap_utf7_encode(slice_str(utf8), &out));
	assert_true(slice_eq(buf_slice(&out), slice_str(raw)));
	buf_fini(&out);
}

static void
bad(const char *raw)
{
	struct buf out;

	buf_init(&out, 1024);
	assert_int_equal(imap_utf7_decode(slice_str(raw), &out), ERR_SYNTAX);
	buf_fini(&out);
}

static void
names_translate_both_ways(void **state)
{
	(void)state;
	pair("", "");
	pair("INBOX/a b", "INBOX/a b");
	pair("a&-b", "a&b");
	pair("&-", "&");
	pair("Entw&APw-rfe", "Entw\xc3\xbcrfe");
	pair("~peter/mail/&U,BTFw-/&ZeVnLIqe-",
		"~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e");
	pair("&2D3eAA-", "\xf0\x9f\x98\x80");
	pair("&AOQA9g-", "\xc3\xa4\xc3\xb6");
	pair("&AOQ-&-", "\xc3\xa4&");
	pair("../..", "../..");
}

static void
odd_forms_are_refused(void **state)
{
	(void)state;
	bad("&");
	bad("a&b");
	bad("&AO-");
	bad("&AOR-");	   /* stray bits */
	bad("&AOQ");	   /* open */
	bad("&AOQ-&APY-"); /* second spelling */
	bad("&AEE-");	   /* "A" represents itself */
	bad("&AAA-");	   /* NUL */
	bad("&2D0-");	   /* lone high surrogate */
	bad("&3gA-");	   /* lone low surrogate */
	bad("&2D0AQQ-");
	bad("&AO/-");
	bad("a\x7f");
	bad("a\tb");
	bad("\xc3\xbc");
	bad("&AOQA-");
	bad("&AOQAA-");
}

static void
utf8_is_judged(void **state)
{
	static const char *good[] = {"a", "\xc3\xbc", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", ""};
	static const char *ill[] = {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80",
		"\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "\xe2\x82",
		"a\xff"};
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(imap_utf7_is_utf8(slice_str(good[i])));
	buf_init(&out, 100);
	for (size_t i = 0; i < sizeof ill / sizeof *ill; i++) {
		assert_false(imap_utf7_is_utf8(slice_str(ill[i])));
		assert_false(imap_utf7_encode(slice_str(ill[i]), &out));
	}
	assert_false(imap_utf7_is_utf8(slice_of("a\0", 2)));
	buf_fini(&out);
}

static void
the_cap_of_the_output_holds(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 3);
	assert_int_equal(imap_utf7_decode(SLICE_LIT("abcd"), &out), ERR_TOO_BIG);
	buf_clear(&out);
	assert_int_equal(imap_utf7_decode(SLICE_LIT("&2D3eAA-"), &out), ERR_TOO_BIG);
	buf_clear(&out);
	assert_false(imap_utf7_encode(SLICE_LIT("\xc3\xbc"), &out));
	buf_fini(&out);
}

static void
every_character_survives(void **state)
{
	uint8_t raw[5] = {'x'};
	struct buf out, back;

	(void)state;
	buf_init(&out, 64);
	buf_init(&back, 64);
	for (uint32_t c = 0x80; c < 0x110000; c += c < 0x3000 ? 1 : 251) {
		struct slice s;

		if (c >= 0xd800 && c < 0xe000)
			continue;
		if (c < 0x800) {
			raw[1] = (uint8_t)(0xc0 | c >> 6);
			raw[2] = (uint8_t)(0x80 | (c & 63));
			s = slice_of(raw, 3);
		} else if (c < 0x10000) {
			raw[1] = (uint8_t)(0xe0 | c >> 12);
			raw[2] = (uint8_t)(0x80 | (c >> 6 & 63));
			raw[3] = (uint8_t)(0x80 | (c & 63));
			s = slice_of(raw, 4);
		} else {
			raw[1] = (uint8_t)(0xf0 | c >> 18);
			raw[2] = (uint8_t)(0x80 | (c >> 12 & 63));
			raw[3] = (uint8_t)(0x80 | (c >> 6 & 63));
			raw[4] = (uint8_t)(0x80 | (c & 63));
			s = slice_of(raw, 5);
		}
		buf_clear(&out);
		buf_clear(&back);
		assert_true(imap_utf7_encode(s, &out));
		assert_int_equal(imap_utf7_decode(buf_slice(&out), &back), ERR_OK);
		assert_true(slice_eq(buf_slice(&back), s));
	}
	buf_fini(&out);
	buf_fini(&back);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_translate_both_ways),
		cmocka_unit_test(odd_forms_are_refused),
		cmocka_unit_test(utf8_is_judged),
		cmocka_unit_test(the_cap_of_the_output_holds),
		cmocka_unit_test(every_character_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
