/* Whole clusters of the engine, played by chance (tests/sim/sim.h): no promise breaks. */
/* timeout: 1200 */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/must.h"
#include "tests/sim/sim.h"

/* SEED: that one alone; SEEDS: so many of each story; STORY: that one alone. */
static void
play(const struct sim_story *story, uint64_t few)
{
	const char *one = getenv("SEED"), *many = getenv("SEEDS"), *name = getenv("STORY");
	uint64_t first = one ? strtoull(one, NULL, 10) : 1;
	uint64_t n = one ? 1 : many ? strtoull(many, NULL, 10) : few;
	uint64_t done = 0, crashes = 0, leaders = 0, streamed = 0, compacted = 0;
	uint64_t refused = 0;

	if (name && strcmp(name, story->name) != 0)
		skip();
	for (uint64_t seed = first; seed < first + n; seed++) {
		sim_play(story, seed);
		done += sim.told_done;
		crashes += sim.crashes;
		leaders += sim.leaders;
		streamed += sim.streamed;
		compacted += sim.compacted;
		refused += sim.refused;
	}
	print_message("%s: %llu seeds, %llu commands done, %llu crashes, %llu leaders\n",
		story->name, (unsigned long long)n, (unsigned long long)done,
		(unsigned long long)crashes, (unsigned long long)leaders);
	print_message("  %llu databases streamed, %llu compacted, %llu commands refused\n",
		(unsigned long long)streamed, (unsigned long long)compacted,
		(unsigned long long)refused);
	assert_true(done > 20 * n);
}

static void
a_node_alone_keeps_every_promise(void **state)
{
	(void)state;
	play(&(struct sim_story){.name = "alone", .topology = SIM_ALONE, .ms = 4000}, 2);
}

static void
two_nodes_and_an_arbiter_keep_every_promise(void **state)
{
	(void)state;
	play(&(struct sim_story){.name = "two and an arbiter",
		     .topology = SIM_TWO_AND_ARBITER,
		     .ms = 10000},
		6);
}

static void
three_nodes_keep_every_promise(void **state)
{
	(void)state;
	play(&(struct sim_story){.name = "three", .topology = SIM_THREE, .ms = 10000}, 6);
}

static void
a_learner_is_fed_and_breaks_no_promise(void **state)
{
	(void)state;
	play(&(struct sim_story){.name = "a learner", .topology = SIM_LEARNER, .ms = 6000}, 2);
}

static void
members_that_change_break_no_promise(void **state)
{
	(void)state;
	play(&(struct sim_story){.name = "members change",
		     .topology = SIM_THREE,
		     .ms = 10000,
		     .reconfigures = true},
		3);
}

static void
nodes_join_while_others_die(void **state)
{
	(void)state;
	play(&(struct sim_story){.name = "nodes join",
		     .topology = SIM_TWO_AND_ARBITER,
		     .ms = 10000,
		     .joins = true},
		3);
}

static void
nodes_that_die_all_the_time_break_no_promise(void **state)
{
	(void)state;
	play(&(struct sim_story){.name = "deadly",
		     .topology = SIM_TWO_AND_ARBITER,
		     .ms = 8000,
		     .is_deadly = true},
		4);
}

static void
outages_past_the_deadline_end_in_a_true_answer(void **state)
{
	(void)state;
	play(&(struct sim_story){.name = "outages",
		     .topology = SIM_TWO_AND_ARBITER,
		     .ms = 45000,
		     .is_long = true},
		3);
}

static void
who_falls_behind_a_short_log_is_streamed_the_database(void **state)
{
	(void)state;
	play(&(struct sim_story){.name = "a short log",
		     .topology = SIM_TWO_AND_ARBITER,
		     .ms = 12000,
		     .trims = true},
		4);
}

static void
nodes_join_empty_and_are_streamed_the_database(void **state)
{
	(void)state;
	play(&(struct sim_story){.name = "streams",
		     .topology = SIM_LEARNER,
		     .ms = 15000,
		     .joins = true,
		     .trims = true},
		4);
}

static void
a_node_alone_that_compacts_keeps_every_promise(void **state)
{
	(void)state;
	play(&(struct sim_story){.name = "alone, compacted",
		     .topology = SIM_ALONE,
		     .ms = 5000,
		     .compacts = true,
		     .cuts_power = true},
		2);
}

static void
nodes_that_compact_and_rekey_keep_every_promise(void **state)
{
	(void)state;
	play(&(struct sim_story){.name = "compaction",
		     .topology = SIM_TWO_AND_ARBITER,
		     .ms = 10000,
		     .compacts = true},
		4);
}

static void
a_full_disk_costs_refusals_alone(void **state)
{
	(void)state;
	play(&(struct sim_story){.name = "a full disk",
		     .topology = SIM_THREE,
		     .ms = 12000,
		     .fills = true},
		3);
}

static void
power_cuts_and_failed_syncs_break_no_promise(void **state)
{
	(void)state;
	play(&(struct sim_story){.name = "power cuts",
		     .topology = SIM_LEARNER,
		     .ms = 12000,
		     .joins = true,
		     .trims = true,
		     .cuts_power = true},
		3);
}

static void
all_of_it_at_once_breaks_no_promise(void **state)
{
	(void)state;
	play(&(struct sim_story){.name = "all at once",
		     .topology = SIM_LEARNER,
		     .ms = 15000,
		     .joins = true,
		     .trims = true,
		     .compacts = true,
		     .fills = true,
		     .cuts_power = true,
		     .reconfigures = true},
		3);
}

static void
the_same_seed_tells_the_same_story(void **state)
{
	static const struct sim_story story = {
		.name = "twice", .topology = SIM_TWO_AND_ARBITER, .ms = 5000};
	struct slice first;
	char *copy;

	(void)state;
	if (getenv("STORY"))
		skip();
	sim_play(&story, 7);
	first = sim_trace();
	copy = must_alloc(first.n);
	memcpy(copy, first.p, first.n);
	first.p = (uint8_t *)copy;
	sim_play(&story, 8);
	assert_false(slice_eq(first, sim_trace()));
	sim_play(&story, 7);
	assert_true(slice_eq(first, sim_trace()));
	free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_alone_keeps_every_promise),
		cmocka_unit_test(two_nodes_and_an_arbiter_keep_every_promise),
		cmocka_unit_test(three_nodes_keep_every_promise),
		cmocka_unit_test(a_learner_is_fed_and_breaks_no_promise),
		cmocka_unit_test(members_that_change_break_no_promise),
		cmocka_unit_test(nodes_join_while_others_die),
		cmocka_unit_test(nodes_that_die_all_the_time_break_no_promise),
		cmocka_unit_test(outages_past_the_deadline_end_in_a_true_answer),
		cmocka_unit_test(who_falls_behind_a_short_log_is_streamed_the_database),
		cmocka_unit_test(nodes_join_empty_and_are_streamed_the_database),
		cmocka_unit_test(a_node_alone_that_compacts_keeps_every_promise),
		cmocka_unit_test(nodes_that_compact_and_rekey_keep_every_promise),
		cmocka_unit_test(a_full_disk_costs_refusals_alone),
		cmocka_unit_test(power_cuts_and_failed_syncs_break_no_promise),
		cmocka_unit_test(all_of_it_at_once_breaks_no_promise),
		cmocka_unit_test(the_same_seed_tells_the_same_story),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
