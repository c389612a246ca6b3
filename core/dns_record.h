/* dns_record: the contents of resource records: A and those of RFC 1035 section 3.3, AAAA (RFC
 * 3596), SRV (2782), TLSA (6698). Names in them are not compressed: core/dns_message has made
 * them whole. Pure. */
#ifndef CORE_DNS_RECORD_H
#define CORE_DNS_RECORD_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/dns_name.h"
#include "core/err.h"

enum dns_record_type {
	DNS_RECORD_A = 1,
	DNS_RECORD_NS = 2,
	DNS_RECORD_CNAME = 5,
	DNS_RECORD_SOA = 6,
	DNS_RECORD_PTR = 12,
	DNS_RECORD_MX = 15,
	DNS_RECORD_TXT = 16,
	DNS_RECORD_AAAA = 28,
	DNS_RECORD_SRV = 33,
	DNS_RECORD_TLSA = 52
};
/* Octets of one record's text. */
enum { DNS_RECORD_TEXT_MAX = 4 * 65536 };

struct dns_record {
	struct slice address;	 /* A, AAAA: 4 or 16 octets */
	struct dns_name name;	 /* CNAME, PTR, NS, MX, SRV: whom it names; SOA: the primary */
	struct dns_name mailbox; /* SOA */
	uint16_t preference;	 /* MX; SRV: priority */
	uint16_t weight, port;	 /* SRV */
	uint32_t soa[5];	 /* serial, refresh, retry, expire, minimum */
	struct slice text;	 /* TXT: its strings, one behind the other (RFC 7208, 3.3) */
	uint8_t usage, selector, matching; /* TLSA */
	struct slice data;		   /* TLSA: certificate association data */
};

/* The contents of a record of one of the types above. address and data lie in rdata, text in a.
 * ERR_SYNTAX: it has another shape, or something behind it; ERR_UNSUPPORTED: another type. */
enum err dns_record_parse(
	unsigned type, struct slice rdata, struct arena *a, struct dns_record *out);
/* Appends it as zone files have it; what isn't of the types above, or not of their shape, as
 * RFC 3597 section 5 wants it. */
void dns_record_format(unsigned type, struct slice rdata, struct buf *out);
/* "mx", "TYPE65" -> its number; 0: there is none of that name, or it is none that a record has
 * (OPT, and 128 to 255: RFC 6895 section 3.1). */
unsigned dns_record_type_parse(struct slice text);
/* Can a record have that type, or be asked for by it? */
bool dns_record_is_type(unsigned type);
/* Appends "MX" or "TYPE65". */
void dns_record_type_format(unsigned type, struct buf *out);

#endif
