/* rand: random numbers from the kernel (getrandom through libsodium, never a device file). */
#ifndef CORE_RAND_H
#define CORE_RAND_H

#include <stddef.h>
#include <stdint.h>

void rand_bytes(void *p, size_t n);
uint64_t rand_u64(void);
/* 0 <= result < bound, uniform; bound > 0. */
uint32_t rand_below(uint32_t bound);
/* n letters and digits that can't be mistaken for one another (base32 after Crockford, lower
 * case: 5 bits each), and a NUL: text has room for n + 1. */
void rand_text(char *text, size_t n);

#endif
