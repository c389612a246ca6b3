#include "crypto/pgp_algorithm.h"

#include "tests/pgp_world.h"

static void
a_number_has_a_name_and_a_size_or_neither(void **state)
{
	(void)state;
	assert_string_equal(pgp_algorithm_cipher_name(PGP_AES256), "AES-256");
	assert_string_equal(pgp_algorithm_hash_name(PGP_SHA3_512), "SHA3-512");
	assert_string_equal(pgp_algorithm_aead_name(PGP_OCB), "OCB");
	assert_string_equal(pgp_algorithm_key_name(PGP_X25519), "X25519");
	assert_string_equal(pgp_algorithm_micalg(PGP_SHA512), "pgp-sha512");
	for (unsigned i = 0; i < 256; i++) {
		uint8_t n = (uint8_t)i;

		if (!pgp_algorithm_cipher_name(n))
			assert_int_equal(pgp_algorithm_key_size(n), 0);
		assert_int_equal(!pgp_algorithm_hash_name(n), !pgp_algorithm_hash_size(n));
		assert_int_equal(!pgp_algorithm_hash_name(n), !pgp_algorithm_micalg(n));
		assert_int_equal(!pgp_algorithm_aead_name(n), !pgp_algorithm_nonce_size(n));
		assert_int_equal(n >= 1 && n <= 3, pgp_algorithm_nonce_size(n) > 0);
	}
}

static void
openssl_has_what_has_a_size(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		uint8_t n = (uint8_t)i;
		const EVP_CIPHER *cfb = pgp_algorithm_cfb(n), *ecb = pgp_algorithm_ecb(n);
		const EVP_MD *md = pgp_algorithm_md(n);
		size_t size = pgp_algorithm_key_size(n);

		assert_int_equal(size > 0, cfb != NULL);
		assert_int_equal(size > 0, ecb != NULL);
		if (size) {
			assert_int_equal(EVP_CIPHER_get_key_length(cfb), size);
			assert_int_equal(
				EVP_CIPHER_get_iv_length(cfb), pgp_algorithm_block_size(n));
			assert_int_equal(
				EVP_CIPHER_get_block_size(ecb), pgp_algorithm_block_size(n));
		}
		assert_int_equal(pgp_algorithm_hash_size(n) > 0, md != NULL);
		if (md)
			assert_int_equal(EVP_MD_get_size(md), pgp_algorithm_hash_size(n));
	}
}

static void
only_aes_is_authenticated(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		uint8_t n = (uint8_t)i;
		bool is_aes = n == PGP_AES128 || n == PGP_AES192 || n == PGP_AES256;

		for (uint8_t aead = 0; aead < 6; aead++) {
			bool has = is_aes && aead >= PGP_EAX && aead <= PGP_GCM;

			assert_int_equal(pgp_algorithm_has_aead(n, aead), has);
			assert_int_equal(
				pgp_algorithm_aead(n, aead) != NULL, has && aead != PGP_EAX);
		}
		assert_int_equal(pgp_algorithm_ctr(n) != NULL, is_aes);
		assert_int_equal(pgp_algorithm_cbc(n) != NULL, is_aes);
	}
}

static void
keys_of_three_sizes_wrap(void **state)
{
	(void)state;
	for (size_t n = 0; n < 40; n++)
		assert_int_equal(pgp_algorithm_wrap(n) != NULL, n == 16 || n == 24 || n == 32);
}

/* RFC 5869 appendix A.1 and A.3. */
static void
hkdf_is_that_of_its_rfc(void **state)
{
	struct pgp_algorithm_hkdf q = {0};
	uint8_t key[22], salt[13], info[10], want[42], got[42];

	(void)state;
	memset(key, 0x0b, sizeof key);
	pgp_world_hex("000102030405060708090a0b0c", salt, sizeof salt);
	pgp_world_hex("f0f1f2f3f4f5f6f7f8f9", info, sizeof info);
	pgp_world_hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
		      "34007208d5b887185865",
		want, sizeof want);
	q.key = slice_of(key, sizeof key);
	q.salt = slice_of(salt, sizeof salt);
	q.info = slice_of(info, sizeof info);
	pgp_algorithm_hkdf(&q, got, sizeof got);
	assert_memory_equal(got, want, sizeof got);
	pgp_world_hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
		      "9d201395faa4b61a96c8",
		want, sizeof want);
	q.salt = q.info = SLICE_EMPTY;
	pgp_algorithm_hkdf(&q, got, sizeof got);
	assert_memory_equal(got, want, sizeof got);
	q.is_512 = true;
	pgp_algorithm_hkdf(&q, got, sizeof got);
	assert_memory_not_equal(got, want, sizeof got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_has_a_name_and_a_size_or_neither),
		cmocka_unit_test(openssl_has_what_has_a_size),
		cmocka_unit_test(only_aes_is_authenticated),
		cmocka_unit_test(keys_of_three_sizes_wrap),
		cmocka_unit_test(hkdf_is_that_of_its_rfc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
