/* config_route: the sections [relay] and [relay DOMAIN]: who goes where, how, and with which
 * login. Reading, checking and writing them are config's; finding one is the relay's. Pure. */
#ifndef CMD_CONFIG_ROUTE_H
#define CMD_CONFIG_ROUTE_H

#include "core/buf.h"
#include "smtp/smtp_tls_policy.h"

enum { CONFIG_ROUTES_MAX = 32, CONFIG_ROUTE_TEXT = 256 };
#define CONFIG_ROUTE_BY_MX "mx" /* host: the domain's own MX records */
/* user, password_file, tls_ca, certificate, discard_ehlo_keywords: none */
#define CONFIG_ROUTE_NONE "none"
#define CONFIG_ROUTE_NODE "node" /* certificate: tls/cert.pem */

struct config_route {
	/* "example.org": it alone; ".example.org": all below it; "": [relay], the rest. */
	char domain[CONFIG_ROUTE_TEXT];
	char host[CONFIG_ROUTE_TEXT]; /* a target of smtp_hop, or CONFIG_ROUTE_BY_MX */
	char transport[8];	      /* "smtp", "lmtp" */
	char certificate[8];	      /* that a server is shown if it asks: "node", "none" */
	char tls[16];		      /* a level of smtp_tls_policy; "": that of [relay] */
	char user[CONFIG_ROUTE_TEXT], password_file[CONFIG_ROUTE_TEXT];
	/* "chunking, dsn", CONFIG_ROUTE_NONE; "": those of [relay]. */
	char discard_ehlo_keywords[CONFIG_ROUTE_TEXT];
};
struct config_routes {
	struct config_route route[CONFIG_ROUTES_MAX]; /* [relay]'s is the first */
	uint32_t n;
};

/* A key of [relay DOMAIN], which is begun with the first. NULL, or what is wrong. */
const char *config_route_read(
	struct config_routes *r, const char *domain, const char *key, const char *text);
/* Of all: NULL, or what is wrong; *which is the route. */
const char *config_route_check(
	const struct config_routes *r, const struct config_route **which);
/* Appends the sections [relay DOMAIN]. */
void config_route_format(const struct config_routes *r, struct buf *out);

/* Is it a value of a key `certificate`? */
bool config_route_is_certificate(const char *text);
/* How well the name of a section fits a domain: 0 not at all; more for the longer of the
 * ".DOMAIN" that it is below; most of all if it is the domain itself. */
size_t config_route_fit(const char *section, struct slice domain);
/* What stands behind the last "@"; or empty. */
struct slice config_route_domain(struct slice address);
/* The route of a domain: its own, else that of the longest domain above it, else [relay]'s. */
const struct config_route *config_route_of_domain(
	const struct config_routes *r, struct slice domain);
/* Appends the next hop of an address outside. False: there is none. */
bool config_route_hop(const struct config_routes *r, struct slice address, struct buf *out);
/* The route that leads to a next hop; [relay]'s if none does. */
const struct config_route *config_route_of_hop(const struct config_routes *r, struct slice hop);
/* Is the hop the host that the route names? Only that one may hear the route's login. */
bool config_route_leads_to(const struct config_route *route, struct slice hop);
/* What servers there aren't believed: bits of enum smtp_client_offer. */
unsigned config_route_discards(const struct config_routes *r, const struct config_route *route);
enum smtp_tls_policy_level config_route_tls(
	const struct config_routes *r, const struct config_route *route);

#endif
