#include "tests/test.h"

#include "crypto/keyring.h"
#include "crypto/peer_join.h"

enum { KEY = 44, BINDING = 32 };

static const char *const good[] = {"192.0.2.1:4627", "[2001:db8::1]:4627", "127.0.1.1:24627"};
static const uint8_t cluster[16] = {9};
static uint8_t binding[BINDING] = {7};

static struct peer_join_token
some_token(void)
{
	struct peer_join_token t = {.until_sec = 1800000000, .addresses = 3};

	for (size_t i = 0; i < sizeof t.id; i++)
		t.id[i] = (uint8_t)(200 + i);
	memset(t.authority, 0xfb, sizeof t.authority);
	memset(t.secret, 0xff, sizeof t.secret);
	for (size_t i = 0; i < 3; i++)
		memcpy(t.address[i], good[i], strlen(good[i]) + 1);
	return t;
}

/* A request of a joiner who has some_token, with its mac. */
struct asking {
	struct peer_join_token token;
	struct peer_join_request r;
	struct seal_pair box;
	uint8_t node_key[KEY], mac[PEER_JOIN_MAC];
};

static void
ask(struct asking *a)
{
	*a = (struct asking){.token = some_token()};
	seal_pair_new(&a->box);
	a->r = (struct peer_join_request){
		.token = slice_of(a->token.id, sizeof a->token.id),
		.until_sec = a->token.until_sec,
		.arbiter = a->token.arbiter,
		.name = SLICE_LIT("dc2.example.org"),
		.address = SLICE_LIT("127.0.2.1:4627"),
		.node_key = slice_of(a->node_key, sizeof a->node_key),
		.box_key = slice_of(a->box.public_key, 32),
		.mac = slice_of(a->mac, sizeof a->mac),
	};
	peer_join_mac(a->token.secret, &a->r, slice_of(binding, BINDING), a->mac);
}

static bool
is_good(const struct asking *a)
{
	return peer_join_mac_is_good(a->token.secret, &a->r, slice_of(binding, BINDING));
}

/* --- the token --- */

static void
a_token_reads_back_also_with_white_space_around_it(void **state)
{
	struct peer_join_token t = some_token(), got;
	struct buf b;

	(void)state;
	buf_init(&b, PEER_JOIN_TEXT_MAX);
	buf_put_str(&b, " \n");
	t.arbiter = true;
	assert_int_equal(peer_join_format(&t, &b), ERR_OK);
	for (size_t i = 2; i < b.n; i++)
		assert_true((b.p[i] | 32) >= 'a' ? (b.p[i] | 32) <= 'z' || b.p[i] == '_'
						 : strchr("0123456789-", b.p[i]) != NULL);
	buf_put_str(&b, "\r\n");
	assert_int_equal(peer_join_parse(buf_slice(&b), &got), ERR_OK);
	assert_memory_equal(t.id, got.id, sizeof t.id);
	assert_memory_equal(t.secret, got.secret, sizeof t.secret);
	assert_memory_equal(t.authority, got.authority, sizeof t.authority);
	assert_int_equal(got.until_sec, t.until_sec);
	assert_true(got.arbiter);
	assert_int_equal(got.addresses, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(got.address[i], good[i]);
	buf_fini(&b);
}

static void
the_longest_token_fits(void **state)
{
	struct peer_join_token t = some_token(), got;
	struct buf b;

	(void)state;
	t.addresses = PEER_JOIN_ADDRESSES_MAX;
	for (size_t i = 0; i < t.addresses; i++)
		strcpy(t.address[i], "[2001:0db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
	t.until_sec = UINT64_MAX;
	buf_init(&b, PEER_JOIN_TEXT_MAX);
	assert_int_equal(peer_join_format(&t, &b), ERR_OK);
	assert_int_equal(peer_join_parse(buf_slice(&b), &got), ERR_OK);
	buf_fini(&b);
	buf_init(&b, 100);
	assert_int_equal(peer_join_format(&t, &b), ERR_LIMIT);
	buf_fini(&b);
}

static void
a_token_with_any_letter_missing_or_altered_is_noticed(void **state)
{
	static const char letters[] = "AZaz09-_+/= ";
	struct peer_join_token t = some_token(), got;
	struct buf b;
	enum err e;

	(void)state;
	buf_init(&b, PEER_JOIN_TEXT_MAX);
	assert_int_equal(peer_join_format(&t, &b), ERR_OK);
	for (size_t n = 0; n < b.n; n++) {
		e = peer_join_parse(slice_cut(buf_slice(&b), 0, n), &got);
		assert_int_equal(e, n < strlen("hairpin-join-1-") ? ERR_SYNTAX : ERR_CORRUPT);
	}
	for (size_t i = 0; i < b.n; i++)
		for (const char *c = letters; *c; c++) {
			uint8_t was = b.p[i];

			b.p[i] = (uint8_t)*c;
			if (b.p[i] != was && !(*c == ' ' && i + 1 == b.n))
				assert_int_not_equal(
					peer_join_parse(buf_slice(&b), &got), ERR_OK);
			b.p[i] = was;
		}
	buf_fini(&b);
}

static void
addresses_are_numeric_and_have_a_port(void **state)
{
	static const char *const bad[] = {"", ":", "192.0.2.1", "192.0.2.1:", "192.0.2.1:0",
		"192.0.2.1:65536", "192.0.2.1:1x", "192.0.2.0/24:1", "mail.example.org:4627",
		"2001:db8::1:4627", "[2001:db8::1]", "[192.0.2.1:1", "[]:1",
		"[2001:db8::1]4627", "192.0.2.256:1",
		"[2001:0db8:ffff:ffff:ffff:ffff:ffff:ffff]:0000000000000065535"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(peer_join_is_address(slice_str(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(peer_join_is_address(slice_str(bad[i])));
}

static void
the_secret_follows_from_master_key_id_time_and_kind(void **state)
{
	struct seal_key master, other;
	struct keyring *k, *same, *foreign;
	uint8_t id[16] = {1}, a[16], b[16];

	(void)state;
	seal_key_new(&master);
	seal_key_new(&other);
	k = keyring_new(&master);
	same = keyring_new(&master);
	foreign = keyring_new(&other);
	keyring_join_secret(k, id, 1000, false, a);
	keyring_join_secret(same, id, 1000, false, b);
	assert_memory_equal(a, b, 16);
	keyring_join_secret(foreign, id, 1000, false, b);
	assert_memory_not_equal(a, b, 16);
	keyring_join_secret(k, id, 1001, false, b);
	assert_memory_not_equal(a, b, 16);
	keyring_join_secret(k, id, 1000, true, b);
	assert_memory_not_equal(a, b, 16);
	id[15] ^= 1;
	keyring_join_secret(k, id, 1000, false, b);
	assert_memory_not_equal(a, b, 16);
	keyring_free(k);
	keyring_free(same);
	keyring_free(foreign);
}

/* --- the question --- */

static void
a_request_reads_back_and_its_mac_is_good(void **state)
{
	struct asking a;
	struct peer_join_request got;
	struct arena arena;
	struct buf b;

	(void)state;
	ask(&a);
	buf_init(&b, PEER_JOIN_REQUEST_MAX);
	arena_init(&arena, 0);
	assert_int_equal(peer_join_request_pack(&a.r, &b), ERR_OK);
	assert_int_equal(peer_join_request_parse(buf_slice(&b), &arena, &got), ERR_OK);
	assert_true(slice_eq(got.name, a.r.name) && slice_eq(got.address, a.r.address));
	assert_true(peer_join_mac_is_good(a.token.secret, &got, slice_of(binding, BINDING)));
	for (size_t n = 0; n < b.n; n++)
		assert_int_equal(
			peer_join_request_parse(slice_cut(buf_slice(&b), 0, n), &arena, &got),
			ERR_SYNTAX);
	buf_fini(&b);
	buf_init(&b, 20);
	assert_int_equal(peer_join_request_pack(&a.r, &b), ERR_LIMIT);
	arena_reset(&arena);
	buf_fini(&b);
}

static void
every_field_of_a_request_is_under_its_mac(void **state)
{
	struct asking a;
	struct slice *field[] = {
		&a.r.token, &a.r.name, &a.r.address, &a.r.node_key, &a.r.box_key};
	uint8_t altered[64];

	(void)state;
	ask(&a);
	assert_true(is_good(&a));
	for (size_t i = 0; i < sizeof field / sizeof *field; i++) {
		struct slice was = *field[i];

		memcpy(altered, was.p, was.n);
		*field[i] = slice_of(altered, was.n);
		for (size_t at = 0; at < was.n; at++) {
			altered[at] ^= 0x10;
			assert_false(is_good(&a));
			altered[at] ^= 0x10;
		}
		field[i]->n--;
		assert_false(is_good(&a));
		*field[i] = was;
	}
	a.r.until_sec++;
	assert_false(is_good(&a));
	a.r.until_sec--;
	a.r.arbiter = true;
	assert_false(is_good(&a));
	a.r.arbiter = false;
	assert_true(is_good(&a));
}

static void
an_octet_that_moves_to_the_next_field_is_noticed(void **state)
{
	struct asking a;

	(void)state;
	ask(&a);
	a.r.name = SLICE_LIT("dc2.example.org1");
	a.r.address = SLICE_LIT("27.0.2.1:4627");
	assert_false(is_good(&a));
}

static void
a_mac_is_good_on_its_own_connection_only(void **state)
{
	uint8_t other[BINDING] = {8};
	struct asking a;

	(void)state;
	ask(&a);
	assert_false(peer_join_mac_is_good(a.token.secret, &a.r, slice_of(other, BINDING)));
	assert_false(peer_join_mac_is_good(a.token.secret, &a.r, slice_of(binding, 31)));
	peer_join_mac(a.token.secret, &a.r, SLICE_EMPTY, a.mac);
	assert_false(peer_join_mac_is_good(a.token.secret, &a.r, SLICE_EMPTY));
	ask(&a);
	a.token.secret[3] ^= 1;
	assert_false(is_good(&a));
	a.token.secret[3] ^= 1;
	a.r.mac.n--;
	assert_false(is_good(&a));
}

static void
names_and_keys_that_none_has_are_refused(void **state)
{
	static const char *const names[] = {"", "a b", "dc2\n", "\x1b[31m", "<x>", "a\"b",
		"a0123456789012345678901234567890123456789012345678901234567890123"};
	struct peer_join_request got;
	struct arena arena;
	struct asking a;
	struct buf b;

	(void)state;
	arena_init(&arena, 0);
	buf_init(&b, PEER_JOIN_REQUEST_MAX);
	for (size_t i = 0; i < sizeof names / sizeof *names + 5; i++) {
		ask(&a);
		if (i < sizeof names / sizeof *names)
			a.r.name = slice_str(names[i]);
		else if (i % 5 == 0)
			a.r.address = SLICE_LIT("example.org:25");
		else if (i % 5 == 1)
			a.r.token.n--;
		else if (i % 5 == 2)
			a.r.box_key.n--;
		else if (i % 5 == 3)
			a.r.node_key.n = 5;
		else
			a.r.mac.n--;
		buf_clear(&b);
		assert_int_equal(peer_join_request_pack(&a.r, &b), ERR_OK);
		assert_int_equal(
			peer_join_request_parse(buf_slice(&b), &arena, &got), ERR_SYNTAX);
	}
	buf_fini(&b);
	arena_reset(&arena);
}

/* --- the answer --- */

static struct peer_join_answer
some_answer(void)
{
	return (struct peer_join_answer){.now_sec = 1799999999,
		.authority = SLICE_LIT("-----BEGIN A"),
		.certificate = SLICE_LIT("-----BEGIN C"),
		.sealed = SLICE_LIT("secrets"),
		.node = 2,
		.cluster = slice_of(cluster, sizeof cluster),
		.members = SLICE_LIT("members"),
		.members_index = 77,
		.log_key = SLICE_LIT("wrapped"),
		.config = SLICE_LIT("[limits]\n")};
}

static void
an_answer_reads_back_and_is_never_half(void **state)
{
	struct peer_join_answer w = some_answer(), got;
	uint8_t mac[PEER_JOIN_MAC] = {0};
	struct arena a;
	struct buf b;

	(void)state;
	arena_init(&a, 0);
	buf_init(&b, PEER_JOIN_ANSWER_MAX);
	w.mac = slice_of(mac, sizeof mac);
	assert_int_equal(peer_join_answer_pack(&w, &b), ERR_OK);
	assert_int_equal(peer_join_answer_parse(buf_slice(&b), &a, &got), ERR_OK);
	assert_true(slice_eq(got.config, w.config) && slice_eq(got.members, w.members));
	assert_int_equal(got.node, 2);
	assert_int_equal(got.members_index, 77);
	assert_true(slice_eq(got.log_key, w.log_key));
	assert_int_equal(got.now_sec, 1799999999);
	buf_clear(&b);
	w.members = SLICE_EMPTY;
	assert_int_equal(peer_join_answer_pack(&w, &b), ERR_OK);
	assert_int_equal(peer_join_answer_parse(buf_slice(&b), &a, &got), ERR_SYNTAX);
	buf_clear(&b);
	w = (struct peer_join_answer){.refusal = PEER_JOIN_USED};
	assert_int_equal(peer_join_answer_pack(&w, &b), ERR_OK);
	assert_int_equal(peer_join_answer_parse(buf_slice(&b), &a, &got), ERR_OK);
	assert_int_equal(got.refusal, PEER_JOIN_USED);
	buf_clear(&b);
	w.refusal = PEER_JOIN_REFUSALS;
	assert_int_equal(peer_join_answer_pack(&w, &b), ERR_OK);
	assert_int_equal(peer_join_answer_parse(buf_slice(&b), &a, &got), ERR_SYNTAX);
	assert_int_equal(
		peer_join_answer_parse(slice_of(b.p, PEER_JOIN_ANSWER_MAX + 1), &a, &got),
		ERR_SYNTAX);
	buf_fini(&b);
	buf_init(&b, 8);
	w = some_answer();
	assert_int_equal(peer_join_answer_pack(&w, &b), ERR_LIMIT);
	buf_fini(&b);
	arena_reset(&a);
}

static void
every_field_of_keyds_answer_is_under_its_mac(void **state)
{
	struct asking a;
	struct peer_join_answer w = some_answer();
	struct slice *field[] = {&w.authority, &w.certificate, &w.sealed};
	uint8_t mac[PEER_JOIN_MAC];

	(void)state;
	ask(&a);
	w.mac = slice_of(mac, sizeof mac);
	peer_join_answer_mac(a.token.secret, &w, a.r.mac, mac);
	assert_true(peer_join_answer_is_good(a.token.secret, &w, a.r.mac));
	for (size_t i = 0; i < sizeof field / sizeof *field; i++) {
		struct slice was = *field[i];

		*field[i] = SLICE_LIT("another");
		assert_false(peer_join_answer_is_good(a.token.secret, &w, a.r.mac));
		*field[i] = slice_from(was, 1);
		assert_false(peer_join_answer_is_good(a.token.secret, &w, a.r.mac));
		*field[i] = was;
	}
	a.mac[0] ^= 1; /* of another request */
	assert_false(peer_join_answer_is_good(a.token.secret, &w, a.r.mac));
	a.mac[0] ^= 1;
	a.token.secret[0] ^= 1;
	assert_false(peer_join_answer_is_good(a.token.secret, &w, a.r.mac));
	a.token.secret[0] ^= 1;
	/* The request's mac is none of the answer. */
	w.mac = a.r.mac;
	assert_false(peer_join_answer_is_good(a.token.secret, &w, a.r.mac));
}

/* --- what a data node alone may have --- */

static void
secrets_open_for_the_joiner_with_the_token_alone(void **state)
{
	struct peer_join_secrets s, got;
	struct seal_pair other;
	struct asking a;
	struct arena arena;
	struct buf b;
	struct peer_join_sealed in;

	(void)state;
	ask(&a);
	seal_pair_new(&other);
	arena_init(&arena, 0);
	buf_init(&b, PEER_JOIN_ANSWER_MAX);
	seal_key_new(&s.master);
	assert_int_equal(peer_join_seal(a.token.secret, &a.r, &s, &b), ERR_OK);
	assert_int_equal(
		slice_find_slice(buf_slice(&b), slice_of(s.master.b, sizeof s.master.b)), b.n);
	in = (struct peer_join_sealed){a.token.secret, &a.box, a.r.mac, buf_slice(&b)};
	assert_int_equal(peer_join_open(&in, &arena, &got), ERR_OK);
	assert_memory_equal(&got.master, &s.master, sizeof got.master);

	in.box = &other;
	assert_int_equal(peer_join_open(&in, &arena, &got), ERR_CRYPTO);
	in.box = &a.box;
	a.token.secret[0] ^= 1;
	assert_int_equal(peer_join_open(&in, &arena, &got), ERR_CRYPTO);
	a.token.secret[0] ^= 1;
	a.mac[0] ^= 1;
	assert_int_equal(peer_join_open(&in, &arena, &got), ERR_CRYPTO);
	a.mac[0] ^= 1;
	for (size_t n = 0; n < b.n; n++) {
		in.sealed = slice_cut(buf_slice(&b), 0, n);
		assert_int_equal(peer_join_open(&in, &arena, &got), ERR_CRYPTO);
	}
	buf_fini(&b);
	arena_reset(&arena);
}

static void
a_key_to_seal_to_that_is_none_is_refused(void **state)
{
	static const uint8_t small[32];
	struct peer_join_secrets s;
	struct asking a;
	struct buf b;

	(void)state;
	ask(&a);
	buf_init(&b, PEER_JOIN_ANSWER_MAX);
	seal_key_new(&s.master);
	a.r.box_key = slice_of(small, sizeof small);
	assert_int_equal(peer_join_seal(a.token.secret, &a.r, &s, &b), ERR_CRYPTO);
	assert_int_equal(b.n, 0);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_reads_back_also_with_white_space_around_it),
		cmocka_unit_test(the_longest_token_fits),
		cmocka_unit_test(a_token_with_any_letter_missing_or_altered_is_noticed),
		cmocka_unit_test(addresses_are_numeric_and_have_a_port),
		cmocka_unit_test(the_secret_follows_from_master_key_id_time_and_kind),
		cmocka_unit_test(a_request_reads_back_and_its_mac_is_good),
		cmocka_unit_test(every_field_of_a_request_is_under_its_mac),
		cmocka_unit_test(an_octet_that_moves_to_the_next_field_is_noticed),
		cmocka_unit_test(a_mac_is_good_on_its_own_connection_only),
		cmocka_unit_test(names_and_keys_that_none_has_are_refused),
		cmocka_unit_test(an_answer_reads_back_and_is_never_half),
		cmocka_unit_test(every_field_of_keyds_answer_is_under_its_mac),
		cmocka_unit_test(secrets_open_for_the_joiner_with_the_token_alone),
		cmocka_unit_test(a_key_to_seal_to_that_is_none_is_refused),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
