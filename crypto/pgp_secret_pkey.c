#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "core/big_endian.h"
#include "core/must.h"
#include "crypto/openssl_init.h"
#include "crypto/pgp_algorithm.h"
#include "crypto/pgp_secret_inner.h"

enum { RSA_PARAMS = 8, RSA_NUMBERS = 4 };

/* --- RSA --------------------------------------------------------------------------------- */

/* In OpenSSL's order; OpenPGP's p is OpenSSL's q, so that OpenPGP's u, the inverse of its p, is
 * OpenSSL's coefficient. */
enum { N, E, D, FIRST, SECOND, EXPONENT_1, EXPONENT_2, COEFFICIENT };
static const char *const rsa_names[RSA_PARAMS] = {OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E,
	OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
	OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2,
	OSSL_PKEY_PARAM_RSA_COEFFICIENT1};

/* d modulo a prime less one, and whether it is e's inverse there. */
static bool
reduce(BIGNUM *const *v, size_t prime, size_t to, BN_CTX *ctx)
{
	BIGNUM *less = BN_CTX_get(ctx), *one = BN_CTX_get(ctx);

	BN_set_flags(v[D], BN_FLG_CONSTTIME);
	return one && BN_sub(less, v[prime], BN_value_one()) == 1 && !BN_is_zero(less) &&
	       BN_mod(v[to], v[D], less, ctx) == 1 &&
	       BN_mod_mul(one, v[to], v[E], less, ctx) == 1 && BN_is_one(one);
}

/* That the numbers belong together: what was changed in one of them gives the key away with the
 * next signature. */
static bool
is_consistent(BIGNUM *const *v)
{
	BN_CTX *ctx = BN_CTX_secure_new();
	BIGNUM *t;
	bool ok;

	must(ctx != NULL);
	BN_CTX_start(ctx);
	t = BN_CTX_get(ctx);
	ok = t && !BN_is_zero(v[FIRST]) && !BN_is_zero(v[SECOND]) &&
	     BN_mul(t, v[FIRST], v[SECOND], ctx) == 1 && BN_cmp(t, v[N]) == 0 &&
	     !BN_is_one(v[FIRST]) && !BN_is_one(v[SECOND]) &&
	     reduce(v, FIRST, EXPONENT_1, ctx) && reduce(v, SECOND, EXPONENT_2, ctx) &&
	     BN_mod_mul(t, v[COEFFICIENT], v[SECOND], v[FIRST], ctx) == 1 && BN_is_one(t);
	BN_CTX_end(ctx);
	BN_CTX_free(ctx);
	return ok;
}

static EVP_PKEY *
rsa_from(BIGNUM *const *v)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM *params;
	EVP_PKEY *key = NULL;

	must(build && ctx);
	for (size_t i = 0; i < RSA_PARAMS; i++)
		must(OSSL_PARAM_BLD_push_BN(build, rsa_names[i], v[i]) == 1);
	params = OSSL_PARAM_BLD_to_param(build);
	if (!params || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* d, p, q, u. */
static enum err
take_rsa(const struct pgp_public *k, struct slice *rest, EVP_PKEY **pkey)
{
	static const size_t order[RSA_NUMBERS] = {D, SECOND, FIRST, COEFFICIENT};
	BIGNUM *v[RSA_PARAMS];
	struct slice s;
	bool ok = true;

	for (size_t i = 0; i < RSA_PARAMS; i++) {
		v[i] = BN_secure_new();
		must(v[i] != NULL);
	}
	for (size_t i = 0; i < 2; i++)
		must(BN_bin2bn(k->key->number[i].p, (int)k->key->number[i].n, v[i]) != NULL);
	for (size_t i = 0; i < RSA_NUMBERS && ok; i++) {
		ok = pgp_public_take_mpi(rest, k->version == 6, &s);
		if (ok)
			must(BN_bin2bn(s.p, (int)s.n, v[order[i]]) != NULL);
	}
	*pkey = ok && k->is_ours && is_consistent(v) ? rsa_from(v) : NULL;
	for (size_t i = 0; i < RSA_PARAMS; i++)
		BN_clear_free(v[i]);
	if (!ok)
		return ERR_SYNTAX;
	return *pkey || !k->is_ours ? ERR_OK : ERR_CRYPTO;
}

/* --- curves ------------------------------------------------------------------------------ */

static void
reverse(uint8_t *octets, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		uint8_t t = octets[i];

		octets[i] = octets[n - 1 - i];
		octets[n - 1 - i] = t;
	}
}

static enum err
use_ed25519(const struct pgp_public *k, const uint8_t *seed, struct pgp_secret_use *use)
{
	struct slice public = k->key->number[0];

	ed25519_secret(seed, use->ed25519);
	use->is_ed25519 = public.n == ED25519_PUBLIC &&
			  memcmp(use->ed25519 + ED25519_SEED, public.p, public.n) == 0;
	return use->is_ed25519 ? ERR_OK : ERR_CRYPTO;
}

static enum err
use_x25519(const struct pgp_public *k, const uint8_t *secret, struct pgp_secret_use *use)
{
	struct slice public = k->key->number[0];
	uint8_t own[X25519_SIZE];

	x25519_public(secret, own);
	use->is_x25519 = public.n == X25519_SIZE && memcmp(own, public.p, public.n) == 0;
	memcpy(use->x25519, secret, X25519_SIZE);
	return use->is_x25519 ? ERR_OK : ERR_CRYPTO;
}

static enum err
take_scalar(const struct pgp_public *k, struct slice *rest, struct pgp_secret_use *use)
{
	const struct pgp_curve *c = k->key->curve;
	uint8_t octets[PGP_CURVE_SECRET_MAX];
	struct slice s;
	bool is_mpi = !c || c->form != PGP_CURVE_NATIVE;
	enum err e;

	if (is_mpi ? !pgp_public_take_mpi(rest, k->version == 6, &s)
		   : !pgp_public_take_octets(rest, c->octets, &s))
		return ERR_SYNTAX;
	if (!k->is_ours)
		return ERR_OK;
	if (!pgp_public_pad(s, octets, c->octets))
		return ERR_CRYPTO;
	/* RFC 9580 section 11.5: as a number, though the curve has it the other way round. */
	if (c->form == PGP_CURVE_PREFIXED && pgp_curve_is_montgomery(c))
		reverse(octets, c->octets);
	if (pgp_public_is_ed25519(k)) {
		e = use_ed25519(k, octets, use);
	} else if (pgp_curve_is_x25519(c)) {
		e = use_x25519(k, octets, use);
	} else {
		use->pkey = pgp_curve_key(c, k->key->number[0], slice_of(octets, c->octets));
		e = use->pkey ? ERR_OK : ERR_CRYPTO;
	}
	OPENSSL_cleanse(octets, sizeof octets);
	return e;
}

void
pgp_secret_use_fini(struct pgp_secret_use *use)
{
	EVP_PKEY_free(use->pkey);
	OPENSSL_cleanse(use, sizeof *use);
}

enum err
pgp_secret_usable(const struct pgp_public *k, struct slice *rest, struct pgp_secret_use *use)
{
	struct slice s;
	enum err e;

	openssl_init();
	switch (k->algorithm) {
	case PGP_RSA:
	case PGP_RSA_ENCRYPT:
	case PGP_RSA_SIGN:
		e = take_rsa(k, rest, &use->pkey);
		break;
	case PGP_DSA:
	case PGP_ELGAMAL:
		e = pgp_public_take_mpi(rest, k->version == 6, &s) ? ERR_OK : ERR_SYNTAX;
		break;
	case PGP_ECDH:
	case PGP_ECDSA:
	case PGP_EDDSA_LEGACY:
	case PGP_X25519:
	case PGP_X448:
	case PGP_ED25519:
	case PGP_ED448:
		e = take_scalar(k, rest, use);
		break;
	default: /* version 6, whose public part says where it ends */
		*rest = SLICE_EMPTY;
		e = ERR_OK;
	}
	ERR_clear_error();
	return e;
}

/* --- new keys ---------------------------------------------------------------------------- */

static void
put_bn(const BIGNUM *n, struct buf *out)
{
	uint8_t octets[PGP_PUBLIC_MODULUS_MAX];
	int size = BN_num_bytes(n);

	must(size <= (int)sizeof octets && BN_bn2binpad(n, octets, size) == size);
	must(pgp_public_put_mpi(out, slice_of(octets, (size_t)size)));
	OPENSSL_cleanse(octets, sizeof octets);
}

static enum err
put_rsa(size_t bits, struct buf *material, struct buf *secret)
{
	static const size_t order[] = {N, E, D, SECOND, FIRST, COEFFICIENT};
	EVP_PKEY *key;

	if (bits < PGP_SECRET_RSA_MIN || bits > PGP_PUBLIC_RSA_MAX)
		return ERR_UNSUPPORTED;
	key = EVP_RSA_gen((unsigned)bits);
	if (!key)
		return ERR_CRYPTO;
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		BIGNUM *n = NULL;

		must(EVP_PKEY_get_bn_param(key, rsa_names[order[i]], &n) == 1);
		put_bn(n, order[i] == N || order[i] == E ? material : secret);
		BN_clear_free(n);
	}
	EVP_PKEY_free(key);
	return ERR_OK;
}

static void
put_ec_scalar(EVP_PKEY *key, struct buf *secret)
{
	BIGNUM *n = NULL;

	must(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &n) == 1);
	put_bn(n, secret);
	BN_clear_free(n);
}

static void
put_raw_scalar(const struct pgp_curve *c, EVP_PKEY *key, struct buf *secret)
{
	uint8_t octets[PGP_CURVE_SECRET_MAX];
	size_t n = sizeof octets;

	must(EVP_PKEY_get_raw_private_key(key, octets, &n) == 1 && n == c->octets);
	if (c->form == PGP_CURVE_NATIVE) {
		buf_put(secret, octets, n);
	} else {
		if (pgp_curve_is_montgomery(c)) {
			/* GnuPG wants the bits that don't count as they count. */
			octets[0] &= 0xf8;
			octets[n - 1] = (octets[n - 1] & 0x7f) | 0x40;
			reverse(octets, n);
		}
		pgp_public_put_mpi(secret, slice_of(octets, n));
	}
	OPENSSL_cleanse(octets, sizeof octets);
}

static void
put_curve(const struct pgp_secret_kind *kind, const struct pgp_curve *c, struct buf *material,
	struct buf *secret)
{
	EVP_PKEY *key = pgp_curve_generate(c);
	uint8_t point[1 + PGP_CURVE_POINT_MAX] = {0x40};
	size_t n = pgp_curve_point(key, point + 1);

	if (c->form == PGP_CURVE_NATIVE) {
		buf_put(material, point + 1, n);
	} else {
		buf_put_u8(material, (uint8_t)c->oid.n);
		buf_put_slice(material, c->oid);
		pgp_public_put_mpi(material, c->form == PGP_CURVE_SEC1
						     ? slice_of(point + 1, n)
						     : slice_of(point, n + 1));
	}
	if (kind->algorithm == PGP_ECDH)
		buf_put(material, (const uint8_t[]){3, 1, c->kdf_hash, c->kdf_cipher}, 4);
	if (c->form == PGP_CURVE_SEC1)
		put_ec_scalar(key, secret);
	else
		put_raw_scalar(c, key, secret);
	EVP_PKEY_free(key);
}

/* NULL: none. */
static const struct pgp_curve *
curve_for(const struct pgp_secret_kind *kind)
{
	const struct pgp_curve *c = pgp_curve_native(kind->algorithm);

	if (kind->algorithm == PGP_EDDSA_LEGACY)
		c = pgp_curve_by_name(kind->algorithm, "Ed25519");
	else if (kind->algorithm == PGP_ECDSA || kind->algorithm == PGP_ECDH)
		c = kind->curve ? pgp_curve_by_name(kind->algorithm, kind->curve) : NULL;
	/* RFC 9580 section 9.2. */
	return c && c->form == PGP_CURVE_PREFIXED && kind->version == 6 ? NULL : c;
}

enum err
pgp_secret_put_new(const struct pgp_secret_kind *kind, struct buf *material, struct buf *secret)
{
	const struct pgp_curve *c;

	openssl_init();
	if (kind->algorithm == PGP_RSA)
		return put_rsa(kind->bits, material, secret);
	c = curve_for(kind);
	if (!c)
		return ERR_UNSUPPORTED;
	put_curve(kind, c, material, secret);
	return ERR_OK;
}
