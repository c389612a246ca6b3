#include "tests/test.h"

#include <string.h>

#include "smtp/smtp_poster.h"

enum { MOST = 4 };

/* A group of a@example.org, inner@example.org and out@else.test, for the posters. */
struct group {
	Commands__Address record;
	ProtobufCBinaryData member[MOST], poster[MOST];
};

static ProtobufCBinaryData
bytes(const char *text)
{
	return (ProtobufCBinaryData){strlen(text), (uint8_t *)(uintptr_t)text};
}

static Commands__Address *
group(struct group *g, const char *poster, const char *other)
{
	commands__address__init(&g->record);
	g->member[0] = bytes("a@example.org");
	g->member[1] = bytes("inner@example.org");
	g->member[2] = bytes("out@else.test");
	g->member[3] = bytes("Further@else.test"); /* as it was given; senders are folded */
	g->record.n_target = 4;
	g->record.target = g->member;
	g->poster[0] = bytes(poster);
	g->poster[1] = bytes(other);
	g->record.n_poster = !*poster ? 0 : !*other ? 1 : 2;
	g->record.poster = g->poster;
	return &g->record;
}

/* account: "" if nobody is logged in. */
static bool
may(const char *posters, const char *account, const char *sender)
{
	struct smtp_poster who = {*account, slice_str(account), slice_str(sender)};
	struct group g;

	return smtp_poster_may(group(&g, posters, ""), SLICE_LIT("team@example.org"), &who);
}

static void
a_group_without_posters_is_for_anyone(void **state)
{
	(void)state;
	assert_true(may("", "", ""));
	assert_true(may("", "", "x@else.test"));
}

static void
members_are_those_that_are_listed(void **state)
{
	(void)state;
	assert_true(may("members", "", "out@else.test"));
	assert_true(may("members", "", "further@else.test"));
	assert_true(may("members", "a@example.org", "office@example.org"));
	assert_true(may("members", "b@example.org", "a@example.org"));
	assert_false(may("members", "b@example.org", "b@example.org"));
	assert_false(may("members", "", "ou@else.test"));
	assert_false(may("members", "", ""));
}

static void
own_domain_wants_a_login(void **state)
{
	(void)state;
	assert_true(may("own-domain", "b@example.org", "b@example.org"));
	assert_true(may("own-domain", "b@example.org", ""));
	assert_true(may("own-domain", "b@second.test", "b@example.org"));
	assert_false(may("own-domain", "b@second.test", "b@second.test"));
	assert_false(may("own-domain", "", "b@example.org"));
}

static void
addresses_and_whole_domains_may_be_named(void **state)
{
	(void)state;
	assert_true(may("boss@else.test", "", "boss@else.test"));
	assert_false(may("boss@else.test", "", "a@else.test"));
	assert_true(may("@else.test", "", "a@else.test"));
	assert_false(may("@else.test", "", "a@sub.else.test"));
	assert_false(may("@else.test", "", ""));
}

static void
one_of_several_is_enough(void **state)
{
	struct smtp_poster boss = {.sender = SLICE_LIT("boss@x.test")};
	struct smtp_poster member = {.sender = SLICE_LIT("out@else.test")};
	struct smtp_poster neither = {.sender = SLICE_LIT("c@x.test")};
	struct slice name = SLICE_LIT("team@example.org");
	struct group g;
	const Commands__Address *at = group(&g, "members", "boss@x.test");

	(void)state;
	assert_true(smtp_poster_may(at, name, &boss));
	assert_true(smtp_poster_may(at, name, &member));
	assert_false(smtp_poster_may(at, name, &neither));
}

/* What is in account counts of those who are logged in alone. */
static void
a_name_without_a_login_is_nobody(void **state)
{
	struct smtp_poster who = {.account = SLICE_LIT("a@example.org")};
	struct group g;

	(void)state;
	assert_false(
		smtp_poster_may(group(&g, "members", ""), SLICE_LIT("team@example.org"), &who));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_without_posters_is_for_anyone),
		cmocka_unit_test(members_are_those_that_are_listed),
		cmocka_unit_test(own_domain_wants_a_login),
		cmocka_unit_test(addresses_and_whole_domains_may_be_named),
		cmocka_unit_test(one_of_several_is_enough),
		cmocka_unit_test(a_name_without_a_login_is_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
