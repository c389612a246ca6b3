#include "cmd/link_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/slice.h"

enum err
link_address_parse_host(const char *text, struct link_address *out)
{
	struct sockaddr_in *four = (struct sockaddr_in *)&out->at;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&out->at;

	memset(out, 0, sizeof *out);
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		out->n = sizeof *four;
		return ERR_OK;
	}
	if (inet_pton(AF_INET6, text, &six->sin6_addr) != 1)
		return ERR_SYNTAX;
	six->sin6_family = AF_INET6;
	out->n = sizeof *six;
	return ERR_OK;
}

/* The port is at the same place of both. */
static void
set_port(struct link_address *a, uint16_t port)
{
	if (a->at.ss_family == AF_INET)
		((struct sockaddr_in *)&a->at)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)&a->at)->sin6_port = htons(port);
}

enum err
link_address_parse(const char *text, struct link_address *out)
{
	const char *colon = strrchr(text, ':');
	bool is_six = text[0] == '[';
	char host[LINK_ADDRESS_TEXT];
	uint64_t port;
	size_t n;

	if (!colon || !slice_u64(slice_str(colon + 1), 65535, &port) || port == 0)
		return ERR_SYNTAX;
	n = (size_t)(colon - text);
	if (is_six && (n < 2 || text[n - 1] != ']'))
		return ERR_SYNTAX;
	text += is_six;
	n -= is_six ? 2 : 0;
	if (n >= sizeof host)
		return ERR_SYNTAX;
	memcpy(host, text, n);
	host[n] = '\0';
	if (link_address_parse_host(host, out) || (out->at.ss_family == AF_INET6) != is_six)
		return ERR_SYNTAX;
	set_port(out, (uint16_t)port);
	return ERR_OK;
}

static struct slice
host_of(const struct link_address *a)
{
	if (a->at.ss_family == AF_INET)
		return slice_of(&((const struct sockaddr_in *)&a->at)->sin_addr, 4);
	return slice_of(&((const struct sockaddr_in6 *)&a->at)->sin6_addr, 16);
}

bool
link_address_is_same_host(const struct link_address *a, const struct link_address *b)
{
	return a->at.ss_family == b->at.ss_family && slice_eq(host_of(a), host_of(b));
}

void
link_address_format(const struct link_address *a, char text[LINK_ADDRESS_TEXT])
{
	if (!inet_ntop(a->at.ss_family, host_of(a).p, text, LINK_ADDRESS_TEXT))
		snprintf(text, LINK_ADDRESS_TEXT, "unknown");
}
