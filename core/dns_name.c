#include "core/dns_name.h"

#include <ctype.h>

#include "core/must.h"

enum { POINTER = 0xc0 };

enum err
dns_name_read(struct slice message, size_t *at, struct dns_name *out)
{
	struct dns_name name = {.n = 0};
	size_t i = *at, end = 0, least = *at, used = 0;
	uint8_t length;

	for (;;) {
		if (i >= message.n)
			return ERR_SYNTAX;
		length = message.p[i];
		if ((length & POINTER) == POINTER) {
			if (i + 1 >= message.n)
				return ERR_SYNTAX;
			end = end ? end : i + 2;
			i = (size_t)(length & ~POINTER) << 8 | message.p[i + 1];
			/* "a prior occurrence": each pointer leads before all that was read. */
			if (i >= least)
				return ERR_SYNTAX;
			least = i;
			continue;
		}
		if (length > DNS_NAME_LABEL_MAX || i + 1 + length > message.n ||
			used + 1 + length > sizeof name.octets)
			return ERR_SYNTAX;
		for (size_t j = 0; j <= length; j++)
			name.octets[used++] = j ? slice_lower(message.p[i + j])
						: message.p[i + j];
		i += 1u + length;
		if (length == 0)
			break;
	}
	name.n = (uint8_t)used;
	*out = name;
	*at = end ? end : i;
	return ERR_OK;
}

/* One octet of a label at *i. False: it isn't one. */
static bool
read_octet(struct slice text, size_t *i, uint8_t *out)
{
	uint64_t v;

	*out = text.p[(*i)++];
	if (*out != '\\')
		return *out > ' ' && *out < 127;
	if (*i < text.n && !isdigit(text.p[*i])) {
		*out = text.p[(*i)++];
		return *out >= ' ' && *out < 127;
	}
	if (text.n - *i < 3 || !slice_u64(slice_cut(text, *i, *i + 3), 255, &v))
		return false;
	*i += 3;
	*out = (uint8_t)v;
	return true;
}

/* The label at *i, up to its dot or the end. */
static bool
read_label(struct slice text, size_t *i, struct dns_name *name, size_t *used)
{
	size_t length_at = (*used)++, n = 0;
	uint8_t c;

	while (*i < text.n && text.p[*i] != '.') {
		/* One octet stays free for the root. */
		if (!read_octet(text, i, &c) || n == DNS_NAME_LABEL_MAX ||
			*used + 1 >= sizeof name->octets)
			return false;
		name->octets[(*used)++] = slice_lower(c);
		n++;
	}
	name->octets[length_at] = (uint8_t)n;
	*i += *i < text.n;
	return n > 0;
}

enum err
dns_name_parse(struct slice text, struct dns_name *out)
{
	struct dns_name name;
	size_t i = 0, used = 0;

	if (text.n == 0)
		return ERR_SYNTAX;
	if (slice_eq(text, SLICE_LIT(".")))
		i = 1;
	while (i < text.n)
		if (used + 2 > sizeof name.octets || !read_label(text, &i, &name, &used))
			return ERR_SYNTAX;
	name.octets[used++] = 0;
	name.n = (uint8_t)used;
	*out = name;
	return ERR_OK;
}

void
dns_name_format(const struct dns_name *name, struct buf *out)
{
	size_t i = 0, end;
	uint8_t c;

	if (name->n == 1)
		buf_put_u8(out, '.');
	while (name->octets[i]) {
		if (i)
			buf_put_u8(out, '.');
		end = i + 1 + name->octets[i];
		for (i++; i < end; i++) {
			c = name->octets[i];
			if (c <= ' ' || c >= 127)
				buf_printf(out, "\\%03u", c);
			else
				buf_printf(out, c == '.' || c == '\\' ? "\\%c" : "%c", c);
		}
	}
}

void
dns_name_reverse(struct slice address, struct dns_name *out)
{
	struct buf text;

	buf_init(&text, DNS_NAME_TEXT_MAX);
	for (size_t i = address.n; i--;)
		if (address.n == 4)
			buf_printf(&text, "%u.", address.p[i]);
		else
			buf_printf(&text, "%x.%x.", address.p[i] & 15, address.p[i] >> 4);
	buf_put_str(&text, address.n == 4 ? "in-addr.arpa" : "ip6.arpa");
	must(!dns_name_parse(buf_slice(&text), out));
	buf_fini(&text);
}

bool
dns_name_eq(const struct dns_name *a, const struct dns_name *b)
{
	return a->n == b->n && memcmp(a->octets, b->octets, a->n) == 0;
}

bool
dns_name_is_within(const struct dns_name *name, const struct dns_name *zone)
{
	size_t i = 0;

	while (name->n - i > zone->n)
		i += 1u + name->octets[i];
	return name->n - i == zone->n && memcmp(name->octets + i, zone->octets, zone->n) == 0;
}
