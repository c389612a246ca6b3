#include "cmd/client_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

static void
take_six(struct client_address *who, const uint8_t octets[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	who->n = memcmp(octets, mapped, sizeof mapped) ? 16 : 4;
	memcpy(who->octets, octets + 16 - who->n, who->n);
}

int
client_address_accept(int listener, struct client_address *who)
{
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
		struct sockaddr_storage room;
	} at;
	socklen_t n = sizeof at;
	int on = 1, fd = accept4(listener, &at.any, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

	*who = (struct client_address){.text = "local"};
	if (fd < 0)
		return -1;
	if (at.any.sa_family == AF_INET) {
		who->n = 4;
		memcpy(who->octets, &at.four.sin_addr, 4);
		who->port = ntohs(at.four.sin_port);
	} else if (at.any.sa_family == AF_INET6) {
		take_six(who, at.six.sin6_addr.s6_addr);
		who->port = ntohs(at.six.sin6_port);
	}
	if (who->n) {
		inet_ntop(who->n == 4 ? AF_INET : AF_INET6, who->octets, who->text,
			sizeof who->text);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	}
	return fd;
}

bool
client_address_is_loopback(const struct client_address *who)
{
	static const uint8_t one[16] = {[15] = 1};

	return (who->n == 4 && who->octets[0] == 127) ||
	       (who->n == 16 && !memcmp(who->octets, one, 16));
}

struct slice
client_address_octets(const struct client_address *who)
{
	return slice_of(who->octets, who->n);
}

bool
client_address_equal(const struct client_address *a, const struct client_address *b)
{
	return a->n == b->n && memcmp(a->octets, b->octets, a->n) == 0;
}
