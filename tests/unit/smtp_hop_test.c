#include "smtp/smtp_hop.h"
#include "tests/test.h"

static struct smtp_hop hop;

static void
reads(const char *name)
{
	assert_int_equal(smtp_hop_parse(slice_str(name), &hop), ERR_OK);
}

static void
is(size_t i, const char *host, bool is_domain, uint16_t port)
{
	assert_true(slice_eq(hop.target[i].host, slice_str(host)));
	assert_int_equal(hop.target[i].is_domain, is_domain);
	assert_int_equal(hop.target[i].port, port);
}

static void
a_domain_goes_by_mx_and_a_host_in_brackets_as_it_is(void **state)
{
	(void)state;
	reads("smtp:example.org");
	assert_int_equal(hop.transport, SMTP_HOP_SMTP);
	is(0, "example.org", true, 25);
	reads("smtp:[mail.example.org]");
	is(0, "mail.example.org", false, 25);
	reads("smtp:[192.0.2.1]:2525");
	is(0, "192.0.2.1", false, 2525);
	reads("lmtp:[2001:db8::1]");
	assert_int_equal(hop.transport, SMTP_HOP_LMTP);
	is(0, "2001:db8::1", false, 24);
	reads("smtp:example.org:587");
	is(0, "example.org", true, 587);
}

static void
a_filter_has_up_to_eight_targets(void **state)
{
	(void)state;
	reads("filter:[gw1.test],[gw2.test]:10026");
	assert_int_equal(hop.transport, SMTP_HOP_FILTER);
	assert_int_equal(hop.targets, 2);
	is(0, "gw1.test", false, 10025);
	is(1, "gw2.test", false, 10026);
	reads("filter:a,b,c,d,e,f,g,h");
	assert_int_equal(hop.targets, SMTP_HOP_TARGETS_MAX);
	assert_int_equal(
		smtp_hop_parse(SLICE_LIT("filter:a,b,c,d,e,f,g,h,i"), &hop), ERR_LIMIT);
}

static void
what_isn_t_a_name_of_a_hop_is_refused(void **state)
{
	static const char *const bad[] = {"", "smtp", "smtp:", "smtp:,", "smtp:a,", "smtp:a b",
		"uucp:a", "smtp:[a", "smtp:[]", "smtp:a]", "smtp:[a]b", "smtp:a:", "smtp:a:0",
		"smtp:a:65536", "smtp:a:123456", "smtp:a:1x", "smtp:.a", "smtp:-a", "smtp:A",
		"smtp:a:b:c", "SMTP:a", "smtp:[a]:25:26"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (smtp_hop_parse(slice_str(bad[i]), &hop) != ERR_SYNTAX)
			fail_msg("%s was read", bad[i]);
	reads("smtp:a:65535");
}

static void
a_name_has_300_octets_a_host_255(void **state)
{
	char name[SMTP_HOP_MAX + 2];

	(void)state;
	memset(name, 'a', sizeof name);
	memcpy(name, "smtp:", 5);
	assert_int_equal(smtp_hop_parse(slice_of((uint8_t *)name, 5 + 255), &hop), ERR_OK);
	assert_int_equal(smtp_hop_parse(slice_of((uint8_t *)name, 5 + 256), &hop), ERR_SYNTAX);
	name[150] = ',';
	assert_int_equal(smtp_hop_parse(slice_of((uint8_t *)name, SMTP_HOP_MAX), &hop), ERR_OK);
	assert_int_equal(
		smtp_hop_parse(slice_of((uint8_t *)name, SMTP_HOP_MAX + 1), &hop), ERR_TOO_BIG);
}

static void
gives(const char *address, const char *name)
{
	struct buf out;

	buf_init(&out, SMTP_HOP_MAX);
	if (name) {
		assert_true(smtp_hop_of_address(slice_str(address), &out));
		assert_true(slice_eq(buf_slice(&out), slice_str(name)));
		reads(name);
	} else {
		assert_false(smtp_hop_of_address(slice_str(address), &out));
	}
	buf_fini(&out);
}

static void
an_address_has_the_hop_of_its_domain(void **state)
{
	struct buf out;

	(void)state;
	gives("x@example.org", "smtp:example.org");
	gives("\"a@b\"@example.org", "smtp:example.org");
	gives("x@[192.0.2.1]", "smtp:[192.0.2.1]");
	gives("x@[IPv6:2001:db8::1]", "smtp:[2001:db8::1]");
	gives("x", NULL);
	gives("x@", NULL);
	buf_init(&out, 10);
	assert_false(smtp_hop_of_address(SLICE_LIT("x@example.org"), &out));
	buf_fini(&out);
}

static void
lists(const char *list, const char *name)
{
	struct buf out;

	buf_init(&out, SMTP_HOP_MAX);
	assert_int_equal(
		smtp_hop_of_list(SMTP_HOP_FILTER, slice_str(list), 10025, &out), name != NULL);
	if (name)
		assert_true(slice_eq(buf_slice(&out), slice_str(name)));
	buf_fini(&out);
}

static void
a_list_of_hosts_becomes_a_hop_without_mx(void **state)
{
	(void)state;
	lists("gw1.test:10025", "filter:[gw1.test]:10025");
	lists(" GW1.Test , [2001:DB8::1]:26,[gw2.test]",
		"filter:[gw1.test]:10025,[2001:db8::1]:26,[gw2.test]:10025");
	lists("a,b,c,d,e,f,g,h", "filter:[a]:10025,[b]:10025,[c]:10025,[d]:10025,[e]:10025,"
				 "[f]:10025,[g]:10025,[h]:10025");
	lists("a,b,c,d,e,f,g,h,i", NULL);
	lists("", NULL);
	lists("a,", NULL);
	lists("a b", NULL);
	lists("a:0", NULL);
	lists("[a", NULL);
	lists("2001:db8::1", NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_domain_goes_by_mx_and_a_host_in_brackets_as_it_is),
		cmocka_unit_test(a_filter_has_up_to_eight_targets),
		cmocka_unit_test(what_isn_t_a_name_of_a_hop_is_refused),
		cmocka_unit_test(a_name_has_300_octets_a_host_255),
		cmocka_unit_test(an_address_has_the_hop_of_its_domain),
		cmocka_unit_test(a_list_of_hosts_becomes_a_hop_without_mx),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
