/* link_join: what a stranger may do: ask, once, to become a node. A client that
 * shows no certificate sends u32 length and so many octets, gets u32 length and
 * so many octets back, and is gone. How large, how long, how many at a time and
 * how often sees to it cmd/link_stranger; what is in the octets is seen here. */
#ifndef CMD_LINK_JOIN_H
#define CMD_LINK_JOIN_H

#include "cmd/link.h"

enum {
	LINK_JOIN_REQUEST_MAX = 8 << 10,
	LINK_JOIN_ANSWER_MAX = 64 << 10,
	LINK_JOIN_MS = 10000, /* from the connection to the end of the answer */
	LINK_JOIN_BINDING = 32
};

/* One of them, until it has its answer. */
struct link_stranger {
	uint64_t id;			    /* never used again */
	const char *from;		    /* its address, for log lines */
	uint8_t binding[LINK_JOIN_BINDING]; /* of its TLS connection (RFC 9266) */
};

/* A whole request of 1 to LINK_JOIN_REQUEST_MAX octets. Both are borrowed. Answer now or later,
 * by the id; who isn't answered within LINK_JOIN_MS is gone. */
void link_join_request(struct link *l, const struct link_stranger *s, struct slice request);
/* In link_stranger.c: sends the answer (at most LINK_JOIN_ANSWER_MAX octets; empty: none) and
 * closes. Nothing happens when the stranger is gone. */
void link_join_answer(struct link *l, uint64_t stranger, struct slice answer);

#endif
