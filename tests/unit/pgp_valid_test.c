#include "crypto/pgp_valid.h"

#include "crypto/pgp_packet.h"
#include "crypto/pgp_sig_make.h"
#include "tests/pgp_person.h"
#include "tests/test.h"

enum { NOW = PGP_PERSON_NOW, DAY = 86400, MAX = 1 << 20 };

/* Certificates signature by signature: Ann's key with what is put behind it. */
struct craft {
	struct pgp_person ann, sub; /* sub: a signing key that Ann may bind */
	struct buf octets;
};
struct subpackets {
	int flags, features, reason; /* -1: none */
	uint32_t key_expires, expires;
	uint8_t critical; /* a type that nobody knows; 0: none */
	bool is_primary;
	struct slice embedded;
};
static const struct subpackets NONE = {.flags = -1, .features = -1, .reason = -1};

static void
put_subpackets(const struct subpackets *q, struct buf *out)
{
	uint8_t flags = (uint8_t)q->flags, features = (uint8_t)q->features,
		reason = (uint8_t)q->reason, yes = 1;

	if (q->flags >= 0)
		pgp_sig_make_subpacket(out, PGP_SIG_KEY_FLAGS, true, slice_of(&flags, 1));
	if (q->features >= 0)
		pgp_sig_make_subpacket(out, PGP_SIG_FEATURES, false, slice_of(&features, 1));
	if (q->reason >= 0)
		pgp_sig_make_subpacket(out, PGP_SIG_REASON, false, slice_of(&reason, 1));
	if (q->key_expires)
		pgp_sig_make_number(out, PGP_SIG_KEY_EXPIRES, q->key_expires);
	if (q->expires)
		pgp_sig_make_number(out, PGP_SIG_EXPIRES, q->expires);
	if (q->is_primary)
		pgp_sig_make_subpacket(out, PGP_SIG_PRIMARY_USER_ID, true, slice_of(&yes, 1));
	if (q->critical)
		pgp_sig_make_subpacket(out, q->critical, true, SLICE_LIT("?"));
	if (q->embedded.n)
		pgp_sig_make_subpacket(out, PGP_SIG_EMBEDDED, false, q->embedded);
}

/* What is signed besides the primary key. */
struct about {
	const struct pgp_public *subkey;
	const char *user;
};

struct spec {
	uint8_t type;
	int64_t days; /* from NOW */
	struct subpackets q;
	struct about about;
};

static void
make_body(const struct craft *c, struct pgp_person *by, struct spec spec, struct buf *body)
{
	struct buf area;
	struct pgp_sig_make m;

	buf_init(&area, PGP_SIG_MAKE_SUBPACKETS_MAX);
	put_subpackets(&spec.q, &area);
	struct pgp_sig_make_setup setup = {.key = &by->cert->key[0].public,
		.type = spec.type,
		.hash = PGP_SHA256,
		.created_sec = (uint32_t)(NOW + spec.days * DAY),
		.subpackets = buf_slice(&area)};

	assert_int_equal(pgp_sig_make_begin(&m, &setup), ERR_OK);
	pgp_sig_hash_key(&m.hash, &c->ann.cert->key[0].public);
	if (spec.about.subkey)
		pgp_sig_hash_key(&m.hash, spec.about.subkey);
	if (spec.about.user)
		pgp_sig_hash_user(&m.hash, PGP_TAG_USER_ID, slice_str(spec.about.user));
	assert_int_equal(pgp_sig_make_finish(&m, &by->private, body), ERR_OK);
	pgp_sig_make_fini(&m);
	buf_fini(&area);
}

static void
put(struct craft *c, uint8_t type, int64_t days, struct subpackets q, struct about about)
{
	struct buf body;

	buf_init(&body, MAX);
	make_body(c, &c->ann, (struct spec){type, days, q, about}, &body);
	pgp_packet_put(&c->octets, PGP_TAG_SIGNATURE, buf_slice(&body));
	buf_fini(&body);
}

static void
put_key(struct craft *c, uint8_t tag, const struct pgp_public *key)
{
	pgp_packet_put(&c->octets, tag, key->body);
}

static const struct pgp_public *
encryption(const struct craft *c)
{
	return &c->ann.cert->key[1].public;
}

static const struct pgp_public *
signing(const struct craft *c)
{
	return &c->sub.cert->key[0].public;
}

/* Ann's user id, signed `days` from now. */
static void
put_user(struct craft *c, const char *user, int64_t days, struct subpackets q)
{
	pgp_packet_put(&c->octets, PGP_TAG_USER_ID, slice_str(user));
	put(c, PGP_SIG_CERT_POSITIVE, days, q, (struct about){.user = user});
}

static struct subpackets
flags(int value)
{
	struct subpackets q = NONE;

	q.flags = value;
	return q;
}

static struct subpackets
reason(int value)
{
	struct subpackets q = NONE;

	q.reason = value;
	return q;
}

static void
begin(struct craft *c)
{
	pgp_person_init(&c->ann, PGP_MAKE_CURVE25519);
	pgp_person_init(&c->sub, PGP_MAKE_CURVE25519);
	buf_init(&c->octets, MAX);
	put_key(c, PGP_TAG_PUBLIC_KEY, &c->ann.cert->key[0].public);
}

static void
end(struct craft *c)
{
	buf_fini(&c->octets);
	pgp_person_fini(&c->ann);
	pgp_person_fini(&c->sub);
}

static enum pgp_problem
may(const struct craft *c, size_t key, enum pgp_use use, int64_t days)
{
	struct slice rest = buf_slice(&c->octets);
	struct pgp_cert *cert;
	enum pgp_problem p;

	assert_int_equal(pgp_cert_parse(&rest, &cert), ERR_OK);
	p = pgp_valid_key(cert, key, use, (uint64_t)(NOW + days * DAY + 10));
	pgp_cert_free(cert);
	return p;
}
#define SIGNS(c, days) may(c, 0, PGP_USE_SIGN, days)
#define ENCRYPTS(c, days) may(c, 1, PGP_USE_ENCRYPT, days)

static void
a_newer_signature_takes_an_expired_ones_place(void **state)
{
	struct craft c;
	struct subpackets q = flags(PGP_SIG_MAY_SIGN);

	(void)state;
	begin(&c);
	q.expires = 2 * DAY;
	put_user(&c, "Ann", 0, q);
	assert_int_equal(SIGNS(&c, 1), PGP_PROBLEM_NONE);
	assert_int_equal(SIGNS(&c, 2), PGP_PROBLEM_UNBOUND);
	put(&c, PGP_SIG_CERT_POSITIVE, 1, flags(PGP_SIG_MAY_SIGN),
		(struct about){.user = "Ann"});
	assert_int_equal(SIGNS(&c, 3), PGP_PROBLEM_NONE);
	end(&c);
}

static void
the_newest_signature_says_when_a_key_ends(void **state)
{
	struct craft c;
	struct subpackets q = flags(PGP_SIG_MAY_SIGN);

	(void)state;
	begin(&c);
	q.key_expires = 10 * DAY;
	put_user(&c, "Ann", 0, q);
	assert_int_equal(SIGNS(&c, 11), PGP_PROBLEM_EXPIRED);
	q.key_expires = 20 * DAY;
	put(&c, PGP_SIG_CERT_POSITIVE, 1, q, (struct about){.user = "Ann"});
	assert_int_equal(SIGNS(&c, 11), PGP_PROBLEM_NONE);
	assert_int_equal(SIGNS(&c, 20), PGP_PROBLEM_EXPIRED);
	/* A signature from the future says nothing yet. */
	q.key_expires = 40 * DAY;
	put(&c, PGP_SIG_CERT_POSITIVE, 30, q, (struct about){.user = "Ann"});
	assert_int_equal(SIGNS(&c, 21), PGP_PROBLEM_EXPIRED);
	assert_int_equal(SIGNS(&c, 31), PGP_PROBLEM_NONE);
	end(&c);
}

static void
a_direct_signature_goes_before_a_user_ids(void **state)
{
	struct craft c;
	struct subpackets q = flags(PGP_SIG_MAY_CERTIFY);

	(void)state;
	begin(&c);
	q.key_expires = 5 * DAY;
	put(&c, PGP_SIG_DIRECT, 0, q, (struct about){0});
	put_user(&c, "Ann", 0, flags(PGP_SIG_MAY_SIGN));
	assert_int_equal(SIGNS(&c, 0), PGP_PROBLEM_PURPOSE);
	assert_int_equal(SIGNS(&c, 5), PGP_PROBLEM_EXPIRED);
	end(&c);
}

static void
without_flags_a_key_does_what_its_algorithm_can(void **state)
{
	struct craft c;

	(void)state;
	begin(&c);
	put_user(&c, "Ann", 0, NONE);
	assert_int_equal(SIGNS(&c, 0), PGP_PROBLEM_NONE);
	put_key(&c, PGP_TAG_PUBLIC_SUBKEY, encryption(&c));
	assert_int_equal(ENCRYPTS(&c, 0), PGP_PROBLEM_UNBOUND);
	put(&c, PGP_SIG_SUBKEY, 0, NONE, (struct about){.subkey = encryption(&c)});
	assert_int_equal(ENCRYPTS(&c, 0), PGP_PROBLEM_NONE);
	assert_int_equal(may(&c, 1, PGP_USE_SIGN, 0), PGP_PROBLEM_PURPOSE);
	put(&c, PGP_SIG_SUBKEY, 1, flags(0), (struct about){.subkey = encryption(&c)});
	assert_int_equal(ENCRYPTS(&c, 2), PGP_PROBLEM_PURPOSE);
	end(&c);
}

static void
a_subkey_that_signs_has_to_sign_back(void **state)
{
	struct craft c;
	struct subpackets q = flags(PGP_SIG_MAY_SIGN);
	struct buf back;
	struct about about;

	(void)state;
	begin(&c);
	buf_init(&back, MAX);
	about = (struct about){.subkey = signing(&c)};
	put_user(&c, "Ann", 0, flags(PGP_SIG_MAY_CERTIFY));
	put_key(&c, PGP_TAG_PUBLIC_SUBKEY, signing(&c));
	put(&c, PGP_SIG_SUBKEY, 0, q, about);
	assert_int_equal(may(&c, 1, PGP_USE_SIGN, 0), PGP_PROBLEM_UNBOUND);
	/* By the wrong key, of the wrong type, expired; and right. */
	make_body(&c, &c.ann, (struct spec){PGP_SIG_PRIMARY, 0, NONE, about}, &back);
	q.embedded = buf_slice(&back);
	put(&c, PGP_SIG_SUBKEY, 1, q, about);
	assert_int_equal(may(&c, 1, PGP_USE_SIGN, 1), PGP_PROBLEM_UNBOUND);
	buf_clear(&back);
	make_body(&c, &c.sub, (struct spec){PGP_SIG_SUBKEY, 0, NONE, about}, &back);
	q.embedded = buf_slice(&back);
	put(&c, PGP_SIG_SUBKEY, 2, q, about);
	assert_int_equal(may(&c, 1, PGP_USE_SIGN, 2), PGP_PROBLEM_UNBOUND);
	struct subpackets short_lived = NONE;

	short_lived.expires = DAY;
	buf_clear(&back);
	make_body(&c, &c.sub, (struct spec){PGP_SIG_PRIMARY, 3, short_lived, about}, &back);
	q.embedded = buf_slice(&back);
	put(&c, PGP_SIG_SUBKEY, 3, q, about);
	assert_int_equal(may(&c, 1, PGP_USE_SIGN, 3), PGP_PROBLEM_NONE);
	assert_int_equal(may(&c, 1, PGP_USE_SIGN, 4), PGP_PROBLEM_UNBOUND);
	buf_clear(&back);
	make_body(&c, &c.sub, (struct spec){PGP_SIG_PRIMARY, 0, NONE, about}, &back);
	q.embedded = buf_slice(&back);
	put(&c, PGP_SIG_SUBKEY, 5, q, about);
	assert_int_equal(may(&c, 1, PGP_USE_SIGN, 6), PGP_PROBLEM_NONE);
	buf_fini(&back);
	end(&c);
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
		struct about about;

		begin(&c);
		about = (struct about){.subkey = encryption(&c)};
		put_user(&c, "Ann", 0, flags(PGP_SIG_MAY_SIGN));
		put_key(&c, PGP_TAG_PUBLIC_SUBKEY, encryption(&c));
		put(&c, PGP_SIG_SUBKEY, 0, flags(PGP_SIG_MAY_ENCRYPT_MAIL), about);
		put(&c, PGP_SIG_SUBKEY_REVOKED, 5, reason(rows[i].reason), about);
		assert_int_equal(ENCRYPTS(&c, 1), rows[i].before);
		assert_int_equal(ENCRYPTS(&c, 6), rows[i].after);
		assert_int_equal(SIGNS(&c, 6), PGP_PROBLEM_NONE);
		put(&c, PGP_SIG_SUBKEY, 7, flags(PGP_SIG_MAY_ENCRYPT_MAIL), about);
		assert_int_equal(ENCRYPTS(&c, 8), rows[i].renewed);
		end(&c);
	}
}

static void
somebody_elses_revocation_revokes_nothing(void **state)
{
	struct craft c;
	struct buf body;
	struct about none = {0};

	(void)state;
	begin(&c);
	buf_init(&body, MAX);
	make_body(&c, &c.sub, (struct spec){PGP_SIG_KEY_REVOKED, 0, NONE, none}, &body);
	pgp_packet_put(&c.octets, PGP_TAG_SIGNATURE, buf_slice(&body));
	put_user(&c, "Ann", 0, flags(PGP_SIG_MAY_SIGN));
	assert_int_equal(SIGNS(&c, 1), PGP_PROBLEM_NONE);
	buf_fini(&body);
	end(&c);
}

static void
a_revoked_user_id_is_no_name(void **state)
{
	struct craft c;
	struct slice rest;
	struct pgp_cert *cert;
	size_t at;

	(void)state;
	begin(&c);
	put_user(&c, "Ann <ann@example.org>", 0, flags(PGP_SIG_MAY_SIGN));
	put(&c, PGP_SIG_CERT_REVOKED, 1, reason(PGP_SIG_USER_ID_INVALID),
		(struct about){.user = "Ann <ann@example.org>"});
	put_user(&c, "Ann <ann@example.net>", 0, flags(PGP_SIG_MAY_SIGN));
	rest = buf_slice(&c.octets);
	assert_int_equal(pgp_cert_parse(&rest, &cert), ERR_OK);
	assert_true(pgp_valid_user(cert, 0, NOW + 10));
	assert_false(pgp_valid_user(cert, 0, NOW + 2 * DAY));
	assert_true(pgp_valid_primary_user(cert, NOW + 2 * DAY, &at));
	assert_int_equal(at, 1);
	pgp_cert_free(cert);
	end(&c);
}

static void
the_primary_user_id_is_the_one_that_says_so_else_the_newest(void **state)
{
	struct craft c;
	struct slice rest;
	struct pgp_cert *cert;
	struct subpackets first = NONE;
	size_t at;

	(void)state;
	begin(&c);
	first.is_primary = true;
	put_user(&c, "old", 0, NONE);
	put_user(&c, "first", 1, first);
	put_user(&c, "new", 2, NONE);
	rest = buf_slice(&c.octets);
	assert_int_equal(pgp_cert_parse(&rest, &cert), ERR_OK);
	assert_true(pgp_valid_primary_user(cert, NOW + 10, &at));
	assert_int_equal(at, 0);
	assert_true(pgp_valid_primary_user(cert, NOW + 3 * DAY, &at));
	assert_int_equal(at, 1);
	pgp_cert_free(cert);
	end(&c);
}

static void
what_is_critical_and_unknown_spoils_its_signature(void **state)
{
	struct craft c;
	struct subpackets q = flags(PGP_SIG_MAY_SIGN);

	(void)state;
	for (uint8_t type = 100; type <= 110; type++) {
		begin(&c);
		q.critical = type;
		put_user(&c, "Ann", 0, q);
		assert_int_equal(SIGNS(&c, 0), PGP_PROBLEM_UNBOUND);
		end(&c);
	}
	/* A notation that must be known; a regular expression, which says nothing here. */
	begin(&c);
	q.critical = PGP_SIG_NOTATION;
	put_user(&c, "Ann", 0, q);
	assert_int_equal(SIGNS(&c, 0), PGP_PROBLEM_UNBOUND);
	q.critical = 6;
	put(&c, PGP_SIG_CERT_POSITIVE, 0, q, (struct about){.user = "Ann"});
	assert_int_equal(SIGNS(&c, 0), PGP_PROBLEM_NONE);
	end(&c);
}

static void
a_signature_that_is_older_than_its_key_is_none(void **state)
{
	struct craft c;

	(void)state;
	begin(&c);
	put_user(&c, "Ann", -1, flags(PGP_SIG_MAY_SIGN));
	assert_int_equal(SIGNS(&c, 1), PGP_PROBLEM_UNBOUND);
	end(&c);
}

static void
checks_end_at_their_limit(void **state)
{
	struct craft c;
	struct slice rest;
	struct pgp_cert *cert;

	(void)state;
	for (size_t bad = PGP_CERT_CHECKS_MAX - 1; bad <= PGP_CERT_CHECKS_MAX; bad++) {
		begin(&c);
		pgp_packet_put(&c.octets, PGP_TAG_USER_ID, SLICE_LIT("Ann"));
		put(&c, PGP_SIG_CERT_POSITIVE, 0, flags(PGP_SIG_MAY_SIGN),
			(struct about){.user = "Ann"});
		for (size_t i = 0; i < bad; i++)
			put(&c, PGP_SIG_CERT_POSITIVE, 1, flags(PGP_SIG_MAY_SIGN),
				(struct about){.user = "Eve"});
		rest = buf_slice(&c.octets);
		assert_int_equal(pgp_cert_parse(&rest, &cert), ERR_OK);
		assert_int_equal(pgp_valid_key(cert, 0, PGP_USE_SIGN, NOW + 2 * DAY),
			bad < PGP_CERT_CHECKS_MAX ? PGP_PROBLEM_NONE : PGP_PROBLEM_UNBOUND);
		assert_true(cert->checks <= PGP_CERT_CHECKS_MAX);
		pgp_cert_free(cert);
		end(&c);
	}
}

static void
a_revocation_that_cannot_be_checked_any_more_counts(void **state)
{
	struct craft c;
	struct slice rest;
	struct pgp_cert *cert;

	(void)state;
	begin(&c);
	/* Of something else, so that they don't fit. */
	for (size_t i = 0; i < PGP_CERT_CHECKS_MAX; i++)
		put(&c, PGP_SIG_KEY_REVOKED, 1, NONE, (struct about){.user = "Eve"});
	put(&c, PGP_SIG_KEY_REVOKED, 1, NONE, (struct about){0});
	put_user(&c, "Ann", 0, flags(PGP_SIG_MAY_SIGN));
	rest = buf_slice(&c.octets);
	assert_int_equal(pgp_cert_parse(&rest, &cert), ERR_OK);
	assert_int_equal(
		pgp_valid_key(cert, 0, PGP_USE_SIGN, NOW + 2 * DAY), PGP_PROBLEM_REVOKED);
	pgp_cert_free(cert);
	end(&c);
}

static void
a_certificate_has_no_more_than_it_may(void **state)
{
	struct craft c;
	struct slice rest;
	struct pgp_cert *cert;

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		begin(&c);
		for (size_t i = 0; i < PGP_USER_IDS_MAX + over; i++)
			pgp_packet_put(&c.octets, PGP_TAG_USER_ID, SLICE_LIT("Ann"));
		rest = buf_slice(&c.octets);
		assert_int_equal(pgp_cert_parse(&rest, &cert), over ? ERR_LIMIT : ERR_OK);
		if (!over)
			pgp_cert_free(cert);
		end(&c);
		begin(&c);
		for (size_t i = 0; i < PGP_SUBKEYS_MAX + over; i++)
			put_key(&c, PGP_TAG_PUBLIC_SUBKEY, encryption(&c));
		rest = buf_slice(&c.octets);
		assert_int_equal(pgp_cert_parse(&rest, &cert), over ? ERR_LIMIT : ERR_OK);
		if (!over)
			pgp_cert_free(cert);
		end(&c);
	}
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
		cmocka_unit_test(
			a_soft_revocation_ends_with_a_newer_signature_and_a_hard_one_never),
		cmocka_unit_test(somebody_elses_revocation_revokes_nothing),
		cmocka_unit_test(a_revoked_user_id_is_no_name),
		cmocka_unit_test(the_primary_user_id_is_the_one_that_says_so_else_the_newest),
		cmocka_unit_test(what_is_critical_and_unknown_spoils_its_signature),
		cmocka_unit_test(a_signature_that_is_older_than_its_key_is_none),
		cmocka_unit_test(checks_end_at_their_limit),
		cmocka_unit_test(a_revocation_that_cannot_be_checked_any_more_counts),
		cmocka_unit_test(a_certificate_has_no_more_than_it_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
