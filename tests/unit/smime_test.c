#include "crypto/smime.h"

#include "tests/test.h"

static void
the_kind_is_seen_in_the_first_octets_of_der_and_of_ber(void **state)
{
	(void)state;
	assert_int_equal(smime_look(SLICE_LIT("\x30\x82\x01\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d"
					      "\x01\x07\x02\xa0")),
		SMIME_SIGNED);
	assert_int_equal(
		smime_look(SLICE_LIT("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03")),
		SMIME_ENVELOPED);
	assert_int_equal(smime_look(SLICE_LIT("\x30\x80\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09"
					      "\x10\x01\x17\xa0\x80")),
		SMIME_AUTH_ENVELOPED);
	assert_int_equal(
		smime_look(SLICE_LIT("\x30\x80\x06\x81\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09"
				     "\x10\x01\x09\xa0\x80")),
		SMIME_COMPRESSED);
}

static void
what_is_cut_off_or_something_else_has_no_kind(void **state)
{
	struct slice whole = SLICE_LIT("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03");

	(void)state;
	for (size_t n = 0; n < whole.n; n++)
		assert_int_equal(smime_look(slice_cut(whole, 0, n)), SMIME_UNKNOWN);
	assert_int_equal(smime_look(SLICE_LIT("-----BEGIN CMS-----\nMIAGCSqGSIb3DQEHA6")),
		SMIME_UNKNOWN);
	assert_int_equal(
		smime_look(SLICE_LIT("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01")),
		SMIME_UNKNOWN);
	assert_int_equal(
		smime_look(SLICE_LIT("\x30\x80\x06\x89\xff\xff\xff\xff\xff\xff\xff\xff\x09"
				     "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03")),
		SMIME_UNKNOWN);
}

static void
every_problem_has_words(void **state)
{
	(void)state;
	for (int p = 0; p < SMIME_PROBLEM_COUNT; p++)
		assert_true(strlen(smime_problem_text(p)) > 3);
	assert_string_equal(smime_problem_text(SMIME_PROBLEM_NONE), "good");
	assert_string_equal(smime_problem_text(SMIME_PROBLEM_COUNT), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kind_is_seen_in_the_first_octets_of_der_and_of_ber),
		cmocka_unit_test(what_is_cut_off_or_something_else_has_no_kind),
		cmocka_unit_test(every_problem_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
