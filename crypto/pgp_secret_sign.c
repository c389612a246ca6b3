#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "core/must.h"
#include "crypto/pgp_algorithm.h"
#include "crypto/pgp_secret_inner.h"

enum { DER_MAX = 160, ED448_MAX = 114 };

static bool
sign_hash(EVP_PKEY *pkey, const EVP_MD *md, struct slice digest, uint8_t *out, size_t *n)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	bool ok = ctx && EVP_PKEY_sign_init(ctx) == 1 &&
		  (!md || (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
				  EVP_PKEY_CTX_set_signature_md(ctx, md) == 1)) &&
		  EVP_PKEY_sign(ctx, out, n, digest.p, digest.n) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool
sign_rsa(EVP_PKEY *pkey, const EVP_MD *md, struct slice digest, struct buf *fields)
{
	uint8_t number[PGP_PUBLIC_MODULUS_MAX];
	size_t n = sizeof number;

	return sign_hash(pkey, md, digest, number, &n) &&
	       pgp_public_put_mpi(fields, slice_of(number, n));
}

static bool
put_half(const BIGNUM *half, struct buf *fields)
{
	uint8_t octets[PGP_CURVE_SECRET_MAX];
	int n = BN_num_bytes(half);

	must(n <= (int)sizeof octets && BN_bn2binpad(half, octets, n) == n);
	return pgp_public_put_mpi(fields, slice_of(octets, (size_t)n));
}

static bool
sign_ecdsa(EVP_PKEY *pkey, struct slice digest, struct buf *fields)
{
	uint8_t der[DER_MAX];
	const uint8_t *p = der;
	size_t n = sizeof der;
	ECDSA_SIG *pair;
	bool ok;

	if (!sign_hash(pkey, NULL, digest, der, &n))
		return false;
	pair = d2i_ECDSA_SIG(NULL, &p, (long)n);
	must(pair != NULL);
	ok = put_half(ECDSA_SIG_get0_r(pair), fields) &&
	     put_half(ECDSA_SIG_get0_s(pair), fields);
	ECDSA_SIG_free(pair);
	return ok;
}

static bool
sign_25519(const struct pgp_secret *s, struct slice digest, struct buf *fields)
{
	uint8_t octets[ED25519_SIGNATURE];

	ed25519_sign(s->key->use.ed25519, digest, octets);
	if (s->public.algorithm == PGP_ED25519)
		return buf_put(fields, octets, sizeof octets);
	return pgp_public_put_mpi(fields, slice_of(octets, 32)) &&
	       pgp_public_put_mpi(fields, slice_of(octets + 32, 32));
}

static bool
sign_448(EVP_PKEY *pkey, struct slice digest, struct buf *fields)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t octets[ED448_MAX];
	size_t n = sizeof octets;
	bool ok = ctx && EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, pkey, NULL) == 1 &&
		  EVP_DigestSign(ctx, octets, &n, digest.p, digest.n) == 1;

	EVP_MD_CTX_free(ctx);
	return ok && buf_put(fields, octets, n);
}

enum err
pgp_secret_sign(
	const struct pgp_secret *s, uint8_t hash, struct slice digest, struct buf *fields)
{
	const struct pgp_public *k = &s->public;
	const EVP_MD *md = pgp_algorithm_md(hash);
	EVP_PKEY *pkey = s->key->use.pkey;
	bool ok;

	if (!k->may_sign || (!pkey && !s->key->use.is_ed25519) || !md ||
		digest.n != pgp_algorithm_hash_size(hash) ||
		!pgp_public_is_hash_enough(k, hash))
		return ERR_UNSUPPORTED;
	if (pgp_public_is_rsa(k->algorithm))
		ok = sign_rsa(pkey, md, digest, fields);
	else if (k->algorithm == PGP_ECDSA)
		ok = sign_ecdsa(pkey, digest, fields);
	else if (s->key->use.is_ed25519)
		ok = sign_25519(s, digest, fields);
	else
		ok = sign_448(pkey, digest, fields);
	ERR_clear_error();
	return ok ? ERR_OK : ERR_CRYPTO;
}
