#include "cmd/demo_estate.h"

#include <string.h>

#include "cmd/demo_zone.h"
#include "core/must.h"

enum { EQUAL_SEC = 30, RECORDS_MAX = 32, MX_PREFERENCE = 10 };
#define NAME_SERVER "127.0.8.1"
#define COMPANY "company.test"
#define PARTNER "partner.test"
#define REVERSE "127.in-addr.arpa"

/* --- who they are --- */

static const struct demo_role roles[DEMO_ESTATE_NODES] = {
	{"mail1", "mail1.company.test", "ann", false, "mail"},
	{"mail2", "mail2.company.test", NULL, false, "mail"},
	{"mail3", "mail3.company.test", NULL, true, "arbiter"},
	{"gw1", "gw1.company.test", "admin", false, "gateway"},
	{"gw2", "gw2.company.test", NULL, false, "gateway"},
	{"gw3", "gw3.company.test", NULL, true, "arbiter"},
	{"partner", "mx.partner.test", "pat", false, "outside"},
};

static bool
is_gateway(const struct demo_node *node)
{
	return !strncmp(node->role->name, "gw", 2);
}

/* What a cluster's first node has, and the others get when they join. */
static void
put_shared(const struct demo *d, const struct demo_node *node, FILE *conf)
{
	static const char *const zones[] = {COMPANY, PARTNER, REVERSE};
	unsigned smtp = demo_port(d, DEMO_SMTP), back = demo_port(d, DEMO_REINJECT);

	for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
		fprintf(conf, "stub = %s %s:%u\n", zones[i], NAME_SERVER,
			demo_port(d, DEMO_DNS));
	fprintf(conf, "\n[mail]\nretry_min = 1s\nretry_max = 2s\n"
		      "[limits]\nrecipients_per_hour = 0\nrecipients_per_day = 0\n"
		      "[relay]\nconnect_timeout = 2s\ntimeout = 5s\n");
	if (is_gateway(node))
		fprintf(conf, "\n[gateway]\nreinject = mail1.%s:%u, mail2.%s:%u\n", COMPANY,
			back, COMPANY, back);
	else if (node == &d->node[DEMO_ESTATE_PARTNER])
		fprintf(conf, "\n[relay %s]\n# by its MX records, at this port\nhost = %s:%u\n",
			COMPANY, COMPANY, smtp);
	else
		fprintf(conf, "\n[relay %s]\n# by its MX records, at this port\nhost = %s:%u\n",
			PARTNER, PARTNER, smtp);
}

/* The hairpin: what comes to mail1 and mail2, from wherever, goes to a gateway first. */
static void
put_listeners(const struct demo *d, const struct demo_node *node, FILE *conf)
{
	static const char *const sources[] = {"mx", "submissions", "submission"};
	unsigned filter = demo_port(d, DEMO_FILTER);

	if (is_gateway(node)) {
		fprintf(conf,
			"\n[listener filter]\nkind = filter\naddress = %s\nport = %u\n"
			"from = 127.0.0.0/8\n",
			node->address, filter);
		return;
	}
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
		fprintf(conf, "\n[listener %s]\nfilter = gw1.%s:%u, gw2.%s:%u\n", sources[i],
			COMPANY, filter, COMPANY, filter);
	fprintf(conf,
		"\n[listener reinject]\nkind = reinject\naddress = %s\nport = %u\n"
		"from = 127.0.0.0/8\n",
		node->address, demo_port(d, DEMO_REINJECT));
}

static void
configure(const struct demo *d, const struct demo_node *node, FILE *conf)
{
	if (node->role->is_arbiter)
		return;
	fprintf(conf, "\n[dns]\nservers = %s:%u\n", NAME_SERVER, demo_port(d, DEMO_DNS));
	if (node->role->user)
		put_shared(d, node, conf);
	if (node != &d->node[DEMO_ESTATE_PARTNER])
		put_listeners(d, node, conf);
}

const struct demo_shape demo_estate_shape = {roles, DEMO_ESTATE_NODES, configure};

/* --- their names --- */

static struct demo_zone_record *
add(struct demo_zone *zone, const char *owner, enum dns_record_type type, const char *value)
{
	static struct demo_zone_record record[RECORDS_MAX];
	struct demo_zone_record *r = &record[zone->records++];

	must(zone->records <= RECORDS_MAX);
	zone->record = record;
	*r = (struct demo_zone_record){.type = type};
	snprintf(r->owner, sizeof r->owner, "%s", owner);
	snprintf(r->value, sizeof r->value, "%s", value);
	return r;
}

static void
add_zone(struct demo_zone *zone, const char *name)
{
	add(zone, name, DNS_RECORD_SOA, "ns." COMPANY);
	add(zone, name, DNS_RECORD_NS, "ns." COMPANY);
}

static void
add_mx(struct demo_zone *zone, const char *domain, const struct demo_node *node)
{
	add(zone, domain, DNS_RECORD_MX, node->role->host)->preference = MX_PREFERENCE;
}

static bool
start_name_server(struct demo *d)
{
	struct demo_zone zone = {.records = 0};
	char reverse[DEMO_ZONE_TEXT];

	add_zone(&zone, COMPANY);
	add_zone(&zone, PARTNER);
	add_zone(&zone, REVERSE);
	add(&zone, "ns." COMPANY, DNS_RECORD_A, NAME_SERVER);
	add_mx(&zone, COMPANY, &d->node[DEMO_ESTATE_MAIL1]);
	add_mx(&zone, COMPANY, &d->node[DEMO_ESTATE_MAIL2]);
	add_mx(&zone, PARTNER, &d->node[DEMO_ESTATE_PARTNER]);
	for (unsigned i = 0; i < DEMO_ESTATE_NODES; i++) {
		snprintf(reverse, sizeof reverse, "1.%u.0." REVERSE, i + 1);
		add(&zone, d->node[i].role->host, DNS_RECORD_A, d->node[i].address);
		add(&zone, reverse, DNS_RECORD_PTR, d->node[i].role->host);
	}
	d->name_server = demo_zone_start(&zone, NAME_SERVER, demo_port(d, DEMO_DNS));
	demo_step(d,
		d->name_server
			? "    name server at %s:%u: %s has the MX mail1 and mail2, %s has mx"
			: "    no name server at %s:%u for %s and %s: the port is taken",
		NAME_SERVER, demo_port(d, DEMO_DNS), COMPANY, PARTNER);
	return d->name_server != 0;
}

/* --- the beginning --- */

bool
demo_estate_set_up(struct demo *d)
{
	demo_step(d,
		"a company's mail system and a partner of it, on this machine, in %s:", d->dir);
	if (!start_name_server(d))
		return false;
	for (unsigned i = 0; i < DEMO_ESTATE_NODES; i++) {
		struct demo_node *node = &d->node[i];

		if (!demo_make(d, node))
			return false;
		demo_step(d, "    %s at %s, %s: %s", node->role->name, node->address,
			node->role->does,
			node->role->user ? "hairpin init, serve"
					 : "hairpin cluster token, join, serve");
	}
	if (!demo_wait_equal(d, &d->node[DEMO_ESTATE_MAIL1], EQUAL_SEC) ||
		!demo_wait_equal(d, &d->node[DEMO_ESTATE_GW1], EQUAL_SEC)) {
		demo_step(d, "they did not come together");
		return false;
	}
	demo_step(d,
		"two clusters of three votes each; mail1 and mail2 hand all mail to gw1 or "
		"gw2 (port %u), which give it back (port %u)",
		demo_port(d, DEMO_FILTER), demo_port(d, DEMO_REINJECT));
	return true;
}
