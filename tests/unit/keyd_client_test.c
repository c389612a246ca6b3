#include "tests/test.h"

#include "core/ipc.pb-c.h"
#include "crypto/auth_client.h"
#include "crypto/keyd_client.h"

static void
an_account_secret_that_is_not_the_public_keys_is_refused(void **state)
{
	Ipc__KeydSecret a = IPC__KEYD_SECRET__INIT;
	struct seal_pair pair, got;
	struct slice public_key = {pair.public_key, 32};

	(void)state;
	seal_pair_new(&pair);
	a.secret = (ProtobufCBinaryData){32, pair.secret};
	assert_int_equal(keyd_client_read_account(ERR_OK, &a.base, public_key, &got), ERR_OK);
	assert_memory_equal(&got, &pair, sizeof pair);
	assert_int_equal(
		keyd_client_read_account(ERR_OK, &a.base, slice_cut(public_key, 0, 31), &got),
		ERR_CRYPTO);
	pair.secret[5] ^= 1;
	assert_int_equal(
		keyd_client_read_account(ERR_OK, &a.base, public_key, &got), ERR_CRYPTO);
	a.secret.len = 31;
	assert_int_equal(
		keyd_client_read_account(ERR_OK, &a.base, public_key, &got), ERR_CORRUPT);
	assert_int_equal(keyd_client_read_account(ERR_PEER, NULL, public_key, &got), ERR_PEER);
}

static void
a_wrapped_key_comes_with_its_epoch_if_that_is_new(void **state)
{
	Ipc__KeydWrapped a = IPC__KEYD_WRAPPED__INIT;
	Ipc__Wrapped wrapped = IPC__WRAPPED__INIT, *wrappeds = &wrapped;
	Ipc__NewEpoch epoch = IPC__NEW_EPOCH__INIT, *epochs = &epoch;
	uint8_t octets[100] = {7};
	struct keyd_client_wrapped got;

	(void)state;
	a.wrapped = &wrappeds;
	a.epoch = &epochs;
	assert_int_equal(keyd_client_read_wrap(ERR_OK, &a.base, &got), ERR_CORRUPT);
	a.n_wrapped = 1;
	assert_int_equal(keyd_client_read_wrap(ERR_OK, &a.base, &got), ERR_CORRUPT);
	wrapped.epoch = 9;
	wrapped.wrapped_key = (ProtobufCBinaryData){SEAL_WRAPPED, octets};
	assert_int_equal(keyd_client_read_wrap(ERR_OK, &a.base, &got), ERR_OK);
	assert_int_equal(got.epoch, 9);
	assert_int_equal(got.sealed_epoch.n, 0);
	a.n_epoch = 1;
	epoch.sealed_key = (ProtobufCBinaryData){80, octets};
	assert_int_equal(keyd_client_read_wrap(ERR_OK, &a.base, &got), ERR_OK);
	assert_int_equal(got.sealed_epoch.n, 80);
	assert_int_equal(keyd_client_read_wrap(ERR_DENIED, NULL, &got), ERR_DENIED);
}

static void
a_named_key_has_its_length(void **state)
{
	Ipc__KeydKey a = IPC__KEYD_KEY__INIT;
	uint8_t octets[33] = {7};
	struct seal_key key;

	(void)state;
	for (size_t n = 0; n <= 33; n++) {
		a.key = (ProtobufCBinaryData){n, octets};
		assert_int_equal(keyd_client_read_named_key(ERR_OK, &a.base, &key),
			n == 32 ? ERR_OK : ERR_CORRUPT);
	}
}

static void
an_acceptance_without_permit_is_none(void **state)
{
	Ipc__AuthResult a = IPC__AUTH_RESULT__INIT;
	uint8_t permit[PERMIT_SIZE] = {7};
	struct auth_client_result r;

	(void)state;
	assert_int_equal(auth_client_read(ERR_OK, &a.base, &r), ERR_OK);
	assert_int_equal(r.outcome, SASL_OUTCOME_REFUSED);
	a.outcome = SASL_OUTCOME_ACCEPTED;
	assert_int_equal(auth_client_read(ERR_OK, &a.base, &r), ERR_CORRUPT);
	a.permit = (ProtobufCBinaryData){sizeof permit, permit};
	assert_int_equal(auth_client_read(ERR_OK, &a.base, &r), ERR_OK);
	assert_true(r.has_permit);
	assert_memory_equal(r.permit, permit, sizeof permit);
	a.outcome = SASL_OUTCOME_CONTINUE;
	assert_int_equal(auth_client_read(ERR_OK, &a.base, &r), ERR_CORRUPT);
	a.outcome = 4;
	assert_int_equal(auth_client_read(ERR_OK, &a.base, &r), ERR_CORRUPT);
	assert_int_equal(auth_client_read(ERR_TIMEOUT, NULL, &r), ERR_TIMEOUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_account_secret_that_is_not_the_public_keys_is_refused),
		cmocka_unit_test(a_wrapped_key_comes_with_its_epoch_if_that_is_new),
		cmocka_unit_test(a_named_key_has_its_length),
		cmocka_unit_test(an_acceptance_without_permit_is_none),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
