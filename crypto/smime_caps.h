/* smime_caps: the SMIMECapabilities that we announce (RFC 8551 section 2.5.2): what we can open
 * and verify, the best first. smime_capability reads those of others. Pure. */
#ifndef CRYPTO_SMIME_CAPS_H
#define CRYPTO_SMIME_CAPS_H

#include "core/buf.h"

/* The attribute's value, DER. */
void smime_caps_put(struct buf *b);

#endif
