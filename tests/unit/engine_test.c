#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/codec.h"
#include "core/rand.h"
#include "store/check.h"
#include "store/engine.h"
#include "store/raft_log.h"
#include "store/schema.h"
#include "store/vault.h"
#include "store/view_directory.h"
#include "store/view_mailbox.h"
#include "store/view_queue.h"

enum { ACCOUNT = 77 };

struct world {
	char dir[64];
	struct engine *e;
	struct arena a;
	struct seal_key key;
	uint64_t inbox, keep;
};

static struct world w;

static void
open_engine(bool create)
{
	struct engine_options opt = {
		.dir = w.dir, .create = create, .boot = rand_u64(), .log_keep_rows = w.keep};

	assert_int_equal(engine_open(&opt, &w.e), ERR_OK);
	assert_int_equal(
		engine_set_key(w.e, &w.key, create ? SLICE_LIT("wrapped") : SLICE_EMPTY),
		ERR_OK);
}

static Commands__Result *
propose(Commands__Command *c, struct slice body)
{
	Commands__Result *r = NULL;

	assert_int_equal(engine_propose_now(w.e, c, body, &w.a, &r), ERR_OK);
	return r;
}

static ProtobufCBinaryData
bytes(const char *s)
{
	return codec_bytes(slice_str(s));
}

static Commands__Result *
add_user(uint64_t account, const char *name)
{
	static uint8_t public_key[32] = {9};
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__AccountPut put = COMMANDS__ACCOUNT_PUT__INIT;
	Commands__Account record = COMMANDS__ACCOUNT__INIT;

	record.name = bytes(name);
	record.public_key = (ProtobufCBinaryData){32, public_key};
	put.account = account;
	put.record = &record;
	put.wrapped_secret = bytes("secret");
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_PUT;
	c.account_put = &put;
	return propose(&c, SLICE_EMPTY);
}

static void
read_inbox(void)
{
	Commands__Account *r;
	struct db_txn *txn;

	assert_int_equal(db_begin(engine_db(w.e), false, &txn), ERR_OK);
	assert_int_equal(view_directory_account(txn, ACCOUNT, &w.a, &r), ERR_OK);
	w.inbox = r->inbox;
	db_abort(txn);
}

static void
add_queue_key(void)
{
	static uint8_t public_key[32] = {7};
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__QueueKey key = COMMANDS__QUEUE_KEY__INIT;

	key.id = 1;
	key.public_key = (ProtobufCBinaryData){sizeof public_key, public_key};
	key.wrapped_secret = bytes("queue secret");
	c.body_case = COMMANDS__COMMAND__BODY_QUEUE_KEY;
	c.queue_key = &key;
	assert_int_equal(propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
}

static int
setup(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__DomainPut put = COMMANDS__DOMAIN_PUT__INIT;

	(void)state;
	snprintf(w.dir, sizeof w.dir, "/tmp/engine_test.XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	arena_init(&w.a, 0);
	seal_key_new(&w.key);
	open_engine(true);
	put.name = bytes("example.org");
	c.body_case = COMMANDS__COMMAND__BODY_DOMAIN_PUT;
	c.domain_put = &put;
	assert_int_equal(propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	assert_int_equal(add_user(ACCOUNT, "u0@example.org")->code, COMMAND_DONE);
	read_inbox();
	add_queue_key();
	return 0;
}

/* Whatever a test did: every invariant holds. */
static void
check_all(void)
{
	struct check *c;
	bool done = false;
	const struct check_report *r;

	assert_int_equal(check_begin(engine_db(w.e),
				 &(struct check_with){
					 &engine_log(w.e)->keys, vault_file(engine_vault(w.e))},
				 &c),
		ERR_OK);
	while (!done)
		assert_int_equal(check_step(c, 7, &done), ERR_OK);
	r = check_report(c);
	for (size_t i = 0; i < r->texts; i++)
		print_error("%s\n", r->text[i]);
	assert_int_equal(r->violations, 0);
	check_end(c);
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	check_all();
	engine_close(w.e);
	w.keep = 0;
	arena_reset(&w.a);
	snprintf(command, sizeof command, "rm -r %s", w.dir);
	return system(command);
}

/* Wrapped keys name epoch 0, which has to be logged. */
static void
log_epoch(void)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__EpochNew epoch = COMMANDS__EPOCH_NEW__INIT;

	epoch.account = ACCOUNT;
	epoch.sealed_key = bytes("sealed");
	c.body_case = COMMANDS__COMMAND__BODY_EPOCH_NEW;
	c.epoch_new = &epoch;
	assert_int_equal(propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
}

static Commands__Result *
append(const char *text)
{
	static uint8_t wrapped[SCHEMA_WRAPPED_KEY];
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Append append = COMMANDS__APPEND__INIT;
	Commands__Body body = COMMANDS__BODY__INIT;

	body.size = strlen(text);
	body.sealed_size = strlen(text);
	append.account = ACCOUNT;
	append.mailbox = w.inbox;
	append.body = &body;
	append.wrapped_key = (ProtobufCBinaryData){sizeof wrapped, wrapped};
	c.body_case = COMMANDS__COMMAND__BODY_APPEND;
	c.append = &append;
	return propose(&c, slice_str(text));
}

static Commands__Enqueue
envelope(Commands__Body *body, const char *text, Commands__Rcpt **rcpt, size_t n)
{
	Commands__Enqueue q = COMMANDS__ENQUEUE__INIT;

	commands__body__init(body);
	body->size = body->sealed_size = strlen(text);
	q.sender = bytes("a@b.test");
	q.n_rcpt = n;
	q.rcpt = rcpt;
	q.body = body;
	q.sealed_key = bytes("key");
	q.queue_key = 1;
	return q;
}

static uint64_t
count_rows(enum db_table t)
{
	struct db_txn *txn;
	struct db_cursor *c;
	struct slice k, v;
	uint64_t n = 0;

	assert_int_equal(db_begin(engine_db(w.e), false, &txn), ERR_OK);
	assert_int_equal(db_cursor_open(txn, t, &c), ERR_OK);
	for (enum err e = db_seek(c, SLICE_EMPTY, &k, &v); !e; e = db_next(c, &k, &v))
		n++;
	db_cursor_close(c);
	db_abort(txn);
	return n;
}

static void
a_user_gets_the_usual_mailboxes_and_a_second_one_is_refused(void **state)
{
	(void)state;
	assert_int_equal(count_rows(DB_MAILBOX), 6);
	assert_int_equal(add_user(ACCOUNT + 1, "u0@example.org")->code, COMMAND_EXISTS);
	assert_int_equal(count_rows(DB_ACCOUNT), 1);
	assert_int_equal(add_user(ACCOUNT + 1, "u0@elsewhere.org")->code, COMMAND_INVALID);
}

static void
an_appended_message_is_there_after_reopening_with_its_body(void **state)
{
	struct schema_message m;
	struct db_txn *txn;
	struct view_mailbox_part part;
	Commands__Result *r = append("before its epoch");

	(void)state;
	assert_int_equal(r->code, COMMAND_NO_EPOCH);
	log_epoch();
	r = append("hello body");
	assert_int_equal(r->code, COMMAND_DONE);
	assert_int_equal(r->uid[0], 1);
	engine_close(w.e);
	open_engine(false);
	assert_int_equal(append("next")->uid[0], 2);
	assert_int_equal(db_begin(engine_db(w.e), false, &txn), ERR_OK);
	assert_int_equal(view_mailbox_message(txn, w.inbox, 1, &m), ERR_OK);
	assert_int_equal(view_mailbox_part(txn, m.payload, 0, &w.a, &part), ERR_OK);
	assert_true(part.is_last);
	assert_slice(part.sealed, "hello body");
	db_abort(txn);
}

static void
an_append_whose_body_is_not_as_announced_is_refused_and_freed(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Enqueue q;
	Commands__Body body;
	Commands__Rcpt rcpt = COMMANDS__RCPT__INIT, *list[] = {&rcpt};

	(void)state;
	engine_close(w.e);
	w.keep = 100;
	open_engine(false);
	q = envelope(&body, "abc", list, 1);
	c.body_case = COMMANDS__COMMAND__BODY_ENQUEUE;
	c.enqueue = &q;
	assert_int_equal(propose(&c, SLICE_LIT("abcd"))->code, COMMAND_INVALID);
	assert_int_equal(count_rows(DB_PAYLOAD), 0);
	assert_int_equal(count_rows(DB_GARBAGE), 1);
	assert_int_equal(engine_compact(w.e, NULL), ERR_OK);
	assert_int_equal(count_rows(DB_BODY), 0);
	assert_int_equal(count_rows(DB_GARBAGE), 0);
}

static Commands__Result *
step(uint64_t item, Commands__RcptStep *one)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Step s = COMMANDS__STEP__INIT;

	s.item = item;
	s.epoch = 1;
	s.n_step = 1;
	s.step = &one;
	c.body_case = COMMANDS__COMMAND__BODY_STEP;
	c.step = &s;
	return propose(&c, SLICE_EMPTY);
}

static void
a_delivery_happens_once_however_often_it_is_proposed(void **state)
{
	static uint8_t wrapped[SCHEMA_WRAPPED_KEY];
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Enqueue q;
	Commands__Body body;
	Commands__Rcpt a = COMMANDS__RCPT__INIT, b = COMMANDS__RCPT__INIT, *list[] = {&a, &b};
	Commands__RcptStep one = COMMANDS__RCPT_STEP__INIT;
	Commands__Delivery d = COMMANDS__DELIVERY__INIT;
	Commands__Result *r;
	uint64_t item;

	(void)state;
	log_epoch();
	a.address = bytes("u0@example.org");
	a.account = ACCOUNT;
	a.stage = COMMANDS__STAGE__STAGE_DELIVER;
	b.address = bytes("x@outside.test");
	b.stage = COMMANDS__STAGE__STAGE_RELAY;
	b.hop = codec_bytes(slice_str("smtp:outside.test"));
	q = envelope(&body, "text", list, 2);
	q.repeat_key = bytes("repeat");
	q.repeat_until_sec = UINT64_C(1) << 40;
	c.body_case = COMMANDS__COMMAND__BODY_ENQUEUE;
	c.enqueue = &q;
	r = propose(&c, SLICE_LIT("text"));
	assert_int_equal(r->code, COMMAND_DONE);
	item = r->id;
	r = propose(&c, SLICE_LIT("text"));
	assert_int_equal(r->code, COMMAND_REPEAT);
	assert_int_equal(r->id, item);
	/* The delivery, and the deadline of the one that waits for its hop. */
	assert_int_equal(count_rows(DB_DUE), 2);

	d.account = ACCOUNT;
	d.wrapped_key = (ProtobufCBinaryData){sizeof wrapped, wrapped};
	one.delivery = &d;
	r = step(item, &one);
	assert_int_equal(r->step_code[0], COMMAND_DONE);
	assert_int_equal(r->uid[0], 1);
	r = step(item, &one);
	assert_int_equal(r->step_code[0], COMMAND_STALE);
	assert_int_equal(count_rows(DB_MESSAGE), 1);
	assert_int_equal(count_rows(DB_DUE), 1);
	assert_int_equal(count_rows(DB_ITEM), 1);
	one.rcpt = 1;
	one.outcome = COMMANDS__OUTCOME__OUTCOME_FAIL;
	assert_int_equal(step(item, &one)->step_code[0], COMMAND_DONE);
	assert_int_equal(count_rows(DB_ITEM), 0);
	assert_int_equal(count_rows(DB_RCPT), 0);
	assert_int_equal(count_rows(DB_PAYLOAD), 1);
}

static void
a_circle_of_aliases_ends_and_nobody_is_reached_twice(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Enqueue q;
	Commands__Body body;
	Commands__Rcpt a = COMMANDS__RCPT__INIT, b = COMMANDS__RCPT__INIT,
		       x = COMMANDS__RCPT__INIT, y = COMMANDS__RCPT__INIT, *list[] = {&a, &b},
		       *into[] = {&x, &y, &x};
	Commands__RcptStep one = COMMANDS__RCPT_STEP__INIT;
	uint64_t item;

	(void)state;
	a.address = bytes("one@example.org");
	b.address = bytes("two@example.org");
	a.stage = b.stage = COMMANDS__STAGE__STAGE_ROUTE;
	q = envelope(&body, "text", list, 2);
	c.body_case = COMMANDS__COMMAND__BODY_ENQUEUE;
	c.enqueue = &q;
	item = propose(&c, SLICE_LIT("text"))->id;
	x.account = ACCOUNT;
	x.stage = COMMANDS__STAGE__STAGE_DELIVER;
	y = b;
	one.outcome = COMMANDS__OUTCOME__OUTCOME_EXPAND;
	one.n_into = 3;
	one.into = into;
	assert_int_equal(step(item, &one)->step_code[0], COMMAND_DONE);
	assert_int_equal(count_rows(DB_RCPT), 3);
	one.rcpt = 1;
	y = a;
	assert_int_equal(step(item, &one)->step_code[0], COMMAND_DONE);
	assert_int_equal(count_rows(DB_RCPT), 3);
	assert_int_equal(count_rows(DB_DUE), 1);
}

static Commands__Result *
flags(uint32_t mode, uint32_t bits, uint64_t unchanged_since)
{
	static uint32_t first = 1, last = UINT32_MAX;
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__FlagsStore s = COMMANDS__FLAGS_STORE__INIT;
	Commands__Uids uids = COMMANDS__UIDS__INIT;

	uids.n_first = uids.n_last = 1;
	uids.first = &first;
	uids.last = &last;
	s.mailbox = w.inbox;
	s.uids = &uids;
	s.mode = mode;
	s.flags = bits;
	s.unchanged_since = unchanged_since;
	c.body_case = COMMANDS__COMMAND__BODY_FLAGS_STORE;
	c.flags_store = &s;
	return propose(&c, SLICE_EMPTY);
}

static void
flags_change_once_and_expunge_takes_only_the_deleted(void **state)
{
	static uint32_t first = 1, last = UINT32_MAX;
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Expunge x = COMMANDS__EXPUNGE__INIT;
	Commands__Uids uids = COMMANDS__UIDS__INIT;
	Commands__Result *r;
	uint64_t modseq;

	(void)state;
	log_epoch();
	append("one");
	r = flags(1, SCHEMA_DELETED, 0);
	modseq = r->modseq;
	assert_int_equal(r->n_uid, 1);
	assert_int_equal(flags(1, SCHEMA_DELETED, 0)->modseq, 0);
	append("two");
	r = flags(1, SCHEMA_SEEN, modseq - 1 + 1);
	assert_int_equal(r->n_refused_uid, 2);
	assert_false(flags(1, SCHEMA_SEEN, 0)->overtaken);
	uids.n_first = uids.n_last = 1;
	uids.first = &first;
	uids.last = &last;
	x.mailbox = w.inbox;
	x.uids = &uids;
	c.body_case = COMMANDS__COMMAND__BODY_EXPUNGE;
	c.expunge = &x;
	r = propose(&c, SLICE_EMPTY);
	assert_int_equal(r->n_uid, 1);
	assert_int_equal(r->uid[0], 1);
	assert_int_equal(count_rows(DB_MESSAGE), 1);
	assert_int_equal(count_rows(DB_BODY), 1);
	assert_int_equal(append("three")->uid[0], 3);
}

static void
a_deleted_account_leaves_nothing_after_the_sweep(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__AccountDel d = COMMANDS__ACCOUNT_DEL__INIT;
	static const enum db_table gone[] = {DB_ACCOUNT, DB_ADDRESS, DB_MAILBOX,
		DB_MAILBOX_NAME, DB_MESSAGE, DB_CHANGE, DB_PAYLOAD, DB_SWEEP};
	bool more;

	(void)state;
	log_epoch();
	append("one");
	append("two");
	d.account = ACCOUNT;
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_DEL;
	c.account_del = &d;
	assert_int_equal(propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	assert_int_equal(count_rows(DB_VAULT), 1); /* the queue's */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(engine_tend(w.e), ERR_OK);
		assert_int_equal(engine_turn(w.e, &more), ERR_OK);
	}
	for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
		assert_int_equal(count_rows(gone[i]), 0);
	assert_int_equal(engine_compact(w.e, NULL), ERR_OK);
	assert_int_equal(count_rows(DB_BODY), 0);
}

static void
take_body_from_a_file(uint32_t size)
{
	static uint8_t wrapped[SCHEMA_WRAPPED_KEY];
	FILE *f = tmpfile();
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Append append = COMMANDS__APPEND__INIT;
	Commands__Body body = COMMANDS__BODY__INIT;
	struct engine_proposal p = {.fd_size = size};
	struct db_txn *txn;
	struct slice k, v;
	struct view_mailbox_part part = {.is_last = false};
	uint64_t got = 0;
	bool more = true;

	log_epoch();
	for (uint32_t i = 0; i < size / 4; i++)
		assert_int_equal(fwrite(&i, 4, 1, f), 1);
	fflush(f);
	body.size = body.sealed_size = size;
	append.account = ACCOUNT;
	append.mailbox = w.inbox;
	append.body = &body;
	append.wrapped_key = (ProtobufCBinaryData){sizeof wrapped, wrapped};
	c.body_case = COMMANDS__COMMAND__BODY_APPEND;
	c.append = &append;
	p.command = codec_pack(&c, &w.a);
	p.fd = dup(fileno(f));
	assert_int_equal(engine_propose(w.e, &p), ERR_OK);
	while (more)
		assert_int_equal(engine_turn(w.e, &more), ERR_OK);
	fclose(f);
	assert_int_equal(count_rows(DB_UPLOAD), 0);
	assert_int_equal(db_begin(engine_db(w.e), false, &txn), ERR_OK);
	assert_int_equal(db_first_from(txn, DB_PAYLOAD, SLICE_EMPTY, &k, &v), ERR_OK);
	for (uint32_t n = 0; !part.is_last; n++) {
		assert_int_equal(
			view_mailbox_part(txn, schema_get_u64(k.p), n, &w.a, &part), ERR_OK);
		for (size_t i = 0; i < part.sealed.n; i += 4) {
			uint32_t word = (uint32_t)((got + i) / 4);

			assert_memory_equal(part.sealed.p + i, &word, 4);
		}
		got += part.sealed.n;
	}
	assert_int_equal(got, size);
	db_abort(txn);
}

static void
a_body_from_a_file_goes_in_by_chunks_and_comes_back_whole(void **state)
{
	(void)state;
	take_body_from_a_file(1500000);
}

static void
the_last_chunk_of_a_body_may_be_small(void **state)
{
	(void)state;
	take_body_from_a_file(2 * SCHEMA_ENTRY_BODY_MAX + SCHEMA_INLINE_MAX - 4);
}

static void
a_queue_id_reads_back_in_either_case(void **state)
{
	static const uint64_t ids[] = {1, 31, 32, 123456789, UINT64_MAX >> 4};
	char text[VIEW_QUEUE_ID_MAX];
	uint64_t id;

	(void)state;
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		view_queue_id_format(ids[i], text);
		assert_true(strlen(text) >= 6);
		assert_true(view_queue_id_parse(slice_str(text), &id));
		assert_int_equal(id, ids[i]);
	}
	assert_true(view_queue_id_parse(SLICE_LIT("00000a"), &id));
	assert_false(view_queue_id_parse(SLICE_LIT("00000I"), &id));
	assert_false(view_queue_id_parse(SLICE_LIT(""), &id));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_user_gets_the_usual_mailboxes_and_a_second_one_is_refused),
		T(an_appended_message_is_there_after_reopening_with_its_body),
		T(an_append_whose_body_is_not_as_announced_is_refused_and_freed),
		T(a_delivery_happens_once_however_often_it_is_proposed),
		T(a_circle_of_aliases_ends_and_nobody_is_reached_twice),
		T(flags_change_once_and_expunge_takes_only_the_deleted),
		T(a_deleted_account_leaves_nothing_after_the_sweep),
		T(a_body_from_a_file_goes_in_by_chunks_and_comes_back_whole),
		T(the_last_chunk_of_a_body_may_be_small),
		cmocka_unit_test(a_queue_id_reads_back_in_either_case),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
