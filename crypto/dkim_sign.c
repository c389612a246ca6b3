#include "crypto/dkim_sign.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "crypto/seal.h"
#include "crypto/tls.h"
#include "crypto/tls_pem.h"

enum { RSA_BITS = 2048, ED25519_SIZE = 32 };

static enum err
put_pem(EVP_PKEY *key, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_secmem()); /* wiped when freed */
	char *text;
	long n;
	enum err e = ERR_CRYPTO;

	if (bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
		n = BIO_get_mem_data(bio, &text);
		e = n > 0 && buf_put(out, text, (size_t)n) ? ERR_OK : ERR_LIMIT;
	}
	BIO_free(bio);
	return e;
}

/* RFC 6376 3.6.1: RSA keys as SubjectPublicKeyInfo; RFC 8463 4.2: Ed25519 keys as the bare 32
 * octets. */
static enum err
put_record(EVP_PKEY *key, enum dkim_sign_kind kind, struct buf *out)
{
	uint8_t raw[ED25519_SIZE], *der = NULL;
	size_t raw_n = sizeof raw;
	int n;
	bool ok;

	if (kind == DKIM_SIGN_ED25519) {
		if (EVP_PKEY_get_raw_public_key(key, raw, &raw_n) != 1)
			return ERR_CRYPTO;
		buf_put_str(out, "v=DKIM1; k=ed25519; p=");
		return seal_b64(slice_of(raw, raw_n), out) ? ERR_OK : ERR_LIMIT;
	}
	n = i2d_PUBKEY(key, &der);
	if (n <= 0)
		return ERR_CRYPTO;
	buf_put_str(out, "v=DKIM1; k=rsa; p=");
	ok = seal_b64(slice_of(der, (size_t)n), out);
	OPENSSL_free(der);
	return ok ? ERR_OK : ERR_LIMIT;
}

enum err
dkim_sign_new_key(enum dkim_sign_kind kind, struct buf *key_pem, struct buf *record)
{
	EVP_PKEY *key;
	enum err e;

	tls_init();
	key = kind == DKIM_SIGN_RSA ? EVP_RSA_gen(RSA_BITS)
				    : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	e = key ? put_pem(key, key_pem) : ERR_CRYPTO;
	if (!e)
		e = put_record(key, kind, record);
	EVP_PKEY_free(key);
	return e;
}

enum err
dkim_sign_record(struct slice key_pem, struct buf *record)
{
	BIO *bio;
	EVP_PKEY *key;
	enum err e = ERR_UNSUPPORTED;

	tls_init();
	bio = tls_pem_open(key_pem);
	key = bio ? tls_pem_key(bio) : NULL;
	if (!key)
		e = ERR_SYNTAX;
	else if (EVP_PKEY_is_a(key, "RSA"))
		e = put_record(key, DKIM_SIGN_RSA, record);
	else if (EVP_PKEY_is_a(key, "ED25519"))
		e = put_record(key, DKIM_SIGN_ED25519, record);
	EVP_PKEY_free(key);
	BIO_free(bio);
	return e;
}
