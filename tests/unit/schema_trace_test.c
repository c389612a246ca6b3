#include "tests/test.h"

#include <string.h>

#include "crypto/seal.h"
#include "store/schema.h"
#include "store/schema_trace.h"

static struct slice
key_of(struct schema_key *k)
{
	return schema_u64_u32(k, 99, 3);
}

static struct schema_trace
taken(const uint8_t hash[SCHEMA_TRACE_HASH])
{
	return (struct schema_trace){.kind = SCHEMA_TRACE_TAKEN,
		.is_last = true,
		.node = 2,
		.rcpt = SCHEMA_TRACE_NOBODY,
		.life_sec = 86400,
		.time_ms = UINT64_C(1700000000123),
		.item = 99,
		.message_id = hash,
		.from = 77,
		.rest = SLICE_LIT("rest")};
}

static void
a_row_comes_back_as_it_was_written(void **state)
{
	uint8_t row[100], hash[SCHEMA_TRACE_HASH] = "0123456789abcde";
	struct schema_trace in = taken(hash), out;
	struct schema_key k;
	size_t n = schema_trace_write(&in, NULL, 0);

	(void)state;
	assert_int_equal(n, SCHEMA_TRACE_TAKEN_FIXED + 4);
	assert_int_equal(schema_trace_write(&in, row, n), n);
	assert_true(schema_trace_read(key_of(&k), slice_of(row, n), &out));
	assert_int_equal(out.index, 99);
	assert_int_equal(out.n, 3);
	assert_int_equal(out.kind, SCHEMA_TRACE_TAKEN);
	assert_true(out.is_last);
	assert_int_equal(out.node, 2);
	assert_int_equal(out.rcpt, SCHEMA_TRACE_NOBODY);
	assert_int_equal(out.life_sec, 86400);
	assert_int_equal(out.time_ms, in.time_ms);
	assert_int_equal(out.item, 99);
	assert_int_equal(out.from, 77);
	assert_memory_equal(out.message_id, hash, sizeof hash);
	assert_slice(out.rest, "rest");
	in.kind = SCHEMA_TRACE_SENT;
	n = schema_trace_write(&in, row, sizeof row);
	assert_int_equal(n, SCHEMA_TRACE_FIXED + 4);
	assert_true(schema_trace_read(key_of(&k), slice_of(row, n), &out));
	assert_null(out.message_id);
	assert_slice(out.rest, "rest");
}

static void
a_row_that_is_damaged_is_none(void **state)
{
	uint8_t row[100], hash[SCHEMA_TRACE_HASH] = {0};
	struct schema_trace t = taken(hash), out;
	struct schema_key k;
	size_t n = schema_trace_write(&t, row, sizeof row);

	(void)state;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(schema_trace_read(key_of(&k), slice_of(row, i), &out),
			i >= SCHEMA_TRACE_TAKEN_FIXED);
	assert_false(schema_trace_read(slice_cut(key_of(&k), 0, 11), slice_of(row, n), &out));
	row[0] = SCHEMA_TRACE_KIND_COUNT - 1;
	assert_true(schema_trace_read(key_of(&k), slice_of(row, n), &out));
	row[0] = SCHEMA_TRACE_KIND_COUNT;
	assert_false(schema_trace_read(key_of(&k), slice_of(row, n), &out));
	row[0] = 0;
	row[1] = 2;
	assert_false(schema_trace_read(key_of(&k), slice_of(row, n), &out));
}

static void
a_message_id_has_a_hash_and_none_has_zeros(void **state)
{
	uint8_t a[SCHEMA_TRACE_HASH], b[SCHEMA_TRACE_HASH], none[SCHEMA_TRACE_HASH] = {0};

	(void)state;
	schema_trace_hash(SLICE_LIT("<1@a.test>"), a);
	schema_trace_hash(SLICE_LIT("<2@a.test>"), b);
	assert_memory_not_equal(a, b, sizeof a);
	assert_memory_not_equal(a, none, sizeof a);
	schema_trace_hash(SLICE_EMPTY, a);
	assert_memory_equal(a, none, sizeof a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_comes_back_as_it_was_written),
		cmocka_unit_test(a_row_that_is_damaged_is_none),
		cmocka_unit_test(a_message_id_has_a_hash_and_none_has_zeros),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
