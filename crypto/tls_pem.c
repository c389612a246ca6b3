#include "crypto/tls_pem.h"

#include <openssl/err.h>
#include <string.h>

#include "core/must.h"

enum { PEM_MAX = 16 << 20 };

/* Without it OpenSSL would prompt on the terminal. */
static int
no_password(char *p, int room, int writing, void *arg)
{
	(void)p;
	(void)room;
	(void)writing;
	(void)arg;
	return -1;
}

BIO *
tls_pem_open(struct slice pem)
{
	return pem.n && pem.n <= PEM_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
}

X509 *
tls_pem_cert(BIO *bio)
{
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, no_password, NULL) : NULL;

	ERR_clear_error();
	return cert;
}

EVP_PKEY *
tls_pem_key(BIO *bio)
{
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;

	ERR_clear_error();
	return key;
}

X509 *
tls_pem_first(struct slice pem)
{
	BIO *bio = tls_pem_open(pem);
	X509 *cert = tls_pem_cert(bio);

	BIO_free(bio);
	return cert;
}

uint32_t
tls_pem_key_id(EVP_PKEY *key)
{
	uint8_t hash[32], *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	uint32_t id;

	must(n > 0 && EVP_Digest(der, (size_t)n, hash, NULL, EVP_sha256(), NULL) == 1);
	OPENSSL_free(der);
	memcpy(&id, hash, sizeof id);
	return id;
}

bool
tls_pem_take(BIO *bio, struct buf *out)
{
	char *p = NULL;
	long n = BIO_get_mem_data(bio, &p);
	bool ok = n > 0 && buf_put(out, p, (size_t)n);

	if (n > 0)
		OPENSSL_cleanse(p, (size_t)n);
	BIO_free(bio);
	return ok;
}
