#include "tests/store_world.h"

#include "store/apply_queue.h"
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

/* Two recipients: a mailbox, and the one of `second`. */
static uint64_t
enqueue_two(uint64_t second)
{
	static Commands__Rcpt rcpt[2], *list[] = {&rcpt[0], &rcpt[1]};
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Enqueue q = COMMANDS__ENQUEUE__INIT;
	Commands__Body body = COMMANDS__BODY__INIT;

	for (int i = 0; i < 2; i++) {
		commands__rcpt__init(&rcpt[i]);
		rcpt[i].address = world_bytes(i ? "b@example.org" : "a@example.org");
		rcpt[i].account = i ? second : WORLD_ACCOUNT;
		rcpt[i].stage = COMMANDS__STAGE__STAGE_DELIVER;
	}
	body.size = body.sealed_size = 4;
	q.n_rcpt = 2;
	q.rcpt = list;
	q.body = &body;
	q.queue_key = 1;
	q.sealed_key = world_bytes("a sealed data key");
	c.body_case = COMMANDS__COMMAND__BODY_ENQUEUE;
	c.enqueue = &q;
	return world_propose(&c, SLICE_LIT("text"))->id;
}

/* Delivers to the first and does `second`, with a report about both. */
static Commands__Result *
step_with_report(uint64_t item, Commands__RcptStep *second)
{
	static uint8_t wrapped[SCHEMA_WRAPPED_KEY];
	Commands__Rcpt to = COMMANDS__RCPT__INIT, *to_list[] = {&to};
	Commands__RcptStep first = COMMANDS__RCPT_STEP__INIT, *list[] = {&first, second};
	Commands__Delivery d = COMMANDS__DELIVERY__INIT;
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Step step = COMMANDS__STEP__INIT;
	Commands__Enqueue report = COMMANDS__ENQUEUE__INIT;
	Commands__Body body = COMMANDS__BODY__INIT;

	d.account = WORLD_ACCOUNT;
	d.epoch = 1;
	d.wrapped_key = (ProtobufCBinaryData){sizeof wrapped, wrapped};
	if (second->delivery)
		second->delivery->wrapped_key = d.wrapped_key;
	first.delivery = &d;
	second->rcpt = 1;
	to.address = world_bytes("sender@example.org");
	to.stage = COMMANDS__STAGE__STAGE_ROUTE;
	body.size = body.sealed_size = 6;
	report.n_rcpt = 1;
	report.rcpt = to_list;
	report.body = &body;
	report.queue_key = 1;
	report.sealed_key = world_bytes("a sealed data key");
	report.is_bounce = true;
	step.item = item;
	step.epoch = 1;
	step.n_step = 2;
	step.step = list;
	step.bounce = &report;
	c.body_case = COMMANDS__COMMAND__BODY_STEP;
	c.step = &step;
	return world_propose(&c, SLICE_LIT("report"));
}

static void
refused_whole(uint64_t item, Commands__RcptStep *second, uint32_t code)
{
	Commands__Result *r = step_with_report(item, second);

	assert_int_equal(r->code, COMMAND_DONE);
	assert_int_equal(r->n_step_code, 2);
	assert_int_equal(r->n_uid, 2);
	assert_int_equal(r->step_code[0], COMMAND_STALE);
	assert_int_equal(r->step_code[1], code);
	assert_int_equal(world_count(DB_MESSAGE), 0);
	assert_int_equal(world_count(DB_ITEM), 1);
	assert_int_equal(world_count(DB_DUE), 2);
	assert_int_equal(world_count(DB_PAYLOAD), 1);
	assert_int_equal(world_violations(false), 0);
}

static void
with_a_report_all_steps_are_done_or_none(void **state)
{
	static Commands__Rcpt into, *many[APPLY_QUEUE_ROWS_MAX];
	Commands__RcptStep one = COMMANDS__RCPT_STEP__INIT;
	Commands__Delivery d = COMMANDS__DELIVERY__INIT;
	uint64_t item;
	Commands__Result *r;

	(void)state;
	item = enqueue_two(4711);
	one.delivery = &d;
	d.account = 4711;
	refused_whole(item, &one, COMMAND_NOT_FOUND);
	d.account = WORLD_ACCOUNT;
	d.epoch = 2;
	refused_whole(item, &one, COMMAND_NO_EPOCH);
	one.delivery = NULL;
	refused_whole(item, &one, COMMAND_INVALID);
	commands__rcpt__init(&into);
	into.address = world_bytes("c@example.org");
	into.stage = COMMANDS__STAGE__STAGE_ROUTE;
	for (size_t i = 0; i < APPLY_QUEUE_ROWS_MAX; i++)
		many[i] = &into;
	one.outcome = COMMANDS__OUTCOME__OUTCOME_EXPAND;
	one.into = many;
	one.n_into = APPLY_QUEUE_ROWS_MAX - 1;
	refused_whole(item, &one, COMMAND_LIMIT);
	one.n_into--;
	r = step_with_report(item, &one);
	assert_int_equal(r->step_code[0], COMMAND_DONE);
	assert_int_equal(r->step_code[1], COMMAND_DONE);
	assert_int_equal(r->uid[0], 1);
	assert_int_equal(world_count(DB_MESSAGE), 1);
	assert_int_equal(world_count(DB_ITEM), 2);
	assert_int_equal(world_violations(false), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_mail_to_a_thousand_recipients_stores_its_body_once, world_setup,
			world_teardown),
		cmocka_unit_test_setup_teardown(
			with_a_report_all_steps_are_done_or_none, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
