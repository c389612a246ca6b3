/* pgp_algorithm: OpenPGP's algorithms by the numbers of its registries (RFC 9580 section 9):
 * names, sizes, and OpenSSL's objects for them, each fetched once and for ever. Ciphers that
 * OpenSSL's default provider doesn't have (IDEA, CAST5, Blowfish, Twofish) have a name here and
 * nothing else. For crypto/ only. Pure. */
#ifndef CRYPTO_PGP_ALGORITHM_H
#define CRYPTO_PGP_ALGORITHM_H

#include <openssl/evp.h>

#include "core/slice.h"
#include "crypto/pgp.h"

enum { PGP_ALGORITHM_BLOCK_MAX = 16, PGP_ALGORITHM_TAG = 16, PGP_ALGORITHM_NONCE_MAX = 16 };

/* "AES-256", "SHA-256", "OCB", "RSA", static; NULL: a number that has no name. */
const char *pgp_algorithm_cipher_name(uint8_t cipher);
const char *pgp_algorithm_hash_name(uint8_t hash);
const char *pgp_algorithm_aead_name(uint8_t aead);
const char *pgp_algorithm_key_name(uint8_t algorithm);
/* "pgp-sha256" (RFC 3156 section 5, RFC 9580 section 9.5), static; NULL. */
const char *pgp_algorithm_micalg(uint8_t hash);

/* In octets; 0: one that we can't use. */
size_t pgp_algorithm_key_size(uint8_t cipher);
size_t pgp_algorithm_block_size(uint8_t cipher);
size_t pgp_algorithm_hash_size(uint8_t hash);
size_t pgp_algorithm_nonce_size(uint8_t aead); /* of one that RFC 9580 has */
/* Octets of a signature's salt in version 6; 0: a hash that has none there. */
size_t pgp_algorithm_salt_size(uint8_t hash);

/* NULL: one that we can't use. */
const EVP_MD *pgp_algorithm_md(uint8_t hash);
const EVP_CIPHER *pgp_algorithm_ecb(uint8_t cipher);
const EVP_CIPHER *pgp_algorithm_cfb(uint8_t cipher);
const EVP_CIPHER *pgp_algorithm_cbc(uint8_t cipher);		    /* AES */
const EVP_CIPHER *pgp_algorithm_ctr(uint8_t cipher);		    /* AES */
const EVP_CIPHER *pgp_algorithm_aead(uint8_t cipher, uint8_t aead); /* AES with OCB, GCM */
bool pgp_algorithm_has_aead(uint8_t cipher, uint8_t aead);	    /* EAX, too */
const EVP_CIPHER *pgp_algorithm_wrap(size_t kek_size); /* RFC 3394; 16, 24, 32 octets */

/* HKDF (RFC 5869). salt may be empty. */
struct pgp_algorithm_hkdf {
	struct slice key, salt, info;
	bool is_512; /* SHA-512, for X448; else SHA-256 */
};
void pgp_algorithm_hkdf(const struct pgp_algorithm_hkdf *q, uint8_t *out, size_t n);

#endif
