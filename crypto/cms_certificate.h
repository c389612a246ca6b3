/* cms_certificate: what CMS wants of a certificate (RFC 5280): how it is named, and its key. By
 * our own reading: OpenSSL 3.0 takes longer to decode a certificate or a key than to use it.
 * Judges nothing; that is for cert_check. For crypto/ only. Pure. */
#ifndef CRYPTO_CMS_CERTIFICATE_H
#define CRYPTO_CMS_CERTIFICATE_H

#include <openssl/evp.h>

#include "crypto/cms_der.h"

enum cms_certificate_kind {
	CMS_CERTIFICATE_OTHER,
	CMS_CERTIFICATE_RSA,
	CMS_CERTIFICATE_RSA_OAEP, /* for that alone: RFC 4055 section 1.2 */
	CMS_CERTIFICATE_AGREE	  /* EC, X25519 */
};
/* All borrow the certificate. */
struct cms_certificate {
	struct slice issuer, serial; /* whole elements */
	struct slice ski;	     /* the subject key identifier's octets; empty: none */
	struct slice parameters;     /* of the key's algorithm: whole; empty: absent */
	struct slice key;	     /* the subjectPublicKey's octets */
	enum cms_certificate_kind kind;
};
/* False: it is none. */
bool cms_certificate_parse(struct slice der, struct cms_certificate *c);
/* "ECDH P-256", "ECDH P-384", "ECDH P-521", "X25519", static; NULL: not a key for agreement. */
const char *cms_certificate_agrees(const struct cms_certificate *c);
/* Free with EVP_PKEY_free. NULL: not one of the kinds, or no point of its curve. */
EVP_PKEY *cms_certificate_key(const struct cms_certificate *c);

/* A key for agreement on the named curve (OBJECT IDENTIFIER, whole): `secret` empty for a
 * public one. NULL: not one of ours. */
EVP_PKEY *cms_certificate_ec(struct slice curve, struct slice point, struct slice secret);

#endif
