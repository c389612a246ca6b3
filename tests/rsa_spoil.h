/* rsa_spoil: what can be wrong with the padding of PKCS#1 v1.5 (RFC 8017 section 7.2.2), in
 * what RSA of 2048 bits makes a number of. For benches that time it. */
#ifndef TESTS_RSA_SPOIL_H
#define TESTS_RSA_SPOIL_H

#include "core/rand.h"

enum { RSA_SPOIL_MODULUS = 256 };

static inline void
rsa_spoil_nothing(uint8_t *em)
{
	(void)em;
}

static inline void
rsa_spoil_no_leading_zero(uint8_t *em)
{
	em[0] = 1;
}

static inline void
rsa_spoil_a_signature(uint8_t *em)
{
	em[1] = 1;
}

static inline void
rsa_spoil_no_type(uint8_t *em)
{
	em[1] = 0;
}

static inline void
rsa_spoil_no_padding(uint8_t *em)
{
	em[2] = 0;
}

static inline void
rsa_spoil_short_padding(uint8_t *em)
{
	em[9] = 0;
}

static inline void
rsa_spoil_zero_in_the_middle(uint8_t *em)
{
	em[RSA_SPOIL_MODULUS / 2] = 0;
}

static inline void
rsa_spoil_no_separator(uint8_t *em)
{
	for (size_t i = 2; i < RSA_SPOIL_MODULUS; i++)
		em[i] |= 1;
}

static inline void
rsa_spoil_anything(uint8_t *em)
{
	rand_bytes(em, RSA_SPOIL_MODULUS);
	em[0] &= 0x3f;
}

#endif
