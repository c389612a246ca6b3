#include "crypto/dkim_key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "core/must.h"
#include "crypto/seal.h"
#include "crypto/tls.h"
#include "crypto/tls_pem.h"

enum {
	RSA_BITS = 2048, /* of new keys */
	RSA_BITS_MIN = 1024,
	RSA_BITS_MAX = 8192,
	ED25519_SIZE = 32,
	SPKI_MAX = 4096
};

static enum err
put_private(EVP_PKEY *key, struct buf *out)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	uint8_t *der = NULL;
	int n = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;
	bool ok = n > 0 && buf_put(out, der, (size_t)n);

	PKCS8_PRIV_KEY_INFO_free(info);
	OPENSSL_clear_free(der, n > 0 ? (size_t)n : 0);
	return n <= 0 ? ERR_CRYPTO : ok ? ERR_OK : ERR_LIMIT;
}

static enum err
put_public(EVP_PKEY *key, struct buf *out)
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	bool ok = n > 0 && buf_put(out, der, (size_t)n);

	OPENSSL_free(der);
	return n <= 0 ? ERR_CRYPTO : ok ? ERR_OK : ERR_LIMIT;
}

static enum err
put_halves(EVP_PKEY *key, struct buf *pkcs8, struct buf *spki)
{
	enum err e = put_private(key, pkcs8);

	return e ? e : put_public(key, spki);
}

/* RFC 6376 3.6.1: RSA keys as SubjectPublicKeyInfo; RFC 8463 4.2: Ed25519 keys as the bare 32
 * octets. */
static enum err
put_record(EVP_PKEY *key, enum dkim_key_kind kind, struct buf *out)
{
	uint8_t raw[ED25519_SIZE], *der = NULL;
	size_t raw_n = sizeof raw;
	int n;
	bool ok;

	if (kind == DKIM_KEY_ED25519) {
		if (EVP_PKEY_get_raw_public_key(key, raw, &raw_n) != 1)
			return ERR_CRYPTO;
		buf_put_str(out, "v=DKIM1; k=ed25519; p=");
		return seal_b64(slice_of(raw, raw_n), out) ? ERR_OK : ERR_LIMIT;
	}
	n = i2d_PUBKEY(key, &der);
	if (n <= 0)
		return ERR_CRYPTO;
	buf_put_str(out, "v=DKIM1; k=rsa; p=");
	ok = seal_b64(slice_of(der, (size_t)n), out);
	OPENSSL_free(der);
	return ok ? ERR_OK : ERR_LIMIT;
}

enum err
dkim_key_new(enum dkim_key_kind kind, struct buf *pkcs8, struct buf *spki)
{
	EVP_PKEY *key;
	enum err e;

	tls_init();
	key = kind == DKIM_KEY_RSA ? EVP_RSA_gen(RSA_BITS)
				   : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	e = key ? put_halves(key, pkcs8, spki) : ERR_CRYPTO;
	EVP_PKEY_free(key);
	return e;
}

static enum err
kind_of(EVP_PKEY *key, enum dkim_key_kind *kind)
{
	bool is_rsa = key && EVP_PKEY_is_a(key, "RSA");

	if (!key)
		return ERR_SYNTAX;
	if (!is_rsa && !EVP_PKEY_is_a(key, "ED25519"))
		return ERR_UNSUPPORTED;
	/* RFC 8301 section 3.2. */
	if (is_rsa && (EVP_PKEY_get_bits(key) < RSA_BITS_MIN ||
			      EVP_PKEY_get_bits(key) > RSA_BITS_MAX))
		return ERR_UNSUPPORTED;
	*kind = is_rsa ? DKIM_KEY_RSA : DKIM_KEY_ED25519;
	return ERR_OK;
}

static EVP_PKEY *
open_pem(struct slice pem)
{
	BIO *bio;
	EVP_PKEY *key;

	tls_init();
	bio = tls_pem_open(pem);
	key = bio ? tls_pem_key(bio) : NULL;
	BIO_free(bio);
	return key;
}

enum err
dkim_key_import(struct slice pem, enum dkim_key_kind *kind, struct buf *pkcs8, struct buf *spki)
{
	EVP_PKEY *key = open_pem(pem);
	enum err e = kind_of(key, kind);

	if (!e)
		e = put_halves(key, pkcs8, spki);
	EVP_PKEY_free(key);
	return e;
}

enum err
dkim_key_record(struct slice spki, struct buf *record)
{
	const uint8_t *p = spki.p;
	enum dkim_key_kind kind;
	EVP_PKEY *key;
	enum err e;

	tls_init();
	key = spki.n && spki.n <= SPKI_MAX ? d2i_PUBKEY(NULL, &p, (long)spki.n) : NULL;
	e = kind_of(key, &kind);
	if (!e)
		e = put_record(key, kind, record);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return e;
}

const char *
dkim_key_name(enum dkim_key_kind kind)
{
	return kind == DKIM_KEY_RSA ? "RSA" : "Ed25519";
}

int
dkim_key_digest(enum dkim_key_kind kind)
{
	return kind == DKIM_KEY_RSA ? NID_sha256 : 0;
}

/* --- in memory --- */

struct dkim_key {
	EVP_PKEY *key;
	enum dkim_key_kind kind;
};

enum err
dkim_key_parse(struct slice key_pem, struct dkim_key **out)
{
	EVP_PKEY *key = open_pem(key_pem);
	enum dkim_key_kind kind;
	enum err e = kind_of(key, &kind);

	if (e) {
		EVP_PKEY_free(key);
		return e;
	}
	*out = must_alloc(sizeof **out);
	**out = (struct dkim_key){key, kind};
	return ERR_OK;
}

void
dkim_key_free(struct dkim_key *key)
{
	if (key)
		EVP_PKEY_free(key->key);
	free(key);
}

enum dkim_key_kind
dkim_key_kind(const struct dkim_key *key)
{
	return key->kind;
}

static bool
sign_rsa(EVP_PKEY *key, const uint8_t *hash, uint8_t *out, size_t *n)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
	bool ok = c && EVP_PKEY_sign_init(c) == 1 &&
		  EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1 &&
		  EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) == 1 &&
		  EVP_PKEY_sign(c, out, n, hash, DKIM_KEY_HASH) == 1;

	EVP_PKEY_CTX_free(c);
	return ok;
}

static bool
sign_ed25519(EVP_PKEY *key, const uint8_t *hash, uint8_t *out, size_t *n)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = c && EVP_DigestSignInit(c, NULL, NULL, NULL, key) == 1 &&
		  EVP_DigestSign(c, out, n, hash, DKIM_KEY_HASH) == 1;

	EVP_MD_CTX_free(c);
	return ok;
}

enum err
dkim_key_sign(
	const struct dkim_key *key, const uint8_t hash[DKIM_KEY_HASH], struct buf *signature)
{
	uint8_t out[DKIM_KEY_SIGNATURE_MAX];
	size_t n = sizeof out;
	bool ok = key->kind == DKIM_KEY_RSA ? sign_rsa(key->key, hash, out, &n)
					    : sign_ed25519(key->key, hash, out, &n);

	ERR_clear_error();
	if (!ok)
		return ERR_CRYPTO;
	return buf_put(signature, out, n) ? ERR_OK : ERR_LIMIT;
}
