/* Engines in one process, whose frames go from one to the other at once: nodes that are new, or
 * were away while the log was trimmed, are given the database, whatever happens meanwhile. */
#include <unistd.h>

#include "store/catchup.h"
#include "store/peer.pb-c.h"
#include "tests/nodes.h"

enum { KEEP_ROWS = 5, MAILS = 60, BODY = 100000 };

/* Bulk octets that node 1 may still send; then the line is dead until it is set again. */
static uint64_t allowance;
static uint32_t offers;
static bool asks_late;
static uint8_t text[BODY];

/* With asks_late the other one's question comes right behind each offer. */
static void
note_offer(struct node *from, uint32_t to, struct slice frame)
{
	Peer__Frame ask = PEER__FRAME__INIT;
	Peer__SnapshotAsk wants = PEER__SNAPSHOT_ASK__INIT;
	struct arena a;
	Peer__Frame *f;

	arena_init(&a, 0);
	f = codec_unpack(&peer__frame__descriptor, frame, &a);
	if (f->body_case == PEER__FRAME__BODY_SNAPSHOT_OFFER) {
		offers++;
		ask.body_case = PEER__FRAME__BODY_SNAPSHOT_ASK;
		ask.snapshot_ask = &wants;
		if (asks_late)
			assert_int_equal(
				engine_receive(from->e, to, codec_pack(&ask, &a)), ERR_OK);
	}
	arena_reset(&a);
}

static void
on_send(void *arg, uint32_t to, bool bulk, struct slice frame)
{
	struct node *from = arg, *at = &node[to - 1];

	if (bulk && from->id == 1) {
		if (allowance < frame.n)
			allowance = 0;
		if (!allowance)
			return;
		allowance -= frame.n;
	}
	assert_true(frame.n <= ENGINE_FRAME_MAX);
	note_offer(from, to, frame);
	if (at->e)
		assert_int_equal(engine_receive(at->e, from->id, frame), ERR_OK);
}

static void
on_answer(void *arg, enum err e, uint64_t index, const Commands__Result *r)
{
	(void)index;
	assert_int_equal(e, ERR_OK);
	assert_int_equal(r->code, COMMAND_DONE);
	*(bool *)arg = true;
}

static void
append(uint32_t size)
{
	bool done = false;
	struct engine_proposal p = {.command = world_append_command(size),
		.body = {text, size},
		.fd = -1,
		.done = on_answer,
		.arg = &done};

	assert_int_equal(engine_propose(node[0].e, &p), ERR_OK);
	until(done);
}

static bool
is_level(uint32_t i)
{
	return node[i].e && status(i).applied == status(0).applied &&
	       status(0).applied == status(0).last && engine_is_ready(node[i].e);
}

static int
setup(void **state)
{
	struct engine_options opt = {
		.log_keep_rows = KEEP_ROWS, .tail_rows = KEEP_ROWS, .on_send = on_send};

	allowance = UINT64_MAX;
	offers = 0;
	asks_late = false;
	rand_bytes(text, sizeof text);
	nodes_setup(state, opt);
	for (uint32_t i = 0; i < MAILS; i++)
		append(i % 8 ? 500 + i : BODY);
	until(engine_log(node[0].e)->first > MAILS);
	return 0;
}

/* --- the tests --- */

static void
a_new_node_is_given_the_database_and_then_the_log(void **state)
{
	(void)state;
	nodes_join(1, RAFT_VOTER, SLICE_EMPTY);
	until(node[1].swaps == 1);
	append(700);
	until(is_level(1));
	nodes_assert_equal_and_sound(1);
	assert_int_equal(node[1].swaps, 1);
}

static void
a_node_that_was_away_too_long_is_given_the_database(void **state)
{
	(void)state;
	nodes_join(1, RAFT_VOTER, SLICE_EMPTY);
	until(is_level(1) && status(0).peer[1].match == status(0).last);
	nodes_close(&node[1]);
	for (int i = 0; i < 2 * KEEP_ROWS; i++)
		append(800);
	until(engine_log(node[0].e)->first + KEEP_ROWS > status(0).last);
	nodes_open(&node[1]);
	until(node[1].swaps == 2 && is_level(1));
	nodes_assert_equal_and_sound(1);
}

static void
a_node_that_the_log_reaches_is_not(void **state)
{
	(void)state;
	nodes_join(1, RAFT_VOTER, SLICE_EMPTY);
	until(is_level(1));
	nodes_close(&node[1]);
	append(800);
	nodes_open(&node[1]);
	until(is_level(1));
	assert_int_equal(node[1].swaps, 1);
	nodes_assert_equal_and_sound(1);
}

/* Each time after some more octets; mail goes on. */
static void
a_node_that_dies_again_and_again_gets_there(void **state)
{
	(void)state;
	allowance = 0;
	nodes_join(1, RAFT_VOTER, SLICE_EMPTY);
	for (uint64_t bytes = 100000; !node[1].swaps; bytes += 150000) {
		uint64_t end_ms = clock_ms() + WAIT_MS;

		allowance = bytes;
		while (!node[1].swaps && allowance > CATCHUP_FRAME + BODY &&
			clock_ms() < end_ms)
			nodes_turn();
		assert_true(clock_ms() < end_ms);
		if (node[1].swaps)
			break;
		nodes_close(&node[1]);
		append(900);
		allowance = UINT64_MAX;
		nodes_open(&node[1]);
	}
	allowance = UINT64_MAX;
	until(is_level(1));
	nodes_assert_equal_and_sound(1);
}

static void
who_asks_before_the_offer_arrives_is_made_one_offer(void **state)
{
	(void)state;
	asks_late = true;
	nodes_join(1, RAFT_VOTER, SLICE_EMPTY);
	until(node[1].swaps == 1 && is_level(1));
	assert_int_equal(offers, 1);
	nodes_assert_equal_and_sound(1);
}

static void
on_compacted(void *arg, enum err e)
{
	*(enum err *)arg = e;
}

static void
a_node_that_compacts_meanwhile_is_given_the_database(void **state)
{
	enum err compacted = ERR_MORE;
	char stage[96];

	(void)state;
	nodes_join(1, RAFT_VOTER, SLICE_EMPTY);
	until(is_level(1) && status(0).peer[1].match == status(0).last);
	nodes_close(&node[1]);
	for (int i = 0; i < 10 * KEEP_ROWS; i++)
		append(BODY);
	until(engine_log(node[0].e)->first + KEEP_ROWS > status(0).last);
	nodes_open(&node[1]);
	snprintf(stage, sizeof stage, "%s/stage.mdb", node[1].dir);
	until(access(stage, F_OK) == 0);
	assert_int_equal(
		engine_tend_compact(node[1].e, NULL, on_compacted, &compacted), ERR_OK);
	until(compacted != ERR_MORE);
	assert_int_equal(compacted, ERR_OK);
	assert_int_equal(node[1].swaps, 1);
	until(node[1].swaps == 2 && is_level(1));
	nodes_assert_equal_and_sound(1);
}

static void
mail_is_taken_and_expunged_while_a_stream_stands(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__AccountDel del = COMMANDS__ACCOUNT_DEL__INIT;
	bool done = false;
	struct engine_proposal p = {.fd = -1, .done = on_answer, .arg = &done};

	(void)state;
	allowance = 600000;
	nodes_join(1, RAFT_VOTER, SLICE_EMPTY);
	for (int i = 0; i < 3 * KEEP_ROWS; i++)
		append(500);
	assert_int_equal(node[1].swaps, 0);
	/* All mail goes, with its account; the stream still finds it. */
	del.account = WORLD_ACCOUNT;
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_DEL;
	c.account_del = &del;
	p.command = codec_pack(&c, &world.a);
	assert_int_equal(engine_propose(node[0].e, &p), ERR_OK);
	until(done);
	assert_true(engine_log(node[0].e)->first + 2 * KEEP_ROWS <= status(0).last);
	allowance = UINT64_MAX;
	nodes_close(&node[1]);
	nodes_turn();
	nodes_open(&node[1]);
	until(node[1].swaps && is_level(1));
	nodes_assert_equal_and_sound(1);
	assert_int_equal(node[1].swaps, 1);
}

static void
who_sends_what_is_no_state_loses_its_connection(void **state)
{
	Peer__Frame f = PEER__FRAME__INIT;
	Peer__SnapshotRows rows = PEER__SNAPSHOT_ROWS__INIT;
	struct slice raw;

	(void)state;
	allowance = 300000;
	nodes_join(1, RAFT_VOTER, SLICE_EMPTY);
	until(allowance == 0);
	nodes_turn();
	rows.table = DB_LOG;
	f.body_case = PEER__FRAME__BODY_SNAPSHOT_ROWS;
	f.snapshot_rows = &rows;
	raw = codec_pack(&f, &world.a);
	assert_int_equal(engine_receive(node[1].e, 1, raw), ERR_OK);
	nodes_turn_one(&node[1]);
	assert_int_equal(engine_receive(node[1].e, 1, raw), ERR_SYNTAX);
	/* Then it may begin anew. */
	allowance = UINT64_MAX;
	nodes_close(&node[1]);
	nodes_turn();
	nodes_open(&node[1]);
	until(is_level(1));
	nodes_assert_equal_and_sound(1);
}

static void
a_new_arbiter_is_told_where_the_log_begins(void **state)
{
	const struct raft_log *log;

	(void)state;
	nodes_join(1, RAFT_ARBITER, SLICE_EMPTY);
	append(500);
	until(status(1).commit == status(0).commit);
	log = engine_log(node[1].e);
	assert_true(log->first > MAILS);
	world.e = node[1].e;
	assert_int_equal(world_count(DB_MESSAGE) + world_count(DB_BODY), 0);
	assert_int_equal(node[1].swaps, 0);
	/* It is there after a restart, too. */
	nodes_close(&node[1]);
	nodes_open(&node[1]);
	append(500);
	until(status(1).commit == status(0).commit);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, nodes_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_node_is_given_the_database_and_then_the_log),
		TEST(a_node_that_was_away_too_long_is_given_the_database),
		TEST(a_node_that_the_log_reaches_is_not),
		TEST(a_node_that_dies_again_and_again_gets_there),
		TEST(who_asks_before_the_offer_arrives_is_made_one_offer),
		TEST(a_node_that_compacts_meanwhile_is_given_the_database),
		TEST(mail_is_taken_and_expunged_while_a_stream_stands),
		TEST(who_sends_what_is_no_state_loses_its_connection),
		TEST(a_new_arbiter_is_told_where_the_log_begins),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
