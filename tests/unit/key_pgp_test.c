#include "tests/test.h"

#include "crypto/cert_info.h"
#include "crypto/key_pgp.h"
#include "crypto/pgp_bundle.h"
#include "crypto/pgp_info.h"
#include "crypto/pgp_merge.h"
#include "crypto/pgp_packet.h"
#include "crypto/seal.h"

enum { NOW = 1700000000, DAY = 86400 };

static struct arena arena;
static struct slice bundle, cert;

static int
make(void **state)
{
	const struct slice addresses[] = {
		SLICE_LIT("ann@example.org"), SLICE_LIT("Ann@Example.NET")};
	const struct key_make q = {
		.address = addresses, .addresses = 2, .now_sec = NOW, .days = 10};

	(void)state;
	seal_init();
	arena_init(&arena, 0);
	return key_pgp_make("openpgp", &q, &arena, &bundle, &cert) != ERR_OK;
}

static int
forget(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

static void
a_certificate_says_what_lists_and_the_log_want_to_know(void **state)
{
	struct cert_info info;
	uint8_t hash[CERT_INFO_HASH];
	const char *kind;
	unsigned bits;

	(void)state;
	assert_int_equal(cert_info_read(cert, &arena, &info), ERR_OK);
	assert_slice(info.subject, "ann@example.org");
	assert_slice(info.issuer, "OpenPGP");
	assert_int_equal(info.serial.n, 40);
	assert_int_equal(info.addresses, 2);
	assert_slice(info.address[0], "ann@example.org");
	assert_slice(info.address[1], "ann@example.net");
	assert_int_equal(info.from_sec, NOW);
	assert_int_equal(info.until_sec, NOW + 10 * DAY);
	assert_true(info.may_sign && info.may_encrypt && info.is_for_mail);
	assert_int_equal(pgp_info_key_hash(cert, hash), ERR_OK);
	assert_memory_equal(hash, info.key_sha256, sizeof hash);
	assert_int_equal(pgp_info_key_hash(bundle, hash), ERR_SYNTAX);
	assert_int_equal(pgp_info_key_hash(SLICE_LIT("\x99"), hash), ERR_SYNTAX);
	assert_int_equal(
		cert_info_key(key_file_of_certificate(cert, &arena), &kind, &bits), ERR_OK);
	assert_string_equal(kind, "Ed25519");
}

static void
what_is_not_one_certificate_is_none(void **state)
{
	struct cert_info info;
	struct buf two;

	(void)state;
	assert_false(pgp_info_is(SLICE_EMPTY));
	assert_false(pgp_info_is(SLICE_LIT("\x30\x82")));
	assert_int_equal(cert_info_read(bundle, &arena, &info), ERR_SYNTAX);
	for (size_t n = 1; n < 40; n++)
		assert_int_equal(
			cert_info_read(slice_cut(cert, 0, n), &arena, &info), ERR_SYNTAX);
	buf_init(&two, 2 * cert.n);
	buf_put_slice(&two, cert);
	buf_put_slice(&two, cert);
	assert_int_equal(cert_info_read(buf_slice(&two), &arena, &info), ERR_SYNTAX);
	buf_fini(&two);
}

static void
a_key_goes_out_and_comes_in_under_its_password(void **state)
{
	struct key_make_file q = {
		.pkcs8 = bundle, .cert = &cert, .certs = 1, .password = "word"};
	struct key_file f = {.keys = 0};
	struct buf armor;

	(void)state;
	buf_init(&armor, 1 << 16);
	assert_int_equal(key_make_pem(&q, &armor), ERR_OK);
	assert_true(slice_starts(
		buf_slice(&armor), SLICE_LIT("-----BEGIN PGP PRIVATE KEY BLOCK-----")));
	assert_int_equal(key_file_read(buf_slice(&armor), NULL, &arena, &f), ERR_DENIED);
	assert_int_equal(key_file_read(buf_slice(&armor), "other", &arena, &f), ERR_AUTH);
	assert_int_equal(key_file_read(buf_slice(&armor), "word", &arena, &f), ERR_OK);
	assert_int_equal(f.keys, 1);
	assert_int_equal(f.certs, 1);
	assert_true(slice_eq(f.key[0], bundle));
	assert_true(slice_eq(f.cert[0], cert));
	assert_true(key_file_fits(bundle, cert));
	buf_fini(&armor);
}

/* As programs of macOS and editors of Windows write them. */
static void
a_file_may_hold_blocks_of_both_kinds_and_a_text_around_them(void **state)
{
	const struct key_make_file q = {.pkcs8 = bundle, .cert = &cert, .certs = 1};
	struct buf private, public, file;

	(void)state;
	buf_init(&private, 1 << 16);
	buf_init(&public, 1 << 16);
	assert_int_equal(key_make_pem(&q, &private), ERR_OK);
	assert_int_equal(key_pgp_put_cert(cert, &public), ERR_OK);
	for (int i = 0; i < 4; i++) {
		struct key_file f = {.keys = 0};

		buf_init(&file, 1 << 17);
		buf_put_str(&file, i & 1 ? "\xef\xbb\xbf" : "My -----BEGIN PGP key:\n\n");
		buf_put_slice(&file, buf_slice(i & 2 ? &private : &public));
		buf_put_slice(&file, buf_slice(i & 2 ? &public : &private));
		assert_int_equal(key_file_read(buf_slice(&file), NULL, &arena, &f), ERR_OK);
		assert_int_equal(f.keys, 1);
		assert_int_equal(f.certs, 1);
		assert_true(slice_eq(f.key[0], bundle) && slice_eq(f.cert[0], cert));
		/* What is cut off is missed. */
		f = (struct key_file){.keys = 0};
		file.n -= 40;
		assert_int_equal(key_file_read(buf_slice(&file), NULL, &arena, &f), ERR_SYNTAX);
		buf_fini_secret(&file);
	}
	buf_fini_secret(&private);
	buf_fini(&public);
}

static void
a_bundle_has_each_of_its_keys_and_no_other(void **state)
{
	struct pgp_cert *c = pgp_info_parse(cert);
	struct pgp_bundle *b;

	(void)state;
	assert_non_null(c);
	assert_int_equal(pgp_bundle_parse(bundle, &b), ERR_OK);
	assert_int_equal(b->n, 2);
	for (size_t i = 0; i < c->n_keys; i++) {
		const struct pgp_public *k = &c->key[i].public;

		assert_non_null(pgp_bundle_find(b, slice_of(k->fingerprint, k->n_fingerprint)));
		assert_null(pgp_bundle_find(b, slice_of(k->fingerprint, k->n_fingerprint - 1)));
	}
	pgp_bundle_free(b);
	assert_int_equal(pgp_bundle_parse(cert, &b), ERR_SYNTAX);
	assert_int_equal(pgp_bundle_parse(SLICE_EMPTY, &b), ERR_SYNTAX);
	assert_int_equal(pgp_bundle_parse(slice_cut(bundle, 0, bundle.n - 1), &b), ERR_SYNTAX);
	pgp_cert_free(c);
}

static void
no_other_kind_is_made(void **state)
{
	const struct key_make q = {.now_sec = NOW, .days = 1};
	struct slice key, own;

	(void)state;
	assert_int_equal(key_pgp_make("rsa", &q, &arena, &key, &own), ERR_UNSUPPORTED);
	assert_int_equal(key_pgp_make("openpgp6", &q, &arena, &key, &own), ERR_OK);
	assert_int_equal(own.p[2], 6); /* the version */
}

/* An image in it, and all is more than is kept, or isn't. */
static struct slice
read_with_image(size_t octets, struct key_file *f)
{
	struct buf file, image;
	struct slice kept;

	buf_init(&file, KEY_FILE_MAX);
	buf_init(&image, KEY_FILE_MAX);
	while (image.n < octets - cert.n - 6)
		buf_put_u8(&image, 'x');
	buf_put_slice(&file, cert);
	assert_true(pgp_packet_put(&file, PGP_TAG_USER_ATTRIBUTE, buf_slice(&image)));
	assert_int_equal(file.n, octets);
	assert_int_equal(key_pgp_read(buf_slice(&file), NULL, &arena, f), ERR_OK);
	kept = arena_dup(&arena, buf_slice(&file));
	buf_fini(&file);
	buf_fini(&image);
	return kept;
}

static void
a_certificate_is_trimmed_only_if_it_is_too_large(void **state)
{
	struct key_file f = {.keys = 0};
	struct slice file = read_with_image(PGP_MERGE_MAX, &f);

	(void)state;
	assert_true(slice_eq(f.cert[0], file));
	f = (struct key_file){.keys = 0};
	read_with_image(PGP_MERGE_MAX + 1, &f);
	assert_true(slice_eq(f.cert[0], cert));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_says_what_lists_and_the_log_want_to_know),
		cmocka_unit_test(what_is_not_one_certificate_is_none),
		cmocka_unit_test(a_key_goes_out_and_comes_in_under_its_password),
		cmocka_unit_test(a_file_may_hold_blocks_of_both_kinds_and_a_text_around_them),
		cmocka_unit_test(a_bundle_has_each_of_its_keys_and_no_other),
		cmocka_unit_test(no_other_kind_is_made),
		cmocka_unit_test(a_certificate_is_trimmed_only_if_it_is_too_large),
	};

	return cmocka_run_group_tests(tests, make, forget);
}
