#include "crypto/cert_x509.h"

#include <openssl/err.h>
#include <stdio.h>

#include "core/must.h"
#include "crypto/tls.h"

X509 *
cert_x509_parse(struct slice der)
{
	const uint8_t *p = der.p;
	X509 *cert;

	tls_init();
	if (der.n == 0 || der.n > CERT_X509_DER_MAX)
		return NULL;
	cert = d2i_X509(NULL, &p, (long)der.n);
	if (cert && p != der.p + der.n) {
		X509_free(cert);
		cert = NULL;
	}
	ERR_clear_error();
	return cert;
}

void
cert_x509_sha256(struct slice der, char hex[65])
{
	uint8_t hash[32];

	must(EVP_Digest(der.p, der.n, hash, NULL, EVP_sha256(), NULL) == 1);
	for (size_t i = 0; i < sizeof hash; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
}
