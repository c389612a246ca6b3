#include "core/text.h"

#include <stdlib.h>

#include "tests/test.h"

enum { MANY = 3 * TEXT_CHUNK + 17 };

static uint8_t *
some_octets(size_t n)
{
	uint8_t *p = malloc(n);

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i * 7 + i / 251);
	return p;
}

static void
a_part_of_a_text_is_read_in_its_own_places(void **state)
{
	struct slice octets = SLICE_LIT("0123456789");
	struct text whole = text_of(&octets), part;
	struct text_span span = {&whole, 3};
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	part = text_part(&span, 4);
	assert_int_equal(part.size, 4);
	assert_int_equal(text_get(&part, 1, 3, &out), ERR_OK);
	assert_true(slice_eq(buf_slice(&out), SLICE_LIT("456")));
	buf_fini(&out);
}

static void
a_copy_larger_than_a_chunk_is_whole(void **state)
{
	uint8_t *p = some_octets(MANY);
	struct slice octets = slice_of(p, MANY);
	struct text whole = text_of(&octets);
	struct text_sink sink;
	struct buf out;

	(void)state;
	buf_init(&out, MANY);
	sink = text_into(&out);
	assert_int_equal(text_copy(&whole, 0, MANY, &sink), ERR_OK);
	assert_true(slice_eq(buf_slice(&out), octets));
	buf_fini(&out);
	free(p);
}

static void
a_sink_takes_as_much_as_its_buf_and_no_more(void **state)
{
	struct slice octets = SLICE_LIT("0123456789");
	struct text whole = text_of(&octets);
	struct text_sink sink;
	struct buf out;

	(void)state;
	buf_init(&out, 9);
	sink = text_into(&out);
	assert_int_equal(text_copy(&whole, 0, 10, &sink), ERR_TOO_BIG);
	buf_clear(&out);
	assert_int_equal(text_copy(&whole, 0, 9, &sink), ERR_OK);
	assert_int_equal(text_get(&whole, 0, 1, &out), ERR_TOO_BIG);
	buf_fini(&out);
}

static void
texts_made_in_memory_stay_and_share_its_cap(void **state)
{
	struct text_memory *m = text_memory_new(10);
	struct text_room room = text_memory_room(m);
	struct text_sink sink;
	struct text first, second;
	struct buf out;

	(void)state;
	assert_int_equal(room.open(room.arg, &sink), ERR_OK);
	assert_int_equal(sink.put(sink.arg, SLICE_LIT("abcdef")), ERR_OK);
	assert_int_equal(room.close(room.arg, &first), ERR_OK);
	assert_int_equal(room.open(room.arg, &sink), ERR_OK);
	assert_int_equal(sink.put(sink.arg, SLICE_LIT("ghij")), ERR_OK);
	assert_int_equal(sink.put(sink.arg, SLICE_LIT("k")), ERR_TOO_BIG);
	assert_int_equal(room.close(room.arg, &second), ERR_TOO_BIG);
	buf_init(&out, 100);
	assert_int_equal(text_get(&first, 0, (size_t)first.size, &out), ERR_OK);
	assert_true(slice_eq(buf_slice(&out), SLICE_LIT("abcdef")));
	buf_fini(&out);
	text_memory_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_part_of_a_text_is_read_in_its_own_places),
		cmocka_unit_test(a_copy_larger_than_a_chunk_is_whole),
		cmocka_unit_test(a_sink_takes_as_much_as_its_buf_and_no_more),
		cmocka_unit_test(texts_made_in_memory_stay_and_share_its_cap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
