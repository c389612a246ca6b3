#include "tests/store_world.h"

#include "core/clock.h"
#include "store/apply_message.h"
#include "store/view_mailbox.h"

enum { MESSAGES = 20 };

static void
append_all(void)
{
	struct engine_proposal p = {.body = SLICE_LIT("text"), .fd = -1};
	bool more = true;

	p.command = world_append_command(4);
	for (int i = 0; i < MESSAGES; i++)
		assert_int_equal(engine_propose(world.e, &p), ERR_OK);
	while (more)
		assert_int_equal(engine_turn(world.e, &more), ERR_OK);
}

/* Every message's flags, `rounds` times, each time others. */
static void
change_all(uint32_t rounds)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__FlagsStore store = COMMANDS__FLAGS_STORE__INIT;
	Commands__Uids uids = COMMANDS__UIDS__INIT;
	static uint32_t turn;
	uint32_t first = 1, last = MESSAGES;

	uids.n_first = uids.n_last = 1;
	uids.first = &first;
	uids.last = &last;
	store.mailbox = world.inbox;
	store.uids = &uids;
	c.body_case = COMMANDS__COMMAND__BODY_FLAGS_STORE;
	c.flags_store = &store;
	for (uint32_t i = 0; i < rounds; i++) {
		store.flags = ++turn & 1 ? SCHEMA_SEEN : SCHEMA_FLAGGED;
		assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	}
}

static void
expunge_first(void)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__FlagsStore store = COMMANDS__FLAGS_STORE__INIT;
	Commands__Expunge expunge = COMMANDS__EXPUNGE__INIT;
	Commands__Uids uids = COMMANDS__UIDS__INIT;
	uint32_t one = 1;

	uids.n_first = uids.n_last = 1;
	uids.first = uids.last = &one;
	store.mailbox = expunge.mailbox = world.inbox;
	store.uids = expunge.uids = &uids;
	store.flags = SCHEMA_DELETED;
	c.body_case = COMMANDS__COMMAND__BODY_FLAGS_STORE;
	c.flags_store = &store;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	c.body_case = COMMANDS__COMMAND__BODY_EXPUNGE;
	c.expunge = &expunge;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
}

struct seen {
	uint32_t times[MESSAGES + 1], gone;
	uint64_t last;
};

static bool
see(void *arg, uint32_t uid, uint64_t modseq, bool gone)
{
	struct seen *s = arg;

	assert_in_range(uid, 1, MESSAGES);
	assert_true(modseq >= s->last);
	s->last = modseq;
	s->times[uid]++;
	s->gone += gone;
	return true;
}

static enum err
changes_after(uint64_t modseq, struct seen *s)
{
	struct db_txn *txn;
	enum err e;

	*s = (struct seen){.last = modseq};
	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	e = view_mailbox_changes(txn, world.inbox, modseq, see, s);
	db_abort(txn);
	return e;
}

static void
each_message_s_newest_change_is_given_once(void **state)
{
	uint64_t before = engine_applied(world.e);
	struct seen s;

	(void)state;
	append_all();
	change_all(7);
	expunge_first();
	assert_int_equal(changes_after(before, &s), ERR_OK);
	for (int i = 1; i <= MESSAGES; i++)
		assert_int_equal(s.times[i], 1);
	assert_int_equal(s.gone, 1);
	assert_int_equal(changes_after(engine_applied(world.e) - 2, &s), ERR_OK);
	assert_int_equal(s.times[1], 1);
	assert_int_equal(s.times[2], 0);
	assert_int_equal(world_violations(false), 0);
}

static void
old_changes_go_and_whoever_asks_for_them_hears_so(void **state)
{
	uint32_t rounds = APPLY_MESSAGE_CHANGES_MAX / MESSAGES;
	uint64_t before = engine_applied(world.e);
	struct seen s;

	(void)state;
	append_all();
	change_all(rounds - 1);
	assert_int_equal(world_count(DB_CHANGE), APPLY_MESSAGE_CHANGES_MAX);
	assert_int_equal(changes_after(before, &s), ERR_OK);
	change_all(1);
	assert_in_range(world_count(DB_CHANGE),
		APPLY_MESSAGE_CHANGES_MAX - APPLY_MESSAGE_CHANGES_PRUNED,
		APPLY_MESSAGE_CHANGES_MAX);
	assert_int_equal(world_violations(false), 0);
	assert_int_equal(changes_after(before, &s), ERR_STALE);
	change_all(2 * rounds);
	assert_in_range(world_count(DB_CHANGE),
		APPLY_MESSAGE_CHANGES_MAX - APPLY_MESSAGE_CHANGES_PRUNED,
		APPLY_MESSAGE_CHANGES_MAX);
	assert_int_equal(changes_after(engine_applied(world.e) - 10, &s), ERR_OK);
	for (int i = 1; i <= MESSAGES; i++)
		assert_int_equal(s.times[i], 1);
	assert_int_equal(world_violations(false), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_message_s_newest_change_is_given_once,
			world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			old_changes_go_and_whoever_asks_for_them_hears_so, world_setup,
			world_teardown),
	};

	clock_init();
	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
