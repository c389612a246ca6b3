/* What pgp_valid doesn't believe any more: weak keys and hashes, old versions, more of
 * everything than there may be. Each limit from both its sides. */
#include "crypto/pgp_valid.h"

#include "tests/craft.h"

/* A modulus of so many bits that nobody has the factors of. */
static void
take_rsa(size_t bits, struct pgp_public *key)
{
	static const uint8_t exponent[] = {0, 17, 1, 0, 1};
	struct buf body;

	buf_init(&body, CRAFT_MAX);
	buf_put_u8(&body, 4);
	buf_put_u32(&body, CRAFT_NOW);
	buf_put_u8(&body, PGP_RSA);
	buf_put_u8(&body, (uint8_t)(bits >> 8));
	buf_put_u8(&body, (uint8_t)bits);
	buf_put_u8(&body, (uint8_t)(1u << (bits - 1) % 8));
	for (size_t i = 1; i < (bits + 7) / 8; i++)
		buf_put_u8(&body, 0xff);
	buf_put(&body, exponent, sizeof exponent);
	assert_int_equal(pgp_public_parse(buf_slice(&body), key), ERR_OK);
	assert_int_equal(key->bits, bits);
	buf_fini(&body);
}

static void
rsa_is_good_from_its_smallest_size_on(void **state)
{
	(void)state;
	for (size_t bits = PGP_VALID_RSA_MIN - 1; bits <= PGP_VALID_RSA_MIN; bits++) {
		bool is_weak = bits < PGP_VALID_RSA_MIN;
		struct pgp_public key;
		struct craft c;

		take_rsa(bits, &key);
		craft_begin(&c);
		craft_put_user(&c, "Ann", 0, craft_flags(PGP_SIG_MAY_SIGN));
		craft_put_key(&c, PGP_TAG_PUBLIC_SUBKEY, &key);
		craft_put(&c, PGP_SIG_SUBKEY, 0, craft_flags(PGP_SIG_MAY_ENCRYPT_MAIL),
			(struct craft_about){.subkey = &key});
		assert_int_equal(CRAFT_ENCRYPTS(&c, 0),
			is_weak ? PGP_PROBLEM_ALGORITHM : PGP_PROBLEM_NONE);
		/* As a primary key it has no signature, which is worse than being strong. */
		buf_clear(&c.octets);
		craft_put_key(&c, PGP_TAG_PUBLIC_KEY, &key);
		assert_int_equal(CRAFT_SIGNS(&c, 0),
			is_weak ? PGP_PROBLEM_ALGORITHM : PGP_PROBLEM_UNBOUND);
		craft_end(&c);
		pgp_public_fini(&key);
	}
}

static const struct pgp_secret_kind P256 = {
	.version = 4, .algorithm = PGP_ECDSA, .created_sec = CRAFT_NOW, .curve = "P-256"};

/* A key with one self-signature by that hash, of that time. */
static enum pgp_problem
hashed_by(uint8_t hash, uint32_t created_sec, uint32_t signed_sec)
{
	struct craft c;
	struct craft_signature s = {.type = PGP_SIG_CERT_POSITIVE,
		.after_sec = (int64_t)signed_sec - created_sec,
		.q = craft_flags(PGP_SIG_MAY_SIGN),
		.about = {.user = "Ann"},
		.hash = hash};
	struct pgp_secret_kind kind = P256;
	enum pgp_problem p;

	kind.created_sec = created_sec;
	craft_begin_as(&c, kind);
	pgp_packet_put(&c.octets, PGP_TAG_USER_ID, SLICE_LIT("Ann"));
	craft_put_signature(&c, &s);
	p = CRAFT_SIGNS(&c, 1000);
	craft_end(&c);
	return p;
}

static void
sha1_binds_until_its_day_and_md5_never(void **state)
{
	uint32_t end = PGP_VALID_SHA1_UNTIL, old = end - 1000;

	(void)state;
	assert_int_equal(hashed_by(PGP_SHA1, old, end - 1), PGP_PROBLEM_NONE);
	assert_int_equal(hashed_by(PGP_SHA1, old, end), PGP_PROBLEM_UNBOUND);
	assert_int_equal(hashed_by(PGP_SHA1, CRAFT_NOW, CRAFT_NOW), PGP_PROBLEM_UNBOUND);
	assert_int_equal(hashed_by(PGP_MD5, old, end - 1), PGP_PROBLEM_UNBOUND);
	assert_int_equal(hashed_by(PGP_MD5, 1000000000, 1000000000), PGP_PROBLEM_UNBOUND);
	assert_int_equal(hashed_by(PGP_RIPEMD160, old, end - 1), PGP_PROBLEM_UNBOUND);
	assert_int_equal(hashed_by(PGP_SHA224, old, end - 1), PGP_PROBLEM_NONE);
	assert_int_equal(hashed_by(PGP_SHA256, end, end), PGP_PROBLEM_NONE);
}

/* --- versions ---------------------------------------------------------------------------- */

static const struct pgp_secret_kind V6 = {
	.version = 6, .algorithm = PGP_ED25519, .created_sec = CRAFT_NOW};

static void
a_key_of_version_6_ends_as_its_direct_signature_says(void **state)
{
	struct craft c;
	struct craft_subpackets direct = craft_flags(PGP_SIG_MAY_SIGN), user = direct;

	(void)state;
	direct.key_expires = 10 * CRAFT_DAY;
	user.key_expires = 5 * CRAFT_DAY;
	craft_begin_as(&c, V6);
	craft_put_user(&c, "Ann", 0, user);
	assert_int_equal(CRAFT_SIGNS(&c, 0), PGP_PROBLEM_UNBOUND);
	craft_end(&c);
	craft_begin_as(&c, V6);
	craft_put(&c, PGP_SIG_DIRECT, 0, direct, (struct craft_about){0});
	craft_put_user(&c, "Ann", 0, user);
	assert_int_equal(CRAFT_SIGNS(&c, 9), PGP_PROBLEM_NONE);
	assert_int_equal(CRAFT_SIGNS(&c, 10), PGP_PROBLEM_EXPIRED);
	craft_end(&c);
	/* Of version 4, a user id says it where no direct signature does. */
	craft_begin(&c);
	craft_put(
		&c, PGP_SIG_DIRECT, 0, craft_flags(PGP_SIG_MAY_SIGN), (struct craft_about){0});
	craft_put_user(&c, "Ann", 0, user);
	assert_int_equal(CRAFT_SIGNS(&c, 4), PGP_PROBLEM_NONE);
	assert_int_equal(CRAFT_SIGNS(&c, 5), PGP_PROBLEM_EXPIRED);
	craft_end(&c);
}

static void
put_bound(struct craft *c, const struct pgp_public *subkey)
{
	craft_put_key(c, PGP_TAG_PUBLIC_SUBKEY, subkey);
	craft_put(c, PGP_SIG_SUBKEY, 0, craft_flags(PGP_SIG_MAY_ENCRYPT_MAIL),
		(struct craft_about){.subkey = subkey});
}

static void
a_subkey_is_of_its_primary_keys_version(void **state)
{
	struct craft old, new, *crafts[] = {&old, &new};

	(void)state;
	craft_begin(&old);
	craft_begin_as(&new, V6);
	for (size_t i = 0; i < 2; i++) {
		struct craft *c = crafts[i];
		struct pgp_cert *cert;

		craft_put(c, PGP_SIG_DIRECT, 0, craft_flags(PGP_SIG_MAY_SIGN),
			(struct craft_about){0});
		put_bound(c, &crafts[1 - i]->encryption.public);
		cert = craft_cert(c);
		assert_int_equal(cert->n_keys, 1);
		assert_int_equal(cert->n_sigs, 1);
		pgp_cert_free(cert);
		put_bound(c, &c->encryption.public);
		assert_int_equal(CRAFT_ENCRYPTS(c, 0), PGP_PROBLEM_NONE);
	}
	craft_end(&old);
	craft_end(&new);
}

/* RSA, 1,024 bits, a validity of 0 days. */
static void
put_v3(struct buf *out, uint8_t tag)
{
	static const uint8_t head[] = {3, 0x3b, 0x9a, 0xca, 0, 0, 0, PGP_RSA, 4, 0},
			     exponent[] = {0, 5, 17};
	struct buf body;

	buf_init(&body, CRAFT_MAX);
	buf_put(&body, head, sizeof head);
	for (size_t i = 0; i < 128; i++)
		buf_put_u8(&body, 0xff);
	buf_put(&body, exponent, sizeof exponent);
	pgp_packet_put(out, tag, buf_slice(&body));
	buf_fini(&body);
}

static void
keys_of_version_3_are_refused(void **state)
{
	struct craft c;
	struct buf both;
	struct slice rest;
	struct pgp_cert *cert;

	(void)state;
	craft_begin(&c);
	put_v3(&c.octets, PGP_TAG_PUBLIC_SUBKEY);
	craft_put_user(&c, "Ann", 0, craft_flags(PGP_SIG_MAY_SIGN));
	cert = craft_cert(&c);
	assert_int_equal(cert->n_keys, 1);
	pgp_cert_free(cert);
	buf_init(&both, CRAFT_MAX);
	put_v3(&both, PGP_TAG_PUBLIC_KEY);
	pgp_packet_put(&both, PGP_TAG_USER_ID, SLICE_LIT("Old"));
	buf_put_slice(&both, buf_slice(&c.octets));
	rest = buf_slice(&both);
	assert_int_equal(pgp_cert_parse(&rest, &cert), ERR_UNSUPPORTED);
	/* And what follows is read. */
	assert_true(slice_eq(rest, buf_slice(&c.octets)));
	buf_fini(&both);
	craft_end(&c);
}

/* --- numbers ----------------------------------------------------------------------------- */

/* Whose signatures take long to check, and how many of them are. */
static const struct pgp_secret_kind P384 = {
	.version = 4, .algorithm = PGP_ECDSA, .created_sec = CRAFT_NOW, .curve = "P-384"};
enum { CHECKS_MAX = PGP_CERT_COST_MAX / PGP_CERT_COSTLY };

/* Ann's user id, signed, with so many newer signatures that are as junk says. */
static void
put_junk(struct craft *c, struct craft_signature junk, size_t n)
{
	craft_put_user(c, "Ann", 0, craft_flags(PGP_SIG_MAY_SIGN));
	for (size_t i = 0; i < n; i++)
		craft_put_signature(c, &junk);
}

static struct craft_signature
newer(uint8_t type)
{
	return (struct craft_signature){.type = type,
		.after_sec = CRAFT_DAY,
		.q = craft_flags(PGP_SIG_MAY_SIGN),
		.about = {.user = "Ann"}};
}

static enum pgp_problem
signs_after(const struct craft *c, size_t *cost)
{
	struct pgp_cert *cert = craft_cert(c);
	enum pgp_problem p = pgp_valid_key(cert, 0, PGP_USE_SIGN, CRAFT_NOW + 2 * CRAFT_DAY);

	*cost = cert->cost;
	pgp_cert_free(cert);
	return p;
}

static void
checks_end_at_their_limit(void **state)
{
	struct craft_signature junk = newer(PGP_SIG_CERT_POSITIVE);
	struct craft c;
	size_t cost;

	(void)state;
	junk.is_spoilt = true;
	for (size_t bad = CHECKS_MAX - 1; bad <= CHECKS_MAX; bad++) {
		craft_begin_as(&c, P384);
		put_junk(&c, junk, bad);
		assert_int_equal(signs_after(&c, &cost),
			bad < CHECKS_MAX ? PGP_PROBLEM_NONE : PGP_PROBLEM_UNBOUND);
		assert_int_equal(cost, PGP_CERT_COST_MAX);
		craft_end(&c);
	}
}

/* Those of an ordinary key are checked all, and the one of a signing subkey behind them. */
static void
no_junk_keeps_an_ordinary_key_from_being_good(void **state)
{
	static const struct pgp_secret_kind kinds[] = {
		{.version = 4, .algorithm = PGP_EDDSA_LEGACY, .created_sec = CRAFT_NOW},
		{.version = 4,
			.algorithm = PGP_ECDSA,
			.created_sec = CRAFT_NOW,
			.curve = "P-256"},
		{.version = 4,
			.algorithm = PGP_RSA,
			.created_sec = CRAFT_NOW,
			.bits = PGP_VALID_RSA_MIN},
	};
	struct craft_signature junk = newer(PGP_SIG_CERT_POSITIVE);
	size_t cost;

	(void)state;
	junk.is_spoilt = true;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct craft c;

		craft_begin_as(&c, kinds[i]);
		put_junk(&c, junk, PGP_CERT_SIGNATURES_MAX - 1);
		assert_int_equal(signs_after(&c, &cost), PGP_PROBLEM_NONE);
		assert_int_equal(cost, PGP_CERT_SIGNATURES_MAX);
		craft_end(&c);
	}
}

static void
what_plainly_is_no_signature_uses_up_no_checks(void **state)
{
	struct craft_signature of_eve = newer(PGP_SIG_CERT_POSITIVE), unknown = of_eve,
			       older = of_eve, of_other = of_eve;
	struct pgp_secret other;
	struct craft c;
	size_t cost;

	(void)state;
	assert_int_equal(pgp_secret_generate(&P256, &other), ERR_OK);
	of_eve.about.user = "Eve";
	unknown.q = craft_flags(0);
	unknown.q.critical = 110;
	older.after_sec = -1;
	of_other.by = &other;
	of_other.issuer = &c.primary.public;
	const struct craft_signature junk[] = {of_eve, unknown, older, of_other};

	for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) {
		craft_begin(&c);
		put_junk(&c, junk[i], PGP_CERT_SIGNATURES_MAX - 1);
		assert_int_equal(signs_after(&c, &cost), PGP_PROBLEM_NONE);
		assert_int_equal(cost, 1);
		craft_end(&c);
	}
	pgp_secret_fini(&other);
}

/* The user id's own takes the first check. Whether it is one or not, it counts. */
static void
a_revocation_that_cannot_be_checked_any_more_counts(void **state)
{
	struct craft_signature revocation = newer(PGP_SIG_KEY_REVOKED), junk;
	struct craft c;
	size_t cost;

	(void)state;
	revocation.about.user = NULL;
	junk = revocation;
	junk.is_spoilt = true;
	for (size_t i = 0; i < 4; i++) {
		size_t n = CHECKS_MAX - 2 + i / 2;

		revocation.is_spoilt = i % 2;
		craft_begin_as(&c, P384);
		for (size_t k = 0; k < n; k++)
			craft_put_signature(&c, &junk);
		craft_put_signature(&c, &revocation);
		craft_put_user(&c, "Ann", 0, craft_flags(PGP_SIG_MAY_SIGN));
		assert_int_equal(signs_after(&c, &cost),
			i == 1 ? PGP_PROBLEM_NONE : PGP_PROBLEM_REVOKED);
		assert_int_equal(cost, PGP_CERT_COST_MAX);
		craft_end(&c);
	}
}

static void
a_revocation_is_found_behind_junk(void **state)
{
	struct craft_signature revocation = newer(PGP_SIG_KEY_REVOKED), junk = revocation;
	struct craft c;
	size_t cost;

	(void)state;
	revocation.about.user = NULL;
	for (size_t n = 0; n < 2; n++) {
		craft_begin(&c);
		for (size_t i = 0; i < PGP_CERT_SIGNATURES_MAX - 2; i++)
			craft_put_signature(&c, &junk);
		if (n)
			craft_put_signature(&c, &revocation);
		craft_put_user(&c, "Ann", 0, craft_flags(PGP_SIG_MAY_SIGN));
		assert_int_equal(
			signs_after(&c, &cost), n ? PGP_PROBLEM_REVOKED : PGP_PROBLEM_NONE);
		assert_int_equal(cost, 1 + n);
		craft_end(&c);
	}
}

/* What is signed of a picture is never asked for. */
static void
junk_behind_a_user_attribute_uses_up_no_checks(void **state)
{
	struct craft_signature junk = newer(PGP_SIG_CERT_POSITIVE);
	struct craft c;
	size_t cost;

	(void)state;
	junk.is_spoilt = junk.about.is_attribute = true;
	craft_begin(&c);
	pgp_packet_put(&c.octets, PGP_TAG_USER_ATTRIBUTE, SLICE_LIT("Ann"));
	for (size_t i = 0; i < PGP_CERT_SIGNATURES_MAX - 1; i++)
		craft_put_signature(&c, &junk);
	craft_put_user(&c, "Ann", 0, craft_flags(PGP_SIG_MAY_SIGN));
	assert_int_equal(signs_after(&c, &cost), PGP_PROBLEM_NONE);
	assert_int_equal(cost, 1);
	craft_end(&c);
}

static void
a_certificate_has_no_more_than_it_may(void **state)
{
	struct craft c;
	struct slice rest;
	struct pgp_cert *cert;

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		craft_begin(&c);
		for (size_t i = 0; i < PGP_USER_IDS_MAX + over; i++)
			pgp_packet_put(&c.octets, PGP_TAG_USER_ID, SLICE_LIT("Ann"));
		rest = buf_slice(&c.octets);
		assert_int_equal(pgp_cert_parse(&rest, &cert), over ? ERR_LIMIT : ERR_OK);
		if (!over)
			pgp_cert_free(cert);
		craft_end(&c);
		craft_begin(&c);
		for (size_t i = 0; i < PGP_SUBKEYS_MAX + over; i++)
			craft_put_key(&c, PGP_TAG_PUBLIC_SUBKEY, &c.encryption.public);
		rest = buf_slice(&c.octets);
		assert_int_equal(pgp_cert_parse(&rest, &cert), over ? ERR_LIMIT : ERR_OK);
		if (!over)
			pgp_cert_free(cert);
		craft_end(&c);
	}
}

/* Certifications of others cost nothing. */
static void
signatures_of_its_own_are_counted(void **state)
{
	struct craft c;
	struct craft_signature other = {
		.type = PGP_SIG_CERT_POSITIVE, .q = CRAFT_NONE, .about = {.user = "Ann"}};
	struct slice rest;
	struct pgp_cert *cert;

	(void)state;
	craft_begin(&c);
	other.by = &c.signing;
	craft_put_user(&c, "Ann", 0, craft_flags(PGP_SIG_MAY_SIGN));
	for (size_t i = 0; i <= PGP_CERT_SIGNATURES_MAX; i++)
		craft_put_signature(&c, &other);
	for (size_t i = 1; i < PGP_CERT_SIGNATURES_MAX; i++)
		craft_put(&c, PGP_SIG_CERT_POSITIVE, 0, CRAFT_NONE,
			(struct craft_about){.user = "Ann"});
	cert = craft_cert(&c);
	assert_int_equal(cert->n_sigs, PGP_CERT_SIGNATURES_MAX);
	pgp_cert_free(cert);
	craft_put(
		&c, PGP_SIG_CERT_POSITIVE, 0, CRAFT_NONE, (struct craft_about){.user = "Ann"});
	rest = buf_slice(&c.octets);
	assert_int_equal(pgp_cert_parse(&rest, &cert), ERR_LIMIT);
	assert_int_equal(rest.n, 0);
	craft_end(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rsa_is_good_from_its_smallest_size_on),
		cmocka_unit_test(sha1_binds_until_its_day_and_md5_never),
		cmocka_unit_test(a_key_of_version_6_ends_as_its_direct_signature_says),
		cmocka_unit_test(a_subkey_is_of_its_primary_keys_version),
		cmocka_unit_test(keys_of_version_3_are_refused),
		cmocka_unit_test(checks_end_at_their_limit),
		cmocka_unit_test(no_junk_keeps_an_ordinary_key_from_being_good),
		cmocka_unit_test(what_plainly_is_no_signature_uses_up_no_checks),
		cmocka_unit_test(a_revocation_that_cannot_be_checked_any_more_counts),
		cmocka_unit_test(a_revocation_is_found_behind_junk),
		cmocka_unit_test(junk_behind_a_user_attribute_uses_up_no_checks),
		cmocka_unit_test(a_certificate_has_no_more_than_it_may),
		cmocka_unit_test(signatures_of_its_own_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
