#include "crypto/tls_trust.h"

#include <openssl/x509.h>

#include "crypto/tls.h"
#include "crypto/tls_pem.h"

/* Made by the Makefile of the certificates in ca-certificates. */
extern const char tls_roots[];

struct slice
tls_trust_roots(void)
{
	return slice_str(tls_roots);
}

struct tls_trust_count
tls_trust_count(struct slice pem, int64_t now_sec)
{
	struct tls_trust_count count = {0};
	time_t now = (time_t)now_sec;
	BIO *bio;
	X509 *cert;

	tls_init();
	bio = tls_pem_open(pem);
	while (bio && (cert = tls_pem_cert(bio)) != NULL) {
		count.all++;
		count.good += X509_cmp_time(X509_get0_notBefore(cert), &now) < 0 &&
			      X509_cmp_time(X509_get0_notAfter(cert), &now) > 0;
		X509_free(cert);
	}
	BIO_free(bio);
	return count;
}
