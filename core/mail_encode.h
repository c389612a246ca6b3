/* mail_encode: text into a content transfer encoding (RFC 2045 sections 6.7 and 6.8), in pieces
 * of any size; core/mail_decode gives it back. No line is longer than MAIL_ENCODE_LINE_MAX, and
 * none begins with a hyphen: so no boundary of a multipart comes into being. Pure. */
#ifndef CORE_MAIL_ENCODE_H
#define CORE_MAIL_ENCODE_H

#include "core/buf.h"
#include "core/mail_decode.h"

enum {
	MAIL_ENCODE_LINE_MAX = 76, /* octets without the line's end */
	/* Octets of the encoded text for each of the text's, and then some for what was held
	 * back: the most that a call appends. */
	MAIL_ENCODE_GROWTH = 4,
	MAIL_ENCODE_SLACK = 16
};

struct mail_encode {
	enum mail_encoding encoding;
	uint8_t column;
	bool has_cr;		 /* that may end a line */
	uint8_t blank;		 /* that may be a line's last octet; or 0 */
	uint8_t held[3], held_n; /* base64 */
};

/* QP or BASE64. */
void mail_encode_init(struct mail_encode *e, enum mail_encoding encoding);
/* Quoted-printable keeps lines: each CRLF or LF becomes a CRLF. */
void mail_encode_feed(struct mail_encode *e, struct slice in, struct buf *out);
/* The text's end; no line end is added. */
void mail_encode_end(struct mail_encode *e, struct buf *out);
/* Must quoted-printable write it as three octets? (A blank: only at a line's end.) */
bool mail_encode_is_quoted(uint8_t c);

#endif
