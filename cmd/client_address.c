#include "cmd/client_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

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
		inet_ntop(AF_INET, who->octets, who->text, sizeof who->text);
	} else if (at.any.sa_family == AF_INET6) {
		who->n = 16;
		memcpy(who->octets, &at.six.sin6_addr, 16);
		inet_ntop(AF_INET6, who->octets, who->text, sizeof who->text);
	}
	if (who->n)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
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
