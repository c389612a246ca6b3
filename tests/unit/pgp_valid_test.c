#include "crypto/pgp_valid.h"

#include "tests/craft.h"

static void
a_newer_signature_takes_an_expired_ones_place(void **state)
{
	struct craft c;
	struct craft_subpackets q = craft_flags(PGP_SIG_MAY_SIGN);

	(void)state;
	craft_begin(&c);
	q.expires = 2 * CRAFT_DAY;
	craft_put_user(&c, "Ann", 0, q);
	assert_int_equal(CRAFT_SIGNS(&c, 1), PGP_PROBLEM_NONE);
	assert_int_equal(CRAFT_SIGNS(&c, 2), PGP_PROBLEM_UNBOUND);
	craft_put(&c, PGP_SIG_CERT_POSITIVE, 1, craft_flags(PGP_SIG_MAY_SIGN),
		(struct craft_about){.user = "Ann"});
	assert_int_equal(CRAFT_SIGNS(&c, 3), PGP_PROBLEM_NONE);
	craft_end(&c);
}

static void
the_newest_signature_says_when_a_key_ends(void **state)
{
	struct craft c;
	struct craft_subpackets q = craft_flags(PGP_SIG_MAY_SIGN);

	(void)state;
	craft_begin(&c);
	q.key_expires = 10 * CRAFT_DAY;
	craft_put_user(&c, "Ann", 0, q);
	assert_int_equal(CRAFT_SIGNS(&c, 11), PGP_PROBLEM_EXPIRED);
	q.key_expires = 20 * CRAFT_DAY;
	craft_put(&c, PGP_SIG_CERT_POSITIVE, 1, q, (struct craft_about){.user = "Ann"});
	assert_int_equal(CRAFT_SIGNS(&c, 11), PGP_PROBLEM_NONE);
	assert_int_equal(CRAFT_SIGNS(&c, 20), PGP_PROBLEM_EXPIRED);
	/* A signature from the future says nothing yet. */
	q.key_expires = 40 * CRAFT_DAY;
	craft_put(&c, PGP_SIG_CERT_POSITIVE, 30, q, (struct craft_about){.user = "Ann"});
	assert_int_equal(CRAFT_SIGNS(&c, 21), PGP_PROBLEM_EXPIRED);
	assert_int_equal(CRAFT_SIGNS(&c, 31), PGP_PROBLEM_NONE);
	craft_end(&c);
}

static void
a_direct_signature_goes_before_a_user_ids(void **state)
{
	struct craft c;
	struct craft_subpackets q = craft_flags(PGP_SIG_MAY_CERTIFY);

	(void)state;
	craft_begin(&c);
	q.key_expires = 5 * CRAFT_DAY;
	craft_put(&c, PGP_SIG_DIRECT, 0, q, (struct craft_about){0});
	craft_put_user(&c, "Ann", 0, craft_flags(PGP_SIG_MAY_SIGN));
	assert_int_equal(CRAFT_SIGNS(&c, 0), PGP_PROBLEM_PURPOSE);
	assert_int_equal(CRAFT_SIGNS(&c, 5), PGP_PROBLEM_EXPIRED);
	craft_end(&c);
}

static void
without_flags_a_key_does_what_its_algorithm_can(void **state)
{
	struct craft c;

	(void)state;
	craft_begin(&c);
	craft_put_user(&c, "Ann", 0, CRAFT_NONE);
	assert_int_equal(CRAFT_SIGNS(&c, 0), PGP_PROBLEM_NONE);
	craft_put_key(&c, PGP_TAG_PUBLIC_SUBKEY, &c.encryption.public);
	assert_int_equal(CRAFT_ENCRYPTS(&c, 0), PGP_PROBLEM_UNBOUND);
	craft_put(&c, PGP_SIG_SUBKEY, 0, CRAFT_NONE,
		(struct craft_about){.subkey = &c.encryption.public});
	assert_int_equal(CRAFT_ENCRYPTS(&c, 0), PGP_PROBLEM_NONE);
	assert_int_equal(craft_may(&c, 1, PGP_USE_SIGN, 0), PGP_PROBLEM_PURPOSE);
	craft_put(&c, PGP_SIG_SUBKEY, 1, craft_flags(0),
		(struct craft_about){.subkey = &c.encryption.public});
	assert_int_equal(CRAFT_ENCRYPTS(&c, 2), PGP_PROBLEM_PURPOSE);
	craft_end(&c);
}

/* The signing subkey, bound on that day with such a signature of its own, hashed or not. */
static void
bind_signing(struct craft *c, int64_t day, struct craft_signature back, bool is_hashed)
{
	struct craft_signature s = {.type = PGP_SIG_SUBKEY,
		.after_sec = day * CRAFT_DAY,
		.q = craft_flags(PGP_SIG_MAY_SIGN),
		.about = {.subkey = &c->signing.public}};
	struct buf body, area;

	buf_init(&body, CRAFT_MAX);
	buf_init(&area, CRAFT_MAX);
	back.about = s.about;
	craft_body(c, &back, &body);
	pgp_sig_make_subpacket(&area, PGP_SIG_EMBEDDED, false, buf_slice(&body));
	if (is_hashed)
		s.q.embedded = buf_slice(&body);
	else
		s.unhashed = buf_slice(&area);
	craft_put_signature(c, &s);
	buf_fini(&area);
	buf_fini(&body);
}

static void
begin_signing(struct craft *c)
{
	craft_begin(c);
	craft_put_user(c, "Ann", 0, craft_flags(PGP_SIG_MAY_CERTIFY));
	craft_put_key(c, PGP_TAG_PUBLIC_SUBKEY, &c->signing.public);
}

static void
a_subkey_that_signs_has_to_sign_back(void **state)
{
	struct craft c;
	struct craft_signature right = {.type = PGP_SIG_PRIMARY, .by = &c.signing},
			       by_primary = {.type = PGP_SIG_PRIMARY},
			       of_other_type = {.type = PGP_SIG_SUBKEY, .by = &c.signing},
			       spoilt = right, soon_over = right;

	(void)state;
	right.q = by_primary.q = of_other_type.q = spoilt.q = soon_over.q = CRAFT_NONE;
	spoilt.is_spoilt = true;
	soon_over.after_sec = 4 * CRAFT_DAY;
	soon_over.q.expires = CRAFT_DAY;
	begin_signing(&c);
	craft_put(&c, PGP_SIG_SUBKEY, 0, craft_flags(PGP_SIG_MAY_SIGN),
		(struct craft_about){.subkey = &c.signing.public});
	assert_int_equal(craft_may(&c, 1, PGP_USE_SIGN, 0), PGP_PROBLEM_UNBOUND);
	bind_signing(&c, 1, by_primary, true);
	assert_int_equal(craft_may(&c, 1, PGP_USE_SIGN, 1), PGP_PROBLEM_UNBOUND);
	bind_signing(&c, 2, of_other_type, true);
	assert_int_equal(craft_may(&c, 1, PGP_USE_SIGN, 2), PGP_PROBLEM_UNBOUND);
	bind_signing(&c, 3, spoilt, true);
	assert_int_equal(craft_may(&c, 1, PGP_USE_SIGN, 3), PGP_PROBLEM_UNBOUND);
	bind_signing(&c, 4, soon_over, true);
	assert_int_equal(craft_may(&c, 1, PGP_USE_SIGN, 4), PGP_PROBLEM_NONE);
	assert_int_equal(craft_may(&c, 1, PGP_USE_SIGN, 5), PGP_PROBLEM_UNBOUND);
	bind_signing(&c, 6, right, true);
	assert_int_equal(craft_may(&c, 1, PGP_USE_SIGN, 7), PGP_PROBLEM_NONE);
	craft_end(&c);
}

/* It proves itself, so it needs no hash around it. */
static void
a_subkeys_signature_may_stand_where_nothing_is_hashed(void **state)
{
	struct craft c;
	struct craft_signature back = {
		.type = PGP_SIG_PRIMARY, .by = &c.signing, .q = CRAFT_NONE};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		begin_signing(&c);
		back.is_spoilt = i == 1;
		bind_signing(&c, 0, back, false);
		assert_int_equal(craft_may(&c, 1, PGP_USE_SIGN, 0),
			i ? PGP_PROBLEM_UNBOUND : PGP_PROBLEM_NONE);
		craft_end(&c);
	}
}

/* But for those two, what isn't hashed could be anybody's word. */
static void
what_is_not_hashed_says_nothing_of_a_key(void **state)
{
	struct craft c;
	struct buf area;
	struct craft_signature s = {.type = PGP_SIG_SUBKEY, .q = CRAFT_NONE};

	(void)state;
	craft_begin(&c);
	buf_init(&area, CRAFT_MAX);
	pgp_sig_make_number(&area, PGP_SIG_KEY_EXPIRES, CRAFT_DAY);
	s.about.subkey = &c.encryption.public;
	s.unhashed = buf_slice(&area);
	craft_put_user(&c, "Ann", 0, craft_flags(PGP_SIG_MAY_SIGN));
	craft_put_key(&c, PGP_TAG_PUBLIC_SUBKEY, &c.encryption.public);
	craft_put_signature(&c, &s);
	assert_int_equal(CRAFT_ENCRYPTS(&c, 2), PGP_PROBLEM_NONE);
	buf_fini(&area);
	craft_end(&c);
}

/* The key id is right, and the numbers fit. */
static void
a_signature_that_names_another_fingerprint_is_none(void **state)
{
	struct craft c;
	struct craft_signature s = {.type = PGP_SIG_CERT_POSITIVE, .about = {.user = "Ann"}};

	(void)state;
	craft_begin(&c);
	s.q = craft_flags(PGP_SIG_MAY_SIGN);
	s.issuer = &c.signing.public;
	pgp_packet_put(&c.octets, PGP_TAG_USER_ID, SLICE_LIT("Ann"));
	craft_put_signature(&c, &s);
	assert_int_equal(CRAFT_SIGNS(&c, 0), PGP_PROBLEM_UNBOUND);
	s.issuer = NULL;
	craft_put_signature(&c, &s);
	assert_int_equal(CRAFT_SIGNS(&c, 0), PGP_PROBLEM_NONE);
	craft_end(&c);
}

static void
a_soft_revocation_ends_with_a_newer_signature_and_a_hard_one_never(void **state)
{
	static const struct {
		int reason;
		enum pgp_problem before, after, renewed;
	} rows[] = {{-1, PGP_PROBLEM_REVOKED, PGP_PROBLEM_REVOKED, PGP_PROBLEM_REVOKED},
		{PGP_SIG_COMPROMISED, PGP_PROBLEM_REVOKED, PGP_PROBLEM_REVOKED,
			PGP_PROBLEM_REVOKED},
		{PGP_SIG_NO_REASON, PGP_PROBLEM_REVOKED, PGP_PROBLEM_REVOKED,
			PGP_PROBLEM_REVOKED},
		{PGP_SIG_RETIRED, PGP_PROBLEM_NONE, PGP_PROBLEM_REVOKED, PGP_PROBLEM_NONE},
		{PGP_SIG_SUPERSEDED, PGP_PROBLEM_NONE, PGP_PROBLEM_REVOKED, PGP_PROBLEM_NONE}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct craft c;
		struct craft_about about;

		craft_begin(&c);
		about = (struct craft_about){.subkey = &c.encryption.public};
		craft_put_user(&c, "Ann", 0, craft_flags(PGP_SIG_MAY_SIGN));
		craft_put_key(&c, PGP_TAG_PUBLIC_SUBKEY, &c.encryption.public);
		craft_put(&c, PGP_SIG_SUBKEY, 0, craft_flags(PGP_SIG_MAY_ENCRYPT_MAIL), about);
		craft_put(&c, PGP_SIG_SUBKEY_REVOKED, 5, craft_reason(rows[i].reason), about);
		assert_int_equal(CRAFT_ENCRYPTS(&c, 1), rows[i].before);
		assert_int_equal(CRAFT_ENCRYPTS(&c, 6), rows[i].after);
		assert_int_equal(CRAFT_SIGNS(&c, 6), PGP_PROBLEM_NONE);
		craft_put(&c, PGP_SIG_SUBKEY, 7, craft_flags(PGP_SIG_MAY_ENCRYPT_MAIL), about);
		assert_int_equal(CRAFT_ENCRYPTS(&c, 8), rows[i].renewed);
		craft_end(&c);
	}
}

static void
somebody_elses_revocation_revokes_nothing(void **state)
{
	struct craft c;

	(void)state;
	craft_begin(&c);
	craft_put_signature(
		&c, &(struct craft_signature){
			    .type = PGP_SIG_KEY_REVOKED, .q = CRAFT_NONE, .by = &c.signing});
	craft_put_user(&c, "Ann", 0, craft_flags(PGP_SIG_MAY_SIGN));
	assert_int_equal(CRAFT_SIGNS(&c, 1), PGP_PROBLEM_NONE);
	craft_end(&c);
}

static void
a_revoked_user_id_is_no_name(void **state)
{
	struct craft c;
	struct pgp_cert *cert;
	size_t at;

	(void)state;
	craft_begin(&c);
	craft_put_user(&c, "Ann <ann@example.org>", 0, craft_flags(PGP_SIG_MAY_SIGN));
	craft_put(&c, PGP_SIG_CERT_REVOKED, 1, craft_reason(PGP_SIG_USER_ID_INVALID),
		(struct craft_about){.user = "Ann <ann@example.org>"});
	craft_put_user(&c, "Ann <ann@example.net>", 0, craft_flags(PGP_SIG_MAY_SIGN));
	cert = craft_cert(&c);
	assert_true(pgp_valid_user(cert, 0, CRAFT_NOW + 10));
	assert_false(pgp_valid_user(cert, 0, CRAFT_NOW + 2 * CRAFT_DAY));
	assert_true(pgp_valid_primary_user(cert, CRAFT_NOW + 2 * CRAFT_DAY, &at));
	assert_int_equal(at, 1);
	pgp_cert_free(cert);
	craft_end(&c);
}

static void
the_primary_user_id_is_the_one_that_says_so_else_the_newest(void **state)
{
	struct craft c;
	struct pgp_cert *cert;
	struct craft_subpackets first = CRAFT_NONE;
	size_t at;

	(void)state;
	craft_begin(&c);
	first.is_primary = true;
	craft_put_user(&c, "old", 0, CRAFT_NONE);
	craft_put_user(&c, "first", 1, first);
	craft_put_user(&c, "new", 2, CRAFT_NONE);
	cert = craft_cert(&c);
	assert_true(pgp_valid_primary_user(cert, CRAFT_NOW + 10, &at));
	assert_int_equal(at, 0);
	assert_true(pgp_valid_primary_user(cert, CRAFT_NOW + 3 * CRAFT_DAY, &at));
	assert_int_equal(at, 1);
	pgp_cert_free(cert);
	craft_end(&c);
}

static void
what_is_critical_and_unknown_spoils_its_signature(void **state)
{
	struct craft c;
	struct craft_subpackets q = craft_flags(PGP_SIG_MAY_SIGN);

	(void)state;
	for (uint8_t type = 100; type <= 110; type++) {
		craft_begin(&c);
		q.critical = type;
		craft_put_user(&c, "Ann", 0, q);
		assert_int_equal(CRAFT_SIGNS(&c, 0), PGP_PROBLEM_UNBOUND);
		craft_end(&c);
	}
	/* A notation that must be known; a regular expression, which says nothing here. */
	craft_begin(&c);
	q.critical = PGP_SIG_NOTATION;
	craft_put_user(&c, "Ann", 0, q);
	assert_int_equal(CRAFT_SIGNS(&c, 0), PGP_PROBLEM_UNBOUND);
	q.critical = 6;
	craft_put(&c, PGP_SIG_CERT_POSITIVE, 0, q, (struct craft_about){.user = "Ann"});
	assert_int_equal(CRAFT_SIGNS(&c, 0), PGP_PROBLEM_NONE);
	craft_end(&c);
}

static void
a_signature_that_is_older_than_its_key_is_none(void **state)
{
	struct craft c;

	(void)state;
	craft_begin(&c);
	craft_put_user(&c, "Ann", -1, craft_flags(PGP_SIG_MAY_SIGN));
	assert_int_equal(CRAFT_SIGNS(&c, 1), PGP_PROBLEM_UNBOUND);
	craft_end(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_newer_signature_takes_an_expired_ones_place),
		cmocka_unit_test(the_newest_signature_says_when_a_key_ends),
		cmocka_unit_test(a_direct_signature_goes_before_a_user_ids),
		cmocka_unit_test(without_flags_a_key_does_what_its_algorithm_can),
		cmocka_unit_test(a_subkey_that_signs_has_to_sign_back),
		cmocka_unit_test(a_subkeys_signature_may_stand_where_nothing_is_hashed),
		cmocka_unit_test(what_is_not_hashed_says_nothing_of_a_key),
		cmocka_unit_test(a_signature_that_names_another_fingerprint_is_none),
		cmocka_unit_test(
			a_soft_revocation_ends_with_a_newer_signature_and_a_hard_one_never),
		cmocka_unit_test(somebody_elses_revocation_revokes_nothing),
		cmocka_unit_test(a_revoked_user_id_is_no_name),
		cmocka_unit_test(the_primary_user_id_is_the_one_that_says_so_else_the_newest),
		cmocka_unit_test(what_is_critical_and_unknown_spoils_its_signature),
		cmocka_unit_test(a_signature_that_is_older_than_its_key_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
