#include <openssl/ecdsa.h>
#include <openssl/dsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "core/must.h"
#include "crypto/pgp_algorithm.h"
#include "crypto/pgp_public_inner.h"

enum { DER_MAX = 160, EDWARDS_MAX = 114 };

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

static bool
verify_edwards(
	const struct pgp_public *key, EVP_PKEY *pkey, struct slice digest, struct slice fields)
{
	size_t half = key->key->curve->octets;
	uint8_t octets[EDWARDS_MAX];
	struct slice r, s, signature;
	EVP_MD_CTX *ctx;
	bool ok;

	if (key->algorithm == PGP_EDDSA_LEGACY) {
		if (!pgp_public_take_mpi(&fields, false, &r) ||
			!pgp_public_take_mpi(&fields, false, &s) ||
			!pgp_public_pad(r, octets, half) ||
			!pgp_public_pad(s, octets + half, half))
			return false;
		signature = slice_of(octets, 2 * half);
	} else if (!pgp_public_take_octets(&fields, 2 * half, &signature)) {
		return false;
	}
	if (fields.n)
		return false;
	ctx = EVP_MD_CTX_new();
	ok = ctx && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, pkey, NULL) == 1 &&
	     EVP_DigestVerify(ctx, signature.p, signature.n, digest.p, digest.n) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

bool
pgp_public_is_hash_enough(const struct pgp_public *key, uint8_t hash)
{
	size_t n = pgp_algorithm_hash_size(hash);

	if (key->algorithm == PGP_ED448)
		return n >= 64;
	return (key->algorithm != PGP_ED25519 && key->algorithm != PGP_EDDSA_LEGACY) || n >= 32;
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
	e = pgp_public_pkey(key, &pkey);
	if (e)
		return e;
	if (!pgp_public_is_hash_enough(key, hash) || digest.n != pgp_algorithm_hash_size(hash))
		return ERR_CRYPTO;
	if (pgp_public_is_rsa(key->algorithm))
		ok = verify_rsa(key, pkey, hash, digest, fields);
	else if (key->algorithm == PGP_DSA || key->algorithm == PGP_ECDSA)
		ok = verify_pair(key, pkey, digest, fields);
	else
		ok = verify_edwards(key, pkey, digest, fields);
	ERR_clear_error();
	return ok ? ERR_OK : ERR_CRYPTO;
}
