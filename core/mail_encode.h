/* mail_encode: base64 and quoted-printable, RFC 2045 sections 6.7 and 6.8, written in pieces;
 * core/mail_decode is the way back. Lines have at most 76 octets and end in CRLF. It never
 * refuses an octet. Pure.
 *
 * False always means: out's cap was reached. Then the text is cut, and of no use. */
#ifndef CORE_MAIL_ENCODE_H
#define CORE_MAIL_ENCODE_H

#include "core/buf.h"

/* One text on its way; it owns nothing, and is for one of the two encodings from init to end.
 * What comes in may be cut anywhere: the pieces give the same as the whole. */
struct mail_encode {
	/* Base64: what came of a quantum. Quoted-printable: white space or CR, until it is
	 * known what comes next. */
	uint8_t held[4];
	size_t held_count, column;
};

void mail_encode_init(struct mail_encode *e);

/* Any octets. end writes the last quantum, padded, and a CRLF unless the text is empty or just
 * ended its line; e is as after init then. */
bool mail_encode_base64(struct mail_encode *e, struct slice in, struct buf *out);
bool mail_encode_base64_end(struct mail_encode *e, struct buf *out);

/* Text: CRLF and LF are line ends, and come out as CRLF; what the RFC doesn't call safe becomes
 * =XX, a CR alone and white space at a line's end included; longer lines get soft breaks. end
 * writes what was held, and no line end of its own; e is as after init then. */
bool mail_encode_qp(struct mail_encode *e, struct slice in, struct buf *out);
bool mail_encode_qp_end(struct mail_encode *e, struct buf *out);

/* Base64 of a whole value (SASL, RFC 2047): one line of any length, padded, no line end. */
bool mail_encode_base64_line(struct slice in, struct buf *out);

#endif
