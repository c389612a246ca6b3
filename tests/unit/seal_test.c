#include "tests/test.h"

#include "crypto/seal.h"

static void
a_part_opens_alone_and_no_flipped_bit_passes(void **state)
{
	struct seal_key key;
	uint8_t sealed[11 + SEAL_TAG], plain[11];
	struct slice part = slice_of(sealed, sizeof sealed);

	(void)state;
	seal_key_new(&key);
	seal_part(&key, 7, true, SLICE_LIT("hello world"), sealed);
	assert_int_equal(seal_part_open(&key, 7, true, part, plain), ERR_OK);
	assert_memory_equal(plain, "hello world", 11);
	assert_int_equal(seal_part_open(&key, 6, true, part, plain), ERR_CRYPTO);
	assert_int_equal(seal_part_open(&key, 7, false, part, plain), ERR_CRYPTO);
	for (size_t i = 0; i < sizeof sealed * 8; i++) {
		sealed[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(seal_part_open(&key, 7, true, part, plain), ERR_CRYPTO);
		sealed[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t n = 0; n < sizeof sealed; n++)
		assert_int_equal(seal_part_open(&key, 7, true, slice_cut(part, 0, n), plain),
			ERR_CRYPTO);
}

static void
a_blob_opens_only_for_its_purpose(void **state)
{
	struct seal_key key;
	struct buf blob, out;

	(void)state;
	seal_key_new(&key);
	buf_init(&blob, 1000);
	buf_init(&out, 1000);
	assert_int_equal(seal_blob(&key, "head", SLICE_LIT("abc"), &blob), ERR_OK);
	assert_int_equal(blob.n, 3 + SEAL_BLOB_EXTRA);
	assert_int_equal(seal_blob_open(&key, "index", buf_slice(&blob), &out), ERR_CRYPTO);
	assert_int_equal(seal_blob_open(&key, "head", buf_slice(&blob), &out), ERR_OK);
	assert_slice(buf_slice(&out), "abc");
	for (size_t i = 0; i < blob.n * 8; i++) {
		blob.p[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(
			seal_blob_open(&key, "head", buf_slice(&blob), &out), ERR_CRYPTO);
		blob.p[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t n = 0; n < blob.n; n++)
		assert_int_equal(
			seal_blob_open(&key, "head", slice_of(blob.p, n), &out), ERR_CRYPTO);
	buf_fini(&blob);
	buf_fini(&out);
}

static void
a_wrapped_key_is_bound_to_account_and_epoch(void **state)
{
	struct seal_key with, key, got;
	struct seal_aad aad;
	uint8_t wrapped[SEAL_WRAPPED];
	struct slice w = slice_of(wrapped, sizeof wrapped);

	(void)state;
	seal_key_new(&with);
	seal_key_new(&key);
	seal_wrap(&with, seal_aad_epoch(&aad, 1, 2), &key, wrapped);
	assert_int_equal(seal_unwrap(&with, seal_aad_epoch(&aad, 1, 2), w, &got), ERR_OK);
	assert_memory_equal(&key, &got, sizeof key);
	assert_int_equal(seal_unwrap(&with, seal_aad_epoch(&aad, 1, 3), w, &got), ERR_CRYPTO);
	assert_int_equal(seal_unwrap(&with, seal_aad_epoch(&aad, 2, 2), w, &got), ERR_CRYPTO);
	assert_int_equal(
		seal_unwrap(&with, seal_aad_epoch(&aad, 1, 2), slice_cut(w, 0, 71), &got),
		ERR_CRYPTO);
}

static void
a_box_opens_for_its_pair_alone(void **state)
{
	struct seal_pair pair, other;
	uint8_t box[3 + SEAL_BOX_EXTRA], text[3];
	struct slice b = slice_of(box, sizeof box);

	(void)state;
	seal_pair_new(&pair);
	seal_pair_new(&other);
	assert_int_equal(seal_to(pair.public_key, SLICE_LIT("abc"), box), ERR_OK);
	assert_int_equal(seal_to_open(&other, b, text), ERR_CRYPTO);
	assert_int_equal(seal_to_open(&pair, slice_cut(b, 0, 40), text), ERR_CRYPTO);
	assert_int_equal(seal_to_open(&pair, b, text), ERR_OK);
	assert_memory_equal(text, "abc", 3);
}

static void
base64_comes_back_and_garbage_does_not(void **state)
{
	struct buf b, out;

	(void)state;
	buf_init(&b, 100);
	buf_init(&out, 100);
	assert_true(seal_b64(SLICE_LIT("ab\0d"), &b));
	assert_slice(buf_slice(&b), "YWIAZA==");
	assert_int_equal(seal_b64_open(buf_slice(&b), &out), ERR_OK);
	assert_slice(buf_slice(&out), "ab\0d");
	assert_int_equal(seal_b64_open(SLICE_LIT("YW!AZA=="), &out), ERR_SYNTAX);
	buf_fini(&b);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_part_opens_alone_and_no_flipped_bit_passes),
		cmocka_unit_test(a_blob_opens_only_for_its_purpose),
		cmocka_unit_test(a_wrapped_key_is_bound_to_account_and_epoch),
		cmocka_unit_test(a_box_opens_for_its_pair_alone),
		cmocka_unit_test(base64_comes_back_and_garbage_does_not),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
