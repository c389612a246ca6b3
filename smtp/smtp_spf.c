#include "smtp/smtp_spf.h"

#include "core/dns_record.h"
#include "core/ip_network.h"

/* A term, and what it says: whether it matches, or why that can't be said. */
enum match { NO_MATCH, MATCH, NOT_YET, UNKNOWN, TEMPORARY, BROKEN };

struct spf {
	const struct smtp_spf_dns *dns;
	struct arena *arena;
	struct slice address;
	unsigned lookups;
	struct slice why;
};

struct term {
	struct slice whole;
	uint8_t qualifier; /* + - ? ~ */
	struct slice name, value;
	unsigned bits[2]; /* behind / and //: of IPv4 and of IPv6 */
};

static enum smtp_spf_result judge(struct spf *s, struct slice domain);

const char *
smtp_spf_name(enum smtp_spf_result result)
{
	static const char *const names[] = {"not known yet", "none", "neutral", "pass", "fail",
		"softfail", "temperror", "permerror", "unknown"};

	return names[result];
}

/* --- the DNS --- */

/* NOT_YET, TEMPORARY, BROKEN: no name; else MATCH: *out is the answer, maybe an empty one. */
static enum match
look(struct spf *s, struct slice name, unsigned type, const struct dns_message **out)
{
	struct dns_name asked;

	if (dns_name_parse(name, &asked))
		return BROKEN;
	*out = s->dns->look(s->dns->arg, &asked, type);
	if (!*out)
		return NOT_YET;
	return (*out)->rcode == DNS_MESSAGE_NOERROR || (*out)->rcode == DNS_MESSAGE_NXDOMAIN
		       ? MATCH
		       : TEMPORARY;
}

static struct slice
text_of(struct spf *s, const struct dns_name *name)
{
	struct slice text;
	struct buf b;

	buf_init(&b, DNS_NAME_TEXT_MAX);
	dns_name_format(name, &b);
	text = arena_dup(s->arena, buf_slice(&b));
	buf_fini(&b);
	return text;
}

static bool
is_near(struct spf *s, struct slice address, const struct term *t)
{
	struct ip_network net = {
		.n = (uint8_t)address.n, .bits = (uint8_t)t->bits[s->address.n == 16]};

	memcpy(net.octets, address.p, address.n);
	return ip_network_holds(&net, s->address);
}

/* Has that host an address near ours? */
static enum match
match_host(struct spf *s, struct slice host, const struct term *t)
{
	unsigned type = s->address.n == 4 ? DNS_RECORD_A : DNS_RECORD_AAAA;
	const struct dns_message *m;
	struct dns_record record;
	enum match found = look(s, host, type, &m);

	if (found != MATCH)
		return found == BROKEN ? NO_MATCH : found;
	for (size_t i = 0; i < m->n; i++)
		if (!dns_record_parse(type, m->rdata[i], s->arena, &record) &&
			is_near(s, record.address, t))
			return MATCH;
	return NO_MATCH;
}

/* --- terms --- */

static bool
read_bits(struct slice text, unsigned max, unsigned *out)
{
	uint64_t bits;

	if (!slice_u64(text, max, &bits))
		return false;
	*out = (unsigned)bits;
	return true;
}

/* "/24", "/24//64", "//64" at the end of a mechanism. */
static bool
read_lengths(struct slice text, struct term *t)
{
	size_t slash = slice_find_slice(text, SLICE_LIT("//"));

	if (slash < text.n && !read_bits(slice_from(text, slash + 2), 128, &t->bits[1]))
		return false;
	text = slice_cut(text, 0, slash);
	return text.n == 0 || read_bits(slice_from(text, 1), 32, &t->bits[0]);
}

/* A name is of letters, digits, "-", "_" and "."; = makes a modifier, which says nothing here
 * but for redirect. False: not a term. */
static bool
read_term(struct slice word, struct term *t)
{
	size_t n = 0, slash;

	*t = (struct term){.whole = word, .qualifier = '+', .bits = {32, 128}};
	if (word.n && slice_has(SLICE_LIT("+-?~"), word.p[0])) {
		t->qualifier = word.p[0];
		word = slice_from(word, 1);
	}
	while (n < word.n && word.p[n] != ':' && word.p[n] != '/' && word.p[n] != '=')
		n++;
	t->name = slice_cut(word, 0, n);
	if (n < word.n && word.p[n] == '=')
		t->name = slice_cut(word, 0, n + 1);
	if (n < word.n && word.p[n] != '/')
		n++;
	t->value = slice_from(word, n);
	/* The / of a macro isn't one of a length. */
	if (slice_has(t->value, '%') || slice_has(t->name, '=') ||
		slice_starts_nocase(t->name, SLICE_LIT("ip")))
		return t->name.n > 0;
	slash = slice_find(t->value, '/');
	word = slice_from(t->value, slash);
	t->value = slice_cut(t->value, 0, slash);
	return t->name.n > 0 && read_lengths(word, t);
}

static bool
is(const struct term *t, const char *name)
{
	return slice_eq_nocase(t->name, slice_str(name));
}

/* RFC 7208 section 5.6: bits behind the prefix don't matter. */
static enum match
match_network(struct spf *s, struct slice domain, const struct term *t)
{
	size_t slash = slice_find(t->value, '/');
	unsigned size = is(t, "ip4") ? 4 : 16, bits = size * 8;
	struct ip_network net;

	(void)domain;
	if (ip_network_parse(slice_cut(t->value, 0, slash), &net) || net.n != size ||
		(slash < t->value.n &&
			!read_bits(slice_from(t->value, slash + 1), bits, &bits)))
		return BROKEN;
	net.bits = (uint8_t)bits;
	return ip_network_holds(&net, s->address) ? MATCH : NO_MATCH;
}

static enum match
match_all(struct spf *s, struct slice domain, const struct term *t)
{
	(void)s;
	(void)domain;
	return t->value.n ? BROKEN : MATCH;
}

static enum match
match_a(struct spf *s, struct slice domain, const struct term *t)
{
	return match_host(s, t->value.n ? t->value : domain, t);
}

static enum match
match_mx(struct spf *s, struct slice domain, const struct term *t)
{
	const struct dns_message *m;
	enum match found = look(s, t->value.n ? t->value : domain, DNS_RECORD_MX, &m), one;
	struct dns_record record;

	if (found != MATCH)
		return found;
	if (m->n > SMTP_SPF_MX_MAX)
		return BROKEN;
	found = NO_MATCH;
	for (size_t i = 0; i < m->n; i++) {
		if (dns_record_parse(DNS_RECORD_MX, m->rdata[i], s->arena, &record))
			continue;
		one = match_host(s, text_of(s, &record.name), t);
		if (one == MATCH)
			return MATCH;
		/* All of them are asked for before anyone is waited for. */
		found = one == NO_MATCH ? found : one;
	}
	return found;
}

/* RFC 7208 section 5.2. */
static enum match
match_include(struct spf *s, struct slice domain, const struct term *t)
{
	static const enum match meant[] = {[SMTP_SPF_MORE] = NOT_YET,
		[SMTP_SPF_NONE] = BROKEN,
		[SMTP_SPF_NEUTRAL] = NO_MATCH,
		[SMTP_SPF_PASS] = MATCH,
		[SMTP_SPF_FAIL] = NO_MATCH,
		[SMTP_SPF_SOFTFAIL] = NO_MATCH,
		[SMTP_SPF_TEMPERROR] = TEMPORARY,
		[SMTP_SPF_PERMERROR] = BROKEN,
		[SMTP_SPF_UNKNOWN] = UNKNOWN};

	(void)domain;
	return t->value.n ? meant[judge(s, t->value)] : BROKEN;
}

static enum match
match_unknown(struct spf *s, struct slice domain, const struct term *t)
{
	(void)s;
	(void)domain;
	(void)t;
	return UNKNOWN;
}

static const struct mechanism {
	const char *name;
	enum match (*match)(struct spf *s, struct slice domain, const struct term *t);
	bool asks;
} mechanisms[] = {{"all", match_all, false}, {"ip4", match_network, false},
	{"ip6", match_network, false}, {"a", match_a, true}, {"mx", match_mx, true},
	{"include", match_include, true}, {"exists", match_unknown, true},
	{"ptr", match_unknown, true}};
enum { MECHANISMS = sizeof mechanisms / sizeof *mechanisms };

static enum match
match(struct spf *s, struct slice domain, const struct term *t)
{
	const struct mechanism *m = mechanisms;

	while (m < mechanisms + MECHANISMS && !is(t, m->name))
		m++;
	if (m == mechanisms + MECHANISMS)
		return BROKEN;
	if (m->asks && ++s->lookups > SMTP_SPF_LOOKUPS_MAX)
		return BROKEN;
	return slice_has(t->value, '%') ? UNKNOWN : m->match(s, domain, t);
}

/* --- a record --- */

static bool
is_record(struct slice text)
{
	return slice_eq_nocase(text, SLICE_LIT("v=spf1")) ||
	       slice_starts_nocase(text, SLICE_LIT("v=spf1 "));
}

/* RFC 7208 section 4.5: there has to be exactly one. */
static enum smtp_spf_result
find_record(struct spf *s, struct slice domain, struct slice *out)
{
	const struct dns_message *m;
	struct dns_record record;
	enum match found = look(s, domain, DNS_RECORD_TXT, &m);
	size_t n = 0;

	if (found == NOT_YET)
		return SMTP_SPF_MORE;
	s->why = domain;
	if (found == TEMPORARY)
		return SMTP_SPF_TEMPERROR;
	for (size_t i = 0; found == MATCH && i < m->n; i++)
		if (!dns_record_parse(DNS_RECORD_TXT, m->rdata[i], s->arena, &record) &&
			is_record(record.text)) {
			*out = slice_from(record.text, strlen("v=spf1"));
			n++;
		}
	if (n > 1)
		s->why = SLICE_LIT("more than one record");
	return n == 1 ? SMTP_SPF_PASS : n ? SMTP_SPF_PERMERROR : SMTP_SPF_NONE;
}

static struct slice
next_word(struct slice *rest)
{
	struct slice word;

	while (rest->n && rest->p[0] == ' ')
		*rest = slice_from(*rest, 1);
	word = slice_cut(*rest, 0, slice_find(*rest, ' '));
	*rest = slice_from(*rest, word.n);
	return word;
}

static enum smtp_spf_result
qualified(uint8_t qualifier)
{
	return qualifier == '+'	  ? SMTP_SPF_PASS
	       : qualifier == '-' ? SMTP_SPF_FAIL
	       : qualifier == '~' ? SMTP_SPF_SOFTFAIL
				  : SMTP_SPF_NEUTRAL;
}

/* What a term decides; SMTP_SPF_NONE: nothing. */
static enum smtp_spf_result
decide(struct spf *s, struct slice domain, const struct term *t)
{
	enum match found = match(s, domain, t);

	/* An included record has said more of it. */
	if (!is(t, "include") || found == MATCH || found == UNKNOWN)
		s->why = t->whole;
	switch (found) {
	case MATCH:
		return qualified(t->qualifier);
	case NOT_YET:
		return SMTP_SPF_MORE;
	case UNKNOWN:
		return SMTP_SPF_UNKNOWN;
	case TEMPORARY:
		return SMTP_SPF_TEMPERROR;
	case BROKEN:
		return SMTP_SPF_PERMERROR;
	case NO_MATCH:
	default:
		return SMTP_SPF_NONE;
	}
}

/* RFC 7208 section 6.1. */
static enum smtp_spf_result
follow(struct spf *s, struct slice domain)
{
	enum smtp_spf_result result;

	if (slice_has(domain, '%'))
		return SMTP_SPF_UNKNOWN;
	if (++s->lookups > SMTP_SPF_LOOKUPS_MAX)
		return SMTP_SPF_PERMERROR;
	result = judge(s, domain);
	return result == SMTP_SPF_NONE ? SMTP_SPF_PERMERROR : result;
}

/* Terms in order, until one decides. What isn't understood is remembered: a pass behind it
 * stays one, if it would have passed too. */
static enum smtp_spf_result
judge(struct spf *s, struct slice domain)
{
	struct slice rest, word, redirect = SLICE_EMPTY, unknown = SLICE_EMPTY;
	enum smtp_spf_result result = find_record(s, domain, &rest);
	bool is_pass_sure = true;
	struct term t;

	if (result != SMTP_SPF_PASS)
		return result;
	result = SMTP_SPF_NONE;
	while (result == SMTP_SPF_NONE && (word = next_word(&rest)).n) {
		s->why = word;
		if (!read_term(word, &t))
			return SMTP_SPF_PERMERROR;
		if (is(&t, "redirect="))
			redirect = t.value;
		if (t.name.p[t.name.n - 1] == '=')
			continue;
		result = decide(s, domain, &t);
		if (result == SMTP_SPF_UNKNOWN) {
			is_pass_sure = is_pass_sure && t.qualifier == '+';
			unknown = unknown.n ? unknown : t.whole;
			result = SMTP_SPF_NONE;
		}
	}
	if (result == SMTP_SPF_NONE && redirect.n) {
		result = follow(s, redirect);
	} else if (result == SMTP_SPF_NONE) {
		s->why = SLICE_LIT("no term names it");
		result = SMTP_SPF_NEUTRAL;
	}
	if (unknown.n && result != SMTP_SPF_MORE &&
		!(result == SMTP_SPF_PASS && is_pass_sure)) {
		s->why = unknown;
		result = SMTP_SPF_UNKNOWN;
	}
	return result;
}

struct smtp_spf_verdict
smtp_spf_judge(const struct smtp_spf_dns *dns, struct slice domain, struct slice address,
	struct arena *a)
{
	struct spf s = {.dns = dns, .arena = a, .address = address};
	enum smtp_spf_result result = judge(&s, domain);

	return (struct smtp_spf_verdict){result, s.why};
}
