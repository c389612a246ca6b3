#include "smtp/smtp_guard.h"
#include "tests/smtp_play.h"

static void
a_plain_mail_is_taken_and_its_body_is_exact(void **state)
{
	struct play p = {0};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	assert_true(play_said(&p, "220 mx.example.org ESMTP"));
	play_to_rcpt(&p);
	play_say(&p, "DATA\r\n", "354");
	play_say(&p, "Message-ID: <1@x>\r\n\r\n..hi\r\n.\r\n", "250");
	assert_true(play_said(&p, "250 2.0.0 Ok: queued as Q1\r\n"));
	assert_slice(buf_slice(&p.body), "Message-ID: <1@x>\r\n\r\n.hi\r\n");
	assert_slice(buf_slice(&p.seen), "from=a@b.example to=u@example.org;");
	assert_slice(buf_slice(&p.head),
		"Return-Path: <a@b.example>\r\n"
		"Received: from c.example (unknown [192.0.2.7])\r\n"
		"\tby mx.example.org (hairpin) with ESMTP id sess.1\r\n"
		"\tfor <u@example.org>;\r\n\tTue, 24 Nov 2026 14:52:33 +0000\r\n");
	play_say(&p, "QUIT\r\n", "221");
	assert_true(p.is_closed);
	assert_int_equal(p.begins, 1);
	assert_int_equal(p.drops, 0);
	play_end(&p);
}

static void
what_is_8_bit_is_seen_whatever_mail_said(void **state)
{
	static const struct {
		const char *text;
		bool is_8bit, is_header_8bit;
	} rows[] = {{"A: b\r\n\r\nx\r\n.\r\n", false, false},
		{"A: b\r\n\r\n\xc3\xa4\r\n.\r\n", true, false},
		{"A: \xc3\xa4\r\n\r\nx\r\n.\r\n", true, true},
		{"A: b\r\n\r\nx\r\n.\r\n", false, false}};
	static const char *const said[] = {"", " BODY=8BITMIME", " BODY=7BIT", " SMTPUTF8"};
	struct play p = {0};
	char mail[100];

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	play_say(&p, "EHLO c.example\r\n", "250");
	for (size_t i = 0; i < 4 * sizeof rows / sizeof *rows; i++) {
		snprintf(mail, sizeof mail, "MAIL FROM:<a@b>%s\r\nRCPT TO:<u@x>\r\nDATA\r\n",
			said[i % 4]);
		play_say(&p, mail, "250 250 354");
		play_say(&p, rows[i / 4].text, "250");
		assert_int_equal(p.env.is_8bit, rows[i / 4].is_8bit);
		assert_int_equal(p.env.is_header_8bit, rows[i / 4].is_header_8bit);
	}
	play_end(&p);
}

static void
our_head_never_has_8_bits_but_in_the_return_path(void **state)
{
	struct play p = {0};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	play_say(&p,
		"EHLO c.example\r\nMAIL FROM:<\xc3\xa4@b> SMTPUTF8\r\n"
		"RCPT TO:<\xc3\xb6@x>\r\nDATA\r\n",
		"250 250 250 354");
	play_say(&p, "A: b\r\n\r\nx\r\n.\r\n", "250");
	assert_slice(buf_slice(&p.head),
		"Return-Path: <\xc3\xa4@b>\r\n"
		"Received: from c.example (unknown [192.0.2.7])\r\n"
		"\tby mx.example.org (hairpin) with UTF8SMTP id sess.1;\r\n"
		"\tTue, 24 Nov 2026 14:52:33 +0000\r\n");
	play_end(&p);
}

/* The dialog is the same in pieces of any size. */
static void
play_guarded(struct play *p, unsigned strips, struct slice text, size_t step)
{
	struct smtp_setup setup = play_setup(SMTP_KIND_FILTER);

	setup.strips = strips;
	play_begin_with(p, &setup);
	play_say(p, "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<u@example.org>\r\n", "250 250 250");
	for (size_t at = 0; at < text.n; at += step)
		play_feed(p, slice_cut(text, at, at + step));
	assert_int_equal(p->queued, 1);
}

static void
a_loop_guard_is_taken_out_and_kept_for_a_look(void **state)
{
	static const char *const texts[] = {"DATA\r\nA: b\r\nX-Hairpin-Guard: v=1;\r\n "
					    "x\r\nX-Hairpin-Gateway: in\r\n\r\nbody\r\n.\r\n",
		"BDAT 64 LAST\r\nA: b\r\nX-Hairpin-Guard: v=1;\r\n x\r\nX-Hairpin-Gateway: "
		"in\r\n\r\nbody\r\n"};
	unsigned both = SMTP_GUARD_STRIP_FIELD | SMTP_GUARD_STRIP_MARK;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		for (size_t step = 1; step <= strlen(texts[i]); step++) {
			struct play p = {0};

			play_guarded(&p, both, slice_str(texts[i]), step);
			assert_slice(buf_slice(&p.body), "A: b\r\n\r\nbody\r\n");
			play_end(&p);
		}
}

static void
a_message_without_its_last_line_end_gets_it_behind_a_held_name(void **state)
{
	struct play p = {0};

	(void)state;
	play_guarded(&p, SMTP_GUARD_STRIP_FIELD,
		SLICE_LIT("BDAT 21 LAST\r\nA: b\r\nX-Hairpin-Guard"), 100);
	assert_slice(buf_slice(&p.body), "A: b\r\nX-Hairpin-Guard\r\n");
	play_end(&p);
}

static void
bare_line_ends_in_data_are_refused_after_the_true_end(void **state)
{
	static const struct {
		const char *text, *reply;
	} flawed[] = {{"a\n.\nMAIL FROM:<x@y>\r\n.\r\n", "550 5.6.0 Message refused: bare LF"},
		{"a\r.\r\nb\r\n.\r\n", "550 5.6.0 Message refused: bare CR"}};
	struct play p = {0};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	for (size_t i = 0; i < 2; i++) {
		play_to_rcpt(&p);
		play_say(&p, "DATA\r\n", "354");
		play_say(&p, flawed[i].text, "550");
		assert_true(play_said(&p, flawed[i].reply));
	}
	play_to_rcpt(&p);
	play_say(&p, "DATA\r\n", "354");
	buf_clear(&p.said);
	play_feed(&p, SLICE_LIT("a\0b\r\n.\r\n"));
	assert_true(play_said(&p, "550 5.6.0 Message refused: NUL"));
	assert_int_equal(p.queued, 0);
	assert_int_equal(p.drops, 3);
	play_to_rcpt(&p);
	play_say(&p, "BDAT 2 LAST\r\na\r", "550");
	play_to_rcpt(&p);
	play_say(&p, "BDAT 4\r\na\nb\nBDAT 1 LAST\r\nx", "550 503");
	play_say(&p, "NOOP\r\n", "250");
	play_end(&p);
}

static void
chunks_out_of_place_are_swallowed_whole(void **state)
{
	struct play p = {0};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	play_say(&p, "BDAT 6 LAST\r\nQUIT\r\n", "503");
	play_say(&p, "EHLO c\r\n", "250");
	play_say(&p, "BDAT 6\r\nQUIT\r\n", "503");
	play_say(&p, "MAIL FROM:<a@b>\r\n", "250");
	play_say(&p, "BDAT 0 LAST\r\n", "503");
	play_say(&p, "RCPT TO:<u@example.org>\r\n", "250");
	play_say(&p, "BDAT 3\r\nab\n", "550");
	play_say(&p, "DATA\r\n", "503");
	play_say(&p, "BDAT 1\r\nx", "503");
	play_say(&p, "RSET\r\n", "250");
	play_to_rcpt(&p);
	play_say(&p, "BDAT 0 LAST\r\n", "250");
	assert_int_equal(p.body.n, 0);
	play_to_rcpt(&p);
	play_say(&p, "BDAT 1 LAST\r\nx", "250");
	assert_slice(buf_slice(&p.body), "x\r\n");
	play_say(&p, "BDAT x\r\n", "501");
	assert_true(p.is_closed);
	play_end(&p);
}

static void
the_size_limit_holds_on_both_sides(void **state)
{
	struct play p = {0};

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.size_max_bytes = 10;
	play_begin(&p, SMTP_KIND_MX);
	play_say(&p, "EHLO c\r\n", "250");
	play_say(&p, "MAIL FROM:<a@b> SIZE=11\r\n", "552");
	assert_true(play_said(&p, "552 5.3.4 Message size exceeds the limit of 10 octets"));
	play_say(&p, "MAIL FROM:<a@b> SIZE=10\r\n", "250");
	play_say(&p, "RSET\r\n", "250");
	play_to_rcpt(&p);
	play_say(&p, "DATA\r\n", "354");
	play_say(&p, "12345678\r\n.\r\n", "250");
	play_to_rcpt(&p);
	play_say(&p, "DATA\r\n", "354");
	play_say(&p, "123456789\r\n.\r\n", "552");
	assert_int_equal(p.drops, 1);
	play_to_rcpt(&p);
	play_say(&p, "BDAT 11 LAST\r\n12345678901", "552");
	play_to_rcpt(&p);
	play_say(&p, "BDAT 5\r\n12345BDAT 3 LAST\r\n678", "250 250");
	play_to_rcpt(&p);
	play_say(&p, "DATA\r\n", "354");
	play_say(&p, "123456789012345678901", "552");
	assert_true(p.is_closed);
	play_end(&p);
	smtp_session_limits_default(&p.lim);
	p.lim.size_max_bytes = 10;
	p.is_closed = false;
	play_begin(&p, SMTP_KIND_MX);
	play_to_rcpt(&p);
	play_say(&p, "BDAT 18446744073709551615 LAST\r\n", "552");
	assert_true(p.is_closed);
	play_end(&p);
}

static void
hops_are_counted_on_both_sides_of_the_limit(void **state)
{
	struct play p = {0};

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.hop_max = 2;
	play_begin(&p, SMTP_KIND_MX);
	play_to_rcpt(&p);
	play_say(&p, "DATA\r\n", "354");
	play_say(&p, "Received: a\r\nReceived: b\r\n\r\nReceived: c\r\n.\r\n", "250");
	play_to_rcpt(&p);
	play_say(&p, "DATA\r\n", "354");
	play_say(&p, "Received: a\r\nReceived: b\r\nReceived: c\r\n.\r\n", "554");
	assert_true(play_said(&p, "554 5.4.6"));
	play_end(&p);
}

static void
only_the_stores_yes_is_a_250(void **state)
{
	static const struct {
		enum err e;
		const char *code, *reply;
	} answers[] = {{ERR_FULL, "452", "4.3.1"}, {ERR_QUOTA, "452", "4.2.2"},
		{ERR_TIMEOUT, "451", "4.4.0"}, {ERR_UNAVAILABLE, "451", "4.4.0"},
		{ERR_PEER, "451", "4.3.0"}, {ERR_TOO_BIG, "552", "5.3.4"},
		{ERR_OK, "250", "2.0.0"}};
	struct play p = {0};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		p.queue_error = answers[i].e;
		play_to_rcpt(&p);
		play_say(&p, "BDAT 0 LAST\r\n", answers[i].code);
		assert_true(play_said(&p, answers[i].reply));
	}
	p.queue_error = ERR_OK;
	p.refusal = "550 5.7.1 spam";
	play_to_rcpt(&p);
	play_say(&p, "BDAT 0 LAST\r\n", "550");
	p.refusal = NULL;
	p.score_error = ERR_PEER;
	play_to_rcpt(&p);
	play_say(&p, "BDAT 0 LAST\r\n", "451");
	assert_int_equal(p.drops, 2);
	play_end(&p);
}

static void
a_body_that_could_not_be_kept_is_refused_for_now(void **state)
{
	struct play p = {.score_error = ERR_FULL};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	play_to_rcpt(&p);
	play_say(&p, "DATA\r\n", "354");
	play_say(&p, "x\r\n.\r\n", "452");
	assert_true(play_said(&p, "452 4.3.1"));
	assert_int_equal(p.drops, 1);
	p.score_error = ERR_LIMIT;
	play_to_rcpt(&p);
	play_say(&p, "BDAT 0 LAST\r\n", "452");
	assert_true(play_said(&p, "452 4.5.3"));
	play_end(&p);
}

static void
data_that_comes_too_slowly_ends_the_session(void **state)
{
	struct play p = {0};

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.data_window_ms = 10000;
	p.lim.data_rate_min = 2;
	play_begin(&p, SMTP_KIND_MX);
	play_to_rcpt(&p);
	play_say(&p, "DATA\r\n", "354");
	play_feed(&p, SLICE_LIT("12345678901234567890")); /* 20 in 10 s: just enough */
	play_tick(&p, 10000);
	assert_false(p.is_closed);
	play_feed(&p, SLICE_LIT("1234567890123456789"));
	play_tick(&p, 9999);
	assert_false(p.is_closed);
	play_tick(&p, 1);
	assert_true(play_said(&p, "421 4.4.2 mx.example.org Data comes too slowly"));
	assert_int_equal(p.drops, 1);
	play_end(&p);
}

/* --- repeats --- */

static void
the_key_is_lifted_when_the_client_has_read_the_250(void **state)
{
	struct play p = {0};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	play_to_rcpt(&p);
	play_say(&p, "DATA\r\n", "354");
	play_say(&p, ".\r\n", "250");
	assert_int_equal(p.lifts, 0);
	play_say(&p, "NOOP\r\n", "250");
	assert_int_equal(p.lifts, 1);
	play_say(&p, "NOOP\r\n", "250");
	assert_int_equal(p.lifts, 1);
	play_end(&p);
}

static void
a_command_that_was_on_its_way_lifts_nothing(void **state)
{
	struct play p = {0};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	play_to_rcpt(&p);
	play_say(&p, "DATA\r\n", "354");
	play_say(&p, ".\r\nQUIT\r\n", "250 221");
	assert_int_equal(p.lifts, 0);
	play_end(&p);
	p.has_unread = true;
	play_begin(&p, SMTP_KIND_MX);
	play_to_rcpt(&p);
	play_say(&p, "DATA\r\n", "354");
	play_say(&p, ".\r\n", "250");
	play_say(&p, "MAIL FROM:<a@b>\r\nRCPT TO:<u@example.org>\r\nDATA\r\n", "250 250 354");
	assert_int_equal(p.lifts, 0);
	play_say(&p, "x", "");
	assert_int_equal(p.lifts, 1);
	play_end(&p);
}

static void
a_refused_mail_lifts_nothing(void **state)
{
	struct play p = {.queue_error = ERR_TIMEOUT};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	play_to_rcpt(&p);
	play_say(&p, "BDAT 0 LAST\r\n", "451");
	play_say(&p, "NOOP\r\n", "250");
	assert_int_equal(p.lifts, 0);
	play_end(&p);
}

static void
equal_mails_have_equal_material_whatever_the_recipients_order(void **state)
{
	static const char *const dialogs[] = {
		"RCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<a@x>\r\n",
		"RCPT TO:<b@x>\r\nRCPT TO:<a@x>\r\n",
		"RCPT TO:<b@x>\r\n",
	};
	struct buf material[3];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct play p = {0};
		play_begin(&p, SMTP_KIND_MX);
		play_say(&p, "EHLO c\r\nMAIL FROM:<s@y>\r\n", "250 250");
		play_say(&p, dialogs[i], i == 0 ? "250 250 250" : i == 1 ? "250 250" : "250");
		play_say(&p, "DATA\r\n", "354");
		play_say(&p, "Message-ID: <1@x>\r\n\r\n.\r\n", "250");
		buf_init(&material[i], 4096);
		buf_put_slice(&material[i], buf_slice(&p.repeat));
		assert_true(material[i].n > 0);
		play_end(&p);
	}
	assert_true(slice_eq(buf_slice(&material[0]), buf_slice(&material[1])));
	assert_false(slice_eq(buf_slice(&material[1]), buf_slice(&material[2])));
	for (size_t i = 0; i < 3; i++)
		buf_fini(&material[i]);
}

static void
a_mail_without_its_own_message_id_has_no_material(void **state)
{
	struct play p = {0};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	play_to_rcpt(&p);
	play_say(&p, "DATA\r\n", "354");
	play_say(&p, "Subject: x\r\n\r\n.\r\n", "250");
	assert_int_equal(p.repeat.n, 0);
	play_end(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_loop_guard_is_taken_out_and_kept_for_a_look),
		cmocka_unit_test(
			a_message_without_its_last_line_end_gets_it_behind_a_held_name),
		cmocka_unit_test(a_plain_mail_is_taken_and_its_body_is_exact),
		cmocka_unit_test(what_is_8_bit_is_seen_whatever_mail_said),
		cmocka_unit_test(our_head_never_has_8_bits_but_in_the_return_path),
		cmocka_unit_test(bare_line_ends_in_data_are_refused_after_the_true_end),
		cmocka_unit_test(chunks_out_of_place_are_swallowed_whole),
		cmocka_unit_test(the_size_limit_holds_on_both_sides),
		cmocka_unit_test(hops_are_counted_on_both_sides_of_the_limit),
		cmocka_unit_test(only_the_stores_yes_is_a_250),
		cmocka_unit_test(a_body_that_could_not_be_kept_is_refused_for_now),
		cmocka_unit_test(data_that_comes_too_slowly_ends_the_session),
		cmocka_unit_test(the_key_is_lifted_when_the_client_has_read_the_250),
		cmocka_unit_test(a_command_that_was_on_its_way_lifts_nothing),
		cmocka_unit_test(a_refused_mail_lifts_nothing),
		cmocka_unit_test(equal_mails_have_equal_material_whatever_the_recipients_order),
		cmocka_unit_test(a_mail_without_its_own_message_id_has_no_material),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
