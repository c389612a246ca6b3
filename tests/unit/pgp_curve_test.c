#include "crypto/pgp_curve.h"

#include "tests/test.h"

enum { TIMES = 20 };

static const struct pgp_curve *
curve_of(uint8_t algorithm)
{
	const struct pgp_curve *c = pgp_curve_native(algorithm);

	assert_non_null(c);
	return c;
}

static void
keys_to_agree_with_have_the_bits_that_others_look_for(void **state)
{
	const struct pgp_curve *x25519 = curve_of(PGP_X25519), *x448 = curve_of(PGP_X448);
	uint8_t s[PGP_CURVE_SECRET_MAX];
	size_t n;

	(void)state;
	for (int i = 0; i < TIMES; i++) {
		EVP_PKEY *key = pgp_curve_generate(x25519);

		n = sizeof s;
		assert_int_equal(EVP_PKEY_get_raw_private_key(key, s, &n), 1);
		assert_int_equal(n, 32);
		assert_int_equal(s[0] & 7, 0);
		assert_int_equal(s[31] & 0xc0, 0x40);
		EVP_PKEY_free(key);
		key = pgp_curve_generate(x448);
		n = sizeof s;
		assert_int_equal(EVP_PKEY_get_raw_private_key(key, s, &n), 1);
		assert_int_equal(n, 56);
		assert_int_equal(s[0] & 3, 0);
		assert_int_equal(s[55] & 0x80, 0x80);
		EVP_PKEY_free(key);
	}
}

static void
two_agree_on_one_secret_and_on_none_with_zeros(void **state)
{
	static const uint8_t algorithms[] = {PGP_X25519, PGP_X448};
	static const uint8_t zeros[PGP_CURVE_POINT_MAX] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof algorithms; i++) {
		const struct pgp_curve *c = curve_of(algorithms[i]);
		EVP_PKEY *a = pgp_curve_generate(c), *b = pgp_curve_generate(c), *z;
		uint8_t one[PGP_CURVE_SECRET_MAX], two[PGP_CURVE_SECRET_MAX];
		size_t n = pgp_curve_agree(a, b, one);

		assert_int_equal(n, c->octets);
		assert_int_equal(pgp_curve_agree(b, a, two), n);
		assert_memory_equal(one, two, n);
		z = pgp_curve_key(c, slice_of(zeros, c->octets), SLICE_EMPTY);
		assert_non_null(z);
		assert_int_equal(pgp_curve_agree(a, z, one), 0);
		EVP_PKEY_free(a);
		EVP_PKEY_free(b);
		EVP_PKEY_free(z);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_to_agree_with_have_the_bits_that_others_look_for),
		cmocka_unit_test(two_agree_on_one_secret_and_on_none_with_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
