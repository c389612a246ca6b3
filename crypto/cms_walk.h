/* cms_walk: reads a ContentInfo of CMS (RFC 5652, 5083, 3274) as it comes, BER or DER, octet
 * by octet if it must be: the content goes on in the pieces that it came in, all else is kept
 * element by element and handed over as DER (X.690: tags of one octet, indefinite lengths made
 * definite, lengths as short as can be; sets stay in their order, strings in their pieces), so
 * that OpenSSL or cms_der can read it. Its memory is what one element takes. Pure.
 *
 * All of it is hostile: depth at most SMIME_DEPTH_MAX, all that isn't content at most
 * SMIME_STRUCTURE_MAX octets, each element inside its parent. */
#ifndef CRYPTO_CMS_WALK_H
#define CRYPTO_CMS_WALK_H

#include "core/err.h"
#include "crypto/smime.h"

enum cms_walk_place {
	CMS_WALK_MAIN,	/* in SignedData, EnvelopedData, AuthEnvelopedData, CompressedData */
	CMS_WALK_HOLDER /* in EncapsulatedContentInfo, EncryptedContentInfo */
};
struct cms_walk_to {
	/* One whole element, header and all, in its order; gone after the return. Not: the
	 * type of the ContentInfo, the holder, and the content. */
	enum err (*element)(void *arg, enum cms_walk_place place, struct slice der);
	/* Octets of the (encrypted) content; never called if it is detached or empty. */
	enum err (*content)(void *arg, struct slice octets);
	void *arg;
};

struct cms_walk;
struct cms_walk *cms_walk_new(const struct cms_walk_to *to);
void cms_walk_free(struct cms_walk *w); /* NULL is fine */
/* ERR_SYNTAX; ERR_LIMIT; ERR_UNSUPPORTED: a ContentInfo of another kind; what the callbacks
 * return. The first error stays. What comes behind the ContentInfo's end is left alone. */
enum err cms_walk_feed(struct cms_walk *w, struct slice ber);
/* ERR_SYNTAX: it isn't whole. */
enum err cms_walk_finish(const struct cms_walk *w);
/* SMIME_UNKNOWN until its type has come. */
enum smime_kind cms_walk_kind(const struct cms_walk *w);
/* Was there a content, empty or not? */
bool cms_walk_has_content(const struct cms_walk *w);

#endif
