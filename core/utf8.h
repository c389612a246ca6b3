/* utf8: UTF-8 as RFC 3629 has it: shortest form only, no surrogates, nothing
 * above U+10FFFF. Pure. */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include "core/slice.h"

enum { UTF8_MAX = 4, UTF8_REPLACEMENT = 0xfffd };

/* Octets of the character at the start of s (1 to 4), or 0: invalid, cut off, or
 * s is empty. */
size_t utf8_get(struct slice s, uint32_t *code_point);
/* Writes 1 to 4 octets; what is no scalar value becomes U+FFFD. */
size_t utf8_put(uint32_t code_point, uint8_t out[UTF8_MAX]);
bool utf8_is_valid(struct slice s);
/* No octet above 127. */
bool utf8_is_ascii(struct slice s);
/* True when s could be the beginning of a longer valid character. */
bool utf8_is_cut(struct slice s);

#endif
