#include "crypto/pem_der.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "core/must.h"
#include "crypto/tls_pem.h"

struct secret {
	uint8_t *p;
	size_t n;
};

static void
wipe(void *arg)
{
	struct secret *s = arg;

	OPENSSL_cleanse(s->p, s->n);
}

static struct slice
keep_secret(struct arena *a, const uint8_t *p, size_t n)
{
	struct secret *s = arena_alloc(a, sizeof *s);

	*s = (struct secret){arena_alloc(a, n + 1), n};
	memcpy(s->p, p, n);
	arena_hook(a, wipe, s);
	return slice_of(s->p, n);
}

static bool
take_key(EVP_PKEY *key, struct arena *a, struct pem_der *out)
{
	PKCS8_PRIV_KEY_INFO *info = key ? EVP_PKEY2PKCS8(key) : NULL;
	uint8_t *der = NULL;
	int n = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : 0;
	bool ok = n > 0 && out->keys < PEM_DER_MAX;

	if (ok)
		out->key[out->keys++] = keep_secret(a, der, (size_t)n);
	OPENSSL_clear_free(der, n > 0 ? (size_t)n : 0);
	PKCS8_PRIV_KEY_INFO_free(info);
	return ok;
}

static bool
take_certificate(X509 *cert, struct arena *a, struct pem_der *out)
{
	uint8_t *der = NULL;
	int n = cert ? i2d_X509(cert, &der) : 0;
	bool ok = n > 0 && out->certificates < PEM_DER_MAX;

	if (ok)
		out->certificate[out->certificates++] = arena_dup(a, slice_of(der, (size_t)n));
	OPENSSL_free(der);
	return ok;
}

static bool
read_keys(struct slice pem, struct arena *a, struct pem_der *out)
{
	BIO *bio = tls_pem_open(pem);
	bool ok = true;
	EVP_PKEY *key;

	for (struct slice left = pem; ok; left = slice_from(left, 1)) {
		left = slice_from(left, slice_find_slice(left, SLICE_LIT("PRIVATE KEY-----")));
		if (left.n == 0)
			break;
		left = slice_from(left, slice_find_slice(left, SLICE_LIT("-----END")) + 8);
		left = slice_from(left, slice_find(left, '\n'));
		key = tls_pem_key(bio);
		ok = take_key(key, a, out);
		EVP_PKEY_free(key);
		if (left.n == 0)
			break;
	}
	BIO_free(bio);
	return ok;
}

bool
pem_der_read(struct slice pem, struct arena *a, struct pem_der *out)
{
	BIO *bio = tls_pem_open(pem);
	bool ok = read_keys(pem, a, out);
	X509 *cert;

	while (ok && (cert = tls_pem_cert(bio))) {
		ok = take_certificate(cert, a, out);
		X509_free(cert);
	}
	BIO_free(bio);
	return ok;
}

bool
pem_der_is_pair(struct slice certificate, struct slice key)
{
	const uint8_t *c = certificate.p, *k = key.p;
	X509 *cert = d2i_X509(NULL, &c, (long)certificate.n);
	EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &k, (long)key.n);
	bool is_pair = cert && pkey && X509_check_private_key(cert, pkey) == 1;

	X509_free(cert);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return is_pair;
}
