/* One mail: its envelope, its extensions, its text. */
#include "tests/smtp_client_play.h"

#define HELLO "S 220 mx.example ESMTP\nC EHLO me.example\n"
#define OFFERS(keywords) HELLO "S 250-mx.example\nS 250-PIPELINING\nS 250 " keywords "\n"
#define MAIL(params) "C MAIL FROM:<a@b.example>" params "\n"
#define RCPT(params) "C RCPT TO:<u@x.example>" params "\n"
#define DATA "C DATA\nS 250 a\nS 250 b\nS 354 go\nC x\nC .\nS 250 ok\nD\n"
#define SENT "sent mail@dot 250 2.0.0; | "

static const struct smtp_client_rcpt one[] = {CPLAY_RCPT("u@x.example")};

static struct cplay
mail(void)
{
	return (struct cplay){.mail.sender = SLICE_LIT("a@b.example"),
		.mail.rcpt = one,
		.mail.rcpt_n = 1,
		.text = "x\r\n"};
}

static void
play(struct cplay *p, const char *script, const char *outcomes)
{
	cplay_begin(p);
	cplay_run(p, script);
	cplay_quiet(p);
	cplay_came_to(p, outcomes);
	cplay_end(p);
}

/* --- extensions of MAIL --- */

static void
the_size_is_told_and_one_above_the_limit_isnt_tried(void **state)
{
	struct cplay p = mail();

	(void)state;
	p.mail.size_bytes = 1000;
	play(&p, OFFERS("SIZE 1000") MAIL(" SIZE=1000") RCPT("") DATA, SENT);
	p = mail();
	p.mail.size_bytes = 1001;
	play(&p, OFFERS("SIZE 1000") "D\n", "failed mail@mail 5.3.4; | ");
	p = mail();
	p.mail.size_bytes = 1001;
	play(&p, OFFERS("SIZE") MAIL(" SIZE=1001") RCPT("") DATA, SENT);
	p = mail();
	p.mail.size_bytes = 1001;
	play(&p, OFFERS("SIZE 0") MAIL(" SIZE=1001") RCPT("") DATA, SENT);
	p = mail();
	p.mail.size_bytes = 1001;
	play(&p, OFFERS("HELP") MAIL("") RCPT("") DATA, SENT);
	p = mail();
	play(&p, OFFERS("SIZE 1000") MAIL("") RCPT("") DATA, SENT);
}

static void
an_8_bit_body_for_a_7_bit_server_is_left_to_the_driver(void **state)
{
	struct cplay p = mail();

	(void)state;
	p.mail.is_8bit = true;
	play(&p, OFFERS("8BITMIME") MAIL(" BODY=8BITMIME") RCPT("") DATA, SENT);
	p = mail();
	p.mail.is_8bit = true;
	play(&p, OFFERS("HELP") "D\n", "convert mail@mail 5.6.3; | ");
	p = mail();
	p.text = "\xe4\r\n";
	play(&p,
		OFFERS("HELP") MAIL("") RCPT("") "C DATA\nS 250 a\nS 250 b\nS 354 go\n"
						 "C \xe4\nC .\nS 250 ok\nD\n",
		SENT);
}

static void
smtputf8_is_said_where_it_is_needed_and_offered_or_fails(void **state)
{
	static const struct smtp_client_rcpt mixed[] = {
		CPLAY_RCPT("u@x.example"), CPLAY_RCPT("\xc3\xa4@x.example")};
	struct cplay p = mail();

	(void)state;
	p.mail.smtputf8 = true;
	play(&p, OFFERS("SMTPUTF8") MAIL(" SMTPUTF8") RCPT("") DATA, SENT);
	p = mail();
	p.mail.smtputf8 = true;
	play(&p, OFFERS("8BITMIME") "D\n", "failed mail@mail 5.6.9; | ");
	p = mail();
	p.mail.sender = SLICE_LIT("\xc3\xa4@b.example");
	play(&p, OFFERS("SMTPUTF8") "C MAIL FROM:<\xc3\xa4@b.example> SMTPUTF8\n" RCPT("") DATA,
		SENT);
	p = mail();
	p.mail.sender = SLICE_LIT("\xc3\xa4@b.example");
	play(&p, OFFERS("8BITMIME") "D\n", "failed mail@mail 5.6.7; | ");
	/* of recipients only those who need it */
	p = mail();
	p.mail.rcpt = mixed;
	p.mail.rcpt_n = 2;
	play(&p, OFFERS("8BITMIME") MAIL("") RCPT("") DATA,
		"sent mail@dot 250 2.0.0; failed rcpt@rcpt 5.6.7; | ");
	p = mail();
	p.mail.rcpt = mixed;
	p.mail.rcpt_n = 2;
	play(&p,
		OFFERS("SMTPUTF8") MAIL(" SMTPUTF8") RCPT("") "C RCPT TO:<\xc3\xa4@x.example>\n"
							      "C DATA\n",
		"");
}

static void
a_domain_goes_as_a_labels_where_smtputf8_is_not_offered(void **state)
{
	static const struct smtp_client_rcpt rcpts[] = {CPLAY_RCPT("u@b\xc3\xbc"
								   "cher.example"),
		CPLAY_RCPT("\"a b\"@B\xc3\x9c"
			   "CHER.example"),
		CPLAY_RCPT("\xc3\xa4@b\xc3\xbc.example"),
		CPLAY_RCPT("u@\xe2\x99\xa5\xe2\x80\x8f.example")};
	struct cplay p = mail();

	(void)state;
	p.mail.sender = SLICE_LIT("a@\xc3\xa4.example");
	p.mail.rcpt = rcpts;
	p.mail.rcpt_n = 4;
	play(&p,
		OFFERS("8BITMIME") "C MAIL FROM:<a@xn--4ca.example>\n"
				   "C RCPT TO:<u@xn--bcher-kva.example>\n"
				   "C RCPT TO:<\"a b\"@xn--bcher-kva.example>\nC DATA\n",
		"");
	p = mail();
	p.mail.sender = SLICE_LIT("a@\xc3\xa4.example");
	p.mail.rcpt = rcpts;
	p.mail.rcpt_n = 1;
	play(&p,
		OFFERS("SMTPUTF8") "C MAIL FROM:<a@\xc3\xa4.example> SMTPUTF8\n"
				   "C RCPT TO:<u@b\xc3\xbc"
				   "cher.example>\nC DATA\n",
		"");
}

static void
what_is_discarded_counts_as_not_offered(void **state)
{
	struct cplay p = mail();

	(void)state;
	p.mail.size_bytes = 1001;
	p.mail.envid = SLICE_LIT("x");
	p.mail.is_8bit = true;
	p.su.discards = SMTP_CLIENT_SIZE | SMTP_CLIENT_DSN | SMTP_CLIENT_PIPELINING;
	play(&p,
		HELLO
		"S 250-mx\nS 250-PIPELINING\nS 250-SIZE 1000\nS 250-8BITMIME\nS 250 DSN\n" MAIL(
			" BODY=8BITMIME"),
		"");
	p = mail();
	p.mail.is_8bit = true;
	p.su.discards = SMTP_CLIENT_8BITMIME;
	play(&p, OFFERS("8BITMIME") "D\n", "convert mail@mail 5.6.3; | ");
}

static void
nuls_pass_with_binarymime_and_chunking_only(void **state)
{
	struct cplay p = mail();

	(void)state;
	p.mail.is_binary = true;
	play(&p,
		HELLO "S 250-mx\nS 250-CHUNKING\nS 250 BINARYMIME\n" MAIL(
			" BODY=BINARYMIME") "S 250 a\n" RCPT("") "S 250 b\nC BDAT 3 LAST\nC "
								 "x\nS 250 ok\nD\n",
		SENT);
	p = mail();
	p.mail.is_binary = true;
	play(&p, OFFERS("BINARYMIME") "D\n", "failed mail@mail 5.6.3; | ");
	p = mail();
	p.mail.is_binary = true;
	play(&p, OFFERS("CHUNKING") "D\n", "failed mail@mail 5.6.3; | ");
}

static void
a_nul_that_nobody_told_of_stops_the_mail(void **state)
{
	(void)state;
	for (int is_silent = 0; is_silent < 2; is_silent++) {
		struct cplay p = mail();
		struct smtp_client_event ev = {.kind = SMTP_CLIENT_EV_BODY};

		p.is_silent = true;
		cplay_begin(&p);
		cplay_run(&p, is_silent ? OFFERS("CHUNKING") MAIL("") RCPT("") "S 250 a\nS 250 "
									       "b\n"
					: OFFERS("HELP") MAIL("") RCPT("") "C DATA\nS 250 "
									   "a\nS 250 b\nS 354 "
									   "go\n");
		ev.body.octets = SLICE_LIT("a\0b\r\n");
		ev.body.is_last = true;
		cplay_give(&p, ev);
		cplay_quiet(&p);
		cplay_came_to(&p, "failed mail@body 5.6.3; | ");
		assert_true(p.is_closed);
		cplay_end(&p);
	}
}

/* --- DSN --- */

static void
dsn_parameters_are_encoded_and_left_out_where_they_mean_nothing(void **state)
{
	static struct smtp_client_rcpt rcpt[] = {CPLAY_RCPT("u@x.example"),
		CPLAY_RCPT("v@x.example"), CPLAY_RCPT("w@x.example")};
	struct cplay p = mail();

	(void)state;
	rcpt[0].notify = SMTP_NOTIFY_NEVER;
	rcpt[0].orcpt = SLICE_LIT("rfc822;a+b=c d@x");
	rcpt[1].notify = SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_FAILURE | SMTP_NOTIFY_DELAY;
	rcpt[1].orcpt = SLICE_LIT("no type");
	rcpt[2].notify = SMTP_NOTIFY_DELAY;
	rcpt[2].orcpt = SLICE_LIT("rfc822;\xe4");
	p.mail.rcpt = rcpt;
	p.mail.rcpt_n = 3;
	p.mail.ret = SMTP_RET_HDRS;
	p.mail.envid = SLICE_LIT("id+1 =");
	play(&p,
		OFFERS("DSN") MAIL(" RET=HDRS ENVID=id+2B1+20+3D") RCPT(
			" NOTIFY=NEVER ORCPT=rfc822;a+2Bb+3Dc+20d@x") "C RCPT TO:<v@x.example> "
								      "NOTIFY=SUCCESS,FAILURE,"
								      "DELAY\n"
								      "C RCPT TO:<w@x.example> "
								      "NOTIFY=DELAY\nC DATA\n",
		"");
	p = mail();
	p.mail.rcpt = rcpt;
	p.mail.rcpt_n = 1;
	p.mail.ret = SMTP_RET_FULL;
	p.mail.envid = SLICE_LIT("id");
	play(&p, OFFERS("HELP") MAIL("") RCPT("") DATA, SENT);
	p = mail();
	p.mail.ret = SMTP_RET_FULL;
	play(&p, OFFERS("DSN") MAIL(" RET=FULL") RCPT("") DATA, SENT);
}

static void
addresses_get_the_quotes_that_they_need(void **state)
{
	static const char *const as[][2] = {{"q m@x", "\"q m\"@x"}, {"\"q m\"@x", "\"q m\"@x"},
		{"a@b@x", "\"a@b\"@x"}, {"\"a@b\"@x", "\"a@b\"@x"},
		{"a\"b\\@x", "\"a\\\"b\\\\\"@x"}, {"MiXeD@x", "MiXeD@x"}};

	(void)state;
	for (size_t i = 0; i < sizeof as / sizeof *as; i++) {
		struct cplay p = mail();
		struct smtp_client_rcpt rcpt[] = {{.address = slice_str(as[i][0])}};
		char script[200];

		p.mail.rcpt = rcpt;
		p.mail.rcpt_n = 1;
		snprintf(script, sizeof script, "%sC RCPT TO:<%s>\n%s", OFFERS("HELP") MAIL(""),
			as[i][1], "C DATA\n");
		cplay_begin(&p);
		cplay_run(&p, script);
		cplay_end(&p);
	}
}

static void
orcpt_in_utf8_is_sent_as_its_type_wants_it(void **state)
{
	struct cplay p = mail();
	struct smtp_client_rcpt rcpt[] = {CPLAY_RCPT("u@x.example")};

	(void)state;
	p.mail.rcpt = rcpt;
	p.mail.rcpt_n = 1;
	rcpt[0].orcpt = SLICE_LIT("rfc822;j\xc3\xbc+@x");
	play(&p, OFFERS("DSN") MAIL("") RCPT(" ORCPT=rfc822;j+C3+BC+2B@x") DATA, SENT);
	p = mail();
	p.mail.rcpt = rcpt;
	p.mail.rcpt_n = 1;
	rcpt[0].orcpt = SLICE_LIT("UTF-8;j\xc3\xbc@x");
	play(&p, OFFERS("DSN") MAIL("") RCPT(" ORCPT=UTF-8;j\\x{FC}@x") DATA, SENT);
	p = mail();
	p.mail.rcpt = rcpt;
	p.mail.rcpt_n = 1;
	rcpt[0].orcpt = SLICE_LIT("utf-8;j\\x{FC}@x");
	play(&p, OFFERS("DSN") MAIL("") RCPT(" ORCPT=utf-8;j\\x{FC}@x") DATA, SENT);
}

static void
envid_and_orcpt_that_became_too_long_are_left_out(void **state)
{
	struct smtp_client_rcpt rcpt[] = {CPLAY_RCPT("u@x.example")};
	uint8_t text[SMTP_PARSE_ORCPT_MAX + 1], id[SMTP_PARSE_ENVID_MAX];

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		struct cplay p = mail();
		size_t base = sizeof "MAIL FROM:<a@b.example>\r\nRCPT TO:<u@x.example>\r\n"
				     "DATA\r\n";

		memset(text, 'x', sizeof text);
		memcpy(text, "rfc822;", 7);
		rcpt[0].orcpt = slice_of(text, SMTP_PARSE_ORCPT_MAX + more);
		p.mail.rcpt = rcpt;
		memset(id, 'x', sizeof id);
		id[SMTP_PARSE_ENVID_MAX - 3 + more] = '='; /* three octets of xtext */
		p.mail.envid = slice_of(id, SMTP_PARSE_ENVID_MAX - 2 + more);
		cplay_begin(&p);
		cplay_run(&p, OFFERS("DSN"));
		if (!more)
			base += sizeof " ENVID=" - 1 + SMTP_PARSE_ENVID_MAX + sizeof " ORCPT=" -
				1 + SMTP_PARSE_ORCPT_MAX;
		assert_int_equal(p.said.n, base - 1);
		cplay_end(&p);
	}
}

/* --- XFORWARD --- */

static struct cplay
forwarded(void)
{
	struct cplay p = mail();

	p.su.sends_xforward = true;
	p.mail.forward[SMTP_CLIENT_FORWARD_NAME] = SLICE_LIT("c=1.example");
	p.mail.forward[SMTP_CLIENT_FORWARD_ADDR] = SLICE_LIT("192.0.2.1");
	p.mail.forward[SMTP_CLIENT_FORWARD_PROTO] = SLICE_LIT("ESMTP");
	p.mail.forward[SMTP_CLIENT_FORWARD_HELO] = SLICE_LIT("c d\r\nRSET");
	p.mail.forward[SMTP_CLIENT_FORWARD_SOURCE] = SLICE_LIT("REMOTE");
	p.mail.forward[SMTP_CLIENT_FORWARD_LOGIN] = SLICE_LIT("u");
	return p;
}

static void
xforward_tells_what_the_server_asks_for_before_mail(void **state)
{
	struct cplay p = forwarded();

	(void)state;
	play(&p,
		OFFERS("XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE") "C XFORWARD "
									  "NAME=c+3D1.example "
									  "ADDR=192.0.2.1 "
									  "PORT=[UNAVAILABLE] "
									  "PROTO=ESMTP "
									  "HELO=c+20d+0D+"
									  "0ARSET "
									  "IDENT=[UNAVAILABLE] "
									  "SOURCE=REMOTE\n"
									  "S 250 ok\n" MAIL("")
										  RCPT("") DATA,
		SENT);
	p = forwarded();
	play(&p,
		OFFERS("XFORWARD LOGIN") "C XFORWARD LOGIN=u\nS 250 ok\n" MAIL("") RCPT("")
			DATA,
		SENT);
	p = forwarded();
	p.su.sends_xforward = false;
	play(&p, OFFERS("XFORWARD NAME") MAIL("") RCPT("") DATA, SENT);
	p = forwarded();
	play(&p, OFFERS("HELP") MAIL("") RCPT("") DATA, SENT);
}

static void
a_mail_whose_xforward_is_refused_waits(void **state)
{
	struct cplay p = forwarded();

	(void)state;
	play(&p,
		OFFERS("XFORWARD NAME") "C XFORWARD NAME=c+3D1.example\n"
					"S 550 5.7.0 not you\nC RSET\nS 250 ok\nD\n",
		"deferred host@xforward 550 4.7.0; | ");
}

static void
long_facts_are_told_in_several_lines(void **state)
{
	struct cplay p = forwarded();
	uint8_t big[300];
	struct slice said;

	(void)state;
	memset(big, '=', sizeof big); /* each is three octets of xtext */
	p.mail.forward[SMTP_CLIENT_FORWARD_NAME] = slice_of(big, sizeof big);
	p.mail.forward[SMTP_CLIENT_FORWARD_HELO] = slice_of(big, 150);
	p.mail.forward[SMTP_CLIENT_FORWARD_ADDR] = slice_of(big, 10);
	cplay_begin(&p);
	cplay_run(&p, OFFERS("XFORWARD NAME ADDR HELO"));
	said = buf_slice(&p.said);
	/* 255 octets of a value at most; what doesn't fit into 512 octets stands alone */
	assert_true(slice_starts(said, SLICE_LIT("XFORWARD NAME=+3D")));
	assert_int_equal(slice_find(said, '\n') + 1, sizeof "XFORWARD NAME=\r\n" - 1 + 3 * 255);
	said = slice_from(said, slice_find(said, '\n') + 1);
	assert_true(slice_starts(said, SLICE_LIT("XFORWARD ADDR=+3D")));
	assert_int_equal(
		slice_find(said, '\n') + 1, sizeof "XFORWARD ADDR= HELO=\r\n" - 1 + 3 * 160);
	buf_clear(&p.said);
	cplay_run(&p, "S 250 a\nS 250 b\n" MAIL("") RCPT("") DATA);
	cplay_came_to(&p, SENT);
	cplay_end(&p);
}

/* --- addresses --- */

static void
addresses_are_said_as_they_are_and_never_as_commands(void **state)
{
	static const struct smtp_client_rcpt rcpt[] = {CPLAY_RCPT("\"a > b\"@x.example"),
		CPLAY_RCPT("u@x.example>\r\nRSET"), CPLAY_RCPT("u@x.example> NOTIFY=NEVER"),
		CPLAY_RCPT(""), CPLAY_RCPT("u\x01v@x.example"), CPLAY_RCPT("\"u\n\"@x.example"),
		CPLAY_RCPT("u@[192.0.2.1]"), CPLAY_RCPT("u@x.example")};
	struct cplay p = mail();

	(void)state;
	p.mail.sender = SLICE_EMPTY;
	p.mail.rcpt = rcpt;
	p.mail.rcpt_n = 8;
	play(&p,
		OFFERS("HELP") "C MAIL FROM:<>\nC RCPT TO:<\"a > b\"@x.example>\n"
			       "C RCPT TO:<u@[192.0.2.1]>\nC RCPT TO:<u@x.example>\nC DATA\n"
			       "S 250 a\nS 550 b\nS 550 c\nS 550 d\nS 503 e\nC RSET\n"
			       "S 250 ok\nD\n",
		"failed rcpt@rcpt 550 5.0.0; failed rcpt@rcpt 5.1.3; failed rcpt@rcpt 5.1.3; "
		"failed rcpt@rcpt 5.1.3; failed rcpt@rcpt 5.1.3; failed rcpt@rcpt 5.1.3; "
		"failed rcpt@rcpt 550 5.0.0; failed rcpt@rcpt 550 5.0.0; | ");
	p = mail();
	p.mail.sender = SLICE_LIT("a@b.example>\r\nRSET");
	play(&p, OFFERS("HELP") "D\n", "failed mail@mail 5.1.7; | ");
	p = mail();
	p.mail.rcpt_n = 0;
	play(&p, OFFERS("HELP") "D\n", "| ");
}

/* --- how many recipients --- */

static const struct smtp_client_rcpt three[] = {
	CPLAY_RCPT("u@x.example"), CPLAY_RCPT("v@x.example"), CPLAY_RCPT("w@x.example")};
#define LEFT "left rcpt@rcpt; "

static void
no_more_recipients_are_given_than_the_server_takes(void **state)
{
	struct cplay p = mail();

	(void)state;
	p.mail.rcpt = three;
	p.mail.rcpt_n = 3;
	play(&p, OFFERS("LIMITS RCPTMAX=1") MAIL("") RCPT("") DATA,
		"sent mail@dot 250 2.0.0; " LEFT LEFT "| ");
	p = mail();
	p.mail.rcpt = three;
	p.mail.rcpt_n = 3;
	smtp_client_limits_default(&p.lim);
	p.lim.rcpt_max = 2;
	play(&p,
		OFFERS("LIMITS RCPTMAX=3") MAIL("") RCPT("") "C RCPT TO:<v@x.example>\nC DATA\n"
							     "S 250 a\nS 550 b\nS 550 c\nS 503 "
							     "d\nC RSET\nS 250 ok\nD\n",
		"failed rcpt@rcpt 550 5.0.0; failed rcpt@rcpt 550 5.0.0; " LEFT "| ");
	p = mail();
	p.mail.rcpt = three;
	p.mail.rcpt_n = 3;
	play(&p,
		OFFERS("LIMITS RCPTMAX=3") MAIL("") RCPT("") "C RCPT TO:<v@x.example>\nC RCPT "
							     "TO:<w@x.example>\nC DATA\n",
		"");
}

static void
who_is_too_many_for_the_server_is_left_behind_one_that_it_took(void **state)
{
	static const struct {
		const char *a, *b, *outcomes;
	} rows[] = {
		{"250 a", "452 4.5.3 too many",
			"sent mail@dot 250 2.0.0; left rcpt@rcpt 452 4.5.3; | "},
		{"250 a", "452 too many",
			"sent mail@dot 250 2.0.0; left rcpt@rcpt 452 4.0.0; | "},
		{"250 a", "552 5.5.3 too many",
			"sent mail@dot 250 2.0.0; left rcpt@rcpt 552 5.5.3; | "},
		{"250 a", "452 4.2.2 full",
			"sent mail@dot 250 2.0.0; deferred rcpt@rcpt 452 4.2.2; | "},
		{"250 a", "552 full",
			"sent mail@dot 250 2.0.0; failed rcpt@rcpt 552 5.0.0; | "},
		{"250 a", "450 4.5.3 a",
			"sent mail@dot 250 2.0.0; deferred rcpt@rcpt 450 4.5.3; | "},
		{"452 4.5.3 too many", "250 b",
			"deferred rcpt@rcpt 452 4.5.3; sent mail@dot 250 2.0.0; | "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct cplay p = mail();
		char script[1000];

		p.mail.rcpt = three;
		p.mail.rcpt_n = 2;
		snprintf(script, sizeof script,
			OFFERS("HELP") MAIL("")
				RCPT("") "C RCPT TO:<v@x.example>\nC DATA\n"
					 "S 250 a\nS %s\nS %s\nS 354 go\nC x\nC .\n"
					 "S 250 ok\n",
			rows[i].a, rows[i].b);
		play(&p, script, rows[i].outcomes);
	}
}

/* --- chunks --- */

#define CHUNKED(more) HELLO "S 250-mx\nS 250-CHUNKING\nS 250 " more "\n"

static struct cplay
chunked(void)
{
	struct cplay p = mail();

	smtp_client_limits_default(&p.lim);
	p.lim.chunk_least = 1;
	p.text = "ab\r\ncd\r\nef\r\n";
	p.step = 4;
	return p;
}

static void
chunks_leave_one_by_one_or_in_groups(void **state)
{
	struct cplay p = chunked();

	(void)state;
	p.su.discards = SMTP_CLIENT_CHUNKING;
	play(&p, CHUNKED("PIPELINING") MAIL("") RCPT("") "C DATA\n", "");
	p = chunked();
	play(&p,
		CHUNKED("HELP")
			MAIL("") "S 250 a\n" RCPT("") "S 250 b\nC BDAT 4\nC ab\nS 250 c\n"
						      "C BDAT 4\nC cd\nS 250 d\n"
						      "C BDAT 4 LAST\nC ef\nS 250 ok\nD\n",
		SENT);
	p = chunked();
	play(&p,
		CHUNKED("PIPELINING") MAIL("")
			RCPT("") "S 250 a\nS 250 b\nC BDAT 4\nC ab\nC BDAT "
				 "4\nC cd\nS 250 c\nS 250 d\n"
				 "C BDAT 4 LAST\nC ef\nS 250 ok\nD\n",
		SENT);
}

static void
a_refused_chunk_ends_the_mail(void **state)
{
	struct cplay p = chunked();

	(void)state;
	play(&p,
		CHUNKED("HELP")
			MAIL("") "S 250 a\n" RCPT("") "S 250 b\nC BDAT 4\nC ab\n"
						      "S 552 5.3.4 big\nC RSET\nS 250 ok\nD\n",
		"failed mail@body 552 5.3.4; | ");
	p = chunked();
	play(&p,
		CHUNKED("PIPELINING") MAIL("")
			RCPT("") "S 250 a\nS 250 b\nC BDAT 4\nC ab\nC BDAT "
				 "4\nC cd\nS 451 4.3.0 no\nS 503 d\n"
				 "C RSET\nS 250 ok\nD\n",
		"deferred mail@body 451 4.3.0; | ");
	p = chunked();
	play(&p,
		CHUNKED("PIPELINING") MAIL("")
			RCPT("") "S 250 a\nS 250 b\nC BDAT 4\nC ab\nC BDAT "
				 "4\nC cd\nS 250 d\nS 451 4.3.0 no\n"
				 "C RSET\nS 250 ok\nD\n",
		"deferred mail@body 451 4.3.0; | ");
	p = chunked();
	play(&p,
		CHUNKED("PIPELINING") MAIL("")
			RCPT("") "S 250 a\nS 250 b\nC BDAT 4\nC ab\nC BDAT "
				 "4\nC cd\nS 250 c\nS 250 d\nC BDAT 4 LAST\n"
				 "C ef\nS 554 5.6.0 no\nC RSET\nS 250 ok\nD\n",
		"failed mail@dot 554 5.6.0; | ");
}

/* A second mail has nothing of the one before, whose last piece was held back. */
static void
a_mail_behind_a_refused_one_begins_anew(void **state)
{
	struct cplay p = chunked();

	(void)state;
	play(&p,
		CHUNKED("PIPELINING") MAIL("") RCPT(
			"") "S 250 a\nS 250 b\nC BDAT 4\nC ab\nC BDAT 4\nC cd\n"
			    "S 250 c\nS 451 4.3.0 no\nC RSET\nS 250 ok\nI\n" MAIL("") RCPT(
				    "") "S 250 a\nS 250 b\nC BDAT 4\nC ab\nC BDAT 4\nC cd\n"
					"S 250 c\nS 250 d\nC BDAT 4 LAST\nC ef\nS 250 "
					"ok\nI\n" MAIL("") RCPT("") "S 250 a\nS 250 b\nC BDAT "
								    "4\nC ab\nC BDAT 4\nC cd\n",
		"deferred mail@body 451 4.3.0; | " SENT);
}

static void
a_piece_that_was_wanted_before_a_refusal_isnt_sent(void **state)
{
	struct cplay p = chunked();
	struct smtp_client_event ev = {
		.kind = SMTP_CLIENT_EV_BODY, .body.octets = SLICE_LIT("ab\r\n")};

	(void)state;
	p.step = 0;
	p.is_silent = true;
	cplay_begin(&p);
	cplay_run(&p, CHUNKED("PIPELINING") MAIL("") RCPT("") "S 250 a\nS 250 b\n");
	for (int i = 0; i < 16; i++)
		cplay_give(&p, ev);
	assert_int_equal(p.wanted, 16);
	buf_clear(&p.said);
	/* room for one more, and a refusal, in one piece */
	cplay_input(&p, SLICE_LIT("250 a\r\n451 b\r\n"));
	assert_int_equal(p.wanted, 16);
	cplay_give(&p, ev);
	cplay_quiet(&p);
	assert_int_equal(p.dones, 0);
	for (int i = 0; i < 14; i++)
		cplay_input(&p, SLICE_LIT("503 c\r\n"));
	assert_slice(buf_slice(&p.said), "RSET\r\n");
	cplay_came_to(&p, "deferred mail@body 451 4.0.0; | ");
	cplay_end(&p);
}

static void
sixteen_chunks_at_most_wait_for_their_replies(void **state)
{
	struct cplay p = chunked();

	(void)state;
	p.step = 0;
	p.text = "ab\r\n";
	p.is_silent = true;
	cplay_begin(&p);
	cplay_run(&p, CHUNKED("PIPELINING") MAIL("") RCPT("") "S 250 a\nS 250 b\n");
	for (int i = 0; i < 20; i++) {
		struct smtp_client_event ev = {.kind = SMTP_CLIENT_EV_BODY};
		ev.body.octets = SLICE_LIT("ab\r\n");
		cplay_give(&p, ev);
	}
	assert_int_equal(p.said.n, 16 * (sizeof "BDAT 4\r\nab\r\n" - 1));
	assert_int_equal(smtp_client_due_ms(p.c) - p.now_ms, 180000);
	cplay_end(&p);
}

static void
a_text_may_be_empty_and_its_last_piece_too(void **state)
{
	struct cplay p = chunked();

	(void)state;
	p.text = "";
	play(&p,
		CHUNKED("PIPELINING") MAIL("") RCPT("") "S 250 a\nS 250 b\nC BDAT 0 LAST\n"
							"S 250 ok\nD\n",
		SENT);
	p = mail();
	p.text = "";
	play(&p,
		OFFERS("HELP") MAIL("")
			RCPT("") "C DATA\nS 250 a\nS 250 b\nS 354 go\nC .\nS 250 ok\nD\n",
		SENT);
}

/* --- the text --- */

static void
what_was_mended_is_counted(void **state)
{
	for (size_t step = 0; step < 9; step++) {
		struct cplay p = mail();

		(void)state;
		p.step = step;
		p.text = "a\n.b\rc\r\n.";
		cplay_begin(&p);
		cplay_run(&p,
			OFFERS("HELP") MAIL("") RCPT("") "C DATA\nS 250 a\nS 250 b\nS 354 "
							 "go\nC a\nC ..b\nC c\nC ..\n"
							 "C .\nS 250 ok\nD\n");
		assert_int_equal(smtp_client_mended(p.c)->bare_lfs, 1);
		assert_int_equal(smtp_client_mended(p.c)->bare_crs, 1);
		assert_int_equal(smtp_client_mended(p.c)->long_lines, 0);
		cplay_end(&p);
	}
}

static void
without_the_drivers_word_the_final_dot_isnt_sent(void **state)
{
	struct cplay p = mail();

	(void)state;
	p.stops = true;
	cplay_begin(&p);
	cplay_run(
		&p, OFFERS("HELP") MAIL("") RCPT("") "C DATA\nS 250 a\nS 250 b\nS 354 go\nX\n");
	cplay_came_to(&p, "stopped mail@body 4.3.2; | ");
	assert_int_equal(smtp_client_end(p.c)->scope, SMTP_CLIENT_OF_MAIL);
	cplay_end(&p);
	p = chunked();
	p.stops = true;
	cplay_begin(&p);
	cplay_run(&p,
		CHUNKED("PIPELINING") MAIL("") RCPT("") "S 250 a\nS 250 b\nC BDAT 4\nC ab\nC "
							"BDAT 4\nC cd\nS 250 c\n");
	assert_int_equal(p.asked, 0);
	cplay_run(&p, "S 250 d\nX\n");
	cplay_came_to(&p, "stopped mail@body 4.3.2; | ");
	cplay_end(&p);
}

static void
a_text_that_cant_be_read_is_never_finished(void **state)
{
	struct cplay p = mail();

	(void)state;
	p.loses = true;
	p.step = 2;
	cplay_begin(&p);
	cplay_run(&p, OFFERS("HELP") MAIL("") RCPT("") "C DATA\nS 250 a\nS 250 b\nS 354 go\n");
	assert_true(p.is_closed);
	assert_slice(buf_slice(&p.said), "x");
	cplay_came_to(&p, "stopped mail@body 4.3.0; | ");
	cplay_end(&p);
}

static void
body_and_dot_that_nobody_wanted_do_nothing(void **state)
{
	struct cplay p = mail();
	struct smtp_client_event ev = {.kind = SMTP_CLIENT_EV_BODY};

	(void)state;
	cplay_begin(&p);
	cplay_run(&p, OFFERS("HELP") MAIL("") RCPT("") "C DATA\nS 250 a\n");
	ev.body.octets = SLICE_LIT("x\r\n");
	ev.body.is_last = true;
	cplay_give(&p, ev);
	cplay_give(
		&p, (struct smtp_client_event){.kind = SMTP_CLIENT_EV_DOT, .may_send = true});
	cplay_secure(&p, true, "");
	cplay_quiet(&p);
	cplay_run(&p, "S 250 b\nS 354 go\nC x\nC .\nS 250 ok\nD\n");
	cplay_came_to(&p, SENT);
	cplay_end(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_size_is_told_and_one_above_the_limit_isnt_tried),
		cmocka_unit_test(an_8_bit_body_for_a_7_bit_server_is_left_to_the_driver),
		cmocka_unit_test(smtputf8_is_said_where_it_is_needed_and_offered_or_fails),
		cmocka_unit_test(a_domain_goes_as_a_labels_where_smtputf8_is_not_offered),
		cmocka_unit_test(what_is_discarded_counts_as_not_offered),
		cmocka_unit_test(nuls_pass_with_binarymime_and_chunking_only),
		cmocka_unit_test(a_nul_that_nobody_told_of_stops_the_mail),
		cmocka_unit_test(
			dsn_parameters_are_encoded_and_left_out_where_they_mean_nothing),
		cmocka_unit_test(addresses_get_the_quotes_that_they_need),
		cmocka_unit_test(orcpt_in_utf8_is_sent_as_its_type_wants_it),
		cmocka_unit_test(envid_and_orcpt_that_became_too_long_are_left_out),
		cmocka_unit_test(xforward_tells_what_the_server_asks_for_before_mail),
		cmocka_unit_test(a_mail_whose_xforward_is_refused_waits),
		cmocka_unit_test(long_facts_are_told_in_several_lines),
		cmocka_unit_test(addresses_are_said_as_they_are_and_never_as_commands),
		cmocka_unit_test(no_more_recipients_are_given_than_the_server_takes),
		cmocka_unit_test(
			who_is_too_many_for_the_server_is_left_behind_one_that_it_took),
		cmocka_unit_test(chunks_leave_one_by_one_or_in_groups),
		cmocka_unit_test(a_refused_chunk_ends_the_mail),
		cmocka_unit_test(a_mail_behind_a_refused_one_begins_anew),
		cmocka_unit_test(a_piece_that_was_wanted_before_a_refusal_isnt_sent),
		cmocka_unit_test(sixteen_chunks_at_most_wait_for_their_replies),
		cmocka_unit_test(a_text_may_be_empty_and_its_last_piece_too),
		cmocka_unit_test(what_was_mended_is_counted),
		cmocka_unit_test(without_the_drivers_word_the_final_dot_isnt_sent),
		cmocka_unit_test(a_text_that_cant_be_read_is_never_finished),
		cmocka_unit_test(body_and_dot_that_nobody_wanted_do_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
