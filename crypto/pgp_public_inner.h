/* pgp_public_inner: what pgp_public's files share with pgp_secret's. */
#ifndef CRYPTO_PGP_PUBLIC_INNER_H
#define CRYPTO_PGP_PUBLIC_INNER_H

#include <openssl/evp.h>

#include "crypto/pgp_curve.h"
#include "crypto/pgp_public.h"

enum {
	PGP_PUBLIC_NUMBERS = 4,
	PGP_PUBLIC_MODULUS_MAX = PGP_PUBLIC_RSA_MAX / 8,
	PGP_PUBLIC_PARAM_MAX = 128, /* octets that ECDH's KDF is given beside the secret */
	PGP_PUBLIC_KEK_MAX = 32
};

struct pgp_public_key {
	/* RSA: n, e; DSA: p, q, g, y; ElGamal: p, g, y; without leading zeros. Else: [0] is the
	 * point, as pgp_curve_key wants it. All of the body. */
	struct slice number[PGP_PUBLIC_NUMBERS];
	const struct pgp_curve *curve; /* NULL: none */
	EVP_PKEY *pkey;		       /* made at its first use */
	bool is_bad;		       /* there is none to be made */
};

/* Borrowed. ERR_UNSUPPORTED; ERR_CRYPTO. */
enum err pgp_public_pkey(const struct pgp_public *key, EVP_PKEY **pkey);

static inline bool
pgp_public_is_rsa(uint8_t algorithm)
{
	return algorithm == PGP_RSA || algorithm == PGP_RSA_ENCRYPT ||
	       algorithm == PGP_RSA_SIGN;
}

/* Ed25519, in either form: without a key of OpenSSL's (crypto/ed25519). */
static inline bool
pgp_public_is_ed25519(const struct pgp_public *key)
{
	return key->algorithm == PGP_ED25519 || key->algorithm == PGP_EDDSA_LEGACY;
}

/* RFC 9580 sections 5.2.3.3 to 5.2.3.5: EdDSA wants a hash as strong as itself. */
bool pgp_public_is_hash_enough(const struct pgp_public *key, uint8_t hash);

/* The key that wraps (RFC 9580 sections 5.1.6, 5.1.7, 11.5), from what the ephemeral and the
 * recipient's key agree on; ephemeral: its point as pgp_curve_point has it. Gives its size. */
size_t pgp_public_kek(const struct pgp_public *key, struct slice ephemeral, struct slice secret,
	uint8_t kek[PGP_PUBLIC_KEK_MAX]);
/* RFC 3394; out has room for in.n + 8 or in.n - 8 octets. False: it isn't what was wrapped, or
 * of a size that can't be. */
bool pgp_public_run_wrap(struct slice kek, bool is_wrap, struct slice in, uint8_t *out);

/* Octets off the front of a body. */
bool pgp_public_take_octets(struct slice *rest, size_t n, struct slice *octets);
/* An MPI without its leading zeros, which version 6 doesn't have (RFC 9580 section 3.2). */
bool pgp_public_take_mpi(struct slice *rest, bool is_strict, struct slice *number);
bool pgp_public_put_mpi(struct buf *out, struct slice number);
/* A number in a field of n octets, zeros in front. False: it is longer. */
bool pgp_public_pad(struct slice number, uint8_t *field, size_t n);

#endif
