#include "crypto/tls_key.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "core/must.h"
#include "crypto/tls_pem.h"

struct tls_key {
	EVP_PKEY *key;
	bool is_rsa;
};

struct scheme {
	uint32_t id;
	bool is_rsa, is_pss;
	size_t hash_octets;
	const char *hash;
};

static const struct scheme schemes[] = {
	{0x0403, false, false, 32, "SHA256"},
	{0x0503, false, false, 48, "SHA384"},
	{0x0804, true, true, 32, "SHA256"},
	{0x0805, true, true, 48, "SHA384"},
	{0x0806, true, true, 64, "SHA512"},
	{0x0401, true, false, 32, "SHA256"},
	{0x0501, true, false, 48, "SHA384"},
	{0x0601, true, false, 64, "SHA512"},
};

enum err
tls_key_parse(struct slice pem, struct tls_key **out)
{
	BIO *bio;
	EVP_PKEY *key;
	bool rsa;
	int bits;

	tls_init();
	bio = tls_pem_open(pem);
	key = tls_pem_key(bio);
	BIO_free(bio);
	if (!key)
		return ERR_SYNTAX;
	bits = EVP_PKEY_get_bits(key);
	rsa = EVP_PKEY_is_a(key, "RSA");
	if (rsa ? bits < 2048 || bits > 4096
		: !EVP_PKEY_is_a(key, "EC") || (bits != 256 && bits != 384)) {
		EVP_PKEY_free(key);
		return ERR_UNSUPPORTED;
	}
	*out = must_alloc(sizeof **out);
	**out = (struct tls_key){.key = key, .is_rsa = rsa};
	return ERR_OK;
}

void
tls_key_free(struct tls_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->key);
	free(key);
}

/* RFC 8446 section 4.4.3: 64 spaces, context string, a zero octet, the transcript's hash. */
static bool
is_certificate_verify(enum tls_key_side side, struct slice m)
{
	static const char contexts[][34] = {
		[TLS_KEY_SERVER] = "TLS 1.3, server CertificateVerify",
		[TLS_KEY_CLIENT] = "TLS 1.3, client CertificateVerify",
	};
	size_t at = 64 + sizeof contexts[0];

	if (m.n != at + 32 && m.n != at + 48)
		return false;
	for (size_t i = 0; i < 64; i++)
		if (m.p[i] != ' ')
			return false;
	return memcmp(m.p + 64, contexts[side], sizeof contexts[0]) == 0;
}

/* RFC 8422 section 5.4: both randoms, curve_type named_curve(3), the curve, the point. */
static bool
is_server_key_exchange(struct slice m)
{
	static const uint8_t x25519[] = {3, 0, 29, 32}, p256[] = {3, 0, 23, 65, 4};
	struct slice params = slice_from(m, 64);

	if (m.n == 64 + 4 + 32)
		return slice_starts(params, slice_of(x25519, sizeof x25519));
	return m.n == 64 + 4 + 65 && slice_starts(params, slice_of(p256, sizeof p256));
}

static const struct scheme *
scheme_find(uint32_t id)
{
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (schemes[i].id == id)
			return &schemes[i];
	return NULL;
}

static enum err
sign(EVP_PKEY *key, const struct scheme *scheme, struct slice m, struct buf *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	size_t n = (size_t)EVP_PKEY_get_size(key);
	uint8_t *to = buf_room(out, n);
	bool ok;

	must(ctx != NULL);
	ok = to && EVP_DigestSignInit_ex(ctx, &pctx, scheme->hash, NULL, NULL, key, NULL) == 1;
	if (ok && scheme->is_pss)
		ok = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1;
	ok = ok && EVP_DigestSign(ctx, to, &n, m.p, m.n) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	if (!to)
		return ERR_LIMIT;
	if (!ok)
		return ERR_CRYPTO;
	buf_grow(out, n);
	return ERR_OK;
}

enum err
tls_key_sign(const struct tls_key *key, enum tls_key_side side, uint32_t scheme,
	struct slice message, struct buf *signature)
{
	const struct scheme *found = scheme_find(scheme);

	if (!found || found->is_rsa != key->is_rsa)
		return ERR_DENIED;
	/* RFC 8446 allows RSASSA-PKCS1-v1_5 in certificates only, RFC 5246 all of these. */
	if (!(side == TLS_KEY_SERVER && is_server_key_exchange(message)) &&
		!(is_certificate_verify(side, message) && (found->is_pss || !found->is_rsa)))
		return ERR_DENIED;
	return sign(key->key, found, message, signature);
}

bool
tls_key_matches(const struct tls_key *key, struct slice chain_pem)
{
	X509 *cert = tls_pem_first(chain_pem);
	bool same = cert && EVP_PKEY_eq(X509_get0_pubkey(cert), key->key) == 1;

	X509_free(cert);
	ERR_clear_error();
	return same;
}

uint32_t
tls_key_id(const struct tls_key *key)
{
	return tls_pem_key_id(key->key);
}
