#include "crypto/cert_x509.h"

#include <openssl/err.h>
#include <stdio.h>

#include "core/must.h"
#include "crypto/tls.h"

/* OpenSSL 3 takes about as long to read a certificate's key as to use a private one, and one
 * mail asks for the same few certificates a dozen times, the next mail again. So those that
 * were read last are kept, by their octets: a place for each remainder of their hash. */
enum { KEPT = 128, KEPT_DER_MAX = 8192 };

static struct kept {
	X509 *cert;
	size_t n;
	uint8_t der[KEPT_DER_MAX];
} * kept[KEPT];

static struct kept **
place_of(struct slice der)
{
	uint32_t hash = 2166136261u;

	/* What tells two apart stands at the end (the signature) for sure. */
	for (size_t i = der.n > 64 ? der.n - 64 : 0; i < der.n; i++)
		hash = (hash ^ der.p[i]) * 16777619u;
	return &kept[hash % KEPT];
}

static X509 *
look_up(struct slice der)
{
	struct kept *k = *place_of(der);

	if (!k || !slice_eq(slice_of(k->der, k->n), der))
		return NULL;
	must(X509_up_ref(k->cert) == 1);
	return k->cert;
}

static void
keep(struct slice der, X509 *cert)
{
	struct kept **place = place_of(der), *k = *place;

	if (der.n > KEPT_DER_MAX)
		return;
	if (!k)
		k = *place = must_zalloc(sizeof *k);
	X509_free(k->cert);
	must(X509_up_ref(cert) == 1);
	k->cert = cert;
	k->n = der.n;
	memcpy(k->der, der.p, der.n);
}

X509 *
cert_x509_parse(struct slice der)
{
	const uint8_t *p = der.p;
	X509 *cert;

	tls_init();
	if (der.n == 0 || der.n > CERT_X509_DER_MAX)
		return NULL;
	cert = look_up(der);
	if (cert)
		return cert;
	cert = d2i_X509(NULL, &p, (long)der.n);
	if (cert && p != der.p + der.n) {
		X509_free(cert);
		cert = NULL;
	}
	ERR_clear_error();
	if (cert)
		keep(der, cert);
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
