/* Three engines, two of data nodes and an arbiter's, in one process; frames go from one to the
 * other at once. Chance, time and crashes are tests/sim's. */
#include <unistd.h>

#include "core/clock.h"
#include "store/pace.h"
#include "store/peer.pb-c.h"
#include "store/raft_meta.h"
#include "store/view_queue.h"
#include "tests/nodes.h"

enum { ADOPTED_MS = 10000 };

static unsigned votes_seen, acknowledged;

/* What a node says of its disk must be there, committed, whatever its open transaction holds:
 * a vote, and what it acknowledges. */
static void
assert_on_disk(struct node *from, const Peer__Raft *said)
{
	struct raft_log disk = {0};
	struct db_txn *txn;

	assert_int_equal(db_begin(engine_db(from->e), false, &txn), ERR_OK);
	assert_int_equal(raft_meta_load(&disk, txn, NULL), ERR_OK);
	if (said->type == RAFT_VOTE || (said->type == RAFT_VOTED && said->granted)) {
		assert_int_equal(disk.hard.term, said->term);
		assert_int_not_equal(disk.hard.vote, 0);
		votes_seen++;
	}
	if (said->type == RAFT_APPENDED && said->granted) {
		assert_true(disk.last >= said->match);
		acknowledged++;
	}
	assert_true(disk.applied >= said->applied);
	raft_log_fini(&disk);
	db_abort(txn);
}

static void
on_send(void *arg, uint32_t to, bool bulk, struct slice frame)
{
	struct node *from = arg, *at = &node[to - 1];
	struct arena a;
	const Peer__Frame *f;

	(void)bulk;
	arena_init(&a, 0);
	f = codec_unpack(&peer__frame__descriptor, frame, &a);
	if (f->body_case == PEER__FRAME__BODY_RAFT)
		assert_on_disk(from, f->raft);
	arena_reset(&a);
	if (at->e && !at->is_cut && !from->is_cut)
		assert_int_equal(engine_receive(at->e, from->id, frame), ERR_OK);
}

static bool
all_vote(void)
{
	for (uint32_t i = 0; i < NODES; i++)
		if (engine_members(node[0].e)->node[i].kind == RAFT_LEARNER ||
			status(i).commit != status(0).commit)
			return false;
	return engine_members(node[0].e)->n == NODES;
}

static int
setup(void **state)
{
	world.keep_rows = 100000;
	nodes_setup(state,
		(struct engine_options){.log_keep_rows = world.keep_rows, .on_send = on_send});
	nodes_join(1, RAFT_VOTER, slice_of(world.key.b, sizeof world.key.b));
	nodes_join(2, RAFT_ARBITER, SLICE_EMPTY);
	until(all_vote());
	world.e = node[0].e;
	return 0;
}

/* --- proposals --- */

struct answer {
	bool done;
	enum err e;
	uint32_t code;
	uint32_t uid;
};

static void
on_answer(void *arg, enum err e, uint64_t index, const Commands__Result *r)
{
	struct answer *a = arg;

	(void)index;
	a->done = true;
	a->e = e;
	a->code = e ? 0 : r->code;
	a->uid = !e && r->n_uid ? r->uid[0] : 0;
}

static void
append(uint32_t at, struct slice body, struct answer *a)
{
	struct engine_proposal p = {.command = world_append_command(body.n),
		.body = body,
		.fd = -1,
		.done = on_answer,
		.arg = a};

	*a = (struct answer){0};
	assert_int_equal(engine_propose(node[at].e, &p), ERR_OK);
}

static void
append_large(uint32_t at, size_t n, struct answer *a)
{
	char name[] = "/tmp/engine_cluster.XXXXXX";
	struct engine_proposal p = {.command = world_append_command(n),
		.fd = mkstemp(name),
		.fd_size = n,
		.done = on_answer,
		.arg = a};

	unlink(name);
	assert_int_equal(ftruncate(p.fd, (off_t)n), 0);
	*a = (struct answer){0};
	assert_int_equal(engine_propose(node[at].e, &p), ERR_OK);
}

static uint32_t
messages(uint32_t at)
{
	world.e = node[at].e;
	return (uint32_t)world_count(DB_MESSAGE);
}

static void
what_any_node_takes_all_data_nodes_have(void **state)
{
	struct answer a, b;

	(void)state;
	append(0, SLICE_LIT("here"), &a);
	append(1, SLICE_LIT("there"), &b);
	until(a.done && b.done);
	assert_int_equal(a.e, ERR_OK);
	assert_int_equal(b.e, ERR_OK);
	assert_int_equal(a.uid + b.uid, 3);
	nodes_assert_equal_and_sound(1);
	assert_int_equal(messages(0), 2);
	assert_int_equal(messages(1), 2);
}

static void
a_large_body_goes_through_either_node(void **state)
{
	struct answer a, b;

	(void)state;
	append_large(0, 3 << 20, &a);
	append_large(1, 5 << 20, &b);
	until(a.done && b.done);
	assert_int_equal(a.e || b.e || a.code || b.code, 0);
	nodes_assert_equal_and_sound(1);
}

/* From now on time goes on only here. */
static void
turn_after(uint64_t ms)
{
	clock_fake(true, clock_ms() + ms, clock_wall_sec());
	nodes_turn();
}

/* The ms that a large body takes through a node when each turn of all takes step_ms. What was
 * before is no company any more. */
static uint64_t
time_large(uint32_t at, size_t n, uint32_t step_ms, bool has_company)
{
	struct answer large, small = {.done = true};
	uint64_t began_ms;

	for (int i = 0; i < 10; i++)
		turn_after(ENGINE_HEARTBEAT_MS);
	turn_after(PACE_COMPANY_MS);
	append_large(at, n, &large);
	began_ms = clock_ms();
	while (!large.done || !small.done) {
		assert_true(clock_ms() - began_ms < 60000);
		if (has_company && small.done && !large.done)
			append(at, SLICE_LIT("small"), &small);
		turn_after(step_ms);
	}
	assert_int_equal(large.e || large.code || small.e || small.code, 0);
	return clock_ms() - began_ms;
}

static void
with_company_a_large_body_gets_less_than_half_of_the_time(void **state)
{
	(void)state;
	for (uint32_t at = 0; at < 2; at++) {
		uint64_t alone = time_large(at, 8 << 20, 2, false);

		assert_true(time_large(at, 8 << 20, 2, true) > 2 * alone);
	}
	turn_after(ENGINE_HEARTBEAT_MS);
	nodes_assert_equal_and_sound(1);
}

/* Its deadline is one without progress. */
static void
a_large_body_may_take_longer_than_a_small_one(void **state)
{
	(void)state;
	assert_true(time_large(0, 20 << 20, 250, true) > ENGINE_DEADLINE_MS);
	assert_true(time_large(1, 20 << 20, 250, true) > ENGINE_DEADLINE_MS);
	turn_after(ENGINE_HEARTBEAT_MS);
	nodes_assert_equal_and_sound(1);
}

/* The leader's own turn; no time passes. */
static uint64_t
last_after_a_turn(void)
{
	bool more;

	assert_int_equal(engine_turn(node[0].e, &more), ERR_OK);
	return status(0).last;
}

static void
what_comes_while_entries_are_on_their_way_goes_with_their_commit(void **state)
{
	struct answer a, b;
	uint64_t last;

	(void)state;
	turn_after(ENGINE_HEARTBEAT_MS);
	until(status(0).commit == status(0).last);
	append(0, SLICE_LIT("on its way"), &a);
	last = last_after_a_turn();
	assert_true(status(0).commit < last);
	append(0, SLICE_LIT("meanwhile"), &b);
	append(1, SLICE_LIT("from a follower"), &b);
	assert_int_equal(last_after_a_turn(), last);
	assert_int_equal(engine_next_ms(node[0].e), 1);
	nodes_turn();
	nodes_turn();
	assert_true(a.done);
	assert_true(status(0).last > last);
}

static void
it_does_not_wait_long_for_nodes_that_do_not_answer(void **state)
{
	struct answer a, b;
	uint64_t last;

	(void)state;
	turn_after(ENGINE_HEARTBEAT_MS);
	until(status(0).commit == status(0).last);
	append(0, SLICE_LIT("on its way"), &a);
	last = last_after_a_turn();
	append(0, SLICE_LIT("meanwhile"), &b);
	assert_int_equal(last_after_a_turn(), last);
	clock_fake(true, clock_ms() + 3, clock_wall_sec());
	assert_int_equal(last_after_a_turn(), last + 1);
	until(a.done && b.done);
}

static void
the_arbiter_keeps_only_what_somebody_lacks(void **state)
{
	const struct raft_log *log = engine_log(node[2].e);
	struct answer a;

	(void)state;
	for (int i = 0; i < 50; i++) {
		append(0, SLICE_LIT("text"), &a);
		until(a.done);
	}
	until(log->first > status(0).last);
	world.e = node[2].e;
	assert_int_equal(world_count(DB_LOG), 0);
	assert_int_equal(world_count(DB_BODY), 0);
	assert_int_equal(world_count(DB_MESSAGE), 0);
	assert_int_equal(log->keys.n, 0);
}

enum { ACCOUNTS = 200 };

static void
add_account(uint32_t at, uint64_t id, struct answer *a)
{
	static uint8_t public_key[32] = {9};
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__AccountPut put = COMMANDS__ACCOUNT_PUT__INIT;
	Commands__Account record = COMMANDS__ACCOUNT__INIT;
	struct engine_proposal p = {.fd = -1, .done = on_answer, .arg = a};
	char name[40];

	snprintf(name, sizeof name, "account-%llu@example.org", (unsigned long long)id);
	record.name = world_bytes(arena_str(&world.a, slice_str(name)));
	record.public_key = (ProtobufCBinaryData){sizeof public_key, public_key};
	put.account = id;
	put.record = &record;
	put.wrapped_secret = world_bytes("a wrapped secret");
	c.body_case = COMMANDS__COMMAND__BODY_ACCOUNT_PUT;
	c.account_put = &put;
	p.command = codec_pack(&c, &world.a);
	*a = (struct answer){0};
	assert_int_equal(engine_propose(node[at].e, &p), ERR_OK);
}

static bool
has_secret(uint32_t at, uint64_t id)
{
	struct vault_row row;
	uint64_t slot;

	return vault_image_find(vault_file(engine_vault(node[at].e)), VAULT_ACCOUNT, id, &slot,
		       &row) == ERR_OK;
}

/* More than a new file of the vault has slots for, and than anybody makes room for ahead. */
static void
the_vault_grows_with_what_another_node_proposes(void **state)
{
	static struct answer a[ACCOUNTS];

	(void)state;
	for (uint64_t i = 0; i < ACCOUNTS; i++)
		add_account(0, 1000 + i, &a[i]);
	for (uint64_t i = 0; i < ACCOUNTS; i++) {
		until(a[i].done);
		assert_int_equal(a[i].e, ERR_OK);
		assert_int_equal(a[i].code, COMMAND_DONE);
	}
	nodes_assert_equal_and_sound(1);
	for (uint64_t i = 0; i < ACCOUNTS; i++)
		assert_true(has_secret(0, 1000 + i) && has_secret(1, 1000 + i));
}

static void
cut(uint32_t i)
{
	node[i].is_cut = true;
}

static void
heal(uint32_t i)
{
	node[i].is_cut = false;
}

static void
when_the_leader_is_gone_the_other_goes_on(void **state)
{
	struct answer a, b;

	(void)state;
	append(1, SLICE_LIT("before"), &a);
	until(a.done);
	cut(0);
	append(1, SLICE_LIT("without"), &b);
	until(b.done);
	assert_int_equal(b.e, ERR_OK);
	assert_int_equal(status(1).role, RAFT_LEADER);
	/* The old one must not say that anything is done. */
	append(0, SLICE_LIT("alone"), &a);
	for (int i = 0; i < 3000; i++)
		nodes_turn();
	assert_false(a.done);
	heal(0);
	until(a.done);
	assert_int_equal(a.e, ERR_OK);
	nodes_assert_equal_and_sound(1);
	assert_int_equal(messages(0), 3);
}

static uint64_t
rows(uint32_t at, enum db_table t)
{
	world.e = node[at].e;
	return world_count(t);
}

/* A has what B lacks, and dies: then the arbiter alone has it. */
static void
what_one_data_node_lacks_the_arbiter_keeps_and_gives(void **state)
{
	struct answer a;

	(void)state;
	append(0, SLICE_LIT("both"), &a);
	until(a.done);
	until(status(1).applied == status(0).last);
	cut(1);
	for (int i = 0; i < 10; i++) {
		append(0, SLICE_LIT("one and the arbiter"), &a);
		until(a.done);
		assert_int_equal(a.e, ERR_OK);
	}
	/* It has heard that they are committed, and keeps them. */
	until(status(2).commit == status(0).commit);
	for (int i = 0; i < 300; i++)
		nodes_turn();
	assert_true(rows(2, DB_LOG) >= 10);
	cut(0);
	heal(1);
	until(status(1).role == RAFT_LEADER && status(1).applied == status(1).last);
	assert_int_equal(messages(1), 11);
	append(1, SLICE_LIT("goes on"), &a);
	until(a.done);
	assert_int_equal(a.e, ERR_OK);
	heal(0);
	nodes_assert_equal_and_sound(1);
	assert_int_equal(messages(0), 12);
	assert_true(votes_seen > 0 && acknowledged > 0);
}

static void
a_proposal_whose_leader_dies_is_done_once(void **state)
{
	struct answer a[20];

	(void)state;
	for (int i = 0; i < 20; i++)
		append(1, SLICE_LIT("text"), &a[i]);
	/* They are sent, perhaps in the leader's log; then it is gone. */
	nodes_turn();
	cut(0);
	for (int i = 0; i < 20; i++)
		until(a[i].done);
	heal(0);
	nodes_assert_equal_and_sound(1);
	assert_int_equal(messages(1), 20);
}

/* In a time that is made up. */
static void
pass(uint64_t ms)
{
	for (uint64_t end_ms = clock_ms() + ms; clock_ms() < end_ms; nodes_turn())
		clock_fake(true, clock_ms() + 10, clock_wall_sec());
}

static void
who_has_no_leader_is_answered_at_the_deadline(void **state)
{
	struct answer handed, own, later;

	(void)state;
	append(0, SLICE_LIT("before"), &own);
	until(own.done);
	clock_fake(true, clock_ms(), clock_wall_sec());
	append(1, SLICE_LIT("on its way"), &handed);
	nodes_turn();
	for (uint32_t i = 0; i < NODES; i++)
		cut(i);
	append(0, SLICE_LIT("in the log of who led"), &own);
	pass(100);
	append(1, SLICE_LIT("too late"), &later);
	pass(ENGINE_DEADLINE_MS - 200);
	assert_false(handed.done || own.done || later.done);
	pass(200);
	assert_true(handed.done && own.done);
	assert_int_equal(handed.e, ERR_TIMEOUT);
	assert_int_equal(own.e, ERR_TIMEOUT);
	pass(100);
	assert_true(later.done);
	assert_int_equal(later.e, ERR_UNAVAILABLE);
	for (uint32_t i = 0; i < NODES; i++)
		heal(i);
	pass(5000);
	nodes_assert_equal_and_sound(1);
	assert_true(messages(1) <= 3);
}

static void
a_restarted_node_comes_back_equal(void **state)
{
	struct answer a;

	(void)state;
	engine_close(node[1].e);
	node[1].e = NULL;
	for (int i = 0; i < 30; i++) {
		append(0, SLICE_LIT("meanwhile"), &a);
		until(a.done);
		assert_int_equal(a.e, ERR_OK);
	}
	nodes_open(&node[1]);
	append(1, SLICE_LIT("again"), &a);
	until(a.done);
	assert_int_equal(a.e, ERR_OK);
	nodes_assert_equal_and_sound(1);
	assert_int_equal(messages(1), 31);
}

static const struct members_node *
seen(uint32_t at, uint32_t id)
{
	return members_find(engine_members(node[at].e), id);
}

static void
a_node_says_its_own_address_and_no_other_ones(void **state)
{
	struct engine_change c = {.kind = ENGINE_DESCRIBE, .node = 2};

	(void)state;
	c.joins = *seen(0, 2);
	strcpy(c.joins.name, "dc2.example.org");
	strcpy(c.joins.address, "192.0.2.2:4627");
	assert_int_equal(nodes_change(1, c), ERR_OK);
	for (uint32_t i = 0; i < NODES; i++)
		until(!strcmp(seen(i, 2)->address, "192.0.2.2:4627"));
	assert_string_equal(seen(0, 2)->name, "dc2.example.org");
	assert_int_equal(seen(0, 2)->kind, RAFT_VOTER);
	c.node = 3;
	c.joins.key[0] = 99;
	engine_change(node[1].e, &c, NULL, NULL);
	assert_int_equal(
		nodes_change(1, (struct engine_change){.kind = ENGINE_TRANSFER}), ERR_OK);
	assert_string_equal(seen(0, 3)->address, "");
	assert_int_equal(seen(0, 3)->key[0], 3);
}

static void
leadership_is_handed_over(void **state)
{
	struct answer a;

	(void)state;
	assert_int_equal(
		nodes_change(0, (struct engine_change){.kind = ENGINE_TRANSFER, .node = 2}),
		ERR_OK);
	assert_int_equal(status(1).role, RAFT_LEADER);
	append(0, SLICE_LIT("text"), &a);
	until(a.done);
	assert_int_equal(a.e, ERR_OK);
}

static void
on_compacted(void *arg, enum err e)
{
	*(enum err *)arg = e;
}

static void
the_log_key_moves_on_everywhere(void **state)
{
	enum err compacted = ERR_MORE;
	struct answer a;

	(void)state;
	append(1, SLICE_LIT("before"), &a);
	until(a.done);
	assert_int_equal(
		engine_tend_compact(node[0].e, world_next_key(), on_compacted, &compacted),
		ERR_OK);
	/* Behind the entry that brings the key the other waits for its keyd to open it. */
	until(!engine_is_ready(node[1].e));
	append(1, SLICE_LIT("after"), &a);
	world_give_keys(node[1].e);
	until(compacted != ERR_MORE);
	assert_int_equal(compacted, ERR_OK);
	until(a.done);
	assert_int_equal(a.e, ERR_OK);
	assert_int_equal(engine_log(node[0].e)->keys.n, 1);
	nodes_assert_equal_and_sound(1);
}

/* It is told in one frame of the new key and of what that seals. */
static void
a_node_that_was_away_while_the_log_key_moved_on_comes_back(void **state)
{
	enum err compacted = ERR_MORE;
	struct answer a;

	(void)state;
	append(0, SLICE_LIT("before"), &a);
	until(a.done);
	until(status(1).applied == status(0).last);
	cut(1);
	assert_int_equal(
		engine_tend_compact(node[0].e, world_next_key(), on_compacted, &compacted),
		ERR_OK);
	until(compacted != ERR_MORE);
	assert_int_equal(compacted, ERR_OK);
	append(0, SLICE_LIT("after"), &a);
	until(a.done);
	assert_int_equal(a.e, ERR_OK);
	heal(1);
	until(!engine_is_ready(node[1].e));
	world_give_keys(node[1].e);
	nodes_assert_equal_and_sound(1);
	assert_int_equal(messages(1), 2);
}

/* Its own log goes on under a key that the others never hear of, until that is cut off. */
static void
a_leader_whose_new_log_key_nobody_took_comes_back(void **state)
{
	enum err compacted = ERR_MORE;
	struct answer lost[4], a;

	(void)state;
	append(0, SLICE_LIT("before"), &a);
	until(a.done);
	until(status(1).applied == status(0).last);
	cut(0);
	assert_int_equal(
		engine_tend_compact(node[0].e, world_next_key(), on_compacted, &compacted),
		ERR_OK);
	for (int i = 0; i < 4; i++)
		append(0, SLICE_LIT("under the new key"), &lost[i]);
	until(engine_log(node[0].e)->keys.n == 2);
	until(status(1).role == RAFT_LEADER && status(1).applied == status(1).last);
	for (int i = 0; i < 8; i++) {
		append(1, SLICE_LIT("under the old one"), &a);
		until(a.done);
		assert_int_equal(a.e, ERR_OK);
	}
	heal(0);
	nodes_assert_equal_and_sound(1);
}

/* --- who runs what a node took in --- */

static struct schema_owner
owner_of(uint32_t id, uint32_t at)
{
	struct schema_owner o = {0};
	struct db_txn *txn;

	assert_int_equal(db_begin(engine_db(node[at].e), false, &txn), ERR_OK);
	(void)view_queue_owner(txn, id, &o);
	db_abort(txn);
	return o;
}

static bool
leases(uint32_t at)
{
	return engine_lease_until_ms(node[at].e) > clock_ms();
}

/* As its courier does, when nothing of them is in hand. */
static void
yield(uint32_t at, uint32_t id)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Yield q = COMMANDS__YIELD__INIT;
	struct engine_proposal p = {.fd = -1};

	q.node = id;
	q.epoch = owner_of(id, at).epoch;
	c.body_case = COMMANDS__COMMAND__BODY_YIELD;
	c.yield = &q;
	p.command = codec_pack(&c, &world.a);
	assert_int_equal(engine_propose(node[at].e, &p), ERR_OK);
}

/* Nobody else runs them while i may. */
static void
is_adopted(uint32_t i, uint32_t by)
{
	uint64_t end_ms = clock_ms() + ADOPTED_MS;

	while (owner_of(i + 1, by).runs_node != by + 1) {
		assert_false(nodes_are_late(end_ms));
		if (node[i].e && owner_of(i + 1, by).runs_node == by + 1)
			assert_false(leases(i));
	}
	assert_true(leases(by));
}

static void
gets_its_items_back(uint32_t i, uint32_t from)
{
	until(owner_of(i + 1, from).wants == engine_boot(node[i].e));
	yield(from, i + 1);
	until(owner_of(i + 1, i).runs_node == i + 1);
	assert_int_equal(owner_of(i + 1, i).boot, engine_boot(node[i].e));
	until(leases(i));
	for (uint64_t end_ms = clock_ms() + 500; clock_ms() < end_ms; nodes_turn())
		assert_int_equal(owner_of(i + 1, from).runs_node, i + 1);
	nodes_assert_equal_and_sound(1);
}

static void
what_a_node_that_is_cut_off_runs_is_adopted_until_it_is_back(void **state)
{
	(void)state;
	until(leases(0) && leases(1));
	assert_false(leases(2));
	assert_int_equal(owner_of(2, 1).runs_node, 2);
	cut(1);
	is_adopted(1, 0);
	heal(1);
	gets_its_items_back(1, 0);
}

/* Only the leader counts who is silent. */
static void
a_node_that_does_not_lead_adopts_nobody(void **state)
{
	Commands__Command c = COMMANDS__COMMAND__INIT;
	Commands__Adopt q = COMMANDS__ADOPT__INIT;
	struct engine_proposal p = {.fd = -1, .done = on_answer};
	struct answer a = {0};

	(void)state;
	until(leases(0) && leases(1));
	q.node = 1;
	q.by = 2;
	q.by_boot = engine_boot(node[1].e);
	q.seen_epoch = owner_of(1, 1).epoch;
	q.term = status(1).term;
	c.body_case = COMMANDS__COMMAND__BODY_ADOPT;
	c.adopt = &q;
	p.command = codec_pack(&c, &world.a);
	p.arg = &a;
	assert_int_equal(engine_propose(node[1].e, &p), ERR_OK);
	until(a.done);
	assert_int_not_equal(a.e, ERR_OK);
	assert_int_equal(owner_of(1, 0).runs_node, 1);
}

static void
a_leader_that_dies_is_adopted_and_boots_anew(void **state)
{
	(void)state;
	until(leases(0) && leases(1));
	engine_close(node[0].e);
	node[0].e = NULL;
	is_adopted(0, 1);
	nodes_open(&node[0]);
	gets_its_items_back(0, 1);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, nodes_teardown)
	const struct CMUnitTest tests[] = {
		T(what_any_node_takes_all_data_nodes_have),
		T(a_large_body_goes_through_either_node),
		T(with_company_a_large_body_gets_less_than_half_of_the_time),
		T(a_large_body_may_take_longer_than_a_small_one),
		T(what_comes_while_entries_are_on_their_way_goes_with_their_commit),
		T(it_does_not_wait_long_for_nodes_that_do_not_answer),
		T(the_arbiter_keeps_only_what_somebody_lacks),
		T(the_vault_grows_with_what_another_node_proposes),
		T(when_the_leader_is_gone_the_other_goes_on),
		T(what_one_data_node_lacks_the_arbiter_keeps_and_gives),
		T(a_proposal_whose_leader_dies_is_done_once),
		T(who_has_no_leader_is_answered_at_the_deadline),
		T(a_restarted_node_comes_back_equal),
		T(leadership_is_handed_over),
		T(a_node_says_its_own_address_and_no_other_ones),
		T(the_log_key_moves_on_everywhere),
		T(a_node_that_was_away_while_the_log_key_moved_on_comes_back),
		T(a_leader_whose_new_log_key_nobody_took_comes_back),
		T(what_a_node_that_is_cut_off_runs_is_adopted_until_it_is_back),
		T(a_leader_that_dies_is_adopted_and_boots_anew),
		T(a_node_that_does_not_lead_adopts_nobody),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
