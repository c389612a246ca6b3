#include "tests/store_world.h"

#include "smtp/smtp_parse.h"
#include "smtp/smtp_route.h"
#include "store/apply_directory.h"
#include "store/apply_queue.h"
#include "store/view_queue.h"

enum { MANY = 2500 };

static ProtobufCBinaryData member[APPLY_DIRECTORY_TARGETS_MAX + 1];

static uint32_t
put(const char *address, int kind, uint32_t mode, size_t n, ProtobufCBinaryData *target)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__AddressPut p = COMMANDS__ADDRESS_PUT__INIT;
	Commands__Address record = COMMANDS__ADDRESS__INIT;

	record.kind = (Commands__Address__Kind)kind;
	record.n_target = n;
	record.target = target;
	p.address = world_bytes(address);
	p.record = &record;
	p.mode = mode;
	c.body_case = COMMANDS__COMMAND__BODY_ADDRESS_PUT;
	c.address_put = &p;
	return world_propose(&c, SLICE_EMPTY)->code;
}

static void
alias(const char *address, const char *target)
{
	ProtobufCBinaryData to = world_bytes(target);

	assert_int_equal(put(address, COMMANDS__ADDRESS__KIND__ALIAS, 0, 1, &to), COMMAND_DONE);
}

/* member[i] = "I@out.test" for i from first. */
static void
name_members(size_t first, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *text = arena_alloc(&world.a, 32);

		snprintf(text, 32, "%zu@out.test", first + i);
		member[i] = world_bytes(text);
	}
}

static void
forward_only(const char *target)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__AddressPut p = COMMANDS__ADDRESS_PUT__INIT;
	Commands__Address record = COMMANDS__ADDRESS__INIT;
	ProtobufCBinaryData to = world_bytes(target);

	record.account = WORLD_ACCOUNT;
	record.primary = true;
	record.n_forward = 1;
	record.forward = &to;
	record.forward_only = true;
	p.address = world_bytes("u0@example.org");
	p.record = &record;
	c.body_case = COMMANDS__COMMAND__BODY_ADDRESS_PUT;
	c.address_put = &p;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
}

static struct smtp_route
route_rcpt(const Commands__Rcpt *rcpt)
{
	struct smtp_route out;
	struct db_txn *txn;

	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(smtp_route(txn, rcpt, '+', &world.a, &out), ERR_OK);
	db_abort(txn);
	return out;
}

static struct smtp_route
route(const char *address, uint32_t depth)
{
	Commands__Rcpt rcpt = COMMANDS__RCPT__INIT;

	rcpt.address = world_bytes(address);
	rcpt.depth = depth;
	return route_rcpt(&rcpt);
}

static void
each_address_leads_to_its_kind_of_outcome(void **state)
{
	struct smtp_route r;

	(void)state;
	assert_int_equal(route("x@elsewhere.test", 0).kind, SMTP_ROUTE_RELAY);
	r = route("nobody@example.org", 0);
	assert_int_equal(r.kind, SMTP_ROUTE_FAIL);
	assert_memory_equal(r.status, "5.1.1 ", 6);
	r = route("u0+detail@example.org", 0);
	assert_int_equal(r.kind, SMTP_ROUTE_EXPAND);
	assert_int_equal(r.n_into, 1);
	assert_true(r.into[0]->account == WORLD_ACCOUNT);
	assert_int_equal(r.into[0]->stage, COMMANDS__STAGE__STAGE_DELIVER);
	r = route("u0@example.org", SMTP_ROUTE_DEPTH_MAX);
	assert_int_equal(r.kind, SMTP_ROUTE_FAIL);
	assert_memory_equal(r.status, "5.4.6 ", 6);
}

static bool
is(ProtobufCBinaryData got, const char *text)
{
	return slice_eq(codec_slice(got), slice_str(text));
}

static void
ours_are_found_in_any_spelling_and_others_keep_theirs(void **state)
{
	struct smtp_route r;

	(void)state;
	/* As the sender of a mail may be written, who gets a report. */
	r = route("U0@Example.ORG", 0);
	assert_int_equal(r.kind, SMTP_ROUTE_EXPAND);
	assert_true(r.into[0]->account == WORLD_ACCOUNT);
	assert_true(is(r.into[0]->via, "u0@example.org"));
	r = route("\"U0\"@example.org", 0);
	assert_true(r.n_into == 1 && r.into[0]->account == WORLD_ACCOUNT);
	assert_int_equal(route("Nobody@EXAMPLE.org", 0).kind, SMTP_ROUTE_FAIL);
	/* What isn't an address for us is one for nobody. */
	assert_int_equal(route("a b@example.org", 0).kind, SMTP_ROUTE_FAIL);
	assert_int_equal(route("X@Elsewhere.test", 0).kind, SMTP_ROUTE_RELAY);
	alias("sales@example.org", "Bob.Smith@out.test");
	r = route("Sales@Example.org", 0);
	assert_true(r.n_into == 1 && is(r.into[0]->address, "Bob.Smith@out.test"));
	assert_true(is(r.into[0]->via, "sales@example.org"));
	/* A domain that became ours after it was named. */
	alias("old@example.org", "U0@example.org");
	r = route("old@example.org", 0);
	assert_true(r.n_into == 1 && r.into[0]->account == WORLD_ACCOUNT);
}

static unsigned
notify_of(const char *address, unsigned notify, uint32_t expanded, size_t i)
{
	Commands__Rcpt rcpt = COMMANDS__RCPT__INIT;
	struct smtp_route r;

	rcpt.address = world_bytes(address);
	rcpt.notify = notify;
	rcpt.warned = true;
	rcpt.expanded = expanded;
	r = route_rcpt(&rcpt);
	assert_true(i < r.n_into && r.into[i]->warned);
	return r.into[i]->notify;
}

static void
an_address_with_several_behind_it_ends_the_wish_for_success(void **state)
{
	ProtobufCBinaryData to[] = {world_bytes("u0@example.org"), world_bytes("y@out.test")};
	unsigned all = SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_FAILURE | SMTP_NOTIFY_DELAY;

	(void)state;
	put("two@example.org", COMMANDS__ADDRESS__KIND__GROUP, 0, 2, to);
	put("single@example.org", COMMANDS__ADDRESS__KIND__GROUP, 0, 1, to);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(notify_of("two@example.org", all, 0, i),
			SMTP_NOTIFY_FAILURE | SMTP_NOTIFY_DELAY);
		assert_int_equal(notify_of("two@example.org", SMTP_NOTIFY_SUCCESS, 0, i),
			SMTP_NOTIFY_NEVER);
		assert_int_equal(notify_of("two@example.org", 0, 0, i), 0);
		assert_int_equal(notify_of("two@example.org", SMTP_NOTIFY_NEVER, 0, i),
			SMTP_NOTIFY_NEVER);
	}
	assert_int_equal(notify_of("single@example.org", all, 0, 0), all);
	assert_int_equal(notify_of("u0@example.org", all, 0, 0), all);
	/* The last part of a list that is expanded in parts may have one member. */
	assert_int_equal(notify_of("single@example.org", all, 7, 0),
		SMTP_NOTIFY_FAILURE | SMTP_NOTIFY_DELAY);
}

static void
a_member_who_is_a_mailbox_needs_no_further_step(void **state)
{
	ProtobufCBinaryData to[] = {world_bytes("u0+x@example.org"), world_bytes("y@out.test"),
		world_bytes("other@example.org")};
	struct smtp_route r;

	(void)state;
	put("team@example.org", COMMANDS__ADDRESS__KIND__GROUP, 0, 3, to);
	r = route("team@example.org", 0);
	assert_int_equal(r.n_into, 3);
	assert_true(r.into[0]->account == WORLD_ACCOUNT);
	assert_slice(codec_slice(r.into[0]->via), "team@example.org");
	assert_int_equal(r.into[1]->stage, COMMANDS__STAGE__STAGE_ROUTE);
	assert_int_equal(r.into[2]->stage, COMMANDS__STAGE__STAGE_ROUTE);
	assert_int_equal(r.expanded, 0);
}

static void
what_leads_only_to_itself_fails(void **state)
{
	ProtobufCBinaryData to[] = {
		world_bytes("a@example.org"), world_bytes("u0@example.org")};

	(void)state;
	alias("a@example.org", "b@example.org");
	alias("b@example.org", "a@example.org");
	alias("self@example.org", "self@example.org");
	put("some@example.org", COMMANDS__ADDRESS__KIND__GROUP, 0, 2, to);
	assert_int_equal(route("a@example.org", 0).kind, SMTP_ROUTE_FAIL);
	assert_int_equal(route("self@example.org", 3).kind, SMTP_ROUTE_FAIL);
	assert_int_equal(route("some@example.org", 0).kind, SMTP_ROUTE_EXPAND);
	/* An unknown user at the end is somebody: that address has its own bounce. */
	alias("old@example.org", "gone@example.org");
	assert_int_equal(route("old@example.org", 0).kind, SMTP_ROUTE_EXPAND);
	forward_only("some@example.org");
	assert_int_equal(route("some@example.org", 0).kind, SMTP_ROUTE_FAIL);
	assert_int_equal(route("u0@example.org", 0).kind, SMTP_ROUTE_FAIL);
}

static void
a_large_group_comes_in_parts_that_together_are_all_of_it(void **state)
{
	Commands__Rcpt rcpt = COMMANDS__RCPT__INIT;
	struct smtp_route r;
	size_t n = 0, parts = 0;

	(void)state;
	name_members(0, MANY);
	assert_int_equal(
		put("big@example.org", COMMANDS__ADDRESS__KIND__GROUP, 0, MANY, member),
		COMMAND_DONE);
	rcpt.address = world_bytes("big@example.org");
	do {
		r = route_rcpt(&rcpt);
		assert_int_equal(r.kind, SMTP_ROUTE_EXPAND);
		assert_true(r.n_into <= SMTP_ROUTE_PART_MAX);
		for (size_t i = 0; i < r.n_into; i++, n++)
			assert_true(slice_eq(
				codec_slice(r.into[i]->address), codec_slice(member[n])));
		rcpt.expanded = r.expanded;
		rcpt.expanded_of = r.expanded_of;
		parts++;
	} while (r.expanded);
	assert_int_equal(n, MANY);
	assert_true(parts > 2);
}

static void
a_group_that_changed_between_two_parts_is_begun_anew(void **state)
{
	Commands__Rcpt rcpt = COMMANDS__RCPT__INIT;
	struct smtp_route r;

	(void)state;
	name_members(0, MANY);
	put("big@example.org", COMMANDS__ADDRESS__KIND__GROUP, 0, MANY, member);
	rcpt.address = world_bytes("big@example.org");
	r = route_rcpt(&rcpt);
	rcpt.expanded = r.expanded;
	rcpt.expanded_of = r.expanded_of;
	assert_int_equal(put("big@example.org", COMMANDS__ADDRESS__KIND__GROUP,
				 APPLY_DIRECTORY_WITHOUT, 1, member),
		COMMAND_DONE);
	r = route_rcpt(&rcpt);
	assert_slice(codec_slice(r.into[0]->address), "1@out.test");
}

static void
members_come_and_go_up_to_ten_thousand(void **state)
{
	enum { GROUP = COMMANDS__ADDRESS__KIND__GROUP, HALF = APPLY_DIRECTORY_TARGETS_MAX / 2 };
	ProtobufCBinaryData twice[3];

	(void)state;
	name_members(0, HALF);
	assert_int_equal(put("g@example.org", GROUP, APPLY_DIRECTORY_WITHOUT, 1, member),
		COMMAND_NOT_FOUND);
	assert_int_equal(
		put("g@example.org", GROUP, APPLY_DIRECTORY_WITH, HALF, member), COMMAND_DONE);
	/* The same ones again are no more than they were. */
	assert_int_equal(
		put("g@example.org", GROUP, APPLY_DIRECTORY_WITH, HALF, member), COMMAND_DONE);
	name_members(HALF, HALF);
	assert_int_equal(
		put("g@example.org", GROUP, APPLY_DIRECTORY_WITH, HALF, member), COMMAND_DONE);
	name_members(2 * HALF, 1);
	assert_int_equal(
		put("g@example.org", GROUP, APPLY_DIRECTORY_WITH, 1, member), COMMAND_LIMIT);
	name_members(5, HALF);
	assert_int_equal(put("g@example.org", GROUP, APPLY_DIRECTORY_WITHOUT, HALF, member),
		COMMAND_DONE);
	twice[0] = twice[2] = world_bytes("new@out.test");
	twice[1] = world_bytes("4@out.test");
	assert_int_equal(
		put("g@example.org", GROUP, APPLY_DIRECTORY_WITH, 3, twice), COMMAND_DONE);
	/* 0 to 3, HALF + 5 and on, then 4 and the new one. */
	assert_int_equal(route("g@example.org", 0).n_into, SMTP_ROUTE_PART_MAX);
	assert_slice(codec_slice(route("g@example.org", 0).into[4]->address), "5005@out.test");
	/* The last one can't go. */
	alias("one@example.org", "x@out.test");
	twice[0] = world_bytes("x@out.test");
	assert_int_equal(put("one@example.org", COMMANDS__ADDRESS__KIND__ALIAS,
				 APPLY_DIRECTORY_WITHOUT, 1, twice),
		COMMAND_INVALID);
}

/* --- the queue's side of it --- */

static uint64_t
enqueue(const char *to)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Enqueue q = COMMANDS__ENQUEUE__INIT;
	Commands__Body body = COMMANDS__BODY__INIT;
	Commands__Rcpt rcpt = COMMANDS__RCPT__INIT, *list[] = {&rcpt};

	rcpt.address = world_bytes(to);
	rcpt.stage = COMMANDS__STAGE__STAGE_ROUTE;
	body.size = body.sealed_size = 4;
	q.n_rcpt = 1;
	q.rcpt = list;
	q.body = &body;
	q.sealed_key = world_bytes("key");
	q.queue_key = 1;
	c.body_case = COMMANDS__COMMAND__BODY_ENQUEUE;
	c.enqueue = &q;
	return world_propose(&c, SLICE_LIT("text"))->id;
}

static uint32_t
expand(uint64_t item, uint32_t step, const struct smtp_route *r)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Step s = COMMANDS__STEP__INIT;
	Commands__RcptStep one = COMMANDS__RCPT_STEP__INIT, *list[] = {&one};
	Commands__Result *result;

	one.step = step;
	one.outcome = COMMANDS__OUTCOME__OUTCOME_EXPAND;
	one.n_into = r->n_into;
	one.into = r->into;
	one.expanded = r->expanded;
	one.expanded_of = r->expanded_of;
	s.item = item;
	s.epoch = 1;
	s.n_step = 1;
	s.step = list;
	c.body_case = COMMANDS__COMMAND__BODY_STEP;
	c.step = &s;
	result = world_propose(&c, SLICE_EMPTY);
	return result->n_step_code ? result->step_code[0] : result->code;
}

static void
control(uint64_t item, int verb)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__QueueControl q = COMMANDS__QUEUE_CONTROL__INIT;

	q.item = item;
	q.verb = (Commands__QueueControl__Verb)verb;
	c.body_case = COMMANDS__COMMAND__BODY_QUEUE_CONTROL;
	c.queue_control = &q;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
}

static void
a_recipient_stays_due_until_its_last_part(void **state)
{
	uint64_t item = enqueue("big@example.org");
	struct smtp_route r;
	Commands__RcptRow *row;
	struct db_txn *txn;

	(void)state;
	name_members(0, 3);
	put("big@example.org", COMMANDS__ADDRESS__KIND__GROUP, 0, 3, member);
	r = route("big@example.org", 0);
	r.n_into = 2;
	r.expanded = 2;
	assert_int_equal(expand(item, 0, &r), COMMAND_DONE);
	assert_int_equal(world_count(DB_DUE), 3);
	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(view_queue_rcpt(txn, item, 0, &world.a, &row), ERR_OK);
	db_abort(txn);
	assert_false(row->done);
	assert_int_equal(row->rcpt->expanded, 2);
	assert_true(row->rcpt->expanded_of == r.expanded_of);
	/* The same part again is stale; the next one begins where this one ended. */
	assert_int_equal(expand(item, 0, &r), COMMAND_STALE);
	r = route_rcpt(row->rcpt);
	assert_int_equal(r.n_into, 1);
	assert_int_equal(expand(item, 1, &r), COMMAND_DONE);
	assert_int_equal(world_count(DB_DUE), 3);
	assert_int_equal(world_count(DB_RCPT), 4);
	assert_int_equal(world_violations(false), 0);
}

static void
a_step_that_was_on_its_way_when_the_hold_came_is_stale(void **state)
{
	uint64_t item = enqueue("big@example.org");
	struct smtp_route r;

	(void)state;
	name_members(0, 3);
	put("big@example.org", COMMANDS__ADDRESS__KIND__GROUP, 0, 3, member);
	r = route("big@example.org", 0);
	control(item, COMMANDS__QUEUE_CONTROL__VERB__HOLD);
	assert_int_equal(expand(item, 0, &r), COMMAND_STALE);
	assert_int_equal(world_count(DB_DUE), 0);
	control(item, COMMANDS__QUEUE_CONTROL__VERB__RELEASE);
	assert_int_equal(expand(item, 0, &r), COMMAND_DONE);
	assert_int_equal(world_count(DB_DUE), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			each_address_leads_to_its_kind_of_outcome, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			ours_are_found_in_any_spelling_and_others_keep_theirs, world_setup,
			world_teardown),
		cmocka_unit_test_setup_teardown(
			an_address_with_several_behind_it_ends_the_wish_for_success,
			world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_member_who_is_a_mailbox_needs_no_further_step,
			world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			what_leads_only_to_itself_fails, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			a_large_group_comes_in_parts_that_together_are_all_of_it, world_setup,
			world_teardown),
		cmocka_unit_test_setup_teardown(
			a_group_that_changed_between_two_parts_is_begun_anew, world_setup,
			world_teardown),
		cmocka_unit_test_setup_teardown(
			members_come_and_go_up_to_ten_thousand, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			a_recipient_stays_due_until_its_last_part, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			a_step_that_was_on_its_way_when_the_hold_came_is_stale, world_setup,
			world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
