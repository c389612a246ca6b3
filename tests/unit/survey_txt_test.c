#include "tests/test.h"

#include "cmd/survey_txt.h"

static void
has(const char *list, const char *name, const char *value)
{
	struct slice got;

	assert_true(survey_txt_tag(slice_str(list), slice_str(name), &got));
	assert_true(slice_eq(got, slice_str(value)));
}

static void
tags_are_found_in_a_list(void **state)
{
	struct slice got;

	(void)state;
	has("v=DMARC1; p=none; rua=mailto:a@b", "p", "none");
	has("v=DMARC1;p = reject ;", "p", "reject");
	has(" v =DMARC1", "v", "DMARC1");
	has("v=DKIM1; p=", "p", "");
	has("v=DKIM1; p=YWJj==", "p", "YWJj==");
	has("p=1; p=2", "p", "1");
	assert_false(survey_txt_tag(SLICE_LIT("v=DMARC1; sp=none; p"), SLICE_LIT("p"), &got));
	assert_false(survey_txt_tag(SLICE_EMPTY, SLICE_LIT("p"), &got));
	assert_false(survey_txt_tag(SLICE_LIT(";;="), SLICE_LIT("p"), &got));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_are_found_in_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
