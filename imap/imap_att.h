/* imap_att: what FETCH asks for (RFC 9051 section 6.4.5, RFC 7162 section 3.1.4). Pure. */
#ifndef IMAP_ATT_H
#define IMAP_ATT_H

#include "imap/imap_parse.h"

enum {
	IMAP_ATT_MAX = 128,	  /* attributes of one FETCH */
	IMAP_ATT_PARTS_MAX = 128, /* numbers of a section */
	IMAP_ATT_FIELDS_MAX = 256 /* header fields of a section */
};

enum imap_att_kind {
	IMAP_ATT_UID,
	IMAP_ATT_FLAGS,
	IMAP_ATT_INTERNALDATE,
	IMAP_ATT_SIZE,
	IMAP_ATT_MODSEQ,
	IMAP_ATT_ENVELOPE,
	IMAP_ATT_BODY, /* BODYSTRUCTURE without extension data */
	IMAP_ATT_BODYSTRUCTURE,
	IMAP_ATT_SECTION, /* BODY[...], BODY.PEEK[...] */
	IMAP_ATT_RFC822,  /* these three: a section under an old name */
	IMAP_ATT_RFC822_HEADER,
	IMAP_ATT_RFC822_TEXT,
	IMAP_ATT_BINARY,
	IMAP_ATT_BINARY_SIZE
};

enum imap_att_text {
	IMAP_ATT_WHOLE,
	IMAP_ATT_HEADER,
	IMAP_ATT_FIELDS,
	IMAP_ATT_FIELDS_NOT,
	IMAP_ATT_TEXT,
	IMAP_ATT_MIME
};

struct imap_att {
	enum imap_att_kind kind;
	enum imap_att_text text;
	uint32_t n_parts, n_fields;
	uint32_t *parts;
	struct slice *fields; /* as asked for */
	bool has_partial;
	uint64_t partial_from, partial_n; /* octets */
};

struct imap_fetch {
	struct imap_att *atts;
	uint32_t n;
	uint32_t kinds; /* bit (1 << kind) for each kind that is there */
	bool sets_seen; /* an attribute that isn't .PEEK reads text */
	bool has_changed_since;
	uint64_t changed_since;
};

static inline bool
imap_att_has(const struct imap_fetch *f, enum imap_att_kind kind)
{
	return f->kinds >> kind & 1;
}
/* Adds one without arguments unless it is there. */
void imap_att_add(struct imap_fetch *f, enum imap_att_kind kind);
/* Everything behind the message set's space, up to (not with) the line end. CHANGEDSINCE
 * adds MODSEQ. */
bool imap_att_parse(struct imap_parse *p, struct imap_fetch *out);
/* The attribute's name as a response writes it: "BODY[1.HEADER.FIELDS (From)]<0>". */
void imap_att_write(const struct imap_att *att, struct buf *out);

#endif
