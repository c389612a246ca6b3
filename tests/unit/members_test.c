#include "tests/test.h"

#include <stdio.h>
#include <string.h>

#include "store/members.h"

static struct members m;

static void
add(uint32_t id)
{
	struct members_node *n = &m.node[m.n++];

	*n = (struct members_node){.id = id};
	n->key[0] = n->token[0] = (uint8_t)id;
	n->token[1] = (uint8_t)(id >> 8);
	m.next_id = id + 1;
}

static bool
is_used(uint32_t id)
{
	const uint8_t token[MEMBERS_TOKEN] = {(uint8_t)id, (uint8_t)(id >> 8)};

	return members_is_used(&m, token);
}

static int
setup(void **state)
{
	(void)state;
	memset(&m, 0, sizeof m);
	add(1);
	return 0;
}

static void
what_is_packed_is_read_again(void **state)
{
	struct members again;
	struct buf b;

	(void)state;
	for (uint32_t id = 2; id <= RAFT_NODES_MAX; id++)
		add(id);
	snprintf(m.node[1].name, sizeof m.node[1].name, "dc2.example.org");
	snprintf(m.node[1].address, sizeof m.node[1].address, "[2001:db8::1]:4627");
	members_remove(&m, 3);
	buf_init(&b, 8192);
	members_pack(&m, &b);
	assert_int_equal(members_unpack(buf_slice(&b), &again), ERR_OK);
	assert_int_equal(again.n, RAFT_NODES_MAX - 1);
	assert_string_equal(again.node[1].name, "dc2.example.org");
	assert_string_equal(again.node[1].address, "[2001:db8::1]:4627");
	assert_memory_equal(again.gone, m.gone, sizeof m.gone);
	/* Cut short anywhere it is none, or a shorter one within its bounds. */
	for (size_t n = 0; n < b.n; n++)
		if (!members_unpack(slice_cut(buf_slice(&b), 0, n), &again))
			assert_in_range(again.n, 1, RAFT_NODES_MAX);
	buf_fini(&b);
}

static void
a_token_stays_used_when_its_node_is_removed(void **state)
{
	static const uint8_t none[MEMBERS_TOKEN];

	(void)state;
	add(2);
	assert_true(is_used(2));
	members_remove(&m, 2);
	assert_null(members_find(&m, 2));
	assert_true(is_used(2));
	assert_false(is_used(3));
	/* The first node of a cluster came without one. */
	assert_false(members_is_used(&m, none));
}

static void
so_many_tokens_are_remembered_and_no_more(void **state)
{
	struct members again;
	struct buf b;

	(void)state;
	for (uint32_t id = 2; id < 2 + MEMBERS_GONE_MAX; id++) {
		add(id);
		members_remove(&m, id);
	}
	assert_true(is_used(2));
	add(1000);
	members_remove(&m, 1000);
	assert_false(is_used(2));
	assert_true(is_used(3));
	assert_true(is_used(1000));
	assert_int_equal(m.gone_n, MEMBERS_GONE_MAX);
	/* The largest list there can be fits its entry of the log. */
	for (uint32_t id = 2000; m.n < RAFT_NODES_MAX; id++) {
		add(id);
		memset(m.node[m.n - 1].name, 'n', MEMBERS_NAME_MAX - 1);
		memset(m.node[m.n - 1].address, '1', MEMBERS_ADDRESS_MAX - 1);
	}
	buf_init(&b, 4096);
	members_pack(&m, &b);
	assert_int_equal(members_unpack(buf_slice(&b), &again), ERR_OK);
	assert_int_equal(again.gone_n, MEMBERS_GONE_MAX);
	buf_fini(&b);
}

static void
a_name_and_an_address_belong_to_one_member(void **state)
{
	(void)state;
	add(2);
	strcpy(m.node[1].name, "dc2.example.org");
	strcpy(m.node[1].address, "192.0.2.2:4627");
	assert_ptr_equal(members_by_name(&m, "DC2.example.org"), &m.node[1]);
	assert_ptr_equal(members_by_address(&m, "192.0.2.2:4627"), &m.node[1]);
	assert_null(members_by_name(&m, "dc2.example.or"));
	assert_null(members_by_address(&m, "192.0.2.2:4628"));
	/* Node 1 has neither: that is nothing that it could share. */
	assert_null(members_by_name(&m, ""));
	assert_null(members_by_address(&m, ""));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		T(what_is_packed_is_read_again),
		T(a_token_stays_used_when_its_node_is_removed),
		T(so_many_tokens_are_remembered_and_no_more),
		T(a_name_and_an_address_belong_to_one_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
