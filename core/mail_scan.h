/* mail_scan: where the parts of a message are, RFC 2045, 2046 and 5322. One pass
 * over chunks of any size, explicit stack, memory bounded by the constants
 * below whatever the message holds. Lines end in LF; a CR before it belongs to
 * the line end. Never fails: what goes beyond a limit is opaque. Pure.
 *
 * The result is a flat array in the order of the message; parts[0] is the whole.
 * A multipart's children have it as parent. A message/rfc822 part has one child:
 * the message in it, whose header begins where the part's body begins. */
#ifndef CORE_MAIL_SCAN_H
#define CORE_MAIL_SCAN_H

#include "core/arena.h"
#include "core/charset.h"
#include "core/mail_decode.h"
#include "core/mail_type.h"

enum {
	MAIL_SCAN_DEPTH_MAX =
		100, /* multiparts and messages in one another; deeper is a leaf */
	MAIL_SCAN_PARTS_MAX = 10000,  /* further ones belong to their multipart's body */
	MAIL_SCAN_BOUNDARY_MAX = 256, /* a multipart with a longer one is a leaf */
	MAIL_SCAN_FIELD_MAX = 65536,  /* octets kept of one field */
	MAIL_SCAN_FIELDS_MAX = 65536, /* octets of fields kept of a part */
	MAIL_SCAN_TOTAL_MAX = 524288, /* octets of fields kept of a message */
};

#define MAIL_SCAN_NONE UINT32_MAX

enum mail_part_kind {
	MAIL_PART_LEAF,
	MAIL_PART_MULTIPART,
	MAIL_PART_MESSAGE,
};

/* Offsets in octets from the message's start: header [header_at, body_at) with
 * the empty line, body [body_at, end_at) without the line end before a boundary. */
struct mail_part {
	uint64_t header_at, body_at, end_at;
	uint64_t lines;		      /* LFs in the body */
	uint32_t parent, child, next; /* indexes; MAIL_SCAN_NONE: there is none */
	uint8_t kind;		      /* enum mail_part_kind */
	uint8_t encoding;	      /* enum mail_encoding */
	uint8_t charset; /* enum charset of a text; CHARSET_UNKNOWN for unknown names */
	bool is_text;	 /* to be read: type text, or message (delivery reports) */
	bool is_html;	 /* text/html */
	bool is_cut; /* it says multipart or message, but a limit or a missing boundary made it
			a leaf */
	bool is_dropped; /* fields is empty for want of room */
	bool is_digest;	 /* child of multipart/digest: without a type it is message/rfc822 */
	/* The raw fields worth keeping, a header of their own: all Content-*, and of
	 * messages those of the ENVELOPE. Borrowed from the scan. */
	struct slice fields;
};

struct mail_scan;

struct mail_scan *mail_scan_new(void);
/* NULL is fine. */
void mail_scan_free(struct mail_scan *s);
void mail_scan_feed(struct mail_scan *s, struct slice chunk);
/* Once, at the end of the message; nothing may be fed afterwards. */
void mail_scan_finish(struct mail_scan *s);
/* After finish; live until free. At least one part. */
const struct mail_part *mail_scan_parts(const struct mail_scan *s, uint32_t *count);
/* Octets fed. */
uint64_t mail_scan_size(const struct mail_scan *s);

/* A part's type, with the defaults of RFC 2045 section 5.2 when it has none that
 * can be read; a leaf that is_cut or is_dropped is application/octet-stream. */
void mail_scan_type(const struct mail_part *part, struct arena *a, struct mail_type *out);

#endif
