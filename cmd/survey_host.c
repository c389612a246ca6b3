#include "cmd/survey_host.h"

/* NAMES: of one address that are looked at. */
enum { NAMES_MAX = 4 };

/* --- the resolver --- */

static const char ask_others[] = "name servers that answer in `servers` of [dns], or the word "
				 "recursive there (firewalls "
				 "must let port 53 pass then); `hairpin dns . SOA` asks again";

static void
judge_security(struct survey_site *s, const struct survey_answer *root)
{
	if (!s->f->config.dns_validate)
		cli_finding_note(s->f,
			"set validate = yes in [dns], if the name servers pass "
			"signatures on",
			"answers of the DNS aren't validated: nothing is known of DANE, and "
			"what is forged is believed");
	else if (root->security != DNS_SECURE)
		cli_finding_add(s->f, ask_others,
			"%s: the root's key isn't proved by the answers: nothing is validated",
			s->servers);
}

/* False: nothing is answered. */
static bool
judge_resolver(struct survey_site *s)
{
	bool validates = s->f->config.dns_validate;
	const struct survey_answer *root = survey_ask_text(
		s->survey, SLICE_LIT("."), validates ? SURVEY_DNSKEY : DNS_RECORD_SOA);

	s->f->topic = "resolver";
	s->f->subject = NULL;
	if (!root)
		return true;
	if (survey_has_answer(root)) {
		judge_security(s, root);
		return true;
	}
	if (root->security == DNS_BOGUS)
		cli_finding_add(s->f,
			"`servers = recursive` in [dns], or name servers that pass signatures "
			"on; validate = no gives up DANE",
			"%s: the answers can't be validated, so none is believed (%s)",
			s->servers, root->why);
	else
		cli_finding_add(s->f, ask_others, "%s: no answer from the DNS%s%s", s->servers,
			*root->why ? ": " : "", root->why);
	/* A private zone may be answered all the same. */
	return survey_has_answers(s->survey);
}

/* --- reverse names --- */

struct reverse {
	struct slice name[NAMES_MAX];
	size_t n;
	bool is_open;	 /* not all is known */
	bool leads_back; /* one of them has the address */
	bool is_host;	 /* it is the host name */
};

static void
look_back(struct survey_site *s, struct slice address, const struct survey_answer *ptr,
	struct reverse *out)
{
	struct slice host = slice_str(s->f->config.hostname);
	struct survey_site_addresses there;

	*out = (struct reverse){.n = 0};
	for (size_t i = 0; i < ptr->n && i < NAMES_MAX; i++) {
		struct slice name = survey_site_name(s, &ptr->record[i].name);

		out->name[out->n++] = name;
		survey_site_find(s, name, &there);
		out->is_open = out->is_open || !there.is_known;
		if (!survey_site_has(&there, address))
			continue;
		out->leads_back = true;
		out->is_host = out->is_host || slice_eq_nocase(name, host);
	}
}

static void
judge_reverse(struct survey_site *s, struct slice address)
{
	const char *host = s->f->config.hostname, *text = survey_site_address(s, address);
	const char *cure = survey_site_text(s,
		"have the reverse name (PTR) of %s set to %s, by who gave you the address",
		text, host);
	const struct survey_answer *ptr;
	struct dns_name name;
	struct reverse r;

	s->f->topic = "reverse";
	s->f->subject = text;
	dns_name_reverse(address, &name);
	ptr = survey_ask(s->survey, &name, DNS_RECORD_PTR);
	if (!ptr || survey_site_failed(s, ptr, survey_site_name(s, &name), "PTR"))
		return;
	look_back(s, address, ptr, &r);
	if (r.n == 0)
		cli_finding_add(s->f, cure,
			"%s has no reverse name: many servers refuse mail from it", text);
	else if (!r.is_open && !r.leads_back)
		cli_finding_add(s->f, cure,
			"the reverse name of %s is %s, which doesn't lead back to it: many "
			"servers refuse mail from it",
			text, survey_site_list(s, r.name, r.n));
	else if (!r.is_open && !r.is_host)
		cli_finding_warn(s->f, cure,
			"the reverse name of %s is %s, but this server calls itself %s", text,
			survey_site_list(s, r.name, r.n), host);
}

/* --- the host name --- */

static void
judge_addresses(struct survey_site *s)
{
	const char *host = s->f->config.hostname;
	size_t own = 0;

	for (size_t i = 0; i < s->host.n; i++) {
		const char *text = survey_site_address(s, s->host.address[i]);

		own += survey_site_is_own(s, s->host.address[i]);
		s->f->topic = "address";
		s->f->subject = host;
		if (survey_site_is_private(s->host.address[i]))
			cli_finding_warn(s->f, "publish the address at which others reach it",
				"%s has the address %s, which nobody reaches from outside",
				host, text);
		else
			judge_reverse(s, s->host.address[i]);
	}
	s->f->topic = "address";
	s->f->subject = host;
	if (s->host.n && !own)
		cli_finding_note(s->f,
			"right if this machine is behind a router or in a container; else mend "
			"the record",
			"%s has the address %s, which isn't this machine's own", host,
			survey_site_address(s, s->host.address[0]));
}

static void
judge_host(struct survey_site *s)
{
	const char *host = s->f->config.hostname;
	struct publish_record record[PUBLISH_MAX];
	const struct publish_domain d = {.hostname = slice_str(host)};
	size_t n = publish_list(&d, &s->run, record), i = 0;

	survey_site_find(s, slice_str(host), &s->host);
	s->f->topic = "address";
	s->f->subject = host;
	if (!s->host.is_known)
		return;
	if (s->host.failed)
		survey_site_failed(s, s->host.failed, slice_str(host), "A, AAAA");
	while (i + 1 < n && record[i].kind != PUBLISH_ADDRESS)
		i++;
	if (s->host.n == 0 && !s->host.failed)
		cli_finding_add(s->f, survey_site_publish(s, &record[i]),
			"%s has no address in the DNS: other servers don't find this one",
			host);
	judge_addresses(s);
}

bool
survey_host_judge(struct survey_site *s)
{
	const char *host = s->f->config.hostname;

	if (!judge_resolver(s))
		return false;
	if (strchr(host, '.')) {
		judge_host(s);
		return true;
	}
	s->f->topic = "address";
	s->f->subject = host;
	cli_finding_add(s->f, "set hostname in [node] to a whole name, like mail.example.org",
		"this server calls itself %s, which is no name of the DNS: others refuse that",
		host);
	s->host = (struct survey_site_addresses){.is_known = true};
	return true;
}
