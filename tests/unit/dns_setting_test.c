#include "tests/test.h"

#include <stdio.h>

#include "core/dns_setting.h"

static void
server_is(const char *text, const char *as, bool is_loopback)
{
	struct dns_setting_server server;
	const char *why = dns_setting_server(slice_str(text), &server);

	if (why)
		fail_msg("%s: %s", text, why);
	assert_string_equal(server.text, as);
	assert_int_equal(server.is_loopback, is_loopback);
}

static void
a_server_is_a_numeric_address_with_a_port_or_without(void **state)
{
	(void)state;
	server_is("192.0.2.1", "192.0.2.1@53", false);
	server_is("192.0.2.1:5353", "192.0.2.1@5353", false);
	server_is("192.0.2.1@65535", "192.0.2.1@65535", false);
	server_is("2001:db8::1", "2001:db8::1@53", false);
	server_is("2001:db8::", "2001:db8::@53", false);
	server_is("2001:db8::1@1", "2001:db8::1@1", false);
	server_is("[2001:db8::1]", "2001:db8::1@53", false);
	server_is("[2001:db8::1]:5353", "2001:db8::1@5353", false);
	server_is("[2001:db8::1]@5353", "2001:db8::1@5353", false);
	server_is("127.0.0.53", "127.0.0.53@53", true);
	server_is("::1", "::1@53", true);
	server_is("::2", "::2@53", false);
}

static void
what_is_no_server_is_refused(void **state)
{
	static const char *const bad[] = {"", ":", "@", ":53", "@53", "localhost", "192.0.2",
		"192.0.2.1:", "192.0.2.1@", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:x",
		"192.0.2.1/32", "2001:db8::1@", "2001:db8::1@0", "[2001:db8::1", "[192.0.2.1]",
		"[2001:db8::1]:", "[2001:db8::1]x53", "[2001:db8::1]5", "2001:db8::1]", "[]",
		"fe80::1%eth0", "192.0.2.1 ", "2001:db8::1:"};
	struct dns_setting_server server;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (!dns_setting_server(slice_str(bad[i]), &server))
			fail_msg("%s was taken as %s", bad[i], server.text);
	assert_non_null(dns_setting_server(SLICE_LIT("192.0.2.1\0"), &server));
}

static void
eight_servers_are_taken_and_not_nine(void **state)
{
	struct dns_setting_server server[DNS_SETTING_SERVERS_MAX];
	size_t n = 99;

	(void)state;
	assert_null(dns_setting_servers(SLICE_LIT(" ::1,, 127.0.0.2:5\t"), server, &n));
	assert_int_equal(n, 2);
	assert_string_equal(server[1].text, "127.0.0.2@5");
	assert_null(
		dns_setting_servers(SLICE_LIT("::1 ::2 ::3 ::4 ::5 ::6 ::7 ::8"), server, &n));
	assert_int_equal(n, 8);
	assert_non_null(dns_setting_servers(
		SLICE_LIT("::1 ::2 ::3 ::4 ::5 ::6 ::7 ::8 ::9"), server, &n));
	assert_non_null(dns_setting_servers(SLICE_LIT(" , "), server, &n));
	assert_non_null(dns_setting_servers(SLICE_LIT("::1, host"), server, &n));
}

static void
resolv_conf_gives_its_numeric_servers(void **state)
{
	struct dns_setting_server server[DNS_SETTING_SERVERS_MAX];
	char text[400] = "";

	(void)state;
	assert_int_equal(dns_setting_resolv_conf(
				 SLICE_LIT("# nameserver 192.0.2.9\nsearch example.org\n\n"
					   "nameserver\t192.0.2.1\r\nnameserver fe80::1%eth0\n"
					   "nameserver\nnameserverx 192.0.2.8\noptions edns0\n"
					   "nameserver  2001:db8::1 # second"),
				 server),
		2);
	assert_string_equal(server[0].text, "192.0.2.1@53");
	assert_string_equal(server[1].text, "2001:db8::1@53");
	assert_int_equal(dns_setting_resolv_conf(SLICE_EMPTY, server), 0);
	for (int i = 0; i < 9; i++)
		strcat(text, "nameserver 192.0.2.1\n");
	assert_int_equal(dns_setting_resolv_conf(slice_str(text), server), 8);
}

static void
a_stub_is_a_zone_and_a_server(void **state)
{
	static const char *const bad[] = {"", "example.org", "example..org ::1", "a b c",
		"example.org host", "example.org ::1 ::2"};
	struct dns_setting_stub stub;

	(void)state;
	assert_null(dns_setting_stub(SLICE_LIT("Corp.Example. 192.0.2.1:5353"), &stub));
	assert_memory_equal(stub.zone.octets, "\4corp\7example", stub.zone.n);
	assert_string_equal(stub.server.text, "192.0.2.1@5353");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (!dns_setting_stub(slice_str(bad[i]), &stub))
			fail_msg("%s was taken", bad[i]);
}

#define HEX16 "0123456789abcdef"
#define SHA256 HEX16 HEX16 HEX16 HEX16

static void
an_anchor_is_a_ds_record(void **state)
{
	static const char *const good[] = {". DS 20326 8 2 " SHA256,
		"a.test. IN DS 1 13 2 " SHA256,
		"a 3600 IN DS 65535 255 4 " SHA256 HEX16 " " HEX16, "a 60 ds 1 13 2 " SHA256};
	static const char *const bad[] = {"", ". DS", ". DNSKEY 257 3 8 AwEAAa",
		"DS 1 13 2 " SHA256, ". DS 65536 8 2 " SHA256, ". DS 1 256 2 " SHA256,
		". DS 1 8 1 " HEX16 HEX16 "01234567", ". DS 1 8 3 " SHA256,
		". DS 1 8 2 " SHA256 "0", ". DS 1 8 2 " HEX16, ". DS 1 8 4 " SHA256,
		". DS 1 8 2 x" SHA256, ". CH DS 1 8 2 " SHA256, ". DS 1 8 2 " SHA256 ";",
		"a..b DS 1 8 2 " SHA256};
	struct dns_name zone;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (dns_setting_anchor(slice_str(good[i]), &zone))
			fail_msg("%s was refused", good[i]);
	assert_int_equal(zone.n, 3);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (!dns_setting_anchor(slice_str(bad[i]), &zone))
			fail_msg("%s was taken", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_is_a_numeric_address_with_a_port_or_without),
		cmocka_unit_test(what_is_no_server_is_refused),
		cmocka_unit_test(eight_servers_are_taken_and_not_nine),
		cmocka_unit_test(resolv_conf_gives_its_numeric_servers),
		cmocka_unit_test(a_stub_is_a_zone_and_a_server),
		cmocka_unit_test(an_anchor_is_a_ds_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
