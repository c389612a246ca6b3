/* pgp_armor: ASCII armor (RFC 9580 section 6), in a stream, both ways. A checksum is never
 * looked at, as section 6.1 wants it; it is written where old readers may miss it. Pure. */
#ifndef CRYPTO_PGP_ARMOR_H
#define CRYPTO_PGP_ARMOR_H

#include "core/text.h"

enum pgp_armor_kind {
	PGP_ARMOR_NONE, /* octets as they are */
	PGP_ARMOR_MESSAGE,
	PGP_ARMOR_PUBLIC_KEY,
	PGP_ARMOR_PRIVATE_KEY,
	PGP_ARMOR_SIGNATURE,
	PGP_ARMOR_CLEARTEXT, /* "SIGNED MESSAGE": pgp_cleartext's */
	PGP_ARMOR_KINDS
};
/* "PGP MESSAGE", static; NULL: none. */
const char *pgp_armor_label(enum pgp_armor_kind kind);

enum {
	/* Of those around the base64: one of so many octets or more is no border, and text. */
	PGP_ARMOR_LINE_MAX = 256,
	PGP_ARMOR_HEADERS_MAX = 65536, /* octets of the lines behind BEGIN */
	PGP_ARMOR_LINE = 64	       /* octets of a line of base64 that we write */
};

/* Reads. What begins with an octet above 127 is binary, and passes as it is. Else all lines up
 * to a BEGIN line are passed over; white space anywhere in the base64 is, too. Blocks that
 * follow go the same way, if they are of the same kind. */
struct pgp_unarmor {
	struct text_sink to;
	enum pgp_armor_kind kind; /* of the first block */
	size_t blocks;		  /* whole ones; binary: 1 at the end */
	bool has_text;		  /* something other than white space stood around them */
	/* Its own: */
	unsigned state;
	uint8_t line[PGP_ARMOR_LINE_MAX];
	size_t n_line, headers;
	uint32_t quad;
	unsigned n_quad, padding;
	bool is_at_line;
	enum err error;
};
void pgp_unarmor_init(struct pgp_unarmor *u, struct text_sink to);
/* ERR_SYNTAX; ERR_LIMIT: PGP_ARMOR_HEADERS_MAX; ERR_UNSUPPORTED: PGP_ARMOR_CLEARTEXT, of which
 * nothing is read; the sink's errors. The first error stays. */
enum err pgp_unarmor_feed(struct pgp_unarmor *u, struct slice octets);
/* ERR_NOT_FOUND: there was neither a block nor anything binary; ERR_SYNTAX: one isn't whole. */
enum err pgp_unarmor_finish(struct pgp_unarmor *u);

/* Writes, with LF at the ends of lines. PGP_ARMOR_NONE: nothing but the octets. */
struct pgp_armor {
	struct text_sink to;
	enum pgp_armor_kind kind;
	bool has_checksum, is_begun;
	uint32_t checksum;
	size_t n;
	uint8_t octets[PGP_ARMOR_LINE / 4 * 3];
};
/* has_checksum: not with what version 6 has (section 6.1). */
void pgp_armor_init(
	struct pgp_armor *a, enum pgp_armor_kind kind, bool has_checksum, struct text_sink to);
/* The sink's errors. */
enum err pgp_armor_feed(struct pgp_armor *a, struct slice octets);
enum err pgp_armor_finish(struct pgp_armor *a);

#endif
