#include "tests/imap_test.h"

#define CAPA "CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ENABLE ID"
#define CAPA_IN                                                                                \
	CAPA " NAMESPACE UNSELECT UIDPLUS MOVE IDLE CHILDREN LIST-EXTENDED LIST-STATUS "       \
	     "SPECIAL-USE STATUS=SIZE BINARY MULTIAPPEND ESEARCH SEARCHRES CONDSTORE QUOTA "   \
	     "QUOTA=RES-STORAGE QUOTA=RES-MESSAGE APPENDLIMIT=1000000"

static void
capabilities_are_those_of_the_moment(void **state)
{
	struct imap_settings open = {.append_max = 1000000, .may_tls = true, .scram = true};
	struct play p;

	(void)state;
	play_begin_with(&p, &open);
	assert_true(play_has(&p, "* OK [" CAPA " STARTTLS LOGINDISABLED] "));
	play_exactly(&p, "a LOGIN u0@example.org pw\r\n",
		"a NO [PRIVACYREQUIRED] Use STARTTLS first\r\n");
	play_exactly(&p, "a AUTHENTICATE PLAIN\r\n",
		"a NO [PRIVACYREQUIRED] Use STARTTLS first\r\n");
	/* What came behind STARTTLS is not ours to read. */
	play_exactly(&p, "a STARTTLS\r\nb NOOP\r\n", "a OK Begin TLS now\r\n");
	assert_true(p.is_tls);
	buf_clear(&p.in);
	p.is_tls = false;
	imap_session_secured(p.s, 1);
	play_exactly(&p, "c CAPABILITY\r\n",
		"* " CAPA
		" AUTH=PLAIN AUTH=LOGIN AUTH=SCRAM-SHA-256 AUTH=SCRAM-SHA-256-PLUS\r\n"
		"c OK That is all\r\n");
	play_exactly(&p, "d STARTTLS\r\n", "d BAD TLS is on already\r\n");
	play_exactly(&p, "e LOGIN u0@example.org pw\r\n", "e OK [" CAPA_IN "] Logged in\r\n");
	play_exactly(&p, "f CAPABILITY\r\n", "* " CAPA_IN "\r\nf OK That is all\r\n");
	play_end(&p);
}

static void
every_way_to_log_in_works(void **state)
{
	static const char *const ways[] = {"a LOGIN u0@example.org pw\r\n",
		"a LOGIN \"u0@example.org\" \"pw\"\r\n",
		"a login {14}\r\nu0@example.org {2+}\r\npw\r\n",
		"a AUTHENTICATE PLAIN AHUwQGV4YW1wbGUub3JnAHB3\r\n",
		"a AUTHENTICATE PLAIN\r\nAHUwQGV4YW1wbGUub3JnAHB3\r\n",
		"a authenticate login\r\ndTBAZXhhbXBsZS5vcmc=\r\ncHc=\r\n",
		/* n,,n=u0@example.org,r=ab and c=biws,r=ab,p=dg==, then nothing. */
		"a AUTHENTICATE SCRAM-SHA-256 biwsbj11MEBleGFtcGxlLm9yZyxyPWFi\r\n"
		"Yz1iaXdzLHI9YWIscD1kZz09\r\n\r\n"};
	struct play p;

	(void)state;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		play_begin(&p);
		play_tells(&p, ways[i], "a OK [CAPABILITY IMAP4rev1 ");
		play_tells(&p, "b LOGIN u0@example.org pw\r\n", "b BAD Not now: ");
		assert_int_equal(imap_session_account(p.s), PLAY_ACCOUNT);
		play_end(&p);
	}
}

static void
a_login_that_fails_says_no_more_than_that(void **state)
{
	static const char *const refused[] = {"a LOGIN u0@example.org no\r\n",
		"a LOGIN nobody@example.org pw\r\n", "a LOGIN \"\" \"\"\r\n",
		"a AUTHENTICATE PLAIN AHUwQGV4YW1wbGUub3JnAG5v\r\n"};
	static const char *const bad[] = {"a LOGIN\r\n", "a LOGIN u\r\n", "a LOGIN u p x\r\n",
		"a LOGIN  u p\r\n", "a LOGIN \"u p\r\n", "a AUTHENTICATE\r\n",
		"a AUTHENTICATE PLAIN\r\n*\r\n", "a AUTHENTICATE PLAIN\r\n%%%\r\n",
		"a AUTHENTICATE PLAIN\r\n{5}\r\n"};
	struct play p;

	(void)state;
	play_begin(&p);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		play_exactly(&p, refused[i],
			"a NO [AUTHENTICATIONFAILED] Wrong name or password\r\n");
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		play_tells(&p, bad[i], "a BAD ");
	play_exactly(
		&p, "b AUTHENTICATE CRAM-MD5\r\n", "b NO [CANNOT] No such mechanism here\r\n");
	play_end(&p);
}

static void
a_login_that_nobody_can_judge_is_no_wrong_password(void **state)
{
	struct play p;

	(void)state;
	play_begin(&p);
	play_tells(&p, "a LOGIN down@example.org pw\r\n", "a NO [UNAVAILABLE] ");
	play_tells(&p, "b AUTHENTICATE PLAIN AGRvd25AZXhhbXBsZS5vcmcAcHc=\r\n",
		"b NO [UNAVAILABLE] ");
	play_tells(&p, "c LOGIN u0@example.org pw\r\n", "c OK ");
	play_end(&p);
}

static void
a_stranger_may_err_so_often_and_no_more(void **state)
{
	struct play p;
	int n = 0;

	(void)state;
	play_begin(&p);
	while (!p.is_closed && n++ < 100)
		play_say(&p, "a FOO\r\n");
	assert_int_equal(n, 20);
	assert_true(play_has(&p, "a BAD Unknown command\r\n* BYE Too many errors\r\n"));
	play_end(&p);
	play_login(&p);
	for (n = 0; n < 100; n++)
		play_exactly(&p, "a FOO\r\n", "a BAD Unknown command\r\n");
	play_end(&p);
}

static void
commands_out_of_place_are_bad(void **state)
{
	static const char *const in[] = {"SELECT INBOX", "LIST \"\" *", "ENABLE CONDSTORE",
		"NAMESPACE", "APPEND INBOX {1+}\r\nx", "IDLE", "STATUS INBOX (MESSAGES)"};
	static const char *const selected[] = {"FETCH 1 FLAGS", "UID FETCH 1 FLAGS",
		"STORE 1 FLAGS ()", "SEARCH ALL", "COPY 1 x", "MOVE 1 x", "EXPUNGE",
		"UID EXPUNGE 1", "CLOSE", "UNSELECT", "CHECK"};
	char text[100];
	struct play p;

	(void)state;
	play_begin(&p);
	for (size_t i = 0; i < sizeof in / sizeof *in; i++) {
		snprintf(text, sizeof text, "a %s\r\n", in[i]);
		play_exactly(&p, text, "a BAD Log in first\r\n");
	}
	play_end(&p);
	play_login(&p);
	for (size_t i = 0; i < sizeof selected / sizeof *selected; i++) {
		snprintf(text, sizeof text, "a %s\r\n", selected[i]);
		play_exactly(&p, text, "a BAD Select a mailbox first\r\n");
	}
	play_exactly(&p, "b STARTTLS\r\n", "b BAD Not now: you are logged in\r\n");
	play_exactly(&p, "c UID NOOP\r\n", "c BAD Unknown command\r\n");
	play_exactly(&p, "d UID\r\n", "d BAD Missing argument\r\n");
	play_end(&p);
}

static void
small_commands_answer_exactly(void **state)
{
	struct play p;

	(void)state;
	play_login(&p);
	play_exactly(&p, "a NOOP\r\n", "a OK Done\r\n");
	play_exactly(&p, "a NOOP x\r\n", "a BAD Unexpected text after the command\r\n");
	play_exactly(&p, "a NOOP\n", "a OK Done\r\n");
	play_exactly(&p, "a NAMESPACE\r\n",
		"* NAMESPACE ((\"\" \"/\")) NIL NIL\r\na OK That is all\r\n");
	play_exactly(
		&p, "a ID NIL\r\n", "* ID (\"name\" \"hairpin\")\r\na OK Nice to meet you\r\n");
	play_tells(&p, "a ID (\"name\" \"x\" \"os\" NIL \"v\" {1+}\r\n2)\r\n", "a OK ");
	play_tells(&p, "a ID ()\r\n", "a OK ");
	play_exactly(&p, "a ID (\"name\")\r\n", "a BAD Missing argument\r\n");
	play_exactly(&p, "a ID x\r\n", "a BAD Expected an opening parenthesis\r\n");
	play_exactly(&p, "a ENABLE\r\n", "a BAD Missing argument\r\n");
	play_exactly(
		&p, "a ENABLE FOO condstore\r\n", "* ENABLED CONDSTORE\r\na OK Enabled\r\n");
	play_exactly(&p, "a LOGOUT\r\n", "* BYE Until next time\r\na OK Logged out\r\n");
	assert_true(p.is_closed);
	play_end(&p);
}

static void
nonsense_is_answered_with_a_tag_that_was_there(void **state)
{
	struct play p;

	(void)state;
	play_login(&p);
	play_exactly(&p, "\r\n", "* BAD A command begins with a tag\r\n");
	play_exactly(&p, "+ NOOP\r\n", "* BAD A command begins with a tag\r\n");
	play_exactly(&p, "a\r\n", "a BAD Missing argument\r\n");
	play_exactly(&p, "a  NOOP\r\n", "a BAD Expected a word\r\n");
	play_exactly(&p, "a \x80\r\n", "a BAD Expected a word\r\n");
	play_exactly(&p, "(a) {99999}\r\n", "* NO [TOOBIG] The literal is too long\r\n");
	buf_clear(&p.said);
	play_feed(&p, SLICE_LIT("a NO\0OP\r\n"));
	assert_true(play_has(&p, "a BAD Unknown command\r\n"));
	buf_clear(&p.said);
	play_feed(&p, SLICE_LIT("a LIST \"\" \"x\0\"\r\n"));
	assert_true(play_has(&p, "a BAD NUL in a quoted string\r\n"));
	play_end(&p);
}

static void
literals_are_bounded_by_what_they_are_for(void **state)
{
	struct play p;

	(void)state;
	play_login(&p);
	play_exactly(&p, "a CREATE {65000}\r\n", "+ OK\r\n");
	buf_clear(&p.in);
	play_end(&p);
	play_login(&p);
	play_exactly(&p, "a CREATE {70000}\r\nb NOOP\r\n",
		"a NO [TOOBIG] The literal is too long\r\nb OK Done\r\n");
	play_exactly(&p, "a CREATE {99999999999}\r\nb NOOP\r\n",
		"a NO [TOOBIG] The literal is too long\r\nb OK Done\r\n");
	play_exactly(&p, "a CREATE {99999999999999999999999999}\r\nb NOOP\r\n",
		"a NO [TOOBIG] The literal is too long\r\nb OK Done\r\n");
	play_exactly(&p, "a APPEND INBOX {1000001}\r\nb NOOP\r\n",
		"a NO [TOOBIG] The message is larger than APPENDLIMIT\r\nb OK Done\r\n");
	play_exactly(&p, "a APPEND INBOX {99999999999+}\r\n",
		"* BYE The literal is too long to be skipped\r\n");
	assert_true(p.is_closed);
	play_end(&p);
	/* 8 KiB for strangers. */
	play_begin(&p);
	play_exactly(&p, "a LOGIN {9000}\r\n", "a NO [TOOBIG] The literal is too long\r\n");
	play_end(&p);
}

static void
a_line_of_any_length_costs_one_line(void **state)
{
	static char line[200001];
	struct play p;

	(void)state;
	memset(line, 'x', sizeof line - 1);
	memcpy(line, "tag LIST ", 9);
	play_login(&p);
	buf_clear(&p.said);
	for (int i = 0; i < 10; i++)
		play_feed(&p, slice_str(line));
	assert_int_equal(p.said.n, 0);
	play_exactly(&p, "\r\nb NOOP\r\n", "tag BAD The command is too long\r\nb OK Done\r\n");
	play_end(&p);
}

/* One of everything; each octet of it counts. */
static const char transcript[] =
	"a LOGIN {14+}\r\nu0@example.org pw\r\nb ENABLE CONDSTORE\r\nc CREATE x/y\r\n"
	"d APPEND x/y (\\Seen $a) \" 1-Jan-2020 10:00:00 +0100\" {24+}\r\nSubject: q\r\n\r\n"
	"a (b) {c}\n\r\n"
	"e APPEND {3}\r\nx/y ~{1+}\r\nx {2+}\r\nab\r\n"
	"f SELECT x/y\r\ng FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY[])\r\n"
	"h UID STORE 1:* +FLAGS.SILENT (\\Flagged)\r\ni SEARCH RETURN (SAVE) FLAGGED\r\n"
	"j COPY $ INBOX\r\nk IDLE\r\nDONE\r\nl MOVE 2 INBOX\r\nm LIST \"\" (x% x/%)\r\n"
	"n AUTHENTICATE PLAIN\r\no STORE 1 FLAGS (\\Deleted)\r\np EXPUNGE\r\nq CLOSE\r\n"
	"r STATUS INBOX (MESSAGES UIDNEXT SIZE)\r\ns LOGOUT\r\n";

static void
play_whole(struct buf *said, size_t step)
{
	struct slice whole = slice_str(transcript);
	struct play p;

	house_open(0);
	play_begin(&p);
	buf_clear(&p.said);
	for (size_t at = 0; at < whole.n; at += step)
		play_feed(&p, slice_cut(whole, at, at + step));
	assert_true(p.is_closed);
	buf_init(said, 1 << 20);
	buf_put_slice(said, buf_slice(&p.said));
	play_end(&p);
	house_close();
}

static void
a_pipelined_session_is_the_same_in_pieces_of_any_size(void **state)
{
	struct buf whole, pieces;

	(void)state;
	play_whole(&whole, sizeof transcript);
	buf_put_u8(&whole, 0);
	assert_non_null(strstr((char *)whole.p,
		"* 1 FETCH (UID 1 FLAGS (\\Seen $a) INTERNALDATE \" 1-Jan-2020 10:00:00 "
		"+0100\" "
		"RFC822.SIZE 24 BODY[] {24}\r\nSubject: q\r\n\r\na (b) {c}\n)\r\n"));
	assert_non_null(strstr((char *)whole.p, "j OK [COPYUID 1000000 1:3 1:3] Copied\r\n"));
	assert_non_null(strstr((char *)whole.p, "n BAD Not now: you are logged in\r\n"));
	assert_non_null(strstr(
		(char *)whole.p, "* STATUS \"INBOX\" (MESSAGES 4 UIDNEXT 5 SIZE 28)\r\n"));
	whole.n--;
	for (size_t step = 1; step < sizeof transcript; step += step < 20 ? 1 : 53) {
		play_whole(&pieces, step);
		assert_int_equal(pieces.n, whole.n);
		assert_memory_equal(pieces.p, whole.p, whole.n);
		buf_fini(&pieces);
	}
	buf_fini(&whole);
}

static void
a_session_cut_anywhere_leaves_nothing_behind(void **state)
{
	struct slice whole = slice_str(transcript);
	struct play p;

	(void)state;
	for (size_t n = 0; n < whole.n; n++) {
		house_open(0);
		play_begin(&p);
		/* Without the answer to the last question, too. */
		play_feed(&p, slice_cut(whole, 0, n / 2));
		p.is_manual = true;
		play_feed(&p, slice_cut(whole, n / 2, n));
		play_end(&p);
		house_close();
	}
}

static void
what_the_store_refuses_is_said_with_its_code(void **state)
{
	struct play p;

	(void)state;
	play_login(&p);
	p.next_outcome = ERR_FULL;
	play_tells(&p, "a CREATE x\r\n", "a NO [LIMIT] No space left");
	p.next_outcome = ERR_UNAVAILABLE;
	play_tells(&p, "a CREATE x\r\n", "a NO [UNAVAILABLE] ");
	p.busy = 1;
	play_tells(&p, "a STATUS INBOX (MESSAGES)\r\n", "a NO [UNAVAILABLE] ");
	p.torn = 1;
	play_exactly(&p, "a STATUS INBOX (MESSAGES)\r\n",
		"a NO [UNAVAILABLE] The mail store was too busy, try again\r\n");
	p.torn = 1;
	play_exactly(&p, "a LIST \"\" *\r\n",
		"a NO [UNAVAILABLE] The mail store was too busy, try again\r\n");
	/* Neither OK nor NO would be true. */
	p.next_outcome = ERR_TIMEOUT;
	play_tells(&p, "a CREATE x\r\n", "* BYE [UNAVAILABLE] The outcome ");
	assert_true(p.is_closed);
	play_end(&p);
}

static void
nothing_is_answered_before_the_client_has_read_what_was(void **state)
{
	struct play p;

	(void)state;
	play_login(&p);
	p.is_slow = p.is_manual = true;
	play_exactly(&p, "a NOOP\r\nb NOOP\r\n", "a OK Done\r\n");
	assert_int_equal(p.in.n, 8);
	play_drain(&p);
	play_take(&p);
	assert_int_equal(p.in.n, 0);
	assert_true(play_has(&p, "b OK Done\r\n"));
	play_end(&p);
}

/* What the server needs to know before it sends its clients elsewhere. */
static void
a_session_is_quiet_between_commands_and_in_idle_alone(void **state)
{
	struct play p;

	(void)state;
	play_begin(&p);
	assert_true(imap_session_is_quiet(p.s));
	play_say(&p, "a LOGIN u0@exam");
	assert_false(imap_session_is_quiet(p.s));
	play_say(&p, "ple.org pw\r\n");
	assert_true(imap_session_is_quiet(p.s));
	play_say(&p, "b IDLE\r\n");
	assert_true(imap_session_is_quiet(p.s));
	play_say(&p, "DONE\r\n");
	play_say(&p, "c ID {3}\r\n");
	assert_false(imap_session_is_quiet(p.s));
	play_say(&p, "NIL");
	assert_false(imap_session_is_quiet(p.s));
	play_say(&p, "\r\n");
	assert_true(imap_session_is_quiet(p.s));
	play_say(&p, "d LOGOUT\r\n");
	assert_false(imap_session_is_quiet(p.s));
	play_end(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		imap_test(capabilities_are_those_of_the_moment),
		imap_test(every_way_to_log_in_works),
		imap_test(a_login_that_fails_says_no_more_than_that),
		imap_test(a_login_that_nobody_can_judge_is_no_wrong_password),
		imap_test(a_stranger_may_err_so_often_and_no_more),
		imap_test(commands_out_of_place_are_bad),
		imap_test(small_commands_answer_exactly),
		imap_test(nonsense_is_answered_with_a_tag_that_was_there),
		imap_test(literals_are_bounded_by_what_they_are_for),
		imap_test(a_line_of_any_length_costs_one_line),
		cmocka_unit_test(a_pipelined_session_is_the_same_in_pieces_of_any_size),
		cmocka_unit_test(a_session_cut_anywhere_leaves_nothing_behind),
		cmocka_unit_test(a_session_is_quiet_between_commands_and_in_idle_alone),
		imap_test(what_the_store_refuses_is_said_with_its_code),
		imap_test(nothing_is_answered_before_the_client_has_read_what_was),
	};

	return imap_run(tests);
}
