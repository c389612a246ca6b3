#include "crypto/cms_content.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>

#include "core/must.h"
#include "core/rand.h"

#define AES "\x60\x86\x48\x01\x65\x03\x04\x01"
#define CEK_HKDF SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x1f")

enum { BLOCK = 16, NONCE = 12 };

static const struct cipher {
	struct slice oid;
	const char *name, *cipher;
	size_t key_size, iv_size; /* iv_size 0: GCM */
} ciphers[] = {
	{SLICE_LIT(AES "\x02"), "AES-128-CBC", "AES-128-CBC", 16, BLOCK},
	{SLICE_LIT(AES "\x16"), "AES-192-CBC", "AES-192-CBC", 24, BLOCK},
	{SLICE_LIT(AES "\x2a"), "AES-256-CBC", "AES-256-CBC", 32, BLOCK},
	{SLICE_LIT(AES "\x06"), "AES-128-GCM", "AES-128-GCM", 16, 0},
	{SLICE_LIT(AES "\x1a"), "AES-192-GCM", "AES-192-GCM", 24, 0},
	{SLICE_LIT(AES "\x2e"), "AES-256-GCM", "AES-256-GCM", 32, 0},
	{SLICE_LIT("\x2a\x86\x48\x86\xf7\x0d\x03\x07"), "3DES-CBC", "DES-EDE3-CBC", 24, 8},
};

/* GCMParameters ::= SEQUENCE { aes-nonce OCTET STRING, aes-ICVlen INTEGER DEFAULT 12 } */
static enum err
parse_gcm(struct slice parameters, struct cms_content *c)
{
	struct slice body, size;

	c->is_gcm = true;
	c->tag_size = CMS_CONTENT_TAG_MIN;
	if (!cms_der_take(&parameters, CMS_DER_SEQUENCE, &body) ||
		!cms_der_take(&body, CMS_DER_OCTET_STRING, &c->iv) || c->iv.n == 0)
		return ERR_SYNTAX;
	if (c->iv.n > CMS_CONTENT_NONCE_MAX)
		return ERR_UNSUPPORTED;
	if (body.n == 0)
		return ERR_OK;
	if (!cms_der_take(&body, CMS_DER_INTEGER, &size) || size.n == 0)
		return ERR_SYNTAX;
	/* RFC 5084 section 3.2: 12 to 16; what is shorter can be guessed. */
	if (size.n > 1 || *size.p < CMS_CONTENT_TAG_MIN || *size.p > CMS_CONTENT_TAG)
		return ERR_UNSUPPORTED;
	c->tag_size = *size.p;
	return ERR_OK;
}

static enum err
parse_inner(struct slice algorithm, bool may_derive, struct cms_content *c)
{
	struct slice body, oid;

	if (!cms_der_take(&algorithm, CMS_DER_SEQUENCE, &body) ||
		!cms_der_take(&body, CMS_DER_OID, &oid))
		return ERR_SYNTAX;
	if (may_derive && slice_eq(oid, CEK_HKDF)) {
		c->derive = body;
		return parse_inner(body, false, c);
	}
	for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++) {
		if (!slice_eq(oid, ciphers[i].oid))
			continue;
		c->name = ciphers[i].name;
		c->cipher = ciphers[i].cipher;
		c->key_size = ciphers[i].key_size;
		if (ciphers[i].iv_size == 0)
			return parse_gcm(body, c);
		return cms_der_take(&body, CMS_DER_OCTET_STRING, &c->iv) &&
				       c->iv.n == ciphers[i].iv_size
			       ? ERR_OK
			       : ERR_SYNTAX;
	}
	return ERR_UNSUPPORTED;
}

enum err
cms_content_by(struct slice algorithm, struct cms_content *c)
{
	memset(c, 0, sizeof *c);
	return parse_inner(algorithm, true, c);
}

bool
cms_content_choose(const char *cipher, bool derives, struct buf *algorithm)
{
	static const uint8_t tag[] = {CMS_CONTENT_TAG};
	size_t at = algorithm->n, i = 0, inner, parameters,
	       n = sizeof ciphers / sizeof ciphers[0];
	uint8_t iv[BLOCK];

	while (i < n && strcmp(ciphers[i].cipher, cipher) != 0)
		i++;
	if (i == n || ciphers[i].iv_size == 8)
		return false;
	if (derives)
		cms_der_put(algorithm, CMS_DER_OID, CEK_HKDF);
	inner = algorithm->n;
	cms_der_put(algorithm, CMS_DER_OID, ciphers[i].oid);
	parameters = algorithm->n;
	rand_bytes(iv, sizeof iv);
	cms_der_put(algorithm, CMS_DER_OCTET_STRING,
		slice_of(iv, ciphers[i].iv_size ? BLOCK : NONCE));
	if (ciphers[i].iv_size == 0) {
		cms_der_put(algorithm, CMS_DER_INTEGER, slice_of(tag, sizeof tag));
		cms_der_wrap(algorithm, parameters, CMS_DER_SEQUENCE);
	}
	cms_der_wrap(algorithm, inner, CMS_DER_SEQUENCE);
	if (derives)
		cms_der_wrap(algorithm, at, CMS_DER_SEQUENCE);
	return true;
}

static OSSL_PARAM
octets(const char *key, struct slice s)
{
	return OSSL_PARAM_construct_octet_string(key, (void *)(uintptr_t)s.p, s.n);
}

void
cms_content_key(const struct cms_content *c, const uint8_t *cek, uint8_t *key)
{
	static char digest[] = "SHA2-256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		octets(OSSL_KDF_PARAM_SALT, SLICE_LIT("The Cryptographic Message Syntax")),
		octets(OSSL_KDF_PARAM_KEY, slice_of(cek, c->key_size)),
		octets(OSSL_KDF_PARAM_INFO, c->derive),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf;
	EVP_KDF_CTX *ctx;

	if (c->derive.n == 0) {
		memcpy(key, cek, c->key_size);
		return;
	}
	kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
	ctx = EVP_KDF_CTX_new(kdf);
	must(kdf && ctx && EVP_KDF_derive(ctx, key, c->key_size, params) == 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

EVP_CIPHER_CTX *
cms_content_start(const struct cms_content *c, const uint8_t *cek, bool encrypt)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, c->cipher, NULL);
	uint8_t key[CMS_CONTENT_KEY_MAX];

	cms_content_key(c, cek, key);
	must(ctx && cipher && EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, encrypt, NULL) == 1);
	if (c->is_gcm)
		must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)c->iv.n, NULL) ==
			1);
	must(EVP_CipherInit_ex2(ctx, NULL, key, c->iv.p, encrypt, NULL) == 1);
	OPENSSL_cleanse(key, sizeof key);
	EVP_CIPHER_free(cipher);
	return ctx;
}

void
cms_content_hash_key(const struct cms_content *c, const uint8_t *cek, uint8_t block[16])
{
	static const uint8_t zeros[BLOCK];
	const char *name = c->key_size == 16   ? "AES-128-ECB"
			   : c->key_size == 24 ? "AES-192-ECB"
					       : "AES-256-ECB";
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	uint8_t key[CMS_CONTENT_KEY_MAX];
	int n;

	cms_content_key(c, cek, key);
	must(ctx && cipher && EVP_EncryptInit_ex2(ctx, cipher, key, NULL, NULL) == 1 &&
		EVP_EncryptUpdate(ctx, block, &n, zeros, sizeof zeros) == 1 && n == BLOCK);
	OPENSSL_cleanse(key, sizeof key);
	EVP_CIPHER_free(cipher);
	EVP_CIPHER_CTX_free(ctx);
}
