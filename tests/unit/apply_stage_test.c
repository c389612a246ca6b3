#include "tests/store_world.h"

#include "core/clock.h"
#include "store/apply_message.h"
#include "store/apply_stage.h"
#include "store/view_mailbox.h"

static uint64_t
open_stage(void)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__StageOpen open = COMMANDS__STAGE_OPEN__INIT;
	Commands__Result *r;

	open.account = WORLD_ACCOUNT;
	c.body_case = COMMANDS__COMMAND__BODY_STAGE_OPEN;
	c.stage_open = &open;
	r = world_propose(&c, SLICE_EMPTY);
	assert_int_equal(r->code, COMMAND_DONE);
	return r->id;
}

static Commands__Result *
close_stage(uint64_t stage, uint64_t to)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__StageClose close = COMMANDS__STAGE_CLOSE__INIT;

	close.stage = stage;
	close.to = to;
	c.body_case = COMMANDS__COMMAND__BODY_STAGE_CLOSE;
	c.stage_close = &close;
	return world_propose(&c, SLICE_EMPTY);
}

static void
append_to(uint64_t mailbox, uint32_t n)
{
	struct engine_proposal p = {.body = SLICE_LIT("text"), .fd = -1};
	uint64_t inbox = world.inbox;
	bool more = true;

	world.inbox = mailbox;
	p.command = world_append_command(4);
	world.inbox = inbox;
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(engine_propose(world.e, &p), ERR_OK);
	while (more)
		assert_int_equal(engine_turn(world.e, &more), ERR_OK);
}

static uint32_t
exists(uint64_t mailbox)
{
	Commands__Mailbox *m;
	struct db_txn *txn;
	enum err e;

	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	e = view_mailbox(txn, mailbox, &world.a, &m);
	db_abort(txn);
	return e ? 0 : m->exists;
}

static void
sweep_all(void)
{
	bool more = true;

	for (int i = 0; i < 5; i++) {
		assert_int_equal(engine_tend(world.e), ERR_OK);
		do
			assert_int_equal(engine_turn(world.e, &more), ERR_OK);
		while (more);
	}
}

static void
move_clock(const char *sec)
{
	setenv("HAIRPIN_CLOCK_OFFSET", sec, 1);
	clock_init();
}

static void
messages_come_together_with_uids_in_a_row(void **state)
{
	uint64_t stage = open_stage();
	Commands__Result *r;

	(void)state;
	append_to(world.inbox, 2);
	append_to(stage, 3);
	append_to(world.inbox, 1);
	assert_int_equal(exists(world.inbox), 3);
	assert_int_equal(world_violations(false), 0);
	r = close_stage(stage, world.inbox);
	assert_int_equal(r->code, COMMAND_DONE);
	assert_int_equal(r->n_uid, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(r->uid[i], 4 + i);
	assert_int_equal(exists(world.inbox), 6);
	assert_int_equal(world_violations(false), 0);
	sweep_all();
	assert_int_equal(world_violations(false), 0);
	assert_int_equal(world_count(DB_MESSAGE), 6);
	assert_int_equal(world_count(DB_SWEEP), 0);
	assert_int_equal(close_stage(stage, world.inbox)->code, COMMAND_NOT_FOUND);
}

static void
a_stage_that_is_dropped_leaves_nothing(void **state)
{
	uint64_t stage = open_stage();

	(void)state;
	append_to(stage, 3);
	assert_int_equal(close_stage(stage, 0)->code, COMMAND_DONE);
	sweep_all();
	assert_int_equal(world_count(DB_MESSAGE), 0);
	assert_int_equal(world_count(DB_PAYLOAD), 0);
	assert_int_equal(world_violations(false), 0);
}

static void
a_stage_that_nobody_closes_is_swept_when_its_time_is_over(void **state)
{
	uint64_t stage = open_stage();

	(void)state;
	append_to(stage, 3);
	move_clock("3590");
	sweep_all();
	assert_int_equal(exists(stage), 3);
	move_clock("3610");
	sweep_all();
	move_clock("0");
	assert_int_equal(exists(stage), 0);
	assert_int_equal(world_count(DB_MESSAGE), 0);
	assert_int_equal(world_violations(false), 0);
	assert_int_equal(close_stage(stage, world.inbox)->code, COMMAND_NOT_FOUND);
}

static void
more_messages_than_one_command_moves_are_refused_and_stay(void **state)
{
	uint64_t stage = open_stage();

	(void)state;
	append_to(stage, APPLY_MESSAGE_MAX + 1);
	assert_int_equal(close_stage(stage, world.inbox)->code, COMMAND_LIMIT);
	assert_int_equal(exists(world.inbox), 0);
	assert_int_equal(exists(stage), APPLY_MESSAGE_MAX + 1);
	assert_int_equal(close_stage(stage, 0)->code, COMMAND_DONE);
}

static void
an_account_takes_its_stages_along(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__AccountDel del = COMMANDS__ACCOUNT_DEL__INIT;
	uint64_t stage = open_stage();

	(void)state;
	append_to(stage, 2);
	del.account = WORLD_ACCOUNT;
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_DEL;
	c.account_del = &del;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	sweep_all();
	assert_int_equal(world_count(DB_MAILBOX), 0);
	assert_int_equal(world_count(DB_MESSAGE), 0);
	assert_int_equal(world_count(DB_SWEEP), 0);
	assert_int_equal(world_violations(false), 0);
}

static void
no_mailbox_but_a_stage_is_closed(void **state)
{
	(void)state;
	append_to(world.inbox, 1);
	assert_int_equal(close_stage(world.inbox, 0)->code, COMMAND_NOT_FOUND);
	assert_int_equal(exists(world.inbox), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define STAGE_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
		STAGE_TEST(messages_come_together_with_uids_in_a_row),
		STAGE_TEST(a_stage_that_is_dropped_leaves_nothing),
		STAGE_TEST(a_stage_that_nobody_closes_is_swept_when_its_time_is_over),
		STAGE_TEST(more_messages_than_one_command_moves_are_refused_and_stay),
		STAGE_TEST(an_account_takes_its_stages_along),
		STAGE_TEST(no_mailbox_but_a_stage_is_closed),
	};

	clock_init();
	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
