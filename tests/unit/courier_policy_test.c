#include "tests/gateway_world.h"

#include "cmd/courier_policy.h"

static struct proc process;
static struct courier courier = {.p = &process};

static void
put_policy(const char *level, const char *name, const char *value)
{
	Commands__PolicySetting setting = COMMANDS__POLICY_SETTING__INIT, *list = &setting;
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__PolicyPut q = COMMANDS__POLICY_PUT__INIT;
	Commands__Policy row = COMMANDS__POLICY__INIT;

	setting.name = (char *)(uintptr_t)name;
	setting.value = (char *)(uintptr_t)value;
	row.n_setting = 1;
	row.setting = &list;
	q.level = gateway_text(level);
	q.record = &row;
	q.change = true;
	c.body_case = COMMANDS__COMMAND__BODY_POLICY_PUT;
	c.policy_put = &q;
	assert_int_equal(gateway_apply(&c), COMMAND_DONE);
}

static void
put_domain(const char *name, const char *delimiter)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__DomainPut q = COMMANDS__DOMAIN_PUT__INIT;
	Commands__Domain record = COMMANDS__DOMAIN__INIT;

	record.delimiter = gateway_text(delimiter);
	q.name = gateway_text(name);
	q.record = codec_bytes(codec_pack(&record, &g.a));
	c.body_case = COMMANDS__COMMAND__BODY_DOMAIN_PUT;
	c.domain_put = &q;
	assert_int_equal(gateway_apply(&c), COMMAND_DONE);
}

static enum err
resolve(const char *sender, const char *recipient, Gateway__Settings *out)
{
	struct courier_policy_pair of = {slice_str(sender), slice_str(recipient)};
	struct db_txn *txn = gateway_look();
	enum err e = courier_policy_resolve(&courier, txn, &of, &g.a, out);

	db_abort(txn);
	return e;
}

static void
mode_is(const char *sender, const char *recipient, int mode)
{
	Gateway__Settings s;

	assert_int_equal(resolve(sender, recipient, &s), ERR_OK);
	if ((int)s.mode != mode)
		fail_msg("%s to %s: %d", sender, recipient, (int)s.mode);
}

static void
levels_come_from_the_database(void **state)
{
	Gateway__Settings s;

	(void)state;
	mode_is("ann@example.org", "bob@partner.example",
		GATEWAY__SETTINGS__MODE__WHEN_POSSIBLE);
	put_policy("", "mode", "on-trigger");
	put_policy(".partner.example", "mode", "must");
	put_policy("partner.example", "mode", "never");
	put_policy("ann@example.org", "subject_trigger", "geheim");
	mode_is("ann@example.org", "bob@elsewhere.example",
		GATEWAY__SETTINGS__MODE__ON_TRIGGER);
	mode_is("", "Bob@Partner.example", GATEWAY__SETTINGS__MODE__NEVER);
	mode_is("", "bob@a.b.partner.example", GATEWAY__SETTINGS__MODE__MUST);
	assert_int_equal(resolve("Ann@Example.org", "b@c.example", &s), ERR_OK);
	assert_string_equal(s.subject_trigger, "geheim");
}

static void
ours_have_what_is_said_without_the_detail(void **state)
{
	(void)state;
	process.config.delimiter = '+';
	put_domain("example.org", "");
	put_domain("example.net", "-");
	put_policy("ann@example.org", "mode", "must");
	put_policy("ann@example.net", "mode", "must");
	put_policy("bob@partner.example", "mode", "must");
	put_policy("ann+x@example.org", "mode", "never");
	mode_is("ann+y@example.org", "c@d.example", GATEWAY__SETTINGS__MODE__MUST);
	mode_is("ann+x@example.org", "c@d.example", GATEWAY__SETTINGS__MODE__NEVER);
	mode_is("ann-y@example.net", "c@d.example", GATEWAY__SETTINGS__MODE__MUST);
	mode_is("ann+y@example.net", "c@d.example", GATEWAY__SETTINGS__MODE__WHEN_POSSIBLE);
	/* Others' details are their own affair. */
	mode_is("", "bob@partner.example", GATEWAY__SETTINGS__MODE__MUST);
	mode_is("", "bob+x@partner.example", GATEWAY__SETTINGS__MODE__WHEN_POSSIBLE);
	process.config.delimiter = '\0';
	mode_is("ann+y@example.org", "c@d.example", GATEWAY__SETTINGS__MODE__WHEN_POSSIBLE);
}

static void
what_a_younger_program_wrote_makes_mail_wait(void **state)
{
	Gateway__Settings s;

	(void)state;
	put_policy("partner.example", "colour", "red");
	put_policy("elsewhere.example", "mode", "quantum");
	assert_int_equal(resolve("ann@example.org", "bob@partner.example", &s), ERR_VERSION);
	assert_int_equal(resolve("bob@partner.example", "ann@example.org", &s), ERR_VERSION);
	assert_int_equal(resolve("ann@example.org", "bob@elsewhere.example", &s), ERR_VERSION);
	mode_is("ann@example.org", "bob@example.com", GATEWAY__SETTINGS__MODE__WHEN_POSSIBLE);
}

static void
an_address_of_any_length_has_its_domains_policy(void **state)
{
	char address[400];

	(void)state;
	put_policy("partner.example", "mode", "must");
	memset(address, 'a', sizeof address);
	memcpy(address + 320, "@partner.example", sizeof "@partner.example");
	mode_is("", address, GATEWAY__SETTINGS__MODE__MUST);
	memcpy(address, "\xff\xfe", 2);
	mode_is("", address + 300, GATEWAY__SETTINGS__MODE__MUST);
	mode_is("", "\xff\xfe@Partner.Example", GATEWAY__SETTINGS__MODE__MUST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GATEWAY_TEST(levels_come_from_the_database),
		GATEWAY_TEST(ours_have_what_is_said_without_the_detail),
		GATEWAY_TEST(what_a_younger_program_wrote_makes_mail_wait),
		GATEWAY_TEST(an_address_of_any_length_has_its_domains_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
