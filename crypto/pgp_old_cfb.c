/* Deprecated, and there is nothing else in a static library. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/pgp_old_cfb.h"

#include <openssl/blowfish.h>
#include <openssl/cast.h>
#include <openssl/crypto.h>
#include <string.h>

#include "crypto/pgp.h"

bool
pgp_old_cfb_has(uint8_t cipher)
{
	return cipher == PGP_CAST5 || cipher == PGP_BLOWFISH;
}

void
pgp_old_cfb_open(uint8_t cipher, const uint8_t key[PGP_OLD_CFB_KEY],
	const uint8_t iv[PGP_OLD_CFB_BLOCK], struct slice in, uint8_t *out)
{
	union {
		CAST_KEY cast5;
		BF_KEY blowfish;
	} k;
	uint8_t block[PGP_OLD_CFB_BLOCK];
	int used = 0;

	memcpy(block, iv, sizeof block);
	if (cipher == PGP_CAST5) {
		CAST_set_key(&k.cast5, PGP_OLD_CFB_KEY, key);
		CAST_cfb64_encrypt(in.p, out, (long)in.n, &k.cast5, block, &used, CAST_DECRYPT);
	} else {
		BF_set_key(&k.blowfish, PGP_OLD_CFB_KEY, key);
		BF_cfb64_encrypt(in.p, out, (long)in.n, &k.blowfish, block, &used, BF_DECRYPT);
	}
	OPENSSL_cleanse(&k, sizeof k);
	OPENSSL_cleanse(block, sizeof block);
}
