/* engine_lease: beats to the leader and its answers (lease.h), and what it lets adopt: items of
 * a silent node go to the node that took them in, if that one is heard, else to the leader. An
 * arbiter takes no part: it knows no owner, and hands over soon. */
#include "core/clock.h"
#include "core/codec.h"
#include "core/log.h"
#include "store/engine_inner.h"
#include "store/peer.pb-c.h"
#include "store/view_queue.h"

uint64_t
engine_boot(const struct engine *e)
{
	return e->opt.boot;
}

uint64_t
engine_lease_until_ms(const struct engine *e)
{
	return lease_until_ms(&e->lease.own);
}

static enum err
propose(struct engine *e, const Commands__Command *c, engine_done done, void *arg)
{
	struct engine_proposal p = {.fd = -1, .done = done, .arg = arg};
	struct arena a;
	enum err err;

	arena_init(&a, 0);
	p.command = codec_pack(c, &a);
	err = engine_propose(e, &p);
	arena_reset(&a);
	return err;
}

/* --- adopting --- */

static void on_adopted(void *arg, enum err err, uint64_t index, const Commands__Result *result);

static enum err
propose_adopt(struct engine_adopting *a)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Adopt q = COMMANDS__ADOPT__INIT;

	q.node = a->node;
	q.by = a->by;
	q.by_boot = a->by_boot;
	q.seen_epoch = a->epoch;
	q.term = a->term;
	c.body_case = COMMANDS__COMMAND__BODY_ADOPT;
	c.adopt = &q;
	return propose(a->e, &c, on_adopted, a);
}

static void
on_adopted(void *arg, enum err err, uint64_t index, const Commands__Result *result)
{
	struct engine_adopting *a = arg;
	struct engine_lease *l = &a->e->lease;

	(void)index;
	/* It may be in the log still: who was silent isn't answered before that is known. */
	if (err == ERR_TIMEOUT && a->term == l->lead_term && !propose_adopt(a))
		return;
	if (!err && !result->code)
		log_warn("node %u is silent: node %u goes on with the queue of node %u",
			a->silent, a->by, a->node);
	if (a->term == l->lead_term)
		lease_lead_adopted(&l->lead, a->silent);
	a->e = NULL;
}

static struct engine_adopting *
free_place(struct engine_lease *l)
{
	for (size_t i = 0; i < sizeof l->adopting / sizeof *l->adopting; i++)
		if (!l->adopting[i].e)
			return &l->adopting[i];
	return NULL;
}

/* The leader looks at who runs what node took in. */
static void
look_at(struct engine *e, uint32_t node, const struct schema_owner *owner, uint64_t now_ms)
{
	struct engine_lease *l = &e->lease;
	const struct lease_owner row = {owner->runs_node, owner->epoch};
	bool may = lease_lead_may_adopt(&l->lead, node, &row, now_ms);
	struct engine_adopting *a = free_place(l);
	uint64_t boot;

	if (!may || !a || owner->runs_node == e->log.node)
		return;
	*a = (struct engine_adopting){.e = e,
		.silent = owner->runs_node,
		.node = node,
		.by = e->log.node,
		.by_boot = e->opt.boot,
		.epoch = owner->epoch,
		.term = l->lead_term};
	if (node != owner->runs_node && lease_lead_is_alive(&l->lead, node, now_ms, &boot)) {
		a->by = node;
		a->by_boot = boot;
	}
	if (propose_adopt(a))
		a->e = NULL;
	else
		lease_lead_adopt(&l->lead, owner->runs_node);
}

/* --- our own --- */

static void
on_recalled(void *arg, enum err err, uint64_t index, const Commands__Result *result)
{
	struct engine *e = arg;

	(void)err;
	(void)index;
	(void)result;
	e->lease.recalls = false;
}

/* We are heard again: what we took in shall come back. A boot says so by itself. */
static void
recall(struct engine *e, const struct schema_owner *owner, uint64_t now_ms)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Recall q = COMMANDS__RECALL__INIT;

	if (owner->runs_node == e->log.node || owner->wants == e->opt.boot ||
		e->lease.recalls || lease_until_ms(&e->lease.own) <= now_ms)
		return;
	c.body_case = COMMANDS__COMMAND__BODY_RECALL;
	c.recall = &q;
	e->lease.recalls = !propose(e, &c, on_recalled, e);
}

struct looking {
	struct engine *e;
	uint64_t now_ms, newest;
};

static bool
on_owner(void *arg, uint32_t node, const struct schema_owner *owner)
{
	struct looking *k = arg;

	if (owner->since > k->newest)
		k->newest = owner->since;
	if (k->e->lease.lead_term)
		look_at(k->e, node, owner, k->now_ms);
	if (node == k->e->log.node)
		recall(k->e, owner, k->now_ms);
	return true;
}

/* --- beats --- */

void
engine_lease_beat(struct engine *e, uint32_t node, const void *frame)
{
	const Peer__Beat *b = frame;
	struct engine_lease *l = &e->lease;
	uint32_t i = 0;

	if (e->raft.role != RAFT_LEADER || !engine_inner_peer(e, node))
		return;
	while (i < l->beats && l->beat[i].beat.node != node)
		i++;
	if (i == RAFT_NODES_MAX)
		return;
	l->beats += i == l->beats;
	l->beat[i].sent_ms = b->sent_ms;
	l->beat[i].beat = (struct lease_beat){.node = node,
		.boot = b->boot,
		.answered_ms = b->answered_ms,
		.applied = b->applied};
}

void
engine_lease_answer(struct engine *e, uint32_t node, const void *frame)
{
	const Peer__BeatAnswer *a = frame;

	if (node == e->lease.beat_to)
		lease_answered(&e->lease.own, a->sent_ms, clock_ms());
}

static void
send_beat(struct engine *e)
{
	Peer__Frame frame = PEER__FRAME__INIT;
	Peer__Beat beat = PEER__BEAT__INIT;

	e->lease.beat_to = e->raft.leader;
	beat.sent_ms = clock_ms();
	beat.boot = e->opt.boot;
	beat.answered_ms = e->lease.own.sent_ms;
	/* What our readers see; not more. */
	beat.applied = e->durable_applied;
	frame.body_case = PEER__FRAME__BODY_BEAT;
	frame.beat = &beat;
	engine_peer_send(e, e->raft.leader, false, &frame);
}

static void
answer_beats(struct engine *e, uint64_t newest_change)
{
	struct engine_lease *l = &e->lease;
	uint64_t now_ms = clock_ms();

	for (uint32_t i = 0; i < l->beats; i++) {
		Peer__Frame frame = PEER__FRAME__INIT;
		Peer__BeatAnswer answer = PEER__BEAT_ANSWER__INIT;

		if (!l->lead_term ||
			!lease_lead_beat(&l->lead, &l->beat[i].beat, newest_change, now_ms))
			continue;
		answer.sent_ms = l->beat[i].sent_ms;
		frame.body_case = PEER__FRAME__BODY_BEAT_ANSWER;
		frame.beat_answer = &answer;
		engine_peer_send(e, l->beat[i].beat.node, false, &frame);
	}
	l->beats = 0;
}

/* --- the turn's part --- */

/* Its readers see all that was committed before it led. */
static void
follow_role(struct engine *e, uint64_t now_ms)
{
	struct engine_lease *l = &e->lease;
	bool leads = e->raft.role == RAFT_LEADER && e->log.has_key &&
		     !engine_inner_is_arbiter(e) && e->durable_applied >= e->raft.term_first;

	if (!leads || l->lead_term != e->raft.term)
		l->read_round = 0;
	if (leads && l->lead_term != e->raft.term)
		lease_lead_begin(&l->lead, now_ms);
	l->lead_term = leads ? e->raft.term : 0;
	if (l->read_round && e->raft.round_done >= l->read_round) {
		l->read_round = 0;
		lease_lead_confirmed(&l->lead, l->read_ms);
		lease_answered(&l->own, l->read_ms, now_ms);
	}
	/* Nobody else could lead. */
	if (leads && engine_inner_is_lone(e)) {
		lease_lead_confirmed(&l->lead, now_ms);
		lease_answered(&l->own, now_ms, now_ms);
	}
}

/* Once a look's time, and when somebody waits for an answer. */
static enum err
look(struct engine *e, uint64_t now_ms)
{
	struct engine_lease *l = &e->lease;
	struct looking k = {.e = e, .now_ms = now_ms};
	struct db_txn *txn;
	enum err err;

	if (!l->beats && now_ms - l->look_ms < LEASE_LOOK_MS)
		return ERR_OK;
	l->look_ms = now_ms;
	err = db_begin(e->db, false, &txn);
	if (err)
		return err;
	err = view_queue_owners(txn, on_owner, &k);
	db_abort(txn);
	if (!err)
		answer_beats(e, k.newest);
	return err;
}

enum err
engine_lease_tend(struct engine *e)
{
	uint64_t now_ms = clock_ms();

	if (!e->log.has_key || engine_inner_is_arbiter(e))
		return ERR_OK;
	follow_role(e, now_ms);
	return look(e, now_ms);
}

enum err
engine_lease_turn(struct engine_turn *t)
{
	struct engine *e = t->e;
	struct engine_lease *l = &e->lease;
	struct raft_event read = {.type = RAFT_READ};
	struct raft_update u;
	uint64_t now_ms = clock_ms();
	enum err err = engine_lease_tend(e);

	if (err || !e->log.has_key || engine_inner_is_arbiter(e) || engine_inner_is_lone(e) ||
		now_ms - l->beat_ms < LEASE_BEAT_MS)
		return err;
	if (e->raft.role != RAFT_LEADER) {
		l->beat_ms = now_ms;
		if (e->raft.leader)
			send_beat(e);
		return ERR_OK;
	}
	if (!l->lead_term || l->read_round)
		return ERR_OK;
	l->beat_ms = now_ms;
	l->read_ms = now_ms;
	/* While it hands over it confirms nothing. */
	if (raft_step(&e->raft, &read, &u))
		return ERR_OK;
	l->read_round = u.read_round;
	return engine_peer_update(t, &u);
}
