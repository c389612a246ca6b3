/* engine_peer: frames of other nodes in, the core's messages out. */
#include <inttypes.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/log.h"
#include "store/engine_inner.h"
#include "store/peer.pb-c.h"
#include "store/raft_body.h"

enum {
	APPEND_BYTES = 256 << 10, /* of entries in one frame; one that is larger goes alone */
	BODY_MAX = 320 << 10,
	COMPLAIN_MS = 10000
};

/* --- out --- */

void
engine_peer_send(struct engine *e, uint32_t node, bool bulk, const void *frame)
{
	if (e->opt.on_send)
		e->opt.on_send(e->opt.arg, node, bulk, codec_pack(frame, &e->arena));
}

/* m as a frame; entries are the caller's. */
static void
send_message(struct engine *e, const struct raft_message *m, Peer__Raft *raft)
{
	Peer__Frame frame = PEER__FRAME__INIT;

	raft->type = m->type;
	raft->term = m->term;
	raft->index = m->index;
	raft->index_term = m->index_term;
	raft->entry_term = m->entry_term;
	raft->commit = m->commit;
	raft->round = m->round;
	raft->match = m->match;
	raft->granted = m->granted;
	raft->transfer = m->transfer;
	raft->applied = e->durable_applied;
	raft->applied_by_all = engine_peer_applied_by_all(e);
	frame.body_case = PEER__FRAME__BODY_RAFT;
	frame.raft = raft;
	engine_peer_send(e, m->to, raft->n_entry > 0, &frame);
}

static void
send_plain(struct engine *e, const struct raft_message *m)
{
	Peer__Raft raft = PEER__RAFT__INIT;

	send_message(e, m, &raft);
}

void
engine_peer_release(struct engine_turn *t)
{
	struct engine_held *h = t->held;
	struct engine_held *in_order = NULL, *next;

	for (; h; h = next) {
		next = h->next;
		h->next = in_order;
		in_order = h;
	}
	for (h = in_order; h; h = h->next)
		send_plain(t->e, &h->message);
	t->held = NULL;
}

static void
send_or_hold(struct engine_turn *t, const struct raft_message *m)
{
	struct engine_held *h;

	if (!t->holds) {
		send_plain(t->e, m);
		return;
	}
	h = arena_alloc(&t->e->arena, sizeof *h);
	*h = (struct engine_held){t->held, *m};
	t->held = h;
}

/* One for each node: the newest counts. */
static void
offer(struct engine_turn *t, const struct raft_message *m)
{
	uint32_t i = 0;

	while (i < t->offers && t->offer[i].to != m->to)
		i++;
	if (i < RAFT_NODES_MAX)
		t->offer[i] = *m;
	if (i == t->offers)
		t->offers++;
}

enum err
engine_peer_update(struct engine_turn *t, const struct raft_update *u)
{
	struct engine *e = t->e;
	enum err err = ERR_OK;

	if (u->hard_changed || u->truncate_from || u->noop)
		err = engine_turn_write(t);
	if (!err && u->hard_changed) {
		e->log.hard = u->hard;
		t->holds = true;
	}
	if (!err && u->truncate_from)
		err = raft_log_truncate(&e->log, t->txn, u->truncate_from);
	if (!err && u->truncate_from)
		engine_inner_set_peers(e);
	if (!err && u->noop)
		err = raft_log_append(&e->log, t->txn, RAFT_LOG_NOOP, SLICE_EMPTY, SLICE_EMPTY);
	for (uint32_t i = 0; i < u->messages; i++)
		if (u->message[i].type == RAFT_APPEND && u->message[i].n)
			offer(t, &u->message[i]);
		else
			send_or_hold(t, &u->message[i]);
	if (u->snapshot_to)
		engine_catchup_start(e, u->snapshot_to);
	if (u->role_changed) {
		engine_place_anew(e);
		e->is_changed = true;
	}
	return err;
}

/* --- feeding --- */

struct feed {
	struct engine_turn *t;
	struct db_txn *txn;
	struct buf body;
	Peer__Raft raft;
	uint64_t bytes;
};

static enum err
read_entry(struct feed *f, uint64_t index, Peer__Entry **out)
{
	struct arena *a = &f->t->e->arena;
	Peer__Entry *entry = arena_alloc(a, sizeof *entry);
	struct raft_log_entry row;
	enum err err = raft_log_get(f->txn, index, &row);

	buf_clear(&f->body);
	if (!err && row.body_size)
		err = raft_body_get(f->txn, index, &f->body);
	if (err || f->body.n != row.body_size)
		return err && err != ERR_NOT_FOUND ? err : ERR_CORRUPT;
	peer__entry__init(entry);
	entry->type = row.type;
	entry->sealed = codec_bytes(row.sealed);
	entry->body = codec_bytes(arena_dup(a, buf_slice(&f->body)));
	f->bytes += row.sealed.n + row.body_size;
	*out = entry;
	return ERR_OK;
}

/* As many as fit. A configuration ends the frame (raft.h). */
static enum err
read_entries(struct feed *f, const struct raft_message *m)
{
	struct engine *e = f->t->e;
	uint8_t *chain = arena_alloc(&e->arena, SEAL_HASH);
	enum err err = raft_log_chain(&e->log, f->txn, m->index, chain);
	bool ends = false;

	f->raft.entry = arena_alloc(&e->arena, m->n * sizeof *f->raft.entry);
	f->bytes = 0;
	if (!err)
		f->raft.chain = codec_bytes(slice_of(chain, SEAL_HASH));
	for (uint64_t i = 1; !err && i <= m->n && f->bytes < APPEND_BYTES && !ends; i++) {
		Peer__Entry *entry;

		err = read_entry(f, m->index + i, &entry);
		if (err)
			break;
		f->raft.entry[f->raft.n_entry++] = entry;
		ends = entry->type == RAFT_LOG_CONFIG;
	}
	return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

static enum err
feed_one(struct feed *f, const struct raft_message *m)
{
	struct engine *e = f->t->e;
	const struct engine_peer *to = engine_inner_peer(e, m->to);
	struct raft_event sent = {.type = RAFT_SENT, .peer = m->to, .index = m->index};
	struct raft_update u;
	enum err err = ERR_OK;

	if (e->raft.role != RAFT_LEADER || e->raft.term != m->term)
		return ERR_OK;
	peer__raft__init(&f->raft);
	/* What was trimmed since the offer: the core sees that next, and gives a database. */
	if (to && to->is_up && m->index + 1 >= e->log.first)
		err = read_entries(f, m);
	if (err)
		return err;
	if (f->raft.n_entry) {
		sent.n = f->raft.n_entry;
		sent.bytes = f->bytes;
		send_message(e, m, &f->raft);
	}
	err = raft_step(&e->raft, &sent, &u);
	return err ? err : engine_peer_update(f->t, &u);
}

enum err
engine_peer_feed(struct engine_turn *t)
{
	struct feed f = {.t = t, .txn = t->txn};
	enum err err = ERR_OK;

	if (!t->offers)
		return ERR_OK;
	if (!f.txn)
		err = db_begin(t->e->db, false, &f.txn);
	if (err)
		return err;
	buf_init(&f.body, BODY_MAX);
	while (!err && t->offers) {
		struct raft_message m = t->offer[--t->offers];

		err = feed_one(&f, &m);
	}
	buf_fini(&f.body);
	if (f.txn != t->txn)
		db_abort(f.txn);
	return err;
}

/* --- in --- */

uint64_t
engine_peer_applied_by_all(struct engine *e)
{
	uint64_t least = e->durable_applied;

	if (e->raft.role != RAFT_LEADER)
		return e->applied_by_all;
	if (engine_inner_is_arbiter(e))
		least = UINT64_MAX;
	for (uint32_t i = 0; i < e->log.members.n; i++) {
		const struct members_node *n = &e->log.members.node[i];
		const struct engine_peer *p = engine_inner_peer(e, n->id);

		if (n->kind == RAFT_VOTER && p && p->applied < least)
			least = p->applied;
	}
	if (least != UINT64_MAX && least > e->applied_by_all)
		e->applied_by_all = least;
	return e->applied_by_all;
}

static void
complain(struct engine *e, uint32_t node, const char *what, enum err why)
{
	if (e->refused_log_ms && clock_ms() - e->refused_log_ms < COMPLAIN_MS)
		return;
	e->refused_log_ms = clock_ms();
	log_error("node %u: %s: %s: refused", node, what, err_text(why));
}

static void
unpack_message(const Peer__Raft *raft, struct raft_message *m)
{
	m->term = raft->term;
	m->index = raft->index;
	m->index_term = raft->index_term;
	m->entry_term = raft->entry_term;
	m->commit = raft->commit;
	m->round = raft->round;
	m->match = raft->match;
	m->granted = raft->granted;
	m->transfer = raft->transfer;
	m->n = raft->n_entry;
}

static struct raft_log_entry
entry_of(const Peer__Entry *from)
{
	return (struct raft_log_entry){.type = (enum raft_log_type)from->type,
		.sealed = codec_slice(from->sealed),
		.body = codec_slice(from->body)};
}

/* What is committed has one history: another one is the end of trust in either. */
static enum err
check_chain(struct engine_turn *t, const Peer__Raft *raft)
{
	struct engine *e = t->e;
	uint8_t chain[SEAL_HASH];
	enum err err;

	if (raft->chain.len != SEAL_HASH)
		return ERR_SYNTAX;
	if (raft->index > e->log.last || raft->index + 1 < e->log.first ||
		raft_trail_term(&e->raft.trail, raft->index) != raft->index_term)
		return ERR_OK;
	err = engine_turn_write(t);
	if (!err)
		err = raft_log_chain(&e->log, t->txn, raft->index, chain);
	if (err || !memcmp(chain, raft->chain.data, SEAL_HASH))
		return err;
	if (raft->index > e->raft.commit)
		return ERR_CRYPTO;
	log_error("fatal: the log's history at entry %" PRIu64 " differs from the leader's",
		raft->index);
	return ERR_CORRUPT;
}

/* Every entry is looked at before the core hears of them. */
static enum err
check_entries(struct engine_turn *t, const Peer__Raft *raft, struct raft_config *config)
{
	struct raft_log *log = &t->e->log;
	uint64_t unsure_from = raft_log_unsure_from(log);
	struct members members;
	enum err err = check_chain(t, raft);

	for (size_t i = 0; !err && i < raft->n_entry; i++) {
		struct raft_log_entry entry = entry_of(raft->entry[i]);
		uint64_t index = raft->index + 1 + i;

		if (entry.type == RAFT_LOG_CONFIG && i + 1 < raft->n_entry)
			return ERR_SYNTAX;
		if (index > unsure_from)
			err = raft_log_verify_form(&entry);
		else if (index > log->applied)
			err = raft_log_verify(log, index, raft->entry_term, &entry);
		/* What follows is sealed by the key that it brings. */
		if (entry.type == RAFT_LOG_REKEY && index > log->applied && index < unsure_from)
			unsure_from = index;
		if (!err && entry.type == RAFT_LOG_CONFIG) {
			err = members_unpack(entry.sealed, &members) ? ERR_SYNTAX : ERR_OK;
			if (!err)
				members_config(&members, config);
		}
	}
	return err;
}

/* The last append_n of the frame's entries are new. */
static enum err
take_entries(struct engine_turn *t, const Peer__Raft *raft, const struct raft_update *u)
{
	struct engine *e = t->e;
	enum err err = engine_turn_write(t);

	for (size_t i = raft->n_entry - u->append_n; !err && i < raft->n_entry; i++) {
		struct raft_log_entry entry = entry_of(raft->entry[i]);

		err = raft_log_take(&e->log, t->txn, u->append_term, &entry);
		t->bytes += entry.sealed.n + entry.body.n;
		if (!err && entry.type == RAFT_LOG_CONFIG)
			engine_inner_set_peers(e);
	}
	return err;
}

/* Without space, or without the log key, only heartbeats are heard: nothing is acknowledged,
 * the rest goes on. */
static bool
takes_no_entries(const struct engine *e)
{
	return e->room.full || engine_catchup_awaits(e);
}

static enum err
on_raft(struct engine_turn *t, uint32_t from, const Peer__Raft *raft)
{
	struct engine *e = t->e;
	struct engine_peer *peer = engine_inner_peer(e, from);
	struct raft_message m = {.from = from, .to = e->log.node};
	struct raft_event ev = {.type = RAFT_MESSAGE, .message = &m};
	struct raft_config config = {0};
	struct raft_update u;
	enum err err = ERR_OK;

	if (raft->type > RAFT_TIMEOUT_NOW || (raft->n_entry && raft->type != RAFT_APPEND))
		return ERR_OK;
	if (!engine_trust_raft(e, from, raft)) {
		complain(e, from, "a message that breaks the log's rules", ERR_SYNTAX);
		if (peer)
			peer->is_bad = true;
		return ERR_OK;
	}
	m.type = (enum raft_message_type)raft->type;
	unpack_message(raft, &m);
	if (m.n && takes_no_entries(e))
		m.n = 0;
	/* Those of an old term are answered, not taken. */
	if (m.n && m.term >= e->raft.term)
		err = check_entries(t, raft, &config);
	if (err == ERR_SYNTAX || err == ERR_CRYPTO) {
		complain(e, from, "entries that aren't this cluster's", err);
		return ERR_OK;
	}
	if (err)
		return err;
	m.config = config.n ? &config : NULL;
	err = raft_step(&e->raft, &ev, &u);
	if (err)
		return err;
	if (peer && raft->applied > peer->applied)
		peer->applied = raft->applied;
	if (m.type == RAFT_APPEND && from == e->raft.leader &&
		raft->applied_by_all > e->applied_by_all)
		e->applied_by_all = raft->applied_by_all;
	/* Truncation comes first, entries after it. */
	err = engine_peer_update(t, &u);
	return err || !m.n || !u.append_n ? err : take_entries(t, raft, &u);
}

/* Each node has few on their way (engine_place): more than all of them may have is somebody's
 * who doesn't keep to that. */
static void
on_forward(struct engine *e, uint32_t from, const Peer__Forward *forward)
{
	struct engine_peer *peer = engine_inner_peer(e, from);

	if (e->raft.role != RAFT_LEADER)
		return;
	if (e->remote.bytes <= ENGINE_REMOTE_BYTES) {
		engine_inner_put_frame(&e->remote, from, codec_slice(forward->command),
			codec_slice(forward->body));
		return;
	}
	complain(e, from, "more proposals than may wait", ERR_BUSY);
	if (peer)
		peer->is_bad = true;
}

static enum err
on_frame(struct engine_turn *t, const struct engine_frame *f)
{
	struct engine *e = t->e;
	const Peer__Frame *frame = codec_unpack(
		&peer__frame__descriptor, f->command, &e->arena);

	if (!frame)
		return ERR_OK;
	switch ((int)frame->body_case) {
	case PEER__FRAME__BODY_RAFT:
		return on_raft(t, f->node, frame->raft);
	case PEER__FRAME__BODY_FORWARD:
		on_forward(e, f->node, frame->forward);
		return ERR_OK;
	case PEER__FRAME__BODY_REFUSED:
		if (f->node == e->raft.leader)
			engine_place_refused(t, frame->refused);
		return ERR_OK;
	case PEER__FRAME__BODY_BEAT:
		engine_lease_beat(e, f->node, frame->beat);
		return ERR_OK;
	case PEER__FRAME__BODY_BEAT_ANSWER:
		engine_lease_answer(e, f->node, frame->beat_answer);
		return ERR_OK;
	case PEER__FRAME__BODY_CHANGE:
		engine_members_asked(e, f->node, frame->change);
		return ERR_OK;
	default:
		return engine_catchup_hear(t, f->node, frame);
	}
}

enum err
engine_peer_serve(struct engine_turn *t)
{
	struct engine_frame *f;
	enum err err = ERR_OK;

	while (!err && engine_turn_has_room(t) && (f = engine_inner_take_frame(&t->e->inbox))) {
		err = on_frame(t, f);
		free(f);
	}
	return err;
}
