/* One core, event by event: the rules that chance (raft_sim_test) seldom meets, and what each
 * update says. */
#include "tests/test.h"

#include "store/raft.h"

enum { ELECTION_MS = 300, BEAT_MS = 30 };

static struct raft raft;
static struct raft_update u;
static uint64_t now_ms;

static const struct raft_config alone = {.n = 1, .node = {{1, RAFT_VOTER}}};
static const struct raft_config three = {
	.n = 3, .node = {{1, RAFT_VOTER}, {2, RAFT_VOTER}, {3, RAFT_VOTER}}};
static const struct raft_config arbiter = {
	.n = 3, .node = {{1, RAFT_ARBITER}, {2, RAFT_VOTER}, {3, RAFT_VOTER}}};

/* Node 1 of a configuration, with n entries of a term on its disk. */
static void
begin(const struct raft_config *config, uint64_t n, uint64_t term)
{
	struct raft_options opt = {
		.self = 1, .seed = 7, .election_ms = ELECTION_MS, .heartbeat_ms = BEAT_MS};
	struct raft_trail trail;
	struct raft_stored found = {
		.hard = {term, 0}, .trail = &trail, .config = *config, .before = *config};

	raft_trail_init(&trail, 0, 0);
	raft_trail_push(&trail, n, term);
	raft_init(&raft, &opt, &found);
	now_ms = 1;
}

static enum err
step(struct raft_event ev)
{
	return raft_step(&raft, &ev, &u);
}

static void
tick(uint64_t ms)
{
	for (uint64_t end = now_ms + ms; now_ms < end;) {
		now_ms += 10;
		assert_int_equal(
			step((struct raft_event){.type = RAFT_TICK, .now_ms = now_ms}), 0);
		if (u.role_changed || u.messages)
			return;
	}
}

static enum err
receive(struct raft_message m)
{
	m.to = 1;
	return step((struct raft_event){.type = RAFT_MESSAGE, .message = &m});
}

/* The answer to a vote or an append, from another node in our term. */
static enum err
hear(enum raft_message_type type, uint32_t from, uint64_t match)
{
	return receive((struct raft_message){.type = type,
		.from = from,
		.term = raft.term + (type == RAFT_PRE_VOTED),
		.match = match,
		.round = raft.round,
		.granted = true});
}

static enum err
persisted(uint64_t index, uint64_t term)
{
	return step((struct raft_event){.type = RAFT_PERSISTED, .index = index, .term = term});
}

static enum err
propose(uint64_t n)
{
	return step((struct raft_event){.type = RAFT_PROPOSED, .n = n});
}

static const struct raft_message *
sent(enum raft_message_type type, uint32_t to)
{
	for (uint32_t i = 0; i < u.messages; i++)
		if (u.message[i].type == type && u.message[i].to == to)
			return &u.message[i];
	return NULL;
}

/* Node 1 leads all three, its no-op behind the n entries that it had. */
static void
lead(const struct raft_config *config, uint64_t n, uint64_t term)
{
	begin(config, n, term);
	for (int i = 0; i < 2 * ELECTION_MS / 10 && raft.role != RAFT_PRE_CANDIDATE; i++)
		tick(10);
	hear(RAFT_PRE_VOTED, 2, 0);
	hear(RAFT_VOTED, 3, 0);
	assert_int_equal(raft.role, RAFT_LEADER);
}

static void
a_node_alone_leads_at_its_first_tick_in_a_new_term(void **state)
{
	(void)state;
	begin(&alone, 5, 2);
	tick(10);
	assert_int_equal(u.role, RAFT_LEADER);
	assert_true(u.hard_changed && u.noop);
	assert_int_equal(u.hard.term, 3);
	assert_int_equal(u.append_first, 6);
	assert_false(u.commit_changed);
	persisted(6, 3);
	assert_true(u.commit_changed);
	assert_int_equal(u.commit, 6);
}

static void
a_candidate_asks_first_and_takes_no_term_for_that(void **state)
{
	(void)state;
	begin(&three, 5, 2);
	tick(2 * ELECTION_MS);
	assert_int_equal(u.role, RAFT_PRE_CANDIDATE);
	assert_false(u.hard_changed);
	assert_int_equal(sent(RAFT_PRE_VOTE, 3)->term, 3);
	hear(RAFT_PRE_VOTED, 2, 0);
	assert_true(u.hard_changed);
	assert_int_equal(sent(RAFT_VOTE, 2)->term, 3);
	assert_int_equal(u.hard.vote, 1);
}

static void
who_hears_a_leader_helps_no_candidate(void **state)
{
	struct raft_message vote = {
		.type = RAFT_VOTE, .from = 3, .term = 9, .index = 99, .index_term = 8};

	(void)state;
	begin(&three, 0, 0);
	receive((struct raft_message){.type = RAFT_APPEND, .from = 2, .term = 1});
	receive(vote);
	assert_int_equal(u.messages, 0);
	assert_int_equal(raft.term, 1);
	vote.transfer = true;
	receive(vote);
	assert_true(sent(RAFT_VOTED, 3)->granted);
	assert_int_equal(u.hard.vote, 3);
}

static void
a_leader_is_forgotten_after_the_least_timeout(void **state)
{
	(void)state;
	begin(&three, 0, 0);
	tick(10);
	receive((struct raft_message){.type = RAFT_APPEND, .from = 2, .term = 1});
	tick(ELECTION_MS - 10);
	assert_int_equal(raft.leader, 2);
	tick(20);
	assert_int_equal(raft.leader, 0);
}

static void
a_long_gap_between_ticks_is_one_heartbeat(void **state)
{
	(void)state;
	begin(&three, 0, 0);
	tick(10);
	receive((struct raft_message){.type = RAFT_APPEND, .from = 2, .term = 1});
	now_ms += 100 * ELECTION_MS;
	tick(10);
	assert_int_equal(raft.leader, 2);
}

/* Figure 8: an entry of an older term is on a majority, and isn't committed by that. */
static void
entries_of_older_terms_are_not_committed_by_counting(void **state)
{
	(void)state;
	lead(&three, 5, 2);
	persisted(5, 2);
	hear(RAFT_APPENDED, 2, 5);
	hear(RAFT_APPENDED, 3, 5);
	assert_int_equal(raft.commit, 0);
	hear(RAFT_APPENDED, 3, 6);
	assert_int_equal(raft.commit, 0);
	persisted(6, 3);
	assert_int_equal(raft.commit, 6);
}

static void
the_leaders_disk_is_a_vote_like_any_other(void **state)
{
	(void)state;
	lead(&three, 0, 0);
	hear(RAFT_APPENDED, 2, 1);
	assert_int_equal(raft.commit, 0);
	hear(RAFT_APPENDED, 3, 1);
	assert_int_equal(raft.commit, 1);
}

static void
a_follower_acknowledges_what_is_shared_and_on_disk(void **state)
{
	struct raft_message m = {.type = RAFT_APPEND,
		.from = 2,
		.term = 3,
		.index = 2,
		.index_term = 2,
		.n = 1,
		.entry_term = 3};

	(void)state;
	begin(&three, 5, 2);
	/* Of its five entries this leader shares two; the third is another one. */
	receive(m);
	assert_int_equal(u.truncate_from, 3);
	assert_int_equal(u.append_first, 3);
	assert_int_equal(u.append_n, 1);
	assert_int_equal(u.messages, 0);
	persisted(3, 3);
	assert_int_equal(sent(RAFT_APPENDED, 2)->match, 3);
	/* The same again is answered at once, and changes nothing. */
	receive(m);
	assert_int_equal(u.append_n, 0);
	assert_int_equal(sent(RAFT_APPENDED, 2)->match, 3);
}

static void
a_tail_that_the_leader_has_not_verified_is_not_acknowledged(void **state)
{
	(void)state;
	begin(&three, 5, 2);
	receive((struct raft_message){.type = RAFT_APPEND,
		.from = 2,
		.term = 3,
		.index = 2,
		.index_term = 2,
		.commit = 5});
	assert_int_equal(sent(RAFT_APPENDED, 2)->match, 2);
	assert_int_equal(raft.commit, 2);
}

static void
a_gap_is_refused_with_where_to_try(void **state)
{
	(void)state;
	begin(&three, 5, 2);
	receive((struct raft_message){
		.type = RAFT_APPEND, .from = 2, .term = 3, .index = 9, .index_term = 2});
	assert_false(sent(RAFT_APPENDED, 2)->granted);
	assert_int_equal(sent(RAFT_APPENDED, 2)->match, 5);
	/* Another term there: all of it is skipped. */
	receive((struct raft_message){
		.type = RAFT_APPEND, .from = 2, .term = 3, .index = 4, .index_term = 1});
	assert_int_equal(sent(RAFT_APPENDED, 2)->match, 0);
}

static void
two_leaders_in_one_term_stop_the_node(void **state)
{
	(void)state;
	begin(&three, 0, 0);
	receive((struct raft_message){.type = RAFT_APPEND, .from = 2, .term = 1});
	assert_int_equal(
		receive((struct raft_message){.type = RAFT_APPEND, .from = 3, .term = 1}),
		ERR_CORRUPT);
}

/* What it shares with this leader it may have acknowledged. */
static void
a_leader_that_changes_its_own_history_stops_the_node(void **state)
{
	struct raft_message m = {
		.type = RAFT_APPEND, .from = 2, .term = 3, .n = 4, .entry_term = 3};

	(void)state;
	begin(&three, 5, 2);
	receive(m);
	assert_int_equal(u.truncate_from, 1);
	persisted(4, 3);
	assert_int_equal(sent(RAFT_APPENDED, 2)->match, 4);
	m.entry_term = 2;
	m.n = 1;
	assert_int_equal(receive(m), ERR_CORRUPT);
	assert_int_equal(u.truncate_from, 0);
	/* Behind it nothing was shared. */
	m.index = 4;
	m.index_term = m.entry_term = 3;
	assert_int_equal(receive(m), ERR_OK);
	assert_int_equal(u.append_first, 5);
}

static void
a_persisted_batch_that_was_cut_off_counts_nothing(void **state)
{
	(void)state;
	begin(&three, 5, 2);
	receive((struct raft_message){.type = RAFT_APPEND,
		.from = 2,
		.term = 3,
		.index = 2,
		.index_term = 2,
		.n = 3,
		.entry_term = 3});
	assert_int_equal(persisted(5, 2), ERR_OK);
	assert_int_equal(raft.durable, 2);
}

static void
an_answer_of_a_newer_term_ends_leadership(void **state)
{
	(void)state;
	lead(&three, 0, 0);
	receive((struct raft_message){.type = RAFT_APPENDED, .from = 2, .term = 9});
	assert_int_equal(u.role, RAFT_FOLLOWER);
	assert_int_equal(u.hard.term, 9);
	assert_int_equal(propose(1), ERR_UNAVAILABLE);
}

static void
a_leader_without_a_majority_makes_way(void **state)
{
	(void)state;
	lead(&three, 0, 0);
	for (int i = 0; i < 2 * ELECTION_MS / 10 && raft.role == RAFT_LEADER; i++)
		tick(10);
	assert_int_equal(raft.role, RAFT_FOLLOWER);
}

/* --- flow control --- */

static const struct raft_message *
entries_to(uint32_t to)
{
	for (uint32_t i = 0; i < u.messages; i++)
		if (u.message[i].type == RAFT_APPEND && u.message[i].to == to && u.message[i].n)
			return &u.message[i];
	return NULL;
}

static enum err
took(uint32_t peer, uint64_t behind, uint64_t n, uint64_t bytes)
{
	return step((struct raft_event){
		.type = RAFT_SENT, .peer = peer, .index = behind, .n = n, .bytes = bytes});
}

static void
a_new_follower_gets_one_message_until_it_answers(void **state)
{
	(void)state;
	lead(&three, 0, 0);
	assert_int_equal(entries_to(2)->n, 1);
	took(2, 0, 1, 100);
	propose(10);
	assert_null(entries_to(2));
	hear(RAFT_APPENDED, 2, 1);
	assert_int_equal(entries_to(2)->index, 1);
	assert_int_equal(entries_to(2)->n, 10);
	/* A frame held four of them: the rest is offered at once. */
	took(2, 1, 4, 100);
	assert_int_equal(entries_to(2)->index, 5);
	assert_int_equal(entries_to(2)->n, 6);
}

static void
what_an_answer_has_overtaken_is_offered_anew(void **state)
{
	(void)state;
	lead(&three, 50, 2);
	assert_int_equal(entries_to(2)->index, 50);
	propose(1);
	/* From before a connection was lost, say: 51 has arrived, and SENT is still to come. */
	hear(RAFT_APPENDED, 2, 51);
	assert_int_equal(entries_to(2)->index, 51);
	took(2, 50, 1, 100);
	took(2, 51, 1, 100);
	propose(1);
	assert_int_equal(entries_to(2)->index, 52);
}

static void
the_window_ends_at_its_octets_and_at_its_messages(void **state)
{
	uint64_t at = 1;

	(void)state;
	lead(&three, 0, 0);
	took(2, 0, 1, 100);
	hear(RAFT_APPENDED, 2, 1);
	propose(100);
	took(2, at, 1, RAFT_WINDOW_BYTES - 1);
	assert_non_null(entries_to(2));
	took(2, at + 1, 1, 1);
	assert_null(entries_to(2));
	hear(RAFT_APPENDED, 2, at + 1);
	assert_non_null(entries_to(2));
	at += 2;
	for (int i = 0; i < RAFT_WINDOW - 2; i++)
		took(2, at++, 1, 0);
	assert_non_null(entries_to(2));
	took(2, at, 1, 0);
	assert_null(entries_to(2));
}

static void
entries_that_are_lost_are_sent_again(void **state)
{
	(void)state;
	lead(&three, 0, 0);
	took(2, 0, 1, 100);
	for (int i = 0; i < 2 * ELECTION_MS / 10; i++) {
		tick(10);
		if (entries_to(2))
			break;
		hear(RAFT_APPENDED, 2, 0);
		hear(RAFT_APPENDED, 3, 0);
		if (entries_to(2))
			break;
	}
	assert_non_null(entries_to(2));
	assert_int_equal(entries_to(2)->index, 0);
}

static void
who_lacks_what_is_gone_gets_a_snapshot(void **state)
{
	(void)state;
	lead(&three, 50, 2);
	step((struct raft_event){.type = RAFT_TRIMMED, .index = 40});
	took(2, 50, 1, 100);
	receive((struct raft_message){
		.type = RAFT_APPENDED, .from = 2, .term = raft.term, .index = 50, .match = 10});
	assert_int_equal(u.snapshot_to, 2);
	propose(1);
	assert_null(entries_to(2));
	step((struct raft_event){.type = RAFT_SNAPSHOT_ENDED, .peer = 2});
	assert_non_null(entries_to(2));
}

static void
whoever_asked_hears_of_the_commit_at_once(void **state)
{
	(void)state;
	lead(&three, 0, 0);
	persisted(1, 1);
	step((struct raft_event){.type = RAFT_PROPOSED, .n = 1, .peer = 3});
	persisted(2, 1);
	hear(RAFT_APPENDED, 2, 2);
	assert_int_equal(u.commit, 2);
	assert_non_null(sent(RAFT_APPEND, 3));
	assert_int_equal(sent(RAFT_APPEND, 3)->commit, 2);
	assert_int_equal(sent(RAFT_APPEND, 3)->n, 0);
}

/* --- reads, transfer --- */

static void
reads_wait_for_one_round_of_heartbeats(void **state)
{
	uint64_t first;

	(void)state;
	lead(&three, 0, 0);
	persisted(1, 1);
	hear(RAFT_APPENDED, 2, 1);
	step((struct raft_event){.type = RAFT_READ});
	first = u.read_round;
	assert_int_equal(u.read_done, 0);
	step((struct raft_event){.type = RAFT_READ});
	assert_int_equal(u.read_round, first + 1);
	hear(RAFT_APPENDED, 3, 1);
	assert_int_equal(u.read_done, first);
	assert_int_equal(u.read_index, 1);
	hear(RAFT_APPENDED, 2, 1);
	assert_int_equal(u.read_done, first + 1);
}

static void
no_read_is_safe_before_the_no_op_is_committed(void **state)
{
	(void)state;
	lead(&three, 5, 2);
	step((struct raft_event){.type = RAFT_READ});
	hear(RAFT_APPENDED, 2, 5);
	hear(RAFT_APPENDED, 3, 5);
	assert_int_equal(u.read_done, 0);
	persisted(6, 3);
	hear(RAFT_APPENDED, 2, 6);
	hear(RAFT_APPENDED, 2, 6);
	assert_int_equal(u.read_index, 6);
}

static void
leadership_goes_to_who_has_all(void **state)
{
	(void)state;
	lead(&three, 0, 0);
	persisted(1, 1);
	hear(RAFT_APPENDED, 2, 1);
	propose(1);
	assert_int_equal(
		step((struct raft_event){.type = RAFT_TRANSFER, .peer = 9}), ERR_NOT_FOUND);
	assert_int_equal(step((struct raft_event){.type = RAFT_TRANSFER, .peer = 2}), ERR_OK);
	assert_null(sent(RAFT_TIMEOUT_NOW, 2));
	assert_int_equal(propose(1), ERR_UNAVAILABLE);
	hear(RAFT_APPENDED, 2, 2);
	assert_non_null(sent(RAFT_TIMEOUT_NOW, 2));
	/* It never came: we go on. */
	for (int i = 0; i < 2 * ELECTION_MS / 10; i++) {
		tick(10);
		hear(RAFT_APPENDED, 2, 2);
	}
	assert_int_equal(propose(1), ERR_OK);
}

static void
who_is_told_to_stands_at_once(void **state)
{
	(void)state;
	begin(&three, 0, 0);
	receive((struct raft_message){.type = RAFT_APPEND, .from = 2, .term = 1});
	receive((struct raft_message){.type = RAFT_TIMEOUT_NOW, .from = 3, .term = 1});
	assert_int_equal(u.messages, 0);
	receive((struct raft_message){.type = RAFT_TIMEOUT_NOW, .from = 2, .term = 1});
	assert_true(sent(RAFT_VOTE, 2)->transfer);
}

/* --- the arbiter --- */

static void
an_arbiter_stands_for_who_lacks_its_tail(void **state)
{
	struct raft_message m = {
		.type = RAFT_PRE_VOTE, .from = 2, .term = 3, .index = 4, .index_term = 2};

	(void)state;
	begin(&arbiter, 5, 2);
	for (int i = 0; i < 10 * ELECTION_MS / 10; i++)
		tick(10);
	assert_int_equal(raft.role, RAFT_FOLLOWER); /* never by itself */
	receive(m);
	assert_false(sent(RAFT_PRE_VOTED, 2)->granted);
	assert_non_null(sent(RAFT_PRE_VOTE, 2));
	hear(RAFT_PRE_VOTED, 2, 0);
	hear(RAFT_VOTED, 2, 0);
	assert_int_equal(u.role, RAFT_LEADER);
	assert_int_equal(propose(1), ERR_UNAVAILABLE);
	persisted(6, 3);
	hear(RAFT_APPENDED, 2, 6);
	assert_non_null(sent(RAFT_TIMEOUT_NOW, 2));
}

static void
an_arbiter_sends_no_snapshot(void **state)
{
	(void)state;
	begin(&arbiter, 50, 2);
	step((struct raft_event){.type = RAFT_TRIMMED, .index = 40});
	tick(10);
	receive((struct raft_message){
		.type = RAFT_PRE_VOTE, .from = 2, .term = 3, .index = 4, .index_term = 2});
	hear(RAFT_PRE_VOTED, 2, 0);
	hear(RAFT_VOTED, 2, 0);
	assert_int_equal(u.role, RAFT_LEADER);
	took(2, 50, 1, 100);
	receive((struct raft_message){
		.type = RAFT_APPENDED, .from = 2, .term = raft.term, .index = 50, .match = 4});
	assert_int_equal(u.snapshot_to, 0);
	assert_null(entries_to(2));
}

/* --- the configuration --- */

static enum err
configure(const struct raft_config *c)
{
	return step((struct raft_event){.type = RAFT_CONFIGURE, .config = c});
}

static void
a_node_comes_without_a_vote_and_gets_it_when_it_has_all(void **state)
{
	struct raft_config c = {.n = 2, .node = {{1, RAFT_VOTER}, {2, RAFT_VOTER}}};

	(void)state;
	begin(&alone, 0, 0);
	tick(10);
	c.node[1].kind = RAFT_LEARNER;
	assert_int_equal(configure(&c), ERR_BUSY); /* its no-op isn't committed */
	persisted(1, 1);
	c.node[1].kind = RAFT_VOTER;
	assert_int_equal(configure(&c), ERR_LIMIT);
	c.node[1].kind = RAFT_LEARNER;
	assert_int_equal(configure(&c), ERR_OK);
	assert_int_equal(u.append_first, 2);
	c.node[1].kind = RAFT_VOTER;
	assert_int_equal(configure(&c), ERR_BUSY); /* the last change isn't committed */
	persisted(2, 1);
	assert_int_equal(u.commit, 2);		   /* a learner doesn't count */
	assert_int_equal(configure(&c), ERR_BUSY); /* it hasn't caught up */
	hear(RAFT_APPENDED, 2, 2);
	assert_int_equal(configure(&c), ERR_OK);
	persisted(3, 1);
	assert_int_equal(raft.commit, 2); /* now it does */
	hear(RAFT_APPENDED, 2, 3);
	assert_int_equal(raft.commit, 3);
}

static void
more_than_one_change_or_no_voter_left_is_refused(void **state)
{
	struct raft_config c = three;

	(void)state;
	lead(&three, 0, 0);
	persisted(1, 1);
	hear(RAFT_APPENDED, 2, 1);
	c.n = 1;
	assert_int_equal(configure(&c), ERR_LIMIT);
	c.n = 0;
	assert_int_equal(configure(&c), ERR_LIMIT);
	c = three;
	c.node[2].id = 2; /* twice */
	assert_int_equal(configure(&c), ERR_LIMIT);
	c.n = 2;
	assert_int_equal(configure(&c), ERR_OK);
}

/* Names and addresses, of which the core knows nothing, may have. */
static void
a_configuration_may_be_logged_anew_though_nothing_in_it_changes(void **state)
{
	struct raft_config c = three;

	(void)state;
	lead(&three, 0, 0);
	persisted(1, 1);
	hear(RAFT_APPENDED, 2, 1);
	assert_int_equal(configure(&c), ERR_OK);
	assert_int_equal(configure(&c), ERR_BUSY);
	persisted(2, 1);
	hear(RAFT_APPENDED, 2, 2);
	assert_int_equal(raft.commit, 2);
}

static void
a_configuration_that_is_cut_off_is_undone(void **state)
{
	struct raft_config c = three;
	struct raft_message m = {.type = RAFT_APPEND,
		.from = 2,
		.term = 1,
		.n = 1,
		.entry_term = 1,
		.config = &c};

	(void)state;
	begin(&three, 0, 0);
	c.n = 2;
	receive(m);
	assert_int_equal(raft.config.n, 2);
	assert_int_equal(raft.config.index, 1);
	receive((struct raft_message){
		.type = RAFT_APPEND, .from = 3, .term = 2, .n = 1, .entry_term = 2});
	assert_int_equal(u.truncate_from, 1);
	assert_int_equal(raft.config.n, 3);
}

static void
a_configuration_of_too_many_nodes_stops_the_node(void **state)
{
	struct raft_config c = three;
	struct raft_message m = {.type = RAFT_APPEND,
		.from = 2,
		.term = 1,
		.n = 1,
		.entry_term = 1,
		.config = &c};

	(void)state;
	begin(&three, 0, 0);
	c.n = RAFT_NODES_MAX + 1;
	assert_int_equal(receive(m), ERR_CORRUPT);
	c.n = 0;
	assert_int_equal(receive(m), ERR_CORRUPT);
	c.n = RAFT_NODES_MAX;
	assert_int_equal(receive(m), ERR_OK);
}

static void
a_leader_that_loses_its_vote_leads_until_that_is_committed(void **state)
{
	struct raft_config c = three;

	(void)state;
	lead(&three, 0, 0);
	persisted(1, 1);
	hear(RAFT_APPENDED, 2, 1);
	c.node[0].kind = RAFT_LEARNER;
	assert_int_equal(configure(&c), ERR_OK);
	persisted(2, 1);
	hear(RAFT_APPENDED, 2, 2);
	assert_int_equal(raft.role, RAFT_LEADER); /* its own disk has no vote any more */
	hear(RAFT_APPENDED, 3, 2);
	assert_int_equal(raft.commit, 2);
	assert_int_equal(raft.role, RAFT_FOLLOWER);
}

/* --- snapshots --- */

static void
a_snapshot_of_what_is_here_is_refused(void **state)
{
	struct raft_event ev = {
		.type = RAFT_INSTALLED, .index = 4, .term = 2, .config = &three};

	(void)state;
	begin(&three, 5, 2);
	/* Entry 5 may have been acknowledged. */
	assert_int_equal(step(ev), ERR_STALE);
	ev.term = 3;
	assert_int_equal(step(ev), ERR_OK);
	assert_int_equal(raft.trail.last, 4);
	assert_int_equal(raft.commit, 4);
	assert_int_equal(step(ev), ERR_STALE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_alone_leads_at_its_first_tick_in_a_new_term),
		cmocka_unit_test(a_candidate_asks_first_and_takes_no_term_for_that),
		cmocka_unit_test(who_hears_a_leader_helps_no_candidate),
		cmocka_unit_test(a_leader_is_forgotten_after_the_least_timeout),
		cmocka_unit_test(a_long_gap_between_ticks_is_one_heartbeat),
		cmocka_unit_test(entries_of_older_terms_are_not_committed_by_counting),
		cmocka_unit_test(the_leaders_disk_is_a_vote_like_any_other),
		cmocka_unit_test(a_follower_acknowledges_what_is_shared_and_on_disk),
		cmocka_unit_test(a_tail_that_the_leader_has_not_verified_is_not_acknowledged),
		cmocka_unit_test(a_gap_is_refused_with_where_to_try),
		cmocka_unit_test(two_leaders_in_one_term_stop_the_node),
		cmocka_unit_test(a_leader_that_changes_its_own_history_stops_the_node),
		cmocka_unit_test(a_persisted_batch_that_was_cut_off_counts_nothing),
		cmocka_unit_test(an_answer_of_a_newer_term_ends_leadership),
		cmocka_unit_test(a_leader_without_a_majority_makes_way),
		cmocka_unit_test(a_new_follower_gets_one_message_until_it_answers),
		cmocka_unit_test(what_an_answer_has_overtaken_is_offered_anew),
		cmocka_unit_test(the_window_ends_at_its_octets_and_at_its_messages),
		cmocka_unit_test(entries_that_are_lost_are_sent_again),
		cmocka_unit_test(who_lacks_what_is_gone_gets_a_snapshot),
		cmocka_unit_test(whoever_asked_hears_of_the_commit_at_once),
		cmocka_unit_test(reads_wait_for_one_round_of_heartbeats),
		cmocka_unit_test(no_read_is_safe_before_the_no_op_is_committed),
		cmocka_unit_test(leadership_goes_to_who_has_all),
		cmocka_unit_test(who_is_told_to_stands_at_once),
		cmocka_unit_test(an_arbiter_stands_for_who_lacks_its_tail),
		cmocka_unit_test(an_arbiter_sends_no_snapshot),
		cmocka_unit_test(a_node_comes_without_a_vote_and_gets_it_when_it_has_all),
		cmocka_unit_test(more_than_one_change_or_no_voter_left_is_refused),
		cmocka_unit_test(
			a_configuration_may_be_logged_anew_though_nothing_in_it_changes),
		cmocka_unit_test(a_configuration_that_is_cut_off_is_undone),
		cmocka_unit_test(a_configuration_of_too_many_nodes_stops_the_node),
		cmocka_unit_test(a_leader_that_loses_its_vote_leads_until_that_is_committed),
		cmocka_unit_test(a_snapshot_of_what_is_here_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
