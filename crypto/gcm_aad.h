/* gcm_aad: additional data of AES-GCM (SP 800-38D) that becomes known only after the
 * ciphertext, as in AuthEnvelopedData (RFC 5083), where the attributes stand behind the
 * content. GHASH is linear, so the tag with them is the tag without them, changed by octets
 * that can be computed afterwards. Pure. */
#ifndef CRYPTO_GCM_AAD_H
#define CRYPTO_GCM_AAD_H

#include "core/slice.h"

enum { GCM_AAD_BLOCK = 16 };

/* hash_key: the zero block, encrypted. delta: to be XORed into the tag that holds for n octets
 * of ciphertext without additional data. */
void gcm_aad_delta(const uint8_t hash_key[GCM_AAD_BLOCK], struct slice aad, uint64_t n,
	uint8_t delta[GCM_AAD_BLOCK]);

#endif
