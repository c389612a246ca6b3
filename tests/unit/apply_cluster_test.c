#include "store/apply_cluster.h"

#include "store/version.h"
#include "store/view_mailbox.h"
#include "tests/store_world.h"

static uint32_t
version(void)
{
	struct db_txn *txn;
	uint32_t v;

	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(version_cluster(txn, &v), ERR_OK);
	db_abort(txn);
	return v;
}

static Commands__Command *
version_command(uint32_t to)
{
	static Commands__Command c;
	static Commands__ClusterVersion v;

	commands__command__init(&c);
	commands__cluster_version__init(&v);
	v.version = to;
	c.body_case = COMMANDS__COMMAND__BODY_CLUSTER_VERSION;
	c.cluster_version = &v;
	return &c;
}

/* Beside the engine, which wouldn't go on. */
static uint32_t
raise_to(uint32_t to)
{
	struct apply_touched touched = {0};
	struct apply_secrets secrets = {0};
	Commands__Result result;
	struct apply a = {.arena = &world.a,
		.index = 1000 + to,
		.touched = &touched,
		.secrets = &secrets,
		.result = &result};

	assert_int_equal(db_begin(engine_db(world.e), true, &a.txn), ERR_OK);
	assert_int_equal(apply_command(&a, version_command(to)), ERR_OK);
	assert_int_equal(db_commit(a.txn), ERR_OK);
	return result.code;
}

static void
a_program_that_is_too_old_for_its_cluster_goes_no_further(void **state)
{
	struct engine_options opt;
	struct engine *e;
	Commands__Result *r;

	(void)state;
	assert_int_equal(engine_propose_now(world.e, version_command(VERSION_COMMANDS + 1),
				 SLICE_EMPTY, &world.a, &r),
		ERR_VERSION);
	world_reopen();
	assert_int_equal(raise_to(VERSION_COMMANDS + 1), COMMAND_DONE);
	engine_close(world.e);
	opt = world.opt;
	assert_int_equal(engine_open(&opt, &e), ERR_VERSION);
	world.e = NULL;
}

static void
a_cluster_begins_with_the_first_version_and_never_goes_back(void **state)
{
	(void)state;
	assert_int_equal(version(), VERSION_FIRST);
	assert_int_equal(raise_to(VERSION_FIRST), COMMAND_STALE);
	assert_int_equal(raise_to(VERSION_FIRST + 3), COMMAND_DONE);
	assert_int_equal(raise_to(VERSION_FIRST + 2), COMMAND_STALE);
	assert_int_equal(version(), VERSION_FIRST + 3);
}

static void
every_command_of_today_is_of_the_first_version(void **state)
{
	const ProtobufCMessageDescriptor *d = &commands__command__descriptor;

	(void)state;
	for (unsigned i = 0; i < d->n_fields; i++)
		if (d->fields[i].id >= COMMANDS__COMMAND__BODY_BOOT_NODE)
			assert_int_equal(version_of((int)d->fields[i].id), VERSION_FIRST);
}

static void
append(void)
{
	static uint8_t body[40];
	struct engine_proposal p = {.command = world_append_command(sizeof body),
		.body = slice_of(body, sizeof body),
		.fd = -1};
	bool more = true;

	assert_int_equal(engine_propose(world.e, &p), ERR_OK);
	while (more)
		assert_int_equal(engine_turn(world.e, &more), ERR_OK);
}

static Commands__Mailbox *
inbox(void)
{
	Commands__Mailbox *m;
	struct db_txn *txn;

	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(view_mailbox(txn, world.inbox, &world.a, &m), ERR_OK);
	db_abort(txn);
	return m;
}

static uint32_t
restored(uint32_t gap)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Restored r = COMMANDS__RESTORED__INIT;

	r.uid_gap = gap;
	c.body_case = COMMANDS__COMMAND__BODY_RESTORED;
	c.restored = &r;
	return world_propose(&c, SLICE_EMPTY)->code;
}

static void
after_a_restore_no_uid_is_used_again_and_all_changes_are_asked_anew(void **state)
{
	Commands__Mailbox *before, *after;
	struct db_txn *txn;

	(void)state;
	append();
	append();
	before = inbox();
	assert_int_equal(before->uidnext, 3);
	assert_int_equal(restored(1000), COMMAND_DONE);
	after = inbox();
	assert_int_equal(after->uidnext, 1003);
	assert_int_equal(after->uidvalidity, before->uidvalidity);
	assert_true(after->modseq > before->modseq);
	assert_int_equal(after->exists, 2);
	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(
		view_mailbox_changes(txn, world.inbox, before->modseq, NULL, NULL), ERR_STALE);
	db_abort(txn);
	append();
	assert_int_equal(inbox()->uidnext, 1004);
	assert_int_equal(world_violations(false), 0);
	/* It ends at the last one that there is. */
	for (int i = 0; i < 256; i++)
		assert_int_equal(restored(1 << 24), COMMAND_DONE);
	assert_int_equal(inbox()->uidnext, UINT32_MAX);
	assert_int_equal(restored((1 << 24) + 1), COMMAND_INVALID);
	assert_int_equal(world_violations(false), 0);
}

static void
a_report_is_kept_for_its_node_alone_and_the_newest(void **state)
{
	static uint8_t digest[32] = {1};
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__DigestReport r = COMMANDS__DIGEST_REPORT__INIT, *kept;
	char name[APPLY_CLUSTER_REPORT_NAME];
	struct db_txn *txn;
	struct slice row;

	(void)state;
	c.body_case = COMMANDS__COMMAND__BODY_DIGEST_REPORT;
	c.digest_report = &r;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_INVALID);
	r.digest = (ProtobufCBinaryData){sizeof digest, digest};
	for (r.index = 5; r.index < 8; r.index++)
		assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(
		db_get(txn, DB_SETTING, apply_cluster_report_name(1, name), &row), ERR_OK);
	kept = codec_unpack(&commands__digest_report__descriptor, row, &world.a);
	assert_non_null(kept);
	assert_int_equal(kept->index, 7);
	assert_int_equal(db_get(txn, DB_SETTING, apply_cluster_report_name(2, name), &row),
		ERR_NOT_FOUND);
	db_abort(txn);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(a_cluster_begins_with_the_first_version_and_never_goes_back),
		T(a_program_that_is_too_old_for_its_cluster_goes_no_further),
		T(every_command_of_today_is_of_the_first_version),
		T(after_a_restore_no_uid_is_used_again_and_all_changes_are_asked_anew),
		T(a_report_is_kept_for_its_node_alone_and_the_newest),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
