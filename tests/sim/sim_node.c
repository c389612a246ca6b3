/* sim_node: a node's lives. Each begins with the folder that the last one left, a new boot, and
 * no keys, which are given a little later, as keyd would; a key's wrapped form is the key
 * itself. */
#include "tests/sim/sim.h"

#include <string.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/must.h"
#include "core/rand.h"
#include "store/schema.h"

enum { TEND_MS = 1000, KEYS_MS = 200, JOIN_MS = 20000, ANEW_MS = 800 };

void
sim_node_set_clock(const struct sim_node *n)
{
	int64_t passed = (int64_t)(sim.now_ms + n->lag_ms);

	passed += passed * n->rate_ppm / 1000000;
	clock_fake(true, n->clock_ms + (uint64_t)passed, n->wall_sec + (uint64_t)passed / 1000);
}

/* Each life's monotonic clock begins somewhere else. */
static void
set_clocks(struct sim_node *n)
{
	n->clock_ms = 1000 + sim_random(1000000);
	n->wall_sec = 1800000000 + sim_random(7200);
	n->rate_ppm = (int32_t)sim_random(2000) - 1000;
	n->lag_ms = 0;
	sim_node_set_clock(n);
}

static void
on_send(void *arg, uint32_t node, bool bulk, struct slice frame)
{
	struct sim_node *n = arg;

	if (sim_disk_lives())
		sim_net_post(n->id, node, bulk, frame);
}

static void
give_keys(struct sim_node *n)
{
	struct seal_key key;
	struct buf wrapped;
	enum err e = ERR_OK;

	sim.turning = n;
	while (!e && !engine_is_ready(n->e)) {
		buf_init(&wrapped, sizeof key.b);
		e = engine_wrapped_key(n->e, &wrapped);
		if (!e)
			memcpy(key.b, wrapped.p, sizeof key.b);
		buf_fini(&wrapped);
		if (!e)
			e = engine_set_key(n->e, &key, SLICE_EMPTY);
	}
	sim.turning = NULL;
	/* It waits for a database, or for the entry with the key, or for space. */
	if (e && e != ERR_FULL && e != ERR_UNAVAILABLE && e != ERR_NOT_FOUND)
		sim_fail("n%u takes no key: %s", n->id, err_text(e));
	n->wants_turn = true;
}

static void
open_engine(struct sim_node *n, bool create)
{
	struct engine_options opt = {.dir = n->dir,
		.create = create,
		.ballast = sim.has_ballast,
		.map_bytes = UINT64_C(1) << 32,
		.log_keep_rows = sim.keep_rows,
		.tail_rows = sim.tail_rows,
		.on_send = on_send,
		.arg = n};
	enum err e;

	set_clocks(n);
	opt.boot = rand_u64() | 1;
	n->is_dead = n->failed_sync = false;
	n->dies_in = 0;
	sim.turning = n;
	e = engine_open(&opt, &n->e);
	sim.turning = NULL;
	/* Its parent goes on trying. */
	if (e == ERR_FULL) {
		n->anew_ms = sim.now_ms + 1 + sim_random(ANEW_MS);
		return;
	}
	if (e)
		sim_fail("n%u doesn't start: %s", n->id, err_text(e));
	n->is_up = n->exists = true;
	n->members = *engine_members(n->e);
	n->wants_turn = true;
	n->due_ms = n->busy_ms = n->paused_ms = n->anew_ms = 0;
	n->commit = 0;
	n->born_ms = n->tended_ms = sim.now_ms;
	n->keys_ms = sim.now_ms + sim_random(KEYS_MS);
	if (sim.nodes < n->id)
		sim.nodes = n->id;
}

void
sim_node_create(uint32_t id)
{
	struct sim_node *n = &sim.node[id];
	struct seal_key key;

	must(mkdir(n->dir, 0700) == 0);
	open_engine(n, true);
	seal_key_new(&key);
	if (engine_set_key(n->e, &key, slice_of(key.b, sizeof key.b)))
		sim_fail("the first node takes no key");
	give_keys(n);
}

void
sim_node_boot(uint32_t id)
{
	open_engine(&sim.node[id], false);
	sim_say("n%u starts", id);
}

/* A process that ends at once writes nothing more, and removes nothing. */
static void
end(struct sim_node *n, bool cuts_power)
{
	sim_node_set_clock(n);
	n->is_dead = true;
	sim.turning = n;
	engine_close(n->e);
	sim.turning = NULL;
	if (cuts_power) {
		sim_say("n%u has lost its power", n->id);
		sim_disk_cut(n->id);
	}
	n->e = NULL;
	sim_truth_autopsy(n);
	n->is_up = false;
	n->is_dead = false;
	n->dies_in = 0;
	n->role = RAFT_FOLLOWER;
	sim_net_forget(n->id);
	sim_client_lost(n->id);
}

void
sim_node_crash(uint32_t id)
{
	sim_say("n%u is gone", id);
	end(&sim.node[id], sim_chance(sim.weather.power));
	sim.crashes++;
}

struct sim_node *
sim_node_leader(void)
{
	struct sim_node *found = NULL;

	for (uint32_t id = 1; id <= sim.nodes; id++) {
		struct sim_node *n = &sim.node[id];

		if (n->is_up && n->role == RAFT_LEADER && (!found || n->term > found->term))
			found = n;
	}
	return found;
}

bool
sim_node_is_member(const struct sim_node *n, enum raft_kind *kind)
{
	const struct sim_node *newest = NULL;
	const struct members_node *m;

	for (uint32_t id = 1; id <= sim.nodes; id++)
		if (sim.node[id].exists &&
			(!newest || sim.node[id].members.index > newest->members.index) &&
			sim.node[id].members.index <= sim.committed)
			newest = &sim.node[id];
	m = newest ? members_find(&newest->members, n->id) : NULL;
	if (m && kind)
		*kind = m->kind;
	return m != NULL;
}

/* --- joining --- */

struct joining {
	bool is_done;
	enum err e;
	uint32_t node;
};

static void
on_joined(void *arg, enum err e, uint32_t node)
{
	*(struct joining *)arg = (struct joining){true, e, node};
}

/* What the answer brings: the key with which the log begins, as far as that reaches back. By
 * chance a data node gets none, and waits for the database. */
static void
begin_empty(struct sim_node *n, const struct sim_node *from)
{
	struct engine_options opt = {.dir = n->dir, .map_bytes = UINT64_C(1) << 32, .boot = 1};
	struct engine_join join = {.node = n->id, .members = engine_members(from->e)};
	struct buf key;

	buf_init(&key, sizeof(struct seal_key));
	if (!n->is_arbiter && sim_chance(500) && !engine_first_key(from->e, &key))
		join.log_key = buf_slice(&key);
	memcpy(join.cluster, engine_log(from->e)->cluster, sizeof join.cluster);
	must(mkdir(n->dir, 0700) == 0);
	if (engine_create_joined(&opt, &join))
		sim_fail("n%u can't join", n->id);
	buf_fini(&key);
}

/* Asks once. True: it is in. */
static bool
ask(struct sim_node *at, const struct engine_change *c, uint32_t id, struct joining *j)
{
	uint64_t until = sim.now_ms + JOIN_MS, born_ms = at->born_ms;
	const struct members_node *m;

	sim_node_set_clock(at);
	engine_change(at->e, c, on_joined, j);
	at->wants_turn = true;
	while (!j->is_done && sim.now_ms < until && at->is_up && at->born_ms == born_ms)
		sim_pass();
	if (!j->is_done && at->is_up && at->born_ms == born_ms)
		sim_fail("n%u never says whether n%u may join", at->id, id);
	sim_say("n%u says of n%u that joins: %s", at->id, id,
		j->is_done ? err_text(j->e) : "nothing");
	/* An earlier try was heard after all. */
	if (j->is_done && j->e == ERR_EXISTS) {
		m = members_by_key(engine_members(at->e), c->joins.key);
		return m && m->id == id;
	}
	if (j->is_done && !j->e && j->node != id)
		sim_fail("n%u joined as node %u", id, j->node);
	return j->is_done && !j->e;
}

static struct sim_node *
any_living(void)
{
	struct sim_node *n = sim_node_leader();

	for (uint32_t i = 0; i < 10000 && !(n && n->is_up && !n->is_arbiter); i++) {
		sim_pass();
		n = &sim.node[1 + sim_random(sim.nodes)];
	}
	if (!n || !n->is_up || n->is_arbiter)
		sim_fail("nobody is left to be asked");
	return n;
}

void
sim_node_join(uint32_t id, enum raft_kind goal)
{
	/* An engine may answer after we have turned to another. */
	static struct joining tries[64];
	static uint32_t next;
	struct sim_node *n = &sim.node[id], *at;
	struct engine_change c = {.kind = ENGINE_JOIN};

	c.joins.kind = RAFT_LEARNER;
	c.joins.goal = goal;
	c.joins.key[0] = c.joins.token[0] = (uint8_t)id;
	snprintf(c.joins.name, sizeof c.joins.name, "n%u.example.org", id);
	snprintf(c.joins.address, sizeof c.joins.address, "127.0.%u.1:4627", id);
	do {
		at = any_living();
		next = (next + 1) % 64;
		tries[next] = (struct joining){0};
	} while (!ask(at, &c, id, &tries[next]) || !at->is_up);
	n->is_arbiter = goal == RAFT_ARBITER;
	begin_empty(n, at);
	sim_node_boot(id);
}

/* --- time --- */

/* The parent starts it again when another database is in place, or when there was no space. */
static void
start_anew(struct sim_node *n, enum err why)
{
	sim_say("n%u is to start anew: %s", n->id, err_text(why));
	sim.streamed += why == ERR_END;
	end(n, false);
	n->anew_ms = sim.now_ms + 1 + sim_random(ANEW_MS);
}

static void
turn(struct sim_node *n)
{
	bool more = false;
	uint32_t next;
	enum err e;

	n->wants_turn = false;
	n->lag_ms = 0;
	sim_node_set_clock(n);
	if (sim_rarely(sim.weather.crash))
		n->dies_in = 1 + (uint32_t)sim_random(16);
	sim.turning = n;
	e = engine_turn(n->e, &more);
	sim.turning = NULL;
	if (n->is_dead || n->dies_in) {
		sim_node_crash(n->id);
		return;
	}
	/* A stage that can't be finished costs this life. */
	if (e == ERR_END || e == ERR_FULL || (e == ERR_IO && n->failed_sync)) {
		start_anew(n, e);
		return;
	}
	if (e)
		sim_fail("n%u stops: %s", n->id, err_text(e));
	next = engine_next_ms(n->e);
	n->busy_ms = sim.now_ms + n->lag_ms;
	n->wants_turn = more;
	n->due_ms = next == UINT32_MAX ? UINT64_MAX : n->busy_ms + (next ? next : 1);
	n->lag_ms = 0;
	sim_truth_look(n);
	sim_client_look(n);
	sim_owner_look(n);
}

void
sim_node_pass(struct sim_node *n)
{
	if (n->anew_ms && sim.now_ms >= n->anew_ms)
		sim_node_boot(n->id);
	if (!n->is_up || n->busy_ms > sim.now_ms || n->paused_ms > sim.now_ms)
		return;
	sim_node_set_clock(n);
	if (!n->is_arbiter && sim.now_ms >= n->keys_ms && !engine_is_ready(n->e)) {
		n->keys_ms = sim.now_ms + 20;
		give_keys(n);
	}
	if (sim.now_ms >= n->tended_ms + TEND_MS) {
		n->tended_ms = sim.now_ms;
		if (engine_tend(n->e))
			sim_fail("n%u can't tend", n->id);
		sim_owner_tend(n);
		n->wants_turn = true;
	}
	if (n->wants_turn || sim.now_ms >= n->due_ms)
		turn(n);
}
