#include "tests/test.h"

#include <time.h>

#include "core/must.h"
#include "crypto/tls_cert.h"
#include "crypto/tls_key.h"

enum { P256_SHA256 = 0x0403, RSA_PSS_SHA256 = 0x0804 };

static struct tls_key *key;
static struct buf key_pem, cert_pem;

static int
set_up(void **state)
{
	const struct slice names[] = {
		SLICE_LIT("mail.example.org"), SLICE_LIT("mx.example.org")};

	(void)state;
	buf_init(&key_pem, 10000);
	buf_init(&cert_pem, 10000);
	must(tls_cert_new(names, 2, 1700000000, &key_pem, &cert_pem) == ERR_OK);
	must(tls_key_parse(buf_slice(&key_pem), &key) == ERR_OK);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	tls_key_free(key);
	buf_fini(&key_pem);
	buf_fini(&cert_pem);
	return 0;
}

/* A TLS 1.3 CertificateVerify. */
static struct slice
certificate_verify(uint8_t m[130])
{
	memset(m, 'h', 130);
	memset(m, ' ', 64);
	memcpy(m + 64, "TLS 1.3, server CertificateVerify", 34);
	return slice_of(m, 130);
}

static enum err
sign_for(enum tls_key_side side, uint32_t scheme, struct slice m)
{
	struct buf out;
	enum err e;

	buf_init(&out, TLS_SIGNATURE_MAX);
	e = tls_key_sign(key, side, scheme, m, &out);
	assert_true(e ? out.n == 0 : out.n > 60);
	buf_fini(&out);
	return e;
}

static enum err
sign(uint32_t scheme, struct slice m)
{
	return sign_for(TLS_KEY_SERVER, scheme, m);
}

static void
a_handshake_is_signed(void **state)
{
	uint8_t m[200];

	(void)state;
	assert_int_equal(sign(P256_SHA256, certificate_verify(m)), ERR_OK);
	memset(m, 'r', sizeof m);
	memcpy(m + 64, "\3\0\35\40", 4);
	assert_int_equal(sign(P256_SHA256, slice_of(m, 100)), ERR_OK);
	memcpy(m + 64, "\3\0\27\101\4", 5);
	assert_int_equal(sign(P256_SHA256, slice_of(m, 133)), ERR_OK);
}

static void
what_is_no_handshake_is_denied(void **state)
{
	uint8_t m[200];
	struct slice good = certificate_verify(m);

	(void)state;
	for (size_t n = 0; n < good.n; n++)
		if (n != 98 + 32)
			assert_int_equal(sign(P256_SHA256, slice_cut(good, 0, n)), ERR_DENIED);
	for (size_t i = 0; i < 98; i++) {
		m[i] ^= 1;
		assert_int_equal(sign(P256_SHA256, good), ERR_DENIED);
		m[i] ^= 1;
	}
	assert_int_equal(sign(P256_SHA256, good), ERR_OK);
	/* A client's CertificateVerify would let us pose as somebody to others. */
	memcpy(m + 64, "TLS 1.3, client CertificateVerify", 34);
	assert_int_equal(sign(P256_SHA256, good), ERR_DENIED);
	memset(m, 'r', sizeof m);
	memcpy(m + 64, "\3\0\30\101\4", 5);
	assert_int_equal(sign(P256_SHA256, slice_of(m, 133)), ERR_DENIED);
}

static void
a_client_signs_as_a_client_only(void **state)
{
	uint8_t m[200];
	struct slice of_server = certificate_verify(m);

	(void)state;
	assert_int_equal(sign_for(TLS_KEY_CLIENT, P256_SHA256, of_server), ERR_DENIED);
	memcpy(m + 64, "TLS 1.3, client CertificateVerify", 34);
	assert_int_equal(sign_for(TLS_KEY_CLIENT, P256_SHA256, of_server), ERR_OK);
	memset(m, 'r', sizeof m);
	memcpy(m + 64, "\3\0\35\40", 4);
	assert_int_equal(sign_for(TLS_KEY_CLIENT, P256_SHA256, slice_of(m, 100)), ERR_DENIED);
}

static void
a_scheme_of_another_key_is_denied(void **state)
{
	uint8_t m[200];
	struct slice good = certificate_verify(m);

	(void)state;
	assert_int_equal(sign(RSA_PSS_SHA256, good), ERR_DENIED);
	assert_int_equal(sign(0, good), ERR_DENIED);
	assert_int_equal(sign(0x0807, good), ERR_DENIED);
	assert_int_equal(sign(UINT32_MAX, good), ERR_DENIED);
}

static void
a_key_must_be_one(void **state)
{
	struct tls_key *k;

	(void)state;
	assert_int_equal(tls_key_parse(SLICE_EMPTY, &k), ERR_SYNTAX);
	assert_int_equal(tls_key_parse(SLICE_LIT("rubbish"), &k), ERR_SYNTAX);
	assert_int_equal(tls_key_parse(buf_slice(&cert_pem), &k), ERR_SYNTAX);
	/* An Ed25519 key (RFC 8410 section 10.3). */
	assert_int_equal(tls_key_parse(SLICE_LIT("-----BEGIN PRIVATE KEY-----\n"
						 "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/"
						 "nwoy/HU++CXqI9EdVhC\n"
						 "-----END PRIVATE KEY-----\n"),
				 &k),
		ERR_UNSUPPORTED);
}

static void
a_new_certificate_is_good_for_its_names_and_ten_years(void **state)
{
	struct tls_cert_facts facts;
	struct slice bad = SLICE_LIT("bad name");
	uint32_t id;

	(void)state;
	assert_true(tls_key_matches(key, buf_slice(&cert_pem)));
	assert_int_equal(tls_cert_key_id(buf_slice(&cert_pem), &id), ERR_OK);
	assert_int_equal(id, tls_key_id(key));
	assert_int_equal(tls_cert_key_id(buf_slice(&key_pem), &id), ERR_SYNTAX);
	assert_int_equal(tls_cert_read(buf_slice(&cert_pem), &facts), ERR_OK);
	assert_true(facts.is_self_signed);
	assert_int_equal(facts.not_before_sec, 1700000000 - 3600);
	assert_int_equal(facts.not_after_sec, 1700000000 + 3652 * 86400);
	assert_true(tls_cert_is_for(buf_slice(&cert_pem), SLICE_LIT("mail.example.org")));
	assert_true(tls_cert_is_for(buf_slice(&cert_pem), SLICE_LIT("MX.example.org")));
	assert_false(tls_cert_is_for(buf_slice(&cert_pem), SLICE_LIT("example.org")));
	assert_false(tls_cert_is_for(SLICE_LIT("rubbish"), SLICE_LIT("example.org")));
	assert_int_equal(tls_cert_read(SLICE_EMPTY, &facts), ERR_SYNTAX);
	assert_int_equal(tls_cert_new(&bad, 1, 0, &key_pem, &cert_pem), ERR_CONFIG);
	assert_int_equal(tls_cert_new(NULL, 0, 0, &key_pem, &cert_pem), ERR_CONFIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handshake_is_signed),
		cmocka_unit_test(what_is_no_handshake_is_denied),
		cmocka_unit_test(a_client_signs_as_a_client_only),
		cmocka_unit_test(a_scheme_of_another_key_is_denied),
		cmocka_unit_test(a_key_must_be_one),
		cmocka_unit_test(a_new_certificate_is_good_for_its_names_and_ten_years),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
