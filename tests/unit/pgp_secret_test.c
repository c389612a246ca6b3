#include "crypto/pgp_secret.h"

#include <openssl/bn.h>

#include "crypto/pgp_algorithm.h"
#include "crypto/pgp_block.h"
#include "crypto/pgp_public_inner.h"
#include "crypto/pgp_s2k.h"
#include "tests/pgp_world.h"

static const char *const gnupg[] = {
	"rsa", "p256", "p384", "p521", "bp256", "bp384", "bp512", "ed25519"};
enum { KINDS = sizeof gnupg / sizeof *gnupg };

static void
read_secret(const char *name, bool is_sub, struct pgp_secret *s)
{
	uint8_t tag = is_sub ? PGP_TAG_SECRET_SUBKEY : PGP_TAG_SECRET_KEY;
	struct buf b;

	buf_init(&b, PGP_WORLD_MAX);
	pgp_world_file(name, ".key", &b);
	assert_int_equal(
		pgp_secret_parse(tag, pgp_world_find(buf_slice(&b), tag, 0), SLICE_EMPTY, s),
		ERR_OK);
	buf_fini(&b);
}

static const struct pgp_secret_kind kinds[] = {
	{4, PGP_RSA, 1700000000, 2048, NULL},
	{6, PGP_RSA, 1700000000, 2048, NULL},
	{4, PGP_ECDSA, 1700000000, 0, "P-256"},
	{6, PGP_ECDSA, 1700000000, 0, "P-384"},
	{4, PGP_ECDSA, 1700000000, 0, "P-521"},
	{4, PGP_ECDSA, 1700000000, 0, "brainpoolP256r1"},
	{4, PGP_ECDH, 1700000000, 0, "P-256"},
	{6, PGP_ECDH, 1700000000, 0, "P-384"},
	{4, PGP_ECDH, 1700000000, 0, "P-521"},
	{4, PGP_ECDH, 1700000000, 0, "brainpoolP512r1"},
	{4, PGP_ECDH, 1700000000, 0, "Curve25519"},
	{4, PGP_EDDSA_LEGACY, 1700000000, 0, NULL},
	{4, PGP_ED25519, 1700000000, 0, NULL},
	{6, PGP_ED25519, 1700000000, 0, NULL},
	{6, PGP_ED448, 1700000000, 0, NULL},
	{4, PGP_X25519, 1700000000, 0, NULL},
	{6, PGP_X25519, 1700000000, 0, NULL},
	{6, PGP_X448, 1700000000, 0, NULL},
};
enum { NEW = sizeof kinds / sizeof *kinds };
static struct pgp_secret made[NEW];

static int
make_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < NEW; i++)
		assert_int_equal(pgp_secret_generate(&kinds[i], &made[i]), ERR_OK);
	return 0;
}

static int
forget_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < NEW; i++)
		pgp_secret_fini(&made[i]);
	return 0;
}

/* --- using ------------------------------------------------------------------------------- */

static void
sign_and_verify(const struct pgp_secret *s)
{
	static const uint8_t hashes[] = {PGP_SHA256, PGP_SHA384, PGP_SHA512, PGP_SHA224,
		PGP_SHA3_256, PGP_SHA3_512, PGP_SHA1};
	uint8_t digest[PGP_DIGEST_MAX];
	struct buf b;

	buf_init(&b, PGP_PUBLIC_FIELDS_MAX);
	memset(digest, 0x5c, sizeof digest);
	for (size_t i = 0; i < sizeof hashes; i++) {
		size_t n = pgp_algorithm_hash_size(hashes[i]);
		struct slice d = slice_of(digest, n);
		bool is_edwards = s->public.algorithm == PGP_ED25519 ||
				  s->public.algorithm == PGP_EDDSA_LEGACY;
		bool is_enough = s->public.algorithm == PGP_ED448 ? n >= 64
				 : is_edwards			  ? n >= 32
								  : true;

		buf_clear(&b);
		assert_int_equal(pgp_secret_sign(s, hashes[i], d, &b),
			is_enough ? ERR_OK : ERR_UNSUPPORTED);
		assert_int_equal(pgp_public_verify(&s->public, hashes[i], d, buf_slice(&b)),
			is_enough ? ERR_OK : ERR_CRYPTO);
		if (!is_enough)
			continue;
		digest[1] ^= 4;
		assert_int_equal(
			pgp_public_verify(&s->public, hashes[i], d, buf_slice(&b)), ERR_CRYPTO);
		digest[1] ^= 4;
	}
	assert_int_equal(
		pgp_secret_sign(s, PGP_SHA256, slice_of(digest, 31), &b), ERR_UNSUPPORTED);
	assert_int_equal(pgp_secret_sign(s, 99, slice_of(digest, 32), &b), ERR_UNSUPPORTED);
	buf_fini(&b);
}

static bool
is_same(const struct pgp_session *a, const struct pgp_session *b)
{
	return a->cipher == b->cipher && a->n == b->n && memcmp(a->key, b->key, a->n) == 0;
}

/* Whatever is changed, there is a session key, always the same, and not the one. */
static void
unwrap_changed(const struct pgp_secret *s, uint8_t version, struct slice fields,
	const struct pgp_session *right)
{
	uint8_t wrong[PGP_PUBLIC_FIELDS_MAX + 1] = {0};
	struct pgp_session got, again;

	memcpy(wrong, fields.p, fields.n);
	for (size_t i = 0; i < fields.n; i += 1 + fields.n / 80) {
		wrong[i] ^= 0x08;
		assert_int_equal(
			pgp_secret_unwrap(s, version, slice_of(wrong, fields.n), &got), ERR_OK);
		assert_int_equal(
			pgp_secret_unwrap(s, version, slice_of(wrong, fields.n), &again),
			ERR_OK);
		assert_true(is_same(&got, &again));
		assert_false(is_same(&got, right));
		assert_int_equal(got.n, 32);
		wrong[i] ^= 0x08;
	}
	for (size_t n = 0; n < fields.n; n += 1 + fields.n / 80) {
		assert_int_equal(
			pgp_secret_unwrap(s, version, slice_of(wrong, n), &got), ERR_OK);
		assert_false(is_same(&got, right));
	}
	assert_int_equal(
		pgp_secret_unwrap(s, version, slice_of(wrong, fields.n + 1), &got), ERR_OK);
	assert_false(is_same(&got, right));
}

static void
wrap_and_unwrap(const struct pgp_secret *s)
{
	static const uint8_t ciphers[] = {PGP_AES128, PGP_AES192, PGP_AES256};
	struct pgp_session session = {0}, got;
	struct buf b;

	buf_init(&b, PGP_PUBLIC_FIELDS_MAX);
	for (size_t i = 0; i < 6; i++) {
		uint8_t version = i < 3 ? 3 : 6;

		session.cipher = ciphers[i % 3];
		session.n = pgp_algorithm_key_size(session.cipher);
		memset(session.key, (int)(0x80 + i), session.n);
		buf_clear(&b);
		assert_int_equal(pgp_public_wrap(&s->public, version, &session, &b), ERR_OK);
		assert_int_equal(pgp_secret_unwrap(s, version, buf_slice(&b), &got), ERR_OK);
		if (version == 6)
			session.cipher = 0;
		assert_true(is_same(&got, &session));
		unwrap_changed(s, version, buf_slice(&b), &session);
		/* What was wrapped for one version isn't the other's. */
		assert_int_equal(
			pgp_secret_unwrap(s, version ^ 5, buf_slice(&b), &got), ERR_OK);
		assert_false(is_same(&got, &session));
	}
	buf_fini(&b);
}

static void
use(const struct pgp_secret *s)
{
	struct pgp_session session;
	struct buf b;

	buf_init(&b, PGP_PUBLIC_FIELDS_MAX);
	if (s->public.may_sign) {
		sign_and_verify(s);
	} else {
		assert_int_equal(pgp_secret_sign(s, PGP_SHA256,
					 SLICE_LIT("01234567890123456789012345678901"), &b),
			ERR_UNSUPPORTED);
		assert_int_equal(b.n, 0);
	}
	if (s->public.may_encrypt) {
		wrap_and_unwrap(s);
	} else {
		assert_int_equal(
			pgp_secret_unwrap(s, 3, SLICE_LIT("x"), &session), ERR_UNSUPPORTED);
	}
	buf_fini(&b);
}

static void
keys_of_gnupg_are_used(void **state)
{
	struct pgp_secret s;

	(void)state;
	for (size_t i = 0; i < 2 * KINDS; i++) {
		read_secret(gnupg[i / 2], i % 2, &s);
		assert_false(s.was_locked);
		use(&s);
		pgp_secret_fini(&s);
	}
}

static void
new_keys_of_each_kind_are_used(void **state)
{
	(void)state;
	for (size_t i = 0; i < NEW; i++)
		use(&made[i]);
}

/* Numbers lose their leading zeros: one in 128 signatures has some. */
static void
signatures_with_short_numbers_are_verified(void **state)
{
	static const size_t some[] = {0, 2, 4, 11};
	uint8_t digest[32] = {0};
	size_t lengths[4] = {0}, longest, shorter = 0;
	struct buf b;

	(void)state;
	buf_init(&b, PGP_PUBLIC_FIELDS_MAX);
	for (size_t i = 0; i < 4; i++) {
		longest = 0;
		for (size_t round = 0; round < (i == 0 ? 20 : 700); round++) {
			digest[0] = (uint8_t)round;
			digest[1] = (uint8_t)(round >> 8);
			buf_clear(&b);
			assert_int_equal(pgp_secret_sign(&made[some[i]], PGP_SHA256,
						 slice_of(digest, sizeof digest), &b),
				ERR_OK);
			assert_int_equal(
				pgp_public_verify(&made[some[i]].public, PGP_SHA256,
					slice_of(digest, sizeof digest), buf_slice(&b)),
				ERR_OK);
			longest = b.n > longest ? b.n : longest;
			shorter += b.n < longest;
		}
		lengths[i] = longest;
	}
	assert_int_equal(lengths[0], 2 + 256);
	assert_int_equal(lengths[1], 2 * (2 + 32));
	assert_int_equal(lengths[2], 2 * (2 + 66));
	assert_int_equal(lengths[3], 2 * (2 + 32));
	assert_true(shorter > 0);
	buf_fini(&b);
}

static void
a_key_of_another_version_of_pkesk_is_unsupported(void **state)
{
	struct pgp_session session;

	(void)state;
	for (size_t i = 0; i < NEW; i++)
		assert_int_equal(pgp_secret_unwrap(&made[i], 2, SLICE_LIT("abc"), &session),
			ERR_UNSUPPORTED);
}

static void
keys_that_we_do_not_use_are_kept(void **state)
{
	struct pgp_session session;
	struct pgp_secret s, again;
	struct buf b, fields;

	(void)state;
	buf_init(&b, PGP_SECRET_BODY_MAX);
	buf_init(&fields, PGP_PUBLIC_FIELDS_MAX);
	for (size_t i = 0; i < 2; i++) {
		uint8_t tag = i ? PGP_TAG_SECRET_SUBKEY : PGP_TAG_SECRET_KEY;

		read_secret("dsa", i, &s);
		assert_int_equal(
			pgp_secret_unwrap(&s, 3, SLICE_LIT("abc"), &session), ERR_UNSUPPORTED);
		assert_int_equal(
			pgp_secret_sign(&s, PGP_SHA256,
				SLICE_LIT("01234567890123456789012345678901"), &fields),
			ERR_UNSUPPORTED);
		buf_clear(&b);
		pgp_secret_put(&s, tag, SLICE_LIT("new"), &b);
		assert_int_equal(
			pgp_secret_parse(tag, buf_slice(&b), SLICE_LIT("new"), &again), ERR_OK);
		pgp_secret_fini(&again);
		pgp_secret_fini(&s);
	}
	buf_fini(&fields);
	buf_fini(&b);
}

static void
a_ring_finds_its_keys(void **state)
{
	const struct pgp_secret *some[] = {&made[0], &made[13], &made[16]};
	struct pgp_secret_ring ring = {some, 3};
	struct pgp_private private = pgp_secret_private(&ring);
	struct pgp_session session = {PGP_AES128, 16, "0123456789abcde"}, got;
	struct slice digest = SLICE_LIT("01234567890123456789012345678901");
	struct buf b;

	(void)state;
	buf_init(&b, PGP_PUBLIC_FIELDS_MAX);
	assert_int_equal(pgp_public_wrap(&made[16].public, 3, &session, &b), ERR_OK);
	assert_int_equal(
		private.unwrap(private.arg, &made[16].public, 3, buf_slice(&b), &got), ERR_OK);
	assert_true(is_same(&got, &session));
	assert_int_equal(private.unwrap(private.arg, &made[15].public, 3, buf_slice(&b), &got),
		ERR_NOT_FOUND);
	buf_clear(&b);
	assert_int_equal(
		private.sign(private.arg, &made[13].public, PGP_SHA256, digest, &b), ERR_OK);
	assert_int_equal(
		pgp_public_verify(&made[13].public, PGP_SHA256, digest, buf_slice(&b)), ERR_OK);
	assert_int_equal(private.sign(private.arg, &made[12].public, PGP_SHA256, digest, &b),
		ERR_NOT_FOUND);
	buf_fini(&b);
}

/* --- RSA's padding ----------------------------------------------------------------------- */

/* What a text must be, octet by octet, with the padding as it should be and not. */
static enum err
wrap_text(const struct pgp_public *k, struct slice em, struct buf *fields)
{
	BIGNUM *n = BN_bin2bn(k->body.p + 8, 256, NULL), *e = BN_new(),
	       *m = BN_bin2bn(em.p, (int)em.n, NULL);
	BN_CTX *ctx = BN_CTX_new();
	uint8_t number[256];

	assert_int_equal(BN_set_word(e, 65537), 1);
	assert_int_equal(BN_mod_exp(m, m, e, n, ctx), 1);
	assert_int_equal(BN_bn2binpad(m, number, sizeof number), sizeof number);
	pgp_world_put_mpi(slice_of(number, sizeof number), fields);
	BN_free(n);
	BN_free(e);
	BN_free(m);
	BN_CTX_free(ctx);
	return ERR_OK;
}

/* 00 02 PS 00 cipher key sum */
static void
make_em(uint8_t em[256], uint8_t cipher, size_t key_size)
{
	size_t at = 256 - key_size - 3;
	unsigned sum = 0;

	memset(em, 0x77, 256);
	em[0] = 0;
	em[1] = 2;
	em[at - 1] = 0;
	em[at] = cipher;
	for (size_t i = 0; i < key_size; i++) {
		em[at + 1 + i] = (uint8_t)(i + 1);
		sum += em[at + 1 + i];
	}
	em[254] = (uint8_t)(sum >> 8);
	em[255] = (uint8_t)sum;
}

static bool
opens(const uint8_t em[256], struct pgp_session *got)
{
	struct buf b;

	buf_init(&b, PGP_PUBLIC_FIELDS_MAX);
	wrap_text(&made[0].public, slice_of(em, 256), &b);
	assert_int_equal(pgp_secret_unwrap(&made[0], 3, buf_slice(&b), got), ERR_OK);
	buf_fini(&b);
	return got->key[0] == 1 && got->key[1] == 2;
}

static void
rsas_padding_is_looked_at_to_its_last_octet(void **state)
{
	static const struct {
		uint8_t cipher;
		size_t size;
		bool is_one;
	} rows[] = {{PGP_AES128, 16, true}, {PGP_AES192, 24, true}, {PGP_AES256, 32, true},
		{PGP_3DES, 24, true}, {PGP_CAMELLIA128, 16, true}, {PGP_CAMELLIA256, 32, true},
		{PGP_AES128, 32, false}, {PGP_AES256, 16, false}, {PGP_AES192, 16, false},
		{PGP_PLAINTEXT, 16, false}, {PGP_CAST5, 16, false}, {PGP_TWOFISH, 32, false},
		{99, 32, false}};
	struct pgp_session got;
	uint8_t em[256];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		make_em(em, rows[i].cipher, rows[i].size);
		assert_int_equal(opens(em, &got), rows[i].is_one);
		assert_int_equal(got.n, rows[i].is_one ? rows[i].size : 32);
		assert_int_equal(got.cipher, rows[i].is_one ? rows[i].cipher : PGP_AES256);
	}
	make_em(em, PGP_AES128, 16);
	for (size_t i = 2; i<256; i += i> 230 || i < 12 ? 1 : 20) {
		uint8_t was = em[i];

		/* In PS zeros are wrong, elsewhere what isn't as it should be. */
		em[i] = i < 236 ? 0 : (uint8_t)(was ^ 1);
		assert_false(opens(em, &got));
		em[i] = was;
	}
	em[1] = 1;
	assert_false(opens(em, &got));
	em[1] = 2;
	assert_true(opens(em, &got));
}

/* --- ECDH's text ------------------------------------------------------------------------- */

/* Wraps what a sender may have put there, for the key on P-256. */
static bool
opens_text(struct slice text)
{
	const struct pgp_secret *s = &made[6];
	const struct pgp_curve *curve = pgp_curve_by_name(PGP_ECDH, "P-256");
	uint8_t point[PGP_CURVE_POINT_MAX], shared[PGP_CURVE_SECRET_MAX], wrapped[64],
		kek[PGP_PUBLIC_KEK_MAX];
	EVP_PKEY *own = pgp_curve_generate(curve), *peer;
	size_t n = pgp_curve_point(own, point), n_shared, n_kek;
	struct pgp_session got;
	struct buf fields;

	assert_int_equal(pgp_public_pkey(&s->public, &peer), ERR_OK);
	n_shared = pgp_curve_agree(own, peer, shared);
	n_kek = pgp_public_kek(&s->public, slice_of(point, n), slice_of(shared, n_shared), kek);
	assert_true(pgp_public_run_wrap(slice_of(kek, n_kek), true, text, wrapped));
	buf_init(&fields, PGP_PUBLIC_FIELDS_MAX);
	pgp_public_put_mpi(&fields, slice_of(point, n));
	buf_put_u8(&fields, (uint8_t)(text.n + 8));
	buf_put(&fields, wrapped, text.n + 8);
	assert_int_equal(pgp_secret_unwrap(s, 3, buf_slice(&fields), &got), ERR_OK);
	buf_fini(&fields);
	EVP_PKEY_free(own);
	return got.cipher == PGP_AES128 && got.n == 16 &&
	       memcmp(got.key, "0123456789abcdef", 16) == 0;
}

static void
ecdhs_text_is_padded_and_summed_up(void **state)
{
#define KEY "0123456789abcdef"
	static const struct {
		bool opens;
		struct slice text;
	} rows[] = {
		{true, SLICE_LIT("\7" KEY "\4\142"
				 "\5\5\5\5\5")},
		{true, SLICE_LIT("\7" KEY "\4\142"
				 "\15\15\15\15\15\15\15\15\15\15\15\15\15")},
		{false, SLICE_LIT("\7" KEY "\4\142"
				  "\5\5\4\5\5")},
		{false, SLICE_LIT("\7" KEY "\4\142"
				  "\0\5\5\5\5")},
		{false, SLICE_LIT("\7" KEY "\4\142"
				  "\0\0\0\0\0")},
		{false, SLICE_LIT("\7" KEY "\4\142"
				  "\6\6\6\6\6")},
		{false, SLICE_LIT("\7" KEY "\4\142"
				  "\31\31\31\31\31")},
		{false, SLICE_LIT("\7" KEY "\4\143"
				  "\5\5\5\5\5")},
		{false, SLICE_LIT("\7" KEY "\5\142"
				  "\5\5\5\5\5")},
		{false, SLICE_LIT("\11" KEY "\4\142"
				  "\5\5\5\5\5")},
		{false, SLICE_LIT("\3" KEY "\4\142"
				  "\5\5\5\5\5")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(opens_text(rows[i].text), rows[i].opens);
}

/* RFC 9580 section 11.5, computed here: the hash of a counter, the secret, the curve's OID with
 * its length, the algorithm, the KDF's parameters, a name, and the whole fingerprint. */
static void
ecdhs_kdf_is_that_of_the_rfc(void **state)
{
	static const struct {
		size_t key;
		const char *head, *md;
		size_t head_size, n;
	} rows[] = {
		{6, "\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x12\x03\x01\x08\x07", "SHA256", 14,
			16},
		{7, "\x05\x2b\x81\x04\x00\x22\x12\x03\x01\x09\x08", "SHA384", 11, 24},
	};
	uint8_t kek[PGP_PUBLIC_KEK_MAX], want[PGP_DIGEST_MAX];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct pgp_public *k = &made[rows[i].key].public;
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();

		assert_int_equal(
			EVP_DigestInit_ex(ctx, EVP_get_digestbyname(rows[i].md), NULL), 1);
		EVP_DigestUpdate(ctx, "\0\0\0\1secret", 10);
		EVP_DigestUpdate(ctx, rows[i].head, rows[i].head_size);
		EVP_DigestUpdate(ctx, "Anonymous Sender    ", 20);
		EVP_DigestUpdate(ctx, k->fingerprint, k->version == 6 ? 32 : 20);
		assert_int_equal(EVP_DigestFinal_ex(ctx, want, NULL), 1);
		EVP_MD_CTX_free(ctx);
		assert_int_equal(
			pgp_public_kek(k, SLICE_LIT("unused"), SLICE_LIT("secret"), kek),
			rows[i].n);
		assert_memory_equal(kek, want, rows[i].n);
	}
}

/* --- reading ----------------------------------------------------------------------------- */

static void
a_body_is_read_whole_or_not_at_all(void **state)
{
	struct pgp_secret s;
	struct buf b;

	(void)state;
	buf_init(&b, PGP_SECRET_BODY_MAX);
	for (size_t i = 0; i < NEW; i++) {
		buf_clear(&b);
		pgp_secret_put(&made[i], PGP_TAG_SECRET_KEY, SLICE_EMPTY, &b);
		for (size_t n = 0; n < b.n; n++)
			assert_int_not_equal(pgp_secret_parse(PGP_TAG_SECRET_KEY,
						     slice_of(b.p, n), SLICE_EMPTY, &s),
				ERR_OK);
		buf_put_u8(&b, 0);
		assert_int_not_equal(
			pgp_secret_parse(PGP_TAG_SECRET_KEY, buf_slice(&b), SLICE_EMPTY, &s),
			ERR_OK);
	}
	buf_fini(&b);
}

/* Of version 6, which has no checksum over it: the numbers themselves must belong together. */
static void
a_private_part_of_another_key_is_refused(void **state)
{
	struct pgp_secret s;
	struct buf b;

	(void)state;
	buf_init(&b, PGP_SECRET_BODY_MAX);
	for (size_t i = 0; i < NEW; i++) {
		size_t public = made[i].public.body.n;

		if (kinds[i].version != 6)
			continue;
		buf_clear(&b);
		pgp_secret_put(&made[i], PGP_TAG_SECRET_KEY, SLICE_EMPTY, &b);
		for (size_t at = public + 3; at < b.n - 1; at += 1 + b.n / 50) {
			b.p[at] ^= 0x40;
			assert_int_not_equal(pgp_secret_parse(PGP_TAG_SECRET_KEY, buf_slice(&b),
						     SLICE_EMPTY, &s),
				ERR_OK);
			b.p[at] ^= 0x40;
		}
		b.p[public - 4] ^= 1;
		assert_int_not_equal(
			pgp_secret_parse(PGP_TAG_SECRET_KEY, buf_slice(&b), SLICE_EMPTY, &s),
			ERR_OK);
	}
	buf_fini(&b);
}

static void
a_changed_body_of_version_4_fails_its_checksum(void **state)
{
	struct pgp_secret s;
	struct buf b;

	(void)state;
	buf_init(&b, PGP_SECRET_BODY_MAX);
	pgp_secret_put(&made[11], PGP_TAG_SECRET_KEY, SLICE_EMPTY, &b);
	for (size_t at = made[11].public.body.n + 1; at < b.n; at++) {
		b.p[at] ^= 0x40;
		assert_int_equal(
			pgp_secret_parse(PGP_TAG_SECRET_KEY, buf_slice(&b), SLICE_EMPTY, &s),
			ERR_SYNTAX);
		b.p[at] ^= 0x40;
	}
	buf_fini(&b);
}

/* --- passwords --------------------------------------------------------------------------- */

static void
what_was_put_with_a_password_is_read_with_it_alone(void **state)
{
	static const size_t some[] = {0, 4, 10, 13, 16};
	struct slice word = SLICE_LIT("a word of ours");
	struct pgp_secret s;
	struct buf b;

	(void)state;
	buf_init(&b, PGP_SECRET_BODY_MAX);
	for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
		const struct pgp_secret *k = &made[some[i]];
		uint8_t tag = i % 2 ? PGP_TAG_SECRET_SUBKEY : PGP_TAG_SECRET_KEY;
		bool is_v6 = k->public.version == 6;

		buf_clear(&b);
		pgp_secret_put(k, tag, word, &b);
		assert_int_equal(b.p[k->public.body.n], is_v6 ? 253 : 254);
		assert_int_equal(pgp_secret_check(buf_slice(&b)), ERR_AUTH);
		assert_int_equal(pgp_secret_parse(tag, buf_slice(&b), word, &s), ERR_OK);
		assert_true(s.was_locked);
		use(&s);
		pgp_secret_fini(&s);
		assert_int_equal(
			pgp_secret_parse(tag, buf_slice(&b), SLICE_EMPTY, &s), ERR_AUTH);
		assert_int_equal(
			pgp_secret_parse(tag, buf_slice(&b), SLICE_LIT("a word of our"), &s),
			ERR_AUTH);
		/* Of version 6, the kind of packet is bound to the password, too. */
		if (is_v6)
			assert_int_equal(pgp_secret_parse(tag ^ PGP_TAG_SECRET_KEY ^
								  PGP_TAG_SECRET_SUBKEY,
						 buf_slice(&b), word, &s),
				ERR_AUTH);
		b.p[b.n - 1] ^= 1;
		assert_int_equal(pgp_secret_parse(tag, buf_slice(&b), word, &s), ERR_AUTH);
		b.p[b.n - 1] ^= 1;
		b.p[b.n - 30] ^= 1;
		assert_int_equal(pgp_secret_parse(tag, buf_slice(&b), word, &s), ERR_AUTH);
	}
	buf_fini(&b);
}

static void
without_a_password_nothing_is_locked(void **state)
{
	struct pgp_secret s;
	struct buf b;

	(void)state;
	buf_init(&b, PGP_SECRET_BODY_MAX);
	for (size_t i = 0; i < NEW; i++) {
		buf_clear(&b);
		pgp_secret_put(&made[i], PGP_TAG_SECRET_KEY, SLICE_EMPTY, &b);
		assert_int_equal(pgp_secret_check(buf_slice(&b)), ERR_OK);
		assert_int_equal(pgp_secret_parse(PGP_TAG_SECRET_KEY, buf_slice(&b),
					 SLICE_LIT("not needed"), &s),
			ERR_OK);
		assert_false(s.was_locked);
		assert_memory_equal(
			s.public.fingerprint, made[i].public.fingerprint, PGP_FINGERPRINT_MAX);
		pgp_secret_fini(&s);
	}
	buf_fini(&b);
}

static void
gnupgs_password_opens_its_key(void **state)
{
	struct slice body;
	struct pgp_secret s;
	struct buf b;

	(void)state;
	buf_init(&b, PGP_WORLD_MAX);
	pgp_world_file("locked", ".key", &b);
	body = pgp_world_find(buf_slice(&b), PGP_TAG_SECRET_KEY, 0);
	assert_int_equal(pgp_secret_check(body), ERR_AUTH);
	assert_int_equal(pgp_secret_parse(PGP_TAG_SECRET_KEY, body, SLICE_EMPTY, &s), ERR_AUTH);
	assert_int_equal(pgp_secret_parse(PGP_TAG_SECRET_KEY, body, SLICE_LIT("passwort"), &s),
		ERR_AUTH);
	assert_int_equal(
		pgp_secret_parse(PGP_TAG_SECRET_KEY, body, SLICE_LIT("password"), &s), ERR_OK);
	sign_and_verify(&s);
	pgp_secret_fini(&s);
	buf_fini(&b);
}

static void
others_passwords_open_their_keys(void **state)
{
	static const char *const names[] = {"sqop", "pgpainless", "rnp"};
	struct slice rest, body;
	struct pgp_secret s;
	struct buf b;
	uint8_t tag;

	(void)state;
	buf_init(&b, PGP_WORLD_MAX);
	for (size_t i = 0; i < 3; i++) {
		size_t keys = 0;

		buf_clear(&b);
		pgp_world_file(names[i], ".key", &b);
		rest = buf_slice(&b);
		while (pgp_world_packet(&rest, &tag, &body)) {
			if (tag != PGP_TAG_SECRET_KEY && tag != PGP_TAG_SECRET_SUBKEY)
				continue;
			keys++;
			assert_int_equal(
				pgp_secret_parse(tag, body, SLICE_LIT("Secret"), &s), ERR_AUTH);
			assert_int_equal(
				pgp_secret_parse(tag, body, SLICE_LIT("secret"), &s), ERR_OK);
			if (s.public.may_sign)
				sign_and_verify(&s);
			pgp_secret_fini(&s);
		}
		assert_true(keys >= 2);
	}
	buf_fini(&b);
}

/* Made here octet by octet, since nobody makes them any more: the public part, that head, an
 * IV, and the private part with its checksum, in CFB. */
static enum err
parse_made(const struct pgp_secret *k, uint8_t usage, struct slice head, bool is_sha1)
{
	static const uint8_t iv[] = "0123456789abcdef";
	struct pgp_s2k s2k = {
		.kind = PGP_S2K_SIMPLE, .hash = usage < 253 ? PGP_MD5 : PGP_SHA256};
	uint8_t key[32], check[20];
	struct pgp_block_cfb cfb = {PGP_AES128, true, key, iv};
	struct pgp_secret s;
	struct slice material;
	struct buf clear, b;
	enum err e;

	buf_init(&clear, PGP_SECRET_BODY_MAX);
	buf_init(&b, PGP_SECRET_BODY_MAX);
	pgp_secret_put(k, PGP_TAG_SECRET_KEY, SLICE_EMPTY, &clear);
	material = slice_from(buf_slice(&clear), k->public.body.n + 1);
	buf_put_slice(&b, k->public.body);
	buf_put_u8(&b, usage);
	buf_put_slice(&b, head);
	buf_put(&b, iv, 16);
	if (is_sha1 && k->public.version == 4)
		material.n -= 2;
	assert_int_equal(EVP_Digest(material.p, material.n, check, NULL, EVP_sha1(), NULL), 1);
	assert_int_equal(pgp_s2k_key(&s2k, SLICE_LIT("word"), key, 16), ERR_OK);
	clear.n = (size_t)(material.p + material.n - clear.p);
	if (is_sha1)
		buf_put(&clear, check, sizeof check);
	material = slice_from(buf_slice(&clear), k->public.body.n + 1);
	pgp_block_cfb(&cfb, material, buf_room(&b, material.n));
	buf_grow(&b, material.n);
	e = pgp_secret_parse(PGP_TAG_SECRET_KEY, buf_slice(&b), SLICE_LIT("Word"), &s);
	assert_true(e != ERR_OK);
	e = pgp_secret_parse(PGP_TAG_SECRET_KEY, buf_slice(&b), SLICE_LIT("word"), &s);
	if (!e) {
		sign_and_verify(&s);
		pgp_secret_fini(&s);
	}
	buf_fini_secret(&clear);
	buf_fini(&b);
	return e;
}

static void
old_usages_are_read_in_version_4_alone(void **state)
{
	const struct pgp_secret *v4 = &made[11], *v6 = &made[13];

	(void)state;
	assert_int_equal(parse_made(v4, PGP_AES128, SLICE_EMPTY, false), ERR_OK);
	assert_int_equal(parse_made(v4, 255, SLICE_LIT("\7\0\10"), false), ERR_OK);
	assert_int_equal(parse_made(v4, 254, SLICE_LIT("\7\0\10"), true), ERR_OK);
	assert_int_equal(parse_made(v4, 254, SLICE_LIT("\7\0\10"), false), ERR_AUTH);
	assert_int_equal(parse_made(v4, 255, SLICE_LIT("\7\0\10"), true), ERR_AUTH);
	assert_int_equal(parse_made(v6, 254, SLICE_LIT("\24\7\2\0\10"), true), ERR_OK);
	assert_int_equal(parse_made(v6, PGP_AES128, SLICE_EMPTY, false), ERR_SYNTAX);
	assert_int_equal(parse_made(v6, 255, SLICE_LIT("\24\7\2\0\10"), true), ERR_SYNTAX);
}

/* Made from one key of GnuPG's, which reads them, too. */
#define OLD_PUBLIC                                                                             \
	"046b0a4e5816092b06010401da470f010107404925aa84cee6137f67511b88142d21ee43b551355e"     \
	"e7b10b25fc960bd06c468c"
#define OLD_CAST5_SHA1                                                                         \
	"fe0303020234de0fb1f4962c608d451f554152d97388f89e7e4895d9e5209123a4bc5519380286bf"     \
	"0447f37606a2a808902db4a3bb7c0677a6812d02905555e562a334bdf8c52fd5e07394"
#define OLD_CAST5_ALONE                                                                        \
	"03c0901f4b0b9a0abf75282f82d81e46cea00a94a1223e4af88ea42c59744c79ff44eaba17e3dd06"     \
	"d0e3cd615b"
#define OLD_BLOWFISH_SUM                                                                       \
	"ff040108f5b10c84a035b9074a49d3d7cd27cb4435bc051fb9c0f12d07fe581e9aded003c1e2489a"     \
	"1fa0f914a9f7af1accc267b9a5d1d59f"

static void
what_old_programs_locked_is_read(void **state)
{
	static const char *const locked[] = {OLD_PUBLIC OLD_CAST5_SHA1,
		OLD_PUBLIC OLD_CAST5_ALONE, OLD_PUBLIC OLD_BLOWFISH_SUM};

	(void)state;
	for (size_t i = 0; i < sizeof locked / sizeof *locked; i++) {
		uint8_t octets[256];
		struct slice body = slice_of(octets, strlen(locked[i]) / 2);
		struct pgp_secret s;

		assert_in_range(body.n, 1, sizeof octets);
		pgp_world_hex(locked[i], octets, body.n);
		assert_int_equal(
			pgp_secret_parse(PGP_TAG_SECRET_KEY, body, SLICE_LIT("Word"), &s),
			ERR_AUTH);
		assert_int_equal(
			pgp_secret_parse(PGP_TAG_SECRET_KEY, body, SLICE_LIT("word"), &s),
			ERR_OK);
		sign_and_verify(&s);
		pgp_secret_fini(&s);
	}
}

/* RFC 9580 appendix A.4, and A.5, whose Argon2 wants 2 GiB. */
static void
the_rfcs_keys_are_read_in_clear_and_locked(void **state)
{
	struct pgp_secret clear, locked;
	struct slice body;
	struct buf a, b;

	(void)state;
	buf_init(&a, PGP_WORLD_MAX);
	buf_init(&b, PGP_WORLD_MAX);
	pgp_world_decode(PGP_WORLD_V6_SECRET, &a);
	pgp_world_decode(PGP_WORLD_V6_LOCKED, &b);
	body = pgp_world_find(buf_slice(&a), PGP_TAG_SECRET_KEY, 0);
	assert_int_equal(
		pgp_secret_parse(PGP_TAG_SECRET_KEY, body, SLICE_EMPTY, &clear), ERR_OK);
	use(&clear);
	pgp_secret_fini(&clear);
	/* Of the subkey, as its kind of packet is part of what is derived. */
	body = pgp_world_find(buf_slice(&a), PGP_TAG_SECRET_SUBKEY, 0);
	assert_int_equal(
		pgp_secret_parse(PGP_TAG_SECRET_SUBKEY, body, SLICE_EMPTY, &clear), ERR_OK);
	use(&clear);
	body = pgp_world_find(buf_slice(&b), PGP_TAG_SECRET_SUBKEY, 0);
	assert_int_equal(pgp_secret_check(body), ERR_AUTH);
	assert_int_equal(pgp_secret_parse(PGP_TAG_SECRET_SUBKEY, body,
				 SLICE_LIT(PGP_WORLD_V6_PASSWORD), &locked),
		ERR_OK);
	buf_clear(&a);
	buf_clear(&b);
	pgp_secret_put(&clear, PGP_TAG_SECRET_SUBKEY, SLICE_EMPTY, &a);
	pgp_secret_put(&locked, PGP_TAG_SECRET_SUBKEY, SLICE_EMPTY, &b);
	assert_true(slice_eq(buf_slice(&a), buf_slice(&b)));
	pgp_secret_fini(&clear);
	pgp_secret_fini(&locked);
	buf_fini(&a);
	buf_fini(&b);
}

/* An S2K usage, and what stands behind it, after a public part of that version. */
static enum err
parse_usage(uint8_t version, struct slice behind)
{
	const struct pgp_secret *k = version == 6 ? &made[13] : &made[11];
	struct pgp_secret s;
	struct buf b;
	enum err e;

	buf_init(&b, PGP_SECRET_BODY_MAX);
	buf_put_slice(&b, k->public.body);
	buf_put_slice(&b, behind);
	e = pgp_secret_parse(PGP_TAG_SECRET_KEY, buf_slice(&b), SLICE_LIT("word"), &s);
	assert_int_not_equal(e, ERR_OK);
	buf_fini(&b);
	return e;
}

static void
each_usage_has_its_answer(void **state)
{
#define IV "0123456789abcdef"
	static const struct {
		uint8_t version;
		enum err e;
		struct slice behind;
	} rows[] = {
		{4, ERR_SYNTAX, SLICE_LIT("")},
		{4, ERR_AUTH, SLICE_LIT("\xfe\x09\x00\x08" IV "what it is, but long enough")},
		{4, ERR_AUTH, SLICE_LIT("\xff\x09\x00\x08" IV "what it is")},
		{4, ERR_AUTH, SLICE_LIT("\x09" IV "what it is")},
		{4, ERR_UNSUPPORTED, SLICE_LIT("\x01" IV "IDEA")},
		{4, ERR_UNSUPPORTED, SLICE_LIT("\xfe\x09\x00\x63" IV "a hash")},
		{4, ERR_UNSUPPORTED, SLICE_LIT("\xfe\x09\x02\x08" IV "a specifier")},
		{4, ERR_SYNTAX,
			SLICE_LIT("\xfe\x09\x00\x08"
				  "short")},
		{4, ERR_SYNTAX, SLICE_LIT("\xfe")},
		{4, ERR_SYNTAX,
			SLICE_LIT("\xfe\x09\x04" IV "\x01\x01\x03" IV
				  "Argon2 is for AEAD alone")},
		{4, ERR_NOT_FOUND, SLICE_LIT("\xff\x00\x65\x00GNU\x01")},
		{4, ERR_NOT_FOUND,
			SLICE_LIT("\xfe\x07\x65\x02GNU\x02\x04"
				  "card")},
		{4, ERR_AUTH, SLICE_LIT("\xfd\x09\x02\x00\x08" IV "what it is, and a tag")},
		{4, ERR_SYNTAX, SLICE_LIT("\xfd\x09\x02\x00\x08" IV "no tag")},
		{4, ERR_UNSUPPORTED, SLICE_LIT("\xfd\x09\x04\x00\x08" IV "a mode")},
		{4, ERR_UNSUPPORTED, SLICE_LIT("\xfd\x0d\x02\x00\x08" IV "a cipher")},
		{6, ERR_SYNTAX, SLICE_LIT("\xff\x09\x00\x08" IV "what it is")},
		{6, ERR_SYNTAX, SLICE_LIT("\x09" IV "what it is")},
		{6, ERR_AUTH,
			SLICE_LIT("\xfd\x14\x09\x02\x02\x00\x08"
				  "0123456789abcde"
				  "what it is, and a tag")},
		{6, ERR_SYNTAX,
			SLICE_LIT("\xfd\x15\x09\x02\x02\x00\x08"
				  "0123456789abcdef"
				  "what it is, and a tag")},
		{6, ERR_SYNTAX,
			SLICE_LIT("\xfd\x15\x09\x02\x03\x00\x08x"
				  "0123456789abcde"
				  "what it is, and a tag")},
		{6, ERR_LIMIT,
			SLICE_LIT("\xfd\x26\x09\x02\x14\x04"
				  "0123456789abcdef\x01\x04\x16"
				  "0123456789abcde"
				  "what it is, and a tag")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(parse_usage(rows[i].version, rows[i].behind), rows[i].e);
}

/* --- making ------------------------------------------------------------------------------ */

static void
kinds_that_there_are_none_of_are_unsupported(void **state)
{
	static const struct pgp_secret_kind none[] = {
		{3, PGP_RSA, 0, 2048, NULL},
		{5, PGP_RSA, 0, 2048, NULL},
		{4, PGP_RSA, 0, 2047, NULL},
		{4, PGP_RSA, 0, 8193, NULL},
		{4, PGP_DSA, 0, 2048, NULL},
		{4, PGP_ELGAMAL, 0, 2048, NULL},
		{4, PGP_ECDSA, 0, 0, NULL},
		{4, PGP_ECDSA, 0, 0, "Curve25519"},
		{4, PGP_ECDH, 0, 0, "Ed25519"},
		{6, PGP_ECDH, 0, 0, "Curve25519"},
		{6, PGP_EDDSA_LEGACY, 0, 0, NULL},
		{4, 99, 0, 0, NULL},
	};
	struct pgp_secret s;

	(void)state;
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_int_equal(pgp_secret_generate(&none[i], &s), ERR_UNSUPPORTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_gnupg_are_used),
		cmocka_unit_test(new_keys_of_each_kind_are_used),
		cmocka_unit_test(signatures_with_short_numbers_are_verified),
		cmocka_unit_test(a_key_of_another_version_of_pkesk_is_unsupported),
		cmocka_unit_test(keys_that_we_do_not_use_are_kept),
		cmocka_unit_test(a_ring_finds_its_keys),
		cmocka_unit_test(rsas_padding_is_looked_at_to_its_last_octet),
		cmocka_unit_test(ecdhs_text_is_padded_and_summed_up),
		cmocka_unit_test(ecdhs_kdf_is_that_of_the_rfc),
		cmocka_unit_test(a_body_is_read_whole_or_not_at_all),
		cmocka_unit_test(a_private_part_of_another_key_is_refused),
		cmocka_unit_test(a_changed_body_of_version_4_fails_its_checksum),
		cmocka_unit_test(what_was_put_with_a_password_is_read_with_it_alone),
		cmocka_unit_test(without_a_password_nothing_is_locked),
		cmocka_unit_test(gnupgs_password_opens_its_key),
		cmocka_unit_test(others_passwords_open_their_keys),
		cmocka_unit_test(old_usages_are_read_in_version_4_alone),
		cmocka_unit_test(what_old_programs_locked_is_read),
		cmocka_unit_test(the_rfcs_keys_are_read_in_clear_and_locked),
		cmocka_unit_test(each_usage_has_its_answer),
		cmocka_unit_test(kinds_that_there_are_none_of_are_unsupported),
	};

	return cmocka_run_group_tests(tests, make_keys, forget_keys);
}
