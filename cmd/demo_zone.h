/* demo_zone: an authoritative name server (RFC 1035) for a few zones of a few records, by UDP
 * on an address of the loopback. What isn't within its zones it refuses. It has no EDNS, no
 * TCP, no aliases, no delegations. */
#ifndef CMD_DEMO_ZONE_H
#define CMD_DEMO_ZONE_H

#include <sys/types.h>

#include "core/buf.h"
#include "core/dns_record.h"

/* RFC 1035 section 4.2.1: octets of a message. */
enum { DEMO_ZONE_MESSAGE_MAX = 512, DEMO_ZONE_TEXT = 64 };

/* Each zone has an SOA record at its own name, whose value is its primary name server. */
struct demo_zone_record {
	char owner[DEMO_ZONE_TEXT];
	enum dns_record_type type;  /* A, NS, SOA, PTR or MX */
	char value[DEMO_ZONE_TEXT]; /* A: the address; else whom it names */
	uint16_t preference;	    /* MX */
};
struct demo_zone {
	const struct demo_zone_record *record;
	size_t records;
};

/* The answer to what came from the network. False: none is due. Pure. */
bool demo_zone_answer(const struct demo_zone *zone, struct slice raw, struct buf *out);
/* A process of ours that serves there, and ends with us; 0: the port can't be had. */
pid_t demo_zone_start(const struct demo_zone *zone, const char *address, unsigned port);

#endif
