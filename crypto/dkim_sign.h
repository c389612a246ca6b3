/* dkim_sign: signs mail with DKIM (RFC 6376, 8301, 8463, 8616), last of all that is done to it:
 * relaxed/relaxed, no l=, no i=. Each of the fields in dkim_sign.c's list is named once more
 * than it is there (RFC 6376 8.15), so that none can be added; of several with one name the
 * lowest is named first (5.4.2). The message is fed in pieces; memory is crypto/dkim_canon's.
 * Who has the private key signs a hash: between begin and end. Pure. */
#ifndef CRYPTO_DKIM_SIGN_H
#define CRYPTO_DKIM_SIGN_H

#include "core/arena.h"
#include "core/err.h"
#include "crypto/dkim_key.h"

/* FIELD: octets of a signature's field with its line ends; SELECTOR: of a selector. */
enum { DKIM_SIGN_FIELD_MAX = 16384, DKIM_SIGN_SELECTOR_MAX = 63 };

struct dkim_sign_as {
	enum dkim_key_kind kind;
	struct slice domain;   /* A-labels, no final dot: RFC 8616 section 5 */
	struct slice selector; /* as dkim_sign_is_selector wants it */
	uint64_t now_sec;      /* t=; 0: without */
	uint64_t until_sec;    /* x=; 0: without */
};

struct dkim_sign;
struct dkim_sign *dkim_sign_new(void);
void dkim_sign_free(struct dkim_sign *s); /* NULL is fine */
/* The message's next octets, header first, as they are or as they leave by SMTP: bare CRs and
 * LFs count as line ends. */
void dkim_sign_feed(struct dkim_sign *s, struct slice piece);
/* All of the header was fed: dkim_sign_from knows. */
bool dkim_sign_has_header(const struct dkim_sign *s);
/* The message is over. ERR_LIMIT: more signed fields, or octets of them, than are kept. */
enum err dkim_sign_finish(struct dkim_sign *s);

/* RFC 6376 5.4: what has no From field isn't signed. */
bool dkim_sign_has_from(const struct dkim_sign *s);
/* The domain that all addresses of the one From field have, in canonical form, from the arena;
 * empty: there is no such From, or no such domain. After the header. */
struct slice dkim_sign_from(const struct dkim_sign *s, struct arena *a);

/* After finish. Appends the field up to what the signature is, and tells what is to be signed
 * (dkim_key_sign). As often as wanted. ERR_LIMIT: out is full. */
enum err dkim_sign_begin(const struct dkim_sign *s, const struct dkim_sign_as *as,
	struct buf *field, uint8_t hash[DKIM_KEY_HASH]);
/* Appends the rest of the field, line end included. ERR_LIMIT. */
enum err dkim_sign_end(struct slice signature, struct buf *field);

/* What dkim_sign_begin hashes: the fields that h (of h=) names, then the field itself, which
 * ends behind "b=". */
void dkim_sign_hash(const struct dkim_sign *s, struct slice h, struct slice field,
	uint8_t hash[DKIM_KEY_HASH]);
/* Of the canonical body, after finish: what bh= has. */
const uint8_t *dkim_sign_body_hash(const struct dkim_sign *s);
/* Labels of a name in the DNS, dots between (RFC 6376 3.1), of at most DKIM_SIGN_SELECTOR_MAX
 * octets. */
bool dkim_sign_is_selector(struct slice text);

#endif
