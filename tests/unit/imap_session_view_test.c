#include "tests/imap_test.h"

static const char mail[] = "Subject: one\r\n\r\nhello\r\n";

static void
fill(int n)
{
	struct play p;

	play_login(&p);
	play_say(&p, "a APPEND INBOX");
	for (int i = 0; i < n; i++)
		play_feed(&p, SLICE_LIT(" {2+}\r\nhi"));
	play_say(&p, "\r\n");
	assert_true(play_has(&p, "a OK [APPENDUID "));
	play_end(&p);
}

static void
others_changes_are_told_at_a_commands_end(void **state)
{
	struct play p, q;

	(void)state;
	fill(3);
	play_select(&p);
	play_select(&q);
	play_say(&q, "a STORE 1 +FLAGS.SILENT (\\Seen $New)\r\na STORE 2 +FLAGS.SILENT "
		     "(\\Deleted)\r\n"
		     "a EXPUNGE\r\n");
	play_deliver("INBOX", mail);
	/* A message flagged and a younger one: both must come. */
	play_deliver("INBOX", mail);
	play_say(&q, "a NOOP\r\na STORE 3 +FLAGS.SILENT (\\Flagged)\r\n");
	play_exactly(&p, "a NOOP\r\n",
		"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $New)\r\n"
		"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $New "
		"\\*)] "
		"These stay\r\n* 1 FETCH (FLAGS (\\Seen $New) UID 1)\r\n* 2 EXPUNGE\r\n"
		"* 4 EXISTS\r\na OK Done\r\n");
	play_exactly(&p, "b FETCH 3 (UID FLAGS)\r\n",
		"* 3 FETCH (UID 4 FLAGS (\\Flagged))\r\nb OK Fetched\r\n");
	play_exactly(&p, "c NOOP\r\n", "c OK Done\r\n");
	play_exactly(&q, "c NOOP\r\n", "c OK Done\r\n");
	play_end(&p);
	play_end(&q);
}

static void
silence_hides_nothing_that_another_did(void **state)
{
	struct play p, q;

	(void)state;
	fill(2);
	play_select(&p);
	play_select(&q);
	play_say(&q, "a STORE 1 +FLAGS.SILENT (\\Flagged)\r\n");
	play_exactly(&p, "a STORE 1 +FLAGS.SILENT (\\Seen)\r\n",
		"* 1 FETCH (FLAGS (\\Seen \\Flagged) UID 1)\r\na OK Stored\r\n");
	play_exactly(&p, "b STORE 1 +FLAGS.SILENT (\\Draft)\r\n", "b OK Stored\r\n");
	play_end(&p);
	play_end(&q);
}

static void
numbers_stay_while_a_command_that_uses_them_runs(void **state)
{
	struct play p, q;

	(void)state;
	fill(3);
	play_select(&p);
	play_select(&q);
	play_say(&q, "a STORE 1 +FLAGS.SILENT (\\Deleted)\r\nb EXPUNGE\r\n");
	play_exactly(&p, "a FETCH 2 UID\r\n", "* 2 FETCH (UID 2)\r\na OK Fetched\r\n");
	play_exactly(&p, "a FETCH 1 UID\r\n", "a OK Fetched\r\n");
	play_exactly(&p, "a SEARCH ALL\r\n", "* SEARCH 2 3\r\na OK Searched\r\n");
	play_exactly(&p, "a STORE 3 +FLAGS.SILENT (\\Seen)\r\n", "a OK Stored\r\n");
	play_exactly(&p, "a FETCH x\r\n", "a BAD Invalid message set\r\n");
	play_exactly(&p, "a nonsense\r\n", "a BAD Unknown command\r\n");
	play_exactly(&p, "a UID FETCH 2 UID\r\n",
		"* 2 FETCH (UID 2)\r\n* 1 EXPUNGE\r\na OK Fetched\r\n");
	play_exactly(&p, "a FETCH 1:* UID\r\n",
		"* 1 FETCH (UID 2)\r\n* 2 FETCH (UID 3)\r\na OK Fetched\r\n");
	play_end(&p);
	play_end(&q);
}

static void
an_empty_mailbox_has_no_numbers(void **state)
{
	struct play p;

	(void)state;
	play_select(&p);
	play_exactly(&p, "a FETCH 1 UID\r\n", "a BAD There is no message with that number\r\n");
	play_exactly(&p, "a FETCH 1:* UID\r\n", "a OK Fetched\r\n");
	play_exactly(&p, "a UID FETCH 1 UID\r\n", "a OK Fetched\r\n");
	play_exactly(&p, "a ENABLE CONDSTORE\r\n",
		"* ENABLED CONDSTORE\r\n* OK [HIGHESTMODSEQ 2] The newest change\r\n"
		"a OK Enabled\r\n");
	play_end(&p);
}

static void
idle_tells_at_once_and_ends_with_done(void **state)
{
	struct play p;

	(void)state;
	play_select(&p);
	play_deliver("INBOX", mail);
	play_exactly(&p, "a IDLE\r\n", "+ idling\r\n* 1 EXISTS\r\n");
	play_deliver("INBOX", mail);
	buf_clear(&p.said);
	imap_session_touched(p.s);
	assert_slice(buf_slice(&p.said), "* 2 EXISTS\r\n");
	buf_clear(&p.said);
	imap_session_touched(p.s);
	assert_int_equal(p.said.n, 0);
	play_exactly(&p, "done\r\n", "a OK IDLE ended\r\n");
	play_exactly(&p, "b IDLE\r\nNOOP\r\n", "+ idling\r\nb BAD DONE ends IDLE\r\n");
	play_exactly(&p, "c IDLE x\r\n", "c BAD Unexpected text after the command\r\n");
	play_end(&p);
}

static void
who_does_not_read_in_idle_is_told_later(void **state)
{
	struct play p;

	(void)state;
	play_select(&p);
	play_tells(&p, "a IDLE\r\n", "+ idling\r\n");
	play_deliver("INBOX", mail);
	buf_clear(&p.said);
	p.is_full = true;
	imap_session_touched(p.s);
	imap_session_touched(p.s);
	assert_int_equal(p.said.n, 0);
	play_drain(&p);
	assert_slice(buf_slice(&p.said), "* 1 EXISTS\r\n");
	play_exactly(&p, "DONE\r\n", "a OK IDLE ended\r\n");
	play_end(&p);
}

static void
many_changes_come_in_pieces_as_the_client_reads(void **state)
{
	struct play p, q;

	(void)state;
	fill(1000);
	play_select(&p);
	play_tells(&p, "i IDLE\r\n", "+ idling\r\n");
	play_select(&q);
	for (int i = 0; i < 4; i++)
		play_say(&q, "a STORE 1:* +FLAGS.SILENT (\\Seen \\Flagged)\r\n"
			     "a STORE 1:500 -FLAGS.SILENT (\\Seen)\r\n"
			     "a STORE 501:* -FLAGS.SILENT (\\Seen)\r\n"
			     "a STORE 500:500 +FLAGS.SILENT "
			     "(averyveryveryveryveryverylongword)\r\n");
	buf_clear(&p.said);
	p.is_slow = true;
	p.said_most = 0;
	imap_session_touched(p.s);
	play_pump(&p);
	assert_in_range(p.said_most, 10000, 140000);
	assert_true(play_has(&p, "* 1 FETCH (FLAGS (\\Flagged) UID 1)\r\n"));
	assert_true(play_has(&p, "* 1000 FETCH (FLAGS (\\Flagged) UID 1000)\r\n"));
	play_exactly(&p, "DONE\r\n", "i OK IDLE ended\r\n");
	play_say(&q, "a STORE 1:* +FLAGS.SILENT (\\Deleted)\r\nb EXPUNGE\r\n");
	play_deliver("INBOX", mail);
	play_say(&p, "c NOOP\r\n");
	assert_true(
		play_has(&p, "\r\n* 2 EXPUNGE\r\n* 1 EXPUNGE\r\n* 1 EXISTS\r\nc OK Done\r\n"));
	play_exactly(&p, "d FETCH 1:* UID\r\n", "* 1 FETCH (UID 1001)\r\nd OK Fetched\r\n");
	play_end(&p);
	play_end(&q);
}

static void
many_changes_wait_while_numbers_must_stay(void **state)
{
	struct play p, q;

	(void)state;
	fill(1000);
	play_select(&p);
	play_select(&q);
	play_say(&q, "a STORE 1:999 +FLAGS.SILENT (averyveryveryverylongkeyword another)\r\n"
		     "a STORE 1000 +FLAGS.SILENT (\\Deleted)\r\nb EXPUNGE\r\n");
	/* More than one look tells, behind the EXPUNGE. */
	for (int i = 1; i < 999; i += 100) {
		char store[80];
		snprintf(store, sizeof store, "a STORE %d:%d +FLAGS.SILENT (\\Seen)\r\n", i,
			i < 900 ? i + 99 : 999);
		play_say(&q, store);
	}
	play_exactly(&p, "a FETCH 1 UID\r\n", "* 1 FETCH (UID 1)\r\na OK Fetched\r\n");
	play_say(&p, "b NOOP\r\n");
	assert_true(play_has(&p, "* 1000 EXPUNGE\r\n"));
	assert_true(play_has(&p, " UID 999)\r\n"));
	play_end(&p);
	play_end(&q);
}

static void
a_picture_older_than_the_kept_changes_is_compared(void **state)
{
	struct play p, q;

	(void)state;
	fill(900);
	play_select(&p);
	play_select(&q);
	play_say(&q, "a STORE 1,900 +FLAGS.SILENT (\\Deleted)\r\nb EXPUNGE\r\n");
	/* More changes than the store keeps. */
	for (int i = 0; i < 8; i++)
		play_say(&q, "a STORE 1:* +FLAGS.SILENT (\\Seen)\r\n"
			     "a STORE 1:* -FLAGS.SILENT (\\Seen)\r\n");
	play_deliver("INBOX", mail);
	p.is_slow = true;
	p.said_most = 0;
	play_say(&p, "a NOOP\r\n");
	assert_true(play_has(&p, "* 900 EXPUNGE\r\n* 1 EXPUNGE\r\n* 899 EXISTS\r\n"));
	assert_in_range(p.said_most, 1000, 140000);
	assert_false(play_has(&p, "* 901 FETCH")); /* not before EXISTS */
	for (int i = 0; i < 5; i++)
		play_feed(&p, SLICE_LIT("b NOOP\r\n"));
	assert_true(play_has(&p, "* 2 FETCH (FLAGS () UID 2)\r\n"));
	assert_true(play_has(&p, "* 899 FETCH (FLAGS () UID 899)\r\n"));
	play_exactly(&p, "c NOOP\r\n", "c OK Done\r\n");
	play_exactly(&p, "d FETCH 899 UID\r\n", "* 899 FETCH (UID 901)\r\nd OK Fetched\r\n");
	play_end(&p);
	play_end(&q);
}

static void
a_torn_look_is_taken_again_later(void **state)
{
	struct play p;

	(void)state;
	play_select(&p);
	play_deliver("INBOX", mail);
	p.torn = 1;
	play_exactly(&p, "a NOOP\r\n", "a OK Done\r\n");
	p.busy = 1;
	play_exactly(&p, "a NOOP\r\n", "a OK Done\r\n");
	play_exactly(&p, "a NOOP\r\n", "* 1 EXISTS\r\na OK Done\r\n");
	p.torn = 1;
	play_tells(&p, "a SELECT INBOX\r\n", "a NO [UNAVAILABLE] ");
	assert_false(play_has(&p, "EXISTS"));
	play_end(&p);
}

static void
select_tells_the_state_of_a_mailbox(void **state)
{
	struct play p;

	(void)state;
	fill(2);
	play_select(&p);
	play_exactly(&p, "a STORE 1 +FLAGS.SILENT (\\Seen)\r\nb SELECT INBOX (CONDSTORE)\r\n",
		"a OK Stored\r\n* OK [CLOSED] The other mailbox is closed\r\n"
		"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n"
		"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] "
		"These "
		"stay\r\n* 2 EXISTS\r\n* 0 RECENT\r\n* OK [UNSEEN 2] The first one not seen\r\n"
		"* OK [UIDVALIDITY 1000000] UIDs are good\r\n* OK [UIDNEXT 3] The next UID\r\n"
		"* OK [HIGHESTMODSEQ 8] The newest change\r\nb OK [READ-WRITE] Selected\r\n");
	play_exactly(&p, "c SELECT INBOX (FOO)\r\n", "c BAD Unknown parameter\r\n");
	play_exactly(&p, "c SELECT nosuch\r\n",
		"* OK [CLOSED] The other mailbox is closed\r\n"
		"c NO [NONEXISTENT] There is no such mailbox\r\n");
	play_exactly(&p, "c FETCH 1 UID\r\n", "c BAD Select a mailbox first\r\n");
	play_end(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		imap_test(others_changes_are_told_at_a_commands_end),
		imap_test(numbers_stay_while_a_command_that_uses_them_runs),
		imap_test(an_empty_mailbox_has_no_numbers),
		imap_test(silence_hides_nothing_that_another_did),
		imap_test(idle_tells_at_once_and_ends_with_done),
		imap_test(who_does_not_read_in_idle_is_told_later),
		imap_test(many_changes_come_in_pieces_as_the_client_reads),
		imap_test(many_changes_wait_while_numbers_must_stay),
		imap_test(a_picture_older_than_the_kept_changes_is_compared),
		imap_test(a_torn_look_is_taken_again_later),
		imap_test(select_tells_the_state_of_a_mailbox),
	};

	return imap_run(tests);
}
