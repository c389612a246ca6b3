#include "crypto/pgp_algorithm.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>

#include "core/must.h"
#include "crypto/openssl_init.h"

/* What OpenSSL 3.0 is asked for by name, it looks for under a lock and a list; for a mail of
 * some kilobytes that is more work than the cipher's. So each is fetched once. */

enum { ECB, CFB, CBC, CTR, OCB, GCM, MODES };

struct cipher {
	uint8_t number;
	const char *name;
	size_t key_size, block_size; /* 0: not ours */
	const char *mode[MODES];
	EVP_CIPHER *fetched[MODES];
};

static struct cipher ciphers[] = {
	{PGP_IDEA, "IDEA", 0, 0, {NULL}, {NULL}},
	{PGP_3DES, "3DES", 24, 8, {"DES-EDE3-ECB", "DES-EDE3-CFB"}, {NULL}},
	{PGP_CAST5, "CAST5", 0, 0, {NULL}, {NULL}},
	{PGP_BLOWFISH, "Blowfish", 0, 0, {NULL}, {NULL}},
	{PGP_AES128, "AES-128", 16, 16,
		{"AES-128-ECB", "AES-128-CFB", "AES-128-CBC", "AES-128-CTR", "AES-128-OCB",
			"AES-128-GCM"},
		{NULL}},
	{PGP_AES192, "AES-192", 24, 16,
		{"AES-192-ECB", "AES-192-CFB", "AES-192-CBC", "AES-192-CTR", "AES-192-OCB",
			"AES-192-GCM"},
		{NULL}},
	{PGP_AES256, "AES-256", 32, 16,
		{"AES-256-ECB", "AES-256-CFB", "AES-256-CBC", "AES-256-CTR", "AES-256-OCB",
			"AES-256-GCM"},
		{NULL}},
	{PGP_TWOFISH, "Twofish", 0, 0, {NULL}, {NULL}},
	{PGP_CAMELLIA128, "Camellia-128", 16, 16, {"CAMELLIA-128-ECB", "CAMELLIA-128-CFB"},
		{NULL}},
	{PGP_CAMELLIA192, "Camellia-192", 24, 16, {"CAMELLIA-192-ECB", "CAMELLIA-192-CFB"},
		{NULL}},
	{PGP_CAMELLIA256, "Camellia-256", 32, 16, {"CAMELLIA-256-ECB", "CAMELLIA-256-CFB"},
		{NULL}},
};

static struct hash {
	uint8_t number;
	const char *name, *micalg, *openssl;
	size_t size, salt_size; /* RFC 9580 table 23 */
	EVP_MD *fetched;
} hashes[] = {
	{PGP_MD5, "MD5", "pgp-md5", "MD5", 16, 0, NULL},
	{PGP_SHA1, "SHA-1", "pgp-sha1", "SHA1", 20, 0, NULL},
	{PGP_RIPEMD160, "RIPEMD-160", "pgp-ripemd160", "RIPEMD-160", 20, 0, NULL},
	{PGP_SHA256, "SHA-256", "pgp-sha256", "SHA2-256", 32, 16, NULL},
	{PGP_SHA384, "SHA-384", "pgp-sha384", "SHA2-384", 48, 24, NULL},
	{PGP_SHA512, "SHA-512", "pgp-sha512", "SHA2-512", 64, 32, NULL},
	{PGP_SHA224, "SHA-224", "pgp-sha224", "SHA2-224", 28, 16, NULL},
	{PGP_SHA3_256, "SHA3-256", "pgp-sha3-256", "SHA3-256", 32, 16, NULL},
	{PGP_SHA3_512, "SHA3-512", "pgp-sha3-512", "SHA3-512", 64, 32, NULL},
};

static const struct {
	uint8_t number;
	const char *name;
} keys[] = {
	{PGP_RSA, "RSA"},
	{PGP_RSA_ENCRYPT, "RSA"},
	{PGP_RSA_SIGN, "RSA"},
	{PGP_ELGAMAL, "ElGamal"},
	{PGP_DSA, "DSA"},
	{PGP_ECDH, "ECDH"},
	{PGP_ECDSA, "ECDSA"},
	{PGP_EDDSA_LEGACY, "EdDSA"},
	{PGP_X25519, "X25519"},
	{PGP_X448, "X448"},
	{PGP_ED25519, "Ed25519"},
	{PGP_ED448, "Ed448"},
};

static struct cipher *
cipher_of(uint8_t number)
{
	for (size_t i = 0; i < sizeof ciphers / sizeof *ciphers; i++)
		if (ciphers[i].number == number)
			return &ciphers[i];
	return NULL;
}

static struct hash *
hash_of(uint8_t number)
{
	for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
		if (hashes[i].number == number)
			return &hashes[i];
	return NULL;
}

/* --- names and sizes --------------------------------------------------------------------- */

const char *
pgp_algorithm_cipher_name(uint8_t cipher)
{
	const struct cipher *c = cipher_of(cipher);

	return c ? c->name : NULL;
}

const char *
pgp_algorithm_hash_name(uint8_t hash)
{
	const struct hash *h = hash_of(hash);

	return h ? h->name : NULL;
}

const char *
pgp_algorithm_aead_name(uint8_t aead)
{
	static const char *const names[] = {NULL, "EAX", "OCB", "GCM"};

	return aead < sizeof names / sizeof *names ? names[aead] : NULL;
}

const char *
pgp_algorithm_key_name(uint8_t algorithm)
{
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (keys[i].number == algorithm)
			return keys[i].name;
	return NULL;
}

const char *
pgp_algorithm_micalg(uint8_t hash)
{
	const struct hash *h = hash_of(hash);

	return h ? h->micalg : NULL;
}

size_t
pgp_algorithm_key_size(uint8_t cipher)
{
	const struct cipher *c = cipher_of(cipher);

	return c ? c->key_size : 0;
}

size_t
pgp_algorithm_block_size(uint8_t cipher)
{
	const struct cipher *c = cipher_of(cipher);

	return c ? c->block_size : 0;
}

size_t
pgp_algorithm_hash_size(uint8_t hash)
{
	const struct hash *h = hash_of(hash);

	return h ? h->size : 0;
}

size_t
pgp_algorithm_nonce_size(uint8_t aead)
{
	static const size_t sizes[] = {0, 16, 15, 12};

	return aead < sizeof sizes / sizeof *sizes ? sizes[aead] : 0;
}

size_t
pgp_algorithm_salt_size(uint8_t hash)
{
	const struct hash *h = hash_of(hash);

	return h ? h->salt_size : 0;
}

/* --- OpenSSL's objects ------------------------------------------------------------------- */

const EVP_MD *
pgp_algorithm_md(uint8_t hash)
{
	struct hash *h = hash_of(hash);

	if (h && !h->fetched) {
		openssl_init();
		h->fetched = EVP_MD_fetch(NULL, h->openssl, NULL);
		must(h->fetched != NULL);
	}
	return h ? h->fetched : NULL;
}

static const EVP_CIPHER *
fetch(uint8_t cipher, size_t mode)
{
	struct cipher *c = cipher_of(cipher);

	if (!c || !c->mode[mode])
		return NULL;
	if (!c->fetched[mode]) {
		openssl_init();
		c->fetched[mode] = EVP_CIPHER_fetch(NULL, c->mode[mode], NULL);
		must(c->fetched[mode] != NULL);
	}
	return c->fetched[mode];
}

const EVP_CIPHER *
pgp_algorithm_ecb(uint8_t cipher)
{
	return fetch(cipher, ECB);
}

const EVP_CIPHER *
pgp_algorithm_cfb(uint8_t cipher)
{
	return fetch(cipher, CFB);
}

const EVP_CIPHER *
pgp_algorithm_cbc(uint8_t cipher)
{
	return fetch(cipher, CBC);
}

const EVP_CIPHER *
pgp_algorithm_ctr(uint8_t cipher)
{
	return fetch(cipher, CTR);
}

const EVP_CIPHER *
pgp_algorithm_aead(uint8_t cipher, uint8_t aead)
{
	if (aead == PGP_OCB)
		return fetch(cipher, OCB);
	return aead == PGP_GCM ? fetch(cipher, GCM) : NULL;
}

bool
pgp_algorithm_has_aead(uint8_t cipher, uint8_t aead)
{
	return pgp_algorithm_nonce_size(aead) && pgp_algorithm_ctr(cipher);
}

const EVP_CIPHER *
pgp_algorithm_wrap(size_t kek_size)
{
	static struct {
		size_t size;
		const char *name;
		EVP_CIPHER *fetched;
	} wraps[] = {{16, "AES-128-WRAP", NULL}, {24, "AES-192-WRAP", NULL},
		{32, "AES-256-WRAP", NULL}};

	for (size_t i = 0; i < sizeof wraps / sizeof *wraps; i++) {
		if (wraps[i].size != kek_size)
			continue;
		if (!wraps[i].fetched) {
			openssl_init();
			wraps[i].fetched = EVP_CIPHER_fetch(NULL, wraps[i].name, NULL);
		}
		must(wraps[i].fetched != NULL);
		return wraps[i].fetched;
	}
	return NULL;
}

static OSSL_PARAM
octets(const char *key, struct slice s)
{
	return OSSL_PARAM_construct_octet_string(key, (void *)(uintptr_t)s.p, s.n);
}

void
pgp_algorithm_hkdf(const struct pgp_algorithm_hkdf *q, uint8_t *out, size_t n)
{
	static EVP_KDF *kdf;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
			(char *)(q->is_512 ? "SHA2-512" : "SHA2-256"), 0),
		octets(OSSL_KDF_PARAM_KEY, q->key),
		octets(OSSL_KDF_PARAM_INFO, q->info),
		q->salt.n ? octets(OSSL_KDF_PARAM_SALT, q->salt) : OSSL_PARAM_construct_end(),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF_CTX *ctx;

	if (!kdf) {
		openssl_init();
		kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
	}
	ctx = EVP_KDF_CTX_new(kdf);
	must(ctx && EVP_KDF_derive(ctx, out, n, params) == 1);
	EVP_KDF_CTX_free(ctx);
}
