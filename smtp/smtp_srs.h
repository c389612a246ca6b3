/* smtp_srs: the sender of forwarded mail, rewritten to an address of ours, so that SPF passes
 * where it goes, and turned back when a bounce comes to it (Sender Rewriting Scheme,
 * libsrs2's SRS0 and SRS1):
 *   a@x.test, forwarded by y.test:   SRS0=HHHHHH=TT=x.test=a@y.test
 *   that one, forwarded by z.test:   SRS1=HHHHHH=y.test==HHHHHH=TT=x.test=a@z.test
 * HHHHHH: 30 bits of a keyed hash of all else, TT: the day; both in base 32. Letters are
 * alike in upper and lower case, as servers on the way may change them. Pure. */
#ifndef SMTP_SRS_H
#define SMTP_SRS_H

#include "core/buf.h"
#include "core/err.h"
#include "crypto/seal.h"

/* DAYS_MAX: an address is good on so many days after the one on which it was made. */
enum { SMTP_SRS_HASH = 6, SMTP_SRS_DAYS_MAX = 21, SMTP_SRS_ADDRESS_MAX = 512 };

/* Appends what sender becomes at a domain of ours. sender: as in the envelope, local@domain.
 * ERR_LIMIT: it would be longer than a local part may be (64 octets, RFC 5321 4.5.3.1.1), or
 * out is full. ERR_SYNTAX: no address of a domain (the null sender, a literal). out is as it
 * was then. */
enum err smtp_srs_forward(const struct seal_key *key, uint64_t now_sec, struct slice sender,
	struct slice domain, struct buf *out);
/* Appends the address to which a bounce for `address` goes. Whose domain it has doesn't
 * count. ERR_NOT_FOUND: it isn't of this form. ERR_DENIED: not made with this key, or too old.
 * ERR_LIMIT: out is full. out is as it was then. */
enum err smtp_srs_back(
	const struct seal_key *key, uint64_t now_sec, struct slice address, struct buf *out);

/* Is the address of this form, whoever made it? */
bool smtp_srs_is_tagged(struct slice address);

#endif
