#include "cmd/config_route.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "smtp/smtp_client_hello.h"
#include "smtp/smtp_hop.h"

enum { DOMAIN_MAX = 253 };

static bool
is(const char *text, const char *word)
{
	return strcmp(text, word) == 0;
}

static bool
is_host(const struct config_route *r)
{
	return !is(r->host, CONFIG_ROUTE_BY_MX);
}

/* --- reading --- */

static struct config_route *
take(struct config_routes *r, const char *domain)
{
	struct config_route *one;

	for (uint32_t i = 1; i < r->n; i++)
		if (is(r->route[i].domain, domain))
			return &r->route[i];
	if (r->n == CONFIG_ROUTES_MAX)
		return NULL;
	one = &r->route[r->n++];
	snprintf(one->domain, sizeof one->domain, "%s", domain);
	snprintf(one->host, sizeof one->host, CONFIG_ROUTE_BY_MX);
	snprintf(one->transport, sizeof one->transport, "smtp");
	snprintf(one->certificate, sizeof one->certificate, CONFIG_ROUTE_NONE);
	snprintf(one->user, sizeof one->user, CONFIG_ROUTE_NONE);
	snprintf(one->password_file, sizeof one->password_file, CONFIG_ROUTE_NONE);
	return one;
}

static const struct {
	const char *name;
	size_t at, room;
} keys[] = {
#define KEY(member)                                                                            \
	{                                                                                      \
#member, offsetof(struct config_route, member),                                \
			sizeof(((struct config_route *)0)->member)                             \
	}
	KEY(host), KEY(transport), KEY(tls), KEY(certificate), KEY(user), KEY(password_file),
	KEY(discard_ehlo_keywords)
#undef KEY
};
enum { KEYS = sizeof keys / sizeof *keys };

const char *
config_route_read(
	struct config_routes *r, const char *domain, const char *key, const char *text)
{
	size_t n = strlen(domain), i = 0;
	struct config_route *one;

	if (n == 0 || n > DOMAIN_MAX)
		return "its name is a domain of 1 to 253 octets, or .DOMAIN for all below it";
	while (i < KEYS && !is(keys[i].name, key))
		i++;
	if (i == KEYS)
		return "unknown key; known are host, transport, tls, certificate, user, "
		       "password_file and discard_ehlo_keywords";
	n = strlen(text);
	if (n == 0 || n >= keys[i].room)
		return "a value that is too short or too long";
	one = take(r, domain);
	if (!one)
		return "there are 31 of them already";
	memcpy((char *)one + keys[i].at, text, n + 1);
	return NULL;
}

/* --- checking --- */

/* False: a word that isn't one of those that may be discarded. */
static bool
parse_discards(const char *text, unsigned *bits)
{
	static const unsigned known = SMTP_CLIENT_PIPELINING | SMTP_CLIENT_SIZE |
				      SMTP_CLIENT_8BITMIME | SMTP_CLIENT_SMTPUTF8 |
				      SMTP_CLIENT_DSN | SMTP_CLIENT_CHUNKING;
	size_t n;

	*bits = 0;
	if (is(text, CONFIG_ROUTE_NONE))
		return true;
	while (text += strspn(text, ", \t"), (n = strcspn(text, ", \t")) > 0) {
		unsigned bit = smtp_client_hello_offer(slice_of(text, n));

		if (!(bit & known))
			return false;
		*bits |= bit;
		text += n;
	}
	return true;
}

bool
config_route_is_certificate(const char *text)
{
	return is(text, CONFIG_ROUTE_NODE) || is(text, CONFIG_ROUTE_NONE);
}

static const char *
check_one(const struct config_route *r, bool is_first)
{
	enum smtp_tls_policy_level level;
	struct smtp_hop hop;
	unsigned bits;
	char name[CONFIG_ROUTE_TEXT + 8];

	snprintf(name, sizeof name, "smtp:%s", r->host);
	if (is_host(r) && (smtp_hop_parse(slice_str(name), &hop) || hop.targets != 1))
		return "host: expected mx, or a domain (by its MX), or [NAME] or [ADDRESS], "
		       "with :PORT or without";
	if (!is(r->transport, "smtp") && !is(r->transport, "lmtp"))
		return "transport: expected smtp or lmtp";
	if (is(r->transport, "lmtp") && !is_host(r))
		return "transport: lmtp needs a host";
	if ((*r->tls || is_first) && !smtp_tls_policy_parse(slice_str(r->tls), &level))
		return "tls: expected none, may, encrypt, dane, dane-only or verify";
	if (!config_route_is_certificate(r->certificate))
		return "certificate: expected node or none";
	if (is(r->user, CONFIG_ROUTE_NONE) != is(r->password_file, CONFIG_ROUTE_NONE))
		return "user and password_file go together";
	if (!is(r->user, CONFIG_ROUTE_NONE) && !is_host(r))
		return "user: a login needs a host";
	if (!is(r->password_file, CONFIG_ROUTE_NONE) && r->password_file[0] != '/')
		return "password_file: expected an absolute path";
	if (!parse_discards(r->discard_ehlo_keywords, &bits))
		return "discard_ehlo_keywords: expected none, or some of pipelining, size, "
		       "8bitmime, smtputf8, dsn and chunking";
	return NULL;
}

/* A password isn't for whoever happens to answer. */
static bool
is_login_safe(const struct config_routes *r, const struct config_route *one)
{
	enum smtp_tls_policy_level level = config_route_tls(r, one);

	return is(one->user, CONFIG_ROUTE_NONE) || level == SMTP_TLS_POLICY_VERIFY ||
	       level == SMTP_TLS_POLICY_DANE_ONLY;
}

/* A next hop is known by its host: of two routes to it only one could be heard. */
static bool
is_at_odds(const struct config_routes *r, const struct config_route *a,
	const struct config_route *b)
{
	return is_host(a) && is(a->host, b->host) && is(a->transport, b->transport) &&
	       !(is(a->user, b->user) && is(a->password_file, b->password_file) &&
		       config_route_tls(r, a) == config_route_tls(r, b) &&
		       config_route_discards(r, a) == config_route_discards(r, b));
}

const char *
config_route_check(const struct config_routes *r, const struct config_route **which)
{
	const char *why;

	for (uint32_t i = 0; i < r->n; i++) {
		*which = &r->route[i];
		why = check_one(*which, i == 0);
		if (!why && !is_login_safe(r, *which))
			why = "user: a login needs tls = verify or dane-only";
		for (uint32_t k = 0; k < i && !why; k++)
			if (is_at_odds(r, &r->route[k], *which))
				why = "host: another section has it with another login, tls or "
				      "discard_ehlo_keywords; use one of its other names";
		if (why)
			return why;
	}
	return NULL;
}

void
config_route_format(const struct config_routes *r, struct buf *out)
{
	for (uint32_t i = 1; i < r->n; i++) {
		buf_printf(out, "\n[relay %s]\n", r->route[i].domain);
		for (size_t k = 0; k < KEYS; k++) {
			const char *text = (const char *)&r->route[i] + keys[k].at;

			if (*text)
				buf_printf(out, "%s = %s\n", keys[k].name, text);
		}
	}
}

/* --- finding --- */

struct slice
config_route_domain(struct slice address)
{
	size_t at = address.n;

	while (at && address.p[at - 1] != '@')
		at--;
	return at ? slice_from(address, at) : SLICE_EMPTY;
}

size_t
config_route_fit(const char *section, struct slice domain)
{
	struct slice name = slice_str(section);

	if (slice_eq_nocase(name, domain))
		return SIZE_MAX;
	return name.n && name.p[0] == '.' && domain.n > name.n &&
			       slice_eq_nocase(slice_from(domain, domain.n - name.n), name)
		       ? name.n
		       : 0;
}

const struct config_route *
config_route_of_domain(const struct config_routes *r, struct slice domain)
{
	const struct config_route *best = &r->route[0];
	size_t most = 0, fit;

	for (uint32_t i = 1; i < r->n; i++) {
		fit = config_route_fit(r->route[i].domain, domain);
		if (fit > most) {
			most = fit;
			best = &r->route[i];
		}
	}
	return best;
}

bool
config_route_hop(const struct config_routes *r, struct slice address, struct buf *out)
{
	struct slice domain = config_route_domain(address);
	const struct config_route *route = config_route_of_domain(r, domain);

	if (!domain.n || !is_host(route))
		return smtp_hop_of_address(address, out);
	return buf_printf(out, "%s:%s", route->transport, route->host);
}

bool
config_route_leads_to(const struct config_route *r, struct slice hop)
{
	char name[CONFIG_ROUTE_TEXT + 8];

	snprintf(name, sizeof name, "%s:%s", r->transport, r->host);
	return is_host(r) && slice_eq(slice_str(name), hop);
}

const struct config_route *
config_route_of_hop(const struct config_routes *r, struct slice hop)
{
	struct smtp_hop parsed;

	for (uint32_t i = 0; i < r->n; i++)
		if (config_route_leads_to(&r->route[i], hop))
			return &r->route[i];
	/* By MX: that of the domain, if it says so too. */
	if (!smtp_hop_parse(hop, &parsed) && parsed.target[0].is_domain) {
		const struct config_route *route = config_route_of_domain(
			r, parsed.target[0].host);

		if (!is_host(route))
			return route;
	}
	return &r->route[0];
}

unsigned
config_route_discards(const struct config_routes *r, const struct config_route *route)
{
	const char *own = route->discard_ehlo_keywords;
	unsigned bits;

	parse_discards(*own ? own : r->route[0].discard_ehlo_keywords, &bits);
	return bits;
}

enum smtp_tls_policy_level
config_route_tls(const struct config_routes *r, const struct config_route *route)
{
	enum smtp_tls_policy_level level = SMTP_TLS_POLICY_DANE;

	smtp_tls_policy_parse(slice_str(*route->tls ? route->tls : r->route[0].tls), &level);
	return level;
}
