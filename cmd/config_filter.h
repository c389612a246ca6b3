/* config_filter: the sections [filter] and [filter DOMAIN]: who has whose mail in hand before
 * it is routed, and what is demanded of the connections there. Pure. */
#ifndef CMD_CONFIG_FILTER_H
#define CMD_CONFIG_FILTER_H

#include "core/buf.h"
#include "smtp/smtp_hop.h"
#include "smtp/smtp_tls_policy.h"

enum { CONFIG_FILTERS_MAX = 32, CONFIG_FILTER_TEXT = 256, CONFIG_HOP_MAX = SMTP_HOP_MAX + 1 };
#define CONFIG_FILTER_NONE "none"   /* nobody: routed at once */
#define CONFIG_FILTER_LOCAL "local" /* the engine of this node */

struct config_filter {
	/* "example.org": it alone; ".example.org": all below it. */
	char domain[CONFIG_FILTER_TEXT];
	char filter[CONFIG_FILTER_TEXT]; /* as it is written */
	char hop[CONFIG_HOP_MAX];	 /* "": nobody */
};
struct config_filters {
	struct config_filter one[CONFIG_FILTERS_MAX];
	uint32_t n;
	char tls[16]; /* a level of smtp_tls_policy */
};

/* A key of [filter DOMAIN], which is begun with the first. NULL, or what is wrong. */
const char *config_filter_read(
	struct config_filters *f, const char *domain, const char *key, const char *text);
/* The value of a key `filter` as a hop's name: "" for none, SMTP_HOP_LOCAL for local, else a
 * list of hosts. False: it is neither. */
bool config_filter_hop(const char *text, char hop[CONFIG_HOP_MAX]);
/* A list of hosts as a hop's name; port: of a host without one. False: it isn't one. */
bool config_filter_hosts(const char *list, enum smtp_hop_transport transport, uint16_t port,
	char hop[CONFIG_HOP_MAX]);
/* Can what a level demands be proved by each host of the hop? An address has no name. */
bool config_filter_is_provable(const char *tls, const char *hop);
/* Appends the sections [filter DOMAIN]. */
void config_filter_format(const struct config_filters *f, struct buf *out);

struct config_filter_mail {
	struct slice rcpt;   /* an address */
	bool is_ours;	     /* rcpt's domain */
	struct slice sender; /* of who has logged in; else empty */
};
/* Who has a recipient in hand first: by the recipient's domain; of one outside else by the
 * sender's; else otherwise. A hop's name, or "": nobody. */
const char *config_filter_of(const struct config_filters *f, const struct config_filter_mail *m,
	const char *otherwise);
/* Is one of the hops a content filter on another machine? */
bool config_filter_has_hosts(const struct config_filters *f);

#endif
