#include "tests/test.h"

#include <stdlib.h>
#include <time.h>

#include "core/buf.h"
#include "core/mail_word.h"

static void
expect(const char *in, const char *want)
{
	struct buf out;

	buf_init(&out, strlen(in) * 3 + 1);
	assert_true(mail_word_decode(slice_str(in), &out));
	if (!slice_eq(buf_slice(&out), slice_str(want)))
		fail_msg("%s: '%.*s' not '%s'", in, (int)out.n, (char *)out.p, want);
	buf_fini(&out);
}

static void
encoded_words_are_decoded(void **state)
{
	(void)state;
	expect("plain text", "plain text");
	expect(" =?utf-8?Q?caf=C3=A9_x?= y", "café x y");
	expect("=?ISO-8859-1?q?a?= b", "a b");
	expect("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab");
	expect("=?ISO-8859-1?Q?a?=\r\n =?UTF-8?B?w6k=?=\r\n\t=?UTF-8?B?w6k=?= c", "aéé c");
	expect("=?ISO-8859-1?Q?a_b?=", "a b");
	expect("=?utf-8?B?4oI=?= =?utf-8?B?rA==?=", "€");
	expect("=?utf-8?B?4oI=?= x =?utf-8?B?rA==?=", "\xef\xbf\xbd x \xef\xbf\xbd");
	expect("=?utf-8*en?Q?x?=", "x");
	expect("=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?= =?ISO-2022-JP?B?GyRCRnw=?= "
	       "=?ISO-2022-JP?Q?x?=",
		"日本日x");
	expect("=?gb2312?B?1tDOxA==?=", "中文");
	expect("=?koi8-r?Q?=F0=D2=C9=D7=C5=D4?=", "Привет");
	expect("(=?utf-8?Q?x?=)", "(x)");
	expect("raw \xc3\xa9 \xe9", "raw é \xef\xbf\xbd");
}

static void
what_is_no_encoded_word_stays(void **state)
{
	static const char *const same[] = {"=?", "=?utf-8", "=?utf-8?", "=?utf-8?Q",
		"=?utf-8?Q?", "=?utf-8?Q?x", "=?utf-8?Q?x?",
		"=?utf-8?X?x?=", "=?nonsense?Q?x?=", "=?utf-8?Q?x? =", "a=?b",
		"=?utf-8?QQ?x?=", "=?=?=?=?", ""};

	(void)state;
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
		expect(same[i], same[i]);
	expect("=?utf-8?Q?=4?= =?utf-8?Q?=ZZ?= =?utf-8?B?!!!?=", "=4=ZZ");
}

static void
param(const char *field, const char *name, const char *want)
{
	struct arena arena;
	struct mail_type t;
	struct buf out;

	arena_init(&arena, 0);
	buf_init(&out, 1000);
	assert_true(mail_type_parse_value(slice_str(field), &arena, &t));
	assert_int_equal(mail_word_param(&t, slice_str(name), &out), want != NULL);
	if (want && !slice_eq(buf_slice(&out), slice_str(want)))
		fail_msg("%s: '%.*s' not '%s'", field, (int)out.n, (char *)out.p, want);
	buf_fini(&out);
	arena_reset(&arena);
}

static void
parameters_are_joined_and_decoded(void **state)
{
	(void)state;
	param("attachment; filename=a.txt", "filename", "a.txt");
	param("attachment; FileName*=utf-8'en'caf%C3%A9.txt", "filename", "café.txt");
	param("attachment; filename*=iso-8859-1''caf%E9; filename=x", "filename", "café");
	param("a; f*1=\"b c\"; f*0=a; f*2=d; f*4=no", "f", "ab cd");
	param("a; f*0*=utf-8''%C3; f*1*=%A9; f*2=%41", "f", "é%41");
	param("a; f*0=a; f*1*=%20b", "f", "a b");
	param("a; f*=noquotes%20x", "f", "noquotes x");
	param("a; f*=x%2", "f", "x%2");
	param("a; f=\"=?utf-8?Q?caf=C3=A9?=\"", "f", "café");
	param("a; f*x=1; f*-1=2; f*99999999999999999999=3; g*0=4", "f", NULL);
	param("a; ff=1", "f", NULL);
}

static void
every_truncation_is_survived(void **state)
{
	const char text[] = "a =?utf-8*en?Q?caf=C3=A9?= =?iso-2022-jp?B?GyRCRnxLXBsoQg==?= b";
	const char fields[] = "a; f*0*=utf-8'en'%C3%A9; f*1=\"x\\\"\"; g*=k'%";
	struct arena arena;
	struct mail_type t;
	struct buf out;

	(void)state;
	arena_init(&arena, 0);
	buf_init(&out, 1000);
	for (size_t n = 0; n < sizeof text; n++) {
		uint8_t *exact = malloc(n + 1);

		memcpy(exact, text, n);
		buf_clear(&out);
		assert_true(mail_word_decode(slice_of(exact, n), &out));
		memcpy(exact, fields, n < sizeof fields ? n : sizeof fields);
		if (n < sizeof fields &&
			mail_type_parse_value(slice_of(exact, n), &arena, &t)) {
			mail_word_param(&t, SLICE_LIT("f"), &out);
			mail_word_param(&t, SLICE_LIT("g"), &out);
		}
		free(exact);
	}
	arena_reset(&arena);
	buf_fini(&out);
	buf_init(&out, 3);
	assert_false(mail_word_decode(SLICE_LIT("abcd"), &out));
	buf_fini(&out);
}

static void
hostile_words_cost_linear_time(void **state)
{
	static const char *const bits[] = {
		"=?", "=?a?q?", "=?utf-8?q?x?= ", "=?utf-8?b?", "=?=", "?="};
	const size_t size = 1000000;
	char *text = malloc(size);
	struct buf out;
	clock_t start = clock();

	(void)state;
	buf_init(&out, 4 * size);
	for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
		for (size_t k = 0; k < size; k++)
			text[k] = bits[i][k % strlen(bits[i])];
		buf_clear(&out);
		assert_true(mail_word_decode(slice_of(text, size), &out));
	}
	buf_fini(&out);
	free(text);
	assert_true(clock() - start < 20 * CLOCKS_PER_SEC);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encoded_words_are_decoded),
		cmocka_unit_test(what_is_no_encoded_word_stays),
		cmocka_unit_test(parameters_are_joined_and_decoded),
		cmocka_unit_test(every_truncation_is_survived),
		cmocka_unit_test(hostile_words_cost_linear_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
