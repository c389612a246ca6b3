/* cms_content: the content's encryption in CMS: AES-CBC (RFC 3565), AES-GCM (RFC 5084),
 * DES3-CBC for reading only, and RFC 9709, which binds the key to the algorithm. For crypto/
 * only. Pure but for random numbers. */
#ifndef CRYPTO_CMS_CONTENT_H
#define CRYPTO_CMS_CONTENT_H

#include <openssl/evp.h>

#include "core/err.h"
#include "crypto/cms_der.h"

enum {
	CMS_CONTENT_KEY_MAX = 32,
	CMS_CONTENT_NONCE_MAX = 64, /* of GCM; RFC 5084 recommends 12 */
	CMS_CONTENT_TAG_MIN = 12,
	CMS_CONTENT_TAG = 16
};
struct cms_content {
	const char *name;   /* "AES-256-GCM", static */
	const char *cipher; /* OpenSSL's name */
	size_t key_size;
	bool is_gcm;
	size_t tag_size;     /* GCM */
	struct slice iv;     /* borrowed */
	struct slice derive; /* RFC 9709: the algorithm that the key is for, whole; or empty */
};
/* By a ContentEncryptionAlgorithmIdentifier, whole, borrowed. ERR_UNSUPPORTED: not ours, a tag
 * that is too short included; ERR_SYNTAX: parameters that can't be. */
enum err cms_content_by(struct slice algorithm, struct cms_content *c);
/* Appends the one for OpenSSL's cipher with fresh random octets for IV or nonce; derives: by
 * RFC 9709. False: none of ours to write. */
bool cms_content_choose(const char *cipher, bool derives, struct buf *algorithm);
/* What the content is encrypted with, out of the content key as it was wrapped. */
void cms_content_key(const struct cms_content *c, const uint8_t *cek, uint8_t *key);
/* Ready to en- or decrypt. Free with EVP_CIPHER_CTX_free. */
EVP_CIPHER_CTX *cms_content_start(
	const struct cms_content *c, const uint8_t *cek, bool encrypt);
/* GCM's zero block, encrypted (gcm_aad). */
void cms_content_hash_key(const struct cms_content *c, const uint8_t *cek, uint8_t block[16]);

#endif
