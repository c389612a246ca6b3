/* pwhash: what is kept of a password. Argon2id (RFC 9106) as a PHC string, and
 * a SCRAM-SHA-256 record (RFC 5802 section 3, RFC 7677). Passwords come
 * prepared (saslprep). Pure but for random salts. */
#ifndef CRYPTO_PWHASH_H
#define CRYPTO_PWHASH_H

#include "core/buf.h"
#include "core/err.h"

enum {
	PWHASH_TEXT_MAX = 128, /* octets of a PHC string */
	PWHASH_SALT = 16,
	PWHASH_SHA256 = 32,
	PWHASH_ITERATIONS_MIN = 4096,
	PWHASH_ITERATIONS_DEFAULT = 20000,
	PWHASH_ITERATIONS_MAX = 10000000
};

struct pwhash_cost {
	uint32_t memory_kib, passes;
};
#define PWHASH_COST_DEFAULT ((struct pwhash_cost){19 * 1024, 2})

/* Appends "$argon2id$v=19$m=..,t=..,p=1$salt$hash". ERR_CONFIG: cost outside 8 KiB .. 4 GiB, 1
 * .. 2^31 passes. ERR_SYSTEM: no memory. ERR_LIMIT: out is full. */
enum err pwhash_new(struct slice password, const struct pwhash_cost *cost, struct buf *out);
/* ERR_AUTH: another password. ERR_CORRUPT: not such a string. Takes the time that the string's
 * cost says. */
enum err pwhash_check(struct slice text, struct slice password);
/* Made at another cost than this one. */
bool pwhash_is_outdated(struct slice text, const struct pwhash_cost *cost);

struct pwhash_scram {
	uint8_t salt[PWHASH_SALT];
	uint32_t iterations;
	uint8_t stored_key[PWHASH_SHA256], server_key[PWHASH_SHA256];
};
/* With a new salt. ERR_CONFIG: iterations out of bounds. */
enum err pwhash_scram_new(struct slice password, uint32_t iterations, struct pwhash_scram *out);
/* salt and iterations are set; fills in the keys. */
void pwhash_scram_fill(struct slice password, struct pwhash_scram *record);

/* n slices one after another. */
void pwhash_sha256(const struct slice *parts, size_t n, uint8_t out[PWHASH_SHA256]);
void pwhash_hmac_sha256(
	struct slice key, const struct slice *parts, size_t n, uint8_t out[PWHASH_SHA256]);
/* RFC 8018 PBKDF2 with HMAC-SHA-256, one block; salt of any length (SCRAM's Hi). */
void pwhash_pbkdf2(struct slice password, struct slice salt, uint32_t iterations,
	uint8_t out[PWHASH_SHA256]);

#endif
