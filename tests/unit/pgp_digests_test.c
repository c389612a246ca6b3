#include "crypto/pgp_digests.h"

#include <stdlib.h>

#include "core/must.h"
#include "tests/test.h"

enum { LONG = 30000 };

static const struct pgp_digests_kind binary = {.hash = PGP_SHA256},
				     lines = {.hash = PGP_SHA256, .is_text = true};

static struct slice
hash_of(struct pgp_digests *d, size_t which, uint8_t *digest)
{
	struct pgp_sig_hash h;

	pgp_digests_take(d, which, &h);
	return pgp_sig_hash_finish(&h, 4, SLICE_LIT("\4\0"), digest);
}

/* As it is, octet by octet. */
static struct slice
expected(struct slice text, bool is_text, uint8_t *digest)
{
	struct pgp_sig_hash h;

	assert_int_equal(pgp_sig_hash_begin(&h, PGP_SHA256, SLICE_EMPTY, false), ERR_OK);
	for (size_t i = 0; i < text.n; i++) {
		bool has_cr = i > 0 && text.p[i - 1] == '\r';

		if (is_text && text.p[i] == '\n' && !has_cr)
			pgp_sig_hash_feed(&h, SLICE_LIT("\r"));
		pgp_sig_hash_feed(&h, slice_cut(text, i, i + 1));
	}
	return pgp_sig_hash_finish(&h, 4, SLICE_LIT("\4\0"), digest);
}

static void
expect_hashed(struct slice text, size_t piece)
{
	static struct pgp_digests d;
	uint8_t a[PGP_DIGEST_MAX], b[PGP_DIGEST_MAX];
	size_t which[2];

	assert_int_equal(pgp_digests_add(&d, &binary, &which[0]), ERR_OK);
	assert_int_equal(pgp_digests_add(&d, &lines, &which[1]), ERR_OK);
	for (struct slice s = text; s.n; s = slice_from(s, piece))
		pgp_digests_feed(&d, slice_cut(s, 0, piece));
	for (size_t i = 0; i < 2; i++)
		assert_true(slice_eq(hash_of(&d, which[i], a), expected(text, i, b)));
	/* Any number of times. */
	assert_true(slice_eq(hash_of(&d, which[1], a), expected(text, true, b)));
	pgp_digests_fini(&d);
}

static void
a_text_in_any_pieces_is_hashed_as_a_whole(void **state)
{
	static const size_t pieces[] = {1, 7, PGP_DIGESTS_HELD - 1, PGP_DIGESTS_HELD,
		PGP_DIGESTS_HELD + 1, 8190, 8191, LONG};
	static const char *const ends[] = {"", "\n", "\r", "\r\n", "x\n", "\r\n\n", "\n\r"};
	uint8_t *text = must_alloc(LONG);

	(void)state;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		size_t n = strlen(ends[i]);

		for (size_t k = 0; k < LONG; k++)
			text[k] = n ? (uint8_t)ends[i][k % n] : 'x';
		for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++)
			expect_hashed(slice_of(text, LONG), pieces[k]);
		/* A line's end at each place round the border of a piece. */
		for (size_t k = 8180; k < 8200; k++) {
			memset(text, 'x', LONG);
			memcpy(text + k, ends[i], n);
			expect_hashed(slice_of(text, LONG), LONG);
		}
	}
	expect_hashed(SLICE_EMPTY, 1);
	free(text);
}

static void
a_kind_is_hashed_once_and_so_many_are(void **state)
{
	static struct pgp_digests d;
	uint8_t salt[PGP_DIGESTS_MAX + 1];
	size_t which, again;

	(void)state;
	for (size_t i = 0; i <= PGP_DIGESTS_MAX; i++) {
		struct pgp_digests_kind kind = {.hash = PGP_SHA512, .salt = {&salt[i], 1}};

		salt[i] = (uint8_t)i;
		if (i == PGP_DIGESTS_MAX) {
			assert_int_equal(pgp_digests_add(&d, &kind, &which), ERR_LIMIT);
			break;
		}
		assert_int_equal(pgp_digests_add(&d, &kind, &which), ERR_OK);
		assert_int_equal(which, i);
		assert_int_equal(pgp_digests_add(&d, &kind, &again), ERR_OK);
		assert_int_equal(again, i);
	}
	assert_int_equal(d.n, PGP_DIGESTS_MAX);
	pgp_digests_fini(&d);
	assert_int_equal(pgp_digests_add(&d, &(struct pgp_digests_kind){.hash = 99}, &which),
		ERR_UNSUPPORTED);
	assert_int_equal(d.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_in_any_pieces_is_hashed_as_a_whole),
		cmocka_unit_test(a_kind_is_hashed_once_and_so_many_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
