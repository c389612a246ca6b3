#include "crypto/tls_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "core/must.h"
#include "crypto/tls_inner.h"
#include "crypto/tls_pem.h"
#include "crypto/tls_trust.h"

enum { DEPTH_MAX = 10, NAMES_SHOWN = 5, NAME_SHOWN = 100 };
/* Usages of a TLSA record (RFC 7218). */
enum { DANE_TA = 2, DANE_EE = 3 };
/* OpenSSL's levels: 0 takes any key, 1 wants 80 bits (RSA of 1,024). */
enum { LEVEL_UNCHECKED = 0, LEVEL_CHECKED = 1 };

struct tls_client {
	SSL_CTX *ctx;
	bool has_certificate;
};

/* What hangs on a stream's SSL. */
struct check {
	enum tls_client_check kind;
	bool is_met;
	enum tls_client_fault fault;
	struct buf why;
};

static int check_slot = -1;

static void
free_check(void *parent, void *check, CRYPTO_EX_DATA *data, int slot, long number, void *arg)
{
	struct check *c = check;

	(void)parent;
	(void)data;
	(void)slot;
	(void)number;
	(void)arg;
	if (c)
		buf_fini(&c->why);
	free(c);
}

/* ---- the words of a fault ---- */

/* What a certificate says comes from a stranger. */
static void
put_printable(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.n && i < NAME_SHOWN; i++)
		buf_put_u8(out, text.p[i] >= 0x20 && text.p[i] < 0x7f ? text.p[i] : '?');
	if (text.n > NAME_SHOWN)
		buf_put_str(out, "...");
}

static void
put_time(struct buf *out, const ASN1_TIME *time)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) == 1)
		buf_printf(out, "%04d-%02d-%02d %02d:%02d:%02d UTC", tm.tm_year + 1900,
			tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* "/C=XX/O=Example/CN=mail.example.org"; OpenSSL escapes what isn't ASCII. */
static void
put_distinguished(struct buf *out, const X509_NAME *name)
{
	char *text = name ? X509_NAME_oneline(name, NULL, 0) : NULL;

	put_printable(out, slice_str(text ? text : "nobody"));
	OPENSSL_free(text);
}

static void
put_names(struct buf *out, X509 *cert)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	int n = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);

		if (name->type != GEN_DNS || n++ >= NAMES_SHOWN)
			continue;
		buf_put_str(out, n > 1 ? ", " : "it has ");
		put_printable(out, slice_of(ASN1_STRING_get0_data(name->d.dNSName),
					   (size_t)ASN1_STRING_length(name->d.dNSName)));
	}
	if (n > NAMES_SHOWN)
		buf_printf(out, " and %d more", n - NAMES_SHOWN);
	if (n == 0)
		buf_put_str(out, "it has none");
	GENERAL_NAMES_free(all);
}

static void
put_validity(struct buf *out, X509 *cert, int depth, bool is_past)
{
	buf_put_str(out, depth > 0 ? "certificate of an issuer" : "certificate");
	buf_put_str(out, is_past ? " expired at " : " isn't valid before ");
	put_time(out, is_past ? X509_get0_notAfter(cert) : X509_get0_notBefore(cert));
}

static enum tls_client_fault
fault_of(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return TLS_CLIENT_EXPIRED;
	case X509_V_ERR_HOSTNAME_MISMATCH:
		return TLS_CLIENT_WRONG_NAME;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return TLS_CLIENT_SELF_SIGNED;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return TLS_CLIENT_UNKNOWN_ISSUER;
	case X509_V_ERR_DANE_NO_MATCH:
		return TLS_CLIENT_TLSA_MISMATCH;
	default:
		return TLS_CLIENT_OTHER_FAULT;
	}
}

static void
note_fault(struct check *c, X509_STORE_CTX *ctx)
{
	int error = X509_STORE_CTX_get_error(ctx), depth = X509_STORE_CTX_get_error_depth(ctx);
	X509 *own = X509_STORE_CTX_get0_cert(ctx), *cert = X509_STORE_CTX_get_current_cert(ctx);

	c->fault = fault_of(error);
	cert = cert ? cert : own;
	switch (c->fault) {
	case TLS_CLIENT_EXPIRED:
		put_validity(&c->why, cert, depth, error == X509_V_ERR_CERT_HAS_EXPIRED);
		break;
	case TLS_CLIENT_WRONG_NAME:
		buf_put_str(&c->why, "certificate is for another name: ");
		put_names(&c->why, own);
		break;
	case TLS_CLIENT_SELF_SIGNED:
		buf_put_str(&c->why, "self-signed certificate");
		break;
	case TLS_CLIENT_UNKNOWN_ISSUER:
		buf_put_str(&c->why, "unknown issuer of the certificate: ");
		put_distinguished(&c->why, X509_get_issuer_name(cert));
		break;
	case TLS_CLIENT_TLSA_MISMATCH:
		buf_put_str(&c->why, "certificate matches no TLSA record");
		break;
	case TLS_CLIENT_NO_FAULT:
	case TLS_CLIENT_OTHER_FAULT:
	default:
		buf_put_str(&c->why, X509_verify_cert_error_string(error));
		break;
	}
}

/* Stands in for OpenSSL's own call, because the certificate of a handshake that fails is gone
 * afterwards. */
static int
verify(X509_STORE_CTX *ctx, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct check *c = SSL_get_ex_data(ssl, check_slot);

	(void)arg;
	if (c->kind == TLS_CLIENT_NO_CHECK) {
		X509_STORE_CTX_set_error(ctx, X509_V_OK);
		return 1;
	}
	c->is_met = X509_verify_cert(ctx) == 1;
	if (!c->is_met)
		note_fault(c, ctx);
	return c->is_met;
}

/* ---- the context ---- */

static enum err
load_roots(SSL_CTX *ctx, struct slice pem)
{
	BIO *bio = tls_pem_open(pem);
	X509 *cert;
	size_t n = 0;

	while (bio && (cert = tls_pem_cert(bio)) != NULL) {
		must(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert) == 1);
		X509_free(cert);
		n++;
	}
	BIO_free(bio);
	ERR_clear_error();
	return n ? ERR_OK : ERR_SYNTAX;
}

static SSL_CTX *
new_context(void)
{
	SSL_CTX *ctx = tls_context_new(TLS_client_method());

	if (check_slot < 0)
		check_slot = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_check);
	must(check_slot >= 0);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	must(SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:"
					  "ECDHE+AES:DHE+AES:RSA+AESGCM:RSA+AES:"
					  "!aNULL:!eNULL:!PSK:!SRP:!DSS") == 1);
	must(SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384:P-521") == 1);
	must(SSL_CTX_dane_enable(ctx) == 1);
	SSL_CTX_set_verify_depth(ctx, DEPTH_MAX);
	SSL_CTX_set_cert_verify_callback(ctx, verify, NULL);
	return ctx;
}

enum err
tls_client_new(struct slice roots_pem, struct tls_client **out)
{
	struct tls_client *client;
	enum err e;

	tls_init();
	client = must_zalloc(sizeof *client);
	client->ctx = new_context();
	e = load_roots(client->ctx, roots_pem.n ? roots_pem : tls_trust_roots());
	if (e)
		tls_client_free(client);
	else
		*out = client;
	return e;
}

/* The signer sees that it is a handshake of TLS 1.3 that it signs. */
static int
choose_certificate(SSL *ssl, void *arg)
{
	(void)arg;
	if (SSL_version(ssl) < TLS1_3_VERSION)
		SSL_certs_clear(ssl);
	return 1;
}

enum err
tls_client_identify(struct tls_client *client, const struct tls_identity *id)
{
	enum err e = tls_context_identify(client->ctx, id);

	SSL_CTX_set_cert_cb(client->ctx, choose_certificate, NULL);
	client->has_certificate = !e;
	return e;
}

void
tls_client_free(struct tls_client *client)
{
	if (!client)
		return;
	SSL_CTX_free(client->ctx);
	free(client);
}

/* ---- a stream ---- */

/* OpenSSL takes a leading dot for "any subdomain", and no name at all for "any name". */
static bool
is_host_name(struct slice s)
{
	if (s.n == 0 || s.n > TLS_CLIENT_NAME_MAX || s.p[0] == '.' || s.p[s.n - 1] == '.')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
			return false;
	return true;
}

static bool
are_names_good(const struct tls_client_demand *d)
{
	if (d->server_name.n && !is_host_name(d->server_name))
		return false;
	for (size_t i = 0; i < d->n_names; i++)
		if (!is_host_name(d->names[i]))
			return false;
	if (d->check == TLS_CLIENT_DANE && d->server_name.n == 0)
		return false;
	return d->check == TLS_CLIENT_NO_CHECK || d->n_names > 0;
}

/* DER of a certificate, or of a SubjectPublicKeyInfo, with nothing behind it. */
static bool
is_whole(uint8_t selector, struct slice data)
{
	const uint8_t *p = data.p;
	X509 *cert = selector == 0 ? d2i_X509(NULL, &p, (long)data.n) : NULL;
	EVP_PKEY *key = selector == 1 ? d2i_PUBKEY(NULL, &p, (long)data.n) : NULL;
	bool ok = (key || (cert && X509_get0_pubkey(cert))) && p == data.p + data.n;

	X509_free(cert);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return ok;
}

bool
tls_client_tlsa_is_usable(const struct tls_client_tlsa *record)
{
	enum { SHA2_256 = 32, SHA2_512 = 64, DATA_MAX = 65535 };

	if ((record->usage != DANE_TA && record->usage != DANE_EE) || record->selector > 1)
		return false;
	switch (record->matching) {
	case 0:
		return record->data.n > 0 && record->data.n <= DATA_MAX &&
		       is_whole(record->selector, record->data);
	case 1:
		return record->data.n == SHA2_256;
	case 2:
		return record->data.n == SHA2_512;
	default:
		return false;
	}
}

/* Appends what a record of that selector and matching type has for the certificate. */
static bool
put_association(X509 *cert, uint8_t selector, uint8_t matching, struct buf *out)
{
	uint8_t *der = NULL, hash[EVP_MAX_MD_SIZE];
	int n = selector == 0 ? i2d_X509(cert, &der) : i2d_PUBKEY(X509_get0_pubkey(cert), &der);
	unsigned hash_n = 0;
	bool ok = n > 0;

	if (ok && matching == 0)
		ok = buf_put(out, der, (size_t)n);
	else if (ok)
		ok = EVP_Digest(der, (size_t)n, hash, &hash_n,
			     matching == 1 ? EVP_sha256() : EVP_sha512(), NULL) == 1 &&
		     buf_put(out, hash, hash_n);
	OPENSSL_free(der);
	ERR_clear_error();
	return ok;
}

static bool
is_associated(const struct tls_client_tlsa *record, X509 *cert)
{
	enum { CERT_MAX = 1 << 20 };
	struct buf data;
	bool fits;

	buf_init(&data, CERT_MAX);
	fits = put_association(cert, record->selector, record->matching, &data) &&
	       slice_eq(buf_slice(&data), record->data);
	buf_fini(&data);
	return fits;
}

bool
tls_client_tlsa_fits(const struct tls_client_tlsa *record, struct slice chain_pem)
{
	BIO *bio = tls_pem_open(chain_pem);
	bool fits = false;
	X509 *cert;

	for (size_t depth = 0; bio && !fits && (cert = tls_pem_cert(bio)) != NULL; depth++) {
		fits = (record->usage == DANE_EE) == (depth == 0) &&
		       is_associated(record, cert);
		X509_free(cert);
	}
	BIO_free(bio);
	return fits && tls_client_tlsa_is_usable(record);
}

bool
tls_client_tlsa_of(struct slice chain_pem, struct buf *out)
{
	X509 *cert = tls_pem_first(chain_pem);
	bool ok = cert && put_association(cert, 1, 1, out);

	X509_free(cert);
	return ok;
}

static size_t
add_records(SSL *ssl, const struct tls_client_demand *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_tlsa; i++) {
		const struct tls_client_tlsa *r = &d->tlsa[i];

		if (tls_client_tlsa_is_usable(r) &&
			SSL_dane_tlsa_add(ssl, r->usage, r->selector, r->matching, r->data.p,
				r->data.n) == 1)
			n++;
	}
	ERR_clear_error();
	return n;
}

static void
set_names(SSL *ssl, const struct tls_client_demand *d)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	X509_VERIFY_PARAM_set_hostflags(param,
		X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	must(X509_VERIFY_PARAM_set1_host(param, NULL, 0) == 1);
	for (size_t i = 0; i < d->n_names; i++)
		must(X509_VERIFY_PARAM_add1_host(
			     param, (const char *)d->names[i].p, d->names[i].n) == 1);
}

/* Server name and check. Without a record that counts OpenSSL would fall back to PKIX. */
static enum err
set_demand(SSL *ssl, const struct tls_client_demand *d)
{
	char name[TLS_CLIENT_NAME_MAX + 1];

	if (d->server_name.n) {
		memcpy(name, d->server_name.p, d->server_name.n);
		name[d->server_name.n] = '\0';
		must(SSL_set_tlsext_host_name(ssl, name) == 1);
	}
	if (d->check == TLS_CLIENT_NO_CHECK) {
		SSL_set_security_level(ssl, LEVEL_UNCHECKED);
		SSL_set_options(ssl, SSL_OP_LEGACY_SERVER_CONNECT);
		return ERR_OK;
	}
	SSL_set_security_level(ssl, LEVEL_CHECKED);
	if (d->check == TLS_CLIENT_DANE) {
		must(SSL_dane_enable(ssl, name) == 1);
		SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
		if (add_records(ssl, d) == 0)
			return ERR_UNSUPPORTED;
	}
	set_names(ssl, d);
	if (!d->is_noted)
		SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	return ERR_OK;
}

enum err
tls_client_connect(struct tls_client *client, int fd, const struct tls_client_demand *demand,
	struct tls_stream **out)
{
	struct tls_stream *s;
	struct check *c;
	SSL *ssl;
	enum err e;

	if (!are_names_good(demand))
		return ERR_CONFIG;
	s = tls_stream_new(client->ctx, fd);
	ssl = tls_stream_ssl(s);
	SSL_set_connect_state(ssl);
	if (!demand->shows_certificate || !client->has_certificate)
		SSL_certs_clear(ssl);
	c = must_zalloc(sizeof *c);
	c->kind = demand->check;
	buf_init(&c->why, TLS_CLIENT_WHY_MAX);
	must(SSL_set_ex_data(ssl, check_slot, c) == 1);
	e = set_demand(ssl, demand);
	if (e)
		tls_close(s);
	else
		*out = s;
	return e;
}

/* ---- afterwards ---- */

static enum tls_client_proof
proof_of(SSL *ssl, const struct check *c)
{
	uint8_t usage = 0;

	if (!c->is_met || SSL_is_init_finished(ssl) != 1)
		return TLS_CLIENT_UNPROVED;
	if (c->kind == TLS_CLIENT_PKIX)
		return TLS_CLIENT_BY_PKIX;
	SSL_get0_dane_tlsa(ssl, &usage, NULL, NULL, NULL, NULL);
	return usage == DANE_EE	  ? TLS_CLIENT_BY_DANE_EE
	       : usage == DANE_TA ? TLS_CLIENT_BY_DANE_TA
				  : TLS_CLIENT_UNPROVED;
}

struct tls_client_verdict
tls_client_verdict(const struct tls_stream *s)
{
	SSL *ssl = tls_stream_ssl(s);
	const struct check *c = SSL_get_ex_data(ssl, check_slot);

	return (struct tls_client_verdict){proof_of(ssl, c), c->fault, buf_slice(&c->why)};
}

bool
tls_client_certificate(const struct tls_stream *s, struct buf *pem)
{
	X509 *cert = SSL_get0_peer_certificate(tls_stream_ssl(s));
	BIO *bio = cert ? BIO_new(BIO_s_mem()) : NULL;

	if (bio && PEM_write_bio_X509(bio, cert) == 1)
		return tls_pem_take(bio, pem);
	BIO_free(bio);
	return false;
}

const char *
tls_client_proof_name(enum tls_client_proof proof)
{
	static const char *const names[] = {"none", "pkix", "dane-ta", "dane-ee"};

	return names[proof];
}
