#include "cmd/courier_own.h"

#include "tests/test.h"

static struct config config;

static void
listens(enum config_kind kind, const char *address, uint16_t port)
{
	struct config_listener *l = &config.listener[config.listeners++];

	*l = (struct config_listener){.kind = kind, .port = port};
	strcpy(l->address, address);
}

static bool
is_own(const char *address, uint16_t port)
{
	struct courier_own own;
	struct ip_network net, at[200];
	bool is = false;
	size_t n;

	assert_null(ip_network_parse(slice_str(address), &net));
	courier_own_init(&own, &config);
	assert_true(own.n <= 200);
	n = courier_own_at(&own, port, at);
	for (size_t i = 0; i < n; i++)
		is |= ip_network_holds(&at[i], slice_of(net.octets, net.n));
	courier_own_fini(&own);
	return is;
}

static void
a_listener_for_other_servers_is_this_node(void **state)
{
	(void)state;
	config.listeners = 0;
	listens(CONFIG_MX, "192.0.2.1", 25);
	listens(CONFIG_MX, "2001:db8::1", 2525);
	listens(CONFIG_SUBMISSION, "192.0.2.2", 25);
	listens(CONFIG_LMTP, "/run/lmtp.sock", 0);
	listens(CONFIG_REINJECT, "192.0.2.3", 25);
	assert_true(is_own("192.0.2.1", 25));
	assert_true(is_own("2001:db8::1", 2525));
	assert_false(is_own("192.0.2.1", 26));
	assert_false(is_own("192.0.2.2", 25));
	assert_false(is_own("192.0.2.3", 25));
	assert_false(is_own("2001:db8::1", 25));
}

static void
one_at_all_addresses_is_at_each_interface(void **state)
{
	(void)state;
	config.listeners = 0;
	listens(CONFIG_MX, "0.0.0.0", 25);
	assert_true(is_own("127.0.0.1", 25));
	assert_true(is_own("127.9.9.9", 25));
	assert_false(is_own("192.0.2.1", 25));
	assert_false(is_own("127.0.0.1", 26));
	assert_false(is_own("::1", 25));
	config.listeners = 0;
	listens(CONFIG_MX, "::", 25);
	assert_false(is_own("127.0.0.1", 25));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listener_for_other_servers_is_this_node),
		cmocka_unit_test(one_at_all_addresses_is_at_each_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
