#include "crypto/pgp_bundle.h"

#include "crypto/pgp_packet.h"
#include "tests/pgp_person.h"
#include "tests/test.h"

enum { MAX = 1 << 20 };

/* GnuPG's stub of a private key that is elsewhere: its S2K is private, "GNU", 1. */
static const uint8_t stub[] = {0xff, 0, 101, 0, 'G', 'N', 'U', 1};

static struct slice
fingerprint(const struct pgp_cert *c, size_t key)
{
	return slice_of(c->key[key].public.fingerprint, c->key[key].public.n_fingerprint);
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

static enum err
taken(const struct pgp_cert *cert, const char *password, struct buf *out)
{
	struct slice word = slice_str(password ? password : "");
	const struct pgp_make_passwords p = {.old = &word, .n_old = password ? 1 : 0};

	return pgp_bundle_take(cert, &p, out);
}

static void
keys_are_taken_found_and_put_back(void **state)
{
	struct pgp_person ann;
	struct pgp_bundle *b = NULL;
	struct pgp_cert *public, *again;
	struct buf packets, octets;

	(void)state;
	for (int kind = 0; kind < PGP_MAKE_KINDS; kind++) {
		pgp_person_init(&ann, (enum pgp_make_kind)kind);
		buf_init(&packets, MAX);
		buf_init(&octets, MAX);
		assert_int_equal(taken(ann.cert, NULL, &packets), ERR_OK);
		assert_int_equal(pgp_bundle_parse(buf_slice(&packets), &b), ERR_OK);
		assert_int_equal(b->n, 2);
		for (size_t i = 0; i < 2; i++)
			assert_ptr_equal(
				pgp_bundle_find(b, fingerprint(ann.cert, i)), &b->secret[i]);
		assert_null(pgp_bundle_find(b, SLICE_LIT("another")));
		/* With the public part it is the whole again, octet for octet. */
		assert_int_equal(pgp_make_public(ann.cert, &octets), ERR_OK);
		public = parsed(&octets);
		buf_clear(&octets);
		assert_int_equal(pgp_bundle_join(public, b, SLICE_EMPTY, &octets), ERR_OK);
		assert_true(slice_eq(buf_slice(&octets), buf_slice(&ann.cert->octets)));
		/* Under a password it opens with that alone. */
		buf_clear(&octets);
		assert_int_equal(
			pgp_bundle_join(public, b, SLICE_LIT("secret"), &octets), ERR_OK);
		again = parsed(&octets);
		buf_clear(&packets);
		assert_int_equal(taken(again, NULL, &packets), ERR_AUTH);
		assert_int_equal(taken(again, "wrong", &packets), ERR_AUTH);
		assert_int_equal(taken(again, "secret", &packets), ERR_OK);
		assert_int_equal(taken(public, NULL, &packets), ERR_NOT_FOUND);
		pgp_bundle_free(b);
		pgp_cert_free(public);
		pgp_cert_free(again);
		buf_fini_secret(&packets);
		buf_fini_secret(&octets);
		pgp_person_fini(&ann);
	}
}

/* Its primary key is a stub: the subkey is what there is. */
static void
what_is_elsewhere_is_left_out(void **state)
{
	struct pgp_person ann;
	struct pgp_bundle *b = NULL;
	struct pgp_cert *cert;
	struct pgp_packet_whole p;
	struct slice rest;
	struct buf octets, packets, body;
	bool is_first = true;

	(void)state;
	pgp_person_init(&ann, PGP_MAKE_CURVE25519);
	buf_init(&octets, MAX);
	buf_init(&packets, MAX);
	for (rest = buf_slice(&ann.cert->octets); !pgp_packet_next(&rest, &p);) {
		buf_init(&body, MAX);
		buf_put_slice(&body, is_first ? ann.cert->key[0].public.body : p.body);
		if (is_first)
			buf_put(&body, stub, sizeof stub);
		pgp_packet_put(&octets, p.tag, buf_slice(&body));
		buf_fini_secret(&body);
		is_first = false;
	}
	cert = parsed(&octets);
	assert_int_equal(taken(cert, NULL, &packets), ERR_OK);
	assert_int_equal(pgp_bundle_parse(buf_slice(&packets), &b), ERR_OK);
	assert_int_equal(b->n, 1);
	assert_null(pgp_bundle_find(b, fingerprint(cert, 0)));
	assert_non_null(pgp_bundle_find(b, fingerprint(cert, 1)));
	pgp_bundle_free(b);
	pgp_cert_free(cert);
	buf_fini_secret(&octets);
	buf_fini_secret(&packets);
	pgp_person_fini(&ann);
}

static void
what_is_no_bundle_is_refused(void **state)
{
	struct pgp_person ann;
	struct pgp_bundle *b = NULL;
	struct buf packets, many;
	struct slice one, rest;
	struct pgp_packet_whole p;

	(void)state;
	pgp_person_init(&ann, PGP_MAKE_CURVE25519);
	buf_init(&packets, MAX);
	buf_init(&many, MAX);
	assert_int_equal(taken(ann.cert, NULL, &packets), ERR_OK);
	assert_int_equal(pgp_bundle_parse(SLICE_EMPTY, &b), ERR_SYNTAX);
	assert_int_equal(pgp_bundle_parse(SLICE_LIT("junk"), &b), ERR_SYNTAX);
	assert_int_equal(pgp_bundle_parse(buf_slice(&ann.cert->octets), &b), ERR_SYNTAX);
	for (size_t n = 1; n < packets.n; n++) {
		enum err e = pgp_bundle_parse(slice_cut(buf_slice(&packets), 0, n), &b);

		if (e == ERR_OK) {
			assert_int_equal(b->n, 1); /* cut between the two */
			pgp_bundle_free(b);
		}
	}
	/* The limit from both sides. */
	rest = buf_slice(&packets);
	assert_int_equal(pgp_packet_next(&rest, &p), ERR_OK);
	one = p.raw;
	for (size_t n = 0; n <= PGP_SUBKEYS_MAX; n++)
		buf_put_slice(&many, one);
	assert_int_equal(pgp_bundle_parse(buf_slice(&many), &b), ERR_OK);
	assert_int_equal(b->n, PGP_SUBKEYS_MAX + 1);
	pgp_bundle_free(b);
	buf_put_slice(&many, one);
	assert_int_equal(pgp_bundle_parse(buf_slice(&many), &b), ERR_LIMIT);
	/* No room for it. */
	buf_clear(&many);
	buf_fini_secret(&many);
	buf_init(&many, packets.n - 1);
	assert_int_equal(taken(ann.cert, NULL, &many), ERR_TOO_BIG);
	buf_fini_secret(&packets);
	buf_fini_secret(&many);
	pgp_person_fini(&ann);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_taken_found_and_put_back),
		cmocka_unit_test(what_is_elsewhere_is_left_out),
		cmocka_unit_test(what_is_no_bundle_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
