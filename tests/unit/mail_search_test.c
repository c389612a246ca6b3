#include "tests/test.h"

#include <stdlib.h>

#include "core/mail_fold.h"
#include "core/mail_search.h"

/* Is `key` in the text, whatever the size of the pieces? */
static bool
finds(const char *key, enum mail_encoding encoding, enum charset charset, struct slice raw)
{
	struct mail_search_key k = {SLICE_EMPTY, false};
	struct mail_search s;
	struct buf needle;
	int found = -1;

	buf_init(&needle, 1000);
	assert_true(mail_fold_search(slice_str(key), &needle));
	k.needle = buf_slice(&needle);
	for (size_t step = 1; step <= raw.n + 1; step++) {
		bool now;

		mail_search_init(&s, &k, 1);
		mail_search_begin(&s, encoding, charset);
		for (size_t i = 0; i < raw.n; i += step)
			mail_search_feed(&s, slice_cut(raw, i, i + step));
		now = mail_search_end(&s);
		assert_int_equal(now, k.is_found);
		assert_true(found < 0 || found == now);
		found = now;
		mail_search_fini(&s);
	}
	buf_fini(&needle);
	return found == 1;
}

static void
text_is_found_in_every_encoding_and_charset(void **state)
{
	(void)state;
	assert_true(finds("NEEDLE", MAIL_ENCODING_7BIT, CHARSET_US_ASCII,
		SLICE_LIT("hay neeNeedLe hay")));
	assert_false(
		finds("needles", MAIL_ENCODING_7BIT, CHARSET_US_ASCII, SLICE_LIT("needle")));
	assert_true(finds("", MAIL_ENCODING_7BIT, CHARSET_US_ASCII, SLICE_LIT("x")));
	assert_true(finds("café", MAIL_ENCODING_QP, CHARSET_ISO_8859_1,
		SLICE_LIT("ein CAF=\r\n=C9 hier")));
	assert_true(finds(
		"CAFÉ", MAIL_ENCODING_BASE64, CHARSET_UTF_8, SLICE_LIT("eCBjYWbDqSB5\r\n")));
	assert_true(finds(
		"cafe\xcc\x81", MAIL_ENCODING_8BIT, CHARSET_UTF_8, SLICE_LIT("caf\xc3\xa9")));
	assert_true(finds("привет", MAIL_ENCODING_8BIT, CHARSET_KOI8_R,
		SLICE_LIT("\xf0\xd2\xc9\xd7\xc5\xd4!")));
	assert_true(finds("日本", MAIL_ENCODING_7BIT, CHARSET_ISO_2022_JP,
		SLICE_LIT("x\x1b$BF|K\\\x1b(B")));
	assert_false(finds("F|K", MAIL_ENCODING_7BIT, CHARSET_ISO_2022_JP,
		SLICE_LIT("x\x1b$BF|K\\\x1b(B")));
	assert_true(
		finds("中文", MAIL_ENCODING_BASE64, CHARSET_GB18030, SLICE_LIT("1tDOxA==")));
	assert_true(finds(
		"é", MAIL_ENCODING_8BIT, CHARSET_US_ASCII, SLICE_LIT("mislabelled \xc3\xa9")));
	assert_true(finds("ﬁsh", MAIL_ENCODING_8BIT, CHARSET_UTF_8, SLICE_LIT("FISH")));
	assert_true(finds("a\r\nb", MAIL_ENCODING_8BIT, CHARSET_UTF_8, SLICE_LIT("A\r\nB")));
	/* Octets of the encoding are not text. */
	assert_false(finds(
		"aGVsbG8", MAIL_ENCODING_BASE64, CHARSET_UTF_8, SLICE_LIT("aGVsbG8gd29ybGQ=")));
	assert_true(finds(
		"o wo", MAIL_ENCODING_BASE64, CHARSET_UTF_8, SLICE_LIT("aGVsbG8gd29ybGQ=")));
	assert_true(finds(
		"@[`{A", MAIL_ENCODING_8BIT, CHARSET_UTF_8, SLICE_LIT("xxxxxxx@[`{axxxxxxxx")));
	assert_false(finds(
		"@[`{A", MAIL_ENCODING_8BIT, CHARSET_UTF_8, SLICE_LIT("xxxxxxx@{`[axxxxxxxx")));
}

static void
several_keys_are_found_in_one_pass(void **state)
{
	struct mail_search_key keys[] = {{SLICE_LIT("one"), false}, {SLICE_LIT("t"), false},
		{SLICE_LIT("absent"), false}};
	struct mail_search s;

	(void)state;
	mail_search_init(&s, keys, 3);
	mail_search_begin(&s, MAIL_ENCODING_7BIT, CHARSET_US_ASCII);
	assert_false(mail_search_feed(&s, SLICE_LIT("On")));
	assert_false(mail_search_end(&s));
	/* A match doesn't cross from one text into the next. */
	mail_search_begin(&s, MAIL_ENCODING_7BIT, CHARSET_US_ASCII);
	assert_false(mail_search_feed(&s, SLICE_LIT("E T")));
	assert_false(mail_search_end(&s));
	assert_false(keys[0].is_found);
	assert_true(keys[1].is_found);
	mail_search_begin(&s, MAIL_ENCODING_7BIT, CHARSET_US_ASCII);
	assert_true(mail_search_feed(&s, SLICE_LIT("absent one")));
	mail_search_reset(&s);
	assert_false(keys[0].is_found || keys[1].is_found || keys[2].is_found);
	mail_search_fini(&s);
}

static void
matches_cross_the_borders_of_large_pieces(void **state)
{
	enum { SIZE = 20000 };
	char *text = malloc(SIZE);
	struct mail_search_key key = {SLICE_LIT("needle"), false};
	struct mail_search s;

	(void)state;
	mail_search_init(&s, &key, 1);
	for (size_t at = 4080; at < 4110; at++) {
		memset(text, 'n', SIZE);
		memcpy(text + at, "NEEDLE", 6);
		mail_search_reset(&s);
		mail_search_begin(&s, MAIL_ENCODING_7BIT, CHARSET_US_ASCII);
		assert_true(mail_search_feed(&s, slice_of(text, SIZE)));
		text[at] = 'x';
		mail_search_reset(&s);
		mail_search_begin(&s, MAIL_ENCODING_7BIT, CHARSET_US_ASCII);
		assert_false(mail_search_feed(&s, slice_of(text, SIZE)));
	}
	mail_search_fini(&s);
	free(text);
}

static void
text_that_grows_when_folded_stays_in_bounds(void **state)
{
	struct mail_search_key key = {SLICE_LIT("never there"), false};
	struct mail_search s;
	struct buf text;

	(void)state;
	buf_init(&text, 100000);
	while (text.n + 3 <= 90000)
		buf_put(&text, "\xef\xb7\xba", 3);
	mail_search_init(&s, &key, 1);
	mail_search_begin(&s, MAIL_ENCODING_8BIT, CHARSET_UTF_8);
	assert_false(mail_search_feed(&s, buf_slice(&text)));
	assert_false(mail_search_end(&s));
	assert_false(s.window.overflow || s.utf8.overflow);
	mail_search_fini(&s);
	buf_fini(&text);
}

static void
headers_are_searched_decoded_and_unfolded(void **state)
{
	struct mail_search_key keys[] = {
		{SLICE_LIT("subject: cafe\xcc\x81 bar"), false}, {SLICE_LIT("x@y"), false}};
	struct mail_search s;

	(void)state;
	mail_search_init(&s, keys, 2);
	assert_false(mail_search_header(
		&s, SLICE_LIT("Subject: =?utf-8?Q?Caf=C3=89?=\r\n Bar\r\n\r\nx@y\r\n")));
	assert_true(keys[0].is_found);
	assert_true(mail_search_header(&s, SLICE_LIT("To: X@Y\n")));
	mail_search_fini(&s);
}

static void
parameters_are_searched_joined_and_decoded(void **state)
{
	static const struct slice header = SLICE_LIT(
		"Content-Disposition: attachment; filename*0*=iso-8859-1'de'gr%FC;\r\n"
		" filename*1=ben; size=3\r\nX-Other: a; b*=utf-8''%c3%a4\r\n\r\n");
	struct mail_search_key keys[] = {
		{SLICE_LIT("disposition: attachment; filename=gru\xcc\x88"
			   "ben; size=3"),
			false},
		{SLICE_LIT("%fc"), false}, {SLICE_LIT("b*=utf-8''%c3%a4"), false}};
	struct mail_search s;

	(void)state;
	mail_search_init(&s, keys, 3);
	mail_search_header(&s, header);
	assert_true(keys[0].is_found);
	assert_false(keys[1].is_found);
	assert_true(keys[2].is_found);
	mail_search_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_found_in_every_encoding_and_charset),
		cmocka_unit_test(several_keys_are_found_in_one_pass),
		cmocka_unit_test(matches_cross_the_borders_of_large_pieces),
		cmocka_unit_test(text_that_grows_when_folded_stays_in_bounds),
		cmocka_unit_test(headers_are_searched_decoded_and_unfolded),
		cmocka_unit_test(parameters_are_searched_joined_and_decoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
