#include "crypto/pgp_skesk.h"

#include "crypto/pgp_algorithm.h"
#include "tests/pgp_world.h"

/* RFC 9580 appendix A.9.1 and A.11.1; draft-koch-openpgp-2015-rfc4880bis appendix A.3 for
 * version 5: with "password", and the session keys that they name. */
static const struct {
	const char *body, *key;
} samples[] = {
	{"061e07010b0308a5ae579d1fc5d82bff69224f919993b3506fa3b59a6a73cff8"
	 "c5efc5f41c57fb54e1c226815d7828f5f92c454eb65ebe00ab5986c68e6e7c55",
		"3881bafe985412459b86c36f98cb9a5e"},
	{"061a07030b0308e9d39785b2070008ffb42e7c483ef4884457cb3726b9b3db9f"
	 "f776e5f4d9a40952e2447298851abfff7526df2dd554417579a7799f",
		"1936fc8568980274bb900d8319360c77"},
	{"0507010308cd5a9f70fbe0bc6590bc669e34e500dcaedc5b32aa2dab02359dee"
	 "19d07c3446c4312a34ae1967a2fb7e928ea5b4fa8012bd456d1738c63c36",
		"86f1efb86952329f24acd3bfd0e5346d"},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

static size_t
sample(size_t i, uint8_t body[80])
{
	size_t n = strlen(samples[i].body) / 2;

	pgp_world_hex(samples[i].body, body, n);
	return n;
}

static void
the_samples_give_their_session_keys(void **state)
{
	struct pgp_session session;
	uint8_t body[80], want[16];

	(void)state;
	for (size_t i = 0; i < SAMPLES; i++) {
		size_t n = sample(i, body);

		pgp_world_hex(samples[i].key, want, 16);
		assert_int_equal(
			pgp_skesk_open(slice_of(body, n), SLICE_LIT("password"), &session),
			ERR_OK);
		assert_int_equal(session.n, 16);
		assert_int_equal(session.cipher, 0);
		assert_memory_equal(session.key, want, 16);
	}
}

static void
what_was_changed_or_cut_is_refused(void **state)
{
	struct slice word = SLICE_LIT("password");
	struct pgp_session session;
	uint8_t body[80];

	(void)state;
	for (size_t i = 0; i < SAMPLES; i++) {
		size_t n = sample(i, body);

		for (size_t at = 0; at < n; at += 3) {
			enum err e;

			/* Of the count, only a lower one: a higher one takes long. */
			body[at] ^= body[at] == 0x08 ? 2 : body[at] & 1 ? 1 : 0x80;
			e = pgp_skesk_open(slice_of(body, n), word, &session);
			assert_true(e == ERR_AUTH || e == ERR_SYNTAX || e == ERR_UNSUPPORTED);
			sample(i, body);
			e = pgp_skesk_open(slice_of(body, at), word, &session);
			assert_true(e == ERR_AUTH || e == ERR_SYNTAX);
		}
		assert_int_equal(
			pgp_skesk_open(slice_of(body, n), SLICE_LIT("Password"), &session),
			ERR_AUTH);
		assert_int_equal(
			pgp_skesk_open(slice_of(body, n), SLICE_EMPTY, &session), ERR_AUTH);
	}
}

static void
our_own_open_with_their_password_alone(void **state)
{
	static const uint8_t ciphers[] = {PGP_AES128, PGP_AES192, PGP_AES256};
	struct slice word = SLICE_LIT("two words");
	struct pgp_session session, got;
	struct buf b;
	enum err e;

	(void)state;
	buf_init(&b, PGP_SKESK_BODY_MAX);
	for (size_t i = 0; i < 6; i++) {
		uint8_t version = i < 3 ? 4 : 6;

		session.cipher = ciphers[i % 3];
		session.n = pgp_algorithm_key_size(session.cipher);
		memset(session.key, (int)(i + 1), session.n);
		buf_clear(&b);
		pgp_skesk_make(version, word, &session, &b);
		assert_int_equal(pgp_skesk_open(buf_slice(&b), word, &got), ERR_OK);
		assert_int_equal(got.n, session.n);
		assert_memory_equal(got.key, session.key, session.n);
		assert_int_equal(got.cipher, version == 4 ? session.cipher : 0);
		e = pgp_skesk_open(buf_slice(&b), SLICE_LIT("two word"), &got);
		if (version == 6)
			assert_int_equal(e, ERR_AUTH);
		if (!e)
			assert_memory_not_equal(got.key, session.key, session.n);
	}
	buf_fini(&b);
}

static void
limits_have_two_sides(void **state)
{
	static const uint8_t longer[PGP_SKESK_BODY_MAX + 1] = {4, PGP_AES128, 0, PGP_SHA256};
	static const uint8_t word[1025] = "w";
	struct pgp_session session;
	uint8_t v4[4 + 34] = {4, PGP_AES128, 0, PGP_SHA256};

	(void)state;
	assert_int_equal(pgp_skesk_open(SLICE_EMPTY, SLICE_LIT("w"), &session), ERR_SYNTAX);
	assert_int_equal(
		pgp_skesk_open(slice_of(longer, sizeof longer), SLICE_LIT("w"), &session),
		ERR_SYNTAX);
	assert_int_equal(
		pgp_skesk_open(slice_of(v4, 4), slice_of(word, 1024), &session), ERR_OK);
	assert_int_equal(session.cipher, PGP_AES128);
	assert_int_equal(
		pgp_skesk_open(slice_of(v4, 4), slice_of(word, 1025), &session), ERR_AUTH);
	/* A cipher and a key: 33 octets at most. */
	assert_int_not_equal(
		pgp_skesk_open(slice_of(v4, 4 + 33), SLICE_LIT("w"), &session), ERR_SYNTAX);
	assert_int_equal(
		pgp_skesk_open(slice_of(v4, 4 + 34), SLICE_LIT("w"), &session), ERR_SYNTAX);
}

static void
what_is_not_ours_is_unsupported(void **state)
{
	static const struct slice rows[] = {SLICE_LIT("\3\7\0\10"), SLICE_LIT("\7\7\0\10"),
		SLICE_LIT("\4\3\0\10"), SLICE_LIT("\4\7\0\143"), SLICE_LIT("\4\7\2\10"),
		SLICE_LIT("\4\7\145\0GNU\1")};
	struct pgp_session session;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(
			pgp_skesk_open(rows[i], SLICE_LIT("w"), &session), ERR_UNSUPPORTED);
}

static void
a_cipher_without_a_key_is_no_session_key(void **state)
{
	struct pgp_session session;
	uint8_t body[] = {4, PGP_AES128, 0, PGP_SHA256, 0};

	(void)state;
	do {
		assert_int_equal(
			pgp_skesk_open(slice_of(body, sizeof body), SLICE_LIT("w"), &session),
			ERR_AUTH);
	} while (++body[4]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_samples_give_their_session_keys),
		cmocka_unit_test(what_was_changed_or_cut_is_refused),
		cmocka_unit_test(our_own_open_with_their_password_alone),
		cmocka_unit_test(limits_have_two_sides),
		cmocka_unit_test(what_is_not_ours_is_unsupported),
		cmocka_unit_test(a_cipher_without_a_key_is_no_session_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
