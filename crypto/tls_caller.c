#include "crypto/tls_caller.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "core/must.h"
#include "crypto/tls_inner.h"
#include "crypto/tls_pem.h"

/* AUTH_LEVEL: OpenSSL's; 80 bits, as towards servers. */
enum { DEPTH_MAX = 10, AUTH_LEVEL = 1, NAME_SHOWN = 100 };

struct tls_caller {
	uint8_t (*pin)[TLS_CALLER_PIN];
	size_t pins;
	X509_STORE *authorities; /* NULL: none */
};

static int
digit(uint8_t c)
{
	uint8_t lower = slice_lower(c);

	return c >= '0' && c <= '9'	      ? c - '0'
	       : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
					      : -1;
}

bool
tls_caller_parse_pin(struct slice text, uint8_t pin[TLS_CALLER_PIN])
{
	size_t step = text.n == 3 * TLS_CALLER_PIN - 1 ? 3 : 2;

	if (text.n != 2 * TLS_CALLER_PIN && step == 2)
		return false;
	for (size_t i = 0; i < TLS_CALLER_PIN; i++) {
		int high = digit(text.p[step * i]), low = digit(text.p[step * i + 1]);

		if (high < 0 || low < 0 ||
			(step == 3 && i + 1 < TLS_CALLER_PIN && text.p[step * i + 2] != ':'))
			return false;
		pin[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* --- its life --- */

static enum err
load_authorities(struct tls_caller *c, struct slice pem)
{
	BIO *bio = tls_pem_open(pem);
	X509 *cert;
	size_t n = 0;

	c->authorities = X509_STORE_new();
	must(c->authorities != NULL);
	while (bio && (cert = tls_pem_cert(bio)) != NULL) {
		must(X509_STORE_add_cert(c->authorities, cert) == 1);
		X509_free(cert);
		n++;
	}
	BIO_free(bio);
	ERR_clear_error();
	return n ? ERR_OK : ERR_SYNTAX;
}

enum err
tls_caller_new(const uint8_t (*pin)[TLS_CALLER_PIN], size_t pins, struct slice ca_pem,
	struct tls_caller **out)
{
	struct tls_caller *c = must_zalloc(sizeof *c);
	enum err e = ERR_OK;

	tls_init();
	c->pins = pins;
	c->pin = must_alloc(pins * sizeof *pin + 1);
	if (pins)
		memcpy(c->pin, pin, pins * sizeof *pin);
	if (ca_pem.n)
		e = load_authorities(c, ca_pem);
	if (e)
		tls_caller_free(c);
	else
		*out = c;
	return e;
}

void
tls_caller_free(struct tls_caller *c)
{
	if (!c)
		return;
	X509_STORE_free(c->authorities);
	free(c->pin);
	free(c);
}

/* --- judging --- */

static bool
has_pin(const struct tls_caller *c, const uint8_t hash[TLS_CALLER_PIN])
{
	for (size_t i = 0; i < c->pins; i++)
		if (memcmp(c->pin[i], hash, TLS_CALLER_PIN) == 0)
			return true;
	return false;
}

static bool
hash_key(X509 *cert, uint8_t hash[TLS_CALLER_PIN])
{
	uint8_t *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	bool ok = n > 0 && EVP_Digest(der, (size_t)n, hash, NULL, EVP_sha256(), NULL) == 1;

	OPENSSL_free(der);
	return ok;
}

/* NULL: it is signed by one of the authorities; else why it isn't. */
static const char *
verify(const struct tls_caller *c, SSL *ssl, X509 *cert)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	const char *why = NULL;

	must(ctx != NULL);
	must(X509_STORE_CTX_init(ctx, c->authorities, cert, SSL_get_peer_cert_chain(ssl)) == 1);
	X509_STORE_CTX_set_depth(ctx, DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(ctx), AUTH_LEVEL);
	if (X509_verify_cert(ctx) != 1)
		why = X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return why;
}

/* What a certificate says comes from a stranger. */
static void
put_subject(struct buf *out, X509 *cert)
{
	char *text = X509_NAME_oneline(X509_get_subject_name(cert), NULL, 0);
	struct slice shown = slice_cut(slice_str(text ? text : ""), 0, NAME_SHOWN);

	for (size_t i = 0; i < shown.n; i++)
		buf_put_u8(out, shown.p[i] >= 0x20 && shown.p[i] < 0x7f ? shown.p[i] : '?');
	OPENSSL_free(text);
}

static void
put_hash(struct buf *out, const uint8_t hash[TLS_CALLER_PIN])
{
	buf_put_str(out, ", sha256=");
	for (size_t i = 0; i < TLS_CALLER_PIN; i++)
		buf_printf(out, "%s%02X", i ? ":" : "", hash[i]);
}

bool
tls_caller_is_known(const struct tls_caller *c, const struct tls_stream *s, struct buf *who)
{
	SSL *ssl = tls_stream_ssl(s);
	X509 *cert = SSL_get0_peer_certificate(ssl);
	uint8_t hash[TLS_CALLER_PIN], of_key[TLS_CALLER_PIN];
	const char *why = "not listed";

	if (!cert || X509_digest(cert, EVP_sha256(), hash, NULL) != 1 ||
		!hash_key(cert, of_key)) {
		buf_put_str(who, "none");
		return false;
	}
	put_subject(who, cert);
	put_hash(who, hash);
	if (has_pin(c, hash) || has_pin(c, of_key))
		return true;
	if (c->authorities)
		why = verify(c, ssl, cert);
	if (why)
		buf_printf(who, " (%s)", why);
	return !why;
}
