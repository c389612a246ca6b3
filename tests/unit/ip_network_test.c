#include "tests/test.h"

#include <arpa/inet.h>

#include "core/ip_network.h"

static bool
holds(const char *network, const char *address)
{
	bool is_six = strchr(address, ':') != NULL;
	struct ip_network net;
	uint8_t octets[16];

	assert_null(ip_network_parse(slice_str(network), &net));
	assert_int_equal(inet_pton(is_six ? AF_INET6 : AF_INET, address, octets), 1);
	return ip_network_holds(&net, slice_of(octets, is_six ? 16 : 4));
}

static void
a_network_holds_what_begins_with_its_bits(void **state)
{
	(void)state;
	assert_true(holds("192.0.2.0/24", "192.0.2.255"));
	assert_false(holds("192.0.2.0/24", "192.0.3.0"));
	assert_true(holds("192.0.2.128/25", "192.0.2.128"));
	assert_false(holds("192.0.2.128/25", "192.0.2.127"));
	assert_true(holds("0.0.0.0/0", "203.0.113.9"));
	assert_true(holds("192.0.2.7", "192.0.2.7"));
	assert_false(holds("192.0.2.7", "192.0.2.6"));
	assert_true(holds("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(holds("2001:db8::/33", "2001:db8:8000::"));
	assert_true(holds("::1", "::1"));
}

static void
the_families_are_apart_but_mapped_addresses_are_ipv4s(void **state)
{
	(void)state;
	assert_false(holds("0.0.0.0/0", "2001:db8::1"));
	assert_false(holds("::/0", "192.0.2.1"));
	assert_true(holds("192.0.2.0/24", "::ffff:192.0.2.9"));
	assert_false(holds("::/0", "::ffff:192.0.2.9"));
}

static void
what_is_no_network_is_named(void **state)
{
	static const char *const bad[] = {"", "/", "/8", "192.0.2", "192.0.2.0/",
		"192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/ 8", "192.0.2.0/24x", "192.0.2.1/24",
		"::1/64", "::/129", "::g", "localhost", "192.0.2.0/8/8", "1.2.3.4.5",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};
	struct ip_network net;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (!ip_network_parse(slice_str(bad[i]), &net))
			fail_msg("%s was taken", bad[i]);
	assert_non_null(ip_network_parse(SLICE_LIT("192.0.2.1\0x"), &net));
}

static bool
is_public(const char *address)
{
	bool is_six = strchr(address, ':') != NULL;
	uint8_t octets[16];

	assert_int_equal(inet_pton(is_six ? AF_INET6 : AF_INET, address, octets), 1);
	return ip_network_is_public(slice_of(octets, is_six ? 16 : 4));
}

/* Each special block, by its first and last address and the ones beside it. */
static void
only_public_unicast_may_be_called_for_a_stranger(void **state)
{
	static const char *const no[] = {"0.0.0.0", "0.255.255.255", "10.0.0.0",
		"10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1",
		"127.255.255.255", "169.254.0.0", "169.254.169.254", "169.254.255.255",
		"172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.255", "192.0.2.0",
		"192.0.2.255", "192.88.99.0", "192.88.99.255", "192.168.0.0", "192.168.255.255",
		"198.18.0.0", "198.19.255.255", "198.51.100.0", "198.51.100.255", "203.0.113.0",
		"203.0.113.255", "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::8.8.8.8", "100::1", "1fff:ffff::1",
		"4000::", "fc00::1", "fdff:ffff::1", "fe80::1", "fec0::1", "ff02::1", "2001::1",
		"2001:1ff:ffff::1", "2001:db8::1", "2001:db8:ffff::1", "3fff::1",
		"3fff:fff:ffff::1", "::ffff:127.0.0.1", "::ffff:10.1.2.3", "64:ff9b::7f00:1",
		"64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "64:ff9b::1:808:808",
		"2002:a00:1::1", "2002:7f00:1::1", "2002:c0a8:101::808:808"};
	static const char *const yes[] = {"1.0.0.0", "9.255.255.255", "11.0.0.0",
		"100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
		"191.255.255.255", "192.0.1.0", "192.0.3.0", "192.88.98.255", "192.88.100.0",
		"192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
		"198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0",
		"223.255.255.255", "2000::1", "2001:200::1", "2001:db7:ffff::1", "2001:db9::1",
		"2003::1", "3ffe:ffff::1", "3fff:1000::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
		"2002:808:808::1"};

	(void)state;
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		if (is_public(no[i]))
			fail_msg("%s is taken for public", no[i]);
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (!is_public(yes[i]))
			fail_msg("%s isn't taken for public", yes[i]);
	assert_false(ip_network_is_public(SLICE_EMPTY));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_holds_what_begins_with_its_bits),
		cmocka_unit_test(the_families_are_apart_but_mapped_addresses_are_ipv4s),
		cmocka_unit_test(what_is_no_network_is_named),
		cmocka_unit_test(only_public_unicast_may_be_called_for_a_stranger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
