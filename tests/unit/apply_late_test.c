#include "tests/gateway_world.h"

#include "store/schema.h"

static const char *const hops[] = {"key:a@partner.test", "key:b@partner.test",
	"key:c@sub.partner.test", "key:d@elsewhere.test", "smtp:a@partner.test"};
enum { HOPS = sizeof hops / sizeof *hops };

static void
begin(void)
{
	gateway_put_owner(1);
	for (size_t i = 0; i < HOPS; i++)
		gateway_put_hop(1, hops[i], 1);
}

/* The letters of those that are due; "smtp" for the one that never may be. */
static const char *
due(void)
{
	static char found[HOPS + 1];
	size_t n = 0;

	for (size_t i = 0; i < HOPS; i++)
		if (gateway_is_due(1, hops[i]))
			found[n++] = i == HOPS - 1 ? '!' : hops[i][4];
	found[n] = '\0';
	assert_int_equal(gateway_rows(DB_HOP_DUE), HOPS);
	return found;
}

static void
put_policy(const char *level, const char *value)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__PolicyPut q = COMMANDS__POLICY_PUT__INIT;
	Commands__Policy row = COMMANDS__POLICY__INIT;
	Commands__PolicySetting s = COMMANDS__POLICY_SETTING__INIT, *list[] = {&s};

	s.name = (char *)(uintptr_t) "mode";
	s.value = (char *)(uintptr_t)value;
	row.n_setting = 1;
	row.setting = list;
	q.level = gateway_text(level);
	q.record = &row;
	q.change = true;
	c.body_case = COMMANDS__COMMAND__BODY_POLICY_PUT;
	c.policy_put = &q;
	assert_int_equal(gateway_apply(&c), COMMAND_DONE);
}

static void
put_domain(const char *name)
{
	Commands__Domain row = COMMANDS__DOMAIN__INIT;
	struct db_txn *txn;

	assert_int_equal(db_begin(g.db, true, &txn), ERR_OK);
	assert_int_equal(
		db_put(txn, DB_DOMAIN, slice_str(name), codec_pack(&row, &g.a)), ERR_OK);
	assert_int_equal(db_commit(txn), ERR_OK);
}

static void
a_change_of_policy_hurries_whom_it_touches(void **state)
{
	static const struct {
		const char *level, *due;
	} rows[] = {
		{"a@partner.test", "a"},
		{"partner.test", "ab"},
		{"elsewhere.test", "d"},
		{"nobody.test", ""},
		/* Of all, of what may be ours, of what is ours: whoever writes, to anybody. */
		{"", "abcd"},
		{".partner.test", "abcd"},
		{"ours.test", "abcd"},
		{"ann@ours.test", "abcd"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		gateway_teardown(state);
		gateway_setup(state);
		put_domain("ours.test");
		begin();
		put_policy(rows[i].level, "never");
		assert_string_equal(due(), rows[i].due);
	}
}

static void
a_setting_that_goes_hurries_too(void **state)
{
	(void)state;
	put_policy("partner.test", "must");
	begin();
	put_policy("partner.test", "");
	assert_string_equal(due(), "ab");
}

static void
put_trust(bool is_blocked, bool is_anchor)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__TrustPut q = COMMANDS__TRUST_PUT__INIT;
	Commands__Trust trust = COMMANDS__TRUST__INIT;
	uint8_t sha256[SEAL_HASH];

	seal_sha256(slice_str("ca"), sha256);
	q.sha256 = (ProtobufCBinaryData){sizeof sha256, sha256};
	q.record = &trust;
	trust.blocked = is_blocked;
	if (is_anchor)
		trust.anchor = gateway_text("ca");
	c.body_case = COMMANDS__COMMAND__BODY_TRUST_PUT;
	c.trust_put = &q;
	assert_int_equal(gateway_apply(&c), COMMAND_DONE);
}

static void
to_block_hurries_nobody_and_to_trust_or_unblock_does(void **state)
{
	begin();
	put_trust(true, false);
	assert_string_equal(due(), "");
	put_trust(false, false);
	assert_string_equal(due(), "abcd");
	gateway_teardown(state);
	gateway_setup(state);
	begin();
	put_trust(false, true);
	assert_string_equal(due(), "abcd");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GATEWAY_TEST(a_change_of_policy_hurries_whom_it_touches),
		GATEWAY_TEST(a_setting_that_goes_hurries_too),
		GATEWAY_TEST(to_block_hurries_nobody_and_to_trust_or_unblock_does),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
