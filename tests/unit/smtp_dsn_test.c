#include "tests/test.h"

#include "smtp/smtp_dsn.h"

static const struct smtp_dsn_rcpt rcpt = {
	.address = {(const uint8_t *)"x@example.org", 13},
	.orcpt = {(const uint8_t *)"rfc822;y@example.org", 20},
	.status = {(const uint8_t *)"5.1.1 no such user here", 23},
};

static bool
has(const struct buf *b, const char *text)
{
	return slice_find_slice(buf_slice(b), slice_str(text)) < b->n;
}

static void
a_bounce_says_in_words_and_fields_what_happened(void **state)
{
	struct smtp_dsn d = {.hostname = SLICE_LIT("mail.example.org"),
		.queue_id = SLICE_LIT("0000AB"),
		.sender = SLICE_LIT("a@b.test"),
		.now_sec = 1000000000,
		.rcpt = &rcpt,
		.rcpts = 1};
	struct buf b;

	(void)state;
	buf_init(&b, 10000);
	assert_true(smtp_dsn_format(&d, &b));
	assert_true(has(&b, "<x@example.org>: 5.1.1 no such user here\r\n"));
	assert_true(has(&b, "Original-Recipient: rfc822;y@example.org\r\n"));
	assert_true(has(&b, "Final-Recipient: rfc822;x@example.org\r\nAction: "
			    "failed\r\nStatus: 5.1.1\r\n"));
	assert_true(has(&b, "report-type=delivery-status;"));
	assert_true(has(&b, "\r\n--=_0000AB_dsn--\r\n"));
	/* Never a bare LF. */
	for (size_t i = 0; i < b.n; i++)
		assert_true(b.p[i] != '\n' || (i && b.p[i - 1] == '\r'));
	buf_fini(&b);
}

static void
a_notice_that_does_not_fit_is_refused(void **state)
{
	struct smtp_dsn d = {.rcpt = &rcpt, .rcpts = 1};
	struct buf b;

	(void)state;
	buf_init(&b, 300);
	assert_false(smtp_dsn_format(&d, &b));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bounce_says_in_words_and_fields_what_happened),
		cmocka_unit_test(a_notice_that_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
