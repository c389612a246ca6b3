/* mail_downgrade: a message with 8-bit octets made one of 7-bit octets, for servers without
 * 8BITMIME (RFC 6152 section 3): each part that has them becomes quoted-printable or base64
 * (RFC 2045 section 6), its decoded content staying the same; all else passes as it is. Parts
 * in parts and messages in them too, but nothing that multipart/signed covers (RFC 1847 section
 * 2.1): a signature is never broken. Pure; memory is bounded by core/mail_scan's limits.
 *
 * The text is read three times, in pieces of any size: twice to look, at last to write. */
#ifndef CORE_MAIL_DOWNGRADE_H
#define CORE_MAIL_DOWNGRADE_H

#include "core/buf.h"
#include "core/err.h"
#include "core/mail_encode.h"

enum { MAIL_DOWNGRADE_ROOM = 32 << 10 };

struct mail_downgrade_facts {
	/* Why it can't be, for people, static; NULL: it can. */
	const char *why;
	uint64_t size_bytes;	 /* of the result, about */
	uint32_t quoted, base64; /* parts that are converted */
	/* It has a DKIM signature, which covers the octets as they were: it is void then, which
	 * RFC 6376 section 6.1 wants to be taken as none. */
	bool voids_dkim;
};

struct mail_downgrade;
struct mail_downgrade *mail_downgrade_new(void);
/* NULL is fine. */
void mail_downgrade_free(struct mail_downgrade *d);

/* Before anything else: it is to be signed (RFC 3156 section 5), so text that isn't encoded is
 * converted, too, if it has lines of more than 998 octets, or with a blank at their end. */
void mail_downgrade_to_sign(struct mail_downgrade *d);
void mail_downgrade_look(struct mail_downgrade *d, struct slice piece);
/* The text is over. ERR_MORE: it is to be looked at once more, from its beginning. ERR_OK: that
 * was all, it may be written. ERR_UNSUPPORTED: it can't be converted. */
enum err mail_downgrade_looked(struct mail_downgrade *d);
/* After ERR_OK or ERR_UNSUPPORTED; lives as long as d. */
const struct mail_downgrade_facts *mail_downgrade_facts(const struct mail_downgrade *d);

/* From the text's beginning, once more or for the first time. */
void mail_downgrade_begin(struct mail_downgrade *d);
/* Appends what the front of the piece has become; gives how many octets that was: fewer than
 * all when out has no MAIL_DOWNGRADE_ROOM any more below its cap. */
size_t mail_downgrade_write(struct mail_downgrade *d, struct slice piece, struct buf *out);
/* The text is over. Appends at most MAIL_DOWNGRADE_ROOM octets. */
void mail_downgrade_end(struct mail_downgrade *d, struct buf *out);

#endif
