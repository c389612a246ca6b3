#include "cmd/publish.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/must.h"

enum { TXT_STRING_MAX = 255 };

const char *
publish_selector(enum dkim_key_kind kind)
{
	return kind == DKIM_KEY_RSA ? "rsa" : "ed25519";
}

static struct slice __attribute__((format(printf, 2, 3)))
text(struct arena *a, const char *format, ...)
{
	char line[PUBLISH_LINE];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof line, format, ap);
	va_end(ap);
	must(n >= 0 && (size_t)n < sizeof line);
	return arena_dup(a, slice_of(line, (size_t)n));
}

static struct slice
said(const json_t *row, const char *key)
{
	return slice_str(json_string_value(json_object_get(row, key)));
}

void
publish_take_keys(const json_t *rows, struct publish_key out[PUBLISH_KEYS])
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		for (unsigned kind = 0; kind < PUBLISH_KEYS; kind++)
			if (slice_eq(said(row, "state"), SLICE_LIT("signs")) &&
				slice_eq(said(row, "key"),
					slice_str(dkim_key_name((enum dkim_key_kind)kind))))
				out[kind] = (struct publish_key){
					said(row, "selector"), said(row, "text")};
	}
}

size_t
publish_list(
	const struct publish_domain *d, struct arena *a, struct publish_record out[PUBLISH_MAX])
{
	struct slice domain = d->domain;
	const char *why = "; signatures that prove that a mail is yours\n";
	size_t n = 0;

	out[n++] = (struct publish_record){PUBLISH_MX, domain, "MX",
		text(a, "10 %.*s.", SLICE_FMT(d->hostname)),
		"; where the world brings your mail\n"};
	out[n++] = (struct publish_record){PUBLISH_ADDRESS, d->hostname, "A",
		SLICE_LIT("<address of this machine>"),
		"; this machine, and AAAA if it has one; its reverse name should be the same,\n"
		"; or others take it for a spammer\n"};
	out[n++] = (struct publish_record){PUBLISH_SPF, domain, "TXT",
		SLICE_LIT("v=spf1 mx -all"), "; only this machine may send for the domain\n"};
	for (unsigned kind = 0; kind < PUBLISH_KEYS; kind++) {
		if (!d->dkim[kind].text.n)
			continue;
		out[n++] = (struct publish_record){PUBLISH_DKIM,
			text(a, "%.*s._domainkey.%.*s", SLICE_FMT(d->dkim[kind].selector),
				SLICE_FMT(domain)),
			"TXT", d->dkim[kind].text, why};
		why = "";
	}
	out[n++] = (struct publish_record){PUBLISH_DMARC,
		text(a, "_dmarc.%.*s", SLICE_FMT(domain)), "TXT",
		text(a, "v=DMARC1; p=quarantine; rua=mailto:postmaster@%.*s",
			SLICE_FMT(domain)),
		"; what others shall do with mail that only claims to be yours\n"};
	return n;
}

void
publish_format(const struct publish_record *r, struct buf *out)
{
	struct slice rest = r->data;

	buf_printf(out, "%.*s. IN %s", SLICE_FMT(r->name), r->type);
	if (strcmp(r->type, "TXT") != 0)
		buf_printf(out, " %.*s", SLICE_FMT(r->data));
	/* RFC 1035 section 3.3: a string has at most 255 octets; longer texts are several. */
	else
		for (; rest.n; rest = slice_from(rest, TXT_STRING_MAX))
			buf_printf(out, " \"%.*s\"",
				SLICE_FMT(slice_cut(rest, 0, TXT_STRING_MAX)));
}
