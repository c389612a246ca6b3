/* sim_owner: who runs the items that a node took in. Each node's courier acts on what the last
 * commit of its store shows, while the lease holds by its own clock: never two for one node's.
 * A courier holds nothing here, so it yields what is wanted back at once. */
#include "tests/sim/sim.h"

#include "core/clock.h"
#include "core/codec.h"
#include "core/must.h"
#include "store/view_queue.h"

enum { BACK_MS = 40000 };

static struct {
	struct schema_owner of[SIM_NODES + 1];
	uint64_t born_ms, yielded[SIM_NODES + 1]; /* epochs */
} seen[SIM_NODES + 1];

static bool
on_owner(void *arg, uint32_t node, const struct schema_owner *owner)
{
	const struct sim_node *n = arg;

	if (node <= SIM_NODES)
		seen[n->id].of[node] = *owner;
	return true;
}

static bool
is_ours(const struct sim_node *n, uint32_t node)
{
	const struct schema_owner *o = &seen[n->id].of[node];

	return n->is_up && seen[n->id].born_ms == n->born_ms && o->runs_node == n->id &&
	       o->boot == engine_boot(n->e);
}

/* By a process that gets to run. */
static bool
runs(const struct sim_node *n, uint32_t node)
{
	if (!is_ours(n, node) || n->paused_ms > sim.now_ms ||
		seen[n->id].yielded[node] == seen[n->id].of[node].epoch)
		return false;
	sim_node_set_clock(n);
	return engine_lease_until_ms(n->e) > clock_ms();
}

static void
check(void)
{
	for (uint32_t node = 1; node <= SIM_NODES; node++) {
		uint32_t who = 0;

		for (uint32_t id = 1; id <= SIM_NODES; id++) {
			if (!runs(&sim.node[id], node))
				continue;
			if (who)
				sim_fail(
					"n%u and n%u both run what n%u took in", who, id, node);
			who = id;
		}
	}
}

void
sim_owner_look(struct sim_node *n)
{
	struct db_txn *txn;

	if (n->is_arbiter)
		return;
	if (seen[n->id].born_ms != n->born_ms)
		memset(&seen[n->id], 0, sizeof seen[n->id]);
	seen[n->id].born_ms = n->born_ms;
	must(!db_begin(engine_db(n->e), false, &txn));
	must(!view_queue_owners(txn, on_owner, n));
	db_abort(txn);
	check();
	sim_node_set_clock(n);
}

void
sim_owner_tend(struct sim_node *n)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Yield q = COMMANDS__YIELD__INIT;
	struct engine_proposal p = {.fd = -1};
	struct arena a;

	for (uint32_t node = 1; node <= SIM_NODES; node++) {
		const struct schema_owner *o = &seen[n->id].of[node];

		if (!is_ours(n, node) || !o->wants || engine_lease_until_ms(n->e) <= clock_ms())
			continue;
		arena_init(&a, 0);
		q.node = node;
		q.epoch = seen[n->id].yielded[node] = o->epoch;
		c.body_case = COMMANDS__COMMAND__BODY_YIELD;
		c.yield = &q;
		p.command = codec_pack(&c, &a);
		(void)engine_propose(n->e, &p);
		arena_reset(&a);
	}
}

static bool
are_all_back(void)
{
	for (uint32_t id = 1; id <= sim.nodes; id++)
		if (!sim.node[id].is_arbiter && sim_node_is_member(&sim.node[id], NULL) &&
			!runs(&sim.node[id], id))
			return false;
	return true;
}

void
sim_owner_end(void)
{
	uint64_t until = sim.now_ms + BACK_MS;

	while (!are_all_back() && sim.now_ms < until)
		sim_pass();
	if (!are_all_back())
		sim_fail("in peace somebody doesn't get its queue back");
}
