#include <dlfcn.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/raft_meta.h"
#include "tests/store_world.h"

/* --- faults: the vault alone fails --- */

static struct {
	int write_in, sync_in;
} fault;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static bool
hits(int *countdown)
{
	errno = EIO;
	return *countdown > 0 && --*countdown == 0;
}

static bool
is_vault(int fd)
{
	struct stat a, b;
	char path[100];

	snprintf(path, sizeof path, "%s/secrets", world.dir);
	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino;
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (is_vault(fd) && hits(&fault.write_in)) {
		/* Torn: its first half gets there. */
		assert_int_equal(REAL(pwrite)(fd, p, n / 2, at), n / 2);
		return -1;
	}
	return REAL(pwrite)(fd, p, n, at);
}

int
fdatasync(int fd)
{
	return is_vault(fd) && hits(&fault.sync_in) ? -1 : REAL(fdatasync)(fd);
}

/* --- what is proposed --- */

static enum err
propose(Commands__Command *c)
{
	struct engine_proposal p = {.command = codec_pack(c, &world.a), .fd = -1};
	bool more = true;
	enum err e = ERR_OK;

	assert_int_equal(engine_propose(world.e, &p), ERR_OK);
	while (more && !e)
		e = engine_turn(world.e, &more);
	return e;
}

static const char *
secret_of(uint64_t account)
{
	return arena_str(
		&world.a, slice_str(account == 1 ? "the first secret of all of them"
						 : "another secret that is to be kept"));
}

static enum err
add(uint64_t account)
{
	static uint8_t public_key[32] = {9};
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__AccountPut put = COMMANDS__ACCOUNT_PUT__INIT;
	Commands__Account record = COMMANDS__ACCOUNT__INIT;
	char name[40];

	snprintf(name, sizeof name, "u%llu@example.org", (unsigned long long)account);
	record.name = world_bytes(arena_str(&world.a, slice_str(name)));
	record.public_key = (ProtobufCBinaryData){32, public_key};
	put.account = account;
	put.record = &record;
	put.wrapped_secret = world_bytes(secret_of(account));
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_PUT;
	c.account_put = &put;
	return propose(&c);
}

static enum err
drop(uint64_t account)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__AccountDel del = COMMANDS__ACCOUNT_DEL__INIT;

	del.account = account;
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_DEL;
	c.account_del = &del;
	return propose(&c);
}

/* --- what is there then --- */

static bool
has_key(uint64_t account)
{
	struct vault_row row;
	uint64_t at;

	if (vault_image_find(
		    vault_file(engine_vault(world.e)), VAULT_ACCOUNT, account, &at, &row))
		return false;
	assert_true(slice_eq(slice_of(row.secret, row.n), slice_str(secret_of(account))));
	return true;
}

static bool
file_has(const char *name, const char *text)
{
	char path[100];
	struct stat st;
	uint8_t *all;
	bool found;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", world.dir, name);
	f = fopen(path, "rb");
	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	all = malloc((size_t)st.st_size);
	assert_int_equal(fread(all, 1, (size_t)st.st_size, f), st.st_size);
	fclose(f);
	found = memmem(all, (size_t)st.st_size, text, strlen(text)) != NULL;
	free(all);
	return found;
}

/* cp: of the world's folder, to or from a place aside. */
static void
copy(const char *from, const char *to)
{
	char command[300];

	snprintf(command, sizeof command, "cd %s && cp %s %s", world.dir, from, to);
	assert_int_equal(system(command), 0);
}

static void
a_secret_is_in_the_vault_and_not_in_the_database_until_its_account_goes(void **state)
{
	(void)state;
	assert_int_equal(add(1), ERR_OK);
	assert_int_equal(add(2), ERR_OK);
	assert_true(has_key(1) && has_key(2));
	assert_true(file_has("secrets", secret_of(1)));
	assert_false(file_has("data.mdb", secret_of(1)));
	assert_int_equal(world_violations(false), 0);
	assert_int_equal(drop(1), ERR_OK);
	assert_false(has_key(1));
	assert_true(has_key(2));
	assert_false(file_has("secrets", secret_of(1)));
	assert_int_equal(world_violations(false), 0);
	world_reopen();
	assert_true(has_key(2));
	assert_int_equal(world_violations(false), 0);
}

/* The database has it, the vault hasn't: the log, of which no row is kept otherwise, has it
 * too. */
static void
what_a_crash_kept_from_the_vault_is_done_in_the_next_life(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		fault.write_in = i == 0;
		fault.sync_in = i == 1;
		assert_int_equal(add(1), ERR_IO);
		memset(&fault, 0, sizeof fault);
		assert_int_equal(add(2), ERR_IO); /* it goes no further */
		world_reopen();
		assert_true(has_key(1));
		assert_false(has_key(2));
		assert_int_equal(world_violations(false), 0);
		fault.write_in = i == 0;
		fault.sync_in = i == 1;
		assert_int_equal(drop(1), ERR_IO);
		memset(&fault, 0, sizeof fault);
		world_reopen();
		assert_false(has_key(1));
		assert_false(file_has("secrets", secret_of(1)));
		assert_int_equal(world_violations(false), 0);
	}
}

/* A private key goes the same way. */
static enum err
key_put(uint64_t id)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__KeyPut put = COMMANDS__KEY_PUT__INIT;
	Commands__Key record = COMMANDS__KEY__INIT;

	put.id = id;
	put.record = &record;
	put.wrapped_secret = world_bytes(secret_of(id));
	record.kind = COMMANDS__KEY__KIND__SMIME;
	record.address = world_bytes("u0@example.org");
	record.public_key = record.sealed = world_bytes("octets of it");
	c.body_case = COMMANDS__COMMAND__BODY_KEY_PUT;
	c.key_put = &put;
	return propose(&c);
}

static enum err
key_del(uint64_t id)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__KeyDel del = COMMANDS__KEY_DEL__INIT;

	del.id = id;
	c.body_case = COMMANDS__COMMAND__BODY_KEY_DEL;
	c.key_del = &del;
	return propose(&c);
}

static bool
has_private_key(uint64_t id)
{
	struct vault_row row;
	uint64_t at;

	return !vault_image_find(vault_file(engine_vault(world.e)), VAULT_KEY, id, &at, &row);
}

static void
a_crash_keeps_no_private_key_and_no_deletion_of_one_from_the_vault(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		fault.write_in = i == 0;
		fault.sync_in = i == 1;
		assert_int_equal(key_put(1), ERR_IO);
		memset(&fault, 0, sizeof fault);
		world_reopen();
		assert_true(has_private_key(1));
		assert_true(file_has("secrets", secret_of(1)));
		assert_false(file_has("data.mdb", secret_of(1)));
		assert_int_equal(world_violations(false), 0);
		fault.write_in = i == 0;
		fault.sync_in = i == 1;
		assert_int_equal(key_del(1), ERR_IO);
		memset(&fault, 0, sizeof fault);
		world_reopen();
		assert_false(has_private_key(1));
		assert_false(file_has("secrets", secret_of(1)));
		assert_int_equal(world_violations(false), 0);
	}
}

static void
an_older_database_leaves_the_keys_of_the_newer_one_alone(void **state)
{
	(void)state;
	assert_int_equal(add(1), ERR_OK);
	engine_close(world.e);
	copy("data.mdb", "older");
	world_open(false);
	assert_int_equal(drop(1), ERR_OK);
	assert_int_equal(add(2), ERR_OK);
	engine_close(world.e);
	copy("data.mdb", "newer");
	copy("older", "data.mdb");
	world_open(false);
	/* Account 1 is back, its key is not: that is what deleting was for. */
	assert_false(has_key(1));
	assert_true(has_key(2));
	assert_true(world_violations(true) > 0);
	engine_close(world.e);
	copy("newer", "data.mdb");
	world_open(false);
	assert_true(has_key(2));
	assert_int_equal(world_violations(false), 0);
}

static void
an_older_vault_is_found_out_and_gives_no_deleted_key_back(void **state)
{
	(void)state;
	assert_int_equal(add(1), ERR_OK);
	copy("secrets", "older");
	assert_int_equal(drop(1), ERR_OK);
	assert_int_equal(add(2), ERR_OK);
	engine_close(world.e);
	copy("secrets", "newer");
	copy("older", "secrets");
	world_open(false);
	assert_false(has_key(1));
	assert_false(file_has("secrets", secret_of(1)));
	assert_false(has_key(2));
	assert_int_equal(world_violations(true), 1);
	engine_close(world.e);
	copy("newer", "secrets");
	world_open(false);
	assert_int_equal(world_violations(false), 0);
}

static void
without_its_vault_a_database_is_not_opened(void **state)
{
	(void)state;
	engine_close(world.e);
	copy("secrets", "aside");
	copy("/dev/null", "secrets");
	world.opt.create = false;
	assert_int_equal(engine_open(&world.opt, &world.e), ERR_CORRUPT);
	copy("aside", "secrets && rm secrets");
	assert_int_equal(engine_open(&world.opt, &world.e), ERR_NOT_FOUND);
	copy("aside", "secrets");
	world_open(false);
	assert_int_equal(world_violations(false), 0);
}

static void
a_damaged_or_a_stray_key_is_found_out(void **state)
{
	const struct vault *ours = engine_vault(world.e);
	struct vault_row row;
	uint64_t at;
	char command[200];

	(void)state;
	assert_int_equal(
		vault_image_find(vault_file(ours), VAULT_ACCOUNT, WORLD_ACCOUNT, &at, &row),
		ERR_OK);
	snprintf(command, sizeof command,
		"printf '\\377' | dd of=%s/secrets bs=1 seek=%llu conv=notrunc status=none",
		world.dir, (unsigned long long)(at + 1) * VAULT_IMAGE_SLOT + 30);
	assert_int_equal(system(command), 0);
	assert_int_equal(world_violations(true), 2); /* damaged, and missing */
	row.secret[0] ^= 1;
	assert_int_equal(vault_put((struct vault *)(uintptr_t)ours, &row), ERR_OK);
	assert_int_equal(world_violations(true), 2); /* damaged, and another one */
}

/* --- the log moves on --- */

static size_t
log_keys(void)
{
	struct vault_row row;
	uint64_t at = 0;
	size_t n = 0;

	while (vault_image_next(vault_file(engine_vault(world.e)), &at, &row))
		n += row.kind == VAULT_LOG;
	return n;
}

static void
a_compaction_moves_the_log_on_and_nothing_opens_what_it_held(void **state)
{
	struct seal_key old[2];
	struct slice command;
	struct raft_log then;
	struct db_options how = {.read_only = true, .file = "older"};
	struct db_txn *txn;
	struct vault_row row;
	uint64_t at = 0, term, opened = 0, clear = 0;
	struct db *older;

	(void)state;
	world.opt.log_keep_rows = 1000;
	world_reopen();
	assert_int_equal(add(1), ERR_OK);
	copy("data.mdb", "older");
	old[0] = engine_log(world.e)->keys.key[0].key;
	assert_int_equal(engine_compact(world.e, world_next_key()), ERR_OK);
	assert_int_equal(log_keys(), 1);
	assert_int_equal(engine_log(world.e)->keys.n, 1);
	old[1] = engine_log(world.e)->keys.key[0].key;
	assert_memory_not_equal(&old[0], &old[1], sizeof old[0]);
	assert_int_equal(add(2), ERR_OK);
	assert_int_equal(world_violations(false), 0);
	/* The entries that a copy of before still has: open to its key, to no key of today. */
	memset(&then, 0, sizeof then);
	assert_int_equal(db_open(&older, world.dir, &how), ERR_OK);
	assert_int_equal(db_begin(older, false, &txn), ERR_OK);
	assert_int_equal(raft_meta_load(&then, txn, NULL), ERR_OK);
	/* No-ops are in the clear. */
	for (uint64_t i = then.first; i <= then.last; i++)
		clear += raft_log_read(&then, txn, i, &term, &command) == ERR_OK;
	for (int key = 0; key < 2; key++) {
		raft_log_drop_keys(&then, 0);
		raft_log_add_key(&then, 0, &old[key]);
		for (uint64_t i = then.first; i <= then.last; i++)
			opened += raft_log_read(&then, txn, i, &term, &command) == ERR_OK;
		assert_int_equal(opened, then.last - then.first + 1 + clear * (uint64_t)key);
	}
	raft_log_fini(&then);
	db_abort(txn);
	db_close(older);
	while (vault_image_next(vault_file(engine_vault(world.e)), &at, &row))
		assert_memory_not_equal(row.secret, &old[0], sizeof old[0]);
	world_reopen();
	assert_int_equal(world_violations(false), 0);
}

/* The key's own entry is sealed under the one before it. */
static void
a_new_log_key_that_a_crash_kept_from_the_vault_is_taken_from_the_log(void **state)
{
	(void)state;
	for (int i = 0; i < RAFT_LOG_KEYS + 4; i++) {
		fault.write_in = i % 2 == 0;
		fault.sync_in = i % 2 == 1;
		assert_int_equal(engine_compact(world.e, world_next_key()), ERR_IO);
		memset(&fault, 0, sizeof fault);
		world_reopen();
		assert_int_equal(world_violations(false), 0);
		assert_int_equal(add(10 + (unsigned)i), ERR_OK);
		assert_int_equal(world_violations(false), 0);
	}
	assert_int_equal(engine_compact(world.e, world_next_key()), ERR_OK);
	assert_int_equal(log_keys(), 1);
	assert_int_equal(world_violations(false), 0);
}

static void
nobody_else_may_move_the_log_on(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Rekey rekey = COMMANDS__REKEY__INIT;
	Commands__Result *r;

	(void)state;
	rekey.wrapped_key = world_bytes("a key of somebody's own");
	c.body_case = COMMANDS__COMMAND__BODY_REKEY;
	c.rekey = &rekey;
	assert_int_equal(
		engine_propose_now(world.e, &c, SLICE_EMPTY, &world.a, &r), ERR_DENIED);
	assert_int_equal(log_keys(), 1);
}

static void
a_vault_that_lacks_the_newest_log_key_wants_a_new_one(void **state)
{
	struct buf wrapped;

	(void)state;
	copy("secrets", "older");
	assert_int_equal(engine_compact(world.e, world_next_key()), ERR_OK);
	engine_close(world.e);
	copy("older", "secrets");
	world.opt.create = false;
	world.opt.boot = rand_u64();
	assert_int_equal(engine_open(&world.opt, &world.e), ERR_OK);
	assert_int_equal(engine_set_key(world.e, &world.key, SLICE_EMPTY), ERR_OK);
	assert_false(engine_is_ready(world.e));
	buf_init(&wrapped, 32);
	assert_int_equal(engine_wrapped_key(world.e, &wrapped), ERR_NOT_FOUND);
	buf_fini(&wrapped);
	seal_key_new(&world.key);
	assert_int_equal(
		engine_set_key(world.e, &world.key, slice_of(world.key.b, sizeof world.key.b)),
		ERR_OK);
	assert_true(engine_is_ready(world.e));
	assert_int_equal(add(1), ERR_OK);
	world_reopen();
	assert_true(has_key(1));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(a_secret_is_in_the_vault_and_not_in_the_database_until_its_account_goes),
		T(what_a_crash_kept_from_the_vault_is_done_in_the_next_life),
		T(a_crash_keeps_no_private_key_and_no_deletion_of_one_from_the_vault),
		T(an_older_database_leaves_the_keys_of_the_newer_one_alone),
		T(an_older_vault_is_found_out_and_gives_no_deleted_key_back),
		T(without_its_vault_a_database_is_not_opened),
		T(a_damaged_or_a_stray_key_is_found_out),
		T(a_compaction_moves_the_log_on_and_nothing_opens_what_it_held),
		T(a_new_log_key_that_a_crash_kept_from_the_vault_is_taken_from_the_log),
		T(nobody_else_may_move_the_log_on),
		T(a_vault_that_lacks_the_newest_log_key_wants_a_new_one),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
