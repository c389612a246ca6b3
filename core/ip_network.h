/* ip_network: numeric addresses and networks in CIDR notation (RFC 4632, 4291), the one place
 * that reads them. Never asks a name server. Pure. */
#ifndef CORE_IP_NETWORK_H
#define CORE_IP_NETWORK_H

#include "core/slice.h"

struct ip_network {
	uint8_t octets[16];
	uint8_t n;    /* 4 or 16 octets */
	uint8_t bits; /* how many of the first bits count */
};

/* "192.0.2.0/24", "2001:db8::/32", or an address alone: that one. NULL and *out, or what is
 * wrong with the text: bits behind the prefix must be 0. */
const char *ip_network_parse(struct slice text, struct ip_network *out);
/* address: 4 or 16 octets; a network holds no address of the other family. IPv4 in IPv6
 * (::ffff:192.0.2.1) is IPv4's. */
bool ip_network_holds(const struct ip_network *net, struct slice address);
/* address: 4 or 16 octets. May it be called for a stranger? Public unicast alone, by IANA's
 * registries of special-purpose addresses: not this machine, a private network, a link, a
 * documentation, or many at once. IPv4 in IPv6 (mapped, NAT64's 64:ff9b::/96, 6to4) is judged
 * by the address inside. */
bool ip_network_is_public(struct slice address);

#endif
