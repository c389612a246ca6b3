#include "tests/survey_world.h"

#include "cmd/survey_host.h"

static bool has_dns;

static void
judge(struct survey_site *s)
{
	has_dns = survey_host_judge(s);
}

static void
add_root(enum world_state state)
{
	world_add(".", DNS_RECORD_NS, "a.test");
	world_is(state);
	world_add(".", SURVEY_DNSKEY, "key.test");
	world_is(state);
	world_add(".", DNS_RECORD_SOA, NULL);
	world_is(state);
}

/* mail.d.test is at 192.0.2.1, which leads back to it. */
static void
add_host(void)
{
	static const struct slice own[] = {SLICE_LIT("\xc0\0\2\1")};

	world_add("mail.d.test", DNS_RECORD_A, "192.0.2.1");
	world_add("1.2.0.192.in-addr.arpa", DNS_RECORD_PTR, "mail.d.test");
	world.site.own = own;
	world.site.owns = 1;
}

static void
who_is_published_as_he_is_has_nothing_to_mend(void **state)
{
	(void)state;
	add_root(WORLD_SECURE);
	add_host();
	world_run(judge);
	assert_true(has_dns);
	world_finds_nothing();
	assert_int_equal(world.site.host.n, 1);
}

static void
a_dns_that_proves_nothing_is_found(void **state)
{
	(void)state;
	add_root(WORLD_INSECURE);
	add_host();
	world_run(judge);
	assert_true(has_dns);
	world_finds("resolver", "error", "isn't proved", "recursive");
}

static void
unvalidated_by_will_is_a_note(void **state)
{
	(void)state;
	world.findings.config.dns_validate = false;
	add_root(WORLD_INSECURE);
	add_host();
	world_run(judge);
	world_finds("resolver", "note", "aren't validated", "validate = yes");
	assert_int_equal(world.findings.faults, 0);
}

static void
bogus_answers_are_told_from_silence(void **state)
{
	(void)state;
	add_root(WORLD_BOGUS);
	world_add("mail.d.test", DNS_RECORD_A, NULL);
	world_is(WORLD_BOGUS);
	world_add("mail.d.test", DNS_RECORD_AAAA, NULL);
	world_is(WORLD_BOGUS);
	world_run(judge);
	assert_false(has_dns);
	world_finds("resolver", "error", "can't be validated", "pass signatures on");
}

static void
silence_is_all_there_is_to_say(void **state)
{
	(void)state;
	add_root(WORLD_SILENT);
	world_add("mail.d.test", DNS_RECORD_A, NULL);
	world_is(WORLD_SILENT);
	world_add("mail.d.test", DNS_RECORD_AAAA, NULL);
	world_is(WORLD_SILENT);
	world_run(judge);
	assert_false(has_dns);
	world_finds("resolver", "error", "192.0.2.53@53: no answer", "recursive");
	assert_int_equal(json_array_size(world.findings.list), 1);
}

/* As in a network without the public DNS. */
static void
a_zone_that_answers_is_judged_though_the_root_is_silent(void **state)
{
	(void)state;
	add_root(WORLD_SILENT);
	add_host();
	world_run(judge);
	assert_true(has_dns);
	world_finds("resolver", "error", "no answer", "recursive");
	assert_int_equal(world.site.host.n, 1);
}

static void
one_family_that_fails_leaves_the_other(void **state)
{
	(void)state;
	add_root(WORLD_SECURE);
	add_host();
	world_add("mail.d.test", DNS_RECORD_AAAA, NULL);
	world_is(WORLD_SILENT);
	world_run(judge);
	world_finds("address", "warning", "no answer for mail.d.test (A, AAAA)", "later");
	assert_int_equal(world.site.host.n, 1);
}

static void
both_families_have_half_of_the_room(void **state)
{
	static char text[12][INET6_ADDRSTRLEN];

	(void)state;
	add_root(WORLD_SECURE);
	for (int i = 0; i < 6; i++) {
		snprintf(text[i], sizeof text[i], "10.0.0.%d", i);
		snprintf(text[6 + i], sizeof text[i], "fd00::%x", i + 1);
		world_add("mail.d.test", DNS_RECORD_A, text[i]);
		world_add("mail.d.test", DNS_RECORD_AAAA, text[6 + i]);
	}
	world_run(judge);
	assert_int_equal(world.site.host.n, SURVEY_SITE_ADDRESSES_MAX);
	assert_int_equal(world.site.host.address[3].n, 4);
	assert_int_equal(world.site.host.address[4].n, 16);
}

static void
private_addresses_are_no_use_to_others(void **state)
{
	static const char *const inside[] = {"10.255.0.1", "172.31.0.1", "192.168.1.1",
		"100.64.0.1", "127.0.0.1", "169.254.1.1", "::1", "fd00::1", "fe80::1"};
	static const char *const outside[] = {
		"11.0.0.1", "172.32.0.1", "192.169.0.1", "100.128.0.1", "2001:db8::1"};
	uint8_t a[16];

	(void)state;
	for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
		bool is_six = strchr(inside[i], ':') != NULL;

		inet_pton(is_six ? AF_INET6 : AF_INET, inside[i], a);
		assert_true(survey_site_is_private(slice_of(a, is_six ? 16 : 4)));
	}
	for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
		bool is_six = strchr(outside[i], ':') != NULL;

		inet_pton(is_six ? AF_INET6 : AF_INET, outside[i], a);
		assert_false(survey_site_is_private(slice_of(a, is_six ? 16 : 4)));
	}
}

static void
one_of_several_reverse_names_is_enough(void **state)
{
	(void)state;
	add_root(WORLD_SECURE);
	world_add("1.2.0.192.in-addr.arpa", DNS_RECORD_PTR, "elsewhere.test");
	add_host();
	world_run(judge);
	world_finds_nothing();
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(who_is_published_as_he_is_has_nothing_to_mend),
		TEST(a_dns_that_proves_nothing_is_found),
		TEST(unvalidated_by_will_is_a_note),
		TEST(bogus_answers_are_told_from_silence),
		TEST(silence_is_all_there_is_to_say),
		TEST(a_zone_that_answers_is_judged_though_the_root_is_silent),
		TEST(one_family_that_fails_leaves_the_other),
		TEST(both_families_have_half_of_the_room),
		TEST(private_addresses_are_no_use_to_others),
		TEST(one_of_several_reverse_names_is_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
