#include "tests/test.h"

#include <stdio.h>

#include "cmd/survey.h"

static struct survey *s;

static int
set_up(void **state)
{
	(void)state;
	s = survey_new();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	survey_free(s);
	return 0;
}

static void
answer(struct survey_question *q, unsigned rcode, const struct slice *rdata, size_t n)
{
	struct dns_answer a = {.message = {.rcode = rcode, .rdata = rdata, .n = n}, .why = ""};

	survey_answer(s, q, &a);
}

#define ASK(name, type) survey_ask_text(s, SLICE_LIT(name), DNS_RECORD_##type)

static void
a_fact_is_wanted_once_and_known_for_ever(void **state)
{
	const struct slice rdata[] = {
		SLICE_LIT("\xc0\0\2\1"), SLICE_LIT("odd"), SLICE_LIT("\xc0\0\2\2")};
	struct survey_question *q, *other;
	const struct survey_answer *a;
	unsigned type;

	(void)state;
	assert_false(survey_is_open(s));
	assert_null(ASK("d.test", A));
	assert_null(ASK("D.test.", A));
	assert_null(ASK("d.test", MX));
	assert_true(survey_is_open(s));
	q = survey_next_question(s);
	assert_int_equal(survey_question_name(q, &type)->n, strlen("d.test") + 2);
	assert_int_equal(type, DNS_RECORD_A);
	other = survey_next_question(s);
	survey_question_name(other, &type);
	assert_int_equal(type, DNS_RECORD_MX);
	assert_null(survey_next_question(s));
	assert_false(survey_has_answers(s));
	answer(q, DNS_MESSAGE_NOERROR, rdata, 3);
	a = ASK("d.test", A);
	/* What hasn't its type's shape isn't shown. */
	assert_int_equal(a->n, 2);
	assert_slice(a->record[1].address, "\xc0\0\2\2");
	assert_true(survey_has_answer(a));
	assert_true(survey_has_answers(s));
	answer(q, DNS_MESSAGE_NXDOMAIN, NULL, 0);
	assert_int_equal(ASK("d.test", A)->n, 2);
	assert_null(ASK("d.test", MX));
	assert_true(survey_is_open(s));
	answer(other, DNS_MESSAGE_SERVFAIL, NULL, 0);
	assert_false(survey_has_answer(ASK("d.test", MX)));
	assert_false(survey_is_open(s));
}

static void
what_is_no_name_is_answered_at_once(void **state)
{
	const struct survey_answer *a = ASK("a..b", A);

	(void)state;
	assert_false(survey_has_answer(a));
	assert_string_equal(a->why, "not a name of the DNS");
	assert_false(survey_is_open(s));
}

static void
a_call_is_made_once(void **state)
{
	struct slice name = SLICE_LIT("mail.test");
	struct survey_target t = {.protocol = SURVEY_IMAPS,
		.address = SLICE_LIT("\x7f\0\0\1"),
		.port = 993,
		.demand = {.check = TLS_CLIENT_PKIX, .names = &name, .n_names = 1}};
	struct survey_said said = {.is_greeted = true};
	struct survey_visit *v;

	(void)state;
	assert_null(survey_call(s, &t));
	assert_null(survey_call(s, &t));
	v = survey_next_visit(s);
	assert_null(survey_next_visit(s));
	name = SLICE_EMPTY;
	assert_slice(survey_visit_target(v)->demand.names[0], "mail.test");
	assert_true(survey_visit_target(v)->demand.is_noted);
	survey_tell(s, v, &said);
	assert_true(survey_call(s, &t)->is_greeted);
	assert_false(survey_is_open(s));
	t.port = 143;
	assert_null(survey_call(s, &t));
}

static void
the_end_answers_all(void **state)
{
	struct survey_target t = {.address = SLICE_LIT("\x7f\0\0\1"), .port = 25};
	struct survey_question *q;

	(void)state;
	assert_null(ASK("a.test", A));
	assert_null(ASK("b.test", A));
	assert_null(survey_call(s, &t));
	q = survey_next_question(s);
	survey_end(s, "no time");
	assert_false(survey_is_open(s));
	assert_null(survey_next_question(s));
	assert_null(survey_next_visit(s));
	assert_string_equal(ASK("a.test", A)->why, "no time");
	assert_string_equal(ASK("b.test", A)->why, "no time");
	assert_string_equal(ASK("new.test", A)->why, "no time");
	assert_string_equal(survey_call(s, &t)->why, "no time");
	/* An answer that comes too late. */
	answer(q, DNS_MESSAGE_NOERROR, NULL, 0);
	assert_string_equal(ASK("a.test", A)->why, "no time");
	assert_false(survey_is_open(s));
}

static void
facts_are_bounded(void **state)
{
	struct survey_target t = {.address = SLICE_LIT("\x7f\0\0\1")};
	char name[40];

	(void)state;
	for (int i = 0; i < SURVEY_QUESTIONS_MAX; i++) {
		snprintf(name, sizeof name, "%d.test", i);
		assert_null(survey_ask_text(s, slice_str(name), DNS_RECORD_A));
	}
	assert_string_equal(ASK("one.more.test", A)->why, "too many questions");
	assert_null(ASK("0.test", A));
	for (uint16_t i = 1; i <= SURVEY_CALLS_MAX; i++) {
		t.port = i;
		assert_null(survey_call(s, &t));
	}
	t.port = SURVEY_CALLS_MAX + 1;
	assert_string_equal(survey_call(s, &t)->why, "too many calls");
}

static void
records_of_one_answer_are_bounded(void **state)
{
	struct slice rdata[SURVEY_RECORDS_MAX + 1];

	(void)state;
	for (size_t i = 0; i <= SURVEY_RECORDS_MAX; i++)
		rdata[i] = SLICE_LIT("\xc0\0\2\1");
	assert_null(ASK("d.test", A));
	answer(survey_next_question(s), DNS_MESSAGE_NOERROR, rdata, SURVEY_RECORDS_MAX + 1);
	assert_int_equal(ASK("d.test", A)->n, SURVEY_RECORDS_MAX);
	assert_null(ASK("e.test", A));
	answer(survey_next_question(s), DNS_MESSAGE_NOERROR, rdata, SURVEY_RECORDS_MAX);
	assert_int_equal(ASK("e.test", A)->n, SURVEY_RECORDS_MAX);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_fact_is_wanted_once_and_known_for_ever),
		TEST(what_is_no_name_is_answered_at_once),
		TEST(a_call_is_made_once),
		TEST(the_end_answers_all),
		TEST(facts_are_bounded),
		TEST(records_of_one_answer_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
