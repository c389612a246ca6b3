#include "cmd/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/dns_setting.h"
#include "core/mail_addr.h"
#include "core/spelling.h"
#include "core/zone.h"
#include "crypto/tls_caller.h"
#include "smtp/smtp_hop.h"
#include "store/sending.h"

/* One row a key: how it is read, where it goes, its bounds. */
enum value { TEXT, LIST, NUMBER32, NUMBER64, SIZE, SECONDS, FLAG, OCTET };
struct key {
	const char *section, *name;
	enum value value;
	size_t at;
	uint64_t min, max;
	const char *preset;
};

#define AT(member) offsetof(struct config, member)
static const struct key keys[] = {
	{"node", "hostname", TEXT, AT(hostname), 1, 253, "localhost"},
	{"node", "data_dir", TEXT, AT(data_dir), 1, 90, "/var/lib/hairpin"},
	{"node", "timezone", TEXT, AT(timezone), 1, 63, "UTC"},
	{"node", "uid", NUMBER32, AT(uid), 0, UINT32_MAX - 1, "0"},
	{"node", "gid", NUMBER32, AT(gid), 0, UINT32_MAX - 1, "0"},
	{"node", "debug_log", FLAG, AT(debug_log), 0, 0, "no"},
	{"node", "map_size", SIZE, AT(map_bytes), 1 << 20, UINT64_C(1) << 46, "1T"},
	{"node", "arbiter", FLAG, AT(arbiter), 0, 0, "no"},
	{"processes", "smtpd", NUMBER32, AT(smtpd), 1, 16, "2"},
	{"processes", "imapd", NUMBER32, AT(imapd), 1, 16, "2"},
	{"processes", "keyd", NUMBER32, AT(keyd), 1, 16, "1"},
	{"processes", "filterd", NUMBER32, AT(filterd), 1, 16, "1"},
	{"mail", "subaddress_delimiter", OCTET, AT(delimiter), 0, 0, "+"},
	{"mail", "repeat_window", SECONDS, AT(repeat_window_sec), 0, 365 * 86400, "5d"},
	{"mail", "queue_life", SECONDS, AT(queue_life_sec), 60, 365 * 86400, "5d"},
	{"mail", "delay_warning", SECONDS, AT(delay_warning_sec), 0, 365 * 86400, "0"},
	{"mail", "trace_life", SECONDS, AT(trace_life_sec), 0, 365 * 86400, "14d"},
	{"mail", "retry_min", SECONDS, AT(retry_min_sec), 1, 86400, "5m"},
	{"mail", "retry_max", SECONDS, AT(retry_max_sec), 1, 7 * 86400, "4h"},
	{"relay", "host", TEXT, AT(relay.route[0].host), 1, 250, CONFIG_ROUTE_BY_MX},
	{"relay", "transport", TEXT, AT(relay.route[0].transport), 4, 4, "smtp"},
	{"relay", "tls", TEXT, AT(relay.route[0].tls), 1, 15, "dane"},
	{"relay", "tls_ca", TEXT, AT(relay_tls_ca), 1, CONFIG_TEXT_MAX - 1, CONFIG_RELAY_CA},
	{"relay", "certificate", TEXT, AT(relay.route[0].certificate), 4, 4, CONFIG_ROUTE_NONE},
	{"relay", "user", TEXT, AT(relay.route[0].user), 1, 255, CONFIG_ROUTE_NONE},
	{"relay", "password_file", TEXT, AT(relay.route[0].password_file), 1, 255,
		CONFIG_ROUTE_NONE},
	{"relay", "discard_ehlo_keywords", TEXT, AT(relay.route[0].discard_ehlo_keywords), 1,
		255, CONFIG_ROUTE_NONE},
	{"relay", "connect_timeout", SECONDS, AT(relay_connect_sec), 1, 3600, "30s"},
	{"relay", "timeout", SECONDS, AT(relay_timeout_sec), 1, 3600, "5m"},
	{"relay", "data_done_timeout", SECONDS, AT(relay_data_done_sec), 1, 3600, "10m"},
	{"relay", "sts_timeout", SECONDS, AT(relay_sts_sec), 1, 60, "1m"},
	{"relay", "connections", NUMBER32, AT(relay_connections), 1, 10000, "500"},
	{"relay", "connections_per_hop", NUMBER32, AT(relay_per_hop), 1, 1000, "20"},
	{"relay", "srs", FLAG, AT(srs), 0, 0, "yes"},
	{"relay", "dkim", FLAG, AT(relay_dkim), 0, 0, "yes"},
	{"filter", "tls", TEXT, AT(filters.tls), 1, 15, "may"},
	{"filter", "certificate", TEXT, AT(filter_certificate), 4, 4, CONFIG_ROUTE_NODE},
	{"gateway", "reinject", TEXT, AT(gateway_reinject), 1, 250, "none"},
	{"gateway", "tls", TEXT, AT(gateway_tls), 1, 15, "may"},
	{"gateway", "dkim", FLAG, AT(gateway_dkim), 0, 0, "no"},
	{"gateway", "certificate", TEXT, AT(gateway_certificate), 4, 4, CONFIG_ROUTE_NODE},
	{"gateway", "revocation", FLAG, AT(gateway_revocation), 0, 0, "yes"},
	{"gateway", "revocation_networks", TEXT, AT(gateway_networks), 1, CONFIG_TEXT_MAX - 1,
		"none"},
	{"limits", "message_size", SIZE, AT(message_size), 1024, 1 << 29, "50M"},
	{"limits", "recipients", NUMBER32, AT(recipients), 1, 10000, "1000"},
	{"limits", "recipients_per_hour", NUMBER32, AT(sending.per_hour), 0, SENDING_LIMIT_MAX,
		"500"},
	{"limits", "recipients_per_day", NUMBER32, AT(sending.per_day), 0, SENDING_LIMIT_MAX,
		"2000"},
	{"limits", "hops", NUMBER32, AT(hops), 1, 1000, "50"},
	{"limits", "errors", NUMBER32, AT(errors), 1, 1000000, "20"},
	{"limits", "login_failures", NUMBER32, AT(login_failures), 1, 1000, "5"},
	{"limits", "junk_commands", NUMBER32, AT(junk_commands), 1, 1000000, "100"},
	{"limits", "command_timeout", SECONDS, AT(commands_idle_sec), 1, 86400, "5m"},
	{"limits", "session_time", SECONDS, AT(session_sec), 1, 30 * 86400, "1h"},
	{"limits", "connections_per_client", NUMBER32, AT(connections_per_client), 1, 1000000,
		"50"},
	{"limits", "connections", NUMBER32, AT(connections), 1, 1000000, "10000"},
	{"limits", "connection_rate_per_minute", NUMBER32, AT(rate_per_minute), 0, 100000000,
		"600"},
	{"limits", "min_bytes_per_second", NUMBER32, AT(min_bytes_per_sec), 0, 1 << 20, "100"},
	{"limits", "imap_connections_per_client", NUMBER32, AT(imap_connections_per_client), 1,
		1000000, "100"},
	{"limits", "imap_idle", SECONDS, AT(imap_idle_sec), 60, 30 * 86400, "30m"},
	{"auth", "scram", FLAG, AT(scram), 0, 0, "yes"},
	{"auth", "throttle", FLAG, AT(throttle), 0, 0, "yes"},
	{"auth", "argon2_memory_kib", NUMBER32, AT(argon2_kib), 8, 4 << 20, "19456"},
	{"auth", "argon2_passes", NUMBER32, AT(argon2_passes), 1, 100, "2"},
	{"auth", "failures", NUMBER32, AT(auth_failures), 1, 1000000, "10"},
	{"auth", "failure_window", SECONDS, AT(auth_window_sec), 1, 86400, "10m"},
	{"dns", "servers", TEXT, AT(dns_servers), 1, 255, "host"},
	{"dns", "validate", FLAG, AT(dns_validate), 0, 0, "yes"},
	{"dns", "trust_anchor", LIST, AT(dns_anchor), 1, 255, "none"},
	{"dns", "stub", LIST, AT(dns_stub), 1, 255, "none"},
	{"log", "tail_entries", NUMBER64, AT(log_tail_rows), 0, UINT64_C(1) << 40, "200000"},
	{"log", "keep_entries", NUMBER64, AT(log_keep_rows), 0, UINT64_C(1) << 40, "10000"},
	{"log", "compact_hour", NUMBER32, AT(compact_hour), 0, 24, "2"},
};
/* HOPS_TRUSTED: a mail that is turned round has more Received fields than at first. */
enum { KEYS = sizeof keys / sizeof *keys, HOPS_MAX = 1000, HOPS_TRUSTED = 100 };

static const char *const kinds[] = {"mx", "submission", "submissions", "lmtp", "reinject",
	"filter", "imap", "imaps", "cluster"};
static const uint16_t kind_port[] = {25, 587, 465, 0, 10026, 10025, 143, 993, 4627};

struct reading {
	struct config *c;
	struct config_error *why;
	const char *name;
	char what[400];
	enum err e;
};

const char *
config_kind_name(enum config_kind kind)
{
	return kinds[kind];
}

static int __attribute__((format(printf, 2, 3)))
refuse(struct reading *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(r->what, sizeof r->what, format, ap);
	va_end(ap);
	r->e = ERR_CONFIG;
	return 0;
}

/* --- values --- */

/* A number with one of the unit letters behind it. */
static bool
read_number(const char *text, const char *units, const uint64_t *factor, uint64_t *out)
{
	char *end;
	uint64_t v;
	const char *unit;

	if (*text < '0' || *text > '9')
		return false;
	v = strtoull(text, &end, 10);
	if (*end) {
		unit = end[1] ? NULL : strchr(units, *end);
		if (!unit || __builtin_mul_overflow(v, factor[unit - units], &v))
			return false;
	}
	*out = v;
	return true;
}

static bool
read_flag(const char *text, bool *out)
{
	*out = !strcmp(text, "yes") || !strcmp(text, "true") || !strcmp(text, "on");
	return *out || !strcmp(text, "no") || !strcmp(text, "false") || !strcmp(text, "off");
}

static const char *
expected(enum value v)
{
	switch (v) {
	case FLAG:
		return "yes or no";
	case SIZE:
		return "a size like 50M (K, M, G, T)";
	case SECONDS:
		return "a time like 5m (s, m, h, d)";
	case OCTET:
		return "one character, or none";
	case TEXT:
	case LIST:
		return "a text";
	case NUMBER32:
	case NUMBER64:
		return "a number";
	}
	return "something else";
}

static bool
store_text(char *to, const struct key *k, const char *text)
{
	size_t n = strlen(text);

	if (n < k->min || n > k->max || n >= CONFIG_TEXT_MAX)
		return false;
	memcpy(to, text, n + 1);
	return true;
}

/* "none" stands for no text at all; it may be said, as the default is. */
static bool
store_list(struct config_list *list, const struct key *k, const char *text)
{
	if (!strcmp(text, "none"))
		return true;
	return list->n < CONFIG_LIST_MAX && store_text(list->text[list->n], k, text) &&
	       ++list->n;
}

static const uint64_t sizes[] = {1 << 10, 1 << 20, 1 << 30, UINT64_C(1) << 40};
static const uint64_t times[] = {1, 60, 3600, 86400};

static bool
store(struct config *c, const struct key *k, const char *text)
{
	static const uint64_t none[] = {0};
	void *to = (char *)c + k->at;
	uint64_t v;
	bool ok;

	if (k->value == TEXT)
		return store_text(to, k, text);
	if (k->value == LIST)
		return store_list(to, k, text);
	if (k->value == FLAG)
		return read_flag(text, to);
	if (k->value == OCTET) {
		*(char *)to = *text;
		return !*text || !text[1];
	}
	ok = k->value == SIZE	   ? read_number(text, "KMGT", sizes, &v)
	     : k->value == SECONDS ? read_number(text, "smhd", times, &v)
				   : read_number(text, "", none, &v);
	if (!ok || v < k->min || v > k->max)
		return false;
	if (k->value == SIZE || k->value == NUMBER64)
		*(uint64_t *)to = v;
	else
		*(uint32_t *)to = (uint32_t)v;
	return true;
}

/* --- keys --- */

static const struct key *
nearest(const char *section, const char *name)
{
	const struct key *best = keys;
	unsigned least = SPELLING_FAR + 4, d;

	for (size_t i = 0; i < KEYS; i++) {
		d = spelling_distance(name, keys[i].name) +
		    (strcmp(section, keys[i].section) ? 2 : 0);
		if (d < least) {
			least = d;
			best = &keys[i];
		}
	}
	return best;
}

static int
refuse_key(struct reading *r, const char *section, const char *name)
{
	const struct key *k = nearest(section, name);

	if (strcmp(k->section, section))
		return refuse(r, "unknown key `%s` in [%s]; did you mean `%s` in [%s]?", name,
			section, k->name, k->section);
	return refuse(
		r, "unknown key `%s` in [%s]; did you mean `%s`?", name, section, k->name);
}

static struct config_listener *
take_listener(struct config *c, const char *name)
{
	struct config_listener *l;

	for (uint32_t i = 0; i < c->listeners; i++)
		if (!strcmp(c->listener[i].name, name))
			return &c->listener[i];
	if (c->listeners == CONFIG_LISTENERS_MAX || strlen(name) >= sizeof l->name)
		return NULL;
	l = &c->listener[c->listeners++];
	snprintf(l->name, sizeof l->name, "%s", name);
	snprintf(l->address, sizeof l->address, "0.0.0.0");
	l->kind = (enum config_kind) - 1;
	return l;
}

static bool
read_kind(struct config_listener *l, const char *text)
{
	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(kinds[i], text)) {
			l->kind = (enum config_kind)i;
			return true;
		}
	return false;
}

static bool
read_text(char to[CONFIG_TEXT_MAX], const char *text)
{
	if (!*text || strlen(text) >= CONFIG_TEXT_MAX)
		return false;
	snprintf(to, CONFIG_TEXT_MAX, "%s", text);
	return true;
}

static bool
read_address(struct config_listener *l, const char *text)
{
	return read_text(l->address, text);
}

static bool
read_port(struct config_listener *l, const char *text)
{
	uint64_t port;

	if (!read_number(text, "", NULL, &port) || port == 0 || port > 65535)
		return false;
	l->port = (uint16_t)port;
	return true;
}

static bool
read_plaintext(struct config_listener *l, const char *text)
{
	return read_flag(text, &l->allow_plaintext_auth);
}

static bool
read_filter(struct config_listener *l, const char *text)
{
	return read_text(l->filter, text);
}

static bool
read_networks(const char *text, struct ip_network to[CONFIG_NETWORKS_MAX], uint32_t *n)
{
	struct slice rest = slice_str(text);
	size_t comma;

	*n = 0;
	do {
		if (*n == CONFIG_NETWORKS_MAX)
			return false;
		comma = slice_find(rest, ',');
		if (ip_network_parse(slice_trim(slice_cut(rest, 0, comma)), &to[(*n)++]))
			return false;
		rest = slice_from(rest, comma + 1);
	} while (rest.n);
	return true;
}

static bool
read_from(struct config_listener *l, const char *text)
{
	return read_networks(text, l->network, &l->networks) && read_text(l->from, text);
}

static bool
read_certificates(struct config_listener *l, const char *text)
{
	uint8_t pin[TLS_CALLER_PIN];

	return l->certificates.n < CONFIG_LIST_MAX &&
	       (*text == '/' || tls_caller_parse_pin(slice_str(text), pin)) &&
	       read_text(l->certificates.text[l->certificates.n++], text);
}

static bool
read_hops(struct config_listener *l, const char *text)
{
	uint64_t hops;

	if (!read_number(text, "", NULL, &hops) || hops == 0 || hops > HOPS_MAX)
		return false;
	l->hops = (uint32_t)hops;
	return true;
}

static const struct {
	const char *name;
	bool (*read)(struct config_listener *l, const char *text);
	const char *expected;
} listener_keys[] = {
	{"kind", read_kind,
		"is one of mx, submission, submissions, lmtp, reinject, filter, imap, imaps, "
		"cluster"},
	{"address", read_address, ": a numeric address, or a path for lmtp"},
	{"port", read_port, ": a number from 1 to 65535"},
	{"allow_plaintext_auth", read_plaintext, ": yes or no"},
	{"filter", read_filter,
		": local, none, or HOST:PORT and as many as seven more with commas between"},
	{"from", read_from, ": networks like 192.0.2.0/24, 2001:db8::1, at most 16"},
	{"certificates", read_certificates,
		": a certificate's SHA-256 in hexadecimal, or the path of a file of "
		"authorities; at most 16 of them"},
	{"hops", read_hops, ": a number from 1 to 1000"},
};
enum { LISTENER_KEYS = sizeof listener_keys / sizeof *listener_keys };

static int
refuse_listener_key(struct reading *r, const char *key)
{
	struct buf known;

	buf_init(&known, 300);
	for (size_t i = 0; i < LISTENER_KEYS; i++)
		buf_printf(&known, "%s%s",
			i == 0			? ""
			: i + 1 < LISTENER_KEYS ? ", "
						: " and ",
			listener_keys[i].name);
	refuse(r, "unknown key `%s` in a listener; known are %.*s", key,
		SLICE_FMT(buf_slice(&known)));
	buf_fini(&known);
	return 0;
}

static int
read_listener(struct reading *r, const char *name, const char *key, const char *text)
{
	struct config_listener *l = take_listener(r->c, name);

	if (!l)
		return refuse(r, "too many listeners, or too long a name");
	for (size_t i = 0; i < LISTENER_KEYS; i++) {
		if (strcmp(listener_keys[i].name, key) != 0)
			continue;
		return listener_keys[i].read(l, text) ? 1
						      : refuse(r, "%s%s%s", key, i ? "" : " ",
								listener_keys[i].expected);
	}
	return refuse_listener_key(r, key);
}

/* Sections that are there for each domain. False: this is none. */
static bool
read_of_domain(struct reading *r, const char *section, const char *name, const char *text)
{
	bool is_relay = !strncmp(section, "relay ", 6);
	const char *why;

	if (!is_relay && strncmp(section, "filter ", 7) != 0)
		return false;
	why = is_relay ? config_route_read(&r->c->relay, section + 6, name, text)
		       : config_filter_read(&r->c->filters, section + 7, name, text);
	if (why)
		refuse(r, "`%s` in [%s]: %s", name, section, why);
	return true;
}

static int
on_pair(void *arg, const char *section, const char *name, const char *text)
{
	struct reading *r = arg;

	if (r->e)
		return 0;
	if (!strncmp(section, "listener ", 9))
		return read_listener(r, section + 9, name, text);
	if (read_of_domain(r, section, name, text))
		return !r->e;
	for (size_t i = 0; i < KEYS; i++) {
		const struct key *k = &keys[i];

		if (strcmp(k->section, section) || strcmp(k->name, name))
			continue;
		return store(r->c, k, text) ? 1
					    : refuse(r, "%s: `%s` won't do; expected %s%s",
						      name, text, expected(k->value),
						      k->value == FLAG || k->value == OCTET
							      ? ""
							      : " within its bounds");
	}
	return refuse_key(r, section, name);
}

/* --- the whole --- */

bool
config_is_path(const struct config_listener *l)
{
	return l->address[0] == '/';
}

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

const struct config_listener *
config_cluster(const struct config *c)
{
	for (uint32_t i = 0; i < c->listeners; i++)
		if (c->listener[i].kind == CONFIG_CLUSTER)
			return &c->listener[i];
	return NULL;
}

bool
config_is_from(const struct config_listener *l, struct slice address)
{
	for (uint32_t i = 0; i < l->networks; i++)
		if (ip_network_holds(&l->network[i], address))
			return true;
	return false;
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
validate_cluster(struct reading *r)
{
	const struct config_listener *own = config_cluster(r->c);

	for (uint32_t i = 0; i < r->c->listeners && !r->e; i++) {
		const struct config_listener *l = &r->c->listener[i];

		if (l->kind == CONFIG_CLUSTER && l != own)
			refuse(r, "listener %s: there is a cluster listener already, %s",
				l->name, own->name);
		else if (l->kind == CONFIG_CLUSTER && is_any_address(l->address))
			refuse(r,
				"listener %s: `%s` won't do: name the address at which the "
				"other nodes reach this one",
				l->name, l->address);
		else if (l->kind != CONFIG_CLUSTER && r->c->arbiter)
			refuse(r, "listener %s: an arbiter has a cluster listener only",
				l->name);
	}
}

static void
validate_relay(struct reading *r)
{
	const struct config_route *which;
	const char *why = config_route_check(&r->c->relay, &which);

	if (why)
		refuse(r, "in [relay%s%s]: %s", *which->domain ? " " : "", which->domain, why);
}

struct config_hop_tls
config_hop_tls(const struct config *c, const struct config_route *route, struct slice hop)
{
	struct smtp_hop parsed;
	bool is_filter = !smtp_hop_parse(hop, &parsed) && parsed.transport == SMTP_HOP_FILTER;
	bool is_gateways = !is_filter && slice_eq(hop, slice_str(c->gateway_hop));
	const char *certificate = is_filter	? c->filter_certificate
				  : is_gateways ? c->gateway_certificate
						: route->certificate;
	struct config_hop_tls out = {
		config_route_tls(&c->relay, route), !strcmp(certificate, CONFIG_ROUTE_NODE)};

	if (is_filter || is_gateways)
		smtp_tls_policy_parse(
			slice_str(is_filter ? c->filters.tls : c->gateway_tls), &out.level);
	return out;
}

static bool
takes_filter(enum config_kind k)
{
	return k == CONFIG_MX || k == CONFIG_SUBMISSION || k == CONFIG_SUBMISSIONS ||
	       k == CONFIG_LMTP;
}

/* What belongs to listeners of two servers that hand mail to one another. */
static void
validate_hairpin(struct reading *r, struct config_listener *l)
{
	bool is_trusting = l->kind == CONFIG_REINJECT || l->kind == CONFIG_FILTER;

	if (*l->filter && !takes_filter(l->kind))
		refuse(r, "listener %s: %s has no filter", l->name, kinds[l->kind]);
	else if (*l->filter && !config_filter_hop(l->filter, l->filter_hop))
		refuse(r,
			"listener %s: filter: `%s` won't do; expected local, none, or "
			"HOST:PORT and as many as seven more with commas between",
			l->name, l->filter);
	else if (is_trusting != (*l->from || l->certificates.n))
		refuse(r,
			is_trusting ? "listener %s: say with `from` which networks may "
				      "connect, or with `certificates` who; a %s port believes "
				      "them"
				    : "listener %s: `from` and `certificates` are not for %s",
			l->name, kinds[l->kind]);
	else if (l->hops && !is_trusting)
		refuse(r, "listener %s: `hops` is not for %s; [limits] has it for all others",
			l->name, kinds[l->kind]);
	else if (l->kind == CONFIG_FILTER && !*r->c->gateway_hop)
		refuse(r,
			"listener %s: say with `reinject` in [gateway] where its mail goes "
			"back to",
			l->name);
	if (is_trusting && !l->hops)
		l->hops = HOPS_TRUSTED;
}

static void
validate_certificate(struct reading *r, const char *section, const char *text)
{
	if (!config_route_is_certificate(text))
		refuse(r, "certificate in [%s]: expected node or none", section);
}

static void
validate_hop_tls(struct reading *r, const char *section, const char *tls, const char *hop)
{
	enum smtp_tls_policy_level level;

	if (!smtp_tls_policy_parse(slice_str(tls), &level))
		refuse(r, "tls in [%s]: expected none, may, encrypt, dane, dane-only or verify",
			section);
	else if (!config_filter_is_provable(tls, hop))
		refuse(r,
			"tls in [%s]: %s needs names: the certificate of %s can't prove an "
			"address",
			section, tls, hop);
}

static void
validate_hairpins(struct reading *r)
{
	struct config *c = r->c;

	if (strcmp(c->gateway_reinject, "none") != 0 &&
		!config_filter_hosts(c->gateway_reinject, SMTP_HOP_SMTP,
			kind_port[CONFIG_REINJECT], c->gateway_hop))
		refuse(r,
			"reinject in [gateway]: `%s` won't do; expected HOST:PORT, and as many "
			"as seven more with commas between",
			c->gateway_reinject);
	if (strcmp(c->gateway_networks, "none") != 0 &&
		!read_networks(c->gateway_networks, c->gateway_network, &c->gateway_networks_n))
		refuse(r,
			"revocation_networks in [gateway]: `%s` won't do; expected networks "
			"like 10.1.0.0/16, 2001:db8::1, at most %d, with commas between",
			c->gateway_networks, CONFIG_NETWORKS_MAX);
	for (uint32_t i = 0; i < c->listeners && !r->e; i++)
		validate_hairpin(r, &c->listener[i]);
	if (!r->e)
		validate_certificate(r, "filter", c->filter_certificate);
	if (!r->e)
		validate_certificate(r, "gateway", c->gateway_certificate);
	if (!r->e)
		validate_hop_tls(r, "gateway", c->gateway_tls, c->gateway_hop);
	for (uint32_t i = 0; i < c->listeners && !r->e; i++)
		validate_hop_tls(r, "filter", c->filters.tls, c->listener[i].filter_hop);
	for (uint32_t i = 0; i < c->filters.n && !r->e; i++)
		validate_hop_tls(r, "filter", c->filters.tls, c->filters.one[i].hop);
}

static void
validate_dns(struct reading *r)
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
		refuse(r, "servers in [dns]: %s; or one word, host or recursive", why);
	for (uint32_t i = 0; i < c->dns_stub.n && !r->e; i++)
		if ((why = dns_setting_stub(slice_str(c->dns_stub.text[i]), &stub)))
			refuse(r, "stub in [dns]: `%s`: %s", c->dns_stub.text[i], why);
	for (uint32_t i = 0; i < c->dns_anchor.n && !r->e; i++)
		if ((why = dns_setting_anchor(slice_str(c->dns_anchor.text[i]), &zone)))
			refuse(r, "trust_anchor in [dns]: `%s`: %s", c->dns_anchor.text[i],
				why);
}

static void
validate(struct reading *r)
{
	struct config *c = r->c;

	if (c->listeners == 0)
		refuse(r, "no [listener NAME] section: nothing would be heard");
	for (uint32_t i = 0; i < c->listeners && !r->e; i++) {
		struct config_listener *l = &c->listener[i];

		if ((int)l->kind < 0)
			refuse(r, "listener %s has no kind", l->name);
		else if (config_is_path(l) ? l->kind != CONFIG_LMTP
					   : !is_numeric_address(l->address))
			refuse(r, "listener %s: `%s` is no numeric address%s", l->name,
				l->address,
				l->kind == CONFIG_LMTP ? " and no path of a socket" : "");
		else if (config_is_path(l) ? l->port != 0 : !l->port && !kind_port[l->kind])
			refuse(r,
				"listener %s: lmtp has a port with a numeric address, none "
				"with a path",
				l->name);
		else if (!l->port)
			l->port = kind_port[l->kind];
	}
	if (!r->e)
		validate_cluster(r);
	if (!r->e)
		validate_relay(r);
	if (!r->e)
		validate_hairpins(r);
	if (!r->e)
		validate_dns(r);
	if (!r->e && !zone_is_known(c->timezone))
		refuse(r, "timezone: no zone is called `%s`; one is Europe/Berlin",
			c->timezone);
	if (!r->e && c->data_dir[0] != '/')
		refuse(r, "data_dir must be an absolute path");
	if (!r->e && !is_host_name(c->hostname))
		refuse(r, "hostname: `%s` is no name of the DNS", c->hostname);
}

void
config_preset(struct config *c)
{
	memset(c, 0, sizeof *c);
	c->relay.n = 1;
	for (size_t i = 0; i < KEYS; i++)
		store(c, &keys[i], keys[i].preset);
}

/* rc is the parser's: the line of the first mistake, or below 0: nothing could be read. */
static enum err
finish(struct reading *r, int rc)
{
	if (!r->e && rc > 0)
		refuse(r, "neither `[section]` nor `key = value`");
	else if (!r->e && rc < 0)
		refuse(r, "%s; `hairpin init` makes one, -c FILE names another",
			strerror(errno));
	if (!r->e)
		validate(r);
	if (r->e && rc > 0)
		snprintf(r->why->text, sizeof r->why->text, "%s:%d: %s", r->name, rc, r->what);
	else if (r->e)
		snprintf(r->why->text, sizeof r->why->text, "%s: %s", r->name, r->what);
	return r->e;
}

enum err
config_parse(const char *text, const char *name, struct config *c, struct config_error *why)
{
	struct reading r = {.c = c, .why = why, .name = name};

	config_preset(c);
	return finish(&r, ini_parse_string(text, on_pair, &r));
}

enum err
config_load(const char *path, struct config *c, struct config_error *why)
{
	struct reading r = {.c = c, .why = why, .name = path};

	config_preset(c);
	return finish(&r, ini_parse(path, on_pair, &r));
}

/* --- the way back --- */

/* With the largest of four units that leaves no rest. */
static void
put_number(struct buf *out, uint64_t v, const char *units, const uint64_t *factor)
{
	for (int i = 3; i >= 0 && v; i--)
		if (v % factor[i] == 0) {
			buf_printf(
				out, "%llu%c", (unsigned long long)(v / factor[i]), units[i]);
			return;
		}
	buf_put_dec(out, v);
}

static void
put_as(struct buf *out, const struct key *k, uint64_t v)
{
	if (k->value == SIZE)
		put_number(out, v, "KMGT", sizes);
	else if (k->value == SECONDS)
		put_number(out, v, "smhd", times);
	else
		buf_put_dec(out, v);
}

/* As many lines as there are texts; the name stands before the first. */
static void
put_list(struct buf *out, const struct config_list *list, const struct key *k)
{
	if (list->n == 0)
		buf_put_str(out, "none");
	for (uint32_t i = 0; i < list->n; i++) {
		if (i)
			buf_printf(out, "\n%s = ", k->name);
		buf_put_str(out, list->text[i]);
	}
}

static void
put_value(struct buf *out, const struct config *c, const struct key *k)
{
	const void *at = (const char *)c + k->at;

	if (k->value == TEXT)
		buf_put_str(out, at);
	else if (k->value == LIST)
		put_list(out, at, k);
	else if (k->value == FLAG)
		buf_put_str(out, *(const bool *)at ? "yes" : "no");
	else if (k->value == OCTET)
		buf_put(out, at, *(const char *)at != '\0');
	else if (k->value == SIZE || k->value == NUMBER64)
		put_as(out, k, *(const uint64_t *)at);
	else
		put_as(out, k, *(const uint32_t *)at);
}

static void
put_type(struct buf *out, const struct key *k)
{
	static const char *const names[] = {
		"text", "list", "number", "number", "size", "time", "flag", "character"};

	buf_printf(out, "# %s", names[k->value]);
	if (k->value == TEXT || k->value == LIST) {
		buf_printf(out, ", %llu to %llu octets", (unsigned long long)k->min,
			(unsigned long long)k->max);
	} else if (k->value != FLAG && k->value != OCTET) {
		buf_put_str(out, ", ");
		put_as(out, k, k->min);
		buf_put_str(out, " to ");
		put_as(out, k, k->max);
	}
	buf_put_u8(out, '\n');
}

void
config_format(const struct config *c, bool with_types, struct buf *out)
{
	for (size_t i = 0; i < KEYS; i++) {
		if (i == 0 || strcmp(keys[i].section, keys[i - 1].section))
			buf_printf(out, "%s[%s]\n", i ? "\n" : "", keys[i].section);
		if (with_types)
			put_type(out, &keys[i]);
		buf_printf(out, "%s = ", keys[i].name);
		put_value(out, c, &keys[i]);
		buf_put_u8(out, '\n');
	}
	config_route_format(&c->relay, out);
	config_filter_format(&c->filters, out);
	for (uint32_t i = 0; i < c->listeners; i++) {
		const struct config_listener *l = &c->listener[i];

		buf_printf(out, "\n[listener %s]\nkind = %s\naddress = %s\n", l->name,
			kinds[l->kind], l->address);
		if (l->port)
			buf_printf(out, "port = %u\n", l->port);
		buf_printf(out, "allow_plaintext_auth = %s\n",
			l->allow_plaintext_auth ? "yes" : "no");
		if (*l->filter)
			buf_printf(out, "filter = %s\n", l->filter);
		if (*l->from)
			buf_printf(out, "from = %s\n", l->from);
		for (uint32_t n = 0; n < l->certificates.n; n++)
			buf_printf(out, "certificates = %s\n", l->certificates.text[n]);
		if (l->hops)
			buf_printf(out, "hops = %u\n", l->hops);
	}
}

static bool
is_shared(const struct key *k)
{
	/* Name servers belong to a place as addresses do. */
	return strcmp(k->section, "node") != 0 && strcmp(k->section, "processes") != 0 &&
	       k->at != AT(dns_servers);
}

static bool
is_preset(const struct config *c, const struct config *preset, const struct key *k)
{
	struct buf a, b;
	bool same;

	buf_init(&a, sizeof(struct config_list) * 2);
	buf_init(&b, sizeof(struct config_list) * 2);
	put_value(&a, c, k);
	put_value(&b, preset, k);
	same = slice_eq(buf_slice(&a), buf_slice(&b));
	buf_fini(&a);
	buf_fini(&b);
	return same;
}

void
config_format_shared(const struct config *c, struct buf *out)
{
	const char *section = "";
	struct config preset;

	config_preset(&preset);
	for (size_t i = 0; i < KEYS; i++) {
		if (!is_shared(&keys[i]) || is_preset(c, &preset, &keys[i]))
			continue;
		if (strcmp(section, keys[i].section) != 0)
			buf_printf(out, "\n[%s]\n", keys[i].section);
		section = keys[i].section;
		buf_printf(out, "%s = ", keys[i].name);
		put_value(out, c, &keys[i]);
		buf_put_u8(out, '\n');
	}
	config_route_format(&c->relay, out);
	config_filter_format(&c->filters, out);
}
