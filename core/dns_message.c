#include "core/dns_message.h"

#include "core/big_endian.h"
#include "core/buf.h"
#include "core/dns_record.h"

enum { HEADER = 12, CLASS_IN = 1, TTL_MAX = 0x7fffffff };

struct rr {
	struct dns_name owner;
	unsigned type, class;
	uint32_t ttl_sec;
	size_t at, n; /* the contents, in the message */
};

struct reading {
	struct slice raw;
	struct arena *a;
	size_t answers_at;
	unsigned answers, authorities;
};

static unsigned
get_u16(struct slice raw, size_t at)
{
	return (unsigned)raw.p[at] << 8 | raw.p[at + 1];
}

static bool
read_rr(struct slice raw, size_t *at, struct rr *rr)
{
	if (dns_name_read(raw, at, &rr->owner) || raw.n - *at < 10)
		return false;
	rr->type = get_u16(raw, *at);
	rr->class = get_u16(raw, *at + 2);
	rr->ttl_sec = big_endian_get_u32(raw.p + *at + 4);
	/* RFC 2181 section 8: with the top bit set it is 0. */
	rr->ttl_sec = rr->ttl_sec > TTL_MAX ? 0 : rr->ttl_sec;
	rr->n = get_u16(raw, *at + 8);
	rr->at = *at + 10;
	if (raw.n - rr->at < rr->n)
		return false;
	*at = rr->at + rr->n;
	return true;
}

/* The types in which names may be compressed (RFC 3597 section 4), SRV for the sake of old
 * servers: octets before the names, and how many names. */
static void
shape_of(unsigned type, size_t *before, unsigned *names)
{
	*before = type == DNS_RECORD_MX ? 2 : type == DNS_RECORD_SRV ? 6 : 0;
	*names = type == DNS_RECORD_SOA ? 2
		 : type == DNS_RECORD_NS || type == DNS_RECORD_CNAME ||
				 type == DNS_RECORD_PTR || *before
			 ? 1
			 : 0;
}

/* The contents with whole names. */
static bool
copy_rdata(const struct reading *r, const struct rr *rr, struct slice *out)
{
	struct slice upto = slice_cut(r->raw, 0, rr->at + rr->n);
	struct dns_name name;
	size_t before, at;
	unsigned names;
	struct buf b;
	bool ok = true;

	shape_of(rr->type, &before, &names);
	if (rr->n < before)
		return false;
	at = rr->at + before;
	buf_init(&b, rr->n + 2 * DNS_NAME_WIRE_MAX);
	buf_put(&b, r->raw.p + rr->at, before);
	for (unsigned i = 0; i < names && ok; i++) {
		ok = !dns_name_read(upto, &at, &name);
		if (ok)
			buf_put(&b, name.octets, name.n);
	}
	if (ok)
		buf_put_slice(&b, slice_from(upto, at));
	*out = arena_dup(r->a, buf_slice(&b));
	buf_fini(&b);
	return ok;
}

static uint32_t
least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* One step: the records at out->canonical; or, if there are none, the alias there, which
 * becomes out->canonical, *is_alias. */
static enum err
step(const struct reading *r, unsigned type, struct dns_message *out, bool *is_alias)
{
	struct slice *rdata = arena_alloc(r->a, (r->answers + 1u) * sizeof *rdata);
	size_t at = r->answers_at, target;
	struct rr rr, alias = {.n = 0};

	for (unsigned i = 0; i < r->answers; i++) {
		if (!read_rr(r->raw, &at, &rr))
			return ERR_SYNTAX;
		if (rr.class != CLASS_IN || !dns_name_eq(&rr.owner, &out->canonical))
			continue;
		if (rr.type == type) {
			if (!copy_rdata(r, &rr, &rdata[out->n++]))
				return ERR_SYNTAX;
			out->ttl_sec = least(out->ttl_sec, rr.ttl_sec);
		} else if (rr.type == DNS_RECORD_CNAME) {
			alias = rr;
		}
	}
	out->rdata = rdata;
	*is_alias = out->n == 0 && alias.n;
	if (!*is_alias)
		return ERR_OK;
	out->ttl_sec = least(out->ttl_sec, alias.ttl_sec);
	target = alias.at;
	return dns_name_read(
		slice_cut(r->raw, 0, alias.at + alias.n), &target, &out->canonical);
}

/* How long it holds that there is nothing: so says the SOA record in the authority section. */
static enum err
read_negative_ttl(const struct reading *r, uint32_t *ttl_sec)
{
	size_t at = r->answers_at;
	bool found = false;
	struct rr rr;

	for (unsigned i = 0; i < r->answers + r->authorities; i++) {
		if (!read_rr(r->raw, &at, &rr))
			return ERR_SYNTAX;
		if (i < r->answers || rr.type != DNS_RECORD_SOA || rr.n < 4)
			continue;
		found = true;
		*ttl_sec = least(*ttl_sec, rr.ttl_sec);
		*ttl_sec = least(
			*ttl_sec, big_endian_get_u32(r->raw.p + rr.at + rr.n - 4) & TTL_MAX);
	}
	if (!found)
		*ttl_sec = 0;
	return ERR_OK;
}

static bool
skip_questions(struct slice raw, unsigned n, size_t *at)
{
	struct dns_name name;

	for (; n; n--) {
		if (dns_name_read(raw, at, &name) || raw.n - *at < 4)
			return false;
		*at += 4;
	}
	return true;
}

enum err
dns_message_parse(struct slice raw, const struct dns_name *name, unsigned type, struct arena *a,
	struct dns_message *out)
{
	struct reading r = {.raw = raw, .a = a, .answers_at = HEADER};
	struct dns_message m = {.canonical = *name, .ttl_sec = TTL_MAX};
	bool is_alias = true;
	enum err e = ERR_OK;

	if (raw.n < HEADER || raw.n > DNS_MESSAGE_MAX ||
		!skip_questions(raw, get_u16(raw, 4), &r.answers_at))
		return ERR_SYNTAX;
	m.rcode = raw.p[3] & 15;
	r.answers = get_u16(raw, 6);
	r.authorities = get_u16(raw, 8);
	/* A record has 11 octets at least. */
	if (r.answers > raw.n / 11)
		return ERR_SYNTAX;
	for (unsigned i = 0; is_alias && !e; i++)
		e = i > DNS_MESSAGE_CHAIN_MAX ? ERR_LIMIT : step(&r, type, &m, &is_alias);
	if (!e && m.n == 0)
		e = read_negative_ttl(&r, &m.ttl_sec);
	if (!e)
		*out = m;
	return e;
}
