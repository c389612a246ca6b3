#include "crypto/ed25519.h"

#include "tests/pgp_world.h"

/* RFC 8032 section 7.1, tests 1 and 3. */
static const struct {
	const char *seed, *public, *message, *signature;
} vectors[] = {
	{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
		"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
		"5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
	{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
		"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
		"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
		"18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};

static void
signatures_are_those_of_the_rfc(void **state)
{
	uint8_t seed[32], public[32], message[8] = {0}, want[64], got[64],
				      secret[ED25519_SECRET];

	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		struct slice m = slice_of(message, strlen(vectors[i].message) / 2);

		pgp_world_hex(vectors[i].seed, seed, 32);
		pgp_world_hex(vectors[i].public, public, 32);
		pgp_world_hex(vectors[i].message, message, m.n);
		pgp_world_hex(vectors[i].signature, want, 64);
		ed25519_secret(seed, secret);
		assert_memory_equal(secret + ED25519_SEED, public, 32);
		ed25519_sign(secret, m, got);
		assert_memory_equal(got, want, 64);
		assert_true(ed25519_verify(public, m, want));
		for (size_t at = 0; at < 64; at++) {
			want[at] ^= 1;
			assert_false(ed25519_verify(public, m, want));
			want[at] ^= 1;
		}
		message[0] ^= 1;
		assert_false(ed25519_verify(public, slice_of(message, m.n ? m.n : 1), want));
	}
}

/* A key that is the neutral element makes R = S * B a signature of everything. */
static void
a_key_of_small_order_verifies_nothing(void **state)
{
	static const uint8_t neutral[32] = {1};
	uint8_t signature[64] = {1};

	(void)state;
	assert_false(ed25519_verify(neutral, SLICE_LIT("anything"), signature));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_are_those_of_the_rfc),
		cmocka_unit_test(a_key_of_small_order_verifies_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
