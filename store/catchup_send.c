#include "store/catchup_send.h"

#include <stdlib.h>

#include "core/codec.h"
#include "core/must.h"
#include "store/catchup.h"
#include "store/raft_body.h"
#include "store/raft_meta.h"
#include "store/schema.h"
#include "store/version.h"

enum { ROWS_MAX = 4096 };

enum state { OFFERS, OFFERED, SECRETS, ROWS, SERVES, ENDED, GIVEN_UP };

struct catchup_send {
	struct catchup_source from;
	enum state state;
	struct db_txn *txn; /* of the state; NULL: it has gone over */
	struct db_cursor *cursor;
	enum db_table table;
	bool has_log_key; /* it has gone over */
	struct buf offer; /* the frame */
	uint64_t index, rows, sent, acked;
	struct buf bodies;
	uint32_t first, n; /* of the ring */
	uint64_t want[CATCHUP_WANTS_MAX];
};

/* --- the offer --- */

/* Of entry o->index; who was a member then. */
static enum err
fill_offer(
	const struct raft_log *log, struct db_txn *txn, struct arena *a, Peer__SnapshotOffer *o)
{
	const struct members *m = log->members.index <= o->index ? &log->members
								 : &log->members_before;
	struct raft_log_entry entry;
	struct buf packed;
	uint8_t *chain = arena_alloc(a, SEAL_HASH);
	enum err e = raft_log_chain(log, txn, o->index, chain);

	if (e)
		return e;
	o->term = o->index < log->first ? log->base_term : log->last_term;
	if (o->index >= log->first && o->index < log->last) {
		e = raft_log_get(txn, o->index, &entry);
		o->term = entry.term;
	}
	if (e)
		return e;
	buf_init(&packed, RAFT_LOG_MEMBERS_MAX);
	members_pack(m, &packed);
	o->members = codec_bytes(arena_dup(a, buf_slice(&packed)));
	o->members_index = m->index;
	buf_fini(&packed);
	o->format = db_format();
	o->cluster = codec_bytes(arena_dup(a, slice_of(log->cluster, sizeof log->cluster)));
	o->chain = (ProtobufCBinaryData){SEAL_HASH, chain};
	o->time_sec = log->time_sec;
	return m->index > o->index ? ERR_CORRUPT : version_cluster(txn, &o->version);
}

static enum err
make_offer(struct catchup_send *s)
{
	Peer__SnapshotOffer o = PEER__SNAPSHOT_OFFER__INIT;
	struct raft_log log = {0};
	struct arena a;
	enum err e = raft_meta_load(&log, s->txn, NULL);

	arena_init(&a, 0);
	s->index = o.index = log.applied;
	if (!e)
		e = fill_offer(&log, s->txn, &a, &o);
	if (!e)
		buf_put_slice(
			&s->offer, catchup_pack(PEER__FRAME__BODY_SNAPSHOT_OFFER, &o, &a));
	raft_log_fini(&log);
	arena_reset(&a);
	return e;
}

enum err
catchup_send_begin(const struct catchup_source *from, struct catchup_send **out)
{
	struct catchup_send *s = must_zalloc(sizeof *s);
	enum err e = db_begin(from->db, false, &s->txn);

	s->from = *from;
	buf_init(&s->offer, CATCHUP_FRAME);
	buf_init(&s->bodies, CATCHUP_FRAME + SCHEMA_ENTRY_BODY_MAX);
	if (!e)
		e = make_offer(s);
	if (e) {
		catchup_send_end(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

enum err
catchup_send_descriptor(struct db *db, struct arena *a, struct slice *frame)
{
	Peer__SnapshotOffer o = PEER__SNAPSHOT_OFFER__INIT;
	struct raft_log log = {0};
	struct db_txn *txn;
	enum err e = db_begin(db, false, &txn);

	if (e)
		return e;
	e = raft_meta_load(&log, txn, NULL);
	if (!e) {
		/* By what is committed then it must be a member. */
		o.index = log.first - 1;
		if (o.index < log.members.index)
			o.index = log.members.index;
		o.descriptor = true;
		e = fill_offer(&log, txn, a, &o);
	}
	if (!e)
		*frame = catchup_pack(PEER__FRAME__BODY_SNAPSHOT_OFFER, &o, a);
	raft_log_fini(&log);
	db_abort(txn);
	return e;
}

/* --- the state --- */

static void
end_state(struct catchup_send *s)
{
	if (s->cursor)
		db_cursor_close(s->cursor);
	s->cursor = NULL;
	db_abort(s->txn);
	s->txn = NULL;
}

static void
add_secret(Peer__SnapshotSecrets *f, const struct vault_row *row, struct arena *a)
{
	Peer__SnapshotSecret *s = arena_alloc(a, sizeof *s);

	peer__snapshot_secret__init(s);
	s->kind = row->kind;
	s->wrap_kind = row->wrap_kind;
	s->id = row->id;
	s->index = row->index;
	s->secret = codec_bytes(arena_dup(a, slice_of(row->secret, row->n)));
	f->secret[f->n_secret++] = s;
}

/* The one that seals the entries behind the snapshot. */
static void
add_log_key(struct catchup_send *s, Peer__SnapshotSecrets *f, struct arena *a)
{
	struct vault_row row, found;
	uint64_t at = 0;
	bool any = false;

	while (vault_image_next(vault_file(s->from.vault), &at, &row))
		if (row.kind == VAULT_LOG && row.id <= s->index &&
			(!any || row.id > found.id)) {
			found = row;
			any = true;
		}
	if (any)
		add_secret(f, &found, a);
	s->has_log_key = true;
}

/* The next row of s->table. */
static enum err
next_row(struct catchup_send *s, struct slice *k, struct slice *v)
{
	enum err e;

	if (s->cursor)
		return db_next(s->cursor, k, v);
	e = db_cursor_open(s->txn, s->table, &s->cursor);
	return e ? e : db_seek(s->cursor, SLICE_EMPTY, k, v);
}

static void
end_table(struct catchup_send *s)
{
	db_cursor_close(s->cursor);
	s->cursor = NULL;
}

/* A secret that isn't in the vault any more was deleted behind the snapshot. */
static enum err
send_secrets(struct catchup_send *s, struct arena *a, struct slice *frame)
{
	Peer__SnapshotSecrets f = PEER__SNAPSHOT_SECRETS__INIT;
	struct schema_vault known;
	struct vault_row row;
	struct slice k, v;
	uint64_t at;
	enum err e = ERR_OK;

	f.secret = arena_alloc(a, CATCHUP_SECRETS_MAX * sizeof(void *));
	s->table = DB_VAULT;
	if (!s->has_log_key)
		add_log_key(s, &f, a);
	while (f.n_secret < CATCHUP_SECRETS_MAX && !(e = next_row(s, &k, &v))) {
		if (k.n != 9 || !schema_vault_read(v, &known))
			return ERR_CORRUPT;
		if (k.p[0] != VAULT_LOG && !vault_image_find(vault_file(s->from.vault), k.p[0],
						   schema_get_u64(k.p + 1), &at, &row))
			add_secret(&f, &row, a);
	}
	if (e == ERR_NOT_FOUND) {
		end_table(s);
		s->state = ROWS;
		s->table = 0;
		e = ERR_OK;
	}
	*frame = catchup_pack(PEER__FRAME__BODY_SNAPSHOT_SECRETS, &f, a);
	return e;
}

/* Rows of one table, until the frame is full or the table ends. */
static enum err
gather_rows(struct catchup_send *s, struct arena *a, Peer__SnapshotRows *f)
{
	struct slice k, v;
	size_t bytes = 0;
	enum err e = ERR_OK;

	f->row = arena_alloc(a, ROWS_MAX * sizeof(void *));
	f->table = s->table;
	while (bytes < CATCHUP_FRAME && f->n_row < ROWS_MAX && !(e = next_row(s, &k, &v))) {
		Peer__SnapshotRow *row = arena_alloc(a, sizeof *row);

		peer__snapshot_row__init(row);
		row->key = codec_bytes(k);
		row->value = codec_bytes(v);
		f->row[f->n_row++] = row;
		bytes += k.n + v.n;
	}
	s->rows += f->n_row;
	s->sent += bytes;
	return e;
}

static enum err
send_state(struct catchup_send *s, struct arena *a, struct slice *frame)
{
	Peer__SnapshotState f = PEER__SNAPSHOT_STATE__INIT;
	uint8_t digest[32];
	enum err e = db_digest(s->txn, digest);

	if (e)
		return e;
	f.rows = s->rows;
	f.digest = (ProtobufCBinaryData){sizeof digest, digest};
	*frame = catchup_pack(PEER__FRAME__BODY_SNAPSHOT_STATE, &f, a);
	end_state(s);
	s->state = SERVES;
	return ERR_OK;
}

static enum err
send_rows(struct catchup_send *s, struct arena *a, struct slice *frame)
{
	Peer__SnapshotRows f = PEER__SNAPSHOT_ROWS__INIT;
	enum err e = ERR_OK;

	if (s->sent - s->acked >= CATCHUP_WINDOW)
		return ERR_MORE;
	for (; s->table < DB_TABLE_COUNT && !f.n_row; s->table += e == ERR_NOT_FOUND) {
		e = db_is_state(s->table) ? gather_rows(s, a, &f) : ERR_NOT_FOUND;
		if (e == ERR_NOT_FOUND && s->cursor)
			end_table(s);
		if (e && e != ERR_NOT_FOUND)
			return e;
		if (!e)
			break;
	}
	if (!f.n_row)
		return send_state(s, a, frame);
	*frame = catchup_pack(PEER__FRAME__BODY_SNAPSHOT_ROWS, &f, a);
	return ERR_OK;
}

/* --- the payload --- */

/* What is named there is kept as long as the stream lasts. */
static enum err
gather_bodies(struct catchup_send *s, struct arena *a, Peer__SnapshotBodies *f)
{
	struct db_txn *txn;
	size_t *at = arena_alloc(a, (s->n + 1) * sizeof *at);
	enum err e = db_begin(s->from.db, false, &txn);

	if (e)
		return e;
	buf_clear(&s->bodies);
	f->body = arena_alloc(a, s->n * sizeof(void *));
	while (!e && s->n && s->bodies.n < CATCHUP_FRAME) {
		Peer__SnapshotBody *b = arena_alloc(a, sizeof *b);

		peer__snapshot_body__init(b);
		b->entry = s->want[s->first];
		at[f->n_body] = s->bodies.n;
		e = raft_body_get(txn, b->entry, &s->bodies);
		b->octets.len = s->bodies.n - at[f->n_body];
		if (!e && !b->octets.len)
			e = ERR_NOT_FOUND;
		f->body[f->n_body++] = b;
		s->first = (s->first + 1) % CATCHUP_WANTS_MAX;
		s->n--;
	}
	db_abort(txn);
	for (size_t i = 0; i < f->n_body; i++)
		f->body[i]->octets.data = s->bodies.p + at[i];
	return e;
}

static enum err
send_bodies(struct catchup_send *s, struct arena *a, struct slice *frame)
{
	Peer__SnapshotBodies f = PEER__SNAPSHOT_BODIES__INIT;
	enum err e;

	if (!s->n)
		return ERR_MORE;
	e = gather_bodies(s, a, &f);
	if (!e)
		*frame = catchup_pack(PEER__FRAME__BODY_SNAPSHOT_BODIES, &f, a);
	return e;
}

enum err
catchup_send_next(struct catchup_send *s, struct arena *a, struct slice *frame)
{
	switch (s->state) {
	case OFFERS:
		s->state = OFFERED;
		*frame = arena_dup(a, buf_slice(&s->offer));
		return ERR_OK;
	case SECRETS:
		return send_secrets(s, a, frame);
	case ROWS:
		return send_rows(s, a, frame);
	case SERVES:
		return send_bodies(s, a, frame);
	case ENDED:
		return ERR_END;
	case GIVEN_UP:
		return ERR_PEER;
	case OFFERED:
	default:
		return ERR_MORE;
	}
}

/* --- what the receiver says --- */

static enum err
on_begin(struct catchup_send *s, const Peer__SnapshotBegin *f)
{
	if (s->state != OFFERED)
		return ERR_SYNTAX;
	if (f->has_state) {
		end_state(s);
		s->state = SERVES;
		return ERR_OK;
	}
	s->state = SECRETS;
	return s->txn ? ERR_OK : ERR_STALE;
}

static enum err
on_ack(struct catchup_send *s, const Peer__SnapshotAck *f)
{
	if (f->octets < s->acked || f->octets > s->sent)
		return ERR_SYNTAX;
	s->acked = f->octets;
	return ERR_OK;
}

static enum err
on_want(struct catchup_send *s, const Peer__SnapshotWant *f)
{
	if (s->state != SERVES || f->n_entry > CATCHUP_WANTS_MAX - s->n)
		return ERR_SYNTAX;
	for (size_t i = 0; i < f->n_entry; i++) {
		if (f->entry[i] == 0 || f->entry[i] > s->index)
			return ERR_SYNTAX;
		s->want[(s->first + s->n++) % CATCHUP_WANTS_MAX] = f->entry[i];
	}
	return ERR_OK;
}

static enum err
on_end(struct catchup_send *s, const Peer__SnapshotEnd *f)
{
	if (!f->err && ((s->state != SERVES && s->state != OFFERED) || s->n))
		return ERR_SYNTAX;
	s->state = f->err ? GIVEN_UP : ENDED;
	end_state(s);
	return ERR_OK;
}

enum err
catchup_send_hear(struct catchup_send *s, const Peer__Frame *f)
{
	switch ((int)f->body_case) {
	case PEER__FRAME__BODY_SNAPSHOT_BEGIN:
		return f->snapshot_begin->index == s->index ? on_begin(s, f->snapshot_begin)
							    : ERR_OK;
	case PEER__FRAME__BODY_SNAPSHOT_ACK:
		return f->snapshot_ack->index == s->index ? on_ack(s, f->snapshot_ack) : ERR_OK;
	case PEER__FRAME__BODY_SNAPSHOT_WANT:
		return f->snapshot_want->index == s->index ? on_want(s, f->snapshot_want)
							   : ERR_OK;
	case PEER__FRAME__BODY_SNAPSHOT_END:
		return f->snapshot_end->index == s->index ? on_end(s, f->snapshot_end) : ERR_OK;
	default:
		return ERR_SYNTAX;
	}
}

bool
catchup_send_again(struct catchup_send *s)
{
	if (s->state != SERVES)
		return false;
	s->state = OFFERS;
	s->n = 0;
	return true;
}

bool
catchup_send_is_offered(const struct catchup_send *s)
{
	return s->state == OFFERED;
}

bool
catchup_send_is_past_state(const struct catchup_send *s)
{
	return !s->txn;
}

uint64_t
catchup_send_index(const struct catchup_send *s)
{
	return s->index;
}

void
catchup_send_end(struct catchup_send *s)
{
	if (!s)
		return;
	end_state(s);
	buf_fini(&s->offer);
	buf_fini(&s->bodies);
	free(s);
}
