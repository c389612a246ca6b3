#include "tests/test.h"

#include <stdio.h>

#include "core/utf8.h"
#include "smtp/smtp_dsn.h"
#include "smtp/smtp_dsn_text.h"

#define REPORTS "report-type=delivery-status;"
static const char mail[] = "Received: by x\r\nSubject: hi\r\n\r\nthe text\r\n";

static struct {
	struct smtp_dsn_rcpt rcpt[3];
	struct smtp_dsn d;
	struct buf out;
} t;

static int
setup(void **state)
{
	(void)state;
	t.rcpt[0] = (struct smtp_dsn_rcpt){.address = SLICE_LIT("x@example.org"),
		.orcpt = SLICE_LIT("rfc822;y@example.org"),
		.status = SLICE_LIT("5.1.1 no such user here")};
	t.rcpt[1] = t.rcpt[2] = (struct smtp_dsn_rcpt){
		.address = SLICE_LIT("z@example.org"), .status = SLICE_LIT("2.0.0 done")};
	t.d = (struct smtp_dsn){.hostname = SLICE_LIT("mail.example.org"),
		.queue_id = SLICE_LIT("0000AB"),
		.sender = SLICE_LIT("a@b.test"),
		.nonce = 0xabc,
		.arrived_sec = 999999000,
		.now_sec = 1000000000,
		.rcpt = t.rcpt,
		.rcpts = 1};
	buf_init(&t.out, 1 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_fini(&t.out);
	return 0;
}

static bool
has(const char *text)
{
	return slice_find_slice(buf_slice(&t.out), slice_str(text)) < t.out.n;
}

/* Formats, and looks at what holds of every report: no bare LF, no bare CR, no line that SMTP
 * forbids, no control. */
static void
format(void)
{
	size_t line = 0;

	buf_clear(&t.out);
	assert_true(smtp_dsn_format(&t.d, &t.out));
	for (size_t i = 0; i < t.out.n; i++) {
		uint8_t c = t.out.p[i];

		assert_true(c != '\n' || (i && t.out.p[i - 1] == '\r'));
		assert_true(c != '\r' || (i + 1 < t.out.n && t.out.p[i + 1] == '\n'));
		assert_true(c >= ' ' || c == '\n' || c == '\r' || c == '\t');
		line = c == '\n' ? 0 : line + 1;
		assert_true(line <= 999);
	}
	assert_true(has("\r\n--=_0000AB_0000000000000abc--\r\n"));
	assert_true(has("Auto-Submitted: auto-replied\r\n"));
}

static void
returns(enum smtp_dsn_returns r, const char *text, bool has_all)
{
	t.d.returns = r;
	t.d.text = slice_str(text);
	t.d.has_all = has_all;
	format();
}

static void
a_failure_says_in_words_and_fields_what_happened(void **state)
{
	(void)state;
	t.rcpt[0].via = SLICE_LIT("list@example.org");
	format();
	assert_true(has("Subject: Undelivered mail returned to sender\r\n"));
	assert_true(has("<x@example.org> (expanded from <list@example.org>)\r\n"
			"    There is no such mailbox. Check the address"));
	assert_true(has("    The reason:\r\n        5.1.1 no such user here\r\n"));
	assert_true(has(
		"Original-Recipient: rfc822;y@example.org\r\n"
		"Final-Recipient: rfc822;x@example.org\r\nAction: failed\r\n"
		"Status: 5.1.1\r\nDiagnostic-Code: x-hairpin; 5.1.1 no such user here\r\n"));
	assert_true(has(REPORTS) && has("Content-Type: message/delivery-status\r\n"));
	assert_true(has("no such user here\r\nFinal-Log-ID: 0000AB\r\n"));
	assert_false(has("Remote-MTA") || has("Last-Attempt") || has("Will-Retry"));
	assert_false(has("rfc822-headers") || has("message/rfc822"));
}

static void
a_subject_that_was_encrypted_is_not_given_back(void **state)
{
	(void)state;
	t.d.hides_subject = true;
	returns(SMTP_DSN_HEADER, "From: a\r\nsubject: the\r\n plan\r\nTo: b\r\n\r\nhi\r\n",
		true);
	assert_true(has("\r\nFrom: a\r\nTo: b\r\n"));
	assert_false(has("plan"));
}

static void
another_server_is_named_and_quoted(void **state)
{
	(void)state;
	t.rcpt[0].remote = SLICE_LIT("mx.test");
	t.rcpt[0].reply = SLICE_LIT("550 5.7.1 go away");
	t.rcpt[0].status = SLICE_LIT("5.7.1 host mx.test said: 550 5.7.1 go away");
	t.rcpt[0].last_try_sec = 1000000000;
	format();
	assert_true(has("    mx.test said:\r\n        550 5.7.1 go away\r\n"));
	assert_true(
		has("Remote-MTA: dns;mx.test\r\nDiagnostic-Code: smtp; 550 5.7.1 go away\r\n"
		    "Last-Attempt-Date: Sun, 9 Sep 2001 01:46:40 +0000\r\n"));
	assert_true(has("The rules of the recipient's server forbid"));
	assert_false(has("Final-Log-ID"));
}

static void
a_delay_says_until_when(void **state)
{
	(void)state;
	t.rcpt[0].action = SMTP_DSN_DELAYED;
	t.rcpt[0].status = SLICE_LIT("4.2.2 the mailbox is full");
	t.rcpt[0].last_try_sec = 999999900;
	t.rcpt[0].until_sec = 1000000000;
	format();
	assert_true(has("Last-Attempt-Date: Sun, 9 Sep 2001 01:45:00 +0000\r\n"));
	assert_true(has("Subject: Delayed mail (still being tried)\r\n"));
	assert_true(has("Action: delayed\r\nStatus: 4.2.2\r\n"));
	assert_true(has("Will-Retry-Until: Sun, 9 Sep 2001 01:46:40 +0000\r\n"));
	assert_true(has("It is tried until Sun, 9 Sep 2001 01:46:40 +0000.\r\n"));
	assert_true(has("you need not\r\nsend it again") || has("you need not send it again"));
}

/* Who reads "their server doesn't want it" looks in the wrong place. */
static void
what_waits_for_a_certificate_is_not_the_recipients_fault(void **state)
{
	(void)state;
	t.rcpt[0].action = SMTP_DSN_DELAYED;
	t.rcpt[0].status = SLICE_LIT("4.7.5 no certificate is known");
	format();
	assert_true(has("may leave only encrypted or signed"));
	assert_false(has("doesn't want"));
	t.rcpt[0].action = SMTP_DSN_FAILED;
	t.rcpt[0].status = SLICE_LIT("5.7.5 no certificate is known");
	format();
	assert_true(has("may leave only encrypted or signed"));
	assert_false(has("forbid"));
}

static void
each_action_has_its_name_and_a_success_its_subject(void **state)
{
	static const char *const names[] = {
		"failed", "delayed", "delivered", "relayed", "expanded"};
	char line[40];

	(void)state;
	for (int i = 0; i < SMTP_DSN_ACTIONS; i++) {
		t.rcpt[0].action = (enum smtp_dsn_action)i;
		format();
		snprintf(line, sizeof line, "\r\nAction: %s\r\n", names[i]);
		assert_true(has(line));
		assert_int_equal(
			has("Successful mail delivery report"), i >= SMTP_DSN_DELIVERED);
		assert_int_equal(has("could not be delivered"), i < SMTP_DSN_DELIVERED);
	}
	/* One failure makes it a report of failure, whatever else went well. */
	t.rcpt[0].action = SMTP_DSN_FAILED;
	t.rcpt[1].action = SMTP_DSN_DELIVERED;
	t.d.rcpts = 2;
	format();
	assert_true(has("Undelivered mail") && has("Action: delivered\r\n") &&
		    has("Your message was delivered to"));
}

static void
every_status_finds_advice(void **state)
{
	static const struct {
		const char *status, *words;
	} rows[] = {
		{"5.1.1 x", "no such mailbox"},
		{"5.1.2 x", "no such place"},
		{"5.1.10 x", "takes no mail"},
		{"5.1.9 x", "wasn't accepted"},
		{"5.2.2 x", "is full"},
		{"5.2.9 x", "couldn't take the mail"},
		{"5.3.4 x", "too large"},
		{"5.4.7 x", "in the time"},
		{"5.4.4 x", "No way to"},
		{"5.7.26 x", "rules of"},
		{"5.0.0 x", "once the cause is gone"},
		{"5.9.9 x", "once the cause is gone"},
		{"5", "once the cause is gone"},
		{"", "once the cause is gone"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		t.rcpt[0].status = slice_str(rows[i].status);
		format();
		if (!has(rows[i].words))
			fail_msg("%s", rows[i].status);
	}
}

static void
a_mail_comes_back_whole_or_its_header(void **state)
{
	(void)state;
	returns(SMTP_DSN_MESSAGE, mail, true);
	assert_true(
		has("Content-Type: message/rfc822\r\n\r\nReceived: by x\r\nSubject: hi\r\n\r\n"
		    "the text\r\n\r\n--="));
	returns(SMTP_DSN_HEADER, mail, true);
	assert_true(
		has("Content-Type: text/rfc822-headers\r\n\r\nReceived: by x\r\nSubject: hi\r\n"
		    "\r\n--="));
	assert_false(has("the text"));
	/* Its front alone is at hand. */
	returns(SMTP_DSN_MESSAGE, mail, false);
	assert_true(has("text/rfc822-headers"));
	returns(SMTP_DSN_NOTHING, mail, true);
	assert_false(has("Received"));
	/* What isn't as it should be. */
	returns(SMTP_DSN_MESSAGE, "A: b\n\nbare\ncr\rhere\r\nend", true);
	assert_true(has("A: b\r\n\r\nbare\r\ncr?here\r\nend\r\n\r\n--="));
	returns(SMTP_DSN_HEADER, "A: b", true);
	assert_true(has("\r\n\r\nA: b\r\n\r\n--="));
	returns(SMTP_DSN_HEADER, "\r\nno header", true);
	assert_false(has("no header"));
}

static void
a_mail_of_the_limit_comes_back_and_one_more_octet_does_not(void **state)
{
	char *text = test_malloc(SMTP_DSN_RETURN_MAX + 2);
	size_t n = SMTP_DSN_RETURN_MAX + 1;

	(void)state;
	memset(text, 'x', n);
	memcpy(text, "A: b\r\n\r\n", 8);
	for (size_t i = 80; i < n; i += 80)
		memcpy(text + i, "\r\n", 2);
	text[n] = '\0';
	returns(SMTP_DSN_MESSAGE, text, true);
	assert_true(has("text/rfc822-headers") && !has("xxx"));
	text[n - 1] = '\0';
	returns(SMTP_DSN_MESSAGE, text, true);
	assert_true(has("message/rfc822") && has("xxx"));
	/* A header of that size: whole, or without its last line. */
	memcpy(text, "A: bbbbb", 8);
	text[n - 1] = 'x';
	returns(SMTP_DSN_HEADER, text, true);
	assert_true(has("text/rfc822-headers\r\n\r\nA: bbbbbxx") && has("xxx\r\n\r\n--="));
	assert_true(t.out.n < SMTP_DSN_RETURN_MAX + 2000);
	test_free(text);
}

static void
octets_above_127_are_encoded_unless_the_report_is_global(void **state)
{
	(void)state;
	t.rcpt[0].address = SLICE_LIT("j\xc3\xbc+rg=\\@b\xc3\xbc.test");
	returns(SMTP_DSN_HEADER, "Subject: h\xc3\xbc\r\n\r\nx\r\n", true);
	assert_false(smtp_dsn_is_global(&t.d));
	assert_true(utf8_is_ascii(buf_slice(&t.out)));
	assert_true(has(
		"Final-Recipient: utf-8;j\\x{FC}\\x{2B}rg\\x{3D}\\x{5C}@b\\x{FC}.test\r\n"));
	assert_true(has("<j=C3=BC+rg=3D\\@b=C3=BC.test>\r\n"));
	assert_true(
		has("Content-Type: text/rfc822-headers\r\n"
		    "Content-Transfer-Encoding: quoted-printable\r\n\r\nSubject: h=C3=BC\r\n"));
	t.d.smtputf8 = true;
	format();
	assert_true(smtp_dsn_is_global(&t.d));
	assert_true(has("report-type=global-delivery-status;"));
	assert_true(has("Content-Type: message/global-delivery-status\r\n"
			"Content-Transfer-Encoding: 8bit\r\n"));
	assert_true(has("Final-Recipient: utf-8;j\xc3\xbc+rg=\\@b\xc3\xbc.test\r\n"));
	assert_true(has("Content-Type: message/global-headers\r\n"
			"Content-Transfer-Encoding: 8bit\r\n\r\nSubject: h\xc3\xbc\r\n"));
	returns(SMTP_DSN_MESSAGE, "Subject: h\xc3\xbc\r\n\r\nx\r\n", true);
	assert_true(has("Content-Type: message/global\r\nContent-Transfer-Encoding: 8bit\r\n"));
	/* Who said SMTPUTF8 without a need for it. */
	t.rcpt[0].address = SLICE_LIT("x@example.org");
	returns(SMTP_DSN_MESSAGE, "Subject: hu\r\n\r\n\xc3\xbc\r\n", true);
	assert_false(smtp_dsn_is_global(&t.d));
	assert_true(has(REPORTS));
	assert_true(has("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n"));
	t.d.sender = SLICE_LIT("\xc3\xbc@b.test");
	assert_true(smtp_dsn_is_global(&t.d));
}

static void
words_of_others_can_make_no_line_and_no_part(void **state)
{
	static const struct slice bad = {
		(const uint8_t *)"550 a\r\nAction: delivered\xff\t\x01", 27};

	(void)state;
	t.rcpt[0].reply = t.rcpt[0].orcpt = t.rcpt[0].address = t.rcpt[0].via = bad;
	t.rcpt[0].remote = SLICE_LIT("mx.test");
	t.d.envid = bad;
	t.d.message_id = SLICE_LIT("<a@b>\r\nBcc: x@y>");
	format();
	assert_false(has("\r\nAction: delivered") || has("References"));
	assert_true(has("Diagnostic-Code: smtp; 550 a??Action: delivered???"));
	assert_true(utf8_is_ascii(buf_slice(&t.out)));
	t.d.message_id = SLICE_LIT("<a@b>");
	format();
	assert_true(has("\r\nReferences: <a@b>\r\n"));
}

static void
long_words_are_folded(void **state)
{
	char words[900];

	(void)state;
	memset(words, 'w', sizeof words);
	for (size_t i = 10; i < sizeof words; i += 11)
		words[i] = ' ';
	memcpy(words, "5.0.0 ", 6);
	t.rcpt[0].status = slice_of(words, sizeof words);
	format();
	assert_true(has("wwwwwwwwww\r\n        wwwwwwwwww"));
	assert_true(has("wwwwwwwwww\r\n wwwwwwwwww"));
	memset(words + 6, 'w', sizeof words - 6);
	format();
}

static void
a_notice_that_does_not_fit_is_refused_at_every_size(void **state)
{
	struct buf small;
	size_t n;

	(void)state;
	returns(SMTP_DSN_MESSAGE, mail, true);
	n = t.out.n;
	for (size_t cap = 0; cap < n; cap++) {
		buf_init(&small, cap);
		assert_false(smtp_dsn_format(&t.d, &small));
		buf_fini(&small);
	}
	buf_init(&small, n + 1); /* a line is made with its NUL */
	assert_true(smtp_dsn_format(&t.d, &small));
	buf_fini(&small);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_failure_says_in_words_and_fields_what_happened),
		T(a_subject_that_was_encrypted_is_not_given_back),
		T(another_server_is_named_and_quoted),
		T(a_delay_says_until_when),
		T(what_waits_for_a_certificate_is_not_the_recipients_fault),
		T(each_action_has_its_name_and_a_success_its_subject),
		T(every_status_finds_advice),
		T(a_mail_comes_back_whole_or_its_header),
		T(a_mail_of_the_limit_comes_back_and_one_more_octet_does_not),
		T(octets_above_127_are_encoded_unless_the_report_is_global),
		T(words_of_others_can_make_no_line_and_no_part),
		T(long_words_are_folded),
		T(a_notice_that_does_not_fit_is_refused_at_every_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
