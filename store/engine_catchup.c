/* engine_catchup: the streams of databases from and to other nodes (catchup.h): who is given
 * one, how fast, and what is kept for them meanwhile. The leader gives one to whom its log
 * doesn't reach, and to a data node that asks: a new one has no log key yet, so that entries
 * are of no use to it. */
#include <inttypes.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/codec.h"
#include "core/log.h"
#include "core/must.h"
#include "store/catchup_send.h"
#include "store/catchup_take.h"
#include "store/engine_inner.h"
#include "store/raft_meta.h"

enum {
	QUIET_MS = 30000,  /* a stream that stands still ends */
	LOST_MS = 60000,   /* one whose connection is gone, too: a restart is shorter */
	AFTER_MS = 120000, /* so long the log waits for a node that got all, and restarts */
	RESTART_MS = 5000, /* what it says of its old log until then counts for nothing */
	ASK_MS = 1000,
	TURN_BYTES = 1 << 20,
	/* When entries came in the last BUSY_MS, clients wait for this disk and these links. */
	BUSY_MS = 100,
	BUSY_BYTES_MS = (16 << 20) / 1000,
	BURST_BYTES = 512 << 10
};

struct out {
	uint32_t node; /* 0: unused */
	bool is_due, is_lost;
	struct catchup_send *send; /* NULL: not begun, or over */
	uint64_t index, heard_ms;
	uint64_t ended_ms; /* it got all; 0: it didn't */
};

struct engine_catchup {
	struct out out[RAFT_NODES_MAX];
	struct catchup_take *take;
	uint32_t from;
	uint64_t heard_ms, asked_ms;
	bool asks, is_whole;
	struct catchup_offer offer; /* the one that is taken, or the descriptor */
	bool has_descriptor;
	uint64_t last, busy_ms, paced_ms; /* pace */
	int64_t budget;
};

static struct engine_catchup *
get(struct engine *e)
{
	if (!e->catchup)
		e->catchup = must_zalloc(sizeof *e->catchup);
	return e->catchup;
}

/* NULL: there is none. */
static struct out *
find(struct engine *e, uint32_t node)
{
	for (size_t i = 0; e->catchup && i < RAFT_NODES_MAX; i++)
		if (e->catchup->out[i].node == node)
			return &e->catchup->out[i];
	return NULL;
}

static void
end_out(struct out *o)
{
	catchup_send_end(o->send);
	*o = (struct out){0};
}

void
engine_catchup_close(struct engine *e)
{
	if (!e->catchup)
		return;
	for (size_t i = 0; i < RAFT_NODES_MAX; i++)
		end_out(&e->catchup->out[i]);
	catchup_take_end(e->catchup->take);
	free(e->catchup);
	e->catchup = NULL;
}

/* --- what is kept --- */

bool
engine_catchup_is_sending(const struct engine *e)
{
	bool any = false;

	for (size_t i = 0; e->catchup && i < RAFT_NODES_MAX; i++)
		any = any || e->catchup->out[i].send;
	return any;
}

/* What a node has of the log, as far as we heard. */
static uint64_t
match_of(const struct engine *e, uint32_t node)
{
	for (uint32_t i = 0; i < e->raft.peers; i++)
		if (e->raft.peer[i].id == node)
			return e->raft.peer[i].match;
	return 0;
}

uint64_t
engine_catchup_keep_from(const struct engine *e)
{
	uint64_t least = UINT64_MAX, from;

	for (size_t i = 0; e->catchup && i < RAFT_NODES_MAX; i++) {
		const struct out *o = &e->catchup->out[i];

		if (!o->send && !o->ended_ms)
			continue;
		from = match_of(e, o->node);
		from = (from > o->index ? from : o->index) + 1;
		if (from < least)
			least = from;
	}
	return least;
}

/* --- giving --- */

void
engine_catchup_start(struct engine *e, uint32_t node)
{
	struct out *o = find(e, node);

	if (!o) {
		(void)get(e);
		o = find(e, 0);
	}
	if (!o || o->send)
		return;
	o->node = node;
	o->is_due = true;
}

/* The core tries again with the log. */
static enum err
tell_ended(struct engine_turn *t, uint32_t node)
{
	struct raft_event ev = {.type = RAFT_SNAPSHOT_ENDED, .peer = node};
	struct raft_update u;
	enum err err = raft_step(&t->e->raft, &ev, &u);

	return err ? err : engine_peer_update(t, &u);
}

/* What no program of ours sends costs the connection. */
static void
blame(struct engine *e, uint32_t node, enum err why)
{
	struct engine_peer *p = engine_inner_peer(e, node);

	if (p && (why == ERR_SYNTAX || why == ERR_TOO_BIG || why == ERR_LIMIT))
		p->is_bad = true;
}

static enum err
fail_out(struct engine_turn *t, struct out *o, enum err why)
{
	uint32_t node = o->node;

	log_warn(
		"node %" PRIu32 ": the database's stream ended early: %s", node, err_text(why));
	end_out(o);
	return tell_ended(t, node);
}

static enum err
finish_out(struct engine_turn *t, struct out *o)
{
	log_info("node %" PRIu32 " has the database up to entry %" PRIu64, o->node, o->index);
	catchup_send_end(o->send);
	o->send = NULL;
	o->ended_ms = t->started_ms;
	return tell_ended(t, o->node);
}

static void
send_raw(struct engine *e, uint32_t node, struct slice frame)
{
	if (e->opt.on_send)
		e->opt.on_send(e->opt.arg, node, true, frame);
}

static enum err
begin_out(struct engine_turn *t, struct out *o)
{
	struct engine *e = t->e;
	const struct members_node *m = members_find(&e->log.members, o->node);
	struct catchup_source from = {e->db, e->vault};
	struct slice frame;
	enum err err;

	o->is_due = false;
	if (!m) {
		end_out(o);
		return ERR_OK;
	}
	if (!members_is_data(m)) {
		err = catchup_send_descriptor(e->db, &e->arena, &frame);
		if (!err)
			send_raw(e, o->node, frame);
		end_out(o);
		return err ? err : tell_ended(t, m->id);
	}
	err = catchup_send_begin(&from, &o->send);
	if (err)
		return err;
	o->index = catchup_send_index(o->send);
	o->heard_ms = t->started_ms;
	o->ended_ms = 0;
	log_info("node %" PRIu32 " is streamed the database up to entry %" PRIu64, o->node,
		o->index);
	return ERR_OK;
}

/* While clients write, they come first. */
static void
set_pace(struct engine_turn *t)
{
	struct engine_catchup *c = t->e->catchup;
	uint64_t now = t->started_ms;

	if (t->e->log.last != c->last)
		c->busy_ms = now;
	c->last = t->e->log.last;
	if (now - c->busy_ms >= BUSY_MS) {
		c->budget = TURN_BYTES;
	} else {
		c->budget += (int64_t)(now - c->paced_ms) * BUSY_BYTES_MS;
		if (c->budget > BURST_BYTES)
			c->budget = BURST_BYTES;
	}
	c->paced_ms = now;
}

static enum err
send_frames(struct engine_turn *t, struct out *o)
{
	struct engine_catchup *c = t->e->catchup;
	struct slice frame;
	enum err err = ERR_OK;

	while (!err && c->budget > 0) {
		err = catchup_send_next(o->send, &t->e->arena, &frame);
		if (err)
			break;
		send_raw(t->e, o->node, frame);
		c->budget -= (int64_t)frame.n;
		o->heard_ms = t->started_ms;
	}
	if (!err && t->started_ms - c->busy_ms >= BUSY_MS)
		t->more = true;
	return err;
}

/* A copy ends with another file; and whoever is given a state must be a member by it. */
static bool
may_begin(const struct engine *e)
{
	return e->compacting != ENGINE_COPIES && e->log.members.index <= e->durable_applied;
}

static enum err
step_out(struct engine_turn *t, struct out *o)
{
	const struct engine_peer *p = engine_inner_peer(t->e, o->node);
	uint64_t limit_ms = o->is_lost ? LOST_MS : QUIET_MS;
	enum err err = ERR_OK;

	if (o->ended_ms && (t->started_ms > o->ended_ms + AFTER_MS ||
				   match_of(t->e, o->node) >= t->e->log.applied))
		end_out(o);
	if (o->is_due && o->ended_ms && match_of(t->e, o->node) >= o->index)
		o->is_due = false;
	if (o->is_due && p && p->is_up && may_begin(t->e) &&
		t->started_ms >= o->ended_ms + (o->ended_ms ? RESTART_MS : 0))
		err = begin_out(t, o);
	if (err || !o->send)
		return err;
	if (t->started_ms > o->heard_ms + limit_ms)
		return fail_out(t, o, ERR_TIMEOUT);
	if (!o->is_lost)
		err = send_frames(t, o);
	if (err == ERR_END)
		return finish_out(t, o);
	return err && err != ERR_MORE ? fail_out(t, o, err) : ERR_OK;
}

/* A stream whose place is lost begins anew, with what is there already. */
static void
anew(struct out *o)
{
	if (!o->send || catchup_send_again(o->send))
		return;
	catchup_send_end(o->send);
	o->send = NULL;
	o->is_due = true;
}

void
engine_catchup_link(struct engine *e, uint32_t node, bool up)
{
	struct out *o = node ? find(e, node) : NULL;

	if (!o)
		return;
	o->is_lost = !up;
	o->heard_ms = clock_ms();
	if (up)
		anew(o);
}

/* Who asked before our offer reached it answers that: another offer of the same state would be
 * taken for the one that is answered. */
static bool
has_crossed(const struct engine_turn *t, const struct out *o)
{
	return catchup_send_is_offered(o->send) && t->started_ms < o->heard_ms + ASK_MS;
}

static void
on_ask(const struct engine_turn *t, uint32_t node)
{
	struct engine *e = t->e;
	struct out *o = find(e, node);

	if (e->raft.role != RAFT_LEADER || engine_inner_is_arbiter(e) ||
		(o && o->send && has_crossed(t, o)))
		return;
	if (o && o->send)
		anew(o);
	else
		engine_catchup_start(e, node);
}

static enum err
hear_answer(struct engine_turn *t, uint32_t node, const Peer__Frame *frame)
{
	struct out *o = node ? find(t->e, node) : NULL;
	enum err err;

	if (!o || !o->send)
		return ERR_OK;
	o->heard_ms = t->started_ms;
	err = catchup_send_hear(o->send, frame);
	if (err == ERR_STALE) {
		anew(o);
		return ERR_OK;
	}
	if (err)
		return fail_out(t, o, err);
	/* At once: its connection goes next. */
	if (frame->body_case == PEER__FRAME__BODY_SNAPSHOT_END &&
		frame->snapshot_end->index == o->index)
		return frame->snapshot_end->err ? fail_out(t, o, ERR_PEER) : finish_out(t, o);
	return ERR_OK;
}

/* --- taking --- */

bool
engine_catchup_awaits(const struct engine *e)
{
	return !e->log.has_key && !e->log.keys.n && e->log.last == 0 &&
	       !engine_inner_is_arbiter(e);
}

static void
refuse(struct engine *e, uint32_t node, uint64_t index, enum err why)
{
	Peer__Frame frame = PEER__FRAME__INIT;
	Peer__SnapshotEnd end = PEER__SNAPSHOT_END__INIT;

	end.index = index;
	end.err = (uint32_t)why;
	frame.body_case = PEER__FRAME__BODY_SNAPSHOT_END;
	frame.snapshot_end = &end;
	engine_peer_send(e, node, true, &frame);
}

static void
end_take(struct engine *e, enum err why)
{
	struct engine_catchup *c = e->catchup;

	log_warn("the stream of node %" PRIu32 "'s database ended early: %s", c->from,
		err_text(why));
	blame(e, c->from, why);
	refuse(e, c->from, c->offer.index, why);
	catchup_take_end(c->take);
	c->take = NULL;
	c->is_whole = false;
}

/* A node that has a state; what that says is committed, whoever leads now. */
static bool
may_offer(const struct engine *e, uint32_t node)
{
	const struct members_node *m = members_find(&e->log.members, node);

	return m && members_is_data(m) && e->raft.role != RAFT_LEADER;
}

static enum err
begin_take(struct engine *e)
{
	struct engine_catchup *c = e->catchup;
	struct catchup_target to = {.dir = e->opt.dir,
		.map_bytes = e->opt.map_bytes,
		.db = &e->db,
		.log = &e->log,
		.vault = e->vault};

	catchup_take_end(c->take);
	c->take = NULL;
	c->is_whole = false;
	return catchup_take_begin(&to, &c->offer, &c->take);
}

static void
on_offer(struct engine_turn *t, uint32_t node, const Peer__SnapshotOffer *raw)
{
	struct engine *e = t->e;
	struct engine_catchup *c = get(e);
	struct catchup_offer offer;
	enum err err = may_offer(e, node) ? catchup_take_offer(raw, &e->log, &offer)
					  : ERR_DENIED;

	if (!err && offer.is_descriptor != engine_inner_is_arbiter(e))
		err = ERR_SYNTAX;
	if (err) {
		log_error("node %" PRIu32 " offers a database that isn't wanted: %s", node,
			err_text(err));
		blame(e, node, err);
		refuse(e, node, raw->index, err);
		return;
	}
	c->offer = offer;
	c->from = node;
	c->heard_ms = t->started_ms;
	c->has_descriptor = offer.is_descriptor;
	if (c->has_descriptor)
		return;
	err = begin_take(e);
	/* It has caught up meanwhile, and the leader is to hear of that. */
	if (err == ERR_STALE)
		refuse(e, node, offer.index, err);
	else if (err)
		end_take(e, err);
	else
		log_info("taking the database of node %" PRIu32 ", up to entry %" PRIu64, node,
			offer.index);
}

static void
hear_data(struct engine_turn *t, uint32_t node, const Peer__Frame *frame)
{
	struct engine_catchup *c = get(t->e);
	enum err err;

	if (!c->take || c->from != node) {
		/* This process was started anew in its midst. */
		c->asks = node == t->e->raft.leader;
		return;
	}
	c->heard_ms = t->started_ms;
	err = catchup_take_hear(c->take, frame);
	if (err)
		end_take(t->e, err);
}

enum err
engine_catchup_hear(struct engine_turn *t, uint32_t node, const void *raw)
{
	const Peer__Frame *frame = raw;
	struct engine_catchup *c = t->e->catchup;

	switch ((int)frame->body_case) {
	case PEER__FRAME__BODY_SNAPSHOT_OFFER:
		on_offer(t, node, frame->snapshot_offer);
		return ERR_OK;
	case PEER__FRAME__BODY_SNAPSHOT_SECRETS:
	case PEER__FRAME__BODY_SNAPSHOT_ROWS:
	case PEER__FRAME__BODY_SNAPSHOT_STATE:
	case PEER__FRAME__BODY_SNAPSHOT_BODIES:
		hear_data(t, node, frame);
		return ERR_OK;
	case PEER__FRAME__BODY_SNAPSHOT_END:
		if (c && c->take && c->from == node && !find(t->e, node)) {
			end_take(t->e, ERR_PEER);
			return ERR_OK;
		}
		return hear_answer(t, node, frame);
	case PEER__FRAME__BODY_SNAPSHOT_BEGIN:
	case PEER__FRAME__BODY_SNAPSHOT_ACK:
	case PEER__FRAME__BODY_SNAPSHOT_WANT:
		return hear_answer(t, node, frame);
	case PEER__FRAME__BODY_SNAPSHOT_ASK:
		on_ask(t, node);
		return ERR_OK;
	default:
		return ERR_OK;
	}
}

static void
ask(struct engine_turn *t)
{
	struct engine_catchup *c = get(t->e);
	Peer__Frame frame = PEER__FRAME__INIT;
	Peer__SnapshotAsk wants = PEER__SNAPSHOT_ASK__INIT;

	if (!t->e->raft.leader || t->e->raft.leader == t->e->log.node ||
		(c->asked_ms && t->started_ms - c->asked_ms < ASK_MS))
		return;
	c->asked_ms = t->started_ms;
	c->asks = false;
	frame.body_case = PEER__FRAME__BODY_SNAPSHOT_ASK;
	frame.snapshot_ask = &wants;
	engine_peer_send(t->e, t->e->raft.leader, false, &frame);
}

static void
step_take(struct engine_turn *t)
{
	struct engine_catchup *c = t->e->catchup;
	struct slice frame = SLICE_EMPTY;
	enum err err = ERR_OK;

	if (t->started_ms > c->heard_ms + LOST_MS)
		err = ERR_TIMEOUT;
	if (!err)
		err = catchup_take_next(c->take, &t->e->arena, &frame);
	if (!err) {
		if (frame.n)
			send_raw(t->e, c->from, frame);
		t->more = true;
	} else if (err == ERR_END) {
		c->is_whole = true;
	} else if (err != ERR_MORE) {
		end_take(t->e, err);
	}
}

/* --- both --- */

bool
engine_catchup_is_due(const struct engine *e)
{
	return e->catchup && (e->catchup->take || engine_catchup_is_sending(e));
}

enum err
engine_catchup_step(struct engine_turn *t)
{
	struct engine *e = t->e;
	enum err err = ERR_OK;

	if (engine_catchup_awaits(e) || (e->catchup && e->catchup->asks)) {
		if (!get(e)->take)
			ask(t);
	}
	if (!e->catchup)
		return ERR_OK;
	set_pace(t);
	for (size_t i = 0; i < RAFT_NODES_MAX && !err; i++) {
		struct out *o = &e->catchup->out[i];

		if (o->node && e->raft.role != RAFT_LEADER)
			end_out(o);
		else if (o->node)
			err = step_out(t, o);
	}
	if (!err && e->catchup->take && !e->catchup->is_whole)
		step_take(t);
	return err;
}

/* --- a database that is whole takes the place of this one --- */

static enum err
tell_installed(struct engine *e)
{
	const struct catchup_offer *o = &e->catchup->offer;
	struct raft_config config;
	struct raft_event ev = {
		.type = RAFT_INSTALLED, .index = o->index, .term = o->term, .config = &config};
	struct raft_update u;

	members_config(&o->members, &config);
	return raft_step(&e->raft, &ev, &u);
}

static enum err
install_descriptor(struct engine *e)
{
	const struct catchup_offer *o = &e->catchup->offer;
	struct raft_log *log = &e->log;
	struct db_txn *txn;
	enum err err = tell_installed(e);

	e->catchup->has_descriptor = false;
	if (err)
		return err == ERR_STALE ? ERR_OK : err;
	err = db_begin(e->db, true, &txn);
	if (err)
		return err;
	log->applied = log->last;
	err = raft_log_trim(log, txn, log->last + 1, UINT32_MAX);
	if (!err) {
		catchup_take_begin_log(log, o);
		err = raft_meta_put_members(log, txn);
	}
	if (!err)
		err = raft_meta_save(log, txn);
	if (err) {
		db_abort(txn);
		return err;
	}
	engine_inner_set_peers(e);
	e->durable_applied = log->applied;
	log_info("the log begins behind entry %" PRIu64, o->index);
	return db_commit(txn);
}

enum err
engine_catchup_install(struct engine *e)
{
	struct engine_catchup *c = e->catchup;
	enum err err;

	if (c && c->has_descriptor)
		return install_descriptor(e);
	if (!c || !c->is_whole)
		return ERR_OK;
	err = catchup_take_finish(c->take);
	catchup_take_end(c->take);
	c->take = NULL;
	c->is_whole = false;
	if (!err)
		err = tell_installed(e);
	if (err == ERR_STALE) {
		log_info("this node caught up by itself: node %" PRIu32
			 "'s database is thrown away",
			c->from);
		catchup_take_drop(e->opt.dir);
		return ERR_OK;
	}
	if (!err)
		err = catchup_take_swap(e->opt.dir);
	if (err)
		return err;
	log_info("the database of node %" PRIu32 ", up to entry %" PRIu64 ", is in place",
		c->from, c->offer.index);
	return ERR_END;
}
