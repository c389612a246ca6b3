#include "tests/test.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "core/must.h"
#include "crypto/seal.h"
#include "crypto/tls.h"
#include "crypto/tls_cert.h"
#include "crypto/tls_client.h"
#include "crypto/tls_key.h"

struct world {
	struct buf key_pem, cert_pem;
	struct tls_key *key;
	struct tls_server *server;
	struct tls_client *client;
	int fd[2];
	struct tls_stream *at[2]; /* server, client */
	size_t signatures;
	enum tls_key_side side;
	enum err refuse;
};

static enum err
sign(void *arg, const struct tls_sign_request *request, struct buf *signature)
{
	struct world *w = arg;

	assert_int_equal(request->key, 3);
	w->signatures++;
	if (w->refuse)
		return w->refuse;
	return tls_key_sign(w->key, w->side, request->scheme, request->message, signature);
}

static void
set_up_key(struct world *w)
{
	struct slice name = SLICE_LIT("mail.example.org");

	*w = (struct world){0};
	buf_init(&w->key_pem, 10000);
	buf_init(&w->cert_pem, 10000);
	must(tls_cert_new(&name, 1, time(NULL), &w->key_pem, &w->cert_pem) == ERR_OK);
}

/* An RSA key and certificate, made with OpenSSL itself. */
static void
set_up_rsa_key(struct world *w)
{
	EVP_PKEY *key;
	X509 *cert = X509_new();
	X509_EXTENSION *names;
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;

	tls_init();
	key = EVP_RSA_gen(2048);
	*w = (struct world){0};
	buf_init(&w->key_pem, 10000);
	buf_init(&w->cert_pem, 10000);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -100);
	X509_gmtime_adj(X509_getm_notAfter(cert), 1000);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
		(const uint8_t *)"mail.example.org", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, key);
	names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:mail.example.org");
	X509_add_ext(cert, names, -1);
	X509_EXTENSION_free(names);
	X509_sign(cert, key, EVP_sha384());
	PEM_write_bio_X509(bio, cert);
	buf_put(&w->cert_pem, (BIO_get_mem_data(bio, &p), p),
		(size_t)BIO_get_mem_data(bio, &p));
	BIO_free(bio);
	bio = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	buf_put(&w->key_pem, (BIO_get_mem_data(bio, &p), p), (size_t)BIO_get_mem_data(bio, &p));
	BIO_free(bio);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void
set_up_server(struct world *w, struct slice tickets, struct slice alpn)
{
	struct tls_server_settings settings = {.chain_pem = buf_slice(&w->cert_pem),
		.key = 3,
		.sign = sign,
		.sign_arg = w,
		.ticket_secret = tickets,
		.alpn = alpn};

	assert_int_equal(tls_key_parse(buf_slice(&w->key_pem), &w->key), ERR_OK);
	assert_true(tls_key_matches(w->key, buf_slice(&w->cert_pem)));
	assert_int_equal(tls_server_new(&settings, &w->server), ERR_OK);
	assert_int_equal(tls_client_new(buf_slice(&w->cert_pem), &w->client), ERR_OK);
}

static void
set_up_streams(struct world *w, const char *name)
{
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, w->fd) == 0);
	w->at[0] = tls_accept(w->server, w->fd[0]);
	must(tls_client_connect(w->client, w->fd[1],
		     &(struct tls_client_demand){.check = TLS_CLIENT_PKIX,
			     .server_name = slice_str(name),
			     .names = &(struct slice){(const uint8_t *)name, strlen(name)},
			     .n_names = 1},
		     &w->at[1]) == ERR_OK);
}

static void
end_streams(struct world *w)
{
	for (int i = 0; i < 2; i++) {
		tls_close(w->at[i]);
		w->at[i] = NULL;
		close(w->fd[i]);
	}
}

static void
tear_down(struct world *w)
{
	tls_server_free(w->server);
	tls_client_free(w->client);
	tls_key_free(w->key);
	buf_fini(&w->key_pem);
	buf_fini(&w->cert_pem);
}

/* Turns both handles until both are done or one fails; the failing side's err, the client's
 * first. */
static enum err
shake(struct world *w)
{
	enum err e[2] = {ERR_MORE, ERR_MORE};
	enum conn_want want;

	for (int turn = 0; turn < 20; turn++) {
		for (int i = 1; i >= 0; i--)
			if (e[i] == ERR_MORE)
				e[i] = tls_handshake(w->at[i], &want);
		if (!e[0] && !e[1])
			return ERR_OK;
		if (e[1] && e[1] != ERR_MORE)
			return e[1];
		if (e[0] && e[0] != ERR_MORE)
			return e[0];
	}
	return ERR_MORE;
}

static void
assert_carries(struct world *w, int from, struct slice text)
{
	uint8_t got[100];
	size_t n;
	enum conn_want want = 0;

	assert_int_equal(tls_write(w->at[from], text.p, text.n, &n, &want), ERR_OK);
	assert_int_equal(n, text.n);
	assert_int_equal(tls_read(w->at[!from], got, sizeof got, &n, &want), ERR_OK);
	assert_int_equal(n, text.n);
	assert_memory_equal(got, text.p, n);
	assert_int_equal(tls_read(w->at[!from], got, sizeof got, &n, &want), ERR_MORE);
	assert_int_equal(want, CONN_WANT_READ);
}

static void
assert_same_binding(struct world *w, enum tls_binding kind, size_t octets)
{
	struct buf b[2];

	for (int i = 0; i < 2; i++) {
		buf_init(&b[i], 100);
		assert_int_equal(tls_channel_binding(w->at[i], kind, &b[i]), ERR_OK);
	}
	assert_int_equal(b[0].n, octets);
	assert_true(slice_eq(buf_slice(&b[0]), buf_slice(&b[1])));
	buf_fini(&b[0]);
	buf_fini(&b[1]);
}

static void
a_session_whose_key_is_elsewhere_carries_octets_both_ways(void **state)
{
	struct world w;
	struct buf text;

	(void)state;
	set_up_key(&w);
	set_up_server(&w, SLICE_EMPTY, SLICE_EMPTY);
	set_up_streams(&w, "mail.example.org");
	assert_int_equal(shake(&w), ERR_OK);
	assert_int_equal(w.signatures, 1);
	assert_carries(&w, 0, SLICE_LIT("220 hello\r\n"));
	assert_carries(&w, 1, SLICE_LIT("EHLO x\r\n"));
	assert_same_binding(&w, TLS_BINDING_EXPORTER, 32);
	assert_same_binding(&w, TLS_BINDING_SERVER_END_POINT, 32);
	buf_init(&text, 200);
	tls_describe(w.at[0], &text);
	assert_slice(
		buf_slice(&text), "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)");
	buf_fini(&text);
	end_streams(&w);
	tear_down(&w);
}

static void
rsa_keys_serve_tls_1_3_and_1_2(void **state)
{
	struct world w;

	(void)state;
	set_up_rsa_key(&w);
	set_up_server(&w, SLICE_EMPTY, SLICE_EMPTY);
	set_up_streams(&w, "mail.example.org");
	assert_int_equal(shake(&w), ERR_OK);
	assert_same_binding(&w, TLS_BINDING_SERVER_END_POINT, 48);
	end_streams(&w);
	set_up_streams(&w, "mail.example.org");
	SSL_set_max_proto_version(*(SSL **)w.at[1], TLS1_2_VERSION);
	assert_int_equal(shake(&w), ERR_OK);
	assert_same_binding(&w, TLS_BINDING_EXPORTER, 32);
	assert_carries(&w, 1, SLICE_LIT("x"));
	end_streams(&w);
	set_up_streams(&w, "mail.example.org");
	SSL_set_max_proto_version(*(SSL **)w.at[1], TLS1_2_VERSION);
	SSL_set1_sigalgs_list(*(SSL **)w.at[1], "RSA+SHA256");
	assert_int_equal(shake(&w), ERR_OK);
	end_streams(&w);
	assert_int_equal(w.signatures, 3);
	tear_down(&w);
}

static void
ecdsa_serves_tls_1_2_and_old_versions_are_refused(void **state)
{
	struct world w;

	(void)state;
	set_up_key(&w);
	set_up_server(&w, SLICE_EMPTY, SLICE_EMPTY);
	set_up_streams(&w, "mail.example.org");
	SSL_set_max_proto_version(*(SSL **)w.at[1], TLS1_2_VERSION);
	SSL_set1_groups_list(*(SSL **)w.at[1], "P-256");
	assert_int_equal(shake(&w), ERR_OK);
	assert_carries(&w, 0, SLICE_LIT("x"));
	end_streams(&w);
	set_up_streams(&w, "mail.example.org");
	SSL_set_min_proto_version(*(SSL **)w.at[1], TLS1_VERSION);
	SSL_set_max_proto_version(*(SSL **)w.at[1], TLS1_1_VERSION);
	SSL_set_security_level(*(SSL **)w.at[1], 0);
	assert_int_not_equal(shake(&w), ERR_OK);
	end_streams(&w);
	tear_down(&w);
}

static void
a_client_that_checks_refuses_another_name(void **state)
{
	struct world w;

	(void)state;
	set_up_key(&w);
	set_up_server(&w, SLICE_EMPTY, SLICE_EMPTY);
	set_up_streams(&w, "mail.example.com");
	assert_int_equal(shake(&w), ERR_CRYPTO);
	assert_string_equal(tls_why(w.at[1]), "hostname mismatch");
	end_streams(&w);
	tear_down(&w);
}

static void
a_signer_that_refuses_ends_the_handshake_only(void **state)
{
	struct world w;

	(void)state;
	set_up_key(&w);
	set_up_server(&w, SLICE_EMPTY, SLICE_EMPTY);
	set_up_streams(&w, "mail.example.org");
	w.refuse = ERR_PEER;
	assert_int_equal(shake(&w), ERR_CRYPTO);
	end_streams(&w);
	w.refuse = ERR_OK;
	set_up_streams(&w, "mail.example.org");
	assert_int_equal(shake(&w), ERR_OK);
	end_streams(&w);
	tear_down(&w);
}

static void
a_connection_that_is_reset_says_so(void **state)
{
	enum conn_want want;
	struct world w;
	uint8_t p[8];
	size_t n;

	(void)state;
	set_up_key(&w);
	set_up_server(&w, SLICE_EMPTY, SLICE_EMPTY);
	set_up_streams(&w, "mail.example.org");
	assert_int_equal(shake(&w), ERR_OK);
	assert_int_equal(tls_write(w.at[1], "x", 1, &n, &want), ERR_OK);
	/* With octets that it hasn't read. */
	close(w.fd[0]);
	w.fd[0] = -1;
	assert_int_equal(tls_read(w.at[1], p, sizeof p, &n, &want), ERR_IO);
	assert_string_equal(tls_why(w.at[1]), "Connection reset by peer");
	end_streams(&w);
	tear_down(&w);
}

static SSL_SESSION *kept;

static int
keep_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(kept);
	kept = session;
	return 1;
}

static void
a_ticket_of_one_process_is_good_at_another(void **state)
{
	struct world w;
	struct tls_server *first;
	uint8_t secret[TLS_TICKET_SECRET], p[1];
	enum conn_want want;
	size_t n;

	(void)state;
	memset(secret, 7, sizeof secret);
	set_up_key(&w);
	set_up_server(&w, slice_of(secret, sizeof secret), SLICE_EMPTY);
	set_up_streams(&w, "mail.example.org");
	SSL_CTX_set_session_cache_mode(SSL_get_SSL_CTX(*(SSL **)w.at[1]),
		SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_clear_options(*(SSL **)w.at[1], SSL_OP_NO_TICKET);
	SSL_CTX_sess_set_new_cb(SSL_get_SSL_CTX(*(SSL **)w.at[1]), keep_session);
	assert_int_equal(shake(&w), ERR_OK);
	assert_false(tls_is_resumed(w.at[0]));
	assert_int_equal(tls_read(w.at[1], p, 1, &n, &want), ERR_MORE);
	assert_non_null(kept);
	end_streams(&w);
	first = w.server;
	tls_key_free(w.key);
	tls_client_free(w.client);
	set_up_server(&w, slice_of(secret, sizeof secret), SLICE_EMPTY);
	set_up_streams(&w, "mail.example.org");
	SSL_clear_options(*(SSL **)w.at[1], SSL_OP_NO_TICKET);
	assert_int_equal(SSL_set_session(*(SSL **)w.at[1], kept), 1);
	assert_int_equal(shake(&w), ERR_OK);
	assert_true(tls_is_resumed(w.at[0]));
	assert_int_equal(w.signatures, 1);
	end_streams(&w);
	SSL_SESSION_free(kept);
	kept = NULL;
	tls_server_free(first);
	tear_down(&w);
}

static void
a_client_of_another_protocol_is_turned_away_by_alpn(void **state)
{
	struct world w;

	(void)state;
	set_up_key(&w);
	set_up_server(&w, SLICE_EMPTY, SLICE_LIT("imap"));
	set_up_streams(&w, "mail.example.org");
	SSL_set_alpn_protos(*(SSL **)w.at[1], (const uint8_t *)"\4imap", 5);
	assert_int_equal(shake(&w), ERR_OK);
	end_streams(&w);
	set_up_streams(&w, "mail.example.org");
	SSL_set_alpn_protos(*(SSL **)w.at[1], (const uint8_t *)"\4http", 5);
	assert_int_equal(shake(&w), ERR_CRYPTO);
	end_streams(&w);
	tear_down(&w);
}

static void
a_closed_peer_is_the_end_and_garbage_a_failure(void **state)
{
	struct world w;
	enum conn_want want;
	uint8_t p[10];
	size_t n;

	(void)state;
	set_up_key(&w);
	set_up_server(&w, SLICE_EMPTY, SLICE_EMPTY);
	set_up_streams(&w, "mail.example.org");
	assert_int_equal(shake(&w), ERR_OK);
	tls_close(w.at[1]);
	w.at[1] = NULL;
	assert_int_equal(tls_read(w.at[0], p, sizeof p, &n, &want), ERR_END);
	end_streams(&w);
	set_up_streams(&w, "mail.example.org");
	assert_int_equal(shake(&w), ERR_OK);
	shutdown(w.fd[1], SHUT_RDWR);
	assert_int_equal(tls_read(w.at[0], p, sizeof p, &n, &want), ERR_END);
	end_streams(&w);
	set_up_streams(&w, "mail.example.org");
	assert_int_equal(write(w.fd[1], "EHLO no.tls.here\r\n", 18), 18);
	assert_int_equal(tls_handshake(w.at[0], &want), ERR_CRYPTO);
	end_streams(&w);
	tear_down(&w);
}

static void
a_full_socket_asks_to_wait_and_goes_on_where_it_stopped(void **state)
{
	struct world w;
	enum conn_want want = 0;
	static uint8_t text[1 << 20], got[1 << 20];
	size_t sent = 0, came = 0, n;
	bool waited = false;
	enum err e;

	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(i * 31 >> 7);
	set_up_key(&w);
	set_up_server(&w, SLICE_EMPTY, SLICE_EMPTY);
	set_up_streams(&w, "mail.example.org");
	assert_int_equal(shake(&w), ERR_OK);
	while (came < sizeof text) {
		while (sent < sizeof text &&
			!(e = tls_write(w.at[0], text + sent, sizeof text - sent, &n, &want)))
			sent += n;
		waited |= sent < sizeof text && e == ERR_MORE && want == CONN_WANT_WRITE;
		while (came < sizeof text &&
			!tls_read(w.at[1], got + came, sizeof got - came, &n, &want))
			came += n;
	}
	assert_true(waited);
	assert_memory_equal(text, got, sizeof text);
	end_streams(&w);
	tear_down(&w);
}

static void
bad_chains_and_secrets_are_refused(void **state)
{
	struct world w;
	struct tls_server *server;
	struct tls_server_settings settings = {.sign = sign};

	(void)state;
	set_up_key(&w);
	assert_int_equal(tls_server_new(&settings, &server), ERR_SYNTAX);
	settings.chain_pem = SLICE_LIT("-----BEGIN CERTIFICATE-----\nrubbish\n");
	assert_int_equal(tls_server_new(&settings, &server), ERR_SYNTAX);
	settings.chain_pem = buf_slice(&w.cert_pem);
	settings.ticket_secret = SLICE_LIT("short");
	assert_int_equal(tls_server_new(&settings, &server), ERR_CONFIG);
	tear_down(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_whose_key_is_elsewhere_carries_octets_both_ways),
		cmocka_unit_test(rsa_keys_serve_tls_1_3_and_1_2),
		cmocka_unit_test(ecdsa_serves_tls_1_2_and_old_versions_are_refused),
		cmocka_unit_test(a_client_that_checks_refuses_another_name),
		cmocka_unit_test(a_signer_that_refuses_ends_the_handshake_only),
		cmocka_unit_test(a_connection_that_is_reset_says_so),
		cmocka_unit_test(a_ticket_of_one_process_is_good_at_another),
		cmocka_unit_test(a_client_of_another_protocol_is_turned_away_by_alpn),
		cmocka_unit_test(a_closed_peer_is_the_end_and_garbage_a_failure),
		cmocka_unit_test(a_full_socket_asks_to_wait_and_goes_on_where_it_stopped),
		cmocka_unit_test(bad_chains_and_secrets_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
