#include "tests/test.h"

#include <stdlib.h>
#include <time.h>

#include "core/mail_word.h"
#include "crypto/policy_trigger.h"

#define ENCRYPT "\\[encrypt\\]"

/* What is left of a subject, as people read it; and that it is a good field's body. */
static void
left(const char *pattern, const char *body, const char *text)
{
	struct buf raw, read;
	struct slice line, rest;

	buf_init(&raw, 6 * strlen(body) + 200);
	buf_init(&read, 3 * raw.cap);
	assert_int_equal(policy_trigger_subject(slice_str(pattern), slice_str(body), &raw),
		POLICY_TRIGGER_YES);
	assert_false(raw.overflow);
	mail_word_decode(buf_slice(&raw), &read);
	if (!slice_eq(buf_slice(&read), slice_str(text)))
		fail_msg("%s: `%.*s` (%.*s)", body, SLICE_FMT(buf_slice(&read)),
			SLICE_FMT(buf_slice(&raw)));
	for (rest = buf_slice(&raw); rest.n; rest = slice_from(rest, line.n + 2)) {
		line = slice_cut(rest, 0, slice_find_slice(rest, SLICE_LIT("\r\n")));
		assert_true(line.p[0] == ' ' && slice_trim(line).n > 0);
		assert_true(line.n <= 76 || !slice_has(slice_from(line, 1), ' '));
	}
	buf_fini(&raw);
	buf_fini(&read);
}

/* The same, octet for octet. */
static void
left_raw(const char *pattern, const char *body, const char *raw)
{
	struct buf out;

	buf_init(&out, 6 * strlen(body) + 200);
	assert_int_equal(policy_trigger_subject(slice_str(pattern), slice_str(body), &out),
		POLICY_TRIGGER_YES);
	if (!slice_eq(buf_slice(&out), slice_str(raw)))
		fail_msg("%s: `%.*s`", body, SLICE_FMT(buf_slice(&out)));
	buf_fini(&out);
}

static void
finds(const char *pattern, const char *body, enum policy_trigger_found found)
{
	struct buf out;

	buf_init(&out, 100000);
	if (policy_trigger_subject(slice_str(pattern), slice_str(body), &out) != found)
		fail_msg("%s in %s", pattern, body);
	if (found != POLICY_TRIGGER_YES)
		assert_int_equal(out.n, 0);
	buf_fini(&out);
}

static void
what_matched_goes_with_one_blank(void **state)
{
	(void)state;
	left_raw(ENCRYPT, " [encrypt] offer", " offer");
	left_raw(ENCRYPT, " offer [ENCRYPT]", " offer");
	left_raw(ENCRYPT, " the [Encrypt] offer", " the offer");
	left_raw(ENCRYPT, " the  [encrypt]  offer", " the  offer");
	left_raw(ENCRYPT, "the[encrypt]offer", " theoffer");
	left_raw(ENCRYPT, " [encrypt]", " ");
	left_raw(ENCRYPT, " \r\n [encrypt]\r\n ", " ");
	left_raw(ENCRYPT, " [encrypt] a [encrypt] b [encrypt]", " a b");
	left_raw(ENCRYPT, " Re: [encrypt][encrypt] a", " Re: a");
	left_raw(ENCRYPT, " the\r\n [encrypt]\r\n\toffer", " the offer");
}

static void
no_more_than_eight_go(void **state)
{
	(void)state;
	left_raw("x", "x1x2x3x4x5x6x7x8", " 12345678");
	left_raw("x", "x1x2x3x4x5x6x7x8x9", " 12345678x9");
}

static void
encoded_words_that_it_does_not_touch_stay(void **state)
{
	(void)state;
	left_raw(ENCRYPT, " [encrypt] =?utf-8?q?caf=C3=A9?= x", " =?utf-8?q?caf=C3=A9?= x");
	left_raw(ENCRYPT, " =?iso-8859-1?Q?caf=E9?= [encrypt]", " =?iso-8859-1?Q?caf=E9?=");
	left_raw(ENCRYPT, " =?iso-8859-1?Q?caf=E9?= [encrypt] a =?us-ascii?Q?b?=",
		" =?iso-8859-1?Q?caf=E9?= a =?us-ascii?Q?b?=");
}

static void
a_match_within_encoded_words_leaves_encoded_words(void **state)
{
	(void)state;
	left_raw(ENCRYPT, " =?utf-8?Q?=5Bencrypt=5D_caf=C3=A9?=", " =?utf-8?B?Y2Fmw6k=?=");
	left(ENCRYPT, " =?utf-8?B?W2VuY3J5cHRdIGdyw7zDn2U=?=", "grüße");
	/* Over two words, one of which ends within a character; and out of the words. */
	left(ENCRYPT, " =?utf-8?Q?gr=C3=BC=C3?=\r\n =?utf-8?Q?=9Fe_[enc?= =?utf-8?Q?rypt]_x?=",
		"grüße x");
	left("a b", " =?utf-8?Q?=C3=A9_a?= b c", "é c");
	left("[bc] d", " a =?utf-8?Q?b=C3=A9c?= d e", "a bé e");
	left(ENCRYPT, " =?ISO-2022-JP?B?GyRCRnxLXBsoQltlbmNyeXB0XRskQkZ8GyhC?=", "日本日");
	/* All of a word. */
	left_raw(ENCRYPT, " a =?utf-8?Q?[encrypt]?= b", " a b");
	left_raw(ENCRYPT, " =?utf-8?Q?[encrypt]?=", " ");
}

static void
words_that_come_together_keep_their_distance(void **state)
{
	(void)state;
	/* Blanks between encoded words aren't shown: the one that is left is in them. */
	left(ENCRYPT, " =?utf-8?Q?=C3=A9?= [encrypt] =?utf-8?Q?=C3=B6?=", "é ö");
	left(ENCRYPT, " =?utf-8?Q?=C3=A9?=[encrypt]=?utf-8?Q?=C3=B6?=", "éö");
	left(ENCRYPT,
		" =?utf-8?Q?=C3?= [encrypt] =?utf-8?Q?=A9?=", "\xef\xbf\xbd \xef\xbf\xbd");
}

static void
nothing_becomes_an_encoded_word_that_was_none(void **state)
{
	(void)state;
	left(ENCRYPT, " =?utf-8?q[encrypt]?a?=", "=?utf-8?q?a?=");
	left(ENCRYPT, " =[encrypt]?utf-8?q?a?=", "=?utf-8?q?a?=");
	left(ENCRYPT, " =?utf-8?q?a[encrypt]?=b", "ab");
}

static void
raw_octets_that_are_no_utf_8_stay(void **state)
{
	(void)state;
	left_raw(ENCRYPT, " [encrypt] gr\xfc\xdf", " gr\xfc\xdf");
	left_raw(ENCRYPT, " gr\xfc\xdf [encrypt] a\xc3", " gr\xfc\xdf a\xc3");
	left_raw(ENCRYPT, " gr\xc3\xbc\xc3\x9f [encrypt]", " gr\xc3\xbc\xc3\x9f");
	left_raw("\\x{fffd}",
		" a\xff"
		"b \xff",
		" ab");
}

static void
lines_end_with_lf_where_they_did(const char *body)
{
	struct buf in, out;

	buf_init(&in, 2000);
	buf_init(&out, 10000);
	buf_printf(&in, " a\n%s", body);
	policy_trigger_subject(SLICE_LIT(ENCRYPT), buf_slice(&in), &out);
	assert_true(slice_has(buf_slice(&out), '\n') && !slice_has(buf_slice(&out), '\r'));
	buf_fini(&in);
	buf_fini(&out);
}

static void
long_subjects_are_folded(void **state)
{
	char body[1200] = " [encrypt]", text[1200] = "", words[4000] = " =?utf-8?Q?[encrypt]";

	(void)state;
	for (int i = 0; i < 60; i++) {
		strcat(body, " many words");
		strcat(text, i ? " many words" : "many words");
	}
	left(ENCRYPT, body, text);
	lines_end_with_lf_where_they_did(body);
	text[0] = '\0';
	for (int i = 0; i < 300; i++) {
		strcat(words, "=C3=A4");
		strcat(text, "ä");
	}
	strcat(words, "?=");
	left(ENCRYPT, words, text);
}

static void
what_is_not_there_is_not_found(void **state)
{
	(void)state;
	finds(ENCRYPT, " encrypt", POLICY_TRIGGER_NO);
	finds(ENCRYPT, "", POLICY_TRIGGER_NO);
	finds(ENCRYPT, " [encr=?utf-8?q?ypt]?=", POLICY_TRIGGER_YES);
	finds(ENCRYPT, " [en\r\n crypt]", POLICY_TRIGGER_NO);
	finds("", " anything", POLICY_TRIGGER_NO);
	finds("GEHEIM", " =?utf-8?q?geheim?=", POLICY_TRIGGER_YES);
	finds("STRASSE|ÄRA", " ära", POLICY_TRIGGER_YES);
	finds("\\bgeheim\\b", " ungeheim", POLICY_TRIGGER_NO);
	finds("\\bübel\\b", " ein Übel", POLICY_TRIGGER_YES);
	finds("^geheim:", " Geheim: x", POLICY_TRIGGER_YES);
	finds("^geheim:", " Re: Geheim: x", POLICY_TRIGGER_NO);
	/* What can't be used, or was stored by a program that knew more: never plain. */
	finds("(", " x", POLICY_TRIGGER_UNDECIDED);
}

static void
an_empty_match_leaves_all(void **state)
{
	(void)state;
	left_raw("(?=secret)", " a secret", " a secret");
	left_raw("\\bse\\K(?=cret)", " a secret", " a secret");
}

static void
a_text_of_any_length_is_decided_or_undecided(void **state)
{
	static char body[3 * POLICY_TRIGGER_TEXT_MAX];

	(void)state;
	memset(body, 'x', POLICY_TRIGGER_TEXT_MAX);
	finds("y", body, POLICY_TRIGGER_NO);
	body[POLICY_TRIGGER_TEXT_MAX] = 'x';
	finds("y", body, POLICY_TRIGGER_UNDECIDED);
	body[0] = 'y';
	finds("y", body, POLICY_TRIGGER_YES);
	left("^y", body, body + 1);
	/* Not within a character. */
	body[0] = 'x';
	memcpy(body + POLICY_TRIGGER_TEXT_MAX - 1, "\xe2\x82\xac", 4);
	finds("\\x{20ac}", body, POLICY_TRIGGER_UNDECIDED);
	finds("x", body, POLICY_TRIGGER_YES);
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Catastrophic ones of the literature, and some that are made against these very bounds. */
static void
no_pattern_costs_more_than_a_moment(void **state)
{
	static const char *const evil[] = {"^(a+)+$", "^(a|aa)+$", "(a*)*b", "(.*a){20}b",
		"^(([a-z])+.)+[A-Z]([a-z])+$", "(x+x+)+y", "a*+b", "(?:a*+c?)+b",
		"(?=(a*+b))|(?=(.*+c))|d", "(a?){40}b", "(?R)?ab", "((a(?1)?)*)b",
		"(?<=a{1,200})b", "a.*a.*a.*a.*a.*b", "(?:(?:a{1,50}){1,50}){1,9}b"};
	static char subject[POLICY_TRIGGER_TEXT_MAX + 1];
	double before, took, most = 0;
	struct buf why;

	(void)state;
	memset(subject, 'a', POLICY_TRIGGER_TEXT_MAX);
	buf_init(&why, 1000);
	for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
		before = seconds();
		assert_true(policy_trigger_subject(slice_str(evil[i]), slice_str(subject),
				    NULL) >= POLICY_TRIGGER_NO);
		policy_trigger_check(slice_str(evil[i]), &why);
		took = seconds() - before;
		most = took > most ? took : most;
		if (took > 0.5)
			fail_msg("%s took %.3f s", evil[i], took);
	}
	print_message("the longest took %.3f s\n", most);
	buf_fini(&why);
}

static void
is_pattern(const char *pattern, const char *because)
{
	struct buf why;
	bool ok;

	buf_init(&why, 1000);
	ok = policy_trigger_check(slice_str(pattern), &why);
	if (ok != !because ||
		(because && slice_find_slice(buf_slice(&why), slice_str(because)) == why.n))
		fail_msg("%s: %.*s", pattern, SLICE_FMT(buf_slice(&why)));
	buf_fini(&why);
}

static void
what_cannot_be_a_pattern_is_refused_with_its_place(void **state)
{
	char longest[POLICY_TRIGGER_PATTERN_MAX + 2];

	(void)state;
	memset(longest, 'a', sizeof longest);
	longest[POLICY_TRIGGER_PATTERN_MAX] = '\0';
	is_pattern(ENCRYPT, NULL);
	is_pattern(longest, NULL);
	longest[POLICY_TRIGGER_PATTERN_MAX] = 'a';
	longest[POLICY_TRIGGER_PATTERN_MAX + 1] = '\0';
	is_pattern(longest, "1 to 500 octets");
	is_pattern("", "1 to 500 octets");
	is_pattern("a\xff", "UTF-8");
	is_pattern("a\nb", "in one line");
	is_pattern("ab(c", "at its octet 5: missing closing parenthesis");
	is_pattern("*", "at its octet 1: quantifier does not follow");
	is_pattern("\\C", "at its octet");
	is_pattern("((((((((((((((((((((((((((((((((((((((((((((((((((((a))))))))))))))))))"
		   "))))))))))))))))))))))))))))))))))",
		"parentheses are too deeply nested");
	is_pattern(".*", "it fits an empty text");
	is_pattern("^$", "it fits an empty text");
	is_pattern("|a", "it fits an empty text");
}

static void
a_field_is_found_by_its_name(void **state)
{
	static const char header[] = "Subject: secret\r\nSensitivity: Company-\r\n "
				     "Confidential\r\nX-A: =?utf-8?q?c=C3=B6?=\r\n"
				     "x-b: 1\r\nX-B: 2\r\n";
	static const struct {
		const char *setting;
		enum policy_trigger_found found;
	} rows[] = {{"sensitivity: company- confidential", POLICY_TRIGGER_YES},
		{"Sensitivity:secret", POLICY_TRIGGER_NO}, {"X-A: cÖ", POLICY_TRIGGER_YES},
		{"X-B: 2", POLICY_TRIGGER_YES}, {"X-B: ^2$", POLICY_TRIGGER_YES},
		{"X-B: 3", POLICY_TRIGGER_NO}, {"X: .", POLICY_TRIGGER_NO},
		{"X-C: .", POLICY_TRIGGER_NO}, {"", POLICY_TRIGGER_NO},
		{"X-B", POLICY_TRIGGER_UNDECIDED}, {"X-B: (", POLICY_TRIGGER_UNDECIDED}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (policy_trigger_header(slice_str(rows[i].setting), slice_str(header)) !=
			rows[i].found)
			fail_msg("%s", rows[i].setting);
}

static void
so_many_fields_of_one_name_are_searched(void **state)
{
	char header[2000] = "";

	(void)state;
	for (int i = 0; i < POLICY_TRIGGER_FIELDS_MAX - 1; i++)
		strcat(header, "X: a\r\nY: b\r\n");
	strcat(header, "X: b\r\n");
	assert_int_equal(policy_trigger_header(SLICE_LIT("X: b"), slice_str(header)),
		POLICY_TRIGGER_YES);
	assert_int_equal(
		policy_trigger_header(SLICE_LIT("X: c"), slice_str(header)), POLICY_TRIGGER_NO);
	strcat(header, "X: c\r\n");
	assert_int_equal(policy_trigger_header(SLICE_LIT("X: c"), slice_str(header)),
		POLICY_TRIGGER_UNDECIDED);
}

static void
a_field_trigger_is_checked_in_both_its_parts(void **state)
{
	char name[POLICY_TRIGGER_NAME_MAX + 4];
	struct buf why;

	(void)state;
	buf_init(&why, 1000);
	memset(name, 'x', sizeof name);
	memcpy(name + POLICY_TRIGGER_NAME_MAX, ":a", 3);
	assert_true(policy_trigger_check_field(slice_str(name), &why));
	memcpy(name + POLICY_TRIGGER_NAME_MAX, "x:a", 4);
	assert_false(policy_trigger_check_field(slice_str(name), &why));
	assert_true(policy_trigger_check_field(SLICE_LIT("X : a:b"), &why));
	assert_false(policy_trigger_check_field(SLICE_LIT("X"), &why));
	assert_false(policy_trigger_check_field(SLICE_LIT("X:"), &why));
	assert_false(policy_trigger_check_field(SLICE_LIT(": a"), &why));
	assert_false(policy_trigger_check_field(SLICE_LIT("a b: a"), &why));
	assert_false(policy_trigger_check_field(SLICE_LIT("X: ("), &why));
	buf_fini(&why);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_matched_goes_with_one_blank),
		cmocka_unit_test(no_more_than_eight_go),
		cmocka_unit_test(encoded_words_that_it_does_not_touch_stay),
		cmocka_unit_test(a_match_within_encoded_words_leaves_encoded_words),
		cmocka_unit_test(words_that_come_together_keep_their_distance),
		cmocka_unit_test(nothing_becomes_an_encoded_word_that_was_none),
		cmocka_unit_test(raw_octets_that_are_no_utf_8_stay),
		cmocka_unit_test(long_subjects_are_folded),
		cmocka_unit_test(what_is_not_there_is_not_found),
		cmocka_unit_test(an_empty_match_leaves_all),
		cmocka_unit_test(a_text_of_any_length_is_decided_or_undecided),
		cmocka_unit_test(no_pattern_costs_more_than_a_moment),
		cmocka_unit_test(what_cannot_be_a_pattern_is_refused_with_its_place),
		cmocka_unit_test(a_field_is_found_by_its_name),
		cmocka_unit_test(so_many_fields_of_one_name_are_searched),
		cmocka_unit_test(a_field_trigger_is_checked_in_both_its_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
