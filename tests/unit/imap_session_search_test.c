#include "tests/imap_test.h"

static void
fill(void)
{
	play_deliver("INBOX",
		"Subject: =?ISO-8859-1?Q?K=E4se?=\r\nFrom: Ann <a@x.org>\r\n"
		"Date: Wed, 1 Jan 2020 23:30:00 -0500\r\nX-Odd: yes\r\n\r\nGouda\r\n");
	play_deliver("INBOX",
		"Subject: two\r\nTo: b@x.org\r\nContent-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\nR3LDvMOfZSBhbiBhbGxl\r\n");
	play_deliver("INBOX",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
		"Content-Disposition: attachment; filename*0*=UTF-8''na%C3%AF; "
		"filename*1=ve.txt\r\n"
		"\r\nplain\r\n--b\r\nContent-Type: application/x\r\n\r\nhidden\r\n--b--\r\n");
}

static void
keys_find_what_they_mean(void **state)
{
	static const struct {
		const char *keys, *found;
	} cases[] = {{"ALL", " 1 2 3"}, {"1:2", " 1 2"}, {"*", " 3"}, {"4:*", " 3"}, {"9", ""},
		{"UID 2:3 NOT 3", " 2"}, {"NOT UID 2", " 1 3"}, {"OR 1 3", " 1 3"},
		{"(1:2) (2:3)", " 2"}, {"NOT (OR 1 2)", " 3"}, {"NEW", ""}, {"OLD", " 1 2 3"},
		{"RECENT", ""}, {"UNSEEN", " 1 2 3"}, {"SEEN", ""}, {"UNKEYWORD x", " 1 2 3"},
		{"KEYWORD x", ""}, {"SUBJECT \"k\xc3\xa4se\"", " 1"}, {"SUBJECT KASE", ""},
		{"FROM ann", " 1"}, {"FROM \"\"", " 1"}, {"TO b@x", " 2"}, {"CC x", ""},
		{"HEADER x-odd \"\"", " 1"}, {"HEADER X-ODD no", ""}, {"BODY gouda", " 1"},
		{"BODY k\xc3\xa4se", NULL},
		{"BODY {9+}\r\ngr\xc3\xbc\xc3\x9f"
		 "e a",
			" 2"},
		{"BODY R3LDvMO", ""}, {"BODY hidden", ""}, {"TEXT hidden", ""},
		{"TEXT na\"ive\"", NULL}, {"TEXT {6+}\r\nna\xc3\xafve", " 3"}, {"BODY na", ""},
		{"SENTON 1-Jan-2020", " 1"}, {"SENTON 2-Jan-2020", ""},
		{"SENTBEFORE 2-Jan-2020", " 1"}, {"SENTSINCE 2-Jan-2020", ""},
		{"ON 12-Jan-1970", " 1 2 3"}, {"BEFORE 12-Jan-1970", ""},
		{"SINCE \"13-Jan-1970\"", ""}, {"LARGER 180", " 3"}, {"SMALLER 20", ""},
		{"SMALLER 9223372036854775807", " 1 2 3"},
		{"SMALLER 9223372036854775808", NULL}, {"MODSEQ 9999", ""},
		{"CHARSET utf-8 1", " 1"}, {"OR FROM ann TO b", " 1 2"}};
	char text[300], want[300];
	struct play p;

	(void)state;
	fill();
	play_select(&p);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(text, sizeof text, "a SEARCH %s\r\n", cases[i].keys);
		snprintf(want, sizeof want, "* SEARCH%s\r\na OK Searched\r\n", cases[i].found);
		if (cases[i].found)
			play_exactly(&p, text, want);
		else
			play_tells(&p, text, "a BAD ");
	}
	play_exactly(&p, "a SEARCH CHARSET x-none SUBJECT {1+}\r\n\xff\r\n",
		"a NO [BADCHARSET (US-ASCII UTF-8)] Use UTF-8\r\n");
	play_exactly(&p, "a UID SEARCH 2\r\n", "* SEARCH 2\r\na OK Searched\r\n");
	play_end(&p);
}

static void
malformed_searches_are_bad(void **state)
{
	static const char *const bad[] = {"", " ", "FOO", "ALL ALL ALL FOO", "(ALL", "ALL)",
		"()", "NOT", "OR ALL", "OR ALL ", "KEYWORD", "KEYWORD (x", "FROM", "HEADER x",
		"LARGER x", "LARGER -1", "ON 1-Foo-2020", "ON 30-Feb-2020", "ON 1-Jan-20",
		"UID", "UID x", "1:2:3", "MODSEQ \"/flags/x\" 5", "MODSEQ \"/flags/x\" foo 5",
		"RETURN ALL ALL", "RETURN (FOO) ALL", "RETURN (MIN", "CHARSET ALL",
		"99999999999", "18446744073709551617"};
	char text[200];
	struct play p;

	(void)state;
	play_select(&p);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text, "a SEARCH %s\r\n", bad[i]);
		play_tells(&p, text, "a BAD ");
	}
	play_end(&p);
}

static void
size_and_depth_are_bounded(void **state)
{
	static const struct {
		const char *word;
		int n;
		const char *end, *answer;
	} cases[] = {{"NOT ", 60, "1", "a OK "},
		{"NOT ", 70, "1", "a BAD Search keys nested too deep"},
		{"(", 70, "1", "a BAD Search keys nested too deep"},
		{"OR 1 ", 60, "1", "a OK "},
		{"OR 1 ", 100000, "1", "a BAD The command is too long"},
		{"OR 1 ", 5000, "1", "a BAD Search keys nested too deep"},
		{"1 ", 500, "1", "a OK "}, {"1 ", 2000, "1", "a BAD Too many search keys"},
		{"BODY x ", 60, "1", "a OK "},
		{"BODY x ", 70, "1", "a BAD Too many search keys for text"},
		{"1,", 16000, "1", "a OK "}, {"1,", 16384, "1", "a BAD Too many ranges"},
		{"1:*,", 9000, "*", "a OK "}, {"SUBJECT \"\" ", 60, "1", "a OK "}};
	struct play p;

	(void)state;
	fill();
	play_select(&p);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_clear(&p.said);
		play_feed(&p, SLICE_LIT("a SEARCH "));
		for (int k = 0; k < cases[i].n; k++)
			play_feed(&p, slice_str(cases[i].word));
		play_feed(&p, slice_str(cases[i].end));
		play_feed(&p, SLICE_LIT("\r\n"));
		if (!play_has(&p, cases[i].answer))
			print_error("%s x %d: %.*s", cases[i].word, cases[i].n,
				SLICE_FMT(slice_cut(buf_slice(&p.said), 0, 200)));
		assert_true(play_has(&p, cases[i].answer));
	}
	buf_clear(&p.said);
	play_feed(&p, SLICE_LIT("a SEARCH BODY {1025+}\r\n"));
	for (int k = 0; k < 1025; k++)
		play_feed(&p, SLICE_LIT("x"));
	play_tells(&p, "\r\n", "a BAD Search text too long");
	play_end(&p);
}

static void
extended_answers_tell_what_was_asked_for(void **state)
{
	struct play p;

	(void)state;
	fill();
	play_select(&p);
	play_exactly(&p, "a SEARCH RETURN () 1:3\r\n",
		"* ESEARCH (TAG \"a\") ALL 1:3\r\na OK Searched\r\n");
	play_exactly(&p, "a UID SEARCH RETURN (MIN MAX COUNT ALL) OR 1 3\r\n",
		"* ESEARCH (TAG \"a\") UID MIN 1 MAX 3 COUNT 2 ALL 1,3\r\na OK Searched\r\n");
	play_exactly(&p, "a SEARCH RETURN (MIN COUNT) 9\r\n",
		"* ESEARCH (TAG \"a\") COUNT 0\r\na OK Searched\r\n");
	play_exactly(&p, "a SEARCH RETURN (ALL) 9\r\n",
		"* ESEARCH (TAG \"a\")\r\na OK Searched\r\n");
	/* Commands 4 to 6 brought the messages. */
	play_say(&p, "b STORE 2 FLAGS.SILENT (\\Seen)\r\n");
	play_exactly(
		&p, "a SEARCH MODSEQ 5\r\n", "* SEARCH 2 3 (MODSEQ 7)\r\na OK Searched\r\n");
	play_exactly(&p, "a SEARCH RETURN (MIN) MODSEQ \"/flags/\\\\seen\" all 1\r\n",
		"* ESEARCH (TAG \"a\") MIN 1 MODSEQ 4\r\na OK Searched\r\n");
	play_exactly(&p, "a SEARCH RETURN (MIN MAX) MODSEQ 1\r\n",
		"* ESEARCH (TAG \"a\") MIN 1 MAX 3 MODSEQ 6\r\na OK Searched\r\n");
	play_exactly(&p, "a SEARCH RETURN (COUNT) MODSEQ 1\r\n",
		"* ESEARCH (TAG \"a\") COUNT 3 MODSEQ 7\r\na OK Searched\r\n");
	play_say(&p, "b ENABLE IMAP4rev2\r\n");
	play_exactly(
		&p, "a SEARCH 2:3\r\n", "* ESEARCH (TAG \"a\") ALL 2:3\r\na OK Searched\r\n");
	play_end(&p);
}

static void
a_saved_result_is_a_set(void **state)
{
	struct play p;

	(void)state;
	fill();
	play_select(&p);
	play_exactly(&p, "a FETCH $ UID\r\n", "a OK Fetched\r\n");
	play_exactly(&p, "a SEARCH RETURN (SAVE) OR 1 3\r\n", "a OK Saved\r\n");
	play_exactly(&p, "a FETCH $ UID\r\n",
		"* 1 FETCH (UID 1)\r\n* 3 FETCH (UID 3)\r\na OK Fetched\r\n");
	play_exactly(&p, "a SEARCH NOT $\r\n", "* SEARCH 2\r\na OK Searched\r\n");
	play_exactly(&p, "a SEARCH UID $ 2:3\r\n", "* SEARCH 3\r\na OK Searched\r\n");
	play_exactly(&p, "a SEARCH RETURN (SAVE MAX) $\r\n",
		"* ESEARCH (TAG \"a\") MAX 3\r\na OK Searched\r\n");
	play_exactly(&p, "a UID STORE $ +FLAGS.SILENT (\\Deleted)\r\n", "a OK Stored\r\n");
	play_exactly(&p, "a EXPUNGE\r\n", "* 3 EXPUNGE\r\na OK Expunged\r\n");
	/* What is gone is gone from it. */
	play_exactly(&p, "a FETCH $ UID\r\n", "a OK Fetched\r\n");
	play_exactly(&p, "a SEARCH RETURN (SAVE) ALL\r\n", "a OK Saved\r\n");
	/* BAD leaves it, NO empties it. */
	play_tells(&p, "a SEARCH RETURN (SAVE) FOO\r\n", "a BAD ");
	play_exactly(&p, "a SEARCH $\r\n", "* SEARCH 1 2\r\na OK Searched\r\n");
	play_tells(&p, "a SEARCH RETURN (SAVE) CHARSET x ALL\r\n", "a NO [BADCHARSET ");
	play_exactly(&p, "a SEARCH $\r\n", "* SEARCH\r\na OK Searched\r\n");
	play_end(&p);
}

static void
long_answers_come_in_pieces(void **state)
{
	struct play p;

	(void)state;
	for (int k = 0; k < 15; k++) {
		play_login(&p);
		play_say(&p, "a APPEND INBOX");
		for (int i = 0; i < 1000; i++)
			play_feed(&p, SLICE_LIT(" {2+}\r\nhi"));
		play_tells(&p, "\r\n", "a OK [APPENDUID ");
		play_end(&p);
	}
	play_select(&p);
	p.is_slow = true;
	p.said_most = 0;
	play_say(&p, "a SEARCH 1:*\r\n");
	assert_true(slice_starts(buf_slice(&p.said), SLICE_LIT("* SEARCH 1 2 3 4 ")));
	assert_true(play_has(&p, " 14999 15000\r\na OK Searched\r\n"));
	assert_in_range(p.said_most, 20000, 70000);
	p.torn = 2;
	play_exactly(&p, "a SEARCH RETURN (COUNT) 1:*\r\n",
		"* ESEARCH (TAG \"a\") COUNT 15000\r\na OK Searched\r\n");
	play_end(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		imap_test(keys_find_what_they_mean),
		imap_test(malformed_searches_are_bad),
		imap_test(size_and_depth_are_bounded),
		imap_test(extended_answers_tell_what_was_asked_for),
		imap_test(a_saved_result_is_a_set),
		imap_test(long_answers_come_in_pieces),
	};

	return imap_run(tests);
}
