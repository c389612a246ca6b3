#include "smtp/smtp_tls_policy.h"

/* RFC 3463 section 3.8: "cryptographic failure", "security features not supported". */
#define STATUS "4.7.5"
#define STATUS_NO_TLS "4.7.4"

static const char *const names[] = {[SMTP_TLS_POLICY_NONE] = "none",
	[SMTP_TLS_POLICY_MAY] = "may",
	[SMTP_TLS_POLICY_ENCRYPT] = "encrypt",
	[SMTP_TLS_POLICY_DANE] = "dane",
	[SMTP_TLS_POLICY_DANE_ONLY] = "dane-only",
	[SMTP_TLS_POLICY_VERIFY] = "verify"};

bool
smtp_tls_policy_parse(struct slice word, enum smtp_tls_policy_level *out)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_eq(word, slice_str(names[i]))) {
			*out = (enum smtp_tls_policy_level)i;
			return true;
		}
	return false;
}

const char *
smtp_tls_policy_name(enum smtp_tls_policy_level level)
{
	return names[level];
}

/* ---- which level ---- */

static const struct smtp_tls_policy_rule *
find_rule(const struct smtp_tls_policy_table *table, struct slice name)
{
	for (size_t i = 0; i < table->n; i++)
		if (slice_eq_nocase(table->rules[i].next_hop, name))
			return &table->rules[i];
	return NULL;
}

enum smtp_tls_policy_level
smtp_tls_policy_find(const struct smtp_tls_policy_table *table, struct slice next_hop)
{
	const struct smtp_tls_policy_rule *rule = find_rule(table, next_hop);

	while (!rule && next_hop.n) {
		size_t dot = slice_find(slice_from(next_hop, 1), '.');

		next_hop = slice_from(next_hop, 1 + dot);
		rule = next_hop.n ? find_rule(table, next_hop) : NULL;
	}
	return rule ? rule->level : table->otherwise;
}

/* ---- the plan ---- */

static void
demand(struct smtp_tls_policy_plan *p, enum smtp_tls_policy_way way,
	enum tls_client_check check)
{
	p->way = way;
	p->demand.check = check;
}

static void
skip(struct smtp_tls_policy_plan *p, const char *why)
{
	p->way = SMTP_TLS_POLICY_SKIP;
	p->fault = (struct smtp_tls_policy_fault){STATUS, why};
}

static void
put_name(struct smtp_tls_policy_plan *p, struct slice name)
{
	if (name.n)
		p->names[p->demand.n_names++] = name;
}

static bool
has_usable(const struct smtp_tls_policy_facts *f)
{
	for (size_t i = 0; i < f->n_tlsa; i++)
		if (tls_client_tlsa_is_usable(&f->tlsa[i]))
			return true;
	return false;
}

static void
plan_pkix(const struct smtp_tls_policy_facts *f, struct smtp_tls_policy_plan *p)
{
	if (f->host.n == 0) {
		skip(p, "An address has no name that a certificate could prove");
		return;
	}
	demand(p, SMTP_TLS_POLICY_MUST, TLS_CLIENT_PKIX);
	put_name(p, f->host);
}

/* RFC 7672 section 3.2.2 says which names will do. */
static void
plan_dane(const struct smtp_tls_policy_facts *f, struct smtp_tls_policy_plan *p)
{
	demand(p, SMTP_TLS_POLICY_MUST, TLS_CLIENT_DANE);
	p->demand.server_name = f->tlsa_base;
	p->demand.tlsa = f->tlsa;
	p->demand.n_tlsa = f->n_tlsa;
	put_name(p, f->tlsa_base);
	put_name(p, f->host);
	put_name(p, f->domain);
	put_name(p, f->canonical_domain);
}

/* A policy in testing is met as if it were enforced, but for the consequences. */
static void
plan_testing(const struct smtp_tls_policy_facts *f, struct smtp_tls_policy_plan *p)
{
	if (!smtp_sts_allows(f->sts, f->host)) {
		p->note = "The MTA-STS policy, in testing, doesn't name this host";
		return;
	}
	plan_pkix(f, p);
	p->way = SMTP_TLS_POLICY_TRY;
	p->demand.is_noted = true;
}

static void
plan_sts(const struct smtp_tls_policy_facts *f, struct smtp_tls_policy_plan *p)
{
	switch (f->sts->mode) {
	case SMTP_STS_ENFORCE:
		if (smtp_sts_allows(f->sts, f->host))
			plan_pkix(f, p);
		else
			skip(p, "The MTA-STS policy of the domain doesn't name this host");
		break;
	case SMTP_STS_TESTING:
		plan_testing(f, p);
		break;
	case SMTP_STS_NONE:
	default:
		break;
	}
}

/* What is validated comes first: "senders who implement MTA-STS validation MUST NOT allow
 * MTA-STS Policy validation to override a failing DANE validation" (RFC 8461 section 2). */
static void
plan_best(const struct smtp_tls_policy_facts *f, struct smtp_tls_policy_plan *p)
{
	if (f->has_tlsa_failed) {
		skip(p, "The TLSA records of the host can't be looked up");
		return;
	}
	if (has_usable(f)) {
		plan_dane(f, p);
		return;
	}
	demand(p, SMTP_TLS_POLICY_TRY, TLS_CLIENT_NO_CHECK);
	if (f->sts)
		plan_sts(f, p);
	/* RFC 7672 section 2.2: records none of which is usable still say that there is TLS. */
	if (f->n_tlsa && p->way == SMTP_TLS_POLICY_TRY)
		p->way = SMTP_TLS_POLICY_MUST;
}

static void
plan_dane_only(const struct smtp_tls_policy_facts *f, struct smtp_tls_policy_plan *p)
{
	if (f->has_tlsa_failed)
		skip(p, "The TLSA records of the host can't be looked up");
	else if (has_usable(f))
		plan_dane(f, p);
	else
		skip(p, "The host has no usable TLSA record that is validated");
}

void
smtp_tls_policy_plan(
	const struct smtp_tls_policy_facts *facts, struct smtp_tls_policy_plan *out)
{
	*out = (struct smtp_tls_policy_plan){.way = SMTP_TLS_POLICY_PLAIN};
	out->demand.server_name = facts->host;
	out->demand.names = out->names;
	switch (facts->level) {
	case SMTP_TLS_POLICY_NONE:
		break;
	case SMTP_TLS_POLICY_MAY:
		demand(out, SMTP_TLS_POLICY_TRY, TLS_CLIENT_NO_CHECK);
		break;
	case SMTP_TLS_POLICY_DANE:
		plan_best(facts, out);
		break;
	case SMTP_TLS_POLICY_DANE_ONLY:
		plan_dane_only(facts, out);
		break;
	case SMTP_TLS_POLICY_VERIFY:
		plan_pkix(facts, out);
		break;
	case SMTP_TLS_POLICY_ENCRYPT:
	default:
		demand(out, SMTP_TLS_POLICY_MUST, TLS_CLIENT_NO_CHECK);
		break;
	}
}

/* ---- what came of it ---- */

static const char *
words_of(enum smtp_tls_policy_event event)
{
	switch (event) {
	case SMTP_TLS_POLICY_NOT_OFFERED:
		return "TLS is required, but was not offered";
	case SMTP_TLS_POLICY_REFUSED:
		return "TLS is required, but STARTTLS was refused";
	case SMTP_TLS_POLICY_UNPROVED:
		return "Server certificate not verified";
	case SMTP_TLS_POLICY_NO_HANDSHAKE:
	default:
		return "TLS handshake failed";
	}
}

/* Of a server from which nothing was required, but perhaps by a policy in testing. */
static const char *
mild_words_of(enum smtp_tls_policy_event event, bool is_testing)
{
	switch (event) {
	case SMTP_TLS_POLICY_NOT_OFFERED:
		return is_testing ? "The MTA-STS policy, in testing, wants TLS, which was not "
				    "offered"
				  : NULL;
	case SMTP_TLS_POLICY_REFUSED:
		return "STARTTLS was refused";
	case SMTP_TLS_POLICY_UNPROVED:
	case SMTP_TLS_POLICY_NO_HANDSHAKE:
	default:
		return words_of(event);
	}
}

struct smtp_tls_policy_outcome
smtp_tls_policy_judge(const struct smtp_tls_policy_plan *plan, enum smtp_tls_policy_event event)
{
	bool is_begun = event == SMTP_TLS_POLICY_NO_HANDSHAKE ||
			event == SMTP_TLS_POLICY_UNPROVED;
	struct smtp_tls_policy_outcome o = {.act = SMTP_TLS_POLICY_NEXT_HOST,
		.fault = {is_begun ? STATUS : STATUS_NO_TLS, words_of(event)}};

	if (plan->way != SMTP_TLS_POLICY_TRY)
		return o;
	o.act = is_begun ? SMTP_TLS_POLICY_CALL_AGAIN : SMTP_TLS_POLICY_GO_ON;
	o.fault.why = mild_words_of(event, plan->demand.is_noted);
	return o;
}
