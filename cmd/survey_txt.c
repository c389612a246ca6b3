#include "cmd/survey_txt.h"

#include "cmd/survey_where.h"
#include "smtp/smtp_spf.h"
#include "smtp/smtp_sts.h"

/* Names above a domain at which a DMARC record may stand. */
enum { PARENTS_MAX = 4 };

bool
survey_txt_tag(struct slice list, struct slice name, struct slice *value)
{
	while (list.n) {
		size_t end = slice_find(list, ';');
		struct slice tag = slice_cut(list, 0, end);
		size_t equals = slice_find(tag, '=');

		if (equals < tag.n && slice_eq(slice_trim(slice_cut(tag, 0, equals)), name)) {
			*value = slice_trim(slice_from(tag, equals + 1));
			return true;
		}
		list = slice_from(list, end + 1);
	}
	return false;
}

/* The only record that begins so; *n: how many there are. */
static struct slice
find(const struct survey_answer *a, struct slice begin, size_t *n)
{
	struct slice found = SLICE_EMPTY;

	*n = 0;
	for (size_t i = 0; i < a->n; i++)
		if (slice_starts_nocase(a->record[i].text, begin)) {
			found = a->record[i].text;
			++*n;
		}
	return found;
}

/* --- SPF --- */

static const struct dns_message *
look(void *arg, const struct dns_name *name, unsigned type)
{
	const struct survey_answer *a = survey_ask(arg, name, type);

	return a ? &a->message : NULL;
}

/* Whom it concerns, and what is to be said of him. */
struct sender {
	struct slice address;
	const char *who, *cure;
	bool is_smart; /* a smart host: it may send from other addresses than it is called at */
};

static void
judge_refused(struct survey_site *s, struct slice domain, const struct sender *from,
	const struct smtp_spf_verdict *v)
{
	const char *what = survey_site_text(s, "the SPF record of %.*s says %s of %s (%.*s)",
		SLICE_FMT(domain), smtp_spf_name(v->result), from->who,
		SLICE_FMT(slice_cut(v->why, 0, SURVEY_SITE_LIST_MAX)));

	if (from->is_smart)
		cli_finding_warn(s->f, from->cure,
			"%s: others refuse the mail, unless it leaves from other addresses",
			what);
	else if (v->result == SMTP_SPF_FAIL)
		cli_finding_add(s->f, from->cure, "%s: others refuse its mail", what);
	else
		cli_finding_warn(
			s->f, from->cure, "%s: others take its mail for spam sooner", what);
}

static void
judge_verdict(struct survey_site *s, struct slice domain, const struct sender *from,
	const struct smtp_spf_verdict *v)
{
	struct slice why = slice_cut(v->why, 0, SURVEY_SITE_LIST_MAX);

	switch (v->result) {
	case SMTP_SPF_NONE:
		cli_finding_warn(s->f, from->cure,
			"%.*s has no SPF record: others take its mail for spam sooner",
			SLICE_FMT(domain));
		break;
	case SMTP_SPF_FAIL:
	case SMTP_SPF_SOFTFAIL:
	case SMTP_SPF_NEUTRAL:
		judge_refused(s, domain, from, v);
		break;
	case SMTP_SPF_PERMERROR:
		cli_finding_add(s->f, from->cure, "the SPF record of %.*s is broken: %.*s",
			SLICE_FMT(domain), SLICE_FMT(why));
		break;
	case SMTP_SPF_TEMPERROR:
		cli_finding_warn(s->f, "look again later",
			"the DNS has no answer for the SPF record of %.*s: %.*s",
			SLICE_FMT(domain), SLICE_FMT(why));
		break;
	case SMTP_SPF_UNKNOWN:
		cli_finding_note(s->f, "send a mail to a service that tests SPF",
			"whether the SPF record of %.*s allows %s can't be judged here: it "
			"hangs on %.*s",
			SLICE_FMT(domain), from->who, SLICE_FMT(why));
		break;
	case SMTP_SPF_PASS:
	case SMTP_SPF_MORE:
	default:
		break;
	}
}

/* True: it passes, or it isn't known. */
static bool
passes(struct survey_site *s, struct slice domain, const struct sender *from,
	struct smtp_spf_verdict *v)
{
	const struct smtp_spf_dns dns = {look, s->survey};

	*v = smtp_spf_judge(&dns, domain, from->address, &s->run);
	return v->result == SMTP_SPF_PASS || v->result == SMTP_SPF_MORE;
}

static void
judge_direct(struct survey_site *s, struct slice domain, const struct publish_record *wanted)
{
	struct sender from = {.cure = survey_site_publish(s, wanted)};
	struct smtp_spf_verdict v;

	for (size_t i = 0; i < s->host.n; i++) {
		from.address = s->host.address[i];
		from.who = survey_site_address(s, from.address);
		if (passes(s, domain, &from, &v))
			continue;
		judge_verdict(s, domain, &from, &v);
		return;
	}
}

/* What leaves goes by a smart host: by one of these addresses, or by others that aren't known
 * here. */
static void
judge_smart(struct survey_site *s, struct slice domain, const struct smtp_hop_target *target)
{
	const struct smtp_mx_result *where = survey_where(s, target, false);
	struct sender from = {.is_smart = true};
	struct smtp_spf_verdict v;

	from.who = survey_site_text(s, "the smart host %.*s", SLICE_FMT(target->host));
	from.cure = survey_site_text(s,
		"publish what the smart host's provider says, like: %.*s. IN TXT \"v=spf1 mx "
		"include:%.*s -all\"",
		SLICE_FMT(domain), SLICE_FMT(target->host));
	for (size_t i = 0; where && i < where->n; i++) {
		from.address = where->tries[i].address;
		if (passes(s, domain, &from, &v))
			return;
	}
	if (where && where->n)
		judge_verdict(s, domain, &from, &v);
}

void
survey_txt_judge_spf(
	struct survey_site *s, struct slice domain, const struct publish_record *wanted)
{
	const struct config_route *route = &s->f->config.relay.route[0];
	const char *name = survey_site_text(s, "%s:%s", route->transport, route->host);
	struct smtp_hop hop;

	s->f->topic = "spf";
	if (!strcmp(route->host, CONFIG_ROUTE_BY_MX))
		judge_direct(s, domain, wanted);
	else if (!smtp_hop_parse(slice_str(name), &hop))
		judge_smart(s, domain, &hop.target[0]);
}

/* --- DKIM --- */

/* Blanks in it don't count (RFC 6376 section 3.6.1). */
static struct slice
key_of(struct survey_site *s, struct slice record)
{
	struct slice value = SLICE_EMPTY;
	uint8_t *key;
	size_t n = 0;

	survey_txt_tag(record, SLICE_LIT("p"), &value);
	key = arena_alloc(&s->run, value.n);
	for (size_t i = 0; i < value.n; i++)
		if (!slice_has(SLICE_LIT(" \t\r\n"), value.p[i]))
			key[n++] = value.p[i];
	return slice_of(key, n);
}

void
survey_txt_judge_dkim(
	struct survey_site *s, struct slice domain, const struct publish_record *wanted)
{
	const struct survey_answer *a = survey_ask_text(
		s->survey, wanted->name, DNS_RECORD_TXT);
	const char *cure = survey_site_publish(s, wanted);
	struct slice key, ours = key_of(s, wanted->data);
	bool has_key = false;

	(void)domain;
	s->f->topic = "dkim";
	if (!a || survey_site_failed(s, a, wanted->name, "TXT"))
		return;
	for (size_t i = 0; i < a->n; i++) {
		key = key_of(s, a->record[i].text);
		has_key = has_key || key.n;
		if (slice_eq(key, ours))
			return;
	}
	if (has_key)
		cli_finding_add(s->f, cure,
			"the DKIM key at %.*s isn't the one of this server: its signatures "
			"would "
			"be taken for forged",
			SLICE_FMT(wanted->name));
	else
		cli_finding_warn(
			s->f, cure, "there is no DKIM key at %.*s", SLICE_FMT(wanted->name));
}

/* --- DMARC --- */

static bool
is_dmarc_good(struct slice record)
{
	struct slice version, policy;

	return survey_txt_tag(record, SLICE_LIT("v"), &version) &&
	       slice_eq(version, SLICE_LIT("DMARC1")) &&
	       survey_txt_tag(record, SLICE_LIT("p"), &policy) &&
	       (slice_eq_nocase(policy, SLICE_LIT("none")) ||
		       slice_eq_nocase(policy, SLICE_LIT("quarantine")) ||
		       slice_eq_nocase(policy, SLICE_LIT("reject")));
}

/* At the domain, or the nearest above it that has one and isn't a top level domain. */
static const struct survey_answer *
find_dmarc(struct survey_site *s, struct slice domain, bool *is_open)
{
	struct slice begin = SLICE_LIT("v=DMARC1"), name;
	size_t n, dot;

	*is_open = false;
	for (unsigned up = 0; up <= PARENTS_MAX; up++) {
		const struct survey_answer *a;

		name = slice_str(survey_site_text(s, "_dmarc.%.*s", SLICE_FMT(domain)));
		a = survey_ask_text(s->survey, name, DNS_RECORD_TXT);
		*is_open = *is_open || !a;
		if (a && (!survey_has_answer(a) || (find(a, begin, &n), n)))
			return a;
		dot = slice_find(domain, '.');
		domain = slice_from(domain, dot + 1);
		if (!slice_has(domain, '.'))
			break;
	}
	return NULL;
}

void
survey_txt_judge_dmarc(
	struct survey_site *s, struct slice domain, const struct publish_record *wanted)
{
	bool is_open;
	const struct survey_answer *a = find_dmarc(s, domain, &is_open);
	const char *cure = survey_site_publish(s, wanted);
	struct slice record;
	size_t n;

	s->f->topic = "dmarc";
	if (is_open || (a && survey_site_failed(s, a, wanted->name, "TXT")))
		return;
	if (!a) {
		cli_finding_warn(s->f, cure,
			"%.*s has no DMARC record: anybody's mail passes for yours, and large "
			"providers want one",
			SLICE_FMT(domain));
		return;
	}
	record = find(a, SLICE_LIT("v=DMARC1"), &n);
	if (n > 1)
		cli_finding_add(s->f, cure, "%.*s has more than one DMARC record: none counts",
			SLICE_FMT(domain));
	else if (!is_dmarc_good(record))
		cli_finding_add(s->f, cure,
			"the DMARC record of %.*s is broken: it needs v=DMARC1 first, and "
			"p=none, "
			"quarantine or reject",
			SLICE_FMT(domain));
}

/* --- MTA-STS (RFC 8461), reports of TLS (RFC 8460): for those who want them --- */

bool
survey_txt_judge_sts(struct survey_site *s, struct slice domain)
{
	struct slice at = slice_str(survey_site_text(s, "_mta-sts.%.*s", SLICE_FMT(domain)));
	struct slice reports = slice_str(
		survey_site_text(s, "_smtp._tls.%.*s", SLICE_FMT(domain)));
	const struct survey_answer *sts = survey_ask_text(s->survey, at, DNS_RECORD_TXT);
	const struct survey_answer *rpt = survey_ask_text(s->survey, reports, DNS_RECORD_TXT);
	struct slice texts[SURVEY_RECORDS_MAX], id;
	size_t n;
	enum err e;

	s->f->topic = "mta-sts";
	if (!sts || !rpt || survey_site_failed(s, sts, at, "TXT"))
		return false;
	for (size_t i = 0; i < sts->n; i++)
		texts[i] = sts->record[i].text;
	e = smtp_sts_record(texts, sts->n, &id);
	find(rpt, SLICE_LIT("v=TLSRPTv1"), &n);
	if (e == ERR_SYNTAX)
		cli_finding_warn(s->f, "publish it as \"v=STSv1; id=20200101T000000\"",
			"the MTA-STS record at %.*s is broken: others don't look for the "
			"policy",
			SLICE_FMT(at));
	else if (!e && !n)
		cli_finding_note(s->f,
			survey_site_text(s,
				"publish: %.*s. IN TXT \"v=TLSRPTv1; "
				"rua=mailto:postmaster@%.*s\"",
				SLICE_FMT(reports), SLICE_FMT(domain)),
			"%.*s wants no reports of failed TLS, though it has an MTA-STS policy",
			SLICE_FMT(domain));
	return e == ERR_NOT_FOUND;
}
