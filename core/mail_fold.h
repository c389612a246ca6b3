/* mail_fold: when two texts are the same to people. The home of utf8proc. Pure. */
#ifndef CORE_MAIL_FOLD_H
#define CORE_MAIL_FOLD_H

#include "core/buf.h"

/* Names (addresses, logins): case folded, then NFC, so that one name has one
 * spelling. False: not UTF-8, or out is full; out may then hold a part. */
bool mail_fold_name(struct slice utf8, struct buf *out);

/* Text for searching and sorting, in the manner of i;unicode-casemap (RFC 5051):
 * each character folded and fully decomposed on its own, so that a text may be
 * folded in pieces. What is not UTF-8 becomes U+FFFD. False: out is full. */
bool mail_fold_search(struct slice utf8, struct buf *out);

/* The most octets of folded text that one octet of text may become. */
enum { MAIL_FOLD_GROWTH = 18 };

#endif
