#include "tests/test.h"

#include <stdlib.h>

#include "core/mail_header.h"

static const char sample[] = "From: a@b\r\n"
			     "Subject : folded\r\n line\r\n\tthree\r\n"
			     "no field here\r\n"
			     "X-Empty:\r\n"
			     "subject: second\n"
			     "\xc3\xa9: 8-bit name\r\n"
			     "\r\n"
			     "Body: not seen\r\n";

static void
fields_are_walked_with_folds_and_odd_lines(void **state)
{
	struct mail_header h;
	struct mail_field f;

	(void)state;
	mail_header_begin(&h, slice_str(sample));
	assert_true(mail_header_next(&h, &f));
	assert_slice(f.name, "From");
	assert_slice(f.body, " a@b");
	assert_slice(f.raw, "From: a@b\r\n");
	assert_true(mail_header_next(&h, &f));
	assert_slice(f.name, "Subject");
	assert_slice(f.body, " folded\r\n line\r\n\tthree");
	assert_int_equal(f.at, 11);
	assert_true(mail_header_next(&h, &f));
	assert_int_equal(f.name.n, 0);
	assert_slice(f.body, "no field here");
	assert_true(mail_header_next(&h, &f));
	assert_slice(f.name, "X-Empty");
	assert_slice(f.body, "");
	assert_true(mail_header_next(&h, &f));
	assert_slice(f.body, " second");
	assert_true(mail_header_next(&h, &f));
	assert_int_equal(f.name.n, 0);
	assert_false(mail_header_next(&h, &f));
	assert_slice(slice_from(h.raw, h.at), "Body: not seen\r\n");
}

static void
fields_are_found_and_counted_in_any_case(void **state)
{
	struct mail_field f;

	(void)state;
	assert_true(mail_header_find(slice_str(sample), SLICE_LIT("SUBJECT"), &f));
	assert_slice(f.body, " folded\r\n line\r\n\tthree");
	assert_int_equal(mail_header_count(slice_str(sample), SLICE_LIT("Subject")), 2);
	assert_false(mail_header_find(slice_str(sample), SLICE_LIT("Body"), &f));
	assert_false(mail_header_find(slice_str(sample), SLICE_LIT(""), &f));
}

static void
unfolding_joins_lines_and_keeps_their_blanks(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_true(mail_header_unfold(SLICE_LIT("  a\r\n b\n\tc  d\r\n \r\n"), &b));
	assert_slice(buf_slice(&b), "a b\tc  d");
	buf_clear(&b);
	assert_true(mail_header_unfold(SLICE_LIT("a\rb\nc\0d"), &b));
	assert_slice(buf_slice(&b), "a b c d");
	buf_fini(&b);
	buf_init(&b, 3);
	assert_false(mail_header_unfold(SLICE_LIT("abcd"), &b));
	buf_fini(&b);
}

static void
message_ids_are_counted(void **state)
{
	struct slice id = SLICE_EMPTY;

	(void)state;
	assert_int_equal(mail_header_message_id(SLICE_LIT("A: b\r\n\r\n"), &id), 0);
	assert_int_equal(
		mail_header_message_id(SLICE_LIT("Message-ID:\r\n <a@b> (x)\r\n"), &id), 1);
	assert_slice(id, "<a@b>");
	assert_int_equal(
		mail_header_message_id(SLICE_LIT("message-id: <a@b> <c@d>\n"), &id), 2);
	assert_int_equal(
		mail_header_message_id(SLICE_LIT("Message-ID: x\nMESSAGE-ID: <c@d>\n"), &id),
		2);
	assert_slice(id, "x");
	assert_int_equal(mail_header_message_id(SLICE_LIT("Message-ID: <open\n"), &id), 1);
	assert_int_equal(mail_header_message_id(SLICE_LIT("Message-ID:  \n"), &id), 0);
}

static void
every_truncation_is_survived(void **state)
{
	struct mail_header h;
	struct mail_field f;
	struct slice id;

	(void)state;
	for (size_t n = 0; n < sizeof sample; n++) {
		uint8_t *exact = malloc(n ? n : 1);
		size_t sum = 0;

		memcpy(exact, sample, n);
		mail_header_begin(&h, slice_of(exact, n));
		while (mail_header_next(&h, &f))
			sum += f.raw.n;
		assert_true(sum <= n && sum + 2 >= h.at);
		mail_header_message_id(slice_of(exact, n), &id);
		free(exact);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_walked_with_folds_and_odd_lines),
		cmocka_unit_test(fields_are_found_and_counted_in_any_case),
		cmocka_unit_test(unfolding_joins_lines_and_keeps_their_blanks),
		cmocka_unit_test(message_ids_are_counted),
		cmocka_unit_test(every_truncation_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
