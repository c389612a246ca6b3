/* cms_agree: ECDH in CMS (RFC 5753, 8418): from two keys to the key that wraps the content
 * key, by the algorithm that a KeyAgreeRecipientInfo names. KDFs: X9.63 with SHA-1, 224, 256,
 * 384, 512, HKDF with SHA-256, 384, 512; wraps: AES-128, 192, 256, and 3DES, which is only
 * read. For crypto/ only. Pure but for random numbers. */
#ifndef CRYPTO_CMS_AGREE_H
#define CRYPTO_CMS_AGREE_H

#include <openssl/evp.h>

#include "core/err.h"
#include "crypto/cms_recipient.h"

enum { CMS_AGREE_KEK_MAX = 32 };

struct cms_agree {
	const struct cms_agree_scheme *scheme;
	const struct cms_agree_wrap *wrap;
	struct slice wrap_algorithm; /* whole; borrowed */
	struct slice ukm;	     /* borrowed; empty: none */
};
/* By the algorithm's body and its parameters, both borrowed. ERR_UNSUPPORTED. */
enum err cms_agree_by(struct slice oid, struct slice parameters, struct cms_agree *a);
/* What a recipient with this key gets (RFC 5753 section 7.1.4, RFC 8551 section 2.3), for a
 * content key of that size: appends the AlgorithmIdentifier. False: no such key. */
bool cms_agree_choose(EVP_PKEY *recipient, size_t cek_size, struct buf *algorithm);
/* False: the keys don't go together, or what they agree on is no secret. */
bool cms_agree_kek(const struct cms_agree *a, EVP_PKEY *own, EVP_PKEY *peer,
	uint8_t kek[CMS_AGREE_KEK_MAX]);
bool cms_agree_wrap(const struct cms_agree *a, const uint8_t kek[CMS_AGREE_KEK_MAX],
	struct slice cek, struct buf *wrapped);
/* False: it isn't what was wrapped, or of another size; cek is then of no use. */
bool cms_agree_unwrap(const struct cms_agree *a, const uint8_t kek[CMS_AGREE_KEK_MAX],
	struct slice wrapped, size_t cek_size, uint8_t *cek);
/* "ECDH P-256", "X25519", static; NULL: a key that isn't for this. */
const char *cms_agree_name(EVP_PKEY *key);

#endif
