#include "tests/smtp_play.h"

static void
ehlo_offers_what_is_true_of_the_listener(void **state)
{
	struct play p = {0};
	struct smtp_setup su = play_setup(SMTP_KIND_SUBMISSION);

	(void)state;
	play_begin_with(&p, &su);
	play_say(&p, "EHLO c\r\n", "250");
	assert_true(play_said(&p, "250-STARTTLS\r\n"));
	assert_false(play_said(&p, "AUTH"));
	assert_true(play_said(&p, "250-SIZE 52428800\r\n"));
	play_say(&p, "STARTTLS\r\n", "220");
	play_secure(&p);
	play_say(&p, "EHLO c\r\n", "250");
	assert_false(play_said(&p, "STARTTLS"));
	assert_true(play_said(&p, "250-AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS\r\n"));
	play_end(&p);
	play_begin(&p, SMTP_KIND_MX);
	play_say(&p, "EHLO c\r\n", "250");
	assert_false(play_said(&p, "AUTH"));
	play_say(&p, "HELO c\r\n", "250");
	assert_true(play_said(&p, "250 mx.example.org\r\n"));
	play_end(&p);
}

static void
commands_out_of_place_are_refused_with_503(void **state)
{
	struct play p = {0};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	play_say(&p, "MAIL FROM:<a@b>\r\n", "503");
	assert_true(play_said(&p, "Say EHLO first"));
	play_say(&p, "EHLO c\r\n", "250");
	play_say(&p, "RCPT TO:<u@example.org>\r\n", "503");
	play_say(&p, "DATA\r\n", "503");
	play_say(&p, "MAIL FROM:<a@b>\r\n", "250");
	play_say(&p, "MAIL FROM:<a@b>\r\n", "503");
	play_say(&p, "DATA\r\n", "503");
	play_say(&p, "RCPT TO:<nobody@example.org>\r\n", "550");
	play_say(&p, "DATA\r\n", "554");
	play_say(&p, "LHLO c\r\n", "500");
	play_say(&p, "FOO\r\n", "500");
	play_say(&p, "\r\n", "500");
	play_say(&p, "RSET x\r\n", "501");
	play_say(&p, "EHLO\r\n", "501");
	play_say(&p, "EHLO a b\r\n", "501");
	play_say(&p, "EXPN x\r\n", "502");
	play_say(&p, "VRFY x\r\n", "252");
	play_say(&p, "HELP\r\n", "214");
	play_say(&p, "NOOP\r\n", "250");
	play_say(&p, "AUTH PLAIN good\r\n", "503");
	play_say(&p, "RSET\r\n", "250");
	play_say(&p, "AUTH PLAIN good\r\n", "502");
	play_end(&p);
}

static void
each_recipient_gets_its_own_reply(void **state)
{
	struct play p = {0};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	play_say(&p, "EHLO c\r\n", "250");
	play_say(&p, "MAIL FROM:<>\r\n", "250");
	play_say(&p, "RCPT TO:<nobody@example.org>\r\n", "550");
	assert_true(play_said(&p, "550 5.1.1 "));
	play_say(&p, "RCPT TO:<full@example.org>\r\n", "452");
	assert_true(play_said(&p, "452 4.2.2 "));
	play_say(&p, "RCPT TO:<x@elsewhere.example>\r\n", "554");
	assert_true(play_said(&p, "554 5.7.1 Relay access denied"));
	play_say(&p, "RCPT TO:<postmaster>\r\n", "250");
	play_say(&p, "RCPT TO:<u@example.org> NOTIFY=NEVER ORCPT=rfc822;o+40x\r\n", "250");
	play_say(&p, "DATA\r\n", "354");
	play_say(&p, ".\r\n", "250");
	assert_slice(buf_slice(&p.seen), "from= to=postmaster@example.org to=u@example.org;");
	assert_false(play_has(buf_slice(&p.head), "for <"));
	play_end(&p);
}

static const char pipelined[] = "EHLO c\r\nMAIL FROM:<a@b> BODY=8BITMIME SIZE=5\r\n"
				"RCPT TO:<u@example.org>\r\nRCPT TO:<nobody@x>\r\nDATA\r\n"
				"Subject: x\r\n\r\nb\r\n.\r\nMAIL FROM:<c@d>\r\n"
				"RCPT TO:<v@example.org>\r\nBDAT 3\r\nab\r"
				"BDAT 3 LAST\r\n\ncdQUIT\r\n";

static void
a_pipelined_session_is_the_same_in_pieces_of_any_size(void **state)
{
	struct slice whole = slice_str(pipelined);

	(void)state;
	for (size_t step = 1; step <= whole.n; step += step < 40 ? 1 : 37) {
		struct play p = {0};
		play_begin(&p, SMTP_KIND_MX);
		for (size_t at = 0; at < whole.n; at += step)
			play_feed(&p, slice_cut(whole, at, at + step));
		assert_slice(buf_slice(&p.seen),
			"from=a@b to=u@example.org;from=c@d to=v@example.org;");
		assert_slice(buf_slice(&p.body), "ab\r\ncd\r\n");
		assert_true(p.is_closed);
		assert_int_equal(p.queued, 2);
		assert_int_equal(p.drops, 0);
		play_end(&p);
	}
}

static void
a_session_cut_anywhere_leaves_nothing_behind(void **state)
{
	struct slice whole = slice_str(pipelined);

	(void)state;
	for (size_t n = 0; n < whole.n; n++) {
		struct play p = {0};
		play_begin(&p, SMTP_KIND_MX);
		play_feed(&p, slice_cut(whole, 0, n));
		assert_false(p.is_closed);
		assert_in_range(p.queued, 0, 2);
		play_end(&p);
	}
}

static void
xforward_is_heard_at_trusting_ports_and_lives_for_one_mail(void **state)
{
	struct play p = {0};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	play_say(&p, "EHLO c\r\nXFORWARD NAME=x\r\n", "250 502");
	assert_false(play_said(&p, "250-XFORWARD"));
	play_end(&p);
	play_begin(&p, SMTP_KIND_REINJECT);
	play_say(&p, "XFORWARD NAME=x\r\n", "503");
	play_say(&p, "EHLO c\r\n", "250");
	assert_true(
		play_said(&p, "250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE LOGIN\r\n"));
	play_say(&p, "XFORWARD ADDR=\r\nXFORWARD COLOUR=red\r\n", "501 555");
	play_say(&p, "XFORWARD NAME=first.test ADDR=192.0.2.1\r\nXFORWARD IDENT=Q+37\r\n",
		"250 250");
	play_say(&p, "MAIL FROM:<a@b>\r\nXFORWARD NAME=y\r\n", "250 503");
	play_say(&p, "RCPT TO:<elsewhere@x>\r\nRCPT TO:<nobody@x>\r\nDATA\r\n.\r\n",
		"250 550 354 250");
	assert_true(play_has(buf_slice(&p.repeat), "Q7"));
	assert_false(play_has(buf_slice(&p.repeat), "hash"));
	play_say(&p,
		"MAIL FROM:<a@b>\r\nRCPT TO:<u@example.org>\r\nDATA\r\nMessage-ID: "
		"<1>\r\n.\r\n",
		"250 250 354 250");
	assert_false(play_has(buf_slice(&p.repeat), "Q7"));
	assert_true(play_has(buf_slice(&p.repeat), "hash"));
	play_say(&p, "XFORWARD NAME=z\r\nRSET\r\nMAIL FROM:<a@b>\r\n", "250 250 250");
	assert_int_equal(
		smtp_session_envelope(p.s)->forward.fact[SMTP_CLIENT_FORWARD_NAME].n, 0);
	play_end(&p);
}

static void
xforward_without_mails_costs_bounded_memory(void **state)
{
	struct play p = {0};

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.junk_max = 3;
	p.lim.error_max = 2;
	play_begin(&p, SMTP_KIND_FILTER);
	play_say(&p, "EHLO c\r\nXFORWARD NAME=x\r\nXFORWARD NAME=x\r\n", "250 250 250");
	play_say(&p, "XFORWARD NAME=x\r\n", "250");
	play_say(&p, "XFORWARD NAME=x\r\n", "250 421");
	play_end(&p);
}

static void
who_is_not_of_its_networks_is_turned_away(void **state)
{
	struct smtp_setup setup = play_setup(SMTP_KIND_REINJECT);
	struct play p = {0};

	(void)state;
	play_begin_with(&p, &setup);
	buf_clear(&p.said);
	play_give(&p, (struct smtp_event){.kind = SMTP_EV_OPEN, .open.is_denied = true});
	assert_true(play_said(&p, "554 5.7.1 mx.example.org No service for you here\r\n"));
	assert_true(p.is_closed);
	play_end(&p);
}

static void
the_recipient_limit_holds_on_both_sides(void **state)
{
	struct play p = {0};

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.rcpt_max = 2;
	play_begin(&p, SMTP_KIND_MX);
	play_to_rcpt(&p);
	play_say(&p, "RCPT TO:<v@example.org>\r\nRCPT TO:<w@example.org>\r\n", "250 452");
	assert_true(play_said(&p, "452 4.5.3 "));
	play_end(&p);
}

static void
the_line_limits_hold_on_both_sides(void **state)
{
	struct play p = {0};
	char line[200];

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.line_max = 100;
	p.lim.auth_line_max = 150;
	play_begin(&p, SMTP_KIND_MX);
	memset(line, 'x', sizeof line);
	memcpy(line, "NOOP ", 5);
	memcpy(line + 98, "\r\n", 3);
	play_say(&p, line, "250");
	memset(line + 5, 'x', sizeof line - 5);
	memcpy(line + 99, "\r\n", 3);
	play_say(&p, line, "500");
	memset(line + 5, 'x', sizeof line - 5);
	memcpy(line + 180, "\r\n", 3);
	play_say(&p, line, "500");
	assert_true(play_said(&p, "500 5.5.2 Line too long"));
	for (size_t i = 0; i < 1000; i++)
		play_feed(
			&p, SLICE_LIT("yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"));
	play_say(&p, "\r\nNOOP\r\n", "500 250");
	assert_int_equal(p.in.n, 0);
	play_end(&p);
}

static void
odd_octets_in_commands_are_refused(void **state)
{
	struct play p = {0};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	play_say(&p, "NOOP\n", "500");
	play_say(&p, "NO\rOP\r\n", "500");
	play_say(&p, "NOOP \xc3\xbc\r\n", "501");
	play_say(&p, "NOOP \xff\r\n", "501");
	play_feed(&p, SLICE_LIT("NOOP \0\r\n"));
	play_say(&p, "EHLO c\r\n", "250");
	play_say(&p, "MAIL FROM:<\xc3\xbc@b>\r\n", "553");
	play_say(&p, "MAIL FROM:<\xc3\xbc@b> SMTPUTF8\r\n", "250");
	play_say(&p, "RCPT TO:<\xc3\xbc@example.org>\r\n", "250");
	play_say(&p, "DATA\r\n", "354");
	play_say(&p, ".\r\n", "250");
	assert_true(play_has(buf_slice(&p.head), "with UTF8SMTP id"));
	play_end(&p);
}

static void
too_many_errors_end_the_session(void **state)
{
	struct play p = {0};

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.error_max = 3;
	play_begin(&p, SMTP_KIND_MX);
	play_say(&p, "X\r\nX\r\n", "500 500");
	play_say(&p, "X\r\nNOOP\r\n", "500 421");
	assert_true(play_said(&p, "421 4.7.0 "));
	assert_true(p.is_closed);
	play_say(&p, "NOOP\r\n", "");
	play_end(&p);
}

static void
junk_commands_become_errors_past_their_limit(void **state)
{
	struct play p = {0};

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.error_max = 2;
	p.lim.junk_max = 3;
	play_begin(&p, SMTP_KIND_MX);
	play_say(&p, "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n", "250 250 250 250");
	play_say(&p, "NOOP\r\n", "250 421");
	play_end(&p);
}

static void
an_accepted_mail_forgives_errors(void **state)
{
	struct play p = {0};

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.error_max = 3;
	play_begin(&p, SMTP_KIND_MX);
	play_say(&p, "X\r\nX\r\n", "500 500");
	play_to_rcpt(&p);
	play_say(&p, "BDAT 0 LAST\r\n", "250");
	play_say(&p, "X\r\nX\r\n", "500 500");
	play_end(&p);
}

static void
web_forms_and_tls_on_the_plain_port_end_the_session(void **state)
{
	struct play p = {0};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	play_say(&p, "POST / HTTP/1.1\r\nMAIL FROM:<a@b>\r\n", "421");
	assert_true(p.is_closed);
	play_end(&p);
	p.is_closed = false;
	play_begin(&p, SMTP_KIND_MX);
	play_say(&p, "\x16\x03\x01", "500");
	assert_true(p.is_closed);
	play_end(&p);
}

static void
what_was_sent_before_the_handshake_is_dropped(void **state)
{
	struct play p = {0};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	play_to_rcpt(&p);
	play_say(&p, "STARTTLS\r\nRCPT TO:<evil@example.org>\r\n", "220");
	assert_true(p.is_tls);
	assert_int_equal(p.in.n, 0);
	play_say(&p, "NOOP\r\n", "");
	buf_clear(&p.in);
	play_secure(&p);
	play_say(&p, "RCPT TO:<u@example.org>\r\n", "503");
	assert_true(play_said(&p, "Say EHLO first"));
	play_say(&p, "STARTTLS\r\n", "503");
	play_to_rcpt(&p);
	play_say(&p, "DATA\r\n", "354");
	play_say(&p, ".\r\n", "250");
	assert_true(play_has(buf_slice(&p.head), "with ESMTPS id"));
	assert_true(play_has(buf_slice(&p.head), "tls TLS_AES_128_GCM_SHA256;"));
	play_end(&p);
}

static void
a_failed_handshake_ends_the_session(void **state)
{
	struct play p = {0};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	play_say(&p, "STARTTLS\r\n", "220");
	play_give(&p, (struct smtp_event){.kind = SMTP_EV_SECURE});
	assert_true(p.is_closed);
	play_end(&p);
	p.is_closed = false;
	struct smtp_setup su = play_setup(SMTP_KIND_MX);
	su.may_starttls = false;
	play_begin_with(&p, &su);
	play_say(&p, "EHLO c\r\n", "250");
	assert_false(play_said(&p, "STARTTLS"));
	play_say(&p, "STARTTLS\r\n", "502");
	play_end(&p);
}

static void
begin_secure_submission(struct play *p)
{
	struct smtp_setup su = play_setup(SMTP_KIND_SUBMISSION);

	su.tls_cipher = SLICE_LIT("TLS_AES_128_GCM_SHA256");
	play_begin_with(p, &su);
	play_say(p, "EHLO c\r\n", "250");
}

static void
submission_wants_login_and_an_own_sender(void **state)
{
	struct play p = {0};

	(void)state;
	begin_secure_submission(&p);
	play_say(&p, "MAIL FROM:<u@example.org>\r\n", "530");
	play_say(&p, "AUTH CRAM-MD5\r\n", "504");
	play_say(&p, "AUTH PLAIN a b\r\n", "501");
	play_say(&p, "AUTH PLAIN good\r\n", "235");
	play_say(&p, "AUTH PLAIN good\r\n", "503");
	play_say(&p, "MAIL FROM:<x@example.org>\r\n", "553");
	play_say(&p, "MAIL FROM:<>\r\n", "250");
	play_say(&p, "RSET\r\n", "250");
	play_say(&p, "MAIL FROM:<u@example.org> AUTH=<>\r\n", "250");
	play_say(&p, "RCPT TO:<x@elsewhere.example>\r\n", "250");
	play_say(&p, "RCPT TO:<v@example.org>\r\n", "250");
	play_say(&p, "DATA\r\n", "354");
	play_say(&p, "Subject: x\r\n\r\n.\r\n", "250");
	assert_true(play_has(buf_slice(&p.head), "with ESMTPSA id"));
	assert_true(
		play_has(buf_slice(&p.head), "\r\nDate: Tue, 24 Nov 2026 14:52:33 +0000\r\n"));
	assert_true(play_has(
		buf_slice(&p.head), "\r\nMessage-ID: <1795531953.sess.1@mx.example.org>\r\n"));
	assert_int_equal(p.env.added_id.n, strlen("<1795531953.sess.1@mx.example.org>"));
	assert_int_equal(p.env.account, 7);
	play_end(&p);
}

static void
a_service_account_may_send_as_anybody(void **state)
{
	struct play p = {0};

	(void)state;
	begin_secure_submission(&p);
	play_say(&p, "AUTH PLAIN service\r\n", "235");
	play_say(&p, "MAIL FROM:<x@y.example>\r\n", "250");
	play_end(&p);
}

/* Logged in. */
static void
begin_submission(struct play *p, const char *login)
{
	struct smtp_setup su = play_setup(SMTP_KIND_SUBMISSION);

	su.tls_cipher = SLICE_LIT("X");
	play_begin_with(p, &su);
	play_say(p, "EHLO c.example\r\n", "250");
	play_say(p, login, "235");
}

static void
who_has_reached_the_sending_limit_hears_it_before_the_mail(void **state)
{
	struct play p = {.sending_max = 5, .sent = 5};

	(void)state;
	begin_submission(&p, "AUTH PLAIN good\r\n");
	play_say(&p, "MAIL FROM:<u@example.org>\r\n", "450");
	assert_true(play_said(&p, "450 4.7.1 You have reached your sending limit of 5 "
				  "recipients per hour, try again after 12:00\r\n"));
	play_say(&p, "RCPT TO:<a@b.example>\r\nDATA\r\n", "503 503");
	play_say(&p, "MAIL FROM:<>\r\n", "450");
	p.sent = 4;
	play_say(&p, "MAIL FROM:<u@example.org>\r\nRCPT TO:<a@b.example>\r\n", "250 250");
	play_say(&p, "DATA\r\n.\r\n", "354 250");
	play_end(&p);
	p = (struct play){.sending_max = 5, .sent = 5};
	begin_submission(&p, "AUTH PLAIN service\r\n");
	play_say(&p, "MAIL FROM:<x@else.test>\r\n", "450");
	play_end(&p);
}

static void
a_mail_beyond_the_sending_limit_is_refused_whole_and_unsent(void **state)
{
	struct play p = {.sending_max = 5, .sent = 4};

	(void)state;
	begin_submission(&p, "AUTH PLAIN good\r\n");
	for (int i = 0; i < 2; i++) {
		play_say(&p, "MAIL FROM:<u@example.org>\r\n", "250");
		play_say(&p, "RCPT TO:<a@b.example>\r\nRCPT TO:<c@b.example>\r\nDATA\r\n",
			"250 250 450");
	}
	assert_int_equal(p.begins, 0);
	play_say(&p, "DATA\r\n", "503");
	p.sent = 3;
	play_say(&p, "MAIL FROM:<u@example.org>\r\nRCPT TO:<a@b.example>\r\n", "250 250");
	play_say(&p, "RCPT TO:<c@b.example>\r\nDATA\r\n.\r\n", "250 354 250");
	assert_int_equal(p.queued, 1);
	play_end(&p);
}

static void
a_refused_chunk_is_swallowed_and_the_next_mail_is_taken(void **state)
{
	struct play p = {.sending_max = 5, .sent = 4};

	(void)state;
	begin_submission(&p, "AUTH PLAIN good\r\n");
	play_say(&p, "MAIL FROM:<u@example.org>\r\n", "250");
	play_say(&p, "RCPT TO:<a@b.example>\r\nRCPT TO:<c@b.example>\r\n", "250 250");
	play_say(&p, "BDAT 6\r\nQUIT\r\n", "450");
	assert_true(play_said(&p, "try again after 12:00\r\n"));
	play_say(&p, "BDAT 6 LAST\r\nQUIT\r\n", "503");
	play_say(&p, "MAIL FROM:<u@example.org>\r\n", "250");
	play_say(&p, "RCPT TO:<a@b.example>\r\nRCPT TO:<c@b.example>\r\n", "250 250");
	play_say(&p, "BDAT 6 LAST\r\nQUIT\r\n", "450");
	play_say(&p, "MAIL FROM:<u@example.org>\r\nRCPT TO:<a@b.example>\r\n", "250 250");
	play_say(&p, "BDAT 3\r\nabcBDAT 2 LAST\r\n\r\n", "250 250");
	assert_int_equal(p.queued, 1);
	assert_int_equal(p.begins, 1);
	play_end(&p);
}

static void
recipients_that_never_fit_the_sending_limit_come_in_another_mail(void **state)
{
	struct play p = {.sending_max = 2};

	(void)state;
	begin_submission(&p, "AUTH PLAIN good\r\n");
	play_say(&p, "MAIL FROM:<u@example.org>\r\n", "250");
	play_say(&p, "RCPT TO:<a@b.example>\r\nRCPT TO:<c@b.example>\r\n", "250 250");
	play_say(&p, "RCPT TO:<d@b.example>\r\n", "452");
	assert_true(play_said(
		&p, "452 4.5.3 Too many recipients: your sending limit is 2 at a time\r\n"));
	play_say(&p, "DATA\r\n.\r\n", "354 250");
	assert_true(play_has(buf_slice(&p.seen), "to=a@b.example to=c@b.example;"));
	play_end(&p);
}

static void
a_sending_limit_that_is_unknown_or_the_store_s_puts_the_mail_off(void **state)
{
	struct play p = {.sending_error = ERR_BUSY};

	(void)state;
	begin_submission(&p, "AUTH PLAIN good\r\n");
	play_say(&p, "MAIL FROM:<u@example.org>\r\n", "451");
	p.sending_error = ERR_OK;
	p.sending_max = 9;
	p.queue_error = ERR_QUOTA;
	play_say(&p, "MAIL FROM:<u@example.org>\r\nRCPT TO:<a@b.example>\r\n", "250 250");
	play_say(&p, "DATA\r\n.\r\n", "354 450");
	assert_true(play_said(&p,
		"450 4.7.1 You have reached your sending limit of 9 recipients per day\r\n"));
	p.queue_error = ERR_OK;
	play_say(&p, "MAIL FROM:<u@example.org>\r\nRCPT TO:<a@b.example>\r\n", "250 250");
	play_say(&p, "DATA\r\n.\r\n", "354 250");
	play_end(&p);
}

static void
who_is_not_logged_in_has_no_sending_limit(void **state)
{
	static const enum smtp_kind kinds[] = {
		SMTP_KIND_MX, SMTP_KIND_REINJECT, SMTP_KIND_FILTER};
	struct play p = {.sending_max = 1, .sent = 1};

	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		p.queued = 0;
		play_begin(&p, kinds[i]);
		play_to_rcpt(&p);
		play_say(&p, "RCPT TO:<v@example.org>\r\nDATA\r\n.\r\n", "250 354 250");
		play_end(&p);
	}
}

static void
login_without_tls_is_refused_but_where_loopback_is_trusted(void **state)
{
	struct play p = {0};
	struct smtp_setup su = play_setup(SMTP_KIND_SUBMISSION);

	(void)state;
	play_begin_with(&p, &su);
	play_say(&p, "EHLO c\r\n", "250");
	play_say(&p, "AUTH PLAIN good\r\n", "538");
	play_say(&p, "MAIL FROM:<u@example.org>\r\n", "530");
	assert_true(play_said(&p, "STARTTLS"));
	play_end(&p);
	su.trusts_loopback = true;
	play_begin_with(&p, &su);
	play_say(&p, "EHLO c\r\n", "250");
	play_say(&p, "AUTH SCRAM-SHA-256-PLUS\r\n", "504");
	play_say(&p, "AUTH PLAIN good\r\n", "235");
	play_say(&p, "STARTTLS\r\n", "220");
	play_secure(&p);
	play_say(&p, "EHLO c\r\n", "250");
	play_say(&p, "MAIL FROM:<u@example.org>\r\n", "530");
	play_end(&p);
}

static void
the_login_exchange_is_relayed_line_by_line(void **state)
{
	struct play p = {0};

	(void)state;
	begin_secure_submission(&p);
	play_say(&p, "AUTH LOGIN\r\n", "334");
	assert_true(play_said(&p, "334 Y2hhbGxlbmdl\r\n"));
	play_say(&p, "*\r\n", "501");
	play_say(&p, "AUTH LOGIN\r\n!\r\n", "334 501");
	play_say(&p, "AUTH LOGIN\r\nslow\r\n", "334 454");
	play_say(&p, "AUTH LOGIN\r\nbad\n", "334 500");
	play_say(&p, "AUTH LOGIN\r\nbad\r\n", "334 535");
	play_say(&p, "AUTH LOGIN\r\ngood\r\n", "334 235");
	play_end(&p);
}

static void
failed_logins_end_the_session_at_their_limit(void **state)
{
	struct play p = {0};

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.auth_failure_max = 2;
	begin_secure_submission(&p);
	play_say(&p, "AUTH PLAIN bad\r\n", "535");
	play_say(&p, "AUTH PLAIN bad\r\n", "421");
	assert_true(p.is_closed);
	play_end(&p);
}

static void
a_login_line_too_long_drops_the_exchange(void **state)
{
	struct play p = {0};
	char line[12400];

	(void)state;
	memset(line, 'a', sizeof line);
	strcpy(line + 12390, "\r\n");
	begin_secure_submission(&p);
	play_say(&p, "AUTH LOGIN\r\n", "334");
	play_say(&p, line, "500");
	assert_true(play_said(&p, "500 5.5.6"));
	play_say(&p, "NOOP\r\n", "250");
	play_end(&p);
}

static void
lmtp_says_one_reply_for_each_recipient(void **state)
{
	struct play p = {0};

	(void)state;
	play_begin(&p, SMTP_KIND_LMTP);
	assert_true(play_said(&p, "LMTP"));
	play_say(&p, "EHLO c\r\n", "500");
	play_say(&p, "LHLO c\r\n", "250");
	play_say(&p, "MAIL FROM:<a@b>\r\n", "250");
	play_say(&p,
		"RCPT TO:<u@example.org>\r\nRCPT TO:<nobody@x>\r\nRCPT TO:<v@example.org>\r\n",
		"250 550 250");
	play_say(&p, "DATA\r\n", "354");
	play_say(&p, ".\r\n", "250 250");
	assert_true(play_has(buf_slice(&p.head), "with LMTP id"));
	play_say(&p, "MAIL FROM:<a@b>\r\n", "250");
	play_say(&p, "RCPT TO:<u@example.org>\r\nRCPT TO:<v@example.org>\r\n", "250 250");
	play_say(&p, "DATA\r\n", "354");
	play_say(&p, "\n\r\n.\r\n", "550 550");
	p.queue_error = ERR_FULL;
	play_say(&p, "MAIL FROM:<a@b>\r\n", "250");
	play_say(&p, "RCPT TO:<u@example.org>\r\nRCPT TO:<v@example.org>\r\n", "250 250");
	play_say(&p, "BDAT 0 LAST\r\n", "452 452");
	play_end(&p);
}

/* --- time --- */

static void
silence_ends_the_session_at_its_deadline_and_not_before(void **state)
{
	struct play p = {0};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	assert_int_equal(smtp_session_due_ms(p.s), p.now_ms + 300000);
	play_tick(&p, 299999);
	assert_false(p.is_closed);
	play_feed(&p, SLICE_LIT("NOO")); /* half a command is no command */
	play_tick(&p, 1);
	assert_true(play_said(&p, "421 4.4.2 mx.example.org Timeout"));
	assert_true(p.is_closed);
	assert_int_equal(smtp_session_due_ms(p.s), UINT64_MAX);
	play_end(&p);
}

static void
a_transaction_has_a_deadline_of_its_own(void **state)
{
	struct play p = {0};

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.transaction_ms = 1000;
	play_begin(&p, SMTP_KIND_MX);
	play_to_rcpt(&p);
	play_tick(&p, 999);
	play_say(&p, "NOOP\r\n", "250");
	assert_false(p.is_closed);
	play_tick(&p, 1);
	assert_true(p.is_closed);
	play_end(&p);
}

static void
our_own_slowness_never_times_a_client_out(void **state)
{
	struct play p = {0};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	play_to_rcpt(&p);
	p.is_silent = true;
	play_say(&p, "BDAT 0 LAST\r\n", "");
	assert_int_equal(smtp_session_due_ms(p.s), UINT64_MAX);
	play_tick(&p, 999999999);
	assert_int_equal(p.said.n, 0);
	play_say(&p, "NOOP\r\n", ""); /* nothing is taken while a question is open */
	assert_int_equal(p.in.n, 6);
	play_end(&p);
}

static void
shutdown_waits_for_the_answer_that_is_open(void **state)
{
	struct play p = {0};
	struct smtp_event ev = {.kind = SMTP_EV_QUEUED};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	play_to_rcpt(&p);
	p.is_silent = true;
	play_say(&p, "BDAT 0 LAST\r\n", "");
	play_give(&p, (struct smtp_event){.kind = SMTP_EV_SCORED});
	play_give(&p, (struct smtp_event){.kind = SMTP_EV_SHUTDOWN});
	assert_int_equal(p.said.n, 0);
	p.is_silent = false;
	ev.queued.id = SLICE_LIT("Q9");
	play_give(&p, ev);
	assert_true(play_said(&p, "queued as Q9\r\n421 4.3.2 "));
	assert_true(p.is_closed);
	play_end(&p);
	p.is_closed = false;
	play_begin(&p, SMTP_KIND_MX);
	play_give(&p, (struct smtp_event){.kind = SMTP_EV_SHUTDOWN});
	assert_true(play_said(&p, "421 4.3.2 "));
	play_end(&p);
	p.is_closed = false;
	play_begin(&p, SMTP_KIND_MX);
	play_give(&p, (struct smtp_event){.kind = SMTP_EV_ACCOUNT_CHANGED});
	assert_true(play_said(&p, "421 4.7.0 "));
	play_end(&p);
}

static void
a_client_over_its_limits_is_told_and_left(void **state)
{
	struct play p = {0};

	(void)state;
	play_begin(&p, SMTP_KIND_MX);
	buf_clear(&p.said);
	play_give(&p, (struct smtp_event){.kind = SMTP_EV_OPEN, .open.is_refused = true});
	assert_true(play_said(&p, "421 4.7.0 mx.example.org Too many"));
	assert_true(p.is_closed);
	play_end(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xforward_is_heard_at_trusting_ports_and_lives_for_one_mail),
		cmocka_unit_test(xforward_without_mails_costs_bounded_memory),
		cmocka_unit_test(who_is_not_of_its_networks_is_turned_away),
		cmocka_unit_test(ehlo_offers_what_is_true_of_the_listener),
		cmocka_unit_test(commands_out_of_place_are_refused_with_503),
		cmocka_unit_test(each_recipient_gets_its_own_reply),
		cmocka_unit_test(a_pipelined_session_is_the_same_in_pieces_of_any_size),
		cmocka_unit_test(a_session_cut_anywhere_leaves_nothing_behind),
		cmocka_unit_test(the_recipient_limit_holds_on_both_sides),
		cmocka_unit_test(the_line_limits_hold_on_both_sides),
		cmocka_unit_test(odd_octets_in_commands_are_refused),
		cmocka_unit_test(too_many_errors_end_the_session),
		cmocka_unit_test(junk_commands_become_errors_past_their_limit),
		cmocka_unit_test(an_accepted_mail_forgives_errors),
		cmocka_unit_test(web_forms_and_tls_on_the_plain_port_end_the_session),
		cmocka_unit_test(what_was_sent_before_the_handshake_is_dropped),
		cmocka_unit_test(a_failed_handshake_ends_the_session),
		cmocka_unit_test(submission_wants_login_and_an_own_sender),
		cmocka_unit_test(a_service_account_may_send_as_anybody),
		cmocka_unit_test(who_has_reached_the_sending_limit_hears_it_before_the_mail),
		cmocka_unit_test(a_mail_beyond_the_sending_limit_is_refused_whole_and_unsent),
		cmocka_unit_test(a_refused_chunk_is_swallowed_and_the_next_mail_is_taken),
		cmocka_unit_test(
			recipients_that_never_fit_the_sending_limit_come_in_another_mail),
		cmocka_unit_test(
			a_sending_limit_that_is_unknown_or_the_store_s_puts_the_mail_off),
		cmocka_unit_test(who_is_not_logged_in_has_no_sending_limit),
		cmocka_unit_test(login_without_tls_is_refused_but_where_loopback_is_trusted),
		cmocka_unit_test(the_login_exchange_is_relayed_line_by_line),
		cmocka_unit_test(failed_logins_end_the_session_at_their_limit),
		cmocka_unit_test(a_login_line_too_long_drops_the_exchange),
		cmocka_unit_test(lmtp_says_one_reply_for_each_recipient),
		cmocka_unit_test(silence_ends_the_session_at_its_deadline_and_not_before),
		cmocka_unit_test(a_transaction_has_a_deadline_of_its_own),
		cmocka_unit_test(our_own_slowness_never_times_a_client_out),
		cmocka_unit_test(shutdown_waits_for_the_answer_that_is_open),
		cmocka_unit_test(a_client_over_its_limits_is_told_and_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
