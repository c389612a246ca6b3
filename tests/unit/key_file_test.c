#include "tests/test.h"

#include "crypto/key_file.h"

#include <stdio.h>
#include "crypto/key_make.h"
#include "crypto/rc2_cbc.h"
#include "crypto/seal.h"

enum { NOW = 1800000000 };

static struct arena a;
static struct slice key, other, cert[2]; /* cert[1]: of the other key */
static struct buf file;

static struct slice
certificate(struct slice pkcs8)
{
	const struct slice name = SLICE_LIT("ann@example.org");
	const struct key_make q = {
		.pkcs8 = pkcs8, .address = &name, .addresses = 1, .now_sec = NOW, .days = 1};
	struct slice out;
	struct buf der;

	buf_init(&der, 16384);
	assert_int_equal(key_make_certificate(&q, &der), ERR_OK);
	out = arena_dup(&a, buf_slice(&der));
	buf_fini(&der);
	return out;
}

static int
setup(void **state)
{
	(void)state;
	arena_init(&a, 0);
	buf_init(&file, 1 << 21);
	assert_int_equal(key_make_new("p256", &a, &key), ERR_OK);
	assert_int_equal(key_make_new("p384", &a, &other), ERR_OK);
	cert[0] = certificate(key);
	cert[1] = certificate(other);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_fini(&file);
	arena_reset(&a);
	return 0;
}

static enum err
read(const char *password, struct key_file *out)
{
	return key_file_read(buf_slice(&file), password, &a, out);
}

static void
check_both(const struct key_file *f)
{
	assert_int_equal(f->keys, 1);
	assert_int_equal(f->certs, 2);
	assert_true(slice_eq(f->key[0], key));
	for (size_t i = 0; i < 2; i++)
		assert_true(slice_eq(f->cert[0], cert[i]) || slice_eq(f->cert[1], cert[i]));
}

static void
a_pkcs12_file_opens_with_its_password_alone(void **state)
{
	const struct key_make_file q = {
		.pkcs8 = key, .password = "w\xc3\xb6rd", .cert = cert, .certs = 2};
	struct key_file f;

	(void)state;
	assert_int_equal(key_make_p12(&q, &file), ERR_OK);
	assert_int_equal(read("w\xc3\xb6rd", &f), ERR_OK);
	check_both(&f);
	assert_int_equal(read("word", &f), ERR_AUTH);
	assert_int_equal(read("", &f), ERR_AUTH);
	assert_int_equal(read(NULL, &f), ERR_DENIED);
	for (size_t n = 0; n < file.n; n += 7)
		assert_int_equal(key_file_read(slice_cut(buf_slice(&file), 0, n), "x", &a, &f),
			ERR_SYNTAX);
}

static void
a_pkcs12_file_for_old_programs_opens_too(void **state)
{
	const struct key_make_file q = {
		.pkcs8 = key, .password = "secret", .cert = cert, .certs = 2, .is_old = true};
	struct key_file f;

	(void)state;
	assert_int_equal(key_make_p12(&q, &file), ERR_OK);
	assert_int_equal(read("secret", &f), ERR_OK);
	check_both(&f);
	assert_int_equal(read("x", &f), ERR_AUTH);
}

static void
a_pkcs12_file_may_have_no_password(void **state)
{
	const struct key_make_file q = {.pkcs8 = key, .password = "", .cert = cert, .certs = 1};
	struct key_file f;

	(void)state;
	assert_int_equal(key_make_p12(&q, &file), ERR_OK);
	assert_int_equal(read(NULL, &f), ERR_OK);
	assert_int_equal(f.keys, 1);
	assert_int_equal(read("", &f), ERR_OK);
	assert_int_equal(read("x", &f), ERR_AUTH);
}

static void
pem_is_read_encrypted_and_not(void **state)
{
	struct key_make_file q = {.pkcs8 = key, .cert = cert, .certs = 2};
	struct key_file f;

	(void)state;
	assert_int_equal(key_make_pem(&q, &file), ERR_OK);
	assert_int_equal(read(NULL, &f), ERR_OK);
	check_both(&f);
	/* A password that nothing wants does no harm. */
	assert_int_equal(read("x", &f), ERR_OK);
	buf_clear(&file);
	q.password = "secret";
	assert_int_equal(key_make_pem(&q, &file), ERR_OK);
	assert_int_equal(read("secret", &f), ERR_OK);
	check_both(&f);
	assert_int_equal(read("x", &f), ERR_AUTH);
	assert_int_equal(read(NULL, &f), ERR_DENIED);
}

/* Of the old form, which has no check of its own: one wrong password of 256 ends in a padding
 * that is right. */
static void
an_old_encrypted_key_says_of_each_wrong_password_that_it_is(void **state)
{
	static const char pem[] =
		"-----BEGIN EC PRIVATE KEY-----\n"
		"Proc-Type: 4,ENCRYPTED\n"
		"DEK-Info: AES-128-CBC,BF9F362D1799D2E06586CF89FF275310\n"
		"\n"
		"gtTZ2pM0P20t/ByWVC4kCIsEMFbEQPYvmuJ2k1TWo85SSDxd8Crl2dgyJUM8MSmD\n"
		"L4IsAS4QndoYu9O/nMG4kF0Wzy9VdNh2hzJiuyLTrvuVuebOGeEMZY80L/Zr5w3P\n"
		"VUWCyuj7ozMKOk8DY7CKqPbpseL1Xrpb4Hyx9D0J+X0=\n"
		"-----END EC PRIVATE KEY-----\n";
	struct key_file f;
	char word[32];

	(void)state;
	buf_clear(&file);
	buf_put_str(&file, pem);
	assert_int_equal(read("secret", &f), ERR_OK);
	assert_int_equal(f.keys, 1);
	for (int i = 0; i < 2000; i++) {
		snprintf(word, sizeof word, "wrong %d", i);
		assert_int_equal(read(word, &f), ERR_AUTH);
	}
}

static void
der_is_a_key_or_a_certificate(void **state)
{
	struct key_file f;

	(void)state;
	buf_put_slice(&file, key);
	assert_int_equal(read(NULL, &f), ERR_OK);
	assert_int_equal(f.keys, 1);
	assert_true(slice_eq(f.key[0], key));
	buf_clear(&file);
	buf_put_slice(&file, cert[0]);
	assert_int_equal(read(NULL, &f), ERR_OK);
	assert_int_equal(f.certs, 1);
	assert_int_equal(f.keys, 0);
}

static void
what_is_no_such_file_is_refused(void **state)
{
	static const char *const bad[] = {"", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n",
		"-----BEGIN NONSENSE-----\nAAAA\n-----END NONSENSE-----\n",
		"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"};
	struct key_file f;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		enum err e;

		buf_clear(&file);
		buf_put_str(&file, bad[i]);
		e = read(NULL, &f);
		assert_true(e == ERR_SYNTAX || e == ERR_UNSUPPORTED);
	}
	buf_clear(&file);
	memset(buf_room(&file, KEY_FILE_MAX + 1), 'x', KEY_FILE_MAX + 1);
	buf_grow(&file, KEY_FILE_MAX + 1);
	assert_int_equal(read(NULL, &f), ERR_TOO_BIG);
}

static void
a_file_has_so_many_keys_and_certificates_at_most(void **state)
{
	const struct key_make_file q = {.pkcs8 = key};
	struct key_file f;

	(void)state;
	for (int i = 0; i < KEY_FILE_KEYS_MAX; i++)
		assert_int_equal(key_make_pem(&q, &file), ERR_OK);
	for (int i = 0; i < KEY_FILE_CERTS_MAX; i++)
		assert_int_equal(key_make_cert_pem(cert[0], &file), ERR_OK);
	assert_int_equal(read(NULL, &f), ERR_OK);
	assert_int_equal(key_make_cert_pem(cert[0], &file), ERR_OK);
	assert_int_equal(read(NULL, &f), ERR_LIMIT);
	buf_clear(&file);
	for (int i = 0; i <= KEY_FILE_KEYS_MAX; i++)
		assert_int_equal(key_make_pem(&q, &file), ERR_OK);
	assert_int_equal(read(NULL, &f), ERR_LIMIT);
}

static void
a_key_fits_its_own_certificate_alone(void **state)
{
	const struct key_file f = {.cert = {cert[1], cert[0]}, .certs = 2};
	struct slice chain[KEY_FILE_CHAIN_MAX];

	(void)state;
	assert_true(key_file_fits(key, cert[0]));
	assert_false(key_file_fits(key, cert[1]));
	assert_false(key_file_fits(key, SLICE_LIT("x")));
	assert_false(key_file_fits(SLICE_LIT("x"), cert[0]));
	assert_true(slice_eq(key_file_public(key, &a), key_file_of_certificate(cert[0], &a)));
	assert_int_equal(key_file_public(SLICE_LIT("x"), &a).n, 0);
	/* Who signed itself has no other in its chain. */
	assert_int_equal(key_file_chain(&f, cert[0], chain), 1);
	assert_true(slice_eq(chain[0], cert[0]));
}

static void
there_are_five_kinds_of_new_keys(void **state)
{
	struct slice out;

	(void)state;
	assert_int_equal(key_make_new("rsa2048", &a, &out), ERR_OK);
	assert_int_equal(key_make_new("rsa1024", &a, &out), ERR_UNSUPPORTED);
	assert_int_equal(key_make_new("", &a, &out), ERR_UNSUPPORTED);
}

/* What openssl made with it opens in tests/e2e/key_test. */
static void
rc2_opens_what_has_whole_blocks_and_a_padding(void **state)
{
	static const uint8_t iv[RC2_CBC_BLOCK];
	uint8_t out[16], in[16] = {0};
	size_t n;

	(void)state;
	assert_false(rc2_cbc_decrypt(SLICE_LIT("12345"), iv, slice_of(in, 0), out, &n));
	assert_false(rc2_cbc_decrypt(SLICE_LIT("12345"), iv, slice_of(in, 7), out, &n));
	assert_false(rc2_cbc_decrypt(SLICE_LIT("1234"), iv, slice_of(in, 8), out, &n));
	assert_false(
		rc2_cbc_decrypt(SLICE_LIT("12345678901234567"), iv, slice_of(in, 8), out, &n));
	assert_false(rc2_cbc_decrypt(SLICE_LIT("12345"), iv, slice_of(in, 8), out, &n));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_pkcs12_file_opens_with_its_password_alone),
		T(a_pkcs12_file_for_old_programs_opens_too),
		T(a_pkcs12_file_may_have_no_password),
		T(pem_is_read_encrypted_and_not),
		T(an_old_encrypted_key_says_of_each_wrong_password_that_it_is),
		T(der_is_a_key_or_a_certificate),
		T(what_is_no_such_file_is_refused),
		T(a_file_has_so_many_keys_and_certificates_at_most),
		T(a_key_fits_its_own_certificate_alone),
		T(there_are_five_kinds_of_new_keys),
		T(rc2_opens_what_has_whole_blocks_and_a_padding),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
