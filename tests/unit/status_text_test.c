#include "cmd/status_text.h"

#include "tests/test.h"

static const char *
text_of(enum view_status_kind kind, Commands__Status *row)
{
	static char text[STATUS_TEXT_MAX];
	struct view_status s = {.kind = kind, .row = row};

	status_text(&s, text);
	return text;
}

static void
it_says_since_when_why_and_who_says_so(void **state)
{
	Commands__Status row = COMMANDS__STATUS__INIT;
	char text[STATUS_TEXT_MAX];

	(void)state;
	row.since_sec = 1793577600;
	row.next_sec = 1796083200;
	row.source = "http://ca.test/1";
	row.reason = 1;
	assert_string_equal(text_of(VIEW_STATUS_REVOKED, &row),
		"revoked since 2026-11-02 (keyCompromise), says http://ca.test/1");
	row.reason = 0;
	assert_string_equal(text_of(VIEW_STATUS_REVOKED, &row),
		"revoked since 2026-11-02, says http://ca.test/1");
	status_text(&(struct view_status){VIEW_STATUS_REVOKED, true, &row}, text);
	assert_string_equal(
		text, "its authority is revoked since 2026-11-02, says http://ca.test/1");
	row.since_sec = 0;
	assert_string_equal(
		text_of(VIEW_STATUS_REVOKED, &row), "revoked since ?, says http://ca.test/1");
	assert_string_equal(text_of(VIEW_STATUS_GOOD, &row),
		"good until 2026-12-01, says http://ca.test/1");
}

static void
silence_is_told_as_such(void **state)
{
	Commands__Status row = COMMANDS__STATUS__INIT;

	(void)state;
	assert_string_equal(text_of(VIEW_STATUS_UNKNOWN, NULL),
		"revocation unknown: nobody has looked yet");
	row.source = "http://ca.test/1";
	row.next_sec = 1796083200;
	assert_string_equal(text_of(VIEW_STATUS_UNKNOWN, &row),
		"revocation unknown: what http://ca.test/1 said ended on 2026-12-01");
	row.why = "no answer";
	assert_string_equal(text_of(VIEW_STATUS_UNKNOWN, &row),
		"revocation unknown: http://ca.test/1: no answer");
	row.source = "";
	assert_string_equal(
		text_of(VIEW_STATUS_UNKNOWN, &row), "revocation unknown: no answer");
}

static void
reasons_have_the_rfcs_words(void **state)
{
	(void)state;
	assert_null(status_text_reason(0));
	assert_string_equal(status_text_reason(6), "certificateHold");
	assert_null(status_text_reason(7));
	assert_string_equal(status_text_reason(10), "aACompromise");
	assert_null(status_text_reason(11));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_says_since_when_why_and_who_says_so),
		cmocka_unit_test(silence_is_told_as_such),
		cmocka_unit_test(reasons_have_the_rfcs_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
