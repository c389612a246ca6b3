/* smtp_tls_policy: what is demanded of a connection to another server, and what it means
 * when the server doesn't meet that. Levels are named and meant as Postfix has them; DANE
 * is RFC 7672, MTA-STS is RFC 8461. Pure. */
#ifndef SMTP_TLS_POLICY_H
#define SMTP_TLS_POLICY_H

#include "crypto/tls_client.h"
#include "smtp/smtp_sts.h"

enum smtp_tls_policy_level {
	SMTP_TLS_POLICY_NONE,	   /* no TLS */
	SMTP_TLS_POLICY_MAY,	   /* TLS if it is offered, whoever it is */
	SMTP_TLS_POLICY_ENCRYPT,   /* TLS, whoever it is */
	SMTP_TLS_POLICY_DANE,	   /* by TLSA records; without any by MTA-STS; else may */
	SMTP_TLS_POLICY_DANE_ONLY, /* by TLSA records, or not at all */
	SMTP_TLS_POLICY_VERIFY	   /* TLS, with a certificate for the host's name */
};
/* "none", "may", "encrypt", "dane", "dane-only", "verify". False: none of them. */
bool smtp_tls_policy_parse(struct slice word, enum smtp_tls_policy_level *out);
const char *smtp_tls_policy_name(enum smtp_tls_policy_level level);

struct smtp_tls_policy_rule {
	struct slice next_hop; /* "example.org", ".example.org": all below it, "[HOST]:PORT" */
	enum smtp_tls_policy_level level;
};
struct smtp_tls_policy_table {
	const struct smtp_tls_policy_rule *rules;
	size_t n;
	enum smtp_tls_policy_level otherwise;
};
/* next_hop: "example.org" or "[HOST]:PORT". The whole name counts first, then the longest
 * domain above it; what is in brackets has none above it. Case doesn't matter. */
enum smtp_tls_policy_level smtp_tls_policy_find(
	const struct smtp_tls_policy_table *table, struct slice next_hop);

/* What is known of a host before it is called. All slices are borrowed. */
struct smtp_tls_policy_facts {
	enum smtp_tls_policy_level level;
	struct slice host; /* A-labels, as MX or next hop names it; empty: an address literal */
	/* The domain of an MX lookup, and where its aliases lead; or empty. */
	struct slice domain, canonical_domain;
	/* Level dane and dane-only. The TLSA records could not be looked up, or are bogus: */
	bool has_tlsa_failed;
	/* those that were validated, usable or not, and the name at which they were. */
	const struct tls_client_tlsa *tlsa;
	size_t n_tlsa;
	struct slice tlsa_base;
	const struct smtp_sts_policy *sts; /* NULL: the domain has none, or it ran out */
};

enum smtp_tls_policy_way {
	SMTP_TLS_POLICY_PLAIN, /* don't say STARTTLS */
	SMTP_TLS_POLICY_TRY,   /* TLS if it can be had */
	SMTP_TLS_POLICY_MUST,  /* TLS, or nothing */
	SMTP_TLS_POLICY_SKIP   /* don't call this host: fault says why */
};
/* why: a static sentence without a full stop, to which " by HOST" or ": words of the
 * server" may be added; NULL: there is nothing to say. */
struct smtp_tls_policy_fault {
	const char *status; /* "4.7.5" */
	const char *why;
};
enum { SMTP_TLS_POLICY_NAMES = 4 };
/* Its demand points into it: don't copy it. */
struct smtp_tls_policy_plan {
	enum smtp_tls_policy_way way;
	struct tls_client_demand demand;
	struct smtp_tls_policy_fault fault; /* of SKIP */
	const char *note; /* for the log, or NULL: a policy in testing isn't met */
	struct slice names[SMTP_TLS_POLICY_NAMES];
};
/* The plan borrows what the facts do. */
void smtp_tls_policy_plan(
	const struct smtp_tls_policy_facts *facts, struct smtp_tls_policy_plan *out);

enum smtp_tls_policy_event {
	SMTP_TLS_POLICY_NOT_OFFERED, /* no STARTTLS in the answer to EHLO */
	SMTP_TLS_POLICY_REFUSED,     /* STARTTLS was answered with 4xx or 5xx */
	SMTP_TLS_POLICY_NO_HANDSHAKE,
	SMTP_TLS_POLICY_UNPROVED /* the handshake failed by a fault of the certificate */
};
enum smtp_tls_policy_act {
	SMTP_TLS_POLICY_GO_ON,	    /* in the clear, on this connection */
	SMTP_TLS_POLICY_CALL_AGAIN, /* the same host, and in the clear: way PLAIN */
	SMTP_TLS_POLICY_NEXT_HOST   /* none left: deferred with the fault's words */
};
struct smtp_tls_policy_outcome {
	enum smtp_tls_policy_act act;
	struct smtp_tls_policy_fault fault; /* logged, whatever the act */
};
/* plan's way is TRY or MUST. */
struct smtp_tls_policy_outcome smtp_tls_policy_judge(
	const struct smtp_tls_policy_plan *plan, enum smtp_tls_policy_event event);

#endif
