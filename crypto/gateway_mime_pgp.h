/* gateway_mime_pgp: where OpenPGP is in a mail: PGP/MIME (RFC 3156), what Exchange makes of
 * it, and a text that is one armored message, or one with a signature of its own. By what it
 * is: micalg is never read. Pure. */
#ifndef CRYPTO_GATEWAY_MIME_PGP_H
#define CRYPTO_GATEWAY_MIME_PGP_H

#include "crypto/gateway_mime.h"

/* Octets of a body that say whether it may be such a thing; room for them, decoded. */
enum {
	GATEWAY_MIME_PGP_FRONT = 4096,
	GATEWAY_MIME_PGP_FRONT_MAX = GATEWAY_MIME_PGP_FRONT + MAIL_DECODE_SLACK
};

/* Exchange takes multipart/encrypted apart: multipart/mixed of an empty text, "Version: 1" as
 * application/pgp-encrypted, and the message. Only in exactly that shape. body: the mail's. */
bool gateway_mime_pgp_may_be_mended(
	const struct text *t, const struct gateway_mime_range *body);
/* Appends them, out of their encoding; nothing where the text can't be read. */
void gateway_mime_pgp_front(
	const struct text *t, const struct gateway_mime *m, struct buf *plain);
/* PGP_INLINE: the text begins with the BEGIN line of a message, blanks aside; PGP_CLEARTEXT: it
 * begins with that of a text with its signature; or PLAIN. */
enum gateway_mime_kind gateway_mime_pgp_inline(
	const struct text *t, const struct gateway_mime *m);
/* What web mailers make of an inline message: multipart/alternative of a text that begins with
 * it, and of HTML that has it, too, as far as its front shows. True: m is PGP_INLINE, as that
 * text is. */
bool gateway_mime_pgp_alternative(const struct text *t, struct gateway_mime *m);
/* Of a PLAIN one: does a line in its front begin one, behind something else? */
bool gateway_mime_pgp_is_amid(const struct text *t, const struct gateway_mime *m);

/* The message of a PGP_ENCRYPTED or PGP_INLINE mail: what is to be decoded and opened.
 * ERR_SYNTAX: it isn't made as it has to be; ERR_IO, ERR_CORRUPT: the text. */
struct gateway_mime_pgp {
	struct gateway_mime_range range;
	enum mail_encoding encoding;
};
enum err gateway_mime_pgp_find(
	const struct text *t, const struct gateway_mime *m, struct gateway_mime_pgp *out);

#endif
