/* smime_capability: what a mail program said that it can read: SMIMECapabilities (RFC 8551
 * section 2.5.2), as far as it matters to who encrypts. Pure. */
#ifndef CRYPTO_SMIME_CAPABILITY_H
#define CRYPTO_SMIME_CAPABILITY_H

#include "core/slice.h"

enum {
	SMIME_CAPABILITY_AES128_CBC = 1 << 0,
	SMIME_CAPABILITY_AES256_CBC = 1 << 1,
	SMIME_CAPABILITY_AES128_GCM = 1 << 2,
	SMIME_CAPABILITY_AES256_GCM = 1 << 3,
	SMIME_CAPABILITY_OAEP = 1 << 4,	     /* with SHA-256, which RFC 8551 asks for */
	SMIME_CAPABILITY_OAEP_SHA1 = 1 << 5, /* with RFC 8017's defaults and no others */
	SMIME_CAPABILITY_CEK_HKDF = 1 << 6,  /* RFC 9709 */
	SMIME_CAPABILITY_KNOWN = 1 << 7	     /* it said something */
};
/* A set of them; 0: there are none, or it is no SMIMECapabilities. */
unsigned smime_capability_read(struct slice der);

#endif
