/* charset_libc: takes the place of libc's iconv in the static program, whose own
 * knows next to no charset and would look for modules on the host. The linker
 * takes this file when told that iconv_open is wanted (-u iconv_open). */
#include <iconv.h>

#include "core/charset_iconv.h"

iconv_t
iconv_open(const char *to, const char *from)
{
	struct charset_iconv *c = charset_iconv_open(to, from);

	return c ? (iconv_t)c : (iconv_t)-1;
}

size_t
iconv(iconv_t cd, char **in, size_t *in_left, char **out, size_t *out_left)
{
	return charset_iconv_run((struct charset_iconv *)cd, in, in_left, out, out_left);
}

int
iconv_close(iconv_t cd)
{
	charset_iconv_close((struct charset_iconv *)cd);
	return 0;
}
