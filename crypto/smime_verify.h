/* smime_verify: who signed it, and what is wrong with that (SignedData). See smime. */
#ifndef CRYPTO_SMIME_VERIFY_H
#define CRYPTO_SMIME_VERIFY_H

#include "core/arena.h"
#include "core/text.h"
#include "crypto/gateway.pb-c.h"
#include "crypto/smime.h"

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
