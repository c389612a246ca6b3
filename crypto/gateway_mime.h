/* gateway_mime: which cryptographic layer is the outermost one of a mail or part (RFC 8551
 * section 3, RFC 1847, RFC 3156), where its pieces are, and the streams between texts and
 * machines: out of an encoding, into canonical lines, into base64. By what it is, not by what
 * it says beside that: smime-type and micalg are never read. Only the outermost part is looked
 * at: a layer within multipart/mixed is a part of what somebody else put together. Pure. */
#ifndef CRYPTO_GATEWAY_MIME_H
#define CRYPTO_GATEWAY_MIME_H

#include "core/mail_encode.h"
#include "crypto/gateway_head.h"
#include "crypto/smime.h"

enum gateway_mime_kind {
	GATEWAY_MIME_PLAIN,
	GATEWAY_MIME_SIGNED,	    /* multipart/signed, application/pkcs7-signature */
	GATEWAY_MIME_CMS,	    /* application/pkcs7-mime, or octets that are named so */
	GATEWAY_MIME_PGP_SIGNED,    /* multipart/signed, application/pgp-signature */
	GATEWAY_MIME_PGP_ENCRYPTED, /* multipart/encrypted, application/pgp-encrypted */
	GATEWAY_MIME_PGP_INLINE,    /* text/plain that begins with an armored message */
	GATEWAY_MIME_PGP_CLEARTEXT  /* or with a text that is signed as it stands */
};
/* [at, end) of a text. */
struct gateway_mime_range {
	uint64_t at, end;
};
struct gateway_mime {
	enum gateway_mime_kind kind;
	enum mail_encoding encoding;
	struct gateway_mime_range body;
	bool is_mended; /* PGP_ENCRYPTED: taken apart by Exchange (gateway_mime_pgp) */
	/* PGP_INLINE: body and encoding are those of the text in multipart/alternative, and
	 * nobody has looked at its other part. */
	bool is_alternative;
	/* Why it is taken for PLAIN although it says otherwise, static; or NULL. Readers may
	 * see another thing in it than we do. */
	const char *flaw;
};
void gateway_mime_look(
	const struct gateway_head *h, const struct text *t, struct gateway_mime *out);

/* The two parts of multipart/signed or multipart/encrypted: as it is covered (RFC 1847:
 * header and body, without the line end before the boundary), and the second's body.
 * ERR_SYNTAX: there aren't two; ERR_IO, ERR_CORRUPT: the text. */
struct gateway_mime_two {
	struct gateway_mime_range first, first_body, second_body;
	enum mail_encoding second_encoding;
};
enum err gateway_mime_split(const struct text *t, struct gateway_mime_two *out);

/* What a CMS body is, by its first octets. ERR_IO, ERR_CORRUPT. */
enum err gateway_mime_cms(
	const struct text *t, const struct gateway_mime *m, enum smime_kind *kind);
/* Puts the range's octets, taken out of their encoding. Errors of the text or the sink. */
enum err gateway_mime_decode(const struct text *t, struct gateway_mime_range r,
	enum mail_encoding encoding, const struct text_sink *to);
/* The same as lines that end in CRLF. */
enum err gateway_mime_lines(
	const struct text *t, struct gateway_mime_range r, const struct text_sink *to);

/* A sink in front of another one: every line ends in CRLF there, whatever ended it. */
struct gateway_mime_canon {
	struct text_sink to;
	bool has_cr;   /* that the next octet decides about */
	uint64_t bare; /* CR or LF that stood alone */
	uint64_t odd;  /* octets that no text of a mail holds: NUL, other controls */
	uint64_t high; /* octets above 127 */
	/* Lines that may not come as they leave: too long for SMTP, or with a blank at
	 * their end. */
	uint64_t frail;
	size_t column;
	bool is_blank; /* the line's last octet so far */
	uint8_t out[2048];
};
struct text_sink gateway_mime_canon_into(struct gateway_mime_canon *c, struct text_sink to);
/* The end: a CR that was held back. */
enum err gateway_mime_canon_end(struct gateway_mime_canon *c);

/* A sink in front of another one, which gets base64 in lines; end ends the last line. */
struct gateway_mime_base64 {
	struct text_sink to;
	struct mail_encode encode;
	struct buf out;
};
struct text_sink gateway_mime_base64_into(struct gateway_mime_base64 *b, struct text_sink to);
enum err gateway_mime_base64_end(struct gateway_mime_base64 *b);
/* Frees what it holds, also without an end. */
void gateway_mime_base64_fini(struct gateway_mime_base64 *b);

#endif
