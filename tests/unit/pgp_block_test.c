#include "crypto/pgp_block.h"

#include "tests/pgp_world.h"

enum { TEXT = 100 };

struct vector {
	uint8_t aead;
	const char *key, *nonce, *aad, *text, *sealed;
};
/* EAX: its authors' paper, appendix G. GCM: McGrew and Viega's test cases 2 and 4. OCB: RFC
 * 9580 has it in whole messages, which pgp_symmetric's test opens. */
static const struct vector vectors[] = {
	{PGP_EAX, "233952dee4d5ed5f9b9c6d6ff80ff478", "62ec67f9c3a4a407fcb2a8c49031a8b3",
		"6bfb914fd07eae6b", "", "e037830e8389f27b025a2d6527e79d01"},
	{PGP_EAX, "91945d3f4dcbee0bf45ef52255f095a4", "becaf043b0a23d843194ba972c66debd",
		"fa3bfd4806eb53fa", "f7fb", "19dd5c4c9331049d0bdab0277408f67967e5"},
	{PGP_GCM, "00000000000000000000000000000000", "000000000000000000000000", "",
		"00000000000000000000000000000000",
		"0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf"},
	{PGP_GCM, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
		"feedfacedeadbeeffeedfacedeadbeefabaddad2",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
		"21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
		"5bc94fbc3221a5db94fae95ae7121a47"},
};

static void
modes_are_those_of_their_authors(void **state)
{
	uint8_t key[16], nonce[16], aad[64], text[TEXT], want[TEXT], out[TEXT + 16];

	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		const struct vector *v = &vectors[i];
		size_t n_aad = strlen(v->aad) / 2, n = strlen(v->text) / 2;
		struct pgp_block_text t = {nonce, slice_of(aad, n_aad), slice_of(text, n)};
		struct pgp_block b;

		pgp_world_hex(v->key, key, 16);
		pgp_world_hex(v->nonce, nonce, pgp_algorithm_nonce_size(v->aead));
		pgp_world_hex(v->aad, aad, n_aad);
		pgp_world_hex(v->text, text, n);
		pgp_world_hex(v->sealed, want, n + 16);
		pgp_block_init(&b, &(struct pgp_block_how){PGP_AES128, v->aead, true}, key);
		pgp_block_seal(&b, &t, out);
		pgp_block_fini(&b);
		assert_memory_equal(out, want, n + 16);
	}
}

/* One key for many texts, each length around the block's, out where in was. */
static void
what_was_sealed_is_opened_and_what_was_changed_is_not(void **state)
{
	static const uint8_t ciphers[] = {PGP_AES128, PGP_AES192, PGP_AES256};
	uint8_t key[32], nonce[16], text[TEXT + 16], back[TEXT + 16];
	struct pgp_block seal, open;

	(void)state;
	memset(key, 7, sizeof key);
	memset(nonce, 9, sizeof nonce);
	for (size_t i = 0; i < 9; i++) {
		struct pgp_block_how how = {ciphers[i / 3], (uint8_t)(1 + i % 3), true};

		pgp_block_init(&seal, &how, key);
		how.is_seal = false;
		pgp_block_init(&open, &how, key);
		for (size_t n = 0; n < 50; n++) {
			struct pgp_block_text t = {
				nonce, slice_of(nonce, n % 17), slice_of(text, n)};

			nonce[0] = (uint8_t)n;
			memset(text, (int)n, n);
			pgp_block_seal(&seal, &t, text);
			memcpy(back, text, n + 16);
			t.in = slice_of(back, n + 16);
			assert_true(pgp_block_open(&open, &t, back));
			for (size_t at = 0; at < n; at++)
				assert_int_equal(back[at], n);
			for (size_t at = 0; at < n + 16; at++) {
				memcpy(back, text, n + 16);
				back[at] ^= 1;
				assert_false(pgp_block_open(&open, &t, back));
			}
			for (size_t less = 1; less <= n + 16; less++) {
				memcpy(back, text, n + 16);
				t.in.n = n + 16 - less;
				assert_false(pgp_block_open(&open, &t, back));
			}
			memcpy(back, text, n + 16);
			t.in.n = n + 16;
			t.aad = slice_of(nonce, n % 17 ? 0 : 1);
			assert_false(pgp_block_open(&open, &t, back));
		}
		pgp_block_fini(&seal);
		pgp_block_fini(&open);
	}
}

/* SP 800-38A, F.3.13 (CFB128-AES128). */
static void
cfb_is_that_of_its_standard(void **state)
{
	uint8_t key[16], iv[16], text[32], want[32], out[32];
	struct pgp_block_cfb q = {PGP_AES128, true, key, iv};

	(void)state;
	pgp_world_hex("2b7e151628aed2a6abf7158809cf4f3c", key, 16);
	pgp_world_hex("000102030405060708090a0b0c0d0e0f", iv, 16);
	pgp_world_hex(
		"6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51", text, 32);
	pgp_world_hex(
		"3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b", want, 32);
	pgp_block_cfb(&q, slice_of(text, 32), out);
	assert_memory_equal(out, want, 32);
	pgp_block_cfb(&q, slice_of(text, 5), out);
	assert_memory_equal(out, want, 5);
	q.is_encrypt = false;
	pgp_block_cfb(&q, slice_of(want, 32), out);
	assert_memory_equal(out, text, 32);
	pgp_block_cfb(&q, SLICE_EMPTY, out);
	assert_memory_equal(out, text, 32);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes_are_those_of_their_authors),
		cmocka_unit_test(what_was_sealed_is_opened_and_what_was_changed_is_not),
		cmocka_unit_test(cfb_is_that_of_its_standard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
