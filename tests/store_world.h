/* store_world: a database in a new folder, an engine over it, one domain, one user: what the
 * tests of the store start from. */
#ifndef TESTS_STORE_WORLD_H
#define TESTS_STORE_WORLD_H

#include <stdio.h>
#include <stdlib.h>

#include "core/codec.h"
#include "core/rand.h"
#include "store/check.h"
#include "store/engine.h"
#include "store/raft_log.h"
#include "store/schema.h"
#include "store/vault.h"
#include "store/view_directory.h"
#include "tests/test.h"

enum { WORLD_ACCOUNT = 77 };

static struct {
	char dir[64];
	struct engine *e;
	struct arena a;
	struct seal_key key;
	uint64_t inbox, keep_rows; /* keep_rows: for world_setup */
	struct engine_options opt;
} world;

static inline ProtobufCBinaryData
world_bytes(const char *s)
{
	return codec_bytes(slice_str(s));
}

/* Gives an engine the log keys that it wants; there is no keyd here: a key's wrapped form is
 * the key itself. */
static inline void
world_give_keys(struct engine *e)
{
	struct seal_key key;
	struct buf wrapped;

	while (!engine_is_ready(e)) {
		buf_init(&wrapped, sizeof key.b);
		assert_int_equal(engine_wrapped_key(e, &wrapped), ERR_OK);
		memcpy(key.b, wrapped.p, sizeof key.b);
		buf_fini(&wrapped);
		assert_int_equal(engine_set_key(e, &key, SLICE_EMPTY), ERR_OK);
	}
}

/* world.opt holds what differs from nothing; dir, create and boot are set here. */
static inline void
world_open(bool create)
{
	world.opt.dir = world.dir;
	world.opt.create = create;
	world.opt.boot = rand_u64();
	assert_int_equal(engine_open(&world.opt, &world.e), ERR_OK);
	if (create)
		assert_int_equal(engine_set_key(world.e, &world.key,
					 slice_of(world.key.b, sizeof world.key.b)),
			ERR_OK);
	world_give_keys(world.e);
}

/* A log key for a compaction to move on to. */
static inline struct engine_log_key *
world_next_key(void)
{
	struct engine_log_key *next = arena_alloc(&world.a, sizeof *next);

	seal_key_new(&next->key);
	next->wrapped = slice_of(next->key.b, sizeof next->key.b);
	return next;
}

static inline void
world_reopen(void)
{
	engine_close(world.e);
	world_open(false);
}

static inline Commands__Result *
world_propose(Commands__Command *c, struct slice body)
{
	Commands__Result *r = NULL;

	assert_int_equal(engine_propose_now(world.e, c, body, &world.a, &r), ERR_OK);
	return r;
}

static inline void
world_add_user(void)
{
	static uint8_t public_key[32] = {9};
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__DomainPut domain = COMMANDS__DOMAIN_PUT__INIT;
	Commands__AccountPut put = COMMANDS__ACCOUNT_PUT__INIT;
	Commands__Account record = COMMANDS__ACCOUNT__INIT, *r;
	Commands__EpochNew epoch = COMMANDS__EPOCH_NEW__INIT;
	struct db_txn *txn;

	domain.name = world_bytes("example.org");
	c.body_case = COMMANDS__COMMAND__BODY_DOMAIN_PUT;
	c.domain_put = &domain;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	record.name = world_bytes("u0@example.org");
	record.public_key = (ProtobufCBinaryData){32, public_key};
	put.account = WORLD_ACCOUNT;
	put.record = &record;
	put.wrapped_secret = world_bytes("the wrapped secret of the account");
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_PUT;
	c.account_put = &put;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	epoch.account = WORLD_ACCOUNT;
	epoch.epoch = 1;
	epoch.sealed_key = world_bytes("sealed epoch key");
	c.body_case = COMMANDS__COMMAND__BODY_EPOCH_NEW;
	c.epoch_new = &epoch;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(view_directory_account(txn, WORLD_ACCOUNT, &world.a, &r), ERR_OK);
	world.inbox = r->inbox;
	db_abort(txn);
}

/* queue_key: the id that Enqueue names. */
static inline Commands__Result *
world_queue_key(uint64_t id, Commands__QueueKey__Verb verb)
{
	static uint8_t public_key[SCHEMA_PUBLIC_KEY] = {7};
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__QueueKey key = COMMANDS__QUEUE_KEY__INIT;

	key.id = id;
	key.verb = verb;
	if (verb == COMMANDS__QUEUE_KEY__VERB__MAKE) {
		key.public_key = (ProtobufCBinaryData){sizeof public_key, public_key};
		key.wrapped_secret = world_bytes("the wrapped secret of a queue key");
	}
	c.body_case = COMMANDS__COMMAND__BODY_QUEUE_KEY;
	c.queue_key = &key;
	return world_propose(&c, SLICE_EMPTY);
}

static inline int
world_setup(void **state)
{
	(void)state;
	snprintf(world.dir, sizeof world.dir, "/tmp/store_test.XXXXXX");
	assert_non_null(mkdtemp(world.dir));
	arena_init(&world.a, 0);
	seal_key_new(&world.key);
	world.opt = (struct engine_options){.log_keep_rows = world.keep_rows};
	world_open(true);
	world_add_user();
	assert_int_equal(
		world_queue_key(1, COMMANDS__QUEUE_KEY__VERB__MAKE)->code, COMMAND_DONE);
	return 0;
}

/* The violations that a check of the open engine's database finds; said if there should be
 * none. */
static inline uint64_t
world_violations_of(const struct raft_log_keys *keys, bool expected)
{
	struct check *c;
	bool done = false;
	struct check_with with = {keys, vault_file(engine_vault(world.e))};
	uint64_t n;

	assert_int_equal(check_begin(engine_db(world.e), &with, &c), ERR_OK);
	while (!done)
		assert_int_equal(check_step(c, 9, &done), ERR_OK);
	n = check_report(c)->violations;
	for (size_t i = 0; !expected && i < check_report(c)->texts; i++)
		print_error("%s\n", check_report(c)->text[i]);
	check_end(c);
	return n;
}

static inline uint64_t
world_violations(bool expected)
{
	return world_violations_of(&engine_log(world.e)->keys, expected);
}

static inline int
world_teardown(void **state)
{
	char command[128];

	(void)state;
	engine_close(world.e);
	arena_reset(&world.a);
	snprintf(command, sizeof command, "rm -r %s", world.dir);
	return system(command);
}

/* The command of an APPEND of size sealed octets, packed; lives in world.a. */
static inline struct slice
world_append_command(uint64_t size)
{
	static uint8_t wrapped[SCHEMA_WRAPPED_KEY];
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Append append = COMMANDS__APPEND__INIT;
	Commands__Body body = COMMANDS__BODY__INIT;

	body.size = body.sealed_size = size;
	append.account = WORLD_ACCOUNT;
	append.mailbox = world.inbox;
	append.body = &body;
	append.epoch = 1;
	append.wrapped_key = (ProtobufCBinaryData){sizeof wrapped, wrapped};
	c.body_case = COMMANDS__COMMAND__BODY_APPEND;
	c.append = &append;
	return codec_pack(&c, &world.a);
}

static inline uint64_t
world_count(enum db_table t)
{
	struct db_txn *txn;
	struct db_cursor *c;
	struct slice k, v;
	uint64_t n = 0;

	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(db_cursor_open(txn, t, &c), ERR_OK);
	for (enum err e = db_seek(c, SLICE_EMPTY, &k, &v); !e; e = db_next(c, &k, &v))
		n++;
	db_cursor_close(c);
	db_abort(txn);
	return n;
}

#endif
