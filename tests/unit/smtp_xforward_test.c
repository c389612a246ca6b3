#include <stdio.h>

#include "smtp/smtp_xforward.h"
#include "tests/test.h"

static struct smtp_xforward facts;
static struct arena arena;

static enum smtp_reply
parse(const char *args, const char *bad_name)
{
	struct slice bad = SLICE_EMPTY;
	enum smtp_reply r = smtp_xforward_parse(slice_str(args), &arena, &facts, &bad);

	if (r != SMTP_REPLY_NONE)
		assert_true(slice_eq(bad, slice_str(bad_name)));
	return r;
}

static void
is(enum smtp_client_forward f, const char *value)
{
	assert_true(slice_eq(facts.fact[f], slice_str(value)));
}

static void
facts_are_read_and_those_that_are_not_named_stay(void **state)
{
	(void)state;
	facts = (struct smtp_xforward){0};
	assert_int_equal(
		parse("NAME=c.example ADDR=192.0.2.1 PORT=65535", ""), SMTP_REPLY_NONE);
	assert_int_equal(parse(" proto=ESMTP  HELO=a+20b+3Dc IDENT=4F+2B LOGIN=u@example.org "
			       "SOURCE=REMOTE ",
				 ""),
		SMTP_REPLY_NONE);
	is(SMTP_CLIENT_FORWARD_NAME, "c.example");
	is(SMTP_CLIENT_FORWARD_ADDR, "192.0.2.1");
	is(SMTP_CLIENT_FORWARD_PORT, "65535");
	is(SMTP_CLIENT_FORWARD_PROTO, "ESMTP");
	is(SMTP_CLIENT_FORWARD_HELO, "a b=c");
	is(SMTP_CLIENT_FORWARD_IDENT, "4F+");
	is(SMTP_CLIENT_FORWARD_LOGIN, "u@example.org");
	is(SMTP_CLIENT_FORWARD_SOURCE, "REMOTE");
	assert_int_equal(
		parse("ADDR=IPv6:2001:db8::1 NAME=[UNAVAILABLE] PORT=[tempunavail]", ""),
		SMTP_REPLY_NONE);
	is(SMTP_CLIENT_FORWARD_ADDR, "2001:db8::1");
	is(SMTP_CLIENT_FORWARD_NAME, "");
	is(SMTP_CLIENT_FORWARD_PORT, "");
	is(SMTP_CLIENT_FORWARD_PROTO, "ESMTP");
}

static void
what_can_t_be_a_fact_is_unknown_and_leaves_the_others(void **state)
{
	static const char *const odd[] = {"NAME=b..c", "NAME=-a", "ADDR=1.2.3",
		"ADDR=192.0.2.0/24", "ADDR=IPv6:192.0.2.1", "ADDR=x", "PORT=0", "PORT=65536",
		"PORT=1x", "PORT=-1", "SOURCE=HERE", "HELO=a+0D+0AX", "HELO=a+", "HELO=a+0g",
		"HELO=a+00b", "HELO=+C3+A4", "LOGIN=a\tb", "IDENT=\xc3\xa4"};

	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		char args[100];

		facts = (struct smtp_xforward){0};
		for (unsigned f = 0; f < SMTP_CLIENT_FORWARDS; f++)
			facts.fact[f] = SLICE_LIT("before");
		snprintf(args, sizeof args, "PROTO=X %s", odd[i]);
		assert_int_equal(parse(args, ""), SMTP_REPLY_NONE);
		is(SMTP_CLIENT_FORWARD_PROTO, "X");
		for (unsigned f = 0; f < SMTP_CLIENT_FORWARDS; f++)
			if (slice_starts(
				    slice_str(odd[i]), slice_str(smtp_client_hello_forward(
							       (enum smtp_client_forward)f))))
				is((enum smtp_client_forward)f, "");
	}
}

static void
what_is_no_fact_is_refused_and_changes_nothing(void **state)
{
	static const struct {
		const char *args, *name;
		enum smtp_reply reply;
	} bad[] = {{"NAME", "NAME", SMTP_REPLY_BAD_PARAM},
		{"NAME=", "NAME", SMTP_REPLY_BAD_PARAM},
		{"NAME=a b..c", "b..c", SMTP_REPLY_UNKNOWN_PARAM},
		{"XNAME=a", "XNAME", SMTP_REPLY_UNKNOWN_PARAM},
		{"HELO=a helo=b", "helo", SMTP_REPLY_TWICE_PARAM},
		{"=", "", SMTP_REPLY_UNKNOWN_PARAM}};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char args[100];

		facts = (struct smtp_xforward){0};
		snprintf(args, sizeof args, "PROTO=X %s", bad[i].args);
		assert_int_equal(parse(args, bad[i].name), bad[i].reply);
		is(SMTP_CLIENT_FORWARD_PROTO, "");
	}
}

static void
a_value_of_more_than_255_octets_is_unknown(void **state)
{
	char args[300] = "HELO=";

	(void)state;
	memset(args + 5, 'h', SMTP_XFORWARD_VALUE_MAX);
	assert_int_equal(parse(args, ""), SMTP_REPLY_NONE);
	is(SMTP_CLIENT_FORWARD_HELO, args + 5);
	args[5 + SMTP_XFORWARD_VALUE_MAX] = 'h';
	assert_int_equal(parse(args, ""), SMTP_REPLY_NONE);
	is(SMTP_CLIENT_FORWARD_HELO, "");
}

static void
are_printable(void)
{
	for (unsigned f = 0; f < SMTP_CLIENT_FORWARDS; f++)
		for (size_t i = 0; i < facts.fact[f].n; i++)
			assert_in_range(facts.fact[f].p[i], ' ', '~');
}

static void
no_octet_of_a_command_is_too_much(void **state)
{
	static const char whole[] = "NAME=c ADDR=192.0.2.1 PORT=1 PROTO=P HELO=+41 IDENT=I "
				    "SOURCE=LOCAL LOGIN=L";

	(void)state;
	for (size_t n = 0; n < sizeof whole; n++)
		for (unsigned c = 0; c < 256; c++) {
			uint8_t text[sizeof whole + 1];
			struct slice bad;

			memcpy(text, whole, sizeof whole);
			text[n] = (uint8_t)c;
			smtp_xforward_parse(slice_of(text, n + 1), &arena, &facts, &bad);
			are_printable();
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_are_read_and_those_that_are_not_named_stay),
		cmocka_unit_test(what_can_t_be_a_fact_is_unknown_and_leaves_the_others),
		cmocka_unit_test(what_is_no_fact_is_refused_and_changes_nothing),
		cmocka_unit_test(a_value_of_more_than_255_octets_is_unknown),
		cmocka_unit_test(no_octet_of_a_command_is_too_much),
	};
	int failed;

	arena_init(&arena, 0);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_reset(&arena);
	return failed;
}
