#include "tests/gateway_world.h"

#include "store/apply_policy.h"
#include "store/schema.h"
#include "store/view_policy.h"

static Commands__PolicySetting setting[APPLY_POLICY_SETTINGS_MAX + 1];
static Commands__PolicySetting *list[APPLY_POLICY_SETTINGS_MAX + 1];
static char names[APPLY_POLICY_SETTINGS_MAX + 1][8];

static int
setup(void **state)
{
	for (size_t i = 0; i <= APPLY_POLICY_SETTINGS_MAX; i++) {
		commands__policy_setting__init(&setting[i]);
		snprintf(names[i], sizeof names[i], "n%zu", i);
		setting[i].name = names[i];
		list[i] = &setting[i];
	}
	return gateway_setup(state);
}

static uint32_t
put_or_change(struct slice level, size_t settings, bool change)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__PolicyPut q = COMMANDS__POLICY_PUT__INIT;
	Commands__Policy row = COMMANDS__POLICY__INIT;

	row.n_setting = settings;
	row.setting = list;
	q.level = codec_bytes(level);
	q.record = &row;
	c.body_case = COMMANDS__COMMAND__BODY_POLICY_PUT;
	c.policy_put = &q;
	q.change = change;
	return gateway_apply(&c);
}

static uint32_t
put(struct slice level, size_t settings)
{
	return put_or_change(level, settings, false);
}

static size_t
settings_of(const char *level)
{
	struct db_txn *txn = gateway_look();
	Commands__Policy *row = NULL;
	enum err e = view_policy_get(txn, slice_str(level), &g.a, &row);

	db_abort(txn);
	assert_true(!e || e == ERR_NOT_FOUND);
	return e ? 0 : row->n_setting;
}

static const char *
value_of(const char *level, const char *name)
{
	struct db_txn *txn = gateway_look();
	Commands__Policy *row = NULL;
	enum err e = view_policy_get(txn, slice_str(level), &g.a, &row);

	db_abort(txn);
	for (size_t i = 0; !e && i < row->n_setting; i++)
		if (strcmp(row->setting[i]->name, name) == 0)
			return row->setting[i]->value;
	return "none";
}

static bool
count(void *arg, struct slice level, Commands__Policy *row)
{
	size_t *n = arg;

	/* The cluster's comes first. */
	assert_true(row->n_setting > 0 && (*n > 0 || level.n == 0));
	++*n;
	return true;
}

static void
a_level_has_what_was_put_last(void **state)
{
	struct db_txn *txn;
	size_t n = 0;

	(void)state;
	assert_int_equal(put(SLICE_EMPTY, 3), COMMAND_DONE);
	assert_int_equal(put(SLICE_LIT(".example.org"), 2), COMMAND_DONE);
	assert_int_equal(put(SLICE_LIT("example.org"), 5), COMMAND_DONE);
	assert_int_equal(put(SLICE_LIT("example.org"), 1), COMMAND_DONE);
	assert_int_equal(settings_of(""), 3);
	assert_int_equal(settings_of(".example.org"), 2);
	assert_int_equal(settings_of("example.org"), 1);
	txn = gateway_look();
	assert_int_equal(view_policy_each(txn, &g.a, count, &n), ERR_OK);
	db_abort(txn);
	assert_int_equal(n, 3);
	assert_int_equal(put(SLICE_LIT("example.org"), 0), COMMAND_DONE);
	assert_int_equal(put(SLICE_LIT("example.net"), 0), COMMAND_DONE);
	assert_int_equal(settings_of("example.org"), 0);
	assert_int_equal(gateway_rows(DB_POLICY), 2);
}

static void
a_change_leaves_all_else(void **state)
{
	static char a[] = "a", b[] = "b", nothing[] = "";

	(void)state;
	setting[0].value = setting[1].value = a;
	assert_int_equal(put_or_change(SLICE_LIT("example.org"), 2, true), COMMAND_DONE);
	setting[0].value = nothing;
	setting[1].value = b;
	setting[2].value = b;
	assert_int_equal(put_or_change(SLICE_LIT("example.org"), 3, true), COMMAND_DONE);
	assert_int_equal(settings_of("example.org"), 2);
	assert_string_equal(value_of("example.org", "n0"), "none");
	assert_string_equal(value_of("example.org", "n1"), "b");
	assert_string_equal(value_of("example.org", "n2"), "b");
	setting[0].value = a;
	assert_int_equal(put_or_change(SLICE_LIT("example.org"), 1, true), COMMAND_DONE);
	assert_int_equal(settings_of("example.org"), 3);
	assert_string_equal(value_of("example.org", "n0"), "a");
	assert_string_equal(value_of("example.org", "n1"), "b");
	/* Nothing is left: no row. */
	setting[0].value = setting[1].value = setting[2].value = nothing;
	assert_int_equal(put_or_change(SLICE_LIT("example.org"), 3, true), COMMAND_DONE);
	assert_int_equal(gateway_rows(DB_POLICY), 0);
	assert_int_equal(put_or_change(SLICE_LIT("example.org"), 3, true), COMMAND_DONE);
	assert_int_equal(gateway_rows(DB_POLICY), 0);
}

static void
a_change_is_held_to_the_limits_too(void **state)
{
	static char other[] = "other", value[] = "a";
	char *name = setting[0].name;

	(void)state;
	for (size_t i = 0; i < APPLY_POLICY_SETTINGS_MAX; i++)
		setting[i].value = value;
	assert_int_equal(put(SLICE_EMPTY, APPLY_POLICY_SETTINGS_MAX), COMMAND_DONE);
	assert_int_equal(put_or_change(SLICE_EMPTY, 1, true), COMMAND_DONE);
	setting[0].name = other;
	assert_int_equal(put_or_change(SLICE_EMPTY, 1, true), COMMAND_INVALID);
	assert_string_equal(value_of("", "other"), "none");
	setting[0].name = name;
}

static void
what_is_out_of_limits_is_refused_and_changes_nothing(void **state)
{
	static char name[APPLY_POLICY_NAME_MAX + 2], value[APPLY_POLICY_VALUE_MAX + 2];
	static char level[SCHEMA_NAME_MAX + 1];

	(void)state;
	memset(name, 'n', APPLY_POLICY_NAME_MAX + 1);
	memset(value, 'v', APPLY_POLICY_VALUE_MAX + 1);
	memset(level, 'l', sizeof level);
	assert_int_equal(put(slice_of(level, sizeof level), 1), COMMAND_INVALID);
	assert_int_equal(put(SLICE_LIT("a\0b"), 1), COMMAND_INVALID);
	assert_int_equal(put(SLICE_EMPTY, APPLY_POLICY_SETTINGS_MAX + 1), COMMAND_INVALID);
	setting[0].name = name;
	assert_int_equal(put(SLICE_EMPTY, 1), COMMAND_INVALID);
	setting[0].name = name + APPLY_POLICY_NAME_MAX + 1;
	assert_int_equal(put(SLICE_EMPTY, 1), COMMAND_INVALID);
	setting[0].name = name + 1;
	setting[0].value = value;
	assert_int_equal(put(SLICE_EMPTY, 1), COMMAND_INVALID);
	setting[0].value = value + 1;
	setting[2].name = names[1];
	assert_int_equal(put(SLICE_EMPTY, 3), COMMAND_INVALID);
	assert_int_equal(gateway_rows(DB_POLICY), 0);
	setting[2].name = names[2];
	assert_int_equal(
		put(slice_of(level, SCHEMA_NAME_MAX), APPLY_POLICY_SETTINGS_MAX), COMMAND_DONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_level_has_what_was_put_last, setup, gateway_teardown),
		cmocka_unit_test_setup_teardown(
			a_change_leaves_all_else, setup, gateway_teardown),
		cmocka_unit_test_setup_teardown(
			a_change_is_held_to_the_limits_too, setup, gateway_teardown),
		cmocka_unit_test_setup_teardown(
			what_is_out_of_limits_is_refused_and_changes_nothing, setup,
			gateway_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
