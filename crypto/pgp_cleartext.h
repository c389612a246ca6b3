/* pgp_cleartext: text that can be read as it stands, with its signature below it (RFC 9580
 * section 7), both ways, in a stream. What is signed are lines without white space at their
 * ends, CRLF between them; what the reader writes is exactly that, with the line ends that
 * came, so nothing is shown that wasn't signed. Pure. */
#ifndef CRYPTO_PGP_CLEARTEXT_H
#define CRYPTO_PGP_CLEARTEXT_H

#include "core/text.h"
#include "crypto/pgp_armor.h"

/* Octets of a line as it stands, with its end; a longer one: ERR_LIMIT. To be written, three
 * less: there may be "- " before it, and an end that it has not. */
enum { PGP_CLEARTEXT_LINE_MAX = 65536 };

/* Does the text begin so? At least 34 octets of it, unless it has fewer. */
bool pgp_cleartext_is(struct slice front);

/* Reads one that begins at the first octet. */
struct pgp_cleartext {
	struct text_sink shown;	 /* the text */
	struct text_sink hashed; /* what signatures are over */
	struct buf line;
	struct buf signature; /* its packets; after finish */
	struct pgp_unarmor armor;
	unsigned state;
	bool has_line; /* before the one that comes */
	bool has_more; /* something stood behind the signature: it is nobody's */
	enum err error;
};
void pgp_cleartext_init(
	struct pgp_cleartext *c, struct text_sink shown, struct text_sink hashed);
/* ERR_SYNTAX, for headers too that aren't "Hash: " and names of hashes; ERR_LIMIT; the sinks'.
 * The first error stays. */
enum err pgp_cleartext_feed(struct pgp_cleartext *c, struct slice octets);
/* ERR_SYNTAX: it isn't whole. */
enum err pgp_cleartext_finish(struct pgp_cleartext *c);
void pgp_cleartext_fini(struct pgp_cleartext *c);

/* Writes: the text with its dashes escaped goes to `out`, what is to be signed to `hashed`. The
 * caller puts the armored signature behind it. */
struct pgp_cleartext_out {
	struct text_sink out, hashed;
	struct buf line;
	bool has_line, is_begun;
	const char *hash; /* of the header; NULL: none (version 6) */
	enum err error;
};
void pgp_cleartext_out_init(struct pgp_cleartext_out *c, const char *hash, struct text_sink out,
	struct text_sink hashed);
enum err pgp_cleartext_out_feed(struct pgp_cleartext_out *c, struct slice text);
enum err pgp_cleartext_out_finish(struct pgp_cleartext_out *c);
void pgp_cleartext_out_fini(struct pgp_cleartext_out *c);

#endif
