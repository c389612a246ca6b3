#include <stdio.h>
#include <string.h>

#include "cmd/config_inner.h"
#include "cmd/config_key.h"
#include "crypto/tls_caller.h"

enum { HOPS_MAX = 1000, PORT_MAX = 65535 };

static const char *const kinds[] = {"mx", "submission", "submissions", "lmtp", "reinject",
	"filter", "imap", "imaps", "cluster"};

const char *
config_kind_name(enum config_kind kind)
{
	return kinds[kind];
}

uint16_t
config_listener_port(enum config_kind kind)
{
	static const uint16_t port[] = {25, 587, 465, 0, 10026, 10025, 143, 993, 4627};

	return port[kind];
}

bool
config_is_path(const struct config_listener *l)
{
	return l->address[0] == '/';
}

bool
config_is_from(const struct config_listener *l, struct slice address)
{
	for (uint32_t i = 0; i < l->networks; i++)
		if (ip_network_holds(&l->network[i], address))
			return true;
	return false;
}

/* --- its keys --- */

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

	if (!config_key_number(text, 1, PORT_MAX, &port))
		return false;
	l->port = (uint16_t)port;
	return true;
}

static bool
read_plaintext(struct config_listener *l, const char *text)
{
	return config_key_flag(text, &l->allow_plaintext_auth);
}

static bool
read_filter(struct config_listener *l, const char *text)
{
	return read_text(l->filter, text);
}

bool
config_listener_networks(
	const char *text, struct ip_network to[CONFIG_NETWORKS_MAX], uint32_t *n)
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
	return config_listener_networks(text, l->network, &l->networks) &&
	       read_text(l->from, text);
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

	if (!config_key_number(text, 1, HOPS_MAX, &hops))
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
refuse_listener_key(struct config_reading *r, const char *key)
{
	struct buf known;

	buf_init(&known, 300);
	for (size_t i = 0; i < LISTENER_KEYS; i++)
		buf_printf(&known, "%s%s",
			i == 0			? ""
			: i + 1 < LISTENER_KEYS ? ", "
						: " and ",
			listener_keys[i].name);
	config_refuse(r, "unknown key `%s` in a listener; known are %.*s", key,
		SLICE_FMT(buf_slice(&known)));
	buf_fini(&known);
	return 0;
}

int
config_listener_read(
	struct config_reading *r, const char *name, const char *key, const char *text)
{
	struct config_listener *l = take_listener(r->c, name);

	if (!l)
		return config_refuse(r, "too many listeners, or too long a name");
	for (size_t i = 0; i < LISTENER_KEYS; i++) {
		if (strcmp(listener_keys[i].name, key) != 0)
			continue;
		return listener_keys[i].read(l, text)
			       ? 1
			       : config_refuse(r, "%s%s%s", key, i ? "" : " ",
					 listener_keys[i].expected);
	}
	return refuse_listener_key(r, key);
}

/* --- the way back --- */

void
config_listener_format(const struct config_listener *l, struct buf *out)
{
	buf_printf(out, "\n[listener %s]\nkind = %s\naddress = %s\n", l->name, kinds[l->kind],
		l->address);
	if (l->port)
		buf_printf(out, "port = %u\n", l->port);
	buf_printf(out, "allow_plaintext_auth = %s\n", l->allow_plaintext_auth ? "yes" : "no");
	if (*l->filter)
		buf_printf(out, "filter = %s\n", l->filter);
	if (*l->from)
		buf_printf(out, "from = %s\n", l->from);
	for (uint32_t n = 0; n < l->certificates.n; n++)
		buf_printf(out, "certificates = %s\n", l->certificates.text[n]);
	if (l->hops)
		buf_printf(out, "hops = %u\n", l->hops);
}
