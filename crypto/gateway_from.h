/* gateway_from: the one address that a mail claims to come from, as whoever reads it sees it
 * (RFC 5322 section 3.6.2, RFC 8550 section 3, RFC 9787). Strict, because a signature is
 * compared with it: where two programs could show two addresses there is none. Pure. */
#ifndef CRYPTO_GATEWAY_FROM_H
#define CRYPTO_GATEWAY_FROM_H

#include "crypto/gateway_head.h"

/* NULL, or why there is none, static: no From or several, a group, several addresses, none, a
 * display name or comment that holds another address. *address: local part as it was given,
 * "@", domain in lower-case A-labels; in the arena. */
const char *gateway_from_read(
	const struct gateway_head *h, struct arena *a, struct slice *address);
/* Do To and Cc, all of them, hold this address (canonical form)? False also for what is
 * beyond MAIL_LIST_MAX. */
bool gateway_from_is_named(
	const struct gateway_head *h, struct slice canonical, struct arena *a);

#endif
