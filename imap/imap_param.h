/* imap_param: the parameter list of BODY and BODYSTRUCTURE (RFC 9051 section 9,
 * body-fld-param). Continuations are joined, as RFC 2231 section 6 wants of IMAP servers:
 * x*0, x*1 become x, or x* when a piece names a charset or is percent-encoded. Pure. */
#ifndef IMAP_PARAM_H
#define IMAP_PARAM_H

#include "core/mail_type.h"

struct buf;

/* Appends "(name value ...)" or NIL. A text without a charset is given US-ASCII (RFC 2045
 * section 5.2). False: out is full. */
bool imap_param_put(const struct mail_type *t, struct buf *out);

#endif
