/* mail_decode: content transfer encodings, RFC 2045 section 6, undone in pieces.
 * It forgives all: what is no base64 is skipped, a broken =XX stays as it is; it never fails
 * and holds at most MAIL_DECODE_SLACK octets back. Pure. */
#ifndef CORE_MAIL_DECODE_H
#define CORE_MAIL_DECODE_H

#include "core/buf.h"

enum mail_encoding {
	MAIL_ENCODING_7BIT,
	MAIL_ENCODING_8BIT,
	MAIL_ENCODING_BINARY,
	MAIL_ENCODING_QP,
	MAIL_ENCODING_BASE64,
	MAIL_ENCODING_UNKNOWN, /* RFC 2045 section 6.4: its text can't be known */
};

enum { MAIL_DECODE_SLACK = 80 };

/* The state may be copied; it owns nothing. */
struct mail_decode {
	enum mail_encoding encoding;
	uint32_t bits;
	uint8_t bit_count;
	uint8_t held[MAIL_DECODE_SLACK];
	size_t held_count;
};

/* The value of a Content-Transfer-Encoding field; empty is 7BIT. */
enum mail_encoding mail_decode_encoding(struct slice value);
/* The RFC's upper-case name; "7BIT" for what isn't one of the enum. */
const char *mail_decode_name(enum mail_encoding encoding);

void mail_decode_init(struct mail_decode *d, enum mail_encoding encoding);
/* Decodes `in` into `out`, which has room for in.n + MAIL_DECODE_SLACK octets
 * (may be `in` itself only for 7BIT, 8BIT and BINARY). Gives the octets written. */
size_t mail_decode_feed(struct mail_decode *d, struct slice in, uint8_t *out);
/* What was held back; out has room for MAIL_DECODE_SLACK octets. */
size_t mail_decode_end(struct mail_decode *d, uint8_t *out);

/* Whole values (SASL, RFC 2047): strict base64 of RFC 4648 section 4, padding
 * needed, no other octets. False: it isn't, or out's cap was reached. */
bool mail_decode_base64(struct slice in, struct buf *out);

#endif
