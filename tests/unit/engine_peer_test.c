/* An engine and a member that says what no program of ours says: that costs the member its
 * connection, or nothing; the engine goes on. */
#include <unistd.h>

#include "core/clock.h"
#include "store/peer.pb-c.h"
#include "store/version.h"
#include "tests/store_world.h"

enum { OTHER = 2, THIRD = 3, WAIT_MS = 15000 };

static uint32_t refused;
static uint64_t asked; /* the number of what was handed over newest */

static void
on_send(void *arg, uint32_t to, bool bulk, struct slice raw)
{
	const Peer__Frame *f = codec_unpack(&peer__frame__descriptor, raw, &world.a);

	(void)arg;
	(void)to;
	(void)bulk;
	if (f->body_case == PEER__FRAME__BODY_REFUSED)
		refused = f->refused->err;
	if (f->body_case == PEER__FRAME__BODY_FORWARD)
		asked = ((const Commands__Command *)codec_unpack(&commands__command__descriptor,
				 codec_slice(f->forward->command), &world.a))
				->seq;
}

static struct engine_status
status(void)
{
	struct engine_status s;

	engine_status(world.e, &s);
	return s;
}

static void
turn(void)
{
	bool more;

	assert_int_equal(engine_turn(world.e, &more), ERR_OK);
}

static void
on_changed(void *arg, enum err e, uint32_t id)
{
	assert_int_equal(e, ERR_OK);
	*(uint32_t *)arg = id;
}

#define until(condition)                                                                       \
	do {                                                                                   \
		uint64_t end_ms = clock_ms() + WAIT_MS;                                        \
		while (!(condition)) {                                                         \
			assert_true(clock_ms() < end_ms);                                      \
			turn();                                                                \
		}                                                                              \
	} while (0)

/* Without a vote: this engine leads whenever nobody else does. */
static void
join(uint32_t id)
{
	struct engine_change c = {.kind = ENGINE_JOIN};
	uint32_t got = 0;

	c.joins.kind = c.joins.goal = RAFT_LEARNER;
	c.joins.key[0] = c.joins.token[0] = (uint8_t)id;
	engine_change(world.e, &c, on_changed, &got);
	until(got);
	assert_int_equal(got, id);
	engine_link(world.e, id, true);
}

static bool
leads(void)
{
	return status().role == RAFT_LEADER && status().applied == status().last;
}

static int
setup(void **state)
{
	/* Rows go as soon as they may: what was offered of them must not be missed. */
	world.keep_rows = 0;
	world_setup(state);
	engine_close(world.e);
	world.opt.on_send = on_send;
	world_open(false);
	until(leads());
	join(OTHER);
	join(THIRD);
	until(leads());
	refused = 0;
	return 0;
}

static int
teardown(void **state)
{
	world.opt.on_send = NULL;
	return world_teardown(state);
}

static void
hear(uint32_t from, const Peer__Frame *f)
{
	assert_int_equal(engine_receive(world.e, from, codec_pack(f, &world.a)), ERR_OK);
	turn();
}

static void
hear_raft(uint32_t from, Peer__Raft *raft)
{
	Peer__Frame f = PEER__FRAME__INIT;

	f.body_case = PEER__FRAME__BODY_RAFT;
	f.raft = raft;
	hear(from, &f);
}

static Peer__Raft
append_of(uint64_t term)
{
	Peer__Raft raft = PEER__RAFT__INIT;

	raft.type = RAFT_APPEND;
	raft.term = term;
	return raft;
}

/* It says so with its next frame. */
static bool
is_cut_off(uint32_t node)
{
	return engine_receive(world.e, node, slice_of((const uint8_t *)"\xff", 1)) ==
	       ERR_SYNTAX;
}

static void
stays_and_leads(void)
{
	until(leads());
	assert_int_equal(world_violations(false), 0);
}

static void
a_second_leader_in_a_term_is_not_heard(void **state)
{
	uint64_t term = status().term;
	Peer__Raft raft = append_of(term);

	(void)state;
	hear_raft(OTHER, &raft);
	assert_int_equal(status().role, RAFT_LEADER);
	assert_int_equal(status().term, term);
	assert_true(is_cut_off(OTHER));
	/* To a follower as well. */
	raft = append_of(term + 1);
	hear_raft(OTHER, &raft);
	assert_int_equal(status().leader, OTHER);
	hear_raft(THIRD, &raft);
	assert_int_equal(status().leader, OTHER);
	assert_true(is_cut_off(THIRD));
	assert_false(is_cut_off(OTHER));
	stays_and_leads();
}

static void
a_term_out_of_reach_is_not_taken_over(void **state)
{
	uint64_t term = status().term;
	Peer__Raft raft = append_of(UINT64_MAX);

	(void)state;
	for (unsigned type = RAFT_PRE_VOTE; type <= RAFT_TIMEOUT_NOW; type++) {
		raft.type = type;
		raft.transfer = true;
		hear_raft(OTHER, &raft);
		assert_true(is_cut_off(OTHER));
	}
	assert_int_equal(status().term, term);
	/* A node that was cut off for long is not so far ahead. */
	raft = append_of(term + UINT32_MAX);
	hear_raft(OTHER, &raft);
	assert_int_equal(status().term, term + UINT32_MAX);
	assert_false(is_cut_off(OTHER));
	stays_and_leads();
}

static void
a_commit_beyond_the_log_is_not_believed(void **state)
{
	uint64_t commit = status().commit;
	Peer__Raft raft = append_of(status().term + 1);

	(void)state;
	raft.index = raft.commit = status().last + 1000;
	hear_raft(OTHER, &raft);
	assert_int_equal(status().commit, commit);
	assert_true(is_cut_off(OTHER));
	stays_and_leads();
}

struct forged {
	uint64_t index, index_term, entry_term;
	uint32_t type;
	struct slice sealed;
};

static void
hear_entry_behind(uint8_t chain[SEAL_HASH], uint64_t term, const struct forged *x)
{
	Peer__Raft raft = append_of(term);
	Peer__Entry entry = PEER__ENTRY__INIT, *list = &entry;

	raft.index = x->index;
	raft.index_term = x->index_term;
	raft.entry_term = x->entry_term;
	raft.chain = (ProtobufCBinaryData){SEAL_HASH, chain};
	raft.n_entry = 1;
	raft.entry = &list;
	entry.type = x->type;
	entry.sealed = codec_bytes(x->sealed);
	hear_raft(OTHER, &raft);
}

static void
hear_entry(uint64_t term, const struct forged *x)
{
	static uint8_t chain[SEAL_HASH];

	hear_entry_behind(chain, term, x);
}

static void
entries_that_cannot_be_are_refused(void **state)
{
	uint64_t last = status().last, term = status().term;
	const struct forged forged[] = {
		{UINT64_MAX, 0, term, RAFT_LOG_NOOP, SLICE_EMPTY},
		{UINT64_MAX, term, term, RAFT_LOG_NOOP, SLICE_EMPTY},
		{UINT64_MAX - 1, 0, term, RAFT_LOG_NOOP, SLICE_EMPTY},
		{last + 5, 0, term, RAFT_LOG_NOOP, SLICE_EMPTY},
		{last + 5, term, term, RAFT_LOG_NOOP, SLICE_EMPTY},
		{0, 0, 0, RAFT_LOG_NOOP, SLICE_EMPTY},
		{0, 0, UINT64_MAX, RAFT_LOG_NOOP, SLICE_EMPTY},
		{1, 77, term, RAFT_LOG_CONFIG, SLICE_LIT("no members")},
		{last, term, term, RAFT_LOG_CONFIG, SLICE_LIT("no members")},
		{last, term, term, RAFT_LOG_NOOP, SLICE_EMPTY},
		{last, 0, term, RAFT_LOG_COMMAND, SLICE_LIT("nobody sealed it")},
		{last, term, term, 77, SLICE_LIT("x")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
		for (unsigned when = 0; when < 3; when++) {
			hear_entry(when ? status().term + when - 1 : 1, &forged[i]);
			(void)is_cut_off(OTHER);
			assert_true(status().last >= last);
		}
		until(leads());
	}
	stays_and_leads();
}

/* Nothing else is wrong with it. */
static void
an_entry_that_nobody_with_the_key_sealed_is_not_taken(void **state)
{
	uint64_t last = status().last, term = status().term;
	struct forged x = {
		last, term, term + 1, RAFT_LOG_COMMAND, SLICE_LIT("nobody sealed it")};
	uint8_t chain[SEAL_HASH];

	(void)state;
	memcpy(chain, engine_log(world.e)->chain, sizeof chain);
	hear_entry_behind(chain, term + 1, &x);
	assert_int_equal(status().last, last);
	x.type = RAFT_LOG_NOOP;
	x.sealed = SLICE_EMPTY;
	hear_entry_behind(chain, term + 1, &x);
	assert_int_equal(status().last, last + 1);
	stays_and_leads();
}

static void
a_leader_with_another_history_than_its_own_is_not_heard(void **state)
{
	uint64_t last = status().last, term = status().term;
	struct forged x = {last, term, term + 1, RAFT_LOG_NOOP, SLICE_EMPTY};
	uint8_t chain[SEAL_HASH];

	(void)state;
	memcpy(chain, engine_log(world.e)->chain, sizeof chain);
	hear_entry_behind(chain, term + 1, &x);
	assert_int_equal(status().last, last + 1);
	x.entry_term = term;
	hear_entry_behind(chain, term + 1, &x);
	assert_int_equal(engine_log(world.e)->last_term, term + 1);
	assert_true(is_cut_off(OTHER));
	stays_and_leads();
}

/* Until a configuration that was cut off comes again, or never, those of before are known. */
static void
who_left_in_a_configuration_that_is_cut_off_is_known_again(void **state)
{
	uint64_t last = status().last, term = status().term;
	struct forged x = {last, term, term + 1, RAFT_LOG_CONFIG, SLICE_EMPTY};
	struct members without = *engine_members(world.e);
	uint8_t chain[SEAL_HASH];
	struct buf packed;

	(void)state;
	memcpy(chain, engine_log(world.e)->chain, sizeof chain);
	assert_int_equal(without.node[--without.n].id, THIRD);
	buf_init(&packed, RAFT_LOG_MEMBERS_MAX);
	members_pack(&without, &packed);
	x.sealed = buf_slice(&packed);
	hear_entry_behind(chain, term + 1, &x);
	assert_null(members_find(engine_members(world.e), THIRD));
	x = (struct forged){last, term, term + 2, RAFT_LOG_NOOP, SLICE_EMPTY};
	hear_entry_behind(chain, term + 2, &x);
	assert_non_null(members_find(engine_members(world.e), THIRD));
	engine_link(world.e, THIRD, true);
	assert_true(status().peer[2].is_up);
	buf_fini(&packed);
	stays_and_leads();
}

/* The chain of hashes says that it is another history: whoever has it isn't followed. */
static void
another_history_of_what_is_committed_is_refused(void **state)
{
	uint64_t last = status().last, term = status().term;
	const struct forged x = {last, term, term, RAFT_LOG_NOOP, SLICE_EMPTY};

	(void)state;
	hear_entry(1, &x);
	assert_false(is_cut_off(OTHER));
	assert_int_equal(status().role, RAFT_LEADER);
}

static void
a_version_that_nobody_knows_is_not_proposed(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__ClusterVersion version = COMMANDS__CLUSTER_VERSION__INIT;
	Peer__Frame f = PEER__FRAME__INIT;
	Peer__Forward forward = PEER__FORWARD__INIT;
	uint64_t last = status().last;

	(void)state;
	version.version = VERSION_COMMANDS + 1;
	c.body_case = COMMANDS__COMMAND__BODY_CLUSTER_VERSION;
	c.cluster_version = &version;
	c.node = OTHER;
	c.boot = c.seq = 1;
	forward.command = codec_bytes(codec_pack(&c, &world.a));
	f.body_case = PEER__FRAME__BODY_FORWARD;
	f.forward = &forward;
	hear(OTHER, &f);
	turn();
	assert_int_not_equal(refused, ERR_OK);
	assert_int_equal(status().last, last);
	/* In another node's name. */
	refused = 0;
	hear(THIRD, &f);
	turn();
	assert_int_not_equal(refused, ERR_OK);
	assert_int_equal(status().last, last);
	stays_and_leads();
}

static void
on_not_changed(void *arg, enum err e, uint32_t id)
{
	(void)id;
	*(enum err *)arg = e;
}

static void
on_answer(void *arg, enum err e, uint64_t index, const Commands__Result *result)
{
	(void)index;
	(void)result;
	*(enum err *)arg = e;
}

static void
hear_refused(uint64_t boot)
{
	Peer__Frame f = PEER__FRAME__INIT;
	Peer__Refused r = PEER__REFUSED__INIT;

	f.body_case = PEER__FRAME__BODY_REFUSED;
	f.refused = &r;
	r.seq = asked;
	r.boot = boot;
	r.err = ERR_FULL;
	hear(OTHER, &f);
}

/* Numbers begin anew with each boot: what a leader has of an earlier one isn't ours. */
static void
a_refusal_of_an_earlier_boot_is_nobodys(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	struct engine_proposal p = {.fd = -1, .done = on_answer};
	Peer__Raft raft = append_of(status().term + 1);
	enum err e = ERR_OK;

	(void)state;
	raft.index = raft.commit = status().last;
	raft.index_term = status().term;
	hear_raft(OTHER, &raft);
	assert_int_equal(status().leader, OTHER);
	c.body_case = COMMANDS__COMMAND__BODY_SWEEP;
	c.sweep = arena_zalloc(&world.a, sizeof *c.sweep);
	commands__sweep__init(c.sweep);
	p.command = codec_pack(&c, &world.a);
	p.arg = &e;
	assert_int_equal(engine_propose(world.e, &p), ERR_OK);
	turn();
	assert_int_not_equal(asked, 0);
	hear_refused(world.opt.boot + 1);
	assert_int_equal(e, ERR_OK);
	hear_refused(world.opt.boot);
	assert_int_equal(e, ERR_FULL);
}

/* A leader that can't is not a leader that isn't there. */
static void
a_change_that_can_not_be_begun_in_time_says_why(void **state)
{
	struct engine_change c = {.kind = ENGINE_PROMOTE, .node = OTHER};
	uint64_t end_ms = clock_ms() + ENGINE_DEADLINE_MS + WAIT_MS;
	enum err e = ERR_OK;

	(void)state;
	engine_change(world.e, &c, on_not_changed, &e);
	while (!e && clock_ms() < end_ms) {
		turn();
		usleep(5000);
	}
	assert_int_equal(e, ERR_BUSY);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_second_leader_in_a_term_is_not_heard),
		T(a_term_out_of_reach_is_not_taken_over),
		T(a_commit_beyond_the_log_is_not_believed),
		T(entries_that_cannot_be_are_refused),
		T(an_entry_that_nobody_with_the_key_sealed_is_not_taken),
		T(a_leader_with_another_history_than_its_own_is_not_heard),
		T(who_left_in_a_configuration_that_is_cut_off_is_known_again),
		T(another_history_of_what_is_committed_is_refused),
		T(a_version_that_nobody_knows_is_not_proposed),
		T(a_refusal_of_an_earlier_boot_is_nobodys),
		T(a_change_that_can_not_be_begun_in_time_says_why),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
