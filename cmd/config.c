#include "cmd/config.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/config_inner.h"
#include "cmd/config_key.h"
#include "smtp/smtp_hop.h"

int
config_refuse(struct config_reading *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(r->what, sizeof r->what, format, ap);
	va_end(ap);
	r->e = ERR_CONFIG;
	return 0;
}

static int
refuse_key(struct config_reading *r, const char *section, const char *name)
{
	const struct config_key *k = config_key_nearest(section, name);

	if (strcmp(k->section, section))
		return config_refuse(r, "unknown key `%s` in [%s]; did you mean `%s` in [%s]?",
			name, section, k->name, k->section);
	return config_refuse(
		r, "unknown key `%s` in [%s]; did you mean `%s`?", name, section, k->name);
}

/* Sections that are there for each domain. False: this is none. */
static bool
read_of_domain(
	struct config_reading *r, const char *section, const char *name, const char *text)
{
	bool is_relay = !strncmp(section, "relay ", 6);
	const char *why;

	if (!is_relay && strncmp(section, "filter ", 7) != 0)
		return false;
	why = is_relay ? config_route_read(&r->c->relay, section + 6, name, text)
		       : config_filter_read(&r->c->filters, section + 7, name, text);
	if (why)
		config_refuse(r, "`%s` in [%s]: %s", name, section, why);
	return true;
}

static int
on_pair(void *arg, const char *section, const char *name, const char *text)
{
	struct config_reading *r = arg;
	const struct config_key *k = config_key_find(section, name);

	if (r->e)
		return 0;
	if (!strncmp(section, "listener ", 9))
		return config_listener_read(r, section + 9, name, text);
	if (read_of_domain(r, section, name, text))
		return !r->e;
	if (!k)
		return refuse_key(r, section, name);
	return config_key_read(r->c, k, text)
		       ? 1
		       : config_refuse(r, "%s: `%s` won't do; expected %s", name, text,
				 config_key_expected(k));
}

void
config_preset(struct config *c)
{
	memset(c, 0, sizeof *c);
	c->relay.n = 1;
	for (size_t i = 0; i < config_keys_n; i++)
		config_key_read(c, &config_keys[i], config_keys[i].preset);
}

/* rc is the parser's: the line of the first mistake, or below 0: nothing could be read. */
static enum err
finish(struct config_reading *r, int rc)
{
	if (!r->e && rc > 0)
		config_refuse(r, "neither `[section]` nor `key = value`");
	else if (!r->e && rc < 0)
		config_refuse(r, "%s; `hairpin init` makes one, -c FILE names another",
			strerror(errno));
	if (!r->e)
		config_check(r);
	if (r->e && rc > 0)
		snprintf(r->why->text, sizeof r->why->text, "%s:%d: %s", r->name, rc, r->what);
	else if (r->e)
		snprintf(r->why->text, sizeof r->why->text, "%s: %s", r->name, r->what);
	return r->e;
}

enum err
config_parse(const char *text, const char *name, struct config *c, struct config_error *why)
{
	struct config_reading r = {.c = c, .why = why, .name = name};

	config_preset(c);
	return finish(&r, ini_parse_string(text, on_pair, &r));
}

enum err
config_load(const char *path, struct config *c, struct config_error *why)
{
	struct config_reading r = {.c = c, .why = why, .name = path};

	config_preset(c);
	return finish(&r, ini_parse(path, on_pair, &r));
}

/* --- the way back --- */

static void
put_key(const struct config *c, const struct config_key *k, struct buf *out)
{
	buf_printf(out, "%s = ", k->name);
	config_key_put(out, c, k);
	buf_put_u8(out, '\n');
}

void
config_format(const struct config *c, bool with_types, struct buf *out)
{
	for (size_t i = 0; i < config_keys_n; i++) {
		const struct config_key *k = &config_keys[i];

		if (i == 0 || strcmp(k->section, k[-1].section))
			buf_printf(out, "%s[%s]\n", i ? "\n" : "", k->section);
		if (with_types)
			config_key_put_type(out, k);
		put_key(c, k, out);
	}
	config_route_format(&c->relay, out);
	config_filter_format(&c->filters, out);
	for (uint32_t i = 0; i < c->listeners; i++)
		config_listener_format(&c->listener[i], out);
}

static bool
is_shared(const struct config_key *k)
{
	/* Name servers belong to a place as addresses do. */
	return strcmp(k->section, "node") != 0 && strcmp(k->section, "processes") != 0 &&
	       k->at != offsetof(struct config, dns_servers);
}

static bool
is_preset(const struct config *c, const struct config *preset, const struct config_key *k)
{
	struct buf a, b;
	bool same;

	buf_init(&a, sizeof(struct config_list) * 2);
	buf_init(&b, sizeof(struct config_list) * 2);
	config_key_put(&a, c, k);
	config_key_put(&b, preset, k);
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
	for (size_t i = 0; i < config_keys_n; i++) {
		const struct config_key *k = &config_keys[i];

		if (!is_shared(k) || is_preset(c, &preset, k))
			continue;
		if (strcmp(section, k->section) != 0)
			buf_printf(out, "\n[%s]\n", k->section);
		section = k->section;
		put_key(c, k, out);
	}
	config_route_format(&c->relay, out);
	config_filter_format(&c->filters, out);
}

/* --- asked of it --- */

const struct config_listener *
config_cluster(const struct config *c)
{
	for (uint32_t i = 0; i < c->listeners; i++)
		if (c->listener[i].kind == CONFIG_CLUSTER)
			return &c->listener[i];
	return NULL;
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
