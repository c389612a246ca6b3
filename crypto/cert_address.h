/* cert_address: whose mailbox a certificate is for (RFC 8550 section 3, RFC 5280 4.2.1.6, RFC
 * 9598): rfc822Name and SmtpUTF8Mailbox of subjectAltName; the subject's emailAddress only
 * of a certificate without any subjectAltName. What isn't a whole mailbox (a domain
 * alone, NUL inside, octets above 127 in an rfc822Name) is no name, and there are no wildcards.
 * Pure. */
#ifndef CRYPTO_CERT_ADDRESS_H
#define CRYPTO_CERT_ADDRESS_H

#include "core/arena.h"

enum { CERT_ADDRESS_MAX = 64 }; /* names of one certificate that count */

/* Is it for this address? The local part's case counts, the domain's doesn't, and A-labels are
 * the same as U-labels. False too: der isn't a certificate, address none. */
bool cert_address_is(struct slice der, struct slice address);
/* All of them, as they are written there; the text in a. */
size_t cert_address_list(
	struct slice der, struct arena *a, struct slice name[CERT_ADDRESS_MAX]);

#endif
