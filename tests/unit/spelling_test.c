#include "tests/test.h"

#include "core/spelling.h"

static void
a_distance_counts_letters_put_in_left_out_and_changed(void **state)
{
	(void)state;
	assert_int_equal(spelling_distance("", ""), 0);
	assert_int_equal(spelling_distance("queue", "queue"), 0);
	assert_int_equal(spelling_distance("", "abc"), 3);
	assert_int_equal(spelling_distance("abc", ""), 3);
	assert_int_equal(spelling_distance("quee", "queue"), 1);
	assert_int_equal(spelling_distance("quueue", "queue"), 1);
	assert_int_equal(spelling_distance("qurue", "queue"), 1);
	assert_int_equal(spelling_distance("usre", "user"), 2);
	assert_int_equal(spelling_distance("kitten", "sitting"), 3);
}

static void
a_long_word_is_far_and_a_long_question_is_fine(void **state)
{
	char word[SPELLING_MAX + 2];

	(void)state;
	memset(word, 'x', sizeof word);
	word[SPELLING_MAX + 1] = '\0';
	assert_int_equal(spelling_distance("x", word), SPELLING_FAR);
	assert_int_equal(spelling_distance(word, "x"), SPELLING_MAX);
	word[SPELLING_MAX] = '\0';
	assert_int_equal(spelling_distance("", word), SPELLING_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_distance_counts_letters_put_in_left_out_and_changed),
		cmocka_unit_test(a_long_word_is_far_and_a_long_question_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
