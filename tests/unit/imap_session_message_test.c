#include "tests/imap_test.h"

static const char mail[] = "Subject: one\r\nFrom: a@b\r\n\r\nhello\r\n";

static void
fill(const char *mailbox, int n)
{
	for (int i = 0; i < n; i++)
		play_deliver(mailbox, mail);
}

/* --- APPEND --- */

static void
appended_octets_come_back_as_they_were(void **state)
{
	struct play p;

	(void)state;
	play_login(&p);
	play_exactly(&p,
		"a APPEND inbox (\\Seen \\Draft x X) \"29-Feb-2024 23:59:59 -0130\" ~{9}\r\n",
		"+ OK\r\n");
	buf_clear(&p.said);
	play_feed(&p, SLICE_LIT("a: \0\xff\n\r\r\n\r\n"));
	assert_true(play_has(&p, "a OK [APPENDUID 1000000 1] Appended\r\n"));
	play_say(&p, "s SELECT INBOX\r\na FETCH 1 (FLAGS INTERNALDATE BODY.PEEK[])\r\n");
	assert_true(slice_find_slice(buf_slice(&p.said),
			    SLICE_LIT("* 1 FETCH (FLAGS (\\Seen \\Draft x) INTERNALDATE "
				      "\"29-Feb-2024 23:59:59 -0130\" BODY[] {9}\r\n"
				      "a: \0\xff\n\r\r\n)\r\n")) < p.said.n);
	play_end(&p);
}

static void
a_wrong_append_is_refused_before_it_is_sent(void **state)
{
	struct play p;

	(void)state;
	play_login(&p);
	play_exactly(
		&p, "a APPEND nosuch {5}\r\n", "a NO [TRYCREATE] There is no such mailbox\r\n");
	play_exactly(&p, "a APPEND nosuch {5+}\r\nhello\r\nb NOOP\r\n",
		"a NO [TRYCREATE] There is no such mailbox\r\nb OK Done\r\n");
	play_exactly(&p, "a APPEND &bad {5}\r\n",
		"a BAD Mailbox name isn't valid modified UTF-7\r\n");
	play_exactly(&p, "a APPEND INBOX (\\Foo) {5}\r\n", "a BAD Invalid system flag\r\n");
	play_exactly(&p, "a APPEND INBOX (\\Foo) {5+}\r\nhello\r\nb NOOP\r\n",
		"a BAD Invalid system flag\r\nb OK Done\r\n");
	play_exactly(&p, "a APPEND INBOX \"30-Feb-2024 10:00:00 +0000\" {5}\r\n",
		"a BAD Invalid date and time\r\n");
	play_exactly(&p, "a APPEND INBOX\r\n", "a BAD APPEND ends with a literal\r\n");
	play_exactly(
		&p, "a APPEND {0}\r\n\r\n", "+ OK\r\na BAD APPEND ends with a literal\r\n");
	play_exactly(&p, "a APPEND INBOX {2+}\r\nhi x\r\n",
		"a BAD Unexpected text after the message\r\n");
	play_exactly(&p, "a APPEND INBOX {2+}\r\nhi {2+}x\r\n",
		"a BAD Unexpected text after the message\r\n");
	play_exactly(&p, "a APPEND INBOX {2+}\r\nhi (\\Foo) {2+}\r\nhi\r\n",
		"a BAD Invalid system flag\r\n");
	play_exactly(&p, "a APPEND INBOX {0}\r\n", "a NO [CANNOT] An empty message\r\n");
	play_exactly(&p, "b STATUS INBOX (MESSAGES)\r\n",
		"* STATUS \"INBOX\" (MESSAGES 0)\r\nb OK That is all\r\n");
	play_end(&p);
}

static void
an_append_asks_for_a_new_epoch_once(void **state)
{
	struct play p;

	(void)state;
	play_login(&p);
	p.forgets_epoch = true;
	play_exactly(
		&p, "a APPEND INBOX {2+}\r\nhi\r\n", "a OK [APPENDUID 1000000 1] Appended\r\n");
	assert_false(p.forgets_epoch);
	play_end(&p);
}

static void
append_large(struct play *p, uint32_t size)
{
	char head[100];

	snprintf(head, sizeof head, "a APPEND INBOX {%u+}\r\n", size);
	play_say(p, head);
	for (uint32_t at = 0; at < size; at += 10)
		play_feed(p, SLICE_LIT("Aa: 56789\n"));
	play_exactly(p, "\r\n", "a OK [APPENDUID 1000000 1] Appended\r\n");
}

static void
a_large_message_is_never_whole_in_the_output(void **state)
{
	static uint8_t want[700001];
	struct slice got;
	struct play p;
	size_t at;

	(void)state;
	play_login(&p);
	append_large(&p, 700000);
	play_say(&p, "s SELECT INBOX\r\n");
	p.is_slow = true;
	p.said_most = 0;
	play_say(&p, "a FETCH 1 BODY.PEEK[]\r\n");
	for (at = 0; at < 700000; at++)
		want[at] = (uint8_t) "Aa: 56789\n"[at % 10];
	got = buf_slice(&p.said);
	assert_true(slice_starts(got, SLICE_LIT("* 1 FETCH (BODY[] {700000}\r\n")));
	got = slice_from(got, slice_find(got, '\n') + 1);
	assert_memory_equal(got.p, want, 700000);
	assert_slice(slice_from(got, 700000), ")\r\na OK Fetched\r\n");
	assert_in_range(p.said_most, 65536, 262144);
	/* All of it is one header: what is filtered is cut into pieces, too. */
	p.said_most = 0;
	play_say(&p, "a FETCH 1 BODY.PEEK[HEADER.FIELDS.NOT (x)]<3.650000>\r\n");
	got = buf_slice(&p.said);
	got = slice_from(got, slice_find(got, '\n') + 1);
	assert_memory_equal(got.p, want + 3, 650000);
	assert_slice(slice_from(got, 650000), ")\r\na OK Fetched\r\n");
	assert_in_range(p.said_most, 65536, 262144);
	play_exactly(&p, "b FETCH 1 BODY.PEEK[]<699990.100>\r\n",
		"* 1 FETCH (BODY[]<699990> {10}\r\nAa: 56789\n)\r\nb OK Fetched\r\n");
	play_exactly(&p, "b FETCH 1 BODY.PEEK[]<9223372036854775807.1>\r\n",
		"* 1 FETCH (BODY[]<9223372036854775807> {0}\r\n)\r\nb OK Fetched\r\n");
	play_tells(&p, "b FETCH 1 BODY.PEEK[]<18446744073709551616.1>\r\n",
		"b BAD Number too big");
	play_end(&p);
}

static void
expunge_meanwhile(struct play *p)
{
	struct play q;

	p->meanwhile = NULL;
	play_select(&q);
	play_tells(&q, "x STORE 1 +FLAGS.SILENT (\\Deleted)\r\ny EXPUNGE\r\n", "y OK Expunged");
	play_end(&q);
}

static void
a_message_that_goes_while_it_is_sent_ends_the_connection(void **state)
{
	struct play p;

	(void)state;
	play_login(&p);
	append_large(&p, 700000);
	play_say(&p, "s SELECT INBOX\r\n");
	p.is_slow = true;
	p.meanwhile = expunge_meanwhile;
	play_tells(&p, "a FETCH 1 BODY.PEEK[]\r\n",
		"* BYE [SERVERBUG] A message can't be read\r\n");
	assert_true(p.is_closed);
	play_end(&p);
}

/* --- FETCH --- */

static void
fetch_attributes_are_told_in_the_order_asked_for(void **state)
{
	struct play p;

	(void)state;
	play_deliver("INBOX", mail);
	play_select(&p);
	play_exactly(&p, "a FETCH 1 FAST\r\n",
		"* 1 FETCH (FLAGS () INTERNALDATE \"12-Jan-1970 13:46:40 +0000\" "
		"RFC822.SIZE 34)\r\na OK Fetched\r\n");
	play_exactly(&p, "a FETCH * (RFC822.HEADER UID BODY)\r\n",
		"* 1 FETCH (RFC822.HEADER {27}\r\nSubject: one\r\nFrom: a@b\r\n\r\n UID 1 BODY "
		"(\"text\" \"plain\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 7 1))\r\n"
		"a OK Fetched\r\n");
	play_exactly(&p, "a UID FETCH 1:10 ENVELOPE\r\n",
		"* 1 FETCH (ENVELOPE (NIL \"one\" ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" "
		"\"b\")) "
		"((NIL NIL \"a\" \"b\")) NIL NIL NIL NIL NIL) UID 1)\r\na OK Fetched\r\n");
	play_exactly(&p,
		"a FETCH 1 (BODY.PEEK[HEADER.FIELDS (from \"x y\")] BODY[TEXT]<1.3>)\r\n",
		"* 1 FETCH (BODY[HEADER.FIELDS (from \"x y\")] {13}\r\nFrom: a@b\r\n\r\n "
		"BODY[TEXT]<1> {3}\r\nell)\r\n* 1 FETCH (FLAGS (\\Seen) UID 1)\r\n"
		"a OK Fetched\r\n");
	play_exactly(&p, "a FETCH 1 (BODY[1.MIME] BODY[2] BODY[1.HEADER] RFC822.TEXT)\r\n",
		"* 1 FETCH (BODY[1.MIME] {27}\r\nSubject: one\r\nFrom: a@b\r\n\r\n BODY[2] NIL "
		"BODY[1.HEADER] NIL RFC822.TEXT {7}\r\nhello\r\n)\r\na OK Fetched\r\n");
	play_exactly(
		&p, "a FETCH 2 FLAGS\r\n", "a BAD There is no message with that number\r\n");
	play_exactly(&p, "a UID FETCH 2 FLAGS\r\n", "a OK Fetched\r\n");
	play_end(&p);
}

/* In the index or too large for it: the answer is the same, and no larger than the header. */
static void
a_from_of_any_number_of_commas_is_told_within_bounds(void **state)
{
	struct play p;

	(void)state;
	play_login(&p);
	play_say(&p, "a APPEND INBOX {50009+}\r\nFrom: ");
	for (int i = 0; i < 50000; i++)
		play_feed(&p, SLICE_LIT(","));
	play_tells(&p, "\n\nx\r\n", "a OK [APPENDUID ");
	play_say(&p, "a APPEND INBOX {50009+}\r\nFrom: ");
	for (int i = 0; i < 12500; i++)
		play_feed(&p, SLICE_LIT("a@b,"));
	play_tells(&p, "\n\nx\r\n", "a OK [APPENDUID ");
	play_say(&p, "s SELECT INBOX\r\n");
	play_tells(&p, "a FETCH 1 ENVELOPE\r\n",
		"* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL))\r\n");
	play_say(&p, "a FETCH 2 ENVELOPE\r\n");
	assert_true(play_has(&p, "* 2 FETCH (ENVELOPE (NIL NIL ((NIL NIL \"a\" \"b\")(NIL "));
	assert_true(play_has(&p, " NIL NIL NIL NIL NIL))\r\na OK Fetched\r\n"));
	assert_in_range(p.said.n, 20000, 3 * 12500 * 20);
	play_end(&p);
}

static void
malformed_fetches_are_bad(void **state)
{
	static const char *const bad[] = {"", "1", "1 ", "1 ()", "1 FOO", "1 (FLAGS",
		"1 FLAGS)", "0 FLAGS", "a FLAGS", "1:0 FLAGS", "4294967296 FLAGS", "1,,2 FLAGS",
		"1: FLAGS", "1 BODY[", "1 BODY[X]", "1 BODY[0]", "1 BODY[1.]", "1 BODY[MIME]",
		"1 BODY[]<1>", "1 BODY[]<1.0>", "1 BODY[HEADER.FIELDS]",
		"1 BODY[HEADER.FIELDS ()]", "1 BODY[4294967296]", "1 BINARY[TEXT]",
		"1 BINARY.SIZE[1]<1.2>", "1 FLAGS (CHANGEDSINCE)", "1 FLAGS (VANISHED)",
		"1 ALL FULL", "1 (ALL)"};
	char text[200];
	struct play p;

	(void)state;
	fill("INBOX", 1);
	play_select(&p);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text, "a FETCH %s\r\n", bad[i]);
		play_tells(&p, text, "a BAD ");
	}
	play_end(&p);
}

static void
binary_undoes_the_transfer_encoding_of_leaves_alone(void **state)
{
	struct play p;

	(void)state;
	play_deliver("INBOX",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
		"--b\r\nContent-Type: a/b; name*0=x; name*1=y\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\naGVs\r\nbG8=\r\n"
		"--b\r\nContent-Transfer-Encoding: x-own\r\n\r\nz\r\n"
		"--b\r\nContent-Type: text/plain; charset=x; t*0*=UTF-8''%c3; t*1*=%a4; "
		"t*2=\"(\"\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\na=3D=\r\nb\r\n--b--\r\n");
	play_select(&p);
	play_exactly(&p, "a FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1] BINARY.PEEK[3]<1.9>)\r\n",
		"* 1 FETCH (BINARY[1] ~{5}\r\nhello BINARY.SIZE[1] 5 BINARY[3]<1> "
		"~{2}\r\n=b)\r\n"
		"a OK Fetched\r\n");
	play_exactly(&p, "a FETCH 1 (UID BINARY.PEEK[2])\r\n",
		"a NO [UNKNOWN-CTE] That part has an unknown transfer encoding\r\n");
	play_exactly(&p, "a FETCH 1 (BODY.PEEK[2] BINARY.PEEK[4])\r\n",
		"* 1 FETCH (BODY[2] {1}\r\nz BINARY[4] NIL)\r\na OK Fetched\r\n");
	play_exactly(&p, "a FETCH 1 BODY\r\n",
		"* 1 FETCH (BODY ((\"a\" \"b\" (\"name\" \"xy\") NIL NIL \"BASE64\" 10)"
		"(\"text\" \"plain\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"x-own\" 1 0)"
		"(\"text\" \"plain\" (\"charset\" \"x\" \"t*\" \"UTF-8''%c3%a4%28\") NIL NIL "
		"\"QUOTED-PRINTABLE\" 8 1) \"mixed\"))\r\na OK Fetched\r\n");
	play_end(&p);
}

static void
a_fetch_that_is_torn_is_made_again(void **state)
{
	struct play p;

	(void)state;
	fill("INBOX", 3);
	play_select(&p);
	p.torn = 3;
	play_exactly(&p, "a FETCH 1:* UID\r\n",
		"* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\n"
		"a OK Fetched\r\n");
	p.torn = 5;
	play_exactly(
		&p, "a FETCH 1:* UID\r\n", "a NO [UNAVAILABLE] A message can't be read\r\n");
	play_end(&p);
}

/* --- STORE --- */

static void
store_changes_flags_and_tells_them(void **state)
{
	struct play p;

	(void)state;
	fill("INBOX", 2);
	play_select(&p);
	play_exactly(&p, "a STORE 1 +FLAGS (\\Seen Foo)\r\n",
		"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft Foo)\r\n"
		"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft Foo \\*)] "
		"These stay\r\n* 1 FETCH (FLAGS (\\Seen Foo) UID 1)\r\na OK Stored\r\n");
	play_exactly(&p, "a STORE 2 FLAGS \\Draft FOO\r\n",
		"* 2 FETCH (FLAGS (\\Draft Foo) UID 2)\r\na OK Stored\r\n");
	play_exactly(&p, "a STORE 1:* -FLAGS.SILENT (foo never)\r\n", "a OK Stored\r\n");
	play_exactly(&p, "a FETCH 1:* FLAGS\r\n",
		"* 1 FETCH (FLAGS (\\Seen))\r\n* 2 FETCH (FLAGS (\\Draft))\r\na OK "
		"Fetched\r\n");
	/* What was taken away from none didn't come into being. */
	play_tells(&p, "a SELECT INBOX\r\n",
		"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen "
		"\\Draft Foo)\r\n");
	play_exactly(
		&p, "a STORE 1 FLAGS ()\r\n", "* 1 FETCH (FLAGS () UID 1)\r\na OK Stored\r\n");
	play_end(&p);
}

static void
read_only_mailboxes_stay_as_they_are(void **state)
{
	struct play p;

	(void)state;
	fill("INBOX", 1);
	play_login(&p);
	play_tells(&p, "a EXAMINE INBOX\r\n", "a OK [READ-ONLY] Selected\r\n");
	assert_true(play_has(&p, "* OK [PERMANENTFLAGS ()] "));
	play_tells(&p, "b STORE 1 FLAGS ()\r\n", "b NO [READ-ONLY] ");
	play_tells(&p, "b EXPUNGE\r\n", "b NO [READ-ONLY] ");
	play_tells(&p, "b MOVE 1 Junk\r\n", "b NO [READ-ONLY] ");
	play_tells(&p, "b FETCH 1 BODY[]\r\n", "b OK Fetched\r\n");
	play_exactly(&p, "b FETCH 1 FLAGS\r\n", "* 1 FETCH (FLAGS ())\r\nb OK Fetched\r\n");
	play_tells(&p, "b COPY 1 Junk\r\n", "b OK [COPYUID ");
	play_exactly(&p, "c CLOSE\r\n", "c OK Closed\r\n");
	play_end(&p);
}

static void
bad_flags_are_refused_and_keywords_are_bounded(void **state)
{
	static const char *const bad[] = {"FLAGS (\\Recent)", "FLAGS (\\Foo)", "FLAGS (\\*)",
		"FLAGS (a(b)", "FLAGS (a]b)", "FLAGS (a%)", "FLAGS (\"a\")", "FLAGS (a  b)",
		"FLAGS", "FLAGS ", "FLAGS (a", "*FLAGS (a)", "FLAGS.LOUD (a)",
		"FLAGS (\xc3\xa4)", "(UNCHANGEDSINCE) FLAGS (a)",
		"(UNCHANGEDSINCE x) FLAGS (a)",
		"FLAGS (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)"};
	char text[200];
	struct play p;

	(void)state;
	fill("INBOX", 1);
	play_select(&p);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text, "a STORE 1 %s\r\n", bad[i]);
		play_tells(&p, text, "a BAD ");
	}
	for (int i = 0; i < 64; i++) {
		snprintf(text, sizeof text, "a STORE 1 +FLAGS.SILENT (k%d)\r\n", i);
		play_tells(&p, text, "a OK Stored\r\n");
	}
	play_exactly(&p, "a STORE 1 +FLAGS (k64)\r\n", "a NO [LIMIT] too many keywords\r\n");
	play_exactly(&p, "a APPEND INBOX (k64) {2+}\r\nhi\r\n",
		"a NO [LIMIT] too many keywords\r\n");
	play_tells(&p, "a SELECT INBOX\r\n", " k63)] These stay\r\n");
	play_end(&p);
}

static void
unchangedsince_stores_to_what_did_not_change(void **state)
{
	struct play p;

	(void)state;
	fill("INBOX", 3);
	play_select(&p);
	play_say(&p, "a STORE 2 +FLAGS (\\Seen)\r\n");
	/* Commands 4, 5 and 6 brought them, 7 was the STORE. */
	play_exactly(&p, "a STORE 1:3 (UNCHANGEDSINCE 6) +FLAGS (\\Flagged)\r\n",
		"* 1 FETCH (FLAGS (\\Flagged) UID 1 MODSEQ (8))\r\n"
		"* 3 FETCH (FLAGS (\\Flagged) UID 3 MODSEQ (8))\r\n"
		"a OK [MODIFIED 2] Some had changed\r\n");
	play_exactly(&p, "a UID STORE 1:3 (UNCHANGEDSINCE 0) FLAGS.SILENT ()\r\n",
		"a OK [MODIFIED 1:3] Some had changed\r\n");
	play_exactly(&p, "a STORE 3 (UNCHANGEDSINCE 8) -FLAGS.SILENT (\\Flagged)\r\n",
		"* 3 FETCH (UID 3 MODSEQ (10))\r\na OK Stored\r\n");
	play_exactly(&p, "a FETCH 1:* (UID) (CHANGEDSINCE 8)\r\n",
		"* 3 FETCH (UID 3 MODSEQ (10))\r\na OK Fetched\r\n");
	play_exactly(&p, "a STORE 1 (UNCHANGEDSINCE 9223372036854775808) FLAGS ()\r\n",
		"a BAD Number too big\r\n");
	play_end(&p);
}

static void
a_long_modified_set_is_whole(void **state)
{
	struct play p;

	(void)state;
	play_login(&p);
	/* Every other one of 300: the set is longer than any line of ours. */
	play_say(&p, "a APPEND INBOX");
	for (int i = 0; i < 300; i++)
		play_feed(&p, SLICE_LIT(" {2+}\r\nhi"));
	play_tells(&p, "\r\ns SELECT INBOX\r\n", "* 300 EXISTS\r\n");
	buf_clear(&p.said);
	play_feed(&p, SLICE_LIT("a STORE 1"));
	for (int i = 3; i < 300; i += 2) {
		char number[16];
		snprintf(number, sizeof number, ",%d", i);
		play_feed(&p, slice_str(number));
	}
	play_tells(&p, " +FLAGS.SILENT (\\Seen)\r\nb FETCH 1 MODSEQ\r\n", "b OK Fetched\r\n");
	play_tells(&p, "c STORE 1:* (UNCHANGEDSINCE 305) +FLAGS.SILENT (\\Flagged)\r\n",
		"c OK [MODIFIED 1,3,5,7,");
	assert_true(play_has(&p, ",295,297,299] Some had changed\r\n"));
	play_tells(&p,
		"d COPY 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31,33,35,37,39,41,43,45,47,"
		"49,51,53,55,57,59,61,63,65,67,69,71,73,75,77,79,81,83,85,87,89,91,93,95,97,"
		"99,101,103,105,107,109,111,113,115,117,119,121,123,125,127,129,131,133,135,"
		"137,139,141,143,145,147,149,151,153,155,157,159,161,163,165,167,169 Junk\r\n",
		",165,167,169 1:85] Copied\r\n");
	play_end(&p);
}

/* --- COPY, MOVE, EXPUNGE, CLOSE --- */

static void
copy_and_move_tell_the_new_uids(void **state)
{
	struct play p;

	(void)state;
	fill("INBOX", 3);
	play_select(&p);
	play_exactly(&p, "a COPY 1,3 Junk\r\n", "a OK [COPYUID 1000003 1,3 1:2] Copied\r\n");
	play_exactly(
		&p, "a COPY 2 nosuch\r\n", "a NO [TRYCREATE] There is no such mailbox\r\n");
	play_exactly(&p, "a UID COPY 9 Junk\r\n", "a OK Nothing to do\r\n");
	play_exactly(&p, "a MOVE 1:2 Junk\r\n",
		"* OK [COPYUID 1000003 1:2 3:4] Moved\r\n* 2 EXPUNGE\r\n* 1 EXPUNGE\r\n"
		"a OK Moved\r\n");
	/* Into itself: they become new ones. */
	play_exactly(&p, "a MOVE 1 INBOX\r\n",
		"* OK [COPYUID 1000000 3 4] Moved\r\n* 1 EXPUNGE\r\n* 1 EXISTS\r\na OK "
		"Moved\r\n");
	play_exactly(&p, "a FETCH 1 UID\r\n", "* 1 FETCH (UID 4)\r\na OK Fetched\r\n");
	play_exactly(&p, "a COPY 1\r\n", "a BAD Missing argument\r\n");
	play_end(&p);
}

static void
a_copy_leaves_behind_only_the_keywords_without_room(void **state)
{
	char text[60];
	struct play p;

	(void)state;
	fill("INBOX", 1);
	fill("Junk", 1);
	play_login(&p);
	play_say(&p, "s SELECT Junk\r\n");
	for (int i = 0; i < 64; i++) {
		snprintf(text, sizeof text, "a STORE 1 +FLAGS.SILENT (k%d)\r\n", i);
		play_say(&p, text);
	}
	play_say(&p, "s SELECT INBOX\r\na STORE 1 FLAGS.SILENT (\\Seen New K63)\r\n");
	play_tells(&p, "a COPY 1 Junk\r\n", "a OK [COPYUID 1000003 1 2] Copied\r\n");
	play_say(&p, "s SELECT Junk\r\n");
	play_exactly(&p, "a FETCH 2 FLAGS\r\n",
		"* 2 FETCH (FLAGS (\\Seen k63))\r\na OK Fetched\r\n");
	play_end(&p);
}

static void
expunge_and_close_log_nothing_when_nothing_is_deleted(void **state)
{
	struct play p;
	uint64_t index;

	(void)state;
	fill("INBOX", 4);
	play_select(&p);
	index = house.index;
	play_exactly(&p, "a EXPUNGE\r\n", "a OK Nothing to expunge\r\n");
	play_exactly(&p, "a UID EXPUNGE 1:*\r\n", "a OK Nothing to expunge\r\n");
	play_exactly(&p, "a CLOSE\r\n", "a OK Closed\r\n");
	assert_int_equal(house.index, index);
	play_say(&p, "a SELECT INBOX\r\na STORE 1,3,4 +FLAGS.SILENT (\\Deleted)\r\n");
	play_exactly(&p, "a UID EXPUNGE 2:3\r\n", "* 3 EXPUNGE\r\na OK Expunged\r\n");
	assert_int_equal(house.index, index + 2);
	play_exactly(&p, "a EXPUNGE\r\n", "* 3 EXPUNGE\r\n* 1 EXPUNGE\r\na OK Expunged\r\n");
	play_say(&p, "a STORE 1 +FLAGS.SILENT (\\Deleted)\r\n");
	play_exactly(&p, "a CLOSE\r\n", "a OK Closed\r\n");
	play_exactly(&p, "a STATUS INBOX (MESSAGES UIDNEXT)\r\n",
		"* STATUS \"INBOX\" (MESSAGES 0 UIDNEXT 5)\r\na OK That is all\r\n");
	play_end(&p);
}

static void
unselect_removes_nothing(void **state)
{
	struct play p;

	(void)state;
	fill("INBOX", 1);
	play_select(&p);
	play_say(&p, "a STORE 1 +FLAGS.SILENT (\\Deleted)\r\n");
	play_exactly(&p, "a UNSELECT\r\n", "a OK Closed\r\n");
	play_exactly(&p, "a STATUS INBOX (MESSAGES DELETED)\r\n",
		"* STATUS \"INBOX\" (MESSAGES 1 DELETED 1)\r\na OK That is all\r\n");
	play_end(&p);
}

static void
thousands_of_messages_are_copied_and_expunged_in_batches(void **state)
{
	struct play p;

	(void)state;
	play_login(&p);
	play_say(&p, "a APPEND INBOX");
	for (int i = 0; i < 800; i++)
		play_feed(&p, SLICE_LIT(" {2+}\r\nhi"));
	play_tells(&p, "\r\n", "a OK [APPENDUID 1000000 1:800] Appended\r\n");
	play_say(&p, "s SELECT INBOX\r\n");
	play_tells(
		&p, "a COPY 1:* INBOX\r\n", "a OK [COPYUID 1000000 1:800 801:1600] Copied\r\n");
	play_tells(
		&p, "a COPY 1:* Junk\r\n", "a OK [COPYUID 1000003 1:1600 1:1600] Copied\r\n");
	p.is_slow = true;
	play_tells(&p, "a STORE 1:* +FLAGS (\\Deleted)\r\n",
		"* 1600 FETCH (FLAGS (\\Deleted) UID");
	assert_true(play_has(&p, "a OK Stored\r\n"));
	play_tells(&p, "a CLOSE\r\n", "a OK Closed\r\n");
	play_exactly(&p, "a STATUS INBOX (MESSAGES)\r\n",
		"* STATUS \"INBOX\" (MESSAGES 0)\r\na OK That is all\r\n");
	play_end(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		imap_test(appended_octets_come_back_as_they_were),
		imap_test(a_wrong_append_is_refused_before_it_is_sent),
		imap_test(an_append_asks_for_a_new_epoch_once),
		imap_test(a_large_message_is_never_whole_in_the_output),
		imap_test(a_message_that_goes_while_it_is_sent_ends_the_connection),
		imap_test(fetch_attributes_are_told_in_the_order_asked_for),
		imap_test(a_from_of_any_number_of_commas_is_told_within_bounds),
		imap_test(malformed_fetches_are_bad),
		imap_test(binary_undoes_the_transfer_encoding_of_leaves_alone),
		imap_test(a_fetch_that_is_torn_is_made_again),
		imap_test(store_changes_flags_and_tells_them),
		imap_test(read_only_mailboxes_stay_as_they_are),
		imap_test(bad_flags_are_refused_and_keywords_are_bounded),
		imap_test(unchangedsince_stores_to_what_did_not_change),
		imap_test(a_long_modified_set_is_whole),
		imap_test(copy_and_move_tell_the_new_uids),
		imap_test(a_copy_leaves_behind_only_the_keywords_without_room),
		imap_test(expunge_and_close_log_nothing_when_nothing_is_deleted),
		imap_test(unselect_removes_nothing),
		imap_test(thousands_of_messages_are_copied_and_expunged_in_batches),
	};

	return imap_run(tests);
}
