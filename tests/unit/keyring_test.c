#include "tests/test.h"

#include "crypto/keyring.h"
#include "crypto/queue_seal.h"

static struct keyring *
new_ring(void)
{
	struct seal_key master;

	seal_key_new(&master);
	return keyring_new(&master);
}

static void
the_master_key_reads_back_and_garbage_does_not(void **state)
{
	struct seal_key key, got;
	struct buf b;

	(void)state;
	seal_key_new(&key);
	buf_init(&b, 200);
	assert_true(keyring_format_master(&key, &b));
	assert_int_equal(keyring_parse_master(buf_slice(&b), &got), ERR_OK);
	assert_memory_equal(&key, &got, sizeof key);
	for (size_t n = 0; n + 1 < b.n; n++)
		assert_int_equal(
			keyring_parse_master(slice_cut(buf_slice(&b), 0, n), &got), ERR_SYNTAX);
	buf_fini(&b);
}

/* Flips one bit of what is wrapped or sealed, or names another id. */
static void
a_private_key_opens_under_its_id_with_its_own_wrapped_octets_alone(void **state)
{
	struct keyring *k = new_ring(), *other = new_ring();
	uint8_t wrapped[KEYRING_SECRET_WRAPPED], again[KEYRING_SECRET_WRAPPED];
	struct slice pkcs8 = SLICE_LIT("a private key"), w = slice_of(wrapped, sizeof wrapped);
	struct keyring_private got = {0};
	struct buf sealed, sealed_again;

	(void)state;
	buf_init(&sealed, 200);
	buf_init(&sealed_again, 200);
	assert_int_equal(keyring_seal_private(k, 7, pkcs8, wrapped, &sealed), ERR_OK);
	assert_int_equal(keyring_seal_private(k, 7, pkcs8, again, &sealed_again), ERR_OK);
	assert_int_equal(keyring_open_private(k, 7, w, buf_slice(&sealed), &got), ERR_OK);
	assert_true(slice_eq(slice_of(got.p, got.n), pkcs8));
	keyring_private_free(&got);
	assert_null(got.p);
	assert_int_equal(keyring_open_private(k, 8, w, buf_slice(&sealed), &got), ERR_CRYPTO);
	assert_int_equal(
		keyring_open_private(other, 7, w, buf_slice(&sealed), &got), ERR_CRYPTO);
	/* Its own octets, not those of its twin. */
	assert_int_equal(keyring_open_private(
				 k, 7, slice_of(again, sizeof again), buf_slice(&sealed), &got),
		ERR_CRYPTO);
	for (size_t i = 0; i < sealed.n; i++) {
		sealed.p[i] ^= 1;
		assert_int_equal(
			keyring_open_private(k, 7, w, buf_slice(&sealed), &got), ERR_CRYPTO);
		sealed.p[i] ^= 1;
		assert_int_equal(keyring_open_private(
					 k, 7, w, slice_cut(buf_slice(&sealed), 0, i), &got),
			ERR_CRYPTO);
	}
	assert_null(got.p);
	buf_fini(&sealed);
	buf_fini(&sealed_again);
	keyring_free(k);
	keyring_free(other);
}

static void
a_private_key_has_at_most_so_many_octets(void **state)
{
	static uint8_t octets[KEYRING_PRIVATE_MAX + 1];
	struct keyring *k = new_ring();
	uint8_t wrapped[KEYRING_SECRET_WRAPPED];
	struct buf sealed;

	(void)state;
	buf_init(&sealed, sizeof octets + SEAL_AEAD_EXTRA);
	assert_int_equal(
		keyring_seal_private(k, 7, SLICE_EMPTY, wrapped, &sealed), ERR_TOO_BIG);
	assert_int_equal(
		keyring_seal_private(k, 7, slice_of(octets, sizeof octets), wrapped, &sealed),
		ERR_TOO_BIG);
	assert_int_equal(keyring_seal_private(
				 k, 7, slice_of(octets, KEYRING_PRIVATE_MAX), wrapped, &sealed),
		ERR_OK);
	assert_int_equal(sealed.n, KEYRING_PRIVATE_MAX + SEAL_AEAD_EXTRA);
	buf_fini(&sealed);
	keyring_free(k);
}

static void
a_mail_goes_from_queue_key_to_epoch_key_to_account(void **state)
{
	struct keyring *k = new_ring();
	struct seal_key data, got, epoch;
	struct seal_pair account;
	struct seal_aad aad;
	struct keyring_wrap w, again, later;
	struct keyring_target to = {7, account.public_key, false};
	uint8_t queue_public[32], queue_wrapped[KEYRING_SECRET_WRAPPED];
	uint8_t wrapped_secret[KEYRING_SECRET_WRAPPED], sealed[QUEUE_SEAL_SIZE];
	struct queue_seal sealer = {0};
	struct keyring_sealed s = {slice_of(sealed, sizeof sealed),
		slice_of(queue_wrapped, sizeof queue_wrapped), 20000};

	(void)state;
	keyring_new_pair(k, KEYRING_QUEUE, 20000, queue_public, queue_wrapped);
	keyring_new_pair(k, KEYRING_ACCOUNT, 7, account.public_key, wrapped_secret);
	seal_key_new(&data);
	assert_int_equal(queue_seal(&sealer, queue_public, &data, sealed), ERR_OK);

	assert_int_equal(keyring_open_sealed(k, &s, &got), ERR_OK);
	assert_memory_equal(&data, &got, sizeof data);
	s.queue_key++;
	assert_int_equal(keyring_open_sealed(k, &s, &got), ERR_CRYPTO);

	assert_int_equal(keyring_wrap(k, &to, 1000000, &data, &w), ERR_OK);
	assert_true(w.is_new);
	assert_int_equal(keyring_wrap(k, &to, 1000000, &data, &again), ERR_OK);
	assert_false(again.is_new);
	assert_int_equal(again.epoch, w.epoch);
	assert_int_equal(keyring_wrap(k, &to, 1000000 + 86400, &data, &later), ERR_OK);
	assert_true(later.is_new);
	to.fresh = true;
	assert_int_equal(keyring_wrap(k, &to, 1000000 + 86400, &data, &later), ERR_OK);
	assert_true(later.is_new);

	assert_int_equal(
		keyring_open_secret(k, KEYRING_ACCOUNT, 7,
			slice_of(wrapped_secret, sizeof wrapped_secret), account.secret),
		ERR_OK);
	assert_int_equal(seal_to_open(&account, slice_of(w.sealed_epoch, sizeof w.sealed_epoch),
				 epoch.b),
		ERR_OK);
	assert_int_equal(seal_unwrap(&epoch, seal_aad_epoch(&aad, 7, w.epoch),
				 slice_of(again.wrapped, sizeof again.wrapped), &got),
		ERR_OK);
	assert_memory_equal(&data, &got, sizeof data);
	keyring_free(k);
}

static void
a_queued_key_goes_from_one_queue_key_to_the_next_and_to_no_other(void **state)
{
	struct keyring *k = new_ring(), *other = new_ring();
	uint8_t old_public[32], old[KEYRING_SECRET_WRAPPED], new_public[32];
	uint8_t fresh[KEYRING_SECRET_WRAPPED], sealed[QUEUE_SEAL_SIZE], again[QUEUE_SEAL_SIZE];
	struct queue_seal sealer = {0};
	struct seal_key data, got;
	struct keyring_sealed s = {
		slice_of(sealed, sizeof sealed), slice_of(old, sizeof old), 1};
	struct slice to = slice_of(fresh, sizeof fresh);

	(void)state;
	keyring_new_pair(k, KEYRING_QUEUE, 1, old_public, old);
	keyring_new_pair(k, KEYRING_QUEUE, 2, new_public, fresh);
	seal_key_new(&data);
	assert_int_equal(queue_seal(&sealer, old_public, &data, sealed), ERR_OK);
	/* Not to a key that isn't a queue key of this master key, under this id. */
	assert_int_equal(keyring_reseal(k, &s, 3, to, again), ERR_CRYPTO);
	keyring_new_pair(other, KEYRING_QUEUE, 2, new_public, fresh);
	assert_int_equal(keyring_reseal(k, &s, 2, to, again), ERR_CRYPTO);
	keyring_new_pair(k, KEYRING_ACCOUNT, 2, new_public, fresh);
	assert_int_equal(keyring_reseal(k, &s, 2, to, again), ERR_CRYPTO);
	keyring_new_pair(k, KEYRING_QUEUE, 2, new_public, fresh);
	assert_int_equal(keyring_reseal(k, &s, 2, to, again), ERR_OK);
	s = (struct keyring_sealed){slice_of(again, sizeof again), to, 2};
	assert_int_equal(keyring_open_sealed(k, &s, &got), ERR_OK);
	assert_memory_equal(&data, &got, sizeof data);
	s.wrapped_secret = slice_of(old, sizeof old);
	s.queue_key = 1;
	assert_int_equal(keyring_open_sealed(k, &s, &got), ERR_CRYPTO);
	keyring_free(k);
	keyring_free(other);
}

static void
an_account_secret_opens_for_its_account_alone(void **state)
{
	struct keyring *k = new_ring(), *other = new_ring();
	uint8_t public_key[32], wrapped[KEYRING_SECRET_WRAPPED], secret[32];
	struct slice w = slice_of(wrapped, sizeof wrapped);

	(void)state;
	keyring_new_pair(k, KEYRING_ACCOUNT, 7, public_key, wrapped);
	assert_int_equal(keyring_open_secret(k, KEYRING_ACCOUNT, 8, w, secret), ERR_CRYPTO);
	assert_int_equal(keyring_open_secret(k, KEYRING_QUEUE, 7, w, secret), ERR_CRYPTO);
	assert_int_equal(keyring_open_secret(other, KEYRING_ACCOUNT, 7, w, secret), ERR_CRYPTO);
	assert_int_equal(keyring_open_secret(k, KEYRING_ACCOUNT, 7, w, secret), ERR_OK);
	keyring_free(k);
	keyring_free(other);
}

static void
a_permit_is_good_for_its_kind_id_and_time_only(void **state)
{
	struct seal_key key;
	struct permit p = {PERMIT_LOGIN, 7, 1, 1000};
	uint8_t raw[PERMIT_SIZE];
	struct slice s = slice_of(raw, sizeof raw);

	(void)state;
	seal_key_new(&key);
	permit_issue(&key, &p, raw);
	assert_int_equal(permit_check(&key, PERMIT_LOGIN, 7, 1000, s), ERR_OK);
	assert_int_equal(permit_check(&key, PERMIT_LOGIN, 7, 1001, s), ERR_DENIED);
	assert_int_equal(permit_check(&key, PERMIT_LOGIN, 8, 1000, s), ERR_DENIED);
	assert_int_equal(permit_check(&key, PERMIT_ITEM, 7, 1000, s), ERR_DENIED);
	for (size_t n = 0; n < sizeof raw; n++)
		assert_int_equal(permit_check(&key, PERMIT_LOGIN, 7, 1000, slice_cut(s, 0, n)),
			ERR_DENIED);
	for (size_t i = 0; i < sizeof raw; i++) {
		raw[i] ^= 1;
		assert_int_equal(permit_check(&key, PERMIT_LOGIN, 7, 1000, s), ERR_DENIED);
		raw[i] ^= 1;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_master_key_reads_back_and_garbage_does_not),
		cmocka_unit_test(
			a_private_key_opens_under_its_id_with_its_own_wrapped_octets_alone),
		cmocka_unit_test(a_private_key_has_at_most_so_many_octets),
		cmocka_unit_test(a_mail_goes_from_queue_key_to_epoch_key_to_account),
		cmocka_unit_test(
			a_queued_key_goes_from_one_queue_key_to_the_next_and_to_no_other),
		cmocka_unit_test(an_account_secret_opens_for_its_account_alone),
		cmocka_unit_test(a_permit_is_good_for_its_kind_id_and_time_only),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
