/* cert_x509: a certificate's DER as OpenSSL has it, for crypto/ only. Pure but for a memory
 * of what was read last: whoever gets a certificate shares it, and changes nothing of it. */
#ifndef CRYPTO_CERT_X509_H
#define CRYPTO_CERT_X509_H

#include <openssl/x509v3.h>

#include "core/slice.h"

enum { CERT_X509_DER_MAX = 65536, CERT_X509_KEPT = 256, CERT_X509_KEPT_DER = 8192 };

/* The whole of the slice. NULL: it isn't one certificate, or is longer than CERT_X509_DER_MAX
 * octets. Leaves no error in OpenSSL's queue. Free with X509_free, and change nothing in it:
 * others have it, too. OpenSSL 3.0 takes longer to read a public key (0.1 ms) than to verify
 * with it, so the last ones are kept: CERT_X509_KEPT at most, of CERT_X509_KEPT_DER octets. */
X509 *cert_x509_parse(struct slice der);
/* Lower-case hex, terminated. */
void cert_x509_sha256(struct slice der, char hex[65]);

#endif
