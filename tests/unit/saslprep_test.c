#include "tests/test.h"

#include "crypto/saslprep.h"

static enum err
prepare(struct slice raw, enum saslprep_use use, struct buf *out)
{
	buf_clear(out);
	return saslprep(raw, use, out);
}

static void
the_examples_of_rfc_4013_come_out_as_printed(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 2000);
	assert_int_equal(prepare(SLICE_LIT("I\xc2\xadX"), SASLPREP_STORED, &out), ERR_OK);
	assert_slice(buf_slice(&out), "IX");
	assert_int_equal(prepare(SLICE_LIT("user"), SASLPREP_STORED, &out), ERR_OK);
	assert_slice(buf_slice(&out), "user");
	assert_int_equal(prepare(SLICE_LIT("USER"), SASLPREP_STORED, &out), ERR_OK);
	assert_slice(buf_slice(&out), "USER");
	assert_int_equal(prepare(SLICE_LIT("\xc2\xaa"), SASLPREP_STORED, &out), ERR_OK);
	assert_slice(buf_slice(&out), "a");
	assert_int_equal(prepare(SLICE_LIT("\xe2\x85\xa8"), SASLPREP_STORED, &out), ERR_OK);
	assert_slice(buf_slice(&out), "IX");
	assert_int_equal(prepare(SLICE_LIT("\x07"), SASLPREP_STORED, &out), ERR_SYNTAX);
	assert_int_equal(prepare(SLICE_LIT("\xd8\xa7\x31"), SASLPREP_STORED, &out), ERR_SYNTAX);
	buf_fini(&out);
}

static void
spaces_become_one_kind_and_bad_octets_are_refused(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 2000);
	assert_int_equal(
		prepare(SLICE_LIT("a\xe3\x80\x80\xc2\xa0z"), SASLPREP_STORED, &out), ERR_OK);
	assert_slice(buf_slice(&out), "a  z");
	assert_int_equal(prepare(SLICE_LIT("a\xff"), SASLPREP_QUERY, &out), ERR_SYNTAX);
	assert_int_equal(prepare(SLICE_LIT("a\xc3"), SASLPREP_QUERY, &out), ERR_SYNTAX);
	assert_int_equal(prepare(SLICE_LIT("a\0b"), SASLPREP_QUERY, &out), ERR_SYNTAX);
	assert_int_equal(prepare(SLICE_LIT("\xee\x80\x80"), SASLPREP_QUERY, &out), ERR_SYNTAX);
	assert_int_equal(
		prepare(SLICE_LIT("\xd8\xa7z\xd8\xa7"), SASLPREP_QUERY, &out), ERR_SYNTAX);
	assert_int_equal(prepare(SLICE_LIT("\xd8\xa7 \xd8\xa7"), SASLPREP_QUERY, &out), ERR_OK);
	/* U+0378 is unassigned. */
	assert_int_equal(prepare(SLICE_LIT("\xcd\xb8"), SASLPREP_QUERY, &out), ERR_OK);
	assert_int_equal(prepare(SLICE_LIT("\xcd\xb8"), SASLPREP_STORED, &out), ERR_SYNTAX);
	assert_int_equal(prepare(SLICE_EMPTY, SASLPREP_STORED, &out), ERR_OK);
	assert_int_equal(out.n, 0);
	buf_fini(&out);
}

static void
what_grows_or_is_too_long_is_refused(void **state)
{
	uint8_t text[3 * 340];
	struct buf out;

	(void)state;
	buf_init(&out, 5000);
	memset(text, 'a', sizeof text);
	assert_int_equal(prepare(slice_of(text, sizeof text), SASLPREP_QUERY, &out), ERR_OK);
	/* U+FDFA grows to 33 octets. */
	for (size_t i = 0; i < 340; i++)
		memcpy(text + 3 * i, "\xef\xb7\xba", 3);
	assert_int_equal(
		prepare(slice_of(text, sizeof text), SASLPREP_QUERY, &out), ERR_TOO_BIG);
	assert_int_equal(out.n, 0);
	buf_fini(&out);
	buf_init(&out, 3);
	assert_int_equal(prepare(SLICE_LIT("four"), SASLPREP_QUERY, &out), ERR_LIMIT);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_rfc_4013_come_out_as_printed),
		cmocka_unit_test(spaces_become_one_kind_and_bad_octets_are_refused),
		cmocka_unit_test(what_grows_or_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
