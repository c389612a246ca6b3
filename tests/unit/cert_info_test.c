#include "tests/test.h"

#include "crypto/cert_info.h"
#include "crypto/key_file.h"
#include "crypto/key_make.h"
#include "crypto/seal.h"

enum { NOW = 1800000000, DAY = 86400 };

static struct arena a;

static int
setup(void **state)
{
	(void)state;
	arena_init(&a, 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_reset(&a);
	return 0;
}

/* A certificate for these addresses, and its key. */
static struct slice
make(const char *kind, const struct slice *address, size_t n, struct slice *pkcs8)
{
	struct key_make q = {.address = address, .addresses = n, .now_sec = NOW, .days = 10};
	struct slice out;
	struct buf der;

	assert_int_equal(key_make_new(kind, &a, &q.pkcs8), ERR_OK);
	*pkcs8 = q.pkcs8;
	buf_init(&der, 16384);
	assert_int_equal(key_make_certificate(&q, &der), ERR_OK);
	out = arena_dup(&a, buf_slice(&der));
	buf_fini(&der);
	return out;
}

static bool
is(struct slice s, const char *text)
{
	return slice_eq(s, slice_str(text));
}

static void
what_a_certificate_says_is_read(void **state)
{
	const struct slice names[] = {SLICE_LIT("Ann@Example.org"),
		SLICE_LIT("ann@example.org"), SLICE_LIT("j\xc3\xb6rg@example.org")};
	struct slice pkcs8, der = make("p256", names, 3, &pkcs8);
	uint8_t hash[SEAL_HASH];
	struct cert_info info;

	(void)state;
	assert_int_equal(cert_info_read(der, &a, &info), ERR_OK);
	assert_true(is(info.subject, "CN=Ann@Example.org"));
	assert_true(is(info.issuer, "CN=Ann@Example.org"));
	assert_int_equal(info.serial.n, 32);
	/* Canonical, and each once. */
	assert_int_equal(info.addresses, 2);
	assert_true(is(info.address[0], "ann@example.org"));
	assert_true(is(info.address[1], "j\xc3\xb6rg@example.org"));
	assert_int_equal(info.from_sec, NOW - 3600);
	assert_int_equal(info.until_sec, NOW + 10 * DAY);
	assert_string_equal(info.key, "EC P-256");
	assert_int_equal(info.bits, 256);
	assert_true(info.is_self_signed && !info.is_authority && info.may_sign &&
		    info.may_encrypt && info.is_for_mail && !info.signs_weakly);
	seal_sha256(der, hash);
	assert_memory_equal(info.sha256, hash, sizeof hash);
	seal_sha256(key_file_public(pkcs8, &a), hash);
	assert_memory_equal(info.key_sha256, hash, sizeof hash);
}

static void
an_rsa_key_enciphers_and_has_a_size(void **state)
{
	const struct slice name = SLICE_LIT("ann@example.org");
	struct slice pkcs8, der = make("rsa2048", &name, 1, &pkcs8);
	struct cert_info info;
	const char *kind;
	unsigned bits;

	(void)state;
	assert_int_equal(cert_info_read(der, &a, &info), ERR_OK);
	assert_string_equal(info.key, "RSA");
	assert_int_equal(info.bits, 2048);
	assert_true(info.may_encrypt && info.may_sign);
	assert_int_equal(cert_info_key(key_file_public(pkcs8, &a), &kind, &bits), ERR_OK);
	assert_string_equal(kind, "RSA");
	assert_int_equal(bits, 2048);
	assert_int_equal(cert_info_key(der, &kind, &bits), ERR_SYNTAX);
}

static void
texts_can_be_printed_and_are_cut(void **state)
{
	const struct slice odd = SLICE_LIT("a\xe2\x80\xae\x1b[2J\xc2\x9bz@example.org");
	struct slice pkcs8, der = make("p256", &odd, 1, &pkcs8);
	struct cert_info info;

	(void)state;
	assert_int_equal(cert_info_read(der, &a, &info), ERR_OK);
	assert_true(slice_ends(info.subject, SLICE_LIT("z@example.org")));
	for (size_t i = 0; i < info.subject.n; i++)
		assert_true(info.subject.p[i] >= 0x20 && info.subject.p[i] < 0x7f);
	assert_int_equal(info.addresses, 0);
}

static void
what_is_cut_or_followed_by_more_is_no_certificate(void **state)
{
	const struct slice name = SLICE_LIT("ann@example.org");
	struct slice pkcs8, der = make("p256", &name, 1, &pkcs8);
	uint8_t *more = arena_zalloc(&a, der.n + 1);
	struct cert_info info;

	(void)state;
	for (size_t n = 0; n < der.n; n++)
		assert_int_equal(cert_info_read(slice_cut(der, 0, n), &a, &info), ERR_SYNTAX);
	memcpy(more, der.p, der.n);
	assert_int_equal(cert_info_read(slice_of(more, der.n + 1), &a, &info), ERR_SYNTAX);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_a_certificate_says_is_read),
		T(an_rsa_key_enciphers_and_has_a_size),
		T(texts_can_be_printed_and_are_cut),
		T(what_is_cut_or_followed_by_more_is_no_certificate),
	};

	seal_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
