/* smtp_sts: MTA-STS (RFC 8461): the record that says that a domain has a policy, the
 * policy, and which hosts it allows. Pure. */
#ifndef SMTP_STS_H
#define SMTP_STS_H

#include "core/arena.h"
#include "core/err.h"

/* Octets of an id; of a policy; how many patterns of it are read; seconds: a policy that says
 * more means so much (RFC 8461 section 3.2). */
enum {
	SMTP_STS_ID_MAX = 32,
	SMTP_STS_POLICY_MAX = 65536,
	SMTP_STS_MX_MAX = 100,
	SMTP_STS_AGE_MAX_SEC = 31557600
};

/* texts: the TXT records of _mta-sts.DOMAIN, the strings of each joined; *id borrows from them.
 * ERR_NOT_FOUND: none or more than one begins with "v=STSv1;". ERR_SYNTAX: that one is broken.
 * Both mean that the domain has no policy now; one that is known stays valid. */
enum err smtp_sts_record(const struct slice *texts, size_t n, struct slice *id);

/* Is a policy to be fetched? known_id: of the one that is kept (empty: none is), which was
 * fetched at fetched_sec; id: of the record now. Once a day in any case, so that it is renewed
 * long before it runs out. */
enum { SMTP_STS_REFRESH_SEC = 86400 };
bool smtp_sts_is_stale(
	struct slice known_id, uint64_t fetched_sec, struct slice id, uint64_t now_sec);

enum smtp_sts_mode { SMTP_STS_NONE, SMTP_STS_TESTING, SMTP_STS_ENFORCE };
struct smtp_sts_policy {
	enum smtp_sts_mode mode;
	uint32_t max_age_sec;
	const struct slice *mx; /* host names or "*." and a domain; lower case */
	size_t n_mx;		/* 0 only in mode none */
};
/* raw: the body of https://mta-sts.DOMAIN/.well-known/mta-sts.txt. The patterns lie in
 * the arena. ERR_TOO_BIG: above SMTP_STS_POLICY_MAX. ERR_LIMIT: more than SMTP_STS_MX_MAX
 * patterns. ERR_SYNTAX: not a policy of version STSv1 with all that it must have. */
enum err smtp_sts_parse(struct slice raw, struct arena *a, struct smtp_sts_policy *out);
/* Does the policy name this host (A-labels, no final dot)? A "*" stands for one whole label. */
bool smtp_sts_allows(const struct smtp_sts_policy *policy, struct slice host);

#endif
