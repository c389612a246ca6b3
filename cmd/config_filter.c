#include "cmd/config_filter.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "cmd/config_route.h"

enum { DOMAIN_MAX = 253, PORT_FILTER = 10025 };

static bool
is(const char *text, const char *word)
{
	return strcmp(text, word) == 0;
}

/* --- reading --- */

bool
config_filter_hosts(const char *list, enum smtp_hop_transport transport, uint16_t port,
	char out[CONFIG_HOP_MAX])
{
	struct buf hop;
	bool ok;

	buf_init(&hop, CONFIG_HOP_MAX - 1);
	ok = smtp_hop_of_list(transport, slice_str(list), port, &hop);
	snprintf(out, CONFIG_HOP_MAX, "%.*s", SLICE_FMT(buf_slice(&hop)));
	buf_fini(&hop);
	return ok;
}

bool
config_filter_hop(const char *text, char hop[CONFIG_HOP_MAX])
{
	bool is_local = is(text, CONFIG_FILTER_LOCAL);

	if (!is_local && !is(text, CONFIG_FILTER_NONE))
		return config_filter_hosts(text, SMTP_HOP_FILTER, PORT_FILTER, hop);
	snprintf(hop, CONFIG_HOP_MAX, "%s", is_local ? SMTP_HOP_LOCAL : "");
	return true;
}

static struct config_filter *
take(struct config_filters *f, const char *domain)
{
	struct config_filter *one;

	for (uint32_t i = 0; i < f->n; i++)
		if (is(f->one[i].domain, domain))
			return &f->one[i];
	if (f->n == CONFIG_FILTERS_MAX)
		return NULL;
	one = &f->one[f->n++];
	snprintf(one->domain, sizeof one->domain, "%s", domain);
	return one;
}

const char *
config_filter_read(
	struct config_filters *f, const char *domain, const char *key, const char *text)
{
	size_t n = strlen(domain);
	struct config_filter *one;
	char hop[CONFIG_HOP_MAX];

	if (n == 0 || n > DOMAIN_MAX)
		return "its name is a domain of 1 to 253 octets, or .DOMAIN for all below it";
	if (!is(key, "filter"))
		return "unknown key; known is filter";
	if (strlen(text) >= CONFIG_FILTER_TEXT || !config_filter_hop(text, hop))
		return "expected local, none, or HOST:PORT and as many as seven more with "
		       "commas between";
	one = take(f, domain);
	if (!one)
		return "there are 32 of them already";
	snprintf(one->filter, sizeof one->filter, "%s", text);
	memcpy(one->hop, hop, sizeof hop);
	return NULL;
}

static bool
is_address(struct slice host)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t raw[16];

	if (host.n >= sizeof text)
		return false;
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	return inet_pton(AF_INET, text, raw) == 1 || inet_pton(AF_INET6, text, raw) == 1;
}

bool
config_filter_is_provable(const char *tls, const char *hop)
{
	enum smtp_tls_policy_level level;
	struct smtp_hop to;

	if (!smtp_tls_policy_parse(slice_str(tls), &level) ||
		(level != SMTP_TLS_POLICY_VERIFY && level != SMTP_TLS_POLICY_DANE_ONLY) ||
		smtp_hop_parse(slice_str(hop), &to))
		return true;
	for (size_t i = 0; i < to.targets; i++)
		if (is_address(to.target[i].host))
			return false;
	return true;
}

void
config_filter_format(const struct config_filters *f, struct buf *out)
{
	for (uint32_t i = 0; i < f->n; i++)
		buf_printf(out, "\n[filter %s]\nfilter = %s\n", f->one[i].domain,
			f->one[i].filter);
}

/* --- finding --- */

static const struct config_filter *
find(const struct config_filters *f, struct slice address)
{
	struct slice domain = config_route_domain(address);
	const struct config_filter *best = NULL;
	size_t most = 0, fit;

	for (uint32_t i = 0; i < f->n && domain.n; i++) {
		fit = config_route_fit(f->one[i].domain, domain);
		if (fit > most) {
			most = fit;
			best = &f->one[i];
		}
	}
	return best;
}

const char *
config_filter_of(const struct config_filters *f, const struct config_filter_mail *m,
	const char *otherwise)
{
	const struct config_filter *found = find(f, m->rcpt);

	/* What leaves is the sender's matter; what comes, and what stays, isn't. */
	if (!found && !m->is_ours)
		found = find(f, m->sender);
	return found ? found->hop : otherwise;
}

bool
config_filter_has_hosts(const struct config_filters *f)
{
	struct smtp_hop to;

	for (uint32_t i = 0; i < f->n; i++)
		if (!smtp_hop_parse(slice_str(f->one[i].hop), &to))
			return true;
	return false;
}
