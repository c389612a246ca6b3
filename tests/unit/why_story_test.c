#include "tests/test.h"

#include <string.h>

#include "cmd/why_story.h"
#include "core/codec.h"
#include "crypto/seal.h"

enum { ITEM = 10, BACK = 20, OTHER = 30 };

static struct arena a;
static struct why_story s;

static int
setup(void **state)
{
	(void)state;
	arena_init(&a, 0);
	why_story_init(&s, &a);
	assert_true(why_story_add(&s, ITEM));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_reset(&a);
	return 0;
}

struct row {
	enum schema_trace_kind kind;
	uint64_t item, from, report;
	uint32_t rcpt, owner;
	const char *hop, *listener, *message_id;
	bool is_last;
	uint32_t count;
};

static bool
take(struct row r)
{
	uint8_t hash[SCHEMA_TRACE_HASH];
	Commands__Trace t = COMMANDS__TRACE__INIT, *out;
	Commands__Intake in = COMMANDS__INTAKE__INIT;
	struct schema_trace row = {.kind = r.kind,
		.item = r.item,
		.node = 1,
		.from = r.from,
		.rcpt = r.rcpt,
		.is_last = r.is_last,
		.message_id = hash};

	schema_trace_hash(slice_str(r.message_id), hash);
	t.hop = codec_bytes(slice_str(r.hop));
	t.report = r.report;
	t.owner_node = r.owner;
	t.count = r.count;
	if (r.listener) {
		in.kind = (char *)(uintptr_t)r.listener;
		t.intake = &in;
	}
	row.rest = codec_pack(&t, &a);
	return why_story_take(&s, &row, &a, &out);
}

#define TAKE(KIND, ...) take((struct row){.kind = SCHEMA_TRACE_##KIND, __VA_ARGS__})

static void
its_own_rows_belong_to_it_and_those_of_others_do_not(void **state)
{
	(void)state;
	assert_true(TAKE(TAKEN, .item = ITEM, .listener = "mx"));
	assert_false(TAKE(TAKEN, .item = OTHER, .listener = "mx"));
	assert_false(TAKE(DELIVERED, .item = OTHER, .is_last = true));
	assert_true(TAKE(EXPANDED, .item = ITEM));
	assert_false(why_story_is_over(&s));
	assert_true(TAKE(DELIVERED, .item = ITEM, .is_last = true));
	assert_true(why_story_is_over(&s));
}

static void
what_comes_back_from_the_filter_belongs_to_it(void **state)
{
	(void)state;
	TAKE(TAKEN, .item = ITEM, .listener = "mx");
	assert_true(TAKE(
		HANDED_ON, .item = ITEM, .hop = "filter:[192.0.2.1]:10025", .is_last = true));
	assert_false(why_story_is_over(&s));
	assert_true(TAKE(TAKEN, .item = BACK, .from = ITEM, .listener = "reinject"));
	assert_true(TAKE(DELIVERED, .item = BACK, .is_last = true));
	/* It may have been parted. */
	assert_false(why_story_is_over(&s));
	assert_true(TAKE(TAKEN, .item = BACK + 1, .from = ITEM, .listener = "reinject"));
}

static void
another_servers_id_is_ours_only_with_the_same_message_id(void **state)
{
	(void)state;
	TAKE(TAKEN, .item = ITEM, .listener = "filter", .message_id = "<1@a.test>");
	assert_false(TAKE(TAKEN, .item = OTHER, .from = ITEM, .listener = "filter",
		.message_id = "<2@a.test>"));
	assert_false(TAKE(TAKEN, .item = OTHER, .from = ITEM, .listener = "filter"));
	assert_true(TAKE(TAKEN, .item = OTHER, .from = ITEM, .listener = "filter",
		.message_id = "<1@a.test>"));
}

static void
two_mails_without_a_message_id_are_not_the_same(void **state)
{
	(void)state;
	TAKE(TAKEN, .item = ITEM, .listener = "filter");
	assert_false(TAKE(TAKEN, .item = OTHER, .from = ITEM, .listener = "filter"));
}

static void
back_at_the_mail_server_a_gateway_has_no_more_of_it(void **state)
{
	(void)state;
	TAKE(TAKEN, .item = ITEM, .listener = "filter");
	assert_true(TAKE(
		HANDED_ON, .item = ITEM, .hop = "smtp:[192.0.2.1]:10026", .is_last = true));
	assert_true(why_story_is_over(&s));
}

static void
a_report_about_it_belongs_to_it(void **state)
{
	(void)state;
	TAKE(TAKEN, .item = ITEM, .listener = "mx");
	TAKE(BOUNCED, .item = ITEM, .report = BACK, .is_last = true);
	assert_true(TAKE(TAKEN, .item = BACK, .from = ITEM, .report = ITEM));
	assert_false(TAKE(TAKEN, .item = BACK + 1, .from = OTHER, .report = OTHER));
	assert_false(why_story_is_over(&s));
	assert_true(TAKE(DELIVERED, .item = BACK, .is_last = true));
	assert_true(why_story_is_over(&s));
}

static void
a_hop_belongs_to_it_while_it_waits_there(void **state)
{
	static const char hop[] = "smtp:out.test";

	(void)state;
	TAKE(TAKEN, .item = ITEM, .listener = "mx");
	assert_false(TAKE(HOP_FAILED, .hop = hop, .owner = 1));
	TAKE(WAITS, .item = ITEM, .hop = hop);
	assert_true(TAKE(HOP_FAILED, .hop = hop, .owner = 1));
	assert_false(TAKE(HOP_FAILED, .hop = hop, .owner = 2));
	assert_false(TAKE(HOP_FAILED, .hop = "smtp:other.test", .owner = 1));
	/* Of all nodes. */
	assert_true(TAKE(HOP_RETRIED, .hop = hop));
	TAKE(DEFERRED, .item = ITEM, .rcpt = 1, .hop = hop);
	TAKE(SENT, .item = ITEM);
	assert_true(TAKE(HOP_FAILED, .hop = hop, .owner = 1));
	TAKE(BOUNCED, .item = ITEM, .rcpt = 1);
	assert_false(TAKE(HOP_FAILED, .hop = hop, .owner = 1));
}

static void
whoever_is_rerouted_waits_for_the_other_hop(void **state)
{
	(void)state;
	TAKE(TAKEN, .item = ITEM, .listener = "mx");
	TAKE(WAITS, .item = ITEM, .rcpt = 0, .hop = "smtp:a.test");
	TAKE(WAITS, .item = ITEM, .rcpt = 1, .hop = "smtp:a.test");
	TAKE(REROUTED, .item = ITEM, .rcpt = 1, .hop = "smtp:b.test");
	assert_true(TAKE(HOP_FAILED, .hop = "smtp:a.test", .owner = 1));
	assert_true(TAKE(HOP_FAILED, .hop = "smtp:b.test", .owner = 1));
	TAKE(REROUTED, .item = ITEM, .rcpt = SCHEMA_TRACE_NOBODY, .hop = "smtp:c.test");
	assert_false(TAKE(HOP_FAILED, .hop = "smtp:b.test", .owner = 1));
	assert_true(TAKE(HOP_FAILED, .hop = "smtp:c.test", .owner = 1));
	TAKE(REROUTED, .item = ITEM, .rcpt = SCHEMA_TRACE_NOBODY);
	assert_false(TAKE(HOP_FAILED, .hop = "smtp:c.test", .owner = 1));
}

static void
an_adoption_belongs_to_it_until_it_is_over(void **state)
{
	(void)state;
	TAKE(TAKEN, .item = ITEM, .listener = "mx");
	assert_true(TAKE(ADOPTED, .owner = 1));
	assert_false(TAKE(ADOPTED, .owner = 2));
	assert_true(TAKE(GIVEN_BACK, .owner = 1));
	TAKE(DELETED, .item = ITEM, .rcpt = SCHEMA_TRACE_NOBODY, .is_last = true);
	assert_false(TAKE(ADOPTED, .owner = 1));
}

static void
a_story_has_as_many_items_as_it_may_and_no_more(void **state)
{
	(void)state;
	for (uint64_t i = 1; i < WHY_STORY_ITEMS_MAX; i++)
		assert_true(why_story_add(&s, 100 + i));
	assert_true(why_story_add(&s, ITEM));
	assert_false(why_story_add(&s, 1000));
	assert_false(TAKE(TAKEN, .item = 1000, .from = ITEM, .listener = "reinject"));
	assert_false(TAKE(DELIVERED, .item = 1000));
}

static void
a_row_that_cannot_be_read_does_not_belong(void **state)
{
	struct schema_trace row = {
		.kind = SCHEMA_TRACE_SENT, .item = ITEM, .rest = SLICE_LIT("\xff\xff\xff")};
	Commands__Trace *out;

	(void)state;
	assert_false(why_story_take(&s, &row, &a, &out));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(its_own_rows_belong_to_it_and_those_of_others_do_not),
		T(what_comes_back_from_the_filter_belongs_to_it),
		T(another_servers_id_is_ours_only_with_the_same_message_id),
		T(two_mails_without_a_message_id_are_not_the_same),
		T(back_at_the_mail_server_a_gateway_has_no_more_of_it),
		T(a_report_about_it_belongs_to_it),
		T(a_hop_belongs_to_it_while_it_waits_there),
		T(whoever_is_rerouted_waits_for_the_other_hop),
		T(an_adoption_belongs_to_it_until_it_is_over),
		T(a_story_has_as_many_items_as_it_may_and_no_more),
		T(a_row_that_cannot_be_read_does_not_belong),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
