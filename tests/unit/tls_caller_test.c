#include "tests/test.h"

#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "core/must.h"
#include "crypto/tls_caller.h"
#include "crypto/tls_cert.h"
#include "crypto/tls_client.h"
#include "crypto/tls_key.h"
#include "crypto/tls_pem.h"

/* A certificate of one side, and its key. */
struct side {
	struct buf key_pem, cert_pem;
	struct tls_key *key;
	enum tls_key_side as;
	struct tls_identity identity;
};

static struct side server_side, client_side, signed_side;
static struct buf authority_pem;
static struct tls_server *server;
static struct tls_client *client;

static enum err
sign(void *arg, const struct tls_sign_request *request, struct buf *signature)
{
	struct side *s = arg;

	return tls_key_sign(s->key, s->as, request->scheme, request->message, signature);
}

static void
finish_side(struct side *s, enum tls_key_side as)
{
	must(tls_key_parse(buf_slice(&s->key_pem), &s->key) == ERR_OK);
	s->as = as;
	s->identity = (struct tls_identity){buf_slice(&s->cert_pem), 1, sign, s};
}

static void
make_side(struct side *s, const char *name, enum tls_key_side as)
{
	struct slice names = slice_str(name);

	buf_init(&s->key_pem, 10000);
	buf_init(&s->cert_pem, 10000);
	must(tls_cert_new(&names, 1, time(NULL), &s->key_pem, &s->cert_pem) == ERR_OK);
	finish_side(s, as);
}

static void
take_pem(BIO *bio, struct buf *out)
{
	buf_init(out, 10000);
	must(tls_pem_take(bio, out));
}

static X509 *
make_cert(EVP_PKEY *key, const char *name, X509 *by, EVP_PKEY *by_key)
{
	X509 *cert = X509_new();
	X509_EXTENSION *ca = X509V3_EXT_conf_nid(
		NULL, NULL, NID_basic_constraints, by ? "CA:FALSE" : "critical,CA:TRUE");

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), by ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -100);
	X509_gmtime_adj(X509_getm_notAfter(cert), 1000);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
		(const uint8_t *)name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(by ? by : cert));
	X509_set_pubkey(cert, key);
	X509_add_ext(cert, ca, -1);
	X509_EXTENSION_free(ca);
	must(X509_sign(cert, by_key, EVP_sha256()) > 0);
	return cert;
}

/* An authority, and what it signed. */
static void
make_signed(void)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *ca = make_cert(ca_key, "an authority", NULL, ca_key);
	X509 *cert = make_cert(key, "gw\xc3\xa4.test", ca, ca_key);
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_X509(bio, ca);
	take_pem(bio, &authority_pem);
	bio = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(bio, cert);
	take_pem(bio, &signed_side.cert_pem);
	bio = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	take_pem(bio, &signed_side.key_pem);
	finish_side(&signed_side, TLS_KEY_CLIENT);
	X509_free(ca);
	X509_free(cert);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(key);
}

static int
set_up(void **state)
{
	struct tls_server_settings settings = {.key = 1, .sign = sign, .asks_caller = true};

	(void)state;
	tls_init();
	make_side(&server_side, "mail.example.org", TLS_KEY_SERVER);
	make_side(&client_side, "gw.example.org", TLS_KEY_CLIENT);
	make_signed();
	settings.chain_pem = buf_slice(&server_side.cert_pem);
	settings.sign_arg = &server_side;
	must(tls_server_new(&settings, &server) == ERR_OK);
	must(tls_client_new(buf_slice(&server_side.cert_pem), &client) == ERR_OK);
	return 0;
}

static int
tear_down(void **state)
{
	struct side *all[] = {&server_side, &client_side, &signed_side};

	(void)state;
	tls_server_free(server);
	tls_client_free(client);
	for (size_t i = 0; i < 3; i++) {
		tls_key_free(all[i]->key);
		buf_fini(&all[i]->key_pem);
		buf_fini(&all[i]->cert_pem);
	}
	buf_fini(&authority_pem);
	return 0;
}

/* One connection; is its client known, and as whom? */
static bool
call(const struct tls_caller *c, bool shows, char who[TLS_CALLER_WHO_MAX + 1])
{
	struct tls_client_demand demand = {
		.check = TLS_CLIENT_NO_CHECK, .shows_certificate = shows};
	struct tls_stream *at[2];
	enum conn_want want;
	struct buf text;
	bool done[2] = {false, false}, known;
	enum err e;
	int fd[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
	at[0] = tls_accept(server, fd[0]);
	must(tls_client_connect(client, fd[1], &demand, &at[1]) == ERR_OK);
	for (int i = 0; !done[0] || !done[1]; i = !i) {
		e = done[i] ? ERR_OK : tls_handshake(at[i], &want);
		assert_true(e == ERR_OK || e == ERR_MORE);
		done[i] = e == ERR_OK;
	}
	buf_init(&text, TLS_CALLER_WHO_MAX);
	known = tls_caller_is_known(c, at[0], &text);
	assert_false(text.overflow);
	snprintf(who, TLS_CALLER_WHO_MAX + 1, "%.*s", SLICE_FMT(buf_slice(&text)));
	buf_fini(&text);
	for (int i = 0; i < 2; i++) {
		tls_close(at[i]);
		close(fd[i]);
	}
	return known;
}

static void
a_hash_is_read_with_colons_or_without(void **state)
{
	uint8_t pin[TLS_CALLER_PIN], again[TLS_CALLER_PIN];
	char text[3 * TLS_CALLER_PIN] = "";

	(void)state;
	for (int i = 0; i < TLS_CALLER_PIN; i++)
		sprintf(text + 3 * i, i + 1 < TLS_CALLER_PIN ? "%02X:" : "%02x", 7 * i);
	assert_true(tls_caller_parse_pin(slice_str(text), pin));
	assert_int_equal(pin[31], 7 * 31);
	for (size_t n = 0; n < 95; n++)
		assert_false(tls_caller_parse_pin(slice_cut(slice_str(text), 0, n), again));
	text[5] = ';';
	assert_false(tls_caller_parse_pin(slice_str(text), again));
	text[5] = ':';
	text[0] = 'g';
	assert_false(tls_caller_parse_pin(slice_str(text), again));
	for (int i = 0; i < TLS_CALLER_PIN; i++)
		sprintf(text + 2 * i, "%02x", 7 * i);
	assert_true(tls_caller_parse_pin(slice_str(text), again));
	assert_memory_equal(pin, again, sizeof pin);
}

static void
a_certificate_is_known_by_its_hash_or_its_key_s(void **state)
{
	X509 *cert = tls_pem_first(buf_slice(&client_side.cert_pem));
	uint8_t pin[2][TLS_CALLER_PIN] = {{1}}, *der = NULL;
	char who[TLS_CALLER_WHO_MAX + 1];
	struct tls_caller *c;
	int n = i2d_PUBKEY(X509_get0_pubkey(cert), &der);

	(void)state;
	must(tls_client_identify(client, &client_side.identity) == ERR_OK);
	assert_int_equal(tls_caller_new(pin, 1, SLICE_EMPTY, &c), ERR_OK);
	assert_false(call(c, true, who));
	assert_non_null(strstr(who, "/CN=gw.example.org, sha256="));
	assert_non_null(strstr(who, " (not listed)"));
	/* What the log shows may be put into the configuration. */
	assert_true(
		tls_caller_parse_pin(slice_of((uint8_t *)strstr(who, "256=") + 4, 95), pin[1]));
	tls_caller_free(c);
	assert_int_equal(tls_caller_new(pin, 2, SLICE_EMPTY, &c), ERR_OK);
	assert_true(call(c, true, who));
	assert_false(call(c, false, who));
	assert_string_equal(who, "none");
	tls_caller_free(c);
	EVP_Digest(der, (size_t)n, pin[0], NULL, EVP_sha256(), NULL);
	assert_int_equal(tls_caller_new(pin, 1, SLICE_EMPTY, &c), ERR_OK);
	assert_true(call(c, true, who));
	tls_caller_free(c);
	OPENSSL_free(der);
	X509_free(cert);
}

static void
a_certificate_is_known_by_who_signed_it(void **state)
{
	char who[TLS_CALLER_WHO_MAX + 1];
	struct tls_caller *c;

	(void)state;
	assert_int_equal(tls_caller_new(NULL, 0, buf_slice(&authority_pem), &c), ERR_OK);
	must(tls_client_identify(client, &signed_side.identity) == ERR_OK);
	assert_true(call(c, true, who));
	assert_non_null(strstr(who, "/CN=gw"));
	/* Another certificate, which signed itself. */
	must(tls_client_identify(client, &client_side.identity) == ERR_OK);
	assert_false(call(c, true, who));
	assert_non_null(strstr(who, " (self-signed certificate)"));
	tls_caller_free(c);
	assert_int_equal(tls_caller_new(NULL, 0, SLICE_LIT("rubbish"), &c), ERR_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hash_is_read_with_colons_or_without),
		cmocka_unit_test(a_certificate_is_known_by_its_hash_or_its_key_s),
		cmocka_unit_test(a_certificate_is_known_by_who_signed_it),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
