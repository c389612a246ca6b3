#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/buf.h"
#include "smtp/smtp_sts.h"

static enum err
read_record(const char *text, struct slice *id)
{
	struct slice one = slice_str(text);

	return smtp_sts_record(&one, 1, id);
}

static void
a_record_gives_its_id(void **state)
{
	static const char *const good[] = {"v=STSv1; id=20160831085700Z;",
		"v=STSv1;id=20160831085700Z", "v=STSv1;\tid=20160831085700Z \t; ",
		"v=STSv1; x=1; id=20160831085700Z; y.-_9=~!:",
		"v=STSv1; id=20160831085700Z; id=another"};
	struct slice id;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(read_record(good[i], &id), ERR_OK);
		assert_slice(id, "20160831085700Z");
	}
}

static void
a_broken_record_is_refused(void **state)
{
	static const char *const bad[] = {"v=STSv1;", "v=STSv1; ", "v=STSv1; id",
		"v=STSv1; id=", "v=STSv1; id=a-b", "v=STSv1; id=a b", "v=STSv1; id=a; ;",
		"v=STSv1;; id=a", "v=STSv1; id=a; x",
		"v=STSv1; id=a; x=", "v=STSv1; id=a; x=y=z", "v=STSv1; id=a; _x=y",
		"v=STSv1; id=a; x y=z", "v=STSv1; ID=a", "v=STSv1; xid=a",
		"v=STSv1; id=a; x=\x7f", "v=STSv1; id=a; x=\xc3\xa4"};
	struct slice id;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (read_record(bad[i], &id) != ERR_SYNTAX)
			fail_msg("%s was taken", bad[i]);
}

static void
a_policy_is_fetched_when_its_id_changed_or_once_a_day(void **state)
{
	const struct slice old = SLICE_LIT("1"), new = SLICE_LIT("2");

	(void)state;
	assert_true(smtp_sts_is_stale(SLICE_EMPTY, 0, new, 1));
	assert_true(smtp_sts_is_stale(old, 1000, new, 1001));
	assert_false(smtp_sts_is_stale(old, 1000, old, 1000 + SMTP_STS_REFRESH_SEC - 1));
	assert_true(smtp_sts_is_stale(old, 1000, old, 1000 + SMTP_STS_REFRESH_SEC));
}

static void
ids_and_names_have_at_most_32_octets(void **state)
{
	const char *id32 = "v=STSv1; id=01234567890123456789012345678901";
	const char *id33 = "v=STSv1; id=012345678901234567890123456789012";
	const char *name32 = "v=STSv1; id=a; x1234567890123456789012345678901=1";
	const char *name33 = "v=STSv1; id=a; x12345678901234567890123456789012=1";
	struct slice id;

	(void)state;
	assert_int_equal(read_record(id32, &id), ERR_OK);
	assert_int_equal(read_record(id33, &id), ERR_SYNTAX);
	assert_int_equal(read_record(name32, &id), ERR_OK);
	assert_int_equal(read_record(name33, &id), ERR_SYNTAX);
}

static void
a_record_cut_off_anywhere_gives_no_longer_id(void **state)
{
	const struct slice whole = SLICE_LIT("v=STSv1; id=abc; x=1;");

	(void)state;
	for (size_t n = 0; n < whole.n; n++) {
		uint8_t *copy = malloc(n + 1); /* so that ASan sees what is read behind it */
		struct slice cut = slice_of(copy, n), id;
		enum err e;

		memcpy(copy, whole.p, n);
		e = smtp_sts_record(&cut, 1, &id);
		assert_int_equal(e, n < 8			   ? ERR_NOT_FOUND
				    : n < 13 || n == 18 || n == 19 ? ERR_SYNTAX
								   : ERR_OK);
		if (!e)
			assert_true(id.n <= 3 && memcmp(id.p, "abc", id.n) == 0);
		free(copy);
	}
}

static void
exactly_one_record_counts(void **state)
{
	struct slice texts[] = {SLICE_LIT("v=spf1 -all"), SLICE_LIT("v=STSv1; id=a"),
		SLICE_LIT("v=STSv2; id=b"), SLICE_LIT("v=STSv1 ; id=c"),
		SLICE_LIT("V=STSv1; id=d"), SLICE_LIT("v=STSv1; broken")};
	struct slice id;

	(void)state;
	assert_int_equal(smtp_sts_record(texts, 5, &id), ERR_OK);
	assert_slice(id, "a");
	assert_int_equal(smtp_sts_record(texts, 6, &id), ERR_NOT_FOUND);
	assert_int_equal(smtp_sts_record(texts, 1, &id), ERR_NOT_FOUND);
	assert_int_equal(smtp_sts_record(NULL, 0, &id), ERR_NOT_FOUND);
}

/* ---- policies ---- */

struct world {
	struct arena arena;
	struct smtp_sts_policy policy;
};

static int
set_up(void **state)
{
	static struct world w;

	w = (struct world){0};
	arena_init(&w.arena, 0);
	*state = &w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	arena_reset(&w->arena);
	return 0;
}

static enum err
parse(struct world *w, const char *text)
{
	return smtp_sts_parse(slice_str(text), &w->arena, &w->policy);
}

static void
a_policy_is_read(void **state)
{
	struct world *w = *state;

	assert_int_equal(
		parse(w, "version: STSv1\r\nmode: enforce\r\nmx: Mail.example.COM\r\n"
			 "mx: *.example.NET\r\nmx:backup.example.com \r\nmax_age: 604800\r\n"),
		ERR_OK);
	assert_int_equal(w->policy.mode, SMTP_STS_ENFORCE);
	assert_int_equal(w->policy.max_age_sec, 604800);
	assert_int_equal(w->policy.n_mx, 3);
	assert_slice(w->policy.mx[0], "mail.example.com");
	assert_slice(w->policy.mx[1], "*.example.net");
	assert_slice(w->policy.mx[2], "backup.example.com");
}

static void
the_order_the_line_ends_and_unknown_fields_dont_matter(void **state)
{
	struct world *w = *state;

	assert_int_equal(parse(w, "max_age:1\nx-y.z_1: t\xc3\xa4st: x\nmode:\ttesting \n\n"
				  "mx: a.test\nversion: STSv1"),
		ERR_OK);
	assert_int_equal(w->policy.mode, SMTP_STS_TESTING);
	assert_int_equal(w->policy.max_age_sec, 1);
	assert_int_equal(w->policy.n_mx, 1);
}

static void
the_first_of_a_doubled_field_counts(void **state)
{
	struct world *w = *state;

	assert_int_equal(
		parse(w, "version: STSv1\nversion: STSv2\nmode: testing\nmode: enforce\n"
			 "max_age: 5\nmax_age: 6\nmx: a.test\n"),
		ERR_OK);
	assert_int_equal(w->policy.mode, SMTP_STS_TESTING);
	assert_int_equal(w->policy.max_age_sec, 5);
}

static void
only_mode_none_needs_no_host(void **state)
{
	struct world *w = *state;

	assert_int_equal(parse(w, "version: STSv1\nmode: none\nmax_age: 86400\n"), ERR_OK);
	assert_int_equal(w->policy.mode, SMTP_STS_NONE);
	assert_int_equal(w->policy.n_mx, 0);
	assert_int_equal(parse(w, "version: STSv1\nmode: testing\nmax_age: 1\n"), ERR_SYNTAX);
	assert_int_equal(parse(w, "version: STSv1\nmode: enforce\nmax_age: 1\n"), ERR_SYNTAX);
}

static void
what_is_no_policy_is_refused(void **state)
{
	static const char *const bad[] = {"", "\n", "<html>", "version: STSv1\n",
		"mode: none\nmax_age: 1\n", "version: STSv2\nmode: none\nmax_age: 1\n",
		"version: STSv1\nmax_age: 1\nmx: a.test\n", "version: STSv1\nmode: none\n",
		"version: STSv1\nmode: Enforce\nmax_age: 1\nmx: a.test\n",
		"version: STSv1\nmode: none\nmax_age: -1\n",
		"version: STSv1\nmode: none\nmax_age: 1x\n",
		"version: STSv1\nmode: none\nmax_age: 1\nno colon\n",
		"version: STSv1\nmode: none\nmax_age: 1\nempty:\n",
		"version: STSv1\nmode: none\nmax_age: 1\n: x\n",
		"version: STSv1\nmode: none\nmax_age: 1\nmx: a..b\n",
		"version: STSv1\nmode: none\nmax_age: 1\nmx: *.\n",
		"version: STSv1\nmode: none\nmax_age: 1\nmx: *\n",
		"version: STSv1\nmode: none\nmax_age: 1\nmx: a.*.test\n",
		"version: STSv1\nmode: none\nmax_age: 1\nmx: *a.test\n",
		"version: STSv1\nmode: none\nmax_age: 1\nmx: .a.test\n",
		"version: STSv1\nmode: none\nmax_age: 1\nmx: a.test.\n",
		"version: STSv1\nmode: none\nmax_age: 1\nmx: b\xc3\xbc"
		"cher.test\n"};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (parse(w, bad[i]) != ERR_SYNTAX)
			fail_msg("%s was taken", bad[i]);
}

static void
a_policy_lasts_at_most_a_year(void **state)
{
	static const struct {
		const char *text;
		enum err e;
		uint32_t sec;
	} cases[] = {{"0", ERR_OK, 0}, {"31557599", ERR_OK, 31557599},
		{"31557600", ERR_OK, 31557600}, {"31557601", ERR_OK, 31557600},
		{"9999999999", ERR_OK, 31557600}, {"10000000000", ERR_SYNTAX, 0},
		{"00000000001", ERR_SYNTAX, 0}};
	struct world *w = *state;
	char text[100];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(text, sizeof text, "version: STSv1\nmode: none\nmax_age: %s\n",
			cases[i].text);
		assert_int_equal(parse(w, text), cases[i].e);
		if (!cases[i].e)
			assert_int_equal(w->policy.max_age_sec, cases[i].sec);
	}
}

static void
size_and_number_of_hosts_are_bounded(void **state)
{
	struct world *w = *state;
	struct buf text;

	buf_init(&text, SMTP_STS_POLICY_MAX + 1);
	buf_put_str(&text, "version: STSv1\nmode: enforce\nmax_age: 1\n");
	for (int i = 0; i < SMTP_STS_MX_MAX; i++)
		buf_printf(&text, "mx: mx%d.test\n", i);
	assert_int_equal(smtp_sts_parse(buf_slice(&text), &w->arena, &w->policy), ERR_OK);
	assert_int_equal(w->policy.n_mx, SMTP_STS_MX_MAX);
	assert_slice(w->policy.mx[99], "mx99.test");
	buf_put_str(&text, "x:");
	while (text.n < SMTP_STS_POLICY_MAX)
		buf_put_u8(&text, 'x');
	assert_int_equal(smtp_sts_parse(buf_slice(&text), &w->arena, &w->policy), ERR_OK);
	buf_put_u8(&text, 'x');
	assert_int_equal(smtp_sts_parse(buf_slice(&text), &w->arena, &w->policy), ERR_TOO_BIG);
	buf_clear(&text);
	for (int i = 0; i <= SMTP_STS_MX_MAX; i++)
		buf_printf(&text, "mx: mx%d.test\n", i);
	assert_int_equal(smtp_sts_parse(buf_slice(&text), &w->arena, &w->policy), ERR_LIMIT);
	buf_fini(&text);
}

static void
a_policy_cut_off_before_its_last_field_is_refused(void **state)
{
	const struct slice whole = SLICE_LIT(
		"version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 7");
	struct world *w = *state;

	for (size_t n = 0; n <= whole.n; n++) {
		uint8_t *copy = malloc(n + 1);

		memcpy(copy, whole.p, n);
		assert_int_equal(smtp_sts_parse(slice_of(copy, n), &w->arena, &w->policy),
			n == whole.n ? ERR_OK : ERR_SYNTAX);
		free(copy);
	}
}

static void
a_pattern_allows_its_host_and_a_star_one_label(void **state)
{
	static const struct {
		const char *host;
		bool is_allowed;
	} cases[] = {{"mail.example.com", true}, {"MAIL.Example.Com", true},
		{"a.example.net", true}, {"A.EXAMPLE.NET", true}, {"example.net", false},
		{"a.b.example.net", false}, {".example.net", false}, {"example.com", false},
		{"xmail.example.com", false}, {"a.xexample.net", false}, {"", false},
		{"com", false}, {"*.example.net", true}};
	struct world *w = *state;

	assert_int_equal(
		parse(w, "version: STSv1\nmode: enforce\nmax_age: 1\nmx: mail.example.com\n"
			 "mx: *.example.net\n"),
		ERR_OK);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (smtp_sts_allows(&w->policy, slice_str(cases[i].host)) !=
			cases[i].is_allowed)
			fail_msg("%s", cases[i].host);
	w->policy.n_mx = 0;
	assert_false(smtp_sts_allows(&w->policy, SLICE_LIT("mail.example.com")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_gives_its_id),
		cmocka_unit_test(a_broken_record_is_refused),
		cmocka_unit_test(a_policy_is_fetched_when_its_id_changed_or_once_a_day),
		cmocka_unit_test(ids_and_names_have_at_most_32_octets),
		cmocka_unit_test(a_record_cut_off_anywhere_gives_no_longer_id),
		cmocka_unit_test(exactly_one_record_counts),
		cmocka_unit_test_setup_teardown(a_policy_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_order_the_line_ends_and_unknown_fields_dont_matter, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			the_first_of_a_doubled_field_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			only_mode_none_needs_no_host, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_is_no_policy_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_policy_lasts_at_most_a_year, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			size_and_number_of_hosts_are_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_policy_cut_off_before_its_last_field_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_pattern_allows_its_host_and_a_star_one_label, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
