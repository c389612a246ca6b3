#include "tests/test.h"

#include "smtp/smtp_path.h"

static struct arena arena;

static int
clean(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

static struct slice
lit(const char *s)
{
	return slice_str(s);
}

static void
a_line_comes_out_only_when_whole(void **state)
{
	struct slice in = SLICE_LIT("NOOP x\r\nQUIT\r\n"), line;
	size_t used;
	bool bare;

	(void)state;
	for (size_t n = 0; n < 8; n++)
		assert_int_equal(smtp_parse_line(slice_cut(in, 0, n), 512, &line, &bare, &used),
			ERR_MORE);
	assert_int_equal(smtp_parse_line(in, 512, &line, &bare, &used), ERR_OK);
	assert_slice(line, "NOOP x");
	assert_int_equal(used, 8);
	assert_false(bare);
}

static void
the_line_limit_counts_crlf_and_holds_on_both_sides(void **state)
{
	struct slice line;
	size_t used;
	bool bare, found;

	(void)state;
	assert_int_equal(
		smtp_parse_line(SLICE_LIT("123456\r\n"), 8, &line, &bare, &used), ERR_OK);
	assert_int_equal(smtp_parse_line(SLICE_LIT("1234567\r\nX"), 8, &line, &bare, &used),
		ERR_TOO_BIG);
	assert_int_equal(used, 8);
	assert_int_equal(smtp_parse_skip(SLICE_LIT("\nX"), &found), 1);
	assert_true(found);
	assert_int_equal(smtp_parse_skip(SLICE_LIT("abc"), &found), 3);
	assert_false(found);
	assert_int_equal(
		smtp_parse_line(SLICE_LIT("12345678"), 8, &line, &bare, &used), ERR_TOO_BIG);
	assert_int_equal(used, 8);
}

static void
bare_line_ends_and_nul_are_flagged(void **state)
{
	struct slice line;
	size_t used;
	bool bare;

	(void)state;
	assert_int_equal(smtp_parse_line(SLICE_LIT("NOOP\n"), 99, &line, &bare, &used), ERR_OK);
	assert_true(bare);
	assert_slice(line, "NOOP");
	assert_int_equal(
		smtp_parse_line(SLICE_LIT("NO\rOP\r\n"), 99, &line, &bare, &used), ERR_OK);
	assert_true(bare);
	assert_int_equal(
		smtp_parse_line(SLICE_LIT("NO\0P\r\n"), 99, &line, &bare, &used), ERR_OK);
	assert_true(bare);
	assert_int_equal(smtp_parse_line(SLICE_LIT("\r\n"), 99, &line, &bare, &used), ERR_OK);
	assert_false(bare);
	assert_int_equal(line.n, 0);
}

static void
a_command_is_verb_and_trimmed_rest(void **state)
{
	struct smtp_command c = smtp_parse_command(SLICE_LIT("mail  FROM:<> "));

	(void)state;
	assert_slice(c.verb, "mail");
	assert_slice(c.args, "FROM:<>");
	c = smtp_parse_command(SLICE_LIT("RSET2"));
	assert_slice(c.verb, "RSET2");
	c = smtp_parse_command(SLICE_LIT(""));
	assert_int_equal(c.verb.n, 0);
	assert_int_equal(c.args.n, 0);
}

static void
good_paths_are_taken_apart(void **state)
{
	static const struct {
		const char *in, *raw, *local, *domain;
	} rows[] = {
		{"<a@b.c>", "a@b.c", "a", "b.c"},
		{"<\"a b\"@b.c>", "\"a b\"@b.c", "\"a b\"", "b.c"},
		{"<\"a\\\"@\\\\>\"@b>", "\"a\\\"@\\\\>\"@b", "\"a\\\"@\\\\>\"", "b"},
		{"<x@[192.0.2.1]>", "x@[192.0.2.1]", "x", "[192.0.2.1]"},
		{"<x@[IPv6:2001:db8::1]>", "x@[IPv6:2001:db8::1]", "x", "[IPv6:2001:db8::1]"},
		{"<@a.b,@c:u@d.e>", "u@d.e", "u", "d.e"},
		{"<a.b+c=d!e@x-y.z>", "a.b+c=d!e@x-y.z", "a.b+c=d!e", "x-y.z"},
		{"<postmaster>", "postmaster", "postmaster", ""},
		{"<\xc3\xbc@\xc3\xa4.de>", "\xc3\xbc@\xc3\xa4.de", "\xc3\xbc", "\xc3\xa4.de"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct slice in = lit(rows[i].in);
		struct smtp_path p;
		assert_int_equal(smtp_path_parse(in, &p), in.n);
		assert_true(slice_eq(p.raw, lit(rows[i].raw)));
		assert_true(slice_eq(p.local, lit(rows[i].local)));
		assert_true(slice_eq(p.domain, lit(rows[i].domain)));
		for (size_t n = 0; n < in.n; n++)
			assert_int_equal(smtp_path_parse(slice_cut(in, 0, n), &p), 0);
	}
}

static void
bad_paths_are_refused(void **state)
{
	static const char *const rows[] = {"", "<", "a@b", "<a@b", "<@b>", "<a@>", "<.a@b>",
		"<a.@b>", "<a..b@c>", "<a@b..c>", "<a@.b>", "<a@b.>", "<a@-b>", "<a@b->",
		"<a@b-.c>", "<a b@c>", "<\"a@c>", "<\"a\"b@c>", "<a@[1.2.3]>", "<a@[IPv6:zz]>",
		"<a@[1.2.3.4>", "<a@b>c@d>x", "<a@b@c>", "< a@b>", "<a@b >", "<@a:>",
		"<@a,:x@y>", "<a\xff@b>", "<\"\x01\"@b>", "<\"\\\x7f\"@b>", "<a@b\xc0\x80>",
		"<()@b>", "<a,b@c>"};
	struct smtp_path p;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t used = smtp_path_parse(lit(rows[i]), &p);
		if (used && used == strlen(rows[i]))
			fail_msg("accepted %s", rows[i]);
	}
}

static void
path_and_label_limits_hold_on_both_sides(void **state)
{
	char s[600];
	struct smtp_path p;

	(void)state;
	memset(s, 'a', sizeof s);
	s[0] = '<';
	s[318] = '@';
	s[321] = '>';
	assert_int_equal(smtp_path_parse(slice_of(s, 322), &p), 322);
	s[321] = 'a';
	s[322] = '>';
	assert_int_equal(smtp_path_parse(slice_of(s, 323), &p), 0);
	memset(s, 'a', sizeof s);
	assert_true(smtp_path_is_domain(slice_of(s, 63), false));
	assert_false(smtp_path_is_domain(slice_of(s, 64), false));
	for (size_t i = 1; i < 255; i += 2)
		s[i] = '.';
	assert_true(smtp_path_is_domain(slice_of(s, 255), false));
	assert_false(smtp_path_is_domain(slice_of(s, 257), false));
}

static void
mail_parameters_are_read(void **state)
{
	struct smtp_mail m;
	struct slice bad;

	(void)state;
	assert_int_equal(
		smtp_parse_mail(SLICE_LIT("FROM:<a@b> SIZE=1000 body=8bitmime SMTPUTF8 "
					  "AUTH=e+3Dmc2@example.com RET=HDRS "
					  "ENVID=QQ+2B314"),
			&arena, &m, &bad),
		SMTP_REPLY_NONE);
	assert_int_equal(m.size_bytes, 1000);
	assert_true(m.smtputf8);
	assert_slice(m.auth, "e=mc2@example.com");
	assert_int_equal(m.ret, SMTP_RET_HDRS);
	assert_slice(m.envid, "QQ+314");
	assert_int_equal(smtp_parse_mail(SLICE_LIT("from: <>"), &arena, &m, &bad), 0);
	assert_true(m.from.is_null);
}

static void
bad_mail_arguments_get_the_precise_reply(void **state)
{
	static const struct {
		const char *in;
		enum smtp_reply r;
	} rows[] = {
		{"", SMTP_REPLY_SYNTAX_MAIL},
		{"TO:<a@b>", SMTP_REPLY_SYNTAX_MAIL},
		{"FROM", SMTP_REPLY_SYNTAX_MAIL},
		{"FROM:a@b", SMTP_REPLY_BAD_SENDER},
		{"FROM:<a>", SMTP_REPLY_BAD_SENDER},
		{"FROM:<postmaster>", SMTP_REPLY_BAD_SENDER},
		{"FROM:<a@b>SIZE=1", SMTP_REPLY_BAD_SENDER},
		{"FROM:<a@b> SIZE=", SMTP_REPLY_BAD_PARAM},
		{"FROM:<a@b> SIZE", SMTP_REPLY_BAD_PARAM},
		{"FROM:<a@b> SIZE=-1", SMTP_REPLY_BAD_PARAM},
		{"FROM:<a@b> SIZE=18446744073709551616", SMTP_REPLY_BAD_PARAM},
		{"FROM:<a@b> SIZE=1 SIZE=1", SMTP_REPLY_TWICE_PARAM},
		{"FROM:<a@b> BODY=BINARYMIME", SMTP_REPLY_BAD_PARAM},
		{"FROM:<a@b> SMTPUTF8=1", SMTP_REPLY_BAD_PARAM},
		{"FROM:<a@b> RET=ALL", SMTP_REPLY_BAD_PARAM},
		{"FROM:<a@b> ENVID=+0D+0A", SMTP_REPLY_BAD_PARAM},
		{"FROM:<a@b> FOO=1", SMTP_REPLY_UNKNOWN_PARAM},
		{"FROM:<a@b> =1", SMTP_REPLY_UNKNOWN_PARAM},
		{"FROM:<\xc3\xbc@b>", SMTP_REPLY_NEEDS_UTF8},
		{"FROM:<a@\xc3\xbc.de>", SMTP_REPLY_NEEDS_UTF8},
	};
	struct smtp_mail m;
	struct slice bad;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (smtp_parse_mail(lit(rows[i].in), &arena, &m, &bad) != rows[i].r)
			fail_msg("%s", rows[i].in);
	assert_int_equal(
		smtp_parse_mail(SLICE_LIT("FROM:<\xc3\xbc@b> SMTPUTF8"), &arena, &m, &bad), 0);
	assert_int_equal(smtp_parse_mail(SLICE_LIT("FROM:<a@b> SIZE=18446744073709551615"),
				 &arena, &m, &bad),
		0);
}

static void
rcpt_parameters_are_read(void **state)
{
	struct smtp_rcpt_args r;
	struct slice bad;

	(void)state;
	assert_int_equal(
		smtp_parse_rcpt(SLICE_LIT("TO:<a@b> NOTIFY=SUCCESS,delay ORCPT=rfc822;a+2Bx@b"),
			false, &arena, &r, &bad),
		0);
	assert_int_equal(r.notify, SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_DELAY);
	assert_slice(r.orcpt_type, "rfc822");
	assert_slice(r.orcpt, "a+x@b");
	assert_int_equal(smtp_parse_rcpt(SLICE_LIT("TO:<a@b> ORCPT=rfc822;j+C3+BC@b"), false,
				 &arena, &r, &bad),
		0);
	assert_slice(r.orcpt, "j\xc3\xbc@b");
	assert_int_equal(smtp_parse_rcpt(SLICE_LIT("TO:<a@b> ORCPT=utf-8;j\xc3\xbc@b"), true,
				 &arena, &r, &bad),
		0);
	assert_slice(r.orcpt, "j\xc3\xbc@b");
	assert_int_equal(
		smtp_parse_rcpt(SLICE_LIT("TO:<PostMaster>"), false, &arena, &r, &bad), 0);
}

static void
bad_rcpt_arguments_get_the_precise_reply(void **state)
{
	static const struct {
		const char *in;
		enum smtp_reply r;
	} rows[] = {
		{"", SMTP_REPLY_SYNTAX_RCPT},
		{"FROM:<a@b>", SMTP_REPLY_SYNTAX_RCPT},
		{"TO:<>", SMTP_REPLY_BAD_RCPT},
		{"TO:<a>", SMTP_REPLY_BAD_RCPT},
		{"TO:<a@b> NOTIFY=NEVER,DELAY", SMTP_REPLY_BAD_PARAM},
		{"TO:<a@b> NOTIFY=DELAY,DELAY", SMTP_REPLY_BAD_PARAM},
		{"TO:<a@b> NOTIFY=DELAY,", SMTP_REPLY_BAD_PARAM},
		{"TO:<a@b> ORCPT=a@b", SMTP_REPLY_BAD_PARAM},
		{"TO:<a@b> ORCPT=;a@b", SMTP_REPLY_BAD_PARAM},
		{"TO:<a@b> ORCPT=rfc822;", SMTP_REPLY_BAD_PARAM},
		{"TO:<a@b> ORCPT=rfc822;a+0Ab", SMTP_REPLY_BAD_PARAM},
		{"TO:<a@b> ORCPT=rfc822;a+7Fb", SMTP_REPLY_BAD_PARAM},
		{"TO:<a@b> ORCPT=rfc822;a+C3b", SMTP_REPLY_BAD_PARAM},
		{"TO:<a@b> SIZE=1", SMTP_REPLY_UNKNOWN_PARAM},
		{"TO:<\xc3\xbc@b>", SMTP_REPLY_NEEDS_UTF8},
	};
	struct smtp_rcpt_args r;
	struct slice bad;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (smtp_parse_rcpt(lit(rows[i].in), false, &arena, &r, &bad) != rows[i].r)
			fail_msg("%s", rows[i].in);
	assert_int_equal(
		smtp_parse_rcpt(SLICE_LIT("TO:<\xc3\xbc@b>"), true, &arena, &r, &bad), 0);
}

static void
envid_and_orcpt_limits_hold_on_both_sides(void **state)
{
	char s[700] = "FROM:<a@b> ENVID=";
	size_t head = strlen(s);
	struct smtp_mail m;
	struct smtp_rcpt_args r;
	struct slice bad;

	(void)state;
	memset(s + head, 'x', 101);
	assert_int_equal(smtp_parse_mail(slice_of(s, head + 100), &arena, &m, &bad), 0);
	assert_int_equal(smtp_parse_mail(slice_of(s, head + 101), &arena, &m, &bad),
		SMTP_REPLY_BAD_PARAM);
	strcpy(s, "TO:<a@b> ORCPT=rfc822;");
	head = strlen(s);
	memset(s + head, 'x', 494);
	assert_int_equal(smtp_parse_rcpt(slice_of(s, head + 493), false, &arena, &r, &bad), 0);
	assert_int_equal(smtp_parse_rcpt(slice_of(s, head + 494), false, &arena, &r, &bad),
		SMTP_REPLY_BAD_PARAM);
}

static void
xtext_is_decoded_and_forged_lines_are_not(void **state)
{
	struct slice out;

	(void)state;
	assert_int_equal(smtp_parse_xtext(SLICE_LIT("a+20b+2B"), &arena, &out), ERR_OK);
	assert_slice(out, "a b+");
	assert_int_equal(smtp_parse_xtext(SLICE_LIT("+2"), &arena, &out), ERR_SYNTAX);
	assert_int_equal(smtp_parse_xtext(SLICE_LIT("+"), &arena, &out), ERR_SYNTAX);
	assert_int_equal(smtp_parse_xtext(SLICE_LIT("+2b"), &arena, &out), ERR_SYNTAX);
	assert_int_equal(smtp_parse_xtext(SLICE_LIT("a=b"), &arena, &out), ERR_SYNTAX);
	assert_int_equal(smtp_parse_xtext(SLICE_LIT("+0A"), &arena, &out), ERR_SYNTAX);
	assert_int_equal(smtp_parse_xtext(SLICE_LIT("+FF"), &arena, &out), ERR_SYNTAX);
}

static void
bdat_arguments_are_read_or_refused(void **state)
{
	uint64_t n;
	bool last;

	(void)state;
	assert_int_equal(smtp_parse_bdat(SLICE_LIT("0"), &n, &last), 0);
	assert_int_equal(n, 0);
	assert_false(last);
	assert_int_equal(smtp_parse_bdat(SLICE_LIT("86 last"), &n, &last), 0);
	assert_int_equal(n, 86);
	assert_true(last);
	assert_int_equal(smtp_parse_bdat(SLICE_LIT(""), &n, &last), SMTP_REPLY_SYNTAX_BDAT);
	assert_int_equal(smtp_parse_bdat(SLICE_LIT("LAST"), &n, &last), SMTP_REPLY_SYNTAX_BDAT);
	assert_int_equal(smtp_parse_bdat(SLICE_LIT("1 2"), &n, &last), SMTP_REPLY_SYNTAX_BDAT);
	assert_int_equal(smtp_parse_bdat(SLICE_LIT("99999999999999999999999"), &n, &last),
		SMTP_REPLY_SYNTAX_BDAT);
}

static void
a_reply_argument_cannot_break_the_line(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10000);
	smtp_reply_put(&b, SMTP_REPLY_BAD_PARAM, SLICE_LIT("a\r\n250 b\xff"));
	assert_slice(buf_slice(&b), "501 5.5.4 Bad value of parameter a??250 b?\r\n");
	buf_clear(&b);
	smtp_reply_line(&b, 250, false, SLICE_LIT("SIZE 5"));
	smtp_reply_line(&b, 250, true, SLICE_LIT("HELP"));
	assert_slice(buf_slice(&b), "250-SIZE 5\r\n250 HELP\r\n");
	buf_clear(&b);
	assert_int_equal(smtp_reply_foreign(&b, SLICE_LIT("550 5.7.1 no\n")), 550);
	assert_slice(buf_slice(&b), "550 5.7.1 no?\r\n");
	buf_clear(&b);
	assert_int_equal(smtp_reply_foreign(&b, SLICE_LIT("250 fine")), 451);
	assert_int_equal(smtp_reply_foreign(&b, SLICE_LIT("")), 451);
	buf_fini(&b);
}

static void
every_reply_agrees_with_its_enhanced_code(void **state)
{
	(void)state;
	for (int r = 1; r < SMTP_REPLY_COUNT; r++) {
		const char *e = smtp_reply_enhanced((enum smtp_reply)r);
		unsigned code = smtp_reply_code((enum smtp_reply)r);
		assert_in_range(code, 200, 599);
		if (e[0])
			assert_int_equal((unsigned)(e[0] - '0'), code / 100);
	}
	assert_int_equal(smtp_reply_code(SMTP_REPLY_NONE), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_comes_out_only_when_whole),
		cmocka_unit_test(the_line_limit_counts_crlf_and_holds_on_both_sides),
		cmocka_unit_test(bare_line_ends_and_nul_are_flagged),
		cmocka_unit_test(a_command_is_verb_and_trimmed_rest),
		cmocka_unit_test(good_paths_are_taken_apart),
		cmocka_unit_test(bad_paths_are_refused),
		cmocka_unit_test(path_and_label_limits_hold_on_both_sides),
		cmocka_unit_test(mail_parameters_are_read),
		cmocka_unit_test(bad_mail_arguments_get_the_precise_reply),
		cmocka_unit_test(rcpt_parameters_are_read),
		cmocka_unit_test(bad_rcpt_arguments_get_the_precise_reply),
		cmocka_unit_test(envid_and_orcpt_limits_hold_on_both_sides),
		cmocka_unit_test(xtext_is_decoded_and_forged_lines_are_not),
		cmocka_unit_test(bdat_arguments_are_read_or_refused),
		cmocka_unit_test(a_reply_argument_cannot_break_the_line),
		cmocka_unit_test(every_reply_agrees_with_its_enhanced_code),
	};

	return cmocka_run_group_tests(tests, clean, clean);
}
