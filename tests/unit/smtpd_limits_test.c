#include "tests/test.h"

#include "cmd/smtpd_limits.h"

static const uint8_t one[4] = {192, 0, 2, 1}, two[4] = {192, 0, 2, 2};

static void
connections_at_once_are_limited_for_each_client(void **state)
{
	struct smtpd_limits *l = smtpd_limits_new(2, 0);

	(void)state;
	assert_true(smtpd_limits_enter(l, one, 4, 1000));
	assert_true(smtpd_limits_enter(l, one, 4, 1000));
	assert_false(smtpd_limits_enter(l, one, 4, 1000));
	assert_true(smtpd_limits_enter(l, two, 4, 1000));
	smtpd_limits_leave(l, one, 4, 1000);
	assert_false(smtpd_limits_enter(l, one, 4, 1000));
	smtpd_limits_leave(l, one, 4, 1000);
	smtpd_limits_leave(l, one, 4, 1000);
	assert_true(smtpd_limits_enter(l, one, 4, 1000));
	smtpd_limits_free(l);
}

static void
new_connections_are_limited_by_the_minute(void **state)
{
	struct smtpd_limits *l = smtpd_limits_new(100, 2);

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(smtpd_limits_enter(l, one, 4, 1000), i < 2);
		smtpd_limits_leave(l, one, 4, 1000);
	}
	assert_false(smtpd_limits_enter(l, one, 4, 60999));
	assert_true(smtpd_limits_enter(l, one, 4, 61000));
	smtpd_limits_free(l);
}

static void
ipv6_clients_are_told_apart_by_their_64(void **state)
{
	struct smtpd_limits *l = smtpd_limits_new(1, 0);
	uint8_t a[16] = {0x20, 1, 0xd, 0xb8}, b[16] = {0x20, 1, 0xd, 0xb8},
		c[16] = {0x20, 1, 0xd, 0xb9};

	(void)state;
	b[15] = 7;
	assert_true(smtpd_limits_enter(l, a, 16, 0));
	assert_false(smtpd_limits_enter(l, b, 16, 0));
	assert_true(smtpd_limits_enter(l, c, 16, 0));
	assert_int_equal(smtpd_limits_count(l), 2);
	smtpd_limits_free(l);
}

static void
clients_that_left_are_forgotten_after_a_minute(void **state)
{
	struct smtpd_limits *l = smtpd_limits_new(1, 1);

	(void)state;
	for (uint8_t i = 0; i < 200; i++) {
		uint8_t who[4] = {10, 0, 0, i};
		smtpd_limits_enter(l, who, 4, 0);
		smtpd_limits_leave(l, who, 4, 0);
	}
	assert_int_equal(smtpd_limits_count(l), 200);
	assert_true(smtpd_limits_enter(l, one, 4, 60000));
	assert_int_equal(smtpd_limits_count(l), 1);
	smtpd_limits_free(l);
}

static void
local_sockets_have_no_limits(void **state)
{
	struct smtpd_limits *l = smtpd_limits_new(1, 1);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(smtpd_limits_enter(l, one, 0, 0));
	assert_int_equal(smtpd_limits_count(l), 0);
	smtpd_limits_leave(l, one, 0, 0);
	smtpd_limits_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_at_once_are_limited_for_each_client),
		cmocka_unit_test(new_connections_are_limited_by_the_minute),
		cmocka_unit_test(ipv6_clients_are_told_apart_by_their_64),
		cmocka_unit_test(clients_that_left_are_forgotten_after_a_minute),
		cmocka_unit_test(local_sockets_have_no_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
