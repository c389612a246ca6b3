#include "cmd/survey_domain.h"

#include "cmd/survey_mx.h"
#include "cmd/survey_txt.h"

static void
judge_record(struct survey_site *s, struct slice domain, const struct publish_record *r)
{
	switch (r->kind) {
	case PUBLISH_SPF:
		survey_txt_judge_spf(s, domain, r);
		break;
	case PUBLISH_DKIM:
		survey_txt_judge_dkim(s, domain, r);
		break;
	case PUBLISH_DMARC:
		survey_txt_judge_dmarc(s, domain, r);
		break;
	case PUBLISH_MX:      /* first of all */
	case PUBLISH_ADDRESS: /* is the host's: survey_host */
	default:
		break;
	}
}

/* True: there is no MTA-STS policy. */
static bool
judge_one(struct survey_site *s, const struct survey_site_domain *one)
{
	struct publish_domain d = {.domain = one->name,
		.hostname = slice_str(s->f->config.hostname),
		.dkim = {one->dkim[DKIM_KEY_RSA], one->dkim[DKIM_KEY_ED25519]}};
	struct publish_record *record = arena_alloc(&s->run, PUBLISH_MAX * sizeof *record);
	size_t n = publish_list(&d, &s->run, record), faults;
	bool is_there = true, lacks_sts;

	s->f->subject = survey_site_text(s, "%.*s", SLICE_FMT(one->name));
	for (size_t i = 0; i < n; i++)
		if (record[i].kind == PUBLISH_MX)
			is_there = survey_mx_judge(s, one->name, &record[i]) && is_there;
	/* All is asked for at once; of a domain that isn't there nothing more is said. */
	faults = json_array_size(s->f->list);
	for (size_t i = 0; i < n; i++)
		judge_record(s, one->name, &record[i]);
	lacks_sts = survey_txt_judge_sts(s, one->name);
	if (!is_there)
		cli_finding_cut(s->f, faults);
	return is_there && lacks_sts;
}

void
survey_domain_judge(struct survey_site *s)
{
	struct slice *lack = arena_alloc(&s->run, (s->domains + 1) * sizeof *lack);
	size_t n = 0;

	for (size_t i = 0; i < s->domains; i++)
		if (judge_one(s, &s->domain[i]))
			lack[n++] = s->domain[i].name;
	s->f->topic = "mta-sts";
	s->f->subject = NULL;
	if (n)
		cli_finding_note(s->f,
			"RFC 8461 says how; TLSA records in a signed zone do it too",
			"no MTA-STS policy: nobody has to use TLS to bring the mail of %s",
			survey_site_list(s, lack, n));
	survey_mx_judge_tlsa(s);
}
