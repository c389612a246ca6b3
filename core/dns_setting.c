#include "core/dns_setting.h"

#include <ctype.h>
#include <stdio.h>

#include "core/ip_network.h"

enum { PORT = 53 };

/* The next word of *rest, which is then behind it; words end at one of these octets. */
static struct slice
next_word(struct slice *rest, const char *ends)
{
	struct slice word;
	size_t n = 0;

	while (rest->n && strchr(ends, rest->p[0]))
		*rest = slice_from(*rest, 1);
	while (n < rest->n && (rest->p[n] == '\0' || !strchr(ends, rest->p[n])))
		n++;
	word = slice_cut(*rest, 0, n);
	*rest = slice_from(*rest, n);
	return word;
}

/* --- addresses --- */

/* Where the address ends, and where the port begins; without one *port is SLICE_EMPTY. False:
 * an open bracket. */
static bool
split_port(struct slice text, struct slice *address, struct slice *port)
{
	size_t at = slice_find(text, '@'), colon = slice_find(text, ':');

	if (text.n && text.p[0] == '[') {
		at = slice_find(text, ']') + 1;
		*address = slice_cut(text, 1, at - 1);
		if (at > text.n || !slice_has(*address, ':') ||
			(at < text.n && text.p[at] != ':' && text.p[at] != '@'))
			return false;
	} else {
		/* One colon is a port's; with two it is an address of IPv6. */
		if (at == text.n && !slice_has(slice_from(text, colon + 1), ':'))
			at = colon;
		*address = slice_cut(text, 0, at);
	}
	*port = at < text.n ? slice_from(text, at + 1) : SLICE_EMPTY;
	return true;
}

const char *
dns_setting_server(struct slice text, struct dns_setting_server *out)
{
	static const uint8_t loopback[16] = {[15] = 1};
	struct slice address, port;
	struct ip_network ip;
	uint64_t number = PORT;

	if (!split_port(text, &address, &port) || slice_has(address, '/') ||
		ip_network_parse(address, &ip))
		return "a numeric address is needed, like 192.0.2.1, 192.0.2.1:5353 or "
		       "[2001:db8::1]:5353";
	if (port.p && (!slice_u64(port, UINT16_MAX, &number) || number == 0))
		return "the port is a number from 1 to 65535";
	snprintf(out->text, sizeof out->text, "%.*s@%u", SLICE_FMT(address), (unsigned)number);
	out->is_loopback = ip.n == 4 ? ip.octets[0] == 127
				     : memcmp(ip.octets, loopback, sizeof loopback) == 0;
	return NULL;
}

const char *
dns_setting_servers(struct slice text, struct dns_setting_server *out, size_t *n)
{
	struct slice word;
	const char *why;
	size_t found = 0;

	while ((word = next_word(&text, ", \t")).n) {
		if (found == DNS_SETTING_SERVERS_MAX)
			return "there may be 8 servers at most";
		why = dns_setting_server(word, &out[found++]);
		if (why)
			return why;
	}
	if (found == 0)
		return "a numeric address is needed";
	*n = found;
	return NULL;
}

size_t
dns_setting_resolv_conf(struct slice text, struct dns_setting_server *out)
{
	struct slice line;
	size_t n = 0;

	while ((line = next_word(&text, "\n")).n && n < DNS_SETTING_SERVERS_MAX)
		if (slice_eq(next_word(&line, " \t\r"), SLICE_LIT("nameserver")) &&
			!dns_setting_server(next_word(&line, " \t\r"), &out[n]))
			n++;
	return n;
}

/* --- zones --- */

const char *
dns_setting_stub(struct slice text, struct dns_setting_stub *out)
{
	struct slice zone = next_word(&text, " \t"), server = next_word(&text, " \t");

	if (dns_name_parse(zone, &out->zone))
		return "a zone's name is needed first";
	if (next_word(&text, " \t").n)
		return "behind the zone one address is wanted; a further one makes a line of "
		       "its own";
	return dns_setting_server(server, &out->server);
}

/* Hexadecimal digits, blanks between; how many, or 0. */
static size_t
count_digits(struct slice text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		if (isxdigit(text.p[i]))
			n++;
		else if (text.p[i] != ' ' && text.p[i] != '\t')
			return 0;
	return n;
}

const char *
dns_setting_anchor(struct slice text, struct dns_name *zone)
{
	struct slice word = next_word(&text, " \t");
	uint64_t tag, algorithm, type, ttl;

	if (dns_name_parse(word, zone))
		return "a zone's name is needed first";
	word = next_word(&text, " \t");
	if (slice_u64(word, INT32_MAX, &ttl))
		word = next_word(&text, " \t");
	if (slice_eq_nocase(word, SLICE_LIT("IN")))
		word = next_word(&text, " \t");
	if (!slice_eq_nocase(word, SLICE_LIT("DS")))
		return "a DS record is needed, like `example.org DS 12345 13 2 0123...`";
	if (!slice_u64(next_word(&text, " \t"), UINT16_MAX, &tag) ||
		!slice_u64(next_word(&text, " \t"), UINT8_MAX, &algorithm) ||
		!slice_u64(next_word(&text, " \t"), UINT8_MAX, &type))
		return "behind DS stand key tag, algorithm and digest type, all numbers";
	if (type != 2 && type != 4)
		return "the digest's type has to be 2 (SHA-256) or 4 (SHA-384)";
	return count_digits(text) == (type == 2 ? 64u : 96u)
		       ? NULL
		       : "a digest of type 2 has 64 hexadecimal digits, of type 4 96";
}
