#include "cmd/survey_tls.h"

#include <stdio.h>

#include "core/clock.h"

/* PORT: other servers know no other. */
enum { GROUPS_MAX = 32, PLACES_MAX = 32, DAY_SEC = 86400, SOON_DAYS = 14, PORT = 25 };

/* --- the same of several listeners is one finding --- */

enum severity { ERROR, WARNING, NOTE };
struct group {
	enum severity severity;
	const char *what, *cure;
	struct slice place[PLACES_MAX];
	size_t n;
};
struct groups {
	struct survey_site *s;
	struct group group[GROUPS_MAX];
	size_t n;
	const char *place; /* whom the next one is about */
	int64_t now_sec;
};

static void
add(struct groups *g, enum severity severity, const char *cure, const char *what)
{
	struct group *one = g->group;

	while (one < g->group + g->n &&
		(one->severity != severity || strcmp(one->what, what) != 0))
		one++;
	if (one == g->group + GROUPS_MAX)
		return;
	if (one == g->group + g->n)
		g->group[g->n++] = (struct group){severity, what, cure, .n = 0};
	/* Two listeners at different addresses are one place to others. */
	for (size_t i = 0; i < one->n; i++)
		if (slice_eq(one->place[i], slice_str(g->place)))
			return;
	if (one->n < PLACES_MAX)
		one->place[one->n++] = slice_str(g->place);
}

static void
show(struct groups *g)
{
	static void (*const adders[])(struct cli_findings *, const char *, const char *,
		...) = {cli_finding_add, cli_finding_warn, cli_finding_note};

	g->s->f->topic = "tls";
	g->s->f->subject = g->s->f->config.hostname;
	for (size_t i = 0; i < g->n; i++)
		adders[g->group[i].severity](g->s->f, g->group[i].cure, "%s: %s",
			survey_site_list(g->s, g->group[i].place, g->group[i].n),
			g->group[i].what);
}

/* --- the certificate --- */

/* Its name and dates are looked at in its file, if it is that one. */
static bool
is_the_files(struct survey_site *s, const struct survey_said *said)
{
	struct tls_cert_facts file;

	return s->chain_pem.n && !tls_cert_read(s->chain_pem, &file) &&
	       !memcmp(file.sha256, said->cert.sha256, sizeof file.sha256);
}

static void
judge_other(struct groups *g, const struct survey_said *said)
{
	static const char renew[] =
		"put a new one at tls/cert.pem, then send the server SIGHUP";
	int64_t left = said->cert.not_after_sec - g->now_sec;

	if (g->s->chain_pem.n)
		add(g, ERROR,
			"send the server SIGHUP, if tls/cert.pem is new; else another server "
			"answers there",
			"the certificate shown isn't tls/cert.pem");
	if (!said->is_for_name)
		add(g, ERROR, renew,
			survey_site_text(g->s, "the certificate shown isn't for %s",
				g->s->f->config.hostname));
	if (left < 0)
		add(g, ERROR, renew, "the certificate shown has expired");
	else if (left < SOON_DAYS * DAY_SEC)
		add(g, WARNING, renew,
			survey_site_text(g->s, "the certificate shown ends in %lld days",
				(long long)left / DAY_SEC));
}

/* The chain alone: name and dates are said elsewhere. */
static bool
is_chain_bad(const struct groups *g, const struct survey_said *said)
{
	bool is_dated = said->cert.not_after_sec < g->now_sec ||
			said->cert.not_before_sec > g->now_sec;

	return said->fault != TLS_CLIENT_NO_FAULT && said->fault != TLS_CLIENT_WRONG_NAME &&
	       (said->fault != TLS_CLIENT_EXPIRED || !is_dated);
}

static void
judge_certificate(struct groups *g, bool is_mx, const struct survey_said *said)
{
	static const char cure[] = "get a certificate of an authority that is trusted "
				   "everywhere, and put its whole "
				   "chain at tls/cert.pem";

	if (!said->has_cert)
		return;
	if (!is_the_files(g->s, said))
		judge_other(g, said);
	if (is_chain_bad(g, said) && is_mx)
		add(g, WARNING, cure,
			survey_site_text(g->s,
				"%s: servers that prove certificates bring no mail",
				said->fault_why));
	else if (is_chain_bad(g, said))
		add(g, ERROR, cure,
			survey_site_text(
				g->s, "%s: mail programs warn or refuse", said->fault_why));
	if (strncmp(said->version, "TLSv1.3", 7) != 0)
		add(g, WARNING,
			"mend what stands in front of the server, or let it pass TLS on",
			survey_site_text(g->s, "only %.7s, though this server speaks TLSv1.3",
				said->version));
}

/* --- a listener --- */

static void
judge_unreached(struct groups *g, struct slice address, const struct survey_said *said)
{
	const char *what = survey_site_text(g->s, "nobody is reached there: %s", said->why);

	/* Behind a router one's own outer address often can't be called from inside. */
	if (survey_site_is_own(g->s, address))
		add(g, ERROR,
			"mend `address` of the listener (0.0.0.0 or :: is all), or let the "
			"firewall pass",
			what);
	else
		add(g, NOTE,
			"call it from outside: that address isn't this machine's own, and from "
			"inside a router it often can't be reached",
			survey_site_text(g->s, "it can't be seen from here (%s)", said->why));
}

static void
judge_said(struct groups *g, const struct config_listener *l, const struct survey_said *said)
{
	bool is_smtp = l->kind != CONFIG_IMAP && l->kind != CONFIG_IMAPS;
	const char *host = g->s->f->config.hostname;

	if (is_smtp && *said->name && !slice_eq_nocase(slice_str(said->name), slice_str(host)))
		add(g, ERROR,
			survey_site_text(g->s,
				"mend the address of %s in the DNS, or hostname in "
				"[node]",
				host),
			survey_site_text(g->s, "another server answers: it calls itself %s",
				said->name));
	else if (!said->is_secure && *said->why)
		add(g, ERROR, "see the server's log",
			survey_site_text(g->s, "TLS can't be had: %s", said->why));
	else if (!said->is_secure)
		add(g, ERROR, "mend what stands in front of the server: it takes STARTTLS away",
			"STARTTLS isn't offered");
	else
		judge_certificate(g, l->kind == CONFIG_MX, said);
}

static bool
is_protocol(enum config_kind kind, enum survey_protocol *out)
{
	switch (kind) {
	case CONFIG_MX:
	case CONFIG_SUBMISSION:
		*out = SURVEY_SMTP;
		return true;
	case CONFIG_SUBMISSIONS:
		*out = SURVEY_SMTPS;
		return true;
	case CONFIG_IMAP:
		*out = SURVEY_IMAP;
		return true;
	case CONFIG_IMAPS:
		*out = SURVEY_IMAPS;
		return true;
	case CONFIG_LMTP:
	case CONFIG_REINJECT:
	case CONFIG_FILTER:
	case CONFIG_CLUSTER:
	default:
		return false;
	}
}

static void
judge_listener(struct groups *g, const struct config_listener *l, struct slice address)
{
	struct slice host = slice_str(g->s->f->config.hostname);
	struct survey_target target = {.address = address,
		.port = l->kind == CONFIG_MX ? PORT : l->port,
		.demand = {.check = TLS_CLIENT_PKIX,
			.server_name = host,
			.names = &host,
			.n_names = 1}};
	const struct survey_said *said;

	if (!is_protocol(l->kind, &target.protocol))
		return;
	target.wants_tls = target.protocol != SURVEY_SMTPS && target.protocol != SURVEY_IMAPS;
	said = survey_call(g->s->survey, &target);
	g->place = survey_site_text(g->s, address.n == 4 ? "%s:%u" : "[%s]:%u",
		survey_site_address(g->s, address), target.port);
	if (!said)
		return;
	if (!said->is_connected || (!said->is_greeted && target.wants_tls))
		judge_unreached(g, address, said);
	else
		judge_said(g, l, said);
}

static bool
is_for_others(const struct config_listener *l)
{
	return !config_is_path(l) && strncmp(l->address, "127.", 4) != 0 &&
	       strcmp(l->address, "::1") != 0;
}

void
survey_tls_judge(struct survey_site *s)
{
	const struct config *c = &s->f->config;
	struct groups *g = arena_zalloc(&s->run, sizeof *g);

	g->s = s;
	g->now_sec = (int64_t)clock_wall_sec();
	for (size_t a = 0; a < s->host.n; a++)
		for (uint32_t i = 0; i < c->listeners; i++)
			if (is_for_others(&c->listener[i]))
				judge_listener(g, &c->listener[i], s->host.address[a]);
	show(g);
}
