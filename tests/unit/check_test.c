#include "tests/store_world.h"

#include "store/schema_trace.h"

/* A private key with its certificate, one of somebody else's, and what is thought of them. */
static void
fill_gateway(void)
{
	static uint8_t sha256[SCHEMA_SHA256] = {1}, hash[SEAL_HASH] = {2};
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__KeyPut put = COMMANDS__KEY_PUT__INIT;
	Commands__Key key = COMMANDS__KEY__INIT;
	Commands__CertPut cert_put = COMMANDS__CERT_PUT__INIT;
	Commands__Cert cert = COMMANDS__CERT__INIT;
	Commands__TrustPut trust_put = COMMANDS__TRUST_PUT__INIT;
	Commands__Trust trust = COMMANDS__TRUST__INIT;
	Commands__PolicyPut policy_put = COMMANDS__POLICY_PUT__INIT;
	Commands__Policy policy = COMMANDS__POLICY__INIT;
	Commands__PolicySetting setting = COMMANDS__POLICY_SETTING__INIT, *list = &setting;
	Commands__StatusPut status_put = COMMANDS__STATUS_PUT__INIT;
	Commands__StatusEntry entry = COMMANDS__STATUS_ENTRY__INIT, *entries = &entry;
	Commands__Status status = COMMANDS__STATUS__INIT;
	Commands__Authority authority = COMMANDS__AUTHORITY__INIT, *authorities = &authority;

	put.id = 4711;
	put.record = &key;
	put.wrapped_secret = world_bytes("the wrapped secret of a private key");
	key.kind = COMMANDS__KEY__KIND__SMIME;
	key.address = world_bytes("u0@example.org");
	key.public_key = key.sealed = world_bytes("octets of it");
	c.body_case = COMMANDS__COMMAND__BODY_KEY_PUT;
	c.key_put = &put;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	cert_put.address = key.address;
	cert_put.cert = &cert;
	cert.der = world_bytes("a certificate");
	cert.trust = 4;
	cert.key = 4711;
	cert.public_key = (ProtobufCBinaryData){sizeof hash, hash};
	cert.until_sec = UINT64_C(1) << 40;
	c.body_case = COMMANDS__COMMAND__BODY_CERT_PUT;
	c.cert_put = &cert_put;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	trust_put.sha256 = (ProtobufCBinaryData){sizeof sha256, sha256};
	trust_put.record = &trust;
	trust.blocked = true;
	c.body_case = COMMANDS__COMMAND__BODY_TRUST_PUT;
	c.trust_put = &trust_put;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	policy_put.record = &policy;
	policy.n_setting = 1;
	policy.setting = &list;
	setting.name = setting.value = "x";
	c.body_case = COMMANDS__COMMAND__BODY_POLICY_PUT;
	c.policy_put = &policy_put;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	status_put.entry = &entries;
	status_put.n_entry = 1;
	entry.sha256 = trust_put.sha256;
	entry.status = &status;
	status.until_sec = authority.until_sec = UINT64_C(1) << 40;
	status_put.authority = &authorities;
	status_put.n_authority = 1;
	authority.der = cert.der;
	c.body_case = COMMANDS__COMMAND__BODY_STATUS_PUT;
	c.status_put = &status_put;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
}

/* A database with something in every table. */
static int
fill(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Enqueue q = COMMANDS__ENQUEUE__INIT;
	Commands__Body body = COMMANDS__BODY__INIT;
	Commands__StageOpen stage = COMMANDS__STAGE_OPEN__INIT;
	Commands__StsPut sts = COMMANDS__STS_PUT__INIT;
	Commands__Rcpt a = COMMANDS__RCPT__INIT, b = COMMANDS__RCPT__INIT, *list[] = {&a, &b};
	struct engine_proposal p = {.command = SLICE_EMPTY, .fd = -1};
	bool more = true;

	world_setup(state);
	world.opt.log_keep_rows = 1000;
	world_reopen();
	p.command = world_append_command(4);
	p.body = SLICE_LIT("text");
	for (int i = 0; i < 5; i++)
		assert_int_equal(engine_propose(world.e, &p), ERR_OK);
	while (more)
		assert_int_equal(engine_turn(world.e, &more), ERR_OK);
	a.address = world_bytes("u0@example.org");
	a.account = WORLD_ACCOUNT;
	a.stage = COMMANDS__STAGE__STAGE_DELIVER;
	b.address = world_bytes("x@outside.test");
	b.stage = COMMANDS__STAGE__STAGE_RELAY;
	b.hop = world_bytes("smtp:outside.test");
	body.size = body.sealed_size = 4;
	q.n_rcpt = 2;
	q.rcpt = list;
	q.body = &body;
	q.sealed_key = world_bytes("key");
	q.queue_key = 1;
	q.repeat_key = world_bytes("repeat");
	q.repeat_until_sec = UINT64_C(1) << 40;
	q.trace_life_sec = 86400;
	q.auth_account = WORLD_ACCOUNT;
	c.body_case = COMMANDS__COMMAND__BODY_ENQUEUE;
	c.enqueue = &q;
	assert_int_equal(world_propose(&c, SLICE_LIT("mail"))->code, COMMAND_DONE);
	sts.domain = world_bytes("outside.test");
	sts.id = world_bytes("1");
	sts.policy = world_bytes("a policy");
	sts.max_age_sec = 86400;
	c.body_case = COMMANDS__COMMAND__BODY_STS_PUT;
	c.sts_put = &sts;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	fill_gateway();
	stage.account = WORLD_ACCOUNT;
	c.body_case = COMMANDS__COMMAND__BODY_STAGE_OPEN;
	c.stage_open = &stage;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	c.body_case = COMMANDS__COMMAND__BODY_ENQUEUE;
	c.enqueue = &q;
	/* A refused one leaves garbage. */
	body.sealed_size = 5;
	assert_int_equal(world_propose(&c, SLICE_LIT("mail"))->code, COMMAND_INVALID);
	return 0;
}

static struct db_txn *
begin(void)
{
	struct db_txn *txn;

	assert_int_equal(db_begin(engine_db(world.e), true, &txn), ERR_OK);
	return txn;
}

/* The first row of t, copied. */
static void
first(struct db_txn *txn, enum db_table t, struct slice *k, struct slice *v)
{
	assert_int_equal(db_first_from(txn, t, SLICE_EMPTY, k, v), ERR_OK);
	*k = arena_dup(&world.a, *k);
	*v = arena_dup(&world.a, *v);
}

static void
a_sound_database_has_no_violation(void **state)
{
	struct check_report *r = arena_alloc(&world.a, sizeof *r);

	(void)state;
	assert_int_equal(world_violations(false), 0);
	/* Offline as well, and beside the store. */
	assert_int_equal(check_folder(world.dir, world.dir, r), ERR_OK);
	assert_int_equal(r->violations, 0);
	assert_true(r->rows > 30);
	assert_int_equal(check_folder("/nonexistent", world.dir, r), ERR_NOT_FOUND);
}

static void
a_row_that_is_lost_is_found_out_in_every_table(void **state)
{
	static const enum db_table tables[] = {DB_DOMAIN, DB_ADDRESS, DB_ACCOUNT, DB_VAULT,
		DB_EPOCH, DB_MAILBOX, DB_MAILBOX_NAME, DB_MESSAGE, DB_CHANGE, DB_ITEM, DB_RCPT,
		DB_DUE, DB_RELAY, DB_HOP, DB_HOP_DUE, DB_OWNER, DB_REPEAT, DB_REPEAT_DUE,
		DB_STS, DB_STS_DUE, DB_STATUS, DB_STATUS_DUE, DB_KEY, DB_KEY_OF, DB_PAYLOAD,
		DB_LOG, DB_BODY, DB_GARBAGE, DB_SWEEP};

	(void)state;
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		struct db_txn *txn = begin();
		struct slice k, v;

		first(txn, tables[i], &k, &v);
		assert_int_equal(db_del(txn, tables[i], k), ERR_OK);
		assert_int_equal(db_commit(txn), ERR_OK);
		if (world_violations(true) == 0)
			fail_msg("a lost row of %s wasn't noticed", db_table_name(tables[i]));
		txn = begin();
		assert_int_equal(db_put(txn, tables[i], k, v), ERR_OK);
		assert_int_equal(db_commit(txn), ERR_OK);
		assert_int_equal(world_violations(false), 0);
	}
}

static void
a_row_that_is_damaged_is_found_out_in_every_table(void **state)
{
	static const enum db_table tables[] = {DB_ACCOUNT, DB_ADDRESS, DB_SENT, DB_MAILBOX,
		DB_MAILBOX_NAME, DB_MESSAGE, DB_CHANGE, DB_ITEM, DB_RCPT, DB_REPEAT, DB_PAYLOAD,
		DB_STS, DB_STATUS, DB_AUTHORITY, DB_KEY, DB_CERT, DB_TRUST, DB_POLICY, DB_LOG,
		DB_BODY, DB_HOP, DB_OWNER, DB_PROPOSER, DB_SWEEP, DB_TRACE};

	(void)state;
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		struct db_txn *txn = begin();
		struct slice k, v;

		first(txn, tables[i], &k, &v);
		assert_int_equal(db_put(txn, tables[i], k, SLICE_LIT("\xff\xff\xff")), ERR_OK);
		assert_int_equal(db_commit(txn), ERR_OK);
		if (world_violations(true) == 0)
			fail_msg(
				"a damaged row of %s wasn't noticed", db_table_name(tables[i]));
		txn = begin();
		assert_int_equal(db_put(txn, tables[i], k, v), ERR_OK);
		assert_int_equal(db_commit(txn), ERR_OK);
	}
	assert_int_equal(world_violations(false), 0);
}

/* An entry's rows of table trace are numbered from 0 on; nothing is kept for no time, and time
 * goes on. */
static void
what_cannot_have_become_of_a_mail_is_found_out(void **state)
{
	static const struct {
		uint32_t n, life_sec;
		uint64_t item, time_ms;
	} bad[] = {{1, 86400, 1, UINT64_MAX / 2}, {0, 0, 1, UINT64_MAX / 2},
		{0, 86400, UINT64_MAX, UINT64_MAX / 2}, {0, 86400, 1, 1}};
	uint64_t index = engine_log(world.e)->applied;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct schema_trace t = {.kind = SCHEMA_TRACE_SENT,
			.life_sec = bad[i].life_sec,
			.item = bad[i].item,
			.time_ms = bad[i].time_ms};
		struct db_txn *txn = begin();
		uint8_t row[SCHEMA_TRACE_FIXED];
		struct schema_key k;
		struct slice key = schema_u64_u32(&k, index, bad[i].n);

		schema_trace_write(&t, row, sizeof row);
		assert_int_equal(db_put(txn, DB_TRACE, key, slice_of(row, sizeof row)), ERR_OK);
		assert_int_equal(db_commit(txn), ERR_OK);
		assert_int_equal(world_violations(true), 1);
		txn = begin();
		assert_int_equal(db_del(txn, DB_TRACE, key), ERR_OK);
		assert_int_equal(db_commit(txn), ERR_OK);
		assert_int_equal(world_violations(false), 0);
	}
}

static void
one_bit_of_a_body_or_of_an_entry_is_found_out(void **state)
{
	static const enum db_table tables[] = {DB_BODY, DB_LOG};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct db_txn *txn = begin();
		struct slice k, v;
		uint8_t *flipped;

		first(txn, tables[i], &k, &v);
		flipped = arena_alloc(&world.a, v.n);
		memcpy(flipped, v.p, v.n);
		flipped[v.n - 1] ^= 1;
		assert_int_equal(db_put(txn, tables[i], k, slice_of(flipped, v.n)), ERR_OK);
		assert_int_equal(db_commit(txn), ERR_OK);
		assert_true(world_violations(true) > 0);
		txn = begin();
		assert_int_equal(db_put(txn, tables[i], k, v), ERR_OK);
		assert_int_equal(db_commit(txn), ERR_OK);
	}
}

static void
a_body_that_nobody_names_and_one_named_twice_are_found_out(void **state)
{
	struct schema_key k;
	struct db_txn *txn = begin();
	struct slice key, v;

	(void)state;
	assert_int_equal(
		db_put(txn, DB_BODY, schema_u64_u32(&k, 1000000, 0), SLICE_LIT("stray")),
		ERR_OK);
	assert_int_equal(db_commit(txn), ERR_OK);
	assert_int_equal(world_violations(true), 1);
	txn = begin();
	assert_int_equal(db_del(txn, DB_BODY, schema_u64_u32(&k, 1000000, 0)), ERR_OK);
	first(txn, DB_PAYLOAD, &key, &v);
	assert_int_equal(db_put(txn, DB_GARBAGE, key, SLICE_EMPTY), ERR_OK);
	assert_int_equal(db_commit(txn), ERR_OK);
	assert_true(world_violations(true) > 0);
}

static void
counters_that_are_off_by_one_are_found_out(void **state)
{
	struct db_txn *txn = begin();
	struct slice k, v;
	Commands__Mailbox *box;
	Commands__Account *account;
	Commands__PayloadRow *payload;
	struct schema_key key;

	(void)state;
	assert_int_equal(db_get(txn, DB_MAILBOX, schema_u64(&key, world.inbox), &v), ERR_OK);
	box = codec_unpack(&commands__mailbox__descriptor, v, &world.a);
	box->unseen++;
	assert_int_equal(db_put(txn, DB_MAILBOX, schema_u64(&key, world.inbox),
				 codec_pack(box, &world.a)),
		ERR_OK);
	assert_int_equal(db_commit(txn), ERR_OK);
	assert_int_equal(world_violations(true), 1);
	txn = begin();
	first(txn, DB_ACCOUNT, &k, &v);
	account = codec_unpack(&commands__account__descriptor, v, &world.a);
	account->used_bytes++;
	assert_int_equal(db_put(txn, DB_ACCOUNT, k, codec_pack(account, &world.a)), ERR_OK);
	assert_int_equal(db_commit(txn), ERR_OK);
	assert_int_equal(world_violations(true), 2);
	txn = begin();
	first(txn, DB_PAYLOAD, &k, &v);
	payload = codec_unpack(&commands__payload_row__descriptor, v, &world.a);
	payload->count++;
	assert_int_equal(db_put(txn, DB_PAYLOAD, k, codec_pack(payload, &world.a)), ERR_OK);
	assert_int_equal(db_commit(txn), ERR_OK);
	assert_int_equal(world_violations(true), 3);
}

static void
a_digest_that_is_not_that_of_the_rows_is_found_out(void **state)
{
	struct db_txn *txn = begin();
	static const uint8_t wrong[32] = {1};

	(void)state;
	assert_int_equal(
		db_put(txn, DB_META, SLICE_LIT("digest"), slice_of(wrong, sizeof wrong)),
		ERR_OK);
	assert_int_equal(db_commit(txn), ERR_OK);
	assert_int_equal(world_violations(true), 1);
}

static void
a_log_of_another_key_is_found_out(void **state)
{
	struct raft_log_keys other = {.n = 1};

	(void)state;
	seal_key_new(&other.key[0].key);
	assert_true(world_violations_of(&other, true) > 5);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fill, world_teardown)
	const struct CMUnitTest tests[] = {
		T(a_sound_database_has_no_violation),
		T(a_row_that_is_lost_is_found_out_in_every_table),
		T(a_row_that_is_damaged_is_found_out_in_every_table),
		T(what_cannot_have_become_of_a_mail_is_found_out),
		T(one_bit_of_a_body_or_of_an_entry_is_found_out),
		T(a_body_that_nobody_names_and_one_named_twice_are_found_out),
		T(counters_that_are_off_by_one_are_found_out),
		T(a_digest_that_is_not_that_of_the_rows_is_found_out),
		T(a_log_of_another_key_is_found_out),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
