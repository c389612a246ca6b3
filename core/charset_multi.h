/* charset_multi: the charsets with more than one octet a character, and those
 * with escape sequences. A part of core/charset, which is what others call. Pure. */
#ifndef CORE_CHARSET_MULTI_H
#define CORE_CHARSET_MULTI_H

#include "core/charset.h"

/* As charset_decode_step, for GB18030 to ISO_2022_JP of the enum. */
int charset_multi_step(
	struct charset_decoder *d, struct slice in, uint32_t code_points[2], unsigned *count);
/* As charset_decode_step, for UTF-7. */
int charset_multi_utf7(
	struct charset_decoder *d, struct slice in, uint32_t code_points[2], unsigned *count);

/* The shift states of ISO-2022-JP. */
enum charset_multi_set {
	CHARSET_MULTI_ASCII,
	CHARSET_MULTI_ROMAN,
	CHARSET_MULTI_KANA,
	CHARSET_MULTI_0208,
	CHARSET_MULTI_0212,
	CHARSET_MULTI_GB2312,
	CHARSET_MULTI_KSC5601,
};

#endif
