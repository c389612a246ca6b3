#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "smtp/smtp_repeat.h"
#include "smtp/smtp_session.h"

/* A driver that plays directory, auth, filter and store. */
struct play {
	struct smtp_session *s;
	struct smtp_limits lim;
	uint64_t now_ms;
	struct buf in, said, body, head, seen;
	bool is_closed, is_tls, was_dropped;
	unsigned begins, drops, lifts, queued;
	enum err queue_error, score_error;
	const char *refusal;
	bool has_unread, is_silent; /* silent: questions stay open */
	struct buf repeat;
	struct smtp_envelope env; /* its slices die with the transaction */
	size_t rcpt_n;
};

static struct smtp_setup
setup_of(enum smtp_kind kind)
{
	return (struct smtp_setup){.kind = kind,
		.hostname = SLICE_LIT("mx.example.org"),
		.client_ip = SLICE_LIT("192.0.2.7"),
		.id = SLICE_LIT("sess"),
		.may_starttls = true,
		.offers_scram = true};
}

static void give(struct play *p, struct smtp_event ev);

static bool
has(struct slice in, const char *what)
{
	return slice_find_slice(in, slice_str(what)) < in.n;
}

static void
answer_rcpt(struct play *p, struct slice path)
{
	struct smtp_event ev = {.kind = SMTP_EV_RCPT};

	ev.rcpt.rcpt_class = SMTP_RCPT_LOCAL;
	if (has(path, "nobody"))
		ev.rcpt.rcpt_class = SMTP_RCPT_NO_USER;
	else if (has(path, "full"))
		ev.rcpt.rcpt_class = SMTP_RCPT_OVER_QUOTA;
	else if (has(path, "elsewhere"))
		ev.rcpt.rcpt_class = SMTP_RCPT_REMOTE;
	else if (slice_eq_nocase(path, SLICE_LIT("postmaster")))
		ev.rcpt.address = SLICE_LIT("postmaster@example.org");
	give(p, ev);
}

static void
answer_auth(struct play *p, const struct smtp_act *act)
{
	struct smtp_event ev = {.kind = SMTP_EV_AUTH};
	struct slice text = act->kind == SMTP_ACT_AUTH_BEGIN ? act->slice2 : act->slice;

	if (!text.p)
		ev.auth.outcome = SMTP_AUTH_CONTINUE;
	else if (slice_eq(text, SLICE_LIT("good")))
		ev.auth.outcome = SMTP_AUTH_ACCEPTED;
	else if (slice_eq(text, SLICE_LIT("service")))
		ev.auth.outcome = SMTP_AUTH_ACCEPTED;
	else if (slice_eq(text, SLICE_LIT("*")))
		ev.auth.outcome = SMTP_AUTH_CANCELLED;
	else if (slice_eq(text, SLICE_LIT("!")))
		ev.auth.outcome = SMTP_AUTH_MALFORMED;
	else if (slice_eq(text, SLICE_LIT("slow")))
		ev.auth.outcome = SMTP_AUTH_THROTTLED;
	else
		ev.auth.outcome = SMTP_AUTH_REFUSED;
	ev.auth.text = SLICE_LIT("Y2hhbGxlbmdl");
	ev.auth.user = SLICE_LIT("u@example.org");
	ev.auth.account = 7;
	ev.auth.may_relay = slice_eq(text, SLICE_LIT("service"));
	give(p, ev);
}

static void
answer_queue(struct play *p)
{
	const struct smtp_envelope *e = smtp_session_envelope(p->s);
	struct smtp_event ev = {.kind = SMTP_EV_QUEUED};
	struct arena a;

	arena_init(&a, 0);
	p->env = *e;
	p->rcpt_n = e->rcpt_n;
	buf_clear(&p->repeat);
	smtp_repeat_material(e, SLICE_LIT("hash"), &a, &p->repeat);
	arena_reset(&a);
	buf_put_str(&p->seen, "from=");
	buf_put_slice(&p->seen, e->sender);
	for (size_t i = 0; i < e->rcpt_n; i++) {
		buf_put_str(&p->seen, " to=");
		buf_put_slice(&p->seen, e->rcpt[i].address);
	}
	buf_put_str(&p->seen, ";");
	p->queued++;
	ev.queued.e = p->queue_error;
	ev.queued.id = SLICE_LIT("Q1");
	ev.queued.has_unread = p->has_unread;
	give(p, ev);
}

static void
act_on(struct play *p, const struct smtp_act *act)
{
	switch (act->kind) {
	case SMTP_ACT_ASK_SENDER:
		give(p, (struct smtp_event){.kind = SMTP_EV_SENDER,
				.sender = has(act->slice, "u@example.org")
						  ? SMTP_SENDER_OWN
						  : SMTP_SENDER_OTHER});
		break;
	case SMTP_ACT_ASK_RCPT:
		answer_rcpt(p, act->slice);
		break;
	case SMTP_ACT_AUTH_BEGIN:
	case SMTP_ACT_AUTH_LINE:
		answer_auth(p, act);
		break;
	case SMTP_ACT_AUTH_DROP:
		break;
	case SMTP_ACT_START_TLS:
		buf_clear(&p->in);
		p->is_tls = true;
		break;
	case SMTP_ACT_BODY_BEGIN:
		p->begins++;
		buf_clear(&p->body);
		break;
	case SMTP_ACT_BODY:
		buf_put_slice(&p->body, act->slice);
		break;
	case SMTP_ACT_BODY_DROP:
		p->drops++;
		break;
	case SMTP_ACT_ASK_SCORE: {
		struct smtp_event ev = {.kind = SMTP_EV_SCORED};
		ev.scored.e = p->score_error;
		ev.scored.reply = slice_str(p->refusal);
		buf_clear(&p->head);
		buf_put_slice(&p->head, act->slice);
		give(p, ev);
		break;
	}
	case SMTP_ACT_ASK_QUEUE:
		answer_queue(p);
		break;
	case SMTP_ACT_LIFT:
		p->lifts++;
		break;
	case SMTP_ACT_CLOSE:
		p->is_closed = true;
		break;
	}
}

static void
give(struct play *p, struct smtp_event ev)
{
	struct smtp_acts acts;

	ev.now_ms = p->now_ms;
	ev.now_sec = 1795531953;
	smtp_session_step(p->s, &ev, &acts);
	buf_put_slice(&p->said, acts.reply);
	if (ev.kind == SMTP_EV_INPUT) {
		/* acts borrow from the input: drop it only afterwards */
		struct slice rest = slice_from(ev.input, acts.consumed);
		struct buf keep;
		for (size_t i = 0; i < acts.n && !p->is_silent; i++)
			if (acts.act[i].kind == SMTP_ACT_START_TLS)
				rest = SLICE_EMPTY;
		for (size_t i = 0; i < acts.n && !p->is_silent; i++)
			act_on(p, &acts.act[i]);
		buf_init(&keep, 1 << 24);
		buf_put_slice(&keep, rest);
		buf_clear(&p->in);
		buf_put_slice(&p->in, buf_slice(&keep));
		buf_fini(&keep);
		if (acts.consumed && p->in.n)
			give(p, (struct smtp_event){
					.kind = SMTP_EV_INPUT, .input = buf_slice(&p->in)});
		return;
	}
	for (size_t i = 0; i < acts.n && !p->is_silent; i++)
		act_on(p, &acts.act[i]);
}

static void
begin_with(struct play *p, const struct smtp_setup *setup)
{
	struct smtp_setup su = *setup;

	if (p->lim.line_max == 0)
		smtp_session_limits_default(&p->lim);
	su.limits = &p->lim;
	p->s = smtp_session_new(&su);
	p->now_ms = 1000000;
	buf_init(&p->in, 1 << 24);
	buf_init(&p->said, 1 << 24);
	buf_init(&p->body, 1 << 24);
	buf_init(&p->head, 1 << 20);
	buf_init(&p->seen, 1 << 20);
	buf_init(&p->repeat, 1 << 20);
	give(p, (struct smtp_event){.kind = SMTP_EV_OPEN});
}

static void
begin(struct play *p, enum smtp_kind kind)
{
	struct smtp_setup setup = setup_of(kind);

	begin_with(p, &setup);
}

static void
end(struct play *p)
{
	smtp_session_free(p->s);
	buf_fini(&p->in);
	buf_fini(&p->said);
	buf_fini(&p->body);
	buf_fini(&p->head);
	buf_fini(&p->seen);
	buf_fini(&p->repeat);
}

static void
feed(struct play *p, struct slice s)
{
	buf_put_slice(&p->in, s);
	give(p, (struct smtp_event){.kind = SMTP_EV_INPUT, .input = buf_slice(&p->in)});
}

/* Sends text, expects exactly these codes: "250 354". */
static void
say(struct play *p, const char *text, const char *codes)
{
	char got[4096] = "";
	struct slice rest;

	buf_clear(&p->said);
	feed(p, slice_str(text));
	rest = buf_slice(&p->said);
	while (rest.n) {
		size_t lf = slice_find(rest, '\n');
		assert_true(lf > 3 && lf < rest.n && rest.p[lf - 1] == '\r');
		if (rest.p[3] == ' ' && strlen(got) + 5 < sizeof got) {
			if (got[0])
				strcat(got, " ");
			strncat(got, (const char *)rest.p, 3);
		}
		rest = slice_from(rest, lf + 1);
	}
	if (strcmp(got, codes) != 0)
		fail_msg("to %.60s\n  said %s, not %s", text, got, codes);
}

static bool
said(const struct play *p, const char *what)
{
	return has(buf_slice(&p->said), what);
}

static void
to_rcpt(struct play *p)
{
	say(p, "EHLO c.example\r\n", "250");
	say(p, "MAIL FROM:<a@b.example>\r\n", "250");
	say(p, "RCPT TO:<u@example.org>\r\n", "250");
}

static void
secure(struct play *p)
{
	struct smtp_event ev = {.kind = SMTP_EV_SECURE};

	ev.secure.is_done = true;
	ev.secure.cipher = SLICE_LIT("TLS_AES_128_GCM_SHA256");
	give(p, ev);
}

/* --- dialogs --- */

static void
a_plain_mail_is_taken_and_its_body_is_exact(void **state)
{
	struct play p = {0};

	(void)state;
	begin(&p, SMTP_KIND_MX);
	assert_true(said(&p, "220 mx.example.org ESMTP"));
	to_rcpt(&p);
	say(&p, "DATA\r\n", "354");
	say(&p, "Message-ID: <1@x>\r\n\r\n..hi\r\n.\r\n", "250");
	assert_true(said(&p, "250 2.0.0 Ok: queued as Q1\r\n"));
	assert_slice(buf_slice(&p.body), "Message-ID: <1@x>\r\n\r\n.hi\r\n");
	assert_slice(buf_slice(&p.seen), "from=a@b.example to=u@example.org;");
	assert_slice(buf_slice(&p.head),
		"Return-Path: <a@b.example>\r\n"
		"Received: from c.example (unknown [192.0.2.7])\r\n"
		"\tby mx.example.org (hairpin) with ESMTP id sess.1\r\n"
		"\tfor <u@example.org>;\r\n\tTue, 24 Nov 2026 14:52:33 +0000\r\n");
	say(&p, "QUIT\r\n", "221");
	assert_true(p.is_closed);
	assert_int_equal(p.begins, 1);
	assert_int_equal(p.drops, 0);
	end(&p);
}

static void
ehlo_offers_what_is_true_of_the_listener(void **state)
{
	struct play p = {0};
	struct smtp_setup su = setup_of(SMTP_KIND_SUBMISSION);

	(void)state;
	begin_with(&p, &su);
	say(&p, "EHLO c\r\n", "250");
	assert_true(said(&p, "250-STARTTLS\r\n"));
	assert_false(said(&p, "AUTH"));
	assert_true(said(&p, "250-SIZE 52428800\r\n"));
	say(&p, "STARTTLS\r\n", "220");
	secure(&p);
	say(&p, "EHLO c\r\n", "250");
	assert_false(said(&p, "STARTTLS"));
	assert_true(said(&p, "250-AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS\r\n"));
	end(&p);
	begin(&p, SMTP_KIND_MX);
	say(&p, "EHLO c\r\n", "250");
	assert_false(said(&p, "AUTH"));
	say(&p, "HELO c\r\n", "250");
	assert_true(said(&p, "250 mx.example.org\r\n"));
	end(&p);
}

static void
commands_out_of_place_are_refused_with_503(void **state)
{
	struct play p = {0};

	(void)state;
	begin(&p, SMTP_KIND_MX);
	say(&p, "MAIL FROM:<a@b>\r\n", "503");
	assert_true(said(&p, "Say EHLO first"));
	say(&p, "EHLO c\r\n", "250");
	say(&p, "RCPT TO:<u@example.org>\r\n", "503");
	say(&p, "DATA\r\n", "503");
	say(&p, "MAIL FROM:<a@b>\r\n", "250");
	say(&p, "MAIL FROM:<a@b>\r\n", "503");
	say(&p, "DATA\r\n", "503");
	say(&p, "RCPT TO:<nobody@example.org>\r\n", "550");
	say(&p, "DATA\r\n", "554");
	say(&p, "LHLO c\r\n", "500");
	say(&p, "FOO\r\n", "500");
	say(&p, "\r\n", "500");
	say(&p, "RSET x\r\n", "501");
	say(&p, "EHLO\r\n", "501");
	say(&p, "EHLO a b\r\n", "501");
	say(&p, "EXPN x\r\n", "502");
	say(&p, "VRFY x\r\n", "252");
	say(&p, "HELP\r\n", "214");
	say(&p, "NOOP\r\n", "250");
	say(&p, "AUTH PLAIN good\r\n", "503");
	say(&p, "RSET\r\n", "250");
	say(&p, "AUTH PLAIN good\r\n", "502");
	end(&p);
}

static void
each_recipient_gets_its_own_reply(void **state)
{
	struct play p = {0};

	(void)state;
	begin(&p, SMTP_KIND_MX);
	say(&p, "EHLO c\r\n", "250");
	say(&p, "MAIL FROM:<>\r\n", "250");
	say(&p, "RCPT TO:<nobody@example.org>\r\n", "550");
	assert_true(said(&p, "550 5.1.1 "));
	say(&p, "RCPT TO:<full@example.org>\r\n", "452");
	assert_true(said(&p, "452 4.2.2 "));
	say(&p, "RCPT TO:<x@elsewhere.example>\r\n", "554");
	assert_true(said(&p, "554 5.7.1 Relay access denied"));
	say(&p, "RCPT TO:<postmaster>\r\n", "250");
	say(&p, "RCPT TO:<u@example.org> NOTIFY=NEVER ORCPT=rfc822;o+40x\r\n", "250");
	say(&p, "DATA\r\n", "354");
	say(&p, ".\r\n", "250");
	assert_slice(buf_slice(&p.seen), "from= to=postmaster@example.org to=u@example.org;");
	assert_false(has(buf_slice(&p.head), "for <"));
	end(&p);
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
		begin(&p, SMTP_KIND_MX);
		for (size_t at = 0; at < whole.n; at += step)
			feed(&p, slice_cut(whole, at, at + step));
		assert_slice(buf_slice(&p.seen),
			"from=a@b to=u@example.org;from=c@d to=v@example.org;");
		assert_slice(buf_slice(&p.body), "ab\r\ncd\r\n");
		assert_true(p.is_closed);
		assert_int_equal(p.queued, 2);
		assert_int_equal(p.drops, 0);
		end(&p);
	}
}

static void
a_session_cut_anywhere_leaves_nothing_behind(void **state)
{
	struct slice whole = slice_str(pipelined);

	(void)state;
	for (size_t n = 0; n < whole.n; n++) {
		struct play p = {0};
		begin(&p, SMTP_KIND_MX);
		feed(&p, slice_cut(whole, 0, n));
		assert_false(p.is_closed);
		assert_in_range(p.queued, 0, 2);
		end(&p);
	}
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
	begin(&p, SMTP_KIND_MX);
	for (size_t i = 0; i < 2; i++) {
		to_rcpt(&p);
		say(&p, "DATA\r\n", "354");
		say(&p, flawed[i].text, "550");
		assert_true(said(&p, flawed[i].reply));
	}
	to_rcpt(&p);
	say(&p, "DATA\r\n", "354");
	buf_clear(&p.said);
	feed(&p, SLICE_LIT("a\0b\r\n.\r\n"));
	assert_true(said(&p, "550 5.6.0 Message refused: NUL"));
	assert_int_equal(p.queued, 0);
	assert_int_equal(p.drops, 3);
	to_rcpt(&p);
	say(&p, "BDAT 2 LAST\r\na\r", "550");
	to_rcpt(&p);
	say(&p, "BDAT 4\r\na\nb\nBDAT 1 LAST\r\nx", "550 503");
	say(&p, "NOOP\r\n", "250");
	end(&p);
}

static void
chunks_out_of_place_are_swallowed_whole(void **state)
{
	struct play p = {0};

	(void)state;
	begin(&p, SMTP_KIND_MX);
	say(&p, "BDAT 6 LAST\r\nQUIT\r\n", "503");
	say(&p, "EHLO c\r\n", "250");
	say(&p, "BDAT 6\r\nQUIT\r\n", "503");
	say(&p, "MAIL FROM:<a@b>\r\n", "250");
	say(&p, "BDAT 0 LAST\r\n", "503");
	say(&p, "RCPT TO:<u@example.org>\r\n", "250");
	say(&p, "BDAT 3\r\nab\n", "550");
	say(&p, "DATA\r\n", "503");
	say(&p, "BDAT 1\r\nx", "503");
	say(&p, "RSET\r\n", "250");
	to_rcpt(&p);
	say(&p, "BDAT 0 LAST\r\n", "250");
	assert_int_equal(p.body.n, 0);
	to_rcpt(&p);
	say(&p, "BDAT 1 LAST\r\nx", "250");
	assert_slice(buf_slice(&p.body), "x\r\n");
	say(&p, "BDAT x\r\n", "501");
	assert_true(p.is_closed);
	end(&p);
}

static void
the_size_limit_holds_on_both_sides(void **state)
{
	struct play p = {0};

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.size_max_bytes = 10;
	begin(&p, SMTP_KIND_MX);
	say(&p, "EHLO c\r\n", "250");
	say(&p, "MAIL FROM:<a@b> SIZE=11\r\n", "552");
	assert_true(said(&p, "552 5.3.4 Message size exceeds the limit of 10 octets"));
	say(&p, "MAIL FROM:<a@b> SIZE=10\r\n", "250");
	say(&p, "RSET\r\n", "250");
	to_rcpt(&p);
	say(&p, "DATA\r\n", "354");
	say(&p, "12345678\r\n.\r\n", "250");
	to_rcpt(&p);
	say(&p, "DATA\r\n", "354");
	say(&p, "123456789\r\n.\r\n", "552");
	assert_int_equal(p.drops, 1);
	to_rcpt(&p);
	say(&p, "BDAT 11 LAST\r\n12345678901", "552");
	to_rcpt(&p);
	say(&p, "BDAT 5\r\n12345BDAT 3 LAST\r\n678", "250 250");
	to_rcpt(&p);
	say(&p, "DATA\r\n", "354");
	say(&p, "123456789012345678901", "552");
	assert_true(p.is_closed);
	end(&p);
	smtp_session_limits_default(&p.lim);
	p.lim.size_max_bytes = 10;
	p.is_closed = false;
	begin(&p, SMTP_KIND_MX);
	to_rcpt(&p);
	say(&p, "BDAT 18446744073709551615 LAST\r\n", "552");
	assert_true(p.is_closed);
	end(&p);
}

static void
the_recipient_limit_holds_on_both_sides(void **state)
{
	struct play p = {0};

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.rcpt_max = 2;
	begin(&p, SMTP_KIND_MX);
	to_rcpt(&p);
	say(&p, "RCPT TO:<v@example.org>\r\nRCPT TO:<w@example.org>\r\n", "250 452");
	assert_true(said(&p, "452 4.5.3 "));
	end(&p);
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
	begin(&p, SMTP_KIND_MX);
	memset(line, 'x', sizeof line);
	memcpy(line, "NOOP ", 5);
	memcpy(line + 98, "\r\n", 3);
	say(&p, line, "250");
	memset(line + 5, 'x', sizeof line - 5);
	memcpy(line + 99, "\r\n", 3);
	say(&p, line, "500");
	memset(line + 5, 'x', sizeof line - 5);
	memcpy(line + 180, "\r\n", 3);
	say(&p, line, "500");
	assert_true(said(&p, "500 5.5.2 Line too long"));
	for (size_t i = 0; i < 1000; i++)
		feed(&p, SLICE_LIT("yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"));
	say(&p, "\r\nNOOP\r\n", "500 250");
	assert_int_equal(p.in.n, 0);
	end(&p);
}

static void
odd_octets_in_commands_are_refused(void **state)
{
	struct play p = {0};

	(void)state;
	begin(&p, SMTP_KIND_MX);
	say(&p, "NOOP\n", "500");
	say(&p, "NO\rOP\r\n", "500");
	say(&p, "NOOP \xc3\xbc\r\n", "501");
	say(&p, "NOOP \xff\r\n", "501");
	feed(&p, SLICE_LIT("NOOP \0\r\n"));
	say(&p, "EHLO c\r\n", "250");
	say(&p, "MAIL FROM:<\xc3\xbc@b>\r\n", "553");
	say(&p, "MAIL FROM:<\xc3\xbc@b> SMTPUTF8\r\n", "250");
	say(&p, "RCPT TO:<\xc3\xbc@example.org>\r\n", "250");
	say(&p, "DATA\r\n", "354");
	say(&p, ".\r\n", "250");
	assert_true(has(buf_slice(&p.head), "with UTF8SMTP id"));
	end(&p);
}

static void
too_many_errors_end_the_session(void **state)
{
	struct play p = {0};

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.error_max = 3;
	begin(&p, SMTP_KIND_MX);
	say(&p, "X\r\nX\r\n", "500 500");
	say(&p, "X\r\nNOOP\r\n", "500 421");
	assert_true(said(&p, "421 4.7.0 "));
	assert_true(p.is_closed);
	say(&p, "NOOP\r\n", "");
	end(&p);
}

static void
junk_commands_become_errors_past_their_limit(void **state)
{
	struct play p = {0};

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.error_max = 2;
	p.lim.junk_max = 3;
	begin(&p, SMTP_KIND_MX);
	say(&p, "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n", "250 250 250 250");
	say(&p, "NOOP\r\n", "250 421");
	end(&p);
}

static void
an_accepted_mail_forgives_errors(void **state)
{
	struct play p = {0};

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.error_max = 3;
	begin(&p, SMTP_KIND_MX);
	say(&p, "X\r\nX\r\n", "500 500");
	to_rcpt(&p);
	say(&p, "BDAT 0 LAST\r\n", "250");
	say(&p, "X\r\nX\r\n", "500 500");
	end(&p);
}

static void
web_forms_and_tls_on_the_plain_port_end_the_session(void **state)
{
	struct play p = {0};

	(void)state;
	begin(&p, SMTP_KIND_MX);
	say(&p, "POST / HTTP/1.1\r\nMAIL FROM:<a@b>\r\n", "421");
	assert_true(p.is_closed);
	end(&p);
	p.is_closed = false;
	begin(&p, SMTP_KIND_MX);
	say(&p, "\x16\x03\x01", "500");
	assert_true(p.is_closed);
	end(&p);
}

static void
what_was_sent_before_the_handshake_is_dropped(void **state)
{
	struct play p = {0};

	(void)state;
	begin(&p, SMTP_KIND_MX);
	to_rcpt(&p);
	say(&p, "STARTTLS\r\nRCPT TO:<evil@example.org>\r\n", "220");
	assert_true(p.is_tls);
	assert_int_equal(p.in.n, 0);
	say(&p, "NOOP\r\n", "");
	buf_clear(&p.in);
	secure(&p);
	say(&p, "RCPT TO:<u@example.org>\r\n", "503");
	assert_true(said(&p, "Say EHLO first"));
	say(&p, "STARTTLS\r\n", "503");
	to_rcpt(&p);
	say(&p, "DATA\r\n", "354");
	say(&p, ".\r\n", "250");
	assert_true(has(buf_slice(&p.head), "with ESMTPS id"));
	assert_true(has(buf_slice(&p.head), "tls TLS_AES_128_GCM_SHA256;"));
	end(&p);
}

static void
a_failed_handshake_ends_the_session(void **state)
{
	struct play p = {0};

	(void)state;
	begin(&p, SMTP_KIND_MX);
	say(&p, "STARTTLS\r\n", "220");
	give(&p, (struct smtp_event){.kind = SMTP_EV_SECURE});
	assert_true(p.is_closed);
	end(&p);
	p.is_closed = false;
	struct smtp_setup su = setup_of(SMTP_KIND_MX);
	su.may_starttls = false;
	begin_with(&p, &su);
	say(&p, "EHLO c\r\n", "250");
	assert_false(said(&p, "STARTTLS"));
	say(&p, "STARTTLS\r\n", "502");
	end(&p);
}

static void
begin_secure_submission(struct play *p)
{
	struct smtp_setup su = setup_of(SMTP_KIND_SUBMISSION);

	su.tls_cipher = SLICE_LIT("TLS_AES_128_GCM_SHA256");
	begin_with(p, &su);
	say(p, "EHLO c\r\n", "250");
}

static void
submission_wants_login_and_an_own_sender(void **state)
{
	struct play p = {0};

	(void)state;
	begin_secure_submission(&p);
	say(&p, "MAIL FROM:<u@example.org>\r\n", "530");
	say(&p, "AUTH CRAM-MD5\r\n", "504");
	say(&p, "AUTH PLAIN a b\r\n", "501");
	say(&p, "AUTH PLAIN good\r\n", "235");
	say(&p, "AUTH PLAIN good\r\n", "503");
	say(&p, "MAIL FROM:<x@example.org>\r\n", "553");
	say(&p, "MAIL FROM:<>\r\n", "250");
	say(&p, "RSET\r\n", "250");
	say(&p, "MAIL FROM:<u@example.org> AUTH=<>\r\n", "250");
	say(&p, "RCPT TO:<x@elsewhere.example>\r\n", "550");
	assert_true(said(&p, "550 5.7.1 "));
	say(&p, "RCPT TO:<v@example.org>\r\n", "250");
	say(&p, "DATA\r\n", "354");
	say(&p, "Subject: x\r\n\r\n.\r\n", "250");
	assert_true(has(buf_slice(&p.head), "with ESMTPSA id"));
	assert_true(has(buf_slice(&p.head), "\r\nDate: Tue, 24 Nov 2026 14:52:33 +0000\r\n"));
	assert_true(has(
		buf_slice(&p.head), "\r\nMessage-ID: <1795531953.sess.1@mx.example.org>\r\n"));
	assert_true(p.env.has_added_id);
	assert_int_equal(p.env.account, 7);
	end(&p);
}

static void
a_service_account_may_send_as_anybody(void **state)
{
	struct play p = {0};

	(void)state;
	begin_secure_submission(&p);
	say(&p, "AUTH PLAIN service\r\n", "235");
	say(&p, "MAIL FROM:<x@y.example>\r\n", "250");
	end(&p);
}

static void
login_without_tls_is_refused_but_where_loopback_is_trusted(void **state)
{
	struct play p = {0};
	struct smtp_setup su = setup_of(SMTP_KIND_SUBMISSION);

	(void)state;
	begin_with(&p, &su);
	say(&p, "EHLO c\r\n", "250");
	say(&p, "AUTH PLAIN good\r\n", "538");
	say(&p, "MAIL FROM:<u@example.org>\r\n", "530");
	assert_true(said(&p, "STARTTLS"));
	end(&p);
	su.trusts_loopback = true;
	begin_with(&p, &su);
	say(&p, "EHLO c\r\n", "250");
	say(&p, "AUTH SCRAM-SHA-256-PLUS\r\n", "504");
	say(&p, "AUTH PLAIN good\r\n", "235");
	say(&p, "STARTTLS\r\n", "220");
	secure(&p);
	say(&p, "EHLO c\r\n", "250");
	say(&p, "MAIL FROM:<u@example.org>\r\n", "530");
	end(&p);
}

static void
the_login_exchange_is_relayed_line_by_line(void **state)
{
	struct play p = {0};

	(void)state;
	begin_secure_submission(&p);
	say(&p, "AUTH LOGIN\r\n", "334");
	assert_true(said(&p, "334 Y2hhbGxlbmdl\r\n"));
	say(&p, "*\r\n", "501");
	say(&p, "AUTH LOGIN\r\n!\r\n", "334 501");
	say(&p, "AUTH LOGIN\r\nslow\r\n", "334 454");
	say(&p, "AUTH LOGIN\r\nbad\n", "334 500");
	say(&p, "AUTH LOGIN\r\nbad\r\n", "334 535");
	say(&p, "AUTH LOGIN\r\ngood\r\n", "334 235");
	end(&p);
}

static void
failed_logins_end_the_session_at_their_limit(void **state)
{
	struct play p = {0};

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.auth_failure_max = 2;
	begin_secure_submission(&p);
	say(&p, "AUTH PLAIN bad\r\n", "535");
	say(&p, "AUTH PLAIN bad\r\n", "421");
	assert_true(p.is_closed);
	end(&p);
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
	say(&p, "AUTH LOGIN\r\n", "334");
	say(&p, line, "500");
	assert_true(said(&p, "500 5.5.6"));
	say(&p, "NOOP\r\n", "250");
	end(&p);
}

static void
lmtp_says_one_reply_for_each_recipient(void **state)
{
	struct play p = {0};

	(void)state;
	begin(&p, SMTP_KIND_LMTP);
	assert_true(said(&p, "LMTP"));
	say(&p, "EHLO c\r\n", "500");
	say(&p, "LHLO c\r\n", "250");
	say(&p, "MAIL FROM:<a@b>\r\n", "250");
	say(&p, "RCPT TO:<u@example.org>\r\nRCPT TO:<nobody@x>\r\nRCPT TO:<v@example.org>\r\n",
		"250 550 250");
	say(&p, "DATA\r\n", "354");
	say(&p, ".\r\n", "250 250");
	assert_true(has(buf_slice(&p.head), "with LMTP id"));
	say(&p, "MAIL FROM:<a@b>\r\n", "250");
	say(&p, "RCPT TO:<u@example.org>\r\nRCPT TO:<v@example.org>\r\n", "250 250");
	say(&p, "DATA\r\n", "354");
	say(&p, "\n\r\n.\r\n", "550 550");
	p.queue_error = ERR_FULL;
	say(&p, "MAIL FROM:<a@b>\r\n", "250");
	say(&p, "RCPT TO:<u@example.org>\r\nRCPT TO:<v@example.org>\r\n", "250 250");
	say(&p, "BDAT 0 LAST\r\n", "452 452");
	end(&p);
}

static void
hops_are_counted_on_both_sides_of_the_limit(void **state)
{
	struct play p = {0};

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.hop_max = 2;
	begin(&p, SMTP_KIND_MX);
	to_rcpt(&p);
	say(&p, "DATA\r\n", "354");
	say(&p, "Received: a\r\nReceived: b\r\n\r\nReceived: c\r\n.\r\n", "250");
	to_rcpt(&p);
	say(&p, "DATA\r\n", "354");
	say(&p, "Received: a\r\nReceived: b\r\nReceived: c\r\n.\r\n", "554");
	assert_true(said(&p, "554 5.4.6"));
	end(&p);
}

static void
only_the_stores_yes_is_a_250(void **state)
{
	static const struct {
		enum err e;
		const char *code, *reply;
	} answers[] = {{ERR_FULL, "452", "4.3.1"}, {ERR_QUOTA, "452", "4.2.2"},
		{ERR_TIMEOUT, "451", "4.3.0"}, {ERR_PEER, "451", "4.3.0"},
		{ERR_TOO_BIG, "552", "5.3.4"}, {ERR_OK, "250", "2.0.0"}};
	struct play p = {0};

	(void)state;
	begin(&p, SMTP_KIND_MX);
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		p.queue_error = answers[i].e;
		to_rcpt(&p);
		say(&p, "BDAT 0 LAST\r\n", answers[i].code);
		assert_true(said(&p, answers[i].reply));
	}
	p.queue_error = ERR_OK;
	p.refusal = "550 5.7.1 spam";
	to_rcpt(&p);
	say(&p, "BDAT 0 LAST\r\n", "550");
	p.refusal = NULL;
	p.score_error = ERR_PEER;
	to_rcpt(&p);
	say(&p, "BDAT 0 LAST\r\n", "451");
	assert_int_equal(p.drops, 2);
	end(&p);
}

static void
a_body_that_could_not_be_kept_is_refused_for_now(void **state)
{
	struct play p = {.score_error = ERR_FULL};

	(void)state;
	begin(&p, SMTP_KIND_MX);
	to_rcpt(&p);
	say(&p, "DATA\r\n", "354");
	say(&p, "x\r\n.\r\n", "452");
	assert_true(said(&p, "452 4.3.1"));
	assert_int_equal(p.drops, 1);
	p.score_error = ERR_LIMIT;
	to_rcpt(&p);
	say(&p, "BDAT 0 LAST\r\n", "452");
	assert_true(said(&p, "452 4.5.3"));
	end(&p);
}

/* --- repeats --- */

static void
the_key_is_lifted_when_the_client_has_read_the_250(void **state)
{
	struct play p = {0};

	(void)state;
	begin(&p, SMTP_KIND_MX);
	to_rcpt(&p);
	say(&p, "DATA\r\n", "354");
	say(&p, ".\r\n", "250");
	assert_int_equal(p.lifts, 0);
	say(&p, "NOOP\r\n", "250");
	assert_int_equal(p.lifts, 1);
	say(&p, "NOOP\r\n", "250");
	assert_int_equal(p.lifts, 1);
	end(&p);
}

static void
a_command_that_was_on_its_way_lifts_nothing(void **state)
{
	struct play p = {0};

	(void)state;
	begin(&p, SMTP_KIND_MX);
	to_rcpt(&p);
	say(&p, "DATA\r\n", "354");
	say(&p, ".\r\nQUIT\r\n", "250 221");
	assert_int_equal(p.lifts, 0);
	end(&p);
	p.has_unread = true;
	begin(&p, SMTP_KIND_MX);
	to_rcpt(&p);
	say(&p, "DATA\r\n", "354");
	say(&p, ".\r\n", "250");
	say(&p, "MAIL FROM:<a@b>\r\nRCPT TO:<u@example.org>\r\nDATA\r\n", "250 250 354");
	assert_int_equal(p.lifts, 0);
	say(&p, "x", "");
	assert_int_equal(p.lifts, 1);
	end(&p);
}

static void
a_refused_mail_lifts_nothing(void **state)
{
	struct play p = {.queue_error = ERR_TIMEOUT};

	(void)state;
	begin(&p, SMTP_KIND_MX);
	to_rcpt(&p);
	say(&p, "BDAT 0 LAST\r\n", "451");
	say(&p, "NOOP\r\n", "250");
	assert_int_equal(p.lifts, 0);
	end(&p);
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
		begin(&p, SMTP_KIND_MX);
		say(&p, "EHLO c\r\nMAIL FROM:<s@y>\r\n", "250 250");
		say(&p, dialogs[i], i == 0 ? "250 250 250" : i == 1 ? "250 250" : "250");
		say(&p, "DATA\r\n", "354");
		say(&p, "Message-ID: <1@x>\r\n\r\n.\r\n", "250");
		buf_init(&material[i], 4096);
		buf_put_slice(&material[i], buf_slice(&p.repeat));
		assert_true(material[i].n > 0);
		end(&p);
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
	begin(&p, SMTP_KIND_MX);
	to_rcpt(&p);
	say(&p, "DATA\r\n", "354");
	say(&p, "Subject: x\r\n\r\n.\r\n", "250");
	assert_int_equal(p.repeat.n, 0);
	end(&p);
}

/* --- time --- */

static void
tick(struct play *p, uint64_t after_ms)
{
	buf_clear(&p->said);
	p->now_ms += after_ms;
	give(p, (struct smtp_event){.kind = SMTP_EV_TICK});
}

static void
silence_ends_the_session_at_its_deadline_and_not_before(void **state)
{
	struct play p = {0};

	(void)state;
	begin(&p, SMTP_KIND_MX);
	assert_int_equal(smtp_session_due_ms(p.s), p.now_ms + 300000);
	tick(&p, 299999);
	assert_false(p.is_closed);
	feed(&p, SLICE_LIT("NOO")); /* half a command is no command */
	tick(&p, 1);
	assert_true(said(&p, "421 4.4.2 mx.example.org Timeout"));
	assert_true(p.is_closed);
	assert_int_equal(smtp_session_due_ms(p.s), UINT64_MAX);
	end(&p);
}

static void
a_transaction_has_a_deadline_of_its_own(void **state)
{
	struct play p = {0};

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.transaction_ms = 1000;
	begin(&p, SMTP_KIND_MX);
	to_rcpt(&p);
	tick(&p, 999);
	say(&p, "NOOP\r\n", "250");
	assert_false(p.is_closed);
	tick(&p, 1);
	assert_true(p.is_closed);
	end(&p);
}

static void
data_that_comes_too_slowly_ends_the_session(void **state)
{
	struct play p = {0};

	(void)state;
	smtp_session_limits_default(&p.lim);
	p.lim.data_window_ms = 10000;
	p.lim.data_rate_min = 2;
	begin(&p, SMTP_KIND_MX);
	to_rcpt(&p);
	say(&p, "DATA\r\n", "354");
	feed(&p, SLICE_LIT("12345678901234567890")); /* 20 in 10 s: just enough */
	tick(&p, 10000);
	assert_false(p.is_closed);
	feed(&p, SLICE_LIT("1234567890123456789"));
	tick(&p, 9999);
	assert_false(p.is_closed);
	tick(&p, 1);
	assert_true(said(&p, "421 4.4.2 mx.example.org Data comes too slowly"));
	assert_int_equal(p.drops, 1);
	end(&p);
}

static void
our_own_slowness_never_times_a_client_out(void **state)
{
	struct play p = {0};

	(void)state;
	begin(&p, SMTP_KIND_MX);
	to_rcpt(&p);
	p.is_silent = true;
	say(&p, "BDAT 0 LAST\r\n", "");
	assert_int_equal(smtp_session_due_ms(p.s), UINT64_MAX);
	tick(&p, 999999999);
	assert_int_equal(p.said.n, 0);
	say(&p, "NOOP\r\n", ""); /* nothing is taken while a question is open */
	assert_int_equal(p.in.n, 6);
	end(&p);
}

static void
shutdown_waits_for_the_answer_that_is_open(void **state)
{
	struct play p = {0};
	struct smtp_event ev = {.kind = SMTP_EV_QUEUED};

	(void)state;
	begin(&p, SMTP_KIND_MX);
	to_rcpt(&p);
	p.is_silent = true;
	say(&p, "BDAT 0 LAST\r\n", "");
	give(&p, (struct smtp_event){.kind = SMTP_EV_SCORED});
	give(&p, (struct smtp_event){.kind = SMTP_EV_SHUTDOWN});
	assert_int_equal(p.said.n, 0);
	p.is_silent = false;
	ev.queued.id = SLICE_LIT("Q9");
	give(&p, ev);
	assert_true(said(&p, "queued as Q9\r\n421 4.3.2 "));
	assert_true(p.is_closed);
	end(&p);
	p.is_closed = false;
	begin(&p, SMTP_KIND_MX);
	give(&p, (struct smtp_event){.kind = SMTP_EV_SHUTDOWN});
	assert_true(said(&p, "421 4.3.2 "));
	end(&p);
}

static void
a_client_over_its_limits_is_told_and_left(void **state)
{
	struct play p = {0};

	(void)state;
	begin(&p, SMTP_KIND_MX);
	buf_clear(&p.said);
	give(&p, (struct smtp_event){.kind = SMTP_EV_OPEN, .is_refused = true});
	assert_true(said(&p, "421 4.7.0 mx.example.org Too many"));
	assert_true(p.is_closed);
	end(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_mail_is_taken_and_its_body_is_exact),
		cmocka_unit_test(ehlo_offers_what_is_true_of_the_listener),
		cmocka_unit_test(commands_out_of_place_are_refused_with_503),
		cmocka_unit_test(each_recipient_gets_its_own_reply),
		cmocka_unit_test(a_pipelined_session_is_the_same_in_pieces_of_any_size),
		cmocka_unit_test(a_session_cut_anywhere_leaves_nothing_behind),
		cmocka_unit_test(bare_line_ends_in_data_are_refused_after_the_true_end),
		cmocka_unit_test(chunks_out_of_place_are_swallowed_whole),
		cmocka_unit_test(the_size_limit_holds_on_both_sides),
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
		cmocka_unit_test(login_without_tls_is_refused_but_where_loopback_is_trusted),
		cmocka_unit_test(the_login_exchange_is_relayed_line_by_line),
		cmocka_unit_test(failed_logins_end_the_session_at_their_limit),
		cmocka_unit_test(a_login_line_too_long_drops_the_exchange),
		cmocka_unit_test(lmtp_says_one_reply_for_each_recipient),
		cmocka_unit_test(hops_are_counted_on_both_sides_of_the_limit),
		cmocka_unit_test(only_the_stores_yes_is_a_250),
		cmocka_unit_test(a_body_that_could_not_be_kept_is_refused_for_now),
		cmocka_unit_test(the_key_is_lifted_when_the_client_has_read_the_250),
		cmocka_unit_test(a_command_that_was_on_its_way_lifts_nothing),
		cmocka_unit_test(a_refused_mail_lifts_nothing),
		cmocka_unit_test(equal_mails_have_equal_material_whatever_the_recipients_order),
		cmocka_unit_test(a_mail_without_its_own_message_id_has_no_material),
		cmocka_unit_test(silence_ends_the_session_at_its_deadline_and_not_before),
		cmocka_unit_test(a_transaction_has_a_deadline_of_its_own),
		cmocka_unit_test(data_that_comes_too_slowly_ends_the_session),
		cmocka_unit_test(our_own_slowness_never_times_a_client_out),
		cmocka_unit_test(shutdown_waits_for_the_answer_that_is_open),
		cmocka_unit_test(a_client_over_its_limits_is_told_and_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
