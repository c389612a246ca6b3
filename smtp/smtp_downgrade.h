/* smtp_downgrade: a message with 8-bit octets made one of 7-bit octets, for servers without
 * 8BITMIME (RFC 6152 section 3): each part that has them becomes quoted-printable or base64
 * (RFC 2045 section 6), its decoded content staying the same; all else passes as it is. Parts
 * in parts and messages in them too, but nothing that multipart/signed covers (RFC 1847 section
 * 2.1): a signature is never broken. Pure; memory is bounded by core/mail_scan's limits.
 *
 * The text is read three times, in pieces of any size: twice to look, at last to write. */
#ifndef SMTP_DOWNGRADE_H
#define SMTP_DOWNGRADE_H

#include "core/buf.h"
#include "core/err.h"
#include "core/mail_encode.h"

enum { SMTP_DOWNGRADE_ROOM = 32 << 10 };

struct smtp_downgrade_facts {
	/* Why it can't be, for people, static; NULL: it can. */
	const char *why;
	uint64_t size_bytes;	 /* of the result, about */
	uint32_t quoted, base64; /* parts that are converted */
	/* It has a DKIM signature, which covers the octets as they were: it is void then, which
	 * RFC 6376 section 6.1 wants to be taken as none. */
	bool voids_dkim;
};

struct smtp_downgrade;
struct smtp_downgrade *smtp_downgrade_new(void);
/* NULL is fine. */
void smtp_downgrade_free(struct smtp_downgrade *d);

void smtp_downgrade_look(struct smtp_downgrade *d, struct slice piece);
/* The text is over. ERR_MORE: it is to be looked at once more, from its beginning. ERR_OK: that
 * was all, it may be written. ERR_UNSUPPORTED: it can't be converted. */
enum err smtp_downgrade_looked(struct smtp_downgrade *d);
/* After ERR_OK or ERR_UNSUPPORTED; lives as long as d. */
const struct smtp_downgrade_facts *smtp_downgrade_facts(const struct smtp_downgrade *d);

/* From the text's beginning, once more or for the first time. */
void smtp_downgrade_begin(struct smtp_downgrade *d);
/* Appends what the front of the piece has become; gives how many octets that was: fewer than
 * all when out has no SMTP_DOWNGRADE_ROOM any more below its cap. */
size_t smtp_downgrade_write(struct smtp_downgrade *d, struct slice piece, struct buf *out);
/* The text is over. Appends at most SMTP_DOWNGRADE_ROOM octets. */
void smtp_downgrade_end(struct smtp_downgrade *d, struct buf *out);

#endif
