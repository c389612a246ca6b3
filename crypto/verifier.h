/* verifier: what the directory keeps of a password: the Argon2id string and, if
 * wanted, the SCRAM-SHA-256 record, sealed under the key of the process auth
 * and bound to the account. Pure but for random numbers.
 *
 * Octets before sealing: u8 format 1, u8 n, n octets PHC string, u8 1 if a SCRAM record
 * follows, salt 16, u32 iterations (big-endian), StoredKey 32, ServerKey 32. Sealed:
 * seal_box_key with AAD "hp1verif" account u64. */
#ifndef CRYPTO_VERIFIER_H
#define CRYPTO_VERIFIER_H

#include "crypto/pwhash.h"
#include "crypto/seal.h"

enum {
	VERIFIER_SEALED_MAX = 1 + 1 + PWHASH_TEXT_MAX + 1 + PWHASH_SALT + 4 + 64 +
			      SEAL_AEAD_EXTRA
};

struct verifier {
	uint8_t text[PWHASH_TEXT_MAX];
	size_t text_n;
	bool has_scram;
	struct pwhash_scram scram;
};
/* How new verifiers are made. */
struct verifier_cost {
	struct pwhash_cost argon2;
	bool scram;
	uint32_t iterations;
};

/* password: as the user gave it. ERR_SYNTAX: empty, or RFC 4013 prohibits it. ERR_TOO_BIG.
 * ERR_CONFIG: cost. ERR_SYSTEM: no memory. */
enum err verifier_new(
	struct slice password, const struct verifier_cost *cost, struct verifier *out);
/* Appends. ERR_LIMIT: out is full. */
enum err verifier_seal(const struct seal_key *key, uint64_t account, const struct verifier *v,
	struct buf *out);
/* ERR_CRYPTO: another key or account, or changed. ERR_VERSION, ERR_CORRUPT: opened, but isn't
 * one. */
enum err verifier_open(const struct seal_key *key, uint64_t account, struct slice sealed,
	struct verifier *out);

#endif
