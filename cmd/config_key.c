#include "cmd/config_key.h"

#include <stdlib.h>
#include <string.h>

#include "core/spelling.h"

/* How a value is read and written. */
enum value { TEXT, LIST, NUMBER32, NUMBER64, SIZE, SECONDS, FLAG, OCTET };

#define AT(member) offsetof(struct config, member)
const struct config_key config_keys[] = {
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
const size_t config_keys_n = sizeof config_keys / sizeof *config_keys;

const struct config_key *
config_key_find(const char *section, const char *name)
{
	for (size_t i = 0; i < config_keys_n; i++)
		if (!strcmp(config_keys[i].section, section) &&
			!strcmp(config_keys[i].name, name))
			return &config_keys[i];
	return NULL;
}

const struct config_key *
config_key_nearest(const char *section, const char *name)
{
	const struct config_key *best = config_keys;
	unsigned least = SPELLING_FAR + 4, d;

	for (size_t i = 0; i < config_keys_n; i++) {
		d = spelling_distance(name, config_keys[i].name) +
		    (strcmp(section, config_keys[i].section) ? 2 : 0);
		if (d < least) {
			least = d;
			best = &config_keys[i];
		}
	}
	return best;
}

/* --- from text --- */

static const uint64_t sizes[] = {1 << 10, 1 << 20, 1 << 30, UINT64_C(1) << 40};
static const uint64_t times[] = {1, 60, 3600, 86400};

/* With one of the unit letters behind it. */
static bool
read_unit(const char *text, const char *units, const uint64_t *factor, uint64_t *out)
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

bool
config_key_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	return read_unit(text, "", NULL, out) && *out >= min && *out <= max;
}

bool
config_key_flag(const char *text, bool *out)
{
	*out = !strcmp(text, "yes") || !strcmp(text, "true") || !strcmp(text, "on");
	return *out || !strcmp(text, "no") || !strcmp(text, "false") || !strcmp(text, "off");
}

const char *
config_key_expected(const struct config_key *k)
{
	static const char *const words[] = {[TEXT] = "a text within its bounds",
		[LIST] = "a text within its bounds",
		[NUMBER32] = "a number within its bounds",
		[NUMBER64] = "a number within its bounds",
		[SIZE] = "a size like 50M (K, M, G, T) within its bounds",
		[SECONDS] = "a time like 5m (s, m, h, d) within its bounds",
		[FLAG] = "yes or no",
		[OCTET] = "one character, or none"};

	return words[k->value];
}

static bool
store_text(char *to, const struct config_key *k, const char *text)
{
	size_t n = strlen(text);

	if (n < k->min || n > k->max || n >= CONFIG_TEXT_MAX)
		return false;
	memcpy(to, text, n + 1);
	return true;
}

/* "none" stands for no text at all; it may be said, as the default is. */
static bool
store_list(struct config_list *list, const struct config_key *k, const char *text)
{
	if (!strcmp(text, "none"))
		return true;
	return list->n < CONFIG_LIST_MAX && store_text(list->text[list->n], k, text) &&
	       ++list->n;
}

bool
config_key_read(struct config *c, const struct config_key *k, const char *text)
{
	void *to = (char *)c + k->at;
	uint64_t v;
	bool ok;

	if (k->value == TEXT)
		return store_text(to, k, text);
	if (k->value == LIST)
		return store_list(to, k, text);
	if (k->value == FLAG)
		return config_key_flag(text, to);
	if (k->value == OCTET) {
		*(char *)to = *text;
		return !*text || !text[1];
	}
	ok = k->value == SIZE	   ? read_unit(text, "KMGT", sizes, &v)
	     : k->value == SECONDS ? read_unit(text, "smhd", times, &v)
				   : read_unit(text, "", NULL, &v);
	if (!ok || v < k->min || v > k->max)
		return false;
	if (k->value == SIZE || k->value == NUMBER64)
		*(uint64_t *)to = v;
	else
		*(uint32_t *)to = (uint32_t)v;
	return true;
}

/* --- to text --- */

/* With the largest of four units that leaves no rest. */
static void
put_unit(struct buf *out, uint64_t v, const char *units, const uint64_t *factor)
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
put_as(struct buf *out, const struct config_key *k, uint64_t v)
{
	if (k->value == SIZE)
		put_unit(out, v, "KMGT", sizes);
	else if (k->value == SECONDS)
		put_unit(out, v, "smhd", times);
	else
		buf_put_dec(out, v);
}

/* As many lines as there are texts; the name stands before the first. */
static void
put_list(struct buf *out, const struct config_list *list, const struct config_key *k)
{
	if (list->n == 0)
		buf_put_str(out, "none");
	for (uint32_t i = 0; i < list->n; i++) {
		if (i)
			buf_printf(out, "\n%s = ", k->name);
		buf_put_str(out, list->text[i]);
	}
}

void
config_key_put(struct buf *out, const struct config *c, const struct config_key *k)
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

void
config_key_put_type(struct buf *out, const struct config_key *k)
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
