#include <openssl/ecdsa.h>
#include <openssl/dsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "core/must.h"
#include "crypto/ed25519.h"
#include "crypto/pgp_algorithm.h"
#include "crypto/pgp_public_inner.h"

enum { DER_MAX = 160, ED448_MAX = 114 };

static bool
verify_hash(EVP_PKEY *pkey, const EVP_MD *md, struct slice digest, struct slice signature)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	bool ok = ctx && EVP_PKEY_verify_init(ctx) == 1 &&
		  (!md || (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
				  EVP_PKEY_CTX_set_signature_md(ctx, md) == 1)) &&
		  EVP_PKEY_verify(ctx, signature.p, signature.n, digest.p, digest.n) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool
verify_rsa(const struct pgp_public *key, EVP_PKEY *pkey, uint8_t hash, struct slice digest,
	struct slice fields)
{
	uint8_t padded[PGP_PUBLIC_MODULUS_MAX];
	size_t n = key->key->number[0].n;
	struct slice number;

	return pgp_public_take_mpi(&fields, key->version == 6, &number) && !fields.n &&
	       pgp_public_pad(number, padded, n) &&
	       verify_hash(pkey, pgp_algorithm_md(hash), digest, slice_of(padded, n));
}

/* SEQUENCE { r, s }, which both DSA and ECDSA have in OpenSSL. */
static bool
verify_pair(
	const struct pgp_public *key, EVP_PKEY *pkey, struct slice digest, struct slice fields)
{
	ECDSA_SIG *pair = ECDSA_SIG_new();
	uint8_t der[DER_MAX], *p = der;
	struct slice r, s;
	BIGNUM *a, *b;
	int n;
	bool ok = false;

	must(pair != NULL);
	if (pgp_public_take_mpi(&fields, key->version == 6, &r) &&
		pgp_public_take_mpi(&fields, key->version == 6, &s) && !fields.n &&
		r.n <= PGP_CURVE_SECRET_MAX && s.n <= PGP_CURVE_SECRET_MAX) {
		a = BN_bin2bn(r.p, (int)r.n, NULL);
		b = BN_bin2bn(s.p, (int)s.n, NULL);
		must(a && b && ECDSA_SIG_set0(pair, a, b) == 1);
		n = i2d_ECDSA_SIG(pair, &p);
		ok = n > 0 && verify_hash(pkey, NULL, digest, slice_of(der, (size_t)n));
	}
	ECDSA_SIG_free(pair);
	return ok;
}

/* R and S: numbers in version 4's form, octets in the others'. */
static bool
take_edwards(const struct pgp_public *key, struct slice fields, uint8_t *signature)
{
	size_t half = key->key->curve->octets;
	struct slice r, s;

	if (key->algorithm == PGP_EDDSA_LEGACY)
		return pgp_public_take_mpi(&fields, false, &r) &&
		       pgp_public_take_mpi(&fields, false, &s) && !fields.n &&
		       pgp_public_pad(r, signature, half) &&
		       pgp_public_pad(s, signature + half, half);
	if (fields.n != 2 * half)
		return false;
	memcpy(signature, fields.p, fields.n);
	return true;
}

static bool
verify_25519(const struct pgp_public *key, struct slice digest, struct slice fields)
{
	uint8_t signature[ED25519_SIGNATURE];

	return take_edwards(key, fields, signature) &&
	       ed25519_verify(key->key->number[0].p, digest, signature);
}

static bool
verify_448(
	const struct pgp_public *key, EVP_PKEY *pkey, struct slice digest, struct slice fields)
{
	uint8_t signature[ED448_MAX];
	EVP_MD_CTX *ctx;
	bool ok;

	if (!take_edwards(key, fields, signature))
		return false;
	ctx = EVP_MD_CTX_new();
	ok = ctx && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, pkey, NULL) == 1 &&
	     EVP_DigestVerify(
		     ctx, signature, 2 * key->key->curve->octets, digest.p, digest.n) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

bool
pgp_public_is_hash_enough(const struct pgp_public *key, uint8_t hash)
{
	size_t n = pgp_algorithm_hash_size(hash);

	if (key->algorithm == PGP_ED448)
		return n >= 64;
	return !pgp_public_is_ed25519(key) || n >= 32;
}

enum err
pgp_public_verify(
	const struct pgp_public *key, uint8_t hash, struct slice digest, struct slice fields)
{
	EVP_PKEY *pkey;
	enum err e;
	bool ok;

	if (!key->may_sign || !pgp_algorithm_md(hash))
		return ERR_UNSUPPORTED;
	if (!key->is_ours)
		return ERR_UNSUPPORTED;
	if (!pgp_public_is_hash_enough(key, hash) || digest.n != pgp_algorithm_hash_size(hash))
		return ERR_CRYPTO;
	if (pgp_public_is_ed25519(key))
		return verify_25519(key, digest, fields) ? ERR_OK : ERR_CRYPTO;
	e = pgp_public_pkey(key, &pkey);
	if (e)
		return e;
	if (pgp_public_is_rsa(key->algorithm))
		ok = verify_rsa(key, pkey, hash, digest, fields);
	else if (key->algorithm == PGP_DSA || key->algorithm == PGP_ECDSA)
		ok = verify_pair(key, pkey, digest, fields);
	else
		ok = verify_448(key, pkey, digest, fields);
	ERR_clear_error();
	return ok ? ERR_OK : ERR_CRYPTO;
}
