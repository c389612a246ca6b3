/* courier_own: where this node itself takes mail from other servers: its listeners of kind mx,
 * and for one at all addresses those of the interfaces, as they are at the start. A host at one
 * of them, and those that are less preferred, are no way for mail to leave (RFC 5321 5.1). */
#ifndef CMD_COURIER_OWN_H
#define CMD_COURIER_OWN_H

#include "cmd/config.h"

struct courier_own {
	struct courier_own_address {
		struct ip_network net;
		uint16_t port;
	} * at;
	size_t n;
};

/* Not in a sandbox yet. */
void courier_own_init(struct courier_own *o, const struct config *config);
void courier_own_fini(struct courier_own *o);
/* Those at that port, into out, which has room for o->n. Gives how many they are. */
size_t courier_own_at(const struct courier_own *o, uint16_t port, struct ip_network *out);

#endif
