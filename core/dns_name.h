/* dns_name: domain names on the wire and as text (RFC 1035 sections 2.3.4, 3.1, 4.1.4, 5.1).
 * Text is lower case, without the last dot; the root is ".". In a label a dot and a backslash
 * are written \. and \\, and what isn't a printable octet is \DDD. Two names are the same
 * exactly if their texts are. Pure. */
#ifndef CORE_DNS_NAME_H
#define CORE_DNS_NAME_H

#include "core/buf.h"
#include "core/err.h"

enum {
	DNS_NAME_WIRE_MAX = 255, /* octets, with the root's */
	DNS_NAME_LABEL_MAX = 63,
	DNS_NAME_TEXT_MAX = 1024, /* octets of text of any name */
};

/* A name on the wire, lower case, not compressed. */
struct dns_name {
	uint8_t octets[DNS_NAME_WIRE_MAX];
	uint8_t n; /* at least 1 */
};

/* The name at *at of a message, which may be compressed; *at is then behind it. ERR_SYNTAX:
 * there is no name, or one that is too long, or a pointer that doesn't lead backwards; *at
 * stays. */
enum err dns_name_read(struct slice message, size_t *at, struct dns_name *out);
/* Of text; the last dot may be there, capitals are fine. ERR_SYNTAX: an empty label, a label or
 * name that is too long, a broken escape, an octet that has to be escaped. */
enum err dns_name_parse(struct slice text, struct dns_name *out);
/* Appends the text. */
void dns_name_format(const struct dns_name *name, struct buf *out);
/* Where the DNS says whose an address is: below in-addr.arpa or ip6.arpa (RFC 1035 section 3.5,
 * RFC 3596 section 2.5). address: 4 or 16 octets. */
void dns_name_reverse(struct slice address, struct dns_name *out);
bool dns_name_eq(const struct dns_name *a, const struct dns_name *b);
/* Is it that zone's own name, or one below it? */
bool dns_name_is_within(const struct dns_name *name, const struct dns_name *zone);

#endif
