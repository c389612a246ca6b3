/* charset_iconv: iconv(3) over core/charset. core/charset_libc.c gives these the
 * names that libc has, for GLib and GMime in the static program. Pure. */
#ifndef CORE_CHARSET_ICONV_H
#define CORE_CHARSET_ICONV_H

#include <stddef.h>

struct charset_iconv;

/* The names may end in //TRANSLIT (what can't be written becomes '?') or
 * //IGNORE (what can't be read or written is left out). NULL and EINVAL: one of
 * the two isn't known. Free with charset_iconv_close. */
struct charset_iconv *charset_iconv_open(const char *to, const char *from);
/* As iconv(3), errno included: E2BIG, EILSEQ, EINVAL; the pointers then stand
 * behind the last character that went through whole. */
size_t charset_iconv_run(
	struct charset_iconv *c, char **in, size_t *in_left, char **out, size_t *out_left);
void charset_iconv_close(struct charset_iconv *c);

#endif
