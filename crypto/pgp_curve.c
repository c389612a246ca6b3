#include "crypto/pgp_curve.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "core/must.h"
#include "core/rand.h"

#define OID(s) SLICE_LIT(s)
#define SEC1(name, group, oid, bits, octets, hash, cipher)                                     \
	{                                                                                      \
		name, group, OID(oid), PGP_CURVE_SEC1, 0, bits, octets, hash, cipher           \
	}
#define BRAINPOOL "\x2b\x24\x03\x03\x02\x08\x01\x01"

static const struct pgp_curve curves[] = {
	SEC1("P-256", "prime256v1", "\x2a\x86\x48\xce\x3d\x03\x01\x07", 256, 32, PGP_SHA256,
		PGP_AES128),
	SEC1("P-384", "secp384r1", "\x2b\x81\x04\x00\x22", 384, 48, PGP_SHA384, PGP_AES192),
	SEC1("P-521", "secp521r1", "\x2b\x81\x04\x00\x23", 521, 66, PGP_SHA512, PGP_AES256),
	SEC1("brainpoolP256r1", "brainpoolP256r1", BRAINPOOL "\x07", 256, 32, PGP_SHA256,
		PGP_AES128),
	SEC1("brainpoolP384r1", "brainpoolP384r1", BRAINPOOL "\x0b", 384, 48, PGP_SHA384,
		PGP_AES192),
	SEC1("brainpoolP512r1", "brainpoolP512r1", BRAINPOOL "\x0d", 512, 64, PGP_SHA512,
		PGP_AES256),
	{"Ed25519", "ED25519", OID("\x2b\x06\x01\x04\x01\xda\x47\x0f\x01"), PGP_CURVE_PREFIXED,
		PGP_EDDSA_LEGACY, 256, 32, 0, 0},
	{"Curve25519", "X25519", OID("\x2b\x06\x01\x04\x01\x97\x55\x01\x05\x01"),
		PGP_CURVE_PREFIXED, PGP_ECDH, 256, 32, PGP_SHA256, PGP_AES128},
	{"Ed25519", "ED25519", {NULL, 0}, PGP_CURVE_NATIVE, PGP_ED25519, 256, 32, 0, 0},
	{"Ed448", "ED448", {NULL, 0}, PGP_CURVE_NATIVE, PGP_ED448, 456, 57, 0, 0},
	{"X25519", "X25519", {NULL, 0}, PGP_CURVE_NATIVE, PGP_X25519, 256, 32, 0, 0},
	{"X448", "X448", {NULL, 0}, PGP_CURVE_NATIVE, PGP_X448, 448, 56, 0, 0},
};
enum { CURVES = sizeof curves / sizeof *curves };

/* --- which it is ------------------------------------------------------------------------- */

static bool
is_for(const struct pgp_curve *c, uint8_t algorithm)
{
	if (c->form == PGP_CURVE_SEC1)
		return algorithm == PGP_ECDH || algorithm == PGP_ECDSA;
	return c->algorithm == algorithm;
}

const struct pgp_curve *
pgp_curve_by_oid(uint8_t algorithm, struct slice oid)
{
	for (size_t i = 0; i < CURVES; i++)
		if (oid.n && slice_eq(curves[i].oid, oid) && is_for(&curves[i], algorithm))
			return &curves[i];
	return NULL;
}

const struct pgp_curve *
pgp_curve_by_name(uint8_t algorithm, const char *name)
{
	for (size_t i = 0; i < CURVES; i++)
		if (strcmp(curves[i].name, name) == 0 && is_for(&curves[i], algorithm))
			return &curves[i];
	return NULL;
}

const struct pgp_curve *
pgp_curve_native(uint8_t algorithm)
{
	for (size_t i = 0; i < CURVES; i++)
		if (curves[i].form == PGP_CURVE_NATIVE && curves[i].algorithm == algorithm)
			return &curves[i];
	return NULL;
}

bool
pgp_curve_is_montgomery(const struct pgp_curve *curve)
{
	return curve->group[0] == 'X';
}

bool
pgp_curve_is_x25519(const struct pgp_curve *curve)
{
	return strcmp(curve->group, "X25519") == 0;
}

/* --- keys -------------------------------------------------------------------------------- */

static EVP_PKEY *
from_params(const char *type, OSSL_PARAM_BLD *build, int selection)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY *key = NULL;

	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, selection, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* OpenSSL looks whether the point is on the curve, but would take other forms of it, and the
 * one that has no coordinates. */
static EVP_PKEY *
sec1_key(const struct pgp_curve *curve, struct slice point, struct slice secret)
{
	OSSL_PARAM_BLD *build;
	BIGNUM *number = NULL;
	EVP_PKEY *key;

	if (point.n != 1 + 2 * curve->octets || point.p[0] != 4 || secret.n > curve->octets)
		return NULL;
	build = OSSL_PARAM_BLD_new();
	must(build &&
		OSSL_PARAM_BLD_push_utf8_string(
			build, OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(
			build, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n) == 1);
	if (secret.n) {
		number = BN_secure_new();
		must(number && BN_bin2bn(secret.p, (int)secret.n, number) &&
			OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number) == 1);
	}
	key = from_params("EC", build, secret.n ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY);
	BN_clear_free(number);
	OSSL_PARAM_BLD_free(build);
	return key;
}

/* That the two parts of a key belong together: one whose public part was changed behind its
 * owner's back gives the secret away with the next signature. */
static bool
is_pair(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	bool ok = ctx && EVP_PKEY_pairwise_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static EVP_PKEY *
native_key(const struct pgp_curve *curve, struct slice point, struct slice secret)
{
	uint8_t own[PGP_CURVE_POINT_MAX];
	size_t n = sizeof own;
	EVP_PKEY *key;

	if (!secret.n)
		return point.n == curve->octets ? EVP_PKEY_new_raw_public_key_ex(NULL,
							  curve->group, NULL, point.p, point.n)
						: NULL;
	if (secret.n != curve->octets)
		return NULL;
	key = EVP_PKEY_new_raw_private_key_ex(NULL, curve->group, NULL, secret.p, secret.n);
	if (key && point.n &&
		(EVP_PKEY_get_raw_public_key(key, own, &n) != 1 || n != point.n ||
			memcmp(own, point.p, n) != 0)) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	return key;
}

EVP_PKEY *
pgp_curve_key(const struct pgp_curve *curve, struct slice point, struct slice secret)
{
	EVP_PKEY *key;

	if (curve->form != PGP_CURVE_SEC1) {
		key = native_key(curve, point, secret);
	} else {
		key = sec1_key(curve, point, secret);
		if (key && secret.n && !is_pair(key)) {
			EVP_PKEY_free(key);
			key = NULL;
		}
	}
	ERR_clear_error();
	return key;
}

/* Whatever octets are a key, those to agree with once some bits are as RFC 7748 section 5 wants
 * them. OpenSSL's own generator takes longer to begin than all else of a short run. */
static EVP_PKEY *
native_generate(const struct pgp_curve *curve)
{
	uint8_t secret[PGP_CURVE_SECRET_MAX];
	EVP_PKEY *key;

	rand_bytes(secret, curve->octets);
	if (pgp_curve_is_x25519(curve)) {
		secret[0] &= 0xf8;
		secret[curve->octets - 1] = (secret[curve->octets - 1] & 0x7f) | 0x40;
	} else if (!strcmp(curve->group, "X448")) {
		secret[0] &= 0xfc;
		secret[curve->octets - 1] |= 0x80;
	}
	key = native_key(curve, SLICE_EMPTY, slice_of(secret, curve->octets));
	OPENSSL_cleanse(secret, sizeof secret);
	return key;
}

EVP_PKEY *
pgp_curve_generate(const struct pgp_curve *curve)
{
	EVP_PKEY *key = curve->form == PGP_CURVE_SEC1
				? EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve->group)
				: native_generate(curve);

	must(key != NULL);
	return key;
}

size_t
pgp_curve_point(EVP_PKEY *key, uint8_t *point)
{
	size_t n = PGP_CURVE_POINT_MAX;
	int ok = EVP_PKEY_is_a(key, "EC") ? EVP_PKEY_get_octet_string_param(
						    key, OSSL_PKEY_PARAM_PUB_KEY, point, n, &n)
					  : EVP_PKEY_get_raw_public_key(key, point, &n);

	must(ok == 1);
	return n;
}

size_t
pgp_curve_agree(EVP_PKEY *own, EVP_PKEY *peer, uint8_t *secret)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	size_t n = PGP_CURVE_SECRET_MAX;

	/* The peer needs no second look: its point was seen to be on the curve when the key was
	 * made, and the prime curves have no points of small order. X25519 and X448 refuse to
	 * agree on zeros (RFC 7748 section 6). */
	if (!ctx || EVP_PKEY_derive_init(ctx) != 1 ||
		EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) != 1 ||
		EVP_PKEY_derive(ctx, secret, &n) != 1)
		n = 0;
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return n;
}
