#include "crypto/cert_source.h"

#include <openssl/ocsp.h>

#include "tests/pki.h"
#include "tests/test.h"

static void
an_address_is_http_or_https_at_its_own_port_and_a_name(void **state)
{
	static const char *const bad[] = {"", "http://", "http:///x", "ftp://ca.test/x",
		"ldap://ca.test/cn=x", "http:/ca.test/x", "http://ca.test:8080/x",
		"http://ca.test:443/x", "https://ca.test:80/x", "http://user@ca.test/x",
		"http://user:pw@ca.test/x", "http://127.0.0.1/x", "http://127.1/x",
		"http://2130706433/x", "http://0x7f000001/x", "http://ca.0x7f/x",
		"http://[::1]/x", "http://ca.test./x", "http://ca_test.test/x",
		"http://ca.test/a b", "http://ca.test/#x", "http://ca.test/\x7f",
		"http://ca.test/\xc3\xa4", "http://ca.test?x", "http://ca.test/\n"};
	struct cert_source_url u;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (cert_source_url_parse(slice_str(bad[i]), &u))
			fail_msg("%s was taken", bad[i]);
	assert_false(cert_source_url_parse(SLICE_LIT("http://ca.test/\0"), &u));
	assert_true(cert_source_url_parse(SLICE_LIT("http://ca.test/a/b.crl?x=1"), &u));
	assert_true(u.plain && slice_eq(u.host, SLICE_LIT("ca.test")) &&
		    slice_eq(u.path, SLICE_LIT("/a/b.crl?x=1")));
	assert_true(cert_source_url_parse(SLICE_LIT("HTTPS://pki:443"), &u));
	assert_true(!u.plain && slice_eq(u.host, SLICE_LIT("pki")) &&
		    slice_eq(u.path, SLICE_LIT("/")));
	assert_true(cert_source_url_parse(SLICE_LIT("http://7.ca.test:80/%20"), &u));
	assert_true(u.plain && slice_eq(u.host, SLICE_LIT("7.ca.test")));
}

static bool
is_taken(size_t host, size_t path)
{
	char text[1024];
	struct cert_source_url u;
	int n = snprintf(text, sizeof text, "http://");

	memset(text + n, 'a', host);
	memset(text + n + host, '/', path);
	return cert_source_url_parse(slice_of(text, (size_t)n + host + path), &u);
}

static void
an_address_has_limits(void **state)
{
	(void)state;
	assert_true(is_taken(253, 1));
	assert_false(is_taken(254, 1));
	assert_true(is_taken(9, CERT_SOURCE_PATH_MAX));
	assert_false(is_taken(9, CERT_SOURCE_PATH_MAX + 1));
	assert_true(is_taken(253, CERT_SOURCE_PATH_MAX));
	_Static_assert(
		7 + 253 + CERT_SOURCE_PATH_MAX == CERT_SOURCE_URL_MAX, "the longest one");
}

static struct pki root;

static void
with(struct pki *c, const char *points, const char *access)
{
	uint8_t *der = NULL;
	int n;

	pki_make(c, &(struct pki_how){.by = &root, .serial = 0x1234});
	pki_extend(c->cert, root.cert, NID_crl_distribution_points, points);
	pki_extend(c->cert, root.cert, NID_info_access, access);
	must(X509_sign(c->cert, root.key, EVP_sha256()) > 0);
	n = i2d_X509(c->cert, &der);
	OPENSSL_free((uint8_t *)(uintptr_t)c->der.p);
	c->der = slice_of(der, (size_t)n);
}

static void
a_certificate_says_where(void **state)
{
	struct cert_source s;
	struct arena a;
	struct pki c;

	(void)state;
	arena_init(&a, 0);
	with(&c, "URI:ldap://ca.test/x,URI:http://ca.test/1.crl,URI:http://ca.test/2.crl",
		"OCSP;URI:http://ocsp.test,caIssuers;URI:ldap://ca.test/x,"
		"caIssuers;URI:http://ca.test/ca.cer");
	assert_int_equal(cert_source_read(c.der, &a, &s), ERR_OK);
	assert_true(slice_eq(s.crl, SLICE_LIT("http://ca.test/1.crl")));
	assert_true(slice_eq(s.ocsp, SLICE_LIT("http://ocsp.test")));
	assert_true(slice_eq(s.issuer, SLICE_LIT("http://ca.test/ca.cer")));
	assert_true(slice_eq(s.serial, SLICE_LIT("\x12\x34")) && !s.is_authority);
	assert_int_equal(s.until_sec, PKI_NOW + 100 * (uint64_t)PKI_DAY);
	pki_free(&c);
	with(&c, "URI:http://10.0.0.1/1.crl", NULL);
	assert_int_equal(cert_source_read(c.der, &a, &s), ERR_OK);
	assert_true(!s.crl.n && !s.ocsp.n && !s.issuer.n);
	assert_int_equal(
		cert_source_read(slice_cut(c.der, 0, c.der.n - 1), &a, &s), ERR_SYNTAX);
	pki_free(&c);
	assert_int_equal(cert_source_read(root.der, &a, &s), ERR_OK);
	assert_true(s.is_authority);
	pki_make(&c, &(struct pki_how){.by = &root, .serial = -5});
	assert_int_equal(cert_source_read(c.der, &a, &s), ERR_SYNTAX);
	pki_free(&c);
	arena_reset(&a);
}

static void
an_ocsp_request_is_for_one_certificate(void **state)
{
	OCSP_REQUEST *r;
	struct buf b;
	const uint8_t *p;

	(void)state;
	buf_init(&b, 1024);
	assert_int_equal(cert_source_ask(root.der, SLICE_LIT("\x12\x34"), &b), ERR_OK);
	p = b.p;
	r = d2i_OCSP_REQUEST(NULL, &p, (long)b.n);
	assert_true(r && p == b.p + b.n);
	assert_int_equal(OCSP_request_onereq_count(r), 1);
	assert_int_equal(OCSP_REQUEST_get_ext_count(r), 0);
	OCSP_REQUEST_free(r);
	assert_int_equal(cert_source_ask(SLICE_LIT("x"), SLICE_LIT("\x12"), &b), ERR_SYNTAX);
	assert_int_equal(cert_source_ask(root.der, SLICE_EMPTY, &b), ERR_SYNTAX);
	buf_fini(&b);
	buf_init(&b, 10);
	assert_int_equal(cert_source_ask(root.der, SLICE_LIT("\x12"), &b), ERR_TOO_BIG);
	buf_fini(&b);
}

static int
set_up(void **state)
{
	(void)state;
	pki_authority(&root, "root", NULL);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	pki_free(&root);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_http_or_https_at_its_own_port_and_a_name),
		cmocka_unit_test(an_address_has_limits),
		cmocka_unit_test(a_certificate_says_where),
		cmocka_unit_test(an_ocsp_request_is_for_one_certificate),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
