/* smtp_spf: may a host with that address send mail of that domain (SPF, RFC 7208)? Understood
 * are all, ip4, ip6, a, mx, include and redirect; what depends on more than domain and address
 * (macros), exists and ptr are not: where the answer hangs on them it is SMTP_SPF_UNKNOWN.
 * Answers of the DNS come from a callback, which may not have them yet. Pure. */
#ifndef SMTP_SPF_H
#define SMTP_SPF_H

#include "core/arena.h"
#include "core/dns_message.h"

/* RFC 7208 section 4.6.4: terms that ask the DNS; names of one mx. */
enum { SMTP_SPF_LOOKUPS_MAX = 10, SMTP_SPF_MX_MAX = 10 };

enum smtp_spf_result {
	SMTP_SPF_MORE, /* an answer isn't there yet: judge again when it is */
	SMTP_SPF_NONE, /* the domain has no record */
	SMTP_SPF_NEUTRAL,
	SMTP_SPF_PASS,
	SMTP_SPF_FAIL,
	SMTP_SPF_SOFTFAIL,
	SMTP_SPF_TEMPERROR, /* the DNS didn't answer */
	SMTP_SPF_PERMERROR, /* the record is broken */
	SMTP_SPF_UNKNOWN    /* it hangs on a term that isn't understood here */
};

struct smtp_spf_dns {
	/* An answer's message (no answer in time: an rcode of SERVFAIL), which lives as long as
	 * the judgement's arena; NULL: not there yet. */
	const struct dns_message *(*look)(
		void *arg, const struct dns_name *name, unsigned type);
	void *arg;
};
struct smtp_spf_verdict {
	enum smtp_spf_result result;
	/* The term that decided, of the record or of one that it includes; or what is wrong in
	 * words. As it came from the DNS: it may hold any octet. Lives as long as the arena. */
	struct slice why;
};

/* domain: A-labels; address: 4 or 16 octets. */
struct smtp_spf_verdict smtp_spf_judge(const struct smtp_spf_dns *dns, struct slice domain,
	struct slice address, struct arena *a);
/* "pass", "softfail", ...: RFC 7208 section 2.6; "unknown". */
const char *smtp_spf_name(enum smtp_spf_result result);

#endif
