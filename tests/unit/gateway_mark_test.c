#include "tests/test.h"

#include "crypto/gateway_mark.h"
#include "crypto/gateway_subject.h"

static struct arena arena;

static int
forget(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

static struct gateway_head
read_head(struct slice s)
{
	struct text t = text_of(&s);
	struct gateway_head h;

	assert_int_equal(gateway_head_read(&t, &arena, &h), ERR_OK);
	return h;
}

static struct slice
written(const struct gateway_head *h)
{
	struct buf out;
	struct text_sink to = text_into(&out);
	struct slice s;

	buf_init(&out, 1 << 20);
	assert_int_equal(gateway_head_write(h, GATEWAY_HEAD_ALL, &to), ERR_OK);
	s = arena_dup(&arena, buf_slice(&out));
	buf_fini(&out);
	return s;
}

/* What is left of one field, which stands between two others. */
static struct slice
stripped(const char *field, unsigned *forged)
{
	struct buf b;
	struct gateway_head h;
	struct slice left;

	buf_init(&b, 1 << 20);
	buf_printf(&b, "From: a@b\r\n%s\r\nTo: c@d\r\n\r\n", field);
	h = read_head(buf_slice(&b));
	buf_fini(&b);
	*forged = gateway_mark_strip(&h, SLICE_LIT("mail.example.org"));
	left = written(&h);
	assert_true(slice_starts(left, SLICE_LIT("From: a@b\r\n")));
	assert_true(slice_ends(left, SLICE_LIT("To: c@d\r\n")));
	return slice_cut(left, 11, left.n - 9);
}

static void
results_in_our_name_are_taken_out_however_they_are_spelled(void **state)
{
	static const char *const forged[] = {
		"Authentication-Results: mail.example.org; smime=pass",
		"authentication-RESULTS : MAIL.Example.ORG 1; smime=pass",
		"Authentication-Results: (x) mail.example.org; smime=pass",
		"Authentication-Results: (a (b\\) c) ) mail.example.org(d); smime=pass",
		"Authentication-Results: \"mail.example.org\"; smime=pass",
		"Authentication-Results: \"mail\\.example.org\" 1; smime=pass",
		"Authentication-Results:\r\n\tmail.example.org\r\n\t; smime=pass",
		"Authentication-Results: mail(.)(x).(y)example.org; smime=pass",
		"Authentication-Results: mail . example . org; smime=pass",
		"Authentication-Results: mail.example.org.; smime=pass",
		"Authentication-Results: mail.example.org; none",
		"Authentication-Results: mail.example.org",
		"Authentication-Results: =?utf-8?q?mail.example.org?=; smime=pass",
		"Authentication-Results: =?utf-8?b?bWFpbC5leGFtcGxlLm9yZw==?=; smime=pass",
		"Authentication-Results: ; smime=pass",
		"Authentication-Results:",
		"Authentication-Results: (all is a comment",
	};
	unsigned what;

	(void)state;
	for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
		print_message("%s\n", forged[i]);
		assert_int_equal(stripped(forged[i], &what).n, 0);
		assert_int_equal(what, GATEWAY_MARK_FORGED_RESULTS);
	}
}

static void
results_of_others_stay_as_they_are(void **state)
{
	static const char *const others[] = {
		"Authentication-Results: mx.example.org; spf=pass",
		"Authentication-Results: mail.example.organic; spf=pass",
		"Authentication-Results: xmail.example.org; spf=pass",
		"Authentication-Results: other.test (mail.example.org); spf=pass",
		"Authentication-Results: other.test; spf=pass smtp.mailfrom=mail.example.org",
		"Authentication-Results: \"a;b\"; spf=pass",
		"X-Authentication-Results: mail.example.org; spf=pass",
		"X-Hairpins: 1",
		"Subject: Authentication-Results: mail.example.org; smime=pass",
		"Subject: a [list] mail, [decrypted files], signed by me, "
		"=?utf-8?q?caf=C3=A9?=",
	};
	unsigned what;

	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		struct slice left = stripped(others[i], &what);

		print_message("%s\n", others[i]);
		assert_int_equal(what, 0);
		assert_true(slice_eq(slice_cut(left, 0, left.n - 2), slice_str(others[i])));
	}
}

static void
a_name_in_unicode_is_the_same_as_in_punycode(void **state)
{
	struct gateway_field f = {SLICE_LIT("Authentication-Results"),
		SLICE_LIT(" b\xc3\xbc"
			  "cher.example; smime=pass"),
		SLICE_LIT("x")};

	(void)state;
	assert_true(gateway_mark_is_ours(&f, SLICE_LIT("xn--bcher-kva.example")));
	assert_false(gateway_mark_is_ours(&f, SLICE_LIT("xn--bchr-0ra.example")));
}

static void
our_own_fields_are_taken_out_also_behind_a_bare_cr(void **state)
{
	unsigned what;

	(void)state;
	assert_int_equal(stripped("X-Hairpin-Gateway: in", &what).n, 0);
	assert_int_equal(what, GATEWAY_MARK_FORGED_FIELD);
	assert_int_equal(stripped("x-hairpin-: in", &what).n, 0);
	assert_int_equal(stripped("X-A: b\rX-Hairpin-Gateway: in", &what).n, 0);
	assert_int_equal(
		stripped("X-A: b\rAuthentication-Results: mail.example.org; smime=pass\rX: y",
			&what)
			.n,
		0);
	assert_int_not_equal(stripped("X-A: b\rX-B: c", &what).n, 0);
	assert_int_equal(what, 0);
}

static void
tags_are_taken_out_of_the_subject_and_the_rest_stays(void **state)
{
	static const char *const subjects[][2] = {
		{"Subject: [decrypted] hello", "Subject: hello"},
		{"Subject: Re: hello [decrypted]", "Subject: Re: hello"},
		{"Subject: a [DeCrypted] b", "Subject: a b"},
		{"Subject: a [ decrypted, not authenticated ]", "Subject: a"},
		{"Subject: a [signed by ann@example.org] [decrypted] b", "Subject: a b"},
		{"Subject: a [Signed  By: Ann]", "Subject: a"},
		{"Subject: a [signed\r\n by x]", "Subject: a"},
		{"Subject: a [invalid signature] b", "Subject: a b"},
		{"Subject: [decr[decrypted]ypted] b", "Subject: b"},
		{"Subject: [signed by [ann]] b", "Subject: b"},
		{"Subject: [list] [decrypted] b", "Subject: [list] b"},
		{"Subject: =?utf-8?q?=5Bdecrypted=5D?= b", "Subject: b"},
		{"Subject: =?us-ascii?b?W2RlY3J5cHRlZF0=?= b", "Subject: b"},
		{"Subject: =?utf-8?q?[decry?= =?utf-8?q?pted]_caf=C3=A9?=",
			"Subject: =?utf-8?B?Y2Fmw6k=?="},
		{"Subject: [dec\xe2\x80\x8brypted] b", "Subject: b"}, /* a zero width space */
		{"Subject: \xef\xbc\xbb"
		 "decrypted\xef\xbc\xbd b",
			"Subject: b"},					/* wide brackets */
		{"Subject: [d\xd0\xb5\xd1\x81rypted] b", "Subject: b"}, /* Cyrillic letters */
		{"Subject: [de\xcc\x81"
		 "crypted] b",
			"Subject: b"}, /* an accent */
		{"Subject: [decrypted]", "Subject: "},
	};
	unsigned what;

	(void)state;
	for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
		struct slice left = stripped(subjects[i][0], &what);

		print_message("%s -> %.*s\n", subjects[i][0], SLICE_FMT(left));
		assert_int_equal(what, GATEWAY_MARK_FORGED_TAG);
		assert_true(
			slice_eq(slice_cut(left, 0, left.n - 2), slice_str(subjects[i][1])));
	}
}

static void
every_subject_is_looked_at(void **state)
{
	unsigned what;

	(void)state;
	assert_slice(stripped("Subject: a\r\nsubject: b [decrypted]", &what),
		"Subject: a\r\nsubject: b\r\n");
}

static void
a_subject_full_of_brackets_takes_no_time(void **state)
{
	struct buf b;
	struct gateway_head h;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_put_str(&b, "Subject: ");
	while (b.n < 200000)
		buf_put_str(&b, "[decrypted");
	while (b.n < 250000)
		buf_put_str(&b, "]");
	buf_put_str(&b, "\r\n\r\n");
	h = read_head(buf_slice(&b));
	assert_int_equal(gateway_mark_strip(&h, SLICE_LIT("x")), GATEWAY_MARK_FORGED_TAG);
	assert_slice(slice_cut(written(&h), 0, 9), "Subject: ");
	buf_fini(&b);
}

static struct slice
rewritten(const char *utf8)
{
	struct gateway_head h = read_head(SLICE_LIT("Subject: x\r\n\r\n"));

	gateway_subject_write(&h, 0, slice_str(utf8));
	return written(&h);
}

static void
a_subject_is_written_in_short_lines_that_say_the_same(void **state)
{
	static const char *const subjects[] = {"short", "=?utf-8?q?not a word?=",
		"a long line of many words that goes on and on until it has to be folded, and "
		"on",
		"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 caf\xc3\xa9 \xe2\x82\xac "
		"caf\xc3\xa9 "
		"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80"
		"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80 end",
		"two  blanks   in it"};
	struct gateway_head h;
	struct buf back;

	(void)state;
	for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
		struct slice s = rewritten(subjects[i]);

		print_message("%.*s", SLICE_FMT(s));
		for (size_t at = 0, n; at < s.n; at += n) {
			n = slice_find(slice_from(s, at), '\n') + 1;
			assert_in_range(n, 2, 78);
		}
		h = read_head(s);
		assert_int_equal(h.n, 1);
		buf_init(&back, 4096);
		assert_true(gateway_subject_read(h.field[0].body, &back));
		assert_true(slice_eq(buf_slice(&back), slice_str(subjects[i])));
		buf_fini(&back);
	}
}

#define PROTECTED "Content-Type: text/plain; protected-headers=\"v1\"\r\n"

static void
an_encrypted_part_names_its_subject_if_it_says_so(void **state)
{
	static const struct {
		const char *part, *subject; /* NULL: none */
	} rows[] = {
		{PROTECTED "Subject: =?utf-8?q?caf=C3=A9?=\r\n\r\n", "caf\xc3\xa9"},
		{"Subject: a\r\nContent-Type: text/plain; hp=\"cipher\"\r\n\r\n", "a"},
		{PROTECTED "\r\n", NULL},
		{PROTECTED "Subject: a\r\nSubject: b\r\n\r\n", NULL},
		{PROTECTED "Subject: a\r\nno field\r\n\r\n", NULL},
		{"Content-Type: text/plain\r\nSubject: a\r\n\r\n", NULL},
		{"Content-Type: text/plain; hp=\"clear\"\r\nSubject: a\r\n\r\n", NULL},
		{"Subject: a\r\n\r\n", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct gateway_head h = read_head(slice_str(rows[i].part));
		struct buf subject;

		buf_init(&subject, 256);
		assert_int_equal(gateway_subject_protected(&h, &subject), !!rows[i].subject);
		if (rows[i].subject)
			assert_true(slice_eq(
				slice_trim(buf_slice(&subject)), slice_str(rows[i].subject)));
		buf_fini(&subject);
	}
}

static void
it_takes_the_place_of_all_that_stood_outside(void **state)
{
	struct gateway_head h = read_head(
		SLICE_LIT("Subject: ...\r\nTo: b\r\nSubject: x\r\n\r\n"));

	(void)state;
	gateway_subject_put(&h, SLICE_LIT(" the plan [signed by ann@example.org]\r\nTo: c"));
	assert_slice(written(&h), "Subject: the plan To: c\r\nTo: b\r\n");
	h = read_head(SLICE_LIT("To: b\r\n\r\n"));
	gateway_subject_put(&h, SLICE_LIT("the plan"));
	assert_slice(written(&h), "To: b\r\nSubject: the plan\r\n");
}

static void
a_tag_is_put_behind_a_subject_that_stays_as_it_was(void **state)
{
	struct gateway_head h = read_head(SLICE_LIT("Subject:=?x?q?y?=\r\n\r\n"));

	(void)state;
	gateway_subject_tag(&h, SLICE_LIT("decrypted"));
	assert_slice(written(&h), "Subject: =?x?q?y?= [decrypted]\r\n");
	h = read_head(SLICE_LIT("Subject: a\r\n b\r\nSubject: c\r\n\r\n"));
	gateway_subject_tag(&h, SLICE_LIT("signed by ann@example.org"));
	assert_slice(
		written(&h), "Subject: a\r\n b [signed by ann@example.org]\r\nSubject: c\r\n");
	h = read_head(SLICE_LIT("To: a@b\r\n\r\n"));
	gateway_subject_tag(&h, SLICE_LIT("decrypted"));
	assert_slice(written(&h), "To: a@b\r\nSubject: [decrypted]\r\n");
	h = read_head(SLICE_LIT(
		"Subject: 123456789 123456789 123456789 123456789 123456789 12345678\r\n\r\n"));
	gateway_subject_tag(&h, SLICE_LIT("decrypted"));
	assert_slice(written(&h), "Subject: 123456789 123456789 123456789 123456789 "
				  "123456789 12345678\r\n [decrypted]\r\n");
}

static struct slice
field(enum gateway_mark_result result, struct slice words, struct slice signer)
{
	struct gateway_mark m = {.result = result, .words = words, .signer = signer};
	struct slice s;
	struct buf out;

	buf_init(&out, 4096);
	assert_true(gateway_mark_write(&m, SLICE_LIT("mail.example.org"), &out));
	s = arena_dup(&arena, buf_slice(&out));
	buf_fini(&out);
	return s;
}

static void
the_field_says_result_why_and_who(void **state)
{
	(void)state;
	assert_slice(field(GATEWAY_MARK_NONE, SLICE_EMPTY, SLICE_EMPTY),
		"Authentication-Results: mail.example.org;\r\n\tsmime=none\r\n");
	assert_slice(field(GATEWAY_MARK_PASS, SLICE_LIT("good"), SLICE_LIT("ann@example.org")),
		"Authentication-Results: mail.example.org;\r\n\tsmime=pass (good)"
		"\r\n\tbody.smime-identifier=ann@example.org\r\n");
}

static void
what_a_stranger_wrote_breaks_nothing_in_the_field(void **state)
{
	struct gateway_head h;
	struct slice s = field(GATEWAY_MARK_FAIL, SLICE_LIT("a) smime=pass (\\\r\nX: y\x80"),
		SLICE_LIT("a\r\nX: y@b"));

	(void)state;
	assert_slice(s, "Authentication-Results: mail.example.org;\r\n\tsmime=fail "
			"(a] smime=pass [???X: y?)\r\n");
	s = field(GATEWAY_MARK_PASS, SLICE_EMPTY, SLICE_LIT("a;smime=fail@b"));
	assert_slice(s, "Authentication-Results: mail.example.org;\r\n\tsmime=pass\r\n");
	h = read_head(s);
	assert_int_equal(gateway_mark_strip(&h, SLICE_LIT("mail.example.org")),
		GATEWAY_MARK_FORGED_RESULTS);
}

static void
the_field_stands_on_top_but_behind_return_path(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	gateway_mark_put_on_head(SLICE_LIT("Return-Path: <a@b>\r\nReceived: x\r\n"),
		SLICE_LIT("A: b\r\n"), &out);
	assert_slice(buf_slice(&out), "Return-Path: <a@b>\r\nA: b\r\nReceived: x\r\n");
	buf_clear(&out);
	gateway_mark_put_on_head(SLICE_LIT("Received: x\r\n"), SLICE_LIT("A: b\r\n"), &out);
	assert_slice(buf_slice(&out), "A: b\r\nReceived: x\r\n");
	buf_clear(&out);
	gateway_mark_put_on_head(SLICE_EMPTY, SLICE_LIT("A: b\r\n"), &out);
	assert_slice(buf_slice(&out), "A: b\r\n");
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			results_in_our_name_are_taken_out_however_they_are_spelled, forget),
		cmocka_unit_test_teardown(results_of_others_stay_as_they_are, forget),
		cmocka_unit_test_teardown(a_name_in_unicode_is_the_same_as_in_punycode, forget),
		cmocka_unit_test_teardown(
			our_own_fields_are_taken_out_also_behind_a_bare_cr, forget),
		cmocka_unit_test_teardown(
			tags_are_taken_out_of_the_subject_and_the_rest_stays, forget),
		cmocka_unit_test_teardown(every_subject_is_looked_at, forget),
		cmocka_unit_test_teardown(a_subject_full_of_brackets_takes_no_time, forget),
		cmocka_unit_test_teardown(
			a_subject_is_written_in_short_lines_that_say_the_same, forget),
		cmocka_unit_test_teardown(
			an_encrypted_part_names_its_subject_if_it_says_so, forget),
		cmocka_unit_test_teardown(it_takes_the_place_of_all_that_stood_outside, forget),
		cmocka_unit_test_teardown(
			a_tag_is_put_behind_a_subject_that_stays_as_it_was, forget),
		cmocka_unit_test_teardown(the_field_says_result_why_and_who, forget),
		cmocka_unit_test_teardown(
			what_a_stranger_wrote_breaks_nothing_in_the_field, forget),
		cmocka_unit_test_teardown(
			the_field_stands_on_top_but_behind_return_path, forget),
	};

	return cmocka_run_group_tests_name("gateway_mark", tests, NULL, NULL);
}
