/* imap_test: dialogs of tests/imap_play.h as cmocka tests. */
#ifndef TESTS_IMAP_TEST_H
#define TESTS_IMAP_TEST_H

#include "tests/imap_play.h"
#include "tests/test.h"

/* The whole answer to it, octet by octet. */
static inline void
play_exactly(struct play *p, const char *text, const char *answer)
{
	play_say(p, text);
	buf_put_u8(&p->said, 0);
	assert_string_equal((char *)p->said.p, answer);
	p->said.n--;
}

/* Each of the substrings (up to a NULL) is in the answer. */
static inline void
play_tells(struct play *p, const char *text, const char *what)
{
	play_say(p, text);
	if (!play_has(p, what))
		print_error("to %sit said %.*s", text, SLICE_FMT(buf_slice(&p->said)));
	assert_true(play_has(p, what));
}

static inline int
house_group_setup(void **state)
{
	(void)state;
	house_build();
	return 0;
}

static inline int
house_group_teardown(void **state)
{
	(void)state;
	return house_remove();
}

static inline int
house_setup(void **state)
{
	(void)state;
	house_open(0);
	return 0;
}

static inline int
house_teardown(void **state)
{
	(void)state;
	house_close();
	return 0;
}

#define imap_test(f) cmocka_unit_test_setup_teardown(f, house_setup, house_teardown)
#define imap_run(tests) cmocka_run_group_tests(tests, house_group_setup, house_group_teardown)

#endif
