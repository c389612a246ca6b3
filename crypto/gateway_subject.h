/* gateway_subject: the subject as people read it: taken out of its encoded words (RFC 2047),
 * written anew where something went out of it, and the engine's own tags in it. Pure. */
#ifndef CRYPTO_GATEWAY_SUBJECT_H
#define CRYPTO_GATEWAY_SUBJECT_H

#include "crypto/gateway_head.h"

/* Appends the body as UTF-8. False: out is full. */
bool gateway_subject_read(struct slice body, struct buf *out);
/* utf8 becomes a body: ASCII as it is, else encoded words; folded. */
void gateway_subject_write(struct gateway_head *h, size_t i, struct slice utf8);
/* Says a header that its fields are those of what is encrypted (RFC 9788, and protected-headers
 * before it)? So does that of a mail which was opened, as the part's type is its own then. */
bool gateway_subject_is_protected(const struct gateway_head *h);
/* Its Content-Type says so from now on; it has one. */
void gateway_subject_protect(struct gateway_head *h);
/* Appends the subject of an encrypted part which says so, as UTF-8. False: it doesn't, or not
 * one. */
bool gateway_subject_protected(const struct gateway_head *part, struct buf *utf8);
/* It takes the place of every Subject, as one line without our tags. */
void gateway_subject_put(struct gateway_head *h, struct slice utf8);
/* Takes our tags out of every Subject: what stands between brackets and says "decrypted",
 * "signed by" or "invalid signature", whatever case, blanks, accents, invisible characters or
 * letters that look alike it has. True: there were some. */
bool gateway_subject_strip(struct gateway_head *h);
/* Appends " [text]" to the first Subject, which is made if there is none; what stood there
 * stays as it was. text: ASCII. */
void gateway_subject_tag(struct gateway_head *h, struct slice text);

#endif
