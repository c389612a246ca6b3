/* imap_utf7: modified UTF-7 of mailbox names (RFC 3501 section 5.1.3) from and to UTF-8.
 * Pure. Each name has exactly one form: what decodes, encodes to the same octets again. */
#ifndef IMAP_UTF7_H
#define IMAP_UTF7_H

#include "core/buf.h"
#include "core/err.h"

/* Appends the UTF-8 of raw to out. ERR_SYNTAX: an octet outside 0x20-0x7e, an open or empty
 * shift, a lone surrogate, stray bits, or a form that the encoder wouldn't make; out may then
 * hold a part. ERR_TOO_BIG: out's cap. */
enum err imap_utf7_decode(struct slice raw, struct buf *out);
/* utf8: valid UTF-8 (see imap_utf7_is_utf8). False when it isn't, or at out's cap. */
bool imap_utf7_encode(struct slice utf8, struct buf *out);
/* Well-formed UTF-8 of Unicode scalar values without U+0000 (RFC 3629). */
bool imap_utf7_is_utf8(struct slice s);

#endif
