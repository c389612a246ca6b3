/* client_address: who connected: accepting a connection, and its address for limits and log
 * lines. */
#ifndef CMD_CLIENT_ADDRESS_H
#define CMD_CLIENT_ADDRESS_H

#include "core/slice.h"

enum { CLIENT_ADDRESS_TEXT = 48 };
struct client_address {
	uint8_t octets[16];
	uint8_t n; /* 4, 16, or 0: a Unix socket */
	uint16_t port;
	char text[CLIENT_ADDRESS_TEXT]; /* "192.0.2.1", "local" */
};
/* A non-blocking socket of listener, or -1 and errno: none now. IPv4 in IPv6 is IPv4. */
int client_address_accept(int listener, struct client_address *who);
bool client_address_is_loopback(const struct client_address *who);
struct slice client_address_octets(const struct client_address *who);
bool client_address_equal(const struct client_address *a, const struct client_address *b);

#endif
