/* pgp_valid: what of a certificate of OpenPGP holds at a time (RFC 9580 sections 5.2.3, 9.5,
 * 10.1; 12.1): which key may sign or be encrypted to, which user id is its owner's word. Our
 * rules, stricter than the RFC where it leaves a choice:
 *
 * - Of several self-signatures the newest holds that is current and good. A key of version 6
 *   has its properties from its direct key signature alone, one of version 4 from that, then
 *   from its primary user id.
 * - A subkey needs a binding; one that signs, its own signature over the primary key, too.
 * - A revocation without a reason, or since others may have the key, holds for all times; the
 *   others from their own time on, until a newer self-signature.
 * - MD5, RIPEMD-160 and what we don't know hold nothing, SHA-1 nothing that is newer than
 *   PGP_VALID_SHA1_UNTIL, RSA under PGP_VALID_RSA_MIN bits nothing at all.
 * - Without key flags a key of version 4 is for what its algorithm is for, one of version 6
 *   for nothing.
 *
 * Signatures are checked when they are first needed, and the certificate keeps the result, so
 * it is no const. Pure. */
#ifndef CRYPTO_PGP_VALID_H
#define CRYPTO_PGP_VALID_H

#include "crypto/pgp_cert.h"

enum {
	PGP_VALID_RSA_MIN = 2048,
	PGP_VALID_SHA1_UNTIL = 1547856000, /* 2019-01-19, when GnuPG stopped to believe it */
	PGP_VALID_RECIPIENTS_MAX = 8	   /* keys of one certificate that we encrypt to */
};

/* What is wrong with a signature, or a key for its use, the worst first; 0 is good. */
#define PGP_PROBLEMS(X)                                                                        \
	X(NONE, "good")                                                                        \
	X(SIGNATURE, "the signature doesn't fit the text")                                     \
	X(NO_KEY, "the signer's key isn't there")                                              \
	X(ALGORITHM, "hash, key or form are too weak or unknown")                              \
	X(UNBOUND, "no valid signature binds the key")                                         \
	X(REVOKED, "the key is revoked")                                                       \
	X(EXPIRED, "the key had expired")                                                      \
	X(TIME, "it is from another time than its key")                                        \
	X(PURPOSE, "the key isn't for this")                                                   \
	X(RECIPIENT, "it was signed for somebody else")

enum pgp_problem {
#define X(id, text) PGP_PROBLEM_##id,
	PGP_PROBLEMS(X)
#undef X
		PGP_PROBLEM_COUNT
};
const char *pgp_valid_text(enum pgp_problem p);

enum pgp_use { PGP_USE_SIGN, PGP_USE_ENCRYPT };
/* May this key (an index of cert->key) be used so, at that time? */
enum pgp_problem pgp_valid_key(
	struct pgp_cert *cert, size_t key, enum pgp_use use, uint64_t at_sec);
/* Those to encrypt to, the newest first, up to PGP_VALID_RECIPIENTS_MAX; 0: none. */
size_t pgp_valid_recipients(struct pgp_cert *cert, uint64_t at_sec, size_t *keys);
/* The key that signs for the certificate: its newest that may. False: none. */
bool pgp_valid_signer(struct pgp_cert *cert, uint64_t at_sec, size_t *key);
/* A signature of a text: which key of the certificate's may have made it, from *key on? */
bool pgp_valid_find(const struct pgp_cert *cert, const struct pgp_sig *sig, size_t *key);
/* Is such a signature by this key good? digest: the text's. */
enum pgp_problem pgp_valid_signature(
	struct pgp_cert *cert, size_t key, const struct pgp_sig *sig, struct slice digest);

/* User ids: an index of cert->user. */
bool pgp_valid_user(struct pgp_cert *cert, size_t user, uint64_t at_sec);
/* The primary one; false: it has none that is valid. */
bool pgp_valid_primary_user(struct pgp_cert *cert, uint64_t at_sec, size_t *user);
/* The one address of a user id: "Ann <ann@example.org>" or nothing but the address. Checked no
 * further; empty: it has none. */
struct slice pgp_valid_address(struct slice user_id);

/* Is a signature (an index of cert->sig) the primary key's own about what it follows: a
 * binding, or a revocation? Whether it is current isn't asked. UNKNOWN: it can't be checked any
 * more. */
enum pgp_cert_state pgp_valid_own(struct pgp_cert *cert, size_t sig, bool *revokes);

/* What the owner announces; all may be empty. */
struct pgp_valid_facts {
	struct slice ciphers, hashes, suites; /* as preferred */
	bool has_seipd2;
	uint64_t until_sec; /* of the primary key; 0: it doesn't end */
};
/* False: the primary key isn't valid. */
bool pgp_valid_facts(struct pgp_cert *cert, uint64_t at_sec, struct pgp_valid_facts *facts);

#endif
