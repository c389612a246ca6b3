#include "crypto/peer_tls.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "core/must.h"
#include "crypto/tls_inner.h"
#include "crypto/tls_pem.h"

struct peer_tls {
	SSL_CTX *server, *client; /* server NULL: a stranger's */
	uint8_t authority[PEER_CA_HASH];
};

static const uint8_t protocol[] = "\x09hairpin/1";
enum { PROTOCOL = sizeof protocol - 1 };

static int
choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
	unsigned in_n, void *arg)
{
	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_n, protocol, PROTOCOL,
		    in, in_n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

/* choose_alpn isn't asked about a client that names no protocol at all. */
static int
want_alpn(SSL *ssl, int *alert, void *arg)
{
	const unsigned char *names;
	size_t n;

	(void)arg;
	*alert = SSL_AD_NO_APPLICATION_PROTOCOL;
	return SSL_client_hello_get0_ext(
		       ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &names, &n) == 1
		       ? SSL_CLIENT_HELLO_SUCCESS
		       : SSL_CLIENT_HELLO_ERROR;
}

static SSL_CTX *
new_context(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	must(ctx != NULL);
	must(SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1);
	must(SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
					 SSL_OP_NO_RENEGOTIATION | SSL_OP_CLEANSE_PLAINTEXT);
	must(SSL_CTX_set_num_tickets(ctx, 0) == 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify_depth(ctx, 1);
	must(SSL_CTX_set_ciphersuites(
		     ctx, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256") == 1);
	must(SSL_CTX_set1_groups_list(ctx, "X25519") == 1);
	must(SSL_CTX_set1_sigalgs_list(ctx, "ed25519") == 1);
	return ctx;
}

/* A client names the protocol, and goes if the server doesn't. */
static SSL_CTX *
new_client(void)
{
	SSL_CTX *ctx = new_context(TLS_client_method());

	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	must(SSL_CTX_set_alpn_protos(ctx, protocol, PROTOCOL) == 0);
	return ctx;
}

static SSL_CTX *
new_server(void)
{
	SSL_CTX *ctx = new_context(TLS_server_method());

	/* A certificate that is shown has to be good; none is fine. */
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, NULL);
	SSL_CTX_set_client_hello_cb(ctx, want_alpn, NULL);
	return ctx;
}

/* What was read of the settings. */
struct identity {
	EVP_PKEY *key;
	X509 *cert, *authority;
};

static enum err
read_identity(const struct peer_tls_settings *settings, struct identity *id)
{
	BIO *bio = tls_pem_open(settings->key_pem);

	id->key = tls_pem_key(bio);
	BIO_free(bio);
	id->cert = tls_pem_first(settings->cert_pem);
	id->authority = tls_pem_first(settings->authority_pem);
	if (!id->key || !id->cert || !id->authority)
		return ERR_SYNTAX;
	if (X509_check_private_key(id->cert, id->key) != 1 ||
		X509_verify(id->cert, X509_get0_pubkey(id->authority)) != 1 ||
		X509_self_signed(id->authority, 1) != 1)
		return ERR_CRYPTO;
	return ERR_OK;
}

/* The authority's certificate goes along: a stranger knows only its hash. */
static enum err
use_identity(SSL_CTX *ctx, const struct identity *id)
{
	if (SSL_CTX_use_certificate(ctx, id->cert) != 1 ||
		SSL_CTX_use_PrivateKey(ctx, id->key) != 1 ||
		SSL_CTX_add1_chain_cert(ctx, id->authority) != 1)
		return ERR_CRYPTO;
	must(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), id->authority) == 1);
	return ERR_OK;
}

enum err
peer_tls_new(const struct peer_tls_settings *settings, struct peer_tls **out)
{
	struct peer_tls *t = must_zalloc(sizeof *t);
	struct identity id = {0};
	enum err e;

	tls_init();
	t->server = new_server();
	t->client = new_client();
	e = read_identity(settings, &id);
	if (!e)
		e = use_identity(t->server, &id);
	if (!e)
		e = use_identity(t->client, &id);
	EVP_PKEY_free(id.key);
	X509_free(id.cert);
	X509_free(id.authority);
	ERR_clear_error();
	if (e)
		peer_tls_free(t);
	else
		*out = t;
	return e;
}

static X509 *
find_authority(STACK_OF(X509) * sent, const uint8_t hash[PEER_CA_HASH])
{
	uint8_t got[PEER_CA_HASH];
	unsigned n = sizeof got;

	for (int i = 0; i < sk_X509_num(sent); i++)
		if (X509_digest(sk_X509_value(sent, i), EVP_sha256(), got, &n) == 1 &&
			memcmp(got, hash, sizeof got) == 0)
			return sk_X509_value(sent, i);
	return NULL;
}

/* What was sent with the certificate is trusted if it has the hash that we know. */
static int
verify_by_hash(X509_STORE_CTX *ctx, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	X509 *authority = find_authority(
		X509_STORE_CTX_get0_untrusted(ctx), SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
	STACK_OF(X509) * trusted;
	int verdict;

	(void)arg;
	if (!authority) {
		X509_STORE_CTX_set_error(ctx, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT);
		return 0;
	}
	trusted = sk_X509_new_null();
	must(trusted && sk_X509_push(trusted, authority) > 0);
	X509_STORE_CTX_set0_trusted_stack(ctx, trusted);
	verdict = X509_verify_cert(ctx);
	sk_X509_free(trusted);
	return verdict;
}

struct peer_tls *
peer_tls_new_stranger(const uint8_t authority[PEER_CA_HASH])
{
	struct peer_tls *t = must_zalloc(sizeof *t);

	tls_init();
	memcpy(t->authority, authority, sizeof t->authority);
	t->client = new_client();
	SSL_CTX_set_app_data(t->client, t->authority);
	SSL_CTX_set_cert_verify_callback(t->client, verify_by_hash, NULL);
	return t;
}

void
peer_tls_free(struct peer_tls *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->server);
	SSL_CTX_free(t->client);
	free(t);
}

struct tls_stream *
peer_tls_accept(struct peer_tls *t, int fd)
{
	struct tls_stream *s = tls_stream_new(t->server, fd);

	SSL_set_accept_state(tls_stream_ssl(s));
	return s;
}

struct tls_stream *
peer_tls_connect(struct peer_tls *t, int fd)
{
	struct tls_stream *s = tls_stream_new(t->client, fd);

	SSL_set_connect_state(tls_stream_ssl(s));
	return s;
}

enum err
peer_tls_key_hash(const struct tls_stream *s, uint8_t hash[PEER_CA_HASH])
{
	const SSL *ssl = tls_stream_ssl(s);
	X509 *cert = SSL_get0_peer_certificate(ssl);
	uint8_t *der = NULL;
	int n;

	if (!cert || SSL_get_verify_result(ssl) != X509_V_OK)
		return ERR_NOT_FOUND;
	n = i2d_PUBKEY(X509_get0_pubkey(cert), &der);
	if (n <= 0)
		return ERR_NOT_FOUND;
	must(EVP_Digest(der, (size_t)n, hash, NULL, EVP_sha256(), NULL) == 1);
	OPENSSL_free(der);
	return ERR_OK;
}

void
peer_tls_read_ahead(struct tls_stream *s, size_t octets)
{
	SSL *ssl = tls_stream_ssl(s);

	/* Released is wiped, all of it, for each frame; peers are few. */
	SSL_clear_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_set_read_ahead(ssl, 1);
	SSL_set_default_read_buffer_len(ssl, octets);
}
