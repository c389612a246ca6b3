/* gateway_build: the MIME of what leaves: the mail's entity (RFC 8551 section 3.1), signed
 * (multipart/signed of 7-bit lines, RFC 1847, or opaque) and encrypted, each of it a text of
 * the room, made once and when it is wanted. Pure but for random numbers and what the keys
 * do. */
#ifndef CRYPTO_GATEWAY_BUILD_H
#define CRYPTO_GATEWAY_BUILD_H

#include "crypto/gateway_answer.h"
#include "crypto/smime_sign.h"

struct gateway_build {
	struct gateway_work *w;
	const struct gateway_head *head; /* whose Content-* are the entity's */
	struct slice subject;	  /* a field's body that is the entity's, too; or empty */
	const struct text *plain; /* the entity, lines end in CRLF; NULL: not made yet */
	/* Octets above 127 are in it, or lines that may not come as they leave. */
	bool is_frail;
	const struct text *signed_as[2][2]; /* by is_pss; detached, opaque */
	const struct text *signed_pgp;	    /* gateway_build_pgp's */
};
void gateway_build_init(
	struct gateway_build *b, struct gateway_work *w, const struct gateway_head *head);
/* The mail's Content-* and body, as it is. */
enum err gateway_build_plain(struct gateway_build *b, const struct text **entity);
/* The entity of 7-bit octets, and of lines that nobody on the way changes, as what is signed
 * beside its text must be. ERR_UNSUPPORTED: it can't be made so. */
enum err gateway_build_7bit(struct gateway_build *b, const struct text **entity);
/* Signed. What can't be made 7-bit is signed opaque, whatever is_opaque says, and *is_opaque
 * says so. ERR_UNAVAILABLE: keyd; ERR_CRYPTO: it can't be signed; errors of the room. */
enum err gateway_build_signed(struct gateway_build *b, const struct smime_sign_setup *setup,
	bool *is_opaque, const struct text **entity);
/* Puts Content-* and the base64 of the entity, encrypted. ERR_CRYPTO: not to these; errors of
 * the sink. */
struct gateway_build_seal {
	Gateway__Certificate **to;
	size_t n;
	Gateway__Settings__Cipher cipher;
};
enum err gateway_build_sealed(const struct text *entity, const struct gateway_build_seal *seal,
	const struct text_sink *to);

#endif
