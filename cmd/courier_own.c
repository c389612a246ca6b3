#include "cmd/courier_own.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/must.h"

static void
add(struct courier_own *o, struct ip_network net, uint16_t port)
{
	o->at = must_realloc(o->at, (o->n + 1) * sizeof *o->at);
	o->at[o->n++] = (struct courier_own_address){net, port};
}

static void
add_interface(struct courier_own *o, const struct sockaddr *a, uint8_t family_n, uint16_t port)
{
	struct ip_network net = {.n = family_n, .bits = (uint8_t)(family_n * 8)};

	if (a->sa_family == AF_INET && family_n == 4)
		memcpy(net.octets, &((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
	else if (a->sa_family == AF_INET6 && family_n == 16)
		memcpy(net.octets, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr,
			16);
	else
		return;
	/* Of the loopback network any address is ours. */
	if (family_n == 4 && net.octets[0] == 127)
		net = (struct ip_network){.octets = {127}, .n = 4, .bits = 8};
	add(o, net, port);
}

static void
add_interfaces(struct courier_own *o, uint8_t family_n, uint16_t port)
{
	struct ifaddrs *all;

	if (getifaddrs(&all)) {
		log_warn("the addresses of the interfaces: %s: an MX record that names one of "
			 "them isn't recognised as this node",
			strerror(errno));
		return;
	}
	for (const struct ifaddrs *i = all; i; i = i->ifa_next)
		if (i->ifa_addr)
			add_interface(o, i->ifa_addr, family_n, port);
	freeifaddrs(all);
}

void
courier_own_init(struct courier_own *o, const struct config *config)
{
	static const uint8_t zeros[16];

	*o = (struct courier_own){.n = 0};
	for (uint32_t i = 0; i < config->listeners; i++) {
		const struct config_listener *l = &config->listener[i];
		struct ip_network net;

		if (l->kind != CONFIG_MX || ip_network_parse(slice_str(l->address), &net))
			continue;
		if (memcmp(net.octets, zeros, net.n) == 0)
			add_interfaces(o, net.n, l->port);
		else
			add(o, net, l->port);
	}
}

void
courier_own_fini(struct courier_own *o)
{
	free(o->at);
	*o = (struct courier_own){.n = 0};
}

size_t
courier_own_at(const struct courier_own *o, uint16_t port, struct ip_network *out)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++)
		if (o->at[i].port == port)
			out[n++] = o->at[i].net;
	return n;
}
