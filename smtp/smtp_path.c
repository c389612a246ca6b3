#include <arpa/inet.h>

#include "smtp/smtp_path.h"

#include "core/utf8.h"

/* RFC 5322 3.2.3, and every octet of UTF-8 (RFC 6531 3.3). */
static bool
is_atext(uint8_t c)
{
	static const char marks[] = "!#$%&'*+-/=?^_`{|}~";
	uint8_t l = slice_lower(c);

	if ((l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c >= 0x80)
		return true;
	return c && memchr(marks, c, sizeof(marks) - 1);
}

/* Octets of a Dot-string at the front, 0 if none. */
static size_t
dot_string(struct slice s)
{
	size_t n = 0;

	while (n < s.n && (is_atext(s.p[n]) || s.p[n] == '.')) {
		if (s.p[n] == '.' && (n == 0 || s.p[n - 1] == '.'))
			return 0;
		n++;
	}
	return n && s.p[n - 1] == '.' ? 0 : n;
}

/* Octets of a Quoted-string at the front with its quotes, 0 if none. */
static size_t
quoted_string(struct slice s)
{
	for (size_t n = 1; n < s.n; n++) {
		uint8_t c = s.p[n];
		if (c == '"')
			return n + 1;
		if (c == '\\' && ++n < s.n)
			c = s.p[n];
		if (c < ' ' || c == 127)
			return 0;
	}
	return 0;
}

bool
smtp_path_is_domain(struct slice s, bool utf8)
{
	size_t label = 0;

	if (s.n == 0 || s.n > SMTP_PARSE_DOMAIN_MAX || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i], l = slice_lower(c);
		if (c == '.') {
			if (label == 0 || s.p[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!(l >= 'a' && l <= 'z') && !(c >= '0' && c <= '9') && c != '-' &&
			c != '_' && !(utf8 && c >= 0x80))
			return false;
		if ((c == '-' && label == 0) || ++label > 63)
			return false;
	}
	return label > 0 && (!utf8 || utf8_is_valid(s));
}

bool
smtp_path_is_literal(struct slice s)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t address[16];
	bool is_v6;

	if (s.n < 3 || s.p[0] != '[' || s.p[s.n - 1] != ']')
		return false;
	s = slice_cut(s, 1, s.n - 1);
	is_v6 = slice_starts_nocase(s, SLICE_LIT("IPv6:"));
	if (is_v6)
		s = slice_from(s, 5);
	if (s.n == 0 || s.n >= sizeof text || slice_has(s, '\0'))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	return inet_pton(is_v6 ? AF_INET6 : AF_INET, text, address) == 1;
}

/* A source route "@a,@b:" at the front is skipped; false when it is malformed. */
static bool
skip_route(struct slice *s)
{
	size_t colon;

	if (s->n == 0 || s->p[0] != '@')
		return true;
	colon = slice_find(*s, ':');
	if (colon >= s->n)
		return false;
	for (struct slice r = slice_cut(*s, 0, colon);;) {
		size_t comma = slice_find(r, ',');
		struct slice hop = slice_cut(r, 0, comma);
		if (hop.n < 2 || hop.p[0] != '@' ||
			!smtp_path_is_domain(slice_from(hop, 1), true))
			return false;
		if (comma >= r.n)
			break;
		r = slice_from(r, comma + 1);
	}
	*s = slice_from(*s, colon + 1);
	return true;
}

static bool
has_high(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 0x80)
			return true;
	return false;
}

/* The domain ends at ">". */
static bool
take_domain(struct slice s, struct smtp_path *p, size_t *used)
{
	bool is_literal = s.n && s.p[0] == '[';
	size_t end = slice_find(s, '>');

	p->domain = slice_cut(s, 0, end);
	*used = end;
	return end < s.n && (is_literal ? smtp_path_is_literal(p->domain)
					: smtp_path_is_domain(p->domain, true));
}

size_t
smtp_path_parse(struct slice s, struct smtp_path *out)
{
	struct smtp_path p = {0};
	struct slice in = s;
	size_t n;

	if (s.n < 2 || s.p[0] != '<')
		return 0;
	in = slice_from(in, 1);
	if (in.p[0] == '>') {
		p.is_null = true;
		*out = p;
		return 2;
	}
	if (!skip_route(&in))
		return 0;
	p.raw = in;
	n = in.n && in.p[0] == '"' ? quoted_string(in) : dot_string(in);
	if (n == 0)
		return 0;
	p.local = slice_cut(in, 0, n);
	in = slice_from(in, n);
	if (in.n && in.p[0] == '@') {
		in = slice_from(in, 1);
		if (!take_domain(in, &p, &n))
			return 0;
		in = slice_from(in, n);
	}
	if (in.n == 0 || in.p[0] != '>')
		return 0;
	p.raw.n = (size_t)(in.p - p.raw.p);
	p.has_utf8 = has_high(p.raw);
	if (p.raw.n > SMTP_PARSE_PATH_MAX || !utf8_is_valid(p.raw))
		return 0;
	*out = p;
	return (size_t)(in.p - s.p) + 1;
}
