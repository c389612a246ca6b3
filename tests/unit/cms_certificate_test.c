#include "crypto/cms_certificate.h"

#include "tests/smime_world.h"

static int
begin(void **state)
{
	(void)state;
	smime_world_begin();
	return 0;
}

static const struct {
	const char *type, *group, *agrees;
	enum cms_certificate_kind kind;
} rows[] = {
	{"RSA", NULL, NULL, CMS_CERTIFICATE_RSA},
	{"EC", "P-256", "ECDH P-256", CMS_CERTIFICATE_AGREE},
	{"EC", "P-384", "ECDH P-384", CMS_CERTIFICATE_AGREE},
	{"EC", "P-521", "ECDH P-521", CMS_CERTIFICATE_AGREE},
	{"X25519", NULL, "X25519", CMS_CERTIFICATE_AGREE},
	/* Ours, for other uses, or not ours. */
	{"EC", "secp256k1", NULL, CMS_CERTIFICATE_AGREE},
	{"ED25519", NULL, NULL, CMS_CERTIFICATE_OTHER},
	{"X448", NULL, NULL, CMS_CERTIFICATE_OTHER},
};

/* A certificate of that row, DER; to be freed, and so is *x509. */
static struct slice
make(size_t row, X509 **x509)
{
	EVP_PKEY *issuer = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), *key;
	uint8_t *der = NULL;
	int n;

	key = rows[row].kind == CMS_CERTIFICATE_RSA
		      ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024)
	      : rows[row].group ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", rows[row].group)
				: EVP_PKEY_Q_keygen(NULL, NULL, rows[row].type);
	*x509 = smime_world_certificate(key, issuer, 0x80);
	n = i2d_X509(*x509, &der);
	EVP_PKEY_free(issuer);
	EVP_PKEY_free(key);
	return slice_of(der, (size_t)n);
}

static void
names_and_keys_are_those_that_openssl_reads(void **state)
{
	struct cms_certificate c;
	X509 *x;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct slice der = make(i, &x);
		const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(x);
		uint8_t *name = NULL;
		EVP_PKEY *key;
		int n = i2d_X509_NAME(X509_get_issuer_name(x), &name);

		assert_true(cms_certificate_parse(der, &c));
		assert_int_equal(c.kind, rows[i].kind);
		assert_true(slice_eq(c.issuer, slice_of(name, (size_t)n)));
		assert_slice(c.serial, "\x02\x02\x00\x80");
		assert_true(slice_eq(c.ski,
			slice_of(ASN1_STRING_get0_data(ski), (size_t)ASN1_STRING_length(ski))));
		key = cms_certificate_key(&c);
		assert_int_equal(key != NULL, i < 5);
		assert_true(!key || EVP_PKEY_eq(key, X509_get0_pubkey(x)) == 1);
		if (rows[i].agrees)
			assert_string_equal(cms_certificate_agrees(&c), rows[i].agrees);
		else
			assert_null(cms_certificate_agrees(&c));
		EVP_PKEY_free(key);
		OPENSSL_free(name);
		OPENSSL_free((void *)(uintptr_t)der.p);
		X509_free(x);
	}
}

static void
what_is_cut_off_or_goes_on_is_none(void **state)
{
	struct cms_certificate c;
	uint8_t more[2000] = {0};
	X509 *x;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct slice der = make(i, &x);

		for (size_t n = 0; n < der.n; n++)
			assert_false(cms_certificate_parse(slice_of(der.p, n), &c));
		memcpy(more, der.p, der.n);
		assert_false(cms_certificate_parse(slice_of(more, der.n + 1), &c));
		OPENSSL_free((void *)(uintptr_t)der.p);
		X509_free(x);
	}
}

static void
a_certificate_of_version_1_has_no_key_identifier(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *x = X509_new();
	struct cms_certificate c;
	uint8_t *der = NULL;
	int n;

	(void)state;
	X509_set_pubkey(x, key);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 5);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 1000);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	n = i2d_X509(x, &der);
	assert_true(cms_certificate_parse(slice_of(der, (size_t)n), &c));
	assert_int_equal(c.ski.n, 0);
	assert_slice(c.issuer, "\x30\x00");
	assert_slice(c.serial, "\x02\x01\x05");
	OPENSSL_free(der);
	X509_free(x);
	EVP_PKEY_free(key);
}

static void
points_on_no_curve_are_no_keys(void **state)
{
	static const struct slice p256 = SLICE_LIT("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07");
	uint8_t point[65] = {4, 1, 2, 3};

	(void)state;
	assert_null(cms_certificate_ec(p256, slice_of(point, sizeof point), SLICE_EMPTY));
	assert_null(cms_certificate_ec(p256, SLICE_LIT("\0"), SLICE_EMPTY));
	assert_null(cms_certificate_ec(p256, SLICE_LIT("\0\0"), SLICE_EMPTY));
	assert_null(cms_certificate_ec(p256, slice_of(point, 33), SLICE_EMPTY));
	assert_null(cms_certificate_ec(
		SLICE_LIT("\x06\x01\x2a"), slice_of(point, sizeof point), SLICE_EMPTY));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_keys_are_those_that_openssl_reads),
		cmocka_unit_test(what_is_cut_off_or_goes_on_is_none),
		cmocka_unit_test(a_certificate_of_version_1_has_no_key_identifier),
		cmocka_unit_test(points_on_no_curve_are_no_keys),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
