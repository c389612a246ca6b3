#include "tests/store_world.h"

#include "crypto/gateway.pb-c.h"
#include "store/view_mailbox.h"
#include "store/view_opened.h"
#include "store/view_queue.h"

enum { EPOCH = 1, RCPTS = 4 };

static uint32_t filter_of_all = 2;

static uint64_t
enqueue(int n)
{
	static Commands__Rcpt rcpt[RCPTS], *list[RCPTS];
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Enqueue q = COMMANDS__ENQUEUE__INIT;
	Commands__Body body = COMMANDS__BODY__INIT;
	ProtobufCBinaryData filter[] = {world_bytes("filter:[gw]:25"), world_bytes("local:")};
	Commands__Result *r;
	char address[32];

	for (int i = 0; i < n; i++) {
		snprintf(address, sizeof address, "x%d@outside.test", i);
		commands__rcpt__init(&rcpt[i]);
		rcpt[i].address = codec_bytes(arena_dup(&world.a, slice_str(address)));
		rcpt[i].orcpt = world_bytes("rfc822;first@x");
		rcpt[i].notify = 2;
		rcpt[i].filter = filter_of_all;
		list[i] = &rcpt[i];
	}
	body.size = body.sealed_size = 4;
	q.sender = world_bytes("a@example.org");
	q.filter = filter;
	q.n_filter = 2;
	q.n_rcpt = (size_t)n;
	q.rcpt = list;
	q.body = &body;
	q.queue_key = 1;
	q.sealed_key = world_bytes("a sealed data key");
	q.sealed_head = world_bytes("before");
	q.head_size = 6;
	c.body_case = COMMANDS__COMMAND__BODY_ENQUEUE;
	c.enqueue = &q;
	r = world_propose(&c, SLICE_LIT("mail"));
	assert_int_equal(r->code, COMMAND_DONE);
	return r->id;
}

/* number: the step that is expected of each of the recipients from first on, of which there are
 * n. */
struct pass {
	uint64_t item;
	uint32_t first, n, number;
	const char *head;
	bool has_odd_outcome, has_double;
	const char *body; /* a new one, or NULL */
	bool has_closed_key;
	uint32_t filter;
	const char *opened;
	const char *der; /* of a certificate that came with it, or NULL */
};

static Commands__Result *
pass(struct pass p)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Step q = COMMANDS__STEP__INIT;
	Commands__RcptStep one[RCPTS], *list[RCPTS];
	Commands__Passed passed = COMMANDS__PASSED__INIT;
	Commands__Body body = COMMANDS__BODY__INIT;
	Commands__CertPut put = COMMANDS__CERT_PUT__INIT, *puts = &put;
	Commands__Cert cert = COMMANDS__CERT__INIT;

	for (uint32_t i = 0; i < p.n; i++) {
		commands__rcpt_step__init(&one[i]);
		one[i].rcpt = p.has_double ? p.first : p.first + i;
		one[i].step = p.number;
		one[i].outcome = COMMANDS__OUTCOME__OUTCOME_PASS;
		list[i] = &one[i];
	}
	if (p.has_odd_outcome)
		one[0].outcome = COMMANDS__OUTCOME__OUTCOME_SENT;
	passed.sealed_head = world_bytes(p.head);
	passed.head_size = 99;
	if (p.body) {
		body.size = 3;
		body.sealed_size = strlen(p.body);
		passed.body = &body;
		passed.sealed_key = world_bytes("its own data key");
		passed.queue_key = p.has_closed_key ? 2 : 1;
		passed.sealed_index = world_bytes("its own index");
		passed.body_8bit = true;
	}
	passed.filter = p.filter;
	if (p.opened) {
		passed.opened = world_bytes(p.opened);
		passed.opened_until_sec = 1893456000;
	}
	if (p.der) {
		put.address = world_bytes("b@outside.test");
		put.cert = &cert;
		cert.der = world_bytes(p.der);
		cert.trust = GATEWAY__TRUST__HARVESTED;
		cert.public_key = world_bytes("0123456789abcdef0123456789abcdef");
		cert.until_sec = 1893456000;
		passed.harvest = &puts;
		passed.n_harvest = 1;
	}
	q.item = p.item;
	q.epoch = EPOCH;
	q.n_step = p.n;
	q.step = list;
	q.passed = &passed;
	c.body_case = COMMANDS__COMMAND__BODY_STEP;
	c.step = &q;
	return world_propose(&c, p.body ? slice_str(p.body) : SLICE_EMPTY);
}

/* NULL: gone. */
static Commands__Item *
item_of(uint64_t id)
{
	Commands__Item *item;
	struct db_txn *txn;
	enum err e;

	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	e = view_queue_item(txn, id, &world.a, &item);
	db_abort(txn);
	return e ? NULL : item;
}

static Commands__RcptRow *
row_of(uint64_t item, uint32_t number)
{
	Commands__RcptRow *row;
	struct db_txn *txn;

	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(view_queue_rcpt(txn, item, number, &world.a, &row), ERR_OK);
	db_abort(txn);
	return row;
}

static uint64_t
payload_count(uint64_t payload)
{
	Commands__PayloadRow *row;
	struct db_txn *txn;

	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(view_mailbox_payload(txn, payload, &world.a, &row), ERR_OK);
	db_abort(txn);
	return row->count;
}

static bool
head_is(uint64_t item, const char *head, uint32_t size)
{
	const Commands__Enqueue *env = item_of(item)->envelope;

	return slice_eq(codec_slice(env->sealed_head), slice_str(head)) &&
	       env->head_size == size;
}

static void
a_mail_that_all_recipients_pass_with_stays_itself(void **state)
{
	uint64_t item = enqueue(2);
	Commands__Result *r = pass((struct pass){.item = item,
		.first = 0,
		.n = 2,
		.number = 0,
		.head = "after",
		.has_odd_outcome = false,
		.has_double = false});

	(void)state;
	assert_int_equal(r->code, COMMAND_DONE);
	assert_int_equal(r->id, item);
	assert_int_equal(r->n_step_code, 2);
	assert_true(head_is(item, "after", 99));
	assert_int_equal(world_count(DB_ITEM), 1);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(row_of(item, i)->rcpt->stage, COMMANDS__STAGE__STAGE_ROUTE);
		assert_int_equal(row_of(item, i)->rcpt->filter, 0);
		assert_int_equal(row_of(item, i)->step, 1);
	}
	assert_int_equal(world_violations(false), 0);
	/* An old step number, told twice: nobody passes again. */
	r = pass((struct pass){.item = item,
		.first = 0,
		.n = 2,
		.number = 0,
		.head = "again",
		.has_odd_outcome = false,
		.has_double = false});
	assert_int_equal(r->code, COMMAND_STALE);
	assert_true(head_is(item, "after", 99));
}

static void
those_who_pass_otherwise_become_an_item_with_the_same_payload(void **state)
{
	uint64_t item = enqueue(3), made;
	Commands__Result *r = pass((struct pass){.item = item,
		.first = 1,
		.n = 2,
		.number = 0,
		.head = "other",
		.has_odd_outcome = false,
		.has_double = false});
	const Commands__RcptRow *row;

	(void)state;
	assert_int_equal(r->code, COMMAND_DONE);
	made = r->id;
	assert_int_not_equal(made, item);
	assert_true(head_is(made, "other", 99));
	assert_true(head_is(item, "before", 6));
	assert_int_equal(item_of(made)->rcpt_left, 2);
	assert_int_equal(item_of(item)->rcpt_left, 1);
	assert_int_equal(item_of(made)->payload, item);
	assert_int_equal(item_of(made)->queued_sec, item_of(item)->queued_sec);
	assert_int_equal(payload_count(item), 2);
	row = row_of(made, 0);
	assert_true(slice_eq(codec_slice(row->rcpt->address), SLICE_LIT("x1@outside.test")));
	assert_true(slice_eq(codec_slice(row->rcpt->orcpt), SLICE_LIT("rfc822;first@x")));
	assert_int_equal(row->rcpt->notify, 2);
	assert_int_equal(row->rcpt->stage, COMMANDS__STAGE__STAGE_ROUTE);
	assert_int_equal(row->rcpt->filter, 0);
	assert_true(row_of(item, 1)->done && row_of(item, 2)->done);
	assert_int_equal(row_of(item, 0)->rcpt->filter, 2);
	assert_int_equal(world_violations(false), 0);
	/* Who is left passes last, and the item stays. */
	r = pass((struct pass){.item = item,
		.first = 0,
		.n = 1,
		.number = 0,
		.head = "last",
		.has_odd_outcome = false,
		.has_double = false});
	assert_int_equal(r->id, item);
	assert_true(head_is(item, "last", 99));
	assert_int_equal(world_count(DB_ITEM), 2);
	assert_int_equal(world_violations(false), 0);
}

static void
a_new_body_takes_the_place_of_the_old_one(void **state)
{
	uint64_t item = enqueue(2), payload;
	Commands__Result *r = pass(
		(struct pass){.item = item, .n = 2, .head = "after", .body = "a new body"});
	const Commands__Enqueue *env = item_of(item)->envelope;

	(void)state;
	assert_int_equal(r->code, COMMAND_DONE);
	assert_int_equal(r->id, item);
	payload = item_of(item)->payload;
	assert_int_not_equal(payload, item);
	assert_int_equal(payload_count(payload), 1);
	assert_int_equal(world_count(DB_PAYLOAD), 1);
	assert_true(slice_eq(codec_slice(env->sealed_key), SLICE_LIT("its own data key")));
	assert_true(slice_eq(codec_slice(env->sealed_index), SLICE_LIT("its own index")));
	assert_int_equal(env->body->size, 3);
	assert_true(env->body_8bit);
	assert_int_equal(world_violations(false), 0);
	/* Told twice, nothing of it stays. */
	r = pass((struct pass){.item = item, .n = 2, .head = "again", .body = "once more"});
	assert_int_equal(r->code, COMMAND_STALE);
	assert_int_equal(world_count(DB_PAYLOAD), 1);
	assert_true(head_is(item, "after", 99));
	assert_int_equal(world_violations(false), 0);
}

static void
those_with_a_new_body_become_an_item_with_it(void **state)
{
	uint64_t item = enqueue(3), made;
	Commands__Result *r = pass((struct pass){
		.item = item, .first = 1, .n = 2, .head = "other", .body = "a new body"});

	(void)state;
	made = r->id;
	assert_int_not_equal(made, item);
	assert_int_equal(item_of(made)->payload, made);
	assert_int_equal(payload_count(made), 1);
	assert_int_equal(payload_count(item), 1);
	assert_true(slice_eq(codec_slice(item_of(item)->envelope->sealed_key),
		SLICE_LIT("a sealed data key")));
	assert_int_equal(world_violations(false), 0);
}

static void
a_new_body_under_a_key_that_isn_t_open_is_refused(void **state)
{
	uint64_t item = enqueue(2);

	(void)state;
	assert_int_equal(pass((struct pass){.item = item,
				      .n = 2,
				      .head = "other",
				      .body = "a new body",
				      .has_closed_key = true})
				 ->code,
		COMMAND_STALE);
	/* Nor is a body without a head, which would be sealed under the old key. */
	assert_int_equal(
		pass((struct pass){.item = item, .n = 2, .head = "", .body = "a new body"})
			->code,
		COMMAND_STALE);
	assert_true(head_is(item, "before", 6));
	assert_int_equal(world_count(DB_PAYLOAD), 1);
	assert_int_equal(world_violations(false), 0);
}

static uint64_t
opened_until(const char *hash)
{
	uint64_t until_sec = 0;
	struct db_txn *txn;

	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	(void)view_opened_until(txn, (const uint8_t *)hash, &until_sec);
	db_abort(txn);
	return until_sec;
}

static void
what_was_decrypted_is_remembered(void **state)
{
	uint64_t item = enqueue(2);

	(void)state;
	assert_int_equal(
		pass((struct pass){.item = item, .n = 1, .head = "a", .opened = "too short"})
			->code,
		COMMAND_STALE);
	assert_int_equal(pass((struct pass){.item = item,
				      .n = 1,
				      .head = "a",
				      .body = "plain",
				      .opened = "0123456789abcdef"})
				 ->code,
		COMMAND_DONE);
	assert_int_equal(opened_until("0123456789abcdef"), 1893456000);
	assert_int_equal(opened_until("0123456789abcdee"), 0);
	assert_false(item_of(item)->envelope->was_decrypted);
	assert_true(item_of(item + 2)->envelope->was_decrypted);
	assert_int_equal(world_violations(false), 0);
}

static void
a_certificate_that_came_with_it_is_kept_if_it_can_be(void **state)
{
	uint64_t item = enqueue(2);

	(void)state;
	assert_int_equal(
		pass((struct pass){.item = item, .n = 1, .head = "a", .der = "its octets"})
			->code,
		COMMAND_DONE);
	assert_int_equal(world_count(DB_CERT), 1);
	/* One that isn't good doesn't keep the mail. */
	assert_int_equal(
		pass((struct pass){.item = item, .first = 1, .n = 1, .head = "a", .der = ""})
			->code,
		COMMAND_DONE);
	assert_int_equal(world_count(DB_CERT), 1);
	assert_int_equal(world_violations(false), 0);
}

static void
who_passes_may_have_another_filter_next(void **state)
{
	uint64_t item = enqueue(1);
	const Commands__RcptRow *row;

	(void)state;
	/* Their own is the second. */
	assert_int_equal(
		pass((struct pass){.item = item, .n = 1, .head = "a", .filter = 3})->code,
		COMMAND_STALE);
	assert_int_equal(
		pass((struct pass){.item = item, .n = 1, .head = "a", .filter = 2})->code,
		COMMAND_STALE);
	filter_of_all = 1;
	item = enqueue(1);
	filter_of_all = 2;
	assert_int_equal(
		pass((struct pass){.item = item, .n = 1, .head = "a", .filter = 2})->code,
		COMMAND_DONE);
	row = row_of(item, 0);
	assert_int_equal(row->rcpt->filter, 2);
	assert_int_equal(row->rcpt->stage, COMMANDS__STAGE__STAGE_FILTER);
	assert_int_equal(world_violations(false), 0);
}

/* DELIVER of the only recipient to the user's mailbox, with what the engine made. */
static Commands__Result *
deliver(uint64_t item, uint32_t number, bool has_bounce)
{
	static uint8_t wrapped[SCHEMA_WRAPPED_KEY];
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Step q = COMMANDS__STEP__INIT;
	Commands__RcptStep one = COMMANDS__RCPT_STEP__INIT, *list = &one;
	Commands__Delivery d = COMMANDS__DELIVERY__INIT;
	Commands__Passed passed = COMMANDS__PASSED__INIT;
	Commands__Enqueue bounce = COMMANDS__ENQUEUE__INIT;
	Commands__Rcpt to = COMMANDS__RCPT__INIT, *tos = &to;
	Commands__Body body = COMMANDS__BODY__INIT;

	d.account = WORLD_ACCOUNT;
	d.epoch = 1;
	d.wrapped_key = (ProtobufCBinaryData){sizeof wrapped, wrapped};
	one.step = number;
	one.delivery = &d;
	passed.sealed_head = world_bytes("delivered");
	passed.head_size = 9;
	to.address = world_bytes("a@example.org");
	to.stage = COMMANDS__STAGE__STAGE_ROUTE;
	body.size = body.sealed_size = 4;
	bounce.rcpt = &tos;
	bounce.n_rcpt = 1;
	bounce.body = &body;
	bounce.queue_key = 1;
	bounce.sealed_key = world_bytes("another sealed data key");
	q.item = item;
	q.epoch = EPOCH;
	q.n_step = 1;
	q.step = &list;
	q.passed = &passed;
	q.bounce = has_bounce ? &bounce : NULL;
	c.body_case = COMMANDS__COMMAND__BODY_STEP;
	c.step = &q;
	return world_propose(&c, has_bounce ? SLICE_LIT("told") : SLICE_EMPTY);
}

static void
who_passes_may_be_delivered_in_the_same_step(void **state)
{
	struct schema_message m;
	Commands__Result *r;
	struct schema_key k;
	struct db_txn *txn;
	struct slice raw;
	uint64_t item = enqueue(1);

	(void)state;
	assert_int_equal(deliver(item, 1, false)->code, COMMAND_STALE);
	r = deliver(item, 0, true);
	assert_int_equal(r->code, COMMAND_DONE);
	assert_int_equal(r->uid[0], 1);
	assert_null(item_of(item));
	assert_int_equal(world_count(DB_ITEM), 1); /* the report */
	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(
		db_get(txn, DB_MESSAGE, schema_u64_u32(&k, world.inbox, 1), &raw), ERR_OK);
	assert_true(schema_message_read(raw, &m));
	assert_true(slice_eq(m.sealed_head, SLICE_LIT("delivered")));
	assert_int_equal(m.head_size, 9);
	db_abort(txn);
	assert_int_equal(world_violations(false), 0);
}

static void
one_stale_step_refuses_all(void **state)
{
	uint64_t item = enqueue(3);

	(void)state;
	assert_int_equal(pass((struct pass){.item = item,
				      .first = 2,
				      .n = 1,
				      .number = 0,
				      .head = "a",
				      .has_odd_outcome = false,
				      .has_double = false})
				 ->code,
		COMMAND_DONE);
	assert_int_equal(pass((struct pass){.item = item,
				      .first = 0,
				      .n = 3,
				      .number = 0,
				      .head = "b",
				      .has_odd_outcome = false,
				      .has_double = false})
				 ->code,
		COMMAND_STALE);
	assert_int_equal(pass((struct pass){.item = item,
				      .first = 0,
				      .n = 2,
				      .number = 1,
				      .head = "b",
				      .has_odd_outcome = false,
				      .has_double = false})
				 ->code,
		COMMAND_STALE);
	assert_int_equal(pass((struct pass){.item = item,
				      .first = 2,
				      .n = 2,
				      .number = 0,
				      .head = "b",
				      .has_odd_outcome = false,
				      .has_double = false})
				 ->code,
		COMMAND_STALE);
	assert_true(head_is(item, "before", 6));
	assert_int_equal(item_of(item)->rcpt_left, 2);
	assert_int_equal(world_violations(false), 0);
}

static void
what_isn_t_a_pass_is_refused(void **state)
{
	uint64_t item = enqueue(2);

	(void)state;
	assert_int_equal(pass((struct pass){.item = item,
				      .first = 0,
				      .n = 2,
				      .number = 0,
				      .head = "b",
				      .has_odd_outcome = true,
				      .has_double = false})
				 ->code,
		COMMAND_STALE);
	assert_int_equal(pass((struct pass){.item = item,
				      .first = 0,
				      .n = 0,
				      .number = 0,
				      .head = "b",
				      .has_odd_outcome = false,
				      .has_double = false})
				 ->code,
		COMMAND_STALE);
	assert_int_equal(item_of(item)->rcpt_left, 2);
	/* Named twice it passes once. */
	assert_int_equal(pass((struct pass){.item = enqueue(3),
				      .first = 0,
				      .n = 2,
				      .number = 0,
				      .head = "b",
				      .has_odd_outcome = false,
				      .has_double = true})
				 ->code,
		COMMAND_DONE);
	assert_int_equal(world_violations(false), 0);
}

static void
an_engine_may_leave_a_mail_as_it_is(void **state)
{
	uint64_t item = enqueue(2);

	(void)state;
	assert_int_equal(pass((struct pass){.item = item,
				      .first = 0,
				      .n = 2,
				      .number = 0,
				      .head = "",
				      .has_odd_outcome = false,
				      .has_double = false})
				 ->code,
		COMMAND_DONE);
	assert_true(head_is(item, "before", 6));
	assert_int_equal(row_of(item, 0)->rcpt->stage, COMMANDS__STAGE__STAGE_ROUTE);
}

static void
who_has_passed_and_is_routed_anew_doesn_t_pass_again(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__QueueControl q = COMMANDS__QUEUE_CONTROL__INIT;
	Commands__Step s = COMMANDS__STEP__INIT;
	Commands__RcptStep one = COMMANDS__RCPT_STEP__INIT, *list = &one;
	uint64_t item = enqueue(1);

	(void)state;
	pass((struct pass){.item = item,
		.first = 0,
		.n = 1,
		.number = 0,
		.head = "after",
		.has_odd_outcome = false,
		.has_double = false});
	one.step = 1;
	one.outcome = COMMANDS__OUTCOME__OUTCOME_RELAY;
	one.hop = world_bytes("smtp:outside.test");
	s.item = item;
	s.epoch = EPOCH;
	s.n_step = 1;
	s.step = &list;
	c.body_case = COMMANDS__COMMAND__BODY_STEP;
	c.step = &s;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	q.item = item;
	q.verb = COMMANDS__QUEUE_CONTROL__VERB__REROUTE;
	c.body_case = COMMANDS__COMMAND__BODY_QUEUE_CONTROL;
	c.queue_control = &q;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	assert_int_equal(row_of(item, 0)->rcpt->stage, COMMANDS__STAGE__STAGE_ROUTE);
}

int
main(void)
{
#define pass_test(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		pass_test(a_mail_that_all_recipients_pass_with_stays_itself),
		pass_test(those_who_pass_otherwise_become_an_item_with_the_same_payload),
		pass_test(a_new_body_takes_the_place_of_the_old_one),
		pass_test(those_with_a_new_body_become_an_item_with_it),
		pass_test(a_new_body_under_a_key_that_isn_t_open_is_refused),
		pass_test(what_was_decrypted_is_remembered),
		pass_test(a_certificate_that_came_with_it_is_kept_if_it_can_be),
		pass_test(who_passes_may_have_another_filter_next),
		pass_test(who_passes_may_be_delivered_in_the_same_step),
		pass_test(one_stale_step_refuses_all),
		pass_test(what_isn_t_a_pass_is_refused),
		pass_test(an_engine_may_leave_a_mail_as_it_is),
		pass_test(who_has_passed_and_is_routed_anew_doesn_t_pass_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
