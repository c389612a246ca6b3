/* smime_recipient: whom smime_seal encrypts to: a certificate, and the RecipientInfo for it.
 * For crypto/ only. Pure but for random numbers. */
#ifndef CRYPTO_SMIME_RECIPIENT_H
#define CRYPTO_SMIME_RECIPIENT_H

#include "core/err.h"
#include "crypto/cms_certificate.h"

enum { SMIME_RECIPIENT_RSA_MIN = 1024, SMIME_RECIPIENT_RSA_MAX = 16384 };

struct smime_recipient {
	struct cms_certificate certificate; /* borrows */
	EVP_PKEY *key;
	const char *oaep; /* NULL: PKCS#1 v1.5; else the digest, "SHA1" or "SHA256" */
};
/* capabilities: smime_capability's. ERR_SYNTAX: no certificate; ERR_UNSUPPORTED: a key that
 * isn't for encryption, or too small or large. */
enum err smime_recipient_init(
	struct smime_recipient *r, struct slice certificate, unsigned capabilities);
void smime_recipient_fini(struct smime_recipient *r);
/* Appends a RecipientInfo with that content key: by issuer and serial number, which everybody
 * can read. False: no random numbers, or no room. */
bool smime_recipient_put(const struct smime_recipient *r, struct slice cek, struct buf *out);
/* EnvelopedData with it is version 2 (RFC 5652 section 6.1). */
bool smime_recipient_is_agreed(const struct smime_recipient *r);

#endif
