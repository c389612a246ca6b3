#include "cmd/cli_port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int
cli_port_try(const struct config_listener *l)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(l->port)};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(l->port)};
	bool is_six = inet_pton(AF_INET6, l->address, &six.sin6_addr) == 1;
	int on = 1, code = 0, fd;

	if (config_is_path(l))
		return 0;
	inet_pton(AF_INET, l->address, &four.sin_addr);
	fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (is_six)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(fd, is_six ? (void *)&six : (void *)&four, is_six ? sizeof six : sizeof four))
		code = errno;
	close(fd);
	return code;
}

const char *
cli_port_cure(int code)
{
	switch (code) {
	case EADDRINUSE:
		return "stop the program that has it (`ss -ltnp` names it), or choose another "
		       "port";
	case EACCES:
		return "start as root (or with CAP_NET_BIND_SERVICE); or choose a port above "
		       "1023";
	case EADDRNOTAVAIL:
		return "no interface of this machine has it: mend `address`";
	default:
		return "mend `address` or `port`";
	}
}
