/* apply_sts: the MTA-STS policies of other domains (tables sts, sts_due), so that no node
 * forgets one before its time: whoever hides a domain's record and web server from us must not
 * make us forget what the domain demands (RFC 8461 section 10.2). */
#ifndef STORE_APPLY_STS_H
#define STORE_APPLY_STS_H

#include "store/apply.h"

/* Octets of a domain, of an id, of a policy; seconds that one is kept. As smtp/smtp_sts.h and
 * RFC 8461 have them. */
enum {
	APPLY_STS_DOMAIN_MAX = 253,
	APPLY_STS_ID_MAX = 32,
	APPLY_STS_POLICY_MAX = 65536,
	APPLY_STS_AGE_MAX_SEC = 31557600
};

/* In the place of the one before. INVALID: out of those limits. */
enum err apply_sts_put(struct apply *a, const Commands__StsPut *c);
/* Forgets those whose time is over, at most limit. */
enum err apply_sts_expire(struct apply *a, uint32_t limit);

#endif
