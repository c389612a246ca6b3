/* imap_section: BODY[...] and BINARY[...] of one message (RFC 9051 sections 6.4.5 and 6.4.5.1)
 * in pieces: however large the section is, what is held of it is one part of the stored
 * message. The state owns nothing and may be copied. */
#ifndef IMAP_SECTION_H
#define IMAP_SECTION_H

#include "core/mail_decode.h"
#include "imap/imap_att.h"
#include "imap/imap_message.h"

struct imap_section {
	uint64_t size; /* octets that come out: the literal's */
	/* What is left to be read of the message, and to be dropped and written of what comes
	 * of it. */
	struct imap_body_range from;
	uint64_t skip, left;
	enum { IMAP_SECTION_PLAIN, IMAP_SECTION_FIELDS, IMAP_SECTION_DECODED } how;
	bool is_over; /* of fields and decoded text: all is read */
	struct imap_body_filter filter;
	struct mail_decode decode;
};

/* att is borrowed until the end. is_found false: there is no such section (NIL).
 * ERR_UNSUPPORTED: BINARY of a transfer encoding that nobody knows. */
enum err imap_section_open(struct imap_section *x, struct imap_message *m,
	const struct imap_att *att, bool *is_found);
/* Appends octets until out holds max or the section ends. m: the same message, perhaps in a
 * later transaction. */
enum err imap_section_read(struct imap_section *x, struct imap_message *m, size_t max,
	struct buf *out, bool *has_more);

#endif
