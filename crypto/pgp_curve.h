/* pgp_curve: the elliptic curves of OpenPGP (RFC 9580 section 9.2) by their object identifiers
 * or by the algorithm that has but one. For crypto/ only. Pure. */
#ifndef CRYPTO_PGP_CURVE_H
#define CRYPTO_PGP_CURVE_H

#include <openssl/evp.h>

#include "crypto/pgp.h"
#include "core/slice.h"

enum { PGP_CURVE_POINT_MAX = 133, PGP_CURVE_SECRET_MAX = 66, PGP_CURVE_OID_MAX = 10 };

enum pgp_curve_form {
	PGP_CURVE_SEC1,	    /* 04 X Y, as an MPI */
	PGP_CURVE_PREFIXED, /* 40 and the curve's own octets, as an MPI: version 4's Ed25519 and
			       Curve25519 */
	PGP_CURVE_NATIVE    /* the curve's own octets */
};
struct pgp_curve {
	const char *name;  /* "P-256" */
	const char *group; /* OpenSSL's key type or, of PGP_CURVE_SEC1, group */
	struct slice oid;  /* body; native: empty */
	enum pgp_curve_form form;
	uint8_t algorithm;	      /* PGP_CURVE_SEC1: 0, for it is of ECDH and ECDSA */
	size_t bits, octets;	      /* octets: of a coordinate, or of the native key */
	uint8_t kdf_hash, kdf_cipher; /* what RFC 9580 section 11.5.1 wants a new key to name */
};

/* NULL: none of ours, or not for this algorithm. */
const struct pgp_curve *pgp_curve_by_oid(uint8_t algorithm, struct slice oid);
const struct pgp_curve *pgp_curve_by_name(uint8_t algorithm, const char *name);
/* X25519, X448, Ed25519, Ed448. */
const struct pgp_curve *pgp_curve_native(uint8_t algorithm);
bool pgp_curve_is_montgomery(const struct pgp_curve *curve);
/* In either form: without a key of OpenSSL's (crypto/x25519), though one can be had. */
bool pgp_curve_is_x25519(const struct pgp_curve *curve);

/* A key of the curve. point: without a prefix if it is the curve's own octets, else 04 X Y;
 * empty: follows from the secret (not SEC1). secret: a scalar with its highest octet first, or
 * the curve's own octets; empty: a public key. NULL: a point that isn't on the curve, or a
 * number of another size. */
EVP_PKEY *pgp_curve_key(const struct pgp_curve *curve, struct slice point, struct slice secret);
EVP_PKEY *pgp_curve_generate(const struct pgp_curve *curve);
/* The key's point in that form; point has room for PGP_CURVE_POINT_MAX octets. */
size_t pgp_curve_point(EVP_PKEY *key, uint8_t *point);
/* What the two agree on, secret having room for PGP_CURVE_SECRET_MAX octets; 0: on nothing, or
 * on zeros. */
size_t pgp_curve_agree(EVP_PKEY *own, EVP_PKEY *peer, uint8_t *secret);

#endif
