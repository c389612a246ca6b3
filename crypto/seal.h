/* seal: sealing at rest, on libsodium. Pure but for random nonces and keys.
 *
 * Layouts (octets); all but the sealed box are XChaCha20-Poly1305, whose tag has 16:
 *   part     at most 65,504 octets of text, and the tag. Key: the mail's data key. Nonce:
 *            "hp1part\0", u64 part number, u8 1 if it is the last part, 7 zeros. AAD: u8 format
 *            1, u64 number.
 *   blob     8 random octets, text, tag. Key: the mail's data key. Nonce: the purpose in 16
 *            octets (which makes a subkey of its own), then the 8. No AAD.
 *   aead     24 random octets nonce, text, tag. AAD: the caller's.
 *   wrapped  the same of a key: 72.
 *   box      libsodium's sealed box: 32 octets ephemeral key, text, tag.
 * Every opening fails with ERR_CRYPTO alike, whatever was wrong. */
#ifndef CRYPTO_SEAL_H
#define CRYPTO_SEAL_H

#include "core/buf.h"
#include "core/err.h"

enum {
	SEAL_KEY = 32,
	SEAL_TAG = 16,
	SEAL_NONCE = 24,
	SEAL_PART_PLAIN = 65504,
	SEAL_PART = SEAL_PART_PLAIN + SEAL_TAG,
	SEAL_AEAD_EXTRA = SEAL_NONCE + SEAL_TAG,
	SEAL_BLOB_NONCE = 8,
	SEAL_BLOB_EXTRA = SEAL_BLOB_NONCE + SEAL_TAG,
	SEAL_WRAPPED = SEAL_NONCE + SEAL_KEY + SEAL_TAG,
	SEAL_BOX_EXTRA = 48,
	SEAL_HASH = 32
};

struct seal_key {
	uint8_t b[SEAL_KEY];
};
struct seal_pair {
	uint8_t public_key[32], secret[32];
};

/* Before anything else, in each process; safe to call again. */
void seal_init(void);
void seal_key_new(struct seal_key *key);
void seal_wipe(void *p, size_t n);
/* Memory for secrets: locked where the limits allow, guarded, wiped when freed. Never NULL. */
void *seal_secret_new(size_t n);
void seal_secret_free(void *p);

/* plain.n <= SEAL_PART_PLAIN; out has room for plain.n + SEAL_TAG. Only the last part may be
 * shorter. */
void seal_part(
	const struct seal_key *key, uint64_t n, bool last, struct slice plain, uint8_t *out);
/* out has room for part.n - SEAL_TAG; written only to be used on ERR_OK. */
enum err seal_part_open(
	const struct seal_key *key, uint64_t n, bool last, struct slice part, uint8_t *out);

/* purpose: a short word, "head" or "index". Appends plain.n + SEAL_BLOB_EXTRA octets.
 * ERR_LIMIT: out is full. */
enum err seal_blob(
	const struct seal_key *key, const char *purpose, struct slice plain, struct buf *out);
enum err seal_blob_open(
	const struct seal_key *key, const char *purpose, struct slice blob, struct buf *out);
/* HChaCha20 of the purpose: at most 16 octets, not beginning with "hp1". */
void seal_subkey(const struct seal_key *key, const char *purpose, struct seal_key *subkey);

/* aead. ERR_LIMIT: out is full. */
enum err seal_box_key(
	const struct seal_key *key, struct slice aad, struct slice plain, struct buf *out);
enum err seal_box_key_open(
	const struct seal_key *key, struct slice aad, struct slice sealed, struct buf *out);

/* The same into out, which has room for sealed.n - SEAL_AEAD_EXTRA: memory of
 * seal_secret_new. */
enum err seal_box_key_open_to(
	const struct seal_key *key, struct slice aad, struct slice sealed, uint8_t *out);

void seal_wrap(const struct seal_key *with, struct slice aad, const struct seal_key *key,
	uint8_t out[SEAL_WRAPPED]);
enum err seal_unwrap(const struct seal_key *with, struct slice aad, struct slice wrapped,
	struct seal_key *key);
/* The AAD of a data key in a mailbox. */
struct seal_aad {
	uint8_t b[24];
};
struct slice seal_aad_epoch(struct seal_aad *aad, uint64_t account, uint64_t epoch);

void seal_pair_new(struct seal_pair *pair);
/* Fills in the public key of pair->secret. */
void seal_pair_public(struct seal_pair *pair);
/* What both ends of two pairs have in common: X25519, hashed with both public keys, the
 * sender's (pair's when is_sender) first. ERR_CRYPTO: a public key of small order. */
enum err seal_pair_shared(const struct seal_pair *pair, const uint8_t other[32], bool is_sender,
	struct seal_key *out);
/* out has room for plain.n + SEAL_BOX_EXTRA. */
enum err seal_to(const uint8_t public_key[32], struct slice plain, uint8_t *out);
/* out has room for box.n - SEAL_BOX_EXTRA. */
enum err seal_to_open(const struct seal_pair *pair, struct slice box, uint8_t *out);

/* BLAKE2b-256 over parts in order; keyed when key is not NULL. */
void seal_hash(const struct seal_key *key, const struct slice *parts, size_t n,
	uint8_t hash[SEAL_HASH]);
/* Streaming. */
struct seal_hasher {
	_Alignas(64) uint8_t state[384];
};
void seal_hasher_init(struct seal_hasher *h, const struct seal_key *key);
void seal_hasher_add(struct seal_hasher *h, struct slice s);
void seal_hasher_done(struct seal_hasher *h, uint8_t hash[SEAL_HASH]);
/* SHA-256, where others want it. */
void seal_sha256(struct slice s, uint8_t hash[SEAL_HASH]);
/* In constant time. */
bool seal_equal(const void *a, const void *b, size_t n);

/* Text forms. b64: standard alphabet with padding. ERR_SYNTAX: not such a text. */
bool seal_b64(struct slice s, struct buf *out);
enum err seal_b64_open(struct slice text, struct buf *out);
bool seal_hex(struct slice s, struct buf *out);

#endif
