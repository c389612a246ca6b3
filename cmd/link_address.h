/* link_address: the numeric addresses of nodes, as text and as sockets want them. Pure. */
#ifndef CMD_LINK_ADDRESS_H
#define CMD_LINK_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "core/err.h"

enum { LINK_ADDRESS_TEXT = 64 };

struct link_address {
	struct sockaddr_storage at;
	socklen_t n;
};
/* 192.0.2.1:4627 or [2001:db8::1]:4627. ERR_SYNTAX: neither. */
enum err link_address_parse(const char *text, struct link_address *out);
/* A host alone, with port 0. ERR_SYNTAX. */
enum err link_address_parse_host(const char *text, struct link_address *out);
/* Whatever the ports. */
bool link_address_is_same_host(const struct link_address *a, const struct link_address *b);
/* The host alone. */
void link_address_format(const struct link_address *a, char text[LINK_ADDRESS_TEXT]);

#endif
