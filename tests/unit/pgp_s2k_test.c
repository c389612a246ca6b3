#include "crypto/pgp_s2k.h"

#include <argon2.h>
#include <dlfcn.h>

#include "crypto/pgp_algorithm.h"
#include "tests/pgp_world.h"

#define SALT "saltsalt"
#define SALT_16 "saltsaltsaltsalt"

static void
a_specifier_is_read_whole_or_not_at_all(void **state)
{
	static const struct slice rows[] = {
		SLICE_LIT("\x00\x08"),
		SLICE_LIT("\x01\x02" SALT),
		SLICE_LIT("\x03\x0a" SALT "\x60"),
		SLICE_LIT("\x04" SALT_16 "\x03\x04\x10"),
	};
	struct pgp_s2k s;
	struct buf b;

	(void)state;
	buf_init(&b, 64);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct slice rest;

		for (size_t n = 0; n < rows[i].n; n++) {
			rest = slice_cut(rows[i], 0, n);
			assert_int_equal(pgp_s2k_take(&rest, &s), ERR_SYNTAX);
		}
		buf_clear(&b);
		buf_put_slice(&b, rows[i]);
		buf_put_u8(&b, 'x');
		rest = buf_slice(&b);
		assert_int_equal(pgp_s2k_take(&rest, &s), ERR_OK);
		assert_slice(rest, "x");
		buf_clear(&b);
		pgp_s2k_put(&s, &b);
		assert_true(slice_eq(buf_slice(&b), rows[i]));
	}
	buf_fini(&b);
}

static enum err
take(const char *octets, size_t n)
{
	struct slice rest = slice_of(octets, n);
	struct pgp_s2k s;

	return pgp_s2k_take(&rest, &s);
}

static void
what_is_not_ours_is_told_from_what_cannot_be(void **state)
{
	(void)state;
	assert_int_equal(take("\x02\x08", 2), ERR_UNSUPPORTED);
	assert_int_equal(take("\x05\x08" SALT SALT SALT, 26), ERR_UNSUPPORTED);
	assert_int_equal(take("\x00\x63", 2), ERR_UNSUPPORTED);
	assert_int_equal(take("\x65\x00GNU\x01", 6), ERR_NOT_FOUND);
	assert_int_equal(take("\x65", 1), ERR_SYNTAX);
}

static enum err
take_argon2(uint8_t passes, uint8_t lanes, uint8_t memory)
{
	char octets[20] = "\x04" SALT_16;

	octets[17] = (char)passes;
	octets[18] = (char)lanes;
	octets[19] = (char)memory;
	return take(octets, sizeof octets);
}

static void
argon2_has_limits(void **state)
{
	(void)state;
	assert_int_equal(take_argon2(0, 1, 16), ERR_SYNTAX);
	assert_int_equal(take_argon2(1, 0, 16), ERR_SYNTAX);
	assert_int_equal(take_argon2(1, 1, 2), ERR_SYNTAX);
	assert_int_equal(take_argon2(1, 1, 3), ERR_OK);
	assert_int_equal(take_argon2(1, 4, 4), ERR_SYNTAX);
	assert_int_equal(take_argon2(1, 4, 5), ERR_OK);
	assert_int_equal(take_argon2(1, 5, 5), ERR_SYNTAX);
	assert_int_equal(take_argon2(1, 255, 10), ERR_SYNTAX);
	assert_int_equal(take_argon2(1, 255, 11), ERR_OK);
	assert_int_equal(take_argon2(1, 4, PGP_S2K_MEMORY_MAX), ERR_OK);
	assert_int_equal(take_argon2(2, 4, PGP_S2K_MEMORY_MAX), ERR_OK);
	assert_int_equal(take_argon2(3, 4, PGP_S2K_MEMORY_MAX), ERR_LIMIT);
	assert_int_equal(take_argon2(1, 4, PGP_S2K_MEMORY_MAX + 1), ERR_LIMIT);
	assert_int_equal(take_argon2(255, 4, 14), ERR_OK);
	assert_int_equal(take_argon2(255, 4, 15), ERR_LIMIT);
	assert_int_equal(take_argon2(1, 4, 31), ERR_LIMIT);
	assert_int_equal(take_argon2(1, 4, 32), ERR_SYNTAX);
}

/* The definition, octet by octet: zeros, then salt and password again and again. */
static void
naive(uint8_t hash, size_t zeros, struct slice once, size_t total, uint8_t *digest)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	assert_int_equal(EVP_DigestInit_ex2(ctx, pgp_algorithm_md(hash), NULL), 1);
	while (zeros--)
		EVP_DigestUpdate(ctx, "", 1);
	for (size_t i = 0; i < total; i++)
		EVP_DigestUpdate(ctx, once.p + i % once.n, 1);
	assert_int_equal(EVP_DigestFinal_ex(ctx, digest, NULL), 1);
	EVP_MD_CTX_free(ctx);
}

static void
hashed_keys_are_as_the_rfc_defines_them(void **state)
{
	static const struct {
		uint8_t kind, count;
		struct slice once;
		size_t octets;
	} rows[] = {
		{PGP_S2K_SIMPLE, 0, SLICE_LIT("word"), 4},
		{PGP_S2K_SALTED, 0, SLICE_LIT(SALT "word"), 12},
		{PGP_S2K_ITERATED, 0x00, SLICE_LIT(SALT "word"), 1024},
		{PGP_S2K_ITERATED, 0x60, SLICE_LIT(SALT "word"), 65536},
		{PGP_S2K_ITERATED, 0x6f, SLICE_LIT(SALT "word"), 126976},
	};
	struct pgp_s2k s = {.salt = SALT};
	uint8_t key[64], want[3 * PGP_DIGEST_MAX];

	(void)state;
	for (size_t i = 0; i < 3 * sizeof rows / sizeof *rows; i++) {
		size_t r = i / 3, size;

		s.kind = rows[r].kind;
		s.count = rows[r].count;
		s.hash = i % 3 == 0 ? PGP_SHA1 : i % 3 == 1 ? PGP_SHA256 : PGP_MD5;
		size = pgp_algorithm_hash_size(s.hash);
		for (size_t part = 0; part < 3; part++)
			naive(s.hash, part, rows[r].once, rows[r].octets, want + part * size);
		for (size_t n = 16; n <= 3 * size && n <= 32; n += 8) {
			assert_int_equal(pgp_s2k_key(&s, SLICE_LIT("word"), key, n), ERR_OK);
			assert_memory_equal(key, want, n);
		}
	}
}

static void
a_password_longer_than_the_count_is_hashed_once(void **state)
{
	static uint8_t once[8 + PGP_S2K_PASSWORD_MAX] = SALT;
	struct pgp_s2k s = {.kind = PGP_S2K_ITERATED, .hash = PGP_SHA256, .salt = SALT};
	uint8_t key[32], want[32];

	(void)state;
	memset(once + 8, 'w', PGP_S2K_PASSWORD_MAX);
	naive(PGP_SHA256, 0, slice_of(once, sizeof once), sizeof once, want);
	assert_int_equal(
		pgp_s2k_key(&s, slice_of(once + 8, PGP_S2K_PASSWORD_MAX), key, 32), ERR_OK);
	assert_memory_equal(key, want, 32);
}

static void
no_password_is_one_too(void **state)
{
	struct pgp_s2k s = {.kind = PGP_S2K_SIMPLE, .hash = PGP_SHA256};
	uint8_t key[32], want[32];

	(void)state;
	naive(PGP_SHA256, 0, SLICE_LIT("x"), 0, want);
	assert_int_equal(pgp_s2k_key(&s, SLICE_EMPTY, key, 32), ERR_OK);
	assert_memory_equal(key, want, 32);
	s.kind = PGP_S2K_ARGON2;
	s.passes = s.lanes = 1;
	s.memory = 3;
	assert_int_equal(pgp_s2k_key(&s, SLICE_EMPTY, key, 32), ERR_OK);
}

static bool has_no_memory;

/* Stands before the library's. */
int
argon2id_ctx(argon2_context *q)
{
	if (has_no_memory)
		return ARGON2_MEMORY_ALLOCATION_ERROR;
	return ((__typeof__(&argon2id_ctx))dlsym(RTLD_NEXT, "argon2id_ctx"))(q);
}

static void
where_there_is_no_memory_for_it_a_key_is_over_a_limit(void **state)
{
	struct pgp_s2k s = {.kind = PGP_S2K_ARGON2, .passes = 1, .lanes = 1, .memory = 3};
	uint8_t key[32];

	(void)state;
	has_no_memory = true;
	assert_int_equal(pgp_s2k_key(&s, SLICE_LIT("word"), key, 32), ERR_LIMIT);
	has_no_memory = false;
	assert_int_equal(pgp_s2k_key(&s, SLICE_LIT("word"), key, 32), ERR_OK);
}

static void
our_own_can_be_read_and_have_another_salt_each(void **state)
{
	static const uint8_t kinds[] = {PGP_S2K_ITERATED, PGP_S2K_ARGON2};
	struct pgp_s2k a, b, read;
	struct slice rest;
	struct buf out;

	(void)state;
	buf_init(&out, 64);
	for (size_t i = 0; i < 2; i++) {
		pgp_s2k_choose(kinds[i], &a);
		pgp_s2k_choose(kinds[i], &b);
		assert_memory_not_equal(a.salt, b.salt, 8);
		buf_clear(&out);
		pgp_s2k_put(&a, &out);
		rest = buf_slice(&out);
		assert_int_equal(pgp_s2k_take(&rest, &read), ERR_OK);
		assert_int_equal(rest.n, 0);
	}
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_specifier_is_read_whole_or_not_at_all),
		cmocka_unit_test(what_is_not_ours_is_told_from_what_cannot_be),
		cmocka_unit_test(argon2_has_limits),
		cmocka_unit_test(hashed_keys_are_as_the_rfc_defines_them),
		cmocka_unit_test(a_password_longer_than_the_count_is_hashed_once),
		cmocka_unit_test(no_password_is_one_too),
		cmocka_unit_test(where_there_is_no_memory_for_it_a_key_is_over_a_limit),
		cmocka_unit_test(our_own_can_be_read_and_have_another_salt_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
