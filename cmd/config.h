/* config: the configuration file. INI: `[section]`, `key = value`, `#` begins a
 * comment. Parse, validate and default are separate steps; a mistake is said
 * with its line and the next step. docs/hairpin.conf.5 is its manual. */
#ifndef CMD_CONFIG_H
#define CMD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/config_filter.h"
#include "cmd/config_route.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/ip_network.h"
#include "store/sending.h"

enum {
	CONFIG_LISTENERS_MAX = 16,
	CONFIG_TEXT_MAX = 256,
	CONFIG_LIST_MAX = 16,
	CONFIG_NETWORKS_MAX = 16
};

#define CONFIG_RELAY_CA "built-in" /* the authorities of crypto/tls_trust */

enum config_kind {
	CONFIG_MX,
	CONFIG_SUBMISSION,
	CONFIG_SUBMISSIONS,
	CONFIG_LMTP,
	CONFIG_REINJECT,
	CONFIG_FILTER,
	CONFIG_IMAP,
	CONFIG_IMAPS,
	CONFIG_CLUSTER
};

/* What a key that may stand several times says. */
struct config_list {
	char text[CONFIG_LIST_MAX][CONFIG_TEXT_MAX];
	uint32_t n;
};

struct config_listener {
	char name[64];
	enum config_kind kind;
	char address[CONFIG_TEXT_MAX]; /* numeric IPv4 or IPv6; for lmtp also the path of a
					  Unix socket */
	uint16_t port;
	bool allow_plaintext_auth; /* login without TLS: loopback listeners of tests only */
	/* Of reinject and filter: who may connect, as text and as networks, or by which
	 * certificates: their hashes or those of their keys, and files of authorities (absolute
	 * paths), as they are written; how many Received fields a mail may have. */
	char from[CONFIG_TEXT_MAX];
	struct ip_network network[CONFIG_NETWORKS_MAX];
	struct config_list certificates;
	uint32_t networks, hops;
	/* Of those that take mail from outside or from users: who has in hand first what
	 * [filter DOMAIN] says nothing of, as text ("": nobody), and as a hop's name. */
	char filter[CONFIG_TEXT_MAX], filter_hop[CONFIG_HOP_MAX];
};

struct config {
	/* [node] */
	char hostname[CONFIG_TEXT_MAX];
	char data_dir[CONFIG_TEXT_MAX];
	char timezone[CONFIG_TEXT_MAX]; /* in which dates are written; known to core/zone */
	uint32_t uid, gid;		/* what the processes become when started as root */
	bool debug_log, arbiter;
	uint64_t map_bytes;
	/* [listener NAME] */
	struct config_listener listener[CONFIG_LISTENERS_MAX];
	uint32_t listeners;
	/* [processes] */
	uint32_t smtpd, imapd, keyd, filterd;
	/* [mail] */
	char delimiter; /* of subaddresses; 0: none */
	uint32_t repeat_window_sec;
	uint32_t queue_life_sec, retry_min_sec, retry_max_sec;
	uint32_t delay_warning_sec; /* 0: none */
	uint32_t trace_life_sec;    /* what became of a mail is kept so long; 0: not at all */
	/* [relay] */
	struct config_routes relay;
	char relay_tls_ca[CONFIG_TEXT_MAX]; /* a file's path, or CONFIG_RELAY_CA */
	uint32_t relay_connections, relay_per_hop;
	uint32_t relay_connect_sec, relay_timeout_sec, relay_data_done_sec, relay_sts_sec;
	bool srs, relay_dkim;
	/* [filter] */
	struct config_filters filters;
	char filter_certificate[8]; /* "node", "none" */
	/* [gateway]: where its mail goes back to: "none", or as text and as a hop's name */
	char gateway_reinject[CONFIG_TEXT_MAX], gateway_hop[CONFIG_HOP_MAX];
	char gateway_tls[16], gateway_certificate[8];
	bool gateway_dkim;
	bool gateway_revocation;
	/* Where revocation is asked for, beside public addresses: as text and as networks. */
	char gateway_networks[CONFIG_TEXT_MAX];
	struct ip_network gateway_network[CONFIG_NETWORKS_MAX];
	uint32_t gateway_networks_n;
	/* [limits] */
	uint64_t message_size;
	struct sending_limits sending; /* of a user without limits of its own */
	uint32_t recipients, hops, errors, login_failures, junk_commands;
	uint32_t commands_idle_sec, session_sec;
	uint32_t connections_per_client, connections, rate_per_minute, min_bytes_per_sec;
	uint32_t imap_connections_per_client, imap_idle_sec;
	/* [auth] */
	bool scram, throttle;
	uint32_t argon2_kib, argon2_passes, auth_failures, auth_window_sec;
	/* [dns]: "host", "recursive" or a text for dns_setting_servers; texts for
	 * dns_setting_stub and dns_setting_anchor */
	char dns_servers[CONFIG_TEXT_MAX];
	bool dns_validate;
	struct config_list dns_stub, dns_anchor;
	/* [log] */
	uint64_t log_keep_rows; /* applied log entries that stay */
	uint64_t log_tail_rows; /* kept for a voter that is away; then it loses its vote */
	uint32_t compact_hour;	/* of the day, UTC; 24: never */
};

/* e other than ERR_OK: why holds one line for the user. */
struct config_error {
	char text[512];
};
enum err config_load(const char *path, struct config *c, struct config_error *why);
/* The same from text in memory; name is used in messages. */
enum err config_parse(
	const char *text, const char *name, struct config *c, struct config_error *why);
/* Every key's default; no listener. */
void config_preset(struct config *c);
/* The whole as a file that config_parse reads. with_types: above each key a comment with its
 * type and bounds. */
void config_format(const struct config *c, bool with_types, struct buf *out);
/* What all nodes of a cluster have alike, and isn't the default: neither [node] nor
 * [processes], no listener, not which name servers. */
void config_format_shared(const struct config *c, struct buf *out);
const char *config_kind_name(enum config_kind kind);
/* Where the other nodes of the cluster call; NULL: nowhere. */
const struct config_listener *config_cluster(const struct config *c);
/* Is the address (4 or 16 octets) in one of the listener's `from` networks? */
bool config_is_from(const struct config_listener *l, struct slice address);
/* TLS to a next hop; route: config_route_of_hop. */
struct config_hop_tls {
	enum smtp_tls_policy_level level;
	bool shows_certificate; /* the node's, if the server asks */
};
struct config_hop_tls config_hop_tls(
	const struct config *c, const struct config_route *route, struct slice hop);
/* Is the listener a Unix socket, not a port? */
bool config_is_path(const struct config_listener *l);

#endif
