/* backup, restore_log and the copy that is made from outside of the store. */
#include "store/backup.h"

#include <sys/stat.h>
#include <unistd.h>

#include "store/compact.h"
#include "store/raft_meta.h"
#include "store/restore.h"
#include "store/restore_log.h"
#include "tests/store_world.h"

static char folder[100], vault[100];

static int
setup(void **state)
{
	world_setup(state);
	world.opt.log_keep_rows = 1000;
	world_reopen();
	snprintf(folder, sizeof folder, "%s/copies", world.dir);
	snprintf(vault, sizeof vault, "%s/vault", world.dir);
	assert_int_equal(mkdir(folder, 0700), 0);
	return 0;
}

static void
turn(void)
{
	bool more = true;

	while (more)
		assert_int_equal(engine_turn(world.e, &more), ERR_OK);
}

static void
append(uint32_t n, size_t size)
{
	static uint8_t body[SCHEMA_ENTRY_BODY_MAX];
	struct engine_proposal p = {.body = slice_of(body, size), .fd = -1};

	p.command = world_append_command(size);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(engine_propose(world.e, &p), ERR_OK);
	turn();
}

static void
expunge(uint32_t first, uint32_t last)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Uids uids = COMMANDS__UIDS__INIT;
	Commands__FlagsStore flags = COMMANDS__FLAGS_STORE__INIT;
	Commands__Expunge gone = COMMANDS__EXPUNGE__INIT;

	uids.n_first = uids.n_last = 1;
	uids.first = &first;
	uids.last = &last;
	flags.mailbox = gone.mailbox = world.inbox;
	flags.uids = gone.uids = &uids;
	flags.mode = 1;
	flags.flags = SCHEMA_DELETED;
	c.body_case = COMMANDS__COMMAND__BODY_FLAGS_STORE;
	c.flags_store = &flags;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	c.body_case = COMMANDS__COMMAND__BODY_EXPUNGE;
	c.expunge = &gone;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
}

/* --- the copy from outside --- */

static uint64_t
violations_of(const char *dir)
{
	static struct check_report report;

	assert_int_equal(check_folder(dir, world.dir, &report), ERR_OK);
	for (size_t i = 0; i < report.texts; i++)
		print_error("%s\n", report.text[i]);
	return report.violations;
}

static void
what_is_freed_during_a_copy_from_outside_is_not_in_it(void **state)
{
	char from[200], to[200];
	struct compact *c;
	bool done = false;

	(void)state;
	world.opt.log_keep_rows = 0;
	world_reopen();
	/* Rows of one size are cut otherwise in a copy that lacks some of them. */
	append(300, 3000);
	append(20, 200000);
	expunge(1, 7);
	assert_int_equal(compact_begin_outside(engine_db(world.e), folder, &c), ERR_OK);
	for (int i = 0; i < 2; i++)
		assert_int_equal(compact_step(c, &done), ERR_OK);
	assert_false(done);
	expunge(100, 150);
	expunge(301, 303);
	append(5, 100);
	assert_int_equal(engine_tend(world.e), ERR_OK);
	turn();
	assert_int_equal(world_count(DB_GARBAGE), 0);
	assert_int_equal(compact_finish(c), ERR_OK);
	snprintf(from, sizeof from, "%s/" COMPACT_FILE, folder);
	snprintf(to, sizeof to, "%s/data.mdb", folder);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(violations_of(folder), 0);
}

/* --- backup --- */

/* LMDB wants a database opened once in a process. */
static enum err
back_up(struct backup_report *r)
{
	enum err e;

	engine_close(world.e);
	world.e = NULL;
	e = backup_run(world.dir, folder, r);
	world_open(false);
	return e;
}

static void
a_second_backup_holds_what_came_since_and_a_third_nothing(void **state)
{
	struct backup_report r;
	struct backup_list list;
	uint64_t index;

	(void)state;
	append(3, 100);
	assert_int_equal(back_up(&r), ERR_OK);
	assert_int_equal(r.kind, BACKUP_FULL);
	index = r.index;
	append(3, 100);
	assert_int_equal(back_up(&r), ERR_OK);
	assert_int_equal(r.kind, BACKUP_MORE);
	assert_int_equal(r.from, index + 1);
	engine_close(world.e);
	world.e = NULL;
	assert_int_equal(backup_run(world.dir, folder, &r), ERR_OK);
	assert_int_equal(backup_run(world.dir, folder, &r), ERR_OK);
	assert_int_equal(r.kind, BACKUP_SAME);
	world_open(false);
	assert_int_equal(backup_list(folder, &list), ERR_OK);
	assert_int_equal(list.n, 2);
	assert_true(list.file[0].is_full);
	assert_int_equal(list.file[1].index, r.index);
	backup_list_free(&list);
}

static void
a_backup_is_full_again_when_the_log_was_trimmed(void **state)
{
	struct backup_report r;
	struct backup_list list;

	(void)state;
	assert_int_equal(back_up(&r), ERR_OK);
	append(3, 100);
	assert_int_equal(engine_compact(world.e, world_next_key()), ERR_OK);
	append(3, 100);
	assert_int_equal(back_up(&r), ERR_OK);
	assert_int_equal(r.kind, BACKUP_ANEW);
	assert_int_equal(backup_list(folder, &list), ERR_OK);
	assert_int_equal(list.n, 1);
	backup_list_free(&list);
}

static void
a_folder_of_another_database_is_left_as_it_is(void **state)
{
	struct backup_report r;
	struct backup_list list;
	char from[300], to[300];

	(void)state;
	assert_int_equal(back_up(&r), ERR_OK);
	snprintf(from, sizeof from, "%s/%s", folder, r.name);
	snprintf(to, sizeof to, "%s/full-0123456789abcdef%s", folder, r.name + 21);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(back_up(&r), ERR_EXISTS);
	/* The same database, another history. */
	assert_int_equal(rename(to, from), 0);
	snprintf(to, sizeof to, "%s/%.43s0123456789abcdef.mdb", folder,
		from + strlen(folder) + 1);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(back_up(&r), ERR_EXISTS);
	assert_int_equal(backup_list(folder, &list), ERR_OK);
	assert_int_equal(list.n, 1);
	backup_list_free(&list);
}

static void
the_vault_is_copied_whole_or_not_at_all(void **state)
{
	char path[200];
	uint64_t rows;
	FILE *f;

	(void)state;
	assert_int_equal(backup_vault(world.dir, vault, &rows), ERR_OK);
	/* An account, a queue key, a log key. */
	assert_int_equal(rows, 3);
	snprintf(path, sizeof path, "%s/secrets", vault);
	assert_int_equal(access(path, R_OK), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(backup_vault(vault, folder, &rows), ERR_NOT_FOUND);
	snprintf(path, sizeof path, "%s/secrets", world.dir);
	f = fopen(path, "r+");
	assert_non_null(f);
	assert_int_equal(fseek(f, 256 + 100, SEEK_SET), 0);
	assert_true(fwrite("damage all of it", 1, 16, f) == 16);
	for (long at = 512; at < 256 * 64; at += 256)
		assert_true(fseek(f, at + 100, SEEK_SET) == 0 && fwrite("x", 1, 1, f) == 1);
	fclose(f);
	assert_int_equal(backup_vault(world.dir, vault, &rows), ERR_CORRUPT);
	snprintf(path, sizeof path, "%s/secrets", vault);
	assert_int_not_equal(access(path, R_OK), 0);
}

/* --- the files that hold entries --- */

static enum err
open_key(void *arg, struct slice wrapped, struct seal_key *key)
{
	(void)arg;
	if (wrapped.n != sizeof key->b)
		return ERR_CRYPTO;
	memcpy(key->b, wrapped.p, sizeof key->b);
	return ERR_OK;
}

struct replay {
	struct restore_options opt;
	struct restore_report report;
	struct restore_log r;
};

/* A copy of the full file, ready to take entries. */
static void
begin_replay(struct replay *x, const char *full)
{
	struct db_options how = {.file = full};
	struct db_txn *txn;

	*x = (struct replay){.opt.open_key = open_key};
	x->r.opt = &x->opt;
	x->r.report = &x->report;
	assert_int_equal(db_open(&x->r.db, folder, &how), ERR_OK);
	assert_int_equal(db_begin(x->r.db, false, &txn), ERR_OK);
	assert_int_equal(raft_meta_load(&x->r.log, txn, NULL), ERR_OK);
	db_abort(txn);
	raft_log_add_key(&x->r.log, 0, &world.key);
	assert_int_equal(vault_open(world.dir, x->r.log.cluster, false, &x->r.vault), ERR_OK);
}

static void
end_replay(struct replay *x)
{
	vault_close(x->r.vault);
	raft_log_fini(&x->r.log);
	db_close(x->r.db);
}

static size_t
read_file(const char *path, uint8_t *p, size_t room)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	assert_non_null(f);
	n = fread(p, 1, room, f);
	assert_true(n < room);
	fclose(f);
	return n;
}

static void
write_file(const char *path, const uint8_t *p, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_true(fwrite(p, 1, n, f) == n);
	fclose(f);
}

static void
entries_are_taken_whole_and_unaltered_or_not_at_all(void **state)
{
	static uint8_t whole[1 << 20], bent[1 << 20];
	struct backup_report full, more;
	struct replay x;
	char path[300], bad[300];
	size_t n;

	(void)state;
	append(2, 100);
	assert_int_equal(back_up(&full), ERR_OK);
	append(3, 700);
	expunge(1, 1);
	assert_int_equal(back_up(&more), ERR_OK);
	engine_close(world.e);
	world.e = NULL;
	snprintf(path, sizeof path, "%s/%s", folder, more.name);
	snprintf(bad, sizeof bad, "%s/bad", folder);
	n = read_file(path, whole, sizeof whole);
	for (size_t cut = 0; cut < n; cut += cut < 200 ? 1 : 13) {
		write_file(bad, whole, cut);
		begin_replay(&x, full.name);
		assert_int_equal(restore_log_file(&x.r, bad), ERR_SYNTAX);
		end_replay(&x);
	}
	for (size_t at = 0; at < n; at += 17) {
		memcpy(bent, whole, n);
		bent[at] ^= 0x41;
		write_file(bad, bent, n);
		begin_replay(&x, full.name);
		assert_int_not_equal(restore_log_file(&x.r, bad), ERR_OK);
		end_replay(&x);
	}
	/* Something behind the end. */
	memcpy(bent, whole, n);
	bent[n] = 7;
	write_file(bad, bent, n + 1);
	begin_replay(&x, full.name);
	assert_int_equal(restore_log_file(&x.r, bad), ERR_SYNTAX);
	end_replay(&x);
	begin_replay(&x, full.name);
	assert_int_equal(restore_log_file(&x.r, path), ERR_OK);
	assert_int_equal(x.r.log.applied, more.index);
	/* Twice isn't a continuation. */
	assert_int_equal(restore_log_file(&x.r, path), ERR_CORRUPT);
	end_replay(&x);
	world_open(false);
}

static void
names_that_are_not_ours_are_passed_over(void **state)
{
	static const char *const names[] = {"full-", "log-0123456789abcdef",
		"full-0123456789abcdef-00000000000000000001-0123456789abcdef",
		"log-0123456789abcdef-00000000000000000001-0123456789abcdef.mdb",
		"log-0123456789ABCDEF-00000000000000000001-0123456789abcdef",
		"log-0123456789abcdef-0000000000000000001-0123456789abcdef", "notes.txt",
		/* of another cluster; without a full one */
		"log-0123456789abcdef-00000000000000000001-0123456789abcdef"};
	struct backup_list list;
	char path[200];

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		write_file(path, (const uint8_t *)"x", 1);
	}
	assert_int_equal(backup_list(folder, &list), ERR_NOT_FOUND);
	assert_int_equal(list.n, 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(what_is_freed_during_a_copy_from_outside_is_not_in_it),
		T(a_second_backup_holds_what_came_since_and_a_third_nothing),
		T(a_backup_is_full_again_when_the_log_was_trimmed),
		T(a_folder_of_another_database_is_left_as_it_is),
		T(the_vault_is_copied_whole_or_not_at_all),
		T(entries_are_taken_whole_and_unaltered_or_not_at_all),
		T(names_that_are_not_ours_are_passed_over),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
