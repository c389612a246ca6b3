/* nodes: engines in one process, the first over store_world's database; frames go from one to
 * the other at once. What the tests of clusters start from. */
#ifndef TESTS_NODES_H
#define TESTS_NODES_H

#include <sys/stat.h>

#include "core/clock.h"
#include "tests/store_world.h"

enum { NODES = 3, WAIT_MS = 20000 };

static struct node {
	struct engine_options opt;
	char dir[80];
	struct engine *e; /* NULL: it is off */
	uint32_t id;	  /* 0: it hasn't joined */
	bool is_cut;
	uint32_t swaps; /* how often it was given a database */
} node[NODES];

/* What each is opened with, beside its own; arg of the callbacks is its struct node. */
static struct engine_options nodes_opt;

/* As far as it can be given any: an arbiter, and who waits for a database, can't. */
static inline void
nodes_give_keys(struct engine *e)
{
	struct buf wrapped;
	struct seal_key key;
	enum err err = ERR_OK;

	while (!err && !engine_is_ready(e)) {
		buf_init(&wrapped, sizeof key.b);
		err = engine_wrapped_key(e, &wrapped);
		if (!err) {
			memcpy(key.b, wrapped.p, sizeof key.b);
			assert_int_equal(engine_set_key(e, &key, SLICE_EMPTY), ERR_OK);
		}
		buf_fini(&wrapped);
	}
	assert_true(!err || err == ERR_UNAVAILABLE);
}

static inline void
nodes_open(struct node *n)
{
	n->opt = nodes_opt;
	n->opt.dir = n->dir;
	n->opt.boot = rand_u64();
	n->opt.arg = n;
	assert_int_equal(engine_open(&n->opt, &n->e), ERR_OK);
	nodes_give_keys(n->e);
}

static inline void
nodes_close(struct node *n)
{
	engine_close(n->e);
	n->e = NULL;
}

static inline bool
nodes_are_linked(const struct node *a, const struct node *b)
{
	return a->e && b->e && !a->is_cut && !b->is_cut;
}

static inline void
nodes_turn_one(struct node *n)
{
	bool more;
	enum err e = engine_turn(n->e, &more);

	if (e == ERR_END) {
		n->swaps++;
		nodes_close(n);
		nodes_open(n);
		return;
	}
	assert_int_equal(e, ERR_OK);
}

/* Links first, as the process link does once a node knows of another. */
static inline void
nodes_turn(void)
{
	for (uint32_t i = 0; i < NODES; i++)
		for (uint32_t k = 0; k < NODES; k++)
			if (i != k && node[i].e && node[k].id)
				engine_link(node[i].e, node[k].id,
					nodes_are_linked(&node[i], &node[k]));
	for (uint32_t i = 0; i < NODES; i++)
		if (node[i].e)
			nodes_turn_one(&node[i]);
}

static inline struct engine_status
status(uint32_t i)
{
	struct engine_status s;

	engine_status(node[i].e, &s);
	return s;
}

static inline void
nodes_say(void)
{
	for (uint32_t i = 0; i < NODES; i++) {
		const struct members *m = node[i].e ? engine_members(node[i].e) : NULL;
		struct engine_status s;

		if (!m)
			continue;
		s = status(i);
		print_error(
			"node %u: leader %u role %d term %llu last %llu commit %llu applied "
			"%llu ready %d members %u of %llu:",
			i + 1, s.leader, s.role, (unsigned long long)s.term,
			(unsigned long long)s.last, (unsigned long long)s.commit,
			(unsigned long long)s.applied, engine_is_ready(node[i].e), m->n,
			(unsigned long long)m->index);
		for (uint32_t k = 0; k < m->n; k++)
			print_error(" [%u kind %d goal %d up %d match %llu]", m->node[k].id,
				m->node[k].kind, m->node[k].goal, s.peer[k].is_up,
				(unsigned long long)s.peer[k].match);
		print_error("\n");
	}
}

static inline bool
nodes_are_late(uint64_t end_ms)
{
	nodes_turn();
	if (clock_ms() < end_ms)
		return false;
	nodes_say();
	return true;
}

#define until(condition)                                                                       \
	do {                                                                                   \
		uint64_t end_ms = clock_ms() + WAIT_MS;                                        \
		while (!(condition))                                                           \
			assert_false(nodes_are_late(end_ms));                                  \
	} while (0)

/* --- members --- */

static struct {
	bool done;
	enum err e;
	uint32_t node;
} nodes_changed;

static inline void
nodes_on_changed(void *arg, enum err e, uint32_t id)
{
	(void)arg;
	nodes_changed.done = true;
	nodes_changed.e = e;
	nodes_changed.node = id;
}

static inline enum err
nodes_change(uint32_t at, struct engine_change c)
{
	nodes_changed.done = false;
	engine_change(node[at].e, &c, nodes_on_changed, NULL);
	until(nodes_changed.done);
	return nodes_changed.e;
}

/* log_key: what the answer to a join brings; empty: it comes with the database. */
static inline void
nodes_join(uint32_t i, enum raft_kind goal, struct slice log_key)
{
	struct engine_change c = {.kind = ENGINE_JOIN};
	struct engine_join how = {.members = engine_members(node[0].e), .log_key = log_key};
	struct node *n = &node[i];

	c.joins.kind = goal;
	c.joins.key[0] = c.joins.token[0] = (uint8_t)(i + 1);
	assert_int_equal(nodes_change(0, c), ERR_OK);
	n->id = how.node = nodes_changed.node;
	assert_int_equal(n->id, i + 1);
	memcpy(how.cluster, engine_log(node[0].e)->cluster, sizeof how.cluster);
	snprintf(n->dir, sizeof n->dir, "%s/%u", world.dir, n->id);
	assert_int_equal(mkdir(n->dir, 0755), 0);
	n->opt = (struct engine_options){.dir = n->dir};
	assert_int_equal(engine_create_joined(&n->opt, &how), ERR_OK);
	nodes_open(n);
}

/* The first one leads. */
static inline void
nodes_setup(void **state, struct engine_options opt)
{
	world_setup(state);
	engine_close(world.e);
	memset(node, 0, sizeof node);
	nodes_opt = opt;
	node[0].id = 1;
	snprintf(node[0].dir, sizeof node[0].dir, "%s", world.dir);
	nodes_open(&node[0]);
	until(status(0).role == RAFT_LEADER);
}

static inline int
nodes_teardown(void **state)
{
	clock_fake(false, 0, 0);
	for (uint32_t i = 1; i < NODES; i++)
		nodes_close(&node[i]);
	world.e = node[0].e;
	return world_teardown(state);
}

/* The first one's state and another's, when both have all. */
static inline void
nodes_assert_equal_and_sound(uint32_t other)
{
	const uint32_t which[] = {0, other};
	uint8_t digest[2][32];
	struct db_txn *txn;

	until(status(0).applied == status(other).applied &&
		status(0).applied == status(0).last);
	for (int i = 0; i < 2; i++) {
		world.e = node[which[i]].e;
		assert_int_equal(world_violations(false), 0);
		assert_int_equal(db_begin(engine_db(world.e), false, &txn), ERR_OK);
		assert_int_equal(db_digest(txn, digest[i]), ERR_OK);
		db_abort(txn);
	}
	assert_memory_equal(digest[0], digest[1], 32);
}

#endif
