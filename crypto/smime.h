/* smime: what the cryptographic layers of S/MIME 4.0 have in common (RFC 8551, CMS: RFC 5652,
 * 5083, 5084, 8418, 8419): smime_open, smime_seal, smime_sign, smime_verify, each a machine
 * that is fed octets and writes octets, in memory that doesn't grow with the mail. MIME itself
 * (parts, headers, encodings) is the engine's (crypto/gateway); DER or BER goes in, DER or BER
 * comes out. Pure but for random numbers.
 *
 * Everything that is read is hostile: depth, counts and sizes are bounded below, BER's
 * indefinite lengths are taken. What a machine has written is worth nothing before its finish
 * said ERR_OK. */
#ifndef CRYPTO_SMIME_H
#define CRYPTO_SMIME_H

#include "core/slice.h"

enum {
	SMIME_RECIPIENTS_MAX = 1000,  /* RecipientInfos of one layer */
	SMIME_SIGNERS_MAX = 16,	      /* SignerInfos of one layer */
	SMIME_CERTIFICATES_MAX = 64,  /* certificates that come with one */
	SMIME_STRUCTURE_MAX = 524288, /* octets of all that isn't content */
	SMIME_SIGNATURE_MAX = 262144, /* a detached signature, DER */
	SMIME_DEPTH_MAX = 32	      /* of BER */
};

enum smime_kind {
	SMIME_UNKNOWN,
	SMIME_SIGNED,
	SMIME_ENVELOPED,
	SMIME_AUTH_ENVELOPED,
	SMIME_COMPRESSED
};
/* By the first octets of the ContentInfo (64 are enough), whatever smime-type says. */
enum smime_kind smime_look(struct slice front);
/* By the contentType alone, the body of an OBJECT IDENTIFIER. */
enum smime_kind smime_look_type(struct slice oid);

/* What is wrong with a signature, the worst first; 0 is good. `hairpin why` and
 * Authentication-Results have the words. */
#define SMIME_PROBLEMS(X)                                                                      \
	X(NONE, "good")                                                                        \
	X(SIGNATURE, "the signature doesn't fit the text")                                     \
	X(ALGORITHM, "digest or key are too weak")                                             \
	X(NO_CERTIFICATE, "the signer's certificate isn't there")                              \
	X(BLOCKED, "the certificate is blocked")                                               \
	X(REVOKED, "the certificate is revoked")                                               \
	X(EXPIRED, "the certificate had expired, or wasn't valid yet")                         \
	X(PURPOSE, "the certificate isn't for signing mail")                                   \
	X(CHAIN, "no authority that is trusted here stands behind the certificate")            \
	X(ADDRESS, "the certificate is for another address than From")

enum smime_problem {
#define X(id, text) SMIME_PROBLEM_##id,
	SMIME_PROBLEMS(X)
#undef X
		SMIME_PROBLEM_COUNT
};
const char *smime_problem_text(enum smime_problem p);

#endif
