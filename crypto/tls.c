#include "crypto/tls.h"

#include <errno.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "core/must.h"
#include "crypto/tls_inner.h"
#include "crypto/tls_pem.h"
#include "crypto/tls_remote.h"

enum { CHAIN_MAX = 16, TICKET_LIFE_SEC = 7200 };

struct tls_server {
	SSL_CTX *ctx;
	uint8_t *alpn; /* length octet and name, or NULL */
	size_t alpn_n;
};

struct tls_stream {
	SSL *ssl;
	int fd;
	bool eof, resting;
	int failed; /* errno of the socket; 0: it didn't */
	const char *why;
};

static BIO_METHOD *socket_method;

/* ---- the socket under a stream: send without SIGPIPE ---- */

static int
socket_read(BIO *bio, char *p, int room)
{
	struct tls_stream *s = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	do
		n = recv(s->fd, p, (size_t)room, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		BIO_set_retry_read(bio);
	else if (n < 0)
		s->failed = errno;
	if (n == 0)
		s->eof = true;
	return (int)n;
}

static int
socket_write(BIO *bio, const char *p, int len)
{
	struct tls_stream *s = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	do
		n = send(s->fd, p, (size_t)len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		BIO_set_retry_write(bio);
	else if (n < 0)
		s->failed = errno;
	return (int)n;
}

static long
socket_ctrl(BIO *bio, int what, long number, void *ptr)
{
	(void)bio;
	(void)number;
	(void)ptr;
	return what == BIO_CTRL_FLUSH || what == BIO_CTRL_DUP;
}

void
tls_init(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	must(OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) == 1);
	tls_remote_init();
	socket_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "hairpin");
	must(socket_method != NULL);
	must(BIO_meth_set_read(socket_method, socket_read) == 1);
	must(BIO_meth_set_write(socket_method, socket_write) == 1);
	must(BIO_meth_set_ctrl(socket_method, socket_ctrl) == 1);
}

/* ---- contexts ---- */

SSL_CTX *
tls_context_new(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	must(ctx != NULL);
	must(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1);
	SSL_CTX_set_security_level(ctx, 2);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_CLEANSE_PLAINTEXT |
					 SSL_OP_NO_QUERY_MTU);
	/* Buffers of 17 KiB each way are given back whenever they are empty. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	return ctx;
}

static enum err
load_chain(SSL_CTX *ctx, BIO *pem, X509 **own)
{
	X509 *cert = tls_pem_cert(pem);

	if (!cert)
		return ERR_SYNTAX;
	*own = cert;
	if (SSL_CTX_use_certificate(ctx, cert) != 1)
		return ERR_UNSUPPORTED;
	for (int i = 0; i < CHAIN_MAX; i++) {
		cert = tls_pem_cert(pem);
		if (!cert)
			return ERR_OK;
		must(SSL_CTX_add0_chain_cert(ctx, cert) == 1);
	}
	return ERR_LIMIT;
}

static void
restrict_algorithms(SSL_CTX *ctx)
{
	must(SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1);
	must(SSL_CTX_set1_groups_list(ctx, "X25519:P-256") == 1);
	must(SSL_CTX_set1_sigalgs_list(ctx,
		     "ECDSA+SHA256:ECDSA+SHA384:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:"
		     "rsa_pss_rsae_sha512:RSA+SHA256:RSA+SHA384:RSA+SHA512") == 1);
}

static bool
is_strong(const EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);

	if (EVP_PKEY_is_a(key, "RSA"))
		return bits >= 2048 && bits <= 4096;
	return EVP_PKEY_is_a(key, "EC") && (bits == 256 || bits == 384);
}

enum err
tls_context_identify(SSL_CTX *ctx, const struct tls_identity *id)
{
	BIO *pem = tls_pem_open(id->chain_pem);
	X509 *own = NULL;
	EVP_PKEY *public_key, *key = NULL;
	enum err e = ERR_SYNTAX;

	SSL_CTX_clear_chain_certs(ctx);
	if (pem)
		e = load_chain(ctx, pem, &own);
	BIO_free(pem);
	public_key = own ? X509_get0_pubkey(own) : NULL;
	if (!e && (!public_key || !is_strong(public_key)))
		e = ERR_UNSUPPORTED;
	if (!e)
		key = tls_remote_key(public_key, id->key, id->sign, id->sign_arg);
	if (!e && (!key || SSL_CTX_use_PrivateKey(ctx, key) != 1))
		e = ERR_UNSUPPORTED;
	EVP_PKEY_free(key);
	X509_free(own);
	ERR_clear_error();
	return e;
}

static int
choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
	unsigned in_n, void *arg)
{
	const struct tls_server *server = arg;

	(void)ssl;
	/* A client that names other protocols only was led to the wrong port: refused (RFC 7301
	 * section 3.2). */
	if (SSL_select_next_proto((unsigned char **)out, out_n, server->alpn,
		    (unsigned)server->alpn_n, in, in_n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static enum err
set_tickets(SSL_CTX *ctx, struct slice secret)
{
	if (secret.n == 0) {
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
		must(SSL_CTX_set_num_tickets(ctx, 0) == 1);
		return ERR_OK;
	}
	if (secret.n != TLS_TICKET_SECRET)
		return ERR_CONFIG;
	must(SSL_CTX_set_num_tickets(ctx, 1) == 1);
	SSL_CTX_set_timeout(ctx, TICKET_LIFE_SEC);
	must(SSL_CTX_set_session_id_context(ctx, (const uint8_t *)"hairpin", 7) == 1);
	must(SSL_CTX_set_tlsext_ticket_keys(ctx, (void *)secret.p, TLS_TICKET_SECRET) == 1);
	return ERR_OK;
}

/* Who it is is judged afterwards: a caller that is refused hears why in the mail protocol. */
static int
take_any(X509_STORE_CTX *ctx, void *arg)
{
	(void)arg;
	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

static void
ask_caller(SSL_CTX *ctx)
{
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, take_any, NULL);
	must(SSL_CTX_set1_client_sigalgs_list(ctx,
		     "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:rsa_pss_rsae_sha256:"
		     "rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:RSA+SHA256:RSA+SHA384:"
		     "RSA+SHA512") == 1);
}

enum err
tls_server_new(const struct tls_server_settings *settings, struct tls_server **out)
{
	struct tls_identity id = {
		settings->chain_pem, settings->key, settings->sign, settings->sign_arg};
	struct tls_server *server;
	enum err e;

	tls_init();
	server = must_zalloc(sizeof *server);
	server->ctx = tls_context_new(TLS_server_method());
	restrict_algorithms(server->ctx);
	if (settings->asks_caller)
		ask_caller(server->ctx);
	e = tls_context_identify(server->ctx, &id);
	if (!e)
		e = set_tickets(server->ctx, settings->ticket_secret);
	if (!e && settings->alpn.n > 255)
		e = ERR_CONFIG;
	if (e) {
		tls_server_free(server);
		return e;
	}
	if (settings->alpn.n) {
		server->alpn_n = settings->alpn.n + 1;
		server->alpn = must_alloc(server->alpn_n);
		server->alpn[0] = (uint8_t)settings->alpn.n;
		memcpy(server->alpn + 1, settings->alpn.p, settings->alpn.n);
		SSL_CTX_set_alpn_select_cb(server->ctx, choose_alpn, server);
	}
	*out = server;
	return ERR_OK;
}

void
tls_server_free(struct tls_server *server)
{
	if (!server)
		return;
	SSL_CTX_set_alpn_select_cb(server->ctx, NULL, NULL);
	SSL_CTX_free(server->ctx);
	free(server->alpn);
	free(server);
}

/* ---- streams ---- */

struct tls_stream *
tls_stream_new(SSL_CTX *ctx, int fd)
{
	struct tls_stream *s = must_zalloc(sizeof *s);
	BIO *bio = BIO_new(socket_method);

	s->fd = fd;
	s->why = "";
	s->ssl = SSL_new(ctx);
	must(s->ssl != NULL && bio != NULL);
	BIO_set_data(bio, s);
	BIO_set_init(bio, 1);
	SSL_set_bio(s->ssl, bio, bio);
	return s;
}

SSL *
tls_stream_ssl(const struct tls_stream *s)
{
	return s->ssl;
}

struct tls_stream *
tls_accept(struct tls_server *server, int fd)
{
	struct tls_stream *s = tls_stream_new(server->ctx, fd);

	SSL_set_accept_state(s->ssl);
	return s;
}

static void
note_why(struct tls_stream *s)
{
	long verdict = SSL_get_verify_result(s->ssl);
	unsigned long code = ERR_peek_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	s->why = verdict != X509_V_OK ? X509_verify_cert_error_string(verdict)
		 : reason	      ? reason
		 : s->failed	      ? strerror(s->failed)
				      : "closed by the other side";
}

/* What a failed call of OpenSSL's means. */
static enum err
outcome(struct tls_stream *s, int result, enum conn_want *want)
{
	enum err e;

	switch (SSL_get_error(s->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		*want = CONN_WANT_READ;
		return ERR_MORE;
	case SSL_ERROR_WANT_WRITE:
		*want = CONN_WANT_WRITE;
		return ERR_MORE;
	case SSL_ERROR_ZERO_RETURN:
		return ERR_END;
	case SSL_ERROR_SSL:
		e = s->eof ? ERR_END : ERR_CRYPTO;
		break;
	default:
		e = s->eof ? ERR_END : ERR_IO;
		break;
	}
	note_why(s);
	ERR_clear_error();
	/* "Do not call SSL_shutdown after a fatal error." */
	s->resting = true;
	return e;
}

enum err
tls_handshake(struct tls_stream *s, enum conn_want *want)
{
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(s->ssl);
	return result == 1 ? ERR_OK : outcome(s, result, want);
}

enum err
tls_read(struct tls_stream *s, void *p, size_t room, size_t *n, enum conn_want *want)
{
	*n = 0;
	if (room == 0)
		return ERR_OK;
	ERR_clear_error();
	return SSL_read_ex(s->ssl, p, room, n) == 1 ? ERR_OK : outcome(s, 0, want);
}

enum err
tls_write(struct tls_stream *s, const void *p, size_t len, size_t *n, enum conn_want *want)
{
	*n = 0;
	if (len == 0)
		return ERR_OK;
	ERR_clear_error();
	return SSL_write_ex(s->ssl, p, len, n) == 1 ? ERR_OK : outcome(s, 0, want);
}

void
tls_close(struct tls_stream *s)
{
	if (!s)
		return;
	if (!s->resting && SSL_is_init_finished(s->ssl))
		SSL_shutdown(s->ssl);
	ERR_clear_error();
	SSL_free(s->ssl);
	free(s);
}

static enum err
on_handshake(void *s, enum conn_want *want)
{
	return tls_handshake(s, want);
}

static enum err
on_read(void *s, void *p, size_t room, size_t *n, enum conn_want *want)
{
	return tls_read(s, p, room, n, want);
}

static enum err
on_write(void *s, const void *p, size_t len, size_t *n, enum conn_want *want)
{
	return tls_write(s, p, len, n, want);
}

static void
on_close(void *s)
{
	tls_close(s);
}

const struct conn_stream tls_conn_stream = {on_handshake, on_read, on_write, on_close};

/* ---- afterwards ---- */

void
tls_describe(const struct tls_stream *s, struct buf *out)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(s->ssl);
	int strength = 0, bits = 0;

	if (!cipher)
		return;
	bits = SSL_CIPHER_get_bits(cipher, &strength);
	buf_printf(out, "%s with cipher %s (%d/%d bits)", SSL_get_version(s->ssl),
		SSL_CIPHER_get_name(cipher), bits, strength);
}

bool
tls_is_resumed(const struct tls_stream *s)
{
	return SSL_session_reused(s->ssl) == 1;
}

const char *
tls_why(const struct tls_stream *s)
{
	return s->why;
}

/* RFC 9266: label, an empty context, 32 octets. Without the extended master secret (RFC 7627)
 * TLS 1.2's exporter isn't bound to this connection alone. */
static enum err
bind_exporter(SSL *ssl, struct buf *out)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	uint8_t binding[32];

	if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1)
		return ERR_UNSUPPORTED;
	if (SSL_export_keying_material(ssl, binding, sizeof binding, label, sizeof label - 1,
		    (const uint8_t *)"", 0, 1) != 1)
		return ERR_CRYPTO;
	return buf_put(out, binding, sizeof binding) ? ERR_OK : ERR_LIMIT;
}

/* RFC 5929 section 4.1: the hash of the certificate's signature, SHA-256 where that is MD5 or
 * SHA-1. */
static enum err
bind_end_point(SSL *ssl, struct buf *out)
{
	X509 *cert = SSL_is_server(ssl) ? SSL_get_certificate(ssl)
					: SSL_get0_peer_certificate(ssl);
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	int nid = NID_undef;
	const EVP_MD *md;

	if (!cert || X509_get_signature_info(cert, &nid, NULL, NULL, NULL) != 1)
		return ERR_UNSUPPORTED;
	if (nid == NID_md5 || nid == NID_sha1)
		nid = NID_sha256;
	md = EVP_get_digestbynid(nid);
	if (!md || X509_digest(cert, md, hash, &n) != 1)
		return ERR_UNSUPPORTED;
	return buf_put(out, hash, n) ? ERR_OK : ERR_LIMIT;
}

enum err
tls_channel_binding(const struct tls_stream *s, enum tls_binding kind, struct buf *out)
{
	if (SSL_is_init_finished(s->ssl) != 1)
		return ERR_UNSUPPORTED;
	switch (kind) {
	case TLS_BINDING_EXPORTER:
		return bind_exporter(s->ssl, out);
	case TLS_BINDING_SERVER_END_POINT:
		return bind_end_point(s->ssl, out);
	case TLS_BINDING_NONE:
	default:
		return ERR_UNSUPPORTED;
	}
}

const char *
tls_library(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}
