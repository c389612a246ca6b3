#include "store/view_queue.h"
#include "tests/store_world.h"

/* The world has the queue key 1. */
enum { MAKE, CLOSE, DESTROY };

static uint32_t
verb(uint64_t id, int what)
{
	return world_queue_key(id, (Commands__QueueKey__Verb)what)->code;
}

static Commands__Result *
enqueue(uint64_t key)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Enqueue q = COMMANDS__ENQUEUE__INIT;
	Commands__Body body = COMMANDS__BODY__INIT;
	Commands__Rcpt rcpt = COMMANDS__RCPT__INIT, *list[] = {&rcpt};

	rcpt.address = world_bytes("x@outside.test");
	rcpt.stage = COMMANDS__STAGE__STAGE_RELAY;
	rcpt.hop = world_bytes("smtp:outside.test");
	body.size = body.sealed_size = 4;
	q.n_rcpt = 1;
	q.rcpt = list;
	q.body = &body;
	q.sealed_key = world_bytes("sealed to the first");
	q.queue_key = key;
	c.body_case = COMMANDS__COMMAND__BODY_ENQUEUE;
	c.enqueue = &q;
	return world_propose(&c, SLICE_LIT("mail"));
}

static uint32_t
reseal(uint64_t item, uint64_t from, uint64_t to)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__QueueReseal r = COMMANDS__QUEUE_RESEAL__INIT;

	r.item = item;
	r.from = from;
	r.to = to;
	r.sealed_key = world_bytes("sealed to a second!");
	c.body_case = COMMANDS__COMMAND__BODY_QUEUE_RESEAL;
	c.queue_reseal = &r;
	return world_propose(&c, SLICE_EMPTY)->code;
}

static uint8_t
flags_of(uint64_t id)
{
	struct view_queue_key *key;
	struct db_txn *txn;
	uint8_t flags = 0xff;
	size_t n;

	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(view_queue_keys(txn, &world.a, &key, &n), ERR_OK);
	for (size_t i = 0; i < n; i++)
		if (key[i].id == id)
			flags = key[i].flags;
	db_abort(txn);
	return flags;
}

static bool
vault_has(uint64_t id)
{
	struct vault_row row;
	uint64_t at;

	return !vault_image_find(vault_file(engine_vault(world.e)), VAULT_QUEUE, id, &at, &row);
}

static void
mail_for_a_key_that_is_closed_or_unknown_is_refused(void **state)
{
	(void)state;
	assert_int_equal(enqueue(1)->code, COMMAND_DONE);
	assert_int_equal(enqueue(2)->code, COMMAND_INVALID);
	assert_int_equal(verb(1, CLOSE), COMMAND_DONE);
	assert_int_equal(enqueue(1)->code, COMMAND_INVALID);
	assert_int_equal(verb(2, MAKE), COMMAND_DONE);
	assert_int_equal(enqueue(2)->code, COMMAND_DONE);
	assert_int_equal(world_violations(false), 0);
}

static void
a_key_is_newer_than_all_before_and_destroyed_only_when_closed(void **state)
{
	(void)state;
	assert_int_equal(verb(1, MAKE), COMMAND_EXISTS);
	assert_int_equal(verb(9, MAKE), COMMAND_DONE);
	assert_int_equal(verb(5, MAKE), COMMAND_EXISTS);
	assert_int_equal(verb(5, CLOSE), COMMAND_NOT_FOUND);
	assert_int_equal(verb(1, DESTROY), COMMAND_INVALID);
	assert_true(vault_has(1));
	assert_int_equal(verb(1, CLOSE), COMMAND_DONE);
	assert_true(vault_has(1));
	assert_int_equal(verb(1, DESTROY), COMMAND_DONE);
	assert_false(vault_has(1));
	assert_true(vault_has(9));
	assert_int_equal(verb(1, DESTROY), COMMAND_NOT_FOUND);
	assert_int_equal(world_violations(false), 0);
}

static void
the_deletion_of_an_account_retires_every_key_there_is(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__AccountDel del = COMMANDS__ACCOUNT_DEL__INIT;

	(void)state;
	assert_int_equal(verb(7, MAKE), COMMAND_DONE);
	assert_int_equal(verb(1, CLOSE), COMMAND_DONE);
	del.account = WORLD_ACCOUNT;
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_DEL;
	c.account_del = &del;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	assert_int_equal(flags_of(1), SCHEMA_RETIRED | SCHEMA_CLOSED);
	assert_int_equal(flags_of(7), SCHEMA_RETIRED);
	/* Mail comes in all the while. */
	assert_int_equal(enqueue(7)->code, COMMAND_DONE);
	assert_int_equal(verb(8, MAKE), COMMAND_DONE);
	assert_int_equal(flags_of(8), 0);
	world_reopen();
	assert_int_equal(flags_of(7), SCHEMA_RETIRED);
	assert_int_equal(world_violations(false), 0);
}

static void
an_item_is_sealed_anew_once_and_only_to_an_open_key(void **state)
{
	Commands__Item *item;
	struct db_txn *txn;
	uint64_t id;

	(void)state;
	id = enqueue(1)->id;
	assert_int_equal(verb(2, MAKE), COMMAND_DONE);
	assert_int_equal(reseal(id + 1, 1, 2), COMMAND_STALE);
	assert_int_equal(reseal(id, 2, 2), COMMAND_STALE);
	assert_int_equal(reseal(id, 1, 3), COMMAND_NO_QUEUE_KEY);
	assert_int_equal(reseal(id, 1, 2), COMMAND_DONE);
	assert_int_equal(reseal(id, 1, 2), COMMAND_STALE);
	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(view_queue_item(txn, id, &world.a, &item), ERR_OK);
	assert_int_equal(item->envelope->queue_key, 2);
	assert_slice(codec_slice(item->envelope->sealed_key), "sealed to a second!");
	db_abort(txn);
	assert_int_equal(verb(2, CLOSE), COMMAND_DONE);
	assert_int_equal(reseal(id, 2, 1), COMMAND_DONE);
	assert_int_equal(reseal(id, 1, 2), COMMAND_NO_QUEUE_KEY);
	assert_int_equal(world_violations(false), 0);
}

static void
a_key_that_is_destroyed_under_an_item_is_found_out(void **state)
{
	(void)state;
	assert_int_equal(enqueue(1)->code, COMMAND_DONE);
	assert_int_equal(verb(1, CLOSE), COMMAND_DONE);
	assert_int_equal(verb(1, DESTROY), COMMAND_DONE);
	assert_int_equal(world_violations(true), 1);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(mail_for_a_key_that_is_closed_or_unknown_is_refused),
		T(a_key_is_newer_than_all_before_and_destroyed_only_when_closed),
		T(the_deletion_of_an_account_retires_every_key_there_is),
		T(an_item_is_sealed_anew_once_and_only_to_an_open_key),
		T(a_key_that_is_destroyed_under_an_item_is_found_out),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
