/* mail_word: text of a header as people read it, in UTF-8: encoded words (RFC
 * 2047) and parameters (RFC 2231). Lenient: what can't be decoded stays, octets
 * that are no UTF-8 become U+FFFD. Pure. */
#ifndef CORE_MAIL_WORD_H
#define CORE_MAIL_WORD_H

#include "core/mail_type.h"

struct buf;

/* body: of an unstructured field, or a phrase; folds are joined, white space
 * between two encoded words goes. At most 3 octets for each of body are
 * written. False: out is full. */
bool mail_word_decode(struct slice body, struct buf *out);
/* A piece of an unfolded line (mail_header_unfold): plain text, or encoded words with nothing
 * but blanks between them, which are decoded as one. */
struct mail_word_piece {
	struct slice raw; /* borrowed from the line; of words: without the blanks around them */
	bool is_encoded;
};
/* The one at *at, which then stands behind it; begin with 0. The pieces are the whole line.
 * False: the end. */
bool mail_word_next(struct slice line, size_t *at, struct mail_word_piece *piece);
/* The parameter `name`: its extended or continued form if there is one, else the
 * plain one, in which encoded words are decoded although they have no business
 * there. False: there is none, or out is full. */
bool mail_word_param(const struct mail_type *t, struct slice name, struct buf *out);
/* A field's body for a search: as mail_word_decode, but extended or continued
 * parameters of Content-Type and its like as "; name=value". */
bool mail_word_field(struct slice name, struct slice body, struct buf *out);

#endif
