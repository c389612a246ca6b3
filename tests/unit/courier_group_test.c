#include "cmd/courier_group.h"

#include "core/codec.h"
#include "tests/test.h"

enum { RCPTS = 3, MADE = 1 };

/* An answer to a question about RCPTS recipients, for which MADE texts were made. */
static struct {
	struct arena a;
	struct courier_step s;
	struct courier_filter f;
	Gateway__Answer answer;
	Gateway__Group group[2], *list[2];
	uint32_t first[4], second[4], head_size[2];
	Ipc__FilterPassed passed;
} t;

static int
setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof t);
	arena_init(&t.a, 0);
	gateway__answer__init(&t.answer);
	ipc__filter_passed__init(&t.passed);
	for (size_t i = 0; i < 2; i++) {
		gateway__group__init(&t.group[i]);
		t.list[i] = &t.group[i];
		t.group[i].head = codec_bytes(SLICE_LIT("a head that is sealed, and its tag"));
	}
	t.first[1] = 2;
	t.second[0] = 1;
	t.group[0].recipient = t.first;
	t.group[0].n_recipient = 2;
	t.group[1].recipient = t.second;
	t.group[1].n_recipient = 1;
	t.answer.group = t.list;
	t.answer.n_group = 2;
	t.passed.head_size = t.head_size;
	t.passed.n_head_size = 2;
	t.s.arena = &t.a;
	t.f = (struct courier_filter){.s = &t.s,
		.n = RCPTS,
		.n_made = MADE,
		.passed = &t.passed,
		.answer = &t.answer};
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_reset(&t.a);
	return 0;
}

static void
each_recipient_has_one_answer(void **state)
{
	(void)state;
	assert_true(courier_group_are_sound(&t.f));
	t.second[0] = 2;
	assert_false(courier_group_are_sound(&t.f));
	t.second[0] = RCPTS;
	assert_false(courier_group_are_sound(&t.f));
	t.second[0] = UINT32_MAX;
	assert_false(courier_group_are_sound(&t.f));
	t.second[0] = 1;
	t.second[1] = 1;
	t.group[1].n_recipient = 2;
	assert_false(courier_group_are_sound(&t.f));
	t.group[1].n_recipient = 0;
	assert_false(courier_group_are_sound(&t.f));
	t.answer.n_group = 0;
	t.passed.n_head_size = 0;
	assert_false(courier_group_are_sound(&t.f));
}

static void
a_text_that_wasn_t_made_can_t_be_passed_on(void **state)
{
	(void)state;
	t.group[0].body = MADE;
	assert_true(courier_group_are_sound(&t.f));
	t.group[0].body = MADE + 1;
	assert_false(courier_group_are_sound(&t.f));
}

static void
what_passes_has_a_head(void **state)
{
	(void)state;
	t.group[0].head.len = 0;
	assert_false(courier_group_are_sound(&t.f));
	t.group[0].action = GATEWAY__GROUP__ACTION__BOUNCE;
	assert_true(courier_group_are_sound(&t.f));
	t.passed.n_head_size = 1;
	assert_false(courier_group_are_sound(&t.f));
}

static void
who_waits_waits_for_an_address(void **state)
{
	static char big[400];

	(void)state;
	t.group[0].action = GATEWAY__GROUP__ACTION__WAIT;
	assert_false(courier_group_are_sound(&t.f));
	t.group[0].wait_for = codec_bytes(SLICE_LIT("b@out.test"));
	assert_true(courier_group_are_sound(&t.f));
	t.group[0].wait_for = codec_bytes(SLICE_LIT("out.test"));
	assert_false(courier_group_are_sound(&t.f));
	t.group[0].wait_for = codec_bytes(slice_of("b@out\0test", 10));
	assert_false(courier_group_are_sound(&t.f));
	memset(big, '@', sizeof big);
	t.group[0].wait_for = codec_bytes(slice_of(big, sizeof big));
	assert_false(courier_group_are_sound(&t.f));
}

static void
a_bounce_is_for_good(void **state)
{
	(void)state;
	t.group[0].action = GATEWAY__GROUP__ACTION__BOUNCE;
	t.group[0].status = "5.7.1";
	assert_true(courier_group_are_sound(&t.f));
	t.group[0].status = "2.0.0";
	assert_false(courier_group_are_sound(&t.f));
}

static void
other_answers_are_none(void **state)
{
	(void)state;
	t.group[0].action = (Gateway__Group__Action)7;
	assert_false(courier_group_are_sound(&t.f));
	t.group[0].action = GATEWAY__GROUP__ACTION__PASS;
	t.passed.message_id = codec_bytes(SLICE_LIT("0123456789abcdef"));
	assert_true(courier_group_are_sound(&t.f));
	t.passed.message_id.len--;
	assert_false(courier_group_are_sound(&t.f));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(each_recipient_has_one_answer),
		T(a_text_that_wasn_t_made_can_t_be_passed_on),
		T(what_passes_has_a_head),
		T(who_waits_waits_for_an_address),
		T(a_bounce_is_for_good),
		T(other_answers_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
