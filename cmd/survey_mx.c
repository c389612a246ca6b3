#include "cmd/survey_mx.h"

#include <stdio.h>

#include "crypto/seal.h"

/* SMTP's port: other servers know no other. */
enum { PORT = 25 };

/* --- whose host it is --- */

enum side { NOT_YET, OURS, OF_CLUSTER, FOREIGN, NOWHERE };

/* By name, else by address. */
static enum side
side_of(struct survey_site *s, struct slice host)
{
	struct survey_site_addresses there;

	if (slice_eq_nocase(host, slice_str(s->f->config.hostname)))
		return OURS;
	for (size_t i = 0; i < s->nodes; i++)
		if (slice_eq_nocase(host, s->node[i]))
			return OF_CLUSTER;
	survey_site_find(s, host, &there);
	if (!there.is_known || !s->host.is_known)
		return NOT_YET;
	for (size_t i = 0; i < there.n; i++)
		if (survey_site_has(&s->host, there.address[i]) ||
			survey_site_is_own(s, there.address[i]))
			return OURS;
	return there.n || there.failed ? FOREIGN : NOWHERE;
}

static void
remember(struct survey_site *s, struct slice host)
{
	for (size_t i = 0; i < s->mx_hosts; i++)
		if (slice_eq(s->mx_host[i], host))
			return;
	if (s->mx_hosts < SURVEY_SITE_HOSTS_MAX)
		s->mx_host[s->mx_hosts++] = host;
}

/* --- the records --- */

struct found {
	struct slice foreign[SURVEY_RECORDS_MAX], cluster[SURVEY_RECORDS_MAX];
	size_t ours, clusters, foreigns;
	bool is_open;
};

/* RFC 2181 section 10.3. */
static bool
judge_alias(struct survey_site *s, struct slice domain, struct slice host)
{
	const struct survey_answer *alias = survey_ask_text(s->survey, host, DNS_RECORD_CNAME);

	if (alias && alias->n)
		cli_finding_add(s->f,
			survey_site_text(s, "name a host with addresses of its own: %.*s",
				SLICE_FMT(survey_site_name(s, &alias->record[0].name))),
			"the MX record of %.*s names %.*s, which is an alias (CNAME): some "
			"servers "
			"bring no mail there",
			SLICE_FMT(domain), SLICE_FMT(host));
	return alias && alias->n;
}

/* The certificate is asked for by the MX host's name (MTA-STS, DANE-TA). */
static void
judge_name(struct survey_site *s, struct slice domain, struct slice host)
{
	if (s->chain_pem.n && !slice_eq_nocase(host, slice_str(s->f->config.hostname)) &&
		!tls_cert_is_for(s->chain_pem, host))
		cli_finding_warn(s->f,
			survey_site_text(s,
				"name %s in the MX record, or get a certificate for both names",
				s->f->config.hostname),
			"the MX record of %.*s calls this server %.*s, and tls/cert.pem isn't "
			"for that name: who proves certificates brings no mail",
			SLICE_FMT(domain), SLICE_FMT(host));
}

static void
judge_one(struct survey_site *s, struct slice domain, const struct dns_record *mx,
	struct found *out)
{
	struct slice host = survey_site_name(s, &mx->name);
	bool is_alias = judge_alias(s, domain, host);

	switch (side_of(s, host)) {
	case OURS:
		out->ours++;
		remember(s, host);
		if (!is_alias)
			judge_name(s, domain, host);
		break;
	case OF_CLUSTER:
		out->cluster[out->clusters++] = host;
		break;
	case FOREIGN:
		out->foreign[out->foreigns++] = slice_str(survey_site_text(
			s, "%.*s (preference %u)", SLICE_FMT(host), mx->preference));
		break;
	case NOWHERE:
		cli_finding_add(s->f, "give it one (A, AAAA), or take it out of the MX records",
			"the MX record of %.*s names %.*s, which has no address",
			SLICE_FMT(domain), SLICE_FMT(host));
		break;
	case NOT_YET:
	default:
		out->is_open = true;
	}
}

static void
judge_found(
	struct survey_site *s, struct slice domain, const struct found *found, const char *cure)
{
	const char *foreign = survey_site_list(s, found->foreign, found->foreigns);

	if (!found->ours && !found->clusters)
		cli_finding_add(s->f, cure, "the mail of %.*s isn't brought to this server%s%s",
			SLICE_FMT(domain), found->foreigns ? ", but to " : "", foreign);
	else if (!found->ours)
		cli_finding_note(s->f, cure,
			"the MX records of %.*s name %s of this cluster, not this node",
			SLICE_FMT(domain),
			survey_site_list(s, found->cluster, found->clusters));
	if (found->foreigns && (found->ours || found->clusters))
		cli_finding_note(s->f,
			"right if it hands the mail on to this server; else take it out of the "
			"MX records",
			"the mail of %.*s may also be brought to %s", SLICE_FMT(domain),
			foreign);
}

bool
survey_mx_judge(struct survey_site *s, struct slice domain, const struct publish_record *wanted)
{
	const struct survey_answer *mx = survey_ask_text(s->survey, domain, DNS_RECORD_MX);
	const char *cure = survey_site_publish(s, wanted);
	struct found *found = arena_zalloc(&s->run, sizeof *found);

	s->f->topic = "mx";
	if (!mx || survey_site_failed(s, mx, domain, "MX"))
		return false;
	if (mx->message.rcode == DNS_MESSAGE_NXDOMAIN) {
		cli_finding_add(s->f,
			"register it, or have its zone delegated; or `hairpin domain delete` "
			"it",
			"there is no domain %.*s in the DNS", SLICE_FMT(domain));
		return false;
	}
	if (mx->n == 0) {
		cli_finding_add(s->f, cure, "%.*s has no MX record", SLICE_FMT(domain));
		return true;
	}
	/* RFC 7505. */
	if (mx->n == 1 && mx->record[0].name.n == 1) {
		cli_finding_add(s->f, cure,
			"%.*s has a null MX record, which says that it takes no mail",
			SLICE_FMT(domain));
		return true;
	}
	for (size_t i = 0; i < mx->n; i++)
		judge_one(s, domain, &mx->record[i], found);
	if (!found->is_open)
		judge_found(s, domain, found, cure);
	return true;
}

/* --- DANE --- */

static const char *
tlsa_cure(struct survey_site *s, struct slice name)
{
	const char *text = "take it out of the DNS until tls/cert.pem can be read";
	struct buf data, hex;

	buf_init(&data, 64);
	buf_init(&hex, 200);
	if (tls_client_tlsa_of(s->chain_pem, &data) && seal_hex(buf_slice(&data), &hex))
		text = survey_site_text(s,
			"publish: %.*s. IN TLSA 3 1 1 %.*s (and keep the key when the "
			"certificate is renewed)",
			SLICE_FMT(name), SLICE_FMT(buf_slice(&hex)));
	buf_fini(&data);
	buf_fini(&hex);
	return text;
}

/* RFC 7672 section 3.1: one that fits is enough; others may be of the next certificate. */
static void
judge_records(struct survey_site *s, struct slice name, const struct survey_answer *tlsa)
{
	size_t usable = 0;

	for (size_t i = 0; i < tlsa->n; i++) {
		const struct dns_record *r = &tlsa->record[i];
		const struct tls_client_tlsa one = {
			r->usage, r->selector, r->matching, r->data};

		usable += tls_client_tlsa_is_usable(&one);
		if (tls_client_tlsa_fits(&one, s->chain_pem))
			return;
	}
	if (usable)
		cli_finding_add(s->f, tlsa_cure(s, name),
			"the TLSA records of %.*s don't fit tls/cert.pem: servers that use "
			"DANE "
			"bring no mail",
			SLICE_FMT(name));
	else
		cli_finding_warn(s->f, tlsa_cure(s, name),
			"the TLSA records of %.*s are of no use for SMTP: usage 2 or 3 is "
			"needed",
			SLICE_FMT(name));
}

static void
judge_host_tlsa(struct survey_site *s, struct slice host)
{
	struct slice name = slice_str(
		survey_site_text(s, "_%u._tcp.%.*s", PORT, SLICE_FMT(host)));
	const struct survey_answer *tlsa = survey_ask_text(s->survey, name, DNS_RECORD_TLSA);

	s->f->topic = "tlsa";
	s->f->subject = survey_site_text(s, "%.*s", SLICE_FMT(host));
	if (!tlsa || survey_site_failed(s, tlsa, name, "TLSA") || tlsa->n == 0)
		return;
	if (tlsa->security == DNS_SECURE)
		judge_records(s, name, tlsa);
	else if (s->f->config.dns_validate)
		cli_finding_note(s->f, "sign the zone (DNSSEC), or take them out",
			"the TLSA records of %.*s count for nothing: they aren't signed",
			SLICE_FMT(name));
}

void
survey_mx_judge_tlsa(struct survey_site *s)
{
	for (size_t i = 0; i < s->mx_hosts; i++)
		judge_host_tlsa(s, s->mx_host[i]);
}
