#include "smtp/smtp_hop.h"

enum { PORT_SMTP = 25, PORT_LMTP = 24, PORT_FILTER = 10025, NAME_MAX_OCTETS = 255 };

static const struct {
	const char *prefix;
	uint16_t port;
} transports[] = {{"smtp:", PORT_SMTP}, {"lmtp:", PORT_LMTP}, {"filter:", PORT_FILTER}};

static bool
is_name_octet(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	       c == '_';
}

/* How many octets of s a name takes; of a host in brackets that may be colons too. */
static size_t
span(struct slice s, bool in_brackets)
{
	size_t n = 0;

	while (n < s.n && (is_name_octet(s.p[n]) || (in_brackets && s.p[n] == ':')))
		n++;
	return n;
}

/* ":port" at the front of s, if there is one. */
static bool
take_port(struct slice *s, uint16_t *port)
{
	uint32_t value = 0;
	size_t n = 1;

	if (!s->n || s->p[0] != ':')
		return true;
	for (; n < s->n && s->p[n] >= '0' && s->p[n] <= '9' && n <= 5; n++)
		value = value * 10 + (uint32_t)(s->p[n] - '0');
	if (n == 1 || s->p[1] == '0' || value > UINT16_MAX)
		return false;
	*port = (uint16_t)value;
	*s = slice_from(*s, n);
	return true;
}

static bool
take_target(struct slice *s, struct smtp_hop_target *t)
{
	bool brackets = s->n && s->p[0] == '[';
	struct slice rest = slice_from(*s, brackets);
	size_t n = span(rest, brackets);

	t->host = slice_of(rest.p, n);
	t->is_domain = !brackets;
	if (!n || n > NAME_MAX_OCTETS || rest.p[0] == '.' || rest.p[0] == '-')
		return false;
	rest = slice_from(rest, n);
	if (brackets) {
		if (!rest.n || rest.p[0] != ']')
			return false;
		rest = slice_from(rest, 1);
	}
	*s = rest;
	return take_port(s, &t->port);
}

static bool
take_transport(struct slice *s, struct smtp_hop *hop, uint16_t *port)
{
	for (size_t i = 0; i < sizeof transports / sizeof *transports; i++) {
		struct slice prefix = slice_str(transports[i].prefix);

		if (s->n < prefix.n || !slice_eq(slice_of(s->p, prefix.n), prefix))
			continue;
		hop->transport = (enum smtp_hop_transport)i;
		*port = transports[i].port;
		*s = slice_from(*s, prefix.n);
		return true;
	}
	return false;
}

enum err
smtp_hop_parse(struct slice name, struct smtp_hop *out)
{
	struct smtp_hop hop = {.targets = 0};
	struct slice s = name;
	uint16_t port;

	if (name.n > SMTP_HOP_MAX)
		return ERR_TOO_BIG;
	if (!take_transport(&s, &hop, &port))
		return ERR_SYNTAX;
	for (;;) {
		struct smtp_hop_target *t = &hop.target[hop.targets];

		if (hop.targets == SMTP_HOP_TARGETS_MAX)
			return ERR_LIMIT;
		t->port = port;
		if (!take_target(&s, t))
			return ERR_SYNTAX;
		hop.targets++;
		if (!s.n)
			break;
		if (s.p[0] != ',')
			return ERR_SYNTAX;
		s = slice_from(s, 1);
	}
	*out = hop;
	return ERR_OK;
}

/* "[192.0.2.1]", "[ipv6:2001:db8::1]", as a target. */
static bool
put_literal(struct slice domain, struct buf *out)
{
	struct slice inner = slice_of(domain.p + 1, domain.n - 2), tag = SLICE_LIT("ipv6:");

	if (inner.n > tag.n && slice_eq_nocase(slice_of(inner.p, tag.n), tag))
		inner = slice_from(inner, tag.n);
	return buf_put_str(out, "smtp:[") && buf_put_slice(out, inner) && buf_put_str(out, "]");
}

bool
smtp_hop_of_address(struct slice address, struct buf *out)
{
	size_t at = address.n;
	struct slice domain;

	while (at && address.p[at - 1] != '@')
		at--;
	domain = slice_from(address, at);
	if (!at || !domain.n)
		return false;
	if (domain.p[0] == '[' && domain.n > 2)
		return put_literal(domain, out);
	return buf_put_str(out, "smtp:") && buf_put_slice(out, domain);
}

static void
put_host(struct slice one, uint16_t port, struct buf *out)
{
	bool has_brackets = one.n && one.p[0] == '[';
	size_t end = slice_find(one, has_brackets ? ']' : ':');
	struct slice host = slice_cut(one, 0, end + has_brackets);
	struct slice rest = slice_from(one, host.n);

	if (!has_brackets)
		buf_put_u8(out, '[');
	for (size_t i = 0; i < host.n; i++)
		buf_put_u8(out, slice_lower(host.p[i]));
	if (!has_brackets)
		buf_put_u8(out, ']');
	if (rest.n)
		buf_put_slice(out, rest);
	else
		buf_printf(out, ":%u", port);
}

bool
smtp_hop_of_list(
	enum smtp_hop_transport transport, struct slice list, uint16_t port, struct buf *out)
{
	size_t begin = out->n;
	struct smtp_hop hop;

	buf_put_str(out, transports[transport].prefix);
	for (;;) {
		size_t comma = slice_find(list, ',');

		put_host(slice_trim(slice_cut(list, 0, comma)), port, out);
		if (comma >= list.n)
			break;
		buf_put_u8(out, ',');
		list = slice_from(list, comma + 1);
	}
	return !out->overflow && !smtp_hop_parse(slice_from(buf_slice(out), begin), &hop);
}
