#include "cmd/survey_out.h"

#include "cmd/survey_where.h"
#include "smtp/smtp_tls_policy.h"

/* CALLS_MAX: addresses of one hop that are called. */
enum { CALLS_MAX = 4 };

/* Large ones, of different owners: at least one of them takes the call of any mail server. */
static const char *const well_known[] = {"gmail.com", "outlook.com", "gmx.net"};
enum { WELL_KNOWN = sizeof well_known / sizeof *well_known };

/* --- calls --- */

enum outcome { NOT_YET, GREETED, SILENT };

struct called {
	enum outcome outcome;
	const struct smtp_mx_try *try;
	const struct survey_said *said; /* of try: the first that greeted, or the last */
	const char *why;		/* of silence */
};

static const char *
relay_text(struct survey_site *s, const struct smtp_mx_try *try, uint16_t port)
{
	return survey_site_text(s, "%.*s[%s]:%u", SLICE_FMT(try->host->name),
		survey_site_address(s, try->address), port);
}

/* All of its addresses at once; plan: what TLS is wanted of a try, or NULL: none. */
static void
call(struct survey_site *s, const struct smtp_hop *hop, const struct smtp_mx_result *where,
	const struct smtp_tls_policy_plan *plan, struct called *out)
{
	uint16_t port = hop->target[0].port;
	bool is_open = false;

	*out = (struct called){.outcome = SILENT, .why = "it has no address"};
	for (size_t i = 0; i < where->n && i < CALLS_MAX; i++) {
		const struct smtp_mx_try *try = &where->tries[i];
		struct survey_target target = {
			.protocol = hop->transport == SMTP_HOP_LMTP ? SURVEY_LMTP : SURVEY_SMTP,
			.address = try->address,
			.port = port};
		const struct survey_said *said;

		if (plan) {
			target.wants_tls = plan[i].way != SMTP_TLS_POLICY_PLAIN;
			target.demand = plan[i].demand;
		}
		said = survey_call(s->survey, &target);
		is_open = is_open || !said;
		if (!said || out->outcome == GREETED)
			continue;
		out->outcome = said->is_greeted ? GREETED : SILENT;
		out->try = try;
		out->said = said;
		out->why = survey_site_text(s, "%s: %s", relay_text(s, try, port), said->why);
	}
	if (is_open && out->outcome != GREETED)
		out->outcome = NOT_YET;
}

/* --- a smart host --- */

static const struct smtp_tls_policy_plan *
make_plans(struct survey_site *s, const struct smtp_mx_result *where,
	enum smtp_tls_policy_level level)
{
	struct smtp_tls_policy_plan *plan = arena_zalloc(
		&s->run, (where->n + 1) * sizeof *plan);

	for (size_t i = 0; i < where->n; i++) {
		const struct smtp_mx_host *host = where->tries[i].host;
		struct smtp_tls_policy_facts facts = {.level = level,
			.host = host->name,
			.domain = where->domain,
			.canonical_domain = where->canonical_domain,
			.has_tlsa_failed = host->has_tlsa_failed,
			.tlsa = host->tlsa,
			.n_tlsa = host->n_tlsa,
			.tlsa_base = host->tlsa_base};

		smtp_tls_policy_plan(&facts, &plan[i]);
	}
	return plan;
}

static void
judge_login(struct survey_site *s, const struct config_route *route, const struct called *c)
{
	if (strcmp(route->user, CONFIG_ROUTE_NONE) != 0 && !c->said->mechanisms)
		cli_finding_add(s->f,
			"mend its port in `host` (587 is for logins), or take user and "
			"password_file out",
			"the smart host %s offers no login (SCRAM-SHA-256, PLAIN or LOGIN): "
			"mail "
			"waits",
			route->host);
}

static void
judge_tls(struct survey_site *s, const struct config_route *route,
	const struct smtp_tls_policy_plan *plan, const struct called *c)
{
	static const char cure[] =
		"mend `host` or `tls` of [relay]; tls_ca says which authorities are trusted";
	const char *level = *route->tls ? route->tls : s->f->config.relay.route[0].tls;
	const struct survey_said *said = c->said;

	if (plan->way == SMTP_TLS_POLICY_SKIP)
		cli_finding_add(s->f, cure, "the smart host %s isn't used with tls = %s: %s",
			route->host, level, plan->fault.why);
	else if (plan->way == SMTP_TLS_POLICY_MUST && !said->is_secure)
		cli_finding_add(s->f, cure,
			"the smart host %s gives no TLS, which tls = %s demands: %s",
			route->host, level,
			*said->why ? said->why : "it doesn't offer STARTTLS");
	else if (plan->way == SMTP_TLS_POLICY_MUST &&
		 plan->demand.check != TLS_CLIENT_NO_CHECK && said->fault)
		cli_finding_add(s->f, cure,
			"the smart host %s shows a certificate that won't do for tls = %s: %s",
			route->host, level, said->fault_why);
	else if (*said->why)
		cli_finding_add(s->f, cure, "the smart host %s doesn't take us: %s",
			route->host, said->why);
	else
		judge_login(s, route, c);
}

static void
judge_smart_host(struct survey_site *s, const struct config_route *route)
{
	const char *name = survey_site_text(s, "%s:%s", route->transport, route->host);
	const struct smtp_tls_policy_plan *plan;
	const struct smtp_mx_result *where;
	struct smtp_hop hop;
	struct called c;

	s->f->topic = "smart-host";
	s->f->subject = route->host;
	/* The configuration was checked. */
	if (smtp_hop_parse(slice_str(name), &hop))
		return;
	where = survey_where(s, &hop.target[0], true);
	if (!where)
		return;
	plan = make_plans(s, where, config_route_tls(&s->f->config.relay, route));
	call(s, &hop, where, plan, &c);
	if (c.outcome == GREETED)
		judge_tls(s, route, &plan[c.try - where->tries], &c);
	else if (c.outcome == SILENT && where->n)
		cli_finding_add(s->f,
			hop.target[0].port == 465
				? "name port 587 in `host`: at 465 TLS comes before SMTP, "
				  "which "
				  "the relay doesn't speak"
				: "mend `host` of [relay] (name and port), or let the firewall "
				  "pass; mail waits until then",
			"the smart host %s doesn't answer: %s", route->host, c.why);
	else if (c.outcome == SILENT)
		cli_finding_add(s->f, "mend `host` of [relay]",
			"the smart host %s can't be found: %.*s", route->host,
			SLICE_FMT(where->why));
}

/* --- the others --- */

bool
survey_out_hop(const char *text, struct buf *out)
{
	return smtp_hop_of_list(SMTP_HOP_SMTP, slice_str(text), 25, out) &&
	       !slice_has(buf_slice(out), ',');
}

static enum outcome
judge_hop(struct survey_site *s, struct slice name, const char **why)
{
	const struct smtp_mx_result *where;
	struct smtp_hop hop;
	struct called c;

	if (smtp_hop_parse(name, &hop))
		return SILENT;
	where = survey_where(s, &hop.target[0], false);
	if (!where)
		return NOT_YET;
	*why = survey_site_text(s, "%.*s", SLICE_FMT(where->why));
	if (where->n == 0)
		return SILENT;
	call(s, &hop, where, NULL, &c);
	*why = c.why;
	return c.outcome;
}

static void
judge_chosen(struct survey_site *s)
{
	const char *why = "";
	struct buf hop;

	s->f->subject = s->outbound;
	buf_init(&hop, SMTP_HOP_MAX);
	if (survey_out_hop(s->outbound, &hop) && judge_hop(s, buf_slice(&hop), &why) == SILENT)
		cli_finding_add(s->f,
			"let the firewall pass, or call another one with --outbound HOST:PORT",
			"%s doesn't answer: %s", s->outbound, why);
	buf_fini(&hop);
}

static void
judge_well_known(struct survey_site *s)
{
	const char *why = "";
	size_t silent = 0;

	s->f->subject = NULL;
	for (size_t i = 0; i < WELL_KNOWN; i++)
		silent += judge_hop(s, slice_str(survey_site_text(s, "smtp:%s", well_known[i])),
				  &why) == SILENT;
	if (silent == WELL_KNOWN)
		cli_finding_add(s->f,
			"your provider or a firewall blocks port 25: have it opened, or use a "
			"smart host: `host` of [relay]",
			"no other mail server can be called at port 25, so no mail leaves: %s",
			why);
}

void
survey_out_judge(struct survey_site *s, bool has_dns)
{
	const struct config_routes *relay = &s->f->config.relay;

	for (uint32_t i = 0; i < relay->n; i++)
		if (strcmp(relay->route[i].host, CONFIG_ROUTE_BY_MX) != 0 &&
			*relay->route[i].host)
			judge_smart_host(s, &relay->route[i]);
	s->f->topic = "outbound";
	if (s->outbound)
		judge_chosen(s);
	else if (has_dns && !strcmp(relay->route[0].host, CONFIG_ROUTE_BY_MX))
		judge_well_known(s);
}
