/* A whole database streamed from one folder to another: cut at every frame, killed, with a disk
 * that fails, onto an empty node and onto one that was away; and what a receiver refuses. */
#include <sys/wait.h>

#include "store/apply.h"
#include "store/catchup.h"
#include "store/catchup_send.h"
#include "store/catchup_take.h"
#include "store/raft_body.h"
#include "store/raft_meta.h"
#include "store/version.h"
#include "tests/fault.h"
#include "tests/store_world.h"

enum { WHOLE = 1 << 30, FRAMES_MAX = 1 << 16 };

static const struct members members = {.n = 2,
	.next_id = 3,
	.node = {{.id = 1, .kind = RAFT_VOTER, .goal = RAFT_VOTER},
		{.id = 2, .kind = RAFT_LEARNER, .goal = RAFT_VOTER}}};

/* The receiver. */
static struct {
	char dir[64];
	struct db *db;
	struct raft_log log;
	struct vault *vault;
	struct catchup_take *take;
} far;

/* Of the stream that ran last. */
static struct {
	uint32_t frames;
	uint64_t bodies, body_bytes, frame_max;
	struct slice frame[FRAMES_MAX]; /* the sender's; while has_copies is set */
	bool has_copies;
} stream;

static struct catchup_send *send;
static uint8_t noise[300000];

/* --- the sender's state --- */

/* So many turns, or until all is done. */
static void
append_in(uint32_t size, uint32_t turns)
{
	struct engine_proposal p = {
		.command = world_append_command(size), .body = {noise, size}, .fd = -1};
	FILE *f = NULL;
	bool more = true;

	if (size > SCHEMA_ENTRY_BODY_MAX) {
		f = tmpfile();
		assert_int_equal(ftruncate(fileno(f), size), 0);
		p.body = SLICE_EMPTY;
		p.fd = dup(fileno(f));
		p.fd_size = size;
	}
	assert_int_equal(engine_propose(world.e, &p), ERR_OK);
	for (; more && turns; turns--)
		assert_int_equal(engine_turn(world.e, &more), ERR_OK);
	if (f)
		fclose(f);
}

static void
append(uint32_t size)
{
	append_in(size, UINT32_MAX);
}

static void
expunge(uint32_t uid)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__FlagsStore flags = COMMANDS__FLAGS_STORE__INIT;
	Commands__Expunge x = COMMANDS__EXPUNGE__INIT;
	Commands__Uids uids = COMMANDS__UIDS__INIT;

	uids.n_first = uids.n_last = 1;
	uids.first = uids.last = &uid;
	flags.mailbox = x.mailbox = world.inbox;
	flags.uids = x.uids = &uids;
	flags.mode = 1;
	flags.flags = SCHEMA_DELETED;
	c.body_case = COMMANDS__COMMAND__BODY_FLAGS_STORE;
	c.flags_store = &flags;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
	c.body_case = COMMANDS__COMMAND__BODY_EXPUNGE;
	c.expunge = &x;
	assert_int_equal(world_propose(&c, SLICE_EMPTY)->code, COMMAND_DONE);
}

static void
fill(void)
{
	static const uint32_t size[] = {
		1, 60, 2500, 16383, 16384, 70000, 250000, 700000, 100, 100, 262080, 262081};

	rand_bytes(noise, sizeof noise);
	for (size_t i = 0; i < sizeof size / sizeof *size; i++)
		append(size[i]);
	for (uint32_t i = 0; i < 40; i++)
		append(3000 + i);
	expunge(3);
	expunge(9);
	for (int i = 0; i < 20; i++)
		append(90);
	/* A body that is half there. */
	append_in(2000000, 2);
	assert_int_equal(world_count(DB_UPLOAD), 1);
}

/* --- the receiver --- */

static void
far_new(void)
{
	struct engine_options opt = {.dir = far.dir};
	struct engine_join join = {.node = 2, .members = &members};

	snprintf(far.dir, sizeof far.dir, "/tmp/catchup_test.XXXXXX");
	assert_non_null(mkdtemp(far.dir));
	memcpy(join.cluster, engine_log(world.e)->cluster, sizeof join.cluster);
	assert_int_equal(engine_create_joined(&opt, &join), ERR_OK);
}

static void
far_open(void)
{
	struct db_options how = {0};
	struct db_txn *txn;

	assert_int_equal(db_open(&far.db, far.dir, &how), ERR_OK);
	assert_int_equal(db_begin(far.db, false, &txn), ERR_OK);
	far.log = (struct raft_log){0};
	assert_int_equal(raft_meta_load(&far.log, txn, NULL), ERR_OK);
	db_abort(txn);
	assert_int_equal(vault_open(far.dir, far.log.cluster, false, &far.vault), ERR_OK);
}

static void
far_close(void)
{
	catchup_take_end(far.take);
	raft_log_fini(&far.log);
	vault_close(far.vault);
	db_close(far.db);
	far.take = NULL;
	far.db = NULL;
	far.vault = NULL;
}

static void
far_remove(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -r %s", far.dir);
	assert_int_equal(system(command), 0);
}

/* --- the stream --- */

static void
begin_send(void)
{
	struct catchup_source from = {engine_db(world.e), engine_vault(world.e)};

	assert_int_equal(catchup_send_begin(&from, &send), ERR_OK);
}

static void
end_send(void)
{
	catchup_send_end(send);
	send = NULL;
}

static enum err
take_offer(const Peer__Frame *f)
{
	struct catchup_target to = {
		.dir = far.dir, .db = &far.db, .log = &far.log, .vault = far.vault};
	struct catchup_offer offer;
	enum err e = catchup_take_offer(f->snapshot_offer, &far.log, &offer);

	return e ? e : catchup_take_begin(&to, &offer, &far.take);
}

static enum err
hear(struct slice raw, struct arena *a)
{
	Peer__Frame *f = codec_unpack(&peer__frame__descriptor, raw, a);

	assert_non_null(f);
	stream.frames++;
	if (raw.n > stream.frame_max)
		stream.frame_max = raw.n;
	if (f->body_case == PEER__FRAME__BODY_SNAPSHOT_BODIES)
		for (size_t i = 0; i < f->snapshot_bodies->n_body; i++) {
			stream.bodies++;
			stream.body_bytes += f->snapshot_bodies->body[i]->octets.len;
		}
	if (f->body_case == PEER__FRAME__BODY_SNAPSHOT_OFFER)
		return take_offer(f);
	return catchup_take_hear(far.take, f);
}

/* What the receiver has to say, all of it. */
static enum err
answer(struct arena *a)
{
	struct slice raw = SLICE_EMPTY;
	enum err e;

	while (!(e = catchup_take_next(far.take, a, &raw))) {
		if (raw.n)
			e = catchup_send_hear(
				send, codec_unpack(&peer__frame__descriptor, raw, a));
		if (e)
			return e;
	}
	return e == ERR_MORE ? ERR_OK : e;
}

/* At most so many of the sender's frames. ERR_END: it is whole. ERR_MORE: it was cut. */
static enum err
run(uint32_t frames)
{
	struct arena a;
	struct slice raw;
	enum err e = ERR_OK;

	arena_init(&a, 0);
	for (; !e && frames; frames--) {
		e = catchup_send_next(send, &a, &raw);
		if (!e && stream.has_copies)
			stream.frame[stream.frames] = arena_dup(&world.a, raw);
		if (!e)
			e = hear(raw, &a);
		if (!e)
			e = answer(&a);
		arena_reset(&a);
	}
	if (e == ERR_END)
		assert_int_equal(catchup_send_next(send, &a, &raw), ERR_END);
	arena_reset(&a);
	return e ? e : ERR_MORE;
}

static void
install(void)
{
	assert_int_equal(catchup_take_finish(far.take), ERR_OK);
	far_close();
	assert_int_equal(catchup_take_swap(far.dir), ERR_OK);
}

/* From an opened receiver to one that is closed. */
static void
run_whole(void)
{
	begin_send();
	assert_int_equal(run(WHOLE), ERR_END);
	end_send();
	install();
}

/* --- what came out --- */

static void
compare_bodies(struct db *ours, struct db *theirs, uint64_t below)
{
	struct db_txn *a, *b;
	uint8_t hash[SEAL_HASH], other[SEAL_HASH];
	uint64_t n, m, seen = 0;

	assert_int_equal(db_begin(ours, false, &a), ERR_OK);
	assert_int_equal(db_begin(theirs, false, &b), ERR_OK);
	for (uint64_t i = 1; i <= below; i++) {
		assert_int_equal(raft_body_hash(b, i, &m, other), ERR_OK);
		if (!m)
			continue;
		assert_int_equal(raft_body_hash(a, i, &n, hash), ERR_OK);
		assert_int_equal(n, m);
		assert_memory_equal(hash, other, SEAL_HASH);
		seen++;
	}
	assert_true(seen > 50);
	db_abort(a);
	db_abort(b);
}

static void
compare_digests(struct db *ours, struct db *theirs)
{
	struct db_txn *a, *b;
	uint8_t digest[32], other[32];

	assert_int_equal(db_begin(ours, false, &a), ERR_OK);
	assert_int_equal(db_begin(theirs, false, &b), ERR_OK);
	assert_int_equal(db_digest(a, digest), ERR_OK);
	assert_int_equal(db_digest(b, other), ERR_OK);
	assert_memory_equal(digest, other, sizeof digest);
	db_abort(a);
	db_abort(b);
}

/* The receiver is a node of its own, with the sender's state. */
static void
check_far(void)
{
	struct engine *ours = world.e;
	struct engine_options opt = {.dir = far.dir};
	const struct raft_log *log;

	assert_int_equal(engine_open(&opt, &world.e), ERR_OK);
	world_give_keys(world.e);
	log = engine_log(world.e);
	assert_int_equal(log->node, far.log.node);
	assert_int_equal(log->hard.term, far.log.hard.term);
	assert_int_equal(log->applied, engine_applied(ours));
	assert_int_equal(log->first, log->last + 1);
	assert_int_equal(world_violations(false), 0);
	compare_digests(engine_db(ours), engine_db(world.e));
	compare_bodies(engine_db(ours), engine_db(world.e), log->applied);
	engine_close(world.e);
	world.e = ours;
}

static int
setup(void **state)
{
	int rc = world_setup(state);

	memset(&stream, 0, sizeof stream);
	world.opt.log_keep_rows = 5;
	world_reopen();
	fill();
	far_new();
	far_open();
	return rc;
}

static int
teardown(void **state)
{
	fault.write_in = fault.sync_in = fault.rename_in = 0;
	end_send();
	far_close();
	far_remove();
	return world_teardown(state);
}

/* --- the tests --- */

static void
a_new_node_gets_the_same_state_payload_and_secrets(void **state)
{
	(void)state;
	run_whole();
	check_far();
	assert_true(stream.frame_max <= CATCHUP_FRAME + SCHEMA_ENTRY_BODY_MAX + 65536);
}

static uint32_t
frames_in_all(void)
{
	run_whole();
	return stream.frames;
}

/* The receiver ends like one that was killed. */
static void
run_and_die(uint32_t frames)
{
	int status;
	pid_t pid;

	far_close();
	pid = fork();
	if (pid == 0) {
		far_open();
		begin_send();
		run(frames);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	far_open();
}

static void
a_stream_that_is_cut_or_killed_at_any_frame_goes_on(void **state)
{
	uint32_t frames = frames_in_all();

	(void)state;
	assert_true(frames > 10);
	for (uint32_t i = 0; i < 2 * frames; i++) {
		far_remove();
		far_new();
		far_open();
		if (i % 2) {
			run_and_die(i / 2);
		} else {
			begin_send();
			assert_int_equal(run(i / 2), i / 2 < frames ? ERR_MORE : ERR_END);
			end_send();
			far_close();
			far_open();
		}
		run_whole();
		check_far();
	}
}

/* Between the two streams the state moves on: mails come and go, an upload becomes one. */
static void
a_stream_goes_on_with_a_newer_state(void **state)
{
	uint32_t frames = frames_in_all();

	(void)state;
	for (uint32_t i = 1; i < frames; i++) {
		far_remove();
		far_new();
		far_open();
		begin_send();
		assert_int_equal(run(i), ERR_MORE);
		end_send();
		append(5000 + i);
		expunge(12 + i);
		far_close();
		far_open();
		run_whole();
		check_far();
	}
}

/* One mail after the other, so that its payload alone is a frame. */
static void
after_a_lost_connection_only_what_is_missing_goes_over(void **state)
{
	uint64_t bytes, applied;

	(void)state;
	for (int i = 0; i < 40; i++)
		append(262000);
	run_whole();
	bytes = stream.body_bytes;
	far_remove();
	far_new();
	far_open();
	begin_send();
	memset(&stream, 0, sizeof stream);
	while (stream.body_bytes < bytes / 2)
		assert_int_equal(run(1), ERR_MORE);
	assert_true(catchup_send_is_past_state(send));
	far_close();
	far_open();
	applied = engine_applied(world.e);
	append(10); /* behind the snapshot */
	assert_true(catchup_send_again(send));
	assert_int_equal(run(WHOLE), ERR_END);
	assert_int_equal(stream.body_bytes, bytes);
	assert_int_equal(catchup_send_index(send), applied);
}

static void
payload_that_a_node_has_is_not_asked_for(void **state)
{
	uint64_t before;

	(void)state;
	append(1); /* behind the one that was half there */
	run_whole();
	before = stream.bodies;
	far_open();
	for (int i = 0; i < 10; i++)
		append(1000);
	expunge(20);
	memset(&stream, 0, sizeof stream);
	run_whole();
	check_far();
	assert_true(before > 50);
	assert_int_equal(stream.bodies, 10);
}

static void
a_node_that_has_as_much_takes_nothing(void **state)
{
	(void)state;
	run_whole();
	far_open();
	begin_send();
	assert_int_equal(run(1), ERR_STALE);
}

/* Every write, then every sync, fails once; the stream after that is whole. */
static void
a_disk_that_fails_costs_the_stream_and_nothing_else(void **state)
{
	enum err e = ERR_IO;
	int *const countdown[] = {&fault.write_in, &fault.sync_in};

	(void)state;
	fault.write_errno = ENOSPC;
	for (size_t kind = 0; kind < 2; kind++, e = ERR_IO)
		for (int n = 1; e != ERR_END; n += 1 + n / 4) {
			begin_send();
			*countdown[kind] = n;
			e = run(WHOLE);
			assert_true(e == ERR_FULL || e == ERR_IO || e == ERR_END);
			*countdown[kind] = 0;
			end_send();
			far_close();
			catchup_take_drop(far.dir);
			far_open();
		}
	run_whole();
	check_far();
}

static void
until_the_swap_is_done_the_old_database_stands(void **state)
{
	struct db_txn *txn;
	uint8_t digest[32], zeros[32] = {0};

	(void)state;
	begin_send();
	assert_int_equal(run(WHOLE), ERR_END);
	assert_int_equal(catchup_take_finish(far.take), ERR_OK);
	far_close();
	fault.rename_in = 1;
	assert_int_equal(catchup_take_swap(far.dir), ERR_IO);
	far_open();
	assert_int_equal(far.log.applied, 0);
	assert_int_equal(db_begin(far.db, false, &txn), ERR_OK);
	assert_int_equal(db_digest(txn, digest), ERR_OK);
	assert_memory_equal(digest, zeros, sizeof zeros);
	db_abort(txn);
	end_send();
	memset(&stream, 0, sizeof stream);
	run_whole();
	check_far();
	assert_int_equal(stream.bodies, 0);
}

/* --- what is refused --- */

static Peer__SnapshotOffer
good_offer(struct arena *a)
{
	struct slice raw;
	Peer__Frame *f;

	begin_send();
	assert_int_equal(catchup_send_next(send, a, &raw), ERR_OK);
	end_send();
	f = codec_unpack(&peer__frame__descriptor, raw, a);
	return *f->snapshot_offer;
}

static void
an_offer_of_another_format_version_or_cluster_is_refused(void **state)
{
	static uint8_t other[16];
	struct catchup_offer offer;
	Peer__SnapshotOffer good = good_offer(&world.a), bad = good;

	(void)state;
	assert_int_equal(catchup_take_offer(&good, &far.log, &offer), ERR_OK);
	assert_false(offer.is_descriptor);
	bad.format++;
	assert_int_equal(catchup_take_offer(&bad, &far.log, &offer), ERR_VERSION);
	bad = good;
	bad.version = VERSION_COMMANDS + 1;
	assert_int_equal(catchup_take_offer(&bad, &far.log, &offer), ERR_VERSION);
	bad = good;
	bad.cluster.data = other;
	assert_int_equal(catchup_take_offer(&bad, &far.log, &offer), ERR_DENIED);
	bad = good;
	bad.chain.len--;
	assert_int_equal(catchup_take_offer(&bad, &far.log, &offer), ERR_SYNTAX);
	bad = good;
	bad.members_index = bad.index + 1;
	assert_int_equal(catchup_take_offer(&bad, &far.log, &offer), ERR_SYNTAX);
	bad = good;
	bad.members.len = 3;
	assert_int_equal(catchup_take_offer(&bad, &far.log, &offer), ERR_SYNTAX);
}

/* Each frame of a whole stream in another one's place: that ends it there, or, where a row may
 * stand, at the state's end. */
static void
a_frame_that_is_not_in_its_place_ends_the_stream(void **state)
{
	struct arena a;
	uint32_t frames;
	enum err e;

	(void)state;
	stream.has_copies = true;
	frames = frames_in_all();
	stream.has_copies = false;
	arena_init(&a, 0);
	for (uint32_t at = 1; at < frames; at++)
		for (uint32_t other = 1; other < frames; other++) {
			struct slice raw = stream.frame[other];

			/* Secrets may come twice. */
			if (other == at || (at == 2 && other == 1))
				continue;
			far_remove();
			far_new();
			far_open();
			begin_send();
			assert_int_equal(run(at), ERR_MORE);
			e = hear(raw, &a);
			if (!e)
				e = run(WHOLE);
			assert_int_not_equal(e, ERR_END);
			end_send();
			far_close();
		}
	arena_reset(&a);
}

/* Behind the offer and the secrets. */
static enum err
hear_rows(uint32_t table, const char *const *key, size_t n)
{
	Peer__Frame f = PEER__FRAME__INIT;
	Peer__SnapshotRows rows = PEER__SNAPSHOT_ROWS__INIT;
	Peer__SnapshotRow row[4], *list[4];

	far_close();
	catchup_take_drop(far.dir);
	far_open();
	end_send();
	begin_send();
	assert_int_equal(run(2), ERR_MORE);
	for (size_t i = 0; i < n; i++) {
		peer__snapshot_row__init(&row[i]);
		row[i].key = world_bytes(key[i]);
		row[i].value = world_bytes("v");
		list[i] = &row[i];
	}
	rows.table = table;
	rows.n_row = n;
	rows.row = list;
	f.body_case = PEER__FRAME__BODY_SNAPSHOT_ROWS;
	f.snapshot_rows = &rows;
	return catchup_take_hear(far.take, &f);
}

static void
rows_that_are_no_state_or_out_of_order_are_refused(void **state)
{
	char longest[513];

	(void)state;
	memset(longest, 'k', sizeof longest);
	longest[512] = '\0';
	assert_int_equal(hear_rows(DB_SETTING, (const char *[]){"a", "b"}, 2), ERR_OK);
	assert_int_equal(hear_rows(DB_SETTING, (const char *[]){"b", "a"}, 2), ERR_SYNTAX);
	assert_int_equal(hear_rows(DB_SETTING, (const char *[]){"a", "a"}, 2), ERR_SYNTAX);
	assert_int_equal(hear_rows(DB_SETTING, (const char *[]){""}, 1), ERR_SYNTAX);
	assert_int_equal(hear_rows(DB_SETTING, (const char *[]){longest}, 1), ERR_SYNTAX);
	assert_int_equal(hear_rows(DB_SETTING, NULL, 0), ERR_SYNTAX);
	assert_int_equal(hear_rows(DB_META, (const char *[]){"hard"}, 1), ERR_SYNTAX);
	assert_int_equal(hear_rows(DB_LOG, (const char *[]){"12345678"}, 1), ERR_SYNTAX);
	assert_int_equal(hear_rows(DB_BODY, (const char *[]){"123456789012"}, 1), ERR_SYNTAX);
	assert_int_equal(hear_rows(DB_GARBAGE, (const char *[]){"12345678"}, 1), ERR_SYNTAX);
	assert_int_equal(hear_rows(DB_TABLE_COUNT, (const char *[]){"k"}, 1), ERR_SYNTAX);
	assert_int_equal(hear_rows(UINT32_MAX, (const char *[]){"k"}, 1), ERR_SYNTAX);
	assert_int_equal(hear_rows(DB_PAYLOAD, (const char *[]){"12345678"}, 1), ERR_SYNTAX);
}

static enum err
hear_secret(uint32_t kind, uint64_t index, size_t n)
{
	Peer__Frame f = PEER__FRAME__INIT;
	Peer__SnapshotSecrets secrets = PEER__SNAPSHOT_SECRETS__INIT;
	Peer__SnapshotSecret s = PEER__SNAPSHOT_SECRET__INIT, *list[] = {&s};

	far_close();
	far_open();
	end_send();
	begin_send();
	assert_int_equal(run(1), ERR_MORE);
	s.kind = kind;
	s.id = 1;
	s.index = index;
	s.secret = (ProtobufCBinaryData){n, noise};
	secrets.n_secret = 1;
	secrets.secret = list;
	f.body_case = PEER__FRAME__BODY_SNAPSHOT_SECRETS;
	f.snapshot_secrets = &secrets;
	return catchup_take_hear(far.take, &f);
}

static void
secrets_that_the_vault_does_not_hold_are_refused(void **state)
{
	(void)state;
	assert_int_equal(hear_secret(VAULT_QUEUE, 1, VAULT_IMAGE_SECRET), ERR_OK);
	assert_int_equal(hear_secret(VAULT_QUEUE, 1, VAULT_IMAGE_SECRET + 1), ERR_TOO_BIG);
	assert_int_equal(hear_secret(VAULT_QUEUE, 1, 0), ERR_SYNTAX);
	assert_int_equal(hear_secret(VAULT_KEY, 1, 9), ERR_OK);
	assert_int_equal(hear_secret('x', 1, 9), ERR_SYNTAX);
	assert_int_equal(hear_secret(256 + 'a', 1, 9), ERR_SYNTAX);
	assert_int_equal(hear_secret(VAULT_ACCOUNT, UINT64_MAX, 9), ERR_SYNTAX);
}

static void
a_state_with_another_digest_is_refused(void **state)
{
	Peer__Frame f = PEER__FRAME__INIT;
	Peer__SnapshotState end = PEER__SNAPSHOT_STATE__INIT;
	static uint8_t zeros[32];

	(void)state;
	begin_send();
	assert_int_equal(run(3), ERR_MORE);
	end.digest = (ProtobufCBinaryData){sizeof zeros, zeros};
	f.body_case = PEER__FRAME__BODY_SNAPSHOT_STATE;
	f.snapshot_state = &end;
	assert_int_equal(catchup_take_hear(far.take, &f), ERR_CORRUPT);
}

static void
the_sender_refuses_what_it_did_not_offer(void **state)
{
	Peer__Frame f = PEER__FRAME__INIT;
	Peer__SnapshotWant want = PEER__SNAPSHOT_WANT__INIT;
	Peer__SnapshotAck ack = PEER__SNAPSHOT_ACK__INIT;
	uint64_t entry[CATCHUP_WANTS_MAX + 1] = {0};

	(void)state;
	begin_send();
	want.index = ack.index = catchup_send_index(send);
	f.body_case = PEER__FRAME__BODY_SNAPSHOT_WANT;
	f.snapshot_want = &want;
	assert_int_equal(run(3), ERR_MORE);
	assert_int_equal(catchup_send_hear(send, &f), ERR_SYNTAX);
	while (!catchup_send_is_past_state(send))
		assert_int_equal(run(1), ERR_MORE);
	want.entry = entry;
	want.n_entry = 1;
	assert_int_equal(catchup_send_hear(send, &f), ERR_SYNTAX);
	entry[0] = want.index + 1;
	assert_int_equal(catchup_send_hear(send, &f), ERR_SYNTAX);
	for (size_t i = 0; i <= CATCHUP_WANTS_MAX; i++)
		entry[i] = 1;
	want.n_entry = CATCHUP_WANTS_MAX + 1;
	assert_int_equal(catchup_send_hear(send, &f), ERR_SYNTAX);
	want.index++; /* of another stream */
	assert_int_equal(catchup_send_hear(send, &f), ERR_OK);
	f.body_case = PEER__FRAME__BODY_SNAPSHOT_ACK;
	f.snapshot_ack = &ack;
	ack.octets = UINT64_MAX;
	assert_int_equal(catchup_send_hear(send, &f), ERR_SYNTAX);
}

static void
an_arbiter_is_told_where_the_log_begins(void **state)
{
	const struct raft_log *log = engine_log(world.e);
	struct catchup_offer offer;
	struct slice raw;
	Peer__Frame *f;

	(void)state;
	assert_int_equal(catchup_send_descriptor(engine_db(world.e), &world.a, &raw), ERR_OK);
	f = codec_unpack(&peer__frame__descriptor, raw, &world.a);
	assert_int_equal(catchup_take_offer(f->snapshot_offer, &far.log, &offer), ERR_OK);
	assert_true(offer.is_descriptor);
	assert_true(log->first > 1);
	assert_int_equal(offer.index, log->first - 1);
	assert_int_equal(offer.term, log->base_term);
	assert_memory_equal(offer.chain, log->base_chain, SEAL_HASH);
	assert_int_equal(offer.members.n, log->members.n);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_node_gets_the_same_state_payload_and_secrets),
		TEST(a_stream_that_is_cut_or_killed_at_any_frame_goes_on),
		TEST(a_stream_goes_on_with_a_newer_state),
		TEST(after_a_lost_connection_only_what_is_missing_goes_over),
		TEST(payload_that_a_node_has_is_not_asked_for),
		TEST(a_node_that_has_as_much_takes_nothing),
		TEST(a_disk_that_fails_costs_the_stream_and_nothing_else),
		TEST(until_the_swap_is_done_the_old_database_stands),
		TEST(an_offer_of_another_format_version_or_cluster_is_refused),
		TEST(a_frame_that_is_not_in_its_place_ends_the_stream),
		TEST(rows_that_are_no_state_or_out_of_order_are_refused),
		TEST(secrets_that_the_vault_does_not_hold_are_refused),
		TEST(a_state_with_another_digest_is_refused),
		TEST(the_sender_refuses_what_it_did_not_offer),
		TEST(an_arbiter_is_told_where_the_log_begins),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
