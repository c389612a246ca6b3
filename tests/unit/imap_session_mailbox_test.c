#include "tests/imap_test.h"

static const char usual[] = "* LIST (\\HasNoChildren \\Archive) \"/\" \"Archive\"\r\n"
			    "* LIST (\\HasNoChildren \\Drafts) \"/\" \"Drafts\"\r\n"
			    "* LIST (\\HasNoChildren) \"/\" \"INBOX\"\r\n"
			    "* LIST (\\HasNoChildren \\Junk) \"/\" \"Junk\"\r\n"
			    "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"\r\n"
			    "* LIST (\\HasNoChildren \\Trash) \"/\" \"Trash\"\r\n";

static void
an_account_begins_with_its_special_mailboxes(void **state)
{
	struct play p;
	char want[1000];

	(void)state;
	play_login(&p);
	snprintf(want, sizeof want, "%sa OK That is all\r\n", usual);
	play_exactly(&p, "a LIST \"\" *\r\n", want);
	play_exactly(&p, "a LIST \"\" \"\"\r\n",
		"* LIST (\\Noselect) \"/\" \"\"\r\na OK That is all\r\n");
	play_exactly(&p, "a LIST (SPECIAL-USE) \"\" S*\r\n",
		"* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"\r\na OK That is all\r\n");
	play_exactly(&p, "a LIST \"\" (inbox Ju%) RETURN (SUBSCRIBED STATUS (MESSAGES))\r\n",
		"* LIST (\\HasNoChildren \\Subscribed) \"/\" \"INBOX\"\r\n"
		"* STATUS \"INBOX\" (MESSAGES 0)\r\n"
		"* LIST (\\HasNoChildren \\Subscribed \\Junk) \"/\" \"Junk\"\r\n"
		"* STATUS \"Junk\" (MESSAGES 0)\r\na OK That is all\r\n");
	play_exactly(&p, "a LIST (RECURSIVEMATCH) \"\" *\r\n",
		"a BAD RECURSIVEMATCH needs another selection option\r\n");
	play_exactly(&p, "a LIST \"\"\r\n", "a BAD Missing argument\r\n");
	play_end(&p);
}

static void
names_are_made_with_their_parents_and_listed_by_level(void **state)
{
	struct play p;

	(void)state;
	play_login(&p);
	play_exactly(&p, "a CREATE p/q/r/\r\n", "a OK Done\r\n");
	play_exactly(&p, "a CREATE p-x\r\n", "a OK Done\r\n");
	play_exactly(&p, "a LIST \"\" p%\r\n",
		"* LIST (\\HasChildren) \"/\" \"p\"\r\n"
		"* LIST (\\HasNoChildren) \"/\" \"p-x\"\r\na OK That is all\r\n");
	play_exactly(&p, "a LIST p/ %/%\r\n",
		"* LIST (\\HasNoChildren) \"/\" \"p/q/r\"\r\na OK That is all\r\n");
	/* The children stay. */
	play_exactly(&p, "a DELETE p\r\n", "a OK Done\r\n");
	play_exactly(&p, "a LIST \"\" p*\r\n",
		"* LIST (\\HasNoChildren) \"/\" \"p-x\"\r\n"
		"* LIST (\\Noselect \\HasChildren) \"/\" \"p\"\r\n"
		"* LIST (\\HasChildren) \"/\" \"p/q\"\r\n"
		"* LIST (\\HasNoChildren) \"/\" \"p/q/r\"\r\na OK That is all\r\n");
	play_exactly(&p, "a LIST () \"\" p\r\n",
		"* LIST (\\NonExistent \\HasChildren) \"/\" \"p\"\r\na OK That is all\r\n");
	play_exactly(&p, "a SELECT p\r\n", "a NO [NONEXISTENT] There is no such mailbox\r\n");
	play_exactly(&p, "a CREATE p\r\n", "a OK Done\r\n");
	play_exactly(
		&p, "a CREATE p\r\n", "a NO [ALREADYEXISTS] the mailbox exists already\r\n");
	play_exactly(&p, "a CREATE s (USE (\\Sent))\r\n", "a OK Done\r\n");
	play_exactly(&p, "a CREATE t (USE (\\Bar))\r\n",
		"a NO [USEATTR] There is no such special use\r\n");
	play_end(&p);
}

static void
names_that_could_harm_are_refused(void **state)
{
	static const char *const bad[] = {"\"\"", "&", "&-&", "&AGE-", "&2AA-", "&AAA-",
		"a\xc3\xa4", "\"a\x01\"", "\"&AAo-\"", "{1+}\r\n\x7f"};
	static const char *const refused[] = {
		"/", "/a", "a//b", "inbox", "//", "../../etc/passwd", "a/./b"};
	char text[100];
	struct play p;

	(void)state;
	play_login(&p);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text, "a CREATE %s\r\n", bad[i]);
		play_tells(&p, text, "a BAD ");
	}
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		snprintf(text, sizeof text, "a CREATE %s\r\n", refused[i]);
		play_tells(&p, text, "a NO [");
	}
	buf_clear(&p.said);
	play_feed(&p, SLICE_LIT("a CREATE {3+}\r\nx\0y\r\n"));
	assert_true(play_has(&p, "a BAD NUL in a literal\r\n"));
	play_exactly(&p, "a CREATE {481+}\r\n", "");
	buf_clear(&p.said);
	for (int i = 0; i < 481; i++)
		play_feed(&p, SLICE_LIT("x"));
	play_tells(&p, "\r\n", "a NO [CANNOT] not a mailbox name");
	play_tells(&p, "a CREATE 1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21\r\n",
		"a NO [CANNOT] not a mailbox name");
	play_end(&p);
}

static void
names_are_utf7_before_and_utf8_after_enable(void **state)
{
	struct play p;

	(void)state;
	play_login(&p);
	play_exactly(&p, "a CREATE &AOQ-&-x\r\n", "a OK Done\r\n");
	play_exactly(&p, "a LIST \"\" &AOQ-*\r\n",
		"* LIST (\\HasNoChildren) \"/\" \"&AOQ-&-x\"\r\na OK That is all\r\n");
	play_exactly(&p, "a ENABLE IMAP4rev2\r\n", "* ENABLED IMAP4rev2\r\na OK Enabled\r\n");
	play_exactly(&p, "a LIST \"\" \"\xc3\xa4*\"\r\n",
		"* LIST (\\HasNoChildren) \"/\" {4}\r\n\xc3\xa4&x\r\na OK That is all\r\n");
	play_tells(&p, "a SELECT \"\xc3\xa4&x\"\r\n", "* LIST () \"/\" {4}\r\n\xc3\xa4&x\r\n");
	assert_false(play_has(&p, "RECENT"));
	play_exactly(&p, "a CREATE \"\xff\"\r\n", "a BAD Quoted string isn't valid UTF-8\r\n");
	play_exactly(&p, "a CREATE {1+}\r\n\xff\r\n",
		"a BAD Mailbox name isn't valid UTF-8 text\r\n");
	play_end(&p);
}

static void
rename_takes_children_and_never_covers_another(void **state)
{
	struct play p;

	(void)state;
	play_login(&p);
	play_say(&p, "a CREATE a/x/y\r\na CREATE ab\r\na CREATE b/x\r\na DELETE b\r\n");
	play_exactly(&p, "a RENAME a a\r\n",
		"a NO [ALREADYEXISTS] the new mailbox exists already\r\n");
	play_exactly(
		&p, "a RENAME a a/z\r\n", "a NO [CANNOT] a mailbox can't lie in itself\r\n");
	play_exactly(&p, "a RENAME a b\r\n",
		"a NO [CANNOT] a child of it can't have its new name\r\n");
	play_exactly(&p, "a RENAME a inbox\r\n", "a NO [CANNOT] not a mailbox name\r\n");
	play_exactly(&p, "a RENAME a/x ab/c/d/\r\n", "a OK Done\r\n");
	play_exactly(&p, "a RENAME nosuch z\r\n", "a NO [NONEXISTENT] no such mailbox\r\n");
	play_exactly(&p, "a LIST \"\" a*\r\n",
		"* LIST (\\HasNoChildren) \"/\" \"a\"\r\n"
		"* LIST (\\HasChildren) \"/\" \"ab\"\r\n"
		"* LIST (\\HasChildren) \"/\" \"ab/c\"\r\n"
		"* LIST (\\HasChildren) \"/\" \"ab/c/d\"\r\n"
		"* LIST (\\HasNoChildren) \"/\" \"ab/c/d/y\"\r\na OK That is all\r\n");
	play_end(&p);
}

static void
renaming_inbox_moves_its_messages_and_leaves_its_children(void **state)
{
	struct play p;

	(void)state;
	play_deliver("INBOX", "a: b\r\n\r\n");
	play_login(&p);
	play_exactly(&p, "a CREATE inbox/sub\r\n", "a OK Done\r\n");
	play_exactly(&p, "a RENAME Inbox old\r\n", "a OK Done\r\n");
	play_exactly(&p, "a LIST \"\" (old* INBOX*)\r\n",
		"* LIST (\\HasChildren) \"/\" \"INBOX\"\r\n"
		"* LIST (\\HasNoChildren) \"/\" \"INBOX/sub\"\r\n"
		"* LIST (\\HasNoChildren) \"/\" \"old\"\r\na OK That is all\r\n");
	play_exactly(&p, "a STATUS INBOX (MESSAGES UIDVALIDITY)\r\n",
		"* STATUS \"INBOX\" (MESSAGES 0 UIDVALIDITY 1000007)\r\na OK That is all\r\n");
	play_exactly(&p, "a STATUS old (MESSAGES UIDVALIDITY)\r\n",
		"* STATUS \"old\" (MESSAGES 1 UIDVALIDITY 1000000)\r\na OK That is all\r\n");
	play_exactly(&p, "a DELETE INBOX\r\n", "a NO [CANNOT] INBOX can't be deleted\r\n");
	play_end(&p);
	/* Mail goes into the new one. */
	play_deliver("INBOX", "a: b\r\n\r\n");
}

static void
a_name_made_again_has_another_uidvalidity(void **state)
{
	struct play p;

	(void)state;
	play_login(&p);
	play_exactly(&p,
		"a CREATE x\r\na STATUS x (UIDVALIDITY)\r\na DELETE x\r\n"
		"a CREATE x\r\na STATUS x (UIDVALIDITY)\r\n",
		"a OK Done\r\n* STATUS \"x\" (UIDVALIDITY 1000006)\r\na OK That is all\r\n"
		"a OK Done\r\na OK Done\r\n"
		"* STATUS \"x\" (UIDVALIDITY 1000007)\r\na OK That is all\r\n");
	play_end(&p);
}

static void
deleting_the_selected_mailbox_closes_it(void **state)
{
	struct play p, q;

	(void)state;
	play_login(&p);
	play_login(&q);
	play_say(&p, "a CREATE x\r\nb SELECT x\r\n");
	play_say(&q, "a SELECT x\r\n");
	play_exactly(&p, "c DELETE x\r\nd NOOP\r\ne FETCH 1 FLAGS\r\n",
		"c OK Done\r\nd OK Done\r\ne BAD Select a mailbox first\r\n");
	play_exactly(&q, "b NOOP\r\n", "* BYE The mailbox was deleted\r\n");
	assert_true(q.is_closed);
	play_end(&p);
	play_end(&q);
}

static void
lsub_names_the_parent_of_a_subscribed_child(void **state)
{
	struct play p;

	(void)state;
	play_login(&p);
	play_say(&p, "a CREATE f/g/h\r\na SUBSCRIBE f/g/h\r\na UNSUBSCRIBE inbox\r\n");
	play_exactly(&p, "a LSUB \"\" f/%\r\n",
		"* LSUB (\\Noselect \\HasChildren) \"/\" \"f/g\"\r\na OK That is all\r\n");
	play_exactly(&p, "a LSUB \"\" f*\r\n",
		"* LSUB (\\HasNoChildren \\Subscribed) \"/\" \"f/g/h\"\r\n"
		"a OK That is all\r\n");
	play_exactly(&p, "a LSUB \"\" INBOX\r\n", "a OK That is all\r\n");
	play_exactly(&p, "a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" f\r\n",
		"* LIST (\\HasChildren) \"/\" \"f\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"
		"a OK That is all\r\n");
	play_exactly(&p, "a SUBSCRIBE nosuch\r\n", "a NO [NONEXISTENT] no such mailbox\r\n");
	play_end(&p);
}

static void
status_tells_every_item(void **state)
{
	struct play p;

	(void)state;
	play_deliver("INBOX", "a: b\r\n\r\n12345");
	play_login(&p);
	play_exactly(&p,
		"a STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE "
		"HIGHESTMODSEQ APPENDLIMIT)\r\n",
		"* STATUS \"INBOX\" (MESSAGES 1 RECENT 0 UIDNEXT 2 UIDVALIDITY 1000000 UNSEEN "
		"1 "
		"DELETED 0 SIZE 13 HIGHESTMODSEQ 4 APPENDLIMIT 1000000)\r\na OK That is "
		"all\r\n");
	play_exactly(&p, "a STATUS INBOX ()\r\n", "a BAD Unknown STATUS item\r\n");
	play_exactly(&p, "a STATUS INBOX (FOO)\r\n", "a BAD Unknown STATUS item\r\n");
	play_exactly(&p, "a STATUS nosuch (SIZE)\r\n",
		"a NO [NONEXISTENT] There is no such mailbox\r\n");
	play_end(&p);
}

static void
quota_is_told_and_kept(void **state)
{
	struct play p;

	(void)state;
	house_close();
	house_open(4096);
	play_login(&p);
	play_exactly(&p, "a GETQUOTA \"\"\r\n",
		"* QUOTA \"\" (STORAGE 0 4)\r\na OK That is all\r\n");
	play_exactly(&p, "a GETQUOTAROOT INBOX\r\n",
		"* QUOTAROOT \"INBOX\" \"\"\r\n* QUOTA \"\" (STORAGE 0 4)\r\na OK That is "
		"all\r\n");
	play_exactly(&p, "a GETQUOTAROOT nosuch\r\n",
		"a NO [NONEXISTENT] There is no such mailbox\r\n");
	play_exactly(
		&p, "a GETQUOTA x\r\n", "a NO [NONEXISTENT] There is no such quota root\r\n");
	play_exactly(
		&p, "a APPEND INBOX {5000}\r\n", "a NO [OVERQUOTA] The mailbox is full\r\n");
	play_say(&p, "a APPEND INBOX {5000+}\r\n");
	for (int i = 0; i < 500; i++)
		play_feed(&p, SLICE_LIT("0123456789"));
	play_exactly(&p, "\r\n", "a NO [OVERQUOTA] The mailbox is full\r\n");
	/* Each fits, but not both. */
	play_say(&p, "a APPEND INBOX {3000+}\r\n");
	for (int i = 0; i < 300; i++)
		play_feed(&p, SLICE_LIT("0123456789"));
	play_feed(&p, SLICE_LIT(" {3000+}\r\n"));
	for (int i = 0; i < 300; i++)
		play_feed(&p, SLICE_LIT("0123456789"));
	play_exactly(&p, "\r\nb STATUS INBOX (MESSAGES)\r\n",
		"a NO [OVERQUOTA] The mailbox is full\r\n* STATUS \"INBOX\" (MESSAGES 0)\r\n"
		"b OK That is all\r\n");
	play_end(&p);
}

static void
costly_patterns_are_bounded_and_long_lists_come_in_pieces(void **state)
{
	struct play p;
	char text[1400] = "a LIST \"\" ";
	size_t n = strlen(text);

	(void)state;
	play_login(&p);
	for (int i = 0; i < 600; i++) {
		char create[80];
		snprintf(create, sizeof create,
			"a CREATE aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa%d\r\n", i);
		play_say(&p, create);
	}
	memset(text + n, '*', 1024);
	for (size_t i = 0; i < 1024; i += 2)
		text[n + i] = 'a';
	memcpy(text + n + 1024, "\r\n", 3);
	play_exactly(&p, text, "a OK That is all\r\n");
	memcpy(text + n + 1024, "a\r\n", 4);
	play_exactly(&p, text, "a BAD Patterns too long\r\n");
	p.is_slow = true;
	p.said_most = 0;
	play_say(&p, "a LIST \"\" * RETURN (STATUS (MESSAGES UIDNEXT UIDVALIDITY UNSEEN))\r\n");
	assert_true(play_has(&p, "a OK That is all\r\n"));
	assert_in_range(p.said_most, 1000, 70000);
	assert_in_range(p.said.n, 80000, 200000);
	play_end(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		imap_test(an_account_begins_with_its_special_mailboxes),
		imap_test(names_are_made_with_their_parents_and_listed_by_level),
		imap_test(names_that_could_harm_are_refused),
		imap_test(names_are_utf7_before_and_utf8_after_enable),
		imap_test(rename_takes_children_and_never_covers_another),
		imap_test(renaming_inbox_moves_its_messages_and_leaves_its_children),
		imap_test(a_name_made_again_has_another_uidvalidity),
		imap_test(deleting_the_selected_mailbox_closes_it),
		imap_test(lsub_names_the_parent_of_a_subscribed_child),
		imap_test(status_tells_every_item),
		imap_test(quota_is_told_and_kept),
		imap_test(costly_patterns_are_bounded_and_long_lists_come_in_pieces),
	};

	return imap_run(tests);
}
