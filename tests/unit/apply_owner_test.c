#include "store/apply_owner.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/codec.h"
#include "store/view_queue.h"
#include "tests/test.h"

/* Commands of several nodes, applied one after the other as a log would have them. */
enum { MANY = 100000, LOOKS = 1000, LOOKS_MS = 5000, TERM = 7 };

static struct {
	char dir[64];
	struct db *db;
	struct arena a;
	uint64_t index, seq;
} world;

static int
setup(void **state)
{
	struct db_options how = {.create = true, .bulk = true};

	(void)state;
	snprintf(world.dir, sizeof world.dir, "/tmp/owner_test.XXXXXX");
	assert_non_null(mkdtemp(world.dir));
	assert_int_equal(db_open(&world.db, world.dir, &how), ERR_OK);
	arena_init(&world.a, 0);
	world.index = world.seq = 0;
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	db_close(world.db);
	arena_reset(&world.a);
	snprintf(command, sizeof command, "rm -r %s", world.dir);
	return system(command);
}

static Commands__Result *
apply(uint32_t node, uint64_t boot, Commands__Command *c, uint64_t body)
{
	struct apply_touched touched = {0};
	struct apply_secrets secrets = {0};
	struct apply a = {.arena = &world.a,
		.index = ++world.index,
		.body_sealed_size = body,
		.term = TERM,
		.time_sec = 1000,
		.node = node,
		.boot = boot,
		.touched = &touched,
		.secrets = &secrets,
		.result = arena_alloc(&world.a, sizeof *a.result)};

	c->node = node;
	c->boot = boot;
	c->seq = c->body_case == COMMANDS__COMMAND__BODY_BOOT_NODE ? 0 : ++world.seq;
	assert_int_equal(db_begin(world.db, true, &a.txn), ERR_OK);
	assert_int_equal(apply_command(&a, c), ERR_OK);
	assert_int_equal(db_commit(a.txn), ERR_OK);
	return a.result;
}

static void
boot_node(uint32_t node, uint64_t boot)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Boot q = COMMANDS__BOOT__INIT;

	c.body_case = COMMANDS__COMMAND__BODY_BOOT_NODE;
	c.boot_node = &q;
	apply(node, boot, &c, 0);
}

static uint64_t
enqueue(uint32_t node, uint64_t boot)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__QueueKey key = COMMANDS__QUEUE_KEY__INIT;
	Commands__Enqueue q = COMMANDS__ENQUEUE__INIT;
	Commands__Body body = COMMANDS__BODY__INIT;
	Commands__Rcpt rcpt = COMMANDS__RCPT__INIT, *list[] = {&rcpt};
	Commands__Result *r;

	key.id = 1;
	key.public_key = codec_bytes(SLICE_LIT("01234567890123456789012345678901"));
	key.wrapped_secret = codec_bytes(SLICE_LIT("the wrapped secret of a queue key"));
	c.body_case = COMMANDS__COMMAND__BODY_QUEUE_KEY;
	c.queue_key = &key;
	apply(node, boot, &c, 0);
	rcpt.address = codec_bytes(SLICE_LIT("u@example.org"));
	rcpt.stage = COMMANDS__STAGE__STAGE_ROUTE;
	body.size = body.sealed_size = 9;
	q.body = &body;
	q.n_rcpt = 1;
	q.rcpt = list;
	q.queue_key = 1;
	q.sealed_key = codec_bytes(SLICE_LIT("a sealed data key"));
	c.body_case = COMMANDS__COMMAND__BODY_ENQUEUE;
	c.enqueue = &q;
	r = apply(node, boot, &c, 9);
	assert_int_equal(r->code, COMMAND_DONE);
	return r->id;
}

/* The recipient's step-th one. */
static uint32_t
step(uint32_t node, uint64_t boot, uint64_t item, uint64_t epoch, uint32_t n)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Step s = COMMANDS__STEP__INIT;
	Commands__RcptStep one = COMMANDS__RCPT_STEP__INIT, *list[] = {&one};
	Commands__Result *r;

	one.outcome = COMMANDS__OUTCOME__OUTCOME_DEFER;
	one.step = n;
	s.item = item;
	s.epoch = epoch;
	s.n_step = 1;
	s.step = list;
	c.body_case = COMMANDS__COMMAND__BODY_STEP;
	c.step = &s;
	r = apply(node, boot, &c, 0);
	return r->code ? r->code : r->step_code[0];
}

static void
chunk(uint32_t node, uint64_t boot, uint64_t upload)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Chunk q = COMMANDS__CHUNK__INIT;

	q.upload = upload;
	c.body_case = COMMANDS__COMMAND__BODY_CHUNK;
	c.chunk = &q;
	assert_int_equal(apply(node, boot, &c, 9)->code, COMMAND_DONE);
}

static bool
has(enum db_table t, uint64_t id)
{
	struct schema_key k;
	struct db_txn *txn;
	struct slice v;
	enum err e;

	assert_int_equal(db_begin(world.db, false, &txn), ERR_OK);
	e = db_get(txn, t, schema_u64(&k, id), &v);
	db_abort(txn);
	return !e;
}

/* By the leader, node 3, boot 30. */
static uint32_t
adopt(uint32_t node, uint32_t by, uint64_t by_boot, uint64_t seen, uint64_t term)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Adopt q = COMMANDS__ADOPT__INIT;

	q.node = node;
	q.by = by;
	q.by_boot = by_boot;
	q.seen_epoch = seen;
	q.term = term;
	c.body_case = COMMANDS__COMMAND__BODY_ADOPT;
	c.adopt = &q;
	return apply(3, 30, &c, 0)->code;
}

static uint32_t
recall(uint32_t node, uint64_t boot)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Recall q = COMMANDS__RECALL__INIT;

	c.body_case = COMMANDS__COMMAND__BODY_RECALL;
	c.recall = &q;
	return apply(node, boot, &c, 0)->code;
}

static uint32_t
yield(uint32_t node, uint64_t boot, uint32_t of, uint64_t epoch)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Yield q = COMMANDS__YIELD__INIT;

	q.node = of;
	q.epoch = epoch;
	c.body_case = COMMANDS__COMMAND__BODY_YIELD;
	c.yield = &q;
	return apply(node, boot, &c, 0)->code;
}

static void
is_owner(uint32_t node, const struct schema_owner *want)
{
	struct schema_owner o;
	struct db_txn *txn;

	assert_int_equal(db_begin(world.db, false, &txn), ERR_OK);
	assert_int_equal(view_queue_owner(txn, node, &o), ERR_OK);
	db_abort(txn);
	assert_int_equal(o.runs_node, want->runs_node);
	assert_int_equal(o.boot, want->boot);
	assert_int_equal(o.epoch, want->epoch);
	assert_int_equal(o.wants, want->wants);
	assert_true(o.since && o.since <= world.index);
}

static void
three_nodes(void)
{
	boot_node(1, 10);
	boot_node(2, 20);
	boot_node(3, 30);
}

static void
a_new_boot_takes_back_what_the_last_one_ran(void **state)
{
	uint64_t item;

	(void)state;
	three_nodes();
	item = enqueue(1, 10);
	assert_int_equal(step(1, 10, item, 1, 0), COMMAND_DONE);
	boot_node(1, 11);
	is_owner(1, &(struct schema_owner){.runs_node = 1, .boot = 11, .epoch = 2});
	is_owner(2, &(struct schema_owner){.runs_node = 2, .boot = 20, .epoch = 1});
	assert_int_equal(step(1, 11, item, 1, 1), COMMAND_STALE);
	/* Logged twice it changes nothing. */
	boot_node(1, 11);
	assert_int_equal(step(1, 11, item, 2, 1), COMMAND_DONE);
}

static void
nobody_but_who_runs_an_item_takes_a_step_of_it(void **state)
{
	uint64_t item;

	(void)state;
	three_nodes();
	item = enqueue(1, 10);
	assert_int_equal(step(2, 20, item, 1, 0), COMMAND_STALE);
	assert_int_equal(step(1, 10, item, 2, 0), COMMAND_STALE);
	assert_int_equal(step(1, 10, item, 0, 0), COMMAND_STALE);
	assert_int_equal(step(1, 10, item, 1, 0), COMMAND_DONE);
}

static void
adoption_moves_the_items_and_ends_the_uploads(void **state)
{
	uint64_t item;

	(void)state;
	three_nodes();
	item = enqueue(1, 10);
	chunk(1, 10, 501);
	chunk(2, 20, 502);
	assert_int_equal(adopt(9, 2, 20, 1, TERM), COMMAND_NOT_FOUND);
	assert_int_equal(adopt(1, 2, 20, 2, TERM), COMMAND_STALE);
	assert_int_equal(adopt(1, 2, 21, 1, TERM), COMMAND_STALE);
	assert_int_equal(adopt(1, 9, 20, 1, TERM), COMMAND_STALE);
	/* What was decided in another term may have waited for long. */
	assert_int_equal(adopt(1, 2, 20, 1, TERM - 1), COMMAND_STALE);
	assert_true(has(DB_UPLOAD, 501));
	assert_int_equal(adopt(1, 2, 20, 1, TERM), COMMAND_DONE);
	is_owner(1, &(struct schema_owner){.runs_node = 2, .boot = 20, .epoch = 2});
	assert_false(has(DB_UPLOAD, 501));
	assert_true(has(DB_UPLOAD, 502));
	/* A second one that was decided before it, and the node that knows nothing of it. */
	assert_int_equal(adopt(1, 3, 30, 1, TERM), COMMAND_STALE);
	assert_int_equal(step(1, 10, item, 1, 0), COMMAND_STALE);
	assert_int_equal(step(1, 10, item, 2, 0), COMMAND_STALE);
	assert_int_equal(step(2, 20, item, 2, 0), COMMAND_DONE);
	/* The adopter falls silent too. The uploads of the node that was silent first, and is
	 * back, are its own. */
	chunk(1, 10, 503);
	chunk(2, 20, 504);
	assert_int_equal(adopt(1, 3, 30, 2, TERM), COMMAND_DONE);
	assert_true(has(DB_UPLOAD, 503));
	assert_true(has(DB_UPLOAD, 504));
	assert_int_equal(step(3, 30, item, 3, 1), COMMAND_DONE);
}

static void
a_node_that_booted_anew_gets_its_items_back_once_they_are_yielded(void **state)
{
	uint64_t item;

	(void)state;
	three_nodes();
	item = enqueue(1, 10);
	assert_int_equal(adopt(1, 2, 20, 1, TERM), COMMAND_DONE);
	assert_int_equal(yield(2, 20, 1, 2), COMMAND_STALE);
	boot_node(1, 11);
	is_owner(
		1, &(struct schema_owner){.runs_node = 2, .boot = 20, .epoch = 2, .wants = 11});
	/* Until then they are the other one's, of what comes in now too. */
	assert_int_equal(step(1, 11, item, 2, 0), COMMAND_STALE);
	assert_int_equal(step(2, 20, item, 2, 0), COMMAND_DONE);
	assert_int_equal(step(2, 20, enqueue(1, 11), 2, 0), COMMAND_DONE);
	assert_int_equal(yield(1, 11, 1, 2), COMMAND_STALE);
	assert_int_equal(yield(2, 20, 1, 1), COMMAND_STALE);
	assert_int_equal(yield(2, 20, 1, 2), COMMAND_DONE);
	is_owner(1, &(struct schema_owner){.runs_node = 1, .boot = 11, .epoch = 3});
	assert_int_equal(yield(2, 20, 1, 2), COMMAND_STALE);
	assert_int_equal(step(2, 20, item, 2, 1), COMMAND_STALE);
	assert_int_equal(step(1, 11, item, 3, 1), COMMAND_DONE);
}

static void
a_node_that_was_cut_off_calls_its_items_back(void **state)
{
	(void)state;
	three_nodes();
	/* They are with it: nothing to call back. */
	assert_int_equal(recall(1, 10), COMMAND_DONE);
	is_owner(1, &(struct schema_owner){.runs_node = 1, .boot = 10, .epoch = 1});
	assert_int_equal(adopt(1, 2, 20, 1, TERM), COMMAND_DONE);
	assert_int_equal(recall(1, 10), COMMAND_DONE);
	/* The adopter boots anew meanwhile: it goes on, and the wish stands. */
	boot_node(2, 21);
	is_owner(
		1, &(struct schema_owner){.runs_node = 2, .boot = 21, .epoch = 3, .wants = 10});
	assert_int_equal(yield(2, 20, 1, 3), COMMAND_STALE);
	assert_int_equal(yield(2, 21, 1, 3), COMMAND_DONE);
	is_owner(1, &(struct schema_owner){.runs_node = 1, .boot = 10, .epoch = 4});
}

struct looking {
	uint64_t item;
	uint64_t n;
};

static bool
on_due(void *arg, uint64_t due_sec, uint64_t item, uint32_t number)
{
	struct looking *l = arg;

	assert_int_equal(number, 0);
	assert_true(due_sec <= 1000);
	assert_int_equal(item, l->item);
	l->n++;
	return true;
}

static void
a_courier_looks_past_what_others_run_without_reading_it(void **state)
{
	struct looking l = {0};
	struct schema_key k;
	struct db_txn *txn;
	uint64_t began_ms;

	(void)state;
	three_nodes();
	l.item = enqueue(2, 20);
	assert_int_equal(db_begin(world.db, true, &txn), ERR_OK);
	for (uint64_t i = 0; i < MANY; i++)
		assert_int_equal(
			db_put(txn, DB_DUE, schema_due(&k, i % 2 ? 1 : 3, 900, 5000 + i, 0),
				SLICE_EMPTY),
			ERR_OK);
	assert_int_equal(
		db_put(txn, DB_DUE, schema_due(&k, 2, 2000, 6, 0), SLICE_EMPTY), ERR_OK);
	assert_int_equal(db_commit(txn), ERR_OK);
	assert_int_equal(db_begin(world.db, false, &txn), ERR_OK);
	began_ms = clock_ms();
	for (int i = 0; i < LOOKS; i++)
		assert_int_equal(view_queue_due(txn, 2, 1000, on_due, &l), ERR_OK);
	assert_true(clock_ms() - began_ms < LOOKS_MS);
	assert_int_equal(l.n, LOOKS);
	/* Of the last one by number there is no later row than its own. */
	assert_int_equal(view_queue_due(txn, 4, 1000, on_due, &l), ERR_OK);
	assert_int_equal(l.n, LOOKS);
	db_abort(txn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_new_boot_takes_back_what_the_last_one_ran, setup, teardown),
		cmocka_unit_test_setup_teardown(
			nobody_but_who_runs_an_item_takes_a_step_of_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			adoption_moves_the_items_and_ends_the_uploads, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_node_that_booted_anew_gets_its_items_back_once_they_are_yielded,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_node_that_was_cut_off_calls_its_items_back, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_courier_looks_past_what_others_run_without_reading_it, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
