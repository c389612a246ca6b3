#include "crypto/cert_x509.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/must.h"
#include "core/rand.h"
#include "crypto/tls.h"

static struct {
	X509 *cert;
	struct slice der; /* own copy */
} kept[CERT_X509_KEPT];
static uint64_t seed; /* so that nobody knows which ones are in each other's place */

static size_t
place(struct slice der)
{
	uint64_t hash;

	if (!seed)
		seed = rand_u64() | 1;
	hash = seed;
	for (size_t i = 0; i < der.n; i++)
		hash = (hash ^ der.p[i]) * UINT64_C(0x100000001b3);
	return (size_t)(hash >> 32) % CERT_X509_KEPT;
}

static void
keep(size_t at, X509 *cert, struct slice der)
{
	uint8_t *copy = must_alloc(der.n);

	X509_free(kept[at].cert);
	free((void *)(uintptr_t)kept[at].der.p);
	memcpy(copy, der.p, der.n);
	kept[at].der = slice_of(copy, der.n);
	kept[at].cert = cert;
	must(X509_up_ref(cert) == 1);
}

static X509 *
parse(struct slice der)
{
	const uint8_t *p = der.p;
	X509 *cert = d2i_X509(NULL, &p, (long)der.n);

	if (cert && p != der.p + der.n) {
		X509_free(cert);
		cert = NULL;
	}
	ERR_clear_error();
	return cert;
}

X509 *
cert_x509_parse(struct slice der)
{
	size_t at;
	X509 *cert;

	tls_init();
	if (der.n == 0 || der.n > CERT_X509_DER_MAX)
		return NULL;
	if (der.n > CERT_X509_KEPT_DER)
		return parse(der);
	at = place(der);
	if (slice_eq(kept[at].der, der)) {
		must(X509_up_ref(kept[at].cert) == 1);
		return kept[at].cert;
	}
	cert = parse(der);
	if (cert)
		keep(at, cert, der);
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
