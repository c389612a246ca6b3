#include <arpa/inet.h>
#include <string.h>

#include "cmd/config_inner.h"
#include "core/dns_setting.h"
#include "core/mail_addr.h"
#include "core/zone.h"
#include "smtp/smtp_hop.h"

/* A mail that is turned round has more Received fields than at first. */
enum { HOPS_TRUSTED = 100 };

static bool
is_numeric_address(const char *s)
{
	uint8_t raw[16];

	return inet_pton(AF_INET, s, raw) == 1 || inet_pton(AF_INET6, s, raw) == 1;
}

static bool
is_host_name(const char *s)
{
	struct slice name;
	struct arena a;
	bool ok;

	arena_init(&a, 0);
	ok = !mail_addr_parse_domain(slice_str(s), &a, &name);
	arena_reset(&a);
	return ok;
}

static bool
is_any_address(const char *s)
{
	static const uint8_t zeros[16];
	uint8_t raw[16] = {0};

	return (inet_pton(AF_INET, s, raw) == 1 || inet_pton(AF_INET6, s, raw) == 1) &&
	       memcmp(raw, zeros, sizeof raw) == 0;
}

static void
check_cluster(struct config_reading *r)
{
	const struct config_listener *own = config_cluster(r->c);

	for (uint32_t i = 0; i < r->c->listeners && !r->e; i++) {
		const struct config_listener *l = &r->c->listener[i];

		if (l->kind == CONFIG_CLUSTER && l != own)
			config_refuse(r, "listener %s: there is a cluster listener already, %s",
				l->name, own->name);
		else if (l->kind == CONFIG_CLUSTER && is_any_address(l->address))
			config_refuse(r,
				"listener %s: `%s` won't do: name the address at which the "
				"other nodes reach this one",
				l->name, l->address);
		else if (l->kind != CONFIG_CLUSTER && r->c->arbiter)
			config_refuse(r, "listener %s: an arbiter has a cluster listener only",
				l->name);
	}
}

static void
check_relay(struct config_reading *r)
{
	const struct config_route *which;
	const char *why = config_route_check(&r->c->relay, &which);

	if (why)
		config_refuse(
			r, "in [relay%s%s]: %s", *which->domain ? " " : "", which->domain, why);
}

static bool
takes_filter(enum config_kind k)
{
	return k == CONFIG_MX || k == CONFIG_SUBMISSION || k == CONFIG_SUBMISSIONS ||
	       k == CONFIG_LMTP;
}

/* What belongs to listeners of two servers that hand mail to one another. */
static void
check_hairpin(struct config_reading *r, struct config_listener *l)
{
	bool is_trusting = l->kind == CONFIG_REINJECT || l->kind == CONFIG_FILTER;

	if (*l->filter && !takes_filter(l->kind))
		config_refuse(
			r, "listener %s: %s has no filter", l->name, config_kind_name(l->kind));
	else if (*l->filter && !config_filter_hop(l->filter, l->filter_hop))
		config_refuse(r,
			"listener %s: filter: `%s` won't do; expected local, none, or "
			"HOST:PORT and as many as seven more with commas between",
			l->name, l->filter);
	else if (is_trusting != (*l->from || l->certificates.n))
		config_refuse(r,
			is_trusting ? "listener %s: say with `from` which networks may "
				      "connect, or with `certificates` who; a %s port believes "
				      "them"
				    : "listener %s: `from` and `certificates` are not for %s",
			l->name, config_kind_name(l->kind));
	else if (l->hops && !is_trusting)
		config_refuse(r,
			"listener %s: `hops` is not for %s; [limits] has it for all others",
			l->name, config_kind_name(l->kind));
	else if (l->kind == CONFIG_FILTER && !*r->c->gateway_hop)
		config_refuse(r,
			"listener %s: say with `reinject` in [gateway] where its mail goes "
			"back to",
			l->name);
	if (is_trusting && !l->hops)
		l->hops = HOPS_TRUSTED;
}

static void
check_certificate(struct config_reading *r, const char *section, const char *text)
{
	if (!config_route_is_certificate(text))
		config_refuse(r, "certificate in [%s]: expected node or none", section);
}

static void
check_hop_tls(struct config_reading *r, const char *section, const char *tls, const char *hop)
{
	enum smtp_tls_policy_level level;

	if (!smtp_tls_policy_parse(slice_str(tls), &level))
		config_refuse(r,
			"tls in [%s]: expected none, may, encrypt, dane, dane-only or verify",
			section);
	else if (!config_filter_is_provable(tls, hop))
		config_refuse(r,
			"tls in [%s]: %s needs names: the certificate of %s can't prove an "
			"address",
			section, tls, hop);
}

static void
check_hairpins(struct config_reading *r)
{
	struct config *c = r->c;

	if (strcmp(c->gateway_reinject, "none") != 0 &&
		!config_filter_hosts(c->gateway_reinject, SMTP_HOP_SMTP,
			config_listener_port(CONFIG_REINJECT), c->gateway_hop))
		config_refuse(r,
			"reinject in [gateway]: `%s` won't do; expected HOST:PORT, and as many "
			"as seven more with commas between",
			c->gateway_reinject);
	if (strcmp(c->gateway_networks, "none") != 0 &&
		!config_listener_networks(
			c->gateway_networks, c->gateway_network, &c->gateway_networks_n))
		config_refuse(r,
			"revocation_networks in [gateway]: `%s` won't do; expected networks "
			"like 10.1.0.0/16, 2001:db8::1, at most %d, with commas between",
			c->gateway_networks, CONFIG_NETWORKS_MAX);
	for (uint32_t i = 0; i < c->listeners && !r->e; i++)
		check_hairpin(r, &c->listener[i]);
	if (!r->e)
		check_certificate(r, "filter", c->filter_certificate);
	if (!r->e)
		check_certificate(r, "gateway", c->gateway_certificate);
	if (!r->e)
		check_hop_tls(r, "gateway", c->gateway_tls, c->gateway_hop);
	for (uint32_t i = 0; i < c->listeners && !r->e; i++)
		check_hop_tls(r, "filter", c->filters.tls, c->listener[i].filter_hop);
	for (uint32_t i = 0; i < c->filters.n && !r->e; i++)
		check_hop_tls(r, "filter", c->filters.tls, c->filters.one[i].hop);
}

static void
check_dns(struct config_reading *r)
{
	const struct config *c = r->c;
	struct dns_setting_server server[DNS_SETTING_SERVERS_MAX];
	struct dns_setting_stub stub;
	struct dns_name zone;
	const char *why = NULL;
	size_t n;

	if (strcmp(c->dns_servers, "host") != 0 && strcmp(c->dns_servers, "recursive") != 0)
		why = dns_setting_servers(slice_str(c->dns_servers), server, &n);
	if (why)
		config_refuse(r, "servers in [dns]: %s; or one word, host or recursive", why);
	for (uint32_t i = 0; i < c->dns_stub.n && !r->e; i++)
		if ((why = dns_setting_stub(slice_str(c->dns_stub.text[i]), &stub)))
			config_refuse(r, "stub in [dns]: `%s`: %s", c->dns_stub.text[i], why);
	for (uint32_t i = 0; i < c->dns_anchor.n && !r->e; i++)
		if ((why = dns_setting_anchor(slice_str(c->dns_anchor.text[i]), &zone)))
			config_refuse(r, "trust_anchor in [dns]: `%s`: %s",
				c->dns_anchor.text[i], why);
}

void
config_check(struct config_reading *r)
{
	struct config *c = r->c;

	if (c->listeners == 0)
		config_refuse(r, "no [listener NAME] section: nothing would be heard");
	for (uint32_t i = 0; i < c->listeners && !r->e; i++) {
		struct config_listener *l = &c->listener[i];

		if ((int)l->kind < 0)
			config_refuse(r, "listener %s has no kind", l->name);
		else if (config_is_path(l) ? l->kind != CONFIG_LMTP
					   : !is_numeric_address(l->address))
			config_refuse(r, "listener %s: `%s` is no numeric address%s", l->name,
				l->address,
				l->kind == CONFIG_LMTP ? " and no path of a socket" : "");
		else if (config_is_path(l) ? l->port != 0
					   : !l->port && !config_listener_port(l->kind))
			config_refuse(r,
				"listener %s: lmtp has a port with a numeric address, none "
				"with a path",
				l->name);
		else if (!l->port)
			l->port = config_listener_port(l->kind);
	}
	if (!r->e)
		check_cluster(r);
	if (!r->e)
		check_relay(r);
	if (!r->e)
		check_hairpins(r);
	if (!r->e)
		check_dns(r);
	if (!r->e && !zone_is_known(c->timezone))
		config_refuse(r, "timezone: no zone is called `%s`; one is Europe/Berlin",
			c->timezone);
	if (!r->e && c->data_dir[0] != '/')
		config_refuse(r, "data_dir must be an absolute path");
	if (!r->e && !is_host_name(c->hostname))
		config_refuse(r, "hostname: `%s` is no name of the DNS", c->hostname);
}
