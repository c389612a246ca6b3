/* dns_setting: what an administrator says of name servers, as text: addresses, private zones,
 * trust anchors. Names no host by name: an address is numeric. Pure. */
#ifndef CORE_DNS_SETTING_H
#define CORE_DNS_SETTING_H

#include "core/dns_name.h"

enum { DNS_SETTING_SERVERS_MAX = 8, DNS_SETTING_SERVER_TEXT = 64 };

struct dns_setting_server {
	char text[DNS_SETTING_SERVER_TEXT]; /* IP@PORT, as libunbound wants it */
	bool is_loopback;
};
/* A zone, and a server that is asked for it in place of the public ones. */
struct dns_setting_stub {
	struct dns_name zone;
	struct dns_setting_server server;
};

/* "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353"; @ may stand for the last
 * colon, port 53 is the default. NULL and *out, or what is wrong. */
const char *dns_setting_server(struct slice text, struct dns_setting_server *out);
/* Such addresses with commas or spaces between, at least one. out: room for
 * DNS_SETTING_SERVERS_MAX. */
const char *dns_setting_servers(struct slice text, struct dns_setting_server *out, size_t *n);
/* "ZONE ADDRESS". */
const char *dns_setting_stub(struct slice text, struct dns_setting_stub *out);
/* A DS record as zone files have it: "ZONE [TTL] [IN] DS TAG ALGORITHM TYPE HEX", with a digest
 * of type 2 or 4 (RFC 4509, 6605). zone: its owner. */
const char *dns_setting_anchor(struct slice text, struct dns_name *zone);
/* The servers that a resolv.conf(5) names; addresses with the name of an interface are left
 * out. Returns how many, at most DNS_SETTING_SERVERS_MAX. */
size_t dns_setting_resolv_conf(struct slice text, struct dns_setting_server *out);

#endif
