/* survey_site: what the judges of a survey know of this node before they ask, what they find
 * out for each other, and the words that they have in common. A run of the judges is complete
 * when the survey isn't open after it; the findings of others are thrown away. Pure. */
#ifndef CMD_SURVEY_SITE_H
#define CMD_SURVEY_SITE_H

#include "cmd/cli_finding.h"
#include "cmd/publish.h"
#include "cmd/survey.h"

/* DOMAINS: the first ones of the directory. ADDRESSES: of one host; HOSTS: of ours, by MX. */
enum {
	SURVEY_SITE_DOMAINS_MAX = 1000,
	SURVEY_SITE_ADDRESSES_MAX = 8,
	SURVEY_SITE_HOSTS_MAX = 16,
	SURVEY_SITE_LIST_MAX = 300 /* octets of a list in a finding */
};

struct survey_site_domain {
	struct slice name;
	struct publish_key dkim[PUBLISH_KEYS]; /* that sign */
};
struct survey_site_addresses {
	bool is_known; /* both families */
	struct slice address[SURVEY_SITE_ADDRESSES_MAX];
	size_t n;
	const struct survey_answer *failed; /* a family's; NULL: both were answered */
};

struct survey_site {
	struct survey *survey;
	struct cli_findings *f; /* with the configuration */
	const struct survey_site_domain *domain;
	size_t domains;
	const struct slice *node; /* the names of the cluster's other nodes */
	size_t nodes;
	const struct slice *own; /* addresses of this machine */
	size_t owns;
	struct slice chain_pem; /* the certificate; empty: it can't be read */
	const char *servers;	/* which name servers, in words */
	const char *outbound;	/* who is called to see whether mail can leave; NULL: others */
	/* Of a run: */
	struct arena run;
	struct survey_site_addresses host; /* of the host name */
	struct slice mx_host[SURVEY_SITE_HOSTS_MAX];
	size_t mx_hosts;
};

/* All texts live as long as the run. */
struct slice survey_site_name(struct survey_site *s, const struct dns_name *name);
const char *survey_site_text(struct survey_site *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* "192.0.2.1" */
const char *survey_site_address(struct survey_site *s, struct slice address);
/* "a, b and 7 more"; item gives one of n. */
const char *survey_site_list(struct survey_site *s, const struct slice *item, size_t n);
/* "publish: NAME. IN TYPE ..." */
const char *survey_site_publish(struct survey_site *s, const struct publish_record *r);
/* Of a host: those of both families. */
void survey_site_find(
	struct survey_site *s, struct slice host, struct survey_site_addresses *out);
bool survey_site_has(const struct survey_site_addresses *a, struct slice address);
bool survey_site_is_own(const struct survey_site *s, struct slice address);
/* Nobody outside reaches it (RFC 1918, 4193, 6598, loopback, link-local). */
bool survey_site_is_private(struct slice address);
/* Was the question not answered, or the answer bogus? Then that is found. */
bool survey_site_failed(struct survey_site *s, const struct survey_answer *a, struct slice name,
	const char *type);

#endif
