/* The store's promise, tried: what was answered is there afterwards, exactly once, whether the
 * process was killed at any moment, or the power was cut and any part of what wasn't synced is
 * lost. A child works on the database and notes in shared memory what it was answered; it also
 * notes what each unsynced write wrote over, so that the parent can take back a random part of
 * it. */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "store/view_mailbox.h"
#include "tests/store_world.h"

enum {
	ACCOUNT = 7,
	KILLS = 100,
	CUTS = 100,
	MAILS_MAX = 60000,
	JOURNAL = 48 << 20,
	WRITES_MAX = 20000,
	ACCOUNTS = 4000,
	FIRST_ACCOUNT = 1000
};
enum { SECTOR = 512 };

struct write_note {
	bool vault; /* into the vault; else: into the database */
	off_t at;
	uint32_t n, old; /* `old`: where in the journal the octets lie that were there */
};

/* What outlives the child. */
struct shared {
	uint32_t next;		    /* number of the next mail */
	uint32_t uid_of[MAILS_MAX]; /* answered: its UID */
	uint8_t gone[MAILS_MAX];    /* 1: its EXPUNGE was asked, 2: answered; by UID */
	uint32_t accounts;	    /* made, from id 1000 on */
	/* 1: its AccountPut was answered, 2: its AccountDel was asked, 3: answered */
	uint8_t account[ACCOUNTS];
	/* the journal */
	uint32_t writes, used;
	int32_t cut_in; /* the child dies at this write; < 0: never */
	bool journals;
	struct write_note note[WRITES_MAX];
	uint8_t old[JOURNAL];
};

static struct shared *shared;
static char dir[64], path[100], vault_path[100];
static struct seal_key key;
static uint64_t inbox;

/* --- what liblmdb and the vault call to write --- */

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static bool
is_file(int fd, const char *name)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(name, &b) == 0 && a.st_ino == b.st_ino;
}

/* The two are never unsynced at once: the vault's turn comes after the commit. */
static bool
is_watched(int fd)
{
	return is_file(fd, path) || is_file(fd, vault_path);
}

static void
note(int fd, off_t at, size_t n)
{
	struct write_note *w;
	ssize_t got;
	int own;

	if (!shared || !shared->journals || !is_watched(fd))
		return;
	if (shared->cut_in >= 0 && shared->cut_in-- == 0)
		_exit(9);
	if (shared->writes == WRITES_MAX || n > JOURNAL - shared->used)
		_exit(8);
	w = &shared->note[shared->writes++];
	*w = (struct write_note){is_file(fd, vault_path), at, (uint32_t)n, shared->used};
	memset(shared->old + w->old, 0, n);
	/* The fd may be for writing alone. */
	own = open(w->vault ? vault_path : path, O_RDONLY | O_CLOEXEC);
	got = pread(own, shared->old + w->old, n, at);
	close(own);
	shared->used += (uint32_t)n;
	if (got < 0)
		_exit(7);
}

/* What is on disk can't be lost any more. */
static void
forget(void)
{
	if (shared && shared->journals)
		shared->writes = shared->used = 0;
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	bool direct = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
	ssize_t done;

	note(fd, at, n);
	done = REAL(pwrite)(fd, p, n, at);
	if (direct && shared && shared->journals && is_watched(fd))
		shared->writes--, shared->used = shared->note[shared->writes].old;
	return done;
}

ssize_t
writev(int fd, const struct iovec *v, int n)
{
	off_t at = lseek(fd, 0, SEEK_CUR);

	if (at >= 0)
		for (int i = 0; i < n; i++) {
			note(fd, at, v[i].iov_len);
			at += (off_t)v[i].iov_len;
		}
	return REAL(writev)(fd, v, n);
}

int
fdatasync(int fd)
{
	int rc = REAL(fdatasync)(fd);

	if (rc == 0 && shared && is_watched(fd))
		forget();
	return rc;
}

/* Takes back any part of what wasn't synced, sector by sector, newest first. */
static void
lose(void)
{
	int files[] = {open(path, O_RDWR), open(vault_path, O_RDWR)};

	assert_true(files[0] >= 0 && files[1] >= 0);
	while (shared->writes) {
		const struct write_note *w = &shared->note[--shared->writes];

		for (uint32_t at = 0; at < w->n; at += SECTOR) {
			size_t n = w->n - at < SECTOR ? w->n - at : SECTOR;

			if (rand_below(2))
				assert_int_equal(
					REAL(pwrite)(files[w->vault], shared->old + w->old + at,
						n, w->at + at),
					n);
		}
	}
	shared->used = 0;
	close(files[0]);
	close(files[1]);
}

/* --- the child's work --- */

static struct engine *engine;
static struct arena arena;

static void
open_engine(bool create)
{
	struct engine_options opt = {
		.dir = dir, .create = create, .boot = rand_u64(), .log_keep_rows = 50};

	assert_int_equal(engine_open(&opt, &engine), ERR_OK);
	if (create)
		assert_int_equal(
			engine_set_key(engine, &key, slice_of(key.b, sizeof key.b)), ERR_OK);
	world_give_keys(engine);
}

/* The first octets say which mail it is; its length follows from that. */
static size_t
body_of(uint32_t mail, uint8_t *p)
{
	static const size_t sizes[] = {20, 5000, 900, 30000, 16384, 100};
	size_t n = mail % 97 == 5 ? 700000 : sizes[mail % 6] + mail % 50;

	for (size_t i = 0; i + 4 <= n; i += 4)
		schema_set_u32(p + i, mail);
	return n;
}

static void
on_appended(void *arg, enum err e, uint64_t index, const Commands__Result *r)
{
	(void)index;
	if (!e && r->code == COMMAND_DONE)
		shared->uid_of[(uintptr_t)arg] = r->uid[0];
}

static void
append(uint32_t mail)
{
	static uint8_t body[800000], wrapped[SCHEMA_WRAPPED_KEY];
	size_t n = body_of(mail, body);
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Append a = COMMANDS__APPEND__INIT;
	Commands__Body b = COMMANDS__BODY__INIT;
	struct engine_proposal p = {
		.fd = -1, .done = on_appended, .arg = (void *)(uintptr_t)mail};

	b.size = b.sealed_size = n;
	a.account = ACCOUNT;
	a.mailbox = inbox;
	a.body = &b;
	a.epoch = 1;
	a.flags = SCHEMA_DELETED;
	a.wrapped_key = (ProtobufCBinaryData){sizeof wrapped, wrapped};
	c.body_case = COMMANDS__COMMAND__BODY_APPEND;
	c.append = &a;
	p.command = codec_pack(&c, &arena);
	p.body = slice_of(body, n);
	if (n > SCHEMA_ENTRY_BODY_MAX) {
		p.body = SLICE_EMPTY;
		p.fd = memfd_create("body", 0);
		p.fd_size = n;
		if (REAL(pwrite)(p.fd, body, n, 0) != (ssize_t)n)
			_exit(6);
	}
	if (engine_propose(engine, &p))
		_exit(5);
}

static void
on_expunged(void *arg, enum err e, uint64_t index, const Commands__Result *r)
{
	(void)index;
	if (!e && r->code == COMMAND_DONE)
		shared->gone[(uintptr_t)arg] = 2;
}

static void
expunge(uint32_t uid)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Expunge x = COMMANDS__EXPUNGE__INIT;
	Commands__Uids uids = COMMANDS__UIDS__INIT;
	struct engine_proposal p = {
		.fd = -1, .done = on_expunged, .arg = (void *)(uintptr_t)uid};

	shared->gone[uid] = 1;
	uids.n_first = uids.n_last = 1;
	uids.first = uids.last = &uid;
	x.mailbox = inbox;
	x.uids = &uids;
	c.body_case = COMMANDS__COMMAND__BODY_EXPUNGE;
	c.expunge = &x;
	p.command = codec_pack(&c, &arena);
	if (engine_propose(engine, &p))
		_exit(4);
}

static void
propose_account(Commands__Command *c, engine_done done, uint32_t n)
{
	struct engine_proposal p = {.command = codec_pack(c, &arena),
		.fd = -1,
		.done = done,
		.arg = (void *)(uintptr_t)n};

	if (engine_propose(engine, &p))
		_exit(10);
}

static void
on_made(void *arg, enum err e, uint64_t index, const Commands__Result *r)
{
	(void)index;
	if (!e && r->code == COMMAND_DONE)
		shared->account[(uintptr_t)arg] = 1;
}

static void
make_another(void)
{
	static uint8_t public_key[32] = {1};
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__AccountPut put = COMMANDS__ACCOUNT_PUT__INIT;
	Commands__Account record = COMMANDS__ACCOUNT__INIT;
	char name[40];

	snprintf(name, sizeof name, "a%u@example.org", shared->accounts);
	record.name = codec_bytes(slice_str(name));
	record.public_key = (ProtobufCBinaryData){32, public_key};
	put.account = FIRST_ACCOUNT + shared->accounts;
	put.record = &record;
	put.wrapped_secret = codec_bytes(slice_str(name));
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_PUT;
	c.account_put = &put;
	propose_account(&c, on_made, shared->accounts++);
}

static void
on_deleted(void *arg, enum err e, uint64_t index, const Commands__Result *r)
{
	(void)index;
	if (!e && r->code == COMMAND_DONE)
		shared->account[(uintptr_t)arg] = 3;
}

static void
delete_one(uint32_t n)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__AccountDel del = COMMANDS__ACCOUNT_DEL__INIT;

	if (shared->account[n] != 1)
		return;
	shared->account[n] = 2;
	del.account = FIRST_ACCOUNT + n;
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_DEL;
	c.account_del = &del;
	propose_account(&c, on_deleted, n);
}

static void
compact(void)
{
	struct engine_log_key next = {.wrapped = slice_of(next.key.b, sizeof next.key.b)};
	enum err e;

	seal_key_new(&next.key);
	e = engine_tend_compact(engine, &next, NULL, NULL);
	if (e && e != ERR_BUSY)
		_exit(3);
}

static _Noreturn void
work(void)
{
	bool more;

	open_engine(false);
	for (uint32_t turn = 0; shared->next < MAILS_MAX - 100; turn++) {
		uint32_t mails = 1 + rand_below(12);

		for (uint32_t i = 0; i < mails; i++)
			append(shared->next++);
		for (uint32_t i = 0; i < mails - 1; i++) {
			uint32_t uid = shared->uid_of[rand_below(shared->next)];

			if (uid && !shared->gone[uid])
				expunge(uid);
		}
		if (turn % 4 == 2 && shared->accounts < ACCOUNTS)
			make_another();
		if (turn % 4 == 3 && shared->accounts)
			delete_one(rand_below(shared->accounts));
		if (turn % 40 == 20)
			compact();
		if (engine_turn(engine, &more))
			_exit(2);
		arena_reset(&arena);
	}
	_exit(0);
}

/* --- the parent's view --- */

struct seen {
	uint32_t of_mail[MAILS_MAX]; /* its UID as found, 0: not found */
	struct db_txn *txn;
	uint32_t n;
};

static bool
see(void *arg, uint32_t uid, const struct schema_message *m)
{
	static uint8_t wanted[800000];
	struct seen *seen = arg;
	struct view_mailbox_part part;
	struct arena a;
	uint64_t at = 0;
	uint32_t mail;

	arena_init(&a, 0);
	assert_int_equal(view_mailbox_part(seen->txn, m->payload, 0, &a, &part), ERR_OK);
	mail = schema_get_u32(part.sealed.p);
	assert_true(mail < shared->next);
	assert_int_equal(body_of(mail, wanted), m->size);
	for (uint32_t n = 0; at < m->size; n++, at += part.sealed.n) {
		assert_int_equal(
			view_mailbox_part(seen->txn, m->payload, n, &a, &part), ERR_OK);
		assert_memory_equal(part.sealed.p, wanted + at, part.sealed.n / 4 * 4);
	}
	assert_true(part.is_last);
	assert_int_equal(seen->of_mail[mail], 0); /* never twice */
	seen->of_mail[mail] = uid;
	seen->n++;
	arena_reset(&a);
	return true;
}

static void
every_account_has_its_key_and_no_other_has_one(void)
{
	struct vault_row row;
	uint64_t at;

	for (uint32_t n = 0; n < shared->accounts; n++) {
		bool has = !vault_image_find(vault_file(engine_vault(engine)), VAULT_ACCOUNT,
			FIRST_ACCOUNT + n, &at, &row);

		if (shared->account[n] == 1 || shared->account[n] == 3)
			assert_int_equal(has, shared->account[n] == 1);
	}
}

static void
everything_answered_is_there(void)
{
	static struct seen seen;
	static struct check_report report;

	memset(&seen, 0, sizeof seen);
	open_engine(false);
	assert_int_equal(db_begin(engine_db(engine), false, &seen.txn), ERR_OK);
	assert_int_equal(view_mailbox_messages(seen.txn, inbox, 1, see, &seen), ERR_OK);
	db_abort(seen.txn);
	for (uint32_t mail = 0; mail < shared->next; mail++) {
		uint32_t uid = shared->uid_of[mail];

		if (uid && shared->gone[uid] != 1)
			assert_int_equal(seen.of_mail[mail], shared->gone[uid] == 2 ? 0 : uid);
	}
	every_account_has_its_key_and_no_other_has_one();
	engine_close(engine);
	assert_int_equal(check_folder(dir, dir, &report), ERR_OK);
	for (size_t i = 0; i < report.texts; i++)
		print_error("%s\n", report.text[i]);
	assert_int_equal(report.violations, 0);
}

static int
make_account(void)
{
	static uint8_t public_key[32] = {1};
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__DomainPut domain = COMMANDS__DOMAIN_PUT__INIT;
	Commands__AccountPut put = COMMANDS__ACCOUNT_PUT__INIT;
	Commands__Account record = COMMANDS__ACCOUNT__INIT, *r;
	Commands__EpochNew epoch = COMMANDS__EPOCH_NEW__INIT;
	Commands__Result *result;
	struct db_txn *txn;

	domain.name = codec_bytes(SLICE_LIT("example.org"));
	c.body_case = COMMANDS__COMMAND__BODY_DOMAIN_PUT;
	c.domain_put = &domain;
	assert_int_equal(engine_propose_now(engine, &c, SLICE_EMPTY, &arena, &result), ERR_OK);
	record.name = codec_bytes(SLICE_LIT("u@example.org"));
	record.public_key = (ProtobufCBinaryData){32, public_key};
	put.account = ACCOUNT;
	put.record = &record;
	put.wrapped_secret = codec_bytes(SLICE_LIT("secret"));
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_PUT;
	c.account_put = &put;
	assert_int_equal(engine_propose_now(engine, &c, SLICE_EMPTY, &arena, &result), ERR_OK);
	epoch.account = ACCOUNT;
	epoch.epoch = 1;
	epoch.sealed_key = codec_bytes(SLICE_LIT("sealed"));
	c.body_case = COMMANDS__COMMAND__BODY_EPOCH_NEW;
	c.epoch_new = &epoch;
	assert_int_equal(engine_propose_now(engine, &c, SLICE_EMPTY, &arena, &result), ERR_OK);
	assert_int_equal(db_begin(engine_db(engine), false, &txn), ERR_OK);
	assert_int_equal(view_directory_account(txn, ACCOUNT, &arena, &r), ERR_OK);
	inbox = r->inbox;
	db_abort(txn);
	arena_reset(&arena);
	return 0;
}

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/engine_crash_test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	snprintf(vault_path, sizeof vault_path, "%s/secrets", dir);
	seal_key_new(&key);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);
	assert_true(shared != MAP_FAILED);
	shared->next = 1;
	open_engine(true);
	make_account();
	engine_close(engine);
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	munmap(shared, sizeof *shared);
	shared = NULL;
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command);
}

static pid_t
begin_work(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		work();
	return pid;
}

static void
what_was_answered_outlives_kill_9_at_any_moment(void **state)
{
	uint32_t before = 0;
	int status;

	(void)state;
	for (int i = 0; i < KILLS; i++) {
		pid_t pid = begin_work();

		usleep(1000 + rand_below(i % 4 ? 30000 : 150000));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		if (i % 5 == 4)
			everything_answered_is_there();
	}
	for (uint32_t mail = 0; mail < shared->next; mail++)
		before += shared->uid_of[mail] != 0;
	assert_true(before > KILLS);
}

static void
what_was_answered_outlives_power_cuts_that_lose_what_was_not_synced(void **state)
{
	uint32_t lost = 0;
	int status;

	(void)state;
	for (int i = 0; i < CUTS; i++) {
		pid_t pid;

		shared->journals = true;
		shared->cut_in = (int32_t)rand_below(i % 3 ? 300 : 2000);
		pid = begin_work();
		assert_int_equal(waitpid(pid, &status, 0), pid);
		shared->journals = false;
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 9);
		lost += shared->writes > 0;
		lose();
		if (i % 5 == 4)
			everything_answered_is_there();
	}
	assert_true(lost > 5); /* it did hit writes that weren't synced */
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_was_answered_outlives_kill_9_at_any_moment),
		T(what_was_answered_outlives_power_cuts_that_lose_what_was_not_synced),
	};

	seal_init();
	clock_init();
	arena_init(&arena, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
