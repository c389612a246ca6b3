/* dns_message: what a DNS message (RFC 1035 section 4) answers to a question: the records of
 * the type asked for, at the end of the chain of aliases that begins at the name asked for.
 * Whatever else is in the message is not looked at. Pure. */
#ifndef CORE_DNS_MESSAGE_H
#define CORE_DNS_MESSAGE_H

#include "core/arena.h"
#include "core/dns_name.h"
#include "core/err.h"

enum {
	DNS_MESSAGE_MAX = 65535,   /* octets of a message */
	DNS_MESSAGE_CHAIN_MAX = 16 /* aliases in a row */
};

enum dns_message_rcode {
	DNS_MESSAGE_NOERROR = 0,
	DNS_MESSAGE_FORMERR = 1,
	DNS_MESSAGE_SERVFAIL = 2,
	DNS_MESSAGE_NXDOMAIN = 3,
	DNS_MESSAGE_NOTIMP = 4,
	DNS_MESSAGE_REFUSED = 5
};

struct dns_message {
	unsigned rcode;		   /* enum dns_message_rcode, or another one below 16 */
	struct dns_name canonical; /* where the aliases end */
	uint32_t ttl_sec; /* the least of all that was used; without records the negative
			     answer's (RFC 2308 section 5), 0 if there is none */
	const struct slice *rdata; /* whole: no name in it is compressed; from the arena */
	size_t n;
};

/* ERR_SYNTAX: not a message, or one that is cut off; ERR_LIMIT: the chain is too long, or leads
 * back to where it was. */
enum err dns_message_parse(struct slice raw, const struct dns_name *name, unsigned type,
	struct arena *a, struct dns_message *out);

#endif
