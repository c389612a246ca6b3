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
/* The parameter `name`: its extended or continued form if there is one, else the
 * plain one, in which encoded words are decoded although they have no business
 * there. False: there is none, or out is full. */
bool mail_word_param(const struct mail_type *t, struct slice name, struct buf *out);
/* A field's body for a search: as mail_word_decode, but extended or continued
 * parameters of Content-Type and its like as "; name=value". */
bool mail_word_field(struct slice name, struct slice body, struct buf *out);

#endif
