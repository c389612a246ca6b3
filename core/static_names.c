/* static_names: takes the place of libc's name lookups in the static program, where they would
 * want /etc/nsswitch.conf and modules of the build host's libc. Addresses and ports are numbers
 * here; real names are asked of the resolver. Nothing is ever loaded at run time. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

union place {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct answer {
	struct addrinfo info; /* first: freeaddrinfo gets its address */
	union place place;
};

void *__wrap_dlopen(const char *name, int flags);

static int
read_port(const char *service, in_port_t *port)
{
	unsigned long n;
	char *end;

	*port = 0;
	if (!service)
		return 0;
	if (*service < '0' || *service > '9')
		return EAI_SERVICE;
	n = strtoul(service, &end, 10);
	if (*end || n > UINT16_MAX)
		return EAI_SERVICE;
	*port = htons((uint16_t)n);
	return 0;
}

/* fe80::1%3: the interface is a number too. */
static int
read_v6(const char *node, struct sockaddr_in6 *v6)
{
	const char *zone = strchr(node, '%');
	char host[INET6_ADDRSTRLEN];
	size_t n = zone ? (size_t)(zone - node) : strlen(node);
	unsigned long scope = 0;
	char *end;

	if (n >= sizeof host)
		return 0;
	memcpy(host, node, n);
	host[n] = 0;
	if (zone) {
		if (zone[1] < '0' || zone[1] > '9')
			return 0;
		scope = strtoul(zone + 1, &end, 10);
		if (*end || scope > UINT32_MAX)
			return 0;
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_scope_id = (uint32_t)scope;
	return inet_pton(AF_INET6, host, &v6->sin6_addr);
}

static int
read_node(const char *node, int family, int flags, union place *place)
{
	if (!node && family == AF_INET) {
		place->v4.sin_family = AF_INET;
		place->v4.sin_addr.s_addr = htonl(
			flags & AI_PASSIVE ? INADDR_ANY : INADDR_LOOPBACK);
		return 0;
	}
	if (!node) {
		place->v6.sin6_family = AF_INET6;
		place->v6.sin6_addr = flags & AI_PASSIVE ? in6addr_any : in6addr_loopback;
		return 0;
	}
	if (family != AF_INET6 && inet_pton(AF_INET, node, &place->v4.sin_addr)) {
		place->v4.sin_family = AF_INET;
		return 0;
	}
	return family != AF_INET && read_v6(node, &place->v6) ? 0 : EAI_NONAME;
}

static struct answer *
new_answer(const union place *place, int type, int protocol)
{
	struct answer *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->place = *place;
	a->info.ai_family = place->any.sa_family;
	a->info.ai_socktype = type;
	a->info.ai_protocol = protocol;
	a->info.ai_addr = &a->place.any;
	a->info.ai_addrlen = place->any.sa_family == AF_INET ? sizeof place->v4
							     : sizeof place->v6;
	return a;
}

/* Without a socket type there are two answers, stream first, as libc gives them. */
static int
put_answers(const union place *place, const struct addrinfo *hints, struct addrinfo **res)
{
	int type = hints && hints->ai_socktype ? hints->ai_socktype : SOCK_STREAM;
	int protocol = type == SOCK_STREAM ? IPPROTO_TCP : type == SOCK_DGRAM ? IPPROTO_UDP : 0;
	struct answer *first, *second;

	first = new_answer(
		place, type, hints && hints->ai_protocol ? hints->ai_protocol : protocol);
	if (!first)
		return EAI_MEMORY;
	if (!hints || !hints->ai_socktype) {
		second = new_answer(place, SOCK_DGRAM, IPPROTO_UDP);
		if (!second) {
			free(first);
			return EAI_MEMORY;
		}
		first->info.ai_next = &second->info;
	}
	*res = &first->info;
	return 0;
}

int
getaddrinfo(const char *restrict node, const char *restrict service,
	const struct addrinfo *restrict hints, struct addrinfo **restrict res)
{
	union place place = {0};
	in_port_t port;
	int family = hints ? hints->ai_family : AF_UNSPEC, code;

	if (family != AF_UNSPEC && family != AF_INET && family != AF_INET6)
		return EAI_FAMILY;
	if (!node && !service)
		return EAI_NONAME;
	code = read_port(service, &port);
	if (!code)
		code = read_node(node, family, hints ? hints->ai_flags : 0, &place);
	if (code)
		return code;
	if (place.any.sa_family == AF_INET)
		place.v4.sin_port = port;
	else
		place.v6.sin6_port = port;
	return put_answers(&place, hints, res);
}

void
freeaddrinfo(struct addrinfo *info)
{
	struct addrinfo *next;

	for (; info; info = next) {
		next = info->ai_next;
		free(info);
	}
}

static int
format_host(const struct sockaddr *sa, char *host, socklen_t n)
{
	const union place *place = (const union place *)(const void *)sa;
	const void *at = sa->sa_family == AF_INET ? (const void *)&place->v4.sin_addr
						  : (const void *)&place->v6.sin6_addr;

	return inet_ntop(sa->sa_family, at, host, n) ? 0 : EAI_OVERFLOW;
}

int
getnameinfo(const struct sockaddr *restrict sa, socklen_t len, char *restrict host,
	socklen_t host_len, char *restrict serv, socklen_t serv_len, int flags)
{
	const union place *place = (const union place *)(const void *)sa;
	in_port_t port;
	int n;

	if (sa->sa_family == AF_INET && len >= sizeof place->v4)
		port = place->v4.sin_port;
	else if (sa->sa_family == AF_INET6 && len >= sizeof place->v6)
		port = place->v6.sin6_port;
	else
		return EAI_FAMILY;
	if (flags & NI_NAMEREQD)
		return EAI_NONAME;
	if (host && host_len && format_host(sa, host, host_len))
		return EAI_OVERFLOW;
	if (serv && serv_len) {
		n = snprintf(serv, serv_len, "%u", ntohs(port));
		if (n < 0 || (socklen_t)n >= serv_len)
			return EAI_OVERFLOW;
	}
	return 0;
}

struct hostent *
gethostbyname(const char *name)
{
	(void)name;
	h_errno = HOST_NOT_FOUND;
	return NULL;
}

struct servent *
getservbyname(const char *name, const char *protocol)
{
	(void)name;
	(void)protocol;
	return NULL;
}

struct servent *
getservbyport(int port, const char *protocol)
{
	(void)port;
	(void)protocol;
	return NULL;
}

struct protoent *
getprotobyname(const char *name)
{
	(void)name;
	return NULL;
}

struct protoent *
getprotobynumber(int number)
{
	(void)number;
	return NULL;
}

/* libunbound has functions that we never call, which would drop privileges or close what was
 * never opened. */
struct passwd *
getpwnam(const char *name)
{
	(void)name;
	return NULL;
}

void
endservent(void)
{
}

void
endprotoent(void)
{
}

void *
__wrap_dlopen(const char *name, int flags)
{
	(void)name;
	(void)flags;
	return NULL;
}
