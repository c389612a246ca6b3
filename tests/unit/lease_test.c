/* Leases over the real core of the log, in virtual time: nodes whose clocks go at rates of
 * their own, a network that loses, delays, cuts one way or both, and holds what it cut off
 * until later; nodes that die, boot, and stand still. At no moment two nodes may run one
 * node's items. SEEDS=N plays more. */
#include "store/lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/raft.h"
#include "tests/test.h"

enum {
	NODES = 5, /* at most */
	LOG_MAX = 4000,
	FRAME_MAX = 8,
	NET_MAX = 4096,
	STEP_MS = 10,
	PLAY_MS = 60000,
	SEEDS = 12,
	PLANTED_SEEDS = 100,
	ADOPTED_MS = 7000,
	STUCK_MS = 3000 /* more, if its beats come through */
};

enum what { NOOP, BOOT, ADOPT, RECALL, YIELD };
struct entry {
	uint64_t term;
	enum what what;
	uint32_t by, node, to; /* by: who proposed it */
	uint64_t boot, to_boot, epoch, decided;
};
struct owner {
	uint32_t runs;
	uint64_t boot, epoch, since, wants;
};
enum kind { RAFT, BEAT, ANSWER, PROPOSAL };
struct frame {
	uint64_t at_ms;
	uint32_t from, to;
	enum kind kind;
	struct raft_message m;
	struct entry entry[FRAME_MAX];
	struct lease_beat beat;
	uint64_t sent_ms;
};
struct node {
	bool up, frozen, stalled; /* stalled: it applies nothing */
	int64_t rate;		  /* of 1,000 */
	uint64_t offset_ms, boot, next_ms;
	struct raft r;
	struct raft_hard hard;
	uint64_t last, commit, applied;
	struct entry log[LOG_MAX + 1];
	struct owner owner[NODES + 1];
	uint64_t boot_of[NODES + 1], yields[NODES + 1]; /* yields: which epoch */
	struct lease lease;
	struct lease_lead lead;
	bool leads;
	uint64_t read_round, read_at_ms;
};

/* What is done wrong on purpose. */
enum plant { NOTHING, COUNTS_FROM_ARRIVAL, IS_NEVER_CONFIRMED, HIDES_ITS_LAG, BEGINS_EARLY };

static struct {
	uint64_t random, now_ms, boots;
	uint32_t loss, n; /* loss: of 1,000; n: nodes */
	bool arbiter, broken;
	enum plant plant;
	struct node node[NODES + 1];
	bool cut[NODES + 1][NODES + 1], holds;
	uint32_t frames;
	struct frame net[NET_MAX];
} s;

static uint64_t
random_of(uint64_t n)
{
	s.random ^= s.random << 13;
	s.random ^= s.random >> 7;
	s.random ^= s.random << 17;
	return s.random % n;
}

static uint64_t
clock_of(const struct node *n)
{
	return n->offset_ms + s.now_ms * (uint64_t)n->rate / 1000;
}

static bool
is_arbiter(uint32_t id)
{
	return s.arbiter && id == s.n;
}

static uint32_t
data_nodes(void)
{
	return s.arbiter ? s.n - 1 : s.n;
}

/* --- network --- */

static void
post(struct frame *f)
{
	if (s.frames == NET_MAX || random_of(1000) < s.loss)
		return;
	if (s.cut[f->from][f->to] && !s.holds)
		return;
	f->at_ms = s.now_ms + 1 + random_of(random_of(20) ? 10 : 200);
	s.net[s.frames++] = *f;
}

/* --- the state --- */

static void
give(struct node *n, uint32_t node, uint32_t to, uint64_t boot)
{
	struct owner *o = &n->owner[node];

	*o = (struct owner){
		.runs = to, .boot = boot, .epoch = o->epoch + 1, .since = n->applied};
}

static void
apply_boot(struct node *n, const struct entry *e)
{
	n->boot_of[e->by] = e->boot;
	for (uint32_t i = 1; i <= s.n; i++) {
		struct owner *o = &n->owner[i];

		if (o->runs == e->by && o->boot != e->boot) {
			uint64_t wants = o->wants;

			give(n, i, e->by, e->boot);
			o->wants = wants;
		} else if (i == e->by && o->runs && o->runs != e->by) {
			o->wants = e->boot;
		} else if (i == e->by && !o->runs) {
			give(n, i, e->by, e->boot);
		}
	}
}

/* As store/apply_owner.c has it. */
static void
apply(struct node *n, const struct entry *e)
{
	struct owner *o = &n->owner[e->node];

	if (e->what == BOOT) {
		apply_boot(n, e);
	} else if (e->what == ADOPT) {
		if (o->epoch == e->epoch && n->boot_of[e->to] == e->to_boot &&
			e->decided == e->term)
			give(n, e->node, e->to, e->to_boot);
		if (n->leads && e->by == n->r.opt.self && e->decided == n->r.term)
			lease_lead_adopted(&n->lead, (uint32_t)e->boot);
	} else if (n->boot_of[e->by] != e->boot) {
		return;
	} else if (e->what == RECALL && o->runs != e->by) {
		o->wants = e->boot;
	} else if (e->what == YIELD && o->runs == e->by && o->boot == e->boot &&
		   o->epoch == e->epoch && o->wants) {
		give(n, e->node, e->node, o->wants);
	}
}

/* --- a node does what its core says --- */

static enum err step(struct node *n, const struct raft_event *ev, const struct entry *entries);

static void
send_all(struct node *n, const struct raft_update *u)
{
	for (uint32_t i = 0; i < u->messages; i++) {
		struct frame f = {.kind = RAFT,
			.from = n->r.opt.self,
			.to = u->message[i].to,
			.m = u->message[i]};
		struct raft_event sent = {.type = RAFT_SENT, .peer = f.to, .index = f.m.index};

		if (f.m.n > FRAME_MAX)
			f.m.n = FRAME_MAX;
		for (uint64_t k = 0; k < f.m.n; k++)
			f.entry[k] = n->log[f.m.index + 1 + k];
		post(&f);
		sent.n = f.m.n;
		sent.bytes = sent.n;
		if (sent.n)
			step(n, &sent, NULL);
	}
}

static void
append(struct node *n, const struct raft_event *ev, const struct raft_update *u,
	const struct entry *entries)
{
	if (u->truncate_from)
		n->last = u->truncate_from - 1;
	for (uint64_t i = 0; i < u->append_n; i++) {
		uint64_t at = u->append_first + i;

		assert_true(at <= LOG_MAX);
		if (ev->type == RAFT_MESSAGE && !u->noop)
			n->log[at] = entries[at - ev->message->index - 1];
		else
			n->log[at] = ev->type == RAFT_PROPOSED ? entries[i] : (struct entry){0};
		n->log[at].term = u->append_term;
		n->last = at;
	}
}

static void
on_read(struct node *n, uint64_t done)
{
	if (!n->read_round || done < n->read_round)
		return;
	n->read_round = 0;
	if (!n->leads)
		return;
	lease_lead_confirmed(&n->lead, n->read_at_ms);
	lease_answered(&n->lease, n->read_at_ms, clock_of(n));
}

static enum err
step(struct node *n, const struct raft_event *ev, const struct entry *entries)
{
	struct raft_event durable = {.type = RAFT_PERSISTED};
	struct raft_update *u = malloc(sizeof *u);
	enum err e = raft_step(&n->r, ev, u);

	assert_non_null(u);
	assert_int_not_equal(e, ERR_CORRUPT);
	if (!e) {
		append(n, ev, u, entries);
		n->hard = u->hard;
		if (u->commit_changed)
			n->commit = u->commit;
		if (u->read_done)
			on_read(n, u->read_done);
		send_all(n, u);
		durable.index = n->last;
		durable.term = n->log[n->last].term;
		if (u->append_n)
			step(n, &durable, NULL);
	}
	if (ev->type == RAFT_READ && !e)
		n->read_round = u->read_done >= u->read_round && u->read_done ? n->read_round
									      : u->read_round;
	free(u);
	return e;
}

static void
propose(struct node *n, struct entry e)
{
	struct frame f = {.kind = PROPOSAL, .from = n->r.opt.self, .to = n->r.leader};
	struct raft_event ev = {.type = RAFT_PROPOSED, .n = 1};

	e.by = n->r.opt.self;
	f.entry[0] = e;
	if (n->r.role == RAFT_LEADER)
		step(n, &ev, &e);
	else if (n->r.leader)
		post(&f);
}

/* --- beats --- */

static void
look_at(struct node *n, uint32_t node)
{
	const struct owner *o = &n->owner[node];
	const struct lease_owner row = {o->runs, o->epoch};
	struct entry e = {.what = ADOPT,
		.node = node,
		.to = n->r.opt.self,
		.boot = o->runs,
		.to_boot = n->boot,
		.epoch = o->epoch,
		.decided = n->r.term};
	uint64_t boot;

	if (!lease_lead_may_adopt(&n->lead, node, &row, clock_of(n)) || !o->runs ||
		o->runs == n->r.opt.self)
		return;
	if (node != o->runs && lease_lead_is_alive(&n->lead, node, clock_of(n), &boot)) {
		e.to = node;
		e.to_boot = boot;
	}
	lease_lead_adopt(&n->lead, o->runs);
	propose(n, e);
}

static void
lead(struct node *n)
{
	struct raft_event read = {.type = RAFT_READ};

	if (!n->leads && (n->applied >= n->r.term_first || s.plant == BEGINS_EARLY)) {
		n->leads = true;
		lease_lead_begin(&n->lead, clock_of(n));
	}
	if (!n->leads)
		return;
	if (s.plant == IS_NEVER_CONFIRMED)
		lease_lead_confirmed(&n->lead, clock_of(n));
	if (!n->read_round) {
		n->read_at_ms = clock_of(n);
		step(n, &read, NULL);
	}
}

static void
beat(struct node *n)
{
	struct frame f = {.kind = BEAT,
		.from = n->r.opt.self,
		.to = n->r.leader,
		.sent_ms = clock_of(n),
		.beat = {n->r.opt.self, n->boot, n->lease.sent_ms, n->applied}};

	if (s.plant == HIDES_ITS_LAG)
		f.beat.applied = UINT64_MAX;
	if (n->r.leader)
		post(&f);
}

static bool
leases(const struct node *n)
{
	return lease_until_ms(&n->lease) > clock_of(n);
}

/* The courier: gives back what is wanted; the store: wants back its own. */
static void
settle(struct node *n)
{
	uint32_t self = n->r.opt.self;

	if (n->boot_of[self] != n->boot)
		propose(n, (struct entry){.what = BOOT, .boot = n->boot});
	else if (leases(n) && n->owner[self].runs != self && !n->owner[self].wants)
		propose(n, (struct entry){.what = RECALL, .node = self, .boot = n->boot});
	for (uint32_t i = 1; i <= s.n; i++) {
		const struct owner *o = &n->owner[i];

		if (o->runs != self || o->boot != n->boot || !o->wants || !leases(n))
			continue;
		n->yields[i] = o->epoch;
		propose(n,
			(struct entry){
				.what = YIELD, .node = i, .boot = n->boot, .epoch = o->epoch});
	}
}

static void
take(struct node *n, struct frame *f)
{
	struct raft_event ev = {.type = RAFT_MESSAGE, .message = &f->m};
	struct raft_event proposed = {.type = RAFT_PROPOSED, .n = 1, .peer = f->from};
	struct frame answer = {
		.kind = ANSWER, .from = f->to, .to = f->from, .sent_ms = f->sent_ms};
	uint64_t newest = 0;

	if (f->kind == RAFT) {
		step(n, &ev, f->entry);
	} else if (f->kind == PROPOSAL && n->r.role == RAFT_LEADER) {
		step(n, &proposed, f->entry);
	} else if (f->kind == ANSWER) {
		lease_answered(&n->lease,
			s.plant == COUNTS_FROM_ARRIVAL ? clock_of(n) : f->sent_ms, clock_of(n));
	} else if (f->kind == BEAT && n->r.role == RAFT_LEADER && n->leads) {
		for (uint32_t i = 1; i <= s.n; i++)
			if (n->owner[i].since > newest)
				newest = n->owner[i].since;
		if (lease_lead_beat(&n->lead, &f->beat, newest, clock_of(n)))
			post(&answer);
	}
}

/* --- time --- */

static void
turn(struct node *n)
{
	struct raft_event tick = {.type = RAFT_TICK, .now_ms = clock_of(n)};

	for (uint32_t i = 0; i < s.frames; i++) {
		struct frame f = s.net[i];

		if (f.to != n->r.opt.self || f.at_ms > s.now_ms || s.cut[f.from][f.to])
			continue;
		s.net[i--] = s.net[--s.frames];
		take(n, &f);
	}
	step(n, &tick, NULL);
	if (n->r.role != RAFT_LEADER) {
		n->leads = false;
		n->read_round = 0;
	}
	if (is_arbiter(n->r.opt.self))
		return;
	/* A batch is applied with some delay. */
	while (n->applied < n->commit && !n->stalled && random_of(4))
		apply(n, &n->log[++n->applied]);
	for (uint32_t i = 1; i <= s.n && n->leads; i++)
		look_at(n, i);
	if (clock_of(n) < n->next_ms)
		return;
	n->next_ms = clock_of(n) + LEASE_BEAT_MS;
	if (n->r.role == RAFT_LEADER)
		lead(n);
	else
		beat(n);
	settle(n);
}

static bool
runs(const struct node *n, uint32_t node)
{
	const struct owner *o = &n->owner[node];

	return n->up && o->runs == n->r.opt.self && o->boot == n->boot && leases(n) &&
	       n->yields[node] != o->epoch;
}

static void
check(void)
{
	for (uint32_t node = 1; node <= s.n; node++) {
		uint32_t many = 0;

		for (uint32_t i = 1; i <= s.n; i++)
			many += !s.node[i].frozen && runs(&s.node[i], node);
		s.broken |= many > 1;
	}
}

static void
pass(uint64_t ms)
{
	for (uint64_t end_ms = s.now_ms + ms; s.now_ms < end_ms; s.now_ms += STEP_MS) {
		for (uint32_t i = 1; i <= s.n; i++)
			if (s.node[i].up && !s.node[i].frozen)
				turn(&s.node[i]);
		check();
	}
}

static void
start(uint32_t id)
{
	struct node *n = &s.node[id];
	struct raft_options opt = {.self = id,
		.seed = random_of(1 << 30) + 1,
		.heartbeat_ms = 100,
		.election_ms = 1000};
	struct raft_stored found = {.hard = n->hard, .commit = n->commit};
	struct raft_trail trail;

	raft_trail_init(&trail, 0, 0);
	for (uint64_t i = 1; i <= n->last; i++)
		raft_trail_push(&trail, 1, n->log[i].term);
	found.trail = &trail;
	found.config.n = s.n;
	for (uint32_t i = 0; i < s.n; i++) {
		found.config.node[i].id = i + 1;
		found.config.node[i].kind = is_arbiter(i + 1) ? RAFT_ARBITER : RAFT_VOTER;
	}
	found.before = found.config;
	raft_init(&n->r, &opt, &found);
	n->boot = ++s.boots;
	n->lease = (struct lease){0};
	memset(n->yields, 0, sizeof n->yields);
	n->leads = n->frozen = n->stalled = false;
	n->read_round = n->next_ms = 0;
	n->up = true;
}

static void
begin(uint64_t seed, uint32_t nodes, enum plant plant)
{
	memset(&s, 0, sizeof s);
	s.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	s.n = nodes;
	s.arbiter = nodes == 3 && seed % 2;
	s.plant = plant;
	s.now_ms = 1000;
	for (uint32_t i = 1; i <= s.n; i++) {
		s.node[i].rate = 950 + (int64_t)random_of(101);
		s.node[i].offset_ms = random_of(1000000);
		start(i);
	}
	pass(8000);
}

static uint64_t
seeds(void)
{
	const char *many = getenv("SEEDS");

	return many ? strtoull(many, NULL, 10) : SEEDS;
}

static bool
reaches_most(uint32_t id)
{
	uint32_t many = 0;

	for (uint32_t i = 1; i <= s.n; i++)
		many += s.node[i].up && !s.cut[id][i] && !s.cut[i][id];
	return 2 * many > s.n;
}

/* The one who runs what node took in. 0: nobody does. */
static uint32_t
runner(uint32_t node)
{
	for (uint32_t i = 1; i <= s.n; i++)
		if (!s.node[i].frozen && runs(&s.node[i], node))
			return i;
	return 0;
}

static uint32_t
leader(void)
{
	for (uint32_t i = 1; i <= s.n; i++)
		if (s.node[i].up && !s.node[i].frozen && s.node[i].r.role == RAFT_LEADER &&
			!is_arbiter(i) && reaches_most(i))
			return i;
	return 0;
}

static void
runs_its_own(uint32_t node)
{
	for (int i = 0; i < 30 && runner(node) != node; i++)
		pass(1000);
	assert_int_equal(runner(node), node);
}

/* Passes time until another one runs them: within_ms of such in which there is a leader. */
static void
is_adopted(uint32_t node, uint64_t within_ms)
{
	uint64_t led_ms = 0, end_ms = s.now_ms + 60000;

	while (led_ms < within_ms && s.now_ms < end_ms &&
		(!runner(node) || runner(node) == node)) {
		pass(STEP_MS);
		led_ms += leader() ? STEP_MS : 0;
	}
	if (!runner(node) || runner(node) == node)
		fail_msg("node %u isn't adopted: runner %u, leader %u", node, runner(node),
			leader());
}

/* --- one leader, by hand --- */

static void
a_lease_lasts_from_when_the_beat_was_sent(void **state)
{
	struct lease l = {0};

	(void)state;
	assert_int_equal(lease_until_ms(&l), 0);
	lease_answered(&l, 1000, 3000);
	assert_int_equal(lease_until_ms(&l), 1000 + LEASE_MS);
	/* An older one, and one that was never sent. */
	lease_answered(&l, 500, 3000);
	lease_answered(&l, 3001, 3000);
	assert_int_equal(lease_until_ms(&l), 1000 + LEASE_MS);
}

static void
answers_stop_when_they_do_not_arrive(void **state)
{
	struct lease_lead l = {0};
	struct lease_beat b = {.node = 2, .boot = 7, .answered_ms = 100, .applied = 5};
	uint64_t now_ms = 50000, last_ms = 0, boot;
	int late = 0;

	(void)state;
	assert_false(lease_lead_beat(&l, &b, 5, now_ms));
	lease_lead_begin(&l, now_ms);
	for (; !lease_lead_is_silent(&l, 2, now_ms); now_ms += 100) {
		lease_lead_confirmed(&l, now_ms);
		if (lease_lead_beat(&l, &b, 5, now_ms))
			last_ms = now_ms;
		assert_true(now_ms < 70000);
	}
	assert_in_range(last_ms, 50000 + LEASE_STUCK_MS - 100, 50000 + LEASE_STUCK_MS);
	assert_in_range(now_ms, last_ms + LEASE_SILENT_MS, last_ms + LEASE_SILENT_MS + 200);
	assert_false(lease_lead_is_alive(&l, 2, now_ms, &boot));
	/* While it is being adopted it isn't answered, whatever arrives at it, nor adopted
	 * twice. */
	lease_lead_adopt(&l, 2);
	b.answered_ms = 200;
	for (; late < 20; late++, now_ms += 100) {
		lease_lead_confirmed(&l, now_ms);
		assert_false(lease_lead_beat(&l, &b, 5, now_ms));
		assert_false(lease_lead_is_silent(&l, 2, now_ms));
	}
	lease_lead_adopted(&l, 2);
	assert_true(lease_lead_is_silent(&l, 2, now_ms));
	/* Only who has applied that is answered. */
	assert_false(lease_lead_beat(&l, &b, 6, now_ms));
	b.applied = 6;
	assert_true(lease_lead_beat(&l, &b, 6, now_ms));
	assert_true(lease_lead_is_alive(&l, 2, now_ms, &boot));
	assert_int_equal(boot, 7);
	assert_false(lease_lead_beat(&l, &b, 6, now_ms + LEASE_CONFIRMED_MS + 101));
}

static void
who_got_items_just_now_has_his_time(void **state)
{
	struct lease_owner owner = {.runs_node = 3, .epoch = 1};
	struct lease_lead l = {0};

	(void)state;
	lease_lead_begin(&l, 1000);
	assert_false(lease_lead_may_adopt(&l, 2, &owner, 1100));
	assert_false(lease_lead_may_adopt(&l, 2, &owner, 1100 + LEASE_SILENT_MS));
	assert_true(lease_lead_may_adopt(&l, 2, &owner, 1101 + LEASE_SILENT_MS));
	/* It was given to a node that isn't heard yet. */
	owner = (struct lease_owner){.runs_node = 2, .epoch = 2};
	assert_true(lease_lead_is_silent(&l, 2, 9000));
	assert_false(lease_lead_may_adopt(&l, 2, &owner, 9000));
	assert_false(lease_lead_may_adopt(&l, 2, &owner, 9000 + LEASE_SILENT_MS));
	assert_true(lease_lead_may_adopt(&l, 2, &owner, 9001 + LEASE_SILENT_MS));
	/* Of more rows than it remembers none stays behind. */
	for (uint32_t i = 10; i < 10 + 2 * LEASE_ROWS; i++)
		(void)lease_lead_may_adopt(&l, i, &owner, 20000);
	for (uint32_t i = 10; i < 10 + 2 * LEASE_ROWS; i++)
		assert_true(lease_lead_may_adopt(&l, i, &owner, 20001 + LEASE_SILENT_MS));
}

static void
a_node_that_was_forgotten_is_not_silent_sooner(void **state)
{
	struct lease_lead l = {0};

	(void)state;
	lease_lead_begin(&l, 1000);
	for (uint32_t i = 1; i <= 2 * LEASE_PEERS; i++) {
		struct lease_beat b = {.node = i};

		lease_lead_confirmed(&l, 10000 + i);
		assert_true(lease_lead_beat(&l, &b, 0, 10000 + i));
	}
	for (uint32_t i = 1; i <= 2 * LEASE_PEERS; i++) {
		assert_false(lease_lead_is_silent(&l, i, 10000 + i + LEASE_SILENT_MS));
		assert_true(lease_lead_is_silent(&l, i, 10200 + LEASE_SILENT_MS));
	}
}

/* --- plays --- */

static void
each_runs_its_own_while_all_are_well(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= seeds(); seed++) {
		begin(seed, 3, NOTHING);
		for (int i = 0; i < 200; i++) {
			pass(100);
			for (uint32_t k = 1; k <= data_nodes(); k++)
				assert_int_equal(runner(k), k);
		}
		assert_false(s.broken);
	}
}

static void
a_dead_node_is_adopted_within_ten_seconds_and_gets_its_items_back(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= seeds(); seed++) {
		uint32_t dead;

		begin(seed, 3, NOTHING);
		/* The leader, or another one. */
		dead = 1 + (uint32_t)(seed / 2 % 2);
		s.node[dead].up = false;
		is_adopted(dead, ADOPTED_MS);
		pass(random_of(5000));
		start(dead);
		runs_its_own(dead);
		assert_false(s.broken);
	}
}

static void
a_frozen_node_is_adopted_and_does_nothing_when_it_wakes(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= seeds(); seed++) {
		uint32_t id = 1 + (uint32_t)(seed / 2 % 2);

		begin(seed, 3, NOTHING);
		s.node[id].frozen = true;
		is_adopted(id, ADOPTED_MS);
		pass(30000);
		s.node[id].frozen = false;
		/* Before it has heard anything. */
		assert_int_not_equal(runner(id), id);
		runs_its_own(id);
		assert_false(s.broken);
	}
}

static void
a_node_that_is_cut_off_stops_before_it_is_adopted(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= seeds(); seed++) {
		uint32_t id = 1 + (uint32_t)(seed / 2 % 2);

		begin(seed, 3, NOTHING);
		s.holds = seed / 4 % 2;
		for (uint32_t i = 1; i <= s.n; i++) {
			s.cut[id][i] = seed % 3 != 1;
			s.cut[i][id] = seed % 3 != 2;
		}
		/* Out but not in: its beats come, and say that no answer does. */
		is_adopted(id, ADOPTED_MS + STUCK_MS);
		pass(random_of(20000));
		memset(s.cut, 0, sizeof s.cut);
		runs_its_own(id);
		assert_false(s.broken);
	}
}

static void
disturb(void)
{
	uint32_t id = 1 + (uint32_t)random_of(s.n), other = 1 + (uint32_t)random_of(s.n);
	struct node *n = &s.node[id];

	switch (random_of(13)) {
	case 0:
		n->up = false;
		break;
	case 1:
	case 2:
		n->frozen = n->up;
		break;
	case 3:
		s.cut[id][other] = true;
		break;
	case 4:
		for (uint32_t i = 1; i <= s.n; i++)
			s.cut[id][i] = s.cut[i][id] = true;
		break;
	case 5:
		s.holds = random_of(2);
		break;
	case 6:
		memset(s.cut, 0, sizeof s.cut);
		break;
	case 7:
		n->stalled = !n->stalled;
		break;
	default:
		for (uint32_t i = 1; i <= s.n; i++)
			s.node[i].frozen &= random_of(3) > 0;
		if (!n->up)
			start(id);
		break;
	}
}

static bool
chance_breaks(uint64_t seed)
{
	begin(seed, seed % 3 ? 3 : 5, NOTHING);
	s.loss = (uint32_t)random_of(3) * 100;
	for (uint64_t end_ms = s.now_ms + PLAY_MS; s.now_ms < end_ms && !s.broken;) {
		pass(random_of(4000));
		disturb();
	}
	return s.broken;
}

static void
whatever_happens_no_two_run_one_nodes_items(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= seeds(); seed++) {
		if (chance_breaks(seed))
			fail_msg("seed %d: two run the same", (int)seed);
		/* All is well again: each gets its own back. */
		memset(s.cut, 0, sizeof s.cut);
		s.loss = 0;
		for (uint32_t i = 1; i <= s.n; i++) {
			s.node[i].frozen = false;
			s.node[i].stalled = false;
			if (!s.node[i].up)
				start(i);
		}
		pass(20000);
		for (uint32_t i = 1; i <= data_nodes(); i++)
			runs_its_own(i);
		assert_false(s.broken);
	}
}

/* --- a play for each rule: with it nothing breaks, without it something does --- */

/* A data node that doesn't lead. */
static uint32_t
follower(void)
{
	return leader() == 1 ? 2 : 1;
}

/* The answers that were held arrive when it was adopted. */
static bool
late_answers_break(uint64_t seed, enum plant plant)
{
	uint32_t id, from;

	begin(seed, 3, plant);
	id = follower();
	from = leader();
	s.holds = true;
	s.cut[from][id] = true;
	pass(9000 + random_of(4000));
	s.cut[from][id] = false;
	pass(5000);
	return s.broken;
}

/* A leader that was replaced and hardly gets to run (so that its core, which counts gaps as
 * nothing, goes on leading), and the node that hears nobody else. */
static bool
an_old_leader_breaks(uint64_t seed, enum plant plant)
{
	uint32_t old, id;

	begin(seed, 5, plant);
	old = leader();
	id = follower();
	for (uint32_t i = 1; i <= s.n; i++)
		if (i != old && i != id)
			s.cut[i][id] = s.cut[id][i] = s.cut[i][old] = s.cut[old][i] = true;
	for (int i = 0; i < 10; i++) {
		s.node[old].frozen = true;
		pass(1000 + random_of(500));
		s.node[old].frozen = false;
		pass(50);
	}
	return s.broken;
}

/* It was adopted, and hasn't applied that when it is answered again. */
static bool
a_lagging_node_breaks(uint64_t seed, enum plant plant)
{
	uint32_t id;

	begin(seed, 3, plant);
	id = follower();
	s.node[id].frozen = s.node[id].stalled = true;
	pass(9000 + random_of(3000));
	s.node[id].frozen = false;
	pass(4000);
	return s.broken;
}

/* The next leader hasn't applied an adoption, and answers. */
static bool
a_lagging_leader_breaks(uint64_t seed, enum plant plant)
{
	uint32_t id, first, next;

	begin(seed * 2, 3, plant);
	first = leader();
	id = follower();
	next = 6 - first - id;
	s.node[id].frozen = s.node[id].stalled = s.node[next].stalled = true;
	pass(8000);
	s.node[id].frozen = false;
	s.node[first].frozen = true;
	pass(2000 + random_of(1500));
	s.node[first].frozen = false;
	pass(1000);
	return s.broken;
}

static void
each_rule_is_missed_when_it_is_left_out(void **state)
{
	static bool (*const play[])(uint64_t, enum plant) = {NULL, late_answers_break,
		an_old_leader_breaks, a_lagging_node_breaks, a_lagging_leader_breaks};

	(void)state;
	for (int plant = COUNTS_FROM_ARRIVAL; plant <= BEGINS_EARLY; plant++) {
		uint64_t seed = 1;

		for (seed = 1; seed <= seeds(); seed++)
			assert_false(play[plant](seed, NOTHING));
		for (seed = 1; seed <= PLANTED_SEEDS; seed++)
			if (play[plant](seed, (enum plant)plant))
				break;
		print_message("rule %d: seed %d\n", plant, (int)seed);
		assert_true(seed <= PLANTED_SEEDS);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lease_lasts_from_when_the_beat_was_sent),
		cmocka_unit_test(answers_stop_when_they_do_not_arrive),
		cmocka_unit_test(who_got_items_just_now_has_his_time),
		cmocka_unit_test(a_node_that_was_forgotten_is_not_silent_sooner),
		cmocka_unit_test(each_runs_its_own_while_all_are_well),
		cmocka_unit_test(
			a_dead_node_is_adopted_within_ten_seconds_and_gets_its_items_back),
		cmocka_unit_test(a_frozen_node_is_adopted_and_does_nothing_when_it_wakes),
		cmocka_unit_test(a_node_that_is_cut_off_stops_before_it_is_adopted),
		cmocka_unit_test(whatever_happens_no_two_run_one_nodes_items),
		cmocka_unit_test(each_rule_is_missed_when_it_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
