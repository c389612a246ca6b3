#include "tests/test.h"

#include <stdlib.h>

#include "core/mail_type.h"

static struct arena arena;

static struct mail_type
parse(const char *text)
{
	struct mail_type t = {0};

	if (!mail_type_parse(slice_str(text), &arena, &t))
		fail_msg("not parsed: %s", text);
	return t;
}

static struct slice
param(struct mail_type t, const char *name)
{
	struct slice value = SLICE_LIT("(none)");

	mail_type_param(&t, slice_str(name), &value);
	return value;
}

static void
types_and_parameters_are_read_with_comments_and_quotes(void **state)
{
	struct mail_type t;

	(void)state;
	arena_init(&arena, 0);
	t = parse(" Text/Plain ; (c \\) (n)) Charset = \"utf-8\" (x); format=flowed");
	assert_true(mail_type_is(&t, SLICE_LIT("text"), SLICE_LIT("plain")));
	assert_slice(t.type, "Text");
	assert_slice(param(t, "charset"), "utf-8");
	assert_slice(param(t, "FORMAT"), "flowed");
	assert_int_equal(t.param_count, 2);
	t = parse("multipart/mixed;\r\n\tboundary=\"a\\\"b\r\n c\"; x=\"open");
	assert_slice(param(t, "boundary"), "a\"b c");
	assert_slice(param(t, "x"), "open");
	t = parse("multipart/mixed; boundary=----=_Part_1/2:?; ;;x; =y; name=");
	assert_slice(param(t, "boundary"), "----=_Part_1/2:?");
	assert_slice(param(t, "name"), "");
	assert_int_equal(t.param_count, 2);
	t = parse("text / html; name=my file.txt; charset=x");
	assert_slice(t.subtype, "html");
	assert_slice(param(t, "name"), "my");
	assert_slice(param(t, "charset"), "x");
	arena_reset(&arena);
}

static void
what_is_no_type_is_refused(void **state)
{
	static const char *const bad[] = {
		"", " ", "text", "text/", "/plain", ";", "text;charset=x", "(text/plain)"};
	struct mail_type t;

	(void)state;
	arena_init(&arena, 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(mail_type_parse(slice_str(bad[i]), &arena, &t));
	assert_true(mail_type_parse_value(SLICE_LIT("inline"), &arena, &t));
	assert_slice(t.type, "inline");
	assert_false(mail_type_parse_value(SLICE_LIT("; filename=x"), &arena, &t));
	arena_reset(&arena);
}

static void
parameters_are_capped(void **state)
{
	char text[5000] = "a/b";
	struct mail_type t;

	(void)state;
	arena_init(&arena, 0);
	for (int i = 0; i < 1000; i++)
		memcpy(text + 3 + i * 4, ";p=1", 5);
	t = parse(text);
	assert_int_equal(t.param_count, MAIL_TYPE_PARAMS_MAX);
	arena_reset(&arena);
}

static void
every_truncation_is_survived(void **state)
{
	const char text[] = "a/b; (c(d\\)) x=\"q\\\"\r\n\\z\"; y*0*=utf-8''%20; z=\"\\";
	struct mail_type t;

	(void)state;
	arena_init(&arena, 0);
	for (size_t n = 0; n < sizeof text; n++) {
		uint8_t *exact = malloc(n ? n : 1);

		memcpy(exact, text, n);
		assert_int_equal(mail_type_parse(slice_of(exact, n), &arena, &t), n >= 3);
		mail_type_parse_value(slice_of(exact, n), &arena, &t);
		free(exact);
	}
	arena_reset(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_and_parameters_are_read_with_comments_and_quotes),
		cmocka_unit_test(what_is_no_type_is_refused),
		cmocka_unit_test(parameters_are_capped),
		cmocka_unit_test(every_truncation_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
