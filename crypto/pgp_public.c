#include "crypto/pgp_public.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <stdlib.h>

#include "core/big_endian.h"
#include "core/must.h"
#include "crypto/openssl_init.h"
#include "crypto/pgp_algorithm.h"
#include "crypto/pgp_public_inner.h"

enum {
	HEAD = 6,	  /* version, created, algorithm */
	HEAD_V3 = 8,	  /* and days of validity */
	EXPONENT_MAX = 8, /* octets of e: a longer one costs as much as a private key */
	DSA_2048 = 2048,
	DSA_3072 = 3072
};

/* --- fields ------------------------------------------------------------------------------ */

bool
pgp_public_take_octets(struct slice *rest, size_t n, struct slice *octets)
{
	if (rest->n < n)
		return false;
	*octets = slice_cut(*rest, 0, n);
	*rest = slice_from(*rest, n);
	return true;
}

static bool
take_length(struct slice *rest, size_t octets, size_t *n)
{
	struct slice s;

	if (!pgp_public_take_octets(rest, octets, &s))
		return false;
	*n = 0;
	for (size_t i = 0; i < octets; i++)
		*n = *n << 8 | s.p[i];
	return true;
}

bool
pgp_public_take_mpi(struct slice *rest, bool is_strict, struct slice *number)
{
	size_t bits, n;

	if (!take_length(rest, 2, &bits) ||
		!pgp_public_take_octets(rest, (bits + 7) / 8, number))
		return false;
	n = number->n;
	if (is_strict && n && number->p[0] >> ((bits - 1) % 8) != 1)
		return false;
	while (number->n && number->p[0] == 0)
		*number = slice_from(*number, 1);
	return true;
}

bool
pgp_public_put_mpi(struct buf *out, struct slice number)
{
	size_t bits;

	while (number.n && number.p[0] == 0)
		number = slice_from(number, 1);
	bits = number.n * 8;
	for (uint8_t top = number.n ? number.p[0] : 0; top && !(top & 0x80); bits--)
		top = (uint8_t)(top << 1);
	return buf_put_u8(out, (uint8_t)(bits >> 8)) && buf_put_u8(out, (uint8_t)bits) &&
	       buf_put_slice(out, number);
}

bool
pgp_public_pad(struct slice number, uint8_t *field, size_t n)
{
	if (number.n > n)
		return false;
	memset(field, 0, n - number.n);
	if (number.n)
		memcpy(field + n - number.n, number.p, number.n);
	return true;
}

static size_t
bits_of(struct slice number)
{
	size_t bits = number.n * 8;

	for (uint8_t top = number.n ? number.p[0] : 0; top && !(top & 0x80); bits--)
		top = (uint8_t)(top << 1);
	return bits;
}

/* --- parsing ----------------------------------------------------------------------------- */

static bool
take_numbers(struct slice *rest, size_t count, struct pgp_public *k)
{
	for (size_t i = 0; i < count; i++)
		if (!pgp_public_take_mpi(rest, k->version == 6, &k->key->number[i]))
			return false;
	k->bits = bits_of(k->key->number[0]);
	return true;
}

static bool
is_dsa_ours(const struct pgp_public *k)
{
	size_t q = bits_of(k->key->number[1]);

	return (k->bits == DSA_2048 && (q == 224 || q == 256)) ||
	       (k->bits == DSA_3072 && q == 256);
}

/* ECDH's last field: 3, 1, hash, cipher. */
static bool
take_kdf(struct slice *rest, struct pgp_public *k)
{
	struct slice s;
	size_t n;

	if (!take_length(rest, 1, &n) || !pgp_public_take_octets(rest, n, &s))
		return false;
	if (s.n != 3 || s.p[0] != 1)
		return s.n > 0;
	k->kdf_hash = s.p[1];
	k->kdf_cipher = s.p[2];
	return true;
}

static bool
is_kdf_ours(const struct pgp_public *k)
{
	return (k->kdf_hash == PGP_SHA256 || k->kdf_hash == PGP_SHA384 ||
		       k->kdf_hash == PGP_SHA512) &&
	       (k->kdf_cipher == PGP_AES128 || k->kdf_cipher == PGP_AES192 ||
		       k->kdf_cipher == PGP_AES256);
}

static bool
take_curve(struct slice *rest, struct pgp_public *k)
{
	struct slice oid, *point = &k->key->number[0];
	const struct pgp_curve *c;
	size_t n;

	/* 0 and 255 are reserved (RFC 9580 section 9.2). */
	if (!take_length(rest, 1, &n) || n == 0 || n == 255 ||
		!pgp_public_take_octets(rest, n, &oid) ||
		!pgp_public_take_mpi(rest, k->version == 6, point) ||
		(k->algorithm == PGP_ECDH && !take_kdf(rest, k)))
		return false;
	k->key->curve = c = pgp_curve_by_oid(k->algorithm, oid);
	if (!c)
		return true;
	k->is_ours = k->algorithm != PGP_ECDH || is_kdf_ours(k);
	if (c->form != PGP_CURVE_PREFIXED)
		return true;
	/* RFC 9580 section 9.2: version 6 has the newer algorithms for these. */
	if (point->n != 1 + c->octets || point->p[0] != 0x40 || k->version == 6)
		k->is_ours = false;
	*point = slice_from(*point, 1);
	return true;
}

static bool
take_native(struct slice *rest, struct pgp_public *k)
{
	k->key->curve = pgp_curve_native(k->algorithm);
	k->is_ours = true;
	return pgp_public_take_octets(rest, k->key->curve->octets, &k->key->number[0]);
}

/* False: it can't be that algorithm's. *is_known: else where it ends isn't seen. */
static bool
take_material(struct slice *rest, struct pgp_public *k, bool *is_known)
{
	*is_known = true;
	switch (k->algorithm) {
	case PGP_RSA:
	case PGP_RSA_ENCRYPT:
	case PGP_RSA_SIGN:
		k->may_sign = k->algorithm != PGP_RSA_ENCRYPT;
		k->may_encrypt = k->algorithm != PGP_RSA_SIGN;
		if (!take_numbers(rest, 2, k))
			return false;
		k->is_ours = k->bits >= PGP_PUBLIC_RSA_MIN && k->bits <= PGP_PUBLIC_RSA_MAX &&
			     k->key->number[1].n <= EXPONENT_MAX;
		return true;
	case PGP_DSA:
		k->may_sign = true;
		if (!take_numbers(rest, 4, k))
			return false;
		k->is_ours = is_dsa_ours(k);
		return true;
	case PGP_ELGAMAL:
		k->may_encrypt = true;
		return take_numbers(rest, 3, k);
	case PGP_ECDH:
		k->may_encrypt = true;
		return take_curve(rest, k);
	case PGP_ECDSA:
	case PGP_EDDSA_LEGACY:
		k->may_sign = true;
		return take_curve(rest, k);
	case PGP_X25519:
	case PGP_X448:
		k->may_encrypt = true;
		return take_native(rest, k);
	case PGP_ED25519:
	case PGP_ED448:
		k->may_sign = true;
		return take_native(rest, k);
	default:
		*is_known = false;
		return true;
	}
}

/* --- fingerprints (RFC 9580 section 5.5.4) ------------------------------------------------ */

static void
hash_body(struct pgp_public *k, uint8_t hash, struct slice head)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	k->n_fingerprint = pgp_algorithm_hash_size(hash);
	must(ctx && EVP_DigestInit_ex2(ctx, pgp_algorithm_md(hash), NULL) == 1 &&
		EVP_DigestUpdate(ctx, head.p, head.n) == 1 &&
		EVP_DigestUpdate(ctx, k->body.p, k->body.n) == 1 &&
		EVP_DigestFinal_ex(ctx, k->fingerprint, NULL) == 1);
	EVP_MD_CTX_free(ctx);
}

/* MD5 of the two numbers; the key id is the end of the modulus. */
static void
name_v3(struct pgp_public *k)
{
	const struct slice *number = k->key->number;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	k->n_fingerprint = pgp_algorithm_hash_size(PGP_MD5);
	must(ctx && EVP_DigestInit_ex2(ctx, pgp_algorithm_md(PGP_MD5), NULL) == 1 &&
		EVP_DigestUpdate(ctx, number[0].p, number[0].n) == 1 &&
		EVP_DigestUpdate(ctx, number[1].p, number[1].n) == 1 &&
		EVP_DigestFinal_ex(ctx, k->fingerprint, NULL) == 1);
	EVP_MD_CTX_free(ctx);
	if (number[0].n >= PGP_KEY_ID)
		memcpy(k->key_id, number[0].p + number[0].n - PGP_KEY_ID, PGP_KEY_ID);
}

static size_t
hashed_head(const struct pgp_public *k, uint8_t head[5])
{
	if (k->version == 6) {
		head[0] = 0x9b;
		big_endian_put_u32(head + 1, (uint32_t)k->body.n);
		return 5;
	}
	head[0] = 0x99;
	head[1] = (uint8_t)(k->body.n >> 8);
	head[2] = (uint8_t)k->body.n;
	return 3;
}

static void
name_key(struct pgp_public *k)
{
	uint8_t head[5];
	size_t n;

	if (k->version == 3) {
		name_v3(k);
		return;
	}
	n = hashed_head(k, head);
	hash_body(k, k->version == 6 ? PGP_SHA256 : PGP_SHA1, slice_of(head, n));
	memcpy(k->key_id, k->version == 6 ? k->fingerprint : k->fingerprint + 12, PGP_KEY_ID);
}

void
pgp_public_put_hashed(const struct pgp_public *key, struct buf *out)
{
	uint8_t head[5];
	size_t n = hashed_head(key, head);

	buf_put(out, head, n);
	buf_put_slice(out, key->body);
}

/* --- whole keys -------------------------------------------------------------------------- */

static bool
take_head(struct slice *rest, struct pgp_public *k)
{
	struct slice s;

	if (!pgp_public_take_octets(rest, k->version == 3 ? HEAD_V3 : HEAD, &s))
		return false;
	k->created_sec = big_endian_get_u32(s.p + 1);
	k->algorithm = s.p[s.n - 1];
	if (k->version == 3)
		k->validity_days = (uint32_t)(s.p[5] << 8 | s.p[6]);
	return true;
}

/* Reads out of a body, all of it if is_whole. */
static enum err
read_body(struct slice *rest, bool is_whole, struct pgp_public *k)
{
	bool is_known;
	struct slice material;
	size_t n;

	if (!take_head(rest, k) || (k->version == 3 && !pgp_public_is_rsa(k->algorithm)))
		return ERR_SYNTAX;
	if (k->version == 6) {
		if (!take_length(rest, 4, &n) || !pgp_public_take_octets(rest, n, &material))
			return ERR_SYNTAX;
		if (!take_material(&material, k, &is_known))
			return ERR_SYNTAX;
		/* RFC 9580 section 5.5.2: what doesn't fit in its length is malformed. */
		return (is_known && material.n) || (is_whole && rest->n) ? ERR_SYNTAX : ERR_OK;
	}
	if (!take_material(rest, k, &is_known))
		return ERR_SYNTAX;
	if (!is_known && !is_whole)
		return ERR_UNSUPPORTED;
	if (!is_known)
		*rest = SLICE_EMPTY;
	return is_whole && rest->n ? ERR_SYNTAX : ERR_OK;
}

/* First where the body ends, then all of it again out of a copy. */
static enum err
take(struct slice *rest, bool is_whole, struct pgp_public *key)
{
	struct pgp_public_key found = {0};
	struct pgp_public k = {.key = &found};
	struct slice at = *rest;
	uint8_t *copy;
	enum err e;

	if (!at.n)
		return ERR_SYNTAX;
	k.version = at.p[0];
	if (k.version != 3 && k.version != 4 && k.version != 6)
		return ERR_UNSUPPORTED;
	e = read_body(&at, is_whole, &k);
	if (!e && rest->n - at.n > PGP_PUBLIC_BODY_MAX)
		e = ERR_SYNTAX;
	if (e)
		return e;
	k.body.n = rest->n - at.n;
	k.key = must_zalloc(sizeof *k.key + k.body.n);
	copy = (uint8_t *)(k.key + 1);
	memcpy(copy, rest->p, k.body.n);
	k.body.p = copy;
	*k.key = found;
	for (size_t i = 0; i < PGP_PUBLIC_NUMBERS; i++)
		if (found.number[i].n)
			k.key->number[i].p = copy + (found.number[i].p - rest->p);
	if (found.curve) {
		k.curve = found.curve->name;
		k.bits = found.curve->bits;
	}
	k.is_ours = k.is_ours && k.version != 3;
	*rest = at;
	*key = k;
	name_key(key);
	return ERR_OK;
}

enum err
pgp_public_parse(struct slice body, struct pgp_public *key)
{
	return take(&body, true, key);
}

enum err
pgp_public_take(struct slice *rest, struct pgp_public *key)
{
	return take(rest, false, key);
}

void
pgp_public_fini(struct pgp_public *key)
{
	if (key->key)
		EVP_PKEY_free(key->key->pkey);
	free(key->key);
	memset(key, 0, sizeof *key);
}

/* --- OpenSSL's key ----------------------------------------------------------------------- */

static EVP_PKEY *
from_numbers(const char *type, const char *const *names, const struct slice *number)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	BIGNUM *made[PGP_PUBLIC_NUMBERS] = {NULL};
	OSSL_PARAM *params;
	EVP_PKEY *key = NULL;

	must(build && ctx);
	for (size_t i = 0; i < PGP_PUBLIC_NUMBERS && names[i]; i++) {
		made[i] = BN_bin2bn(number[i].p, (int)number[i].n, NULL);
		must(made[i] && OSSL_PARAM_BLD_push_BN(build, names[i], made[i]) == 1);
	}
	params = OSSL_PARAM_BLD_to_param(build);
	if (!params || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	for (size_t i = 0; i < PGP_PUBLIC_NUMBERS; i++)
		BN_free(made[i]);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *
make_pkey(const struct pgp_public *k)
{
	static const char *const rsa[PGP_PUBLIC_NUMBERS] = {
		OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E};
	static const char *const dsa[PGP_PUBLIC_NUMBERS] = {OSSL_PKEY_PARAM_FFC_P,
		OSSL_PKEY_PARAM_FFC_Q, OSSL_PKEY_PARAM_FFC_G, OSSL_PKEY_PARAM_PUB_KEY};
	const struct slice *number = k->key->number;

	if (k->key->curve)
		return pgp_curve_key(k->key->curve, number[0], SLICE_EMPTY);
	if (k->algorithm == PGP_DSA)
		return from_numbers("DSA", dsa, number);
	/* An exponent of 1 or an even one is nobody's. */
	if (number[1].n == 0 || (number[1].n == 1 && number[1].p[0] == 1) ||
		!(number[1].p[number[1].n - 1] & 1) || !(number[0].p[number[0].n - 1] & 1))
		return NULL;
	return from_numbers("RSA", rsa, number);
}

enum err
pgp_public_pkey(const struct pgp_public *key, EVP_PKEY **pkey)
{
	struct pgp_public_key *k = key->key;

	if (!key->is_ours)
		return ERR_UNSUPPORTED;
	openssl_init();
	if (!k->pkey && !k->is_bad) {
		k->pkey = make_pkey(key);
		k->is_bad = !k->pkey;
		ERR_clear_error();
	}
	*pkey = k->pkey;
	return k->pkey ? ERR_OK : ERR_CRYPTO;
}
