#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/codec.h"
#include "core/log.h"
#include "core/must.h"
#include "store/catchup.h"
#include "store/catchup_send.h"
#include "store/catchup_take.h"
#include "store/commands.pb-c.h"
#include "store/raft_meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* A sender that sends anything, a receiver that answers anything: each frame is taken or ends
 * the stream; what is said to be whole can be made a database. Input: operations, each an octet
 * and what it reads. */
enum { INDEX = 100, LIST = 6, STEPS = 60, OCTETS = 40 };

static struct {
	char dir[64];
	struct db *db;
	struct raft_log log;
	struct vault *vault;
	struct catchup_take *take;
	struct catchup_send *send;
	struct arena arena;
	struct slice in;
	struct db_sum sum; /* of the rows that were sent */
	uint64_t rows, wanted[CATCHUP_WANTS_MAX];
	size_t first, wants;
} w;

static void
needs(bool so)
{
	if (!so)
		__builtin_trap();
}

static uint8_t
octet(void)
{
	uint8_t b = w.in.n ? w.in.p[0] : 0;

	w.in = slice_from(w.in, 1);
	return b;
}

static struct slice
octets(size_t n)
{
	struct slice s = slice_cut(w.in, 0, n);

	w.in = slice_from(w.in, n);
	return s;
}

static void
open_once(void)
{
	struct db_options how = {.create = true};
	struct db_txn *txn;
	char path[100];

	if (w.db)
		return;
	log_init("fuzz", "fuzz", LOG_LEVEL_ERROR);
	seal_init();
	snprintf(w.dir, sizeof w.dir, "%s/catchup_fuzz.XXXXXX",
		access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	needs(mkdtemp(w.dir) && db_open(&w.db, w.dir, &how) == ERR_OK);
	needs(db_begin(w.db, true, &txn) == ERR_OK);
	needs(raft_meta_load(&w.log, txn, NULL) == ERR_OK && db_commit(txn) == ERR_OK);
	needs(vault_open(w.dir, w.log.cluster, true, &w.vault) == ERR_OK);
	/* The open files do; what is staged is removed each time. */
	snprintf(path, sizeof path, "%s/data.mdb", w.dir);
	unlink(path);
	snprintf(path, sizeof path, "%s/data.mdb-lock", w.dir);
	unlink(path);
	arena_init(&w.arena, 65536);
}

static void
end_take(void)
{
	catchup_take_end(w.take);
	w.take = NULL;
	w.wants = w.rows = 0;
	memset(&w.sum, 0, sizeof w.sum);
}

static void
begin_take(void)
{
	struct catchup_target to = {.dir = w.dir, .db = &w.db, .log = &w.log, .vault = w.vault};
	struct catchup_offer offer = {.index = INDEX, .term = 1, .members = w.log.members};

	if (!w.take)
		needs(catchup_take_begin(&to, &offer, &w.take) == ERR_OK);
}

static void
note_wants(struct slice raw)
{
	Peer__Frame *f = raw.n ? codec_unpack(&peer__frame__descriptor, raw, &w.arena) : NULL;

	if (!f || f->body_case != PEER__FRAME__BODY_SNAPSHOT_WANT)
		return;
	needs(f->snapshot_want->n_entry <= CATCHUP_WANTS_MAX);
	w.first = 0;
	w.wants = f->snapshot_want->n_entry;
	memcpy(w.wanted, f->snapshot_want->entry, w.wants * sizeof *w.wanted);
}

/* What is whole is a node's database; then it begins anew. */
static void
answer(void)
{
	struct slice raw = SLICE_EMPTY;
	enum err e = ERR_OK;

	while (!e) {
		e = catchup_take_next(w.take, &w.arena, &raw);
		if (!e)
			note_wants(raw);
	}
	if (e == ERR_END)
		needs(catchup_take_finish(w.take) == ERR_OK);
	if (e != ERR_MORE)
		end_take();
}

static void
hear(Peer__Frame__BodyCase which, void *message)
{
	Peer__Frame f = PEER__FRAME__INIT;

	f.body_case = which;
	f.snapshot_rows = message;
	begin_take();
	answer();
	if (w.take && catchup_take_hear(w.take, &f))
		end_take();
	else if (w.take)
		answer();
}

static void
secrets(void)
{
	Peer__SnapshotSecrets f = PEER__SNAPSHOT_SECRETS__INIT;
	Peer__SnapshotSecret s[LIST], *list[LIST];

	for (size_t n = octet() % LIST; f.n_secret < n; f.n_secret++) {
		Peer__SnapshotSecret *one = list[f.n_secret] = &s[f.n_secret];

		peer__snapshot_secret__init(one);
		one->kind = octet();
		one->id = octet();
		one->index = octet();
		one->secret = codec_bytes(octets(octet()));
	}
	f.secret = list;
	hear(PEER__FRAME__BODY_SNAPSHOT_SECRETS, &f);
}

/* A row of upload and of payload is the same but for one field. */
static struct slice
named(void)
{
	Commands__PayloadRow row = COMMANDS__PAYLOAD_ROW__INIT;
	uint64_t entry[LIST];

	row.sealed_size = octet();
	for (size_t n = octet() % LIST; row.n_index < n; row.n_index++)
		entry[row.n_index] = octet();
	row.index = entry;
	row.count = 1;
	return codec_pack(&row, &w.arena);
}

static void
rows(void)
{
	Peer__SnapshotRows f = PEER__SNAPSHOT_ROWS__INIT;
	Peer__SnapshotRow r[LIST], *list[LIST];
	size_t n = octet() % LIST;

	f.table = octet() % (DB_TABLE_COUNT + 1);
	if (octet() % 2)
		f.table = f.table % 2 ? DB_UPLOAD : DB_PAYLOAD;
	for (; f.n_row < n; f.n_row++) {
		Peer__SnapshotRow *one = list[f.n_row] = &r[f.n_row];
		uint8_t *key = arena_zalloc(&w.arena, 8);

		key[7] = octet();
		peer__snapshot_row__init(one);
		one->key = codec_bytes(
			octet() % 16 ? slice_of(key, 8) : octets(octet() % OCTETS));
		one->value = codec_bytes(octet() % 8 ? named() : octets(octet() % OCTETS));
		if (f.table < DB_TABLE_COUNT)
			db_sum_add(&w.sum, (enum db_table)f.table, codec_slice(one->key),
				codec_slice(one->value));
		w.rows++;
	}
	f.row = list;
	hear(PEER__FRAME__BODY_SNAPSHOT_ROWS, &f);
}

static void
state(void)
{
	Peer__SnapshotState f = PEER__SNAPSHOT_STATE__INIT;

	f.rows = w.rows;
	f.digest = (ProtobufCBinaryData){sizeof w.sum.word, (uint8_t *)w.sum.word};
	if (octet() % 16 == 1)
		f.digest.len = octet() % sizeof w.sum.word;
	hear(PEER__FRAME__BODY_SNAPSHOT_STATE, &f);
}

static void
bodies(void)
{
	static uint8_t zeros[256];
	Peer__SnapshotBodies f = PEER__SNAPSHOT_BODIES__INIT;
	Peer__SnapshotBody b[LIST], *list[LIST];
	size_t n = octet() % LIST;

	for (; f.n_body < n; f.n_body++) {
		Peer__SnapshotBody *one = list[f.n_body] = &b[f.n_body];

		peer__snapshot_body__init(one);
		one->entry = w.first < w.wants ? w.wanted[w.first++] : octet();
		one->octets = (ProtobufCBinaryData){octet(), zeros};
	}
	f.body = list;
	hear(PEER__FRAME__BODY_SNAPSHOT_BODIES, &f);
}

static void
raw_frame(bool to_sender)
{
	Peer__Frame *f = codec_unpack(&peer__frame__descriptor, octets(octet()), &w.arena);
	struct catchup_offer offer;
	struct slice raw;

	if (!f)
		return;
	if (f->body_case == PEER__FRAME__BODY_SNAPSHOT_OFFER)
		(void)catchup_take_offer(f->snapshot_offer, &w.log, &offer);
	if (!to_sender) {
		begin_take();
		if (catchup_take_hear(w.take, f))
			end_take();
		return;
	}
	(void)catchup_send_next(w.send, &w.arena, &raw);
	if (catchup_send_hear(w.send, f) == ERR_OK)
		(void)catchup_send_next(w.send, &w.arena, &raw);
}

static void
step(void)
{
	switch (octet() % 8) {
	case 0:
		secrets();
		break;
	case 1:
	case 2:
		rows();
		break;
	case 3:
		state();
		break;
	case 4:
		bodies();
		break;
	case 5:
		raw_frame(false);
		break;
	case 6:
		raw_frame(true);
		break;
	default:
		end_take();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct catchup_source from;

	open_once();
	from = (struct catchup_source){w.db, w.vault};
	catchup_take_drop(w.dir);
	w.in = slice_of(p, n);
	needs(catchup_send_begin(&from, &w.send) == ERR_OK);
	for (int i = 0; i < STEPS && w.in.n; i++) {
		step();
		arena_reset(&w.arena);
	}
	end_take();
	catchup_send_end(w.send);
	catchup_take_drop(w.dir);
	return 0;
}
