#include "store/catchup_take.h"

#include <stdlib.h>

#include "core/codec.h"
#include "core/must.h"
#include "store/catchup.h"
#include "store/catchup_stage.h"
#include "store/raft_body.h"
#include "store/schema.h"
#include "store/version.h"

/* Of one call of catchup_take_next. */
enum { STEP_ROWS = 4096, STEP_BYTES = 2 << 20, ACK_BYTES = CATCHUP_WINDOW / 8 };

enum state { BEGINS, TAKES_STATE, TAKES_PAYLOAD, HAS_ALL, ENDED };

struct asked {
	uint64_t entry;
	uint32_t size; /* 0: not known */
};

struct catchup_take {
	struct catchup_target to;
	struct catchup_offer offer;
	struct catchup_stage *stage;
	enum state state;
	bool has_rows;
	uint64_t taken, acked;
	/* Whose payload is looked for: rows of table from id on; of the one before, the entries
	 * from `at` on. */
	enum db_table table;
	uint64_t id, sealed_size;
	uint64_t *entry;
	size_t at, n;
	struct buf body;
	uint64_t asked_bytes;
	uint32_t first, asked_n; /* of the ring */
	struct asked asked[CATCHUP_WANTS_MAX];
};

enum err
catchup_take_offer(
	const Peer__SnapshotOffer *raw, const struct raft_log *log, struct catchup_offer *offer)
{
	struct catchup_offer o = {.index = raw->index,
		.term = raw->term,
		.time_sec = raw->time_sec,
		.is_descriptor = raw->descriptor};

	if (raw->format != db_format() || raw->version > VERSION_COMMANDS)
		return ERR_VERSION;
	if (!slice_eq(codec_slice(raw->cluster), slice_of(log->cluster, sizeof log->cluster)))
		return ERR_DENIED;
	if (raw->chain.len != SEAL_HASH || raw->members_index > raw->index ||
		raw->index > INT64_MAX || members_unpack(codec_slice(raw->members), &o.members))
		return ERR_SYNTAX;
	memcpy(o.chain, raw->chain.data, SEAL_HASH);
	o.members.index = raw->members_index;
	*offer = o;
	return ERR_OK;
}

void
catchup_take_begin_log(struct raft_log *log, const struct catchup_offer *offer)
{
	log->first = offer->index + 1;
	log->last = log->applied = offer->index;
	log->last_term = log->base_term = offer->term;
	log->time_sec = offer->time_sec;
	log->members = log->members_before = offer->members;
	memcpy(log->chain, offer->chain, SEAL_HASH);
	memcpy(log->base_chain, offer->chain, SEAL_HASH);
}

enum err
catchup_take_begin(const struct catchup_target *to, const struct catchup_offer *offer,
	struct catchup_take **out)
{
	struct catchup_take *t;
	enum err e;

	if (offer->index <= to->log->applied)
		return ERR_STALE;
	t = must_zalloc(sizeof *t);
	t->to = *to;
	t->offer = *offer;
	t->table = DB_UPLOAD;
	buf_init(&t->body, SCHEMA_ENTRY_BODY_MAX);
	e = catchup_stage_open(to, &t->stage);
	if (e) {
		catchup_take_end(t);
		return e;
	}
	*out = t;
	return ERR_OK;
}

void
catchup_take_end(struct catchup_take *t)
{
	if (!t)
		return;
	catchup_stage_close(t->stage);
	buf_fini(&t->body);
	free(t->entry);
	free(t);
}

/* --- the state --- */

static enum err
take_secret(struct catchup_take *t, const Peer__SnapshotSecret *s)
{
	struct vault_row row = {.kind = (uint8_t)s->kind,
		.wrap_kind = (uint8_t)s->wrap_kind,
		.id = s->id,
		.index = s->index,
		.n = s->secret.len};
	enum err e;

	if ((s->kind != VAULT_ACCOUNT && s->kind != VAULT_QUEUE && s->kind != VAULT_KEY &&
		    s->kind != VAULT_LOG) ||
		s->wrap_kind > UINT8_MAX || s->index > t->offer.index || s->secret.len == 0 ||
		(s->kind == VAULT_LOG && s->id > t->offer.index))
		return ERR_SYNTAX;
	if (s->secret.len > VAULT_IMAGE_SECRET)
		return ERR_TOO_BIG;
	memcpy(row.secret, s->secret.data, s->secret.len);
	e = vault_reserve(t->to.vault, 1);
	if (!e)
		e = vault_put(t->to.vault, &row);
	seal_wipe(&row, sizeof row);
	return e;
}

static enum err
on_secrets(struct catchup_take *t, const Peer__SnapshotSecrets *f)
{
	enum err e = f->n_secret > CATCHUP_SECRETS_MAX || t->has_rows ? ERR_SYNTAX : ERR_OK;

	for (size_t i = 0; i < f->n_secret && !e; i++)
		e = take_secret(t, f->secret[i]);
	return e ? e : vault_sync(t->to.vault);
}

static enum err
on_rows(struct catchup_take *t, const Peer__SnapshotRows *f)
{
	enum err e = f->n_row && f->table < DB_TABLE_COUNT ? ERR_OK : ERR_SYNTAX;

	t->has_rows = true;
	for (size_t i = 0; i < f->n_row && !e; i++) {
		struct slice k = codec_slice(f->row[i]->key), v = codec_slice(f->row[i]->value);

		e = catchup_stage_row(t->stage, (enum db_table)f->table, k, v);
		t->taken += k.n + v.n;
	}
	return e;
}

static enum err
on_state(struct catchup_take *t, const Peer__SnapshotState *f)
{
	enum err e = catchup_stage_end_state(t->stage, &t->offer, f);

	if (!e)
		t->state = TAKES_PAYLOAD;
	return e;
}

/* --- the payload --- */

/* Bodies are cut in one way (engine): all parts but the last are whole. 0: not this one. */
static uint32_t
size_of(uint64_t sealed_size, size_t n, size_t at)
{
	uint64_t before = (n - 1) * (uint64_t)SCHEMA_ENTRY_BODY_MAX;

	if (sealed_size <= before || sealed_size - before > SCHEMA_ENTRY_BODY_MAX)
		return 0;
	return at + 1 < n ? SCHEMA_ENTRY_BODY_MAX : (uint32_t)(sealed_size - before);
}

/* ERR_NOT_FOUND: the old database doesn't have it whole. */
static enum err
copy_own(struct catchup_take *t, struct db_txn *txn, const struct asked *a)
{
	enum err e;

	if (a->entry > t->to.log->applied || !a->size)
		return ERR_NOT_FOUND;
	buf_clear(&t->body);
	e = raft_body_get(txn, a->entry, &t->body);
	if (e == ERR_TOO_BIG || (!e && t->body.n != a->size))
		return ERR_NOT_FOUND;
	return e ? e : catchup_stage_put_body(t->stage, a->entry, buf_slice(&t->body));
}

/* The entries of the next row. ERR_NOT_FOUND: that was all. */
static enum err
next_named(struct catchup_take *t)
{
	struct catchup_named named;
	enum err e = catchup_stage_named(t->stage, t->table, t->id, &named);

	if (e == ERR_NOT_FOUND && t->table == DB_UPLOAD) {
		t->table = DB_PAYLOAD;
		t->id = 0;
		return next_named(t);
	}
	if (e)
		return e;
	if (named.id == UINT64_MAX)
		return ERR_SYNTAX;
	free(t->entry);
	t->entry = must_alloc((named.n + 1) * sizeof *t->entry);
	if (named.n)
		memcpy(t->entry, named.entry, named.n * sizeof *t->entry);
	t->n = named.n;
	t->at = 0;
	t->sealed_size = named.sealed_size;
	t->id = named.id + 1;
	return ERR_OK;
}

static void
ask(struct catchup_take *t, const struct asked *a, Peer__SnapshotWant *want)
{
	t->asked[(t->first + t->asked_n++) % CATCHUP_WANTS_MAX] = *a;
	t->asked_bytes += a->size ? a->size : SCHEMA_ENTRY_BODY_MAX;
	want->entry[want->n_entry++] = a->entry;
}

/* One entry: it is here, or was copied, or is asked for. */
static enum err
find_one(struct catchup_take *t, struct db_txn *own, Peer__SnapshotWant *want)
{
	struct asked a = {t->entry[t->at], size_of(t->sealed_size, t->n, t->at)};
	bool has;
	enum err e = ERR_SYNTAX;

	if (a.entry && a.entry <= t->offer.index)
		e = catchup_stage_has_body(t->stage, a.entry, &has);
	t->at++;
	if (e || has)
		return e;
	e = copy_own(t, own, &a);
	if (e != ERR_NOT_FOUND)
		return e;
	ask(t, &a, want);
	return ERR_OK;
}

/* ERR_NOT_FOUND: nothing is left to look for. */
static enum err
look_for_payload(struct catchup_take *t, Peer__SnapshotWant *want)
{
	struct db_txn *own;
	uint64_t copied = 0;
	enum err e = db_begin(*t->to.db, false, &own);

	if (e)
		return e;
	for (uint32_t steps = 0;
		!e && steps < STEP_ROWS && copied < STEP_BYTES &&
		t->asked_n < CATCHUP_WANTS_MAX && t->asked_bytes < CATCHUP_WINDOW;
		steps++) {
		buf_clear(&t->body);
		e = t->at < t->n ? find_one(t, own, want) : next_named(t);
		copied += t->body.n;
	}
	db_abort(own);
	return e;
}

static enum err
next_wants(struct catchup_take *t, struct arena *a, struct slice *frame)
{
	Peer__SnapshotWant want = PEER__SNAPSHOT_WANT__INIT;
	enum err e;

	/* Half of what may be asked for is left: so that the next bodies are on their way while
	 * these come. */
	if (t->asked_n > CATCHUP_WANTS_MAX / 2 || t->asked_bytes > CATCHUP_WINDOW / 2)
		return ERR_MORE;
	want.index = t->offer.index;
	want.entry = arena_alloc(a, CATCHUP_WANTS_MAX * sizeof *want.entry);
	e = look_for_payload(t, &want);
	if (e && e != ERR_NOT_FOUND)
		return e;
	*frame = SLICE_EMPTY;
	if (want.n_entry) {
		*frame = catchup_pack(PEER__FRAME__BODY_SNAPSHOT_WANT, &want, a);
		return ERR_OK;
	}
	if (e == ERR_NOT_FOUND && t->asked_n)
		return ERR_MORE;
	if (e == ERR_NOT_FOUND) {
		t->state = HAS_ALL;
		return catchup_stage_commit(t->stage);
	}
	return ERR_OK;
}

/* Each comes in its turn. */
static enum err
on_body(struct catchup_take *t, const Peer__SnapshotBody *b)
{
	struct asked a = t->asked[t->first];

	if (!t->asked_n || b->entry != a.entry || b->octets.len == 0)
		return ERR_SYNTAX;
	if (b->octets.len > SCHEMA_ENTRY_BODY_MAX || (a.size && b->octets.len != a.size))
		return ERR_TOO_BIG;
	t->first = (t->first + 1) % CATCHUP_WANTS_MAX;
	t->asked_n--;
	t->asked_bytes -= a.size ? a.size : SCHEMA_ENTRY_BODY_MAX;
	return catchup_stage_put_body(t->stage, b->entry, codec_slice(b->octets));
}

static enum err
on_bodies(struct catchup_take *t, const Peer__SnapshotBodies *f)
{
	enum err e = f->n_body ? ERR_OK : ERR_SYNTAX;

	for (size_t i = 0; i < f->n_body && !e; i++)
		e = on_body(t, f->body[i]);
	return e;
}

/* --- both --- */

enum err
catchup_take_hear(struct catchup_take *t, const Peer__Frame *f)
{
	bool state = t->state == TAKES_STATE, payload = t->state == TAKES_PAYLOAD;

	switch ((int)f->body_case) {
	case PEER__FRAME__BODY_SNAPSHOT_SECRETS:
		return state ? on_secrets(t, f->snapshot_secrets) : ERR_SYNTAX;
	case PEER__FRAME__BODY_SNAPSHOT_ROWS:
		return state ? on_rows(t, f->snapshot_rows) : ERR_SYNTAX;
	case PEER__FRAME__BODY_SNAPSHOT_STATE:
		return state ? on_state(t, f->snapshot_state) : ERR_SYNTAX;
	case PEER__FRAME__BODY_SNAPSHOT_BODIES:
		return payload ? on_bodies(t, f->snapshot_bodies) : ERR_SYNTAX;
	default:
		return ERR_SYNTAX;
	}
}

static struct slice
begin_frame(struct catchup_take *t, struct arena *a)
{
	Peer__SnapshotBegin f = PEER__SNAPSHOT_BEGIN__INIT;

	f.index = t->offer.index;
	f.has_state = catchup_stage_has_state(t->stage, &t->offer);
	t->state = f.has_state ? TAKES_PAYLOAD : TAKES_STATE;
	return catchup_pack(PEER__FRAME__BODY_SNAPSHOT_BEGIN, &f, a);
}

static enum err
next_ack(struct catchup_take *t, struct arena *a, struct slice *frame)
{
	Peer__SnapshotAck f = PEER__SNAPSHOT_ACK__INIT;

	if (t->taken - t->acked < ACK_BYTES)
		return ERR_MORE;
	t->acked = f.octets = t->taken;
	f.index = t->offer.index;
	*frame = catchup_pack(PEER__FRAME__BODY_SNAPSHOT_ACK, &f, a);
	return ERR_OK;
}

enum err
catchup_take_next(struct catchup_take *t, struct arena *a, struct slice *frame)
{
	Peer__SnapshotEnd end = PEER__SNAPSHOT_END__INIT;

	switch (t->state) {
	case BEGINS:
		*frame = begin_frame(t, a);
		return ERR_OK;
	case TAKES_STATE:
		return next_ack(t, a, frame);
	case TAKES_PAYLOAD:
		return next_wants(t, a, frame);
	case HAS_ALL:
		end.index = t->offer.index;
		*frame = catchup_pack(PEER__FRAME__BODY_SNAPSHOT_END, &end, a);
		t->state = ENDED;
		return ERR_OK;
	case ENDED:
	default:
		return ERR_END;
	}
}

enum err
catchup_take_finish(struct catchup_take *t)
{
	enum err e = catchup_stage_finish(t->stage, &t->offer);

	catchup_stage_close(t->stage);
	t->stage = NULL;
	return e;
}

enum err
catchup_take_swap(const char *dir)
{
	return catchup_stage_swap(dir);
}

void
catchup_take_drop(const char *dir)
{
	catchup_stage_drop(dir);
}
