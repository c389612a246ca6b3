#include "tests/store_world.h"

#include "store/view_mailbox.h"

enum { MANY = 1000, BODY_SIZE = 200000 };

/* All in one turn: a commit for each would take long. */
static void
add_users(void)
{
	static uint8_t public_key[32] = {9};
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__AccountPut put = COMMANDS__ACCOUNT_PUT__INIT;
	Commands__Account record = COMMANDS__ACCOUNT__INIT;
	struct engine_proposal p = {.fd = -1};
	bool more = true;
	char name[40];

	record.public_key = (ProtobufCBinaryData){32, public_key};
	put.record = &record;
	put.wrapped_secret = world_bytes("secret");
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_PUT;
	c.account_put = &put;
	for (int i = 1; i <= MANY; i++) {
		snprintf(name, sizeof name, "many%d@example.org", i);
		record.name = world_bytes(name);
		put.account = (uint64_t)(WORLD_ACCOUNT + i);
		p.command = codec_pack(&c, &world.a);
		assert_int_equal(engine_propose(world.e, &p), ERR_OK);
	}
	while (more)
		assert_int_equal(engine_turn(world.e, &more), ERR_OK);
	assert_int_equal(world_count(DB_ACCOUNT), MANY + 1);
}

static void
add_epochs(void)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__EpochNew epoch = COMMANDS__EPOCH_NEW__INIT;
	struct engine_proposal p = {.fd = -1};
	bool more = true;

	epoch.epoch = 1;
	epoch.sealed_key = world_bytes("sealed epoch key");
	c.body_case = COMMANDS__COMMAND__BODY_EPOCH_NEW;
	c.epoch_new = &epoch;
	for (int i = 1; i <= MANY; i++) {
		epoch.account = (uint64_t)(WORLD_ACCOUNT + i);
		p.command = codec_pack(&c, &world.a);
		assert_int_equal(engine_propose(world.e, &p), ERR_OK);
	}
	while (more)
		assert_int_equal(engine_turn(world.e, &more), ERR_OK);
}

static uint64_t
enqueue(void)
{
	static uint8_t octets[BODY_SIZE];
	static Commands__Rcpt rcpt[MANY], *list[MANY];
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Enqueue q = COMMANDS__ENQUEUE__INIT;
	Commands__Body body = COMMANDS__BODY__INIT;
	Commands__Result *r;

	for (int i = 0; i < MANY; i++) {
		commands__rcpt__init(&rcpt[i]);
		rcpt[i].address = world_bytes("many@example.org");
		rcpt[i].account = (uint64_t)(WORLD_ACCOUNT + 1 + i);
		rcpt[i].stage = COMMANDS__STAGE__STAGE_DELIVER;
		list[i] = &rcpt[i];
	}
	body.size = body.sealed_size = BODY_SIZE;
	q.n_rcpt = MANY;
	q.rcpt = list;
	q.body = &body;
	q.queue_key = 1;
	q.sealed_key = world_bytes("a sealed data key");
	c.body_case = COMMANDS__COMMAND__BODY_ENQUEUE;
	c.enqueue = &q;
	r = world_propose(&c, slice_of(octets, sizeof octets));
	assert_int_equal(r->code, COMMAND_DONE);
	return r->id;
}

static void
deliver_all(uint64_t item)
{
	static uint8_t wrapped[SCHEMA_WRAPPED_KEY];
	static Commands__RcptStep one[MANY], *list[MANY];
	static Commands__Delivery d[MANY];
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Step step = COMMANDS__STEP__INIT;
	Commands__Result *r;

	for (int i = 0; i < MANY; i++) {
		commands__rcpt_step__init(&one[i]);
		commands__delivery__init(&d[i]);
		d[i].account = (uint64_t)(WORLD_ACCOUNT + 1 + i);
		d[i].epoch = 1;
		d[i].wrapped_key = (ProtobufCBinaryData){sizeof wrapped, wrapped};
		one[i].rcpt = (uint32_t)i;
		one[i].delivery = &d[i];
		list[i] = &one[i];
	}
	step.item = item;
	step.epoch = 1;
	step.n_step = MANY;
	step.step = list;
	c.body_case = COMMANDS__COMMAND__BODY_STEP;
	c.step = &step;
	r = world_propose(&c, SLICE_EMPTY);
	assert_int_equal(r->code, COMMAND_DONE);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(r->step_code[i], COMMAND_DONE);
}

static void
a_mail_to_a_thousand_recipients_stores_its_body_once(void **state)
{
	struct engine_stats before, after;
	Commands__PayloadRow *row;
	struct db_txn *txn;
	uint64_t item;

	(void)state;
	add_users();
	add_epochs();
	engine_stats(world.e, &before);
	item = enqueue();
	deliver_all(item);
	engine_stats(world.e, &after);
	assert_int_equal(world_count(DB_ITEM), 0);
	assert_int_equal(world_count(DB_MESSAGE), MANY);
	assert_int_equal(world_count(DB_PAYLOAD), 1);
	assert_int_equal(after.payload_bytes - before.payload_bytes, BODY_SIZE);
	/* Rows and log entries of a thousand deliveries, but not a thousand bodies. */
	assert_true(after.used_bytes - before.used_bytes < 20 * BODY_SIZE);
	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(view_mailbox_payload(txn, item, &world.a, &row), ERR_OK);
	assert_int_equal(row->count, MANY);
	assert_int_equal(row->sealed_size, BODY_SIZE);
	db_abort(txn);
	assert_int_equal(world_violations(false), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_mail_to_a_thousand_recipients_stores_its_body_once, world_setup,
			world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
