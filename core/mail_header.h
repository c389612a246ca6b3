/* mail_header: the fields of a message's or a MIME part's header, RFC 5322
 * sections 2.2, 3.6 and 4.5. Lines end in LF, a CR before it belongs to the
 * line end. Works over slices, copies nothing, never fails: what is malformed
 * is shown as such. Pure. */
#ifndef CORE_MAIL_HEADER_H
#define CORE_MAIL_HEADER_H

#include "core/buf.h"

/* All slices are borrowed from the header's text. */
struct mail_field {
	struct slice name; /* empty: a line that is no field; all of it is in body */
	struct slice body; /* after the colon, folds kept, without the last line end */
	struct slice raw;  /* the whole, name to last line end included */
	size_t at;	   /* offset of raw in the header */
};

struct mail_header {
	struct slice raw;
	size_t at;
};

void mail_header_begin(struct mail_header *h, struct slice raw);
/* The next field. False: the end, or the empty line that ends a header; h->at
 * is then the offset behind it. */
bool mail_header_next(struct mail_header *h, struct mail_field *f);
/* The first field of that name (no colon, any case). */
bool mail_header_find(struct slice raw, struct slice name, struct mail_field *f);
/* How many fields have that name. */
size_t mail_header_count(struct slice raw, struct slice name);
/* Appends the body without line ends before white space and without blanks at
 * its ends; stray CR, LF and NUL become spaces. False: out is full. */
bool mail_header_unfold(struct slice body, struct buf *out);
/* How many message ids the Message-ID fields hold, all together; *first is the
 * first of them, angle brackets included if it has any (borrowed). */
size_t mail_header_message_id(struct slice raw, struct slice *first);
/* The octets of one line of s, line end included; s.n when there is none. */
size_t mail_header_line(struct slice s);

#endif
