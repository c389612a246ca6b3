/* octet_mask: choices without a branch or an address that says which, for what RSA decrypted
 * and a stranger may want to know about (Bleichenbacher, Marvin). A mask is all bits or none.
 * Pure. */
#ifndef CRYPTO_OCTET_MASK_H
#define CRYPTO_OCTET_MASK_H

#include "core/slice.h"

/* All bits if x is 0, else none. */
uint32_t octet_mask_zero(uint32_t x);
uint32_t octet_mask_choose(uint32_t mask, uint32_t yes, uint32_t no);
/* The last n octets of a block into out, if the mask says so. n <= block.n. */
void octet_mask_take(uint32_t mask, struct slice block, size_t n, uint8_t *out);
/* Is em = 00 02 PS 00 and n octets, PS being eight or more that aren't 0 (RFC 8017 section
 * 7.2.2)? Since n is known, so is where the 00 has to be: nothing is searched for. */
uint32_t octet_mask_pkcs1(struct slice em, size_t n);

#endif
