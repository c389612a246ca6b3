/* SPF over any octets: each line is the record of some of the names that are asked for. */
#include "core/dns_record.h"
#include "core/must.h"
#include "smtp/smtp_spf.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The record of the domain, and of each include or redirect; each other term asks once, mx also
 * for its hosts. */
enum {
	TEXTS_MAX = 1 + SMTP_SPF_LOOKUPS_MAX,
	ASKED_MAX = TEXTS_MAX + SMTP_SPF_LOOKUPS_MAX * (1 + SMTP_SPF_MX_MAX)
};

struct world {
	struct arena *arena;
	struct slice in;
	unsigned texts, asked;
};

static struct slice
line_of(const struct world *w, const struct dns_name *name)
{
	struct slice rest = w->in;

	for (unsigned skip = name->octets[0] % 8u; skip && slice_has(rest, '\n'); skip--)
		rest = slice_from(rest, slice_find(rest, '\n') + 1);
	return slice_cut(rest, 0, slice_find(rest, '\n'));
}

static struct slice
text_of(struct world *w, struct slice line)
{
	struct slice raw;
	struct buf out;

	buf_init(&out, DNS_MESSAGE_MAX);
	do {
		struct slice part = slice_cut(line, 0, 255);

		buf_put_u8(&out, (uint8_t)part.n);
		buf_put_slice(&out, part);
		line = slice_from(line, part.n);
	} while (line.n);
	raw = arena_dup(w->arena, buf_slice(&out));
	buf_fini(&out);
	return raw;
}

static const struct dns_message *
look(void *arg, const struct dns_name *name, unsigned type)
{
	static const uint8_t mx[] = "\0\x0a\2mx";
	struct world *w = arg;
	struct slice line = line_of(w, name);
	struct dns_message *m = arena_zalloc(w->arena, sizeof *m);
	struct slice *rdata = arena_alloc(w->arena, 2 * SMTP_SPF_MX_MAX * sizeof *rdata);

	must(++w->asked <= ASKED_MAX);
	must(type != DNS_RECORD_TXT || ++w->texts <= TEXTS_MAX);
	if (line.n % 32 == 31)
		return NULL;
	m->rcode = line.n % 32 == 30 ? DNS_MESSAGE_SERVFAIL : DNS_MESSAGE_NOERROR;
	m->rdata = rdata;
	if (type == DNS_RECORD_TXT)
		rdata[m->n++] = text_of(w, line);
	else if (type == DNS_RECORD_MX)
		for (size_t i = 0; i < line.n % 12; i++)
			rdata[m->n++] = slice_of(mx, sizeof mx);
	else
		rdata[m->n++] = slice_cut(line, 0, type == DNS_RECORD_A ? 4 : 16);
	return m;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena a;
	struct world w = {.arena = &a, .in = slice_of(p, n)};
	const struct smtp_spf_dns dns = {look, &w};
	struct smtp_spf_verdict v;
	char address[16] = "192.0.2.1 [::1]";

	arena_init(&a, 0);
	v = smtp_spf_judge(&dns, SLICE_LIT("d.test"), slice_of(address, n % 2 ? 4 : 16), &a);
	must(smtp_spf_name(v.result)[0] != '\0');
	arena_reset(&a);
	return 0;
}
