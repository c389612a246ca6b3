#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/must.h"
#include "store/raft_log.h"
#include "tests/fault.h"
#include "tests/store_world.h"

/* --- proposals whose answers are noted in order --- */

struct answer {
	bool came;
	enum err e;
	int code;
	uint32_t uid;
	uint64_t index;
	unsigned order;
};

static unsigned answers;

static void
on_answer(void *arg, enum err e, uint64_t index, const Commands__Result *r)
{
	struct answer *a = arg;

	assert_false(a->came);
	*a = (struct answer){true, e, e ? -1 : (int)r->code, !e && r->n_uid ? r->uid[0] : 0,
		index, ++answers};
}

static enum err
append(struct slice body, struct answer *a)
{
	struct engine_proposal p = {.command = world_append_command(body.n),
		.body = body,
		.fd = -1,
		.done = on_answer,
		.arg = a};

	*a = (struct answer){0};
	return engine_propose(world.e, &p);
}

static int
file_of(size_t n)
{
	int fd = memfd_create("body", MFD_CLOEXEC);
	uint8_t *p = must_alloc(n);

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i * 7 + i / 1000);
	assert_int_equal(write(fd, p, n), n);
	free(p);
	return fd;
}

static enum err
append_file(int fd, size_t n, struct answer *a)
{
	struct engine_proposal p = {.command = world_append_command(n),
		.fd = fd,
		.fd_size = n,
		.done = on_answer,
		.arg = a};

	*a = (struct answer){0};
	return engine_propose(world.e, &p);
}

static unsigned
turn_until_idle(void)
{
	bool more = true;
	unsigned n = 0;

	for (; more; n++)
		assert_int_equal(engine_turn(world.e, &more), ERR_OK);
	return n;
}

static int
fresh(void **state)
{
	fault = (__typeof__(fault)){0};
	answers = 0;
	return world_setup(state);
}

static int
over(void **state)
{
	fault = (__typeof__(fault)){0};
	if (world.e)
		assert_int_equal(world_violations(false), 0);
	return world_teardown(state);
}

static void
all_that_waits_goes_into_one_commit_and_is_answered_in_order(void **state)
{
	struct answer a[100];
	struct engine_stats before, after;
	bool more;

	(void)state;
	engine_stats(world.e, &before);
	for (int i = 0; i < 100; i++)
		assert_int_equal(append(SLICE_LIT("body"), &a[i]), ERR_OK);
	assert_false(a[0].came);
	assert_int_equal(engine_turn(world.e, &more), ERR_OK);
	assert_false(more);
	engine_stats(world.e, &after);
	assert_int_equal(after.commits - before.commits, 1);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(a[i].order, i + 1);
		assert_int_equal(a[i].uid, i + 1);
	}
}

static void
a_turn_takes_no_more_than_its_entries_and_leaves_the_rest(void **state)
{
	enum { N = ENGINE_TURN_ENTRIES + 10 };
	static struct answer a[N];
	bool more;

	(void)state;
	for (int i = 0; i < N; i++)
		assert_int_equal(append(SLICE_LIT("body"), &a[i]), ERR_OK);
	assert_int_equal(engine_turn(world.e, &more), ERR_OK);
	assert_true(more);
	assert_false(a[N - 1].came);
	turn_until_idle();
	assert_int_equal(a[N - 1].uid, N);
}

static void
a_large_body_goes_in_by_pieces_and_small_mails_pass_it(void **state)
{
	struct answer large, small;
	struct engine_stats before, after;
	bool more;

	(void)state;
	assert_int_equal(append_file(file_of(2000000), 2000000, &large), ERR_OK);
	engine_stats(world.e, &before);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(append(SLICE_LIT("body"), &small), ERR_OK);
		assert_int_equal(engine_turn(world.e, &more), ERR_OK);
		assert_true(small.came);
		assert_false(large.came);
		engine_stats(world.e, &after);
		assert_true(after.payload_bytes - before.payload_bytes <= ENGINE_TURN_BULK + 4);
		before = after;
	}
	assert_int_equal(world_violations(false), 0);
	turn_until_idle();
	assert_int_equal(large.code, COMMAND_DONE);
	assert_int_equal(world_count(DB_UPLOAD), 0);
}

static void
a_file_cut_short_underway_is_refused_and_leaves_nothing(void **state)
{
	struct answer a;
	int fd = file_of(1500000), mine = dup(fd);
	bool more;

	(void)state;
	assert_int_equal(append_file(fd, 1500000, &a), ERR_OK);
	assert_int_equal(engine_turn(world.e, &more), ERR_OK);
	assert_int_equal(ftruncate(mine, 700000), 0);
	turn_until_idle();
	close(mine);
	assert_int_equal(a.e, ERR_IO);
	assert_int_equal(world_count(DB_UPLOAD), 0);
	assert_int_equal(world_count(DB_MESSAGE), 0);
	turn_until_idle();
	assert_int_equal(world_count(DB_BODY), 0);
}

static void
what_is_no_spool_file_is_refused_at_once(void **state)
{
	struct answer a;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(append_file(ends[0], 10, &a), ERR_SYNTAX);
	close(ends[1]);
	assert_int_equal(append_file(open("/dev/zero", O_RDONLY), 10, &a), ERR_SYNTAX);
	assert_int_equal(append_file(file_of(10), 11, &a), ERR_SYNTAX);
	assert_int_equal(append_file(file_of(10), 0, &a), ERR_SYNTAX);
	world.opt.spool = "/proc";
	world_reopen();
	assert_int_equal(append_file(file_of(10), 10, &a), ERR_SYNTAX);
	world.opt.spool = NULL;
	assert_false(a.came);
}

static void
an_upload_dies_with_the_boot_that_began_it(void **state)
{
	struct answer a;
	bool more;

	(void)state;
	assert_int_equal(append_file(file_of(1500000), 1500000, &a), ERR_OK);
	assert_int_equal(engine_turn(world.e, &more), ERR_OK);
	assert_int_equal(world_count(DB_UPLOAD), 1);
	world_reopen();
	turn_until_idle();
	assert_int_equal(world_count(DB_UPLOAD), 0);
	turn_until_idle();
	assert_int_equal(world_count(DB_BODY), 0);
}

static bool
no_append(int body_case)
{
	return body_case != COMMANDS__COMMAND__BODY_APPEND;
}

static void
garbage_and_what_the_asker_may_not_are_refused_without_an_entry(void **state)
{
	struct answer a = {0}, b = {0}, c = {0};
	struct engine_proposal p = {
		.command = SLICE_LIT("\xff\xff\xff"), .fd = -1, .done = on_answer, .arg = &a};
	uint64_t before = engine_applied(world.e);

	(void)state;
	assert_int_equal(engine_propose(world.e, &p), ERR_OK);
	p.command = world_append_command(4);
	p.body = SLICE_LIT("body");
	p.may = no_append;
	p.arg = &b;
	assert_int_equal(engine_propose(world.e, &p), ERR_OK);
	/* A body where none belongs. */
	p.command = SLICE_EMPTY;
	p.may = NULL;
	p.arg = &c;
	assert_int_equal(engine_propose(world.e, &p), ERR_OK);
	turn_until_idle();
	assert_int_equal(a.e, ERR_SYNTAX);
	assert_int_equal(b.e, ERR_DENIED);
	assert_int_equal(c.e, ERR_SYNTAX);
	assert_int_equal(engine_applied(world.e), before);
}

static void
what_is_too_big_or_too_much_is_refused_at_once(void **state)
{
	static uint8_t big[ENGINE_COMMAND_MAX + 1];
	struct engine_proposal p = {.command = slice_of(big, sizeof big), .fd = -1};
	enum err e = ERR_OK;
	int n = 0;

	(void)state;
	assert_int_equal(engine_propose(world.e, &p), ERR_TOO_BIG);
	p.command = slice_of(big, ENGINE_COMMAND_MAX);
	for (; !e && n < 1000; n++)
		e = engine_propose(world.e, &p);
	assert_int_equal(e, ERR_BUSY);
	assert_true(n <= ENGINE_QUEUE_BYTES / ENGINE_COMMAND_MAX + 2);
	turn_until_idle();
	assert_int_equal(engine_propose(world.e, &p), ERR_OK);
	turn_until_idle();
}

static void
without_its_key_the_engine_takes_no_turn(void **state)
{
	struct answer a;
	bool more;

	(void)state;
	engine_close(world.e);
	world.opt.create = false;
	world.opt.boot = 0; /* the engine makes one */
	assert_int_equal(engine_open(&world.opt, &world.e), ERR_OK);
	assert_false(engine_is_ready(world.e));
	assert_int_equal(append(SLICE_LIT("body"), &a), ERR_OK);
	assert_int_equal(engine_turn(world.e, &more), ERR_OK);
	assert_false(a.came);
	assert_int_equal(engine_set_key(world.e, &world.key, SLICE_EMPTY), ERR_OK);
	turn_until_idle();
	assert_int_equal(a.code, COMMAND_DONE);
}

/* A failing disk: nobody is told anything, the engine goes no further, and the next life is
 * whole. */
static void
a_write_or_sync_that_fails_stops_the_engine_and_loses_nothing(void **state)
{
	unsigned failed = 0, kept = 0;
	struct answer a, b;
	bool more;

	(void)state;
	for (int at = 1; at <= 14; at++) {
		assert_int_equal(append(SLICE_LIT("answered"), &a), ERR_OK);
		turn_until_idle();
		assert_int_equal(a.code, COMMAND_DONE);
		kept++;
		assert_int_equal(append(SLICE_LIT("in doubt"), &b), ERR_OK);
		fault.write_errno = at % 2 ? EIO : ENOSPC;
		fault.write_in = at <= 10 ? at : 0;
		fault.sync_in = at > 10 ? at - 10 : 0;
		if (engine_turn(world.e, &more) != ERR_OK) {
			failed++;
			assert_false(b.came);
			fault = (__typeof__(fault)){0};
			assert_int_not_equal(engine_turn(world.e, &more), ERR_OK);
		} else {
			assert_true(b.came);
			kept++;
		}
		fault = (__typeof__(fault)){0};
		world_reopen();
		turn_until_idle();
		assert_int_equal(world_count(DB_MESSAGE), kept);
		assert_int_equal(world_violations(false), 0);
	}
	assert_true(failed >= 3);
}

static void
expunge(uint32_t first, uint32_t last)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__FlagsStore s = COMMANDS__FLAGS_STORE__INIT;
	Commands__Expunge x = COMMANDS__EXPUNGE__INIT;
	Commands__Uids uids = COMMANDS__UIDS__INIT;

	uids.n_first = uids.n_last = 1;
	uids.first = &first;
	uids.last = &last;
	s.mailbox = x.mailbox = world.inbox;
	s.uids = x.uids = &uids;
	s.mode = 1;
	s.flags = SCHEMA_DELETED;
	c.body_case = COMMANDS__COMMAND__BODY_FLAGS_STORE;
	c.flags_store = &s;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	c.body_case = COMMANDS__COMMAND__BODY_EXPUNGE;
	c.expunge = &x;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
}

/* Room is looked at again after a second; time passes by itself. */
static void
on_a_full_disk_new_mail_waits_outside_and_expunge_goes_on(void **state)
{
	static uint8_t body[SCHEMA_ENTRY_BODY_MAX];
	struct engine_stats stats;
	struct answer a;
	int n = 0;

	(void)state;
	world.opt.ballast = true;
	world_reopen();
	assert_int_equal(append(SLICE_LIT("before"), &a), ERR_OK);
	turn_until_idle();
	fault.no_space = true;
	do {
		assert_int_equal(append(slice_of(body, sizeof body), &a), ERR_OK);
		turn_until_idle();
		if (a.e)
			break;
		usleep(30000);
	} while (++n < 200);
	assert_int_equal(a.e, ERR_FULL);
	engine_stats(world.e, &stats);
	assert_true(stats.full);
	expunge(1, UINT32_MAX);
	assert_int_equal(world_count(DB_MESSAGE), 0);
	fault.no_space = false;
	usleep(1100 * 1000);
	assert_int_equal(append(SLICE_LIT("after"), &a), ERR_OK);
	turn_until_idle();
	assert_int_equal(a.code, COMMAND_DONE);
	engine_stats(world.e, &stats);
	assert_false(stats.full);
}

static void
the_stamped_time_never_runs_backwards(void **state)
{
	struct answer a;
	struct raft_log *log;
	uint64_t future = UINT64_C(1) << 33;

	(void)state;
	log = (struct raft_log *)(uintptr_t)engine_log(world.e);
	log->time_sec = future;
	assert_int_equal(append(SLICE_LIT("body"), &a), ERR_OK);
	turn_until_idle();
	assert_int_equal(engine_log(world.e)->time_sec, future);
	world_reopen();
	assert_int_equal(engine_log(world.e)->time_sec, future);
}

/* --- compaction --- */

static enum err compacted_with;

static void
on_compacted(void *arg, enum err e)
{
	(void)arg;
	compacted_with = e;
}

static bool
file_has(const char *what)
{
	char path[100];
	FILE *f;
	uint8_t *p = must_alloc(64 << 20);
	size_t n;
	bool has;

	snprintf(path, sizeof path, "%s/data.mdb", world.dir);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(p, 1, 64 << 20, f);
	fclose(f);
	has = slice_find_slice(slice_of(p, n), slice_str(what)) != n;
	free(p);
	return has;
}

static void
compaction_goes_on_beside_work_and_leaves_nothing_deleted_in_the_file(void **state)
{
	static uint8_t filler[60000];
	struct answer a[40], b;
	bool more = true;
	uint64_t digest[4], again[4];
	struct db_txn *txn;

	(void)state;
	for (int i = 0; i < 100; i++) {
		rand_bytes(filler, sizeof filler);
		assert_int_equal(append(slice_of(filler, sizeof filler), &b), ERR_OK);
		turn_until_idle();
	}
	assert_int_equal(append(SLICE_LIT("a secret that was deleted"), &b), ERR_OK);
	turn_until_idle();
	expunge(b.uid, b.uid);
	assert_true(file_has("a secret that was deleted"));
	compacted_with = ERR_MORE;
	assert_int_equal(
		engine_tend_compact(world.e, world_next_key(), on_compacted, NULL), ERR_OK);
	assert_int_equal(engine_tend_compact(world.e, NULL, NULL, NULL), ERR_BUSY);
	for (int i = 0; more; i++) {
		if (i < 40)
			assert_int_equal(append(SLICE_LIT("meanwhile"), &a[i]), ERR_OK);
		assert_int_equal(engine_turn(world.e, &more), ERR_OK);
	}
	assert_int_equal(compacted_with, ERR_OK);
	assert_false(file_has("a secret that was deleted"));
	assert_true(world_count(DB_MESSAGE) > 100);
	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(db_digest(txn, (uint8_t *)digest), ERR_OK);
	db_abort(txn);
	world_reopen();
	assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
	assert_int_equal(db_digest(txn, (uint8_t *)again), ERR_OK);
	db_abort(txn);
	assert_memory_equal(digest, again, sizeof digest);
}

static void
a_deleted_account_is_nowhere_in_the_file_after_compaction(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__AccountDel d = COMMANDS__ACCOUNT_DEL__INIT;
	struct answer a;

	(void)state;
	assert_int_equal(append(SLICE_LIT("its mail"), &a), ERR_OK);
	turn_until_idle();
	assert_true(file_has("u0@example.org"));
	d.account = WORLD_ACCOUNT;
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_DEL;
	c.account_del = &d;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	assert_int_equal(engine_tend(world.e), ERR_OK);
	turn_until_idle();
	assert_int_equal(engine_compact(world.e, NULL), ERR_OK);
	assert_false(file_has("sealed epoch key"));
	assert_false(file_has("its mail"));
	assert_false(file_has("u0@example.org"));
}

static void
the_log_keeps_as_many_rows_as_it_is_told(void **state)
{
	struct answer a;
	struct engine_stats stats;

	(void)state;
	world.opt.log_keep_rows = 10;
	world_reopen();
	for (int i = 0; i < 50; i++) {
		assert_int_equal(append(SLICE_LIT("body"), &a), ERR_OK);
		turn_until_idle();
	}
	engine_stats(world.e, &stats);
	assert_int_equal(stats.applied - stats.log_first + 1, 10);
	assert_int_equal(world_count(DB_LOG), 10);
	assert_int_equal(world_count(DB_BODY), 50);
}

/* --- replays: what a cluster's proposers do --- */

static Commands__Result
apply_it(struct db_txn *txn, Commands__Command *c, uint64_t index)
{
	struct apply_touched touched = {0};
	Commands__Result r;
	struct apply a = {.txn = txn,
		.arena = &world.a,
		.index = index,
		.body_sealed_size = c->body_case == COMMANDS__COMMAND__BODY_APPEND ? 4 : 0,
		.time_sec = 1000,
		.node = c->node,
		.boot = c->boot,
		.touched = &touched,
		.result = &r};

	assert_int_equal(apply_command(&a, c), ERR_OK);
	return r;
}

static void
a_proposal_takes_effect_once_however_often_it_comes(void **state)
{
	Commands__Command *c = codec_unpack(
		&commands__command__descriptor, world_append_command(4), &world.a);
	Commands__Command boot = COMMANDS__COMMAND__INIT;
	Commands__Boot new_boot = COMMANDS__BOOT__INIT;
	Commands__Result first, second;
	struct db_txn *txn;

	(void)state;
	assert_int_equal(db_begin(engine_db(world.e), true, &txn), ERR_OK);
	c->node = boot.node = 9;
	c->boot = boot.boot = 5;
	c->seq = 1;
	/* A node that never logged its boot isn't heard. */
	assert_int_equal(apply_it(txn, c, 1000).code, COMMAND_STALE);
	boot.body_case = COMMANDS__COMMAND__BODY_BOOT_NODE;
	boot.boot_node = &new_boot;
	assert_int_equal(apply_it(txn, &boot, 1001).code, COMMAND_DONE);
	first = apply_it(txn, c, 1002);
	assert_int_equal(first.code, COMMAND_DONE);
	second = apply_it(txn, c, 1003);
	assert_int_equal(second.code, COMMAND_DONE);
	assert_int_equal(second.id, first.id);
	assert_int_equal(second.uid[0], first.uid[0]);
	/* The next says that 1 was answered: from now on 1 is refused. */
	c->seq = 2;
	c->answered_below = 2;
	assert_int_equal(apply_it(txn, c, 1004).uid[0], first.uid[0] + 1);
	c->seq = 1;
	c->answered_below = 0;
	assert_int_equal(apply_it(txn, c, 1005).code, COMMAND_STALE);
	/* So is all of the old boot once there is a new one. */
	boot.boot = 6;
	assert_int_equal(apply_it(txn, &boot, 1006).code, COMMAND_DONE);
	c->seq = 2;
	assert_int_equal(apply_it(txn, c, 1007).code, COMMAND_STALE);
	c->boot = 6;
	assert_int_equal(apply_it(txn, c, 1008).uid[0], first.uid[0] + 2);
	db_abort(txn);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fresh, over)
	const struct CMUnitTest tests[] = {
		T(all_that_waits_goes_into_one_commit_and_is_answered_in_order),
		T(a_turn_takes_no_more_than_its_entries_and_leaves_the_rest),
		T(a_large_body_goes_in_by_pieces_and_small_mails_pass_it),
		T(a_file_cut_short_underway_is_refused_and_leaves_nothing),
		T(what_is_no_spool_file_is_refused_at_once),
		T(an_upload_dies_with_the_boot_that_began_it),
		T(garbage_and_what_the_asker_may_not_are_refused_without_an_entry),
		T(what_is_too_big_or_too_much_is_refused_at_once),
		T(without_its_key_the_engine_takes_no_turn),
		T(a_write_or_sync_that_fails_stops_the_engine_and_loses_nothing),
		T(on_a_full_disk_new_mail_waits_outside_and_expunge_goes_on),
		T(the_stamped_time_never_runs_backwards),
		T(compaction_goes_on_beside_work_and_leaves_nothing_deleted_in_the_file),
		T(a_deleted_account_is_nowhere_in_the_file_after_compaction),
		T(the_log_keeps_as_many_rows_as_it_is_told),
		T(a_proposal_takes_effect_once_however_often_it_comes),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
