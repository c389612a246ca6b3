#include "tests/smtp_client_play.h"

static const struct smtp_client_rcpt two[] = {
	CPLAY_RCPT("u@x.example"), CPLAY_RCPT("v@x.example")};

/* --- whole dialogs --- */

#define HELLO "S 220 mx.example ESMTP\nC EHLO me.example\n"
#define PLAIN HELLO "S 250 mx.example\n"
#define PIPED HELLO "S 250-mx.example\nS 250 PIPELINING\n"
#define LMTP "S 220 mx.example LMTP\nC LHLO me.example\nS 250-mx.example\nS 250 PIPELINING\n"
#define MAIL "C MAIL FROM:<a@b.example>\n"
#define RCPTS "C RCPT TO:<u@x.example>\nC RCPT TO:<v@x.example>\n"
#define GROUP MAIL RCPTS "C DATA\n"
#define TEXT "C Subject: x\nC \nC ..b\nC .\n"
#define RSET "C RSET\nS 250 Ok\nD\n"
#define BOTH(what) what what "| "

static void
plain(struct cplay *p)
{
	(void)p;
}

static void
lmtp(struct cplay *p)
{
	p->su.is_lmtp = true;
}

static void
tls(struct cplay *p)
{
	p->su.tls = SMTP_CLIENT_TLS_MAY;
}

static const struct dialog {
	void (*set_up)(struct cplay *p);
	const char *script, *outcomes;
} dialogs[] = {
	/* command by command */
	{plain,
		PLAIN MAIL "S 250 2.1.0 Ok\nC RCPT TO:<u@x.example>\nS 250 2.1.5 Ok\n"
			   "C RCPT TO:<v@x.example>\nS 251 moved\nC DATA\nS 354 go\n" TEXT
			   "S 250 2.0.0 queued\nI\n" MAIL,
		BOTH("sent mail@dot 250 2.0.0; ")},
	{plain, PLAIN MAIL "S 550 no\n" RSET, BOTH("failed mail@mail 550 5.0.0; ")},
	{plain,
		PLAIN MAIL "S 250 a\nC RCPT TO:<u@x.example>\nS 550 b\n"
			   "C RCPT TO:<v@x.example>\nS 450 c\n" RSET "I\n" MAIL,
		"failed rcpt@rcpt 550 5.0.0; deferred rcpt@rcpt 450 4.0.0; | "},
	{plain,
		PLAIN MAIL "S 250 a\nC RCPT TO:<u@x.example>\nS 250 b\n"
			   "C RCPT TO:<v@x.example>\nS 250 c\nC DATA\nS 354 go\n" TEXT
			   "S 250 ok\nI\n" MAIL "S 250 a\nC RCPT TO:<u@x.example>\nS 550 b\n"
			   "C RCPT TO:<v@x.example>\nS 550 c\n" RSET,
		BOTH("sent mail@dot 250 2.0.0; ") BOTH("failed rcpt@rcpt 550 5.0.0; ")},
	/* in groups */
	{plain,
		PIPED GROUP "S 250 a\nS 250 b\nS 250 c\nS 354 go\n" TEXT
			    "S 250 2.0.0 queued\nI\n" GROUP
			    "S 250 a\nS 250 b\nS 550 5.1.1 no\nS 354 go\n" TEXT
			    "S 250 2.0.0 queued\nI\n" GROUP,
		BOTH("sent mail@dot 250 2.0.0; ") "sent mail@dot 250 2.0.0; "
						  "failed rcpt@rcpt 550 5.1.1; | "},
	/* RFC 2920 3.1: all recipients fail, DATA doesn't */
	{plain,
		PIPED GROUP "S 250 a\nS 550 5.1.1 no\nS 450 later\nS 354 go\nC .\n"
			    "S 554 none\n" RSET "I\n" GROUP,
		"failed rcpt@rcpt 550 5.1.1; deferred rcpt@rcpt 450 4.0.0; | "},
	{plain,
		PIPED GROUP "S 250 a\nS 250 b\nS 250 c\nS 354 go\n" TEXT "S 250 ok\nI\n" GROUP
			    "S 250 a\nS 550 b\nS 550 c\nS 354 go\nC .\nS 554 none\n" RSET,
		BOTH("sent mail@dot 250 2.0.0; ") BOTH("failed rcpt@rcpt 550 5.0.0; ")},
	{plain, PLAIN MAIL "S 530 5.7.0 Must issue a STARTTLS command first\n" RSET,
		BOTH("deferred mail@mail 530 4.7.0; ")},
	{plain, PIPED GROUP "S 550 5.7.1 not you\nS 503 a\nS 503 b\nS 503 c\n" RSET,
		BOTH("failed mail@mail 550 5.7.1; ")},
	{plain, PIPED GROUP "S 451 busy\nS 503 a\nS 503 b\nS 354 go\nC .\nS 250 what\n" RSET,
		BOTH("deferred mail@mail 451 4.0.0; ")},
	{plain, PIPED GROUP "S 250 a\nS 250 b\nS 550 no\nS 451 4.3.0 full\n" RSET,
		"deferred mail@data 451 4.3.0; failed rcpt@rcpt 550 5.0.0; | "},
	{plain, PIPED GROUP "S 250 a\nS 550 b\nS 550 no\nS 554 none\n" RSET,
		BOTH("failed rcpt@rcpt 550 5.0.0; ")},
	{plain,
		PIPED GROUP "S 250 a\nS 250 b\nS 250 c\nS 354 go\n" TEXT
			    "S 554-5.7.1 spam\nS 554 5.7.1 it is\n" RSET,
		BOTH("failed mail@dot 554 5.7.1; ")},
	/* RFC 5321 3.2 */
	{plain, HELLO "S 502 what\nC HELO me.example\nS 250 PIPELINING\n" MAIL, ""},
	/* RFC 5321 4.3.2: codes that nobody knows */
	{plain, PIPED GROUP "S 299 a\nS 277 b\nS 599 c\nS 399 go\n" TEXT "S 222 fine\nD\n",
		"sent mail@dot 222 2.0.0; failed rcpt@rcpt 599 5.0.0; | "},
	/* LMTP */
	{lmtp,
		LMTP GROUP "S 250 a\nS 250 b\nS 250 c\nS 354 go\n" TEXT
			   "S 250 2.0.0 in\nS 452 4.2.2 full\n" RSET,
		"sent rcpt@dot 250 2.0.0; deferred rcpt@dot 452 4.2.2; | "},
	{lmtp, LMTP GROUP "S 250 a\nS 550 b\nS 250 c\nS 354 go\n" TEXT "S 250 2.0.0 in\nD\n",
		"failed rcpt@rcpt 550 5.0.0; sent rcpt@dot 250 2.0.0; | "},
	{lmtp,
		LMTP GROUP "S 250 a\nS 250 b\nS 250 c\nS 354 go\n" TEXT
			   "S 452 4.2.2 full\nS 250 2.0.0 in\n" RSET,
		"deferred rcpt@dot 452 4.2.2; sent rcpt@dot 250 2.0.0; | "},
	{lmtp, LMTP GROUP "S 250 a\nS 550 b\nS 550 c\nS 503 no\n" RSET,
		BOTH("failed rcpt@rcpt 550 5.0.0; ")},
	/* STARTTLS */
	{tls,
		HELLO "S 250-mx.example\nS 250-PIPELINING\nS 250 STARTTLS\nC STARTTLS\n"
		      "S 220 go\nT\nC EHLO me.example\nS 250-mx.example\nS 250 STARTTLS\n" MAIL,
		""},
	{tls, HELLO "S 250-mx.example\nS 250 STARTTLS\nC STARTTLS\nS 454 no\n" MAIL, ""},
	/* BDAT */
	{plain,
		HELLO "S 250-mx.example\nS 250-PIPELINING\nS 250 CHUNKING\n" MAIL RCPTS
		      "S 250 a\nS 550 b\nS 550 c\n" RSET,
		BOTH("failed rcpt@rcpt 550 5.0.0; ")},
	/* QUIT at a limit of RFC 9422 */
	{plain,
		HELLO "S 250-mx.example\nS 250-PIPELINING\nS 250 LIMITS MAILMAX=1\n" GROUP
		      "S 250 a\nS 250 b\nS 250 c\nS 354 go\n" TEXT
		      "S 250 2.0.0 ok\nC QUIT\nS 221 bye\nX\n",
		BOTH("sent mail@dot 250 2.0.0; ")},
};
/* Where pieces of the text are pieces of the dialog. */
static const struct dialog whole_dialogs[] = {
	{plain,
		HELLO "S 250-mx.example\nS 250 CHUNKING\n" MAIL
		      "S 250 a\nC RCPT TO:<u@x.example>\nS 250 b\nC RCPT TO:<v@x.example>\n"
		      "S 250 c\nC BDAT 18 LAST\nC Subject: x\nC \nC .b\nS 250 2.0.0 ok\nD\n",
		BOTH("sent mail@dot 250 2.0.0; ")},
	{lmtp,
		"S 220 mx.example LMTP\nC LHLO me.example\nS 250-mx.example\nS "
		"250-PIPELINING\n"
		"S 250 CHUNKING\n" MAIL RCPTS
		"S 250 a\nS 250 b\nS 250 c\nC BDAT 18 LAST\nC Subject: x\nC \n"
		"C .b\nS 250 2.0.0 ok\nS 552 5.2.2 full\n" RSET,
		"sent rcpt@dot 250 2.0.0; failed rcpt@dot 552 5.2.2; | "},
};

static void
begin(struct cplay *p, const struct dialog *d)
{
	d->set_up(p);
	p->mail.sender = SLICE_LIT("a@b.example");
	p->mail.rcpt = two;
	p->mail.rcpt_n = 2;
	p->text = "Subject: x\r\n\r\n.b\r\n";
	cplay_begin(p);
}

static void
play_whole(const struct dialog *d, size_t step)
{
	struct cplay p = {.step = step};

	begin(&p, d);
	cplay_run(&p, d->script);
	cplay_quiet(&p);
	cplay_came_to(&p, d->outcomes);
	cplay_end(&p);
}

static void
each_dialog_is_the_same_in_pieces_of_any_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof dialogs / sizeof *dialogs; i++)
		for (size_t step = 0; step < 8; step++)
			play_whole(&dialogs[i], step);
	for (size_t i = 0; i < sizeof whole_dialogs / sizeof *whole_dialogs; i++)
		play_whole(&whole_dialogs[i], 0);
}

static bool
has(struct slice in, const char *what)
{
	return slice_find_slice(in, slice_str(what)) < in.n;
}

typedef void (*ender)(struct cplay *p);

/* The first n octets of the dialog's server come, then its end. */
static void
play_cut(const struct dialog *d, size_t n, ender end, const char *before_dot)
{
	struct cplay p = {.end = end};
	struct slice whole = slice_str(d->outcomes), got;

	begin(&p, d);
	cplay_run_cut(&p, d->script, n);
	assert_true(p.is_closed);
	assert_int_equal(p.dones, p.given);
	/* A mail's outcomes are those of the whole dialog, or some are lost. */
	got = buf_slice(&p.outcomes);
	if (!slice_starts(whole, got))
		assert_true(has(got, p.has_asked ? "unknown" : before_dot));
	assert_false(has(got, p.has_asked ? before_dot : "unknown"));
	cplay_end(&p);
}

static void
the_connection_may_end_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof dialogs / sizeof *dialogs; i++)
		for (size_t n = 0; n < cplay_served(dialogs[i].script); n++)
			play_cut(&dialogs[i], n, cplay_lose, "lost");
}

static void
run_out_of_time(struct cplay *p)
{
	uint64_t due = smtp_client_due_ms(p->c);

	if (due == UINT64_MAX) { /* idle: nothing of the server's is awaited */
		assert_true(p->is_idle);
		cplay_lose(p);
		return;
	}
	cplay_tick(p, due - p->now_ms - 1);
	assert_false(p->is_closed);
	/* octets that come slowly move no deadline */
	assert_int_equal(smtp_client_due_ms(p->c), due);
	cplay_tick(p, 1);
}

static void
each_wait_has_a_deadline(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof dialogs / sizeof *dialogs; i++)
		for (size_t n = 0; n < cplay_served(dialogs[i].script); n++)
			play_cut(&dialogs[i], n, run_out_of_time, "lost");
}

/* A line that is too long, wherever it comes. */
static void
break_rules(struct cplay *p)
{
	static uint8_t line[SMTP_CLIENT_REPLY_LINE_MAX];

	memset(line, '2', sizeof line);
	cplay_input(p, slice_of(line, sizeof line));
	if (p->dones && smtp_client_end(p->c)->result == SMTP_CLIENT_NONE)
		assert_true(p->is_closed); /* behind QUIT */
	else
		assert_int_equal(smtp_client_end(p->c)->cause, SMTP_CLIENT_BY_RULE);
}

static void
what_isnt_smtp_ends_the_connection_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof dialogs / sizeof *dialogs; i++)
		for (size_t n = 0; n < cplay_served(dialogs[i].script); n++)
			play_cut(&dialogs[i], n, break_rules, "lost");
}

static void
shut_down(struct cplay *p)
{
	bool is_sent = p->has_asked && p->dones < p->given;

	cplay_give(p, (struct smtp_client_event){.kind = SMTP_CLIENT_EV_SHUTDOWN});
	/* What has the final dot is waited for. */
	assert_int_equal(p->dones, is_sent ? p->given - 1 : p->given);
	if (!p->is_closed)
		cplay_lose(p);
}

static void
a_shutdown_loses_nothing_and_waits_for_the_dots_answer_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof dialogs / sizeof *dialogs; i++)
		for (size_t n = 0; n < cplay_served(dialogs[i].script); n++)
			play_cut(&dialogs[i], n, shut_down, "stopped");
}

/* --- rules --- */

static const struct {
	const char *script, *outcomes;
	enum smtp_client_cause cause;
	enum smtp_client_stage stage;
} ends[] = {
	/* 421 anywhere is the server's */
	{"S 421 4.3.2 busy\n", BOTH("deferred host@greeting 421 4.3.2; "), SMTP_CLIENT_BY_REPLY,
		SMTP_CLIENT_AT_GREETING},
	{HELLO "S 421 busy\n", BOTH("deferred host@hello 421 4.0.0; "), SMTP_CLIENT_BY_REPLY,
		SMTP_CLIENT_AT_HELLO},
	{PIPED GROUP "S 421 busy\nS 503 a\nS 503 b\nS 503 c\n",
		BOTH("deferred host@mail 421 4.0.0; "), SMTP_CLIENT_BY_REPLY,
		SMTP_CLIENT_AT_MAIL},
	{PIPED GROUP "S 250 a\nS 550 5.1.1 b\nS 421 busy\n",
		"failed rcpt@rcpt 550 5.1.1; deferred host@rcpt 421 4.0.0; | ",
		SMTP_CLIENT_BY_REPLY, SMTP_CLIENT_AT_RCPT},
	{PIPED GROUP "S 250 a\nS 250 b\nS 250 c\nS 354 go\n" TEXT "S 421 busy\n",
		BOTH("deferred host@dot 421 4.0.0; "), SMTP_CLIENT_BY_REPLY,
		SMTP_CLIENT_AT_DOT},
	{PIPED GROUP "S 250 a\nS 250 b\nS 250 c\nS 354 go\n" TEXT "S 250 ok\nS 421 4.4.2 bye\n",
		BOTH("sent mail@dot 250 2.0.0; "), SMTP_CLIENT_BY_REPLY, SMTP_CLIENT_AT_IDLE},
	/* replies that nobody asked for, or that can't be */
	{"S 220 mx.example\nS 250 mx.example\n", BOTH("lost host@hello 4.5.0; "),
		SMTP_CLIENT_BY_RULE, SMTP_CLIENT_AT_HELLO},
	{HELLO "S 250 mx.example\nS 250 Ok\n", BOTH("lost host@mail 4.5.0; "),
		SMTP_CLIENT_BY_RULE, SMTP_CLIENT_AT_MAIL},
	{PIPED GROUP "S 250 a\nS 250 b\nS 250 c\nS 354 go\nS 250 ok\n",
		BOTH("lost host@body 4.5.0; "), SMTP_CLIENT_BY_RULE, SMTP_CLIENT_AT_BODY},
	{PIPED GROUP "S 250 a\nS 250 b\nS 250 c\nS 250 ok\n", BOTH("lost host@data 4.5.0; "),
		SMTP_CLIENT_BY_RULE, SMTP_CLIENT_AT_DATA},
	{PIPED GROUP "S 354 go\n", BOTH("lost host@mail 4.5.0; "), SMTP_CLIENT_BY_RULE,
		SMTP_CLIENT_AT_MAIL},
	{PIPED GROUP "S 250 a\nS 250 b\nS 250 c\nS 354 go\n" TEXT "S 354 go\n",
		BOTH("unknown host@dot 4.5.0; "), SMTP_CLIENT_BY_RULE, SMTP_CLIENT_AT_DOT},
	{"S 334 go\n", BOTH("lost host@greeting 4.5.0; "), SMTP_CLIENT_BY_RULE,
		SMTP_CLIENT_AT_GREETING},
	/* it takes recipients of a mail that it refused, and then a text */
	{PIPED GROUP "S 550 no\nS 250 a\nS 250 b\nS 354 go\n",
		BOTH("failed mail@mail 550 5.0.0; "), SMTP_CLIENT_BY_RULE, SMTP_CLIENT_AT_DATA},
};

static void
a_server_that_breaks_the_rules_or_says_421_is_left(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		struct cplay p = {0};
		struct dialog d = {plain, ends[i].script, ends[i].outcomes};

		begin(&p, &d);
		cplay_run(&p, d.script);
		cplay_came_to(&p, d.outcomes);
		assert_true(p.is_closed);
		cplay_quiet(&p);
		assert_int_equal(smtp_client_end(p.c)->cause, ends[i].cause);
		assert_int_equal(smtp_client_end(p.c)->stage, ends[i].stage);
		cplay_end(&p);
	}
}

static void
lmtp_data_without_recipients_ends_the_connection(void **state)
{
	struct cplay p = {0};
	struct dialog d = {lmtp, LMTP GROUP "S 250 a\nS 550 b\nS 550 c\nS 354 go\nX\n", ""};

	(void)state;
	begin(&p, &d);
	cplay_run(&p, d.script);
	cplay_came_to(&p, BOTH("failed rcpt@rcpt 550 5.0.0; "));
	cplay_end(&p);
}

static void
a_421_amid_lmtps_answers_leaves_the_others_unknown(void **state)
{
	struct cplay p = {0};
	struct dialog d = {lmtp,
		LMTP GROUP "S 250 a\nS 250 b\nS 250 c\nS 354 go\n" TEXT "S 421 x\nX\n", ""};

	(void)state;
	begin(&p, &d);
	cplay_run(&p, d.script);
	cplay_came_to(&p, "deferred host@dot 421 4.0.0; unknown host@dot 421 4.0.0; | ");
	cplay_end(&p);
}

static void
a_mail_for_a_connection_that_ended_is_left(void **state)
{
	struct cplay p = {.is_late = true};
	struct dialog d = {plain, PLAIN "D\nS 421 4.4.2 idle too long\nX\n", ""};

	(void)state;
	begin(&p, &d);
	cplay_run(&p, d.script);
	assert_slice(smtp_client_end(p.c)->text, "421 4.4.2 idle too long");
	assert_int_equal(smtp_client_end(p.c)->stage, SMTP_CLIENT_AT_IDLE);
	cplay_mail(&p);
	cplay_came_to(&p, BOTH("left mail@idle; "));
	assert_int_equal(p.dones, 1);
	cplay_end(&p);
}

static void
quit_is_said_when_idle_and_waited_for_five_seconds(void **state)
{
	struct cplay p = {.is_late = true};
	struct dialog d = {plain, PLAIN "D\n", ""};

	(void)state;
	begin(&p, &d);
	cplay_run(&p, d.script);
	assert_true(smtp_client_due_ms(p.c) == UINT64_MAX);
	cplay_give(&p, (struct smtp_client_event){.kind = SMTP_CLIENT_EV_SHUTDOWN});
	assert_slice(buf_slice(&p.said), "QUIT\r\n");
	assert_false(p.is_closed);
	cplay_tick(&p, 4999);
	assert_false(p.is_closed);
	cplay_tick(&p, 1);
	assert_true(p.is_closed);
	assert_int_equal(smtp_client_end(p.c)->result, SMTP_CLIENT_NONE);
	/* and then nothing is awaited, nor told twice */
	assert_true(smtp_client_due_ms(p.c) == UINT64_MAX);
	cplay_tick(&p, 1 << 30);
	cplay_lose(&p);
	cplay_end(&p);
}

static void
an_answer_to_quit_ends_it_once(void **state)
{
	struct cplay p = {.is_late = true};
	struct dialog d = {plain, PLAIN "D\n", ""};

	(void)state;
	begin(&p, &d);
	cplay_run(&p, d.script);
	cplay_give(&p, (struct smtp_client_event){.kind = SMTP_CLIENT_EV_SHUTDOWN});
	cplay_run(&p, "C QUIT\nS 221 bye\nX\n");
	assert_true(smtp_client_due_ms(p.c) == UINT64_MAX);
	cplay_tick(&p, 1 << 30);
	cplay_lose(&p);
	cplay_input(&p, SLICE_LIT("250 a\r\n"));
	assert_int_equal(smtp_client_end(p.c)->result, SMTP_CLIENT_NONE);
	cplay_end(&p);
}

static void
a_shutdown_waits_for_the_answer_to_rset_and_says_quit(void **state)
{
	struct cplay p = {0};
	struct dialog d = {plain, PLAIN MAIL "S 550 no\nC RSET\n", ""};

	(void)state;
	begin(&p, &d);
	cplay_run(&p, d.script);
	cplay_give(&p, (struct smtp_client_event){.kind = SMTP_CLIENT_EV_SHUTDOWN});
	cplay_quiet(&p);
	cplay_run(&p, "S 250 ok\nC QUIT\nS 221 bye\nX\n");
	assert_int_equal(p.idles, 0);
	cplay_end(&p);
}

static void
a_mail_that_waits_for_rset_is_stopped_by_a_shutdown(void **state)
{
	struct cplay p = {0};
	struct dialog d = {plain, PLAIN MAIL "S 550 no\nC RSET\n", ""};

	(void)state;
	begin(&p, &d);
	cplay_run(&p, d.script);
	cplay_mail(&p);
	cplay_quiet(&p);
	cplay_give(&p, (struct smtp_client_event){.kind = SMTP_CLIENT_EV_SHUTDOWN});
	cplay_came_to(
		&p, BOTH("failed mail@mail 550 5.0.0; ") BOTH("stopped mail@rset 4.3.2; "));
	cplay_run(&p, "S 250 ok\nC QUIT\nS 221 bye\nX\n");
	cplay_end(&p);
}

static void
a_shutdown_behind_the_dot_needs_no_rset(void **state)
{
	struct cplay p = {0};
	struct dialog d = {plain, PIPED GROUP "S 250 a\nS 250 b\nS 250 c\nS 354 go\n" TEXT, ""};

	(void)state;
	begin(&p, &d);
	cplay_run(&p, d.script);
	cplay_give(&p, (struct smtp_client_event){.kind = SMTP_CLIENT_EV_SHUTDOWN});
	cplay_quiet(&p);
	cplay_run(&p, "S 554 no\nC QUIT\nS 221 bye\nX\n");
	cplay_came_to(&p, BOTH("failed mail@dot 554 5.0.0; "));
	assert_int_equal(p.idles, 0);
	cplay_end(&p);
}

static void
a_mail_above_the_servers_limit_is_left(void **state)
{
	struct cplay p = {0};
	struct dialog d = {plain,
		HELLO "S 250-mx\nS 250 LIMITS MAILMAX=1\n" MAIL "S 550 no\nC RSET\n", ""};

	(void)state;
	begin(&p, &d);
	cplay_run(&p, d.script);
	cplay_mail(&p);
	cplay_run(&p, "S 250 ok\nC QUIT\nS 221 bye\nX\n");
	cplay_came_to(&p, BOTH("failed mail@mail 550 5.0.0; ") BOTH("left mail@idle; "));
	cplay_end(&p);
}

static void
a_server_that_refuses_rset_is_left_without_harm_to_the_mail(void **state)
{
	struct cplay p = {0};
	struct dialog d = {
		plain, PLAIN MAIL "S 550 no\nC RSET\nS 500 what\nC QUIT\nS 500 what\nX\n", ""};

	(void)state;
	begin(&p, &d);
	cplay_run(&p, d.script);
	cplay_came_to(&p, BOTH("failed mail@mail 550 5.0.0; "));
	assert_int_equal(smtp_client_end(p.c)->result, SMTP_CLIENT_DEFERRED);
	assert_string_equal(smtp_client_end(p.c)->enhanced, "4.0.0");
	cplay_end(&p);
}

/* --- time --- */

static void
each_command_has_its_own_time(void **state)
{
	static const struct {
		const char *script;
		uint64_t ms;
	} waits[] = {{"", 300000}, {HELLO, 300000}, {PIPED GROUP, 300000},
		{PIPED GROUP "S 250 a\n", 300000},
		{PIPED GROUP "S 250 a\nS 250 b\nS 250 c\n", 120000},
		{PIPED GROUP "S 250 a\nS 250 b\nS 250 c\nS 354 go\n" TEXT, 600000},
		{PIPED GROUP "S 550 a\nS 550 b\nS 550 c\nS 550 go\nC RSET\n", 20000}};

	(void)state;
	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
		struct cplay p = {0};
		struct dialog d = {plain, waits[i].script, ""};

		begin(&p, &d);
		cplay_run(&p, d.script);
		assert_int_equal(smtp_client_due_ms(p.c) - p.now_ms, waits[i].ms);
		cplay_end(&p);
	}
}

static void
a_text_must_go_on_every_three_minutes(void **state)
{
	struct cplay p = {.is_silent = true};
	struct dialog d = {plain, PIPED GROUP "S 250 a\nS 250 b\nS 250 c\nS 354 go\n", ""};

	(void)state;
	begin(&p, &d);
	cplay_run(&p, d.script);
	assert_int_equal(smtp_client_due_ms(p.c) - p.now_ms, 180000);
	p.now_ms += 179999;
	cplay_give(&p, (struct smtp_client_event){.kind = SMTP_CLIENT_EV_WROTE});
	assert_int_equal(smtp_client_due_ms(p.c) - p.now_ms, 180000);
	cplay_tick(&p, 179999);
	assert_false(p.is_closed);
	cplay_tick(&p, 1);
	cplay_came_to(&p, BOTH("lost host@body 4.4.2; "));
	cplay_end(&p);
}

static void
a_transaction_has_a_time_for_all_of_it(void **state)
{
	struct cplay p = {.is_silent = true};
	struct dialog d = {plain, PIPED GROUP "S 250 a\nS 250 b\nS 250 c\nS 354 go\n", ""};

	(void)state;
	begin(&p, &d);
	cplay_run(&p, d.script);
	for (int i = 0; i < 71; i++) {
		cplay_tick(&p, 100000);
		cplay_give(&p, (struct smtp_client_event){.kind = SMTP_CLIENT_EV_WROTE});
	}
	assert_int_equal(smtp_client_due_ms(p.c) - p.now_ms, 100000);
	cplay_tick(&p, 99999);
	assert_false(p.is_closed);
	cplay_tick(&p, 1);
	assert_true(p.is_closed);
	cplay_end(&p);
}

/* --- words --- */

static void
outcomes_are_told_in_postfixs_words(void **state)
{
	static const struct {
		const char *script, *words;
	} rows[] = {
		{PIPED GROUP "S 250 a\nS 550-5.1.1 <u@x.example>: no such\nS 550 5.1.1 user\n",
			"host mx said: 550 5.1.1 <u@x.example>: no such user (in reply to RCPT "
			"TO command)"},
		{"S 554 go away\n", "host mx said: 554 go away (in reply to greeting)"},
		{"S \n", "protocol broken by mx while waiting for the greeting"},
		{"S SSH-2.0-OpenSSH_9\n", "protocol broken by mx while waiting for the "
					  "greeting: SSH-2.0-OpenSSH_9"},
		{PIPED GROUP, "lost connection with mx while sending MAIL FROM"},
		{PIPED GROUP "S 250 a\nS 250 b\nS 250 c\nS 354 go\n" TEXT,
			"lost connection with mx while sending end of data -- message may be "
			"sent more than once"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct cplay p = {0};
		struct dialog d = {plain, rows[i].script, ""};
		struct slice host, reply;
		struct buf words;

		begin(&p, &d);
		cplay_run(&p, d.script);
		if (!p.is_closed)
			cplay_lose(&p);
		buf_init(&words, 4096);
		smtp_client_explain(smtp_client_outcome(p.c, 0), SLICE_LIT("mx"), &words);
		/* And back. */
		if (smtp_client_explained(buf_slice(&words), &host, &reply)) {
			assert_slice(host, "mx");
			assert_true(slice_eq(reply, smtp_client_outcome(p.c, 0)->text));
		} else {
			assert_true(smtp_client_outcome(p.c, 0)->cause != SMTP_CLIENT_BY_REPLY);
		}
		buf_put_u8(&words, 0);
		assert_string_equal((char *)words.p, rows[i].words);
		buf_fini(&words);
		cplay_end(&p);
	}
}

static void
a_servers_words_are_found_again(void **state)
{
	static const struct {
		const char *words, *host, *reply;
	} rows[] = {
		{"host mx said: 550 no (in reply to x) (in reply to RCPT TO command)", "mx",
			"550 no (in reply to x)"},
		{"host mx said: 550 cut off (in rep", "mx", "550 cut off (in rep"},
		{"host mx said: ", "mx", ""},
		{"host mx", NULL, NULL},
		{"host  said: 550 x", NULL, NULL},
		{"lost connection with host mx said: 550 x", NULL, NULL},
		{"", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct slice host, reply;

		assert_int_equal(smtp_client_explained(slice_str(rows[i].words), &host, &reply),
			rows[i].host != NULL);
		if (!rows[i].host)
			continue;
		assert_true(slice_eq(host, slice_str(rows[i].host)));
		assert_true(slice_eq(reply, slice_str(rows[i].reply)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_dialog_is_the_same_in_pieces_of_any_size),
		cmocka_unit_test(the_connection_may_end_anywhere),
		cmocka_unit_test(each_wait_has_a_deadline),
		cmocka_unit_test(what_isnt_smtp_ends_the_connection_anywhere),
		cmocka_unit_test(a_shutdown_loses_nothing_and_waits_for_the_dots_answer_only),
		cmocka_unit_test(a_server_that_breaks_the_rules_or_says_421_is_left),
		cmocka_unit_test(lmtp_data_without_recipients_ends_the_connection),
		cmocka_unit_test(a_421_amid_lmtps_answers_leaves_the_others_unknown),
		cmocka_unit_test(a_mail_for_a_connection_that_ended_is_left),
		cmocka_unit_test(quit_is_said_when_idle_and_waited_for_five_seconds),
		cmocka_unit_test(an_answer_to_quit_ends_it_once),
		cmocka_unit_test(a_shutdown_waits_for_the_answer_to_rset_and_says_quit),
		cmocka_unit_test(a_mail_that_waits_for_rset_is_stopped_by_a_shutdown),
		cmocka_unit_test(a_shutdown_behind_the_dot_needs_no_rset),
		cmocka_unit_test(a_mail_above_the_servers_limit_is_left),
		cmocka_unit_test(a_server_that_refuses_rset_is_left_without_harm_to_the_mail),
		cmocka_unit_test(each_command_has_its_own_time),
		cmocka_unit_test(a_text_must_go_on_every_three_minutes),
		cmocka_unit_test(a_transaction_has_a_time_for_all_of_it),
		cmocka_unit_test(outcomes_are_told_in_postfixs_words),
		cmocka_unit_test(a_servers_words_are_found_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
