#include "tests/store_world.h"

static Commands__Result *
put_address(const char *address, uint64_t account, bool primary)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__AddressPut put = COMMANDS__ADDRESS_PUT__INIT;
	Commands__Address record = COMMANDS__ADDRESS__INIT;

	record.kind = COMMANDS__ADDRESS__KIND__ACCOUNT;
	record.account = account;
	record.primary = primary;
	put.address = world_bytes(address);
	put.record = &record;
	c.body_case = COMMANDS__COMMAND__BODY_ADDRESS_PUT;
	c.address_put = &put;
	return world_propose(&c, SLICE_EMPTY);
}

static void
an_account_stays_reached_by_its_name(void **state)
{
	(void)state;
	assert_int_equal(
		put_address("u0@example.org", WORLD_ACCOUNT, false)->code, COMMAND_INVALID);
	assert_int_equal(
		put_address("u0@example.org", WORLD_ACCOUNT, true)->code, COMMAND_DONE);
	assert_int_equal(world_violations(false), 0);
}

static void
an_account_has_one_name_and_other_addresses(void **state)
{
	(void)state;
	assert_int_equal(
		put_address("other@example.org", WORLD_ACCOUNT, true)->code, COMMAND_INVALID);
	assert_int_equal(
		put_address("other@example.org", WORLD_ACCOUNT, false)->code, COMMAND_DONE);
	assert_int_equal(world_violations(false), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_account_stays_reached_by_its_name, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(an_account_has_one_name_and_other_addresses,
			world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
