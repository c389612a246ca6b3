/* cms_recipient: one RecipientInfo of CMS (RFC 5652 section 6.2), as it comes from cms_walk:
 * which certificates it names, and the parts that are needed to open it. For crypto/ only.
 * Pure. All slices borrow the RecipientInfo. */
#ifndef CRYPTO_CMS_RECIPIENT_H
#define CRYPTO_CMS_RECIPIENT_H

#include "crypto/cms_certificate.h"

enum cms_recipient_kind {
	CMS_RECIPIENT_OTHER, /* a password's, a shared key's, one to come */
	CMS_RECIPIENT_TRANSPORT,
	CMS_RECIPIENT_AGREE
};
struct cms_recipient {
	enum cms_recipient_kind kind;
	struct cms_der version;
	struct cms_der algorithm; /* AlgorithmIdentifier */
	struct slice oid;	  /* its algorithm's body */
	struct slice parameters;  /* whole; empty: absent */
	struct slice originator;  /* AGREE: what is in [0] */
	struct cms_der ukm;	  /* AGREE: an OCTET STRING; whole empty: absent */
	struct cms_der keys;	  /* AGREE: SEQUENCE OF RecipientEncryptedKey */
	struct cms_der id, key;	  /* TRANSPORT */
};
/* False: it isn't one of these, or malformed. */
bool cms_recipient_parse(struct slice der, struct cms_recipient *r);

/* The encrypted key (an OCTET STRING) for that certificate. False: it isn't named. *entry: its
 * RecipientEncryptedKey, whole; empty if it is no KeyAgreeRecipientInfo. */
bool cms_recipient_find(const struct cms_recipient *r, const struct cms_certificate *c,
	struct cms_der *key, struct slice *entry);

#endif
