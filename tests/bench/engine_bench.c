/* engine_bench: how many mails a second the engine takes: ENQUEUE of a 4 KiB body with
 * envelope, head and index (5 KiB in all), then one DELIVER each, at several numbers of
 * proposals that wait for one commit. engine_bench [DIR [MAILS]] */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/must.h"
#include "core/rand.h"
#include "store/engine.h"
#include "store/floor.h"
#include "store/schema.h"

enum { ACCOUNTS = 100, BODY = 4096 + 16, HEAD = 380, INDEX = 420 };

static struct engine *engine;
static struct arena arena;
static uint8_t noise[8192];
static uint64_t *item;

static void
run(struct slice command, struct slice body, engine_done done, void *arg)
{
	struct engine_proposal p = {
		.command = command, .body = body, .fd = -1, .done = done, .arg = arg};

	must(engine_propose(engine, &p) == ERR_OK);
}

static struct floor_page page;
static struct floor *held;
static uint64_t ticked_ms;

/* With the read transactions that the store holds for its readers. */
static void
turn(void)
{
	bool more = true;

	if (held && clock_ms() - ticked_ms >= FLOOR_TICK_MS) {
		ticked_ms = clock_ms();
		must(floor_tick(held) == ERR_OK);
	}

	while (more)
		must(engine_turn(engine, &more) == ERR_OK);
}

static void
on_done(void *arg, enum err e, uint64_t index, const Commands__Result *r)
{
	(void)index;
	must(e == ERR_OK && r->code == COMMAND_DONE &&
		(!r->n_step_code || r->step_code[0] == 0));
	if (arg)
		*(uint64_t *)arg = r->id;
}

static ProtobufCBinaryData
text(const char *s, uint64_t n)
{
	char *p = arena_alloc(&arena, 64);

	snprintf(p, 64, "%08llx%s", (unsigned long long)n, s);
	return codec_bytes(slice_str(p));
}

static void
make_accounts(void)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__DomainPut domain = COMMANDS__DOMAIN_PUT__INIT;

	domain.name = codec_bytes(SLICE_LIT("example.org"));
	c.body_case = COMMANDS__COMMAND__BODY_DOMAIN_PUT;
	c.domain_put = &domain;
	run(codec_pack(&c, &arena), SLICE_EMPTY, on_done, NULL);
	for (uint64_t i = 0; i < ACCOUNTS; i++) {
		Commands__AccountPut put = COMMANDS__ACCOUNT_PUT__INIT;
		Commands__Account record = COMMANDS__ACCOUNT__INIT;
		Commands__EpochNew epoch = COMMANDS__EPOCH_NEW__INIT;

		record.name = text("@example.org", i);
		record.public_key = (ProtobufCBinaryData){32, noise};
		put.account = i + 1;
		put.record = &record;
		put.wrapped_secret = (ProtobufCBinaryData){72, noise};
		c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_PUT;
		c.account_put = &put;
		run(codec_pack(&c, &arena), SLICE_EMPTY, on_done, NULL);
		epoch.account = i + 1;
		epoch.epoch = 1;
		epoch.sealed_key = (ProtobufCBinaryData){80, noise};
		c.body_case = COMMANDS__COMMAND__BODY_EPOCH_NEW;
		c.epoch_new = &epoch;
		run(codec_pack(&c, &arena), SLICE_EMPTY, on_done, NULL);
	}
	turn();
}

static void
enqueue(uint64_t n)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Enqueue q = COMMANDS__ENQUEUE__INIT;
	Commands__Body body = COMMANDS__BODY__INIT;
	Commands__Rcpt rcpt = COMMANDS__RCPT__INIT, *list[] = {&rcpt};
	Commands__Intake in = COMMANDS__INTAKE__INIT;

	rcpt.address = text("@example.org", n % ACCOUNTS);
	rcpt.account = n % ACCOUNTS + 1;
	rcpt.stage = COMMANDS__STAGE__STAGE_DELIVER;
	body.size = BODY - 16;
	body.sealed_size = BODY;
	q.sender = codec_bytes(SLICE_LIT("someone@elsewhere.example"));
	q.n_rcpt = 1;
	q.rcpt = list;
	q.body = &body;
	q.sealed_key = (ProtobufCBinaryData){80, noise};
	q.queue_key = 1;
	q.sealed_head = (ProtobufCBinaryData){HEAD, noise};
	q.sealed_index = (ProtobufCBinaryData){INDEX, noise};
	q.repeat_key = text(" repeat key of 32 octets", n);
	q.repeat_until_sec = UINT64_C(1) << 40;
	q.message_id = text("@elsewhere.example", n);
	q.client_name = (char *)(uintptr_t) "client.elsewhere.example";
	q.helo = q.client_name;
	q.client_address = (ProtobufCBinaryData){4, noise};
	q.trace_life_sec = 14 * 86400;
	in.kind = "mx";
	in.at = "192.0.2.1:25";
	in.client_address = q.client_address;
	in.client_port = q.client_port = 40000;
	in.tls = "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)";
	q.intake = codec_bytes(codec_pack(&in, &arena));
	c.body_case = COMMANDS__COMMAND__BODY_ENQUEUE;
	c.enqueue = &q;
	run(codec_pack(&c, &arena), slice_of(noise + n % 1000, BODY), on_done, &item[n]);
}

static void
deliver(uint64_t n)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Step s = COMMANDS__STEP__INIT;
	Commands__RcptStep one = COMMANDS__RCPT_STEP__INIT, *steps[] = {&one};
	Commands__Delivery d = COMMANDS__DELIVERY__INIT;

	d.account = n % ACCOUNTS + 1;
	d.epoch = 1;
	d.wrapped_key = (ProtobufCBinaryData){SCHEMA_WRAPPED_KEY, noise};
	one.delivery = &d;
	s.item = item[n];
	s.epoch = 1;
	s.n_step = 1;
	s.step = steps;
	c.body_case = COMMANDS__COMMAND__BODY_STEP;
	c.step = &s;
	run(codec_pack(&c, &arena), SLICE_EMPTY, on_done, NULL);
}

static void
make_queue_key(void)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__QueueKey key = COMMANDS__QUEUE_KEY__INIT;

	key.id = 1;
	key.public_key = (ProtobufCBinaryData){SCHEMA_PUBLIC_KEY, noise};
	key.wrapped_secret = (ProtobufCBinaryData){72, noise};
	c.body_case = COMMANDS__COMMAND__BODY_QUEUE_KEY;
	c.queue_key = &key;
	run(codec_pack(&c, &arena), SLICE_EMPTY, NULL, NULL);
	turn();
}

static void
measure(const char *what, void (*one)(uint64_t), const uint64_t span[2], uint64_t waiting)
{
	struct engine_stats before, after;
	uint64_t start = clock_us(), us, mails = span[1] - span[0];

	engine_stats(engine, &before);
	for (uint64_t n = span[0]; n < span[1]; n++) {
		one(n);
		if (n % waiting == waiting - 1) {
			turn();
			arena_reset(&arena);
		}
	}
	turn();
	us = clock_us() - start;
	engine_stats(engine, &after);
	printf("%-8s %5llu waiting: %7.0f a second, %.3f commits each, %.0f octets of file "
	       "each\n",
		what, (unsigned long long)waiting, (double)mails * 1e6 / (double)us,
		(double)(after.commits - before.commits) / (double)mails,
		((double)after.used_bytes - (double)before.used_bytes) / (double)mails);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	static const uint64_t waiting[] = {1, 10, 50, 256, 1024};
	char dir[512] = "/tmp/engine_bench.XXXXXX", command[600];
	uint64_t mails = argc > 2 ? strtoull(argv[2], NULL, 10) : 20000, span[2] = {0};
	struct engine_options opt = {
		.dir = dir, .create = true, .boot = 1, .log_keep_rows = 10000};
	struct seal_key key;
	struct engine_stats s;

	seal_init();
	if (argc > 1)
		snprintf(dir, sizeof dir, "%s/engine_bench.XXXXXX", argv[1]);
	must(mkdtemp(dir) != NULL);
	rand_bytes(noise, sizeof noise);
	arena_init(&arena, 65536);
	item = must_zalloc(5 * mails * sizeof *item);
	must(engine_open(&opt, &engine) == ERR_OK);
	seal_key_new(&key);
	must(engine_set_key(engine, &key, SLICE_LIT("wrapped")) == ERR_OK);
	make_accounts();
	make_queue_key();
	must(floor_open(engine_db(engine), &page, &held) == ERR_OK);
	for (size_t i = 0; i < sizeof waiting / sizeof *waiting; i++) {
		span[0] = span[1];
		span[1] += waiting[i] == 1 ? mails / 10 : mails;
		measure("enqueue", enqueue, span, waiting[i]);
		measure("deliver", deliver, span, waiting[i]);
	}
	floor_close(held);
	held = NULL;
	must(engine_compact(engine, NULL) == ERR_OK);
	engine_stats(engine, &s);
	printf("after compaction: %.0f octets of file a mail\n",
		(double)s.used_bytes / (double)span[1]);
	engine_close(engine);
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command);
}
