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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_holds_what_begins_with_its_bits),
		cmocka_unit_test(the_families_are_apart_but_mapped_addresses_are_ipv4s),
		cmocka_unit_test(what_is_no_network_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
