#include "cmd/survey_site.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/ip_network.h"

enum { TEXT_MAX = 2000 };

struct slice
survey_site_name(struct survey_site *s, const struct dns_name *name)
{
	struct slice text;
	struct buf b;

	buf_init(&b, DNS_NAME_TEXT_MAX);
	dns_name_format(name, &b);
	text = arena_dup(&s->run, buf_slice(&b));
	buf_fini(&b);
	return text;
}

const char *
survey_site_text(struct survey_site *s, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	return arena_str(&s->run, slice_str(text));
}

const char *
survey_site_address(struct survey_site *s, struct slice address)
{
	char text[INET6_ADDRSTRLEN] = "?";

	if (address.n == 4 || address.n == 16)
		inet_ntop(address.n == 4 ? AF_INET : AF_INET6, address.p, text, sizeof text);
	return arena_str(&s->run, slice_str(text));
}

const char *
survey_site_list(struct survey_site *s, const struct slice *item, size_t n)
{
	const char *list;
	struct buf b;
	size_t i;

	buf_init(&b, 2 * TEXT_MAX);
	for (i = 0; i < n && (i == 0 || b.n + item[i].n < SURVEY_SITE_LIST_MAX); i++)
		buf_printf(&b, "%s%.*s", i ? ", " : "", SLICE_FMT(item[i]));
	if (i < n)
		buf_printf(&b, " and %zu more", n - i);
	list = arena_str(&s->run, buf_slice(&b));
	buf_fini(&b);
	return list;
}

const char *
survey_site_publish(struct survey_site *s, const struct publish_record *r)
{
	const char *text;
	struct buf b;

	buf_init(&b, PUBLISH_LINE);
	buf_put_str(&b, "publish: ");
	publish_format(r, &b);
	text = arena_str(&s->run, buf_slice(&b));
	buf_fini(&b);
	return text;
}

/* --- addresses --- */

void
survey_site_find(struct survey_site *s, struct slice host, struct survey_site_addresses *out)
{
	static const unsigned types[] = {DNS_RECORD_A, DNS_RECORD_AAAA};
	const struct survey_answer *a;

	*out = (struct survey_site_addresses){.is_known = true};
	for (size_t f = 0; f < 2; f++) {
		a = survey_ask_text(s->survey, host, types[f]);
		out->is_known = out->is_known && a;
		if (a && !survey_has_answer(a))
			out->failed = a;
		/* Half of the room for each family. */
		for (size_t i = 0; a && i < a->n && i < SURVEY_SITE_ADDRESSES_MAX / 2; i++)
			out->address[out->n++] = a->record[i].address;
	}
}

bool
survey_site_has(const struct survey_site_addresses *a, struct slice address)
{
	for (size_t i = 0; i < a->n; i++)
		if (slice_eq(a->address[i], address))
			return true;
	return false;
}

bool
survey_site_is_own(const struct survey_site *s, struct slice address)
{
	for (size_t i = 0; i < s->owns; i++)
		if (slice_eq(s->own[i], address))
			return true;
	return false;
}

bool
survey_site_is_private(struct slice address)
{
	static const char *const networks[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
		"100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "0.0.0.0/8", "fc00::/7",
		"fe80::/10", "::/127"};
	struct ip_network net;

	for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
		if (!ip_network_parse(slice_str(networks[i]), &net) &&
			ip_network_holds(&net, address))
			return true;
	return false;
}

/* --- no answer --- */

bool
survey_site_failed(struct survey_site *s, const struct survey_answer *a, struct slice name,
	const char *type)
{
	const char *ask = survey_site_text(
		s, "`hairpin dns %.*s %s` shows it", SLICE_FMT(name), type);

	if (survey_has_answer(a))
		return false;
	if (a->security == DNS_BOGUS)
		cli_finding_add(s->f,
			survey_site_text(s,
				"mend the zone's signatures, or the DS record at its registry; "
				"%s",
				ask),
			"the DNS of %.*s (%s) is wrongly signed: who validates gets no answer "
			"(%s)",
			SLICE_FMT(name), type, a->why);
	else
		cli_finding_warn(s->f, survey_site_text(s, "look again later; %s", ask),
			"the DNS has no answer for %.*s (%s)%s%s", SLICE_FMT(name), type,
			*a->why ? ": " : "", a->why);
	return true;
}
