/* smtp_mx: the way from a next hop to the addresses that are to be tried, and to the TLSA
 * records of their hosts: RFC 5321 section 5.1, RFC 7505 (null MX), RFC 7672 section 2.2
 * (DANE). Answers of the DNS come in, questions leave. An MX record may name an alias, as
 * Postfix has it. Pure. */
#ifndef SMTP_MX_H
#define SMTP_MX_H

#include "core/dns_message.h"
#include "core/dns_record.h"
#include "core/ip_network.h"
#include "crypto/tls_client.h"

enum {
	SMTP_MX_HOSTS_MAX = 50,	    /* of more MX records the best ones count */
	SMTP_MX_ADDRESSES_MAX = 16, /* of one host and family */
	SMTP_MX_AT_ONCE = 8,	    /* hosts that are asked for at the same time */
	/* The MX records; of each host A, AAAA, CNAME, two names for TLSA. */
	SMTP_MX_QUESTIONS_MAX = 1 + 5 * SMTP_MX_HOSTS_MAX
};

enum smtp_mx_order {
	SMTP_MX_ALTERNATE, /* IPv6, IPv4, IPv6, ... of each host */
	SMTP_MX_IPV6_FIRST,
	SMTP_MX_IPV4_FIRST,
	SMTP_MX_IPV6_ONLY,
	SMTP_MX_IPV4_ONLY
};

struct smtp_mx_settings {
	enum smtp_mx_order order;
	size_t tries_max; /* addresses in the result; at least 1 */
	uint16_t port;	  /* of the TLSA question */
	bool wants_tlsa;  /* else none is asked for */
	uint64_t random;  /* shuffles hosts of the same preference */
	/* This node's names (A-labels, lower case) and addresses: it and whatever is less
	 * preferred are left out, else mail would go round. */
	const struct slice *own_names;
	size_t n_own_names;
	const struct ip_network *own_addresses;
	size_t n_own_addresses;
};

/* Names are lower-case A-labels without the last dot. */
struct smtp_mx_host {
	struct slice
		name; /* as the MX record or the next hop has it; empty: an address literal */
	uint16_t preference;
	/* The question for TLSA records failed or its answer is bogus: this host must not be
	 * taken with less than DANE. */
	bool has_tlsa_failed;
	/* Validated records, those of a broken shape as usage 255, and the name that has
	 * them. */
	const struct tls_client_tlsa *tlsa;
	size_t n_tlsa;
	struct slice tlsa_base;
};
struct smtp_mx_try {
	const struct smtp_mx_host *host;
	struct slice address; /* 4 or 16 octets */
};
/* Lives as long as the arena. */
struct smtp_mx_result {
	const struct smtp_mx_try *tries; /* in the order in which they are to be tried */
	size_t n;			 /* 0: status and why say what is wrong */
	/* The domain of the MX question, and where its aliases end if that is validated and a
	 * host's name; or empty. */
	struct slice domain, canonical_domain;
	bool is_mx_secure;  /* there are MX records, and they are validated */
	const char *status; /* "4.4.3", "5.1.10": what begins with 4 may be better later */
	struct slice why;   /* a sentence without a full stop, printable */
};

struct smtp_mx_question {
	uint32_t id;
	struct dns_name name;
	unsigned type; /* enum dns_record_type */
};
struct smtp_mx_answer {
	uint32_t id; /* of the question */
	/* No answer at all (a time-out) is an rcode of SERVFAIL. */
	const struct dns_message *message;
	bool is_secure; /* validated; also that there is nothing */
	bool is_bogus;
};
struct smtp_mx_actions {
	const struct smtp_mx_question *ask; /* lives as long as the arena */
	size_t n;
	const struct smtp_mx_result *result; /* when it is done; NULL before */
};

struct smtp_mx;
/* next_hop: a domain, or in brackets a host's name or an address ("[192.0.2.1]",
 * "[IPv6:2001:db8::1]", "[2001:db8::1]"). Borrows settings; all memory is from the arena.
 * first: what is to be done to begin with. ERR_SYNTAX: not a next hop. */
enum err smtp_mx_new(const struct smtp_mx_settings *settings, struct slice next_hop,
	struct arena *a, struct smtp_mx_actions *first, struct smtp_mx **out);
/* Answers may come in any order. One that wasn't asked for, or comes twice, does nothing. After
 * the result nothing more is to be answered. */
void smtp_mx_step(
	struct smtp_mx *m, const struct smtp_mx_answer *answer, struct smtp_mx_actions *out);

#endif
