#include "tests/gateway_world.h"

#include "store/apply_opened.h"
#include "store/view_opened.h"

static void
put(uint8_t n, uint64_t until_sec)
{
	uint8_t hash[SCHEMA_OPENED_HASH] = {n};
	struct apply a = {.arena = &g.a, .time_sec = g.time_sec};

	assert_int_equal(db_begin(g.db, true, &a.txn), ERR_OK);
	assert_int_equal(apply_opened_put(&a, hash, until_sec), ERR_OK);
	assert_int_equal(db_commit(a.txn), ERR_OK);
}

static void
sweep(uint32_t limit)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Sweep q = COMMANDS__SWEEP__INIT;

	q.limit = limit;
	c.body_case = COMMANDS__COMMAND__BODY_SWEEP;
	c.sweep = &q;
	assert_int_equal(gateway_apply(&c), COMMAND_DONE);
}

/* 0: it isn't there. */
static uint64_t
until(uint8_t n)
{
	uint8_t hash[SCHEMA_OPENED_HASH] = {n};
	struct db_txn *txn = gateway_look();
	uint64_t out = 0;
	enum err e = view_opened_until(txn, hash, &out);

	db_abort(txn);
	assert_true(!e || e == ERR_NOT_FOUND);
	return out;
}

static void
a_decrypted_mail_is_known_until_its_time_is_over(void **state)
{
	(void)state;
	put(1, GATEWAY_NOW + 10);
	put(2, GATEWAY_NOW + 20);
	assert_int_equal(until(1), GATEWAY_NOW + 10);
	assert_int_equal(until(3), 0);
	g.time_sec = GATEWAY_NOW + 9;
	sweep(10);
	assert_int_equal(until(1), GATEWAY_NOW + 10);
	g.time_sec++;
	sweep(10);
	assert_int_equal(until(1), 0);
	assert_int_equal(until(2), GATEWAY_NOW + 20);
	assert_int_equal(gateway_rows(DB_OPENED_DUE), 1);
}

static void
the_later_of_two_times_holds(void **state)
{
	(void)state;
	put(1, GATEWAY_NOW + 10);
	put(1, GATEWAY_NOW + 30);
	put(1, GATEWAY_NOW + 20);
	assert_int_equal(until(1), GATEWAY_NOW + 30);
	assert_int_equal(gateway_rows(DB_OPENED_DUE), 1);
}

static void
no_message_id_and_no_time_are_not_kept_and_no_time_is_too_long(void **state)
{
	(void)state;
	put(0, GATEWAY_NOW + 10);
	put(1, GATEWAY_NOW);
	assert_int_equal(gateway_rows(DB_OPENED), 0);
	put(1, UINT64_MAX);
	assert_int_equal(until(1), GATEWAY_NOW + (uint64_t)APPLY_OPENED_LIFE_MAX_SEC);
}

static void
a_sweep_takes_at_most_its_limit(void **state)
{
	(void)state;
	for (uint8_t i = 1; i <= 5; i++)
		put(i, GATEWAY_NOW + i);
	g.time_sec += 10;
	sweep(3);
	assert_int_equal(gateway_rows(DB_OPENED), 2);
	assert_int_equal(until(3), 0);
	sweep(3);
	assert_int_equal(gateway_rows(DB_OPENED) + gateway_rows(DB_OPENED_DUE), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GATEWAY_TEST(a_decrypted_mail_is_known_until_its_time_is_over),
		GATEWAY_TEST(the_later_of_two_times_holds),
		GATEWAY_TEST(no_message_id_and_no_time_are_not_kept_and_no_time_is_too_long),
		GATEWAY_TEST(a_sweep_takes_at_most_its_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
