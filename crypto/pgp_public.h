/* pgp_public: a public key of OpenPGP (RFC 9580 sections 5.5.1, 5.5.2, 5.5.4): what a key
 * packet's body says, and the two things that are done with it: verifying and wrapping
 * session keys. Nothing here says whether a key is good to use: that is pgp_cert's to judge.
 * For crypto/ only. Pure but for random numbers.
 *
 * Versions: 4 and 6; 3 has its fingerprint and key id and is good for nothing else.
 * Algorithms: RSA (1,024 to 8,192 bits), DSA (2,048 and 3,072), ECDSA and ECDH (P-256, P-384,
 * P-521, brainpoolP256r1, P384r1, P512r1; ECDH with Curve25519 in version 4), EdDSA legacy with
 * Ed25519 in version 4, Ed25519, Ed448, X25519, X448. ElGamal is only read. */
#ifndef CRYPTO_PGP_PUBLIC_H
#define CRYPTO_PGP_PUBLIC_H

#include "core/buf.h"
#include "core/err.h"
#include "crypto/pgp.h"

enum {
	PGP_PUBLIC_BODY_MAX = 8192,   /* octets of a public key packet's body */
	PGP_PUBLIC_FIELDS_MAX = 2048, /* octets of a signature's or a PKESK's fields */
	PGP_PUBLIC_RSA_MIN = 1024,    /* bits */
	PGP_PUBLIC_RSA_MAX = 8192
};

struct pgp_public {
	uint8_t version;
	uint8_t algorithm;	      /* enum pgp_algorithm, or a number that we don't know */
	bool may_sign, may_encrypt;   /* what the algorithm is made for */
	bool is_ours;		      /* else verify and wrap answer ERR_UNSUPPORTED */
	uint8_t kdf_hash, kdf_cipher; /* ECDH */
	uint32_t created_sec;
	uint32_t validity_days; /* version 3; 0: for ever */
	size_t bits;	   /* of RSA's modulus, DSA's and ElGamal's p, the curve; 0: unknown */
	const char *curve; /* "P-256", "Ed25519", static; NULL: none, or unknown */
	size_t n_fingerprint; /* octets: 16, 20, 32 */
	uint8_t fingerprint[PGP_FINGERPRINT_MAX];
	uint8_t key_id[PGP_KEY_ID];
	struct slice body; /* the packet's; of a secret key, its public part. The key's own */
	struct pgp_public_key *key; /* for pgp_secret and pgp_public alone */
};

/* The body of a public key or public subkey packet. Keeps a copy of it. ERR_SYNTAX: it isn't
 * one, or too long; ERR_UNSUPPORTED: of another version. An algorithm that we don't know is no
 * error, nor is a point that isn't on its curve: that is seen at the key's first use. */
enum err pgp_public_parse(struct slice body, struct pgp_public *key);
/* The same of a secret key packet's body, whose other part is left in *rest. ERR_UNSUPPORTED,
 * too: version 4 with an algorithm that we don't know, whose end nobody can see. */
enum err pgp_public_take(struct slice *rest, struct pgp_public *key);
/* Fine for one that is all zeros. */
void pgp_public_fini(struct pgp_public *key);
/* What a signature over the key hashes (RFC 9580 section 5.2.4): 0x99 and two octets of length,
 * or 0x9b and four; then the body. */
void pgp_public_put_hashed(const struct pgp_public *key, struct buf *out);

/* Is it the signature of this key? digest: the whole hash; fields: all of the signature packet
 * behind the digest's two octets (version 6: behind the salt). ERR_CRYPTO: it isn't, or they
 * aren't fields; ERR_UNSUPPORTED. */
enum err pgp_public_verify(
	const struct pgp_public *key, uint8_t hash, struct slice digest, struct slice fields);
/* Appends all of a PKESK behind its algorithm octet. pkesk_version: 3, whose session->cipher
 * goes with the key, or 6. ERR_UNSUPPORTED; ERR_CRYPTO: a point that isn't on its curve, an
 * X25519 key that agrees on no secret, RSA outside its limits. */
enum err pgp_public_wrap(const struct pgp_public *key, uint8_t pkesk_version,
	const struct pgp_session *session, struct buf *fields);

#endif
