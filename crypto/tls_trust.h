/* tls_trust: the certificate authorities that are trusted when another server's certificate
 * is checked. Mozilla's list, as Debian ships it, is in the program: no file of the host is
 * needed. Pure. */
#ifndef CRYPTO_TLS_TRUST_H
#define CRYPTO_TLS_TRUST_H

#include <stddef.h>

#include "core/slice.h"

/* In PEM form, for tls_client_new. Never empty. */
struct slice tls_trust_roots(void);
/* How many certificates pem holds, and how many of them are good at that time. */
struct tls_trust_count {
	size_t all, good;
};
struct tls_trust_count tls_trust_count(struct slice pem, int64_t now_sec);

#endif
