#include "crypto/pgp_make.h"

#include "crypto/pgp_packet.h"
#include "tests/test.h"

enum { NOW = 1795000000, DAY = 86400 };

static struct pgp_cert *
parsed(const struct buf *b)
{
	struct slice rest = buf_slice(b);
	struct pgp_cert *cert;

	assert_int_equal(pgp_cert_parse(&rest, &cert), ERR_OK);
	assert_int_equal(rest.n, 0);
	return cert;
}

static struct pgp_cert *
made(struct pgp_make_setup setup)
{
	static const struct slice ann = {
		(const uint8_t *)"Ann <ann@example.org>", sizeof "Ann <ann@example.org>" - 1};
	struct pgp_cert *cert;
	struct buf out;

	buf_init(&out, PGP_MAKE_MAX);
	setup.created_sec = NOW;
	if (setup.n_user_ids == 0 && !setup.user_id) {
		setup.user_id = &ann;
		setup.n_user_ids = 1;
	}
	assert_int_equal(pgp_make_key(&setup, &out), ERR_OK);
	cert = parsed(&out);
	buf_fini_secret(&out);
	return cert;
}

static enum pgp_problem
may(struct pgp_cert *cert, size_t key, enum pgp_use use, int64_t days)
{
	return pgp_valid_key(cert, key, use, (uint64_t)(NOW + 10 + days * DAY));
}

static void
keys_of_each_kind_are_for_what_they_say(void **state)
{
	(void)state;
	for (int kind = 0; kind < PGP_MAKE_KINDS; kind++) {
		struct pgp_cert *c = made(
			(struct pgp_make_setup){.kind = (enum pgp_make_kind)kind});
		struct pgp_valid_facts facts;
		size_t at, keys[PGP_VALID_RECIPIENTS_MAX];

		assert_true(c->is_secret);
		assert_int_equal(c->n_keys, 2);
		assert_int_equal(may(c, 0, PGP_USE_SIGN, 0), PGP_PROBLEM_NONE);
		assert_int_equal(may(c, 0, PGP_USE_ENCRYPT, 0), PGP_PROBLEM_PURPOSE);
		assert_int_equal(may(c, 1, PGP_USE_SIGN, 0), PGP_PROBLEM_PURPOSE);
		assert_int_equal(may(c, 1, PGP_USE_ENCRYPT, 0), PGP_PROBLEM_NONE);
		assert_int_equal(may(c, 1, PGP_USE_ENCRYPT, 365000), PGP_PROBLEM_NONE);
		assert_int_equal(may(c, 1, PGP_USE_ENCRYPT, -1), PGP_PROBLEM_UNBOUND);
		assert_int_equal(pgp_valid_recipients(c, NOW, keys), 1);
		assert_int_equal(keys[0], 1);
		assert_true(pgp_valid_signer(c, NOW, &at));
		assert_int_equal(at, 0);
		assert_true(pgp_valid_user(c, 0, NOW));
		assert_true(pgp_valid_primary_user(c, NOW, &at));
		assert_true(pgp_valid_facts(c, NOW, &facts));
		assert_int_equal(facts.has_seipd2, kind == PGP_MAKE_V6);
		assert_int_equal(facts.until_sec, 0);
		pgp_cert_free(c);
	}
}

static void
a_key_ends_with_its_time(void **state)
{
	(void)state;
	for (int kind = PGP_MAKE_CURVE25519; kind <= PGP_MAKE_V6; kind += PGP_MAKE_V6) {
		struct pgp_cert *c = made((struct pgp_make_setup){
			.kind = (enum pgp_make_kind)kind, .expires_sec = 10 * DAY});

		assert_int_equal(may(c, 0, PGP_USE_SIGN, 9), PGP_PROBLEM_NONE);
		assert_int_equal(may(c, 0, PGP_USE_SIGN, 10), PGP_PROBLEM_EXPIRED);
		assert_int_equal(may(c, 1, PGP_USE_ENCRYPT, 10), PGP_PROBLEM_EXPIRED);
		pgp_cert_free(c);
	}
}

static void
a_key_for_signing_has_nothing_to_encrypt_to(void **state)
{
	struct pgp_cert *c = made((struct pgp_make_setup){.is_for_signing = true});
	size_t keys[PGP_VALID_RECIPIENTS_MAX];

	(void)state;
	assert_int_equal(c->n_keys, 1);
	assert_int_equal(pgp_valid_recipients(c, NOW, keys), 0);
	pgp_cert_free(c);
}

static void
a_key_without_user_ids_is_valid_by_itself(void **state)
{
	static const struct slice none[1];

	(void)state;
	for (int kind = 0; kind < PGP_MAKE_KINDS; kind += PGP_MAKE_V6) {
		struct pgp_cert *c = made((struct pgp_make_setup){
			.kind = (enum pgp_make_kind)kind, .user_id = none});
		size_t at;

		assert_int_equal(c->n_users, 0);
		assert_int_equal(may(c, 0, PGP_USE_SIGN, 0), PGP_PROBLEM_NONE);
		assert_false(pgp_valid_primary_user(c, NOW, &at));
		pgp_cert_free(c);
	}
}

static void
user_ids_are_text_and_there_are_limits(void **state)
{
	uint8_t long_id[PGP_USER_ID_MAX + 1];
	struct slice ids[PGP_MAKE_USER_IDS_MAX + 1];
	const struct {
		struct slice id;
		size_t n;
		enum err want;
	} rows[] = {{{(const uint8_t *)"", sizeof "" - 1}, 1, ERR_SYNTAX},
		{{(const uint8_t *)"\xff", sizeof "\xff" - 1}, 1, ERR_SYNTAX},
		{{long_id, PGP_USER_ID_MAX}, 1, ERR_OK},
		{{long_id, PGP_USER_ID_MAX + 1}, 1, ERR_SYNTAX},
		{{(const uint8_t *)"x", sizeof "x" - 1}, PGP_MAKE_USER_IDS_MAX, ERR_OK},
		{{(const uint8_t *)"x", sizeof "x" - 1}, PGP_MAKE_USER_IDS_MAX + 1, ERR_LIMIT}};
	struct buf out;

	(void)state;
	memset(long_id, 'x', sizeof long_id);
	buf_init(&out, PGP_MAKE_MAX);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pgp_make_setup setup = {
			.user_id = ids, .n_user_ids = rows[i].n, .created_sec = NOW};

		for (size_t j = 0; j < rows[i].n; j++)
			ids[j] = rows[i].id;
		buf_clear(&out);
		assert_int_equal(pgp_make_key(&setup, &out), rows[i].want);
	}
	buf_fini(&out);
}

static void
the_public_part_has_nothing_private_and_says_the_same(void **state)
{
	(void)state;
	for (int kind = 0; kind < PGP_MAKE_KINDS; kind++) {
		struct pgp_cert *c = made(
			(struct pgp_make_setup){.kind = (enum pgp_make_kind)kind});
		struct pgp_cert *public;
		struct buf out;

		buf_init(&out, PGP_MAKE_MAX);
		assert_int_equal(pgp_make_public(c, &out), ERR_OK);
		public = parsed(&out);
		assert_false(public->is_secret);
		assert_int_equal(public->n_keys, 2);
		assert_int_equal(public->key[1].tag, PGP_TAG_PUBLIC_SUBKEY);
		assert_memory_equal(public->key[1].public.fingerprint,
			c->key[1].public.fingerprint, PGP_FINGERPRINT_MAX);
		assert_int_equal(may(public, 0, PGP_USE_SIGN, 0), PGP_PROBLEM_NONE);
		assert_int_equal(may(public, 1, PGP_USE_ENCRYPT, 0), PGP_PROBLEM_NONE);
		pgp_cert_free(public);
		buf_fini(&out);
		pgp_cert_free(c);
	}
}

static enum err
opens(const struct pgp_cert *c, const char *password)
{
	struct slice one = slice_str(password);
	struct pgp_make_passwords p = {.old = &one, .n_old = 1};
	struct pgp_secret s = {0};
	enum err e = pgp_make_open(c, 1, &p, &s);

	if (e == ERR_OK)
		pgp_secret_fini(&s);
	return e;
}

static void
a_password_is_changed_and_taken_off(void **state)
{
	(void)state;
	for (int kind = 0; kind < PGP_MAKE_KINDS; kind += PGP_MAKE_V6) {
		struct pgp_cert *c = made((struct pgp_make_setup){
			.kind = (enum pgp_make_kind)kind, .password = SLICE_LIT("first")});
		struct slice old[] = {{(const uint8_t *)"wrong", sizeof "wrong" - 1},
			{(const uint8_t *)"first", sizeof "first" - 1}};
		struct pgp_make_passwords p = {
			.old = old, .n_old = 1, .new = SLICE_LIT("second")};
		struct pgp_cert *next;
		struct buf out;

		buf_init(&out, PGP_MAKE_MAX);
		assert_int_equal(opens(c, "first"), ERR_OK);
		assert_int_equal(opens(c, "second"), ERR_AUTH);
		assert_int_equal(pgp_make_locked(c, &p, &out), ERR_AUTH);
		buf_clear(&out);
		p.n_old = 2;
		assert_int_equal(pgp_make_locked(c, &p, &out), ERR_OK);
		next = parsed(&out);
		assert_int_equal(opens(next, "first"), ERR_AUTH);
		assert_int_equal(opens(next, "second"), ERR_OK);
		pgp_cert_free(c);
		old[0] = SLICE_LIT("second");
		p.new = SLICE_EMPTY;
		buf_clear(&out);
		assert_int_equal(pgp_make_locked(next, &p, &out), ERR_OK);
		c = parsed(&out);
		assert_int_equal(opens(c, "anything"), ERR_OK);
		assert_int_equal(may(c, 1, PGP_USE_ENCRYPT, 0), PGP_PROBLEM_NONE);
		pgp_cert_free(c);
		pgp_cert_free(next);
		buf_fini_secret(&out);
	}
}

static void
a_reason_says_since_when_a_key_is_revoked(void **state)
{
	const struct {
		uint8_t reason;
		enum pgp_problem before, after;
	} rows[] = {{PGP_SIG_NO_REASON, PGP_PROBLEM_REVOKED, PGP_PROBLEM_REVOKED},
		{PGP_SIG_COMPROMISED, PGP_PROBLEM_REVOKED, PGP_PROBLEM_REVOKED},
		{PGP_SIG_SUPERSEDED, PGP_PROBLEM_NONE, PGP_PROBLEM_REVOKED},
		{PGP_SIG_RETIRED, PGP_PROBLEM_NONE, PGP_PROBLEM_REVOKED}};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
		struct pgp_cert *c = made((struct pgp_make_setup){
			.kind = i % 2 ? PGP_MAKE_V6 : PGP_MAKE_CURVE25519});
		struct pgp_make_passwords none = {0};
		struct pgp_make_revocation r = {
			rows[i / 2].reason, SLICE_LIT("a new one"), NOW + 5 * DAY};
		struct pgp_cert *revoked;
		struct buf out;

		buf_init(&out, PGP_MAKE_MAX);
		assert_int_equal(pgp_make_revoked(c, &none, &r, &out), ERR_OK);
		revoked = parsed(&out);
		assert_false(revoked->is_secret);
		assert_int_equal(may(revoked, 1, PGP_USE_ENCRYPT, 1), rows[i / 2].before);
		assert_int_equal(may(revoked, 1, PGP_USE_ENCRYPT, 6), rows[i / 2].after);
		assert_int_equal(may(revoked, 0, PGP_USE_SIGN, 6), rows[i / 2].after);
		pgp_cert_free(revoked);
		buf_fini(&out);
		pgp_cert_free(c);
	}
}

/* Each octet of a certificate that holds anything: changed, it holds less, or nothing. */
static void
a_changed_octet_takes_validity_away(void **state)
{
	(void)state;
	for (int kind = 0; kind < PGP_MAKE_KINDS; kind += PGP_MAKE_V6) {
		struct pgp_cert *c = made(
			(struct pgp_make_setup){.kind = (enum pgp_make_kind)kind});
		struct buf out;
		size_t whole = 0;

		buf_init(&out, PGP_MAKE_MAX);
		assert_int_equal(pgp_make_public(c, &out), ERR_OK);
		for (size_t i = 0; i < out.n; i++) {
			struct slice rest = buf_slice(&out);
			struct pgp_cert *changed;

			out.p[i] ^= 0x10;
			if (pgp_cert_parse(&rest, &changed) == ERR_OK) {
				whole += pgp_valid_user(changed, 0, NOW + 1) &&
					 changed->n_keys == 2 &&
					 may(changed, 0, PGP_USE_SIGN, 0) == PGP_PROBLEM_NONE &&
					 may(changed, 1, PGP_USE_ENCRYPT, 0) ==
						 PGP_PROBLEM_NONE;
				pgp_cert_free(changed);
			}
			out.p[i] ^= 0x10;
		}
		assert_int_equal(whole, 0);
		buf_fini(&out);
		pgp_cert_free(c);
	}
}

static void
a_certificate_that_is_cut_holds_no_more_than_it_has(void **state)
{
	struct pgp_cert *c = made((struct pgp_make_setup){.kind = PGP_MAKE_V6}), *part;
	struct buf out;

	(void)state;
	buf_init(&out, PGP_MAKE_MAX);
	assert_int_equal(pgp_make_public(c, &out), ERR_OK);
	for (size_t n = 0; n < out.n; n++) {
		struct slice rest = slice_cut(buf_slice(&out), 0, n);

		if (pgp_cert_parse(&rest, &part) == ERR_OK) {
			assert_int_not_equal(part->n_keys == 2
						     ? may(part, 1, PGP_USE_ENCRYPT, 0)
						     : PGP_PROBLEM_UNBOUND,
				PGP_PROBLEM_NONE);
			pgp_cert_free(part);
		}
	}
	buf_fini(&out);
	pgp_cert_free(c);
}

/* Signatures, user ids, subkeys of one under another. */
static void
what_another_key_signed_is_nothing(void **state)
{
	struct pgp_cert *ann = made((struct pgp_make_setup){.kind = PGP_MAKE_CURVE25519});
	struct pgp_cert *eve = made((struct pgp_make_setup){.kind = PGP_MAKE_CURVE25519});
	struct pgp_cert *mixed;
	struct buf a, b;
	struct slice rest;
	struct pgp_packet_whole p;

	(void)state;
	buf_init(&a, PGP_MAKE_MAX);
	buf_init(&b, PGP_MAKE_MAX);
	assert_int_equal(pgp_make_public(ann, &a), ERR_OK);
	assert_int_equal(pgp_make_public(eve, &b), ERR_OK);
	rest = buf_slice(&b);
	assert_int_equal(pgp_packet_next(&rest, &p), ERR_OK);
	buf_put_slice(&a, rest);
	mixed = parsed(&a);
	assert_int_equal(mixed->n_keys, 3);
	assert_int_equal(mixed->n_users, 2);
	assert_true(pgp_valid_user(mixed, 0, NOW));
	assert_false(pgp_valid_user(mixed, 1, NOW));
	assert_int_equal(may(mixed, 1, PGP_USE_ENCRYPT, 0), PGP_PROBLEM_NONE);
	assert_int_equal(may(mixed, 2, PGP_USE_ENCRYPT, 0), PGP_PROBLEM_UNBOUND);
	pgp_cert_free(mixed);
	buf_fini(&a);
	buf_fini(&b);
	pgp_cert_free(ann);
	pgp_cert_free(eve);
}

static void
several_certificates_come_one_after_the_other(void **state)
{
	struct pgp_cert *c = made((struct pgp_make_setup){.kind = PGP_MAKE_V6}), *one;
	struct slice rest;
	struct buf out;

	(void)state;
	buf_init(&out, PGP_MAKE_MAX);
	assert_int_equal(pgp_make_public(c, &out), ERR_OK);
	assert_int_equal(pgp_make_public(c, &out), ERR_OK);
	rest = buf_slice(&out);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pgp_cert_parse(&rest, &one), ERR_OK);
		assert_int_equal(one->n_keys, 2);
		pgp_cert_free(one);
	}
	assert_int_equal(pgp_cert_parse(&rest, &one), ERR_END);
	rest = slice_from(buf_slice(&out), 1);
	assert_int_equal(pgp_cert_parse(&rest, &one), ERR_SYNTAX);
	buf_fini(&out);
	pgp_cert_free(c);
}

static void
an_address_is_the_one_of_its_user_id(void **state)
{
	static const struct {
		const char *id, *address;
	} rows[] = {{"Ann <ann@example.org>", "ann@example.org"},
		{"ann@example.org", "ann@example.org"},
		{"<ann@example.org>", "ann@example.org"},
		{"Dr. Ann (work) <ann@example.org> ", "ann@example.org"}, {"Ann", ""}, {"", ""},
		{"ann@example.org <eve@example.org>", "eve@example.org"},
		{"Ann <ann@example.org> <eve@example.org>", ""}, {"Ann <ann@example.org", ""},
		{"ann@example.org, eve@example.org", ""},
		{"Ann <ann@example.org,eve@example.org>", ""}, {"Ann <@example.org>", ""},
		{"Ann <ann@>", ""}, {"Ann <a@b@example.org>", ""}, {"Ann ann@example.org", ""},
		{"\"Ann\"@example.org", ""}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_true(slice_eq(
			pgp_valid_address(slice_str(rows[i].id)), slice_str(rows[i].address)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_each_kind_are_for_what_they_say),
		cmocka_unit_test(a_key_ends_with_its_time),
		cmocka_unit_test(a_key_for_signing_has_nothing_to_encrypt_to),
		cmocka_unit_test(a_key_without_user_ids_is_valid_by_itself),
		cmocka_unit_test(user_ids_are_text_and_there_are_limits),
		cmocka_unit_test(the_public_part_has_nothing_private_and_says_the_same),
		cmocka_unit_test(a_password_is_changed_and_taken_off),
		cmocka_unit_test(a_reason_says_since_when_a_key_is_revoked),
		cmocka_unit_test(a_changed_octet_takes_validity_away),
		cmocka_unit_test(a_certificate_that_is_cut_holds_no_more_than_it_has),
		cmocka_unit_test(what_another_key_signed_is_nothing),
		cmocka_unit_test(several_certificates_come_one_after_the_other),
		cmocka_unit_test(an_address_is_the_one_of_its_user_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
