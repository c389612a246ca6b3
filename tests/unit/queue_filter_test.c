#include "cmd/queue_filter.h"
#include "tests/test.h"

static struct arena a;

static int
setup(void **state)
{
	(void)state;
	arena_init(&a, 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_reset(&a);
	return 0;
}

static void
drop(void *in)
{
	json_decref(in);
}

/* json with ' for ". */
static const char *
parse(const char *text, struct queue_filter *f)
{
	char *json = arena_str(&a, slice_str(text));
	json_t *in;

	for (char *c = json; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	in = json_loads(json, 0, NULL);
	assert_non_null(in);
	memset(f, 0x5a, sizeof *f);
	arena_hook(&a, drop, in); /* *f borrows from it */
	return queue_filter_parse(in, &a, f);
}

static void
refused(const char *text, const char *words)
{
	struct queue_filter f;
	const char *why = parse(text, &f);

	assert_non_null(why);
	if (!strstr(why, words))
		fail_msg("%s: %s", text, why);
	/* Written on success only. */
	assert_int_equal(((uint8_t *)&f)[0], 0x5a);
}

static bool
mail_fits(const char *filter, struct queue_filter_mail m)
{
	struct queue_filter f;

	assert_null(parse(filter, &f));
	assert_true(f.has_any);
	assert_false(f.has_rcpt);
	return queue_filter_fits_mail(&f, &m);
}

static bool
rcpt_fits(const char *filter, struct queue_filter_rcpt r)
{
	struct queue_filter f;

	assert_null(parse(filter, &f));
	assert_true(f.has_any && f.has_rcpt);
	return queue_filter_fits_rcpt(&f, &r);
}

static void
nothing_given_is_every_mail(void **state)
{
	struct queue_filter f;
	struct queue_filter_mail m = {.is_held = true};
	struct queue_filter_rcpt r = {.stage = 1};

	(void)state;
	assert_null(parse("{'verb': 'queue list', 'all': true}", &f));
	assert_false(f.has_any || f.has_rcpt);
	assert_true(queue_filter_fits_mail(&f, &m) && queue_filter_fits_rcpt(&f, &r));
}

static void
a_sender_is_an_address_a_domain_or_null(void **state)
{
	struct queue_filter_mail ann = {.sender = SLICE_LIT("Ann@Example.org")}, null = {0};

	(void)state;
	assert_true(mail_fits("{'sender': 'ann@example.ORG'}", ann));
	assert_false(mail_fits("{'sender': 'nn@example.org'}", ann));
	assert_true(mail_fits("{'sender': '@example.org'}", ann));
	assert_false(mail_fits("{'sender': '@xample.org'}", ann));
	assert_false(mail_fits("{'sender': '@example.org'}", null));
	assert_true(mail_fits("{'sender': '<>'}", null));
	assert_false(mail_fits("{'sender': '<>'}", ann));
	refused("{'sender': 'example.org'}", "--sender example.org: ");
	refused("{'sender': '@'}", "--sender @: ");
	refused("{'sender': ''}", "--sender ");
}

static void
node_held_and_age_narrow_the_mails(void **state)
{
	struct queue_filter_mail m = {.node = 2, .age_sec = 60};

	(void)state;
	assert_true(mail_fits("{'node': 2}", m));
	assert_false(mail_fits("{'node': 0}", m));
	assert_false(mail_fits("{'held': true}", m));
	assert_true(mail_fits("{'older_than': 60}", m));
	assert_false(mail_fits("{'older_than': 61}", m));
	assert_true(mail_fits("{'older_than': 0}", m));
	m.is_held = true;
	assert_true(mail_fits("{'held': true, 'node': 2, 'older_than': 60}", m));
	assert_false(mail_fits("{'held': true, 'node': 3, 'older_than': 60}", m));
	refused("{'node': -1}", "--node");
	refused("{'node': 4294967296}", "--node");
	refused("{'node': '2'}", "--node");
	refused("{'older_than': -1}", "--older-than");
	refused("{'older_than': 'long'}", "--older-than");
}

static void
recipients_are_told_by_address_hop_stage_and_words(void **state)
{
	const struct queue_filter_rcpt r = {.address = SLICE_LIT("bob@out.test"),
		.hop = SLICE_LIT("smtp:out.test"),
		.status = SLICE_LIT("4.4.1 Connection refused"),
		.stage = 3};

	(void)state;
	assert_true(rcpt_fits("{'to': 'bob@out.test'}", r));
	assert_true(rcpt_fits("{'to': '@OUT.test'}", r));
	assert_false(rcpt_fits("{'to': '@test'}", r));
	assert_true(rcpt_fits("{'hop': 'smtp:out.test'}", r));
	assert_true(rcpt_fits("{'hop': 'out.test'}", r));
	assert_false(rcpt_fits("{'hop': 'out.test:26'}", r));
	assert_true(rcpt_fits("{'stage': 'relay'}", r));
	assert_false(rcpt_fits("{'stage': 'route'}", r));
	assert_true(rcpt_fits("{'status': 'connection REFUSED'}", r));
	assert_true(rcpt_fits("{'status': '4.4.1'}", r));
	assert_false(rcpt_fits("{'status': 'refused!'}", r));
	assert_true(rcpt_fits("{'to': '@out.test', 'hop': 'out.test', 'stage': 'relay'}", r));
	assert_false(
		rcpt_fits("{'to': '@out.test', 'hop': 'out.test', 'stage': 'deliver'}", r));
	refused("{'to': 'bob'}", "--to bob: ");
	refused("{'hop': 'uucp:out.test'}", "not a next hop");
	refused("{'hop': ''}", "not a next hop");
	refused("{'stage': 'Relay'}", "expected route, deliver or relay");
}

static void
words_have_1_to_200_letters(void **state)
{
	char text[300];
	struct queue_filter f;

	(void)state;
	snprintf(text, sizeof text, "{'status': '%0200d'}", 0);
	assert_null(parse(text, &f));
	snprintf(text, sizeof text, "{'status': '%0201d'}", 0);
	refused(text, "--status");
	refused("{'status': ''}", "--status");
}

static void
a_hop_is_taken_with_its_transport_or_without(void **state)
{
	(void)state;
	assert_true(slice_eq(
		queue_filter_hop("[192.0.2.1]:25", &a), SLICE_LIT("smtp:[192.0.2.1]:25")));
	assert_true(
		slice_eq(queue_filter_hop("lmtp:[::1]:24", &a), SLICE_LIT("lmtp:[::1]:24")));
	assert_int_equal(queue_filter_hop("a b", &a).n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_given_is_every_mail, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_sender_is_an_address_a_domain_or_null, setup, teardown),
		cmocka_unit_test_setup_teardown(
			node_held_and_age_narrow_the_mails, setup, teardown),
		cmocka_unit_test_setup_teardown(
			recipients_are_told_by_address_hop_stage_and_words, setup, teardown),
		cmocka_unit_test_setup_teardown(words_have_1_to_200_letters, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_hop_is_taken_with_its_transport_or_without, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
