#include "core/dns_record.h"

#include <arpa/inet.h>

#include "core/big_endian.h"

static const struct {
	const char *name;
	enum dns_record_type type;
} types[] = {{"A", DNS_RECORD_A}, {"NS", DNS_RECORD_NS}, {"CNAME", DNS_RECORD_CNAME},
	{"SOA", DNS_RECORD_SOA}, {"PTR", DNS_RECORD_PTR}, {"MX", DNS_RECORD_MX},
	{"TXT", DNS_RECORD_TXT}, {"AAAA", DNS_RECORD_AAAA}, {"SRV", DNS_RECORD_SRV},
	{"TLSA", DNS_RECORD_TLSA}};
enum { TYPES = sizeof types / sizeof *types, OPT = 41 };

/* --- types --- */

bool
dns_record_is_type(unsigned type)
{
	return type > 0 && type <= UINT16_MAX && type != OPT && (type < 128 || type > 255);
}

unsigned
dns_record_type_parse(struct slice text)
{
	uint64_t v = 0;

	for (size_t i = 0; i < TYPES; i++)
		if (slice_eq_nocase(text, slice_str(types[i].name)))
			return types[i].type;
	if (!slice_starts_nocase(text, SLICE_LIT("TYPE")) ||
		!slice_u64(slice_from(text, 4), UINT16_MAX, &v))
		return 0;
	return dns_record_is_type((unsigned)v) ? (unsigned)v : 0;
}

void
dns_record_type_format(unsigned type, struct buf *out)
{
	for (size_t i = 0; i < TYPES; i++)
		if ((unsigned)types[i].type == type) {
			buf_put_str(out, types[i].name);
			return;
		}
	buf_printf(out, "TYPE%u", type);
}

/* --- reading --- */

/* What is left of the contents; what isn't there reads as 0 and fails. */
struct reader {
	struct slice rdata;
	size_t at;
	bool failed;
};

static const uint8_t *
take(struct reader *r, size_t n)
{
	static const uint8_t zeros[4];
	const uint8_t *p = r->rdata.p + r->at;

	if (r->failed || r->rdata.n - r->at < n) {
		r->failed = true;
		return zeros;
	}
	r->at += n;
	return p;
}

static uint16_t
take_u16(struct reader *r)
{
	const uint8_t *p = take(r, 2);

	return (uint16_t)(p[0] << 8 | p[1]);
}

static void
take_name(struct reader *r, struct dns_name *out)
{
	r->failed = r->failed || dns_name_read(r->rdata, &r->at, out);
}

static void
take_rest(struct reader *r, struct slice *out)
{
	*out = slice_from(r->rdata, r->at);
	r->at = r->rdata.n;
}

static void
take_address(struct reader *r, size_t n, struct slice *out)
{
	r->failed = r->rdata.n != n;
	take_rest(r, out);
}

/* One string or more, each with its length in front. */
static void
take_text(struct reader *r, struct arena *a, struct slice *out)
{
	uint8_t *text = arena_alloc(a, r->rdata.n + 1), n;
	size_t used = 0;

	do {
		n = *take(r, 1);
		memcpy(text + used, take(r, n), r->failed ? 0 : n);
		used += r->failed ? 0 : n;
	} while (!r->failed && r->at < r->rdata.n);
	*out = slice_of(text, used);
}

enum err
dns_record_parse(unsigned type, struct slice rdata, struct arena *a, struct dns_record *out)
{
	struct dns_record record = {.name = {.n = 1}, .mailbox = {.n = 1}};
	struct reader r = {.rdata = rdata};

	switch (type) {
	case DNS_RECORD_A:
		take_address(&r, 4, &record.address);
		break;
	case DNS_RECORD_AAAA:
		take_address(&r, 16, &record.address);
		break;
	case DNS_RECORD_MX:
		record.preference = take_u16(&r);
		take_name(&r, &record.name);
		break;
	case DNS_RECORD_NS:
	case DNS_RECORD_CNAME:
	case DNS_RECORD_PTR:
		take_name(&r, &record.name);
		break;
	case DNS_RECORD_SRV:
		record.preference = take_u16(&r);
		record.weight = take_u16(&r);
		record.port = take_u16(&r);
		take_name(&r, &record.name);
		break;
	case DNS_RECORD_SOA:
		take_name(&r, &record.name);
		take_name(&r, &record.mailbox);
		for (size_t i = 0; i < 5; i++)
			record.soa[i] = big_endian_get_u32(take(&r, 4));
		break;
	case DNS_RECORD_TXT:
		take_text(&r, a, &record.text);
		break;
	case DNS_RECORD_TLSA:
		record.usage = *take(&r, 1);
		record.selector = *take(&r, 1);
		record.matching = *take(&r, 1);
		take_rest(&r, &record.data);
		break;
	default:
		return ERR_UNSUPPORTED;
	}
	if (r.failed || r.at != rdata.n)
		return ERR_SYNTAX;
	*out = record;
	return ERR_OK;
}

/* --- writing --- */

static void
put_hex(struct buf *out, struct slice octets)
{
	for (size_t i = 0; i < octets.n; i++)
		buf_printf(out, "%02x", octets.p[i]);
}

/* Each string in quotes, as it is in the record. */
static void
put_strings(struct buf *out, struct slice rdata)
{
	size_t at = 0, end;
	uint8_t c;

	while (at < rdata.n) {
		buf_put_str(out, at ? " \"" : "\"");
		end = at + 1 + rdata.p[at];
		for (at++; at < end; at++) {
			c = rdata.p[at];
			if (c < ' ' || c >= 127)
				buf_printf(out, "\\%03u", c);
			else
				buf_printf(out, c == '"' || c == '\\' ? "\\%c" : "%c", c);
		}
		buf_put_u8(out, '"');
	}
}

static void
put_numbers(struct buf *out, unsigned type, const struct dns_record *r)
{
	if (type == DNS_RECORD_MX)
		buf_printf(out, "%u ", r->preference);
	else if (type == DNS_RECORD_SRV)
		buf_printf(out, "%u %u %u ", r->preference, r->weight, r->port);
}

static void
put_record(struct buf *out, unsigned type, struct slice rdata, const struct dns_record *r)
{
	char address[INET6_ADDRSTRLEN];

	if (r->address.n) {
		inet_ntop(r->address.n == 4 ? AF_INET : AF_INET6, r->address.p, address,
			sizeof address);
		buf_put_str(out, address);
	} else if (type == DNS_RECORD_TXT) {
		put_strings(out, rdata);
	} else if (type == DNS_RECORD_TLSA) {
		buf_printf(out, "%u %u %u ", r->usage, r->selector, r->matching);
		put_hex(out, r->data);
	} else {
		put_numbers(out, type, r);
		dns_name_format(&r->name, out);
	}
	if (type != DNS_RECORD_SOA)
		return;
	buf_put_u8(out, ' ');
	dns_name_format(&r->mailbox, out);
	for (size_t i = 0; i < 5; i++)
		buf_printf(out, " %u", r->soa[i]);
}

void
dns_record_format(unsigned type, struct slice rdata, struct buf *out)
{
	struct dns_record record;
	struct arena a;

	arena_init(&a, 0);
	if (!dns_record_parse(type, rdata, &a, &record)) {
		put_record(out, type, rdata, &record);
	} else {
		buf_printf(out, "\\# %zu%s", rdata.n, rdata.n ? " " : "");
		put_hex(out, rdata);
	}
	arena_reset(&a);
}
