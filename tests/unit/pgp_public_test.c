#include "crypto/pgp_public.h"

#include "crypto/pgp_algorithm.h"
#include "tests/pgp_world.h"

/* --- parsing ----------------------------------------------------------------------------- */

static void
fingerprints_are_those_of_the_rfc(void **state)
{
	struct pgp_public k;
	uint8_t want[PGP_FINGERPRINT_MAX];
	struct slice body;
	struct buf b;

	(void)state;
	buf_init(&b, PGP_WORLD_MAX);
	pgp_world_decode(PGP_WORLD_V4_KEY, &b);
	body = pgp_world_find(buf_slice(&b), PGP_TAG_PUBLIC_KEY, 0);
	assert_int_equal(pgp_public_parse(body, &k), ERR_OK);
	pgp_world_hex("c959bdbafa32a2f89a153b678cfde12197965a9a", want, 20);
	assert_int_equal(k.n_fingerprint, 20);
	assert_memory_equal(k.fingerprint, want, 20);
	assert_memory_equal(k.key_id, want + 12, PGP_KEY_ID);
	assert_int_equal(k.version, 4);
	assert_int_equal(k.algorithm, PGP_EDDSA_LEGACY);
	assert_string_equal(k.curve, "Ed25519");
	assert_true(k.is_ours && k.may_sign && !k.may_encrypt);
	assert_int_equal(k.created_sec, 0x53f35f0b);
	pgp_public_fini(&k);

	buf_clear(&b);
	pgp_world_decode(PGP_WORLD_V6_SECRET, &b);
	body = pgp_world_find(buf_slice(&b), PGP_TAG_SECRET_KEY, 0);
	assert_int_equal(pgp_public_take(&body, &k), ERR_OK);
	assert_int_equal(body.n, 1 + 32);
	pgp_world_hex(PGP_WORLD_V6_FINGERPRINT, want, 32);
	assert_int_equal(k.n_fingerprint, 32);
	assert_memory_equal(k.fingerprint, want, 32);
	assert_memory_equal(k.key_id, want, PGP_KEY_ID);
	assert_int_equal(k.algorithm, PGP_ED25519);
	pgp_public_fini(&k);
	body = pgp_world_find(buf_slice(&b), PGP_TAG_SECRET_SUBKEY, 0);
	assert_int_equal(pgp_public_take(&body, &k), ERR_OK);
	pgp_world_hex(PGP_WORLD_V6_SUBKEY, want, 32);
	assert_memory_equal(k.fingerprint, want, 32);
	assert_true(k.may_encrypt && !k.may_sign);
	pgp_public_fini(&k);
	buf_fini(&b);
}

static const struct {
	const char *name;
	uint8_t primary, sub;
	size_t bits, sub_bits;
	const char *curve, *sub_curve, *fingerprint;
	bool is_sub_ours;
} gnupg[] = {
	{"rsa", PGP_RSA, PGP_RSA, 2048, 2048, NULL, NULL,
		"134e13592e5aed4ded0fb43908050beb82e07cbb", true},
	{"dsa", PGP_DSA, PGP_ELGAMAL, 2048, 2048, NULL, NULL,
		"b571332868fd5d69f4fed95c78d81465b7caf535", false},
	{"p256", PGP_ECDSA, PGP_ECDH, 256, 256, "P-256", "P-256",
		"f96e6042ebaacad7d7b5d7e8c6adda1e815414f9", true},
	{"p384", PGP_ECDSA, PGP_ECDH, 384, 384, "P-384", "P-384",
		"15c19124a7c5850e5311f21194d707be622d8345", true},
	{"p521", PGP_ECDSA, PGP_ECDH, 521, 521, "P-521", "P-521",
		"397487ceb1be9b2a1729192c858892f7c6d620f0", true},
	{"bp256", PGP_ECDSA, PGP_ECDH, 256, 256, "brainpoolP256r1", "brainpoolP256r1",
		"b78e1bce2e4445e834302111b707bc264801bfc4", true},
	{"bp384", PGP_ECDSA, PGP_ECDH, 384, 384, "brainpoolP384r1", "brainpoolP384r1",
		"cc52ee012c1ef923efb946f33ae0a2af3a2b4b83", true},
	{"bp512", PGP_ECDSA, PGP_ECDH, 512, 512, "brainpoolP512r1", "brainpoolP512r1",
		"eaa6bca7f86a01025cedef9093fabadb3f2af4f1", true},
	{"ed25519", PGP_EDDSA_LEGACY, PGP_ECDH, 256, 256, "Ed25519", "Curve25519",
		"b426cc2b1d220c21fb39b8e9ec43d39c33fd7928", true},
};
enum { KINDS = sizeof gnupg / sizeof *gnupg };

static void
read_key(size_t kind, bool is_sub, struct pgp_public *k)
{
	struct slice body;
	struct buf b;

	buf_init(&b, PGP_WORLD_MAX);
	pgp_world_file(gnupg[kind].name, ".key", &b);
	body = pgp_world_find(
		buf_slice(&b), is_sub ? PGP_TAG_SECRET_SUBKEY : PGP_TAG_SECRET_KEY, 0);
	assert_int_equal(pgp_public_take(&body, k), ERR_OK);
	buf_fini(&b);
}

static void
keys_that_gnupg_made_are_read_as_what_they_are(void **state)
{
	uint8_t want[20];
	struct pgp_public k;

	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		read_key(i, false, &k);
		pgp_world_hex(gnupg[i].fingerprint, want, sizeof want);
		assert_memory_equal(k.fingerprint, want, sizeof want);
		assert_int_equal(k.algorithm, gnupg[i].primary);
		assert_int_equal(k.bits, gnupg[i].bits);
		assert_int_equal(k.curve != NULL, gnupg[i].curve != NULL);
		if (k.curve)
			assert_string_equal(k.curve, gnupg[i].curve);
		assert_true(k.is_ours && k.may_sign);
		pgp_public_fini(&k);
		read_key(i, true, &k);
		assert_int_equal(k.algorithm, gnupg[i].sub);
		assert_int_equal(k.bits, gnupg[i].sub_bits);
		if (k.curve)
			assert_string_equal(k.curve, gnupg[i].sub_curve);
		assert_int_equal(k.is_ours, gnupg[i].is_sub_ours);
		assert_true(k.may_encrypt);
		pgp_public_fini(&k);
	}
}

static void
a_body_is_read_whole_or_not_at_all(void **state)
{
	struct pgp_public k, again;
	uint8_t longer[PGP_PUBLIC_BODY_MAX];

	(void)state;
	for (size_t i = 0; i < 2 * KINDS; i++) {
		read_key(i / 2, i % 2, &k);
		assert_int_equal(pgp_public_parse(k.body, &again), ERR_OK);
		assert_memory_equal(again.fingerprint, k.fingerprint, 20);
		pgp_public_fini(&again);
		for (size_t n = 0; n < k.body.n; n++)
			assert_int_equal(
				pgp_public_parse(slice_cut(k.body, 0, n), &again), ERR_SYNTAX);
		memcpy(longer, k.body.p, k.body.n);
		longer[k.body.n] = 0;
		assert_int_equal(
			pgp_public_parse(slice_of(longer, k.body.n + 1), &again), ERR_SYNTAX);
		pgp_public_fini(&k);
	}
}

/* version, created, algorithm, and what is appended. */
static enum err
parse_made(uint8_t version, uint8_t algorithm, struct slice material, struct pgp_public *k)
{
	struct buf b;
	enum err e;

	buf_init(&b, 2 * PGP_PUBLIC_BODY_MAX);
	buf_put_u8(&b, version);
	buf_put_u32(&b, 1);
	buf_put_u8(&b, algorithm);
	if (version == 6)
		buf_put_u32(&b, (uint32_t)material.n);
	buf_put_slice(&b, material);
	e = pgp_public_parse(buf_slice(&b), k);
	buf_fini(&b);
	return e;
}

static void
unknown_algorithms_have_a_fingerprint_but_unknown_versions_none(void **state)
{
	struct pgp_public k;
	struct slice some = SLICE_LIT("what it may be");

	(void)state;
	assert_int_equal(parse_made(4, 99, some, &k), ERR_OK);
	assert_int_equal(k.n_fingerprint, 20);
	assert_false(k.is_ours || k.may_sign || k.may_encrypt);
	assert_int_equal(pgp_public_verify(&k, PGP_SHA256, some, some), ERR_UNSUPPORTED);
	some = k.body;
	assert_int_equal(pgp_public_take(&some, &k), ERR_UNSUPPORTED);
	pgp_public_fini(&k);
	some = SLICE_LIT("what it may be");
	assert_int_equal(parse_made(6, 99, some, &k), ERR_OK);
	assert_int_equal(k.n_fingerprint, 32);
	pgp_public_fini(&k);
	assert_int_equal(parse_made(2, PGP_RSA, some, &k), ERR_UNSUPPORTED);
	assert_int_equal(parse_made(5, PGP_RSA, some, &k), ERR_UNSUPPORTED);
	assert_int_equal(parse_made(7, PGP_RSA, some, &k), ERR_UNSUPPORTED);
	assert_int_equal(pgp_public_parse(SLICE_EMPTY, &k), ERR_SYNTAX);
}

static void
a_body_has_a_limit(void **state)
{
	static const uint8_t zeros[PGP_PUBLIC_BODY_MAX];
	struct pgp_public k;

	(void)state;
	assert_int_equal(
		parse_made(4, 99, slice_of(zeros, PGP_PUBLIC_BODY_MAX - 6), &k), ERR_OK);
	pgp_public_fini(&k);
	assert_int_equal(
		parse_made(4, 99, slice_of(zeros, PGP_PUBLIC_BODY_MAX - 5), &k), ERR_SYNTAX);
}

/* RSA of so many bits with that exponent. */
static enum err
parse_rsa(uint8_t version, size_t bits, struct slice e, struct pgp_public *k)
{
	uint8_t n[PGP_PUBLIC_RSA_MAX / 8 + 1];
	size_t octets = (bits + 7) / 8;
	struct buf b;
	enum err result;

	memset(n, 0xff, sizeof n);
	n[0] = (uint8_t)(0xff >> (octets * 8 - bits));
	buf_init(&b, PGP_WORLD_MAX);
	pgp_world_put_mpi(slice_of(n, octets), &b);
	pgp_world_put_mpi(e, &b);
	result = parse_made(version, PGP_RSA, buf_slice(&b), k);
	buf_fini(&b);
	return result;
}

static void
rsa_has_limits(void **state)
{
	static const struct {
		size_t bits;
		struct slice e;
		bool is_ours;
	} rows[] = {
		{1023, SLICE_LIT("\1\0\1"), false},
		{1024, SLICE_LIT("\1\0\1"), true},
		{8192, SLICE_LIT("\1\0\1"), true},
		{8193, SLICE_LIT("\1\0\1"), false},
		{2048, SLICE_LIT("\1\0\0\0\0\0\0\1"), true},
		{2048, SLICE_LIT("\1\0\0\0\0\0\0\0\1"), false},
	};
	struct pgp_session session = {PGP_AES128, 16, {0}};
	struct pgp_public k;
	struct buf b;

	(void)state;
	buf_init(&b, PGP_PUBLIC_FIELDS_MAX);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(parse_rsa(4, rows[i].bits, rows[i].e, &k), ERR_OK);
		assert_int_equal(k.bits, rows[i].bits);
		assert_int_equal(k.is_ours, rows[i].is_ours);
		assert_int_equal(pgp_public_wrap(&k, 3, &session, &b),
			rows[i].is_ours ? ERR_OK : ERR_UNSUPPORTED);
		pgp_public_fini(&k);
	}
	buf_fini(&b);
}

static void
an_exponent_of_one_or_an_even_one_is_refused(void **state)
{
	const struct slice rows[] = {SLICE_EMPTY, SLICE_LIT("\1"), SLICE_LIT("\4")};
	struct pgp_session session = {PGP_AES128, 16, {0}};
	struct pgp_public k;
	struct buf b;

	(void)state;
	buf_init(&b, PGP_PUBLIC_FIELDS_MAX);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(parse_rsa(4, 2048, rows[i], &k), ERR_OK);
		assert_int_equal(pgp_public_wrap(&k, 3, &session, &b), ERR_CRYPTO);
		pgp_public_fini(&k);
	}
	buf_fini(&b);
}

/* ElGamal; ECDH on a curve that nobody knows, and on one of ours with odd parameters. */
static void
what_is_not_ours_wraps_nothing(void **state)
{
	static const struct {
		uint8_t algorithm;
		struct slice material;
	} rows[] = {
		{PGP_ELGAMAL, SLICE_LIT("\0\1\1\0\1\1\0\1\1")},
		{PGP_ECDH, SLICE_LIT("\1x\0\3\4\3\1\10\7")},
		{PGP_ECDH, SLICE_LIT("\12\x2b\6\1\4\1\x97\x55\1\5\1\1\7"
				     "@0123456789abcdef0123456789abcdef\3\1\2\7")},
		{PGP_ECDH, SLICE_LIT("\12\x2b\6\1\4\1\x97\x55\1\5\1\1\7"
				     "@0123456789abcdef0123456789abcdef\3\1\10\2")},
	};
	struct pgp_session session = {PGP_AES128, 16, {0}};
	struct pgp_public k;
	struct buf b;

	(void)state;
	buf_init(&b, PGP_PUBLIC_FIELDS_MAX);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(
			parse_made(4, rows[i].algorithm, rows[i].material, &k), ERR_OK);
		assert_false(k.is_ours);
		assert_int_equal(pgp_public_wrap(&k, 3, &session, &b), ERR_UNSUPPORTED);
		assert_int_equal(b.n, 0);
		pgp_public_fini(&k);
	}
	buf_fini(&b);
}

static void
version_6_wants_numbers_without_leading_zeros(void **state)
{
	static const uint8_t loose[] = {0, 9, 0, 1, 0, 2, 3};
	struct pgp_public k;
	struct slice s = slice_of(loose, sizeof loose);

	(void)state;
	assert_int_equal(parse_made(4, PGP_RSA, s, &k), ERR_OK);
	assert_int_equal(k.bits, 1);
	pgp_public_fini(&k);
	assert_int_equal(parse_made(6, PGP_RSA, s, &k), ERR_SYNTAX);
}

static void
version_6_has_no_keys_of_the_old_25519(void **state)
{
	struct pgp_public k, v6;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		read_key(KINDS - 1, i, &k);
		assert_true(k.is_ours);
		assert_int_equal(
			parse_made(6, k.algorithm, slice_from(k.body, 6), &v6), ERR_OK);
		assert_false(v6.is_ours);
		pgp_public_fini(&v6);
		pgp_public_fini(&k);
	}
}

/* Version 3: MD5 of the numbers, and the modulus' last octets. */
static void
version_3_has_a_fingerprint_and_nothing_else(void **state)
{
	static const uint8_t body[] = {
		3, 0, 0, 0, 9, 0, 30, PGP_RSA, 0, 72, 0x81, 2, 3, 4, 5, 6, 7, 8, 9, 0, 2, 3};
	uint8_t want[16];
	struct pgp_public k;

	(void)state;
	assert_int_equal(pgp_public_parse(slice_of(body, sizeof body), &k), ERR_OK);
	assert_int_equal(k.created_sec, 9);
	assert_int_equal(k.validity_days, 30);
	assert_int_equal(k.n_fingerprint, 16);
	assert_int_equal(
		EVP_Digest("\x81\2\3\4\5\6\7\x8\x9\3", 10, want, NULL, EVP_md5(), NULL), 1);
	assert_memory_equal(k.fingerprint, want, sizeof want);
	assert_memory_equal(k.key_id, body + 11, PGP_KEY_ID);
	assert_false(k.is_ours);
	pgp_public_fini(&k);
}

/* --- verifying --------------------------------------------------------------------------- */

/* Of a version 4 signature packet: where its fields begin. */
static struct slice
fields_of(struct slice packet)
{
	size_t hashed = 6 + (size_t)(packet.p[4] << 8 | packet.p[5]);
	size_t unhashed = (size_t)(packet.p[hashed] << 8 | packet.p[hashed + 1]);

	return slice_from(packet, hashed + 2 + unhashed + 2);
}

/* The hash over a document (RFC 9580 section 5.2.4). */
static size_t
digest_of(struct slice text, struct slice packet, uint8_t digest[PGP_DIGEST_MAX])
{
	size_t hashed = 6 + (size_t)(packet.p[4] << 8 | packet.p[5]);
	uint8_t trailer[6] = {4, 0xff, 0, 0, (uint8_t)(hashed >> 8), (uint8_t)hashed};
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned n;

	assert_int_equal(EVP_DigestInit_ex2(ctx, pgp_algorithm_md(packet.p[3]), NULL), 1);
	EVP_DigestUpdate(ctx, text.p, text.n);
	EVP_DigestUpdate(ctx, packet.p, hashed);
	EVP_DigestUpdate(ctx, trailer, sizeof trailer);
	assert_int_equal(EVP_DigestFinal_ex(ctx, digest, &n), 1);
	EVP_MD_CTX_free(ctx);
	return n;
}

static void
check_signature(const struct pgp_public *k, struct slice text, struct slice packet)
{
	uint8_t digest[PGP_DIGEST_MAX], *wrong;
	struct slice d = slice_of(digest, digest_of(text, packet, digest)),
		     fields = fields_of(packet);
	uint8_t hash = packet.p[3];

	assert_int_equal(pgp_public_verify(k, hash, d, fields), ERR_OK);
	assert_int_equal(
		pgp_public_verify(k, hash, slice_cut(d, 0, d.n - 1), fields), ERR_CRYPTO);
	for (size_t n = 0; n < fields.n; n++)
		assert_int_equal(
			pgp_public_verify(k, hash, d, slice_cut(fields, 0, n)), ERR_CRYPTO);
	digest[d.n / 3] ^= 1;
	assert_int_equal(pgp_public_verify(k, hash, d, fields), ERR_CRYPTO);
	digest[d.n / 3] ^= 1;
	wrong = must_alloc(fields.n + 1);
	memcpy(wrong, fields.p, fields.n);
	wrong[fields.n] = 0;
	assert_int_equal(
		pgp_public_verify(k, hash, d, slice_of(wrong, fields.n + 1)), ERR_CRYPTO);
	for (size_t i = 2; i < fields.n; i++) {
		wrong[i] ^= 0x10;
		assert_int_equal(
			pgp_public_verify(k, hash, d, slice_of(wrong, fields.n)), ERR_CRYPTO);
		wrong[i] ^= 0x10;
	}
	free(wrong);
}

static void
signatures_are_verified_whole_and_changed_nowhere(void **state)
{
	struct buf sig, text;
	struct pgp_public k;

	(void)state;
	buf_init(&sig, PGP_WORLD_MAX);
	buf_init(&text, PGP_WORLD_MAX);
	pgp_world_file("text", "", &text);
	for (size_t i = 0; i < KINDS; i++) {
		read_key(i, false, &k);
		buf_clear(&sig);
		pgp_world_file(gnupg[i].name, ".sig", &sig);
		check_signature(&k, buf_slice(&text),
			pgp_world_find(buf_slice(&sig), PGP_TAG_SIGNATURE, 0));
		pgp_public_fini(&k);
	}
	buf_fini(&sig);
	buf_fini(&text);
}

static void
the_rfcs_signature_is_verified(void **state)
{
	struct buf key, sig;
	struct pgp_public k;

	(void)state;
	buf_init(&key, PGP_WORLD_MAX);
	buf_init(&sig, PGP_WORLD_MAX);
	pgp_world_decode(PGP_WORLD_V4_KEY, &key);
	pgp_world_decode(PGP_WORLD_V4_SIGNATURE, &sig);
	assert_int_equal(
		pgp_public_parse(pgp_world_find(buf_slice(&key), PGP_TAG_PUBLIC_KEY, 0), &k),
		ERR_OK);
	check_signature(&k, SLICE_LIT("OpenPGP"),
		pgp_world_find(buf_slice(&sig), PGP_TAG_SIGNATURE, 0));
	pgp_public_fini(&k);
	buf_fini(&key);
	buf_fini(&sig);
}

static void
a_key_of_another_kind_verifies_nothing(void **state)
{
	struct slice digest = SLICE_LIT("01234567890123456789012345678901");
	struct pgp_public k;

	(void)state;
	read_key(0, false, &k);
	assert_int_equal(pgp_public_verify(&k, 77, digest, digest), ERR_UNSUPPORTED);
	pgp_public_fini(&k);
	read_key(1, true, &k);
	assert_int_equal(pgp_public_verify(&k, PGP_SHA256, digest, digest), ERR_UNSUPPORTED);
	pgp_public_fini(&k);
	read_key(2, true, &k);
	assert_int_equal(pgp_public_verify(&k, PGP_SHA256, digest, digest), ERR_UNSUPPORTED);
	pgp_public_fini(&k);
}

/* --- points ------------------------------------------------------------------------------ */

static void
a_point_beside_its_curve_is_seen_at_its_first_use(void **state)
{
	struct pgp_session session = {PGP_AES128, 16, {0}};
	struct pgp_public k, wrong;
	uint8_t body[PGP_PUBLIC_BODY_MAX];
	struct buf b;

	(void)state;
	buf_init(&b, PGP_PUBLIC_FIELDS_MAX);
	for (size_t i = 2; i < KINDS - 1; i++) {
		read_key(i, true, &k);
		memcpy(body, k.body.p, k.body.n);
		body[k.body.n - 5] ^= 1;
		assert_int_equal(pgp_public_parse(slice_of(body, k.body.n), &wrong), ERR_OK);
		for (size_t again = 0; again < 2; again++)
			assert_int_equal(pgp_public_wrap(&wrong, 3, &session, &b), ERR_CRYPTO);
		pgp_public_fini(&wrong);
		pgp_public_fini(&k);
	}
	assert_int_equal(b.n, 0);
	buf_fini(&b);
}

/* SEC 1 has other forms of a point, 06 and 07 among them, which OpenPGP hasn't. */
static void
a_point_has_one_form(void **state)
{
	struct pgp_session session = {PGP_AES128, 16, {0}};
	struct pgp_public k, wrong;
	uint8_t body[PGP_PUBLIC_BODY_MAX];
	struct buf b;
	size_t at;

	(void)state;
	buf_init(&b, PGP_PUBLIC_FIELDS_MAX);
	read_key(2, true, &k);
	at = k.body.n - 4 - 65;
	assert_int_equal(k.body.p[at], 4);
	for (uint8_t form = 5; form < 8; form++) {
		memcpy(body, k.body.p, k.body.n);
		body[at] = form;
		assert_int_equal(pgp_public_parse(slice_of(body, k.body.n), &wrong), ERR_OK);
		assert_int_equal(pgp_public_wrap(&wrong, 3, &session, &b), ERR_CRYPTO);
		pgp_public_fini(&wrong);
	}
	pgp_public_fini(&k);
	buf_fini(&b);
}

static void
points_that_agree_on_zeros_are_refused(void **state)
{
	static const uint8_t zeros[56];
	struct pgp_session session = {PGP_AES128, 16, {0}};
	struct pgp_public k;
	struct buf b;

	(void)state;
	buf_init(&b, PGP_PUBLIC_FIELDS_MAX);
	for (uint8_t algorithm = PGP_X25519; algorithm <= PGP_X448; algorithm++) {
		assert_int_equal(parse_made(6, algorithm,
					 slice_of(zeros, algorithm == PGP_X448 ? 56 : 32), &k),
			ERR_OK);
		assert_int_equal(pgp_public_wrap(&k, 6, &session, &b), ERR_CRYPTO);
		pgp_public_fini(&k);
	}
	assert_int_equal(b.n, 0);
	buf_fini(&b);
}

static void
what_is_hashed_of_a_key_begins_with_its_length(void **state)
{
	struct pgp_public k;
	struct buf b;

	(void)state;
	buf_init(&b, PGP_WORLD_MAX);
	read_key(0, false, &k);
	pgp_public_put_hashed(&k, &b);
	assert_int_equal(b.n, 3 + k.body.n);
	assert_int_equal(b.p[0], 0x99);
	assert_int_equal(b.p[1] << 8 | b.p[2], k.body.n);
	pgp_public_fini(&k);
	buf_clear(&b);
	assert_int_equal(parse_made(6, 99, SLICE_LIT("abc"), &k), ERR_OK);
	pgp_public_put_hashed(&k, &b);
	assert_int_equal(b.n, 5 + k.body.n);
	assert_memory_equal(b.p, "\x9b\0\0\0\x0d\6", 6);
	pgp_public_fini(&k);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fingerprints_are_those_of_the_rfc),
		cmocka_unit_test(keys_that_gnupg_made_are_read_as_what_they_are),
		cmocka_unit_test(a_body_is_read_whole_or_not_at_all),
		cmocka_unit_test(
			unknown_algorithms_have_a_fingerprint_but_unknown_versions_none),
		cmocka_unit_test(a_body_has_a_limit),
		cmocka_unit_test(rsa_has_limits),
		cmocka_unit_test(an_exponent_of_one_or_an_even_one_is_refused),
		cmocka_unit_test(what_is_not_ours_wraps_nothing),
		cmocka_unit_test(version_6_wants_numbers_without_leading_zeros),
		cmocka_unit_test(version_6_has_no_keys_of_the_old_25519),
		cmocka_unit_test(version_3_has_a_fingerprint_and_nothing_else),
		cmocka_unit_test(signatures_are_verified_whole_and_changed_nowhere),
		cmocka_unit_test(the_rfcs_signature_is_verified),
		cmocka_unit_test(a_key_of_another_kind_verifies_nothing),
		cmocka_unit_test(a_point_beside_its_curve_is_seen_at_its_first_use),
		cmocka_unit_test(a_point_has_one_form),
		cmocka_unit_test(points_that_agree_on_zeros_are_refused),
		cmocka_unit_test(what_is_hashed_of_a_key_begins_with_its_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
