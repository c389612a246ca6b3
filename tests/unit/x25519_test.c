#include "crypto/x25519.h"

#include "crypto/pgp_curve.h"
#include "tests/pgp_world.h"

enum { TIMES = 20, ITERATIONS = 1000 };

/* RFC 7748 section 5.2: what is agreed on is the next secret, the last one the next point. */
static void
agreeing_again_and_again_ends_where_the_rfc_says(void **state)
{
	static const char *const after[] = {
		"422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079",
		"684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"};
	uint8_t k[X25519_SIZE] = {9}, u[X25519_SIZE] = {9}, next[X25519_SIZE],
		want[X25519_SIZE];

	(void)state;
	for (int i = 1; i <= ITERATIONS; i++) {
		assert_true(x25519_agree(k, u, next));
		memcpy(u, k, X25519_SIZE);
		memcpy(k, next, X25519_SIZE);
		if (i == 1 || i == ITERATIONS) {
			pgp_world_hex(after[i > 1], want, X25519_SIZE);
			assert_memory_equal(k, want, X25519_SIZE);
		}
	}
}

static void
it_agrees_with_openssl(void **state)
{
	const struct pgp_curve *c = pgp_curve_native(PGP_X25519);

	(void)state;
	for (int i = 0; i < TIMES; i++) {
		EVP_PKEY *a = pgp_curve_generate(c), *b = pgp_curve_generate(c);
		uint8_t secret[X25519_SIZE], own[X25519_SIZE], peer[PGP_CURVE_POINT_MAX],
			want[PGP_CURVE_SECRET_MAX], got[X25519_SIZE];
		size_t n = X25519_SIZE;

		assert_int_equal(EVP_PKEY_get_raw_private_key(a, secret, &n), 1);
		pgp_curve_point(a, peer);
		x25519_public(secret, own);
		assert_memory_equal(own, peer, X25519_SIZE);
		pgp_curve_point(b, peer);
		assert_int_equal(pgp_curve_agree(a, b, want), X25519_SIZE);
		assert_true(x25519_agree(secret, peer, got));
		assert_memory_equal(got, want, X25519_SIZE);
		EVP_PKEY_free(a);
		EVP_PKEY_free(b);
	}
}

static void
points_of_small_order_agree_on_nothing(void **state)
{
	static const uint8_t zero[X25519_SIZE] = {0}, one[X25519_SIZE] = {1};
	uint8_t secret[X25519_SIZE] = {7}, shared[X25519_SIZE];

	(void)state;
	assert_false(x25519_agree(secret, zero, shared));
	assert_false(x25519_agree(secret, one, shared));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agreeing_again_and_again_ends_where_the_rfc_says),
		cmocka_unit_test(it_agrees_with_openssl),
		cmocka_unit_test(points_of_small_order_agree_on_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
