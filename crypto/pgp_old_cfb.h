/* pgp_old_cfb: CFB with CAST5 and Blowfish, under which older programs (GnuPG before 2.1 of its
 * own accord, PGP) locked private keys. What is already locked so is read; nothing is written.
 * For whoever reads such a file alone: messages have other ciphers. Pure. */
#ifndef CRYPTO_PGP_OLD_CFB_H
#define CRYPTO_PGP_OLD_CFB_H

#include "core/slice.h"

enum { PGP_OLD_CFB_KEY = 16, PGP_OLD_CFB_BLOCK = 8 };

/* Is it one of these (enum pgp_cipher)? */
bool pgp_old_cfb_has(uint8_t cipher);
/* out: in.n octets, may be in's. */
void pgp_old_cfb_open(uint8_t cipher, const uint8_t key[PGP_OLD_CFB_KEY],
	const uint8_t iv[PGP_OLD_CFB_BLOCK], struct slice in, uint8_t *out);

#endif
