#include "tests/test.h"

#include "store/apply_account.h"
#include "store/view_sending.h"
#include "tests/golden.h"

enum { HOUR = 500000, NOW = HOUR * 3600, ANN = 77, BOB = 78, RCPTS = 20 };

static struct golden g;
static char dir[40];

static ProtobufCBinaryData
text(const char *s)
{
	return codec_bytes(slice_str(s));
}

static uint32_t
apply(Commands__Command *c)
{
	g.index++;
	golden_apply(&g, c);
	return g.result.code;
}

static void
add_account(uint64_t id, const char *name)
{
	static uint8_t octets[80] = {9};
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__AccountPut put = COMMANDS__ACCOUNT_PUT__INIT;
	Commands__Account record = COMMANDS__ACCOUNT__INIT;

	record.name = text(name);
	record.public_key = (ProtobufCBinaryData){32, octets};
	put.account = id;
	put.record = &record;
	put.wrapped_secret = (ProtobufCBinaryData){72, octets};
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_PUT;
	c.account_put = &put;
	assert_int_equal(apply(&c), COMMAND_DONE);
}

static int
setup(void **state)
{
	static uint8_t octets[80] = {9};
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__DomainPut domain = COMMANDS__DOMAIN_PUT__INIT;
	Commands__QueueKey key = COMMANDS__QUEUE_KEY__INIT;

	(void)state;
	snprintf(dir, sizeof dir, "/tmp/apply_sending_test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	golden_open(&g, dir);
	g.node = 1;
	g.time_sec = NOW;
	domain.name = text("example.org");
	c.body_case = COMMANDS__COMMAND__BODY_DOMAIN_PUT;
	c.domain_put = &domain;
	assert_int_equal(apply(&c), COMMAND_DONE);
	key.id = 1;
	key.public_key = (ProtobufCBinaryData){32, octets};
	key.wrapped_secret = (ProtobufCBinaryData){72, octets};
	c.body_case = COMMANDS__COMMAND__BODY_QUEUE_KEY;
	c.queue_key = &key;
	assert_int_equal(apply(&c), COMMAND_DONE);
	add_account(ANN, "ann@example.org");
	add_account(BOB, "bob@example.org");
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

/* Of one mail. */
struct mail {
	uint64_t account;
	size_t n;
	uint32_t per_hour, per_day;
	const char *repeat_key;
};

static uint32_t
take(const struct mail *m)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Enqueue q = COMMANDS__ENQUEUE__INIT;
	Commands__Body body = COMMANDS__BODY__INIT;
	Commands__Rcpt rcpt[RCPTS], *list[RCPTS];
	uint32_t code;

	for (size_t i = 0; i < m->n; i++) {
		commands__rcpt__init(&rcpt[i]);
		rcpt[i].address = text("x@outside.test");
		rcpt[i].stage = COMMANDS__STAGE__STAGE_ROUTE;
		list[i] = &rcpt[i];
	}
	q.rcpt = list;
	q.n_rcpt = m->n;
	body.size = body.sealed_size = 4;
	q.body = &body;
	q.sealed_key = text("key");
	q.queue_key = 1;
	q.auth_account = m->account;
	q.recipients_per_hour = m->per_hour;
	q.recipients_per_day = m->per_day;
	if (m->repeat_key) {
		q.repeat_key = text(m->repeat_key);
		q.repeat_until_sec = g.time_sec + 86400;
	}
	c.body_case = COMMANDS__COMMAND__BODY_ENQUEUE;
	c.enqueue = &q;
	g.body = 4;
	code = apply(&c);
	g.body = 0;
	return code;
}

static uint32_t
send(uint64_t account, size_t n, uint32_t per_hour, uint32_t per_day)
{
	struct mail m = {account, n, per_hour, per_day, NULL};

	return take(&m);
}

static uint64_t
sent(uint64_t account)
{
	struct db_txn *txn;
	struct sending s;

	assert_int_equal(db_begin(g.db, false, &txn), ERR_OK);
	assert_int_equal(view_sending_get(txn, account, g.time_sec, &s), ERR_OK);
	db_abort(txn);
	return sending_day(&s);
}

static uint64_t
rows(enum db_table t)
{
	struct db_cursor *cursor;
	struct db_txn *txn;
	struct slice k, v;
	uint64_t n = 0;

	assert_int_equal(db_begin(g.db, false, &txn), ERR_OK);
	assert_int_equal(db_cursor_open(txn, t, &cursor), ERR_OK);
	for (enum err e = db_seek(cursor, SLICE_EMPTY, &k, &v); !e; e = db_next(cursor, &k, &v))
		n++;
	db_cursor_close(cursor);
	db_abort(txn);
	return n;
}

static void
mail_is_taken_up_to_the_limit_of_an_hour(void **state)
{
	(void)state;
	assert_int_equal(send(ANN, 6, 10, 0), COMMAND_DONE);
	assert_int_equal(send(ANN, 5, 10, 0), COMMAND_SENDING_LIMIT);
	assert_int_equal(send(ANN, 4, 10, 0), COMMAND_DONE);
	assert_int_equal(send(ANN, 1, 10, 0), COMMAND_SENDING_LIMIT);
	g.time_sec = NOW + 3599;
	assert_int_equal(send(ANN, 1, 10, 0), COMMAND_SENDING_LIMIT);
	g.time_sec = NOW + 3600;
	assert_int_equal(send(ANN, 10, 10, 0), COMMAND_DONE);
	assert_int_equal(send(ANN, 1, 10, 0), COMMAND_SENDING_LIMIT);
	assert_int_equal(sent(ANN), 20);
}

static void
mail_is_taken_up_to_the_limit_of_a_day(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 3; i++) {
		g.time_sec = NOW + i * 3600;
		assert_int_equal(send(ANN, 5, 5, 15), COMMAND_DONE);
	}
	g.time_sec = NOW + 24 * 3600 - 1;
	assert_int_equal(send(ANN, 1, 5, 15), COMMAND_SENDING_LIMIT);
	g.time_sec = NOW + 24 * 3600;
	assert_int_equal(send(ANN, 5, 5, 15), COMMAND_DONE);
	assert_int_equal(send(ANN, 1, 0, 15), COMMAND_SENDING_LIMIT);
	assert_int_equal(send(ANN, 1, 0, 16), COMMAND_DONE);
}

static void
who_has_no_limit_is_counted_all_the_same(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(send(ANN, RCPTS, 0, 0), COMMAND_DONE);
	assert_int_equal(sent(ANN), 100 * RCPTS);
	assert_int_equal(send(ANN, 1, 100 * RCPTS, 0), COMMAND_SENDING_LIMIT);
}

static void
a_refused_mail_leaves_nothing(void **state)
{
	uint8_t before[GOLDEN_DIGEST];
	uint64_t items, payloads;

	(void)state;
	assert_int_equal(send(ANN, 5, 5, 0), COMMAND_DONE);
	memcpy(before, g.digest, sizeof before);
	items = rows(DB_ITEM);
	payloads = rows(DB_PAYLOAD);
	assert_int_equal(send(ANN, 1, 5, 0), COMMAND_SENDING_LIMIT);
	assert_memory_equal(before, g.digest, sizeof before);
	assert_int_equal(rows(DB_ITEM), items);
	assert_int_equal(rows(DB_PAYLOAD), payloads);
	assert_int_equal(sent(ANN), 5);
}

static void
others_and_who_is_not_logged_in_are_not_touched(void **state)
{
	(void)state;
	assert_int_equal(send(ANN, 5, 5, 5), COMMAND_DONE);
	assert_int_equal(send(BOB, 5, 5, 5), COMMAND_DONE);
	assert_int_equal(send(0, RCPTS, 5, 5), COMMAND_DONE);
	assert_int_equal(sent(0), 0);
	assert_int_equal(rows(DB_SENT), 2);
}

static void
a_mail_that_comes_again_is_counted_once(void **state)
{
	struct mail m = {ANN, 5, 100, 0, "same"};
	uint64_t first;

	(void)state;
	assert_int_equal(take(&m), COMMAND_DONE);
	first = g.result.id;
	assert_int_equal(take(&m), COMMAND_REPEAT);
	assert_int_equal(g.result.id, first);
	assert_int_equal(sent(ANN), 5);
	/* One that was refused isn't known: it is taken when there is room. */
	m.repeat_key = "other";
	m.per_hour = 5;
	assert_int_equal(take(&m), COMMAND_SENDING_LIMIT);
	g.time_sec += 3600;
	assert_int_equal(take(&m), COMMAND_DONE);
}

static void
the_count_goes_with_the_account(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__AccountDel del = COMMANDS__ACCOUNT_DEL__INIT;

	(void)state;
	assert_int_equal(send(ANN, 5, 5, 0), COMMAND_DONE);
	assert_int_equal(rows(DB_SENT), 1);
	del.account = ANN;
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_DEL;
	c.account_del = &del;
	assert_int_equal(apply(&c), COMMAND_DONE);
	assert_int_equal(rows(DB_SENT), 0);
}

static void
one_that_is_deleted_meanwhile_is_not_counted(void **state)
{
	(void)state;
	assert_int_equal(send(4711, 5, 1, 1), COMMAND_DONE);
	assert_int_equal(rows(DB_SENT), 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(mail_is_taken_up_to_the_limit_of_an_hour),
		T(mail_is_taken_up_to_the_limit_of_a_day),
		T(who_has_no_limit_is_counted_all_the_same),
		T(a_refused_mail_leaves_nothing),
		T(others_and_who_is_not_logged_in_are_not_touched),
		T(a_mail_that_comes_again_is_counted_once),
		T(the_count_goes_with_the_account),
		T(one_that_is_deleted_meanwhile_is_not_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
