#include "tests/test.h"

#include "core/mail_fold.h"
#include "core/utf8.h"

static void
names_that_look_the_same_fold_to_the_same(void **state)
{
	struct buf a, b;

	(void)state;
	buf_init(&a, 1000);
	buf_init(&b, 1000);
	assert_true(mail_fold_name(SLICE_LIT("STRASSE \xc3\x85"), &a));
	assert_true(mail_fold_name(SLICE_LIT("stra\xc3\x9f"
					     "e A\xcc\x8a"),
		&b));
	assert_true(slice_eq(buf_slice(&a), buf_slice(&b)));
	assert_false(mail_fold_name(SLICE_LIT("\xff"), &a));
	assert_false(mail_fold_name(SLICE_LIT("\xed\xa0\x80"), &a));
	buf_fini(&a);
	buf_init(&a, 2);
	assert_false(mail_fold_name(SLICE_LIT("abc"), &a));
	buf_fini(&a);
	buf_fini(&b);
}

static void
search_text_folds_the_same_in_pieces(void **state)
{
	const char text[] =
		"Caf\xc3\x89 \xe2\x84\xab \xef\xac\x81 \xe4\xb8\xad\xea\xb0\x80 \xff end";
	struct buf a, b;
	struct slice s = slice_str(text);

	(void)state;
	buf_init(&a, 1000);
	buf_init(&b, 1000);
	assert_true(mail_fold_search(s, &a));
	assert_slice(buf_slice(&a),
		"cafe\xcc\x81 a\xcc\x8a fi \xe4\xb8\xad\xe1\x84\x80\xe1\x85\xa1 "
		"\xef\xbf\xbd end");
	for (size_t i = 0; i < s.n;) {
		uint32_t c;
		size_t n = utf8_get(slice_from(s, i), &c);

		n = n ? n : 1;
		assert_true(mail_fold_search(slice_cut(s, i, i + n), &b));
		i += n;
	}
	assert_true(slice_eq(buf_slice(&a), buf_slice(&b)));
	buf_fini(&a);
	buf_fini(&b);
}

static void
no_character_grows_beyond_the_bound(void **state)
{
	struct buf b;
	uint8_t text[UTF8_MAX];
	size_t n;

	(void)state;
	buf_init(&b, 1000);
	for (uint32_t c = 0; c < 0x110000; c++) {
		buf_clear(&b);
		n = utf8_put(c, text);
		assert_true(mail_fold_search(slice_of(text, n), &b));
		assert_true(b.n <= n * MAIL_FOLD_GROWTH);
		assert_true(utf8_is_valid(buf_slice(&b)));
	}
	buf_fini(&b);
}

static void
utf8_is_judged_strictly(void **state)
{
	static const char *const bad[] = {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80",
		"\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
		"\xc3", "\xe2\x82", "\xc3("};
	uint8_t text[UTF8_MAX];
	uint32_t got;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(utf8_is_valid(slice_str(bad[i])));
	for (uint32_t c = 0; c < 0x110000; c++) {
		n = utf8_put(c, text);
		assert_int_equal(utf8_get(slice_of(text, n), &got), n);
		assert_int_equal(got, c >= 0xd800 && c <= 0xdfff ? UTF8_REPLACEMENT : c);
		for (size_t k = 1; k < n; k++) {
			assert_int_equal(utf8_get(slice_of(text, k), &got), 0);
			assert_true(utf8_is_cut(slice_of(text, k)));
		}
	}
	assert_false(utf8_is_cut(SLICE_LIT("\xe0\x80")));
	assert_false(utf8_is_cut(SLICE_LIT("a")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_look_the_same_fold_to_the_same),
		cmocka_unit_test(search_text_folds_the_same_in_pieces),
		cmocka_unit_test(no_character_grows_beyond_the_bound),
		cmocka_unit_test(utf8_is_judged_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
