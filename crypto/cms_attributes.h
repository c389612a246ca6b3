/* cms_attributes: the signed attributes of a SignerInfo (RFC 5652 section 11, 6211, 8551
 * section 2.5, 5035), hostile. The signature covers their DER (X.690 section 11.6: a sorted SET
 * OF), whatever encoding they came in. Pure. */
#ifndef CRYPTO_CMS_ATTRIBUTES_H
#define CRYPTO_CMS_ATTRIBUTES_H

#include "core/arena.h"
#include "core/buf.h"

enum { CMS_ATTRIBUTES_MAX = 64 };

struct cms_attributes {
	struct slice der;	     /* what was signed */
	struct slice as_they_came;   /* the same in the order in which it came */
	struct slice content_type;   /* the OID's body */
	struct slice message_digest; /* the octets */
	struct slice capabilities;   /* SMIMECapabilities, DER, or empty */
	struct slice protection;     /* CMSAlgorithmProtection, whole, or empty */
	struct slice certificate;    /* SigningCertificateV2, whole, or empty */
	uint64_t signed_sec;	     /* 0: none, or it can't be read */
};
/* body: of the [0]. False: malformed; more than CMS_ATTRIBUTES_MAX; contentType or
 * messageDigest aren't there; one of those above is there twice, or hasn't exactly one value.
 * Memory in a. */
bool cms_attributes_parse(struct slice body, struct arena *a, struct cms_attributes *out);

/* Our own: appends Attribute { oid, SET { value } }; value is DER. */
void cms_attributes_put(struct buf *b, struct slice oid, struct slice value);
/* The contents of a SET OF, sorted. False: malformed, or more than CMS_ATTRIBUTES_MAX. */
bool cms_attributes_sort(struct slice body, struct arena *a, struct slice *sorted);

/* Bodies of their OIDs. */
extern const struct slice cms_attributes_content_type, cms_attributes_message_digest,
	cms_attributes_signing_time, cms_attributes_capabilities, cms_attributes_protection,
	cms_attributes_data; /* not an attribute: id-data */

#endif
