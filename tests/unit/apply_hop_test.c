#include "tests/store_world.h"

#include "store/view_hop.h"
#include "store/view_queue.h"

enum { NODE = 1, EPOCH = 1, LATER = 1000 };

static uint64_t time_sec;	/* of the newest command, about */
static const char *filter = ""; /* of the mails that are enqueued */

static Commands__Result *
propose(Commands__Command *c)
{
	return world_propose(c, SLICE_EMPTY);
}

/* A mail from sender to n recipients outside. */
static uint64_t
enqueue(const char *sender, int n)
{
	static Commands__Rcpt rcpt[4], *list[4];
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Enqueue q = COMMANDS__ENQUEUE__INIT;
	Commands__Body body = COMMANDS__BODY__INIT;
	ProtobufCBinaryData hop = world_bytes(filter);
	Commands__Item *item;
	Commands__Result *r;
	struct db_txn *txn;
	char address[32];

	for (int i = 0; i < n; i++) {
		snprintf(address, sizeof address, "x%d@outside.test", i);
		commands__rcpt__init(&rcpt[i]);
		rcpt[i].address = codec_bytes(arena_dup(&world.a, slice_str(address)));
		rcpt[i].stage = *filter ? COMMANDS__STAGE__STAGE_FILTER
					: COMMANDS__STAGE__STAGE_ROUTE;
		rcpt[i].filter = *filter != '\0';
		list[i] = &rcpt[i];
	}
	body.size = body.sealed_size = 4;
	q.sender = world_bytes(sender);
	q.filter = &hop;
	q.n_filter = *filter != '\0';
	q.n_rcpt = (size_t)n;
	q.rcpt = list;
	q.body = &body;
	q.queue_key = 1;
	q.sealed_key = world_bytes("a sealed data key");
	c.body_case = COMMANDS__COMMAND__BODY_ENQUEUE;
	c.enqueue = &q;
	r = world_propose(&c, SLICE_LIT("mail"));
	assert_int_equal(r->code, COMMAND_DONE);
	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(view_queue_item(txn, r->id, &world.a, &item), ERR_OK);
	time_sec = item->queued_sec;
	db_abort(txn);
	return r->id;
}

struct step {
	uint64_t item;
	uint32_t rcpt, number;
	Commands__Outcome outcome;
	const char *hop, *failed;
	uint64_t next_try_sec;
};

static uint32_t
step(struct step s)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Step q = COMMANDS__STEP__INIT;
	Commands__RcptStep one = COMMANDS__RCPT_STEP__INIT, *list = &one;
	Commands__HopStep hop = COMMANDS__HOP_STEP__INIT;
	Commands__Result *r;

	one.rcpt = s.rcpt;
	one.step = s.number;
	one.outcome = s.outcome;
	one.next_try_sec = s.next_try_sec;
	one.deadline_sec = time_sec + 5 * LATER;
	if (s.hop)
		one.hop = world_bytes(s.hop);
	if (s.failed) {
		hop.name = world_bytes(s.failed);
		hop.failed = true;
		hop.status = "4.4.1 no answer";
		hop.next_try_sec = s.next_try_sec;
		q.hop = &hop;
	}
	q.item = s.item;
	q.epoch = EPOCH;
	q.n_step = 1;
	q.step = &list;
	c.body_case = COMMANDS__COMMAND__BODY_STEP;
	c.step = &q;
	r = propose(&c);
	assert_int_equal(r->code, COMMAND_DONE);
	return r->step_code[0];
}

static uint32_t
hop_step(const char *name, bool failed, uint64_t next_try_sec)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__HopStep q = COMMANDS__HOP_STEP__INIT;

	q.node = NODE;
	q.epoch = EPOCH;
	q.name = world_bytes(name);
	q.failed = failed;
	q.next_try_sec = next_try_sec;
	q.status = "4.4.1 still no answer";
	c.body_case = COMMANDS__COMMAND__BODY_HOP_STEP;
	c.hop_step = &q;
	return propose(&c)->code;
}

struct some {
	const uint32_t *number;
	size_t n;
};

static uint32_t
control_some(
	uint64_t item, Commands__QueueControl__Verb verb, const char *hop, struct some some)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__QueueControl q = COMMANDS__QUEUE_CONTROL__INIT;

	q.item = item;
	q.verb = verb;
	q.hop = world_bytes(hop);
	q.n_rcpt = some.n;
	q.rcpt = (uint32_t *)(uintptr_t)some.number;
	c.body_case = COMMANDS__COMMAND__BODY_QUEUE_CONTROL;
	c.queue_control = &q;
	return propose(&c)->code;
}

static uint32_t
control(uint64_t item, Commands__QueueControl__Verb verb, const char *hop)
{
	return control_some(item, verb, hop, (struct some){0});
}

/* NULL: no row. */
static Commands__Hop *
hop_of(const char *name)
{
	Commands__Hop *hop;
	struct db_txn *txn;
	enum err e;

	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	e = view_hop_get(txn, NODE, slice_str(name), &world.a, &hop);
	db_abort(txn);
	return e ? NULL : hop;
}

static Commands__Rcpt *
rcpt_of(uint64_t item, uint32_t number)
{
	Commands__RcptRow *row;
	struct db_txn *txn;

	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(view_queue_rcpt(txn, item, number, &world.a, &row), ERR_OK);
	db_abort(txn);
	return row->rcpt;
}

static bool
count_hop(void *arg, struct slice hop)
{
	(void)hop;
	++*(int *)arg;
	return true;
}

static int
hops_due(uint64_t now_sec)
{
	struct db_txn *txn;
	int n = 0;

	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(view_hop_due(txn, NODE, now_sec, count_hop, &n), ERR_OK);
	db_abort(txn);
	return n;
}

static void
file(uint64_t item, uint32_t rcpt, const char *hop)
{
	assert_int_equal(step((struct step){.item = item,
				 .rcpt = rcpt,
				 .outcome = COMMANDS__OUTCOME__OUTCOME_RELAY,
				 .hop = hop}),
		COMMAND_DONE);
}

static void
a_hop_has_a_row_while_somebody_waits_for_it(void **state)
{
	uint64_t item = enqueue("a@example.org", 2);

	(void)state;
	file(item, 0, "smtp:outside.test");
	assert_int_equal(hop_of("smtp:outside.test")->waiting, 1);
	file(item, 1, "smtp:outside.test");
	assert_int_equal(hop_of("smtp:outside.test")->waiting, 2);
	assert_int_equal(hops_due(time_sec + 1), 1);
	assert_int_equal(world_violations(false), 0);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(step((struct step){.item = item,
					 .rcpt = i,
					 .number = 1,
					 .outcome = COMMANDS__OUTCOME__OUTCOME_SENT}),
			COMMAND_DONE);
	assert_null(hop_of("smtp:outside.test"));
	assert_int_equal(
		world_count(DB_RELAY) + world_count(DB_HOP_DUE) + world_count(DB_DUE), 0);
	assert_int_equal(world_count(DB_ITEM), 0);
	assert_int_equal(world_violations(false), 0);
}

static void
a_hop_that_failed_is_tried_for_all_at_its_own_time(void **state)
{
	uint64_t item = enqueue("a@example.org", 3);

	(void)state;
	/* The first try fails: recipient and hop are put off in one command. */
	assert_int_equal(step((struct step){.item = item,
				 .outcome = COMMANDS__OUTCOME__OUTCOME_DEFER,
				 .hop = "smtp:dead.test",
				 .failed = "smtp:dead.test",
				 .next_try_sec = time_sec + LATER}),
		COMMAND_DONE);
	assert_int_equal(hop_of("smtp:dead.test")->tries, 1);
	assert_int_equal(hop_of("smtp:dead.test")->next_try_sec, time_sec + LATER);
	assert_true(hop_of("smtp:dead.test")->failed_since_sec >= time_sec);
	assert_string_equal(hop_of("smtp:dead.test")->last_status, "4.4.1 no answer");
	assert_true(hop_of("smtp:dead.test")->last_try_sec >= time_sec);
	assert_int_equal(
		rcpt_of(item, 0)->last_try_sec, hop_of("smtp:dead.test")->last_try_sec);
	/* Who comes later doesn't bring it forward. */
	file(item, 1, "smtp:dead.test");
	file(item, 2, "smtp:dead.test");
	assert_int_equal(rcpt_of(item, 2)->last_try_sec, 0);
	assert_int_equal(hops_due(time_sec + LATER - 1), 0);
	assert_int_equal(hops_due(time_sec + LATER), 1);
	assert_int_equal(hop_step("smtp:dead.test", true, time_sec + 2 * LATER), COMMAND_DONE);
	assert_int_equal(hop_of("smtp:dead.test")->tries, 2);
	assert_int_equal(hops_due(time_sec + 2 * LATER - 1), 0);
	assert_int_equal(world_violations(false), 0);
	/* It answers: the first who waits is due at once. */
	assert_int_equal(hop_step("smtp:dead.test", false, 0), COMMAND_DONE);
	assert_int_equal(hop_of("smtp:dead.test")->tries, 0);
	assert_int_equal(hop_of("smtp:dead.test")->last_try_sec, 0);
	assert_true(hop_of("smtp:dead.test")->next_try_sec <= time_sec + 5);
	assert_int_equal(world_violations(false), 0);
}

static void
who_waits_for_a_certificate_was_told_and_stands_behind_it(void **state)
{
	static const char key[] = "key:x@outside.test";
	uint64_t item = enqueue("a@example.org", 2);
	struct step wait = {.item = item,
		.outcome = COMMANDS__OUTCOME__OUTCOME_WAIT,
		.hop = key,
		.failed = key,
		.next_try_sec = time_sec + LATER};

	(void)state;
	assert_int_equal(step(wait), COMMAND_DONE);
	wait.rcpt = 1;
	wait.failed = NULL;
	assert_int_equal(step(wait), COMMAND_DONE);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(rcpt_of(item, i)->stage, COMMANDS__STAGE__STAGE_RELAY);
		assert_int_equal(rcpt_of(item, i)->deadline_sec, time_sec + 5 * LATER);
		assert_true(rcpt_of(item, i)->warned);
	}
	assert_int_equal(hop_of(key)->waiting, 2);
	assert_int_equal(hops_due(time_sec + LATER - 1), 0);
	/* There is a certificate: all of them are asked for again, one by one. */
	assert_int_equal(control(0, COMMANDS__QUEUE_CONTROL__VERB__RETRY, key), COMMAND_DONE);
	assert_int_equal(hops_due(time_sec + 10), 1);
	wait = (struct step){
		.item = item, .number = 1, .outcome = COMMANDS__OUTCOME__OUTCOME_MOVE};
	assert_int_equal(step(wait), COMMAND_DONE);
	assert_int_equal(rcpt_of(item, 0)->stage, COMMANDS__STAGE__STAGE_FILTER);
	assert_int_equal(hops_due(time_sec + 10), 1);
	wait.rcpt = 1;
	assert_int_equal(step(wait), COMMAND_DONE);
	assert_null(hop_of(key));
	assert_int_equal(world_violations(false), 0);
	/* Not behind nothing. */
	wait.number = 2;
	wait.outcome = COMMANDS__OUTCOME__OUTCOME_WAIT;
	assert_int_equal(step(wait), COMMAND_INVALID);
}

static void
the_only_one_who_waits_keeps_what_is_known_of_the_hop(void **state)
{
	uint64_t item = enqueue("a@example.org", 1);
	struct step again = {.item = item,
		.number = 1,
		.outcome = COMMANDS__OUTCOME__OUTCOME_DEFER,
		.hop = "smtp:dead.test",
		.next_try_sec = time_sec + 2 * LATER};

	(void)state;
	file(item, 0, "smtp:dead.test");
	assert_int_equal(hop_step("smtp:dead.test", true, time_sec + LATER), COMMAND_DONE);
	assert_int_equal(step(again), COMMAND_DONE);
	assert_int_equal(hop_of("smtp:dead.test")->tries, 1);
	again.outcome = COMMANDS__OUTCOME__OUTCOME_WARN;
	again.number = 2;
	assert_int_equal(step(again), COMMAND_DONE);
	assert_int_equal(hop_of("smtp:dead.test")->tries, 1);
	assert_int_equal(hop_of("smtp:dead.test")->waiting, 1);
	assert_true(rcpt_of(item, 0)->warned);
	assert_int_equal(world_violations(false), 0);
}

static void
a_step_of_a_hop_is_its_runner_s_alone(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__HopStep q = COMMANDS__HOP_STEP__INIT;

	(void)state;
	file(enqueue("a@example.org", 1), 0, "smtp:outside.test");
	q.node = NODE;
	q.epoch = EPOCH + 1;
	q.name = world_bytes("smtp:outside.test");
	q.failed = true;
	c.body_case = COMMANDS__COMMAND__BODY_HOP_STEP;
	c.hop_step = &q;
	assert_int_equal(propose(&c)->code, COMMAND_STALE);
	assert_int_equal(hop_of("smtp:outside.test")->tries, 0);
	/* Nobody waits for it (any more). */
	assert_int_equal(hop_step("smtp:nobody.test", true, 0), COMMAND_DONE);
	assert_null(hop_of("smtp:nobody.test"));
}

static void
a_hop_s_name_has_1_to_300_octets_without_nul(void **state)
{
	uint64_t item = enqueue("a@example.org", 1);
	char name[SCHEMA_HOP_MAX + 2];
	struct step s = {.item = item, .outcome = COMMANDS__OUTCOME__OUTCOME_RELAY};

	(void)state;
	memset(name, 'x', sizeof name);
	name[SCHEMA_HOP_MAX + 1] = '\0';
	s.hop = name;
	assert_int_equal(step(s), COMMAND_INVALID);
	s.hop = "";
	assert_int_equal(step(s), COMMAND_INVALID);
	assert_false(schema_is_hop(slice_of((const uint8_t *)"a\0b", 3)));
	name[SCHEMA_HOP_MAX] = '\0';
	s.hop = name;
	assert_int_equal(step(s), COMMAND_DONE);
	assert_int_equal(hop_of(name)->waiting, 1);
	assert_int_equal(world_violations(false), 0);
}

static void
hold_release_reroute_and_delete_move_it_between_the_tables(void **state)
{
	uint64_t item = enqueue("a@example.org", 1);

	(void)state;
	file(item, 0, "smtp:outside.test");
	assert_int_equal(hop_step("smtp:outside.test", true, time_sec + LATER), COMMAND_DONE);
	assert_int_equal(control(item, COMMANDS__QUEUE_CONTROL__VERB__RETRY, ""), COMMAND_DONE);
	assert_int_equal(hops_due(time_sec + 5), 1);
	assert_int_equal(hop_of("smtp:outside.test")->tries, 1);
	assert_int_equal(control(item, COMMANDS__QUEUE_CONTROL__VERB__HOLD, ""), COMMAND_DONE);
	assert_null(hop_of("smtp:outside.test"));
	assert_int_equal(world_count(DB_DUE), 0);
	assert_int_equal(
		control(item, COMMANDS__QUEUE_CONTROL__VERB__RETRY, ""), COMMAND_STALE);
	assert_int_equal(
		control(item, COMMANDS__QUEUE_CONTROL__VERB__REROUTE, "smtp:b"), COMMAND_STALE);
	assert_int_equal(world_violations(false), 0);
	assert_int_equal(
		control(item, COMMANDS__QUEUE_CONTROL__VERB__RELEASE, ""), COMMAND_DONE);
	assert_int_equal(hop_of("smtp:outside.test")->waiting, 1);
	assert_int_equal(control(item, COMMANDS__QUEUE_CONTROL__VERB__REROUTE, "smtp:[b]:25"),
		COMMAND_DONE);
	assert_null(hop_of("smtp:outside.test"));
	assert_int_equal(hop_of("smtp:[b]:25")->waiting, 1);
	assert_int_equal(world_violations(false), 0);
	assert_int_equal(
		control(item, COMMANDS__QUEUE_CONTROL__VERB__REROUTE, ""), COMMAND_DONE);
	assert_int_equal(rcpt_of(item, 0)->stage, COMMANDS__STAGE__STAGE_ROUTE);
	assert_int_equal(world_count(DB_HOP), 0);
	assert_int_equal(world_count(DB_DUE), 1);
	file(enqueue("b@example.org", 2), 1, "smtp:outside.test");
	assert_int_equal(world_violations(false), 0);
	assert_int_equal(
		control(item, COMMANDS__QUEUE_CONTROL__VERB__DELETE, ""), COMMAND_DONE);
	assert_int_equal(world_count(DB_ITEM), 1);
	assert_int_equal(world_violations(false), 0);
}

static void
what_is_routed_anew_doesn_t_go_round_its_content_filter(void **state)
{
	uint64_t item;

	(void)state;
	filter = "filter:[gw.test]";
	item = enqueue("a@example.org", 1);
	filter = "";
	assert_int_equal(rcpt_of(item, 0)->stage, COMMANDS__STAGE__STAGE_FILTER);
	assert_int_equal(world_count(DB_DUE), 1);
	file(item, 0, "filter:[gw.test]");
	assert_int_equal(
		control(item, COMMANDS__QUEUE_CONTROL__VERB__REROUTE, ""), COMMAND_DONE);
	assert_int_equal(rcpt_of(item, 0)->stage, COMMANDS__STAGE__STAGE_FILTER);
	assert_int_equal(world_count(DB_HOP), 0);
	assert_int_equal(world_violations(false), 0);
}

static void
some_recipients_are_rerouted_retried_and_deleted_alone(void **state)
{
	static const uint32_t first[] = {0}, others[] = {1, 2, 2, 77};
	uint64_t item = enqueue("a@example.org", 3);

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		file(item, i, "smtp:outside.test");
	assert_int_equal(control_some(item, COMMANDS__QUEUE_CONTROL__VERB__REROUTE, "smtp:[b]",
				 (struct some){first, 1}),
		COMMAND_DONE);
	assert_int_equal(hop_of("smtp:[b]")->waiting, 1);
	assert_int_equal(hop_of("smtp:outside.test")->waiting, 2);
	assert_int_equal(hop_step("smtp:[b]", true, time_sec + LATER), COMMAND_DONE);
	assert_int_equal(hop_step("smtp:outside.test", true, time_sec + LATER), COMMAND_DONE);
	assert_int_equal(control_some(item, COMMANDS__QUEUE_CONTROL__VERB__RETRY, "",
				 (struct some){first, 1}),
		COMMAND_DONE);
	assert_int_equal(hops_due(time_sec + 5), 1);
	assert_int_equal(control_some(item, COMMANDS__QUEUE_CONTROL__VERB__HOLD, "",
				 (struct some){first, 1}),
		COMMAND_INVALID);
	/* One that is named twice, or isn't there, counts once, or not at all. */
	assert_int_equal(control_some(item, COMMANDS__QUEUE_CONTROL__VERB__DELETE, "",
				 (struct some){others, 4}),
		COMMAND_DONE);
	assert_null(hop_of("smtp:outside.test"));
	assert_int_equal(world_count(DB_DUE), 1);
	assert_int_equal(world_violations(false), 0);
	/* A held one stays held when a recipient goes, and the last one takes it along. */
	assert_int_equal(control(item, COMMANDS__QUEUE_CONTROL__VERB__HOLD, ""), COMMAND_DONE);
	assert_int_equal(control_some(item, COMMANDS__QUEUE_CONTROL__VERB__DELETE, "",
				 (struct some){others, 1}),
		COMMAND_DONE);
	assert_int_equal(
		control(item, COMMANDS__QUEUE_CONTROL__VERB__RETRY, ""), COMMAND_STALE);
	assert_int_equal(control_some(item, COMMANDS__QUEUE_CONTROL__VERB__DELETE, "",
				 (struct some){first, 1}),
		COMMAND_DONE);
	assert_int_equal(world_count(DB_ITEM) + world_count(DB_RCPT) + world_count(DB_DUE), 0);
	assert_int_equal(world_violations(false), 0);
}

static void
a_hop_is_tried_now_for_all_by_one_command(void **state)
{
	uint64_t item = enqueue("a@example.org", 2);

	(void)state;
	file(item, 0, "smtp:dead.test");
	file(item, 1, "smtp:other.test");
	assert_int_equal(hop_step("smtp:dead.test", true, time_sec + LATER), COMMAND_DONE);
	assert_int_equal(hop_step("smtp:other.test", true, time_sec + LATER), COMMAND_DONE);
	assert_int_equal(control(0, COMMANDS__QUEUE_CONTROL__VERB__RETRY, "smtp:dead.test"),
		COMMAND_DONE);
	assert_int_equal(hops_due(time_sec + 5), 1);
	assert_int_equal(hop_of("smtp:dead.test")->tries, 1);
	assert_true(hop_of("smtp:other.test")->next_try_sec > time_sec + 5);
	assert_int_equal(control(0, COMMANDS__QUEUE_CONTROL__VERB__RETRY, "smtp:nobody.test"),
		COMMAND_DONE);
	assert_int_equal(
		control(0, COMMANDS__QUEUE_CONTROL__VERB__RETRY, ""), COMMAND_NOT_FOUND);
	assert_int_equal(control(0, COMMANDS__QUEUE_CONTROL__VERB__DELETE, "smtp:dead.test"),
		COMMAND_NOT_FOUND);
	assert_int_equal(world_violations(false), 0);
}

static bool
note_item(void *arg, const struct schema_relay *row)
{
	*(uint64_t *)arg = row->item;
	return false;
}

static void
senders_have_lanes_of_their_own(void **state)
{
	uint64_t crowd = 0, one, found = 0;
	struct schema_relay from = {.node = NODE, .hop = SLICE_LIT("smtp:outside.test")};
	struct db_txn *txn;

	(void)state;
	assert_int_not_equal(schema_lane(SLICE_LIT("a@example.org")),
		schema_lane(SLICE_LIT("b@example.org")));
	for (int i = 0; i < 20; i++) {
		crowd = enqueue("a@example.org", 1);
		file(crowd, 0, "smtp:outside.test");
	}
	one = enqueue("b@example.org", 1);
	file(one, 0, "smtp:outside.test");
	from.lane = schema_lane(SLICE_LIT("b@example.org"));
	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(view_hop_lane(txn, &from, UINT64_MAX, note_item, &found), ERR_OK);
	db_abort(txn);
	assert_int_equal(found, one);
	assert_int_equal(hop_of("smtp:outside.test")->waiting, 21);
	assert_int_equal(world_violations(false), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_hop_has_a_row_while_somebody_waits_for_it,
			world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			a_hop_that_failed_is_tried_for_all_at_its_own_time, world_setup,
			world_teardown),
		cmocka_unit_test_setup_teardown(
			who_waits_for_a_certificate_was_told_and_stands_behind_it, world_setup,
			world_teardown),
		cmocka_unit_test_setup_teardown(
			the_only_one_who_waits_keeps_what_is_known_of_the_hop, world_setup,
			world_teardown),
		cmocka_unit_test_setup_teardown(
			a_step_of_a_hop_is_its_runner_s_alone, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_hop_s_name_has_1_to_300_octets_without_nul,
			world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			hold_release_reroute_and_delete_move_it_between_the_tables, world_setup,
			world_teardown),
		cmocka_unit_test_setup_teardown(
			what_is_routed_anew_doesn_t_go_round_its_content_filter, world_setup,
			world_teardown),
		cmocka_unit_test_setup_teardown(
			some_recipients_are_rerouted_retried_and_deleted_alone, world_setup,
			world_teardown),
		cmocka_unit_test_setup_teardown(
			a_hop_is_tried_now_for_all_by_one_command, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			senders_have_lanes_of_their_own, world_setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
