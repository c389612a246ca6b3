#include "tests/test.h"

#include "crypto/queue_seal.h"

enum { MAILS = QUEUE_SEAL_LINKS * 2 + 3 };

static struct seal_pair pair;
static struct seal_key key[MAILS];
static uint8_t sealed[MAILS][QUEUE_SEAL_SIZE];

static void
seal_all(void)
{
	struct queue_seal s = {0};

	seal_pair_new(&pair);
	for (int i = 0; i < MAILS; i++) {
		seal_key_new(&key[i]);
		assert_int_equal(queue_seal(&s, pair.public_key, &key[i], sealed[i]), ERR_OK);
	}
	queue_seal_wipe(&s);
}

static enum err
open_one(struct queue_seal_opener *o, int i)
{
	struct seal_key got;
	enum err e = queue_seal_open(o, &pair, slice_of(sealed[i], QUEUE_SEAL_SIZE), &got);

	if (!e)
		assert_memory_equal(&got, &key[i], sizeof got);
	return e;
}

static void
keys_open_in_their_order_and_in_any_other(void **state)
{
	struct queue_seal_opener *o = queue_seal_opener_new();

	(void)state;
	seal_all();
	for (int i = 0; i < MAILS; i++)
		assert_int_equal(open_one(o, i), ERR_OK);
	for (int i = MAILS; i-- > 0;)
		assert_int_equal(open_one(o, i), ERR_OK);
	for (int i = 0; i < MAILS; i++)
		assert_int_equal(open_one(o, i * 101 % MAILS), ERR_OK);
	queue_seal_opener_free(o);
}

static void
a_chain_ends_in_time_and_the_next_one_shares_nothing(void **state)
{
	(void)state;
	seal_all();
	assert_memory_equal(sealed[0], sealed[QUEUE_SEAL_LINKS - 1], 32);
	assert_memory_not_equal(sealed[0], sealed[QUEUE_SEAL_LINKS], 32);
	assert_int_equal(sealed[QUEUE_SEAL_LINKS - 1][35], QUEUE_SEAL_LINKS - 1);
	assert_int_equal(sealed[QUEUE_SEAL_LINKS][35], 0);
}

/* What a break-in finds after mail i: the state of the sealer. It must not open mail i. */
static void
the_state_left_behind_opens_no_mail_that_has_gone(void **state)
{
	struct queue_seal s = {0}, later;
	struct seal_key got, with;
	struct slice text = SLICE_LIT("data key");
	uint8_t out[QUEUE_SEAL_SIZE];

	(void)state;
	seal_pair_new(&pair);
	seal_key_new(&key[0]);
	assert_int_equal(queue_seal(&s, pair.public_key, &key[0], out), ERR_OK);
	for (later = s; later.link < QUEUE_SEAL_LINKS;) {
		seal_hash(&later.chain, &text, 1, with.b);
		assert_int_equal(seal_unwrap(&with, slice_of(out, 36),
					 slice_from(slice_of(out, sizeof out), 36), &got),
			ERR_CRYPTO);
		assert_int_equal(
			queue_seal(&later, pair.public_key, &key[0], sealed[0]), ERR_OK);
	}
}

static void
no_flipped_bit_no_other_length_and_no_other_pair_passes(void **state)
{
	struct queue_seal_opener *o = queue_seal_opener_new();
	struct seal_key got;
	struct slice s = slice_of(sealed[1], QUEUE_SEAL_SIZE);

	(void)state;
	seal_all();
	for (size_t i = 0; i < QUEUE_SEAL_SIZE * 8; i++) {
		/* RFC 7748 5: the top bit of a public key is not looked at by the curve, but it
		 * is hashed. */
		sealed[1][i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(queue_seal_open(o, &pair, s, &got), ERR_CRYPTO);
		sealed[1][i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t n = 0; n < QUEUE_SEAL_SIZE; n++)
		assert_int_equal(
			queue_seal_open(o, &pair, slice_cut(s, 0, n), &got), ERR_CRYPTO);
	assert_int_equal(open_one(o, 1), ERR_OK);
	seal_pair_new(&pair);
	assert_int_equal(open_one(o, 1), ERR_CRYPTO);
	queue_seal_opener_free(o);
}

static void
a_new_public_key_begins_a_new_chain(void **state)
{
	struct queue_seal s = {0};
	struct queue_seal_opener *o = queue_seal_opener_new();

	(void)state;
	for (int i = 0; i < 6; i++) {
		seal_pair_new(&pair);
		seal_key_new(&key[i]);
		assert_int_equal(queue_seal(&s, pair.public_key, &key[i], sealed[i]), ERR_OK);
		assert_int_equal(open_one(o, i), ERR_OK);
	}
	queue_seal_opener_free(o);
}

static void
a_public_key_of_small_order_is_refused(void **state)
{
	static const uint8_t zero[32];
	struct queue_seal s = {0};
	struct queue_seal_opener *o = queue_seal_opener_new();
	uint8_t out[QUEUE_SEAL_SIZE];

	(void)state;
	seal_all();
	assert_int_equal(queue_seal(&s, zero, &key[0], out), ERR_CRYPTO);
	memset(sealed[0], 0, 32);
	assert_int_equal(open_one(o, 0), ERR_CRYPTO);
	assert_int_equal(open_one(o, 0), ERR_CRYPTO);
	queue_seal_opener_free(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_open_in_their_order_and_in_any_other),
		cmocka_unit_test(a_chain_ends_in_time_and_the_next_one_shares_nothing),
		cmocka_unit_test(the_state_left_behind_opens_no_mail_that_has_gone),
		cmocka_unit_test(no_flipped_bit_no_other_length_and_no_other_pair_passes),
		cmocka_unit_test(a_new_public_key_begins_a_new_chain),
		cmocka_unit_test(a_public_key_of_small_order_is_refused),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
