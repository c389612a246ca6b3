#include "core/mail_addr.h"

#include <arpa/inet.h>
#include <idn2.h>

#include "core/mail_fold.h"
#include "core/utf8.h"

/* What is being read of an address, and what was made of it. */
struct reader {
	struct slice rest;
	struct arena *arena;
	struct mail_addr addr;
};

static bool
is_alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* RFC 5322 section 3.2.3, with RFC 6531's UTF8-non-ascii. */
static bool
is_atext(uint8_t c)
{
	return is_alnum(c) || c >= 0x80 || (c && memchr("!#$%&'*+-/=?^_`{|}~", c, 19));
}

/* --- domains ---------------------------------------------------------------------- */

/* RFC 5321 section 4.1.2: sub-domain = Let-dig [Ldh-str] */
static const char *
check_label(struct slice label)
{
	if (label.n == 0)
		return "domain has an empty label";
	if (label.n > MAIL_ADDR_LABEL_MAX)
		return "domain has a label of more than 63 octets";
	if (label.p[0] == '-' || label.p[label.n - 1] == '-')
		return "domain has a label that begins or ends with a hyphen";
	for (size_t i = 0; i < label.n; i++)
		if (!is_alnum(label.p[i]) && label.p[i] != '-')
			return "domain has a character that no host name may have";
	return NULL;
}

static const char *
check_ascii_domain(struct slice domain)
{
	const char *why;
	size_t end;

	if (domain.n == 0)
		return "domain is empty";
	if (domain.n > MAIL_ADDR_DOMAIN_MAX)
		return "domain is longer than 255 octets";
	for (;;) {
		end = slice_find(domain, '.');
		why = check_label(slice_cut(domain, 0, end));
		if (why || end == domain.n)
			return why;
		domain = slice_from(domain, end + 1);
	}
}

const char *
mail_addr_parse_domain(struct slice raw, struct arena *a, struct slice *out)
{
	const char *why;
	uint8_t *ascii = NULL, *to;
	struct slice domain = raw;
	char *text;

	if (raw.n > MAIL_ADDR_DOMAIN_MAX)
		return "domain is longer than 255 octets";
	if (!utf8_is_ascii(raw)) {
		if (slice_has(raw, '\0') || !utf8_is_valid(raw))
			return "domain is not UTF-8";
		text = arena_str(a, raw);
		if (idn2_lookup_u8((const uint8_t *)text, &ascii,
			    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
			return "domain is not a valid internationalized name";
		domain = slice_str((const char *)ascii);
	}
	why = check_ascii_domain(domain);
	if (!why) {
		to = arena_alloc(a, domain.n);
		for (size_t i = 0; i < domain.n; i++)
			to[i] = slice_lower(domain.p[i]);
		*out = slice_of(to, domain.n);
	}
	idn2_free(ascii);
	return why;
}

int
mail_addr_literal(struct slice text, uint8_t address[16])
{
	const struct slice tag = SLICE_LIT("IPv6:");
	char terminated[INET6_ADDRSTRLEN];
	bool is_6 = slice_starts_nocase(text, tag);

	if (is_6)
		text = slice_from(text, tag.n);
	if (text.n >= sizeof terminated || text.n == 0 || slice_has(text, '\0'))
		return 0;
	memcpy(terminated, text.p, text.n);
	terminated[text.n] = '\0';
	if (inet_pton(is_6 ? AF_INET6 : AF_INET, terminated, address) != 1)
		return 0;
	return is_6 ? 6 : 4;
}

static const char *
take_literal(struct reader *r)
{
	size_t end = slice_find(r->rest, ']');
	uint8_t address[16];

	if (end == r->rest.n)
		return "address literal has no closing bracket";
	if (!mail_addr_literal(slice_cut(r->rest, 1, end), address))
		return "address literal is neither IPv4 nor IPv6";
	r->addr.domain = arena_dup(r->arena, slice_cut(r->rest, 0, end + 1));
	r->addr.is_literal = true;
	r->rest = slice_from(r->rest, end + 1);
	return NULL;
}

static const char *
take_domain(struct reader *r)
{
	const char *why;
	size_t n = 0;
	struct slice name, unused;

	if (r->rest.n && r->rest.p[0] == '[')
		return take_literal(r);
	while (n < r->rest.n && (is_alnum(r->rest.p[n]) || r->rest.p[n] >= 0x80 ||
					r->rest.p[n] == '.' || r->rest.p[n] == '-'))
		n++;
	name = slice_cut(r->rest, 0, n);
	why = mail_addr_parse_domain(name, r->arena, &unused);
	if (why)
		return why;
	r->addr.domain = arena_dup(r->arena, name);
	r->rest = slice_from(r->rest, n);
	return NULL;
}

/* --- local parts -------------------------------------------------------------------- */

static const char *
take_quoted(struct reader *r)
{
	uint8_t *to = arena_alloc(
		r->arena, r->rest.n < MAIL_ADDR_PATH_MAX ? r->rest.n : MAIL_ADDR_PATH_MAX);
	size_t n = 0, i = 1;
	uint8_t c;

	for (;; i++) {
		if (i >= r->rest.n)
			return "quoted local part has no closing quote";
		if (i > MAIL_ADDR_LOCAL_MAX)
			return "local part is longer than 64 octets";
		c = r->rest.p[i];
		if (c == '"')
			break;
		if (c == '\\') {
			if (++i >= r->rest.n)
				return "quoted local part has no closing quote";
			c = r->rest.p[i];
		}
		/* RFC 5321: qtextSMTP and quoted-pairSMTP are %d32-126 only. */
		if (c < 32 || c == 127)
			return "local part has a control character";
		to[n++] = c;
	}
	if (i + 1 > MAIL_ADDR_LOCAL_MAX)
		return "local part is longer than 64 octets";
	r->addr.local = slice_of(to, n);
	r->rest = slice_from(r->rest, i + 1);
	return NULL;
}

static const char *
take_dot_string(struct reader *r)
{
	size_t n = 0;

	while (n < r->rest.n && (is_atext(r->rest.p[n]) || r->rest.p[n] == '.')) {
		if (r->rest.p[n] == '.' && (n == 0 || r->rest.p[n - 1] == '.'))
			return "local part has a dot at its start or two together";
		n++;
	}
	if (n == 0)
		return "local part is empty or has a character that needs quotes";
	if (r->rest.p[n - 1] == '.')
		return "local part ends with a dot";
	if (n > MAIL_ADDR_LOCAL_MAX)
		return "local part is longer than 64 octets";
	r->addr.local = arena_dup(r->arena, slice_cut(r->rest, 0, n));
	r->rest = slice_from(r->rest, n);
	return NULL;
}

static const char *
take_local(struct reader *r)
{
	const char *why;

	why = r->rest.n && r->rest.p[0] == '"' ? take_quoted(r) : take_dot_string(r);
	if (!why && !utf8_is_valid(r->addr.local))
		why = "local part is not UTF-8";
	return why;
}

/* Mailbox = Local-part "@" ( Domain / address-literal ) */
static const char *
take_mailbox(struct reader *r)
{
	const char *why;
	size_t before = r->rest.n;

	why = take_local(r);
	if (why)
		return why;
	if (r->rest.n == 0 || r->rest.p[0] != '@') {
		if (r->rest.n && r->rest.p[0] != '>')
			return "local part has a character that needs quotes";
		if (slice_eq_nocase(r->addr.local, SLICE_LIT("postmaster")))
			return NULL;
		return "address has no domain";
	}
	r->rest = slice_from(r->rest, 1);
	why = take_domain(r);
	if (why)
		return why;
	if (before - r->rest.n + 2 > MAIL_ADDR_PATH_MAX)
		return "address is longer than 254 octets";
	r->addr.is_utf8 = !utf8_is_ascii(r->addr.local) || !utf8_is_ascii(r->addr.domain);
	return NULL;
}

const char *
mail_addr_parse(struct slice raw, struct arena *a, struct mail_addr *out)
{
	struct reader r = {.rest = raw, .arena = a};
	const char *why = take_mailbox(&r);

	if (why)
		return why;
	if (r.rest.n)
		return "there is something after the domain that no domain may have";
	if (r.addr.domain.n == 0)
		return "address has no domain";
	*out = r.addr;
	return NULL;
}

/* RFC 5321 appendix C: @a,@b: must be accepted and should be ignored. */
static const char *
skip_route(struct reader *r)
{
	struct slice unused;
	size_t n;

	while (r->rest.n && r->rest.p[0] == '@') {
		for (n = 1; n < r->rest.n && !memchr(",:<>", r->rest.p[n], 4); n++)
			;
		if (mail_addr_parse_domain(slice_cut(r->rest, 1, n), r->arena, &unused))
			return "source route is malformed";
		r->rest = slice_from(r->rest, n);
		if (r->rest.n && r->rest.p[0] == ':') {
			r->rest = slice_from(r->rest, 1);
			return NULL;
		}
		if (r->rest.n == 0 || r->rest.p[0] != ',')
			break;
		r->rest = slice_from(r->rest, 1);
	}
	return "source route is malformed";
}

const char *
mail_addr_parse_path(struct slice raw, struct arena *a, size_t *used, struct mail_addr *out)
{
	struct reader r = {.rest = raw, .arena = a};
	const char *why = NULL;

	if (r.rest.n == 0 || r.rest.p[0] != '<')
		return "path does not begin with <";
	r.rest = slice_from(r.rest, 1);
	if (r.rest.n && r.rest.p[0] == '>') {
		r.addr.is_null = true;
	} else {
		if (r.rest.n && r.rest.p[0] == '@')
			why = skip_route(&r);
		if (!why)
			why = take_mailbox(&r);
		if (why)
			return why;
	}
	if (r.rest.n == 0 || r.rest.p[0] != '>')
		return "path does not end with >";
	*used = raw.n - r.rest.n + 1;
	*out = r.addr;
	return NULL;
}

/* --- forms ------------------------------------------------------------------------------ */

const char *
mail_addr_canonical(const struct mail_addr *from, struct arena *a, struct mail_addr *out)
{
	struct mail_addr to = *from;
	const char *why = NULL;
	struct buf folded;

	if (from->is_null) {
		*out = to;
		return NULL;
	}
	buf_init(&folded, (size_t)MAIL_ADDR_LOCAL_MAX * 4);
	if (!mail_fold_name(from->local, &folded))
		why = "local part can't be folded";
	else if (from->is_literal && !mail_fold_name(from->domain, &folded))
		why = "address literal is too long";
	else if (!from->is_literal && from->domain.n)
		why = mail_addr_parse_domain(from->domain, a, &to.domain);
	if (!why) {
		size_t n = folded.n - (from->is_literal ? from->domain.n : 0);
		struct slice both = arena_dup(a, buf_slice(&folded));

		to.local = slice_cut(both, 0, n);
		if (from->is_literal)
			to.domain = slice_from(both, n);
		to.is_utf8 = !utf8_is_ascii(to.local);
		*out = to;
	}
	buf_fini(&folded);
	return why;
}

static struct slice
join(struct arena *a, struct slice local, struct slice domain)
{
	uint8_t *p = arena_alloc(a, local.n + 1 + domain.n);

	if (local.n)
		memcpy(p, local.p, local.n);
	p[local.n] = '@';
	if (domain.n)
		memcpy(p + local.n + 1, domain.p, domain.n);
	return slice_of(p, local.n + 1 + domain.n);
}

const char *
mail_addr_canonical_text(struct slice raw, struct arena *a, struct slice *out)
{
	struct mail_addr given, folded;
	const char *why = mail_addr_parse(raw, a, &given);

	if (!why)
		why = mail_addr_canonical(&given, a, &folded);
	if (!why)
		*out = join(a, folded.local, folded.domain);
	return why;
}

const char *
mail_addr_foreign_text(struct slice raw, struct arena *a, struct slice *out)
{
	struct mail_addr given, folded;
	const char *why = mail_addr_parse(raw, a, &given);
	size_t at = raw.n;

	if (!why)
		why = mail_addr_canonical(&given, a, &folded);
	while (at && raw.p[at - 1] != '@')
		at--;
	if (!why)
		*out = join(a, slice_cut(raw, 0, at - 1), folded.domain);
	return why;
}

bool
mail_addr_split(
	struct slice local, struct slice delimiters, struct slice *base, struct slice *detail)
{
	for (size_t i = 1; i < local.n; i++) {
		if (!slice_has(delimiters, local.p[i]))
			continue;
		*base = slice_cut(local, 0, i);
		*detail = slice_from(local, i + 1);
		return true;
	}
	*base = local;
	*detail = SLICE_EMPTY;
	return false;
}

static bool
needs_quotes(struct slice local)
{
	for (size_t i = 0; i < local.n; i++) {
		if (is_atext(local.p[i]))
			continue;
		if (local.p[i] != '.' || i == 0 || i + 1 == local.n || local.p[i - 1] == '.')
			return true;
	}
	return local.n == 0;
}

bool
mail_addr_format(const struct mail_addr *m, struct buf *out)
{
	if (m->is_null)
		return !out->overflow;
	if (!needs_quotes(m->local)) {
		buf_put_slice(out, m->local);
	} else {
		buf_put_u8(out, '"');
		for (size_t i = 0; i < m->local.n; i++) {
			if (m->local.p[i] == '"' || m->local.p[i] == '\\')
				buf_put_u8(out, '\\');
			buf_put_u8(out, m->local.p[i]);
		}
		buf_put_u8(out, '"');
	}
	if (m->domain.n) {
		buf_put_u8(out, '@');
		buf_put_slice(out, m->domain);
	}
	return !out->overflow;
}
