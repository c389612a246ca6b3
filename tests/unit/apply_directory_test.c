#include "tests/store_world.h"

#include "store/apply_directory.h"
#include "store/view_directory.h"

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

/* With one more member, "members" as its first n posters. */
static uint32_t
put_group(uint32_t mode, bool sets_poster, size_t n)
{
	static ProtobufCBinaryData poster[APPLY_DIRECTORY_POSTERS_MAX + 1];
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__AddressPut put = COMMANDS__ADDRESS_PUT__INIT;
	Commands__Address record = COMMANDS__ADDRESS__INIT;
	ProtobufCBinaryData member = world_bytes("a@out.test");

	for (size_t i = 0; i < n; i++)
		poster[i] = world_bytes("members");
	record.kind = COMMANDS__ADDRESS__KIND__GROUP;
	record.n_target = 1;
	record.target = &member;
	record.n_poster = n;
	record.poster = poster;
	put.address = world_bytes("team@example.org");
	put.record = &record;
	put.mode = mode;
	put.sets_poster = sets_poster;
	c.body_case = COMMANDS__COMMAND__BODY_ADDRESS_PUT;
	c.address_put = &put;
	return world_propose(&c, SLICE_EMPTY)->code;
}

static size_t
posters(void)
{
	struct db_txn *txn;
	Commands__Address *at;
	size_t n;

	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(
		view_directory_address(txn, SLICE_LIT("team@example.org"), &world.a, &at),
		ERR_OK);
	n = at->n_poster;
	db_abort(txn);
	return n;
}

static void
posters_stay_unless_the_command_is_about_them(void **state)
{
	(void)state;
	assert_int_equal(put_group(APPLY_DIRECTORY_WHOLE, true, 2), COMMAND_DONE);
	assert_int_equal(posters(), 2);
	for (uint32_t mode = APPLY_DIRECTORY_WHOLE; mode <= APPLY_DIRECTORY_WITH; mode++) {
		assert_int_equal(put_group(mode, false, 0), COMMAND_DONE);
		assert_int_equal(posters(), 2);
	}
	assert_int_equal(put_group(APPLY_DIRECTORY_WITH, true, 0), COMMAND_DONE);
	assert_int_equal(posters(), 0);
	assert_int_equal(world_violations(false), 0);
}

static size_t
put_targets(uint32_t mode, size_t n, const char *const *text)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__AddressPut put = COMMANDS__ADDRESS_PUT__INIT;
	Commands__Address record = COMMANDS__ADDRESS__INIT, *at;
	ProtobufCBinaryData target[4];
	struct db_txn *txn;

	for (size_t i = 0; i < n; i++)
		target[i] = world_bytes(text[i]);
	record.kind = COMMANDS__ADDRESS__KIND__GROUP;
	record.n_target = n;
	record.target = target;
	put.address = world_bytes("mixed@example.org");
	put.record = &record;
	put.mode = mode;
	c.body_case = COMMANDS__COMMAND__BODY_ADDRESS_PUT;
	c.address_put = &put;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(
		view_directory_address(txn, SLICE_LIT("mixed@example.org"), &world.a, &at),
		ERR_OK);
	db_abort(txn);
	return at->n_target;
}

static void
a_target_in_two_spellings_is_one(void **state)
{
	static const char *const first[] = {"Bob@out.test", "Bobby@out.test"};
	static const char *const second[] = {"bob@out.test", "BOB@out.test", "bo@out.test"};

	(void)state;
	assert_int_equal(put_targets(APPLY_DIRECTORY_WHOLE, 2, first), 2);
	assert_int_equal(put_targets(APPLY_DIRECTORY_WITH, 3, second), 3);
	assert_int_equal(put_targets(APPLY_DIRECTORY_WITHOUT, 1, first), 2);
	assert_int_equal(put_targets(APPLY_DIRECTORY_WITHOUT, 1, second + 2), 1);
}

static void
posters_are_limited(void **state)
{
	(void)state;
	assert_int_equal(put_group(0, true, APPLY_DIRECTORY_POSTERS_MAX), COMMAND_DONE);
	assert_int_equal(put_group(0, true, APPLY_DIRECTORY_POSTERS_MAX + 1), COMMAND_LIMIT);
	assert_int_equal(posters(), APPLY_DIRECTORY_POSTERS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_account_stays_reached_by_its_name, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(an_account_has_one_name_and_other_addresses,
			world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(posters_stay_unless_the_command_is_about_them,
			world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			a_target_in_two_spellings_is_one, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			posters_are_limited, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
