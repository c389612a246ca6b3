#include "crypto/gcm_aad.h"

#include <openssl/evp.h>

#include "tests/test.h"

enum { MOST = 100 };

static const uint8_t key[16] = "an AES-128 key..", nonce[12] = "twelve octet";
static uint8_t octets[MOST];

static void
tag_of(size_t aad, size_t n, uint8_t tag[16])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t out[MOST + 16];
	int made;

	assert_int_equal(EVP_EncryptInit_ex2(ctx, EVP_aes_128_gcm(), key, nonce, NULL), 1);
	if (aad)
		EVP_EncryptUpdate(ctx, NULL, &made, octets, (int)aad);
	if (n)
		EVP_EncryptUpdate(ctx, out, &made, octets, (int)n);
	assert_int_equal(EVP_EncryptFinal_ex(ctx, out, &made), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag), 1);
	EVP_CIPHER_CTX_free(ctx);
}

static void
additional_data_may_come_after_the_text(void **state)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t hash_key[16], with[16], without[16], delta[16];
	int made;

	(void)state;
	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (uint8_t)(i * 37 + 11);
	memset(with, 0, sizeof with);
	EVP_EncryptInit_ex2(ctx, EVP_aes_128_ecb(), key, NULL, NULL);
	EVP_EncryptUpdate(ctx, hash_key, &made, with, sizeof with);
	EVP_CIPHER_CTX_free(ctx);
	for (size_t aad = 0; aad < MOST; aad += 1 + aad / 20) {
		for (size_t n = 0; n < MOST; n += 1 + n / 18) {
			tag_of(aad, n, with);
			tag_of(0, n, without);
			gcm_aad_delta(hash_key, slice_of(octets, aad), n, delta);
			for (size_t i = 0; i < sizeof delta; i++)
				without[i] ^= delta[i];
			assert_memory_equal(with, without, sizeof with);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(additional_data_may_come_after_the_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
