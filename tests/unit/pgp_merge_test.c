#include "crypto/pgp_merge.h"

#include <stdio.h>

#include "crypto/pgp_packet.h"
#include "crypto/pgp_sig_make.h"
#include "tests/pgp_person.h"
#include "tests/test.h"

enum { NOW = PGP_PERSON_NOW, DAY = 86400, MAX = 16384, BINDINGS = 60, BODY_MAX = 1024 };

/* Ann, and what copies of her certificate are made of. */
struct world {
	struct pgp_person ann, bob;
	struct buf plain; /* her certificate, as it was made */
};

static void
set_up_as(struct world *w, enum pgp_make_kind kind)
{
	pgp_person_init(&w->ann, kind);
	pgp_person_init(&w->bob, PGP_MAKE_CURVE25519);
	buf_init(&w->plain, PGP_MAKE_MAX);
	assert_int_equal(pgp_make_public(w->ann.cert, &w->plain), ERR_OK);
}

static void
set_up(struct world *w)
{
	set_up_as(w, PGP_MAKE_CURVE25519);
}

static void
tear_down(struct world *w)
{
	buf_fini(&w->plain);
	pgp_person_fini(&w->ann);
	pgp_person_fini(&w->bob);
}

static struct pgp_cert *
parsed(const struct buf *b)
{
	struct slice rest = buf_slice(b);
	struct pgp_cert *cert;

	assert_int_equal(pgp_cert_parse(&rest, &cert), ERR_OK);
	assert_int_equal(rest.n, 0);
	return cert;
}

/* A binding of Ann's user id, some days later, signed by her or another one. */
static void
put_binding(struct world *w, struct pgp_person *by, uint32_t days, struct buf *out)
{
	const uint8_t flags[] = {2, PGP_SIG_KEY_FLAGS, PGP_SIG_MAY_SIGN};
	struct pgp_sig_make_setup setup = {.key = &w->ann.cert->key[0].public,
		.type = PGP_SIG_CERT_POSITIVE,
		.hash = PGP_SHA256,
		.created_sec = NOW + days * DAY,
		.subpackets = slice_of(flags, sizeof flags)};
	const struct pgp_cert_user *user = &w->ann.cert->user[0];
	struct pgp_sig_make m;
	struct buf body;

	setup.key = &by->cert->key[0].public;
	buf_init(&body, BODY_MAX);
	assert_int_equal(pgp_sig_make_begin(&m, &setup), ERR_OK);
	pgp_sig_hash_key(&m.hash, &w->ann.cert->key[0].public);
	pgp_sig_hash_user(&m.hash, PGP_TAG_USER_ID, user->text);
	assert_int_equal(pgp_sig_make_finish(&m, &by->private, &body), ERR_OK);
	assert_true(pgp_packet_put(out, PGP_TAG_SIGNATURE, buf_slice(&body)));
	pgp_sig_make_fini(&m);
	buf_fini(&body);
}

/* Her primary key, that user id with these bindings. */
static void
put_front(struct world *w, struct buf *out)
{
	pgp_packet_put(out, PGP_TAG_PUBLIC_KEY, w->ann.cert->key[0].public.body);
	pgp_packet_put(out, PGP_TAG_USER_ID, w->ann.cert->user[0].text);
}

static struct pgp_cert *
revoked(struct world *w, uint8_t reason)
{
	const struct pgp_make_revocation q = {.reason = reason, .created_sec = NOW + DAY};
	struct pgp_make_passwords none = {0};
	struct pgp_cert *secret, *cert;
	struct buf out, public;

	buf_init(&out, PGP_MAKE_MAX);
	buf_init(&public, PGP_MAKE_MAX);
	assert_int_equal(pgp_make_revoked(w->ann.cert, &none, &q, &out), ERR_OK);
	secret = parsed(&out);
	assert_int_equal(pgp_make_public(secret, &public), ERR_OK);
	cert = parsed(&public);
	pgp_cert_free(secret);
	buf_fini_secret(&out);
	buf_fini(&public);
	return cert;
}

static struct pgp_cert *
merged(struct pgp_cert *a, struct pgp_cert *b, size_t max, bool *has_news)
{
	struct pgp_cert *const copies[] = {a, b}, *cert;
	struct buf out;

	buf_init(&out, max);
	assert_int_equal(pgp_merge(copies, b ? 2 : 1, max, &out, has_news), ERR_OK);
	cert = parsed(&out);
	buf_fini(&out);
	return cert;
}

static bool
is_the_same(const struct pgp_cert *a, const struct pgp_cert *b)
{
	return slice_eq(buf_slice(&a->octets), buf_slice(&b->octets));
}

static void
one_copy_stays_as_it_was(void **state)
{
	struct world w;
	struct pgp_cert *plain, *m;
	bool has_news = false;

	(void)state;
	set_up(&w);
	plain = parsed(&w.plain);
	m = merged(plain, NULL, MAX, &has_news);
	assert_true(has_news);
	assert_true(is_the_same(plain, m));
	pgp_cert_free(m);
	/* Of a private key its public part. */
	m = merged(w.ann.cert, NULL, MAX, &has_news);
	assert_true(is_the_same(plain, m));
	pgp_cert_free(m);
	pgp_cert_free(plain);
	tear_down(&w);
}

static void
a_revocation_stays_whoever_leaves_it_out(void **state)
{
	static const uint8_t reasons[] = {PGP_SIG_COMPROMISED, PGP_SIG_RETIRED};
	struct world w;
	bool has_news;

	(void)state;
	set_up(&w);
	for (size_t i = 0; i < sizeof reasons; i++) {
		struct pgp_cert *plain = parsed(&w.plain), *gone = revoked(&w, reasons[i]);
		struct pgp_cert *a = merged(plain, gone, MAX, &has_news), *b;

		assert_true(has_news);
		b = merged(gone, plain, MAX, &has_news);
		assert_false(has_news);
		assert_true(is_the_same(a, b));
		assert_int_equal(
			pgp_valid_key(a, 0, PGP_USE_SIGN, NOW + 2 * DAY), PGP_PROBLEM_REVOKED);
		assert_int_equal(
			pgp_valid_key(plain, 0, PGP_USE_SIGN, NOW + 2 * DAY), PGP_PROBLEM_NONE);
		pgp_cert_free(a);
		pgp_cert_free(b);
		pgp_cert_free(plain);
		pgp_cert_free(gone);
	}
	tear_down(&w);
}

static void
what_is_none_of_its_own_is_left_out(void **state)
{
	static const uint8_t image[] = {2, 1, 0};
	struct world w;
	struct buf odd;
	struct pgp_cert *plain, *cert, *m;
	size_t at;
	bool has_news;

	(void)state;
	set_up(&w);
	plain = parsed(&w.plain);
	buf_init(&odd, MAX);
	put_front(&w, &odd);
	put_binding(&w, &w.ann, 1, &odd);
	put_binding(&w, &w.bob, 1, &odd); /* as he knows her */
	put_binding(&w, &w.ann, 2, &odd);
	odd.p[odd.n - 1] ^= 1; /* and what nobody signed */
	at = odd.n;
	pgp_packet_put(&odd, PGP_TAG_USER_ID, SLICE_LIT("Mallory <mallory@example.org>"));
	pgp_packet_put(&odd, PGP_TAG_USER_ATTRIBUTE, slice_of(image, sizeof image));
	pgp_packet_put(&odd, PGP_TAG_PUBLIC_SUBKEY, w.bob.cert->key[1].public.body);
	assert_true(odd.n > at);
	cert = parsed(&odd);
	m = merged(plain, cert, MAX, &has_news);
	assert_true(has_news);
	assert_int_equal(m->n_users, 1);
	assert_int_equal(m->n_keys, 2);
	assert_int_equal(m->n_sigs, plain->n_sigs + 1);
	pgp_cert_free(m);
	pgp_cert_free(cert);
	pgp_cert_free(plain);
	buf_fini(&odd);
	tear_down(&w);
}

/* Signatures over her key that she never made, though their fronts say so. */
static void
put_junk(struct world *w, uint8_t type, size_t times, struct buf *out)
{
	struct pgp_sig_make_setup setup = {.key = &w->ann.cert->key[0].public,
		.type = type,
		.hash = PGP_SHA256,
		.created_sec = NOW + DAY};
	struct pgp_sig_make m;
	struct buf body;

	buf_init(&body, BODY_MAX);
	assert_int_equal(pgp_sig_make_begin(&m, &setup), ERR_OK);
	pgp_sig_hash_key(&m.hash, &w->ann.cert->key[0].public);
	assert_int_equal(pgp_sig_make_finish(&m, &w->ann.private, &body), ERR_OK);
	body.p[body.n - 1] ^= 1;
	for (size_t i = 0; i < times; i++)
		pgp_packet_put(out, PGP_TAG_SIGNATURE, buf_slice(&body));
	pgp_sig_make_fini(&m);
	buf_fini(&body);
}

/* Whoever sends a copy could make it so: her key would be over for all who know it. */
static void
a_revocation_that_cannot_be_checked_any_more_does_not_get_in(void **state)
{
	struct world w;
	struct buf odd, out;
	bool has_news;

	(void)state;
	set_up_as(&w, PGP_MAKE_P384); /* whose checks have an end */
	buf_init(&out, PGP_MAKE_MAX);
	for (size_t more = 0; more < 2; more++) {
		struct pgp_cert *plain = parsed(&w.plain), *cert;
		size_t n = PGP_CERT_COST_MAX / PGP_CERT_COSTLY;

		buf_init(&odd, PGP_MAKE_MAX);
		pgp_packet_put(&odd, PGP_TAG_PUBLIC_KEY, w.ann.cert->key[0].public.body);
		put_junk(&w, PGP_SIG_DIRECT, n - 1, &odd);
		put_junk(&w, PGP_SIG_KEY_REVOKED, 1 + more, &odd);
		cert = parsed(&odd);
		struct pgp_cert *const copies[] = {plain, cert};

		buf_clear(&out);
		assert_int_equal(
			pgp_merge(copies, 2, MAX, &out, &has_news), more ? ERR_LIMIT : ERR_OK);
		assert_true(more || slice_eq(buf_slice(&out), buf_slice(&w.plain)));
		assert_int_equal(pgp_merge(copies + 1, 1, MAX, &out, &has_news),
			more ? ERR_LIMIT : ERR_OK);
		pgp_cert_free(cert);
		pgp_cert_free(plain);
		buf_fini(&odd);
	}
	buf_fini(&out);
	tear_down(&w);
}

/* What isn't hashed anybody can change. */
static void
a_copy_that_was_tampered_with_is_no_news(void **state)
{
	static const uint8_t more[] = {0, 3, 2, 101, 0}; /* something private */
	struct world w;
	struct buf other;
	struct pgp_cert *plain, *cert, *m;
	struct slice rest;
	struct pgp_packet_whole p;
	bool has_news;

	(void)state;
	set_up(&w);
	plain = parsed(&w.plain);
	buf_init(&other, MAX);
	for (rest = buf_slice(&w.plain); !pgp_packet_next(&rest, &p);) {
		struct buf body;
		size_t at = p.tag == PGP_TAG_SIGNATURE
				    ? 6 + ((size_t)p.body.p[4] << 8 | p.body.p[5])
				    : p.body.n;

		buf_init(&body, BODY_MAX);
		buf_put_slice(&body, slice_cut(p.body, 0, at));
		if (p.tag == PGP_TAG_SIGNATURE) {
			assert_true(p.body.p[at] == 0 && p.body.p[at + 1] == 0);
			buf_put(&body, more, sizeof more);
			buf_put_slice(&body, slice_from(p.body, at + 2));
		}
		pgp_packet_put(&other, p.tag, buf_slice(&body));
		buf_fini(&body);
	}
	cert = parsed(&other);
	assert_false(is_the_same(plain, cert));
	m = merged(plain, cert, MAX, &has_news);
	assert_false(has_news);
	assert_true(is_the_same(m, plain));
	pgp_cert_free(m);
	pgp_cert_free(cert);
	pgp_cert_free(plain);
	buf_fini(&other);
	tear_down(&w);
}

static void
a_large_one_loses_its_old_bindings_alone(void **state)
{
	struct world w;
	struct buf large;
	struct pgp_cert *cert, *gone, *m, *again;
	bool has_news;
	size_t max;

	(void)state;
	set_up(&w);
	buf_init(&large, MAX);
	put_front(&w, &large);
	for (uint32_t i = 0; i < BINDINGS; i++)
		put_binding(&w, &w.ann, i + 2, &large);
	cert = parsed(&large);
	gone = revoked(&w, PGP_SIG_RETIRED);
	m = merged(gone, cert, MAX, &has_news);
	assert_true(m->n_sigs > BINDINGS);
	max = m->octets.n;
	pgp_cert_free(m);
	/* On either side of the limit. */
	m = merged(gone, cert, max, &has_news);
	assert_true(m->n_sigs > BINDINGS);
	pgp_cert_free(m);
	m = merged(gone, cert, max - 1, &has_news);
	assert_int_equal(m->user[0].sigs.n, 8);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(m->sig[m->user[0].sigs.from + i].sig.created_sec,
			NOW + (BINDINGS + 1 - i) * DAY);
	assert_int_equal(m->key[0].sigs.n, gone->key[0].sigs.n);
	assert_int_equal(m->n_keys, 2);
	/* The same once more gives the same. */
	pgp_cert_free(m);
	m = merged(gone, cert, max / 2, &has_news);
	again = merged(m, cert, max / 2, &has_news);
	assert_true(is_the_same(m, again));
	pgp_cert_free(again);
	pgp_cert_free(m);
	pgp_cert_free(cert);
	pgp_cert_free(gone);
	buf_fini(&large);
	tear_down(&w);
}

static void
what_cannot_be_put_together_is_refused(void **state)
{
	struct world w;
	struct pgp_cert *plain;
	struct buf out;
	bool has_news;

	(void)state;
	set_up(&w);
	plain = parsed(&w.plain);
	struct pgp_cert *const two[] = {plain, w.bob.cert};

	buf_init(&out, MAX);
	assert_int_equal(pgp_merge(two, 2, MAX, &out, &has_news), ERR_SYNTAX);
	assert_int_equal(pgp_merge(two, 1, plain->octets.n - 1, &out, &has_news), ERR_TOO_BIG);
	assert_int_equal(out.n, 0);
	assert_int_equal(pgp_merge(two, 1, plain->octets.n, &out, &has_news), ERR_OK);
	buf_fini(&out);
	pgp_cert_free(plain);
	tear_down(&w);
}

static void
many_user_ids_of_two_copies_are_too_many(void **state)
{
	enum { EACH = 200 };
	struct pgp_cert *copy[2];
	struct world w;
	struct buf out;
	bool has_news;

	(void)state;
	set_up(&w);
	for (size_t i = 0; i < 2; i++) {
		char text[PGP_USER_IDS_MAX][32];

		buf_init(&out, PGP_MAKE_MAX);
		pgp_packet_put(&out, PGP_TAG_PUBLIC_KEY, w.ann.cert->key[0].public.body);
		for (size_t j = 0; j < EACH; j++) {
			snprintf(text[j], sizeof *text, "ann%zu.%zu@example.org", i, j);
			pgp_packet_put(&out, PGP_TAG_USER_ID, slice_str(text[j]));
		}
		copy[i] = parsed(&out);
		buf_fini(&out);
	}
	buf_init(&out, PGP_MAKE_MAX);
	assert_int_equal(pgp_merge(copy, 1, PGP_MAKE_MAX, &out, &has_news), ERR_OK);
	assert_int_equal(pgp_merge(copy, 2, PGP_MAKE_MAX, &out, &has_news), ERR_LIMIT);
	buf_fini(&out);
	pgp_cert_free(copy[0]);
	pgp_cert_free(copy[1]);
	tear_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_copy_stays_as_it_was),
		cmocka_unit_test(a_revocation_stays_whoever_leaves_it_out),
		cmocka_unit_test(what_is_none_of_its_own_is_left_out),
		cmocka_unit_test(a_revocation_that_cannot_be_checked_any_more_does_not_get_in),
		cmocka_unit_test(a_copy_that_was_tampered_with_is_no_news),
		cmocka_unit_test(a_large_one_loses_its_old_bindings_alone),
		cmocka_unit_test(what_cannot_be_put_together_is_refused),
		cmocka_unit_test(many_user_ids_of_two_copies_are_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
