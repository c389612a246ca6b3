#include "tests/test.h"

#include "smtp/smtp_policy.h"
#include "smtp/smtp_trace.h"

static const struct smtp_who stranger = {.kind = SMTP_KIND_MX};
static const struct smtp_who user = {
	.kind = SMTP_KIND_SUBMISSION, .is_secure = true, .is_authenticated = true};
static const struct smtp_who service = {.kind = SMTP_KIND_SUBMISSION,
	.is_secure = true,
	.is_authenticated = true,
	.may_relay = true};

static void
login_wants_tls_or_a_listener_that_trusts_loopback(void **state)
{
	struct smtp_who w = {.kind = SMTP_KIND_SUBMISSION};

	(void)state;
	assert_int_equal(smtp_policy_auth(&w), SMTP_REPLY_AUTH_NEEDS_TLS);
	assert_int_equal(smtp_policy_mail(&w), SMTP_REPLY_NEEDS_TLS);
	w.trusts_loopback = true;
	assert_int_equal(smtp_policy_auth(&w), SMTP_REPLY_NONE);
	assert_int_equal(smtp_policy_mail(&w), SMTP_REPLY_NEEDS_AUTH);
	w.trusts_loopback = false;
	w.is_secure = true;
	assert_int_equal(smtp_policy_auth(&w), SMTP_REPLY_NONE);
	assert_int_equal(smtp_policy_auth(&stranger), SMTP_REPLY_NOT_HERE);
	assert_int_equal(smtp_policy_mail(&stranger), SMTP_REPLY_NONE);
	assert_int_equal(smtp_policy_mail(&user), SMTP_REPLY_NONE);
}

static void
a_user_sends_only_as_himself_and_a_service_as_anybody(void **state)
{
	(void)state;
	assert_false(smtp_policy_asks_sender(&stranger, false));
	assert_true(smtp_policy_asks_sender(&user, false));
	assert_false(smtp_policy_asks_sender(&user, true));
	assert_false(smtp_policy_asks_sender(&service, false));
	assert_int_equal(smtp_policy_sender(&user, SMTP_SENDER_OWN), SMTP_REPLY_NONE);
	assert_int_equal(
		smtp_policy_sender(&user, SMTP_SENDER_OTHER), SMTP_REPLY_NOT_YOUR_SENDER);
	assert_int_equal(
		smtp_policy_sender(&user, SMTP_SENDER_UNKNOWN), SMTP_REPLY_LOOKUP_ERROR);
	assert_int_equal(smtp_policy_sender(&service, SMTP_SENDER_OTHER), SMTP_REPLY_NONE);
}

static void
each_class_of_recipient_has_its_reply(void **state)
{
	(void)state;
	assert_int_equal(smtp_policy_rcpt(&stranger, SMTP_RCPT_LOCAL), SMTP_REPLY_NONE);
	assert_int_equal(
		smtp_policy_rcpt(&stranger, SMTP_RCPT_NO_USER), SMTP_REPLY_UNKNOWN_USER);
	assert_int_equal(
		smtp_policy_rcpt(&stranger, SMTP_RCPT_REMOTE), SMTP_REPLY_RELAY_DENIED);
	assert_int_equal(smtp_policy_rcpt(&user, SMTP_RCPT_REMOTE), SMTP_REPLY_NONE);
	assert_int_equal(smtp_policy_rcpt(&service, SMTP_RCPT_REMOTE), SMTP_REPLY_NONE);
	assert_int_equal(
		smtp_policy_rcpt(&service, SMTP_RCPT_NOT_POSTER), SMTP_REPLY_NOT_POSTER);
	assert_int_equal(smtp_policy_rcpt(&user, SMTP_RCPT_OVER_QUOTA), SMTP_REPLY_OVER_QUOTA);
	assert_int_equal(
		smtp_policy_rcpt(&user, SMTP_RCPT_DISABLED), SMTP_REPLY_MAILBOX_DISABLED);
	assert_int_equal(smtp_policy_rcpt(&user, SMTP_RCPT_UNKNOWN), SMTP_REPLY_LOOKUP_ERROR);
}

static void
a_gateway_s_ports_believe_and_relay_for_whom_they_are_open(void **state)
{
	struct smtp_who back = {.kind = SMTP_KIND_REINJECT},
			gateway = {.kind = SMTP_KIND_FILTER};

	(void)state;
	assert_true(smtp_policy_forwards(&back));
	assert_true(smtp_policy_forwards(&gateway));
	assert_false(smtp_policy_forwards(&stranger));
	assert_false(smtp_policy_forwards(&user));
	assert_int_equal(smtp_policy_auth(&back), SMTP_REPLY_NOT_HERE);
	assert_int_equal(smtp_policy_mail(&gateway), SMTP_REPLY_NONE);
	assert_int_equal(smtp_policy_rcpt(&back, SMTP_RCPT_LOCAL), SMTP_REPLY_NONE);
	assert_int_equal(smtp_policy_rcpt(&back, SMTP_RCPT_REMOTE), SMTP_REPLY_NONE);
	assert_int_equal(smtp_policy_rcpt(&back, SMTP_RCPT_NO_USER), SMTP_REPLY_UNKNOWN_USER);
	assert_int_equal(smtp_policy_rcpt(&back, SMTP_RCPT_OVER_QUOTA), SMTP_REPLY_OVER_QUOTA);
	back.is_stranger = true;
	assert_int_equal(smtp_policy_mail(&back), SMTP_REPLY_NEEDS_TLS);
	assert_false(smtp_policy_forwards(&back));
	back.is_secure = true;
	assert_int_equal(smtp_policy_mail(&back), SMTP_REPLY_STRANGER);
	assert_false(smtp_policy_forwards(&back));
	for (int c = SMTP_RCPT_LOCAL; c < SMTP_RCPT_UNKNOWN; c++)
		assert_int_equal(
			smtp_policy_rcpt(&gateway, (enum smtp_rcpt_class)c), SMTP_REPLY_NONE);
	assert_int_equal(
		smtp_policy_rcpt(&gateway, SMTP_RCPT_UNKNOWN), SMTP_REPLY_LOOKUP_ERROR);
}

static void
received_names_client_server_protocol_and_the_only_recipient(void **state)
{
	struct smtp_trace t = {.helo = SLICE_LIT("c.example"),
		.client_ip = SLICE_LIT("192.0.2.1"),
		.by = SLICE_LIT("mx.example.org"),
		.id = SLICE_LIT("ab12"),
		.tls_cipher = SLICE_LIT("TLS_AES_256_GCM_SHA384"),
		.only_rcpt = SLICE_LIT("u@example.org"),
		.is_esmtp = true,
		.is_authenticated = true,
		.now_sec = 1795531953};
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	smtp_trace_received(&b, &t);
	assert_slice(buf_slice(&b), "Received: from c.example (unknown [192.0.2.1])\r\n"
				    "\tby mx.example.org (hairpin) with ESMTPSA id ab12\r\n"
				    "\tfor <u@example.org>\r\n"
				    "\ttls TLS_AES_256_GCM_SHA384;\r\n"
				    "\tTue, 24 Nov 2026 14:52:33 +0000\r\n");
	buf_clear(&b);
	t = (struct smtp_trace){.client_ip = SLICE_LIT("2001:db8::1"),
		.client_name = SLICE_LIT("n.example"),
		.by = SLICE_LIT("mx"),
		.id = SLICE_LIT("1")};
	smtp_trace_received(&b, &t);
	assert_slice(buf_slice(&b),
		"Received: from unknown (n.example [IPv6:2001:db8::1])\r\n"
		"\tby mx (hairpin) with SMTP id 1;\r\n\tThu, 1 Jan 1970 00:00:00 +0000\r\n");
	buf_fini(&b);
}

static void
the_with_keyword_says_how_the_mail_came(void **state)
{
	struct smtp_trace t = {.is_esmtp = true};

	(void)state;
	assert_string_equal(smtp_trace_with(&t), "ESMTP");
	t.tls_cipher = SLICE_LIT("x");
	assert_string_equal(smtp_trace_with(&t), "ESMTPS");
	t.is_utf8 = true;
	assert_string_equal(smtp_trace_with(&t), "UTF8SMTPS");
	t.is_lmtp = true;
	t.is_authenticated = true;
	assert_string_equal(smtp_trace_with(&t), "UTF8LMTPSA");
	t = (struct smtp_trace){.is_lmtp = true};
	assert_string_equal(smtp_trace_with(&t), "LMTP");
}

static void
the_small_fields_end_in_crlf(void **state)
{
	struct smtp_trace t = {
		.by = SLICE_LIT("h"), .id = SLICE_LIT("i"), .now_sec = 951827696};
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	smtp_trace_return_path(&b, SLICE_EMPTY);
	smtp_trace_return_path(&b, SLICE_LIT("a@b"));
	smtp_trace_delivered_to(&b, SLICE_LIT("a@b"));
	smtp_trace_date(&b, t.now_sec);
	smtp_trace_message_id(&b, &t);
	assert_slice(buf_slice(&b),
		"Return-Path: <>\r\nReturn-Path: <a@b>\r\nDelivered-To: a@b\r\n"
		"Date: Tue, 29 Feb 2000 12:34:56 +0000\r\nMessage-ID: <951827696.i@h>\r\n");
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(login_wants_tls_or_a_listener_that_trusts_loopback),
		cmocka_unit_test(a_user_sends_only_as_himself_and_a_service_as_anybody),
		cmocka_unit_test(each_class_of_recipient_has_its_reply),
		cmocka_unit_test(a_gateway_s_ports_believe_and_relay_for_whom_they_are_open),
		cmocka_unit_test(received_names_client_server_protocol_and_the_only_recipient),
		cmocka_unit_test(the_with_keyword_says_how_the_mail_came),
		cmocka_unit_test(the_small_fields_end_in_crlf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
