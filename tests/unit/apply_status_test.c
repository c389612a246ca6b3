#include "tests/test.h"

#include "core/codec.h"
#include "crypto/seal.h"
#include "store/apply_cert.h"
#include "store/apply_status.h"
#include "store/view_cert.h"
#include "store/view_status.h"
#include "tests/golden.h"

#define UNKNOWN COMMANDS__STATUS__STATE__UNKNOWN
#define GOOD COMMANDS__STATUS__STATE__GOOD
#define REVOKED COMMANDS__STATUS__STATE__REVOKED

enum { NOW = 1800000000, HOLD = SCHEMA_REASON_HOLD };

static struct golden g;
static char dir[40];

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/apply_status_test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	golden_open(&g, dir);
	g.node = 1;
	g.time_sec = NOW;
	return 0;
}

static int
teardown(void **state)
{
	char command[64];

	(void)state;
	golden_close(&g);
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command);
}

static uint32_t
apply(Commands__Command *c, int body_case)
{
	c->body_case = (Commands__Command__BodyCase)body_case;
	g.index++;
	golden_apply(&g, c);
	return g.result.code;
}

/* The certificate whose hash is made of that octet. */
static struct slice
hash_of(uint8_t name)
{
	static uint8_t hash[256][SCHEMA_SHA256];

	memset(hash[name], name, SCHEMA_SHA256);
	return slice_of(hash[name], SCHEMA_SHA256);
}

static Commands__Status
status(int state, uint64_t this_sec)
{
	Commands__Status s = COMMANDS__STATUS__INIT;

	s.state = (Commands__Status__State)state;
	s.this_sec = this_sec;
	s.next_sec = this_sec + 1000;
	s.until_sec = NOW + 100000;
	s.source = "http://ca.test/1";
	s.why = state == UNKNOWN ? "no answer" : "";
	return s;
}

static uint32_t
put(uint8_t name, Commands__Status s)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__StatusPut q = COMMANDS__STATUS_PUT__INIT;
	Commands__StatusEntry entry = COMMANDS__STATUS_ENTRY__INIT, *list = &entry;

	entry.sha256 = codec_bytes(hash_of(name));
	entry.status = &s;
	q.entry = &list;
	q.n_entry = 1;
	c.status_put = &q;
	return apply(&c, COMMANDS__COMMAND__BODY_STATUS_PUT);
}

static uint32_t
put_authorities(size_t n, size_t der, uint64_t until_sec, uint8_t first)
{
	static uint8_t octets[80][APPLY_STATUS_DER_MAX + 1];
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__StatusPut q = COMMANDS__STATUS_PUT__INIT;
	Commands__Authority row[80], *list[80];

	for (size_t i = 0; i < n; i++) {
		commands__authority__init(&row[i]);
		memset(octets[i], (int)(first + i), sizeof octets[i]);
		row[i].der = (ProtobufCBinaryData){der, octets[i]};
		row[i].until_sec = until_sec;
		list[i] = &row[i];
	}
	q.authority = list;
	q.n_authority = n;
	c.status_put = &q;
	return apply(&c, COMMANDS__COMMAND__BODY_STATUS_PUT);
}

static struct view_status
judge(uint8_t name, uint64_t now_sec)
{
	struct view_status s = {.kind = VIEW_STATUS_UNKNOWN};
	struct db_txn *txn;

	assert_int_equal(db_begin(g.db, false, &txn), ERR_OK);
	assert_int_equal(view_status_judge(txn, hash_of(name), now_sec, &g.a, &s), ERR_OK);
	db_abort(txn);
	return s;
}

static bool
count_one(void *arg, struct slice sha256, Commands__Authority *row)
{
	size_t *n = arg;

	assert_int_equal(sha256.n, SCHEMA_SHA256);
	assert_true(row->der.len > 0);
	++*n;
	return true;
}

static size_t
authorities(void)
{
	struct db_txn *txn;
	size_t n = 0;

	assert_int_equal(db_begin(g.db, false, &txn), ERR_OK);
	assert_int_equal(view_status_authorities(txn, &g.a, count_one, &n), ERR_OK);
	db_abort(txn);
	return n;
}

static void
what_nobody_asked_for_is_unknown(void **state)
{
	(void)state;
	assert_int_equal(judge(1, NOW).kind, VIEW_STATUS_UNKNOWN);
	assert_null(judge(1, NOW).row);
	assert_int_equal(put(1, status(UNKNOWN, 0)), COMMAND_DONE);
	assert_int_equal(judge(1, NOW).kind, VIEW_STATUS_UNKNOWN);
	assert_string_equal(judge(1, NOW).row->why, "no answer");
	assert_int_equal(judge(1, NOW).row->looked_sec, NOW);
}

static void
good_is_believed_until_its_time(void **state)
{
	(void)state;
	assert_int_equal(put(1, status(GOOD, NOW)), COMMAND_DONE);
	assert_int_equal(judge(1, NOW + 999).kind, VIEW_STATUS_GOOD);
	assert_int_equal(judge(1, NOW + 1000).kind, VIEW_STATUS_UNKNOWN);
	/* A look that failed changes nothing of it, and is told. */
	assert_int_equal(put(1, status(UNKNOWN, 0)), COMMAND_DONE);
	assert_int_equal(judge(1, NOW + 999).kind, VIEW_STATUS_GOOD);
	assert_int_equal(judge(1, NOW).row->this_sec, NOW);
	assert_string_equal(judge(1, NOW).row->why, "no answer");
}

static void
an_older_list_counts_for_nothing(void **state)
{
	(void)state;
	assert_int_equal(put(1, status(GOOD, NOW)), COMMAND_DONE);
	assert_int_equal(put(1, status(REVOKED, NOW - 1)), COMMAND_DONE);
	assert_int_equal(judge(1, NOW).kind, VIEW_STATUS_GOOD);
	assert_int_equal(put(1, status(REVOKED, NOW)), COMMAND_DONE);
	assert_int_equal(judge(1, NOW).kind, VIEW_STATUS_REVOKED);
}

static void
revoked_is_for_good_unless_it_was_on_hold(void **state)
{
	Commands__Status held = status(REVOKED, NOW);

	(void)state;
	held.reason = HOLD;
	assert_int_equal(put(1, held), COMMAND_DONE);
	assert_int_equal(judge(1, NOW + 1000000).kind, VIEW_STATUS_REVOKED);
	assert_int_equal(put(1, status(GOOD, NOW + 1)), COMMAND_DONE);
	assert_int_equal(judge(1, NOW).kind, VIEW_STATUS_GOOD);
	held.reason = 1;
	held.this_sec = NOW + 2;
	assert_int_equal(put(1, held), COMMAND_DONE);
	assert_int_equal(put(1, status(GOOD, NOW + 3)), COMMAND_DONE);
	assert_int_equal(judge(1, NOW).kind, VIEW_STATUS_REVOKED);
}

static void
who_is_revoked_takes_with_him_all_below(void **state)
{
	Commands__Status leaf = status(GOOD, NOW), middle = leaf;

	(void)state;
	leaf.issuer = codec_bytes(hash_of(2));
	middle.issuer = codec_bytes(hash_of(3));
	assert_int_equal(put(1, leaf), COMMAND_DONE);
	assert_int_equal(put(2, middle), COMMAND_DONE);
	assert_int_equal(judge(1, NOW).kind, VIEW_STATUS_GOOD);
	assert_int_equal(put(3, status(REVOKED, NOW)), COMMAND_DONE);
	assert_int_equal(judge(1, NOW).kind, VIEW_STATUS_REVOKED);
	assert_true(judge(1, NOW).is_authoritys);
	assert_false(judge(3, NOW).is_authoritys);
	/* A ring of issuers ends, too. */
	middle.issuer = codec_bytes(hash_of(1));
	assert_int_equal(put(2, middle), COMMAND_DONE);
	assert_int_equal(judge(1, NOW).kind, VIEW_STATUS_GOOD);
}

static void
what_is_out_of_limits_is_refused(void **state)
{
	char text[APPLY_STATUS_TEXT_MAX + 2];
	Commands__Status s = status(GOOD, NOW);
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__StatusPut q = COMMANDS__STATUS_PUT__INIT;
	Commands__StatusEntry entry = COMMANDS__STATUS_ENTRY__INIT;
	Commands__StatusEntry *list[APPLY_STATUS_ENTRIES_MAX + 1];

	(void)state;
	memset(text, 'x', sizeof text);
	text[APPLY_STATUS_TEXT_MAX + 1] = '\0';
	s.source = text;
	assert_int_equal(put(1, s), COMMAND_INVALID);
	text[APPLY_STATUS_TEXT_MAX] = '\0';
	assert_int_equal(put(1, s), COMMAND_DONE);
	s.why = text;
	assert_int_equal(put(1, s), COMMAND_DONE);
	s = status(GOOD, NOW);
	s.until_sec = 0;
	assert_int_equal(put(1, s), COMMAND_INVALID);
	s = status(REVOKED + 1, NOW);
	assert_int_equal(put(1, s), COMMAND_INVALID);
	s = status(GOOD, NOW);
	s.issuer = codec_bytes(slice_cut(hash_of(2), 0, 31));
	assert_int_equal(put(1, s), COMMAND_INVALID);
	s = status(GOOD, NOW);
	entry.sha256 = codec_bytes(hash_of(1));
	entry.status = &s;
	for (size_t i = 0; i <= APPLY_STATUS_ENTRIES_MAX; i++)
		list[i] = &entry;
	c.status_put = &q;
	q.entry = list;
	q.n_entry = APPLY_STATUS_ENTRIES_MAX + 1;
	assert_int_equal(apply(&c, COMMANDS__COMMAND__BODY_STATUS_PUT), COMMAND_INVALID);
	q.n_entry = APPLY_STATUS_ENTRIES_MAX;
	assert_int_equal(apply(&c, COMMANDS__COMMAND__BODY_STATUS_PUT), COMMAND_DONE);
	entry.sha256.len = 31;
	assert_int_equal(apply(&c, COMMANDS__COMMAND__BODY_STATUS_PUT), COMMAND_INVALID);
}

static void
the_row_goes_with_the_certificate_s_time(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Sweep q = COMMANDS__SWEEP__INIT;
	Commands__Status s = status(REVOKED, NOW);

	(void)state;
	q.limit = 10;
	c.sweep = &q;
	s.until_sec = NOW + 10;
	assert_int_equal(put(1, s), COMMAND_DONE);
	s.until_sec = NOW + 11;
	assert_int_equal(put(2, s), COMMAND_DONE);
	g.time_sec = NOW + 9;
	apply(&c, COMMANDS__COMMAND__BODY_SWEEP);
	assert_int_equal(judge(1, NOW).kind, VIEW_STATUS_REVOKED);
	g.time_sec = NOW + 10;
	apply(&c, COMMANDS__COMMAND__BODY_SWEEP);
	assert_null(judge(1, NOW).row);
	assert_int_equal(judge(2, NOW).kind, VIEW_STATUS_REVOKED);
}

static void
there_is_room_for_so_many_authorities(void **state)
{
	enum { MAX = APPLY_STATUS_AUTHORITIES_MAX };

	(void)state;
	assert_int_equal(
		put_authorities(1, APPLY_STATUS_DER_MAX + 1, NOW + 9, 1), COMMAND_INVALID);
	assert_int_equal(put_authorities(1, 0, NOW + 9, 1), COMMAND_INVALID);
	assert_int_equal(put_authorities(1, 10, NOW, 1), COMMAND_INVALID);
	assert_int_equal(put_authorities(MAX + 1, 10, NOW + 9, 1), COMMAND_INVALID);
	assert_int_equal(put_authorities(MAX, APPLY_STATUS_DER_MAX, NOW + 9, 1), COMMAND_DONE);
	assert_int_equal(put_authorities(1, APPLY_STATUS_DER_MAX, NOW + 9, 5), COMMAND_DONE);
	assert_int_equal(put_authorities(1, 10, NOW + 9, 200), COMMAND_LIMIT);
	assert_int_equal(authorities(), MAX);
	/* Those past their time make room. */
	g.time_sec = NOW + 9;
	assert_int_equal(put_authorities(1, 10, NOW + 99, 200), COMMAND_DONE);
	assert_int_equal(authorities(), 1);
}

/* --- what follows for certificates --- */

static uint32_t
put_cert(uint8_t name, uint8_t key, bool hold)
{
	static uint8_t der[300], public_key[SEAL_HASH];
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__CertPut q = COMMANDS__CERT_PUT__INIT;
	Commands__Cert cert = COMMANDS__CERT__INIT;

	memset(der, name, sizeof der);
	memset(public_key, key, sizeof public_key);
	cert.der = (ProtobufCBinaryData){sizeof der, der};
	cert.public_key = (ProtobufCBinaryData){sizeof public_key, public_key};
	cert.trust = SCHEMA_TRUST_VERIFIED;
	cert.until_sec = NOW + 100000;
	q.address = codec_bytes(SLICE_LIT("a@example.net"));
	q.cert = &cert;
	q.hold = hold;
	c.cert_put = &q;
	return apply(&c, COMMANDS__COMMAND__BODY_CERT_PUT);
}

static struct slice
hash_of_cert(uint8_t name)
{
	static uint8_t hash[SEAL_HASH];
	uint8_t der[300];

	memset(der, name, sizeof der);
	seal_sha256(slice_of(der, sizeof der), hash);
	return slice_of(hash, sizeof hash);
}

static size_t
usable(void)
{
	struct view_certs found;
	struct db_txn *txn;

	assert_int_equal(db_begin(g.db, false, &txn), ERR_OK);
	assert_int_equal(
		view_cert_usable(txn, SLICE_LIT("a@example.net"), NOW, &g.a, &found), ERR_OK);
	db_abort(txn);
	return found.n;
}

static void
revoke(uint8_t name)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__StatusPut q = COMMANDS__STATUS_PUT__INIT;
	Commands__StatusEntry entry = COMMANDS__STATUS_ENTRY__INIT, *list = &entry;
	Commands__Status s = status(REVOKED, NOW);

	entry.sha256 = codec_bytes(hash_of_cert(name));
	entry.status = &s;
	q.entry = &list;
	q.n_entry = 1;
	c.status_put = &q;
	assert_int_equal(apply(&c, COMMANDS__COMMAND__BODY_STATUS_PUT), COMMAND_DONE);
}

static void
a_revoked_certificate_is_not_encrypted_to_and_is_in_nobody_s_way(void **state)
{
	(void)state;
	assert_int_equal(put_cert(1, 1, true), COMMAND_DONE);
	assert_int_equal(usable(), 1);
	revoke(1);
	assert_int_equal(usable(), 0);
	/* Its next one, with another key, needs no approval now. */
	assert_int_equal(put_cert(2, 2, true), COMMAND_DONE);
	assert_int_equal(usable(), 1);
}

static void
what_waited_beside_a_revoked_certificate_takes_its_place(void **state)
{
	(void)state;
	assert_int_equal(put_cert(1, 1, true), COMMAND_DONE);
	assert_int_equal(put_cert(2, 2, true), COMMAND_DONE); /* waits for approval */
	revoke(1);
	assert_int_equal(usable(), 1);
	revoke(2);
	assert_int_equal(usable(), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_nobody_asked_for_is_unknown),
		TEST(good_is_believed_until_its_time),
		TEST(an_older_list_counts_for_nothing),
		TEST(revoked_is_for_good_unless_it_was_on_hold),
		TEST(who_is_revoked_takes_with_him_all_below),
		TEST(what_is_out_of_limits_is_refused),
		TEST(the_row_goes_with_the_certificate_s_time),
		TEST(there_is_room_for_so_many_authorities),
		TEST(a_revoked_certificate_is_not_encrypted_to_and_is_in_nobody_s_way),
		TEST(what_waited_beside_a_revoked_certificate_takes_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
