#include "tests/gateway_world.h"

#include "store/apply_trust.h"
#include "store/view_trust.h"

/* By its anchor, or, without one, by a word of its own. */
static uint32_t
put(const char *name, bool is_anchor, bool blocked)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__TrustPut q = COMMANDS__TRUST_PUT__INIT;
	Commands__Trust row = COMMANDS__TRUST__INIT;
	uint8_t sha256[SEAL_HASH];

	seal_sha256(slice_str(name), sha256);
	q.sha256 = (ProtobufCBinaryData){sizeof sha256, sha256};
	q.record = &row;
	row.blocked = blocked;
	if (is_anchor)
		row.anchor = gateway_text(name);
	c.body_case = COMMANDS__COMMAND__BODY_TRUST_PUT;
	c.trust_put = &q;
	return gateway_apply(&c);
}

static uint32_t
put_odd(size_t sha256, size_t anchor, const char *comment)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__TrustPut q = COMMANDS__TRUST_PUT__INIT;
	Commands__Trust row = COMMANDS__TRUST__INIT;
	uint8_t hash[SEAL_HASH + 1];

	seal_sha256(slice_of(gateway_octets, anchor), hash);
	q.sha256 = (ProtobufCBinaryData){sha256, hash};
	q.record = &row;
	row.blocked = true;
	row.anchor = gateway_some(anchor);
	row.comment = (char *)(uintptr_t)comment;
	c.body_case = COMMANDS__COMMAND__BODY_TRUST_PUT;
	c.trust_put = &q;
	return gateway_apply(&c);
}

static bool
is_blocked(const char *name)
{
	struct db_txn *txn = gateway_look();
	uint8_t sha256[SEAL_HASH];
	bool blocked;

	seal_sha256(slice_str(name), sha256);
	assert_int_equal(
		view_trust_is_blocked(txn, slice_of(sha256, sizeof sha256), &g.a, &blocked),
		ERR_OK);
	db_abort(txn);
	return blocked;
}

static void
one_is_blocked_or_believed_until_nothing_is_thought_of_it(void **state)
{
	(void)state;
	assert_int_equal(put("a", true, false), COMMAND_DONE);
	assert_int_equal(put("b", false, true), COMMAND_DONE);
	assert_false(is_blocked("a"));
	assert_true(is_blocked("b"));
	assert_false(is_blocked("c"));
	assert_int_equal(put("b", false, false), COMMAND_DONE);
	assert_int_equal(put("c", false, false), COMMAND_DONE);
	assert_false(is_blocked("b"));
	assert_int_equal(gateway_rows(DB_TRUST), 1);
}

static void
what_is_out_of_limits_is_refused_and_changes_nothing(void **state)
{
	static char comment[APPLY_TRUST_COMMENT_MAX + 2];

	(void)state;
	memset(comment, 'c', APPLY_TRUST_COMMENT_MAX + 1);
	assert_int_equal(put_odd(31, 10, ""), COMMAND_INVALID);
	assert_int_equal(put_odd(33, 10, ""), COMMAND_INVALID);
	assert_int_equal(put_odd(32, APPLY_CERT_DER_MAX + 1, ""), COMMAND_INVALID);
	assert_int_equal(put_odd(32, 10, comment), COMMAND_INVALID);
	assert_int_equal(gateway_rows(DB_TRUST), 0);
	assert_int_equal(put_odd(32, APPLY_CERT_DER_MAX, comment + 1), COMMAND_DONE);
}

static void
an_anchor_of_another_hash_is_refused(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__TrustPut q = COMMANDS__TRUST_PUT__INIT;
	Commands__Trust row = COMMANDS__TRUST__INIT;

	(void)state;
	q.sha256 = gateway_some(SEAL_HASH);
	q.record = &row;
	row.anchor = gateway_text("not that one");
	c.body_case = COMMANDS__COMMAND__BODY_TRUST_PUT;
	c.trust_put = &q;
	assert_int_equal(gateway_apply(&c), COMMAND_INVALID);
}

static void
there_are_so_many_anchors_and_rows_at_most(void **state)
{
	Commands__Trust row = COMMANDS__TRUST__INIT;
	struct db_txn *txn;
	char name[12];

	(void)state;
	for (int i = 0; i < APPLY_TRUST_ANCHORS_MAX; i++) {
		snprintf(name, sizeof name, "%d", i);
		assert_int_equal(put(name, true, false), COMMAND_DONE);
	}
	assert_int_equal(put("more", true, false), COMMAND_LIMIT);
	assert_int_equal(put("0", true, true), COMMAND_DONE);
	assert_int_equal(put("blocked", false, true), COMMAND_DONE);
	row.blocked = true;
	assert_int_equal(db_begin(g.db, true, &txn), ERR_OK);
	for (int i = APPLY_TRUST_ANCHORS_MAX + 1; i < APPLY_TRUST_MAX - 1; i++) {
		uint8_t sha256[SEAL_HASH] = {0xff, (uint8_t)(i >> 8), (uint8_t)i};

		assert_int_equal(db_put(txn, DB_TRUST, slice_of(sha256, sizeof sha256),
					 codec_pack(&row, &g.a)),
			ERR_OK);
	}
	assert_int_equal(db_commit(txn), ERR_OK);
	assert_int_equal(put("last", false, true), COMMAND_DONE);
	assert_int_equal(put("one too many", false, true), COMMAND_LIMIT);
	assert_int_equal(put("last", false, true), COMMAND_DONE);
	assert_int_equal(gateway_rows(DB_TRUST), APPLY_TRUST_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		GATEWAY_TEST(one_is_blocked_or_believed_until_nothing_is_thought_of_it),
		GATEWAY_TEST(what_is_out_of_limits_is_refused_and_changes_nothing),
		GATEWAY_TEST(an_anchor_of_another_hash_is_refused),
		GATEWAY_TEST(there_are_so_many_anchors_and_rows_at_most),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
