/* private_key_inner: what private_key's files share. */
#ifndef CRYPTO_PRIVATE_KEY_INNER_H
#define CRYPTO_PRIVATE_KEY_INNER_H

#include <openssl/evp.h>

#include "crypto/cms_recipient.h"
#include "crypto/private_key.h"

enum { PRIVATE_KEY_SECRET = 32, PRIVATE_KEY_MODULUS_MAX = 1024 };

struct private_key {
	EVP_PKEY *pkey;
	uint8_t secret[PRIVATE_KEY_SECRET]; /* what content keys that are none come from */
};

/* ERR_SYNTAX, ERR_UNSUPPORTED; kinds and sizes that we don't use come, too. */
enum err private_key_read(struct slice pkcs8, EVP_PKEY **key);

/* KeyTransRecipientInfo with RSA: cek holds what it is to be if anything is wrong, and is
 * overwritten if nothing is, without a branch or an address that says which.
 * ERR_UNSUPPORTED. */
enum err private_key_rsa(const struct private_key *k, const struct cms_recipient *r,
	size_t cek_size, uint8_t *cek);
/* What RSA makes of a number, its leading zeros too: em has room for PRIVATE_KEY_MODULUS_MAX
 * octets. False: the number isn't one of this modulus, which everybody can see. */
bool private_key_rsa_raw(EVP_PKEY *pkey, struct slice number, uint8_t *em);

#endif
