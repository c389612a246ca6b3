/* imap_body: a message as IMAP shows it: ENVELOPE, BODY and BODYSTRUCTURE (RFC
 * 9051 section 7.5.2, the same in RFC 3501) from a finished mail_scan, and where
 * the octets of a section are (RFC 9051 section 6.4.5.1). Pure.
 *
 * Text is given as it stands in the message, unfolded; octets above 127 go as
 * literals, NUL as '?'. */
#ifndef IMAP_BODY_H
#define IMAP_BODY_H

#include "core/mail_scan.h"

/* The parts of one message. shift: octets that stand before what was scanned and
 * belong to its header (Delivered-To and the head of a stored message). */
struct imap_body {
	const struct mail_part *parts; /* borrowed; at least one */
	uint32_t count;
	uint64_t shift;
};

/* Appends the envelope of parts[0], or of the message in a message/rfc822 part
 * (number = that part's child). False: out is full. */
bool imap_body_envelope(const struct imap_body *b, uint32_t number, struct buf *out);

/* An extension of BODYSTRUCTURE: octets that BODY hasn't. */
struct imap_body_cut {
	uint32_t at, n;
};

/* Appends BODY, or with is_extended BODYSTRUCTURE. cuts may be NULL; else an
 * array of struct imap_body_cut is appended to it, in order, offsets from where
 * the text begins in out. False: one of the two is full. */
bool imap_body_structure(
	const struct imap_body *b, bool is_extended, struct buf *out, struct buf *cuts);

/* What of a part; HEADER.FIELDS is IMAP_BODY_HEADER and a filter. */
enum imap_body_text { IMAP_BODY_WHOLE, IMAP_BODY_HEADER, IMAP_BODY_TEXT, IMAP_BODY_MIME };

/* Octets [from, to) of the message. */
struct imap_body_range {
	uint64_t from, to;
};

/* The section with the part numbers path[0..n). *part: whose octets they are (for
 * its transfer encoding). False: there is no such section (answer NIL). */
bool imap_body_find(const struct imap_body *b, struct slice path, enum imap_body_text what,
	struct imap_body_range *range, uint32_t *part);
/* path for imap_body_find: borrowed numbers. */
static inline struct slice
imap_body_path(const uint32_t *numbers, size_t n)
{
	return slice_of(numbers, n * sizeof *numbers);
}
/* "<from.n>" of a range; an empty one when it begins behind the end. */
struct imap_body_range imap_body_partial(struct imap_body_range r, uint64_t from, uint64_t n);

enum { IMAP_BODY_NAME_MAX = 256 };

/* HEADER.FIELDS and HEADER.FIELDS.NOT over a header that comes in chunks of any
 * size. Names are borrowed until the end. */
struct imap_body_filter {
	const struct slice *names;
	size_t n_names;
	bool is_not;
	bool is_kept, is_judged; /* the line in hand */
	bool is_line_start, is_over;
	uint8_t held[IMAP_BODY_NAME_MAX]; /* a name that isn't complete yet */
	size_t held_n;
};

void imap_body_filter_init(
	struct imap_body_filter *f, const struct slice *names, size_t n, bool is_not);
/* Appends what of the chunk is wanted, the empty line included. False: out is full. */
bool imap_body_filter_feed(struct imap_body_filter *f, struct slice chunk, struct buf *out);
/* A header that ended within a name. */
bool imap_body_filter_end(struct imap_body_filter *f, struct buf *out);

/* IMAP's string: quoted, or a literal; nil: NIL for an empty one. */
bool imap_body_put_string(struct slice text, bool nil, struct buf *out);

#endif
