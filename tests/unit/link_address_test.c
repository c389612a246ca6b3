#include "tests/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "cmd/link_address.h"

static void
addresses_with_ports_are_read(void **state)
{
	struct link_address a, b;
	char text[LINK_ADDRESS_TEXT];

	(void)state;
	assert_int_equal(link_address_parse("192.0.2.1:4627", &a), ERR_OK);
	assert_int_equal(a.at.ss_family, AF_INET);
	assert_int_equal(ntohs(((struct sockaddr_in *)&a.at)->sin_port), 4627);
	link_address_format(&a, text);
	assert_string_equal(text, "192.0.2.1");
	assert_int_equal(link_address_parse_host("192.0.2.1", &b), ERR_OK);
	assert_true(link_address_is_same_host(&a, &b));
	assert_int_equal(link_address_parse_host("192.0.2.2", &b), ERR_OK);
	assert_false(link_address_is_same_host(&a, &b));
	assert_int_equal(link_address_parse("[2001:db8::1]:1", &a), ERR_OK);
	assert_int_equal(a.at.ss_family, AF_INET6);
	assert_int_equal(ntohs(((struct sockaddr_in6 *)&a.at)->sin6_port), 1);
	link_address_format(&a, text);
	assert_string_equal(text, "2001:db8::1");
	assert_false(link_address_is_same_host(&a, &b));
	assert_int_equal(link_address_parse_host("2001:db8:0::1", &b), ERR_OK);
	assert_true(link_address_is_same_host(&a, &b));
}

static void
what_is_no_address_is_refused(void **state)
{
	static const char *const none[] = {"", ":", "192.0.2.1", "192.0.2.1:", "192.0.2.1:0",
		"192.0.2.1:65536", "192.0.2.1:4627x", "192.0.2:4627", "[192.0.2.1]:4627",
		"2001:db8::1:4627", "[2001:db8::1]", "[2001:db8::1:4627", "[]:1", "[:1",
		"mail.example.org:4627",
		"[0000000000000000000000000000000000000000000000000000000000000000000001]:1"};
	struct link_address a;

	(void)state;
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_int_equal(link_address_parse(none[i], &a), ERR_SYNTAX);
	assert_int_equal(link_address_parse_host("192.0.2.1:1", &a), ERR_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_with_ports_are_read),
		cmocka_unit_test(what_is_no_address_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
