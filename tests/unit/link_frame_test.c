#include "tests/test.h"

#include <stdlib.h>

#include "cmd/link_frame.h"

static const uint8_t cluster[LINK_FRAME_CLUSTER] = "sixteen octets.";

static enum err
parse(const void *p, size_t n)
{
	struct link_frame f;
	size_t used;

	return link_frame_parse(slice_of(p, n), &f, &used);
}

static void
frames_of_every_size_come_back(void **state)
{
	static const size_t sizes[] = {1, 2, 100, LINK_FRAME_MAX - 1, LINK_FRAME_MAX};
	uint8_t *p = calloc(1, LINK_FRAME_HEAD + LINK_FRAME_MAX + 1);
	struct link_frame f;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (unsigned flags = 0; flags < 4; flags++) {
			link_frame_head(flags, sizes[i], p);
			for (size_t n = 0; n < LINK_FRAME_HEAD + sizes[i]; n += 1 + n / 2)
				assert_int_equal(parse(p, n), ERR_MORE);
			assert_int_equal(
				link_frame_parse(
					slice_of(p, LINK_FRAME_HEAD + sizes[i] + 1), &f, &used),
				ERR_OK);
			assert_int_equal(used, LINK_FRAME_HEAD + sizes[i]);
			assert_int_equal(f.octets.n, sizes[i]);
			assert_int_equal(f.flags, flags);
		}
	link_frame_head(LINK_FRAME_PING, 0, p);
	assert_int_equal(parse(p, LINK_FRAME_HEAD), ERR_OK);
	free(p);
}

static void
what_is_no_frame_is_refused_by_its_head(void **state)
{
	uint8_t head[LINK_FRAME_HEAD];

	(void)state;
	link_frame_head(0, LINK_FRAME_MAX + 1, head);
	assert_int_equal(parse(head, sizeof head), ERR_TOO_BIG);
	link_frame_head(LINK_FRAME_PING, UINT32_MAX, head);
	assert_int_equal(parse(head, sizeof head), ERR_TOO_BIG);
	link_frame_head(0, 0, head);
	assert_int_equal(parse(head, sizeof head), ERR_SYNTAX);
	link_frame_head(LINK_FRAME_PING, 1, head);
	assert_int_equal(parse(head, sizeof head), ERR_SYNTAX);
	for (unsigned flags = LINK_FRAME_PING + 1; flags < 256; flags++) {
		link_frame_head(flags, flags & 1, head);
		assert_int_equal(parse(head, sizeof head), ERR_SYNTAX);
	}
}

static void
a_hello_is_known_whole_and_refused_early(void **state)
{
	uint8_t hello[LINK_FRAME_HELLO];

	(void)state;
	link_frame_hello(cluster, hello);
	for (size_t n = 0; n < sizeof hello; n++)
		assert_int_equal(link_frame_parse_hello(slice_of(hello, n), cluster), ERR_MORE);
	assert_int_equal(
		link_frame_parse_hello(slice_of(hello, sizeof hello), cluster), ERR_OK);
	hello[sizeof hello - 1] ^= 1;
	assert_int_equal(
		link_frame_parse_hello(slice_of(hello, sizeof hello), cluster), ERR_STALE);
	hello[15]++;
	assert_int_equal(
		link_frame_parse_hello(slice_of(hello, sizeof hello), cluster), ERR_VERSION);
	for (size_t i = 0; i < 12; i++) {
		link_frame_hello(cluster, hello);
		hello[i] ^= 1;
		assert_int_equal(link_frame_parse_hello(slice_of(hello, i), cluster), ERR_MORE);
		assert_int_equal(
			link_frame_parse_hello(slice_of(hello, i + 1), cluster), ERR_SYNTAX);
	}
}

static void
who_is_no_member_hears_it_in_place_of_a_hello(void **state)
{
	uint8_t hello[LINK_FRAME_HELLO];

	(void)state;
	link_frame_gone(hello);
	for (size_t n = 0; n < sizeof hello; n++)
		assert_int_equal(link_frame_parse_hello(slice_of(hello, n), cluster), ERR_MORE);
	assert_int_equal(
		link_frame_parse_hello(slice_of(hello, sizeof hello), cluster), ERR_DENIED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_every_size_come_back),
		cmocka_unit_test(what_is_no_frame_is_refused_by_its_head),
		cmocka_unit_test(a_hello_is_known_whole_and_refused_early),
		cmocka_unit_test(who_is_no_member_hears_it_in_place_of_a_hello),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
