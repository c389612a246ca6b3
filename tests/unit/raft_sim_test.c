/* Whole clusters of the core in virtual time: a network that delays, drops, doubles and
 * reorders, nodes that crash and lose what wasn't synced, slow disks, cuts, changes of the
 * configuration. After every event the promises of Raft must hold; when all is healed, work
 * goes on. */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "store/raft.h"

enum {
	NODES = 5,
	LOG_MAX = 2048,
	FRAME_MAX = 8,
	NET_MAX = 512,
	ELECTION_MS = 300,
	BEAT_MS = 30
};

struct entry {
	uint64_t term, value; /* value 0: no-op or configuration */
	struct raft_config config;
};

/* What a disk holds, or what memory has of it. */
struct store {
	struct raft_hard hard;
	uint64_t last, first, commit;
	struct entry log[LOG_MAX + 1];
};

struct frame {
	uint64_t at_ms;
	struct raft_message m;
	struct entry entry[FRAME_MAX];
};

struct node {
	bool up;
	struct raft r;
	struct store now, disk, syncing;
	uint64_t sync_at_ms; /* 0: none runs */
	bool dirty;
	uint32_t held_n; /* until term and vote are on disk */
	struct frame held[64];
	uint64_t snapshot_at_ms; /* to take one from... */
	uint32_t snapshot_from;
};

struct sim {
	uint64_t random, now_ms, values;
	uint32_t voters, loss, crash; /* chances of 1,000 */
	bool arbiter, slow_disks, reconfigures;
	struct node node[NODES + 1];
	bool cut[NODES + 1][NODES + 1];
	uint32_t frames;
	struct frame net[NET_MAX];
	/* What any node ever committed, and who led each term. */
	uint64_t committed;
	struct entry truth[LOG_MAX + 1];
	uint32_t leader_of[4096];
	uint64_t commits_of_clients;
};

static struct sim s;

static uint64_t
random_of(uint64_t n)
{
	s.random ^= s.random << 13;
	s.random ^= s.random >> 7;
	s.random ^= s.random << 17;
	return s.random % n;
}

static bool
chance(uint32_t of_1000)
{
	return random_of(1000) < of_1000;
}

/* --- network --- */

static void
post(const struct frame *f)
{
	struct frame *to;

	if (s.frames == NET_MAX || chance(s.loss) || s.cut[f->m.from][f->m.to])
		return;
	to = &s.net[s.frames++];
	*to = *f;
	to->at_ms = s.now_ms + 1 + random_of(chance(50) ? 200 : 10);
}

/* Returns how many entries went along: a frame ends behind a configuration. */
static uint64_t
load(const struct node *n, struct frame *f)
{
	uint64_t most = 1 + random_of(FRAME_MAX), i;

	for (i = 0; i < f->m.n && i < most; i++) {
		f->entry[i] = n->now.log[f->m.index + 1 + i];
		if (f->entry[i].config.n)
			most = i + 1;
	}
	return i;
}

/* --- a node does what its core says --- */

static void check_node(uint32_t id);
static enum err step(uint32_t id, const struct raft_event *ev, const struct entry *entries);

static void
send_all(uint32_t id, const struct raft_update *u)
{
	struct node *n = &s.node[id];

	for (uint32_t i = 0; i < u->messages; i++) {
		struct frame f = {.m = u->message[i]};
		struct raft_event sent = {
			.type = RAFT_SENT, .peer = f.m.to, .index = f.m.index};
		uint64_t wanted = f.m.n;

		if (wanted)
			f.m.n = sent.n = load(n, &f);
		sent.bytes = sent.n * 1000;
		if (u->hard_changed || n->held_n) {
			if (n->held_n < 64)
				n->held[n->held_n++] = f;
		} else {
			post(&f);
		}
		if (wanted && n->up)
			step(id, &sent, NULL);
	}
}

static void
store_entries(struct node *n, const struct raft_event *ev, const struct raft_update *u,
	const struct entry *entries)
{
	if (u->truncate_from) {
		must(u->truncate_from > n->now.commit);
		n->now.last = u->truncate_from - 1;
	}
	for (uint64_t i = 0; i < u->append_n; i++) {
		struct entry *e = &n->now.log[u->append_first + i];

		must(u->append_first + i <= LOG_MAX && u->append_first == n->now.last + 1 - i);
		*e = (struct entry){.term = u->append_term};
		if (ev->type == RAFT_MESSAGE && !u->noop)
			*e = entries[u->append_first + i - ev->message->index - 1];
		else if (ev->type == RAFT_PROPOSED)
			e->value = ++s.values;
		else if (ev->type == RAFT_CONFIGURE)
			e->config = n->r.config;
		n->now.last++;
	}
}

static enum err
step(uint32_t id, const struct raft_event *ev, const struct entry *entries)
{
	struct node *n = &s.node[id];
	struct raft_update *u = must_alloc(sizeof *u);
	enum err e = raft_step(&n->r, ev, u);

	assert_int_not_equal(e, ERR_CORRUPT);
	if (!e) {
		store_entries(n, ev, u, entries);
		n->now.hard = u->hard;
		n->dirty |= u->hard_changed || u->append_n || u->truncate_from;
		if (u->commit_changed)
			n->now.commit = u->commit;
		if (u->snapshot_to) {
			assert_false(s.arbiter && id == s.voters);
			s.node[u->snapshot_to].snapshot_at_ms = s.now_ms + 50;
			s.node[u->snapshot_to].snapshot_from = id;
		}
		check_node(id);
		send_all(id, u);
	}
	free(u);
	return e;
}

static void
begin_sync(struct node *n)
{
	memcpy(&n->syncing, &n->now, sizeof n->syncing);
	n->dirty = false;
	n->sync_at_ms = s.now_ms + 1 + random_of(s.slow_disks && chance(100) ? 200 : 5);
}

static void
end_sync(uint32_t id)
{
	struct node *n = &s.node[id];
	struct raft_event done = {.type = RAFT_PERSISTED,
		.index = n->syncing.last,
		.term = n->syncing.log[n->syncing.last].term};

	memcpy(&n->disk, &n->syncing, sizeof n->disk);
	n->sync_at_ms = 0;
	if (n->disk.hard.term == n->now.hard.term && n->disk.hard.vote == n->now.hard.vote) {
		for (uint32_t i = 0; i < n->held_n; i++)
			post(&n->held[i]);
		n->held_n = 0;
	}
	if (n->disk.last)
		step(id, &done, NULL);
}

static void
crash(uint32_t id)
{
	struct node *n = &s.node[id];
	struct raft_event ended = {.type = RAFT_SNAPSHOT_ENDED, .peer = id};

	n->up = false;
	if (n->snapshot_at_ms && s.node[n->snapshot_from].up)
		step(n->snapshot_from, &ended, NULL);
	n->sync_at_ms = n->snapshot_at_ms = 0;
	n->held_n = 0;
	n->dirty = false;
}

/* The two newest configurations of a log. */
static void
find_configs(const struct store *d, struct raft_stored *found)
{
	found->before = found->config = d->log[0].config;
	for (uint64_t i = 1; i <= d->last; i++)
		if (d->log[i].config.n) {
			found->before = found->config;
			found->config = d->log[i].config;
			found->config.index = i;
		}
}

static void
boot(uint32_t id)
{
	struct node *n = &s.node[id];
	struct raft_options opt = {.self = id,
		.seed = s.random,
		.election_ms = ELECTION_MS,
		.heartbeat_ms = BEAT_MS};
	struct raft_trail trail;
	struct raft_stored found = {.trail = &trail};

	memcpy(&n->now, &n->disk, sizeof n->now);
	raft_trail_init(&trail, 0, 0);
	for (uint64_t i = 1; i <= n->now.last; i++)
		raft_trail_push(&trail, 1, n->now.log[i].term);
	raft_trail_drop(&trail, n->now.first);
	found.hard = n->now.hard;
	found.commit = n->now.commit;
	find_configs(&n->now, &found);
	raft_init(&n->r, &opt, &found);
	n->up = true;
}

static void
install(uint32_t id)
{
	struct node *n = &s.node[id], *from = &s.node[n->snapshot_from];
	struct raft_event ended = {.type = RAFT_SNAPSHOT_ENDED, .peer = id};
	struct raft_event done = {.type = RAFT_INSTALLED};
	struct raft_stored found;
	struct store *got = must_alloc(sizeof *got);

	n->snapshot_at_ms = 0;
	memcpy(got, &from->now, sizeof *got);
	got->last = got->first = got->commit;
	find_configs(got, &found);
	done.index = got->last;
	done.term = got->log[got->last].term;
	done.config = &found.config;
	if (from->up && got->last && step(id, &done, NULL) == ERR_OK) {
		got->hard = n->now.hard;
		memcpy(&n->now, got, sizeof n->now);
		memcpy(&n->disk, got, sizeof n->disk);
		n->sync_at_ms = 0;
	}
	free(got);
	if (from->up)
		step(n->snapshot_from, &ended, NULL);
}

/* --- the promises --- */

static void
check_node(uint32_t id)
{
	struct node *n = &s.node[id];

	if (n->r.role == RAFT_LEADER) {
		must(n->r.term < 4096);
		/* Election safety. */
		assert_true(s.leader_of[n->r.term] == 0 || s.leader_of[n->r.term] == id);
		s.leader_of[n->r.term] = id;
	}
	/* State machine safety: nobody ever has another entry where one was committed. */
	for (; s.committed < n->now.commit; s.committed++) {
		s.truth[s.committed + 1] = n->now.log[s.committed + 1];
		s.commits_of_clients += s.truth[s.committed + 1].value != 0;
	}
	for (uint64_t i = n->now.commit > 20 ? n->now.commit - 20 : 1; i <= n->now.commit;
		i++) {
		assert_int_equal(n->now.log[i].term, s.truth[i].term);
		assert_int_equal(n->now.log[i].value, s.truth[i].value);
	}
}

/* Durable on a majority of the voters of the configuration that committed it. */
static void
check_durable(void)
{
	uint32_t have = 0, down = 0;

	if (s.reconfigures || !s.committed)
		return;
	for (uint32_t id = 1; id <= s.voters; id++) {
		const struct store *d = &s.node[id].disk;

		have += d->last >= s.committed &&
			d->log[s.committed].term == s.truth[s.committed].term;
		down += !s.node[id].up;
	}
	assert_true(have >= s.voters / 2 + 1);
}

/* --- chance's part --- */

static uint32_t
leader(void)
{
	uint32_t found = 0;

	for (uint32_t id = 1; id <= NODES; id++)
		if (s.node[id].up && s.node[id].r.role == RAFT_LEADER &&
			(!found || s.node[id].r.term > s.node[found].r.term))
			found = id;
	return found;
}

static void
reconfigure(void)
{
	uint32_t at = leader();
	struct raft_event ev = {.type = RAFT_CONFIGURE};
	struct raft_config c;
	uint32_t i;

	if (!at)
		return;
	c = s.node[at].r.config;
	i = (uint32_t)random_of(c.n + 1);
	if (i == c.n && c.n < NODES) {
		/* A node that was emptied would need a new number, so none comes back. */
		for (uint32_t k = 0; k < c.n; k++)
			if (c.node[k].id == NODES)
				return;
		c.node[c.n].id = c.node[c.n - 1].id + 1;
		if (c.node[c.n].id > NODES)
			return;
		c.node[c.n++].kind = RAFT_LEARNER;
	} else if (i < c.n) {
		c.node[i].kind = c.node[i].kind == RAFT_LEARNER ? RAFT_VOTER : RAFT_LEARNER;
	}
	ev.config = &c;
	step(at, &ev, NULL);
}

static void
transfer(void)
{
	uint32_t at = leader();
	struct raft_event ev = {
		.type = RAFT_TRANSFER, .peer = 1 + (uint32_t)random_of(s.voters)};

	if (at)
		step(at, &ev, NULL);
}

static void
disturb(void)
{
	uint32_t id = 1 + (uint32_t)random_of(NODES);

	if (chance(s.crash) && s.node[id].up)
		crash(id);
	else if (chance(20) && !s.node[id].up)
		boot(id);
	if (chance(2))
		s.cut[id][1 + random_of(NODES)] = true;
	if (chance(10))
		memset(s.cut, 0, sizeof s.cut);
	if (chance(1))
		transfer();
	if (s.reconfigures && chance(5))
		reconfigure();
	if (chance(5) && s.node[id].up && s.node[id].disk.commit > 30) {
		/* An arbiter keeps what the others may lack. */
		struct raft_event ev = {
			.type = RAFT_TRIMMED, .index = s.node[id].disk.commit - 20};

		if (s.arbiter && id == s.voters)
			return;
		s.node[id].now.first = ev.index;
		step(id, &ev, NULL);
	}
}

static void
propose(void)
{
	uint32_t id = leader();
	struct raft_event ev = {.type = RAFT_PROPOSED, .n = 1 + random_of(3)};

	ev.peer = chance(300) ? 1 + (uint32_t)random_of(s.voters) : 0;
	if (id && s.node[id].now.last + 100 < LOG_MAX)
		step(id, &ev, NULL);
}

static void
deliver(void)
{
	for (uint32_t i = 0; i < s.frames; i++) {
		struct frame f = s.net[i];
		struct raft_event ev = {.type = RAFT_MESSAGE, .message = &f.m};

		if (f.at_ms > s.now_ms)
			continue;
		if (!chance(s.loss)) /* else it comes once more */
			s.net[i--] = s.net[--s.frames];
		else
			s.net[i].at_ms += 1 + random_of(100);
		if (f.m.n && f.entry[f.m.n - 1].config.n)
			f.m.config = &f.entry[f.m.n - 1].config;
		if (s.node[f.m.to].up)
			step(f.m.to, &ev, f.entry);
	}
}

static void
pass_ms(bool disturbed)
{
	s.now_ms++;
	deliver();
	for (uint32_t id = 1; id <= NODES; id++) {
		struct node *n = &s.node[id];
		struct raft_event tick = {.type = RAFT_TICK, .now_ms = s.now_ms};

		if (!n->up)
			continue;
		if (s.now_ms % 10 == id)
			step(id, &tick, NULL);
		if (n->sync_at_ms && n->sync_at_ms <= s.now_ms)
			end_sync(id);
		if (n->dirty && !n->sync_at_ms)
			begin_sync(n);
		if (n->snapshot_at_ms && n->snapshot_at_ms <= s.now_ms)
			install(id);
	}
	if (chance(50))
		propose();
	if (disturbed)
		disturb();
	check_durable();
}

static void
begin(uint64_t seed, uint32_t voters)
{
	memset(&s, 0, sizeof s);
	s.random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	s.voters = voters;
	s.loss = (uint32_t)random_of(60);
	s.crash = (uint32_t)random_of(20);
	s.slow_disks = chance(500);
}

static void
start(void)
{
	for (uint32_t id = 1; id <= NODES; id++) {
		struct raft_config *c = &s.node[id].disk.log[0].config;

		for (uint32_t i = 0; i < s.voters; i++) {
			c->node[i].id = i + 1;
			c->node[i].kind = s.arbiter && i + 1 == s.voters ? RAFT_ARBITER
									 : RAFT_VOTER;
		}
		c->n = s.voters;
		boot(id);
	}
}

/* All is well again: within a few election timeouts there is a leader that commits, and
 * everybody gets there. */
static void
heal(void)
{
	uint64_t before, until;
	uint32_t at;

	memset(s.cut, 0, sizeof s.cut);
	s.loss = 0;
	s.slow_disks = false;
	for (uint32_t id = 1; id <= NODES; id++)
		if (!s.node[id].up)
			boot(id);
	before = s.commits_of_clients;
	for (until = s.now_ms + 15 * ELECTION_MS; s.now_ms < until;)
		pass_ms(false);
	assert_true(s.commits_of_clients > before || s.committed + 100 >= LOG_MAX);
	at = leader();
	assert_int_not_equal(at, 0);
	for (uint32_t i = 0; i < s.node[at].r.config.n; i++) {
		struct node *n = &s.node[s.node[at].r.config.node[i].id];

		assert_true(n->now.commit + 50 > s.committed);
	}
}

static void
run(uint64_t seed, uint32_t voters, bool arbiter, bool reconfigures)
{
	begin(seed, voters);
	s.arbiter = arbiter;
	s.reconfigures = reconfigures;
	start();
	while (s.now_ms < 8000)
		pass_ms(true);
	heal();
}

static void
run_seeds(const char *what, uint32_t voters, bool arbiter, bool reconfigures)
{
	const char *one = getenv("SEED"), *many = getenv("SEEDS");
	uint64_t seeds = many ? strtoull(many, NULL, 10) : 25, commits = 0;

	for (uint64_t seed = 1; seed <= seeds; seed++) {
		uint64_t it = one ? strtoull(one, NULL, 10) : seed;

		fprintf(stderr, "%s, seed %llu\n", what, (unsigned long long)it);
		run(it, voters, arbiter, reconfigures);
		commits += s.commits_of_clients;
	}
	fprintf(stderr, "%s: %llu proposals committed\n", what, (unsigned long long)commits);
	assert_true(commits > 10 * seeds);
}

static void
three_voters_keep_every_promise(void **state)
{
	(void)state;
	run_seeds("three voters", 3, false, false);
}

static void
five_voters_keep_every_promise(void **state)
{
	(void)state;
	run_seeds("five voters", 5, false, false);
}

static void
two_voters_and_an_arbiter_keep_every_promise(void **state)
{
	(void)state;
	run_seeds("an arbiter", 3, true, false);
}

static void
a_configuration_that_changes_breaks_no_promise(void **state)
{
	(void)state;
	run_seeds("configurations", 3, false, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_voters_keep_every_promise),
		cmocka_unit_test(five_voters_keep_every_promise),
		cmocka_unit_test(two_voters_and_an_arbiter_keep_every_promise),
		cmocka_unit_test(a_configuration_that_changes_breaks_no_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
