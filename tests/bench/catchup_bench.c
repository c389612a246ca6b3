/* catchup_bench: how fast a database is streamed to an empty node, and in how much memory,
 * beside how fast this disk takes octets one after the other. Both ends run in this one process
 * by turns, on one disk: two machines do no worse. catchup_bench [DIR [MIB]] */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/must.h"
#include "core/rand.h"
#include "store/catchup.h"
#include "store/catchup_send.h"
#include "store/catchup_take.h"
#include "store/engine.h"
#include "store/raft_meta.h"

enum { BODY = 200000, SMALL = 4000, HEAD = 400, WAITING = 64 };

static struct engine *engine;
static struct arena arena;
static uint8_t noise[BODY];
static uint64_t inbox, peak_kib;

static double
rate(uint64_t bytes, uint64_t ms)
{
	return (double)bytes / 1e6 / ((double)(ms + 1) / 1e3);
}

/* Of this process alone: what it maps of files is the system's. */
static void
look_at_memory(void)
{
	char line[256];
	unsigned long long kib;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "RssAnon: %llu kB", &kib) == 1 && kib > peak_kib)
			peak_kib = kib;
	if (f)
		fclose(f);
}

static Commands__Result *
now(Commands__Command *c)
{
	Commands__Result *r;

	must(engine_propose_now(engine, c, SLICE_EMPTY, &arena, &r) == ERR_OK && !r->code);
	return r;
}

static void
make_account(void)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__DomainPut domain = COMMANDS__DOMAIN_PUT__INIT;
	Commands__AccountPut put = COMMANDS__ACCOUNT_PUT__INIT;
	Commands__Account record = COMMANDS__ACCOUNT__INIT;
	Commands__EpochNew epoch = COMMANDS__EPOCH_NEW__INIT;
	Commands__MailboxCreate box = COMMANDS__MAILBOX_CREATE__INIT;

	domain.name = codec_bytes(SLICE_LIT("example.org"));
	c.body_case = COMMANDS__COMMAND__BODY_DOMAIN_PUT;
	c.domain_put = &domain;
	now(&c);
	record.name = codec_bytes(SLICE_LIT("u@example.org"));
	record.public_key = (ProtobufCBinaryData){32, noise};
	put.account = epoch.account = box.account = 7;
	put.record = &record;
	put.wrapped_secret = (ProtobufCBinaryData){72, noise};
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_PUT;
	c.account_put = &put;
	now(&c);
	epoch.epoch = 1;
	epoch.sealed_key = (ProtobufCBinaryData){80, noise};
	c.body_case = COMMANDS__COMMAND__BODY_EPOCH_NEW;
	c.epoch_new = &epoch;
	now(&c);
	box.name = codec_bytes(SLICE_LIT("Bench"));
	c.body_case = COMMANDS__COMMAND__BODY_MAILBOX_CREATE;
	c.mailbox_create = &box;
	inbox = now(&c)->id;
	arena_reset(&arena);
}

static void
append(size_t n)
{
	static uint8_t wrapped[72];
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Append a = COMMANDS__APPEND__INIT;
	Commands__Body body = COMMANDS__BODY__INIT;
	struct engine_proposal p = {.body = {noise, n}, .fd = -1};

	body.size = body.sealed_size = n;
	a.account = 7;
	a.mailbox = inbox;
	a.body = &body;
	a.epoch = 1;
	a.wrapped_key = (ProtobufCBinaryData){sizeof wrapped, wrapped};
	a.sealed_head = a.sealed_index = (ProtobufCBinaryData){HEAD, noise};
	c.body_case = COMMANDS__COMMAND__BODY_APPEND;
	c.append = &a;
	p.command = codec_pack(&c, &arena);
	must(engine_propose(engine, &p) == ERR_OK);
	arena_reset(&arena);
}

/* Half of the octets in large mails, half in small ones. */
static void
fill(uint64_t bytes)
{
	bool more;

	for (uint64_t at = 0, n = 0; at < bytes; n++) {
		size_t size = n % (BODY / SMALL) ? SMALL : BODY;

		append(size);
		at += size;
		for (more = n % WAITING == 0; more;)
			must(engine_turn(engine, &more) == ERR_OK);
	}
	for (more = true; more;)
		must(engine_turn(engine, &more) == ERR_OK);
}

/* The file system's cache counts, but for what is synced at the end: as for the stage. */
static double
disk_rate(const char *dir, uint64_t bytes)
{
	static uint8_t block[1 << 20];
	char path[300];
	uint64_t started = clock_ms(), ms;
	int fd;

	rand_bytes(block, sizeof block);
	snprintf(path, sizeof path, "%s/plain", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(fd >= 0);
	for (uint64_t at = 0; at < bytes; at += sizeof block)
		must(write(fd, block, sizeof block) == (ssize_t)sizeof block);
	must(fsync(fd) == 0);
	ms = clock_ms() - started;
	close(fd);
	unlink(path);
	return rate(bytes, ms);
}

struct far {
	struct db *db;
	struct catchup_target to;
	struct raft_log log;
	struct catchup_take *take;
};

static void
open_far(struct far *f, const char *dir)
{
	const struct members members = {
		.n = 1, .next_id = 3, .node = {{.id = 1, .kind = RAFT_VOTER}}};
	struct engine_options opt = {.dir = dir};
	struct engine_join join = {.node = 2, .members = &members};
	struct db_options how = {0};
	struct db_txn *txn;

	memcpy(join.cluster, engine_log(engine)->cluster, sizeof join.cluster);
	must(engine_create_joined(&opt, &join) == ERR_OK);
	f->to.dir = dir;
	must(db_open(&f->db, dir, &how) == ERR_OK);
	f->to.db = &f->db;
	must(db_begin(f->db, false, &txn) == ERR_OK);
	must(raft_meta_load(&f->log, txn, NULL) == ERR_OK);
	db_abort(txn);
	f->to.log = &f->log;
	must(vault_open(dir, f->log.cluster, false, &f->to.vault) == ERR_OK);
}

static void
hear(struct far *f, struct slice raw)
{
	Peer__Frame *frame = codec_unpack(&peer__frame__descriptor, raw, &arena);
	struct catchup_offer offer;

	if (frame->body_case != PEER__FRAME__BODY_SNAPSHOT_OFFER) {
		must(catchup_take_hear(f->take, frame) == ERR_OK);
		return;
	}
	must(catchup_take_offer(frame->snapshot_offer, &f->log, &offer) == ERR_OK);
	must(catchup_take_begin(&f->to, &offer, &f->take) == ERR_OK);
}

/* ERR_END: it is whole. */
static enum err
answer(struct far *f, struct catchup_send *send)
{
	struct slice raw = SLICE_EMPTY;
	enum err e;

	while (!(e = catchup_take_next(f->take, &arena, &raw)))
		if (raw.n)
			must(catchup_send_hear(send, codec_unpack(&peer__frame__descriptor, raw,
							     &arena)) == ERR_OK);
	return e;
}

static void
stream(struct far *f, uint64_t *state_ms)
{
	struct catchup_source from = {engine_db(engine), engine_vault(engine)};
	struct catchup_send *send;
	struct slice raw;
	uint64_t started = clock_ms();
	enum err e = ERR_OK;

	must(catchup_send_begin(&from, &send) == ERR_OK);
	for (uint64_t n = 0; e != ERR_END; n++) {
		must(catchup_send_next(send, &arena, &raw) == ERR_OK);
		hear(f, raw);
		e = answer(f, send);
		arena_reset(&arena);
		if (!catchup_send_is_past_state(send))
			*state_ms = clock_ms() - started;
		if (n % 16 == 0)
			look_at_memory();
	}
	catchup_send_end(send);
	must(catchup_take_finish(f->take) == ERR_OK);
	catchup_take_end(f->take);
}

static void
measure(const char *dir, const char *far_dir, uint64_t bytes)
{
	struct far f = {0};
	uint64_t state_ms = 0, started, ms, used;
	double disk, ours;

	open_far(&f, far_dir);
	used = db_used_bytes(engine_db(engine));
	disk = disk_rate(dir, bytes);
	look_at_memory();
	printf("before: %.1f MB of our own memory\n", (double)peak_kib / 1024);
	started = clock_ms();
	stream(&f, &state_ms);
	ms = clock_ms() - started;
	ours = rate(used, ms);
	printf("database %.0f MB, streamed in %.1f s (the state in %.1f s)\n",
		(double)used / 1e6, (double)ms / 1e3, (double)state_ms / 1e3);
	printf("stream %.0f MB/s, disk %.0f MB/s: ratio %.2f\n", ours, disk, ours / disk);
	printf("peak: %.1f MB of our own memory\n", (double)peak_kib / 1024);
	raft_log_fini(&f.log);
	vault_close(f.to.vault);
	db_close(f.db);
}

int
main(int argc, char **argv)
{
	char dir[256] = "/tmp/catchup_bench.XXXXXX", far_dir[280], command[300];
	uint64_t bytes = (argc > 2 ? strtoull(argv[2], NULL, 10) : 500) << 20;
	struct engine_options opt = {
		.dir = dir, .create = true, .boot = 1, .log_keep_rows = 1000};
	struct seal_key key;

	seal_init();
	if (argc > 1)
		snprintf(dir, sizeof dir, "%s/catchup_bench.XXXXXX", argv[1]);
	must(mkdtemp(dir) != NULL);
	snprintf(far_dir, sizeof far_dir, "%s/far", dir);
	snprintf(command, sizeof command, "mkdir %s", far_dir);
	must(system(command) == 0);
	rand_bytes(noise, sizeof noise);
	arena_init(&arena, 65536);
	must(engine_open(&opt, &engine) == ERR_OK);
	seal_key_new(&key);
	must(engine_set_key(engine, &key, SLICE_LIT("wrapped")) == ERR_OK);
	make_account();
	fill(bytes);
	measure(dir, far_dir, bytes);
	engine_close(engine);
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command);
}
