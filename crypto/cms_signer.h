/* cms_signer: one SignerInfo (RFC 5652 section 5.3, 8419), hostile: what it says, and whether
 * it fits a text and a key. Who the key belongs to is cert_check's. For crypto/ only. Pure. */
#ifndef CRYPTO_CMS_SIGNER_H
#define CRYPTO_CMS_SIGNER_H

#include <openssl/x509v3.h>

#include "crypto/cms_algorithm.h"
#include "crypto/cms_attributes.h"
#include "crypto/smime.h"

enum { CMS_SIGNER_SIGNATURE_MAX = 4096 };

struct cms_signer {
	/* SIGNATURE: it can't be read, or contradicts itself; ALGORITHM: MD5, SHA-1 and what
	 * isn't known here (then it isn't looked at further). */
	enum smime_problem problem;
	struct slice issuer, serial; /* Name, whole; the INTEGER's body */
	struct slice key_id;	     /* instead of both */
	struct cms_algorithm algorithm;
	bool has_attributes;
	struct cms_attributes attributes;
	struct slice signature;
};
/* Memory in a, or of whole. */
void cms_signer_read(struct slice whole, struct arena *a, struct cms_signer *out);

/* The content: its hash under the signer's digest, and its first octet (0: it is empty). Puts
 * SIGNATURE or ALGORITHM into s->problem if it isn't the one that was signed. */
void cms_signer_check_text(struct cms_signer *s, struct slice hash, uint8_t first);
/* Does the SignerInfo name this certificate? */
bool cms_signer_names(const struct cms_signer *s, X509 *cert);
/* Is it the signature of this certificate's key? hash: the content's. Not with a problem. */
bool cms_signer_check_key(
	const struct cms_signer *s, X509 *cert, struct slice der, struct slice hash);

#endif
