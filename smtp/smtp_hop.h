/* smtp_hop: the name of a next hop, under which recipients wait and connections are kept:
 *
 *   hop       = transport ":" target *("," target)    ; the next target when one is down
 *   transport = "smtp" / "lmtp" / "filter"            ; filter: SMTP to a content filter
 *   target    = (domain / "[" host "]") [":" port]    ; a domain by its MX, a host as it is
 *   host      = domain name, IPv4, or IPv6 address
 *
 * Lower case, no blanks, no default port. Pure. */
#ifndef SMTP_HOP_H
#define SMTP_HOP_H

#include "core/buf.h"
#include "core/err.h"

/* Stands for a content filter that is no server: the engine of this node. Not to be parsed. */
#define SMTP_HOP_LOCAL "local:"

enum { SMTP_HOP_MAX = 300, SMTP_HOP_TARGETS_MAX = 8 };

enum smtp_hop_transport { SMTP_HOP_SMTP, SMTP_HOP_LMTP, SMTP_HOP_FILTER };
struct smtp_hop_target {
	struct slice host; /* borrowed; without brackets */
	bool is_domain;	   /* by MX; else by address */
	uint16_t port;	   /* 25; of lmtp 24, of filter 10025, unless it says another */
};
struct smtp_hop {
	enum smtp_hop_transport transport;
	struct smtp_hop_target target[SMTP_HOP_TARGETS_MAX];
	size_t targets;
};
/* ERR_SYNTAX: not a hop's name; out is as it was. TOO_BIG: over SMTP_HOP_MAX octets.
 * LIMIT: too many targets. */
enum err smtp_hop_parse(struct slice name, struct smtp_hop *out);
/* Appends the hop of an address outside (canonical local@domain or local@[literal]; RFC 5321
 * 4.1.3): smtp to its domain. False: there is none (out is full, or no domain). */
bool smtp_hop_of_address(struct slice address, struct buf *out);
/* Appends the hop of a list as people write it: "HOST:PORT, [ADDRESS]:PORT", in any case, with
 * blanks or without; a host as it is, never by MX. port: of a host without one. False, and out
 * is then of no use: it isn't such a list, or too long. */
bool smtp_hop_of_list(
	enum smtp_hop_transport transport, struct slice list, uint16_t port, struct buf *out);

#endif
