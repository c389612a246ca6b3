/* imap_index: what IMAP wants of a message without reading it, in one small blob
 * that is sealed and stored beside the message. Made once, from a finished scan
 * of the payload (without the head, which comes later); read from octets that
 * may be hostile. Pure.
 *
 * Version 1: u8 version, u8 flags, u8 fields there, u8 fields stored; then
 * numbers as base-128 varints and texts as length and octets: size, header
 * size, [date, zone], the stored fields, [envelope], [structure, cuts], [parts].
 * What would make it larger than IMAP_INDEX_MAX is left out, parts first. */
#ifndef IMAP_INDEX_H
#define IMAP_INDEX_H

#include "core/mail_date.h"
#include "imap/imap_body.h"

enum {
	IMAP_INDEX_VERSION = 1,
	IMAP_INDEX_MAX = 65536,
	IMAP_INDEX_FIELD_MAX = 4096, /* octets of a stored field; longer ones aren't stored */
};

/* Fields of which the text is stored as mail_fold_search(mail_word_decode(body)),
 * several of one name joined by LF. */
enum imap_index_field {
	IMAP_INDEX_FROM,
	IMAP_INDEX_TO,
	IMAP_INDEX_CC,
	IMAP_INDEX_BCC,
	IMAP_INDEX_SUBJECT,
	IMAP_INDEX_FIELDS,
};

/* All slices are borrowed from the blob. */
struct imap_index {
	uint64_t size;	      /* octets of what was scanned */
	uint64_t header_size; /* of them the header with its empty line */
	bool has_date, has_envelope, has_structure, has_parts;
	struct mail_date date;	/* of the Date field */
	struct slice envelope;	/* the text of ENVELOPE */
	struct slice structure; /* the text of BODYSTRUCTURE */
	uint32_t part_count;
	struct slice fields[IMAP_INDEX_FIELDS];
	uint8_t fields_there, fields_stored; /* bits 1 << enum imap_index_field */
	struct slice cuts, parts;	     /* checked, still encoded */
};

/* Appends the blob; out's cap has to leave IMAP_INDEX_MAX octets. False: it doesn't. */
bool imap_index_build(const struct mail_scan *s, struct buf *out);
/* False: not a blob of version 1, or damaged (then scan the message again). Checks
 * everything, but not that the texts are IMAP: they come from a sealed blob. */
bool imap_index_read(struct slice raw, struct imap_index *out);
/* 1: *text is the field's folded text; 0: the message has no such field; -1: it
 * has, but the text isn't stored (read the header). */
int imap_index_text(
	const struct imap_index *x, enum imap_index_field field, struct slice *text);
/* Appends BODY's text, made from the structure (has_structure). False: out is full. */
bool imap_index_body(const struct imap_index *x, struct buf *out);
/* The parts, without their fields (has_parts); part_count of them, in the arena. */
struct mail_part *imap_index_parts(const struct imap_index *x, struct arena *a);
/* The folded text of all fields of that name in a header, joined by LF, as it is
 * stored. 1, 0 (none), or -1: out is full. */
int imap_index_fold(struct slice header, struct slice name, struct buf *out);

#endif
