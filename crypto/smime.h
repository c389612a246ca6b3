/* smime: the cryptographic layers of S/MIME 4.0 (RFC 8551, CMS: RFC 5652, 5083, 5084, 8418,
 * 8419), each as a machine that is fed octets and writes octets, in memory that doesn't grow
 * with the mail. MIME itself (parts, headers, encodings) is the engine's (crypto/gateway); DER
 * or BER goes in, DER or BER comes out. Pure but for random numbers.
 *
 * Everything that is read is hostile: depth, counts and sizes are bounded below, BER's
 * indefinite lengths are taken. What a machine has written is worth nothing before its finish
 * said ERR_OK. */
#ifndef CRYPTO_SMIME_H
#define CRYPTO_SMIME_H

#include "core/arena.h"
#include "core/text.h"
#include "crypto/gateway_keys.h"

enum {
	SMIME_RECIPIENTS_MAX = 1000,  /* RecipientInfos of one layer */
	SMIME_SIGNERS_MAX = 16,	      /* SignerInfos of one layer */
	SMIME_CERTIFICATES_MAX = 64,  /* certificates that come with one */
	SMIME_STRUCTURE_MAX = 524288, /* octets of all that isn't content */
	SMIME_SIGNATURE_MAX = 262144, /* a detached signature, DER */
	SMIME_DEPTH_MAX = 32	      /* of BER */
};

/* --- what it is --- */
enum smime_kind {
	SMIME_UNKNOWN,
	SMIME_SIGNED,
	SMIME_ENVELOPED,
	SMIME_AUTH_ENVELOPED,
	SMIME_COMPRESSED
};
/* By the first octets of the ContentInfo (64 are enough), whatever smime-type says. */
enum smime_kind smime_look(struct slice front);

/* --- decrypt --- */
struct smime_open;
struct smime_open_setup {
	Gateway__Key *const *key; /* tried in this order, those that a RecipientInfo names */
	size_t n_key;
	const struct gateway_keys *keys;
	struct text_sink to; /* the content; worthless before finish */
};
struct smime_opened {
	const Gateway__Key *key; /* that opened it */
	const char *algorithm;	 /* "AES-256-GCM", static */
	const char *recipient;	 /* "RSA", "RSA-OAEP", "ECDH P-256", "X25519", static */
	size_t recipients;	 /* RecipientInfos */
	bool is_authenticated;	 /* a tag was checked: else (CBC) anybody may have changed it */
};
struct smime_open *smime_open_new(const struct smime_open_setup *setup);
void smime_open_free(struct smime_open *o); /* NULL is fine */
/* The first error stays. */
enum err smime_open_feed(struct smime_open *o, struct slice ber);
/* ERR_NOT_FOUND: none of the keys is named in it. ERR_UNSUPPORTED: a content or key algorithm
 * that isn't ours (also GCM in EnvelopedData). ERR_UNAVAILABLE: keyd. ERR_FULL, ERR_IO: the
 * sink. ERR_CRYPTO: everything else, alike. */
enum err smime_open_finish(struct smime_open *o, struct smime_opened *facts);

/* --- encrypt --- */
struct smime_seal;
/* The best content cipher that all of them announced (never AUTO in the answer); without
 * capabilities AES-256-CBC. wanted: what the settings say; an explicit one wins over AUTO. */
Gateway__Settings__Cipher smime_seal_cipher(
	Gateway__Certificate *const *to, size_t n, Gateway__Settings__Cipher wanted);
/* Can it be encrypted to? ERR_UNSUPPORTED: no usable algorithm; ERR_SYNTAX. */
enum err smime_seal_check(const Gateway__Certificate *to);
/* ContentInfo goes to `out`. Each recipient's key algorithm by its certificate and
 * capabilities (RSA PKCS#1 v1.5 unless OAEP was announced or the certificate demands it, ECDH,
 * X25519). NULL: one of them can't be encrypted to. */
struct smime_seal *smime_seal_new(Gateway__Certificate *const *to, size_t n,
	Gateway__Settings__Cipher cipher, struct text_sink out);
void smime_seal_free(struct smime_seal *s); /* NULL is fine */
enum err smime_seal_feed(struct smime_seal *s, struct slice plain);
/* ERR_FULL, ERR_IO: the sink; ERR_CRYPTO. */
enum err smime_seal_finish(struct smime_seal *s);

/* --- sign --- */
struct smime_sign;
struct smime_sign_setup {
	const Gateway__Key *key; /* its certificate, then the chain that goes along */
	const struct gateway_keys *keys;
	uint64_t now_sec;
	bool is_opaque;	     /* the content is in it */
	struct text_sink to; /* ContentInfo */
};
/* The name for micalg; "sha-256", static. NULL: no usable certificate (expired, key usage). */
const char *smime_sign_micalg(const struct smime_sign_setup *setup);
/* With the attributes contentType, messageDigest, signingTime, SMIMECapabilities and
 * CMSAlgorithmProtection (RFC 6211). NULL as above. */
struct smime_sign *smime_sign_new(const struct smime_sign_setup *setup);
void smime_sign_free(struct smime_sign *s); /* NULL is fine */
/* Canonical: lines end in CRLF; the caller sees to it. */
enum err smime_sign_feed(struct smime_sign *s, struct slice content);
/* ERR_UNAVAILABLE: keyd; ERR_FULL, ERR_IO: the sink; ERR_CRYPTO. */
enum err smime_sign_finish(struct smime_sign *s);

/* --- verify --- */
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

/* Who is believed, and what is too weak. Borrowed until the machine's end. */
struct smime_trust {
	const Gateway__Question *q; /* anchors, verdicts, intermediates, CRLs, now */
	uint32_t rsa_bits_min;
};
struct smime_signer {
	enum smime_problem problem; /* all but ADDRESS, which is smime_signer_is */
	struct slice certificate;   /* DER; empty: it isn't there */
	struct slice capabilities;  /* SMIMECapabilities attribute, DER, or empty */
	uint64_t signed_sec;	    /* signingTime; 0: none */
	bool is_manual;		  /* believed because an administrator trusts the certificate */
	char key[24];		  /* "RSA 2048", "P-256", "Ed25519" */
	char digest[12];	  /* "SHA-256" */
	char sha256[65];	  /* of the certificate, lower-case hex */
	bool may_be_encrypted_to; /* key usage and algorithm allow it: worth harvesting */
};
struct smime_verify;
struct smime_verify_setup {
	struct smime_trust trust;
	struct slice detached; /* the signature, whole; empty: opaque, its content is in it */
	struct text_sink to;   /* opaque: the content; worthless before finish */
};
struct smime_verify *smime_verify_new(const struct smime_verify_setup *setup);
void smime_verify_free(struct smime_verify *v); /* NULL is fine */
/* Detached: the content, its lines ending in CRLF. Opaque: the ContentInfo. */
enum err smime_verify_feed(struct smime_verify *v, struct slice octets);
/* *signers: in a, none if there is none (certs-only, zero SignerInfos): that is no signature.
 * ERR_SYNTAX: not SignedData, or beyond a limit; ERR_FULL, ERR_IO: the sink. */
enum err smime_verify_finish(
	struct smime_verify *v, struct arena *a, struct smime_signer **signers, size_t *n);
/* Is the certificate for this address (SAN rfc822Name, or SmtpUTF8Mailbox of RFC 9598; of the
 * subject's emailAddress only if there is no SAN at all)? The local part's case counts, the
 * domain's doesn't. */
bool smime_signer_is(const struct smime_signer *s, struct slice address);

#endif
