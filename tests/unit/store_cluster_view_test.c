#include "tests/test.h"

#include "cmd/store_cluster.h"

/* Three nodes: 1 and 2 hold mail, 3 is the arbiter; 1 is this one, and leads. */
struct world {
	struct engine_status status;
	struct members members;
	uint8_t cluster[16];
	struct store_cluster_seen seen[RAFT_NODES_MAX];
	bool is_draining, is_removed;
};

static void
add(struct world *w, enum raft_kind kind, enum raft_kind goal, const char *name)
{
	struct members_node *m = &w->members.node[w->members.n];

	*m = (struct members_node){.id = ++w->members.n, .kind = kind, .goal = goal};
	strcpy(m->name, name);
	strcpy(m->address, "192.0.2.1:4627");
	w->status.peer[m->id - 1] = (struct engine_peer_status){
		.is_up = true, .is_answering = true, .match = 100, .applied = 100};
	w->seen[m->id - 1] = (struct store_cluster_seen){.id = m->id, .was_heard = true};
}

static struct world
three(void)
{
	struct world w = {.status = {.node = 1,
				  .leader = 1,
				  .role = RAFT_LEADER,
				  .term = 7,
				  .last = 100,
				  .commit = 100,
				  .applied = 100},
		.cluster = {0xab}};

	add(&w, RAFT_VOTER, RAFT_VOTER, "dc1");
	add(&w, RAFT_VOTER, RAFT_VOTER, "dc2");
	add(&w, RAFT_ARBITER, RAFT_ARBITER, "dc3");
	return w;
}

static json_t *
status_of(const struct world *w)
{
	struct store_cluster_view v = {
		&w->status, &w->members, w->cluster, w->seen, w->is_draining, w->is_removed};

	return store_cluster_json(&v);
}

/* How many problems there are; each of words is in one of them. */
static size_t
problems(const struct world *w, const char *words)
{
	json_t *j = status_of(w), *list = json_object_get(j, "problems"), *one;
	size_t i, n = json_array_size(list);
	bool found = !words;

	json_array_foreach(list, i, one) found = found || strstr(json_string_value(one), words);
	json_decref(j);
	assert_true(found);
	return n;
}

static void
a_whole_cluster_has_no_problems(void **state)
{
	struct world w = three();

	(void)state;
	assert_int_equal(problems(&w, NULL), 0);
}

static void
a_node_alone_has_no_problems(void **state)
{
	struct world w = three();

	(void)state;
	w.members.n = 1;
	assert_int_equal(problems(&w, NULL), 0);
}

static void
status_names_each_node_and_what_it_is(void **state)
{
	struct world w = three();
	json_t *j = status_of(&w), *nodes = json_object_get(j, "nodes");
	const char *name, *kind, *goal, *role, *address;
	int id, up, self, match, applied;

	(void)state;
	assert_string_equal(json_string_value(json_object_get(j, "cluster")),
		"ab000000000000000000000000000000");
	assert_int_equal(json_integer_value(json_object_get(j, "leader")), 1);
	assert_int_equal(json_integer_value(json_object_get(j, "term")), 7);
	assert_int_equal(json_integer_value(json_object_get(j, "commit")), 100);
	assert_int_equal(json_array_size(nodes), 3);
	assert_int_equal(
		json_unpack(json_array_get(nodes, 2),
			"{s:i, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:i, s:i}", "id", &id, "name",
			&name, "kind", &kind, "goal", &goal, "role", &role, "address", &address,
			"up", &up, "self", &self, "match", &match, "applied", &applied),
		0);
	assert_int_equal(id, 3);
	assert_string_equal(name, "dc3");
	assert_string_equal(kind, "arbiter");
	assert_string_equal(role, "follower");
	assert_true(up);
	assert_false(self);
	assert_int_equal(match, 100);
	json_decref(j);
}

static void
what_only_the_leader_knows_is_left_out_elsewhere(void **state)
{
	struct world w = three();
	json_t *j, *nodes;

	(void)state;
	w.status.role = RAFT_FOLLOWER;
	w.status.leader = 2;
	j = status_of(&w);
	nodes = json_object_get(j, "nodes");
	assert_null(json_object_get(json_array_get(nodes, 1), "match"));
	assert_non_null(json_object_get(json_array_get(nodes, 0), "match"));
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(nodes, 1), "role")), "leader");
	json_decref(j);
	assert_int_equal(problems(&w, NULL), 0);
}

static void
a_node_that_is_away_is_named_with_the_time_and_the_next_step(void **state)
{
	struct world w = three();

	(void)state;
	w.status.peer[1].is_answering = false;
	w.seen[1].away_since_sec = 1800000000;
	problems(&w, "node 2 (dc2) is away since 2027-01-15T08:00:00Z");
	problems(&w, "hairpin cluster remove 2");
	problems(&w, "2 of the 3 that vote are there: all of these are needed");
	assert_int_equal(problems(&w, NULL), 2);
}

static void
without_a_leader_it_says_what_works_and_what_does_not(void **state)
{
	struct world w = three();

	(void)state;
	w.status.leader = 0;
	w.status.role = RAFT_PRE_CANDIDATE;
	w.status.peer[1].is_up = w.status.peer[2].is_up = false;
	w.seen[2].was_heard = false;
	problems(&w,
		"no node leads: mail can be read, and nothing is taken in until 2 of the 3");
	assert_int_equal(
		problems(&w, "node 3 (dc3) wasn't heard since this one started: see"), 3);
}

static void
a_vote_alone_is_not_counted_in_words(void **state)
{
	struct world w = three();

	(void)state;
	w.members.n = 2;
	w.members.node[1].kind = RAFT_LEARNER;
	w.status.node = 2;
	w.status.leader = 0;
	w.status.role = RAFT_FOLLOWER;
	w.status.peer[0].is_up = false;
	problems(&w, "nothing is taken in until the one that votes can be reached");
}

/* The core takes a new member for heard, so that it isn't away at once. */
static void
a_node_that_never_started_is_not_there(void **state)
{
	struct world w = three();
	json_t *j, *node;

	(void)state;
	w.members.node[1].kind = RAFT_LEARNER;
	w.status.peer[1] = (struct engine_peer_status){.is_answering = true};
	w.seen[1].was_heard = false;
	/* The other: only two vote. */
	assert_int_equal(
		problems(&w, "node 2 (dc2) has joined and wasn't heard yet: start it there"),
		2);
	j = status_of(&w);
	node = json_array_get(json_object_get(j, "nodes"), 1);
	assert_true(json_is_false(json_object_get(node, "up")));
	assert_true(json_is_false(json_object_get(node, "heard")));
	json_decref(j);
}

static void
two_votes_are_both_needed(void **state)
{
	struct world w = three();

	(void)state;
	w.members.node[1].kind = RAFT_LEARNER;
	w.status.peer[1].match = 40;
	problems(&w, "only two nodes vote: both are needed");
	assert_int_equal(problems(&w, "node 2 (dc2) has no vote yet: it gets one when it has "
				      "caught up; it lacks 60 of the log's"),
		2);
}

static void
a_second_data_node_waits_for_a_third_vote(void **state)
{
	struct world w = three();

	(void)state;
	w.members.n = 2;
	w.members.node[1].kind = RAFT_LEARNER;
	assert_int_equal(
		problems(&w,
			"node 2 (dc2) has caught up and has no vote: a second one comes with"),
		1);
}

static bool
may_remove(const struct world *w, uint32_t id, const char *words)
{
	char why[STORE_CLUSTER_WORDS] = "";
	bool may = store_cluster_may_remove(
		&w->status, &w->members, members_find(&w->members, id), why);

	assert_non_null(strstr(why, words));
	return may;
}

static void
nobody_is_removed_whom_the_others_need(void **state)
{
	struct world w = three();

	(void)state;
	assert_true(may_remove(&w, 2, "") && may_remove(&w, 3, ""));
	w.status.peer[2].is_answering = false;
	assert_true(may_remove(&w, 3, ""));
	assert_false(may_remove(&w, 2,
		"without node 2 (dc2) only 1 of the 2 that vote would be there: nothing could "
		"be "
		"taken in, nor this be undone"));
	assert_false(may_remove(&w, 2, "hairpin cluster remove 3"));
	/* Said on the arbiter. */
	w.status.peer[2].is_answering = true;
	w.members.node[0].kind = RAFT_LEARNER;
	w.status.node = 3;
	w.status.role = RAFT_FOLLOWER;
	assert_false(may_remove(&w, 2, "is the last one that holds the mail and votes"));
	assert_true(may_remove(&w, 1, ""));
}

/* Whatever else it sees is of no use to anybody. */
static void
a_removed_node_says_that_alone(void **state)
{
	struct world w = three();
	json_t *j;

	(void)state;
	w.is_removed = true;
	w.status.leader = 0;
	w.status.peer[1].is_up = false;
	assert_int_equal(
		problems(&w,
			"this node was removed from the cluster: what it holds isn't kept up"),
		1);
	j = status_of(&w);
	assert_true(json_is_true(json_object_get(j, "removed")));
	assert_int_equal(json_array_size(json_object_get(j, "findings")), 1);
	json_decref(j);
}

static void
a_drained_node_says_so(void **state)
{
	struct world w = three();

	(void)state;
	w.is_draining = true;
	assert_int_equal(problems(&w, "cluster drain --undo"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_cluster_has_no_problems),
		cmocka_unit_test(a_node_alone_has_no_problems),
		cmocka_unit_test(status_names_each_node_and_what_it_is),
		cmocka_unit_test(what_only_the_leader_knows_is_left_out_elsewhere),
		cmocka_unit_test(a_node_that_is_away_is_named_with_the_time_and_the_next_step),
		cmocka_unit_test(without_a_leader_it_says_what_works_and_what_does_not),
		cmocka_unit_test(a_vote_alone_is_not_counted_in_words),
		cmocka_unit_test(a_node_that_never_started_is_not_there),
		cmocka_unit_test(two_votes_are_both_needed),
		cmocka_unit_test(a_second_data_node_waits_for_a_third_vote),
		cmocka_unit_test(a_removed_node_says_that_alone),
		cmocka_unit_test(nobody_is_removed_whom_the_others_need),
		cmocka_unit_test(a_drained_node_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
