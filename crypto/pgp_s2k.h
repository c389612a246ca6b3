/* pgp_s2k: from a password to a key (RFC 9580 section 3.7). Simple and salted specifiers are
 * read and never written; iterated and Argon2 are both. For crypto/ only. Pure but for random
 * numbers.
 *
 * A specifier comes from outside, and says itself what it costs: Argon2's memory is bounded,
 * and its passes times its memory, so that nobody can make us work for longer than some
 * seconds. */
#ifndef CRYPTO_PGP_S2K_H
#define CRYPTO_PGP_S2K_H

#include "core/buf.h"
#include "core/err.h"
#include "crypto/pgp.h"

enum pgp_s2k_kind {
	PGP_S2K_SIMPLE = 0,
	PGP_S2K_SALTED = 1,
	PGP_S2K_ITERATED = 3,
	PGP_S2K_ARGON2 = 4,
	PGP_S2K_GNU = 101 /* GnuPG: the private key is elsewhere */
};
enum {
	PGP_S2K_SALT_MAX = 16,
	PGP_S2K_PASSWORD_MAX = 1024, /* octets; whoever asks looks */
	PGP_S2K_KEY_MAX = 64,
	/* 2^21 KiB is the first of the parameters that RFC 9580 recommends. */
	PGP_S2K_MEMORY_MAX = 21,
	PGP_S2K_COST_MAX = 1 << 22 /* passes times KiB */
};
struct pgp_s2k {
	uint8_t kind;
	uint8_t hash;		       /* not Argon2 */
	uint8_t count;		       /* iterated: coded */
	uint8_t passes, lanes, memory; /* Argon2; memory: 2^memory KiB */
	uint8_t salt[PGP_S2K_SALT_MAX];
};

/* Takes a specifier off the front. ERR_SYNTAX: too short; ERR_NOT_FOUND: PGP_S2K_GNU;
 * ERR_UNSUPPORTED: another kind, or a hash that we don't have; ERR_LIMIT: too costly. */
enum err pgp_s2k_take(struct slice *rest, struct pgp_s2k *s);
void pgp_s2k_put(const struct pgp_s2k *s, struct buf *out);
/* One of our own, with a new salt: iterated SHA-256 as often as GnuPG does at most, or Argon2
 * (3 passes, 4 lanes, 64 MiB: the second recommended choice). */
void pgp_s2k_choose(enum pgp_s2k_kind kind, struct pgp_s2k *s);
/* n: 1 to PGP_S2K_KEY_MAX octets. ERR_LIMIT: there is no memory for it. */
enum err pgp_s2k_key(const struct pgp_s2k *s, struct slice password, uint8_t *key, size_t n);

#endif
