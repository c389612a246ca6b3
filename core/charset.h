/* charset: the charsets of mail, from and to UTF-8, without libc's iconv (which,
 * linked statically, knows almost none). Tables are made at build time from the
 * build host's iconv (tools/charset_gen.c). Pure. */
#ifndef CORE_CHARSET_H
#define CORE_CHARSET_H

#include "core/buf.h"
#include "core/charset_list.h"

/* The numbers are stored (imap_index): never change one. */
enum charset {
	CHARSET_US_ASCII,
	CHARSET_UTF_8,
	CHARSET_UTF_7,	/* RFC 2152 */
	CHARSET_UTF_16, /* by its byte order mark, else big-endian (RFC 2781) */
	CHARSET_UTF_16BE,
	CHARSET_UTF_16LE,
	CHARSET_UTF_32,
	CHARSET_UTF_32BE,
	CHARSET_UTF_32LE,
	CHARSET_GB18030, /* GB2312 and GBK too, which it contains */
	CHARSET_HZ,	 /* RFC 1843 */
	CHARSET_BIG5,
	CHARSET_BIG5_HKSCS,
	CHARSET_EUC_KR,	     /* with the extensions of windows-949 */
	CHARSET_ISO_2022_KR, /* RFC 1557 */
	CHARSET_SHIFT_JIS,   /* as windows-31J */
	CHARSET_EUC_JP,
	CHARSET_ISO_2022_JP, /* RFC 1468, with JIS X 0201, 0212 and ISO-2022-JP-2's GB 2312 and
				KS C 5601 */
	CHARSET_SINGLE_FIRST,
	CHARSET_SINGLE_BEFORE_FIRST = CHARSET_SINGLE_FIRST - 1,
#define X(constant, name, host) CHARSET_##constant,
	CHARSET_SINGLE(X)
#undef X
		CHARSET_COUNT,
	CHARSET_UNKNOWN = 255,
};

/* label: as in a charset parameter, any case, any of its usual spellings.
 * CHARSET_UNKNOWN when nobody knows it; US-ASCII when it is empty. */
enum charset charset_find(struct slice label);
/* The name to write into a mail. */
const char *charset_name(enum charset c);

/* --- decoding ------------------------------------------------------------------- */

enum { CHARSET_HELD_MAX = 8 };

/* Owns nothing, may be copied. */
struct charset_decoder {
	enum charset charset;
	uint8_t set; /* shift state; what it means is the charset's own matter */
	uint8_t bit_count;
	uint32_t bits;
	uint16_t high; /* a high surrogate that waits for the low one (UTF-7) */
	uint8_t held[CHARSET_HELD_MAX]; /* the start of a character that was cut off */
	size_t held_count;
};

/* CHARSET_UNKNOWN decodes as US-ASCII. */
void charset_decode_init(struct charset_decoder *d, enum charset charset);
/* One step, for those who count: takes octets at the start of `in` and gives 0,
 * 1 or 2 characters. >0: octets taken; 0: `in` ends within a character; -1: what
 * begins here is no character (nothing was taken, nor has the state changed).
 * Never give it less than what it left the last time. */
int charset_decode_step(
	struct charset_decoder *d, struct slice in, uint32_t code_points[2], unsigned *count);
/* Appends UTF-8, U+FFFD for each octet that is no character. in.n times 3, and a
 * dozen octets, is the most that it writes. False: out is full. */
bool charset_decode(struct charset_decoder *d, struct slice in, struct buf *out);
/* The end: U+FFFD for a character that was cut off. */
bool charset_decode_end(struct charset_decoder *d, struct buf *out);
/* All at once. False: out is full. */
bool charset_to_utf8(enum charset charset, struct slice in, struct buf *out);

/* --- encoding ------------------------------------------------------------------- */

enum { CHARSET_ENCODED_MAX = 8 };

struct charset_encoder {
	enum charset charset;
	uint8_t set;
	bool is_begun; /* UTF-16: the byte order mark was written */
};

/* False: not a charset that this module writes (UTF-7, HZ, ISO-2022-KR). */
bool charset_encode_init(struct charset_encoder *e, enum charset charset);
/* Octets written, or -1: the charset has no such character (the state stays). */
int charset_encode(
	struct charset_encoder *e, uint32_t code_point, uint8_t out[CHARSET_ENCODED_MAX]);
/* The octets that lead back to the initial state. */
int charset_encode_end(struct charset_encoder *e, uint8_t out[CHARSET_ENCODED_MAX]);

#endif
