/* smime_signer: what is known of one signature of a layer: who made it, and what is wrong with
 * it. smime_verify fills it. Pure. */
#ifndef CRYPTO_SMIME_SIGNER_H
#define CRYPTO_SMIME_SIGNER_H

#include "crypto/smime.h"

struct smime_signer {
	enum smime_problem problem; /* all but ADDRESS, which is smime_signer_is */
	struct slice certificate;   /* DER; empty: it isn't there */
	struct slice capabilities;  /* SMIMECapabilities attribute, DER, or empty */
	uint64_t signed_sec;	    /* signingTime, as the signer claims; 0: none */
	bool is_manual;		  /* believed because an administrator trusts the certificate */
	char key[24];		  /* "RSA 2048", "P-256", "Ed25519" */
	char digest[12];	  /* "SHA-256" */
	char sha256[65];	  /* of the certificate, lower-case hex */
	bool may_be_encrypted_to; /* key usage and algorithm allow it: worth harvesting */
};
/* Is the certificate for this address? See cert_address_is. */
bool smime_signer_is(const struct smime_signer *s, struct slice address);

#endif
